"""Where the weights of a network come from: a file, or a state dict or a module in memory."""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError

WeightSource = str | Path | Mapping[Any, Any] | nn.Module
"""A file, a state dict (alone or inside a checkpoint), or a module, whose state dict is meant."""

PYTORCH_SUFFIXES = (".pt", ".pth", ".ckpt")


def name_source(source: WeightSource) -> str:
    """Path of a file, or what is in memory."""
    if isinstance(source, nn.Module):
        return f"module {type(source).__name__} in memory"
    return "state dict in memory" if isinstance(source, Mapping) else str(source)


def read_tensors(source: WeightSource) -> dict[str, Tensor]:
    """Tensors by name, on the CPU; those of nested mappings have names joined by dots.

    Raises
    ------
    InputError
        If a file is missing, damaged, of another format, or holds other objects than tensors.
    """
    if isinstance(source, nn.Module):
        source = source.state_dict()
    values = source if isinstance(source, Mapping) else _read_file(Path(source))
    return {name: tensor.detach().cpu() for name, tensor in _flatten(values)}


def _read_file(path: Path) -> Mapping[Any, Any]:
    suffix = path.suffix.lower()
    if suffix not in (*PYTORCH_SUFFIXES, ".safetensors"):
        raise InputError(
            f"`{path}` must end in {', '.join(PYTORCH_SUFFIXES)} or .safetensors, got `{path.suffix}`. "
            "Save the network's state_dict with torch.save."
        )
    if not path.is_file():
        raise InputError(f"`{path}` must be an existing file, got none there. Check the path.")
    try:
        loaded = load_file(path) if suffix == ".safetensors" else _load_pytorch(path)
    except pickle.UnpicklingError:
        raise InputError(
            f"`{path}` must hold tensors only, got other objects, such as a whole module, or a damaged file. "
            "A pickle could run any code, so it is not opened. Where you trust it, load it with "
            "model = torch.load(…, weights_only=False) and save torch.save(model.state_dict(), …)."
        ) from None
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise InputError(f"`{path}` must be a whole {suffix} file, got: {reason}. Save it anew.") from None
    if not isinstance(loaded, Mapping):
        raise InputError(
            f"`{path}` must hold a mapping from names to tensors, got {type(loaded).__name__}. "
            "Save the network's state_dict."
        )
    return loaded


def _load_pytorch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def _flatten(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Tensors of nested mappings, their names joined by dots: a checkpoint's `model` becomes a prefix."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            yield f"{prefix}{name}", value
