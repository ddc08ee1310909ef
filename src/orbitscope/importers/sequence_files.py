"""Symbol sequences from files: NumPy arrays, text tables (ragged allowed), keypoint-moseq results."""

import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np

from ..errors import InputError
from ..process import RecordedSequences, load_recorded

SYLLABLE_NAMES = ("syllable", "syllables_reindexed", "syllables")  # keypoint-moseq, preferred first
SEPARATORS = re.compile(r"[,;\t ]")


def load_sequences(path: str | Path) -> RecordedSequences:
    """Load symbol sequences from a file.

    Parameters
    ----------
    path                 .npy: (sequence, time) or (time,); .npz: one array per sequence, or one such table,
                         and `symbol_names` if there are any, or `sequences.npz` of a run folder; .csv or
                         .txt: one sequence per line, separated by commas, semicolons, tabs or spaces, lines
                         may differ in length, # starts a comment; .h5: `results.h5` of keypoint-moseq, one
                         sequence per recording

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
    if len(arrays) == 1:
        return _split_rows(next(iter(arrays.values()))), symbol_names
    return arrays, symbol_names


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
    return {str(row): values for row, values in enumerate(table if table.ndim > 1 else table[None])}


def _read_text(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    lines = [line.split("#")[0].strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    rows = {
        f"line {i}": _split_line(line, i, path)
        for i, line in enumerate(lines, start=1)
        if line.strip(",; \t")
    }
    is_number = {name: [_is_whole(word) for word in words] for name, words in rows.items()}
    flags = [flag for row in is_number.values() for flag in row]
    if all(flags):
        return {name: np.array(words, dtype=np.int64) for name, words in rows.items()}, ()
    if any(flags):
        line = next(name for name, row in is_number.items() if not all(row))
        raise InputError(
            f"`{path}` must hold whole numbers only or words only, got both (first word in {line}). "
            "Mark a header line with #."
        )
    return {name: np.array(words, dtype=str) for name, words in rows.items()}, ()


def _split_line(line: str, number: int, path: Path) -> list[str]:
    """Words of a line; empty cells may only fill it up at the end."""
    compact = re.sub(r"\s*([,;\t])\s*|\s+", lambda match: match[1] or " ", line)
    words = SEPARATORS.split(compact.rstrip(",; \t"))
    if "" in words:
        raise InputError(
            f"`{path}`, line {number} must not have gaps, got an empty cell. Cut the sequence there."
        )
    return words


def _is_whole(word: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", word) is not None


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
