"""Counts of symbols, pairs and n-grams in integer sequences (sequence, time), and the ratios made of them."""

import numpy as np
from jaxtyping import Float, Int, Integer, Real

from orbitscope.errors import InputError, TooLargeError

MAX_CELLS = 250_000_000  # counts of 4 bytes each: one gigabyte


def count_symbols(
    sequences: Integer[np.ndarray, "sequence time"], n_symbols: int
) -> Int[np.ndarray, "sequence symbol"]:
    """Count how often each symbol occurs in each sequence.

    Parameters
    ----------
    sequences : (sequence, time)    symbols 0 .. n_symbols - 1
    n_symbols : int >= 1            size of the alphabet

    Returns
    -------
    (sequence, symbol) int32        counts

    Raises
    ------
    InputError                      if a symbol lies outside the alphabet, or the counts would not fit in
                                    memory
    """
    return count_ngrams_by_sequence(sequences, 1, n_symbols)


def count_ngrams(
    sequences: Integer[np.ndarray, "sequence time"], n: int, n_symbols: int
) -> Int[np.ndarray, "..."]:
    """Count overlapping n-grams, pooled over sequences; none crosses from one sequence to the next.

    Parameters
    ----------
    sequences : (sequence, time)    symbols 0 .. n_symbols - 1
    n : int in 1 .. time            length of the words
    n_symbols : int >= 1            size of the alphabet

    Returns
    -------
    (symbol,) * n  int64            counts; the earliest symbol is the first axis

    Raises
    ------
    InputError                      if a symbol or `n` is out of range, or the counts would not fit in memory
    """
    codes, n_cells = _encode_ngrams(sequences, n, n_symbols)
    _check_memory(n_cells)
    return np.bincount(codes.ravel(), minlength=n_cells).reshape((n_symbols,) * n)


def count_ngrams_by_sequence(
    sequences: Integer[np.ndarray, "sequence time"], n: int, n_symbols: int
) -> Int[np.ndarray, "sequence ..."]:
    """Count overlapping n-grams separately in every sequence.

    Parameters
    ----------
    sequences : (sequence, time)       symbols 0 .. n_symbols - 1
    n : int in 1 .. time               length of the words
    n_symbols : int >= 1               size of the alphabet

    Returns
    -------
    (sequence,) + (symbol,) * n int32  counts; the earliest symbol is the first symbol axis

    Raises
    ------
    InputError                         if a symbol or `n` is out of range, or the counts would not fit in
                                       memory
    """
    codes, n_cells = _encode_ngrams(sequences, n, n_symbols)
    _check_memory(n_cells * len(sequences))
    offsets = n_cells * np.arange(len(sequences))[:, None]
    counts = np.bincount((codes + offsets).ravel(), minlength=n_cells * len(sequences))
    return counts.astype(np.int32).reshape((len(sequences), *(n_symbols,) * n))


def count_words_and_reverses(
    sequences: Integer[np.ndarray, "sequence time"], n: int, n_symbols: int
) -> tuple[Int[np.ndarray, "sequence word"], Int[np.ndarray, " word"]]:
    """Count the n-grams that occur, and those whose reverse occurs, separately in every sequence.

    It needs memory for the words that occur, not for all that an alphabet has.

    Parameters
    ----------
    sequences : (sequence, time)    symbols 0 .. n_symbols - 1
    n : int in 1 .. time            length of the words
    n_symbols : int >= 1            size of the alphabet

    Returns
    -------
    counts : (sequence, word) int32
        In the order of the words as numbers in base `n_symbols`.
    reverse : (word,)
        Place of the reverse of each word among these.

    Raises
    ------
    InputError
        If a symbol or `n` is out of range, or the counts would not fit in memory.
    """
    codes, _ = _encode_ngrams(sequences, n, n_symbols)
    occurring = np.unique(codes)
    words = np.union1d(occurring, _reverse_codes(occurring, n, n_symbols))
    _check_memory(len(words) * len(sequences))
    counts = np.zeros((len(sequences), len(words)), dtype=np.int32)
    np.add.at(counts, (np.arange(len(sequences))[:, None], np.searchsorted(words, codes)), 1)
    return counts, np.searchsorted(words, _reverse_codes(words, n, n_symbols))


def compute_frequencies(
    symbol_counts: Real[np.ndarray, "*batch symbol"],
) -> Float[np.ndarray, "*batch symbol"]:
    """Share of each symbol.

    Parameters
    ----------
    symbol_counts : (*batch, symbol)    counts, or expected counts (sums of softmax probabilities)

    Returns
    -------
    (*batch, symbol)                    frequencies that sum to 1; NaN where nothing was counted
    """
    return divide(symbol_counts, symbol_counts.sum(-1, keepdims=True))


def compute_symbol_matrix(
    pair_counts: Real[np.ndarray, "*batch symbol symbol"],
) -> Float[np.ndarray, "*batch symbol symbol"]:
    """Symbol-to-symbol matrix P(s_{t+1} = b | s_t = a).

    Parameters
    ----------
    pair_counts : (*batch, symbol, symbol)    counts, or expected counts (sums of softmax probabilities)

    Returns
    -------
    (*batch, symbol, symbol)                  rows sum to 1; a row is NaN where its symbol never starts a pair
    """
    return divide(pair_counts, pair_counts.sum(-1, keepdims=True))


def compute_volatility(pair_counts: Real[np.ndarray, "*batch symbol symbol"]) -> Float[np.ndarray, "*batch"]:
    """Volatility P(s_t != s_{t+1}).

    Parameters
    ----------
    pair_counts : (*batch, symbol, symbol)    counts, or expected counts

    Returns
    -------
    (*batch)                                  probability per step; NaN where nothing was counted
    """
    total = pair_counts.sum((-2, -1))
    return divide(total - np.trace(pair_counts, axis1=-2, axis2=-1), total)


def check_symbols(sequences: np.ndarray, n_symbols: int) -> None:
    """Refuse empty sequences and symbols outside 0 .. n_symbols - 1."""
    if sequences.size == 0:
        raise InputError(
            f"`sequences` must not be empty, got shape {sequences.shape}. Pass at least one symbol."
        )
    low, high = int(sequences.min()), int(sequences.max())
    if low < 0 or high >= n_symbols:
        raise InputError(
            f"symbols must lie in 0 .. {n_symbols - 1}, got {low} .. {high}. Recode them from 0."
        )


def divide(numerator: np.ndarray | np.generic, denominator: np.ndarray | np.generic) -> np.ndarray:
    """Divide where the denominator is positive, NaN elsewhere."""
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def _encode_ngrams(sequences: np.ndarray, n: int, n_symbols: int) -> tuple[np.ndarray, int]:
    """Number every n-gram in base n_symbols; return the codes (sequence, time - n + 1) and how many exist."""
    check_symbols(sequences, n_symbols)
    n_steps = sequences.shape[1]
    if not 1 <= n <= n_steps:
        raise InputError(
            f"`n` must lie in 1 .. {n_steps} (the number of steps), got {n}. Use shorter n-grams."
        )
    codes = np.zeros((len(sequences), n_steps - n + 1), dtype=np.int64)
    for k in range(n):
        codes = codes * n_symbols + sequences[:, k : n_steps - n + 1 + k]
    return codes, n_symbols**n


def _reverse_codes(codes: np.ndarray, n: int, n_symbols: int) -> np.ndarray:
    """Numbers of the words that are read backwards."""
    reverse, rest = np.zeros_like(codes), codes
    for _ in range(n):
        rest, symbol = np.divmod(rest, n_symbols)
        reverse = reverse * n_symbols + symbol
    return reverse


def _check_memory(n_counts: int) -> None:
    if n_counts > MAX_CELLS:
        raise TooLargeError(
            f"the number of counts must be ≤ {MAX_CELLS}, got {n_counts}. "
            "Use shorter n-grams, or fewer sequences at once."
        )
