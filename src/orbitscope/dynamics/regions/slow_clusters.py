"""Slow regions found without labels: clusters of slow states, their symbols, and the states of the HMM."""

from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from ...errors import InputError
from ...hmm import HMM
from ...network import NoiseRNN, require_same_symbols, spawn_rng
from ...quantity import Quantity, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic, compute_adjusted_rand_index
from ..driving.driven_states import run_driven
from ..driving.homogeneity import scales_with_noise
from ..driving.points import require_points, scale_to_one
from .cluster_symbols import UNASSIGNED, align_clusters, count_symbols, divide_by_last, sum_probabilities
from .region_labels import LABEL_ROLLOUTS, LABEL_STEPS, REGIONS, SLOW_ABOVE, label_states
from .state_clustering import (
    ClusterRule,
    TooFewStatesError,
    compare_halves,
    count_transfers,
    find_timescales,
    fit_clusters,
)

STATES_PER_MICROSTATE = 40
"""Slow states needed for each microstate."""

FEWEST_TRAJECTORIES = 4
"""Trajectories with slow states: halves of them are compared."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SlowClusterResult(Result):
    """Clusters of slow states and what they emit.

    Attributes
    ----------
    cluster : (cluster,)
        0 … k − 1, the largest first.
    share : (cluster,)
        Share of the slow states.
    label : (trajectory, time)
        Cluster of each state; −1 where it is not slow.
    transfer : (cluster, next_cluster)
        Share of the slow states of a cluster whose follower (``lag`` slow states later) is in another; NaN
        without followers.
    eigenvalue, timescale : (mode,)
        Of the transfer matrix between microstates, 1 first, and −lag/log of it; NaN where it is not positive.
    null_eigenvalue : Null, ()
        Second eigenvalue when the order of slow states is random.
    n_candidates, gap : (candidate,)
        k = 2, 3, … and timescale k over timescale k + 1, either raised to that of the null if it is shorter.
    microstate_label, microstate_share : (microstate,)
        Cluster of each microstate, and its share of the slow states.
    table : (cluster, symbol)
        Number of slow states by most probable symbol.
    adjusted_rand : Estimate, ()
        Adjusted Rand index of this table, with its interval.
    mean_probs : Estimate, (cluster, symbol)
        Mean symbol probabilities of each cluster, with their interval.
    emission_probs : (state, symbol)
        Rows of the HMM; no rows if none was given.
    cluster_of_state : (state,)
        Cluster aligned to each state of the HMM, −1 if none is left.
    distance : Estimate, (state,)
        Total variation between ``mean_probs`` of this cluster and the emission row; NaN without a cluster.
    split_rand : (split,)
        Adjusted Rand index between the labels that two halves of the trajectories give to all slow states; 1
        means little where both find one cluster.
    split_n_clusters : (split, half)
        Number of clusters that each half gives.
    """

    cluster: Integer[np.ndarray, " cluster"] = axes("cluster", description="number of the cluster")
    share: Float[np.ndarray, " cluster"] = axes("cluster", description="share of the slow states")
    label: Integer[np.ndarray, "trajectory time"] = axes("trajectory", "time", description="cluster")
    transfer: Float[np.ndarray, "cluster cluster"] = axes(
        "cluster", "next_cluster", description="P(cluster of the following slow state)"
    )
    eigenvalue: Float[np.ndarray, " mode"] = axes("mode", description="eigenvalues between microstates")
    timescale: Float[np.ndarray, " mode"] = axes("mode", unit="slow states", description="implied timescale")
    null_eigenvalue: Null = nulls("random order", description="second eigenvalue without memory")
    n_candidates: Integer[np.ndarray, " candidate"] = axes("candidate", description="clusters considered")
    gap: Float[np.ndarray, " candidate"] = axes("candidate", description="ratio of successive timescales")
    microstate_label: Integer[np.ndarray, " microstate"] = axes("microstate", description="its cluster")
    microstate_share: Float[np.ndarray, " microstate"] = axes(
        "microstate", description="share of slow states"
    )
    table: Integer[np.ndarray, "cluster symbol"] = axes("cluster", "symbol", description="slow states")
    adjusted_rand: Estimate = estimates(description="adjusted Rand index with the symbol")
    mean_probs: Estimate = estimates("cluster", "symbol", description="mean softmax")
    emission_probs: Float[np.ndarray, "state symbol"] = axes(
        "state", "symbol", description="emission rows of the HMM"
    )
    cluster_of_state: Integer[np.ndarray, " state"] = axes("state", description="aligned cluster")
    distance: Estimate = estimates("state", description="total variation to the emission row")
    split_rand: Float[np.ndarray, " split"] = axes("split", description="agreement between halves")
    split_n_clusters: Integer[np.ndarray, "split half"] = axes(
        "split", "half", description="clusters of a half"
    )

    def headline(self) -> list[Quantity]:
        """Number of clusters, their shares, and how they agree with the symbols."""
        by_chance = known_value("by chance", 0.0)
        return [
            Quantity("n_clusters", "slow regions, found without labels", Estimate(len(self.cluster))),
            *(
                Quantity(f"share[{i}]", f"slow states in region {i}", Estimate(share), "share")
                for i, share in zip(self.cluster.tolist(), self.share.tolist(), strict=True)
            ),
            Quantity(
                "adjusted_rand", "adjusted Rand index with the symbol", self.adjusted_rand, "1", by_chance
            ),
        ]


@torch.no_grad()
def compute_slow_clusters(
    network: NoiseRNN,
    *,
    hmm: HMM | None = None,
    n_trajectories: int = 100,
    n_steps: int = 100,
    burn_in: int = 500,
    noise_std: float = 1.0,
    n_microstates: int = 50,
    lag: int = 1,
    max_clusters: int = 8,
    min_gap: float = 3.0,
    n_null: int = 99,
    n_splits: int = 5,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> SlowClusterResult:
    """Run a network, find its slow states and cluster them.

    Parameters
    ----------
    network : NoiseRNN
    hmm : HMM, optional
        Process whose emission rows the clusters are compared with.
    n_trajectories, n_steps, burn_in, noise_std
        As in :func:`run_driven`.
    n_microstates, lag, max_clusters, min_gap, n_null, n_splits, n_resamples, confidence
        As in :func:`find_slow_clusters`.
    generator
        Source of all randomness; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range.
    TooFewStatesError
        If too few states are slow, or they hardly vary.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    See :func:`find_slow_clusters`. Slow is what :func:`label_states` calls slow.
    """
    noise = {"noise_std": noise_std, "generator": generator}
    path = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": burn_in}
    states = run_driven(network, **path, **noise).states.transpose(0, 1)
    label = label_states(network, states.flatten(0, 1), **noise)
    result = find_slow_clusters(
        network,
        states,
        (label == REGIONS.index("slow")).reshape(n_trajectories, n_steps),
        hmm=hmm,
        n_microstates=n_microstates,
        lag=lag,
        max_clusters=max_clusters,
        min_gap=min_gap,
        n_null=n_null,
        n_splits=n_splits,
        n_resamples=n_resamples,
        confidence=confidence,
        rng=spawn_rng(generator),
    )
    labelling = {"label_steps": LABEL_STEPS, "label_rollouts": LABEL_ROLLOUTS, "slow_above": SLOW_ABOVE}
    return replace(result, settings=result.settings | path | {"noise_std": noise_std} | labelling)


@torch.no_grad()
def find_slow_clusters(
    network: NoiseRNN,
    states: Float[Tensor, "trajectory time state"],
    is_slow: Bool[np.ndarray, "_ _"],
    *,
    hmm: HMM | None = None,
    n_microstates: int = 50,
    lag: int = 1,
    max_clusters: int = 8,
    min_gap: float = 3.0,
    n_null: int = 99,
    n_splits: int = 5,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> SlowClusterResult:
    """Cluster slow states by how seldom they pass into each other, without looking at symbols.

    Parameters
    ----------
    network : NoiseRNN
        Reads the symbols of the states, after the clustering.
    states : (trajectory, time, state)
        Driven states, consecutive in time.
    is_slow : (trajectory, time)
        Which of them are slow; the others are skipped.
    hmm : HMM, optional
        Process whose emission rows the clusters are compared with.
    n_microstates : int
        Places that k-means looks for; more than ``max_clusters`` and at most 1/40 of the slow states.
    lag : int >= 1
        Counted in slow states: a transfer leads from one to the ``lag``-th next one of its trajectory.
    max_clusters : int >= 2
    min_gap : float > 1
        Smallest ratio of successive timescales that separates clusters; one cluster if all are smaller.
    n_null, n_splits : int >= 1
        Random orders behind the null eigenvalue; random halvings of the trajectories.
    n_resamples, confidence
        Of the bootstrap over trajectories; clusters are kept as they are.
    rng
        Source of all randomness; same seed, same result.

    Raises
    ------
    InputError
        If shapes do not match, a slow state is not finite, or a number is out of range.
    TooFewStatesError
        If there are too few slow states or trajectories, or they hardly vary.

    Notes
    -----
    Paper: Torre et al. 2025 call slow states clusters by residency and match them to symbols by eye. Own
    construction, see :func:`fit_clusters`. Places are found among directions h/‖h‖ where the network scales
    with its noise (its dynamics does not know the norm), else among activities with mean 0 and variance 1.

    A rule for one cluster: a Gaussian process that looks alike in both directions of time has ratios of
    timescales of at most 2, whatever its memory, because powers of its slowest mode are modes too. Diffusion
    along a line or a ring of even density reaches 4 and is cut: look at ``gap`` before calling the pieces
    discrete. Symmetrising hides one-way cycles between clusters; ``transfer`` is not symmetrised.
    """
    rule = ClusterRule(n_microstates, lag, max_clusters, min_gap, n_null)
    _check(network, states, is_slow, hmm, rule, n_splits)
    slow, owner = states[torch.from_numpy(is_slow)], np.nonzero(is_slow)[0]
    require_points(network, slow)
    metric = "direction" if scales_with_noise(network) else "standardised"
    points = _place(network.show_hidden(slow), metric)
    model = fit_clusters(points, owner, rule, rng=rng)
    label, n_clusters = model.assign(points), model.n_clusters
    split_rand, split_n_clusters = compare_halves(points, owner, rule, n_splits, rng=rng)
    probs = network.compute_probabilities(slow).double().cpu().numpy()
    resample = partial(bootstrap_statistic, rng=rng, n_resamples=n_resamples, confidence=confidence)
    tables = count_symbols(label, owner, probs, n_clusters)
    agreement = resample(tables, compute_adjusted_rand_index)
    mean_probs = resample(sum_probabilities(label, owner, probs, n_clusters), divide_by_last)
    aligned = align_clusters(mean_probs, hmm)
    return SlowClusterResult(
        settings={"metric": metric, **asdict(rule), "n_resamples": n_resamples, "confidence": confidence},
        status={"states_without_cluster": np.flatnonzero(aligned["cluster_of_state"] < 0).tolist()},
        cluster=np.arange(n_clusters),
        share=np.bincount(label) / len(label),
        label=_spread(label, is_slow),
        transfer=_divide_rows(count_transfers(label, owner, lag, n_clusters)),
        eigenvalue=model.eigenvalues,
        timescale=find_timescales(model.eigenvalues, lag),
        null_eigenvalue=model.null_eigenvalue,
        n_candidates=np.arange(2, 2 + len(model.gaps)),
        gap=model.gaps,
        microstate_label=model.labels,
        microstate_share=model.shares,
        table=tables.sum(0),
        adjusted_rand=agreement.as_estimate(),
        mean_probs=mean_probs.as_estimate(),
        **aligned,
        split_rand=split_rand,
        split_n_clusters=split_n_clusters,
    )


def _place(hidden: Tensor, metric: str) -> np.ndarray:
    """Coordinates in which places are found; a silent state has the direction 0."""
    if metric == "direction":
        return scale_to_one(hidden).cpu().numpy()
    points = hidden.cpu().numpy()
    spread = points.std(0)
    return (points - points.mean(0)) / np.where(spread > 0, spread, 1)


def _divide_rows(counts: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return counts / counts.sum(1, keepdims=True)


def _spread(label: np.ndarray, is_slow: np.ndarray) -> np.ndarray:
    whole = np.full(is_slow.shape, UNASSIGNED)
    whole[is_slow] = label
    return whole


def _check(
    network: NoiseRNN, states: Tensor, is_slow: np.ndarray, hmm: HMM | None, rule: ClusterRule, n_splits: int
) -> None:
    if hmm is not None:
        require_same_symbols(network, hmm)
    if states.ndim != 3 or states.shape[:2] != is_slow.shape:
        raise InputError(
            f"`states` must be (trajectory, time, state) and `is_slow` (trajectory, time), got shapes "
            f"{tuple(states.shape)} and {is_slow.shape}. Transpose the states of a driven path."
        )
    for name, value in (("lag", rule.lag), ("n_null", rule.n_null), ("n_splits", n_splits)):
        if value < 1:
            raise InputError(f"`{name}` must be ≥ 1, got {value}.")
    if not rule.min_gap > 1:
        raise InputError(f"`min_gap` must be > 1, got {rule.min_gap}. Use 3.")
    if not 2 <= rule.max_clusters < rule.n_microstates:
        raise InputError(
            f"`max_clusters` must be ≥ 2 and < `n_microstates`, got {rule.max_clusters} and "
            f"{rule.n_microstates}. Use 8 and 50."
        )
    n_slow, n_trajectories = int(is_slow.sum()), int(is_slow.any(1).sum())
    least = STATES_PER_MICROSTATE * rule.n_microstates
    if n_slow < least or n_trajectories < FEWEST_TRAJECTORIES:
        raise TooFewStatesError(
            f"{rule.n_microstates} microstates need ≥ {least} slow states of ≥ {FEWEST_TRAJECTORIES} "
            f"trajectories, got {n_slow} of {n_trajectories}. Run more trajectories, or use fewer "
            "microstates."
        )
