"""Kaplan-Meier in discrete time: the law of dwells from how many end and how many are at risk at each age.

Every function takes sums over trajectories, so that a bootstrap over trajectories is exact.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Sums = Float[np.ndarray, "*batch 2 age"]
"""Dwells that end at each age, and dwells at risk (:func:`~.dwell_times.count_ages`)."""


def pool_states(
    sums: Float[np.ndarray, "batch state 2 age"],
) -> Float[np.ndarray, "batch group 2 age"]:
    """Those of all states together, then those of each."""
    return np.concatenate([sums.sum(1, keepdims=True), sums], axis=1)


def compute_hazard(sums: Sums) -> Float[np.ndarray, "*batch age"]:
    """Share of the dwells that last to an age which end at it; 0 where none lasts so long."""
    ended, at_risk = sums[..., 0, :], sums[..., 1, :]
    return np.divide(ended, at_risk, out=np.zeros(ended.shape), where=at_risk > 0)


def compute_survival(sums: Sums) -> Float[np.ndarray, "*batch age_from_0"]:
    """Probability that a dwell outlasts 0, 1, … steps, by Kaplan and Meier.

    Notes
    -----
    S(t) = Π_{s ≤ t} (1 − ended_s / at risk_s); Kaplan & Meier 1958. Beyond the last dwell that is seen S
    stays as it is: what is left is counted as lasting to the horizon.
    """
    lasting = np.cumprod(1 - compute_hazard(sums), axis=-1)
    return np.concatenate([np.ones((*lasting.shape[:-1], 1)), lasting], axis=-1)


def measure_moments(
    survival: Float[np.ndarray, "*batch age_from_0"],
) -> Float[np.ndarray, "*batch 2"]:
    """Mean and CV of a dwell that is cut at the horizon, min(D, L).

    Parameters
    ----------
    survival : (..., age)
        S(0), …, S(L).

    Returns
    -------
    (..., 2)
        Mean in steps; standard deviation over mean.

    Notes
    -----
    E[min(D, L)] = Σ_{t < L} S(t) and E[min(D, L)²] = Σ_{t < L} (2t + 1) S(t).
    """
    inside = survival[..., :-1]
    mean = inside.sum(-1)
    square = inside @ (2.0 * np.arange(inside.shape[-1]) + 1)
    # A clock has no variance; rounding must not make it negative.
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return np.stack([mean, spread / mean], axis=-1)


def compare_ages(sums: Sums) -> Float[np.ndarray, "*batch"]:
    """Hazard at ages above the median dwell over that at ages up to it; NaN where one of them is not seen.

    Notes
    -----
    Own construction. 1 for a geometric dwell; above 1 a dwell ends the sooner the longer it has lasted.
    """
    survival = compute_survival(sums)[..., 1:]
    is_late = np.cumsum(survival <= 0.5, axis=-1) > 1  # the first age of them is the median, and early
    hazards = [_pool(sums, chosen) for chosen in (is_late, ~is_late)]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = hazards[0] / hazards[1]
    return np.where(np.isfinite(ratio), ratio, np.nan)


def _pool(sums: Sums, chosen: Bool[np.ndarray, "*batch age"]) -> Float[np.ndarray, "*batch"]:
    """Hazard over several ages together."""
    ended, at_risk = ((sums[..., i, :] * chosen).sum(-1) for i in (0, 1))
    return np.divide(ended, at_risk, out=np.full(np.shape(ended), np.nan), where=at_risk > 0)


def choose_age_bins(horizon: int, n_bins: int) -> Int[np.ndarray, "bin 2"]:
    """First and last age of bins that widen with age, as evenly on a log axis as whole numbers allow."""
    edges = np.unique(np.rint(np.geomspace(1, horizon + 1, n_bins + 1)).astype(int))
    return np.stack([edges[:-1], edges[1:] - 1], axis=1)


def bin_hazard(sums: Sums, bins: Int[np.ndarray, "bin 2"]) -> Float[np.ndarray, "*batch bin"]:
    """Hazard by bins of age; NaN where no dwell is at risk."""
    first, last = bins.T
    total = np.concatenate([np.zeros((*sums.shape[:-1], 1)), np.cumsum(sums, axis=-1)], axis=-1)
    ended, at_risk = np.moveaxis(total[..., last] - total[..., first - 1], -2, 0)
    return np.divide(ended, at_risk, out=np.full(ended.shape, np.nan), where=at_risk > 0)
