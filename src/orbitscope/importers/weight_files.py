"""Files with weights: what `torch.save` and safetensors wrote is read, all else is named with what to do."""

import codecs
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from ..errors import InputError
from .file_checks import WEIGHT_SUFFIXES, advise_on_arrays, read_first_bytes

SAFETENSORS = WEIGHT_SUFFIXES[-1]

_ZIP = b"PK\x03\x04"
_OLD_TORCH = b"l\xfc\x9cF\xf9 j\xa8P\x19"  # the number at the beginning of files before torch 1.6
_KINDS = (
    (
        b"\x89HDF",
        "an HDF5 file",
        "Load it with what wrote it, and save the network's state_dict by torch.save",
    ),
    (b"\x93NUMPY", "a NumPy array", "Save a mapping from names to tensors by torch.save"),
    (b"\x1f\x8b", "a gzip archive", "Unpack it, and name the file with the weights"),
)
"""How other files begin, what they are, and what to do."""

_TORCH_BEGINS = (_ZIP, b"\x80")
"""How files of torch.save begin: an archive, or a pickle."""

_UNTRUSTED = "A pickle could run any code, so it is not opened"


def read_weight_file(path: Path) -> Mapping[Any, Any]:
    """What a file holds: a state dict, or a checkpoint around one. No code of a file is run.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of another format; if it holds other objects than tensors, or is
        no mapping.
    """
    suffix = path.suffix.lower()
    if suffix not in WEIGHT_SUFFIXES:
        raise InputError(
            f"`{path}` must end in {', '.join(WEIGHT_SUFFIXES[:-1])} or {SAFETENSORS}, got `{path.suffix}`. "
            f"Save the network's state_dict with torch.save; if that wrote this file, rename it. "
            f"{advise_on_arrays(path)}".rstrip()
        )
    head = read_first_bytes(path)
    if found := _find_other_kind(path, head):
        kind, remedy = found
        raise InputError(f"`{path}` must hold weights, got {kind}. {remedy}.")
    try:
        loaded = load_file(path) if suffix == SAFETENSORS else _load_pytorch(path)
    except pickle.UnpicklingError as error:
        raise _describe_pickle(path, str(error)) from None
    except Exception as error:  # a damaged file makes its reader raise anything
        if suffix != SAFETENSORS and not head.startswith(_TORCH_BEGINS):
            raise InputError(
                f"`{path}` must be a file that torch.save wrote, got one that begins with {head[:8]!r}. "
                "Save the network's state_dict with torch.save."
            ) from None
        reason = str(error).partition("\n")[0].rstrip(".") or "it ends too early"
        raise InputError(
            f"`{path}` must be a whole {suffix} file, got: {reason}. Copy or download it again, or save it "
            "anew."
        ) from None
    if not isinstance(loaded, Mapping):
        raise InputError(
            f"`{path}` must hold a mapping from names to tensors, got {type(loaded).__name__}. "
            "Save the network's state_dict."
        )
    return loaded


def _load_pytorch(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        _check_sums(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own formats
        return torch.load(path, map_location="cpu", weights_only=True)


_IS_FOLDER = 0x10
"""Attribute of an entry of a zip archive."""


def _check_sums(path: Path) -> None:
    """Torch does not look at the checksums of its archives: a weight that was changed would be believed."""
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
        entries = archive.infolist()
    if any(entry.external_attr & _IS_FOLDER for entry in entries):  # torch would leave its memory as it was
        raise ValueError("an array in it is marked as a folder")
    if damaged is not None:
        raise ValueError(
            f"`{damaged}` has another checksum than when it was written (or none, by set_crc32_options)"
        )


def _find_other_kind(path: Path, head: bytes) -> tuple[str, str] | None:
    """What else a file is than its ending says, and what to do about it."""
    wants_safetensors = path.suffix.lower() == SAFETENSORS
    if _begins_safetensors(head):
        return None if wants_safetensors else ("a safetensors file", "Rename it to end in .safetensors")
    if _ZIP.startswith(head[: len(_ZIP)]):
        found = _find_other_archive(path)
        is_torch = found is None
    else:
        found = next(((kind, remedy) for start, kind, remedy in _KINDS if head.startswith(start)), None)
        is_torch = _OLD_TORCH in head[:64]
    if found is None and wants_safetensors and is_torch:
        return "a file of torch.save", "Rename it to end in .pt"
    if found is None and head[257:262] == b"ustar":
        return "a tar archive", "Unpack it, and name the file with the weights"
    if found is None and (text := _read_text(head)):
        start = text[:40].split("\n")[0]
        kind = f"text that begins with `{start}`, which torch.save did not write"
        return kind, "Save the network's state_dict with torch.save"
    return found


def _begins_safetensors(head: bytes) -> bool:
    """Whether a length and a JSON table come first."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100_000_000


def _read_text(head: bytes) -> str:
    """The beginning as text; empty where it is none, or too short to tell."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # whose last letter may be cut
    except UnicodeDecodeError:
        return ""
    is_text = len(text) >= 4 and all(letter in "\t\n\r" or letter.isprintable() for letter in text)
    return text if is_text else ""


def _find_other_archive(path: Path) -> tuple[str, str] | None:
    """What a zip archive is, if `torch.save` did not write it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises anything for a damaged archive
        return "an archive that is damaged, or ends too early", "Copy or download it again"
    inner = {name.partition("/")[2] for name in names}
    if {"data.pkl", "constants.pkl"} <= inner:
        return (
            "a TorchScript archive, which is a program",
            "Where you trust it, save torch.save(torch.jit.load(…).state_dict(), …)",
        )
    if "data.pkl" in inner:
        return None
    if "archive_format" in inner:
        return (
            "a program of torch.export",
            "Where you trust it, save torch.save(dict(torch.export.load(…).state_dict), …)",
        )
    if all(name.endswith(".npy") for name in names):
        return (
            "a NumPy archive",
            "Save torch.save({name: torch.from_numpy(array) for name, array in np.load(…).items()}, …)",
        )
    return f"a zip archive with {', '.join(names[:4])}", "Unpack it, and name the file with the weights"


def _describe_pickle(path: Path, text: str) -> InputError:
    """What `torch.load` refused: a class that it names, or what is no pickle of tensors at all."""
    refused = re.search(r"GLOBAL ([\w.]+)", text)
    if refused:
        return InputError(
            f"`{path}` must hold tensors only, got an object of `{refused[1]}`: a whole module, or something "
            f"beside the weights of a checkpoint. {_UNTRUSTED}. Where you trust it, load it with "
            "found = torch.load(…, weights_only=False) and save torch.save(found.state_dict(), …), or of a "
            'checkpoint its weights alone, such as torch.save(found["state_dict"], …).'
        )
    return InputError(
        f"`{path}` must be written by torch.save with the default `pickle_protocol`, got a pickle of another "
        f"kind, or a damaged file. {_UNTRUSTED}. Where you trust it, load it with what wrote it and save "
        "torch.save(model.state_dict(), …); else copy or download it again."
    )
