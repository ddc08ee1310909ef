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
from ..network import NoiseRNN, draw_noise_
from ..system.threads import map_parallel

_CHUNK_STEPS = 25
"""Steps whose noise is drawn at once."""

_STRIDE = 5
"""Of the steps whose radius is measured, every so many."""


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
        Interventions on one network: of the same sizes. One that comes twice runs once.
    plane : OrbitPlane
        That of the intact network.
    n_trajectories, n_steps, burn_in : int
    noise_std : float
    generator
    """
    followed = {
        id(network): _Followed(network, plane, n_trajectories, n_steps, burn_in) for network in networks
    }
    example = next(iter(followed.values())).state
    for first in range(0, burn_in + n_steps, _CHUNK_STEPS):
        steps = min(_CHUNK_STEPS, burn_in + n_steps - first)
        noise = example.new_empty(steps, n_trajectories, networks[0].input_size)
        draw_noise_(noise, noise_std, generator)
        map_parallel(lambda each, noise=noise: each.advance(noise), list(followed.values()))
    found = [followed[id(network)] for network in networks]
    return CommonNoiseRuns(
        torch.stack([torch.cat(each.symbols)[burn_in:].T for each in found]).cpu().numpy(),
        torch.stack([each.radius / each.n_looked_at for each in found]).numpy(),
        torch.stack([torch.stack([*each.looks, each.state], dim=1) for each in found]),
    )


class _Followed:
    """One network on its way, and what is kept of it."""

    def __init__(self, network: NoiseRNN, plane: OrbitPlane, n_trajectories: int, n_steps: int, burn_in: int):
        self.network, self.plane = network, plane
        self.scale = torch.from_numpy(np.sqrt(plane.variances[: len(plane.components)]))
        self.burn_in, self.middle = burn_in, burn_in + (n_steps + 1) // 2
        self.state = network.initial_state(n_trajectories)
        self.n_done, self.n_looked_at = 0, 0
        self.symbols: list[Tensor] = []
        self.looks: list[Tensor] = []
        self.radius = torch.zeros(n_trajectories, dtype=torch.float64)

    @torch.no_grad()
    def advance(self, noise: Float[Tensor, "time trajectory input"]) -> None:
        """Follow the network through a chunk of noise."""
        states = self.network.unroll(self.state, noise)
        self.state = states[-1].clone()
        is_bounded = self.state.abs().amax(1) <= LARGEST_STATE  # not NaN either
        shown = self.network.compute_logits(states).argmax(-1).to(torch.int16)
        self.symbols.append(torch.where(is_bounded, shown, UNBOUNDED))

        looked_at = states[max(0, self.burn_in - self.n_done) :: _STRIDE]
        position = self.plane.project(self.network.show_hidden(looked_at)).cpu() / self.scale
        self.radius += position.norm(dim=-1).sum(0)
        self.n_looked_at += len(looked_at)
        if self.n_done < self.middle <= self.n_done + len(noise):
            self.looks.append(states[self.middle - self.n_done - 1].clone())
        self.n_done += len(noise)
