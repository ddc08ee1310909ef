"""What an evaluation measures: the list of measures, a value with its intervals, and the verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from ..settings import EvaluationSettings
from ..statistics import Estimate, JackknifeResult, decide_equivalence
from .definitions import list_names

Bracket = Callable[[float], tuple[float, float]]
"""Limits that miss the true value with at most the given probability on each side."""


NO_MARGIN, UNDEFINED_VERDICT = "no margin", "undefined"
"""Verdicts of a measure without a margin, and of one that does not exist."""


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    Attributes
    ----------
    name : str
    margin : float
        Largest deviation from ``target`` that counts as none; NaN where none was stated.
    target : float
        Value of a perfect emulator; NaN where it is known only through the floor.
    """

    name: str
    margin: float = math.nan
    target: float = 0.0


@dataclass(frozen=True)
class Measured:
    """A measured value.

    Attributes
    ----------
    estimate : Estimate
        With the confidence interval of the level in the settings.
    test : Estimate
        The same value with the interval of level 1 − 2α, which the verdict compares with the margin.
    n_units : int
        Independent units behind it: trajectories, groups of them, or batches.
    replicates : (replicate,)
        Values on disjoint batches, where the estimate is their mean.
    """

    estimate: Estimate
    test: Estimate
    n_units: int = 0
    replicates: Float[np.ndarray, " replicate"] = field(default_factory=lambda: np.empty(0))


UNDEFINED = Measured(Estimate(math.nan), Estimate(math.nan))
"""What a measure gives where it does not exist (a word longer than the window, an HMM too large to refit)."""

_FLOOR_ONLY = (
    *("matched_distance", "sinkhorn_loss"),
    *("refit_kl_rate", "refit_kl_rate_reverse", "refit_parameter_error"),
)
"""Measures that depend on the size of the sample: what a perfect emulator has is known through the floor."""


def list_measures(settings: EvaluationSettings, *, is_reversible: bool = False) -> list[Measure]:
    """Every measure of an evaluation, in the order of the table, with the margins of the settings.

    Parameters
    ----------
    settings : EvaluationSettings
    is_reversible : bool
        Whether a perfect emulator has no irreversibility; otherwise its value is known through the floor
        only, like those of re-estimated HMMs, which depend on the size of the sample.
    """
    margins = {
        "symbol_matrix_error": settings.margin_symbol_matrix,
        "frequency_error": settings.margin_frequency,
        "rare_symbol_error": settings.margin_rare_symbol,
        "volatility_error": settings.margin_volatility,
        "cross_entropy_gap": settings.margin_cross_entropy,
        "impossible_share": settings.margin_impossible,
        "run_length_distance": settings.margin_run_length,
        "classifier_auc": settings.margin_auc,
    }
    targets = dict.fromkeys(_FLOOR_ONLY, math.nan) | {"classifier_auc": 0.5}
    if not is_reversible:
        targets["irreversibility"] = math.nan
    return [
        Measure(name, margins.get(name, math.nan), targets.get(name, 0.0))
        for name in list_names(settings.max_word_length)
    ]


def measure_value(
    value: float,
    bracket: Bracket,
    settings: EvaluationSettings,
    *,
    n_units: int,
    replicates: Float[np.ndarray, " replicate"] | None = None,
) -> Measured:
    """Evaluate a bracket at the levels of the confidence interval and of the test."""
    estimate, test = (
        Estimate(value, *bracket(tail)) for tail in ((1 - settings.confidence) / 2, settings.alpha)
    )
    return Measured(estimate, test, n_units, np.empty(0) if replicates is None else replicates)


def measure_exactly(value: float, *, n_units: int) -> Measured:
    """A value that the sample leaves no doubt about: its interval has no width."""
    certain = Estimate(value, value, value)
    return Measured(certain, certain, n_units)


def bracket_normal(estimate: float, standard_error: float) -> Bracket:
    """Limits of an asymptotically normal estimate."""

    def bracket(tail: float) -> tuple[float, float]:
        half_width = find_z(tail) * standard_error if standard_error > 0 else 0.0 * standard_error
        return estimate - half_width, estimate + half_width

    return bracket


def bracket_largest(
    errors: Float[np.ndarray, " cell"], standard_errors: Float[np.ndarray, " cell"]
) -> Bracket:
    """Limits of the largest absolute error over cells.

    The upper limit is the largest of the cells' upper limits: it lies below a margin exactly when two
    one-sided tests succeed in every cell (intersection-union test, no correction needed). The lower limit is
    the largest of the cells' lower limits at a level divided by the number of cells (Bonferroni), because
    chance picks the cell.
    """
    absolute = np.abs(errors)

    def bracket(tail: float) -> tuple[float, float]:
        low = float((absolute - find_z(tail / len(errors)) * standard_errors).max())
        return max(low, 0.0), float((absolute + find_z(tail) * standard_errors).max())

    return bracket


def average_replicates(values: Float[np.ndarray, " replicate"], settings: EvaluationSettings) -> Measured:
    """Mean over disjoint batches with Student's t interval; no interval from a single batch."""
    n = len(values)
    if n == 0:
        return UNDEFINED
    mean = float(values.mean())
    if n == 1 or not math.isfinite(mean):
        return Measured(Estimate(mean), Estimate(mean), n, values)
    error = float(values.std(ddof=1)) / math.sqrt(n)

    def bracket(tail: float) -> tuple[float, float]:
        half_width = -float(stdtrit(n - 1, tail)) * error
        return mean - half_width, mean + half_width

    return measure_value(mean, bracket, settings, n_units=n, replicates=values)


def correct_by_jackknife(
    jackknife: JackknifeResult, settings: EvaluationSettings, *, null_error: float = 0.0
) -> Measured:
    """Bias-corrected value with a normal interval; its standard error is at least ``null_error``."""
    value = float(jackknife.corrected)
    bracket = bracket_normal(value, max(float(jackknife.standard_error), null_error))
    return measure_value(value, bracket, settings, n_units=jackknife.n_groups)


def judge(measured: Measured, measure: Measure) -> str:
    """Verdict of two one-sided tests: equivalent, different, inconclusive, no margin, or undefined.

    Schuirmann (1987): equivalent when the interval of level 1 − 2α lies inside target ± margin, different
    when it lies wholly outside, inconclusive otherwise. A measure that does not exist is undefined.
    """
    if np.isnan(measured.estimate.value):
        return UNDEFINED_VERDICT
    if math.isnan(measure.margin):
        return NO_MARGIN
    low, high = (float(limit) - measure.target for limit in (measured.test.low, measured.test.high))
    return decide_equivalence(low, high, measure.margin)


def find_z(tail: float) -> float:
    """Normal quantile with the given probability above it."""
    return -float(ndtri(tail))
