"""Cores of regions: linear rules, cheap enough for every step of a rollout, that tell where a state is."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ..dynamics.driving.points import scale_to_one
from ..statistics import fit_logistic_regression

OUTSIDE = -1
"""Region of a state that is in no core."""


@dataclass(frozen=True, eq=False)
class RegionCores:
    """Which region a state is in, and whether it is in its core.

    Attributes
    ----------
    weights : (region, hidden)
    intercepts : (region,)
        A state h has the score w · h + b of each region, with h/‖h‖ for h where ``is_direction``.
    thresholds : (region,)
        Smallest margin, the score of a region minus the best other one, of a state in its core.
    is_direction : bool
    """

    weights: Float[np.ndarray, "region hidden"]
    intercepts: Float[np.ndarray, " region"]
    thresholds: Float[np.ndarray, " region"]
    is_direction: bool

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return len(self.weights)

    def measure_margins(self, hidden: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch region"]:
        """Score of each region minus the best of the others: positive for one region at most."""
        points = hidden
        if self.is_direction:
            points = scale_to_one(hidden.reshape(-1, hidden.shape[-1])).reshape(hidden.shape)
        scores = points @ torch.tensor(self.weights.T).to(points)
        scores = scores + torch.tensor(self.intercepts).to(points)
        best, second = scores.topk(2, dim=-1).values.unbind(-1)
        others = torch.where(scores == best[..., None], second[..., None], best[..., None])
        return scores - others

    def find_regions(self, hidden: Float[Tensor, "*batch hidden"]) -> Int[Tensor, "*batch"]:
        """Region of the largest score."""
        return self.measure_margins(hidden).argmax(-1)

    def find_cores(self, hidden: Float[Tensor, "*batch hidden"]) -> Int[Tensor, "*batch"]:
        """Region whose core a state is in, or ``OUTSIDE``."""
        margins = self.measure_margins(hidden)
        best, region = margins.max(-1)
        is_inside = best >= torch.tensor(self.thresholds).to(margins)[region]
        return torch.where(is_inside, region, OUTSIDE)


def fit_cores(
    hidden: Float[Tensor, "point hidden"],
    label: Integer[np.ndarray, " point"],
    *,
    core_share: float,
    is_direction: bool,
) -> RegionCores:
    """Fit the rules to labelled states.

    Parameters
    ----------
    hidden : (point, hidden)
    label : (point,)
        Region of each, 0 … k − 1; two regions at least.
    core_share : float in (0, 1]
        Share of the states of each region that its core holds, those with the largest margins.
    is_direction : bool
        Whether the length of a state counts for nothing.

    Notes
    -----
    Own construction: one logistic regression a region, against all others, on standardised activity. Cores
    keep off the borders, so that a path that touches a border and turns back has not changed its region (core
    sets, Buchete & Hummer (2008)).
    """
    points = (scale_to_one(hidden) if is_direction else hidden).double().cpu().numpy()
    mean, spread = points.mean(0), points.std(0)
    units = np.where(spread > 0, spread, np.inf)  # a silent neuron has no say
    fits = [
        fit_logistic_regression((points - mean) / units, label == region)
        for region in range(int(label.max()) + 1)
    ]
    weights = np.stack([fit.weights for fit in fits]) / units
    intercepts = np.array([fit.intercept for fit in fits]) - weights @ mean
    open_cores = RegionCores(weights, intercepts, np.full(len(weights), -np.inf), is_direction)
    margins = open_cores.measure_margins(hidden).double().cpu().numpy()
    thresholds = [
        np.quantile(margins[label == region, region], 1 - core_share) for region in range(len(weights))
    ]
    return RegionCores(weights, intercepts, np.array(thresholds), is_direction)


def find_last_core(
    core: Integer[np.ndarray, "trajectory time"],
) -> Int[np.ndarray, "trajectory time"]:
    """Core that a trajectory was in last, the step itself included; ``OUTSIDE`` before the first one."""
    time = np.arange(core.shape[1])
    last = np.maximum.accumulate(np.where(core == OUTSIDE, -1, time), axis=1)
    found = np.take_along_axis(core, np.maximum(last, 0), axis=1)
    return np.where(last < 0, OUTSIDE, found).astype(int)
