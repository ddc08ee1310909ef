"""Subspaces of the noise: how much of the drive they carry, and rollouts with or without them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..dynamics.driving.driven_states import LARGEST_STATE
from ..network import NoiseRNN, draw_noise_, fork_generator
from ..system.threads import map_parallel

UNBOUNDED = -1
"""Instead of the symbol of a trajectory that grows without bound."""

_CHUNK_STEPS = 10
"""Steps whose noise is drawn at once."""

_BLOCK_TRAJECTORIES = 25
"""Trajectories that share a source of noise and are run side by side with other blocks."""

_BLOCK_EVENTS = 25
"""Switches whose replays share a source of noise and are run side by side with other blocks."""


@dataclass(frozen=True)
class Damping:
    """A subspace of the noise of which a share is taken away.

    Attributes
    ----------
    basis : (input, direction)
        Orthonormal columns.
    dose : float
        0 leaves the noise as it is, 1 takes the subspace away.
    """

    basis: Float[np.ndarray, "input direction"]
    dose: float = 1.0


def measure_drive_share(
    weights: Float[np.ndarray, "hidden input"], basis: Float[np.ndarray, "input direction"]
) -> float:
    """Share of the variance of the drive W x that comes from the noise in a subspace, 0 … 1."""
    return float(np.square(weights @ basis).sum() / np.square(weights).sum())


def draw_equal_drive(
    weights: Float[np.ndarray, "hidden input"],
    basis: Float[np.ndarray, "input direction"],
    *,
    rng: np.random.Generator,
) -> Float[np.ndarray, "input other"]:
    """Random directions at right angles to a subspace that carry as much of the drive as it does.

    Directions are added one by one; the last one that is needed is taken if it brings the share nearer.

    Returns
    -------
    (input, other)
        Orthonormal columns; all others if even these carry less.
    """
    n_inputs, n_kept = basis.shape
    wanted = measure_drive_share(weights, basis)
    random = np.concatenate([basis, rng.standard_normal((n_inputs, n_inputs - n_kept))], axis=1)
    others = np.linalg.qr(random)[0][:, n_kept:]
    shares = np.cumsum(np.square(weights @ others).sum(0)) / np.square(weights).sum()
    n_others = int(np.abs(shares - wanted).argmin()) + 1 if len(shares) else 0
    return others[:, :n_others]


def project(
    noise: Float[Tensor, "*batch input"], basis: Float[Tensor, "input direction"]
) -> Float[Tensor, "*batch input"]:
    """Part of the noise that lies in a subspace with orthonormal columns."""
    return (noise @ basis) @ basis.T


@torch.no_grad()
def run_damped(
    network: NoiseRNN,
    dampings: Sequence[Damping],
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> Integer[np.ndarray, "damping trajectory time"]:
    """Most probable symbols of trajectories whose noise is damped in one way or another.

    All of them get the same noise before anything is taken away: rates can be compared in pairs.

    Returns
    -------
    (damping, trajectory, time)
        ``UNBOUNDED`` from where activity exceeds ``LARGEST_STATE``, or shortly before.
    """
    bases = {id(damping.basis): torch.from_numpy(damping.basis).to(network.w_out) for damping in dampings}
    sizes = _split(n_trajectories, _BLOCK_TRAJECTORIES)

    def run(job: tuple[int, torch.Generator]) -> Tensor:
        size, source = job
        state, symbols = network.initial_state(size * len(dampings)), []
        for first in range(0, burn_in + n_steps, _CHUNK_STEPS):
            steps = min(_CHUNK_STEPS, burn_in + n_steps - first)
            noise = draw_noise_(state.new_empty(steps, size, network.input_size), noise_std, source)
            parts = {key: project(noise, basis) for key, basis in bases.items()}  # the same for all doses
            damped = [noise - damping.dose * parts[id(damping.basis)] for damping in dampings]
            states = network.unroll(state, torch.cat(damped, dim=1))
            shown = network.compute_logits(states).argmax(-1).to(torch.int16)
            state = states[-1].clone()
            is_bounded = state.abs().amax(1) <= LARGEST_STATE  # not NaN either
            symbols.append(torch.where(is_bounded, shown, UNBOUNDED))
        return torch.cat(symbols)[burn_in:].reshape(n_steps, len(dampings), size)

    blocks = map_parallel(run, [(size, fork_generator(generator)) for size in sizes])
    return torch.cat(blocks, dim=2).permute(1, 2, 0).cpu().numpy()


@torch.no_grad()
def replay_parts(
    network: NoiseRNN,
    start: Float[Tensor, "event state"],
    noise: Float[Tensor, "time event input"],
    bases: Sequence[Float[np.ndarray, "input _"]],
    origin: Integer[Tensor, " event"],
    *,
    n_after: int,
    n_rollouts: int,
    noise_std: float,
    generator: torch.Generator,
) -> Float[np.ndarray, "part event"]:
    """Share of rollouts in which the old symbol is gone, where the noise in a subspace is that of before.

    All subspaces get the same fresh noise.

    Parameters
    ----------
    network : NoiseRNN
    start : (event, state)
        Before the first step of ``noise``.
    noise : (time, event, input)
        What led to the switch.
    bases : (input, direction) each
        Orthonormal columns: what is replayed, the rest is fresh. Without columns all is fresh.
    origin : (event,)
        The old symbol.
    n_after : int >= 0
        Steps of fresh noise after those of ``noise``.
    n_rollouts : int
    noise_std : float
    generator
        Source of the fresh noise.
    """
    given = [torch.from_numpy(basis).to(start) for basis in bases]
    rows = torch.arange(len(start)).split(_BLOCK_EVENTS)

    def run(job: tuple[Tensor, torch.Generator]) -> Tensor:
        block, source = job
        old = noise[:, block].repeat_interleave(n_rollouts, 1)
        states = [start[block].repeat_interleave(n_rollouts, 0)] * len(given)
        fresh = start.new_empty(1, len(states[0]), network.input_size)
        for t in range(len(noise) + n_after):
            draw_noise_(fresh, noise_std, source)
            lacking = old[t] - fresh[0] if t < len(noise) else None
            for i, basis in enumerate(given):
                mixed = fresh[0] if lacking is None else fresh[0] + project(lacking, basis)
                states[i] = network.step(states[i], mixed)
        symbols = network.compute_logits(torch.stack(states)).argmax(-1)
        is_gone = symbols.reshape(len(given), len(block), n_rollouts) != origin[block].to(symbols)[:, None]
        return is_gone.double().mean(2)

    blocks = map_parallel(run, [(block, fork_generator(generator)) for block in rows])
    return torch.cat(blocks, dim=1).cpu().numpy()


def _split(total: int, size: int) -> list[int]:
    """Sizes of blocks that make up a total."""
    return [min(size, total - first) for first in range(0, total, size)]
