"""Networks trained elsewhere: PyTorch state dicts of a one-layer RNN with a linear readout."""

import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from orbitscope.errors import InputError
from orbitscope.network import CELLS, NoiseRNN, build_network

PYTORCH_SUFFIXES = (".pt", ".pth", ".ckpt")
RECURRENT_NAMES = ("weight_hh_l0", "weight_hh", "w_hh")  # torch.nn.RNN, torch.nn.RNNCell, ours
OTHER_NAMES = {  # names beside the recurrent weights: input weights, biases (summed)
    "weight_hh_l0": ("weight_ih_l0", ("bias_ih_l0", "bias_hh_l0")),
    "weight_hh": ("weight_ih", ("bias_ih", "bias_hh")),
    "w_hh": ("w_ih", ("bias",)),
}
GATED_CELLS = {3: "a GRU", 4: "an LSTM"}
EXPECTED = (
    "rnn.weight_ih_l0, rnn.weight_hh_l0 and fc.weight (any prefix), or ours: cell.w_ih, cell.w_hh and w_out"
)


@dataclass(frozen=True)
class _Names:
    """Where the weights are; `root` is what the recurrent layer and the readout have in common."""

    root: str
    w_hh: str
    w_ih: str
    biases: tuple[str, ...]


def import_state_dict(path: str | Path, *, cell: str, prefix: str | None = None) -> NoiseRNN:
    """Build the network whose weights a file holds.

    Parameters
    ----------
    path                 .pt, .pth, .ckpt: a state dict saved by `torch.save`, on GPU or CPU, alone or inside
                         a checkpoint; .safetensors: the same tensors, or weights of a run folder. Names are
                         those of `torch.nn.RNN` and of one linear layer, each with any prefix
    cell : str           `relu` or `tanh`: the file does not tell, and `torch.nn.RNN` is tanh unless made with
                         `nonlinearity="relu"`
    prefix : str         read only the names that start with this; needed where a file holds several networks

    Returns
    -------
    NoiseRNN             float32 on the CPU; with biases in cell and readout if either has one (else zeros)

    Raises
    ------
    InputError           no such file; a pickle that `weights_only` refuses; no, or several, recurrent layers
                         or readouts; GRU or LSTM; several layers or directions; a shape that does not fit

    Notes
    -----
    Paper: Torre et al. 2025, eq. 1. PyTorch's two recurrent biases act as their sum.
    """
    tensors = _select(dict(_flatten(_read(Path(path)))), prefix, path)
    try:
        names = _find_recurrent(tensors)
        readout, readout_bias = _find_readout(tensors, names)
        _refuse_leftovers(tensors, names, {readout, readout_bias})
        return _build(tensors, names, readout, readout_bias, cell)
    except InputError as error:
        raise InputError(f"`{path}`: {error}") from None


def _read(path: Path) -> Mapping[Any, Any]:
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


def _select(tensors: dict[str, Tensor], prefix: str | None, path: str | Path) -> dict[str, Tensor]:
    selected = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix or "")}
    if tensors and not selected:
        raise InputError(
            f"`{path}`: `prefix` must begin the names of the weights, got `{prefix}`. "
            f"Names there: {_list(tensors)}."
        )
    return selected


def _list(names: Mapping[str, Tensor]) -> str:
    shapes = [f"{name} {tuple(tensor.shape)}" for name, tensor in names.items()]
    return ", ".join(shapes[:12]) + (f" and {len(shapes) - 12} more" if len(shapes) > 12 else "") or "none"


def _find_recurrent(tensors: dict[str, Tensor]) -> _Names:
    found = [name for name in tensors if name.rpartition(".")[2] in RECURRENT_NAMES]
    if not found:
        raise InputError(f"must hold the weights {EXPECTED}, got: {_list(tensors)}. Rename them.")
    if len(found) > 1:
        raise InputError(f"must hold one recurrent layer, got {', '.join(found)}. Choose one by `prefix`.")
    layer, _, last = found[0].rpartition(".")
    base = f"{layer}." if layer else ""
    for more, what in (("weight_hh_l1", "several layers"), ("weight_hh_l0_reverse", "two directions")):
        if base + more in tensors:
            raise InputError(f"`{base + more}` belongs to {what}. Supported are one-layer networks.")
    input_name, bias_names = OTHER_NAMES[last]
    if base + input_name not in tensors:
        raise InputError(
            f"`{base + input_name}` is missing beside `{found[0]}`. Names there: {_list(tensors)}."
        )
    parent = layer.rpartition(".")[0]
    biases = tuple(base + name for name in bias_names if base + name in tensors)
    return _Names(f"{parent}." if parent else "", found[0], base + input_name, biases)


def _find_readout(tensors: dict[str, Tensor], names: _Names) -> tuple[str, str]:
    """Names of the readout's weights and of its bias, which need not exist."""
    hidden_size = tensors[names.w_hh].shape[-1]
    for name, bias in (("w_out", "out_bias"), ("fc.weight", "fc.bias")):
        if names.root + name in tensors:
            return names.root + name, names.root + bias
    matrices = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith(names.root) and name.rpartition(".")[2] == "weight" and tensor.ndim == 2
    }
    fitting = [name for name, tensor in matrices.items() if tensor.shape[1] == hidden_size]
    if len(fitting) != 1:
        found = ", ".join(fitting) or f"none among: {_list(matrices)}"
        raise InputError(
            f"must hold one readout `{names.root}….weight` of shape (symbol, {hidden_size}), got {found}. "
            "Name it fc.weight."
        )
    return fitting[0], fitting[0].removesuffix("weight") + "bias"


def _refuse_leftovers(tensors: dict[str, Tensor], names: _Names, readout: set[str]) -> None:
    """A tensor that has no place here would change what the network does, so it is not dropped silently."""
    known = {names.w_hh, names.w_ih, *names.biases, *readout}
    left = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith(names.root) and name not in known and tensor.ndim and tensor.is_floating_point()
    }
    if left:
        raise InputError(
            f"holds weights that a noise-driven RNN with a linear readout does not have: {_list(left)}. "
            "Remove them if they do not act on the network, or choose the network by `prefix`."
        )


def _build(tensors: dict[str, Tensor], names: _Names, readout: str, readout_bias: str, cell: str) -> NoiseRNN:
    w_hh, w_ih, w_out = tensors[names.w_hh], tensors[names.w_ih], tensors[readout]
    hidden_size = w_hh.shape[-1] if w_hh.ndim else 0
    _check_square(names.w_hh, w_hh)
    _check_shape(names.w_ih, w_ih, (hidden_size, None))
    _check_shape(readout, w_out, (None, hidden_size))
    n_symbols, bias = w_out.shape[0], bool(names.biases) or readout_bias in tensors
    network = build_network(
        n_symbols,
        cell=cell,
        hidden_size=hidden_size,
        input_size=w_ih.shape[1],
        bias=bias,
        generator=torch.Generator().manual_seed(0),
    )
    weights = {"cell.w_hh": w_hh, "cell.w_ih": w_ih, "w_out": w_out}
    if bias:
        biases = {name: tensors[name] for name in names.biases}
        for name, tensor in biases.items():
            _check_shape(name, tensor, (hidden_size,))
        weights["cell.bias"] = sum((b.double() for b in biases.values()), torch.zeros(hidden_size).double())
        weights["out_bias"] = tensors.get(readout_bias, torch.zeros(n_symbols))
        _check_shape(readout_bias, weights["out_bias"], (n_symbols,))
    for name, tensor in weights.items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"`{name}` must be finite, got NaN or infinity. Import an earlier checkpoint.")
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return network


def _check_square(name: str, w_hh: Tensor) -> None:
    rows, columns = w_hh.shape if w_hh.ndim == 2 else (0, 0)
    gates, rest = divmod(rows, max(columns, 1))
    if gates in GATED_CELLS and rest == 0:
        raise InputError(
            f"`{name}` must have shape (hidden, hidden), got {tuple(w_hh.shape)}: {gates} gates, so this is "
            f"{GATED_CELLS[gates]}. Supported are the cells {', '.join(sorted(CELLS))}."
        )
    if rows != columns or rows == 0:
        raise InputError(f"`{name}` must have shape (hidden, hidden), got {tuple(w_hh.shape)}.")


def _check_shape(name: str, tensor: Tensor, shape: tuple[int | None, ...]) -> None:
    """Check a shape in which None stands for any size."""
    fits = tensor.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("None", "any")
        raise InputError(f"`{name}` must have shape {wanted}, got {tuple(tensor.shape)}. Check the file.")
