"""Files that others wrote: arrays that are whole, and one error for all that parsers raise."""

import codecs
import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from ..errors import InputError, OrbitscopeError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the byte order marks that editors put at the beginning."""


@contextlib.contextmanager
def explain_damage(
    path: Path, requirement: str, remedy: str, *, kind: type[OrbitscopeError] = InputError
) -> Iterator[None]:
    """Turn whatever a parser raises while it reads a file into an error that says what to do.

    Parameters
    ----------
    path : Path
    requirement : str
        What the file must be, after "must".
    remedy : str
    kind : type
        Of the error.
    """
    try:
        yield
    except OrbitscopeError:
        raise
    except Exception as error:  # on damaged bytes parsers raise anything: struct.error, RecursionError, …
        reason = str(error).rstrip(".") or "it ends too early"
        raise kind(f"`{path}` must {requirement}, but: {reason}. {remedy}") from error


def require_path(path: str | Path) -> Path:
    """A path, unless no file can have it: it is too long, or holds a NUL.

    Raises
    ------
    InputError
    """
    try:
        os.lstat(path)
    except ValueError as error:
        raise InputError(f"`{path}` must be a path, but: {error}. Check it.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(f"`{path}` must be a path, but it is too long. Check it.") from None
    return Path(path)


def require_file(path: Path) -> None:
    """Refuse a path where there is no file.

    Raises
    ------
    InputError
    """
    if not require_path(path).is_file():
        raise InputError(f"`{path}` must be an existing file, got none there. Check the path.")


def read_text(path: Path) -> str:
    """Text in UTF-8, or in the UTF-16 or UTF-32 that its first bytes tell; these are no part of it.

    Raises
    ------
    UnicodeDecodeError, OSError
        If it is in another encoding, or cannot be read.
    """
    content = path.read_bytes()
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    return content.decode(encoding)


def read_array(path: Path) -> np.ndarray:
    """The array of an .npy file.

    Raises
    ------
    ValueError, EOFError, OSError, MemoryError
        If the file is damaged, or holds pickled objects or anything behind the array.
    """
    with path.open("rb") as file:
        array = np.load(file, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of arrays, as .npz files are")
        if file.read(1):
            raise ValueError("more bytes than its array has")
    return array


def read_named_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, after all its checksums were compared.

    NumPy alone stops where an array ends, before the checksum, if its length is what was damaged.

    Raises
    ------
    ValueError, OSError, MemoryError, zipfile.BadZipFile, zlib.error, …
        If the file is damaged, or holds pickled objects or anything but arrays.
    """
    with path.open("rb") as file:
        with ZipFile(file) as archive:
            if damaged := archive.testzip():
                raise ValueError(f"the checksum of {damaged} does not match")
        file.seek(0)
        with np.load(file, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise ValueError(f"`{name}`, which is no array")
    return arrays
