"""Hazards against the time since the last switch: of a network, of its model, and of the process."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ...circuit.symbol_runs import measure_ages
from ...hmm import HMM, compute_run_ends_by_target
from .filtered_noise import DrivenSteps

_GROWTH = 1.25
"""Factor from one age to the next at which a bin begins, rounded to whole steps."""

_OLDEST = 0.005
"""Share of the steps in the last bin of ages at least."""


def find_ages(steps: DrivenSteps) -> Int[np.ndarray, "trajectory step"]:
    """Steps that the run before each step has lasted, from 1 on; 0 where its begin is not seen."""
    return measure_ages(steps.symbol)[:, steps.first - 1 : -1] + 1


def choose_edges(ages: Int[np.ndarray, "trajectory step"]) -> Int[np.ndarray, " edge"]:
    """First ages of bins, and one beyond the last: single steps, then longer ones in proportion to age.

    Bins end where so few steps are left that they say little; switches have no say.
    """
    known = ages[ages > 0]
    if not len(known):
        return np.array([1, 2])
    longest = int(known.max())
    powers = _GROWTH ** np.arange(int(np.ceil(np.log(longest + 1) / np.log(_GROWTH))) + 1)
    edges = np.unique(np.minimum(np.round(powers).astype(int), longest + 1))
    counts = np.histogram(known, edges)[0]
    is_enough = counts >= _OLDEST * len(known)
    last = int(np.flatnonzero(is_enough)[-1]) if is_enough.any() else 0
    return edges[: last + 2]


def count_by_age(
    ages: Int[np.ndarray, "trajectory step"],
    edges: Int[np.ndarray, " edge"],
    values: Sequence[Float[np.ndarray, "trajectory step"]],
) -> Float[np.ndarray, "trajectory value age"]:
    """Sums of values of each trajectory over the steps of each bin of ages."""
    n_trajectories, n_bins = len(ages), len(edges) - 1
    place = np.searchsorted(edges, ages, side="right") - 1
    is_in = (ages > 0) & (place >= 0) & (place < n_bins)
    flat = (np.arange(n_trajectories)[:, None] * n_bins + place)[is_in]
    sums = [np.bincount(flat, value[is_in], minlength=n_trajectories * n_bins) for value in values]
    return np.stack(sums, axis=1).reshape(n_trajectories, n_bins, -1).transpose(0, 2, 1)


def find_process_hazards(
    hmm: HMM | None,
    pairs: Sequence[tuple[int, int]],
    edges: Int[np.ndarray, " edge"],
    young: int,
) -> tuple[Float[np.ndarray, "kind age"], Float[np.ndarray, " kind"]]:
    """Exact hazards of the symbols of the process, and how young ones compare with later ones.

    The first kind is all switches, the others are those of ``pairs``.

    Returns
    -------
    hazard : (kind, age)
    ratio : (kind,)
        Hazard within the first ``young`` steps over that of later ones. NaN without an HMM.
    """
    if hmm is None:
        return np.full((1 + len(pairs), len(edges) - 1), np.nan), np.full(1 + len(pairs), np.nan)
    longest = max(int(edges[-1]), young + 1)
    ends, lasting = compute_run_ends_by_target(hmm, max_length=longest)
    rows = [(ends.sum((0, 1)), lasting.sum(0)), *((ends[a, b], lasting[a]) for a, b in pairs)]
    events, steps = (np.stack([row[i] for row in rows]) for i in range(2))
    with np.errstate(invalid="ignore", divide="ignore"):
        hazard = _sum_bins(events, edges) / _sum_bins(steps, edges)
        first = events[:, :young].sum(1) / steps[:, :young].sum(1)
        later = events[:, young:].sum(1) / steps[:, young:].sum(1)
        return hazard, first / later


def _sum_bins(values: Float[np.ndarray, "kind length"], edges: np.ndarray) -> Float[np.ndarray, "kind age"]:
    """Sums over lengths from each edge up to the next one, lengths being counted from 1."""
    return np.stack(
        [values[:, a - 1 : b - 1].sum(1) for a, b in zip(edges[:-1], edges[1:], strict=True)], axis=1
    )
