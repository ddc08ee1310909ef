"""Where on the way from one core to another the committor passes a half, and how far failed attempts come."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from ...circuit.symbol_runs import measure_ages
from .excursions import Excursions

SURFACE = 0.5
"""1 − q_a at the decision surface."""


def align_passages(
    leaving: Float[np.ndarray, " step"], passages: Excursions
) -> Float[np.ndarray, "passage lead"]:
    """1 − q_a of each passage, back in time from the first step in the new core.

    Parameters
    ----------
    leaving : (step,)
        1 − q_a at the steps of :meth:`Excursions.list_outside`.
    passages : Excursions

    Returns
    -------
    (passage, lead)
        1 at lead 0, and 0 from the last step in the old core back.
    """
    along = np.zeros((len(passages), int(passages.length.max(initial=1)) + 1))
    along[:, 0] = 1.0
    row, time = passages.list_outside()
    along[row, passages.end[row] - time] = leaving
    return along


def measure_beyond(along: Float[np.ndarray, "passage lead"]) -> Float[np.ndarray, " passage"]:
    """Steps of each passage beyond the surface, 1 − q_a > ½, interpolated; NaN where some step is unknown.

    This is the time from the surface to the entry. Of a path that crosses more than once it is the whole time
    on the far side: where the first, or the last, crossing counted, noise of the estimates would move it.
    """
    high = np.maximum(along[:, :-1], along[:, 1:])
    low = np.minimum(along[:, :-1], along[:, 1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (high - SURFACE) / (high - low)
    return np.where(low >= SURFACE, 1.0, np.where(high <= SURFACE, 0.0, part)).sum(1)


def find_switch_leads(
    symbols: Integer[np.ndarray, "trajectory time"], passages: Excursions
) -> Float[np.ndarray, " passage"]:
    """Steps from the switch of the most probable symbol to the entry into the new core.

    The switch is the step at which the run of the symbol shown at the entry began. NaN where this symbol is
    shown at the begin of the passage, too.
    """
    at_begin = symbols[passages.trajectory, passages.begin]
    at_end = symbols[passages.trajectory, passages.end]
    age = measure_ages(symbols)[passages.trajectory, passages.end]
    return np.where(at_begin != at_end, age, np.nan)


def measure_reach(halves: Float[np.ndarray, "2 step"], failures: Excursions) -> Float[np.ndarray, " failure"]:
    """Largest 1 − q_a of each failed attempt.

    One half of the rollouts tells the step, the other half its value, both ways round, mean: the largest of
    several estimates would be too large. NaN where all rollouts of a step are censored.
    """
    row, _ = failures.list_outside()
    first = np.searchsorted(row, np.arange(len(failures)))
    reach = np.zeros((2, len(failures)))
    for told, other in ((0, 1), (1, 0)):
        order = np.lexsort((-halves[told], row))  # the largest first, unknown ones last
        reach[told] = halves[other][order][first]
    return reach.mean(0)


def sum_passages(
    passages: Excursions,
    along: Float[np.ndarray, "passage lead"],
    switch_lead: Float[np.ndarray, " passage"],
    group: Int[np.ndarray, " passage"],
    sizes: tuple[int, int, int],
) -> dict[str, Float[np.ndarray, "trajectory ..."]]:
    """What each trajectory adds to the means over passages; those with an unknown step are left out.

    Parameters
    ----------
    group : (passage,)
        Number of its direction; group 0 of the sums is all of them.
    sizes : tuple
        Numbers of trajectories, of directions, and of leads that are kept.

    Returns
    -------
    dict
        ``times`` (trajectory, group, column): number, steps beyond the surface, length, number with a switch,
        steps from the surface to the switch. ``curve`` (trajectory, group, 2, lead): sum of 1 − q_a, number.
    """
    n_trajectories, n_directions, n_leads = sizes
    beyond = measure_beyond(along)
    has_switch = np.isfinite(switch_lead)
    ahead = np.where(has_switch, beyond - np.nan_to_num(switch_lead), 0.0)
    columns = np.column_stack([np.ones(len(passages)), beyond, passages.length, has_switch, ahead])
    kept = np.zeros((len(passages), n_leads))
    width = min(n_leads, along.shape[1])
    kept[:, :width] = along[:, :width]
    curve = np.stack([kept, np.ones_like(kept)], axis=1)

    is_known = np.isfinite(beyond)
    sums: dict[str, Any] = {}
    for name, values in (("times", columns), ("curve", curve)):
        total = np.zeros((n_trajectories, 1 + n_directions, *values.shape[1:]))
        rows = np.flatnonzero(is_known)
        np.add.at(total, (passages.trajectory[rows], 1 + group[rows]), values[rows])
        total[:, 0] = total[:, 1:].sum(1)
        sums[name] = total
    return sums


def average_times(sums: Float[np.ndarray, "batch group 5"]) -> Float[np.ndarray, "batch group 5"]:
    """Lead, length, share beyond, share with a switch, lead over the switch; NaN without any passage."""
    number, beyond, length, n_switched, ahead = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = [beyond / number, length / number, beyond / length, n_switched / number, ahead / n_switched]
    return np.stack(parts, axis=-1)


def average_curve(sums: Float[np.ndarray, "batch group 2 lead"]) -> Float[np.ndarray, "batch group lead"]:
    """Mean 1 − q_a; NaN without any passage."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, :, 0] / sums[:, :, 1]
