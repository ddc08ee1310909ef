"""Which excursions and states of driven trajectories are looked at, and what the settings say about it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Integer
from pydantic import Field

from ...circuit.symbol_runs import draw_evenly
from ...errors import UndefinedAnalysisError
from ...part_settings import Drive, Resampling, Rollouts, Steps, Trajectories
from ..region_cores import OUTSIDE, find_last_core
from .excursions import Excursions

FEWEST_PASSAGES = 30
"""Passages that a direction needs to be looked at."""


class CommittorSettings(Drive, Resampling):
    """Settings of the part ``committor``."""

    n_trajectories: Trajectories = 200
    n_steps: Steps = 250
    n_passages: int = Field(default=200, ge=1, description="passages that are looked at")
    n_failures: int = Field(default=200, ge=1, description="failed attempts that are looked at")
    n_points: int = Field(default=1500, ge=1, description="states outside cores, drawn at random")
    n_labelled: int = Field(
        default=200, ge=1, description="states of each kind that get a region by residency"
    )
    n_rollouts: Rollouts = 30
    max_steps: int = Field(default=60, ge=1, description="steps after which a rollout is given up")
    n_bins: int = Field(default=5, ge=2, description="bins of the calibration")


@dataclass(frozen=True)
class Chosen:
    """Excursions and points that are looked at; their steps follow each other in one list.

    Attributes
    ----------
    passages, failures : Excursions
    group : (passage,)
        Number of the direction of each passage.
    pairs : (direction, 2)
        Regions of the directions with enough passages.
    few : list of str
        The other directions.
    trajectory, time, origin : (step,)
        Steps on passages, then on failures, then at random; the core that was left.
    """

    passages: Excursions
    failures: Excursions
    group: Int[np.ndarray, " passage"]
    pairs: Int[np.ndarray, "direction 2"]
    few: list[str]
    trajectory: Int[np.ndarray, " step"]
    time: Int[np.ndarray, " step"]
    origin: Int[np.ndarray, " step"]

    def _split(self) -> tuple[int, int]:
        n_passage = int((self.passages.length - 1).sum())
        return n_passage, n_passage + int((self.failures.length - 1).sum())

    @property
    def on_passages(self) -> slice:
        """Their steps."""
        return slice(0, self._split()[0])

    @property
    def on_failures(self) -> slice:
        """Their steps."""
        return slice(*self._split())

    @property
    def at_random(self) -> slice:
        """States outside cores, whatever follows."""
        return slice(self._split()[1], len(self.time))


def name_direction(origin: int, target: int) -> str:
    """Regions of a direction, with an arrow."""
    return f"region {origin} → {target}"


def choose(
    core: Integer[np.ndarray, "trajectory time"],
    excursions: Excursions,
    settings: CommittorSettings,
    *,
    rng: np.random.Generator,
) -> Chosen:
    """Passages, as many of each direction as there are, failed attempts, and states outside at random.

    Raises
    ------
    UndefinedAnalysisError
        If no direction has ``FEWEST_PASSAGES`` passages, or no state is outside of the cores.
    """
    passages, group, pairs, few = _choose_passages(excursions, settings, rng=rng)
    failures = _choose_failures(excursions, settings, rng=rng)
    parts = [
        (chosen.trajectory[row], time, chosen.origin[row])
        for chosen in (passages, failures)
        for row, time in [chosen.list_outside()]
    ]
    parts.append(_choose_points(core, settings, rng=rng))
    trajectory, time, origin = (np.concatenate(each) for each in zip(*parts, strict=True))
    if len(time) == 0:
        raise UndefinedAnalysisError(
            "some states must be outside all cores, but none is. Make cores smaller: "
            "`metastable_regions.core_share`."
        )
    return Chosen(passages, failures, group, pairs, few, trajectory, time, origin)


def _choose_passages(
    excursions: Excursions, settings: CommittorSettings, *, rng: np.random.Generator
) -> tuple[Excursions, Int[np.ndarray, " passage"], Int[np.ndarray, "direction 2"], list[str]]:
    """Passages, the number of the direction of each, the directions, and those with too few."""
    made = excursions.select(excursions.is_passage)
    kinds, group, counts = np.unique(
        np.stack([made.origin, made.target], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    often = np.flatnonzero(counts >= FEWEST_PASSAGES)
    if len(often) == 0:
        raise UndefinedAnalysisError(
            f"some direction must have ≥ {FEWEST_PASSAGES} passages from core to core, got at most "
            f"{counts.max(initial=0)}. Drive longer: `committor.n_trajectories`, `committor.n_steps`."
        )
    few = [name_direction(*pair) for pair in kinds[counts < FEWEST_PASSAGES].tolist()]
    share = max(FEWEST_PASSAGES, settings.n_passages // len(often))
    rows = draw_evenly(group.ravel(), often.tolist(), share, rng=rng)
    return made.select(rows), np.searchsorted(often, group.ravel()[rows]), kinds[often], few


def _choose_failures(
    excursions: Excursions, settings: CommittorSettings, *, rng: np.random.Generator
) -> Excursions:
    """Failed attempts, as many from each region; all of a region with fewer."""
    failed = excursions.select(~excursions.is_passage)
    regions = np.unique(failed.origin).tolist()
    if not regions:
        return failed
    n_each = max(1, settings.n_failures // len(regions))
    return failed.select(draw_evenly(failed.origin, regions, n_each, rng=rng))


def _choose_points(
    core: Integer[np.ndarray, "trajectory time"], settings: CommittorSettings, *, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States outside cores after a visit of one, whatever follows: trajectory, time, the core before."""
    last = find_last_core(core)
    is_open = (core == OUTSIDE) & (last != OUTSIDE)
    is_open[:, core.shape[1] - settings.max_steps :] = False  # what follows must be seen as long as rollouts
    pool = np.argwhere(is_open)
    points = pool[np.sort(rng.permutation(len(pool))[: settings.n_points])]
    return points[:, 0], points[:, 1], last[points[:, 0], points[:, 1]]
