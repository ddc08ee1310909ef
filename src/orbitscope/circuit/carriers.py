"""Carriers: the neurons that carry a decision to switch, found by patching, and how many it takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ..dynamics.driving.driven_states import DrivenPath
from ..errors import InputError
from ..network import NoiseRNN, spawn_rng
from ..part import Part
from ..part_settings import Resampling, Rollouts
from ..quantity import Quantity, Reference, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import BootstrapResult, Estimate, Null, bootstrap_statistic
from ..statistics.verdicts import ALPHA
from ..subject import Subject
from .attribution import DirectedTwins, find_twins
from .carrier_definitions import DEFINITIONS
from .concentration import LEAST_EFFECT, choose_lead, draw_shuffled
from .influence import (
    STANDS_OUT,
    average_all,
    bound_shares,
    choose_first,
    compute_jaccard,
    divide_by_all,
    find_half_size,
    find_standing_out,
    invert,
    measure_concentration,
    rank,
    subtract_best,
)
from .neuron_sets import RIVALS, NeuronSets, count_different, find_drive
from .signature import MOMENTS, average_preactivation, compare_with_chance, find_signature
from .switches import replay_switches
from .symbol_runs import Switches
from .twin_paths import KINDS, follow_twins

_ORDER_IN_WORDS = {
    "effect": "by effect",
    "size": "by difference in activity",
    "readout": "by their part in the readout",
    "drive": "by drive of the deciding noise",
    "random": "at random",
}


class CarrierSettings(Resampling):
    """Settings of the part ``carriers``."""

    n_twins: int = Field(default=400, ge=60, description="switches with twins, of all directions")
    apart: int = Field(default=10, ge=1, description="steps from the common state of twins to the first lead")
    n_tries: int = Field(default=30, ge=2, description="paths that are tried for each twin that stays")
    n_contexts: int = Field(default=250, ge=1, description="random sets of patched neurons for each twin")
    n_rollouts: Rollouts = 10
    n_together: int = Field(default=12, ge=1, description="neurons of the sets that are compared")
    n_matched: int = Field(default=39, ge=19, description="random sets matched in activity and readout")
    n_shown: int = Field(default=16, ge=1, description="twins of each direction whose paths are kept")
    n_shuffles: int = Field(
        default=19, ge=0, description="copies with shuffled weights: 0 for none, else ≥ 19"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class CarrierResult(Result):
    """Which neurons carry a decision to switch.

    ``status`` holds ``notes``: what could not be measured, or why there is no group.

    Attributes
    ----------
    lead : ()
    direction, n_twins : (direction,)
    origin, target : (direction,)
    neuron : (neuron,)
    n_different : ()
    total_effect, placebo : Estimate, ()
    effect : Estimate, (direction, neuron)
    limit, is_carrier : (direction, neuron)
    group : (group,)
    n_effective : Estimate, (group,)
    effective_share : Estimate, ()
    ranking, size : (ranking,), (size,)
    share : Estimate, (ranking, size)
    n_half : Estimate, (ranking,)
    share_together : Estimate, (ranking,)
    advantage : Estimate, ()
    matched : Null, ()
    balance : ()
    concentration : ()
    shuffled : Null, ()
    moment : (moment,)
    preactivation, has_signature : (direction, moment, neuron), (direction, neuron)
    signature : (direction,)
    random_sets : Null, (direction,)
    mirrored, mirrored_sets : (direction,), Null, (direction,)
    compared, jaccard, jaccard_by_chance : (comparison,), (comparison,), ()
    kind : (kind,)
    twin_path : (kind, direction, shown, time, axis)
        In the orbit plane, from the patch on; NaN behind the last of few twins.
    cloud, cloud_symbol : (point, axis), (point,)
    axis_share : (axis,)
    """

    lead: Int[np.ndarray, ""] = axes(unit="steps", description="lead at which neurons are patched")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    n_twins: Int[np.ndarray, " direction"] = axes("direction", description="twins")
    neuron: Int[np.ndarray, " neuron"] = axes("neuron", description="number of the neuron")
    n_different: Float[np.ndarray, ""] = axes(unit="neurons", description="neurons that differ between twins")
    total_effect: Estimate = estimates(description="effect of patching all neurons")
    placebo: Estimate = estimates(description="the same between twins that both stay")
    effect: Estimate = estimates(
        "direction", "neuron", description="effect of patching a neuron for one step"
    )
    limit: Float[np.ndarray, "direction neuron"] = axes(
        "direction", "neuron", description="lower limits of all effects at once"
    )
    is_carrier: Int[np.ndarray, "direction neuron"] = axes(
        "direction", "neuron", description="1 for a carrier of this direction"
    )
    group: Shaped[np.ndarray, " group"] = axes("group", description="all switches, or a direction")
    n_effective: Estimate = estimates("group", unit="neurons", description="effective number of neurons")
    effective_share: Estimate = estimates(description="that of all switches over neurons that differ")
    ranking: Shaped[np.ndarray, " ranking"] = axes("ranking", description="order of neurons")
    size: Int[np.ndarray, " size"] = axes("size", unit="neurons", description="neurons patched together")
    share: Estimate = estimates("ranking", "size", description="effect of the first neurons over that of all")
    n_half: Estimate = estimates("ranking", unit="neurons", description="neurons for half of the effect")
    share_together: Estimate = estimates("ranking", description="share of the first `n_together`")
    advantage: Estimate = estimates(description="share by effect minus the largest of the rivals")
    matched: Null = nulls("matched sets", description="share of random sets, matched in activity and readout")
    balance: Float[np.ndarray, ""] = axes(description="|Δh| of matched sets over that of the first")
    concentration: Float[np.ndarray, ""] = axes(description="share of the first, from a short search")
    shuffled: Null = nulls("shuffled copies", description="the same in copies with shuffled weights")
    moment: Shaped[np.ndarray, " moment"] = axes("moment", description="moment before or at a switch")
    preactivation: Float[np.ndarray, "direction moment neuron"] = axes(
        "direction", "moment", "neuron", description="mean pre-activation, in standard deviations"
    )
    has_signature: Int[np.ndarray, "direction neuron"] = axes(
        "direction", "neuron", description="1 for a neuron with the published signature"
    )
    signature: Float[np.ndarray, " direction"] = axes("direction", description="share of the first with it")
    random_sets: Null = nulls("random sets", "direction", description="the same of random sets")
    mirrored: Float[np.ndarray, " direction"] = axes(
        "direction", description="share of the first with the opposite course"
    )
    mirrored_sets: Null = nulls("random sets", "direction", description="the same of random sets")
    compared: Shaped[np.ndarray, " comparison"] = axes("comparison", description="what is compared")
    jaccard: Float[np.ndarray, " comparison"] = axes("comparison", description="Jaccard index of the first")
    jaccard_by_chance: Float[np.ndarray, ""] = axes(description="that of random sets of active neurons")

    kind: Shaped[np.ndarray, " kind"] = axes("kind", description="what is patched in a path")
    twin_path: Float[np.ndarray, "kind direction shown time axis"] = axes(
        "kind", "direction", "shown", "time", "axis", unit="activity", description="paths of twins"
    )
    cloud: Float[np.ndarray, "point axis"] = axes(
        "point", "axis", unit="activity", description="driven states"
    )
    cloud_symbol: Int[np.ndarray, " point"] = axes("point", description="most probable symbol of these")
    axis_share: Float[np.ndarray, " axis"] = axes("axis", description="share of the variance along the axes")

    def list_carriers(self) -> dict[str, list[int]]:
        """Neurons that carry each direction; empty lists where none stands out."""
        return {
            name: self.neuron[self.is_carrier[i] > 0].tolist()
            for i, name in enumerate(self.direction.tolist())
        }

    def list_quantities(self) -> list[Quantity]:
        """Effects, effective numbers, shares of the first neurons, carriers, signature, agreement."""
        return [
            DEFINITIONS["total_effect"].measure(self.total_effect),
            DEFINITIONS["placebo"].measure(self.placebo, beside=known_value("without an effect", 0.0)),
            *self._list_numbers(),
            *self._list_shares(),
            *self._list_groups(),
            *self._list_agreements(),
        ]

    def _list_numbers(self) -> list[Quantity]:
        numbers = [
            DEFINITIONS["n_effective"].measure(
                self.n_effective[i], name.replace(" → ", "-"), name="all switches" if i == 0 else name
            )
            for i, name in enumerate(self.group.tolist())
        ]
        return [*numbers, DEFINITIONS["effective_share"].measure(self.effective_share)]

    def _list_shares(self) -> list[Quantity]:
        halves, shares = [], []
        for i, name in enumerate(self.ranking.tolist()):
            words = _ORDER_IN_WORDS[name]
            halves.append(DEFINITIONS["n_half"].measure(self.n_half[i], name, name=words))
            beside = () if i else (self.matched,)
            shares.append(
                DEFINITIONS["share_together"].measure(self.share_together[i], name, name=words, beside=beside)
            )
        concentration = []
        if np.isfinite(self.concentration):
            number = float(self.concentration)
            concentration = [DEFINITIONS["concentration"].measure(number, beside=(self.shuffled,))]
        balance = DEFINITIONS["balance"].measure(float(self.balance), beside=known_value("if matched", 1.0))
        advantage = DEFINITIONS["advantage"].measure(self.advantage)
        return [*halves, *shares, balance, advantage, *concentration]

    def _list_groups(self) -> list[Quantity]:
        groups, signatures, mirrored = [], [], []
        for i, name in enumerate(self.direction.tolist()):
            index = name.replace(" → ", "-")
            groups.append(DEFINITIONS["n_carriers"].measure(int(self.is_carrier[i].sum()), index, name=name))
            for key, null, found in (
                ("signature", self.random_sets, signatures),
                ("mirrored", self.mirrored_sets, mirrored),
            ):
                share = float(getattr(self, key)[i])
                if np.isfinite(share):
                    found.append(DEFINITIONS[key].measure(share, index, name=name, beside=(null[i],)))
        return [*groups, *signatures, *mirrored]

    def _list_agreements(self) -> list[Quantity]:
        by_chance = (Reference("random sets", Estimate(self.jaccard_by_chance)),)
        return [
            DEFINITIONS["jaccard"].measure(
                float(self.jaccard[i]), name.replace(" ", "_"), name=name, beside=by_chance
            )
            for i, name in enumerate(self.compared.tolist())
        ]


def compute_carriers(subject: Subject, settings: CarrierSettings) -> CarrierResult:
    """Patch neurons of paths that switch into twins that do not, and find those that carry the decision.

    Raises
    ------
    UndefinedAnalysisError
        If there are too few twins.

    Notes
    -----
    Own construction (docs/methods/carriers.md). Patched is at the half-lead, for one step: there both twins
    of every network are equally far from the decision, where a fixed window lies after it in one network
    and before it in another. Effects are averaged over random contexts, so that neurons which can stand in
    for each other are seen, too. Orders are made on one half of the trajectories and tried on the other.
    """
    network, generator = subject.network, subject.start_generator("carriers")
    rng = spawn_rng(generator)
    lead = choose_lead(float(subject.found["commitment"].half_lead.value[0]))
    path, switches = replay_switches(subject)
    leads = (lead, *sorted({max(1, round(0.5 * lead)), round(1.5 * lead)} - {lead}))
    sizes = {"apart": settings.apart, "n_twins": settings.n_twins, "n_tries": settings.n_tries}
    found = find_twins(subject, path, switches, leads=leads, **sizes, rng=rng, generator=generator)

    noise = {"noise_std": subject.noise_std, "generator": generator}
    patches = found.patch(network, 0, **noise)
    sums = found.sum_up(patches.measure_in_context(n_contexts=settings.n_contexts))
    n_sets = {"n_together": settings.n_together, "n_matched": settings.n_matched}
    sets = NeuronSets(found, network, sums, drive=find_drive(subject), **n_sets, rng=rng)
    gone = patches.measure_together(sets.masks, n_rollouts=settings.n_rollouts)
    placebo = found.patch(network, 0, **noise, placebo=True)
    unmoved = placebo.measure_together(sets.masks[:2], n_rollouts=settings.n_rollouts)

    n_different = count_different(network, found)
    names = subject.found["switches"]
    labels = [f"{names.name_symbol(a)} → {names.name_symbol(b)}" for a, b in found.pairs.T.tolist()]
    influence = _bound_influence(sums, n_different, settings, rng)
    shares = _bound_shares(found, sets, gone, settings, rng)
    nulls = _draw_nulls(subject, found, sets, gone, settings, generator)
    problems = _find_problems(gone, shares, nulls)
    return CarrierResult(
        settings=subject.record(settings) | {"stands_out": STANDS_OUT, "alpha": ALPHA},
        status={"notes": problems},
        lead=np.array(lead),
        direction=np.array(labels),
        origin=found.pairs[0],
        target=found.pairs[1],
        n_twins=np.bincount(found.direction, minlength=len(labels)),
        neuron=np.arange(network.hidden_size),
        n_different=np.array(n_different),
        balance=np.array(sets.measure_balance(found, network)),
        total_effect=_bound_difference(gone, found, settings, rng),
        placebo=_bound_difference(unmoved, found, settings, rng),
        **influence | {"is_carrier": (influence["is_carrier"] & (not problems)).astype(int)},
        group=np.array(["all", *labels]),
        ranking=np.array(sets.rankings),
        size=sets.sizes,
        **shares,
        **nulls,
        **_describe_signature(network, path, switches, found, sets, (lead + settings.apart, lead, 0)),
        **_compare_orders(network, found, sets, settings, n_different, noise),
        kind=np.array(KINDS),
        **follow_twins(network, path, found, sets.choose_shown(), n_shown=settings.n_shown, **noise),
    )


def _bound_influence(
    sums: np.ndarray, n_different: float, settings: CarrierSettings, rng: np.random.Generator
) -> dict[str, Any]:
    """Effects and effective numbers with their intervals, and the neurons that stand out."""

    def measure(values: np.ndarray) -> np.ndarray:
        effects = average_all(values).reshape(len(values), -1)
        return np.concatenate([effects, measure_concentration(values)], axis=1)

    n_directions, n_neurons = sums.shape[2], sums.shape[3] - 1
    n_effects = n_directions * n_neurons
    found = bootstrap_statistic(sums, measure, rng=rng, **settings.resampling)
    limit, stands_out = find_standing_out(sums, n_different, confidence=settings.confidence, rng=rng)
    shape = (n_directions, n_neurons)
    n_effective = invert(found.derive(lambda v: v[..., n_effects:]))
    return {
        "effect": found.derive(lambda v: v[..., :n_effects].reshape(*v.shape[:-1], *shape)),
        "n_effective": n_effective,
        "effective_share": _divide(n_effective[0], n_different),
        "limit": limit,
        "is_carrier": stands_out,
    }


def _divide(found: Estimate, number: float) -> Estimate:
    return Estimate(found.value / number, found.low / number, found.high / number)


def _bound_shares(
    found: DirectedTwins,
    sets: NeuronSets,
    gone: np.ndarray,
    settings: CarrierSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Shares of the first neurons of each ranking, neurons for half of the effect, and the advantage."""
    options = {"n_units": found.n_units, "rng": rng, "resampling": settings.resampling}
    shares = bound_shares(gone[: sets.n_ranked], found.twins.owner, **options)
    shape = (len(sets.rankings), len(sets.sizes))

    def by_ranking(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-1], *shape)

    columns = [sets.find_column(i) for i in range(len(sets.rankings))]
    rivals = [columns[i] for i, name in enumerate(sets.rankings) if name in RIVALS]
    return {
        "share": shares.derive(by_ranking),
        "n_half": shares.derive(lambda values: find_half_size(by_ranking(values), sets.sizes)),
        "share_together": shares.derive(lambda values: values[..., columns]),
        "advantage": subtract_best(shares, columns[0], rivals),
    }


def _draw_nulls(
    subject: Subject,
    found: DirectedTwins,
    sets: NeuronSets,
    gone: np.ndarray,
    settings: CarrierSettings,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Shares of matched sets, and of the first neurons in shuffled copies of the network."""
    share = divide_by_all(gone.mean(1)[None])[0]
    first, others = share[sets.find_column(0)], share[sets.n_ranked - 2 :]
    matched = Null.of_draws("matched sets", first, others[:0])
    if np.isfinite(first):
        matched = Null.of_draws("matched sets", first, others)
    sizes = {"n_shuffles": settings.n_shuffles, "n_together": sets.n_together, "apart": settings.apart}
    try:
        concentration, draws = draw_shuffled(subject, **sizes, generator=generator)
    except InputError:
        concentration, draws = np.nan, np.empty(0)
    shuffled = Null.of_draws("shuffled copies", concentration, draws)
    return {"matched": matched, "concentration": np.array(concentration), "shuffled": shuffled}


def _find_problems(gone: np.ndarray, shares: dict[str, Any], nulls: dict[str, Any]) -> list[str]:
    """Why there is no group, if so."""
    problems = []
    effect = float(gone[1].mean() - gone[0].mean())
    if effect < LEAST_EFFECT:
        problems.append(f"patching all neurons changes the outcome by {effect:.2g}, < {LEAST_EFFECT}")
    for name in ("matched", "shuffled"):
        p_value = float(nulls[name].p_value)
        if np.isnan(p_value):
            problems.append(f"no draws of the null: {nulls[name].name}")
        elif p_value > ALPHA:
            problems.append(f"the first neurons carry no more than {nulls[name].name} (p = {p_value:.2g})")
    return problems


def _bound_difference(
    gone: np.ndarray, found: DirectedTwins, settings: CarrierSettings, rng: np.random.Generator
) -> Estimate:
    """Mean change of the outcome when all neurons are patched."""
    terms = np.stack([gone[1] - gone[0], np.ones(len(found.twins))], axis=1)
    sums = np.zeros((found.n_units, 2))
    np.add.at(sums, found.twins.owner, terms)

    def divide(total: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return total[:, 0] / total[:, 1]

    bounded: BootstrapResult = bootstrap_statistic(sums, divide, rng=rng, **settings.resampling)
    return bounded.as_estimate()


def _describe_signature(
    network: NoiseRNN,
    path: DrivenPath,
    switches: Switches,
    found: DirectedTwins,
    sets: NeuronSets,
    leads: tuple[int, ...],
) -> dict[str, Any]:
    """Pre-activation of each neuron at three moments, and the signature among the first neurons."""
    preactivation = average_preactivation(network, path, switches, found.pairs, leads)
    is_known = np.isfinite(preactivation).all((1, 2))
    shares = {}
    for name, values in (("signature", preactivation), ("mirrored", -preactivation)):
        has_course = find_signature(values)
        compared = [compare_with_chance(*row) for row in zip(has_course, sets.first, strict=True)]
        numbers = [[share, null.quantile, null.p_value] for share, null in compared]
        share, quantile, p_value = np.where(is_known, np.array(numbers, dtype=float).T, np.nan)
        null = "random_sets" if name == "signature" else "mirrored_sets"
        shares |= {name: share, null: Null("random sets", quantile, p_value)}
    return {
        "moment": np.array(MOMENTS),
        "preactivation": preactivation,
        "has_signature": find_signature(preactivation).astype(int),
        **shares,
    }


def _compare_orders(
    network: NoiseRNN,
    found: DirectedTwins,
    sets: NeuronSets,
    settings: CarrierSettings,
    n_different: float,
    noise: dict[str, Any],
) -> dict[str, Any]:
    """Agreement of the first neurons of both halves, and of other leads with those at the half-lead."""
    halves = choose_first(rank(sets.effects), sets.n_together)
    names, found_again = ["two halves"], [compute_jaccard(halves[0], halves[1]).mean()]
    for at, lead in enumerate(found.twins.lead[1:], 1):
        patches = found.patch(network, at, **noise)
        effects = found.average(patches.measure_in_context(n_contexts=max(1, settings.n_contexts // 2)))
        other = choose_first(rank(effects.mean(0)), sets.n_together)
        names.append(f"lead {lead}")
        found_again.append(compute_jaccard(sets.first, other).mean())
    by_chance = sets.n_together / max(2 * n_different - sets.n_together, sets.n_together)
    return {
        "compared": np.array(names),
        "jaccard": np.array(found_again, dtype=float),
        "jaccard_by_chance": np.array(by_chance),
    }


PART = Part(
    name="carriers",
    question="which neurons carry the decision to switch, and how many?",
    result=CarrierResult,
    settings=CarrierSettings,
    compute=compute_carriers,
    definitions=DEFINITIONS,
    seconds=16.0,
    quick={"n_twins": 100, "n_contexts": 60, "n_rollouts": 5, "n_matched": 19, "n_resamples": 200},
    needs=("switches", "commitment", "noise_kernel"),
    requires_noise=True,
    least_hidden=2,
)
