"""Symbol sequences from files: NumPy arrays, text tables (ragged allowed), keypoint-moseq results."""

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np

from ..errors import InputError
from ..process import RecordedSequences, load_recorded
from .text_tables import read_text_table

SYLLABLE_NAMES = ("syllable", "syllables_reindexed", "syllables")  # keypoint-moseq, preferred first
LENGTHS = "lengths"
"""Array of an .npz that says how long the sequences of another are, as hmmlearn wants them."""


def load_sequences(path: str | Path) -> RecordedSequences:
    """Load symbol sequences from a file.

    Parameters
    ----------
    path                 .npy: (sequence, time), (time,) or a column (time, 1); .npz: one array per sequence,
                         or one such table, and `symbol_names` if there are any; with `lengths` the other
                         array is cut into sequences (end to end, or rows that are filled up); or
                         `sequences.npz` of a run folder; .csv or .txt: one sequence per line, separated by
                         commas, semicolons, tabs or spaces, lines may differ in length, a line that begins
                         with # is a remark, one symbol per line is one sequence; .h5: `results.h5` of
                         keypoint-moseq, one sequence per recording

    Returns
    -------
    RecordedSequences    whole numbers stay as they are, so that files with different symbols agree: the names
                         are then "0" .. the largest number; words are numbered in alphabetical order

    Raises
    ------
    InputError           if the file cannot be read, is empty, or holds negative or fractional numbers or gaps
    """
    path = Path(path)
    readers = {
        ".npy": _read_npy,
        ".npz": _read_npz,
        ".csv": _read_text,
        ".txt": _read_text,
        ".h5": _read_moseq,
    }
    if path.suffix.lower() not in readers:
        raise InputError(
            f"`{path}` must end in {', '.join(readers)}, got `{path.suffix}`. Save the sequences as .npz."
        )
    if not path.is_file():
        raise InputError(f"`{path}` must be an existing file, got none there. Check the path.")
    try:
        named, symbol_names = readers[path.suffix.lower()](path)
    except (OSError, BadZipFile, UnicodeDecodeError) as error:
        raise InputError(
            f"`{path}` must be a readable {path.suffix} file, got: {error}. Save it anew."
        ) from error
    if not named or any(np.size(sequence) == 0 for sequence in named.values()):
        raise InputError(
            f"`{path}` must hold sequences of at least one step, got an empty one. Leave it out."
        )
    return _number(named, symbol_names, path)


def _number(named: dict[str, Any], symbol_names: tuple[str, ...], path: Path) -> RecordedSequences:
    """Turn words into numbers, check numbers, and name the symbols."""
    arrays = [np.asarray(sequence) for sequence in named.values()]
    if all(array.dtype.kind == "U" for array in arrays):
        symbol_names = tuple(sorted({str(word) for array in arrays for word in array}))
        arrays = [np.searchsorted(symbol_names, array) for array in arrays]
    try:
        return RecordedSequences(arrays, symbol_names, tuple(named), name=path.stem)
    except InputError as error:
        raise InputError(f"`{path}`, {error}") from None


def _read_npy(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    return _split_rows(_load_arrays(path)), ()


def _read_npz(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    arrays = dict(_load_arrays(path))
    if {"symbols", "lengths", "sequence_names"} <= arrays.keys():
        recorded = load_recorded(path)
        return dict(zip(recorded.sequence_names, recorded.sequences, strict=True)), recorded.symbol_names
    symbol_names = tuple(
        str(name) for name in np.atleast_1d(arrays.pop("symbol_names", np.array([], dtype=str)))
    )
    lengths = arrays.pop(LENGTHS, None)
    if lengths is not None:
        return _cut(arrays, lengths, path), symbol_names
    if len(arrays) == 1:
        return _split_rows(next(iter(arrays.values()))), symbol_names
    return arrays, symbol_names


def _cut(arrays: dict[str, np.ndarray], lengths: np.ndarray, path: Path) -> dict[str, Any]:
    """Sequences that lie end to end, or in rows that are filled up, cut to their lengths."""
    table = next(iter(arrays.values())) if len(arrays) == 1 else np.array([])
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    is_whole = lengths.ndim == 1 and lengths.dtype.kind in "iu" and bool((lengths > 0).all())
    if is_whole and table.ndim == 1 and table.size and lengths.sum() == table.size:
        parts = np.split(table, np.cumsum(lengths)[:-1])
        return {str(i): part for i, part in enumerate(parts)}
    if is_whole and table.ndim == 2 and len(lengths) == len(table) and lengths.max() <= table.shape[1]:
        return {str(i): row[:length] for i, (row, length) in enumerate(zip(table, lengths, strict=True))}
    raise InputError(
        f"`{path}` must have `{LENGTHS}` that fit one other array, end to end or row by row, got "
        f"{lengths.size} that sum to {lengths.sum()} beside "
        f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'none'}."
    )


def _load_arrays(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else {key: loaded[key] for key in loaded.files}
    except ValueError as error:
        raise InputError(
            f"`{path}` must hold plain numbers, got pickled objects or a damaged file: loading "
            "pickles runs code. Save ragged sequences with `np.savez(path, *sequences)`."
        ) from error


def _split_rows(table: np.ndarray) -> dict[str, Any]:
    """A table by rows; a row or a column alone is one sequence."""
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    return {str(row): values for row, values in enumerate(table if table.ndim > 1 else table[None])}


def _read_text(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    return dict(read_text_table(path)), ()


def _read_moseq(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    named: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        for recording, group in file.items():
            found = [name for name in SYLLABLE_NAMES if isinstance(group, h5py.Group) and name in group]
            if found:
                named[str(recording)] = np.asarray(group[found[0]])
    if not named:
        raise InputError(
            f"`{path}` must hold one group per recording with a dataset `{'`, `'.join(SYLLABLE_NAMES)}`, "
            "got none. Pass `results.h5` of keypoint-moseq."
        )
    return named, ()
