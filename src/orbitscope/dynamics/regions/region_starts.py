"""Independent states of each region: where an analysis of regions starts its rollouts."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, iterate_rollout
from ..driving.driven_states import require_bounded, run_driven
from .region_labels import REGIONS, label_states

SPACING = 97
"""Steps between two looks at the same trajectory; a prime, so that looks do not keep step with a cycle."""

_TRAJECTORIES_PER_START = 4
"""More than the number of regions, so that trajectories are left when all regions but one are full."""


@dataclass(frozen=True)
class RegionStarts:
    """Driven states, each from a trajectory of its own.

    Attributes
    ----------
    states : (point, state)
    label : (point,)
        Index into ``REGIONS``, ascending.
    n_seen : int
        States that were labelled to find these.
    """

    states: Float[Tensor, "point state"]
    label: Int[np.ndarray, " point"]
    n_seen: int


def draw_region_starts(
    network: NoiseRNN,
    *,
    n_starts: int = 200,
    max_states: int = 20_000,
    burn_in: int = 500,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> RegionStarts:
    """Draw states of each region, no two of them from the same trajectory.

    Parameters
    ----------
    network : NoiseRNN
    n_starts : int >= 1
        Wanted in each region. A rare region may end with fewer, one that does not exist has none.
    max_states : int >= 1
        No further look is taken once so many states were labelled.
    burn_in, noise_std
        As in :func:`run_driven`.
    generator
        Source of all noise; same seed, same starts.

    Raises
    ------
    InputError
        If a number is out of range.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction. Many trajectories are looked at every ``SPACING`` steps. A trajectory that is found in a
    region which still lacks starts gives its state and is dropped; the others go on.
    """
    for name, value in (("n_starts", n_starts), ("max_states", max_states)):
        if value < 1:
            raise InputError(f"`{name}` must be ≥ 1, got {value}.")
    noise = {"noise_std": noise_std, "generator": generator}
    n_trajectories = _TRAJECTORIES_PER_START * n_starts
    pool = run_driven(network, n_trajectories, 1, burn_in=burn_in, **noise).states[0]

    taken: list[list[Tensor]] = [[] for _ in REGIONS]
    n_seen, step = 0, burn_in + 1
    while n_seen < max_states and (lacking := [i for i, t in enumerate(taken) if len(t) < n_starts]):
        only_transition = lacking == [REGIONS.index("transition")]
        labels = label_states(network, pool, only_transition=only_transition, **noise)
        n_seen += len(pool)
        is_left = torch.ones(len(pool), dtype=torch.bool)
        for index, found in enumerate(taken):
            rows = torch.from_numpy(np.flatnonzero(labels == index)[: n_starts - len(found)])
            found += pool[rows]
            is_left[rows] = False
        pool, step = _advance(network, pool[is_left], **noise), step + SPACING
        require_bounded(pool, step)

    return RegionStarts(
        states=torch.stack([state for found in taken for state in found]),
        label=np.repeat(np.arange(len(REGIONS)), [len(found) for found in taken]),
        n_seen=n_seen,
    )


def _advance(network: NoiseRNN, states: Tensor, **noise) -> Tensor:
    """States after a spacing."""
    chunks = iterate_rollout(network, SPACING, start=states, chunk_steps=10, **noise)
    return [chunk.states[-1] for chunk in chunks][-1]
