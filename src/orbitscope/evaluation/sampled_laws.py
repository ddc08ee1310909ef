"""Measures from sampled sequences against exact laws: likelihood, n-grams, runs, irreversibility."""

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.special import ndtri

from ..hmm import compute_log_likelihood, compute_ngram_law
from ..sequences import (
    compute_ngram_divergence,
    count_ngrams,
    count_run_lengths,
    estimate_output_irreversibility,
)
from ..settings import EvaluationSettings
from ..statistics import compute_jackknife
from .measures import (
    UNDEFINED,
    Finding,
    bracket_normal,
    build_finding,
    correct_by_jackknife,
    find_z,
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


def measure_likelihood(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Finding]:
    """Cross-entropy under the process minus its block entropy at the same window, and the impossible share.

    Notes
    -----
    The gap is KL(network ‖ process) / T plus the difference of their entropies, so it can be
    negative: a network that is less diverse than the process emits too likely sequences. Sequences of
    probability zero are left out of the mean and counted apart (Wilson interval).
    """
    windows = observation.windows
    flat = windows.reshape(-1, target.n_steps)
    log_likelihood = compute_log_likelihood(target.hmm, flat).reshape(windows.shape[:2]) / target.n_steps
    possible = np.isfinite(log_likelihood)
    n_possible = possible.sum(axis=1)
    impossible = _measure_share(int((~possible).sum()), possible.size, settings)
    if not possible.any():
        infinite = Finding(*[np.inf] * 5, n_units=len(windows))
        return {"cross_entropy_gap": infinite, "impossible_share": impossible}
    sums = np.where(possible, -log_likelihood, 0.0).sum(axis=1)
    mean = float(sums.sum() / n_possible.sum())
    gap = mean - target.entropy.mean
    error = float(np.hypot(_find_ratio_error(sums, n_possible), target.entropy.standard_error))
    finding = build_finding(gap, bracket_normal(gap, error), settings, n_units=len(windows))
    return {"cross_entropy_gap": finding, "impossible_share": impossible}


def measure_words(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Finding]:
    """Divergence of n-grams from the exact law of the window, and the output irreversibility.

    Notes
    -----
    Bias and standard error from a jackknife over groups of trajectories, which needs no
    independence of the n-grams of one sequence. Impossible n-grams are left out; their share is reported for
    the longest n-grams. n-grams longer than the window, or of more than 65536 kinds, are left undefined.
    """
    n_symbols = len(target.frequencies)
    found = {"impossible_word_share": UNDEFINED, "irreversibility": UNDEFINED}
    for n in range(1, settings.max_word_length + 1):
        name = f"ngram_divergence_{n}"
        if not _is_countable(n, target):
            found[name] = UNDEFINED
            continue
        counts = _count_by_group(observation.windows, lambda s, n=n: count_ngrams(s, n, n_symbols))
        law = compute_ngram_law(target.hmm, n, n_steps=target.n_steps)
        jackknife = compute_jackknife(
            counts, lambda c, law=law: compute_ngram_divergence(c, law).plain, n_groups=N_SAMPLE_GROUPS
        )
        found[name] = correct_by_jackknife(jackknife, settings)
        found["impossible_word_share"] = _measure_impossible_words(counts, law, settings)
    if _is_countable(REVERSED_LENGTH, target):
        triples = _count_by_group(observation.windows, lambda s: count_ngrams(s, REVERSED_LENGTH, n_symbols))
        jackknife = compute_jackknife(
            triples, lambda c: estimate_output_irreversibility(c).plain, n_groups=N_SAMPLE_GROUPS
        )
        found["irreversibility"] = correct_by_jackknife(jackknife, settings)
    return found


def measure_runs(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Finding]:
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
        return dict.fromkeys(names, Finding(*[1.0] * 5, n_units=len(counts)))
    exact = target.run_law.pooled_pmf
    law = counts.sum(axis=0) / counts.sum()
    signs = np.sign(law - exact) / 2
    plain, fitted = float(signs @ (law - exact)), cross_fit_distance(counts, exact)
    error = _find_ratio_error(counts @ signs, counts.sum(axis=1))
    fitted_error = FITTED_INFLATION * error

    def bracket(tail: float) -> tuple[float, float]:
        return max(fitted - find_z(tail) * fitted_error, 0.0), min(plain + find_z(tail) * error, 1.0)

    cross = build_finding(fitted, bracket_normal(fitted, fitted_error), settings, n_units=len(counts))
    return {names[0]: build_finding(plain, bracket, settings, n_units=len(counts)), names[1]: cross}


def count_pooled_runs(observation: Observation, target: Target) -> Int[np.ndarray, "group length"]:
    """Complete runs by length, 1 … n_steps − 2, in groups of trajectories."""
    n_symbols, longest = len(target.frequencies), target.n_steps - 2
    return _count_by_group(
        observation.windows, lambda s: count_run_lengths(s, n_symbols, longest).sum(axis=0)
    )


def cross_fit_distance(
    counts: Int[np.ndarray, "group cell"], exact: Float[np.ndarray, " cell"], *, n_folds: int = N_FOLDS
) -> float:
    """Estimate of a total variation that does not exceed it on average.

    Parameters
    ----------
    counts : (group, cell)
        Counts of independent groups.
    exact : (cell,)
        Law to compare with.
    n_folds : int >= 2
        Each fold is judged by signs from the others.

    Returns
    -------
    float
        Mean over folds weighted by their counts; may be slightly negative.
    """
    total = counts.sum(axis=0)
    value = 0.0
    for fold in range(n_folds):
        inside = counts[fold::n_folds].sum(axis=0)
        outside = total - inside
        signs = np.sign(outside - outside.sum() * exact) / 2
        value += float(signs @ (inside - inside.sum() * exact))
    return value / float(total.sum())


def _measure_impossible_words(
    counts: Int[np.ndarray, "group ..."], law: Float[np.ndarray, "..."], settings: EvaluationSettings
) -> Finding:
    flat = counts.reshape(len(counts), -1)
    impossible, total = flat[:, law.ravel() == 0].sum(axis=1), flat.sum(axis=1)
    share = float(impossible.sum() / total.sum())
    bracket = bracket_normal(share, _find_ratio_error(impossible, total))
    return build_finding(share, bracket, settings, n_units=len(counts))


def _measure_share(n_hits: int, n_total: int, settings: EvaluationSettings) -> Finding:
    """Share with Wilson's interval (1927), which has width even when nothing was hit."""
    share = n_hits / n_total

    def bracket(tail: float) -> tuple[float, float]:
        z2 = float(ndtri(tail)) ** 2
        centre = (n_hits + z2 / 2) / (n_total + z2)
        half_width = np.sqrt(z2 * (n_hits * (1 - share) + z2 / 4)) / (n_total + z2)
        return max(float(centre - half_width), 0.0), min(float(centre + half_width), 1.0)

    return build_finding(share, bracket, settings, n_units=n_total)


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
