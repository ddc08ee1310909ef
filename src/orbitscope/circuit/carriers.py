"""Carriers: the neurons that carry a decision to switch, found by patching, and how many it takes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from ..network import spawn_rng
from ..part import Part
from ..quantity import Quantity, Reference, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import Estimate, Null
from ..statistics.verdicts import ALPHA
from ..subject import Subject
from . import carrier_measures as measures
from .attribution import DirectedTwins, count_old, find_twins, list_left_out, name_directions
from .carrier_definitions import DEFINITIONS
from .carrier_settings import CarrierSettings as CarrierSettings
from .concentration import choose_lead
from .influence import STANDS_OUT
from .neuron_sets import RANKINGS, NeuronSets, find_drive
from .switches import replay_switches
from .twin_paths import KINDS, follow_twins


@dataclass(frozen=True, kw_only=True, eq=False)
class CarrierResult(Result):
    """Which neurons carry a decision to switch.

    ``status`` holds ``notes``: what could not be measured, or why there is no group.

    Attributes
    ----------
    lead : ()
    direction, n_twins : (direction,)
    origin, target : (direction,)
    share_old : (direction,)
    neuron : (neuron,)
    n_different : ()
    group : (group,)
    total_effect, placebo, decided : Estimate, (group,)
    mixing : Estimate, ()
    effect : Estimate, (direction, neuron)
    limit, is_carrier : (direction, neuron)
    n_effective, n_effective_once : Estimate, (group,)
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
    random_sets, matched_with : Null, (direction,)
    mirrored, mirrored_sets : (direction,), Null, (direction,)
    compared, jaccard, jaccard_ceiling : (comparison,) each
    jaccard_by_chance : ()
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
    share_old: Float[np.ndarray, " direction"] = axes(
        "direction", description="share of the switches after runs that are long enough"
    )
    neuron: Int[np.ndarray, " neuron"] = axes("neuron", description="number of the neuron")
    n_different: Float[np.ndarray, ""] = axes(unit="neurons", description="neurons that differ between twins")
    group: Shaped[np.ndarray, " group"] = axes("group", description="all switches, or a direction")
    total_effect: Estimate = estimates("group", description="effect of patching all neurons")
    placebo: Estimate = estimates("group", description="the same between twins that both stay")
    decided: Estimate = estimates("group", description="share of all switches that is decided at this lead")
    mixing: Estimate = estimates(description="effect of the first neurons of a twin that stays")
    effect: Estimate = estimates(
        "direction", "neuron", description="effect of patching a neuron for one step"
    )
    limit: Float[np.ndarray, "direction neuron"] = axes(
        "direction", "neuron", description="lower limits of all effects at once"
    )
    is_carrier: Int[np.ndarray, "direction neuron"] = axes(
        "direction", "neuron", description="1 for a carrier of this direction"
    )
    n_effective: Estimate = estimates("group", unit="neurons", description="effective number of neurons")
    n_effective_once: Estimate = estimates(
        "group", unit="neurons", description="effective number of neurons in one switch"
    )
    effective_share: Estimate = estimates(description="that of all switches over that of neurons that differ")
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
    matched_with: Null = nulls("matched sets", "direction", description="the same of matched sets")
    mirrored: Float[np.ndarray, " direction"] = axes(
        "direction", description="share of the first with the opposite course"
    )
    mirrored_sets: Null = nulls("random sets", "direction", description="the same of random sets")
    compared: Shaped[np.ndarray, " comparison"] = axes("comparison", description="what is compared")
    jaccard: Float[np.ndarray, " comparison"] = axes("comparison", description="Jaccard index of the first")
    jaccard_ceiling: Float[np.ndarray, " comparison"] = axes(
        "comparison", description="that of two halves at the other lead"
    )
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

    def list_first(self) -> dict[str, list[int]]:
        """The first neurons by effect of each direction, as many as are compared."""
        n_first = min(int(self.settings["n_together"]), len(self.neuron))
        order = np.argsort(-self.effect.value, axis=1, kind="stable")[:, :n_first]
        return {name: self.neuron[order[i]].tolist() for i, name in enumerate(self.direction.tolist())}

    def list_quantities(self) -> list[Quantity]:
        """Effects, effective numbers, shares of the first neurons, carriers, signature, agreement."""
        return [
            *self._list_effects(),
            *self._list_numbers(),
            *self._list_shares(),
            *self._list_groups(),
            *self._list_agreements(),
        ]

    def _list_effects(self) -> list[Quantity]:
        effects = []
        for i, name in enumerate(self.group.tolist()):
            index, words = name.replace(" → ", "-"), "all switches" if i == 0 else name
            beside = (Reference("decided at this lead", self.decided[i], "share"),)
            effects.append(
                DEFINITIONS["total_effect"].measure(self.total_effect[i], index, name=words, beside=beside)
            )
        zero = known_value("without an effect", 0.0)
        placebo = DEFINITIONS["placebo"].measure(self.placebo[0], beside=zero)
        old = [
            DEFINITIONS["share_old"].measure(float(share), name.replace(" → ", "-"), name=name)
            for share, name in zip(self.share_old, self.direction.tolist(), strict=True)
        ]
        return [*effects, placebo, DEFINITIONS["mixing"].measure(self.mixing, beside=zero), *old]

    def _list_numbers(self) -> list[Quantity]:
        numbers = [
            DEFINITIONS[key].measure(
                getattr(self, key)[i], name.replace(" → ", "-"), name="all switches" if i == 0 else name
            )
            for key in ("n_effective", "n_effective_once")
            for i, name in enumerate(self.group.tolist())
        ]
        return [*numbers, DEFINITIONS["effective_share"].measure(self.effective_share)]

    def _list_shares(self) -> list[Quantity]:
        halves, shares = [], []
        for i, name in enumerate(self.ranking.tolist()):
            words = RANKINGS[name]
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
                ("signature", (self.random_sets[i], self.matched_with[i]), signatures),
                ("mirrored", (self.mirrored_sets[i],), mirrored),
            ):
                share = float(getattr(self, key)[i])
                if np.isfinite(share):
                    found.append(DEFINITIONS[key].measure(share, index, name=name, beside=null))
        return [*groups, *signatures, *mirrored]

    def _list_agreements(self) -> list[Quantity]:
        agreements = []
        for i, name in enumerate(self.compared.tolist()):
            beside = [Reference("random sets", Estimate(self.jaccard_by_chance))]
            if np.isfinite(self.jaccard_ceiling[i]):
                beside.append(Reference("two halves at this lead", Estimate(self.jaccard_ceiling[i])))
            agreements.append(
                DEFINITIONS["jaccard"].measure(
                    float(self.jaccard[i]), name.replace(" ", "_"), name=name, beside=tuple(beside)
                )
            )
        return agreements


def compute_carriers(subject: Subject, settings: CarrierSettings) -> CarrierResult:
    """Patch neurons of paths that switch into twins that do not, and find those that carry the decision.

    Raises
    ------
    UndefinedAnalysisError
        If there are too few twins.

    Notes
    -----
    Own construction (docs/methods/carriers.md). Patched is at the half-lead, for one step: a fixed window
    lies after the decision in one network and before it in another. How much is decided there stands beside
    the effect. Effects are averaged over random contexts, so that neurons which can stand in for each other
    are seen, too. What a set does is measured against the same set of a twin that stays. Orders are made on
    one half of the trajectories and tried on the other.
    """
    network, generator = subject.network, subject.start_generator("carriers")
    rng = spawn_rng(generator)
    lead = choose_lead(float(subject.found["commitment"].half_lead.value[0]))
    path, switches = replay_switches(subject)
    leads = (lead, *sorted({max(1, round(0.5 * lead)), round(1.5 * lead)} - {lead}))
    sizes = {"apart": settings.apart, "n_twins": settings.n_twins, "n_tries": settings.n_tries}
    found = find_twins(subject, path, switches, leads=leads, **sizes, rng=rng, generator=generator)

    noise = {"noise_std": subject.noise_std, "generator": generator}
    effects = found.patch(network, 0, **noise).measure_in_context(n_contexts=settings.n_contexts)
    sums = found.sum_up(effects.mean(0))
    n_sets = {"n_together": settings.n_together, "n_matched": settings.n_matched}
    sets = NeuronSets(found, network, sums, drive=find_drive(subject), **n_sets, rng=rng)
    gone = found.measure_against_placebo(network, sets.masks, n_rollouts=settings.n_rollouts, **noise)

    labels = name_directions(subject, found)
    totals = measures.bound_totals(found, sets, gone, settings, rng)
    influence = measures.bound_influence(found, network, effects, sums, totals["total_effect"], settings, rng)
    shares = measures.bound_shares_of_sets(found, sets, gone, settings, rng)
    drawn = measures.draw_nulls(subject, found, sets, gone, settings, generator)
    problems = measures.find_problems(totals["total_effect"], drawn)
    return CarrierResult(
        settings=subject.record(settings) | {"stands_out": STANDS_OUT, "alpha": ALPHA},
        status={"notes": problems, "left_out": list_left_out(subject, found)},
        lead=np.array(lead),
        direction=np.array(labels),
        origin=found.pairs[0],
        target=found.pairs[1],
        n_twins=np.bincount(found.direction, minlength=len(labels)),
        share_old=count_old(switches, found.pairs, max(leads) + settings.apart),
        neuron=np.arange(network.hidden_size),
        group=np.array(["all", *labels]),
        decided=_find_decided(subject, found, lead),
        balance=np.array(sets.measure_balance(found, network)),
        **totals,
        **influence | {"is_carrier": (influence["is_carrier"] & (not problems)).astype(int)},
        ranking=np.array(sets.rankings),
        size=sets.sizes,
        **shares,
        **drawn,
        **measures.describe_signature(network, path, switches, found, sets, (lead + settings.apart, lead, 0)),
        **measures.compare_orders(
            network, found, sets, effects, float(influence["n_different"]), settings, noise
        ),
        kind=np.array(KINDS),
        **follow_twins(network, path, found, sets.choose_shown(), n_shown=settings.n_shown, **noise),
    )


def _find_decided(subject: Subject, found: DirectedTwins, lead: int) -> Estimate:
    """Share that is decided at a lead, of all switches and of each direction; NaN where it is unknown."""
    curve = subject.found["commitment"]
    if lead >= len(curve.lead):
        return Estimate(np.full(1 + found.pairs.shape[1], np.nan))
    known = list(zip(curve.origin.tolist(), curve.target.tolist(), strict=True))
    rows = [0, *(known.index(pair) if pair in known else -1 for pair in map(tuple, found.pairs.T.tolist()))]
    at, is_known = curve.decided[:, lead], np.array(rows) >= 0
    return Estimate(*(np.where(is_known, x[rows], np.nan) for x in (at.value, at.low, at.high)))


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
