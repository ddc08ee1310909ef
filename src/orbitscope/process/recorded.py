"""Recorded sequences of symbols: immutable, validated, with named symbols."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from ..errors import InputError

MOST_SYMBOLS = 10_000
"""Larger numbers are taken for something else than symbols, each of which has a name and a row."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class RecordedSequences:
    """Sequences of symbols that were recorded, possibly of different lengths.

    Parameters
    ----------
    sequences : (sequence, time), or list of (time,)
        Symbols 0 .. n_symbols - 1; each sequence is copied to int64 and made read-only.
    symbol_names : tuple of str
        Unique, for symbols that do not occur too; default "0", "1", … to the largest.
    sequence_names : tuple of str
        Unique, as the line, array or recording that a sequence is from; default "0", "1", …
    name : str
        Label; not part of equality.

    Raises
    ------
    InputError
        No sequences, an empty one, numbers that are no symbols, or names that do not match.

    Examples
    --------
    >>> recorded = RecordedSequences([[0, 1, 1], [1]], symbol_names=["sun", "rain"])
    >>> recorded.lengths  # (sequence,)
    array([3, 1])
    """

    sequences: tuple[Int[np.ndarray, " _"], ...]
    symbol_names: tuple[str, ...]
    sequence_names: tuple[str, ...]
    name: str

    def __init__(
        self,
        sequences: Any,
        symbol_names: Sequence[str] = (),
        sequence_names: Sequence[str] = (),
        name: str = "",
    ) -> None:
        given = _list_arrays(sequences)
        if not given or any(array.size == 0 for array in given):
            found = "an empty one" if given else "none"
            raise InputError(
                f"`sequences` must hold sequences of at least one step, got {found}. Leave empty ones out."
            )
        sequence_names = _check_names("sequence_names", sequence_names, len(given))
        if len(sequence_names) != len(given):
            raise InputError(
                f"`sequence_names` must name each sequence once, got {len(sequence_names)} names for "
                f"{len(given)}. Leave them out to number the sequences."
            )
        arrays = tuple(_check_symbols(s, name) for s, name in zip(given, sequence_names, strict=True))
        n_symbols = 1 + max(int(array.max()) for array in arrays)
        self._set(
            sequences=arrays,
            symbol_names=_check_names("symbol_names", symbol_names, n_symbols),
            sequence_names=sequence_names,
            name=name,
        )
        if self.n_symbols < n_symbols:
            raise InputError(
                f"`symbol_names` must name all symbols, got {self.n_symbols} names for {n_symbols}. "
                "Add the others."
            )

    def _set(self, **fields: object) -> None:
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def n_symbols(self) -> int:
        """Number of symbols, those that do not occur included."""
        return len(self.symbol_names)

    @property
    def lengths(self) -> Int[np.ndarray, " sequence"]:
        """Steps of each sequence."""
        return np.array([sequence.size for sequence in self.sequences])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedSequences) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        shortest, longest = int(self.lengths.min()), int(self.lengths.max())
        lengths = f"lengths={shortest}" if shortest == longest else f"lengths={shortest} … {longest}"
        sizes = f"n_sequences={len(self.sequences)}, n_symbols={self.n_symbols}, {lengths}"
        return f"RecordedSequences(name={self.name!r}, {sizes})"

    def __reduce__(self):
        # Copies and pickles go through the constructor, so that their arrays are read-only too.
        return RecordedSequences, (self.sequences, self.symbol_names, self.sequence_names, self.name)

    def _content(self) -> tuple:
        return (*(s.tobytes() for s in self.sequences), self.symbol_names, self.sequence_names)


def order_symbols(recorded: RecordedSequences, names: Sequence[str]) -> RecordedSequences:
    """The same sequences, with symbols that are numbered in the order of their names.

    Parameters
    ----------
    recorded : RecordedSequences
    names : sequence of str
        Names of all symbols that occur, and maybe of others.

    Raises
    ------
    InputError
        If a symbol that occurs is not among the names, or two names are the same.

    Examples
    --------
    >>> recorded = RecordedSequences([[0, 1, 1]], symbol_names=["rain", "sun"])
    >>> order_symbols(recorded, ["sun", "rain"]).sequences
    (array([1, 0, 0]),)
    """
    names = tuple(names)
    occurring = np.unique(np.concatenate(recorded.sequences))
    left_out = [recorded.symbol_names[i] for i in occurring if recorded.symbol_names[i] not in names]
    if left_out:
        raise InputError(
            f"`symbol_names` must hold all symbols that occur in the sequences, got {', '.join(names)} "
            f"without {', '.join(left_out[:8])}. Name each as it is written there, in the order of the rows "
            "of the readout."
        )
    numbers = np.array([names.index(name) if name in names else -1 for name in recorded.symbol_names])
    arrays = [numbers[sequence] for sequence in recorded.sequences]
    return RecordedSequences(arrays, names, recorded.sequence_names, recorded.name)


def cut_sequences(symbols: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Sequences that lie end to end in a row, or in the rows of a table that are filled up.

    Parameters
    ----------
    symbols : (step,), or (sequence, time)
        A single column counts as a row.
    lengths : (sequence,)
        Steps of each; the rest of a row of the table is left out.

    Raises
    ------
    ValueError
        If the lengths are not whole numbers of at least 1, or do not fit.
    """
    table = symbols[:, 0] if symbols.ndim == 2 and symbols.shape[1] == 1 else symbols
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or not lengths.size or lengths.min() < 1:
        raise ValueError(f"lengths must be whole numbers ≥ 1, got shape {lengths.shape} of {lengths.dtype}")
    steps = [int(length) for length in lengths]  # whose sum cannot overflow
    if table.ndim == 1 and sum(steps) == table.size:
        return np.split(table, np.cumsum(steps)[:-1])
    if table.ndim == 2 and len(steps) == len(table) and max(steps) <= table.shape[1]:
        return [row[:length] for row, length in zip(table, steps, strict=True)]
    raise ValueError(f"its lengths sum to {sum(steps)}, and it holds {symbols.size} symbols")


def _list_arrays(sequences: Any) -> list[np.ndarray]:
    """Each sequence as an array."""
    try:
        return [np.asarray(sequence) for sequence in sequences]
    except (TypeError, ValueError):
        raise InputError(
            "`sequences` must be rows of whole numbers, got something else. Put a single sequence into a "
            "list."
        ) from None


def _check_names(field: str, names: Iterable[str], n_names: int) -> tuple[str, ...]:
    """Names that are given, all different; numbers in the place of none."""
    is_list = isinstance(names, Iterable) and not isinstance(names, str)
    if not is_list or not all(isinstance(name, str) for name in names):
        raise InputError(f"`{field}` must be a list of strings, got {names!r}. Quote every name.")
    names = tuple(str(name) for name in names)
    if any("\0" in name for name in names):
        raise InputError(f"`{field}` must be text, got a NUL in {names!r}. Leave it out.")
    if len(set(names)) != len(names):
        raise InputError(
            f"`{field}` must be different names, got {len(names)} ({len(set(names))} different). "
            "Give one unique name each, or leave them out."
        )
    return names or tuple(str(i) for i in range(n_names))


def _check_symbols(sequence: Any, name: str) -> Int[np.ndarray, " time"]:
    """Copy a sequence to integers; refuse what is no row of symbols."""
    array = np.asarray(sequence)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise InputError(
            f"sequence `{name}` must be a row of whole numbers, got shape {array.shape} of {array.dtype}. "
            "Put a single sequence into a list; turn one-hot arrays into symbols with argmax(-1)."
        )
    wrong = ~((array >= 0) & (array == np.floor(array)))
    if not wrong.any() and array.max() >= MOST_SYMBOLS:
        raise InputError(
            f"sequence `{name}` must have symbols below {MOST_SYMBOLS}, got {array.max():.0f}. Number the "
            "symbols that occur from 0 on, e.g. np.unique(array, return_inverse=True)[1]."
        )
    if wrong.any():
        step = int(np.argmax(wrong))
        raise InputError(
            f"sequence `{name}` must hold whole numbers ≥ 0, got {array[step]} at step {step}. "
            "Cut the sequence where symbols are missing."
        )
    symbols = array.astype(np.int64)
    symbols.setflags(write=False)
    return symbols
