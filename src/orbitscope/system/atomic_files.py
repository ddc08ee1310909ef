"""Files and folders that are either whole or absent: write to a temporary name, flush, rename.

Where the system refuses, the error names the file, the reason and a remedy (:func:`name_refused`).
"""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError, RunFolderError, StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}\.tmp(\.\w+)?")
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_text(path: Path, text: str) -> None:
    """Replace a text file (UTF-8) in one step."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:  # a name of a file in another encoding, or half a character of JSON
        raise InputError(
            f"`{path}` must hold Unicode, got {text[error.start : error.end]!r} in a name. Rename what is "
            "called so."
        ) from None
    write_bytes(path, content)


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace a file in one step."""
    with replace_file(path) as temporary:
        temporary.write_bytes(content)


def append_text(path: Path, text: str) -> None:
    """Add text (UTF-8) to the end of a file; a kill, or a full disk, can leave a part of it."""
    with name_refused(path), path.open("ab") as file:
        file.write(text.encode("utf-8"))


def remove_file(path: Path) -> None:
    """Delete a file that may be missing."""
    with name_refused(path):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it takes the place of ``path``, on failure it is gone.

    Raises
    ------
    StorageError
        If the system refuses to write.
    """
    with name_refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=f".tmp{path.suffix}", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _flush(temporary)
            temporary.chmod(0o644)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def list_temporary_files(folder: Path, *, deep: bool) -> list[Path]:
    """Files that :func:`replace_file` leaves in a folder, or in those within it too, when it is killed."""
    found = (folder.rglob if deep else folder.glob)(".*.tmp*")
    return [file for file in found if _TEMPORARY.fullmatch(file.name)]


@contextlib.contextmanager
def build_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; on success it becomes ``path``, on failure it is gone.

    Raises
    ------
    RunFolderError
        If ``path`` is a file or a folder that holds something.
    StorageError
        If the system refuses to write.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise RunFolderError(f"`{path}` must be a new or empty folder, but it exists. Choose another place.")
    with name_refused(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _flush(file)
            temporary.chmod(0o755)
            try:
                if path.is_dir():
                    path.rmdir()
                temporary.rename(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                raise RunFolderError(
                    f"`{path}` must be a new or empty folder, but another process made it at the same time. "
                    "Wait for it or stop it."
                ) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def name_refused(path: Path) -> Iterator[None]:
    """Turn an error of the system while ``path`` is written into one that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        refused = StorageError(f"`{path}` {_explain(path, error)}")
        refused.errno = error.errno
        raise refused from error


def _explain(path: Path, error: OSError) -> str:
    """Requirement, reason and remedy."""
    if error.errno in _FULL:
        return (
            f"must fit on its disk, but {_describe_space(path)}. Free some space, or choose another place, "
            "then do it again: what was saved before is whole."
        )
    if error.errno in _FORBIDDEN:
        place = "file system is read-only" if error.errno == errno.EROFS else "system does not permit it"
        return f"must be writable, but its {place}. Change that, or choose another place."
    return f"must be writable, but: {error.strerror or error}. Choose another place."


def _describe_space(path: Path) -> str:
    existing = next(parent for parent in path.absolute().parents if parent.exists())
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(existing).free
        return f"the disk of `{existing}` is full ({free / 1e6:.3g} MB free)"
    return "it is full"


def _flush(path: Path) -> None:
    """Force the bytes to disk, so that a rename never outlives its content."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
