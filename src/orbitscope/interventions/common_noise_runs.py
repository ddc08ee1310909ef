"""Runs under several interventions on the same noise, and what is kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..circuit.noise_subspaces import UNBOUNDED
from ..dynamics.driving.driven_states import LARGEST_STATE
from ..dynamics.orbit.orbit_plane import OrbitPlane
from ..network import NoiseRNN, draw_noise_, draw_seed
from ..system.threads import map_parallel

_CHUNK_STEPS = 25
"""Steps whose noise is drawn at once."""


@dataclass(frozen=True)
class CommonNoiseRuns:
    """What is kept of trajectories of several networks under the same noise.

    Attributes
    ----------
    symbol : (network, trajectory, time)
        Most probable symbols; ``UNBOUNDED`` from where activity exceeds ``LARGEST_STATE``, or shortly before.
    radius : (network, trajectory)
        Mean distance from the centre of the plane, in units of its axes.
    state : (network, trajectory, look, state)
        States halfway and at the end.
    """

    symbol: Int[np.ndarray, "network trajectory time"]
    radius: Float[np.ndarray, "network trajectory"]
    state: Float[Tensor, "network trajectory look state"]

    @property
    def is_unbounded(self) -> np.ndarray:
        """Runs in which activity of some trajectory has no bound."""
        return (self.symbol == UNBOUNDED).any((1, 2))


@torch.no_grad()
def run_on_common_noise(
    networks: Sequence[NoiseRNN],
    plane: OrbitPlane,
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> CommonNoiseRuns:
    """Drive networks with the same noise, from silence.

    Parameters
    ----------
    networks : sequence of NoiseRNN
        Interventions on one network: of the same sizes.
    plane : OrbitPlane
        That of the intact network.
    n_trajectories, n_steps, burn_in : int
    noise_std : float
    generator
        Gives the seed of the noise that all of them get.
    """
    seed = draw_seed(generator)
    scale = torch.from_numpy(np.sqrt(plane.variances[: len(plane.components)]))
    middle = burn_in + (n_steps + 1) // 2

    def run(network: NoiseRNN) -> tuple[Tensor, Tensor, Tensor]:
        source = torch.Generator(generator.device).manual_seed(seed)
        state = network.initial_state(n_trajectories)
        symbols, looks, radius = [], [], torch.zeros(n_trajectories, dtype=torch.float64)
        for first in range(0, burn_in + n_steps, _CHUNK_STEPS):
            steps = min(_CHUNK_STEPS, burn_in + n_steps - first)
            noise = draw_noise_(state.new_empty(steps, n_trajectories, network.input_size), noise_std, source)
            states = network.unroll(state, noise)
            state = states[-1].clone()
            is_bounded = state.abs().amax(1) <= LARGEST_STATE  # not NaN either
            shown = network.compute_logits(states).argmax(-1).to(torch.int16)
            symbols.append(torch.where(is_bounded, shown, UNBOUNDED))
            counted = states[max(0, burn_in - first) :]
            radius += (plane.project(network.show_hidden(counted)).cpu() / scale).norm(dim=-1).sum(0)
            if first < middle <= first + steps:
                looks.append(states[middle - first - 1].clone())
        return torch.cat(symbols)[burn_in:].T, radius / n_steps, torch.stack([*looks, state], dim=1)

    symbol, radius, state = zip(*map_parallel(run, list(networks)), strict=True)
    return CommonNoiseRuns(torch.stack(symbol).cpu().numpy(), torch.stack(radius).numpy(), torch.stack(state))
