"""Profiles of single neurons: their activity, pre-activation and active share in each region."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Int, Shaped

from ...network import NoiseRNN
from ...part import Part
from ...part_settings import Resampling
from ...quantity import Definition, Quantity, define
from ...results import Result, axes, estimates
from ...statistics import BootstrapResult, Estimate, bootstrap_statistic, divide_sums
from ...subject import Subject
from ..driving.driven_states import DrivenPath
from .region_labels import REGIONS
from .regions import replay_regions

_MEASURES = ("activity", "preactivation", "active_share")

_TESTS = "tests/dynamics/regions/test_neuron_profiles.py"

DEFINITIONS = define(
    Definition(
        key="n_active",
        label="{}: active neurons",
        meaning="Mean number of neurons that are active in a state of a region: rows of the Jacobian of the "
        "driven step that led there which are not 0.",
        equation="Σ_i share of the states of the region in which neuron i is active",
        reading="All neurons of a cell that has no silent ones, such as tanh.",
        test=f"{_TESTS}::test_profiles_are_means_over_the_states_of_a_region",
    ),
    Definition(
        key="n_effective",
        label="{}: effective number of neurons",
        meaning="Participation ratio of the mean activities of neurons in a region.",
        equation="(Σ_i |a_i|)² / Σ_i a_i², with a_i the mean activity of neuron i",
        reading="The number of neurons if all are alike, 1 if one neuron carries the activity. It depends on "
        "the units of neurons.",
        test=f"{_TESTS}::test_the_effective_number_of_alike_neurons_is_their_number",
    ),
    Definition(
        key="kick_slow_cosine",
        label="cosine of mean activity in kick and in slow",
        meaning="Whether the same neurons are active, in the same proportions, in kick and in slow states.",
        equation="a_kick · a_slow / (‖a_kick‖ ‖a_slow‖)",
        reading="1 if the profiles are alike up to their size. Slow is all slow regions together.",
        test=f"{_TESTS}::test_the_cosine_is_that_of_the_profiles",
    ),
)


class NeuronProfileSettings(Resampling):
    """Settings of the part ``neuron_profiles``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronProfileResult(Result):
    """What each neuron does in each region.

    ``status`` holds ``empty``, the regions without states.

    Attributes
    ----------
    region, neuron : (region,), (neuron,)
        Names of the regions, numbers of the neurons.
    activity, preactivation, active_share : Estimate, (region, neuron)
        Means over the states of a region and their intervals over trajectories: activity, what the
        nonlinearity was applied to in the step that led there (NaN for a cell that has no such thing), and
        share of the states in which the neuron is active.
    n_active, n_effective : Estimate, (region,)
        Active neurons in a state, and participation ratio of the mean activities.
    kick_slow_cosine : Estimate, ()
        Cosine of the mean activities in kick and in slow.
    n_points : (region,)
        States of each region.
    """

    region: Shaped[np.ndarray, " region"] = axes("region", description="region by residency")
    neuron: Int[np.ndarray, " neuron"] = axes("neuron", description="number of the neuron")
    activity: Estimate = estimates("region", "neuron", unit="activity", description="mean activity")
    preactivation: Estimate = estimates(
        "region", "neuron", unit="activity", description="mean pre-activation"
    )
    active_share: Estimate = estimates(
        "region", "neuron", description="share of states with the neuron active"
    )
    n_active: Estimate = estimates("region", unit="neurons", description="active neurons in a state")
    n_effective: Estimate = estimates("region", unit="neurons", description="participation ratio")
    kick_slow_cosine: Estimate = estimates(description="cosine of mean activity in kick and in slow")
    n_points: Int[np.ndarray, " region"] = axes("region", description="states of a region")

    def list_quantities(self) -> list[Quantity]:
        """Active and effective neurons of each region, and how alike kick and slow are."""
        names = self.region.tolist()
        counts = [
            DEFINITIONS[key].measure(getattr(self, key)[i], name)
            for key in ("n_active", "n_effective")
            for i, name in enumerate(names)
        ]
        return [*counts, DEFINITIONS["kick_slow_cosine"].measure(self.kick_slow_cosine)]


def compute_neuron_profiles(subject: Subject, settings: NeuronProfileSettings) -> NeuronProfileResult:
    """Mean activity, pre-activation and active share of each neuron over the states of each region.

    Raises
    ------
    UndefinedAnalysisError
        If the states of the part ``regions`` do not come again.

    Notes
    -----
    Own construction: the states are those that ``regions`` labelled, driven again by the same noise.
    """
    label = subject.found["regions"].label
    sums = _sum_by_region(subject.network, replay_regions(subject), label)
    rng = subject.start_rng("neuron_profiles")
    means = bootstrap_statistic(sums, divide_sums, rng=rng, **settings.resampling)

    rows = dict(zip(_MEASURES, range(len(_MEASURES)), strict=True))
    found = means.as_estimate()
    return NeuronProfileResult(
        settings=settings.model_dump(),
        status={"empty": [name for i, name in enumerate(REGIONS) if not (label == i).any()]},
        region=np.array(REGIONS),
        neuron=np.arange(subject.network.hidden_size),
        **{name: found[row] for name, row in rows.items()},
        n_active=means.derive(lambda values: values[..., rows["active_share"], :, :].sum(-1)),
        n_effective=means.derive(lambda values: _count_effective(values[..., rows["activity"], :, :])),
        kick_slow_cosine=_compare_kick(means, rows["activity"]),
        n_points=np.array([(label == i).sum() for i in range(len(REGIONS))]),
    )


def _sum_by_region(
    network: NoiseRNN, path: DrivenPath, label: np.ndarray
) -> Float[np.ndarray, "trajectory 2 measure region neuron"]:
    """Sums of each measure over the states of each region, and the number of these states."""
    step = partial(_describe_step, network)
    n_steps, n_trajectories = len(path.states) - 1, path.states.shape[1]
    before = [path.start, *path.states[: n_steps - 1]]
    shape = (n_trajectories, len(_MEASURES), len(REGIONS), network.hidden_size)
    sums, is_in = np.zeros(shape), label[..., None] == np.arange(len(REGIONS))
    for t in range(n_steps):
        values = step(before[t], path.noise[t], path.states[t])
        sums += values[:, :, None] * is_in[:, t, None, :, None]
    counts = np.broadcast_to(is_in.sum(1)[:, None, :, None], shape)
    return np.stack([sums, counts], axis=1)


def _describe_step(network, before, noise, after) -> Float[np.ndarray, "trajectory measure neuron"]:
    """Activity after a step, pre-activation in it, and whether neurons are active."""
    preactivation = network.cell.find_preactivation(before, noise)
    hidden = network.show_hidden(after).double().cpu().numpy()
    shown = np.full_like(hidden, np.nan) if preactivation is None else preactivation.double().cpu().numpy()
    active = network.show_hidden(network.cell.find_active(before, noise).double()).cpu().numpy()
    return np.stack([hidden, shown, active], axis=1)


def _count_effective(activity: Float[np.ndarray, "... neuron"]) -> Float[np.ndarray, "..."]:
    size = np.abs(activity)
    with np.errstate(invalid="ignore"):
        return np.asarray(size.sum(-1) ** 2 / (size**2).sum(-1))


def _compare_kick(means: BootstrapResult, row: int) -> Estimate:
    kick, slow = (REGIONS.index(name) for name in ("kick", "slow"))

    def compare(values: np.ndarray) -> np.ndarray:
        one, other = values[..., row, kick, :], values[..., row, slow, :]
        with np.errstate(invalid="ignore"):
            return np.asarray((one * other).sum(-1) / np.sqrt((one**2).sum(-1) * (other**2).sum(-1)))

    return means.derive(compare)


PART = Part(
    name="neuron_profiles",
    question="what does each neuron do in each region?",
    result=NeuronProfileResult,
    settings=NeuronProfileSettings,
    compute=compute_neuron_profiles,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_resamples": 200},
    needs=("regions",),
)
