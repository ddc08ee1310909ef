"""Interventions: a network in which some neurons receive more or less, are held, or miss some noise."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from .cells import IntervenedCell, Intervention
from .model import NoiseRNN

PerNeuron = Mapping[int, float] | Float[np.ndarray, " hidden"] | Float[Tensor, " hidden"]
"""A number for some neurons, by their index, or for all of them."""

_ORTHONORMAL = 1e-5
"""Largest error of the products of directions of the noise."""


def intervene(
    network: NoiseRNN,
    *,
    gain: PerNeuron | None = None,
    input_gain: PerNeuron | None = None,
    clamp: PerNeuron | None = None,
    ablate: Iterable[int] = (),
    project_noise: np.ndarray | None = None,
    noise_gain: float = 0.0,
) -> NoiseRNN:
    """A network under an intervention. It is a network: rollouts and every analysis run on it unchanged.

    Parameters
    ----------
    network : NoiseRNN
        Stays as it is. It may be under an intervention itself; then gains multiply.
    gain : mapping or (hidden,), >= 0
        Factor of what a neuron receives from all neurons, W_hh h; 1 for neurons that are not named.
    input_gain : mapping or (hidden,), >= 0
        Factor of what it receives from the noise, W_ih x.
    clamp : mapping or (hidden,)
        Activity at which neurons are held after every step; NaN in an array for free ones.
    ablate : iterable of int
        Neurons that are held at 0.
    project_noise : (input, direction), optional
        Orthonormal columns: directions of the noise that are taken away, or scaled by ``noise_gain``.
    noise_gain : float >= 0
        What is left of the noise in these directions.

    Raises
    ------
    InputError
        If a neuron does not exist, a number is out of range, or the cell has no such inputs.

    Notes
    -----
    Gain of the recurrent input from 0 to 2: Torre et al. 2025. Random streams of an analysis follow from the
    weights, so an intervened network has others, unless it is told ``streams_of=network``. Rollouts and
    evaluations have the noise of their seed anyway.

    Examples
    --------
    >>> silent = intervene(network, gain={28: 0.0, 62: 0.0})
    >>> analyse(silent, only=["regions"], streams_of=network)
    """
    like, size = network.w_out.detach(), network.hidden_size
    held = _spread(clamp, np.nan, "clamp", size, like, can_be_negative=True)
    ablated = list(ablate)
    _require_neurons(ablated, "ablate", size)
    held[ablated] = 0.0
    change = Intervention(
        gain=_spread(gain, 1.0, "gain", size, like),
        input_gain=_spread(input_gain, 1.0, "input_gain", size, like),
        held=held,
        noise_filter=_build_filter(project_noise, noise_gain, network.input_size, like),
    )
    cell = network.cell
    if isinstance(cell, IntervenedCell):
        cell, change = cell.original, cell.intervention.then(change)
    return network.replace_cell(IntervenedCell(cell, change))


def _spread(
    values: PerNeuron | None,
    default: float,
    name: str,
    size: int,
    like: Tensor,
    *,
    can_be_negative: bool = False,
) -> Float[Tensor, " hidden"]:
    """A number for every neuron."""
    spread = like.new_full((size,), default)
    if values is None:
        return spread
    if isinstance(values, Mapping):
        _require_neurons(values, name, size)
        given = torch.tensor([float(value) for value in values.values()], dtype=torch.float64).to(like)
        spread[list(values)] = given
    else:
        given = torch.as_tensor(values).to(like)
        if given.shape != (size,):
            raise InputError(
                f"`{name}` must have a number for each of the {size} neurons, got shape "
                f"{tuple(given.shape)}. Use a dict for some of them: {{28: 0.0}}."
            )
        spread = given.clone()
    allowed = given[~given.isnan()] if can_be_negative and not isinstance(values, Mapping) else given
    if not bool(allowed.isfinite().all()):
        raise InputError(f"`{name}` must be finite, got {float(allowed[~allowed.isfinite()][0])}.")
    if not can_be_negative and bool((given < 0).any()):
        raise InputError(f"`{name}` must be ≥ 0, got {float(given.min()):g}. Use 0 to take an input away.")
    return spread


def _require_neurons(neurons: Iterable[int], name: str, size: int) -> None:
    for neuron in neurons:
        if isinstance(neuron, bool) or not isinstance(neuron, int | np.integer) or not 0 <= neuron < size:
            raise InputError(
                f"`{name}` must name neurons by whole numbers from 0 to {size - 1}, got {neuron!r}. Neurons "
                "are counted from 0."
            )


def _build_filter(
    basis: np.ndarray | None, noise_gain: float, n_inputs: int, like: Tensor
) -> Float[Tensor, "input input"]:
    """Matrix that scales the noise in a subspace."""
    identity = torch.eye(n_inputs).to(like)
    if basis is None:
        return identity
    columns = torch.tensor(np.asarray(basis), dtype=torch.float64)
    if columns.ndim != 2 or len(columns) != n_inputs:
        raise InputError(
            f"`project_noise` must be (input, direction) with {n_inputs} rows, got shape "
            f"{tuple(columns.shape)}. Use v[:, None] for one direction."
        )
    error = columns.T @ columns - torch.eye(columns.shape[1], dtype=torch.float64)
    if not bool(error.abs().max() <= _ORTHONORMAL if error.numel() else True):
        raise InputError(
            "`project_noise` must have orthonormal columns, got products up to "
            f"{float(error.abs().max()):.2g} off. Use np.linalg.qr(directions)[0]."
        )
    if not (np.isfinite(noise_gain) and noise_gain >= 0):
        raise InputError(f"`noise_gain` must be ≥ 0, got {noise_gain}. Use 0 to take the directions away.")
    return identity + (noise_gain - 1.0) * (columns @ columns.T).to(like)
