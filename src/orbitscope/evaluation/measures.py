"""What an evaluation measures: the list of measures, a finding with its intervals, and the verdict."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, stdtrit

from ..settings import EvaluationSettings
from ..statistics import JackknifeResult, decide_equivalence

Bracket = Callable[[float], tuple[float, float]]
"""Limits that miss the true value with at most the given probability on each side."""


@dataclass(frozen=True)
class Measure:
    """One line of the table.

    Attributes
    ----------
    name, description, unit : str
    margin : float
        Largest deviation from ``target`` that counts as none; NaN where none was stated.
    target : float
        Value of a perfect emulator; NaN where it is known only through the floor.
    """

    name: str
    description: str
    unit: str = "1"
    margin: float = math.nan
    target: float = 0.0


@dataclass(frozen=True)
class Finding:
    """A measured value.

    Attributes
    ----------
    estimate : float
    low, high : float
        Confidence interval of the level in the settings.
    test_low, test_high : float
        Interval of level 1 − 2α, which the verdict compares with the margin.
    n_units : int
        Independent units behind it: trajectories, groups of them, or batches.
    replicates : (replicate,)
        Values on disjoint batches, where the estimate is their mean.
    """

    estimate: float
    low: float = math.nan
    high: float = math.nan
    test_low: float = math.nan
    test_high: float = math.nan
    n_units: int = 0
    replicates: Float[np.ndarray, " replicate"] = field(default_factory=lambda: np.empty(0))


UNDEFINED = Finding(math.nan)
"""What a measure gives where it does not exist (a word longer than the window, an HMM too large to refit)."""


def list_measures(settings: EvaluationSettings, *, is_reversible: bool = False) -> list[Measure]:
    """Every measure of an evaluation, in the order of the table, with the margins of the settings.

    Parameters
    ----------
    settings : EvaluationSettings
    is_reversible : bool
        Whether a perfect emulator has no irreversibility; otherwise its value is known through the floor
        only, like those of re-estimated HMMs, which depend on the size of the sample.
    """
    s, nats, floor_only = settings, "nat per symbol", math.nan
    irreversibility = 0.0 if is_reversible else floor_only
    words = [
        Measure(
            f"ngram_divergence_{n}", f"KL divergence of {n}-grams from the exact law, bias-corrected", "nat"
        )
        for n in range(1, s.max_word_length + 1)
    ]
    return [
        Measure("symbol_matrix_error", "largest error of a symbol-matrix entry", "1", s.margin_symbol_matrix),
        Measure("frequency_error", "largest error of a symbol frequency", "1", s.margin_frequency),
        Measure("rare_symbol_error", "relative error of the rarest symbol", "1", s.margin_rare_symbol),
        Measure("volatility_error", "volatility over the exact one, minus 1", "1", s.margin_volatility),
        Measure("cross_entropy_gap", "cross-entropy minus block entropy", nats, s.margin_cross_entropy),
        Measure("impossible_share", "sequences of probability zero", "1", s.margin_impossible),
        *words,
        Measure("impossible_word_share", "share of the longest n-grams that have probability zero"),
        Measure("run_length_distance", "total variation of complete runs", "1", s.margin_run_length),
        Measure("run_length_distance_crossfit", "the same, signs and values from different sequences"),
        Measure(
            "irreversibility",
            "KL divergence of triples from reversed ones, bias-corrected",
            "nat",
            target=irreversibility,
        ),
        Measure("classifier_auc", "held-out AUC of a classifier", "1", s.margin_auc, 0.5),
        Measure("matched_distance", "mean distance after one-to-one matching", "1", target=floor_only),
        Measure("matched_distance_excess", "the same minus its floor, paired"),
        Measure(
            "sinkhorn_loss", "Sinkhorn divergence at the published epsilon", "mismatches", target=floor_only
        ),
        Measure("sinkhorn_loss_excess", "the same minus its floor, paired", "mismatches"),
        Measure(
            "refit_kl_rate",
            "KL rate from the process to the HMM re-estimated from samples",
            nats,
            target=floor_only,
        ),
        Measure(
            "refit_kl_rate_reverse",
            "KL rate from the re-estimated HMM to the process",
            nats,
            target=floor_only,
        ),
        Measure(
            "refit_parameter_error",
            "largest error of a re-estimated, aligned probability",
            target=floor_only,
        ),
    ]


def build_finding(
    estimate: float,
    bracket: Bracket,
    settings: EvaluationSettings,
    *,
    n_units: int,
    replicates: Float[np.ndarray, " replicate"] | None = None,
) -> Finding:
    """Evaluate a bracket at the levels of the confidence interval and of the test."""
    low, high = bracket((1 - settings.confidence) / 2)
    test_low, test_high = bracket(settings.alpha)
    values = np.empty(0) if replicates is None else replicates
    numbers = (float(x) for x in (estimate, low, high, test_low, test_high))
    return Finding(*numbers, n_units=n_units, replicates=values)


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


def average_replicates(values: Float[np.ndarray, " replicate"], settings: EvaluationSettings) -> Finding:
    """Mean over disjoint batches with Student's t interval; no interval from a single batch."""
    n = len(values)
    if n == 0:
        return UNDEFINED
    mean = float(values.mean())
    if n == 1 or not math.isfinite(mean):
        return Finding(mean, n_units=n, replicates=values)
    error = float(values.std(ddof=1)) / math.sqrt(n)

    def bracket(tail: float) -> tuple[float, float]:
        half_width = -float(stdtrit(n - 1, tail)) * error
        return mean - half_width, mean + half_width

    return build_finding(mean, bracket, settings, n_units=n, replicates=values)


def correct_by_jackknife(
    jackknife: JackknifeResult, settings: EvaluationSettings, *, null_error: float = 0.0
) -> Finding:
    """Bias-corrected value with a normal interval; its standard error is at least ``null_error``."""
    value = float(jackknife.corrected)
    bracket = bracket_normal(value, max(float(jackknife.standard_error), null_error))
    return build_finding(value, bracket, settings, n_units=jackknife.n_groups)


def judge(finding: Finding, measure: Measure) -> str:
    """Verdict of two one-sided tests: equivalent, different, inconclusive, no margin, or undefined.

    Schuirmann (1987): equivalent when the interval of level 1 − 2α lies inside target ± margin, different
    when it lies wholly outside, inconclusive otherwise. A measure that does not exist is undefined.
    """
    if math.isnan(finding.estimate):
        return "undefined"
    if math.isnan(measure.margin):
        return "no margin"
    low, high = finding.test_low - measure.target, finding.test_high - measure.target
    return decide_equivalence(low, high, measure.margin)


def find_z(tail: float) -> float:
    """Normal quantile with the given probability above it."""
    return -float(ndtri(tail))
