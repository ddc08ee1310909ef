"""Networks trained elsewhere: PyTorch weights of a one-layer RNN with a linear readout."""

import logging

import torch
from torch import Tensor, nn

from ..errors import InputError
from ..network import CELLS, Cell, NoiseRNN, build_network
from .weight_names import WeightNames, find_weights, list_names
from .weight_shapes import check_shape, convert_weights
from .weight_sources import WeightSource, name_source, read_tensors

_LOGGER = logging.getLogger(__name__)


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
        zeros). Weights of another precision are named in a warning of the log.

    Raises
    ------
    InputError
        No such file; a pickle that `weights_only` refuses; no, or several, recurrent layers or readouts; any
        other weight beside them, or one that is computed from others; GRU or LSTM; several layers or
        directions; a shape that does not fit; a cell that is not known, or not that of the module.

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
        names = find_weights(tensors, prefix=prefix or "")
        network = _build(_collect_weights(tensors, names), _resolve_cell(cell, source, names.w_hh))
    except InputError as error:
        raise InputError(f"`{name_source(source)}`: {error}") from None
    _tell_precision(tensors, name_source(source))
    return network


def _tell_precision(tensors: dict[str, Tensor], name: str) -> None:
    """Warn of weights that were of another precision than networks have here."""
    found = {str(tensor.dtype).removeprefix("torch.") for tensor in tensors.values() if tensor.ndim}
    if others := sorted(found - {"float32"}):
        _LOGGER.warning(
            "`%s`: weights are %s; they become float32, as networks have here", name, ", ".join(others)
        )


def _select(tensors: dict[str, Tensor], prefix: str | None) -> dict[str, Tensor]:
    selected = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix or "")}
    if tensors and not selected:
        raise InputError(
            f"`prefix` must begin the names of the weights, got `{prefix}`. Names there: "
            f"{list_names(tensors)}."
        )
    return selected


def _collect_weights(tensors: dict[str, Tensor], names: WeightNames) -> dict[str, Tensor]:
    """Checked weights under our names."""
    n_symbols, hidden_size = tensors[names.w_out].shape[0], tensors[names.w_hh].shape[0]
    shapes: dict[str, tuple[int | None, ...]] = {
        names.w_hh: (hidden_size, hidden_size),
        names.w_ih: (hidden_size, None),
        names.w_out: (None, hidden_size),
        **dict.fromkeys(names.biases, (hidden_size,)),
    }
    if names.out_bias is not None:
        shapes[names.out_bias] = (n_symbols,)
    for name, shape in shapes.items():
        check_shape(name, tensors[name], shape)
    read = {name: convert_weights(name, tensors[name]) for name in shapes}

    weights = {"cell.w_hh": read[names.w_hh], "cell.w_ih": read[names.w_ih], "w_out": read[names.w_out]}
    if names.biases or names.out_bias:
        biases = [tensors[name].double() for name in names.biases]
        summed = sum(biases, torch.zeros(hidden_size, dtype=torch.float64))
        weights["cell.bias"] = convert_weights(" + ".join(names.biases), summed)
        weights["out_bias"] = read[names.out_bias] if names.out_bias else torch.zeros(n_symbols)
    return weights


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
