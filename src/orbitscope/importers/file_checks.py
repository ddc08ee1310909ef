"""What every file to import must be: there, readable, not empty, and not what stands in the place of it."""

import os
from pathlib import Path

from ..errors import InputError

WEIGHT_SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")
"""How names of files with weights end."""

_ARRAY_SUFFIXES = (".npz", ".npy", ".mat")
"""How names of files with arrays end, which may be weights."""

_POINTER = b"version https://git-lfs.github.com/spec/"
_WEB_PAGE = (b"<!doctype html", b"<html")
_N_BYTES = 512


def advise_on_arrays(path: Path) -> str:
    """How a file with weights is made of one that may hold them as arrays; nothing for other files."""
    if path.suffix.lower() not in _ARRAY_SUFFIXES:
        return ""
    return (
        "If it holds weights as arrays of shape (hidden, input), (hidden, hidden) and (symbol, hidden), save "
        'them in Python: torch.save({"rnn.weight_ih_l0": torch.tensor(w_ih), "rnn.weight_hh_l0": '
        'torch.tensor(w_hh), "fc.weight": torch.tensor(w_out)}, "net.pt").'
    )


def read_first_bytes(path: Path) -> bytes:
    """The beginning of a file that holds something of its own.

    Raises
    ------
    InputError
        If there is no such file, or a folder; if the system refuses to read it; if it is empty, a pointer of
        Git LFS, or a web page.
    """
    if os.path.isdir(path):
        raise InputError(f"`{path}` must be a file, got a folder. Name the file in it.")
    if not os.path.isfile(path):
        raise InputError(f"`{path}` must be an existing file, got none there. Check the path.")
    try:
        with open(path, "rb") as file:
            head = file.read(_N_BYTES)
    except OSError as error:
        raise InputError(
            f"`{path}` must be readable, but: {error.strerror}. Change that, or copy the file."
        ) from None
    if not head:
        raise InputError(f"`{path}` must hold something, got an empty file. Copy or download it again.")
    if head.startswith(_POINTER):
        raise InputError(
            f"`{path}` must be the file itself, got a pointer of Git LFS. Run `git lfs pull` in its "
            "repository."
        )
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGE):
        raise InputError(
            f"`{path}` must be the file itself, got a web page (HTML). Download it from the link that gives "
            "the raw file."
        )
    return head
