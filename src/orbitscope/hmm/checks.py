"""Checks shared by the HMM modules; every message gives the requirement, the value found, and a remedy."""

import numpy as np
from jaxtyping import Bool, Integer

from orbitscope.errors import InputError


def check_count(name: str, value: int, *, minimum: int) -> int:
    """Return `value` as an int, or raise if it is not a whole number of at least `minimum`.

    Raises
    ------
    InputError                 naming the parameter, the value and the smallest one allowed
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < minimum:
        raise InputError(
            f"`{name}` must be a whole number ≥ {minimum}, got {value!r}. Use {minimum} or more."
        )
    return int(value)


LARGEST_TABLE = 10**8
"""Numbers in a table of a hidden Markov model: 0.8 GB, and more states than any analysis can take."""


def check_table_size(n_states: int, n_symbols: int) -> None:
    """Refuse a hidden Markov model that is too large, before memory for it is asked for.

    Raises
    ------
    InputError
    """
    size = n_states * max(n_states, n_symbols)
    if size > LARGEST_TABLE:
        raise InputError(
            f"an HMM must have at most {LARGEST_TABLE:_} entries in a table, got {size:_} for {n_states:_} "
            f"states and {n_symbols:_} symbols. Use fewer."
        )


def check_number(
    name: str, value: float | int, *, low: float | int, high: float | int, closed: bool = True
) -> float:
    """Return `value` as a float, or raise if it lies outside [low, high] (or (low, high) if not `closed`).

    Raises
    ------
    InputError                 naming the parameter, the value and the interval
    """
    is_inside = low <= value <= high if closed else low < value < high
    if not is_inside:
        between = f"[{low:g}, {high:g}]" if closed else f"({low:g}, {high:g})"
        raise InputError(f"`{name}` must lie in {between}, got {value!r}. Choose a value in that interval.")
    return float(value)


def check_rng(rng: object) -> None:
    """Refuse what is no source of random numbers of NumPy, such as a seed.

    Raises
    ------
    InputError                 saying how to make one
    """
    if not isinstance(rng, np.random.Generator):
        raise InputError(
            f"`rng` must be a numpy.random.Generator, got {rng!r}. Use np.random.default_rng(SEED)."
        )


def check_sequences(
    sequences: Integer[np.ndarray, "sequence time"],
    n_symbols: int,
    lengths: Integer[np.ndarray, " sequence"] | None = None,
) -> tuple[Integer[np.ndarray, "sequence time"], Integer[np.ndarray, " sequence"]]:
    """Check symbol sequences and make padding harmless.

    Parameters
    ----------
    sequences : (sequence, time)    symbols 0 … n_symbols-1; anything at and after `lengths`
    n_symbols : int                 number of symbols of the process
    lengths : (sequence,)           steps of each sequence that count; None: all of them

    Returns
    -------
    sequences : (sequence, time)    a copy whose padding is 0, or the same array when nothing is padded
    lengths : (sequence,)

    Raises
    ------
    InputError                      wrong type or shape, no steps, a symbol or a length out of range
    """
    if not (isinstance(sequences, np.ndarray) and sequences.ndim == 2 and sequences.dtype.kind in "iu"):
        found = (
            f"shape {sequences.shape} of {sequences.dtype}"
            if isinstance(sequences, np.ndarray)
            else f"a {type(sequences).__name__}"
        )
        raise InputError(
            f"`sequences` must be an integer array of shape (sequence, time), got {found}. "
            "`pad_sequences` makes one, with `lengths`, of sequences of any lengths."
        )
    n_sequences, n_steps = sequences.shape
    if n_sequences == 0 or n_steps == 0:
        raise InputError(
            f"`sequences` must hold at least one sequence and one step, got shape {sequences.shape}. "
            "Drop the call when there is nothing to score."
        )
    n_used = np.full(n_sequences, n_steps) if lengths is None else _read_lengths(lengths)
    _check_lengths(n_used, n_sequences, n_steps)
    inside = mark_inside(n_used, n_steps)
    if not inside.all():
        sequences = np.where(inside, sequences, 0).astype(sequences.dtype)
    _check_symbols(sequences, n_symbols)
    return sequences, n_used


def mark_inside(lengths: Integer[np.ndarray, " sequence"], n_steps: int) -> Bool[np.ndarray, "sequence time"]:
    """Mark the steps that belong to a sequence (True) against padding (False)."""
    return np.arange(n_steps) < lengths[:, None]


def _read_lengths(lengths: object) -> np.ndarray:
    """Lengths as an array; lists of different lengths are none."""
    try:
        return np.asarray(lengths)
    except ValueError:
        raise InputError("`lengths` must be a row of whole numbers, got rows of several lengths.") from None


def _check_lengths(lengths: np.ndarray, n_sequences: int, n_steps: int) -> None:
    is_row = lengths.shape == (n_sequences,) and lengths.dtype.kind in "iu"
    if not is_row or lengths.min() < 1 or lengths.max() > n_steps:
        found = f"shape {lengths.shape} of {lengths.dtype}"
        if is_row:
            found = f"values {lengths.min()} … {lengths.max()}"
        raise InputError(
            f"`lengths` must give one length in 1 … {n_steps} for each of the {n_sequences} sequences, "
            f"got {found}. "
            "Drop empty sequences; `pad_sequences` returns matching lengths."
        )


def _check_symbols(sequences: np.ndarray, n_symbols: int) -> None:
    is_bad = (sequences < 0) | (sequences >= n_symbols)
    if is_bad.any():
        row, step = np.argwhere(is_bad)[0]
        raise InputError(
            f"symbols must lie in 0 … {n_symbols - 1}, got {sequences[row, step]} "
            f"in sequence {row} at step {step}. "
            "Recode the symbols from 0, or use an HMM with more symbols; mark padding with `lengths`."
        )
