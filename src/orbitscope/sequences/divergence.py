"""Distances between laws of n-grams (divergence, irreversibility) and their bias."""

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.special import rel_entr

from orbitscope.errors import InputError
from orbitscope.sequences.counting import divide


def compute_ngram_divergence(
    counts: Real[np.ndarray, "..."], reference_probs: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "*batch"]:
    """Divergence KL(empirical || reference) of n-gram laws in nat, not corrected for bias.

    Parameters
    ----------
    counts : (*batch, *cells)     n-gram counts
    reference_probs : (*cells)    exact n-gram probabilities, summing to 1

    Returns
    -------
    (*batch)                      NaN where no allowed n-gram was counted

    Raises
    ------
    InputError                    if shapes differ or the reference does not sum to 1

    Notes
    -----
    N-grams that the reference forbids would make the divergence infinite: they are left out, and the rest is
    renormalised. The divergence is biased upwards by about (observed cells - 1) / (2 N) for N independent
    n-grams (Miller 1955); overlapping n-grams of slow sequences are worth fewer: N / `compute_design_effect`
    (Rao & Scott 1981). `orbitscope.statistics.compute_jackknife` over sequences removes the bias without
    either.
    """
    _check_reference(counts, reference_probs)
    axes = tuple(range(-reference_probs.ndim, 0))
    allowed = np.where(reference_probs > 0, counts, 0)
    n_allowed = allowed.sum(axes, keepdims=True)
    law = divide(allowed, n_allowed)
    return np.asarray(rel_entr(law, reference_probs).sum(axes))


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
) -> Float[np.ndarray, "*batch"]:
    """Estimate the output irreversibility D = KL(P(abc) || P(cba)) from counted triples, in nat.

    Parameters
    ----------
    triple_counts : (*batch, symbol, symbol, symbol)    counts n_abc

    Returns
    -------
    (*batch)                                            never negative, biased upwards; NaN where nothing was
                                                        counted

    Notes
    -----
    D = Σ p̂_abc log((n_abc + ½) / (n_cba + ½)), p̂ = n / N. Adding ½ inside the logarithm makes the log
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
) -> Float[np.ndarray, "*batch"]:
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
    return divide((counts * log_ratio).sum(-1), total)


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
