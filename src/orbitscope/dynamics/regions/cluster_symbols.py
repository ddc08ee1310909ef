"""What clusters of states emit: symbols by trajectory, and the states of an HMM that they stand for."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.optimize import linear_sum_assignment

from ...hmm import HMM
from ...statistics import BootstrapResult, Estimate
from .state_clustering import tabulate

UNASSIGNED = -1
"""Label of a state that belongs to no cluster, and of an HMM state without one."""


def count_symbols(
    label: Integer[np.ndarray, " point"],
    owner: Integer[np.ndarray, " point"],
    probs: Float[np.ndarray, "point symbol"],
    n_clusters: int,
) -> Int[np.ndarray, "trajectory cluster symbol"]:
    """Number of states of each trajectory by cluster and most probable symbol."""
    n_trajectories, n_symbols = int(owner.max()) + 1, probs.shape[1]
    counts = tabulate(owner * n_clusters + label, probs.argmax(1), n_trajectories * n_clusters, n_symbols)
    return counts.reshape(n_trajectories, n_clusters, n_symbols)


def sum_probabilities(
    label: Integer[np.ndarray, " point"],
    owner: Integer[np.ndarray, " point"],
    probs: Float[np.ndarray, "point symbol"],
    n_clusters: int,
) -> Float[np.ndarray, "trajectory cluster column"]:
    """Sums of the probabilities of each trajectory by cluster; the last column is the number of states."""
    n_trajectories = int(owner.max()) + 1
    columns = np.column_stack([probs, np.ones(len(probs))])
    sums = np.zeros((n_trajectories, n_clusters, columns.shape[1]))
    np.add.at(sums, (owner, label), columns)
    return sums


def divide_by_last(sums: Float[np.ndarray, "*batch column"]) -> Float[np.ndarray, "*batch symbol"]:
    """Means from sums whose last column counts what was summed; NaN without any."""
    with np.errstate(invalid="ignore"):
        return sums[..., :-1] / sums[..., -1:]


def align_clusters(mean_probs: BootstrapResult, hmm: HMM | None) -> dict[str, Any]:
    """Pair clusters and HMM states so that the total variation between their probabilities is smallest.

    Returns
    -------
    dict
        ``emission_probs`` (state, symbol), ``cluster_of_state`` (state,) with −1 where no cluster is left,
        and ``distance``, an Estimate (state,). No states without an HMM.
    """
    emission = hmm.emission_probs if hmm else np.empty((0, mean_probs.estimate.shape[1]))
    distance = np.abs(mean_probs.estimate[:, None] - emission).sum(2) / 2
    clusters, states = linear_sum_assignment(distance)
    cluster_of_state = np.full(len(emission), UNASSIGNED)
    cluster_of_state[states] = clusters
    paired = mean_probs.derive(lambda probs: np.abs(probs[..., clusters, :] - emission[states]).sum(-1) / 2)
    found = np.full((3, len(emission)), np.nan)
    found[:, states] = paired.value, paired.low, paired.high
    return {
        "emission_probs": emission,
        "cluster_of_state": cluster_of_state,
        "distance": Estimate(*found),
    }
