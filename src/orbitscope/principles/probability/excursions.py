"""Excursions: what a path does between two visits of cores, passages to another one and failed attempts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from ..region_cores import OUTSIDE, find_last_core


@dataclass(frozen=True)
class Excursions:
    """Paths from the last step in a core to the first step in a core again, in order of trajectory and time.

    Attributes
    ----------
    trajectory, begin, end : (excursion,)
        ``begin`` is the last step in the core that is left, ``end`` the first step in the next one.
    origin, target : (excursion,)
        Regions of these cores: the same for a failed attempt, different ones for a passage.
    """

    trajectory: Int[np.ndarray, " excursion"]
    begin: Int[np.ndarray, " excursion"]
    end: Int[np.ndarray, " excursion"]
    origin: Int[np.ndarray, " excursion"]
    target: Int[np.ndarray, " excursion"]

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def is_passage(self) -> Bool[np.ndarray, " excursion"]:
        """Whether it ends in another core."""
        return self.origin != self.target

    @property
    def length(self) -> Int[np.ndarray, " excursion"]:
        """Steps from begin to end; 1 for a passage that is never outside."""
        return self.end - self.begin

    def select(self, chosen: Int[np.ndarray, " chosen"] | Bool[np.ndarray, " excursion"]) -> "Excursions":
        """Some of them."""
        return Excursions(**{name: values[chosen] for name, values in vars(self).items()})

    def list_outside(self) -> tuple[Int[np.ndarray, " step"], Int[np.ndarray, " step"]]:
        """Steps outside all cores: number of the excursion and time of each."""
        n_outside = self.length - 1
        row = np.repeat(np.arange(len(self)), n_outside)
        place = np.arange(n_outside.sum()) - np.repeat(np.cumsum(n_outside) - n_outside, n_outside)
        return row, self.begin[row] + 1 + place


def find_excursions(core: Integer[np.ndarray, "trajectory time"]) -> Excursions:
    """All excursions that begin and end within the trajectories."""
    trajectory, time = np.nonzero(core != OUTSIDE)
    visited = core[trajectory, time].astype(int)
    is_same = trajectory[1:] == trajectory[:-1]
    is_away = (np.diff(time) > 1) | (visited[1:] != visited[:-1])
    rows = np.flatnonzero(is_same & is_away)
    return Excursions(trajectory[rows], time[rows], time[rows + 1], visited[rows], visited[rows + 1])


def find_next_core(core: Integer[np.ndarray, "trajectory time"]) -> tuple[np.ndarray, np.ndarray]:
    """Core that a trajectory is in next, the step itself included, and the steps until then.

    Returns
    -------
    region, steps : (trajectory, time)
        ``OUTSIDE``, and −1, after the last visit.
    """
    region = find_last_core(core[:, ::-1])[:, ::-1]
    time = np.arange(core.shape[1])
    n_steps = core.shape[1]
    at = np.where(core == OUTSIDE, n_steps, time)
    first = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1]
    return region, np.where(first < n_steps, first - time, -1)


def count_by_trajectory(
    core: Integer[np.ndarray, "trajectory time"], excursions: Excursions, n_regions: int
) -> dict[str, Float[np.ndarray, "trajectory ..."]]:
    """Steps, attempts and passages of each trajectory.

    Returns
    -------
    dict
        ``steps`` (trajectory, region): steps after which the trajectory goes on, by the core it was in last;
        ``attempts`` (trajectory, region): excursions from each core; ``passages`` (trajectory, region,
        region): those from one to another.
    """
    last = find_last_core(core)
    steps = (last[:, :-1, None] == np.arange(n_regions)).sum(1)
    attempts, passages = (
        np.zeros((len(core), n_regions)),
        np.zeros((len(core), n_regions, n_regions)),
    )
    np.add.at(attempts, (excursions.trajectory, excursions.origin), 1)
    made = excursions.select(excursions.is_passage)
    np.add.at(passages, (made.trajectory, made.origin, made.target), 1)
    return {"steps": steps.astype(float), "attempts": attempts, "passages": passages}
