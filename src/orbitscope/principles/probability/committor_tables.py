"""Numbers of the part ``committor`` with their intervals: each from what its trajectories add."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer

from ...dynamics.driving.driven_states import DrivenPath
from ...dynamics.regions.region_labels import REGIONS, label_states
from ...statistics import BootstrapResult, Estimate, divide_sums
from ...subject import Subject
from .committor_checks import (
    N_SETS,
    average_bins,
    compute_calibration,
    share_zones,
    sum_calibration,
    sum_zones,
)
from .committors import Committors
from .excursion_choice import Chosen, CommittorSettings, name_direction
from .excursions import Excursions, count_by_trajectory, find_next_core
from .passage_measures import (
    SURFACE,
    align_passages,
    average_curve,
    average_times,
    find_switch_leads,
    measure_beyond,
    measure_reach,
    sum_passages,
)

NEAR = 0.15
"""Largest distance of q_a from ½ of a state at the surface."""

MAX_LEAD = 20
"""Steps before the entry over which the committor is kept."""

FEWEST_LABELLED = 10
"""States on passages that a lead needs for its shares of regions."""

Resample = Callable[..., BootstrapResult]
"""Bootstrap of a statistic of sums over trajectories."""


def describe_passages(
    chosen: Chosen, found: Committors, symbols: Integer[np.ndarray, "trajectory time"], resample: Resample
) -> dict[str, Any]:
    """Surface, length and switches of passages, and the committor along them."""
    passages, n_directions = chosen.passages, len(chosen.pairs)
    leaving, _ = found.measure_leaving(chosen.origin)
    along = align_passages(leaving[chosen.on_passages], passages)
    sizes = (len(symbols), n_directions, MAX_LEAD + 1)
    sums = sum_passages(passages, along, find_switch_leads(symbols, passages), chosen.group, sizes)
    times = resample(sums["times"], average_times).as_estimate()
    names = ("lead", "length", "beyond", "switch_share", "switch_lead")

    shown = np.zeros((len(passages), MAX_LEAD + 1))
    width = min(MAX_LEAD + 1, along.shape[1])
    shown[:, :width] = along[:, :width]
    groups = [np.ones(len(passages), dtype=bool), *(chosen.group == i for i in range(n_directions))]
    beyond = measure_beyond(along)
    quartiles = [_find_quartiles(shown[rows & np.isfinite(beyond)]) for rows in groups]
    pairs = chosen.pairs
    return {
        "group": np.array(["all", *(name_direction(*pair) for pair in pairs.tolist())]),
        "origin": np.concatenate([[-1], pairs[:, 0]]),
        "target": np.concatenate([[-1], pairs[:, 1]]),
        "n_passages": np.array([int(rows.sum()) for rows in groups]),
        **{name: times[:, i] for i, name in enumerate(names)},
        "lead_of": beyond,
        "offset": np.arange(MAX_LEAD + 1),
        "leaving": resample(sums["curve"], average_curve).as_estimate(),
        "leaving_quartile": np.stack(quartiles),
    }


def _find_quartiles(along: Float[np.ndarray, "passage lead"]) -> Float[np.ndarray, "lead 2"]:
    """Quartiles over passages; NaN without any."""
    if len(along) == 0:
        return np.full((along.shape[1], 2), np.nan)
    return np.quantile(along, [0.25, 0.75], axis=0).T


def describe_rates(
    core: Integer[np.ndarray, "trajectory time"], excursions: Excursions, n_regions: int, resample: Resample
) -> dict[str, Any]:
    """Attempts, their success, and the rate of passages, on common resamples."""
    counts = count_by_trajectory(core, excursions, n_regions)
    origin, target = np.nonzero(counts["passages"].sum(0))
    made = counts["passages"][:, origin, target]
    sums = np.concatenate([counts["steps"], counts["attempts"], made], axis=1)

    def divide(sums: np.ndarray) -> np.ndarray:
        steps, attempts, made = np.split(sums, [n_regions, 2 * n_regions], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            tried, succeeds = attempts / steps, made / attempts[:, origin]
            return np.concatenate(
                [tried, succeeds, tried[:, origin] * succeeds, made / steps[:, origin]], axis=1
            )

    found = resample(sums, divide).as_estimate()
    n = len(origin)
    cuts = np.cumsum([n_regions, n, n, n])
    return {
        "rate_origin": origin,
        "rate_target": target,
        "attempts": found[: cuts[0]],
        "commit": found[cuts[0] : cuts[1]],
        "product": found[cuts[1] : cuts[2]],
        "rate": found[cuts[2] :],
    }


def describe_failures(
    chosen: Chosen, found: Committors, n_trajectories: int, n_regions: int, resample: Resample
) -> dict[str, Any]:
    """How far failed attempts come."""
    failures = chosen.failures
    _, halves = found.measure_leaving(chosen.origin)
    reach = measure_reach(halves[:, chosen.on_failures], failures)
    known = np.isfinite(reach)
    values = np.stack([reach, reach > SURFACE], axis=1)[known]
    sums = np.zeros((n_trajectories, 2, 2, n_regions))
    at = failures.trajectory[known], failures.origin[known]
    for column in range(2):
        np.add.at(sums[:, 0, column], at, values[:, column])
        np.add.at(sums[:, 1, column], at, 1)
    estimate = resample(sums, divide_sums).as_estimate()
    return {"reach": estimate[0], "turned_back": estimate[1]}


def describe_calibration(
    chosen: Chosen,
    found: Committors,
    core: Integer[np.ndarray, "trajectory time"],
    settings: CommittorSettings,
    resample: Resample,
) -> dict[str, Any]:
    """Committors of points at random beside what their own paths did."""
    _, halves = found.measure_leaving(chosen.origin)
    rows, halves = chosen.at_random, halves[:, chosen.at_random]
    trajectory, time, origin = chosen.trajectory[rows], chosen.time[rows], chosen.origin[rows]
    following, steps = (values[trajectory, time] for values in find_next_core(core))
    known = np.isfinite(halves).all(0) & (steps >= 0) & (steps <= settings.max_steps)
    sums = sum_calibration(
        halves[:, known], (following != origin)[known], trajectory[known], settings.n_bins, len(core)
    )
    bins = resample(sums["bins"], average_bins).as_estimate()
    slope = resample(sums["moments"], compute_calibration).as_estimate()
    return {
        "predicted": bins[0],
        "left": bins[1],
        "n_in_bin": sums["bins"].sum(0)[0],
        "calibration": slope[0],
        "bias": slope[1],
    }


@dataclass(frozen=True)
class Zones:
    """Regions by residency of states in the three sets, and of states on passages by lead."""

    label: Int[np.ndarray, " point"]
    trajectory: Int[np.ndarray, " point"]
    state_set: Int[np.ndarray, " point"]
    lead: Int[np.ndarray, " point"]


def measure_zones(
    subject: Subject,
    path: DrivenPath,
    chosen: Chosen,
    found: Committors,
    settings: CommittorSettings,
    *,
    rng: np.random.Generator,
) -> Zones:
    """Label states at the surface, outside cores, anywhere, and on passages; −1 where one does not apply."""
    leaving, _ = found.measure_leaving(chosen.origin)
    outside = np.arange(len(chosen.time))[chosen.at_random]
    near = outside[np.abs(leaving[outside] - SURFACE) <= NEAR]
    on_passage = np.arange(len(chosen.time))[chosen.on_passages]
    draws = [np.sort(rng.permutation(rows)[: settings.n_labelled]) for rows in (near, outside, on_passage)]
    n_steps, n_trajectories = path.states.shape[:2]
    anywhere = rng.integers([n_trajectories, n_steps], size=(settings.n_labelled, 2))

    near, outside, on_passage = draws
    rows = np.concatenate(draws)
    trajectory = np.concatenate([chosen.trajectory[rows], anywhere[:, 0]])
    time = np.concatenate([chosen.time[rows], anywhere[:, 1]])
    row, at = chosen.passages.list_outside()
    lead = (chosen.passages.end[row] - at)[on_passage]
    none = np.full(len(anywhere), -1)
    states = path.states[torch.from_numpy(time), torch.from_numpy(trajectory)]
    generator = subject.start_generator("committor: regions")
    return Zones(
        label=label_states(subject.network, states, noise_std=subject.noise_std, generator=generator),
        trajectory=trajectory,
        state_set=np.repeat([0, 1, -1, 2], [len(near), len(outside), len(on_passage), len(anywhere)]),
        lead=np.concatenate([np.full(len(near) + len(outside), -1), lead, none]),
    )


def share_all_zones(zones: Zones, n_trajectories: int, resample: Resample) -> dict[str, Any]:
    """Share of each region by residency in each set, and along passages."""
    in_set = zones.state_set >= 0
    sums = sum_zones(
        zones.label[in_set],
        zones.trajectory[in_set],
        zones.state_set[in_set],
        (n_trajectories, N_SETS, len(REGIONS)),
    )
    shares = resample(sums, share_zones)
    kick = REGIONS.index("kick")
    is_shown = (zones.lead >= 0) & (zones.lead <= MAX_LEAD)
    along = sum_zones(
        zones.label[is_shown],
        zones.trajectory[is_shown],
        zones.lead[is_shown],
        (n_trajectories, MAX_LEAD + 1, len(REGIONS)),
    )
    return {
        "zone": np.array(REGIONS),
        "state_set": np.array(["at the surface", "outside cores", "all states"]),
        "zone_share": shares.as_estimate(),
        "kick_excess": shares.derive(lambda values: values[..., 0, kick] - values[..., 1, kick]),
        "zone_along": resample(_drop_rare(along), share_zones).as_estimate(),
    }


def _drop_rare(
    sums: Float[np.ndarray, "trajectory lead zone"],
) -> Float[np.ndarray, "trajectory lead zone"]:
    """No states at leads with fewer than ``FEWEST_LABELLED``."""
    is_enough = sums.sum((0, 2)) >= FEWEST_LABELLED
    return sums * is_enough[:, None]


def count_censored(chosen: Chosen, found: Committors, n_trajectories: int, resample: Resample) -> Estimate:
    """Share of the rollouts that come to no core."""
    sums = np.zeros((n_trajectories, 2))
    np.add.at(sums[:, 0], chosen.trajectory, found.censored_share)
    np.add.at(sums[:, 1], chosen.trajectory, 1)
    return resample(sums, divide_sums).as_estimate()
