"""Dwells of a sample with their bootstrap over trajectories, and what is measured of both."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from ...hmm import HMM, decode_viterbi
from ...statistics import BootstrapResult, Estimate, bootstrap_statistic
from .dwell_laws import compute_survival, measure_moments, pool_states
from .dwell_times import count_ages, find_dwells

FEWEST_DWELLS = 30
"""Dwells whose end is seen; a law of fewer is not given."""


@dataclass(frozen=True)
class ResampledDwells:
    """How many dwells end and are at risk at each age, and the same in resamples of trajectories.

    Attributes
    ----------
    n_dwells : (group,)
        Dwells whose end is seen: of all states, and of each.
    sums : BootstrapResult, (group, 2, age)
    """

    n_dwells: Int[np.ndarray, " group"]
    sums: BootstrapResult

    @property
    def is_known(self) -> np.ndarray:
        """Groups with enough dwells."""
        return self.n_dwells >= FEWEST_DWELLS

    def derive(self, measure: Callable[[np.ndarray], np.ndarray]) -> Estimate:
        """Measure of the sums, (..., group, 2, age) to (..., group, …); NaN for groups of few dwells."""
        return blank(self.sums.derive(measure), ~self.is_known)


def decode_states(
    hmm: HMM, symbols: Integer[np.ndarray, "trajectory time"]
) -> tuple[Integer[np.ndarray, "trajectory time"], int]:
    """Most probable paths of states, and how many trajectories the HMM cannot emit: they have no dwells."""
    states = decode_viterbi(hmm, symbols).states
    return states, int((states[:, 0] < 0).sum())


def count_sample(
    states: Integer[np.ndarray, "trajectory time"], n_states: int, horizon: int
) -> tuple[Int[np.ndarray, " group"], Float[np.ndarray, "trajectory state 2 age"]]:
    """Dwells whose end is seen, of all states and of each, and counts by age."""
    dwells = find_dwells(states)
    n_ended = np.bincount(dwells.state[dwells.is_ended], minlength=n_states)
    return np.append(n_ended.sum(), n_ended), count_ages(dwells, len(states), n_states, horizon)


def resample_dwells(
    states: Integer[np.ndarray, "trajectory time"], n_states: int, horizon: int, **resampling: Any
) -> ResampledDwells:
    """Dwells of states or symbols, all together and of each, with resamples of trajectories."""
    n_dwells, counts = count_sample(states, n_states, horizon)
    return ResampledDwells(n_dwells, bootstrap_statistic(counts, pool_states, **resampling))


def find_mean(sums: Float[np.ndarray, "*batch 2 age"]) -> Float[np.ndarray, "*batch"]:
    """Mean dwell in steps, cut at the horizon."""
    return np.asarray(measure_moments(compute_survival(sums))[..., 0])


def find_cv(sums: Float[np.ndarray, "*batch 2 age"]) -> Float[np.ndarray, "*batch"]:
    """CV of a dwell, cut at the horizon."""
    return np.asarray(measure_moments(compute_survival(sums))[..., 1])


def compare_cv(network: ResampledDwells, process: ResampledDwells) -> Estimate:
    """CV of one sample over that of another, by group; resamples are drawn of both."""
    values = [find_cv(dwells.sums.estimate) for dwells in (network, process)]
    samples = [find_cv(dwells.sums.samples) for dwells in (network, process)]
    tail = (1 - network.sums.confidence) / 2
    limits = np.quantile(divide(*samples), [tail, 1 - tail], axis=0)
    return blank(Estimate(divide(*values), *limits), ~(network.is_known & process.is_known))


def divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient; NaN, silently, where the denominator is 0."""
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    return np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0)


def blank(estimate: Estimate, is_blank: np.ndarray) -> Estimate:
    """The same with NaN along its first axis where it is not to be shown."""
    arrays = [array.copy() for array in (estimate.value, estimate.low, estimate.high)]
    for array in arrays:
        array[is_blank] = np.nan
    return Estimate(*arrays)
