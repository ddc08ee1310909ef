"""Measures from sampled sequences against exact laws: likelihood, n-grams, runs, irreversibility."""

import math

import numpy as np
from jaxtyping import Float, Int, Integer

from ..hmm import compute_log_likelihood, compute_ngram_law, compute_output_irreversibility
from ..sequences import (
    compute_design_effect,
    compute_ngram_divergence,
    count_ngrams,
    count_run_lengths,
    estimate_output_irreversibility,
)
from ..settings import EvaluationSettings
from ..statistics import compute_jackknife
from .measures import (
    UNDEFINED,
    Measured,
    bracket_normal,
    correct_by_jackknife,
    find_z,
    measure_exactly,
    measure_value,
)
from .observation import Observation
from .target import Target

N_SAMPLE_GROUPS = 100
"""Groups of clusters that the jackknife leaves out in turn."""

N_FOLDS = 10
"""Folds of the cross-fitted total variation."""

FITTED_INFLATION = 1.6
"""Largest ratio of the cross-fitted distance's error to that at fixed signs; met at distance zero, where the
signs are arbitrary (simulated; see the tests)."""

MAX_WORDS = 2**16
"""Largest number of different n-grams that are compared."""

REVERSED_LENGTH = 3
"""Words whose reversal is compared: triples."""

REVERSIBLE = 1e-9
"""Exact irreversibility in nat that counts as none: rounding leaves about 1e-16."""


def measure_likelihood(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Cross-entropy under the process minus its block entropy at the same window, and the impossible share.

    Notes
    -----
    The gap is KL(network ‖ process) / T plus the difference of their entropies, so it can be
    negative: a network that is less diverse than the process emits too likely sequences. Sequences of
    probability zero are left out of the mean and counted apart (Wilson interval of as many independent
    windows as the trajectories are worth). Symbols of probability below about 10⁻⁷ are never sampled.
    """
    windows = observation.windows
    flat = windows.reshape(-1, target.n_steps)
    log_likelihood = compute_log_likelihood(target.hmm, flat).reshape(windows.shape[:2]) / target.n_steps
    possible = np.isfinite(log_likelihood)
    n_possible = possible.sum(axis=1)
    impossible = measure_share((~possible).sum(axis=1), np.full(len(windows), windows.shape[1]), settings)
    if not possible.any():
        infinite = measure_exactly(math.inf, n_units=len(windows))
        return {"cross_entropy_gap": infinite, "impossible_share": impossible}
    sums = np.where(possible, -log_likelihood, 0.0).sum(axis=1)
    mean = float(sums.sum() / n_possible.sum())
    gap = mean - target.entropy.mean
    error = float(np.hypot(_find_ratio_error(sums, n_possible), target.entropy.standard_error))
    measured = measure_value(gap, bracket_normal(gap, error), settings, n_units=len(windows))
    return {"cross_entropy_gap": measured, "impossible_share": impossible}


def measure_words(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Divergence of n-grams from the exact law of the window, and the output irreversibility.

    Notes
    -----
    Bias and standard error from a jackknife over groups of trajectories, which needs no
    independence of the n-grams of one sequence. Near zero, where divergences are quadratic and the error of
    the jackknife vanishes, it is at least that at zero (`find_null_error`, `find_reversible_error`).
    Impossible n-grams are left out; their share is reported for the longest n-grams. n-grams longer than the
    window, or of more than 65536 kinds, are left undefined.
    """
    n_symbols, lengths = len(target.frequencies), range(1, settings.max_word_length + 1)
    found = dict.fromkeys(["impossible_word_share", "irreversibility"], UNDEFINED)
    found |= {f"ngram_divergence_{n}": UNDEFINED for n in lengths}
    for n in (n for n in lengths if _is_countable(n, target)):
        counts = _count_by_group(observation.windows, lambda s, n=n: count_ngrams(s, n, n_symbols))
        law = compute_ngram_law(target.hmm, n, n_steps=target.n_steps)
        jackknife = compute_jackknife(
            counts, lambda c, law=law: compute_ngram_divergence(c, law), n_groups=N_SAMPLE_GROUPS
        )
        null_error = find_null_error(counts, law)
        found[f"ngram_divergence_{n}"] = correct_by_jackknife(jackknife, settings, null_error=null_error)
        found["impossible_word_share"] = _measure_impossible_words(observation.windows, law, settings)
    if _is_countable(REVERSED_LENGTH, target):
        triples = _count_by_group(observation.windows, lambda s: count_ngrams(s, REVERSED_LENGTH, n_symbols))
        jackknife = compute_jackknife(triples, estimate_output_irreversibility, n_groups=N_SAMPLE_GROUPS)
        null_error = find_reversible_error(triples)
        found["irreversibility"] = correct_by_jackknife(jackknife, settings, null_error=null_error)
    return found


def find_null_error(counts: Int[np.ndarray, "group ..."], law: Float[np.ndarray, "..."]) -> float:
    """Standard error of the divergence of counted n-grams from a law where that law is the true one.

    Notes
    -----
    2 N D is then about δ χ²(cells − 1), δ the design effect between groups (Rao & Scott 1981), so that the
    error is √(2 (cells − 1)) / (2 N / δ). Cells are the observed ones that the law allows. One mean δ serves
    all cells, so the error is too small where they differ much.
    """
    allowed = counts[:, law > 0]
    n_observed = int((allowed.sum(axis=0) > 0).sum())
    if n_observed < 2:
        return 0.0
    return math.sqrt(2 * (n_observed - 1)) * compute_design_effect(allowed) / (2 * float(allowed.sum()))


def find_reversible_error(triples: Int[np.ndarray, "group symbol symbol symbol"]) -> float:
    """Standard error of the irreversibility of counted triples where the process is reversible.

    Notes
    -----
    Near zero D ≈ (2 / N) Σ d² / m over pairs {abc, cba} with d = n_abc − n_cba and m = n_abc + n_cba. Under
    reversibility d² / m is about δ χ²(1), δ = Var(d) / m between groups, so that the error is √(8 Σ δ²) / N
    (pairs taken as independent).
    """
    reverse = triples.swapaxes(1, 3)
    is_first = np.arange(triples.shape[1])[:, None, None] < np.arange(triples.shape[1])
    both = (triples + reverse).sum(axis=0)
    kept = np.broadcast_to(is_first, both.shape) & (both > 0)
    differences = (triples - reverse)[:, kept]
    effects = differences.var(axis=0, ddof=1) * len(triples) / both[kept]
    return math.sqrt(8 * float((effects**2).sum())) / float(triples.sum())


def has_reversible_output(target: Target) -> bool:
    """Tell whether reversed triples of the window are as likely as the triples, so that 0 is the aim."""
    if not _is_countable(REVERSED_LENGTH, target):
        return False
    exact = compute_output_irreversibility(target.hmm, word_length=REVERSED_LENGTH, n_steps=target.n_steps)
    return exact < REVERSIBLE


def measure_runs(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Total variation between the complete runs of the windows and their exact law, plain and cross-fitted.

    Notes
    -----
    The plain distance is biased upwards. The cross-fitted one takes the signs of p − q from nine tenths of
    the sequences and their mean from the rest: for any signs ½ Σ ±(p − q) ≤ TV, so its expectation never
    exceeds the true distance. The interval spans both: cross-fitted value minus, plain value plus the
    sampling error. A sample without any complete run is at distance 1.
    """
    names = ("run_length_distance", "run_length_distance_crossfit")
    if target.run_law is None:
        return dict.fromkeys(names, UNDEFINED)
    counts = count_pooled_runs(observation, target)
    if counts.sum() == 0:
        return dict.fromkeys(names, measure_exactly(1.0, n_units=len(counts)))
    exact = target.run_law.pooled_pmf
    law = counts.sum(axis=0) / counts.sum()
    signs = np.sign(law - exact) / 2
    plain, fitted = float(signs @ (law - exact)), cross_fit_distance(counts, exact)
    error = _find_ratio_error(counts @ signs, counts.sum(axis=1))
    fitted_error = FITTED_INFLATION * error

    def bracket(tail: float) -> tuple[float, float]:
        low = max(fitted - find_z(tail) * fitted_error, 0.0)
        high = min(plain + find_z(tail) * error, 1.0)
        return min(low, high), high  # where all sequences are alike, they differ by rounding

    cross = measure_value(fitted, bracket_normal(fitted, fitted_error), settings, n_units=len(counts))
    return {names[0]: measure_value(plain, bracket, settings, n_units=len(counts)), names[1]: cross}


def count_pooled_runs(observation: Observation, target: Target) -> Int[np.ndarray, "group length"]:
    """Complete runs by length, 1 … n_steps − 2, in groups of trajectories."""
    n_symbols, longest = len(target.frequencies), target.n_steps - 2
    return _count_by_group(
        observation.windows, lambda s: count_run_lengths(s, n_symbols, longest).sum(axis=0)
    )


def cross_fit_distance(counts: Int[np.ndarray, "group cell"], exact: Float[np.ndarray, " cell"]) -> float:
    """Estimate of a total variation that does not exceed it on average.

    Parameters
    ----------
    counts : (group, cell)
        Counts of independent groups.
    exact : (cell,)
        Law to compare with.

    Returns
    -------
    float
        Mean over ``N_FOLDS`` folds, each judged by signs from the others, weighted by their counts; may be
        slightly negative.
    """
    total = counts.sum(axis=0)
    value = 0.0
    for fold in range(N_FOLDS):
        inside = counts[fold::N_FOLDS].sum(axis=0)
        outside = total - inside
        signs = np.sign(outside - outside.sum() * exact) / 2
        value += float(signs @ (inside - inside.sum() * exact))
    return value / float(total.sum())


def measure_share(
    hits: Integer[np.ndarray, " cluster"],
    totals: Integer[np.ndarray, " cluster"],
    settings: EvaluationSettings,
) -> Measured:
    """Share of hits among items that come in independent clusters (trajectories).

    Parameters
    ----------
    hits, totals : (cluster,)
        Hits and items of each cluster.
    settings : EvaluationSettings
        Levels of the intervals.

    Notes
    -----
    Wilson's interval (1927), which has width even when nothing was hit. Its sample size is the number of
    items over their design effect, Var(share) between clusters by that of independent items (at least 1).
    Without hits, or with hits only, the effect is unknown: the worst is assumed, one independent item per
    cluster.
    """
    n_total = int(totals.sum())
    share = float(hits.sum() / n_total)
    independent = share * (1 - share) / n_total
    effect = _find_ratio_error(hits, totals) ** 2 / independent if independent > 0 else n_total / len(hits)
    n = n_total / max(1.0, effect)

    def bracket(tail: float) -> tuple[float, float]:
        z2 = find_z(tail) ** 2
        centre = (n * share + z2 / 2) / (n + z2)
        half_width = math.sqrt(z2 * (n * share * (1 - share) + z2 / 4)) / (n + z2)
        return max(centre - half_width, 0.0), min(centre + half_width, 1.0)

    return measure_value(share, bracket, settings, n_units=len(hits))


def _measure_impossible_words(
    windows: Integer[np.ndarray, "cluster window time"],
    law: Float[np.ndarray, "..."],
    settings: EvaluationSettings,
) -> Measured:
    n_words, impossible, hits = windows.shape[2] - law.ndim + 1, law == 0, []
    for group in np.array_split(windows, min(N_SAMPLE_GROUPS, len(windows))):
        words = tuple(group[..., k : n_words + k] for k in range(law.ndim))
        hits.append(impossible[words].sum(axis=(1, 2)))
    return measure_share(np.concatenate(hits), np.full(len(windows), windows.shape[1] * n_words), settings)


def _find_ratio_error(
    numerators: Float[np.ndarray, " unit"] | Integer[np.ndarray, " unit"],
    denominators: Float[np.ndarray, " unit"] | Integer[np.ndarray, " unit"],
) -> float:
    """Standard error of Σ numerators / Σ denominators over independent units (linearised)."""
    n_units, total = len(numerators), denominators.sum()
    residuals = numerators - denominators * (numerators.sum() / total)
    return float(np.sqrt((residuals**2).sum() * n_units / (n_units - 1)) / total)


def _is_countable(n: int, target: Target) -> bool:
    return n <= target.n_steps and len(target.frequencies) ** n <= MAX_WORDS


def _count_by_group(
    windows: Integer[np.ndarray, "cluster window time"], count
) -> Int[np.ndarray, "group ..."]:
    """Apply a counting function to the windows of each group of clusters."""
    groups = np.array_split(windows, min(N_SAMPLE_GROUPS, len(windows)))
    return np.stack([count(group.reshape(-1, windows.shape[-1])) for group in groups])
