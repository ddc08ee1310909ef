"""Passages between cores of regions, and the paths that they take, on one scale of time."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from ...circuit.symbol_runs import find_switches
from ..region_cores import OUTSIDE, RegionCores, find_last_core

FEWEST_PASSAGES = 30
"""Passages that a pair of regions needs, each way."""

LEAST_IN_HALF = 5
"""Passages that it needs in even and in odd trajectories, each way."""

_BLOCK = 20_000
"""States whose region is told together."""


@dataclass(frozen=True, eq=False)
class Passages:
    """Passages from core to core without another core between, in order of trajectory and time.

    Attributes
    ----------
    trajectory : (event,)
    leave, decide, arrive : (event,)
        Last step in the first core; first step after the last one in its region; first step in the other
        core.
    origin, target : (event,)
        Regions.
    age : (event,)
        Steps at ``decide`` since the first core was entered from another one; −1 if this was not seen.
    """

    trajectory: Int[np.ndarray, " event"]
    leave: Int[np.ndarray, " event"]
    decide: Int[np.ndarray, " event"]
    arrive: Int[np.ndarray, " event"]
    origin: Int[np.ndarray, " event"]
    target: Int[np.ndarray, " event"]
    age: Int[np.ndarray, " event"]

    def __len__(self) -> int:
        return len(self.arrive)

    def select(self, chosen: Bool[np.ndarray, " event"] | Int[np.ndarray, " chosen"]) -> "Passages":
        """Some of them."""
        return Passages(**{name: values[chosen] for name, values in vars(self).items()})

    def find(self, origin: int, target: int) -> Int[np.ndarray, " found"]:
        """Rows of those of one direction."""
        return np.flatnonzero((self.origin == origin) & (self.target == target))


@torch.no_grad()
def tell_hidden(
    cores: RegionCores, hidden: Float[Tensor, "time trajectory hidden"]
) -> tuple[Int[np.ndarray, "trajectory time"], Int[np.ndarray, "trajectory time"]]:
    """Core of each state, ``OUTSIDE`` of all, and region of each state."""
    thresholds = torch.tensor(cores.thresholds).to(hidden)
    found = []
    for block in hidden.flatten(0, 1).split(_BLOCK):
        best, region = cores.measure_margins(block).max(-1)
        found.append(torch.stack([torch.where(best >= thresholds[region], region, OUTSIDE), region]))
    core, region = torch.cat(found, dim=1).reshape(2, *hidden.shape[:2]).cpu().numpy()
    return core.T, region.T


def find_passages(
    core: Integer[np.ndarray, "trajectory time"], region: Integer[np.ndarray, "trajectory time"]
) -> Passages:
    """All passages along trajectories: a path that comes back to the core that it left has not passed."""
    switches = find_switches(find_last_core(core))
    switches = switches.select(switches.origin != OUTSIDE)
    trajectory, before = switches.trajectory, switches.time - 1
    leave = _find_last(core != OUTSIDE)[trajectory, before]
    decide = np.full(len(switches), -1)
    for origin in np.unique(switches.origin).tolist():
        rows = switches.origin == origin
        decide[rows] = _find_last(region == origin)[trajectory[rows], before[rows]]
    decide = np.maximum(decide, leave) + 1
    age = np.where(switches.age < 0, -1, switches.age - (switches.time - decide))
    ends = switches.origin.astype(int), switches.target.astype(int)
    return Passages(trajectory, leave, decide, switches.time, *ends, age)


def _find_last(is_in: Bool[np.ndarray, "trajectory time"]) -> Int[np.ndarray, "trajectory time"]:
    """Last step up to each one that is in a set; −1 before the first."""
    return np.maximum.accumulate(np.where(is_in, np.arange(is_in.shape[1]), -1), axis=1)


def list_pairs(passages: Passages, n_regions: int) -> tuple[list[tuple[int, int]], list[str]]:
    """Pairs of regions with enough passages each way, and those with fewer, in words."""
    halves = np.zeros((2, n_regions, n_regions), dtype=int)
    np.add.at(halves, (passages.trajectory % 2, passages.origin, passages.target), 1)
    counts, least = halves.sum(0), halves.min(0)
    kept, few = [], []
    for a in range(n_regions):
        for b in range(a + 1, n_regions):
            is_enough = min(counts[a, b], counts[b, a]) >= FEWEST_PASSAGES
            if is_enough and min(least[a, b], least[b, a]) >= LEAST_IN_HALF:
                kept.append((a, b))
            else:
                few.append(f"{a} and {b}: {counts[a, b]} there, {counts[b, a]} back")
    return kept, few


def list_phases(n_phases: int, n_around: int) -> Float[np.ndarray, " point"]:
    """Places on a path: 0 … 1 from core to core, −1, −2 … and 2, 3 … are whole steps before and after."""
    steps = np.arange(1, n_around + 1)
    return np.concatenate([-steps[::-1], np.linspace(0, 1, n_phases), 1 + steps]).astype(float)


def keep_seen(passages: Passages, n_around: int, n_steps: int) -> Passages:
    """Those with so many steps before and after them."""
    is_seen = (passages.leave >= n_around) & (passages.arrive + n_around < n_steps)
    return passages.select(is_seen)


@torch.no_grad()
def sample_paths(
    hidden: Float[Tensor, "time trajectory hidden"],
    passages: Passages,
    phases: Float[np.ndarray, " point"],
    scales: Float[np.ndarray, " hidden"],
) -> Float[np.ndarray, "event point hidden"]:
    """Activity along passages in units of ``scales``, between steps on straight lines."""
    around = np.where(phases < 0, phases, np.where(phases > 1, phases - 1, 0))
    inside = np.clip(phases, 0, 1)[None] * (passages.arrive - passages.leave)[:, None]
    at = passages.leave[:, None] + inside + around[None]

    # The last step has no next one: its share is 0, but it is looked up.
    step = np.floor(at + 1e-9).astype(int)
    share = torch.from_numpy(np.clip(at - step, 0, 1)[..., None]).to(hidden)
    after = torch.from_numpy(np.minimum(step + 1, len(hidden) - 1))
    trajectory = torch.from_numpy(passages.trajectory)[:, None]
    states = hidden[torch.from_numpy(step), trajectory] * (1 - share) + hidden[after, trajectory] * share
    return (states / torch.from_numpy(scales).to(hidden)).cpu().numpy()
