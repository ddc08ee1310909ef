"""Runs under several interventions on the same noise, and what is kept of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

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
    """Drive networks with the same noise, each from where the intact one has come to.

    Parameters
    ----------
    networks : sequence of NoiseRNN
        The intact network, then interventions on it. One that comes twice runs once.
    plane : OrbitPlane
        That of the intact network.
    n_trajectories, n_steps : int
    burn_in : int
        Steps of the intact network, from silence, before the others part from it.
    noise_std : float
    generator
    """
    found = follow_on_common_noise(
        networks,
        lambda network, start: _Followed(network, plane, start, n_steps),
        n_trajectories=n_trajectories,
        n_steps=n_steps,
        burn_in=burn_in,
        noise_std=noise_std,
        generator=generator,
    )
    return CommonNoiseRuns(
        torch.stack([each.symbols for each in found]).mT.cpu().numpy(),
        torch.stack([each.radius / each.n_looked_at for each in found]).numpy(),
        torch.stack([torch.stack([each.look, each.state], dim=1) for each in found]),
    )


@runtime_checkable
class Follower(Protocol):
    """One network on its way."""

    def advance(self, noise: Float[Tensor, "time trajectory input"]) -> None:
        """Follow the network through a chunk of noise, and keep what is asked for."""
        ...


F = TypeVar("F", bound=Follower)


@torch.no_grad()
def follow_on_common_noise(
    networks: Sequence[NoiseRNN],
    build: Callable[[NoiseRNN, Tensor], F],
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> list[F]:
    """Drive networks with the same noise, each from where the first one has come to.

    Parameters
    ----------
    networks : sequence of NoiseRNN
        The intact network, then interventions on it. One that comes twice runs once.
    build : callable
        From a network and its states, (trajectory, state), to what follows it.
    n_trajectories, n_steps, burn_in : int
    noise_std : float
    generator

    Returns
    -------
    list
        What has followed each network.
    """
    intact, size = networks[0], networks[0].input_size
    start = intact.initial_state(n_trajectories)

    def draw(n_done: int, n_all: int) -> Tensor:
        steps = min(_CHUNK_STEPS, n_all - n_done)
        return draw_noise_(start.new_empty(steps, n_trajectories, size), noise_std, generator)

    for first in range(0, burn_in, _CHUNK_STEPS):
        start = intact.unroll(start, draw(first, burn_in))[-1].clone()
    followed = {id(network): build(network, start) for network in networks}
    for first in range(0, n_steps, _CHUNK_STEPS):
        noise = draw(first, n_steps)
        map_parallel(lambda each, noise=noise: each.advance(noise), list(followed.values()))
    return [followed[id(network)] for network in networks]


class _Followed:
    """One network on its way, and what is kept of it: in places that are there from the beginning.

    Hundreds of networks that each kept a little after every chunk had the heap grow by a gigabyte.
    """

    def __init__(
        self, network: NoiseRNN, plane: OrbitPlane, start: Float[Tensor, "trajectory state"], n_steps: int
    ):
        self.network, self.plane, self.state = network, plane, start.clone()
        self.scale = torch.from_numpy(np.sqrt(plane.variances[: len(plane.components)]))
        self.middle = (n_steps + 1) // 2
        self.n_done, self.n_looked_at = 0, 0
        self.symbols = torch.empty(n_steps, len(start), dtype=torch.int16, device=start.device)
        self.look = start.clone()
        self.radius = torch.zeros(len(start), dtype=torch.float64)

    @torch.no_grad()
    def advance(self, noise: Float[Tensor, "time trajectory input"]) -> None:
        """Follow the network through a chunk of noise."""
        states = self.network.unroll(self.state, noise)
        self.state.copy_(states[-1])
        is_bounded = self.state.abs().amax(1) <= LARGEST_STATE  # not NaN either
        shown = self.network.compute_logits(states).argmax(-1).to(torch.int16)
        self.symbols[self.n_done : self.n_done + len(noise)] = torch.where(is_bounded, shown, UNBOUNDED)

        looked_at = states[::_STRIDE]
        position = self.plane.project(self.network.show_hidden(looked_at)).cpu() / self.scale
        self.radius += position.norm(dim=-1).sum(0)
        self.n_looked_at += len(looked_at)
        if self.n_done < self.middle <= self.n_done + len(noise):
            self.look.copy_(states[self.middle - self.n_done - 1])
        self.n_done += len(noise)
