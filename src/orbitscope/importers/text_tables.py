"""Symbol sequences from text tables: whole numbers or words, and nothing that could be either is guessed."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..system.foreign_files import read_text

Rows = dict[str, list[str]]
"""Cells of each line that holds some, by the name of the line."""

MISSING = ("nan", "na", "n/a", "none", "null", "inf", "-inf", "+inf", "missing", "<na>")
"""What other programs write where a value is missing, in lower case."""

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_REMARK = re.compile(r"(?:^|\s)#.*$")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d")
_LARGEST = 2**53
"""Whole numbers beyond this are not told apart where they were written as floats."""


def read_text_table(path: Path) -> dict[str, np.ndarray]:
    """Sequences of a text file: one a line, or one in all if there is one symbol a line.

    Parameters
    ----------
    path : path
        Separators are commas, semicolons or tabs, one of them in a file, else spaces. Cells may be quoted as
        in CSV files. A line that begins with # is a remark; behind numbers a remark may follow.

    Returns
    -------
    dict
        By line, (time,): integers, or words.

    Raises
    ------
    InputError
        If a cell is empty or says that a value is missing; if numbers are fractional, have leading zeros, or
        stand beside words; if the first line looks like a header, or lines look like words without
        separators.
    """
    try:
        text = read_text(path)
    except UnicodeDecodeError:
        raise InputError(
            f"`{path}` must be UTF-8 text, or have a byte order mark, but neither is so. Save it as UTF-8."
        ) from None
    if "\0" in text:
        raise InputError(f"`{path}` must be UTF-8 text, but holds a NUL. Save it in that encoding.")
    rows = _split(text.splitlines(), path)
    if not rows:
        return {}
    refuse_missing(rows, path)
    flags = {name: [_NUMBER.fullmatch(cell) is not None for cell in cells] for name, cells in rows.items()}
    is_number = [flag for row in flags.values() for flag in row]
    if all(is_number):
        numbers = {name: _read_numbers(cells, name, path) for name, cells in rows.items()}
        _refuse_number_header(numbers, path)
        return _join_column(numbers)
    if any(is_number):
        line = next(name for name, row in flags.items() if not all(row))
        raise InputError(
            f"`{path}` must hold whole numbers only or words only, got both (first word in {line}). "
            "Mark a header line with #."
        )
    _refuse_unclear_words(rows, path)
    return _join_column({name: np.array(cells, dtype=str) for name, cells in rows.items()})


def _split(lines: list[str], path: Path) -> Rows:
    """Cells of each line, without remarks; the separator is that of the whole file."""
    kept = {i: line for i, line in enumerate(lines, start=1) if not line.lstrip().startswith("#")}
    plain = {i: _REMARK.sub("", line) for i, line in kept.items()}
    separator = _find_separator(list(plain.values()), path)
    rows = _split_all(plain, separator, path)
    if all(_NUMBER.fullmatch(cell) for cells in rows.values() for cell in cells):
        return rows
    for i, line in kept.items():
        if line != plain[i]:
            raise InputError(
                f"`{path}`, line {i} must not have a # behind a space, since a remark and a symbol cannot be "
                "told apart there. Give remarks a line of their own."
            )
    return rows


def _split_all(lines: dict[int, str], separator: str, path: Path) -> Rows:
    rows = {f"line {i}": _split_line(line, separator, i, path) for i, line in lines.items()}
    return {name: cells for name, cells in rows.items() if cells}


def _find_separator(lines: list[str], path: Path) -> str:
    """The one separator that is used outside of quotes; a space where there is none."""
    bare = "\n".join(re.sub(r'"[^"]*"', "", line) for line in lines)
    found = [separator for separator in _SEPARATORS if separator in bare]
    if len(found) > 1:
        names = " and ".join(_SEPARATORS[separator] for separator in found)
        raise InputError(f"`{path}` must have one kind of separator, got {names}. Use one of them.")
    return found[0] if found else " "


def _split_line(line: str, separator: str, number: int, path: Path) -> list[str]:
    """Cells of a line; empty ones may only fill it up at the end."""
    if separator == " ":
        line = " ".join(line.split())
    try:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True), [])
    except csv.Error as error:
        raise InputError(f"`{path}`, line {number} must have whole cells, but: {error}.") from None
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    if "" in cells:
        is_index = not cells[0]
        remedy = (
            "Save a pandas table with index=False, header=False" if is_index else "Cut the sequence there"
        )
        raise InputError(f"`{path}`, line {number} must not have gaps, got an empty cell. {remedy}.")
    return cells


def refuse_missing(rows: Rows, path: Path) -> None:
    """Refuse words that say that a value is missing, which are no symbols.

    Raises
    ------
    InputError
    """
    for name, cells in rows.items():
        for step, cell in enumerate(cells):
            if not cell.strip() or cell.strip().lower() in MISSING:
                raise InputError(
                    f"`{path}`, {name} must hold symbols, got `{cell}` at step {step}, which says that a "
                    "value is missing. Cut the sequence there; rename a symbol that is called so."
                )


def _read_numbers(cells: list[str], name: str, path: Path) -> np.ndarray:
    """Whole numbers, also where they were written as floats."""
    values = []
    for step, cell in enumerate(cells):
        if _LEADING_ZERO.match(cell):
            raise InputError(
                f"`{path}`, {name} must not have numbers with leading zeros, got {cell} at step {step}. "
                "Separate symbols by commas or spaces; write 1 in place of 01."
            )
        value = float(cell)
        if abs(value) >= _LARGEST:
            raise InputError(
                f"`{path}`, {name} must hold numbers of symbols, got {cell} at step {step}. Number the "
                "symbols that occur from 0 on."
            )
        if value != int(value):
            raise InputError(
                f"`{path}`, {name} must hold whole numbers, got {cell} at step {step}. Number the symbols."
            )
        values.append(int(value))
    return np.array(values, dtype=np.int64)


def _refuse_number_header(rows: dict[str, np.ndarray], path: Path) -> None:
    """The numbers 0, 1, 2, … above lines of the same length are the header that pandas writes."""
    first, *others = rows.values()
    is_count = len(first) > 2 and np.array_equal(first, np.arange(len(first)))
    if is_count and others and all(len(row) == len(first) for row in others):
        raise InputError(
            f"`{path}` must hold sequences only, but its first line counts 0, 1, 2, … like the header of a "
            "pandas table. Save it with header=False; if it is a sequence, save all as .npy."
        )


def _refuse_unclear_words(rows: Rows, path: Path) -> None:
    """A header would become a sequence, and a line without separators one long word."""
    first, *others = rows.values()
    words = Counter(word for cells in rows.values() for word in cells)
    is_table = len(first) > 1 and bool(others) and all(len(cells) == len(first) for cells in others)
    if is_table and all(words[word] == 1 for word in first):
        raise InputError(
            f"`{path}` must hold sequences only, but no word of its first line occurs again, as in a header. "
            "Mark a header with #; if it is a sequence, save all as .npz."
        )
    is_column = all(len(cells) == 1 for cells in rows.values())
    if is_column and len(words) > len(rows) / 2:
        raise InputError(
            f"`{path}` must have separators between symbols, but each line is one word, and most words occur "
            "once. Separate symbols by commas or spaces."
        )


def _join_column(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One sequence where each line holds one symbol."""
    if len(rows) < 2 or any(len(row) != 1 for row in rows.values()):
        return rows
    return {next(iter(rows)): np.concatenate(list(rows.values()))}
