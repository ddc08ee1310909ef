"""Symbols of recorded sequences beside the rows of a readout: one each, or what may be the cause."""

import numpy as np

from ..errors import InputError
from ..process import RecordedSequences

_N_NAMED = 8
"""Most names that a message lists."""


def require_symbol_of_each_row(recorded: RecordedSequences, n_rows: int) -> None:
    """Refuse sequences that have more or fewer symbols than a readout has rows.

    Raises
    ------
    InputError
        With what may be the cause: an index as the first column, numbers from 1 on, gaps, or stray numbers.
    """
    if recorded.n_symbols == n_rows:
        return
    label = f" `{recorded.name}`" if recorded.name else ""
    found = f": {_list_names(recorded.symbol_names)}"
    if _is_numbered(recorded):
        found = f", since their largest number is {recorded.n_symbols - 1}"
    raise InputError(
        f"the sequences{label} must have a symbol for each of the {n_rows} rows of the readout, got "
        f"{recorded.n_symbols} symbols{found}. {_find_cause(recorded, n_rows)}"
    )


def _find_cause(recorded: RecordedSequences, n_rows: int) -> str:
    """The likely mistake, and what to do about it."""
    names, n_symbols = recorded.symbol_names, recorded.n_symbols
    counts = np.bincount(np.concatenate(recorded.sequences), minlength=n_symbols)
    absent = [names[symbol] for symbol in np.flatnonzero(counts == 0)]
    is_numbered = _is_numbered(recorded)

    if is_numbered and _begins_with_index(recorded):
        return (
            "The first column counts up by one. Is it an index? Then leave it out (in pandas: index=False, "
            "header=False)."
        )
    if n_symbols < n_rows:
        return "Name all rows by `symbol_names`, in their order; names that do not occur are allowed."
    if is_numbered and counts[0] == 0 and counts[1] > 0:
        return "They begin at 1, and 0 never occurs. Number symbols from 0."
    if absent:
        return f"Never occur: {_list_names(absent)}. Number those that occur from 0 on, without gaps."
    if is_numbered:
        n_beyond = int(counts[n_rows:].sum())
        return f"{_describe_first(recorded, n_rows, n_beyond)} Correct the file, or leave that out."
    return "Correct the file, or import the network that was trained on it."


def _is_numbered(recorded: RecordedSequences) -> bool:
    """Whether symbols have numbers in the place of names."""
    return recorded.symbol_names == tuple(str(symbol) for symbol in range(recorded.n_symbols))


def _begins_with_index(recorded: RecordedSequences) -> bool:
    """Whether the first symbols of all sequences count up by one."""
    first = [int(sequence[0]) for sequence in recorded.sequences]
    return len(first) > 2 and first == list(range(first[0], first[0] + len(first)))


def _describe_first(recorded: RecordedSequences, n_rows: int, n_beyond: int) -> str:
    """Where the first number is that has no row."""
    places = zip(recorded.sequence_names, recorded.sequences, strict=True)
    name, sequence = next((name, sequence) for name, sequence in places if sequence.max() >= n_rows)
    step = int(np.argmax(sequence >= n_rows))
    times = "once" if n_beyond == 1 else f"{n_beyond} times"
    return f"Numbers above {n_rows - 1} occur {times}, first {sequence[step]} in {name} at step {step}."


def _list_names(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return ", ".join(names[:_N_NAMED]) + more
