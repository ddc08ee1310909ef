"""Is it a committor: what rollouts say beside what the paths did; and the regions at its surface."""

import numpy as np
from jaxtyping import Bool, Float, Int

N_SETS = 3
"""Sets of states whose regions are told: at the surface, outside all cores, all."""


def sum_calibration(
    halves: Float[np.ndarray, "2 point"],
    is_left: Bool[np.ndarray, " point"],
    owner: Int[np.ndarray, " point"],
    n_bins: int,
    n_trajectories: int,
) -> dict[str, Float[np.ndarray, "trajectory ..."]]:
    """What each trajectory adds to the calibration.

    Parameters
    ----------
    halves : (2, point)
        1 − q_a from each half of the rollouts.
    is_left : (point,)
        Whether the path itself came to another core next.
    owner : (point,)
        Trajectory of each.

    Returns
    -------
    dict
        ``bins`` (trajectory, 3, bin): number, sum of 1 − q_a, number that left. A point is sorted into its
        bin by one half and counts there with the value of the other half, once each way: estimates that are
        sorted by themselves are too extreme. ``moments`` (trajectory, 6): number, sums of the outcome y,
        of the estimates u and w of both halves, of y (u + w)/2 and of u w.
    """
    bins, moments = np.zeros((n_trajectories, 3, n_bins)), np.zeros((n_trajectories, 6))
    left = is_left.astype(float)
    for sorter, value in ((0, 1), (1, 0)):
        place = np.minimum((halves[sorter] * n_bins).astype(int), n_bins - 1)
        summands = np.stack([np.ones(len(left)), halves[value], left], axis=1) / 2
        np.add.at(bins.swapaxes(1, 2), (owner, place), summands)
    u, w = halves
    terms = np.stack([np.ones(len(left)), left, u, w, left * (u + w) / 2, u * w], axis=1)
    np.add.at(moments, owner, terms)
    return {"bins": bins, "moments": moments}


def average_bins(sums: Float[np.ndarray, "batch 3 bin"]) -> Float[np.ndarray, "batch 2 bin"]:
    """Mean 1 − q_a and share that left, by bin; NaN in empty ones."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 1:] / sums[:, :1]


def compute_calibration(moments: Float[np.ndarray, "batch 6"]) -> Float[np.ndarray, "batch 2"]:
    """Slope of the outcome against 1 − q_a, and mean outcome minus mean 1 − q_a.

    The slope is Cov(y, (u + w)/2)/Cov(u, w): noise of the estimates is in neither, since the halves share
    none. It is 1 for a committor.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        left, u, w, both, product = np.moveaxis(moments[:, 1:] / moments[:, :1], -1, 0)
        mean = (u + w) / 2
        slope = (both - left * mean) / (product - u * w)
    return np.stack([slope, left - mean], axis=1)


def sum_zones(
    label: Int[np.ndarray, " point"],
    owner: Int[np.ndarray, " point"],
    group: Int[np.ndarray, " point"],
    sizes: tuple[int, int, int],
) -> Float[np.ndarray, "trajectory group zone"]:
    """Number of states of each trajectory by group and region; states without a region are left out."""
    sums, known = np.zeros(sizes), label >= 0
    np.add.at(sums, (owner[known], group[known], label[known]), 1)
    return sums


def share_zones(sums: Float[np.ndarray, "batch group zone"]) -> Float[np.ndarray, "batch group zone"]:
    """Share of each region among the states of a group; NaN without any."""
    with np.errstate(invalid="ignore"):
        return sums / sums.sum(-1, keepdims=True)
