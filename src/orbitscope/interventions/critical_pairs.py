"""Critical pairs of eigenvalues under interventions, where activity then goes and where it went before."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..dynamics.regions.region_labels import REGIONS
from ..dynamics.regions.region_starts import draw_region_starts
from ..dynamics.stability.jacobians import LEAST_CRITICAL, compute_spectra
from ..network import NoiseRNN
from ..statistics import Estimate, bootstrap_statistic
from ..system.threads import map_parallel

CRITICAL_GAINS = (0.0, 1.0, 1.9, 2.0)
"""Gains at which critical pairs are counted: those of the paper's figure, and twice."""

_MOST_KICK_STATES = 60
_MOST_LABELLED = 20 * _MOST_KICK_STATES


def count_critical_pairs(
    networks: Sequence[NoiseRNN], states: Sequence[Float[Tensor, "trajectory look state"]]
) -> Float[np.ndarray, "trajectory network"]:
    """Critical pairs of the noise-free map of each network at states of its own, mean by trajectory.

    NaN for a network whose states are not finite. No rows without states.
    """

    def count(job: tuple[NoiseRNN, Tensor]) -> np.ndarray:
        network, points = job
        if len(points) == 0 or not bool(points.isfinite().all()):
            return np.full(len(points), np.nan)
        spectra = compute_spectra(network, points.flatten(0, 1), beyond=LEAST_CRITICAL)
        return spectra.count_critical_pairs().reshape(points.shape[:2]).mean(1)

    return np.stack(map_parallel(count, list(zip(networks, states, strict=True))), axis=1)


def draw_kick_states(
    network: NoiseRNN, *, noise_std: float, generator: torch.Generator
) -> Float[Tensor, "trajectory look state"]:
    """States in kick regions, each of a trajectory of its own; perhaps none."""
    starts = draw_region_starts(
        network,
        n_starts=_MOST_KICK_STATES,
        max_states=_MOST_LABELLED,
        noise_std=noise_std,
        generator=generator,
    )
    return starts.states[torch.from_numpy(starts.label == REGIONS.index("kick"))][:, None]


def bound_means(values: Float[np.ndarray, "trajectory run"], **options: Any) -> Estimate:
    """Mean over trajectories, with an interval; NaN with fewer than two."""
    if len(values) < 2:
        return Estimate(np.full(values.shape[1], np.nan))
    return bootstrap_statistic(values, lambda sums: sums / len(values), **options).as_estimate()
