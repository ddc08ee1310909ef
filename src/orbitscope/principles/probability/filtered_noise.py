"""Noise filtered by kernels of switches, measured against the size of the state before it came."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from ...circuit.noise_kernel import LEAST_IN_HALF, find_length
from ...circuit.switch_kernels import SwitchKernels
from ...circuit.switches import FEWEST_EVENTS, read_symbols
from ...dynamics.driving.driven_states import LARGEST_STATE
from ...network import NoiseRNN

SMALLEST_SIZE = 1e-3
"""Of the mean size: a state that is smaller counts as this large, so that no quotient is without bound."""

_CHUNK_STEPS = 50
"""Steps whose states are looked at together."""


@dataclass(frozen=True)
class DrivenSteps:
    """Steps of driven trajectories: the noise, the size of the state, the most probable symbol.

    Attributes
    ----------
    noise : (time, trajectory, input)
        What reached the network.
    size : (time, trajectory)
        Root mean square of activity over neurons, each in units of its standard deviation.
    symbol : (trajectory, time)
    first : int
        First step that is looked at: before it there is as much noise as a kernel is long.
    """

    noise: Float[Tensor, "time trajectory input"]
    size: Float[Tensor, "time trajectory"]
    symbol: Integer[np.ndarray, "trajectory time"]
    first: int

    def select(self, chosen: Bool[np.ndarray, " trajectory"]) -> "DrivenSteps":
        """Those of some trajectories."""
        rows = torch.from_numpy(np.flatnonzero(chosen)).to(self.noise.device)
        return replace(self, noise=self.noise[:, rows], size=self.size[:, rows], symbol=self.symbol[chosen])

    @property
    def before(self) -> Integer[np.ndarray, "trajectory step"]:
        """Symbol before each step that is looked at."""
        return self.symbol[:, self.first - 1 : -1]

    @property
    def after(self) -> Integer[np.ndarray, "trajectory step"]:
        """Symbol at each step that is looked at."""
        return self.symbol[:, self.first :]

    def find_size(self, n_window: int) -> Float[np.ndarray, "trajectory step"]:
        """Size of the state before the last so many steps of noise."""
        n_steps = len(self.size)
        size = self.size[self.first - n_window : n_steps - n_window].T.cpu().numpy()
        return np.maximum(size, SMALLEST_SIZE * float(self.size.mean()))

    def filter(
        self, weights: Float[np.ndarray, "lag input"], *, leads: Sequence[int] = (0,)
    ) -> Float[np.ndarray, "lead trajectory step"]:
        """Noise filtered by weights, Σ_l w_l · x_{t−l}, with l ≥ lead.

        Returns
        -------
        (lead, trajectory, step)
            NaN for leads at which none of the lags is left.
        """
        n_steps, n_trajectories, _ = self.noise.shape
        parts = self.noise @ torch.from_numpy(weights.T.copy()).to(self.noise)
        found = np.full((len(leads), n_trajectories, n_steps - self.first), np.nan)
        total = parts.new_zeros(n_steps - self.first, n_trajectories)
        for lag in reversed(range(len(weights))):
            total += parts[self.first - lag : n_steps - lag, :, lag]
            for i in [i for i, lead in enumerate(leads) if lead == lag]:
                found[i] = total.T.cpu().numpy()
        return found


@torch.no_grad()
def measure_size(
    network: NoiseRNN, states: Float[Tensor, "time trajectory state"], scales: Float[np.ndarray, " neuron"]
) -> Float[Tensor, "time trajectory"]:
    """Root mean square of activity over neurons, each in units of its scale."""
    inverse = torch.from_numpy(1.0 / scales).to(states)
    n_scaled = max(int(np.isfinite(scales).sum()), 1)
    squares = [
        (network.show_hidden(chunk) * inverse).square().sum(-1) / n_scaled
        for chunk in states.split(_CHUNK_STEPS)
    ]
    return torch.cat(squares).sqrt()


@torch.no_grad()
def follow_steps(
    network: NoiseRNN,
    noise: Float[Tensor, "time trajectory input"],
    delivered: Float[Tensor, "time trajectory input"],
    *,
    burn_in: int,
    first: int,
    scales: Float[np.ndarray, " neuron"],
) -> DrivenSteps | str:
    """Follow a network from silence and keep what follows the burn-in, or say why there is nothing.

    Parameters
    ----------
    network : NoiseRNN
        Under the intervention, if there is one.
    noise, delivered : (time, trajectory, input)
        Before and after the intervention.
    burn_in : int
        Steps that are not kept.
    first : int
        As in :class:`DrivenSteps`.
    scales : (neuron,)
        Units of activity: those of the intact network.
    """
    state, sizes, symbols = network.initial_state(noise.shape[1]), [], []
    for chunk in noise.split(_CHUNK_STEPS):
        states = network.unroll(state, chunk)
        state = states[-1].clone()
        if not bool(state.abs().max() <= LARGEST_STATE):  # NaN neither
            return "activity has no bound"
        sizes.append(measure_size(network, states, scales))
        symbols.append(read_symbols(network, states))
    if not bool(state.any()):
        return "the network falls silent"
    symbol = np.concatenate(symbols, axis=1)[:, burn_in:]
    return DrivenSteps(delivered[burn_in:], torch.cat(sizes)[burn_in:], symbol, first)


def select_kernels(
    kernels: SwitchKernels, directions: Sequence[int], half: int | None = None
) -> SwitchKernels:
    """Kernels of some directions of switching, of one half of the trajectories or of all.

    The halves of a half are its first, third … and its second, fourth … trajectories.
    """
    place = np.full(kernels.n_directions, -1)
    place[list(directions)] = np.arange(len(directions))
    code = place[kernels.code]
    is_in = (code >= 0) & ((half is None) | (kernels.half == half))
    owner = kernels.owner[is_in] if half is None else kernels.owner[is_in] // 2
    differences = kernels.flat[is_in].reshape(-1, kernels.n_lags, kernels.n_inputs)
    return SwitchKernels(differences, code[is_in], owner, kernels.n_trajectories)


def choose_directions(kernels: SwitchKernels) -> list[int]:
    """Directions of switching with enough switches in each half, and some in each quarter."""
    counts = np.zeros((4, kernels.n_directions), dtype=int)
    np.add.at(counts, (kernels.owner % 4, kernels.code), 1)
    is_enough = (kernels.counts.min(0) >= FEWEST_EVENTS) & (counts.min(0) >= LEAST_IN_HALF)
    return np.flatnonzero(is_enough).tolist()


@dataclass(frozen=True)
class Filters:
    """Filters of the noise that follow from the kernels of some trajectories.

    Attributes
    ----------
    basis : (input, direction)
        Deciding directions of the noise, orthonormal columns.
    weights : (switching, lag, input)
        The part of the kernel of each direction of switching that lies along these.
    """

    basis: Float[np.ndarray, "input direction"]
    weights: Float[np.ndarray, "switching lag input"]


def fit_filters(kernels: SwitchKernels, n_kept: int) -> Filters | None:
    """Filters along the leading directions of kernels; None where these have no energy."""
    n_window = find_window(kernels)
    basis = kernels.find_modes()[0][:n_kept].T
    return Filters(basis, build_weights(kernels, basis, n_window)) if n_window else None


def find_window(kernels: SwitchKernels) -> int:
    """Steps of noise within which nine tenths of the energy come; 0 where there is no energy."""
    length = find_length(kernels.measure_energy())
    return 0 if np.isnan(length) else int(length) + 1


def build_weights(
    kernels: SwitchKernels, basis: Float[np.ndarray, "input direction"], n_window: int
) -> Float[np.ndarray, "switching lag input"]:
    """The part of each kernel that lies in a subspace of the noise, over the last so many steps."""
    return (kernels.average()[:, :n_window] @ basis @ basis.T).astype(float)


def find_at_risk(
    steps: DrivenSteps, origin: int, chosen: Bool[np.ndarray, " trajectory"] | None = None
) -> Bool[np.ndarray, "trajectory step"]:
    """Steps before which the symbol was a given one, of some trajectories."""
    is_in = steps.before == origin
    return is_in if chosen is None else is_in & chosen[:, None]
