"""The noise-driven network: a cell, a readout, and rollouts in memory-bounded chunks."""

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from ..errors import InputError
from ..process import Process
from ..system.threads import raise_if_stopped
from .cells import Cell, Readout, build_cell, uniform_parameter
from .checks import check_generator
from .gumbel import sample_gumbel

_CHUNK_BYTES = 2**24
"""Size of the noise and states that a rollout keeps at a time."""


class NoiseRNN(nn.Module):
    """A recurrent network driven by Gaussian noise whose readout gives symbol logits.

    Parameters
    ----------
    cell : Cell
        The update rule.
    n_symbols : int
        Number of symbols, at least 2.
    bias : bool
        Add a readout bias.
    generator
        Source of the initial readout weights (uniform in ±1/√hidden_size, as ``torch.nn.Linear``).

    Notes
    -----
    Paper: Torre et al. 2025, section 2: logits_t = W_out h_t without biases; the first symbol is read from
    h_1. The authors' generator reads it from h_0 = 0; ours does as training does.
    """

    def __init__(self, cell: Cell, n_symbols: int, *, bias: bool = False, generator: torch.Generator):
        super().__init__()
        if n_symbols < 2:
            raise InputError(f"`n_symbols` must be ≥ 2, got {n_symbols}. One symbol needs no network.")
        bound = 1.0 / math.sqrt(cell.hidden_size)
        self.cell = cell
        self.w_out = uniform_parameter((n_symbols, cell.hidden_size), bound, generator)
        self.out_bias = uniform_parameter((n_symbols,), bound, generator) if bias else None

    def __repr__(self) -> str:
        sizes = f"hidden_size={self.hidden_size}, input_size={self.input_size}, n_symbols={self.n_symbols}"
        return f"NoiseRNN(cell={self.cell.name!r}, {sizes}, bias={self.out_bias is not None})"

    @property
    def hidden_size(self) -> int:
        """Width of the hidden activity."""
        return self.cell.hidden_size

    @property
    def input_size(self) -> int:
        """Number of noise channels."""
        return self.cell.input_size

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        return self.w_out.shape[0]

    @property
    def _readout(self) -> Readout:
        return Readout(self.w_out, self.out_bias)

    def initial_state(self, n_trajectories: int) -> Float[Tensor, "trajectory state"]:
        """Zero states, as in training."""
        return self.w_out.new_zeros(n_trajectories, self.cell.state_size)

    def step(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "trajectory input"]
    ) -> Float[Tensor, "trajectory state"]:
        """Advance every trajectory by one step."""
        return self.cell.step(state, noise)

    def unroll(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "time trajectory input"]
    ) -> Float[Tensor, "time trajectory state"]:
        """States after each step of ``noise``."""
        return self.cell.unroll(state, noise)

    def unroll_logits(
        self,
        state: Float[Tensor, "trajectory state"],
        noise: Float[Tensor, "time trajectory input"],
        kept_steps: Sequence[int],
    ) -> tuple[Float[Tensor, "time trajectory symbol"], Float[Tensor, "kept trajectory state"]]:
        """Logits after each step of ``noise``, and the states after some of them: all that training needs."""
        return self.cell.unroll_readout(state, noise, self._readout, kept_steps)

    def show_hidden(self, state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch hidden"]:
        """Hidden activity in given states: what is read out, and what has neurons."""
        return self.cell.show_hidden(state)

    def patch_hidden(
        self,
        state: Float[Tensor, "point state"],
        donor: Float[Tensor, "point state"],
        is_patched: Bool[Tensor, "point hidden"],
    ) -> Float[Tensor, "point state"]:
        """States in which some neurons have the hidden activity of a donor."""
        return self.cell.patch_hidden(state, donor, is_patched)

    def redraw(self, generator: torch.Generator) -> "NoiseRNN":
        """Draw an untrained network of the same kind: cell first, then the readout.

        An intervened network is drawn anew under the same intervention: its cell says so.

        Raises
        ------
        InputError
            If the cell cannot be drawn anew.
        """
        cell = self.cell.redraw(generator)
        has_bias = any("bias" in name for name, _ in cell.named_parameters())
        return NoiseRNN(cell, self.n_symbols, bias=has_bias, generator=generator).to(self.w_out)

    def shuffle_recurrent(self, generator: torch.Generator) -> "NoiseRNN":
        """The same network with its recurrent weights in random places.

        Raises
        ------
        InputError
            If the cell has no such copy.
        """
        return self.replace_cell(self.cell.shuffle_recurrent(generator))

    def replace_recurrent(self, weights: Float[Tensor, "hidden hidden"]) -> "NoiseRNN":
        """The same network with other recurrent weights.

        Raises
        ------
        InputError
            If the cell has no such copy.
        """
        return self.replace_cell(self.cell.replace_recurrent(weights))

    def replace_cell(self, cell: Cell) -> "NoiseRNN":
        """A network with this cell and a copy of the readout."""
        replaced = copy.deepcopy(self)
        replaced.cell = cell
        return replaced

    def compute_logits(self, state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch symbol"]:
        """Logits of the symbols in given states."""
        return self._readout.read(self.show_hidden(state))

    def compute_probabilities(self, state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch symbol"]:
        """Symbol probabilities in given states."""
        return torch.softmax(self.compute_logits(state), -1)


def build_network(
    n_symbols: int,
    *,
    cell: str = "relu",
    hidden_size: int = 150,
    input_size: int = 100,
    bias: bool = False,
    generator: torch.Generator,
) -> NoiseRNN:
    """Build an untrained network by the name of its cell."""
    check_generator(generator)
    built = build_cell(cell, hidden_size, input_size, bias=bias, generator=generator)
    return NoiseRNN(built, n_symbols, bias=bias, generator=generator)


@dataclass(frozen=True, repr=False)
class RolloutChunk:
    """Consecutive steps of a rollout, time first (:class:`Rollout`: trajectories first).

    Attributes
    ----------
    first_step : int
        Index of the first step; step 0 is the first after the initial state.
    states : (time, trajectory, state)
    noise : (time, trajectory, input)
        The noise that led to each state.
    """

    first_step: int
    states: Float[Tensor, "time trajectory state"]
    noise: Float[Tensor, "time trajectory input"]

    def __repr__(self) -> str:
        first = f"first_step={self.first_step}"
        return f"RolloutChunk({first}, {_show_shapes(states=self.states, noise=self.noise)})"


def draw_noise_(noise: Float[Tensor, "time trajectory input"], noise_std: float, generator: torch.Generator):
    """Fill with Gaussian noise step by step, so that the draws do not depend on how a rollout is chunked."""
    raise_if_stopped()
    for noise_t in noise:
        if noise.device == generator.device:
            noise_t.normal_(0.0, 1.0, generator=generator)
        else:
            noise_t.copy_(
                torch.randn(noise_t.shape, dtype=noise.dtype, generator=generator, device=generator.device)
            )
    return noise if noise_std == 1.0 else noise.mul_(noise_std)


def draw_seed(generator: torch.Generator) -> int:
    """Seed of an independent stream, drawn from ``generator`` on whatever device it is."""
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def fork_generator(generator: torch.Generator) -> torch.Generator:
    """Start an independent stream, seeded by a draw from ``generator``."""
    return torch.Generator(generator.device).manual_seed(draw_seed(generator))


def spawn_rng(generator: torch.Generator) -> np.random.Generator:
    """Start an independent stream of NumPy, seeded by a draw from ``generator``."""
    return np.random.default_rng(draw_seed(generator))


def iterate_rollout(
    network: NoiseRNN,
    n_steps: int,
    *,
    start: Float[Tensor, "trajectory state"],
    noise_std: float = 1.0,
    generator: torch.Generator,
    chunk_steps: int | None = None,
) -> Iterator[RolloutChunk]:
    """Run the network and yield its states chunk by chunk, for statistics that need no recording.

    Parameters
    ----------
    n_steps : int
        Steps after ``start``.
    start : (trajectory, state)
        Initial states; not part of the result.
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless); 0 runs without noise.
    generator
        Source of the noise; results do not depend on ``chunk_steps``.
    chunk_steps : int, optional
        Steps per chunk; the default keeps a chunk near 16 MB.
    """
    _check_rollout(network, n_steps, start, noise_std)
    if noise_std > 0:
        check_generator(generator)
    if chunk_steps is None:
        step_bytes = 4 * len(start) * (network.input_size + network.cell.state_size)
        chunk_steps = max(1, _CHUNK_BYTES // max(1, step_bytes))
    state = start
    for first in range(0, n_steps, chunk_steps):
        steps = min(chunk_steps, n_steps - first)
        # Not a decorator, which does not see a generator in a function that something else has wrapped.
        with torch.no_grad():
            noise = start.new_empty(steps, len(start), network.input_size)
            noise = draw_noise_(noise, noise_std, generator) if noise_std > 0 else noise.zero_()
            states = network.unroll(state, noise)
        yield RolloutChunk(first, states, noise)
        state = states[-1].clone()


@dataclass(frozen=True, repr=False)
class Rollout:
    """A recorded rollout; ``network.step(states[:, t - 1], noise[:, t])`` is ``states[:, t]``.

    Attributes
    ----------
    states : (trajectory, time, state)
        Step 0 is the first after the start, which is not recorded.
    logits : (trajectory, time, symbol)
    noise : (trajectory, time, input)
        The noise that led to each state.
    """

    states: Float[Tensor, "trajectory time state"]
    logits: Float[Tensor, "trajectory time symbol"]
    noise: Float[Tensor, "trajectory time input"]

    def __repr__(self) -> str:
        return f"Rollout({_show_shapes(**vars(self))})"


@torch.no_grad()
def rollout(
    network: NoiseRNN,
    n_trajectories: int,
    n_steps: int,
    *,
    start: Float[Tensor, "trajectory state"] | None = None,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> Rollout:
    """Run the network and record every state and its noise.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories : int
    n_steps : int
        Steps after ``start``.
    start : (trajectory, state), optional
        Initial states; zeros by default.
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless); 0 runs without noise.
    generator
        Source of the noise; same seed, same rollout.

    Returns
    -------
    Rollout
        ``states`` (trajectory, time, state), ``logits`` (trajectory, time, symbol) and ``noise``
        (trajectory, time, input), in memory all at once: :func:`iterate_rollout` needs less.

    Examples
    --------
    >>> run = rollout(network, 8, 100, generator=torch.Generator().manual_seed(0))
    >>> run.states[0]  # (time, state) of the first trajectory
    """
    start = _resolve_start(network, start, n_trajectories)
    run = iterate_rollout(
        network, n_steps, start=start, noise_std=noise_std, generator=generator, chunk_steps=n_steps
    )
    whole = next(run)

    # The buffers stay as the chunk has them, time first; the arrays are views that put trajectories first.
    time_major = (whole.states, network.compute_logits(whole.states), whole.noise)
    return Rollout(*(array.transpose(0, 1) for array in time_major))


@torch.no_grad()
def sample_symbols(
    network: NoiseRNN,
    n_sequences: int,
    n_steps: int,
    *,
    start: Float[Tensor, "sequence state"] | None = None,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> Integer[Tensor, "sequence time"]:
    """Sample symbol sequences, keeping only the symbols.

    Returns
    -------
    (sequence, time)
        Symbols as uint8 (int16 above 256 symbols); the first comes from the state after one step.
    """
    start = _resolve_start(network, start, n_sequences)
    check_generator(generator)
    symbol_generator = fork_generator(generator)
    dtype = torch.uint8 if network.n_symbols <= 256 else torch.int16
    symbols = torch.empty(n_sequences, n_steps, dtype=dtype, device=start.device)
    for chunk in iterate_rollout(network, n_steps, start=start, noise_std=noise_std, generator=generator):
        logits = network.compute_logits(chunk.states)
        drawn = torch.empty_like(logits)
        for t in range(len(logits)):
            drawn[t] = logits[t] + sample_gumbel(tuple(logits.shape[1:]), generator=symbol_generator).to(
                logits
            )
        steps = slice(chunk.first_step, chunk.first_step + len(logits))
        symbols[:, steps] = drawn.argmax(-1).T.to(dtype)
    return symbols


def _show_shapes(**arrays: Tensor) -> str:
    """Names and shapes, for a repr."""
    return ", ".join(f"{name}: {tuple(array.shape)}" for name, array in arrays.items())


def _resolve_start(network: NoiseRNN, start: Tensor | None, n_trajectories: int) -> Tensor:
    """Zeros where no start is given; a given one must have a row for each trajectory."""
    if n_trajectories < 1:
        raise InputError(f"a rollout needs at least 1 trajectory, got {n_trajectories}.")
    if start is None:
        return network.initial_state(n_trajectories)
    if start.ndim == 2 and len(start) != n_trajectories:
        raise InputError(
            f"`start` must have one row for each of the {n_trajectories} trajectories, got {len(start)}. "
            "Use start.expand(n, -1) to start all of them from one state."
        )
    return start


def _check_rollout(network: NoiseRNN, n_steps: int, start: Tensor, noise_std: float) -> None:
    if n_steps < 1:
        raise InputError(f"`n_steps` must be ≥ 1, got {n_steps}.")
    if not (math.isfinite(noise_std) and noise_std >= 0):
        raise InputError(f"`noise_std` must be ≥ 0, got {noise_std}. Use 0 to run without noise.")
    width = network.cell.state_size
    if start.ndim != 2 or start.shape[1] != width:
        raise InputError(
            f"`start` must be (trajectory, {width}) for this network, got shape {tuple(start.shape)}. "
            "Use network.initial_state(n) for zeros."
        )


def require_same_symbols(network: NoiseRNN, process: Process) -> None:
    """Check that a network and a process share their number of symbols."""
    if network.n_symbols != process.n_symbols:
        raise InputError(
            f"network and process must have the same symbols, got {network.n_symbols} and "
            f"{process.n_symbols}. Import the network together with the process it was trained on."
        )
