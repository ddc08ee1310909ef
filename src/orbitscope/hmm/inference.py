"""Log-likelihoods, state paths and posteriors of sequences, and Monte-Carlo entropies built on them.

Sequences are integer arrays (sequence, time); ragged ones are padded and come with `lengths`
(`pad_sequences`). All functions work on batches of sequences and bound their memory. Source: Rabiner 1989,
sections III.A-B; use in the paper: Torre et al. 2025, arXiv 2510.25674, emulation metrics.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer

from orbitscope.errors import InputError

from .checks import check_sequences, mark_inside
from .definition import HMM
from .recursions import run_forward_backward, run_viterbi, split_batches, sum_log_scales
from .sampling import sample_sequences

CACHE_ENTRIES = 2**16
"""Numbers of one step of a batch: small enough for the processor cache."""

BATCH_ENTRIES = 2**22
"""Numbers of a (time, state, sequence) array of a batch: 32 MB."""


@dataclass(frozen=True)
class ViterbiPaths:
    """Most probable state paths.

    Parameters
    ----------
    states : (sequence, time)    states; -1 in the padding and for sequences of probability 0
    log_probs : (sequence,)      joint log-probability of path and symbols in nat; -inf for probability 0
    """

    states: Int[np.ndarray, "sequence time"]
    log_probs: Float[np.ndarray, " sequence"]


@dataclass(frozen=True)
class Estimate:
    """A Monte-Carlo mean with its standard error.

    Parameters
    ----------
    mean : float
    standard_error : float    standard deviation of the mean; NaN for a single sample or an infinite mean
    """

    mean: float
    standard_error: float


def pad_sequences(
    sequences: Sequence[Integer[np.ndarray, " _"]],
) -> tuple[Integer[np.ndarray, "sequence time"], Int[np.ndarray, " sequence"]]:
    """Put sequences of different lengths into one array, padded with 0 at the end.

    Parameters
    ----------
    sequences : list of (time,)    integer arrays, none empty

    Returns
    -------
    padded : (sequence, time)      time = longest length
    lengths : (sequence,)          steps that count

    Raises
    ------
    InputError                     no sequences, or one that is empty or has another number of axes
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    found = [f"shape {a.shape} of type {a.dtype}" for a in arrays if not _is_sequence(a)]
    if found or not arrays:
        raise InputError(
            "`sequences` must be one-axis integer arrays of at least one step, "
            f"got {found[0] if found else 'none'}. Drop empty sequences."
        )
    lengths = np.array([array.size for array in arrays])
    padded = np.zeros((len(arrays), lengths.max()), dtype=np.result_type(*arrays))
    padded[mark_inside(lengths, padded.shape[1])] = np.concatenate(arrays)
    return padded, lengths


def compute_log_likelihood(
    hmm: HMM,
    sequences: Integer[np.ndarray, "sequence time"],
    *,
    lengths: Integer[np.ndarray, " sequence"] | None = None,
) -> Float[np.ndarray, " sequence"]:
    """Exact log-likelihood of each sequence in nat, by the scaled forward recursion.

    Parameters
    ----------
    hmm : HMM
    sequences : (sequence, time)    symbols
    lengths : (sequence,)           steps that count; None: all

    Returns
    -------
    (sequence,)                     -inf for sequences of probability 0

    Raises
    ------
    InputError                      symbols or lengths out of range
    """
    sequences, lengths = check_sequences(sequences, hmm.n_symbols, lengths)
    total = np.empty(len(sequences))
    batches = split_batches(sequences, lengths, entries_per_sequence=hmm.n_states, max_entries=CACHE_ENTRIES)
    for rows, symbols, inside in batches:
        total[rows] = sum_log_scales(hmm, symbols, inside)
    return total


def decode_viterbi(
    hmm: HMM,
    sequences: Integer[np.ndarray, "sequence time"],
    *,
    lengths: Integer[np.ndarray, " sequence"] | None = None,
) -> ViterbiPaths:
    """Most probable state path of each sequence; among equals the one with the smallest states, from the end.

    Parameters
    ----------
    hmm : HMM
    sequences : (sequence, time)    symbols
    lengths : (sequence,)           steps that count; None: all

    Returns
    -------
    ViterbiPaths                    states (sequence, time), log_probs (sequence,) in nat

    Raises
    ------
    InputError                      symbols or lengths out of range
    """
    sequences, lengths = check_sequences(sequences, hmm.n_symbols, lengths)
    states = np.full(sequences.shape, -1, dtype=np.int32)
    log_probs = np.empty(len(sequences))
    per_sequence = hmm.n_states * sequences.shape[1]
    batches = split_batches(sequences, lengths, entries_per_sequence=per_sequence, max_entries=BATCH_ENTRIES)
    for rows, symbols, inside in batches:
        paths, log_probs[rows] = run_viterbi(hmm, symbols, inside)
        is_known = inside & np.isfinite(log_probs[rows])
        states[rows, : len(paths)] = np.where(is_known, paths, -1).T
    return ViterbiPaths(states, log_probs)


def compute_state_posteriors(
    hmm: HMM,
    sequences: Integer[np.ndarray, "sequence time"],
    *,
    lengths: Integer[np.ndarray, " sequence"] | None = None,
) -> Float[np.ndarray, "sequence time state"]:
    """Probability of each state at each step, given all symbols of the sequence (forward-backward).

    Parameters
    ----------
    hmm : HMM
    sequences : (sequence, time)    symbols
    lengths : (sequence,)           steps that count; None: all

    Returns
    -------
    (sequence, time, state)         sums to 1 over states; 0 in the padding, NaN if the sequence is impossible

    Raises
    ------
    InputError                      symbols or lengths out of range
    """
    sequences, lengths = check_sequences(sequences, hmm.n_symbols, lengths)
    posteriors = np.zeros((*sequences.shape, hmm.n_states))
    per_sequence = hmm.n_states * sequences.shape[1]
    batches = split_batches(sequences, lengths, entries_per_sequence=per_sequence, max_entries=BATCH_ENTRIES)
    for rows, symbols, inside in batches:
        *_, probs, log_likelihood = run_forward_backward(hmm, symbols, inside)
        probs[:, :, np.isneginf(log_likelihood)] = np.nan
        posteriors[rows, : len(symbols)] = probs.transpose(2, 0, 1)
    return posteriors


def estimate_block_entropy(hmm: HMM, n_steps: int, *, n_sequences: int, rng: np.random.Generator) -> Estimate:
    """Block entropy H_T / T in nat per symbol: mean exact -log-likelihood of the HMM's own sequences.

    Parameters
    ----------
    hmm : HMM
    n_steps : int >= 1         block length T in steps, from `initial_probs`
    n_sequences : int >= 1     samples
    rng                        source of randomness

    Returns
    -------
    Estimate                   in nat per symbol

    Notes
    -----
    The entropy rate has no closed form; H_T / T exceeds it by about (excess entropy) / T.
    """
    symbols = sample_sequences(hmm, n_sequences, n_steps, rng=rng).symbols
    return _estimate_mean(-compute_log_likelihood(hmm, symbols) / n_steps)


def estimate_kl_rate(p: HMM, q: HMM, *, n_sequences: int, n_steps: int, rng: np.random.Generator) -> Estimate:
    """Kullback-Leibler divergence per symbol, KL(p ‖ q) / T, over blocks of T = `n_steps` symbols.

    Parameters
    ----------
    p, q : HMM                 with equal numbers of symbols; samples come from p
    n_sequences : int >= 1     samples
    n_steps : int >= 1         block length in steps; the rate is the limit of long blocks
    rng                        source of randomness

    Returns
    -------
    Estimate                   in nat per symbol; mean inf when q excludes a sampled sequence

    Raises
    ------
    InputError                 if the numbers of symbols differ
    """
    if p.n_symbols != q.n_symbols:
        raise InputError(
            f"`p` and `q` must have equal numbers of symbols, got {p.n_symbols} and {q.n_symbols}. "
            "Add columns of zeros for symbols that one of them never emits."
        )
    symbols = sample_sequences(p, n_sequences, n_steps, rng=rng).symbols
    log_ratio = compute_log_likelihood(p, symbols) - compute_log_likelihood(q, symbols)
    return _estimate_mean(log_ratio / n_steps)


def _is_sequence(array: np.ndarray) -> bool:
    return array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"


def _estimate_mean(samples: Float[np.ndarray, " sample"]) -> Estimate:
    mean = float(samples.mean())
    if samples.size < 2 or not np.isfinite(mean):
        return Estimate(mean, float("nan"))
    return Estimate(mean, float(samples.std(ddof=1) / np.sqrt(samples.size)))
