"""Twins: two paths from one state, of which one switches and the other does not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ..dynamics.driving.driven_states import DrivenPath
from ..network import NoiseRNN, draw_noise_
from .commitment import OUTCOME_STEPS
from .symbol_runs import Switches


@dataclass(frozen=True)
class Twins:
    """Pairs of paths from one state, seen at several leads before the switch of one of them.

    Attributes
    ----------
    lead : tuple of int
        Steps before the first step of the new symbol.
    switched, stayed, stayed_too : (lead, twin, state)
        The path that switches, and two that keep the old symbol until the outcome.
    origin, target : (twin,)
        Symbols before and after.
    owner : (twin,)
        Trajectory that the switch is on: the unit of intervals.
    """

    lead: tuple[int, ...]
    switched: Float[Tensor, "lead twin state"]
    stayed: Float[Tensor, "lead twin state"]
    stayed_too: Float[Tensor, "lead twin state"]
    origin: Integer[np.ndarray, " twin"]
    target: Integer[np.ndarray, " twin"]
    owner: Int[np.ndarray, " twin"]

    def __len__(self) -> int:
        return len(self.owner)

    def select(self, chosen: np.ndarray) -> "Twins":
        """Some of the twins."""
        rows = torch.as_tensor(np.arange(len(self))[chosen])
        states = {key: getattr(self, key)[:, rows] for key in ("switched", "stayed", "stayed_too")}
        facts = {key: getattr(self, key)[chosen] for key in ("origin", "target", "owner")}
        return Twins(self.lead, **states, **facts)


@torch.no_grad()
def build_twins(
    network: NoiseRNN,
    path: DrivenPath,
    switches: Switches,
    *,
    leads: Sequence[int],
    apart: int,
    n_tries: int,
    noise_std: float,
    generator: torch.Generator,
) -> Twins:
    """Twins of switches: the common state is ``apart`` steps before the first of the leads.

    Parameters
    ----------
    network : NoiseRNN
    path : DrivenPath
        Driven trajectories.
    switches : Switches
        On these, each at least ``max(leads) + apart`` steps into its run.
    leads : sequence of int >= 1
        Steps before the switch at which the twins are seen.
    apart : int >= 1
        Steps in which the noise of the two differs before that.
    n_tries : int >= 2
        Paths that are tried for each switch; it is left out if fewer than two of them keep the symbol.
    noise_std : float
    generator
        Source of the noise of the other twins.
    """
    ahead = max(leads) + apart
    trajectory, time = torch.from_numpy(switches.trajectory), torch.from_numpy(switches.time)
    start = path.states[time - ahead, trajectory]
    origin = torch.from_numpy(switches.origin.astype(int)).to(start.device)
    seen = [ahead - lead - 1 for lead in leads]

    n_kept = torch.zeros(len(switches), dtype=torch.int64, device=start.device)
    kept = start.new_zeros(2, len(leads), len(switches), start.shape[1])
    for _ in range(n_tries):
        rows = torch.nonzero(n_kept < 2).ravel()
        if len(rows) == 0:
            break
        noise = start.new_empty(ahead + OUTCOME_STEPS, len(rows), network.input_size)
        states = network.unroll(start[rows], draw_noise_(noise, noise_std, generator))
        stays = (network.compute_logits(states).argmax(-1) == origin[rows]).all(0)
        rows = rows[stays]
        kept[n_kept[rows], :, rows] = states[seen][:, stays].transpose(0, 1)
        n_kept[rows] += 1

    has_twins = (n_kept == 2).cpu().numpy()
    switched = torch.stack([path.states[time - lead, trajectory] for lead in leads])
    everything = Twins(
        tuple(leads), switched, kept[0], kept[1], switches.origin, switches.target, switches.trajectory
    )
    return everything.select(has_twins)
