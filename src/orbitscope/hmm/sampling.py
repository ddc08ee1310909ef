"""Draw sequences from a hidden Markov model, vectorised over sequences."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from orbitscope.system.memory import require_memory

from .checks import check_count, check_rng
from .definition import HMM

_BYTES_PER_SYMBOL = 4
"""A symbol and the state that emitted it, both twice."""


@dataclass(frozen=True)
class SampledSequences:
    """Sequences drawn from an HMM, in the smallest unsigned integer type that holds them.

    Parameters
    ----------
    symbols : (sequence, time)    observed symbols
    states : (sequence, time)     the hidden states that emitted them
    """

    symbols: Integer[np.ndarray, "sequence time"]
    states: Integer[np.ndarray, "sequence time"]


def sample_sequences(
    hmm: HMM, n_sequences: int, n_steps: int, *, rng: np.random.Generator
) -> SampledSequences:
    """Draw independent sequences.

    Parameters
    ----------
    hmm : HMM
    n_sequences : int >= 1     number of sequences
    n_steps : int >= 1         symbols per sequence; the first one is emitted by the initial state
    rng                        source of randomness; same seed and `n_sequences`, same sequences, and a longer
                               run starts with the shorter one

    Returns
    -------
    SampledSequences           symbols (sequence, time), states (sequence, time)

    Raises
    ------
    InputError                 if a count is below 1

    Notes
    -----
    Inverse transform sampling by bisection of cumulative rows: log2(n) vectorised comparisons per draw, no
    rounding beyond that of the cumulative sums, and outcomes of probability 0 are never drawn.
    """
    check_rng(rng)
    check_count("n_sequences", n_sequences, minimum=1)
    check_count("n_steps", n_steps, minimum=1)
    require_memory(
        _BYTES_PER_SYMBOL * n_sequences * n_steps, "sampling", "Ask for fewer or shorter sequences."
    )
    initial_table = _tabulate(hmm.initial_probs[None, :])
    transition_table = _tabulate(hmm.transition_matrix)
    emission_table = _tabulate(hmm.emission_probs)
    states = np.empty((n_steps, n_sequences), dtype=np.min_scalar_type(hmm.n_states - 1))
    symbols = np.empty((n_steps, n_sequences), dtype=np.min_scalar_type(hmm.n_symbols - 1))
    current = _draw(initial_table, np.zeros(n_sequences, dtype=np.intp), rng)
    for step in range(n_steps):
        if step > 0:
            current = _draw(transition_table, current, rng)
        states[step] = current
        symbols[step] = _draw(emission_table, current, rng)
    return SampledSequences(np.ascontiguousarray(symbols.T), np.ascontiguousarray(states.T))


def _tabulate(probs: Float[np.ndarray, "row outcome"]) -> Float[np.ndarray, "row width"]:
    """Cumulative rows, padded with inf to a power-of-two width.

    From the last possible outcome on the entries are inf, so no draw, whatever the rounding of the sums,
    passes it.
    """
    n_rows, n_outcomes = probs.shape
    width = 1 << max(n_outcomes - 1, 1).bit_length()
    table = np.full((n_rows, width), np.inf)
    last = n_outcomes - 1 - np.argmax(probs[:, ::-1] > 0, axis=1)
    before_last = np.arange(n_outcomes) < last[:, None]
    table[:, :n_outcomes] = np.where(before_last, np.cumsum(probs, axis=1), np.inf)
    return table


def _draw(
    table: Float[np.ndarray, "row width"], rows: Integer[np.ndarray, " draw"], rng: np.random.Generator
) -> Integer[np.ndarray, " draw"]:
    """Draw one outcome from each given row: the number of its entries that are ≤ a uniform number."""
    uniform = rng.random(rows.size)
    entries = table.ravel()
    width = table.shape[1]
    start = rows * width
    position = start.copy()
    half = width // 2
    while half:
        position += half * (entries.take(position + (half - 1)) <= uniform)
        half //= 2
    return position - start
