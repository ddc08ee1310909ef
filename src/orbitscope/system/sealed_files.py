"""Files that end in a checksum of all their bytes, so that damage is found before any library reads them."""

import hashlib
from pathlib import Path

from .atomic_files import write_bytes

_START = b"\nsha256 "
_LENGTH = len(_START) + 2 * hashlib.sha256().digest_size + 1


def write_sealed(path: Path, content: bytes | memoryview) -> None:
    """Write a file in one step, its checksum, a line of text, at its end; HDF5 passes over what follows.

    The content is made in memory: HDF5 ends the process where it cannot write to a disk that is full.
    """
    write_bytes(path, b"".join((content, _format_checksum(content))))


def describe_damage(path: Path) -> str | None:
    """Say in what way a file is not what was written, None if it is whole."""
    content = path.read_bytes()
    checksum = content[-_LENGTH:]
    if not checksum.startswith(_START):
        return "it has no checksum at its end: it was cut, or another program or an older version wrote it"
    if checksum != _format_checksum(content[:-_LENGTH]):
        return "its checksum does not match its content"
    return None


def _format_checksum(content: bytes | memoryview) -> bytes:
    return _START + hashlib.sha256(content).hexdigest().encode() + b"\n"
