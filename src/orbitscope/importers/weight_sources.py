"""Where the weights of a network come from: a file, or a state dict or a module in memory."""

import re
from collections.abc import Iterator, Mapping
from numbers import Number
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import InputError
from .weight_files import read_weight_file

WeightSource = str | Path | Mapping[Any, Any] | nn.Module
"""A file, a state dict (alone or inside a checkpoint), or a module, whose state dict is meant."""

RECURRENT_NAMES = ("weight_hh_l0", "weight_hh", "w_hh")  # torch.nn.RNN, torch.nn.RNNCell, ours

_RECORDS = re.compile(
    r"optim(izers?|isers?)?|opt|schedulers?|lr|scaler|amp|loss(es)?|history|metrics?|callbacks?|loops?|rng|"
    r"random|seed|epochs?|steps?|hyper|hparams|hyperparameters|args|config|cfg"
)
"""Words in the keys of what a checkpoint keeps beside the network."""

_DEEPEST = 50


def name_source(source: WeightSource) -> str:
    """Path of a file, or what is in memory."""
    if isinstance(source, nn.Module):
        return f"module {type(source).__name__} in memory"
    return "state dict in memory" if isinstance(source, Mapping) else str(source)


def read_tensors(source: WeightSource) -> dict[str, Tensor]:
    """Tensors by name, on the CPU; those of nested mappings have names joined by dots.

    Arrays and lists of numbers count as tensors. Of a checkpoint, what training keeps beside the network
    (optimizers, losses, counters) is left out.

    Raises
    ------
    InputError
        If a file is missing, damaged, of another format, or holds other objects than tensors; if a tensor has
        no values, or two have the same name.
    """
    if isinstance(source, str | Path):
        values = read_weight_file(Path(source))
    elif isinstance(source, Mapping | nn.Module):
        values = source
    else:
        raise InputError(
            f"`source` must be a path, a state dict or a torch.nn.Module, got {type(source).__name__}. Pass "
            "model.state_dict()."
        )
    try:
        return _collect(values)
    except InputError as error:
        raise InputError(f"`{name_source(source)}`: {error}") from None


def _collect(values: Any) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, tensor in _flatten(values):
        if name in tensors:
            raise InputError(f"names of weights must differ, got `{name}` twice. Rename one of them.")
        tensors[name] = tensor
    if not tensors and (items := _list_items(values)):
        found = ", ".join(f"`{name}` ({type(value).__name__})" for name, value in items[:8])
        raise InputError(f"must hold tensors by name, got {found}. Save the network's state_dict.")
    return tensors


def split_words(name: str) -> list[str]:
    """Words of a name in lower case, as in `optimizer_states` and `inputLayer`."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)]


def _flatten(values: Any, prefix: str = "", parents: tuple[int, ...] = ()) -> Iterator[tuple[str, Tensor]]:
    """Tensors of nested containers, their names joined by dots: a checkpoint's `model` becomes a prefix."""
    if id(values) in parents or len(parents) > _DEEPEST:
        raise InputError(
            f"`{prefix.rstrip('.')}` must not be nested in itself, nor deeper than {_DEEPEST} times, but is. "
            "Save the network's state_dict alone."
        )
    items = _list_items(values)
    is_checkpoint = any(_holds_network(value) for _, value in items)
    for key, value in items:
        if is_checkpoint and _is_record(key, value):
            continue
        if _is_container(value):
            yield from _flatten(value, f"{prefix}{key}.", (*parents, id(values)))
        elif (tensor := _convert(f"{prefix}{key}", value)) is not None:
            yield f"{prefix}{key}", tensor


def _list_items(values: Any) -> list[tuple[str, Any]]:
    if isinstance(values, nn.Module):
        values = values.state_dict()
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
    return [(str(key), value) for key, value in pairs]


def _is_container(value: Any, depth: int = 0) -> bool:
    """Whether something can hold tensors; lists of numbers are arrays."""
    if depth > _DEEPEST:
        return True  # to be refused
    if isinstance(value, list | tuple):
        return any(_is_container(item, depth + 1) or isinstance(item, Tensor | np.ndarray) for item in value)
    return isinstance(value, Mapping | nn.Module)


def _holds_network(value: Any, seen: frozenset[int] = frozenset()) -> bool:
    """Whether a container has recurrent weights in it."""
    if not _is_container(value) or id(value) in seen:
        return False
    return any(
        any(name in key for name in RECURRENT_NAMES) or _holds_network(inner, seen | {id(value)})
        for key, inner in _list_items(value)
    )


def _is_record(key: str, value: Any) -> bool:
    """Whether an entry beside a network is what training keeps: an optimizer, a number, a list of losses."""
    if _holds_network(value):
        return False
    if isinstance(value, Mapping) and {"state", "param_groups"} <= value.keys():
        return True
    if isinstance(value, list | tuple) and all(isinstance(item, Number) for item in value):
        return True
    is_scalar = isinstance(value, Tensor) and value.ndim == 0
    return is_scalar or ("." not in key and any(_RECORDS.fullmatch(word) for word in split_words(key)))


def _convert(name: str, value: Any) -> Tensor | None:
    """A tensor of its own on the CPU; None for what is none, such as a number, a word or a list of sizes."""
    if isinstance(value, Tensor):
        if is_lazy(value) or value.is_meta:
            raise InputError(
                f"`{name}` must have values, got a tensor without (lazy, or on the device meta). Run the "
                "model once, or load its weights, before you save them."
            )
        return value.detach().cpu()
    kinds, array = _read_array(value)
    if array.dtype.kind in kinds and array.size:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    is_weight = name.rpartition(".")[2].startswith(("weight", "bias", "w_"))
    if is_weight and not (value is None or isinstance(value, bool | str)):
        raise InputError(
            f"`{name}` must be a tensor or an array of numbers, got {type(value).__name__}. Save it as a "
            "tensor, or leave it out."
        )
    return None


def _read_array(value: Any) -> tuple[str, np.ndarray]:
    """Kinds of numbers that make an array of a value, and the array; of lists those with fractions alone."""
    kinds = "f" if isinstance(value, list | tuple) else "biufc"
    is_array = kinds == "f" or (hasattr(value, "__array__") and not isinstance(value, np.generic))
    try:
        return kinds, np.array(value if is_array else None)
    except ValueError:  # rows of unequal length
        return kinds, np.array(None)
