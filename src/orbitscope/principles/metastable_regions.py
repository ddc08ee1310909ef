"""Metastable regions: what activity keeps to, found without looking at symbols, and the cores of these."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from pydantic import Field
from torch import Tensor

from ..dynamics.driving.driven_states import DrivenPath, drive
from ..dynamics.driving.homogeneity import scales_with_noise
from ..dynamics.driving.points import scale_to_one
from ..dynamics.orbit.orbit_plane import place_states
from ..dynamics.regions.cluster_symbols import align_clusters, divide_by_last, sum_probabilities
from ..dynamics.regions.slow_clusters import STATES_PER_MICROSTATE
from ..dynamics.regions.state_clustering import ClusterModel, ClusterRule, compare_halves, fit_clusters
from ..errors import UndefinedAnalysisError
from ..network import spawn_rng
from ..part import Part
from ..part_settings import Drive, Resampling, Steps, Trajectories
from ..quantity import Quantity, Reference, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import Estimate, Null, bootstrap_statistic, divide_sums
from ..subject import Subject
from .metastable_definitions import DEFINITIONS
from .region_cores import RegionCores, fit_cores

FEWEST_TRAJECTORIES = 8
"""Trajectories: halves of those to which rules are fitted are compared."""


class MetastableSettings(ClusterRule, Drive, Resampling):
    """Settings of the part ``metastable_regions``."""

    n_trajectories: Trajectories = 100
    n_steps: Steps = 200
    n_splits: int = Field(default=3, ge=1, description="random halvings of the trajectories")
    core_share: float = Field(
        default=0.5, gt=0, le=1, description="share of the states of a region that its core holds"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class MetastableRegionResult(Result):
    """Regions that activity seldom leaves, and linear rules that tell them.

    ``status`` holds ``states_without_region``, the states of the HMM to which no region is aligned.

    Attributes
    ----------
    region : (region,)
        0 … k − 1, the largest first.
    share : Estimate, (region,)
        Share of the states.
    label, core : (trajectory, time)
        Region of each state by clustering; and the region whose core it is in by the rules, −1 outside.
    symbol : (trajectory, time)
        Most probable symbol.
    position : (trajectory, time, component)
        Coordinates in the orbit plane, in standard deviations of the first.
    eigenvalue : (mode,)
        Of the transfer matrix between microstates, 1 first.
    null_eigenvalue : Null, ()
        Second eigenvalue when the order of states is random.
    n_candidates, gap : (candidate,)
        k = 2, 3, … and timescale k over timescale k + 1.
    mean_probs : Estimate, (region, symbol)
        Mean symbol probabilities of each region.
    emission_probs : (state, symbol)
        Rows of the HMM; no rows without one.
    cluster_of_state : (state,)
        Region aligned to each state of the HMM, −1 if none is left.
    distance : Estimate, (state,)
        Total variation between ``mean_probs`` of this region and the emission row; NaN without a region.
    split_rand, split_n_regions : (split,), (split, half)
        Agreement between two halves of the trajectories, and how many regions each finds.
    accuracy, purity : Estimate, () and (region,)
        Of the rules, on odd trajectories.
    weight, intercept, threshold : (region, neuron), (region,), (region,)
        As in :class:`RegionCores`; without rows where there is one region.
    """

    region: Integer[np.ndarray, " region"] = axes("region", description="number of the region")
    share: Estimate = estimates("region", description="share of the states")
    label: Integer[np.ndarray, "trajectory time"] = axes("trajectory", "time", description="region")
    core: Integer[np.ndarray, "trajectory time"] = axes("trajectory", "time", description="core, −1 outside")
    symbol: Integer[np.ndarray, "trajectory time"] = axes(
        "trajectory", "time", description="most probable symbol"
    )
    position: Float[np.ndarray, "trajectory time component"] = axes(
        "trajectory", "time", "component", description="coordinates in the orbit plane"
    )
    eigenvalue: Float[np.ndarray, " mode"] = axes("mode", description="eigenvalues between microstates")
    null_eigenvalue: Null = nulls("random order", description="second eigenvalue without memory")
    n_candidates: Integer[np.ndarray, " candidate"] = axes("candidate", description="regions considered")
    gap: Float[np.ndarray, " candidate"] = axes("candidate", description="ratio of successive timescales")
    mean_probs: Estimate = estimates("region", "symbol", description="mean softmax")
    emission_probs: Float[np.ndarray, "state symbol"] = axes(
        "state", "symbol", description="emission rows of the HMM"
    )
    cluster_of_state: Integer[np.ndarray, " state"] = axes("state", description="aligned region")
    distance: Estimate = estimates("state", description="total variation to the emission row")
    split_rand: Float[np.ndarray, " split"] = axes("split", description="agreement between halves")
    split_n_regions: Integer[np.ndarray, "split half"] = axes(
        "split", "half", description="regions that a half finds"
    )
    accuracy: Estimate = estimates(description="share of states whose region the rules tell")
    purity: Estimate = estimates("region", description="share of a core that is in its region")
    weight: Float[np.ndarray, "ruled neuron"] = axes("ruled", "neuron", description="weights of the rules")
    intercept: Float[np.ndarray, " ruled"] = axes("ruled", description="intercepts of the rules")
    threshold: Float[np.ndarray, " ruled"] = axes("ruled", description="smallest margin in a core")

    @property
    def cores(self) -> RegionCores:
        """The rules.

        Raises
        ------
        UndefinedAnalysisError
            If there is one region only.
        """
        if len(self.region) < 2:
            raise UndefinedAnalysisError(
                "activity must keep to ≥ 2 regions, but one was found: nothing passes from one to another. "
                "More or longer trajectories may find more: leave out `--quick`, or raise `n_trajectories` "
                "or `n_steps` of `metastable_regions`. If they find none, the network may keep to no region."
            )
        is_direction = self.settings["metric"] == "direction"
        return RegionCores(self.weight, self.intercept, self.threshold, is_direction)

    def list_quantities(self) -> list[Quantity]:
        """Number of regions and their shares, then how well they are known."""
        n_states = len(self.emission_probs)
        of_hmm = (Reference("states of the HMM", Estimate(n_states)),) if n_states else ()
        regions = self.region.tolist()
        return [
            DEFINITIONS["n_regions"].measure(len(regions), beside=of_hmm),
            *(DEFINITIONS["share"].measure(self.share[k], k) for k in regions),
            *(DEFINITIONS["distance"].measure(self.distance[i], i) for i in range(n_states)),
            DEFINITIONS["agreement"].measure(
                float(np.median(self.split_rand)), beside=known_value("by chance", 0.0)
            ),
            *([DEFINITIONS["accuracy"].measure(self.accuracy)] if len(regions) > 1 else []),
            *(DEFINITIONS["purity"].measure(self.purity[k], k) for k in range(len(self.weight))),
        ]


@torch.no_grad()
def compute_metastable_regions(subject: Subject, settings: MetastableSettings) -> MetastableRegionResult:
    """Find the regions that activity seldom leaves, and rules that tell them in every step of a rollout.

    Raises
    ------
    UndefinedAnalysisError
        If there are too few trajectories.
    TooFewStatesError
        If states hardly vary.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Own construction. Regions are clusters of all driven states (:func:`fit_clusters`), found among
    directions h/‖h‖ where the network scales with its noise, else among activities. The paper's slow regions
    are those of a long residency of the most probable symbol; where a state emits several symbols evenly,
    none is long.
    """
    _require_enough(settings)
    network = subject.network
    path = drive_regions(subject, settings)
    states = path.states.transpose(0, 1)
    rng = spawn_rng(subject.start_generator("metastable_regions: clusters"))
    metric = "direction" if scales_with_noise(network) else "activity"
    hidden = network.show_hidden(states.flatten(0, 1))
    points = (scale_to_one(hidden) if metric == "direction" else hidden).cpu().numpy()
    owner = np.repeat(np.arange(settings.n_trajectories), settings.n_steps)

    model = fit_clusters(points, owner, settings, rng=rng)
    label = model.assign(points)
    split_rand, split_n_regions = compare_halves(points, owner, settings, settings.n_splits, rng=rng)
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    probs = network.compute_probabilities(states.flatten(0, 1)).double().cpu().numpy()
    sums = sum_probabilities(label, owner, probs, model.n_clusters)
    mean_probs = resample(sums, divide_by_last)
    aligned = align_clusters(mean_probs, subject.hmm)
    return MetastableRegionResult(
        settings=subject.record(settings) | {"metric": metric},
        status={"states_without_region": np.flatnonzero(aligned["cluster_of_state"] < 0).tolist()},
        region=np.arange(model.n_clusters),
        share=resample(sums[..., -1], _divide_by_total).as_estimate(),
        symbol=probs.argmax(1).reshape(states.shape[:2]).astype(np.int16),
        position=place_states(network, states).cpu().numpy(),
        **_list_spectrum(model),
        mean_probs=mean_probs.as_estimate(),
        **aligned,
        split_rand=split_rand,
        split_n_regions=split_n_regions,
        **judge_rules(hidden, label.reshape(states.shape[:2]), model.n_clusters, settings, metric, rng=rng),
    )


def drive_regions(subject: Subject, settings: MetastableSettings) -> DrivenPath:
    """Trajectories in which regions are found, the same every time: driven once, if they are kept."""
    generator = subject.start_generator("metastable_regions")
    return subject.keep("metastable_regions", settings, lambda: drive(subject, settings, generator=generator))


def _require_enough(settings: MetastableSettings) -> None:
    if settings.n_trajectories < FEWEST_TRAJECTORIES:
        raise UndefinedAnalysisError(
            f"`metastable_regions.n_trajectories` must be ≥ {FEWEST_TRAJECTORIES}, got "
            f"{settings.n_trajectories}: halves of them are compared. Use 100."
        )
    least = STATES_PER_MICROSTATE * settings.n_microstates
    if settings.n_trajectories * settings.n_steps < least:
        raise UndefinedAnalysisError(
            f"{settings.n_microstates} microstates need ≥ {least} states, got {settings.n_trajectories} "
            f"trajectories of {settings.n_steps} steps. Run more, or lower "
            "`metastable_regions.n_microstates`."
        )


def _divide_by_total(sums: Float[np.ndarray, "batch region"]) -> Float[np.ndarray, "batch region"]:
    return sums / sums.sum(1, keepdims=True)


def _list_spectrum(model: ClusterModel) -> dict[str, Any]:
    """What decided on the number of regions."""
    return {
        "eigenvalue": model.eigenvalues,
        "null_eigenvalue": model.null_eigenvalue,
        "n_candidates": np.arange(2, 2 + len(model.gaps)),
        "gap": model.gaps,
    }


def judge_rules(
    hidden: Float[Tensor, "point hidden"],
    label: Integer[np.ndarray, "trajectory time"],
    n_regions: int,
    settings: MetastableSettings,
    metric: str,
    *,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Rules fitted to even trajectories, judged on odd ones; none for a single region."""
    if n_regions < 2:
        return {
            "label": label.astype(np.int8),
            "core": np.zeros(label.shape, dtype=np.int8),
            "accuracy": Estimate(np.nan),
            "purity": Estimate(np.full(n_regions, np.nan)),
            "weight": np.empty((0, hidden.shape[-1])),
            "intercept": np.empty(0),
            "threshold": np.empty(0),
        }
    is_even = np.arange(len(label)) % 2 == 0
    by_trajectory = hidden.reshape(*label.shape, -1)
    cores = fit_cores(
        by_trajectory[torch.from_numpy(is_even)].flatten(0, 1),
        label[is_even].ravel(),
        core_share=settings.core_share,
        is_direction=metric == "direction",
    )
    core = cores.find_cores(by_trajectory).cpu().numpy()
    told = cores.find_regions(by_trajectory).cpu().numpy()
    right = np.stack([(told == label).sum(1), np.full(len(label), label.shape[1])], axis=1)
    is_in = core[..., None] == np.arange(n_regions)
    inside = np.stack([(is_in & (label == core)[..., None]).sum(1), is_in.sum(1)], axis=1)
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    return {
        "label": label.astype(np.int8),
        "core": core.astype(np.int8),
        "accuracy": resample(right[~is_even], divide_sums).as_estimate(),
        "purity": resample(inside[~is_even], divide_sums).as_estimate(),
        "weight": cores.weights,
        "intercept": cores.intercepts,
        "threshold": cores.thresholds,
    }


PART = Part(
    name="metastable_regions",
    question="which regions does activity keep to, whatever its symbols?",
    result=MetastableRegionResult,
    settings=MetastableSettings,
    compute=compute_metastable_regions,
    definitions=DEFINITIONS,
    seconds=3.0,
    quick={"n_trajectories": 40, "n_steps": 100, "n_splits": 1, "n_null": 19, "n_resamples": 200},
    least_hidden=2,
    requires_noise=True,
)
