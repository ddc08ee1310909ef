"""Exact statistics of a hidden Markov model: closed forms, no sampling.

Statistics default to the stationary process. With `n_steps` they are averages over a window of that many
steps that starts from `initial_probs`, which is what finite sequences show. Sources: Torre et al. 2025, arXiv
2510.25674, sections on the target processes and on emulation metrics (symbol matrix, frequencies,
volatility); the rest is elementary Markov-chain algebra unless a function names its source.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float

from orbitscope.errors import InputError

from .checks import check_count
from .definition import HMM

MAX_ENTRIES = 2**25
"""Largest number of float64 entries (256 MB) that a table over words may take."""

IDENTIFIABILITY_THRESHOLD = 1e-3
"""Smallest Hankel singular value of an HMM whose parameters may be compared after re-estimation.

It separates the presets that can be told apart (8e-3 and more: M ≤ 3, fully connected, cyclic) from those
that cannot (3e-4 for M = 4, 4e-5 for M = 5)."""


def compute_stationary_probs(hmm: HMM) -> Float[np.ndarray, " state"]:
    """Stationary distribution of the hidden chain; transient states get exactly 0.

    A periodic chain has one too (the long-run share of time). A chain with several closed classes has many;
    which one is reached depends on the start, so this raises.

    Raises
    ------
    InputError                 if the chain has more than one closed class of states

    Notes
    -----
    Elimination without subtractions (Grassmann, Taksar & Heyman 1985): every entry is accurate to rounding,
    even for nearly decomposable chains.
    """
    is_closed = _find_closed_class(hmm)
    members = np.flatnonzero(is_closed)
    probs = np.zeros(hmm.n_states)
    probs[members] = _eliminate(hmm.transition_matrix[np.ix_(members, members)])
    return probs


def compute_occupancy(hmm: HMM, n_steps: int) -> Float[np.ndarray, " state"]:
    """Mean state probabilities over the first `n_steps` steps from `initial_probs`."""
    check_count("n_steps", n_steps, minimum=1)
    current = hmm.initial_probs
    total = current.copy()
    for _ in range(n_steps - 1):
        current = current @ hmm.transition_matrix
        total += current
    return total / n_steps


def compute_symbol_frequencies(hmm: HMM, *, n_steps: int | None = None) -> Float[np.ndarray, " symbol"]:
    """Probability of each symbol: stationary, or the mean over a window of `n_steps` steps."""
    return _find_start_probs(hmm, n_steps, word_length=1) @ hmm.emission_probs


def compute_step_frequencies(hmm: HMM, n_steps: int) -> Float[np.ndarray, "time symbol"]:
    """Probability of each symbol at each of the first `n_steps` steps from `initial_probs`."""
    check_count("n_steps", n_steps, minimum=1)
    state_probs = [hmm.initial_probs]
    for _ in range(n_steps - 1):
        state_probs.append(state_probs[-1] @ hmm.transition_matrix)
    return np.stack(state_probs) @ hmm.emission_probs


def compute_symbol_matrix(hmm: HMM, *, n_steps: int | None = None) -> Float[np.ndarray, "symbol symbol"]:
    """Symbol-to-symbol matrix P(s_{t+1} = b | s_t = a), row a, column b.

    Rows of symbols that never occur are NaN. With `n_steps`, pairs are pooled over the window.
    """
    pairs = compute_ngram_law(hmm, 2, n_steps=n_steps)
    totals = pairs.sum(axis=1, keepdims=True)
    return np.divide(pairs, totals, out=np.full_like(pairs, np.nan), where=totals > 0)


def compute_volatility(hmm: HMM, *, n_steps: int | None = None) -> float:
    """Probability that a symbol differs from the one before, P(s_t ≠ s_{t+1})."""
    pairs = compute_ngram_law(hmm, 2, n_steps=n_steps)
    return float(pairs[~np.eye(hmm.n_symbols, dtype=bool)].sum())


def compute_ngram_law(hmm: HMM, word_length: int, *, n_steps: int | None = None) -> Float[np.ndarray, "..."]:
    """Probability of every word of `word_length` symbols.

    Parameters
    ----------
    hmm : HMM
    word_length : int >= 1     number of symbols n of a word
    n_steps : int              None: stationary; else the mean over the n_steps - n + 1 words of a window

    Returns
    -------
    (symbol, …, symbol)        n axes in the order of time; sums to 1

    Raises
    ------
    InputError                 if the table would exceed `MAX_ENTRIES`, or a window is shorter than a word
    """
    check_count("word_length", word_length, minimum=1)
    _check_table_size(hmm, word_length)
    return _spell_words(hmm, _find_start_probs(hmm, n_steps, word_length), range(word_length))


def compute_word_law(
    hmm: HMM, offsets: Sequence[int], *, steps: range | None = None
) -> Float[np.ndarray, "..."]:
    """Probability of the symbols at given distances from each other, such as every second symbol.

    Parameters
    ----------
    hmm : HMM
    offsets : 0 < ... < n      steps from the first symbol of a word to each of its symbols, beginning with 0
    steps : range              steps at which a word starts, averaged, counted from 0; None: stationary

    Returns
    -------
    (symbol, …, symbol)        one axis an offset; sums to 1

    Raises
    ------
    InputError                 if offsets do not increase from 0, there is no step, or the table would exceed
                               `MAX_ENTRIES`
    """
    if not offsets or offsets[0] != 0 or any(b <= a for a, b in pairwise(offsets)):
        raise InputError(f"`offsets` must increase from 0, got {list(offsets)}. For pairs use [0, 1].")
    _check_table_size(hmm, len(offsets))
    if steps is None:
        return _spell_words(hmm, compute_stationary_probs(hmm), offsets)
    if not steps or min(steps) < 0:
        raise InputError(f"`steps` must hold at least one step ≥ 0, got {steps}. The first step is range(1).")
    occupancies = [hmm.initial_probs @ np.linalg.matrix_power(hmm.transition_matrix, t) for t in steps]
    return _spell_words(hmm, np.mean(occupancies, axis=0), offsets)


def compute_repeat_probs(
    hmm: HMM, length: int, *, n_steps: int | None = None
) -> Float[np.ndarray, " symbol"]:
    """Probability that `length` consecutive symbols are all the same one, for each symbol.

    With `n_steps` it is the mean over the n_steps - length + 1 places in a window.
    """
    check_count("length", length, minimum=1)
    by_symbol = _find_start_probs(hmm, n_steps, length) * hmm.emission_probs.T
    for _ in range(length - 1):
        by_symbol = by_symbol @ hmm.transition_matrix * hmm.emission_probs.T
    return by_symbol.sum(axis=1)


def compute_output_irreversibility(hmm: HMM, *, word_length: int = 3, n_steps: int | None = None) -> float:
    """Irreversibility of the output in nat, D = KL(P(abc) ‖ P(cba)) over words of `word_length` symbols.

    Zero for every time-reversible process; inf when a word occurs whose reverse never does.
    """
    forward = compute_ngram_law(hmm, word_length, n_steps=n_steps)
    backward = forward.transpose().ravel()
    forward = forward.ravel()
    occurs = forward > 0
    if np.any(backward[occurs] == 0):
        return float("inf")
    ratio = backward[occurs] / forward[occurs]
    # Each term of Σ p (q/p - 1 - log(q/p)) is ≥ 0 and Σ (q - p) = 0: the divergence without cancellation.
    return float(np.sum(forward[occurs] * (ratio - 1 - np.log(ratio))))


def is_time_reversible(hmm: HMM, *, tolerance: float = 1e-9) -> bool:
    """Tell whether the stationary chain obeys detailed balance, π_i P_ij = π_j P_ji, within `tolerance`."""
    flow = compute_stationary_probs(hmm)[:, None] * hmm.transition_matrix
    return bool(np.max(np.abs(flow - flow.T)) <= tolerance)


def compute_hankel_singular_values(hmm: HMM, *, max_length: int = 3) -> Float[np.ndarray, " state"]:
    """Singular values, largest first, of the stationary Hankel matrix P(word u then word v).

    Parameters
    ----------
    hmm : HMM
    max_length : int >= 0      words u and v of 0 … max_length symbols

    Returns
    -------
    (state,)                   the rank is at most n_states; missing values are 0

    Raises
    ------
    InputError                 if the table of words would exceed `MAX_ENTRIES`

    Notes
    -----
    Hsu, Kakade & Zhang 2012 (spectral learning). The matrix is a product of two thin factors, (word, state)
    and (state, word); only their triangular parts are multiplied.
    """
    check_count("max_length", max_length, minimum=0)
    _check_table_size(hmm, max_length + 1)
    before, after = [compute_stationary_probs(hmm)[None, :]], [np.ones((1, hmm.n_states))]
    by_symbol = hmm.emission_probs.T[:, None, :]
    for _ in range(max_length):
        before.append((by_symbol * before[-1]).reshape(-1, hmm.n_states) @ hmm.transition_matrix)
        after.append((by_symbol * (after[-1] @ hmm.transition_matrix.T)).reshape(-1, hmm.n_states))
    left = np.asarray(np.linalg.qr(np.concatenate(before), mode="r"))
    right = np.asarray(np.linalg.qr(np.concatenate(after), mode="r"))
    values = np.linalg.svd(left @ right.T, compute_uv=False)
    return np.concatenate([values, np.zeros(hmm.n_states)])[: hmm.n_states]


def is_identifiable(hmm: HMM, *, threshold: float = IDENTIFIABILITY_THRESHOLD) -> bool:
    """Tell whether re-estimated parameters may be compared: smallest Hankel singular value ≥ `threshold`.

    Below it, other HMMs have practically the same law; compare laws instead (`estimate_kl_rate`).
    """
    return bool(compute_hankel_singular_values(hmm)[-1] >= threshold)


def _find_start_probs(hmm: HMM, n_steps: int | None, word_length: int) -> Float[np.ndarray, " state"]:
    """Probabilities of the state in which a word starts: stationary, or averaged over a window."""
    if n_steps is None:
        return compute_stationary_probs(hmm)
    check_count("n_steps", n_steps, minimum=word_length)
    return compute_occupancy(hmm, n_steps - word_length + 1)


def _spell_words(
    hmm: HMM, start_probs: Float[np.ndarray, " state"], offsets: Sequence[int]
) -> Float[np.ndarray, "..."]:
    """Probability of the symbols at the offsets from a step with these state probabilities."""
    state_probs = start_probs[None, :]
    for gap in np.diff(offsets):
        after_symbol = state_probs[:, None, :] * hmm.emission_probs.T
        transition = np.linalg.matrix_power(hmm.transition_matrix, int(gap))
        state_probs = after_symbol.reshape(-1, hmm.n_states) @ transition
    return (state_probs @ hmm.emission_probs).reshape((hmm.n_symbols,) * len(offsets))


def _check_table_size(hmm: HMM, word_length: int) -> None:
    # The largest tables are (word of n-1 symbols, state) and (word of n symbols,).
    n_entries = hmm.n_symbols ** max(word_length - 1, 0) * max(hmm.n_states, hmm.n_symbols)
    if n_entries > MAX_ENTRIES:
        raise InputError(
            f"a table over words must have at most {MAX_ENTRIES} entries, got {n_entries} for words of "
            f"length {word_length}, {hmm.n_symbols} symbols and {hmm.n_states} states. Use shorter words."
        )


def _find_closed_class(hmm: HMM) -> Bool[np.ndarray, " state"]:
    """Mark the states of the only closed class; raise if there are several."""
    reaches = (hmm.transition_matrix > 0) | np.eye(hmm.n_states, dtype=bool)
    for _ in range(hmm.n_states.bit_length()):
        step = reaches.astype(np.float32)
        reaches = step @ step > 0
    is_recurrent = (reaches <= reaches.T).all(axis=1)
    first_class = reaches[np.argmax(is_recurrent)]
    others = np.flatnonzero(is_recurrent & ~first_class)
    if others.size:
        raise InputError(
            "the stationary distribution needs a chain with one closed class of states, got at least two: "
            f"{np.flatnonzero(first_class).tolist()} and {np.flatnonzero(reaches[others[0]]).tolist()}. "
            "Connect them, or pass `n_steps` for averages over a window from `initial_probs`."
        )
    return first_class


def _eliminate(transition_matrix: Float[np.ndarray, "state state"]) -> Float[np.ndarray, " state"]:
    """Stationary distribution of an irreducible chain by Grassmann-Taksar-Heyman elimination."""
    rates = transition_matrix.copy()
    for last in range(len(rates) - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    probs = np.ones(len(rates))
    for state in range(1, len(rates)):
        probs[state] = probs[:state] @ rates[:state, state]
    return probs / probs.sum()
