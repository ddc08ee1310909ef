"""Subspaces of the noise: how much of the drive they carry, and rollouts with or without them."""

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..network import NoiseRNN, draw_noise_

_CHUNK_STEPS = 50
"""Steps whose noise is drawn at once."""


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
def run_without(
    network: NoiseRNN,
    basis: Float[Tensor, "input direction"] | None,
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> Integer[np.ndarray, "trajectory time"]:
    """Most probable symbols of trajectories whose noise lacks a subspace; None leaves the noise whole.

    The same generator gives the same noise before anything is removed: rates can be compared in pairs.
    """
    state = network.initial_state(n_trajectories)
    symbols = []
    for first in range(0, burn_in + n_steps, _CHUNK_STEPS):
        steps = min(_CHUNK_STEPS, burn_in + n_steps - first)
        noise = draw_noise_(state.new_empty(steps, n_trajectories, network.input_size), noise_std, generator)
        if basis is not None:
            noise = noise - project(noise, basis)
        states = network.unroll(state, noise)
        symbols.append(network.compute_logits(states).argmax(-1).to(torch.int16))
        state = states[-1].clone()
    return torch.cat(symbols)[burn_in:].T.cpu().numpy()


@torch.no_grad()
def replay_part(
    network: NoiseRNN,
    start: Float[Tensor, "event state"],
    noise: Float[Tensor, "time event input"],
    basis: Float[Tensor, "input direction"] | None,
    origin: Integer[Tensor, " event"],
    *,
    n_after: int,
    n_rollouts: int,
    noise_std: float,
    generator: torch.Generator,
) -> Float[np.ndarray, " event"]:
    """Share of rollouts in which the old symbol is gone, where the noise in a subspace is that of before.

    Parameters
    ----------
    network : NoiseRNN
    start : (event, state)
        Before the first step of ``noise``.
    noise : (time, event, input)
        What led to the switch.
    basis : (input, direction), optional
        Orthonormal columns: what is replayed, the rest is fresh. None replays all.
    origin : (event,)
        The old symbol.
    n_after : int >= 0
        Steps of fresh noise after those of ``noise``.
    n_rollouts : int
    noise_std : float
    generator
        Source of the fresh noise.
    """
    state = start.repeat_interleave(n_rollouts, 0)
    for t in range(len(noise) + n_after):
        fresh = draw_noise_(state.new_empty(1, len(state), network.input_size), noise_std, generator)[0]
        if t < len(noise):
            given = noise[t].repeat_interleave(n_rollouts, 0)
            fresh = given if basis is None else fresh + project(given - fresh, basis)
        state = network.step(state, fresh)
    symbol = network.compute_logits(state).argmax(1).reshape(-1, n_rollouts)
    return (symbol != origin.to(symbol)[:, None]).double().mean(1).cpu().numpy()
