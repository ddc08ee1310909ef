"""Distances between laws of n-grams (divergence, irreversibility) and their bias."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.special import rel_entr

from orbitscope.errors import InputError
from orbitscope.sequences.counting import divide


@dataclass(frozen=True)
class NgramDivergence:
    """Divergence D(empirical || reference) of n-gram laws, in nat.

    Attributes
    ----------
    plain : (*batch)            plug-in estimate over n-grams that the reference allows, biased upwards
    excluded_mass : (*batch)    share of n-grams to which the reference gives probability zero (0 .. 1)
    n_observed : (*batch)       number of distinct allowed n-grams that occur
    """

    plain: Float[np.ndarray, "*batch"]
    excluded_mass: Float[np.ndarray, "*batch"]
    n_observed: Int[np.ndarray, "*batch"]


@dataclass(frozen=True)
class Irreversibility:
    """Divergence between the triples of a process and their time reversal, in nat.

    Attributes
    ----------
    plain : (*batch)           smoothed plug-in estimate, never negative, biased upwards
    one_way_mass : (*batch)    share of triples whose reversal never occurs (0 .. 1)
    """

    plain: Float[np.ndarray, "*batch"]
    one_way_mass: Float[np.ndarray, "*batch"]


def compute_ngram_divergence(
    counts: Real[np.ndarray, "..."], reference_probs: Float[np.ndarray, "..."]
) -> NgramDivergence:
    """Divergence KL(empirical || reference) of n-gram laws in nat, not corrected for bias.

    Parameters
    ----------
    counts : (*batch, *cells)     n-gram counts
    reference_probs : (*cells)    exact n-gram probabilities, summing to 1

    Returns
    -------
    NgramDivergence               NaN where no allowed n-gram was counted

    Raises
    ------
    InputError                    if shapes differ or the reference does not sum to 1

    Notes
    -----
    N-grams that the reference forbids would make the divergence infinite: they are left out, the rest is
    renormalised and their share is reported apart. The plain divergence is biased upwards by about (observed
    cells - 1) / (2 N) for N independent n-grams (Miller 1955); overlapping n-grams of slow sequences are
    worth fewer: N / `compute_design_effect` (Rao & Scott 1981). `orbitscope.statistics.compute_jackknife`
    over sequences removes the bias without either.
    """
    _check_reference(counts, reference_probs)
    axes = tuple(range(-reference_probs.ndim, 0))
    allowed = np.where(reference_probs > 0, counts, 0)
    n_allowed = allowed.sum(axes, keepdims=True)
    law = divide(allowed, n_allowed)
    plain = np.asarray(rel_entr(law, reference_probs).sum(axes))
    n_observed = np.asarray((allowed > 0).sum(axes))
    excluded = divide(np.where(reference_probs > 0, 0, counts).sum(axes), counts.sum(axes))
    return NgramDivergence(plain, excluded, n_observed)


def compute_design_effect(sequence_counts: Real[np.ndarray, "sequence ..."]) -> float:
    """How many times more the pooled law varies than it would if all counted items were independent.

    Parameters
    ----------
    sequence_counts : (sequence, *cells)    counts per sequence (at least two sequences)

    Returns
    -------
    float                                   mean generalised design effect, 1 for independent items; NaN if
                                            fewer than two cells are observed

    Raises
    ------
    InputError                              if there are fewer than two sequences

    Notes
    -----
    Rao & Scott (1981): Σ_c Var(p̂_c) / p̂_c over observed cells, divided by its multinomial value (cells - 1)
    / N, with the variance estimated between sequences (the sequence is the cluster). The plug-in bias of a
    divergence is half that sum, hence N / design effect is the sample size its correction needs.
    """
    n_sequences = len(sequence_counts)
    if n_sequences < 2:
        raise InputError(
            f"`sequence_counts` must hold ≥ 2 sequences, got {n_sequences}. Cut the recording into parts."
        )
    counts = sequence_counts.reshape(n_sequences, -1)
    counts = counts[:, counts.sum(0) > 0].astype(float)
    if counts.shape[1] < 2:
        return float("nan")
    law = counts.sum(0) / counts.sum()
    residuals = counts - counts.sum(1, keepdims=True) * law
    variance = (residuals**2).sum(0) * n_sequences / (n_sequences - 1)
    return float((variance / law).sum() / (counts.sum() * (counts.shape[1] - 1)))


def compute_output_irreversibility(
    triple_probs: Real[np.ndarray, "*batch symbol symbol symbol"],
) -> Float[np.ndarray, "*batch"]:
    """Exact output irreversibility D = Σ P(abc) log(P(abc) / P(cba)) of a law of triples, in nat.

    Parameters
    ----------
    triple_probs : (*batch, symbol, symbol, symbol)    probabilities (normalised here, so weights serve too)

    Returns
    -------
    (*batch)                                           0 for a reversible law, infinite if a triple is one-way

    Notes
    -----
    For counts use `estimate_output_irreversibility`, which stays finite.
    """
    law = divide(triple_probs, triple_probs.sum((-3, -2, -1), keepdims=True))
    return np.asarray(rel_entr(law, law.swapaxes(-3, -1)).sum((-3, -2, -1)))


def estimate_output_irreversibility(
    triple_counts: Real[np.ndarray, "*batch symbol symbol symbol"],
) -> Irreversibility:
    """Estimate the output irreversibility D = KL(P(abc) || P(cba)) from counted triples, in nat.

    Parameters
    ----------
    triple_counts : (*batch, symbol, symbol, symbol)    counts n_abc

    Returns
    -------
    Irreversibility                                     NaN where nothing was counted

    Notes
    -----
    plain = Σ p̂_abc log((n_abc + ½) / (n_cba + ½)), p̂ = n / N. Adding ½ inside the logarithm makes the log
    ratio unbiased to first order (Haldane 1956) and finite for a triple whose reversal never occurs; leaving
    such triples out would drop the strongest evidence of irreversibility. A pair {abc, cba} with m = n_abc +
    n_cba fair, independent tosses contributes 2m / (m + 1) / N by chance alone (log((1+x)/(1-x)) ≈ 2x,
    E[(n_abc - n_cba)²] = m). Triples of one sequence are not independent (001 and 100 alternate in it), so
    the bias is removed by `orbitscope.statistics.compute_jackknife` over sequences, not by that formula.
    """
    n_symbols = triple_counts.shape[-1]
    words = np.arange(n_symbols**3).reshape((n_symbols,) * 3)
    flat = triple_counts.reshape(*triple_counts.shape[:-3], -1)
    return estimate_word_irreversibility(flat, words.swapaxes(0, 2).ravel())


def estimate_word_irreversibility(
    counts: Real[np.ndarray, "*batch word"], reverse: Int[np.ndarray, " word"]
) -> Irreversibility:
    """Estimate KL(P(word) || P(reversed word)) as `estimate_output_irreversibility` does, from any words.

    Parameters
    ----------
    counts : (*batch, word)
        Words that do not occur may be left out, if their reverses do not occur either.
    reverse : (word,)
        Place of the reverse of each word (`count_words_and_reverses`).
    """
    backwards, total = counts[..., reverse], np.asarray(counts.sum(-1))
    log_ratio = np.log(counts + 0.5) - np.log(backwards + 0.5)
    plain = divide((counts * log_ratio).sum(-1), total)
    one_way = np.where(backwards == 0, counts, 0).sum(-1)
    return Irreversibility(plain, divide(one_way, total))


def _check_reference(counts: np.ndarray, reference_probs: np.ndarray) -> None:
    if counts.shape[max(counts.ndim - reference_probs.ndim, 0) :] != reference_probs.shape:
        raise InputError(
            f"`counts` must end in the shape of `reference_probs` {reference_probs.shape}, got "
            f"{counts.shape}. Count n-grams of the same n and alphabet."
        )
    total = float(reference_probs.sum())
    if not abs(total - 1.0) < 1e-6 or reference_probs.min() < 0:
        raise InputError(
            f"`reference_probs` must be ≥ 0 and sum to 1, got sum {total}. Divide them by their sum."
        )
