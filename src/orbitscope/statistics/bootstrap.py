"""Bootstrap and jackknife over independent units (sequences, trajectories, networks)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from ..errors import InputError
from .estimate import Estimate

Statistic = Callable[[np.ndarray], np.ndarray]
BLOCK_BYTES = 64_000_000  # memory of one block of resampling weights


@dataclass(frozen=True)
class BootstrapResult:
    """A statistic with its percentile bootstrap interval.

    Attributes
    ----------
    estimate : (*statistic)           value on the data
    low, high : (*statistic)          limits of the confidence interval; NaN if a resample leaves it undefined
    samples : (resample, *statistic)  value on each resample
    confidence : float                coverage aimed at
    n_units : int                     number of independent units
    """

    estimate: Float[np.ndarray, "*statistic"]
    low: Float[np.ndarray, "*statistic"]
    high: Float[np.ndarray, "*statistic"]
    samples: Float[np.ndarray, "resample ..."]
    confidence: float
    n_units: int

    def as_estimate(self) -> Estimate:
        """Value and limits as one number, or as an array of numbers."""
        return Estimate(self.estimate, self.low, self.high)


@dataclass(frozen=True)
class JackknifeResult:
    """A statistic with its bias removed to first order.

    Attributes
    ----------
    estimate : (*statistic)         value on the data
    corrected : (*statistic)        estimate minus the jackknife's estimate of its bias
    standard_error : (*statistic)   jackknife standard error
    n_groups : int                  number of groups of units left out in turn
    """

    estimate: Float[np.ndarray, "*statistic"]
    corrected: Float[np.ndarray, "*statistic"]
    standard_error: Float[np.ndarray, "*statistic"]
    n_groups: int


def bootstrap_statistic(
    per_unit: Real[np.ndarray, "unit ..."],
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> BootstrapResult:
    """Bootstrap a function of sums over units, with the unit resampled as a whole.

    Parameters
    ----------
    per_unit : (unit, ...)              what each unit adds to the sums: counts, numerators and denominators
    statistic                           maps sums (batch, ...) to values (batch, *statistic)
    rng                                 source of the resampling; same seed, same result
    n_resamples : int >= 1              bootstrap resamples
    confidence : float in (0, 1)        coverage of the percentile interval

    Returns
    -------
    BootstrapResult                     estimate, interval and samples

    Raises
    ------
    InputError                          if there are fewer than two units or a setting is out of range

    Notes
    -----
    Drawing n units with replacement only changes how often each is counted, so a resample of the sums is a
    vector of multinomial weights times `per_unit`; blocks of resamples are one matrix product each.
    Percentile interval of Efron (1979); the cluster bootstrap of Field & Welsh (2007) when units are
    sequences.
    """
    _check_units(per_unit)
    if n_resamples < 1 or not 0 < confidence < 1:
        raise InputError(
            f"`n_resamples` must be ≥ 1 and `confidence` in (0, 1), got {n_resamples} and {confidence}. "
            "Use 1000 and 0.95."
        )
    n_units = len(per_unit)
    flat = per_unit.reshape(n_units, -1).astype(float)
    block = max(1, BLOCK_BYTES // (8 * n_units))
    samples = []
    for start in range(0, n_resamples, block):
        weights = _draw_weights(min(block, n_resamples - start), n_units, rng)
        samples.append(statistic((weights @ flat).reshape(-1, *per_unit.shape[1:])))
    stacked = np.concatenate(samples)
    limits = np.quantile(stacked, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    estimate = statistic(flat.sum(0).reshape(1, *per_unit.shape[1:]))[0]
    low, high = np.asarray(limits[0]), np.asarray(limits[1])
    return BootstrapResult(np.asarray(estimate), low, high, stacked, confidence, n_units)


def divide_sums(sums: Real[np.ndarray, "batch 2 ..."]) -> Float[np.ndarray, "batch ..."]:
    """Statistic of :func:`bootstrap_statistic`: the first sum over the second; NaN, silently, for 0/0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 0] / sums[:, 1]


def compute_jackknife(
    per_unit: Real[np.ndarray, "unit ..."], statistic: Statistic, *, n_groups: int = 100
) -> JackknifeResult:
    """Remove the first-order bias of a function of sums over units, however dependent the data within one.

    Parameters
    ----------
    per_unit : (unit, ...)    what each unit adds to the sums
    statistic                 maps sums (batch, ...) to values (batch, *statistic)
    n_groups : int >= 2       units are dealt into this many groups (at most one per unit); one is left out at
                              a time

    Returns
    -------
    JackknifeResult           corrected = g θ - (g - 1) mean(θ without one group)

    Raises
    ------
    InputError                if there are fewer than two units or groups

    Notes
    -----
    Quenouille (1956), Tukey (1958). With units dealt in turn, groups differ in size by at most one unit. Sums
    without a group are smaller by 1 / n_groups: write the statistic as a function of ratios of sums. A term
    that fades as the sums grow (the ½ added to counts in a logarithm) is removed with the bias to first
    order; a statistic in proportion to the sums is not estimated at all.
    """
    _check_units(per_unit)
    if n_groups < 2:
        raise InputError(f"`n_groups` must be ≥ 2, got {n_groups}. Use 100.")
    n_groups = min(n_groups, len(per_unit))
    groups = np.stack([per_unit[g::n_groups].sum(0, dtype=float) for g in range(n_groups)])
    total = groups.sum(0, keepdims=True)
    estimate = np.asarray(statistic(total)[0])
    left_out = statistic(total - groups)
    mean = left_out.mean(0)
    corrected = np.asarray(n_groups * estimate - (n_groups - 1) * mean)
    variance = (n_groups - 1) / n_groups * ((left_out - mean) ** 2).sum(0)
    return JackknifeResult(estimate, corrected, np.asarray(np.sqrt(variance)), n_groups)


def _draw_weights(n_resamples: int, n_units: int, rng: np.random.Generator) -> np.ndarray:
    """How often each unit is drawn: (resample, unit). Counting draws beats rng.multinomial in speed."""
    weights = np.empty((n_resamples, n_units))
    for row in weights:
        row[:] = np.bincount(rng.integers(n_units, size=n_units), minlength=n_units)
    return weights


def _check_units(per_unit: np.ndarray) -> None:
    if len(per_unit) < 2:
        raise InputError(
            f"`per_unit` must hold ≥ 2 units, got {len(per_unit)}. Resampling needs independent units."
        )
