"""Networks trained elsewhere: PyTorch weights of a one-layer RNN with a linear readout."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..network import CELLS, Cell, NoiseRNN, build_network
from .weight_sources import WeightSource, name_source, read_tensors

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


def import_state_dict(
    source: WeightSource, *, cell: str | None = None, prefix: str | None = None
) -> NoiseRNN:
    """Build a network of weights from a file or from memory.

    Parameters
    ----------
    source : path, mapping or torch.nn.Module
        A file: .pt, .pth, .ckpt (saved by `torch.save`, on GPU or CPU) or .safetensors, or weights of a run
        folder. Or a state dict, alone or inside a checkpoint. Or a module, of which only the weights are
        taken: what else its `forward` does is not seen. Names are those of `torch.nn.RNN` and of one linear
        layer, each with any prefix.
    cell : str, optional
        `relu` or `tanh`; may be left out for a module with a `torch.nn.RNN` or a network of ours. Weights
        alone do not tell, and `torch.nn.RNN` is tanh unless made with `nonlinearity="relu"`.
    prefix : str, optional
        Read only the names that start with this; needed where there are several networks.

    Returns
    -------
    NoiseRNN
        Copies of the weights, float32 on the CPU; with biases in cell and readout if either has one (else
        zeros).

    Raises
    ------
    InputError
        No such file; a pickle that `weights_only` refuses; no, or several, recurrent layers or readouts; GRU
        or LSTM; several layers or directions; a shape that does not fit; a cell that is not known, or not
        that of the module.

    Notes
    -----
    Paper: Torre et al. 2025, eq. 1. PyTorch's two recurrent biases act as their sum.

    Examples
    --------
    >>> model = torch.nn.ModuleDict({"rnn": torch.nn.RNN(100, 150), "fc": torch.nn.Linear(150, 3)})
    >>> network = import_state_dict(model)  # tanh; input 100, hidden 150, 3 symbols
    """
    tensors = read_tensors(source)
    try:
        tensors = _select(tensors, prefix)
        names = _find_recurrent(tensors)
        readout, readout_bias = _find_readout(tensors, names)
        _refuse_leftovers(tensors, names, {readout, readout_bias})
        weights = _collect_weights(tensors, names, readout, readout_bias)
        return _build(weights, _resolve_cell(cell, source, names.w_hh))
    except InputError as error:
        raise InputError(f"`{name_source(source)}`: {error}") from None


def _select(tensors: dict[str, Tensor], prefix: str | None) -> dict[str, Tensor]:
    selected = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix or "")}
    if tensors and not selected:
        raise InputError(
            f"`prefix` must begin the names of the weights, got `{prefix}`. Names there: {_list(tensors)}."
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
        if name.startswith(names.root) and name not in known and tensor.ndim and _is_weight(tensor)
    }
    if left:
        raise InputError(
            f"holds weights that a noise-driven RNN with a linear readout does not have: {_list(left)}. "
            "Remove them if they do not act on the network, or choose the network by `prefix`."
        )


def _is_weight(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _collect_weights(
    tensors: dict[str, Tensor], names: _Names, readout: str, readout_bias: str
) -> dict[str, Tensor]:
    """Checked weights under our names."""
    w_hh, w_ih, w_out = tensors[names.w_hh], tensors[names.w_ih], tensors[readout]
    for name in (names.w_hh, names.w_ih, readout, *names.biases, *{readout_bias}.intersection(tensors)):
        _require_plain(name, tensors[name])
    hidden_size = w_hh.shape[-1] if w_hh.ndim else 0
    _check_square(names.w_hh, w_hh)
    _check_shape(names.w_ih, w_ih, (hidden_size, None))
    _check_shape(readout, w_out, (None, hidden_size))
    weights = {"cell.w_hh": w_hh, "cell.w_ih": w_ih, "w_out": w_out}

    if names.biases or readout_bias in tensors:
        biases = {name: tensors[name] for name in names.biases}
        for name, tensor in biases.items():
            _check_shape(name, tensor, (hidden_size,))
        weights["cell.bias"] = sum((b.double() for b in biases.values()), torch.zeros(hidden_size).double())
        weights["out_bias"] = tensors.get(readout_bias, torch.zeros(len(w_out)))
        _check_shape(readout_bias, weights["out_bias"], (len(w_out),))

    return {name: _convert(name, tensor) for name, tensor in weights.items()}


def _require_plain(name: str, tensor: Tensor) -> None:
    """Weights that would lose something on the way to float32 are refused."""
    if tensor.layout != torch.strided:
        raise InputError(f"`{name}` must be dense, got {tensor.layout}. Save tensor.to_dense().")
    if not tensor.is_floating_point():
        raise InputError(
            f"`{name}` must hold real floating-point numbers, got {tensor.dtype}. Save the weights that the "
            "network computes with."
        )


def _convert(name: str, tensor: Tensor) -> Tensor:
    """Weights as float32, in which they must be finite."""
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"`{name}` must be finite, got NaN or infinity. Import an earlier checkpoint.")
    converted = tensor.float()
    if not bool(torch.isfinite(converted).all()):
        largest = float(tensor.abs().max())
        raise InputError(
            f"`{name}` must fit float32, whose largest number is 3.4e38, got {largest:.1e}. Import an "
            "earlier checkpoint."
        )
    return converted


def _resolve_cell(cell: str | None, source: WeightSource, recurrent: str) -> str:
    """Cell that is asked for or that the module tells, which must agree."""
    layer = recurrent.rpartition(".")[0]
    told = _find_cell(source, layer) if isinstance(source, nn.Module) else None
    chosen = told if cell is None else cell
    if chosen is None:
        raise InputError(
            f"`cell` must be {' or '.join(CELLS)}, got none. Weights alone do not tell; torch.nn.RNN is tanh "
            "unless made with nonlinearity='relu'."
        )
    if told not in (None, chosen):
        raise InputError(f"`cell` must be `{told}` like the layer `{layer}`, got `{chosen}`. Leave it out.")
    return chosen


def _find_cell(module: nn.Module, layer: str) -> str | None:
    """Cell of a layer of a module, None where the layer does not say."""
    found = dict(module.named_modules(remove_duplicate=False)).get(layer)
    if isinstance(found, nn.RNN | nn.RNNCell):
        return str(found.nonlinearity)
    return found.name if isinstance(found, Cell) else None


def _build(weights: dict[str, Tensor], cell: str) -> NoiseRNN:
    hidden_size, input_size = weights["cell.w_ih"].shape
    network = build_network(
        len(weights["w_out"]),
        cell=cell,
        hidden_size=hidden_size,
        input_size=input_size,
        bias="out_bias" in weights,
        generator=torch.Generator().manual_seed(0),
    )
    network.load_state_dict(weights)
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
        raise InputError(f"`{name}` must have shape {wanted}, got {tuple(tensor.shape)}. Check the weights.")
