"""Committors: which core a state comes to next, by rollouts under fresh noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...dynamics.driving.points import require_points
from ...errors import InputError
from ...network import NoiseRNN, draw_noise_, fork_generator
from ...system.threads import map_parallel
from ..region_cores import OUTSIDE

_CHUNK_ROLLOUTS = 8192
"""Rollouts that advance together; each chunk has noise of its own."""

CoreFinder = Callable[[Tensor], Tensor]
"""Number of the core that each hidden state is in, or ``OUTSIDE``."""


@dataclass(frozen=True, eq=False)
class Committors:
    """Where rollouts went first, in two halves that share no noise.

    Attributes
    ----------
    n_reached : (half, point, region)
        Rollouts of each half that came to the core of each region before any other.
    n_rollouts : int
        Rollouts from each state, in both halves together.
    """

    n_reached: Int[np.ndarray, "2 point region"]
    n_rollouts: int

    @property
    def probs(self) -> Float[np.ndarray, "point region"]:
        """Committor: share of the rollouts that came to a core, by core; NaN where none did."""
        return _normalise(self.n_reached.sum(0))

    @property
    def halves(self) -> Float[np.ndarray, "2 point region"]:
        """The same from each half of the rollouts."""
        return _normalise(self.n_reached)

    @property
    def censored_share(self) -> Float[np.ndarray, " point"]:
        """Share of rollouts that came to no core."""
        return 1 - self.n_reached.sum((0, 2)) / self.n_rollouts

    def measure_leaving(
        self, origin: Int[np.ndarray, " point"]
    ) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, "2 point"]]:
        """Probability that the next core is not that of the origin, 1 − q_a, and the same by half."""
        rows = np.arange(len(origin))
        return 1 - self.probs[rows, origin], 1 - self.halves[:, rows, origin]


@torch.no_grad()
def compute_committors(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    find_cores: CoreFinder,
    n_regions: int,
    *,
    noise_std: float = 1.0,
    max_steps: int = 60,
    n_rollouts: int = 30,
    generator: torch.Generator,
) -> Committors:
    """Estimate q_k(h), the probability that the core of region k is the next one from h.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
        Where rollouts start. A state in a core has come to it already.
    find_cores : callable
        From hidden states to the number of their core, −1 outside.
    n_regions : int >= 1
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    max_steps : int >= 1
        A rollout that is in no core by then counts for none.
    n_rollouts : int >= 2
        Rollouts from each state, an even number.
    generator
        Source of the noise; same seed, same result.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or a number is out of range.

    Notes
    -----
    E & Vanden-Eijnden (2006). The committor is a function of the state of the network, which is Markov. It is
    none of the region, which need not be. Rollouts that have come to a core are dropped from the batch.
    """
    require_points(network, states)
    if n_rollouts < 2 or n_rollouts % 2 or max_steps < 1:
        raise InputError(
            f"`n_rollouts` must be even and ≥ 2, and `max_steps` ≥ 1, got {n_rollouts} and {max_steps}. "
            "Use 30 and 60."
        )
    per_chunk = max(1, _CHUNK_ROLLOUTS // n_rollouts)
    chunks = [(part, fork_generator(generator)) for part in states.split(per_chunk)]

    def follow(chunk: tuple[Tensor, torch.Generator]) -> Tensor:
        start = chunk[0].repeat_interleave(n_rollouts, 0)
        options = {"noise_std": noise_std, "max_steps": max_steps, "generator": chunk[1]}
        return _follow(network, start, find_cores, **options)

    first = torch.cat(map_parallel(follow, chunks)).cpu().numpy().reshape(len(states), 2, -1)
    reached = (first[..., None] == np.arange(n_regions)).sum(2)
    return Committors(reached.swapaxes(0, 1), n_rollouts)


def _follow(
    network: NoiseRNN,
    state: Float[Tensor, "rollout state"],
    find_cores: CoreFinder,
    *,
    noise_std: float,
    max_steps: int,
    generator: torch.Generator,
) -> Int[Tensor, " rollout"]:
    """First core that each rollout is in, its start included; ``OUTSIDE`` where there is none in time."""
    first = find_cores(network.show_hidden(state))
    index = (first == OUTSIDE).nonzero()[:, 0]
    state = state.index_select(0, index)
    for _ in range(max_steps):
        if len(index) == 0:
            break
        noise = draw_noise_(state.new_empty(1, len(state), network.input_size), noise_std, generator)[0]
        state = network.step(state, noise)
        core = find_cores(network.show_hidden(state))
        first[index] = core
        kept = (core == OUTSIDE).nonzero()[:, 0]
        state, index = state.index_select(0, kept), index.index_select(0, kept)
    return first


def _normalise(counts: Int[np.ndarray, "*batch region"]) -> Float[np.ndarray, "*batch region"]:
    totals = counts.sum(-1, keepdims=True)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
