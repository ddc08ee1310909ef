"""Checkpoints: weights, and the whole training state, as safetensors with a checksum inside."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import DamagedFileError, RunFolderError
from ..system.atomic_files import write_bytes
from ..system.foreign_files import require_path
from ..training import TrainingState

_CHECKSUM = "sha256"
_NUMBERS = {"epoch", "plateau_exit_epoch", "best_epoch", "best_validation_loss"}
"""What every training state holds beside tensors."""

_WORD = 8  # bytes of the number that a safetensors file starts with: the length of its header


@dataclass(frozen=True)
class TensorFile:
    """Named tensors and the metadata saved with them."""

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write tensors and JSON-able metadata in one step, with a checksum; same content, same bytes."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata, sort_keys=True)
    header = {"orbitscope": text, _CHECKSUM: digest_tensors(plain, text)}
    write_bytes(path, _sort_metadata(save(plain, metadata=header)))


def load_tensors(path: Path) -> TensorFile:
    """Read a file written by :func:`save_tensors`.

    Raises
    ------
    RunFolderError
        If the file is missing; DamagedFileError if it is truncated or its checksum does not match.
    """
    if not require_path(path).is_file():
        raise RunFolderError(f"`{path}` must exist, but does not. Check the run folder's name.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    text = header.get("orbitscope", "{}")
    if header.get(_CHECKSUM) != digest_tensors(tensors, text):
        raise _damaged(path, "its checksum does not match its content")
    return TensorFile(tensors, json.loads(text))


def save_training_state(path: Path, state: TrainingState) -> None:
    """Write everything that resuming needs: weights, best weights, optimiser moments, epoch."""
    tensors = {f"weights.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in state.best_weights.items()}
    if state.average.n_averaged:
        tensors |= {f"average.{k}": v for k, v in state.average.state_dict().items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(v) for k, v in moments.items()}
    best_loss = state.best_validation_loss if state.best_epoch else None
    metadata = {
        "epoch": state.epoch,
        "plateau_exit_epoch": state.plateau_exit_epoch,
        "n_holding": state.n_holding,
        "best_epoch": state.best_epoch,
        "best_validation_loss": best_loss,
    }
    save_tensors(path, tensors, metadata)


def restore_training_state(path: Path, state: TrainingState) -> None:
    """Fill a freshly initialised state from a file written by :func:`save_training_state`."""
    saved = load_tensors(path)
    missing = _NUMBERS - set(saved.metadata)
    if missing:
        raise RunFolderError(
            f"`{path}` must hold a training state of this version, but lacks {', '.join(sorted(missing))}. "
            "Continue the run with the version in its provenance.json, or train anew."
        )
    load_weights(state.network, _select(saved.tensors, "weights."), path)
    groups = state.optimizer.state_dict()["param_groups"]
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _select(saved.tensors, "optimizer.").items():
        index, _, key = name.partition(".")
        moments.setdefault(int(index), {})[key] = tensor
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    if average := _select(saved.tensors, "average."):
        state.average.load_state_dict(average)
    state.epoch, state.best_epoch = saved.metadata["epoch"], saved.metadata["best_epoch"]
    state.plateau_exit_epoch = saved.metadata["plateau_exit_epoch"]
    state.n_holding = saved.metadata.get("n_holding", 0)  # earlier versions did not ask
    if state.best_epoch:
        state.best_validation_loss = saved.metadata["best_validation_loss"]
        state.best_weights = _select(saved.tensors, "best.")


def load_weights(network: torch.nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Copy weights into a network after checking names and shapes one by one."""
    expected = network.state_dict()
    for name, tensor in expected.items():
        found = tuple(weights[name].shape) if name in weights else "nothing"
        if found != tuple(tensor.shape):
            raise RunFolderError(
                f"`{path}`: `{name}` must have shape {tuple(tensor.shape)} for this network, got {found}. "
                "Use the settings that the checkpoint was trained with."
            )
    extra = sorted(set(weights) - set(expected))
    if extra:
        raise RunFolderError(f"`{path}` holds weights that this network does not have: {', '.join(extra)}.")
    network.load_state_dict(weights)


def _select(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _sort_metadata(content: bytes) -> bytes:
    """Put the metadata of a safetensors file in order; the library orders only the tensors."""
    end = _WORD + int.from_bytes(content[:_WORD], "little")
    header = json.loads(content[_WORD:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _WORD)  # as the library does: tensors start at a multiple of 8
    return len(text).to_bytes(_WORD, "little") + text + content[end:]


def digest_tensors(tensors: dict[str, Tensor], text: str = "") -> str:
    """SHA-256 over a text and tensors on the CPU: their names, types, shapes and values."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _damaged(path: Path, reason: str) -> DamagedFileError:
    return DamagedFileError(
        f"`{path}` must be a whole safetensors file, but {reason}. Delete it to use an older one."
    )
