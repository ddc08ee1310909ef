"""Driven steps whose switches follow a known rule, without a network."""

import numpy as np
import torch
from scipy.signal import lfilter

from orbitscope.principles.probability.filtered_noise import DrivenSteps, Filters

FILTER = np.array([1.0, 0.6, 0.3])
"""Weights of the last three steps of noise."""

DIRECTION = np.array([0.6, 0.8, 0.0])


def make_threshold_steps(
    *, threshold=1.9, rest=0.5, size_spread=0.0, n_trajectories=60, n_steps=400, first=6, seed=0
):
    """Symbol 0 turns into 1 where filtered noise over the size of the state, and a rest, exceed a threshold.

    Filtered noise has unit variance. Symbol 1 turns back with probability .5.
    """
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n_steps, n_trajectories, 3))
    drift = lfilter(
        [np.sqrt(1 - 0.99**2)], [1, -0.99], rng.standard_normal((n_steps, n_trajectories)), axis=0
    )
    size = np.exp(size_spread * drift)
    weights = FILTER / np.linalg.norm(FILTER)
    filtered = lfilter(weights, [1], noise @ DIRECTION, axis=0)
    before = np.ones_like(size)
    before[3:] = size[:-3]
    is_up = filtered / before + rest * rng.standard_normal(size.shape) > threshold
    is_back = rng.random(size.shape) < 0.5
    symbol = np.zeros((n_trajectories, n_steps), dtype=int)
    for t in range(1, n_steps):
        symbol[:, t] = np.where(symbol[:, t - 1] == 0, is_up[t], ~is_back[t])
    return DrivenSteps(torch.from_numpy(noise), torch.from_numpy(size), symbol, first)


def make_filters(direction=DIRECTION, lags=FILTER):
    """The same filters for even, odd and all trajectories: of one direction of switching."""
    unit = np.asarray(direction) / np.linalg.norm(direction)
    weights = (np.asarray(lags)[:, None] * unit)[None]
    return [Filters(unit[:, None], weights)] * 3
