"""Which tensors of a state dict are the recurrent layer and the readout; any other one is refused."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError
from .weight_shapes import check_shape, check_square
from .weight_sources import RECURRENT_NAMES, split_words

OTHER_NAMES = {  # names beside the recurrent weights: input weights, biases (summed)
    "weight_hh_l0": ("weight_ih_l0", ("bias_ih_l0", "bias_hh_l0")),
    "weight_hh": ("weight_ih", ("bias_ih", "bias_hh")),
    "w_hh": ("w_ih", ("bias",)),
}
EXPECTED = (
    "rnn.weight_ih_l0, rnn.weight_hh_l0 and fc.weight (any prefix; biases rnn.bias_hh_l0 and fc.bias), or "
    "ours: cell.w_ih, cell.w_hh and w_out"
)

_INPUT_WORDS = re.compile(r"embed(dings?)?|emb|enc(oder)?|inp(uts?)?|in")
"""Words in names of layers before the recurrent one, whose weights may have the shape of a readout."""

_REMOVALS = (
    (r"(.*?)([^.]+)_orig", "{0}{1}_mask", "torch.nn.utils.prune.remove"),
    (r"(.*?)([^.]+)_orig", "{0}{1}_u", "torch.nn.utils.remove_spectral_norm"),
    (r"(.*?)([^.]+)_g", "{0}{1}_v", "torch.nn.utils.remove_weight_norm"),
    (
        r"(.*?)parametrizations\.([^.]+)\.original\d*",
        None,
        "torch.nn.utils.parametrize.remove_parametrizations",
    ),
)
"""Names of what a weight is computed from, name of another part of it, and what computes the weight."""


@dataclass(frozen=True)
class WeightNames:
    """Names of the weights of a network, and of the biases that it has."""

    w_hh: str
    w_ih: str
    biases: tuple[str, ...]
    w_out: str
    out_bias: str | None


@dataclass(frozen=True)
class _Layer:
    """The recurrent layer: names of its weights, of a bias that it may have, and of what it is a part of."""

    w_hh: str
    w_ih: str
    biases: tuple[str, ...]
    free_bias: str
    root: str

    @property
    def names(self) -> set[str]:
        return {self.w_hh, self.w_ih, *self.biases}


def find_weights(tensors: Mapping[str, Tensor], *, prefix: str = "") -> WeightNames:
    """Recurrent layer and readout among the tensors of one network.

    The layer is known by the names of PyTorch, wherever it is. The readout is the one other matrix of shape
    (symbol, hidden), wherever that is, whose name ends in `weight`; or it is `w_out` or `fc.weight`.

    Parameters
    ----------
    tensors : mapping
        Tensors by name.
    prefix : str
        What all names begin with, for advice.

    Raises
    ------
    InputError
        If there is no such layer or readout, or several; or any tensor more, which would change what the
        network does.
    """
    _refuse_computed(tensors)
    layer = _find_layer(tensors)
    rest = {
        name: tensor
        for name, tensor in tensors.items()
        if name not in layer.names and not _is_counter(tensor)
    }
    hidden_size = tensors[layer.w_hh].shape[0]
    fitting = _list_readouts(rest, layer, hidden_size)
    if len(fitting) != 1:
        raise _describe_readouts(rest, fitting, layer, hidden_size, prefix)
    w_out = rest.pop(fitting[0])
    check_shape(fitting[0], w_out, (None, hidden_size))
    out_bias = _name_bias(fitting[0])
    has_bias = rest.pop(out_bias, None) is not None
    names = WeightNames(layer.w_hh, layer.w_ih, layer.biases, fitting[0], out_bias if has_bias else None)
    if rest:
        sizes = {} if names.out_bias else {out_bias: w_out.shape[0]}
        sizes |= {} if names.biases else {layer.free_bias: hidden_size}
        raise _describe_others(tensors, rest, names, sizes)
    return names


def list_names(tensors: Mapping[str, Tensor]) -> str:
    """Names and shapes of tensors in a message."""
    shapes = [f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items()]
    return ", ".join(shapes[:12]) + (f" and {len(shapes) - 12} more" if len(shapes) > 12 else "") or "none"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _is_counter(tensor: Tensor) -> bool:
    """Whether a tensor is one whole number, such as of the batches that were seen."""
    return tensor.ndim == 0 and not (tensor.is_floating_point() or tensor.is_complex())


def _refuse_computed(tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that the network computes from others: pruned, normed, or quantised ones."""
    for name in tensors:
        for pattern, other, call in _REMOVALS:
            match = re.fullmatch(pattern, name)
            if match and (other is None or other.format(*match.groups()) in tensors):
                layer = f"layer `{match[1].rstrip('.')}`" if match[1] else "module itself"
                raise InputError(
                    f"`{match[1]}{match[2]}` must be saved itself, got what the network computes it from "
                    f'(`{name}`). Call {call}(layer, "{match[2]}") for the {layer}, save the state_dict then.'
                )
        if "_packed_" in name:
            raise InputError(
                f"`{name}` must hold real numbers, got a quantised layer. Save the state_dict of the network "
                "before it was quantised."
            )


def _find_layer(tensors: Mapping[str, Tensor]) -> _Layer:
    found = [name for name in tensors if _last(name) in RECURRENT_NAMES]
    if len(found) != 1:
        raise _describe_layers(tensors, found)
    layer, _, last = found[0].rpartition(".")
    base = f"{layer}." if layer else ""
    for more, what in (("weight_hh_l1", "several layers"), ("weight_hh_l0_reverse", "two directions")):
        if base + more in tensors:
            raise InputError(
                f"`{base + more}` belongs to {what}. Supported are one-layer networks: train one with "
                "num_layers=1 and bidirectional=False."
            )
    check_square(found[0], tensors[found[0]])
    input_name, bias_names = OTHER_NAMES[last]
    if base + input_name not in tensors:
        raise InputError(
            f"`{base + input_name}` is missing beside `{found[0]}`. Names there: {list_names(tensors)}. "
            "Save the whole state_dict; rename the input weights, if they have another name."
        )
    parent = layer.rpartition(".")[0]
    biases = tuple(base + name for name in bias_names if base + name in tensors)
    return _Layer(found[0], base + input_name, biases, base + bias_names[-1], f"{parent}." if parent else "")


def _describe_layers(tensors: Mapping[str, Tensor], found: list[str]) -> InputError:
    """No recurrent layer, or several: what there is, and what to do."""
    if found:
        problem, prefixes = (
            f"must hold one recurrent layer, got {', '.join(found)}",
            _list_prefixes(tensors, found),
        )
        advice = "Supported are networks of one layer; if only one of them acts, save it and its readout"
        if prefixes:
            advice = f"Choose one by `prefix`: {' or '.join(f'`{prefix}`' for prefix in prefixes)}"
    else:
        problem = f"must hold the weights {EXPECTED}, got: {list_names(tensors)}"
        advice = "Rename them; rows belong to the units that a weight leads to"
        if not tensors:
            advice = "Save the network's state_dict"
    return InputError(f"{problem}. {advice}.")


def _list_prefixes(tensors: Mapping[str, Tensor], layers: Iterable[str]) -> list[str]:
    """Longest prefixes under which there is one whole network, for each of the layers that has one."""
    found = []
    for name in layers:
        parents = name.split(".")[:-1]
        prefixes = [".".join(parents[:n]) + "." for n in range(len(parents), 0, -1)]
        found += [prefix for prefix in prefixes if _holds_whole(tensors, prefix)][:1]
    return list(dict.fromkeys(found))


def _holds_whole(tensors: Mapping[str, Tensor], prefix: str) -> bool:
    inner = {name: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if len(inner) == len(tensors):
        return False
    try:
        find_weights(inner, prefix=prefix)
    except InputError:
        return False
    return True


def _list_readouts(rest: Mapping[str, Tensor], layer: _Layer, hidden_size: int) -> list[str]:
    """Matrices that may be the readout; a name that says so decides."""
    known = (f"{layer.root}w_out", f"{layer.root}fc.weight")
    named = [name for name in known if name in rest]
    fitting = [
        name
        for name, tensor in rest.items()
        if _last(name) == "weight"
        and tensor.ndim == 2
        and tensor.shape[1] == hidden_size
        and not _is_before(name, layer)
    ]
    if len(named) == 1 and (named[0] in fitting or not fitting or _last(named[0]) == "w_out"):
        return named
    return fitting


def _is_before(name: str, layer: _Layer) -> bool:
    """Whether a name says that a layer comes before the recurrent one."""
    parts, shared = name.split(".")[:-1], layer.w_hh.split(".")
    while parts and shared and parts[0] == shared[0]:
        parts, shared = parts[1:], shared[1:]
    return any(_INPUT_WORDS.fullmatch(word) for word in split_words(".".join(parts)))


def _name_bias(readout: str) -> str:
    if _last(readout) == "w_out":
        return readout.removesuffix("w_out") + "out_bias"
    return readout.removesuffix("weight") + "bias"


def _describe_readouts(
    rest: Mapping[str, Tensor], fitting: list[str], layer: _Layer, hidden_size: int, prefix: str
) -> InputError:
    """No readout, or several: what there is, and what to do."""
    root = layer.root if layer.root.startswith(prefix) else f"{prefix.rstrip('.')}."
    rename = f"name it {root}fc.weight (its bias {root}fc.bias)"
    matrices = {name: tensor for name, tensor in rest.items() if tensor.ndim == 2}
    if fitting:
        found = list_names({name: rest[name] for name in fitting})
        advice = f"Choose the readout and {rename}; leave out the others, if they do not act on the network"
    elif any(tensor.shape[1] == hidden_size for tensor in matrices.values()):
        found = f"none that is called so among: {list_names(matrices)}"
        advice = f"If one of these is the readout, {rename}"
    elif any(tensor.shape[0] == hidden_size for tensor in matrices.values()):
        found = f"none among: {list_names(matrices)}"
        advice = f"If one of these is the readout, transpose it and {rename}"
    else:
        found = f"none among: {list_names(rest)}"
        advice = f"Save the state_dict of the whole network; if the readout has another form, {rename}"
    return InputError(
        f"must hold one readout `….weight` of shape (symbol, {hidden_size}), got {found}. {advice}."
    )


def _describe_others(
    tensors: Mapping[str, Tensor], rest: Mapping[str, Tensor], names: WeightNames, sizes: Mapping[str, int]
) -> InputError:
    """Tensors that have no place: what they may be, and what to do."""
    advice = [
        f"If `{name}` is added there, name it `{bias}`."
        for bias, size in sizes.items()
        for name, tensor in rest.items()
        if tuple(tensor.shape) == (size,) and _last(name).lower().startswith(("b", "out_b"))
    ]
    advice += [
        f"To read the network alone, choose it by `prefix`: `{prefix}`."
        for prefix in _list_prefixes(tensors, [names.w_hh])
    ]
    return InputError(
        "holds weights that a noise-driven RNN with a linear readout does not have: "
        f"{list_names(rest)}. {' '.join([*advice, 'Remove them if they do not act on the network.'])}"
    )
