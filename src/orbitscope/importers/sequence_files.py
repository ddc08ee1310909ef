"""Symbol sequences from files: NumPy arrays, text tables (ragged allowed), keypoint-moseq results."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..errors import InputError
from ..hmm.files import SEQUENCE_SUFFIXES
from ..process import RecordedSequences, cut_sequences, load_recorded
from ..system.foreign_files import explain_damage, read_array, read_named_arrays, require_file
from .text_tables import read_text_table, refuse_missing

SYLLABLE_NAMES = ("syllable", "syllables_reindexed", "syllables")  # keypoint-moseq, preferred first
SYMBOL_NAMES = "symbol_names"
LENGTHS = "lengths"
"""Array of an .npz that says how long the sequences of another are, as hmmlearn wants them."""


def load_sequences(path: str | Path) -> RecordedSequences:
    """Load symbol sequences from a file.

    Parameters
    ----------
    path                 .npy: (sequence, time), (time,) or a column (time, 1); .npz: one array per sequence,
                         or one such table, and `symbol_names` if there are any; with `lengths` the other
                         array is cut into sequences (end to end, or rows that are filled up); or
                         `sequences.npz` of a run folder; .csv, .tsv or .txt: one sequence per line,
                         separated by commas, semicolons, tabs or spaces, lines may differ in length, a line
                         that begins with # is a remark, one symbol per line is one sequence; .h5:
                         `results.h5` of keypoint-moseq, one sequence per recording

    Returns
    -------
    RecordedSequences    whole numbers stay as they are, so that files with different symbols agree: the names
                         are then "0" .. the largest number; words are numbered in the order of
                         `symbol_names`, or of the alphabet where there are none

    Raises
    ------
    InputError           if the file cannot be read, is empty, or holds negative or fractional numbers or gaps
    """
    path = Path(path)
    if path.suffix.lower() not in SEQUENCE_SUFFIXES:
        raise InputError(
            f"`{path}` must end in {', '.join(SEQUENCE_SUFFIXES)}, got `{path.suffix}`. Save the sequences "
            "as .npz."
        )
    require_file(path)
    read = {".npy": _read_npy, ".npz": _read_npz, ".h5": _read_moseq}.get(path.suffix.lower(), _read_text)
    with explain_damage(path, *_require(path.suffix)):
        named, symbol_names = read(path)
    if not named or any(np.size(sequence) == 0 for sequence in named.values()):
        raise InputError(
            f"`{path}` must hold sequences of at least one step, got an empty one. Leave it out."
        )
    return _number(named, symbol_names, path)


def _require(suffix: str) -> tuple[str, str]:
    """What a file must be, and what to do otherwise."""
    if suffix.lower() not in (".npy", ".npz"):
        return f"be a readable {suffix} file", "Save it anew."
    remedy = "Save ragged sequences with `np.savez(path, *sequences)`: loading pickles runs code."
    return f"be a readable {suffix} file without pickled objects", remedy


def _number(named: dict[str, Any], symbol_names: tuple[str, ...], path: Path) -> RecordedSequences:
    """Turn words into numbers, check numbers, and name the symbols."""
    arrays = [np.asarray(sequence) for sequence in named.values()]
    if all(array.dtype.kind == "U" and array.ndim == 1 for array in arrays):
        words = {name: array.tolist() for name, array in zip(named, arrays, strict=True)}
        refuse_missing(words, path)
        symbol_names = symbol_names or tuple(sorted({word for row in words.values() for word in row}))
        arrays = _number_words(words, symbol_names, path)
    try:
        return RecordedSequences(arrays, symbol_names, tuple(named), name=path.stem)
    except InputError as error:
        raise InputError(f"`{path}`, {error}") from None


def _number_words(words: dict[str, list[str]], symbol_names: tuple[str, ...], path: Path) -> list[np.ndarray]:
    """The place of each word among the names of symbols."""
    numbers = {name: number for number, name in enumerate(symbol_names)}
    for name, row in words.items():
        for word in row:
            if word not in numbers:
                raise InputError(
                    f"`{path}` must have all its words among `{SYMBOL_NAMES}`, got `{word}` in `{name}`. Add "
                    "it, or leave the names out."
                )
    return [np.array([numbers[word] for word in row], dtype=np.int64) for row in words.values()]


def _read_npy(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    return _split_rows(read_array(path)), ()


def _read_npz(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    arrays = read_named_arrays(path)
    if {"symbols", LENGTHS, "sequence_names"} <= arrays.keys():
        recorded = load_recorded(path)
        return dict(zip(recorded.sequence_names, recorded.sequences, strict=True)), recorded.symbol_names
    symbol_names = _read_names(arrays.pop(SYMBOL_NAMES, None), path)
    lengths = arrays.pop(LENGTHS, None)
    if lengths is not None:
        return _cut(arrays, lengths, path), symbol_names
    if len(arrays) == 1:
        return _split_rows(next(iter(arrays.values()))), symbol_names
    return arrays, symbol_names


def _read_names(names: np.ndarray | None, path: Path) -> tuple[str, ...]:
    """Names of symbols; whole numbers are names, too."""
    if names is None:
        return ()
    if names.dtype.kind not in "Uiu" or names.ndim > 1:
        raise InputError(
            f"`{path}` must have a row of strings as `{SYMBOL_NAMES}`, got shape {names.shape} of "
            f"{names.dtype}. Save np.array([...], dtype=str)."
        )
    return tuple(str(name) for name in np.atleast_1d(names))


def _cut(arrays: dict[str, np.ndarray], lengths: np.ndarray, path: Path) -> dict[str, Any]:
    """Sequences that lie end to end, or in rows that are filled up, cut to their lengths."""
    try:
        (table,) = arrays.values()
        return {str(i): part for i, part in enumerate(cut_sequences(table, lengths))}
    except ValueError:
        raise InputError(
            f"`{path}` must have `{LENGTHS}` that fit one other array, end to end or row by row, got "
            f"{lengths.size} of {lengths.dtype} beside "
            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'none'}. Save whole "
            "numbers ≥ 1."
        ) from None


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
            found = [name for name in SYLLABLE_NAMES if _is_dataset(group, name)]
            if found:
                named[str(recording)] = np.asarray(group[found[0]])
    if not named:
        raise InputError(
            f"`{path}` must hold one group per recording with a dataset `{'`, `'.join(SYLLABLE_NAMES)}`, "
            "got none. Pass `results.h5` of keypoint-moseq."
        )
    return named, ()


def _is_dataset(group: Any, name: str) -> bool:
    return isinstance(group, h5py.Group) and isinstance(group.get(name), h5py.Dataset)
