"""Slow regions found without labels: clusters of slow states, their symbols, and the states of the HMM."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from pydantic import Field
from torch import Tensor

from ...errors import InputError
from ...hmm import HMM
from ...network import NoiseRNN, require_same_symbols, spawn_rng
from ...part import Part
from ...part_settings import Drive, Resampling, Steps, Trajectories
from ...quantity import Definition, Quantity, define, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic, compute_adjusted_rand_index
from ...subject import Subject
from ..driving.driven_states import drive
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
    recluster,
)

STATES_PER_MICROSTATE = 40
"""Slow states needed for each microstate."""

FEWEST_TRAJECTORIES = 4
"""Trajectories with slow states: halves of them are compared."""

_TESTS = "tests/dynamics/regions/test_slow_clusters.py"

DEFINITIONS = define(
    Definition(
        key="n_clusters",
        label="slow regions, found without labels",
        meaning="Number of clusters of slow states that seldom pass into each other; symbols do not count.",
        equation="k with the largest ratio of implied timescales t_k/t_{k+1}, if it is ≥ 3; else 1",
        reading="Diffusion along a line or a ring reaches 4 and is cut too: look at the ratios.",
        test=f"{_TESTS}::test_blobs_of_a_jump_process_are_found",
        source="own construction after deuflhard2005",
    ),
    Definition(
        key="share",
        label="slow states in region {}",
        meaning="Share of the slow states in one of the clusters found without labels, the largest first.",
        equation="n(states of the cluster) / n(slow states)",
        reading="Compare with the stationary probabilities of the symbols.",
        test=f"{_TESTS}::test_microstates_and_clusters_may_differ_in_weight",
        unit="share",
    ),
    Definition(
        key="adjusted_rand",
        label="adjusted Rand index with the symbol",
        meaning="Agreement between the cluster of a slow state and its most probable symbol.",
        equation="(RI − E RI)/(max RI − E RI) over pairs of slow states",
        reading="1 if clusters are the symbols, 0 by chance. Interval: resamples of trajectories, each "
        "clustered anew.",
        test=f"{_TESTS}::test_agreement_with_symbols",
        source="hubert1985",
    ),
)


class ClusterSettings(ClusterRule, Resampling):
    """How slow states are clustered, and how well the clusters are known."""

    n_splits: int = Field(default=5, ge=1, description="random halvings of the trajectories")
    n_reclustered: int = Field(
        default=100, ge=2, description="resamples of trajectories that are clustered anew"
    )


class SlowClusterSettings(ClusterSettings, Drive):
    """Settings of the part ``slow_clusters``."""

    n_trajectories: Trajectories = 100
    n_steps: Steps = 100


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
        Adjusted Rand index of this table, and quantiles of resamples of trajectories, each clustered anew.
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

    def list_quantities(self) -> list[Quantity]:
        """Number of clusters, their shares, and how they agree with the symbols."""
        by_chance = known_value("by chance", 0.0)
        shares = zip(self.cluster.tolist(), self.share.tolist(), strict=True)
        return [
            DEFINITIONS["n_clusters"].measure(len(self.cluster)),
            *(DEFINITIONS["share"].measure(share, i) for i, share in shares),
            DEFINITIONS["adjusted_rand"].measure(self.adjusted_rand, beside=by_chance),
        ]


@torch.no_grad()
def compute_slow_clusters(subject: Subject, settings: SlowClusterSettings) -> SlowClusterResult:
    """Run a network, find its slow states and cluster them.

    Raises
    ------
    TooFewStatesError
        If too few states are slow, or they hardly vary.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    See :func:`find_slow_clusters`. Slow is what :func:`label_states` calls slow.
    """
    generator = subject.start_generator("slow_clusters")
    states = drive(subject, settings, generator=generator).states.transpose(0, 1)
    noise = {"noise_std": subject.noise_std, "generator": generator}
    label = label_states(subject.network, states.flatten(0, 1), **noise)
    is_slow = (label == REGIONS.index("slow")).reshape(states.shape[:2])
    result = find_slow_clusters(
        subject.network, states, is_slow, settings, hmm=subject.hmm, rng=spawn_rng(generator)
    )
    labelling = {"label_steps": LABEL_STEPS, "label_rollouts": LABEL_ROLLOUTS, "slow_above": SLOW_ABOVE}
    return replace(result, settings=result.settings | subject.record(settings) | labelling)


@torch.no_grad()
def find_slow_clusters(
    network: NoiseRNN,
    states: Float[Tensor, "trajectory time state"],
    is_slow: Bool[np.ndarray, "_ _"],
    settings: ClusterSettings,
    *,
    hmm: HMM | None = None,
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
    settings : ClusterSettings
        At most 1/40 of the slow states can be microstates.
    hmm : HMM, optional
        Process whose emission rows the clusters are compared with.
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
    _check(network, states, is_slow, hmm, settings)
    slow, owner = states[torch.from_numpy(is_slow)], np.nonzero(is_slow)[0]
    require_points(network, slow)
    metric = "direction" if scales_with_noise(network) else "standardised"
    points = _place(network.show_hidden(slow), metric)

    model = fit_clusters(points, owner, settings, rng=rng)
    label, n_clusters = model.assign(points), model.n_clusters
    split_rand, split_n_clusters = compare_halves(points, owner, settings, settings.n_splits, rng=rng)

    # From here on symbols are looked at.
    probs = network.compute_probabilities(slow).double().cpu().numpy()
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    tables = count_symbols(label, owner, probs, n_clusters)
    agreement = float(compute_adjusted_rand_index(tables.sum(0)[None])[0])
    mean_probs = resample(sum_probabilities(label, owner, probs, n_clusters), divide_by_last)
    aligned = align_clusters(mean_probs, hmm)

    resampled = recluster(
        points,
        owner,
        probs.argmax(1),
        settings,
        settings.n_reclustered,
        null=model.null_eigenvalue,
        rng=rng,
    )
    return SlowClusterResult(
        settings={"metric": metric, **settings.model_dump()},
        status={"states_without_cluster": np.flatnonzero(aligned["cluster_of_state"] < 0).tolist()},
        cluster=np.arange(n_clusters),
        share=np.bincount(label) / len(label),
        label=_spread(label, is_slow),
        transfer=_divide_rows(count_transfers(label, owner, settings.lag, n_clusters)),
        eigenvalue=model.eigenvalues,
        timescale=find_timescales(model.eigenvalues, settings.lag),
        null_eigenvalue=model.null_eigenvalue,
        n_candidates=np.arange(2, 2 + len(model.gaps)),
        gap=model.gaps,
        microstate_label=model.labels,
        microstate_share=model.shares,
        table=tables.sum(0),
        adjusted_rand=_bound(agreement, resampled, settings.confidence),
        mean_probs=mean_probs.as_estimate(),
        **aligned,
        split_rand=split_rand,
        split_n_clusters=split_n_clusters,
    )


def _bound(value: float, resampled: np.ndarray, confidence: float) -> Estimate:
    """Value with the quantiles of resamples; without limits where most resamples have no value."""
    known = resampled[np.isfinite(resampled)]
    if len(known) <= len(resampled) / 2:
        return Estimate(value)
    tail = (1 - confidence) / 2
    return Estimate(value, *np.quantile(known, [tail, 1 - tail]))


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
    network: NoiseRNN, states: Tensor, is_slow: np.ndarray, hmm: HMM | None, rule: ClusterRule
) -> None:
    if hmm is not None:
        require_same_symbols(network, hmm)
    if states.ndim != 3 or states.shape[:2] != is_slow.shape:
        raise InputError(
            f"`states` must be (trajectory, time, state) and `is_slow` (trajectory, time), got shapes "
            f"{tuple(states.shape)} and {is_slow.shape}. Transpose the states of a driven path."
        )
    n_slow, n_trajectories = int(is_slow.sum()), int(is_slow.any(1).sum())
    least = STATES_PER_MICROSTATE * rule.n_microstates
    if n_slow < least or n_trajectories < FEWEST_TRAJECTORIES:
        raise TooFewStatesError(
            f"{rule.n_microstates} microstates need ≥ {least} slow states of ≥ {FEWEST_TRAJECTORIES} "
            f"trajectories, got {n_slow} of {n_trajectories}. Run more trajectories, or use fewer "
            "microstates."
        )


PART = Part(
    name="slow_clusters",
    question="how many slow regions are there, found without labels?",
    result=SlowClusterResult,
    settings=SlowClusterSettings,
    compute=compute_slow_clusters,
    definitions=DEFINITIONS,
    seconds=6.0,
    quick={"n_trajectories": 30, "n_steps": 50, "n_microstates": 20, "n_splits": 2, "n_reclustered": 30},
)
