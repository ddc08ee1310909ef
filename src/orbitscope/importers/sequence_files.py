"""Symbol sequences from files: NumPy arrays, text tables (ragged allowed), keypoint-moseq results."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import h5py
import numpy as np
from jaxtyping import Integer

from orbitscope.errors import InputError

SYLLABLE_NAMES = ("syllable", "syllables_reindexed", "syllables")  # keypoint-moseq, preferred first
SEPARATORS = re.compile(r"[,;\t ]")


@dataclass(frozen=True)
class SymbolSequences:
    """Sequences of symbols, possibly of different lengths.

    Attributes
    ----------
    sequences : list of (time,)      symbols 0 .. n_symbols - 1 of each sequence, int64
    symbol_names : tuple of str      name of each symbol
    sequence_names : tuple of str    name of each sequence: its line, array or recording
    """

    sequences: list[Integer[np.ndarray, " _"]]
    symbol_names: tuple[str, ...]
    sequence_names: tuple[str, ...]


def load_sequences(path: str | Path) -> SymbolSequences:
    """Load symbol sequences from a file.

    Parameters
    ----------
    path                 .npy: (sequence, time) or (time,); .npz: one array per sequence, or one such table,
                         and `symbol_names` if there are any; .csv or .txt: one sequence per line, separated
                         by commas, semicolons, tabs or spaces, lines may differ in length, # starts a
                         comment; .h5: `results.h5` of keypoint-moseq, one sequence per recording

    Returns
    -------
    SymbolSequences      whole numbers stay as they are, so that files with different symbols agree: the names
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


def _number(named: dict[str, Any], symbol_names: tuple[str, ...], path: Path) -> SymbolSequences:
    """Turn words into numbers, check numbers, and name the symbols."""
    arrays = [np.asarray(sequence) for sequence in named.values()]
    if all(array.dtype.kind == "U" for array in arrays):
        symbol_names = tuple(sorted({str(word) for array in arrays for word in array}))
        arrays = [np.searchsorted(symbol_names, array) for array in arrays]
    sequences = [_check_symbols(array, name, path) for name, array in zip(named, arrays, strict=True)]
    n_symbols = 1 + max(int(sequence.max()) for sequence in sequences)
    if symbol_names and len(symbol_names) < n_symbols:
        raise InputError(
            f"`{path}` must name all symbols, got {len(symbol_names)} names for {n_symbols}. Add the others."
        )
    names = symbol_names or tuple(str(symbol) for symbol in range(n_symbols))
    return SymbolSequences(sequences, names, tuple(named))


def _check_symbols(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise InputError(
            f"`{path}`, sequence `{name}` must be a row of whole numbers, got shape {array.shape} of "
            f"{array.dtype}. Turn one-hot arrays into symbols with argmax(-1)."
        )
    wrong = ~((array >= 0) & (array == np.floor(array)) & (array < 2**31))
    if wrong.any():
        step = int(np.argmax(wrong))
        raise InputError(
            f"`{path}`, sequence `{name}` must hold whole numbers ≥ 0, got {array[step]} at step {step}. "
            "Cut the sequence where symbols are missing."
        )
    return array.astype(np.int64)


def _read_npy(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    return _split_rows(_load_arrays(path)), ()


def _read_npz(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    arrays = dict(_load_arrays(path))
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
