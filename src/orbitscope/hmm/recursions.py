"""Recursions over time for a batch of sequences; the public functions check, split and pad for them.

Arrays are laid out (time, sequence) for symbols and (…, state, sequence) for probabilities, so that one step
of the whole batch is one matrix product. Source: Rabiner 1989, sections III.A-C, scaled version.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from .checks import mark_inside
from .definition import HMM


def split_batches(
    sequences: Integer[np.ndarray, "sequence time"],
    lengths: Integer[np.ndarray, " sequence"],
    *,
    entries_per_sequence: int,
    max_entries: int,
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Cut sequences into batches whose arrays hold about `max_entries` numbers.

    Yields
    ------
    rows : slice                    the sequences of the batch
    symbols : (time, sequence)      cut to the longest of the batch
    inside : (time, sequence)       True where the step belongs to the sequence
    """
    size = max(1, max_entries // entries_per_sequence)
    for start in range(0, len(sequences), size):
        rows = slice(start, start + size)
        longest = int(lengths[rows].max())
        symbols = np.ascontiguousarray(sequences[rows, :longest].T)
        yield rows, symbols, mark_inside(lengths[rows], longest).T


def iterate_forward(
    hmm: HMM, symbols: Integer[np.ndarray, "time sequence"], inside: Bool[np.ndarray, "time sequence"]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Forward recursion, normalised at every step.

    Yields
    ------
    filtered : (state, sequence)    P(state at this step | symbols so far); 0 once the symbols are impossible
    scale : (sequence,)             P(symbol of this step | symbols before); 1 in the padding
    """
    step_matrix = np.ascontiguousarray(hmm.transition_matrix.T)
    predicted = np.repeat(hmm.initial_probs[:, None], symbols.shape[1], axis=1)
    for now, is_inside in zip(symbols, inside, strict=True):
        joint = predicted * hmm.emission_probs.take(now, axis=1)
        scale = joint.sum(axis=0)
        filtered = joint / np.where(scale > 0, scale, 1)
        yield filtered, np.where(is_inside, scale, 1)
        predicted = step_matrix @ filtered


def sum_log_scales(
    hmm: HMM, symbols: Integer[np.ndarray, "time sequence"], inside: Bool[np.ndarray, "time sequence"]
) -> Float[np.ndarray, " sequence"]:
    """Log-likelihood of each sequence in nat; -inf for impossible ones."""
    total = np.zeros(symbols.shape[1])
    with np.errstate(divide="ignore"):
        for _, scale in iterate_forward(hmm, symbols, inside):
            total += np.log(scale)
    return total


def run_forward_backward(
    hmm: HMM, symbols: Integer[np.ndarray, "time sequence"], inside: Bool[np.ndarray, "time sequence"]
) -> tuple[
    Float[np.ndarray, "time state sequence"],
    Float[np.ndarray, "time state sequence"],
    Float[np.ndarray, "time state sequence"],
    Float[np.ndarray, " sequence"],
]:
    """Forward and backward recursions.

    Returns
    -------
    filtered : (time, state, sequence)      P(state | symbols up to this step)
    incoming : (time, state, sequence)      emission times backward variable over scale; 0 in the padding.
                                            Expected moves i → j into step t:
                                            filtered[t-1, i] P[i, j] incoming[t, j]
    posteriors : (time, state, sequence)    P(state | all symbols); 0 in the padding and where impossible
    log_likelihood : (sequence,)            in nat
    """
    shape = (len(symbols), hmm.n_states, symbols.shape[1])
    filtered, incoming, posteriors = np.empty(shape), np.empty(shape), np.empty(shape)
    scales = np.empty(symbols.shape)
    for step, (probs, scale) in enumerate(iterate_forward(hmm, symbols, inside)):
        filtered[step], scales[step] = probs, scale
    weights = inside / np.where(scales > 0, scales, 1)
    backward = np.ones(shape[1:])
    for step in reversed(range(len(symbols))):
        np.multiply(filtered[step], backward, out=posteriors[step])
        np.multiply(hmm.emission_probs.take(symbols[step], axis=1), backward, out=incoming[step])
        incoming[step] *= weights[step]
        backward = hmm.transition_matrix @ incoming[step]
        backward[:, ~inside[step]] = 1
    with np.errstate(divide="ignore"):
        log_likelihood = np.log(scales).sum(axis=0)
    posteriors *= (inside & np.isfinite(log_likelihood))[:, None, :]
    return filtered, incoming, posteriors, log_likelihood


def run_viterbi(
    hmm: HMM, symbols: Integer[np.ndarray, "time sequence"], inside: Bool[np.ndarray, "time sequence"]
) -> tuple[Int[np.ndarray, "time sequence"], Float[np.ndarray, " sequence"]]:
    """Most probable state path and its joint log-probability with the symbols (ties: smallest state)."""
    with np.errstate(divide="ignore"):
        log_initial, log_transition = np.log(hmm.initial_probs), np.log(hmm.transition_matrix)
        log_emission = np.log(hmm.emission_probs)
    scores = np.empty((len(symbols), hmm.n_states, symbols.shape[1]))
    scores[0] = log_initial[:, None] + log_emission.take(symbols[0], axis=1)
    for step in range(1, len(symbols)):
        best = _find_best_scores(scores[step - 1], log_transition)
        best += log_emission.take(symbols[step], axis=1)
        scores[step] = np.where(inside[step], best, scores[step - 1])
    return _trace_back(scores, log_transition, inside), scores[-1].max(axis=0)


def _find_best_scores(
    scores: Float[np.ndarray, "state sequence"], log_transition: Float[np.ndarray, "state state"]
) -> Float[np.ndarray, "state sequence"]:
    """For each next state the largest score plus log transition over previous states."""
    best = scores[0] + log_transition[0][:, None]
    candidate = np.empty_like(best)
    for state in range(1, len(scores)):
        np.add(scores[state], log_transition[state][:, None], out=candidate)
        np.maximum(best, candidate, out=best)
    return best


def _trace_back(
    scores: Float[np.ndarray, "time state sequence"],
    log_transition: Float[np.ndarray, "state state"],
    inside: Bool[np.ndarray, "time sequence"],
) -> Int[np.ndarray, "time sequence"]:
    """Follow the best predecessors from the end; they are found only along the path, not for every state."""
    states = np.empty(inside.shape, dtype=np.int32)
    states[-1] = scores[-1].argmax(axis=0)
    for step in range(len(states) - 1, 0, -1):
        candidates = scores[step - 1] + log_transition.take(states[step], axis=1)
        states[step - 1] = np.where(inside[step], candidates.argmax(axis=0), states[step])
    return states
