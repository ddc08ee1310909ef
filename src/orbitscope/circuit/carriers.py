"""Carriers: the neurons that carry a decision to switch, found by patching, and how many it takes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field

from ..dynamics.driving.driven_states import DrivenPath
from ..errors import InputError
from ..network import NoiseRNN, spawn_rng
from ..part import Part
from ..part_settings import Resampling, Rollouts
from ..quantity import Definition, Quantity, Reference, define, known_value
from ..results import Result, axes, estimates, nulls
from ..statistics import BootstrapResult, Estimate, Null, bootstrap_statistic
from ..subject import Subject
from .attribution import DirectedTwins, find_twins
from .concentration import LEAST_EFFECT, choose_lead, draw_shuffled
from .influence import (
    STANDS_OUT,
    average_all,
    average_halves,
    bound_shares,
    choose_first,
    compute_jaccard,
    draw_matched_sets,
    find_half_size,
    find_standing_out,
    invert,
    measure_concentration,
    rank,
    subtract_best,
)
from .signature import MOMENTS, average_preactivation, compare_with_chance, find_signature
from .switches import replay_switches
from .symbol_runs import Switches

RANKINGS = ("effect", "size", "readout", "drive", "random")
"""Orders in which neurons are patched together.

By effect; by |Δh|; by what Δh adds to the margin through the readout; by |W_ih v| times the share of twins
in which the neuron differs; at random.
"""

_RIVALS = ("size", "readout", "drive")

_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)

_N_NEAREST = 8
"""Neurons among which the match of each neuron is drawn."""

_ALPHA = 0.05
"""Level at which a group must be beyond each of its two nulls."""

_TESTS = "tests/circuit/test_carriers.py"

DEFINITIONS = define(
    Definition(
        key="total_effect",
        label="effect of patching all neurons",
        meaning="Change of the probability that the old symbol is gone two steps after the switch, when the "
        "state of a path that switches replaces that of its twin at the half-lead. Noise from there on is "
        "fresh.",
        equation="P(gone | h_A(τ − ℓ½)) − P(gone | h_B(τ − ℓ½))",
        reading="About one half at the half-lead. Effects of neurons are parts of it.",
        test=f"{_TESTS}::test_patching_everything_is_the_twin_and_nothing_is_nothing",
        unit="share",
    ),
    Definition(
        key="placebo",
        label="the same between twins that both stay",
        meaning="Effect of patching all neurons where neither twin switches.",
        equation="P(gone | h_B′) − P(gone | h_B)",
        reading="0 but for chance: what else it is, twins differ in more than their switch.",
        test=f"{_TESTS}::test_a_placebo_has_no_effect",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="n_effective",
        label="effective number of neurons, {}",
        meaning="Over how many neurons the effect is spread. A neuron's effect is the change of the "
        "probability when it is patched for one step, while every other neuron is patched by the toss of a "
        "coin.",
        equation="Σe · Σe′ / Σ e e′, e and e′ from two halves of the trajectories",
        reading="1 if one neuron carries all, n if n carry alike. Neurons with negative effect lower it.",
        test=f"{_TESTS}::test_where_all_have_the_same_influence_all_are_effective",
        unit="neurons",
    ),
    Definition(
        key="effective_share",
        label="the same over neurons that differ",
        meaning="Effective number over the mean number of neurons whose activity differs between twins.",
        equation="N_eff / n(h_A ≠ h_B)",
        reading="Near 1 no neuron is special.",
        test=f"{_TESTS}::test_where_all_have_the_same_influence_all_are_effective",
        unit="share",
    ),
    Definition(
        key="n_half",
        label="neurons for half of the effect, {}",
        meaning="How many neurons, patched together in an order, have half of the effect of all.",
        equation="smallest K with share(K) ≥ ½, interpolated; the order comes from the other half",
        reading="Small beside a random order: few neurons suffice.",
        test=f"{_TESTS}::test_half_of_a_majority_is_half_of_it",
        unit="neurons",
    ),
    Definition(
        key="share_together",
        label="share of the effect in the first neurons {}",
        meaning="Effect of patching the first twelve neurons of an order together, over that of all. The "
        "order comes from the other half of the trajectories.",
        equation="(P(gone | 12 patched) − P(gone | B)) / (P(gone | A) − P(gone | B))",
        reading="Beside random sets that are matched in activity and readout.",
        test=f"{_TESTS}::test_members_of_planted_groups_are_found",
        unit="share",
    ),
    Definition(
        key="advantage",
        label="by effect minus the best other order",
        meaning="Share of the first twelve by effect, minus the largest share of twelve by difference in "
        "activity, by what it adds to the margin through the readout, or by the drive of the deciding noise.",
        equation="share(effect) − max(share(|Δh|), share((w_b − w_a) Δh), share(|W_ih v|))",
        reading="Not above 0: simpler rules find the same.",
        test=f"{_TESTS}::test_neurons_that_are_only_read_out_are_no_carriers",
        unit="share",
    ),
    Definition(
        key="concentration",
        label="share of the first twelve, few rollouts",
        meaning="The share of the first twelve by effect, from a short search that is repeated in copies "
        "of the network whose recurrent weights are shuffled.",
        equation="as share_together, with everything found anew in each copy",
        reading="A copy in which nothing is decided ahead counts as 0.",
        test=f"{_TESTS}::test_shuffled_networks_hardly_ever_have_a_group",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="n_carriers",
        label="carriers of {}",
        meaning="Neurons whose effect is above two even shares, all limits at once, in a network whose first "
        "twelve are beyond matched sets and beyond shuffled copies.",
        equation="n(lower limit of e_i > 2 Σe/n(h_A ≠ h_B)), max-T over neurons and directions",
        reading="0 is an answer: the decision is spread over many neurons.",
        test=f"{_TESTS}::test_members_of_planted_groups_are_found",
        unit="neurons",
    ),
    Definition(
        key="signature",
        label="published signature among the first of {}",
        meaning="Share of the first twelve neurons by effect with the published signature: pre-activation "
        "strongly negative before, near zero at the half-lead, positive at the switch.",
        equation="z ≤ −1, |z| ≤ ½, z ≥ ½ in standard deviations of a neuron",
        reading="A test of the set, beside random sets of its size; it does not choose neurons.",
        test="tests/circuit/test_signature.py::test_the_signature_is_found_where_it_was_planted",
        source="Torre et al. 2025, kick neurons; bounds are ours",
        unit="share",
    ),
    Definition(
        key="jaccard",
        label="agreement of the first neurons, {}",
        meaning="Jaccard index of the first twelve neurons by effect: of two halves of the trajectories, or "
        "of two leads.",
        equation="n(in both) / n(in either), mean over directions",
        reading="Near 1 the same neurons come first; beside the value of random sets.",
        test=f"{_TESTS}::test_neurons_that_follow_are_not_carriers",
        is_main=False,
    ),
)

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
    concentration : ()
    shuffled : Null, ()
    moment : (moment,)
    preactivation, has_signature : (direction, moment, neuron), (direction, neuron)
    signature : (direction,)
    random_sets : Null, (direction,)
    compared, jaccard, jaccard_by_chance : (comparison,), (comparison,), ()
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
    compared: Shaped[np.ndarray, " comparison"] = axes("comparison", description="what is compared")
    jaccard: Float[np.ndarray, " comparison"] = axes("comparison", description="Jaccard index of the first")
    jaccard_by_chance: Float[np.ndarray, ""] = axes(description="that of random sets of active neurons")

    def list_carriers(self) -> dict[str, list[int]]:
        """Neurons that carry each direction; empty lists where none stands out."""
        return {
            name: self.neuron[self.is_carrier[i] > 0].tolist()
            for i, name in enumerate(self.direction.tolist())
        }

    def headline(self) -> list[Quantity]:
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
        return [*halves, *shares, DEFINITIONS["advantage"].measure(self.advantage), *concentration]

    def _list_groups(self) -> list[Quantity]:
        groups, signatures = [], []
        for i, name in enumerate(self.direction.tolist()):
            index = name.replace(" → ", "-")
            groups.append(DEFINITIONS["n_carriers"].measure(int(self.is_carrier[i].sum()), index, name=name))
            if np.isfinite(self.signature[i]):
                beside = (self.random_sets[i],)
                signatures.append(
                    DEFINITIONS["signature"].measure(
                        float(self.signature[i]), index, name=name, beside=beside
                    )
                )
        return [*groups, *signatures]

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
    sets = _Sets(found, network, settings, sums, _find_drive(subject), rng)
    gone = patches.measure_together(sets.masks, n_rollouts=settings.n_rollouts)
    placebo = found.patch(network, 0, **noise, placebo=True)
    unmoved = placebo.measure_together(sets.masks[:2], n_rollouts=settings.n_rollouts)

    n_different = _count_different(network, found)
    names = subject.found["switches"]
    labels = [f"{names.name_symbol(a)} → {names.name_symbol(b)}" for a, b in found.pairs.T.tolist()]
    influence = _bound_influence(sums, n_different, settings, rng)
    shares = _bound_shares(found, sets, gone, settings, rng)
    nulls = _draw_nulls(subject, found, sets, gone, settings, generator)
    problems = _find_problems(gone, shares, nulls)
    return CarrierResult(
        settings=subject.record(settings) | {"stands_out": STANDS_OUT, "alpha": _ALPHA},
        status={"notes": problems},
        lead=np.array(lead),
        direction=np.array(labels),
        origin=found.pairs[0],
        target=found.pairs[1],
        n_twins=np.bincount(found.direction, minlength=len(labels)),
        neuron=np.arange(network.hidden_size),
        n_different=np.array(n_different),
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
    )


class _Sets:
    """Sets of neurons that are patched together, each chosen on the other half of the trajectories.

    The first two are no neuron and all of them; then the first of each ranking, by size; then matched ones.
    """

    def __init__(
        self,
        found: DirectedTwins,
        network: NoiseRNN,
        settings: CarrierSettings,
        sums: Float[np.ndarray, "unit half direction column"],
        drive: Float[np.ndarray, " neuron"] | None,
        rng: np.random.Generator,
    ):
        n_neurons = network.hidden_size
        self.n_together = min(settings.n_together, n_neurons)
        self.sizes = np.array(sorted({k for k in _SIZES if k < n_neurons} | {self.n_together, n_neurons}))
        self.effects = average_halves(sums.sum(0))
        self.readout = _find_readout(network, found)
        scores = self._score(found, network, drive)
        self.rankings = [name for name in RANKINGS if name in scores]
        shape = self.effects.shape
        orders = np.stack([rank(np.broadcast_to(scores[name], shape)) for name in self.rankings])
        self.orders = orders

        n_twins = len(found.twins)
        none = np.zeros((1, n_twins, n_neurons), dtype=bool)
        first = [choose_first(orders, int(k)) for k in self.sizes]
        ranked = np.stack([found.assign(chosen) for chosen in first], axis=1)
        random = self.rankings.index("random")
        ranked[random] = self._draw_random(n_twins, n_neurons, rng)
        self.chosen = choose_first(orders[0], self.n_together)
        matched = self._match(found, scores, settings.n_matched, rng)
        self.masks = np.concatenate([none, ~none, ranked.reshape(-1, n_twins, n_neurons), matched])

    def _score(
        self, found: DirectedTwins, network: NoiseRNN, drive: np.ndarray | None
    ) -> dict[str, Float[np.ndarray, "#half #direction neuron"]]:
        """What neurons are ranked by: silent ones have nothing to patch, and come last in every order."""
        difference = _compare_activity(network, found)
        readout = found.average(difference) * self.readout
        scores = {"effect": self.effects, "size": found.average(np.abs(difference)), "readout": readout}
        if drive is not None:
            scores["drive"] = drive * found.average((difference != 0).astype(float))
        return scores | {"random": np.zeros((1, 1, network.hidden_size))}

    def _draw_random(self, n_twins: int, n_neurons: int, rng: np.random.Generator) -> np.ndarray:
        """Random orders, a new one for each twin."""
        orders = rank(rng.random((n_twins, n_neurons)))
        return np.stack([choose_first(orders, int(k)) for k in self.sizes])

    def _match(
        self, found: DirectedTwins, scores: dict[str, np.ndarray], n_sets: int, rng: np.random.Generator
    ) -> Bool[np.ndarray, "set twin neuron"]:
        """Random sets matched with the first ones in the difference of activity and in the readout."""
        sets = []
        for half in (0, 1):
            features = [scores["size"][half], np.abs(self.readout)]
            options = {"n_sets": n_sets, "n_nearest": _N_NEAREST, "rng": rng}
            sets.append(draw_matched_sets(self.chosen[half], np.stack(features, axis=-1), **options))
        return found.assign(np.stack(sets, axis=1))

    @property
    def n_ranked(self) -> int:
        """Number of sets before the matched ones."""
        return 2 + len(self.rankings) * len(self.sizes)

    def find_column(self, ranking: int) -> int:
        """Place of the set of ``n_together`` neurons of a ranking among the shares."""
        return ranking * len(self.sizes) + self.sizes.tolist().index(self.n_together)


def _find_drive(subject: Subject) -> Float[np.ndarray, " neuron"] | None:
    """Drive of each neuron by the leading direction of the deciding noise; None without input weights."""
    weights = subject.network.cell.find_input_weights()
    if weights is None:
        return None
    return np.abs(weights.double().cpu().numpy() @ subject.found["noise_kernel"].leading)


def _compare_activity(network: NoiseRNN, found: DirectedTwins) -> Float[np.ndarray, "twin neuron"]:
    """Activity before a switch minus that of the twin, at the lead at which they are patched."""
    a, b = (network.show_hidden(states[0]) for states in (found.twins.switched, found.twins.stayed))
    return (a - b).double().cpu().numpy()


def _find_readout(network: NoiseRNN, found: DirectedTwins) -> Float[np.ndarray, "direction neuron"]:
    """Weight of each neuron in the margin of the new symbol over the old one."""
    weights = network.w_out.detach().double().cpu().numpy()
    return weights[found.pairs[1]] - weights[found.pairs[0]]


def _count_different(network: NoiseRNN, found: DirectedTwins) -> float:
    return float((_compare_activity(network, found) != 0).sum(1).mean())


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
    found: DirectedTwins, sets: _Sets, gone: np.ndarray, settings: CarrierSettings, rng: np.random.Generator
) -> dict[str, Any]:
    """Shares of the first neurons of each ranking, neurons for half of the effect, and the advantage."""
    options = {"n_units": found.n_units, "rng": rng, "resampling": settings.resampling}
    shares = bound_shares(gone[: sets.n_ranked], found.twins.owner, **options)
    shape = (len(sets.rankings), len(sets.sizes))

    def by_ranking(values: np.ndarray) -> np.ndarray:
        return values.reshape(*values.shape[:-1], *shape)

    columns = [sets.find_column(i) for i in range(len(sets.rankings))]
    rivals = [columns[i] for i, name in enumerate(sets.rankings) if name in _RIVALS]
    return {
        "share": shares.derive(by_ranking),
        "n_half": shares.derive(lambda values: find_half_size(by_ranking(values), sets.sizes)),
        "share_together": shares.derive(lambda values: values[..., columns]),
        "advantage": subtract_best(shares, columns[0], rivals),
    }


def _draw_nulls(
    subject: Subject,
    found: DirectedTwins,
    sets: _Sets,
    gone: np.ndarray,
    settings: CarrierSettings,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Shares of matched sets, and of the first neurons in shuffled copies of the network."""
    means = gone.mean(1)
    share = (means[2:] - means[0]) / (means[1] - means[0])
    matched = Null.of_draws("matched sets", share[sets.find_column(0)], share[sets.n_ranked - 2 :])
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
        elif p_value > _ALPHA:
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
    sets: _Sets,
    leads: tuple[int, ...],
) -> dict[str, Any]:
    """Pre-activation of each neuron at three moments, and the signature among the first neurons."""
    preactivation = average_preactivation(network, path, switches, found.pairs, leads)
    has_signature = find_signature(preactivation)
    first = choose_first(rank(sets.effects.mean(0)), sets.n_together)
    compared = [compare_with_chance(*row) for row in zip(has_signature, first, strict=True)]
    is_known = np.isfinite(preactivation).all((1, 2))
    numbers = [[share, null.quantile, null.p_value] for share, null in compared]
    share, quantile, p_value = np.where(is_known, np.array(numbers, dtype=float).T, np.nan)
    return {
        "moment": np.array(MOMENTS),
        "preactivation": preactivation,
        "has_signature": has_signature.astype(int),
        "signature": share,
        "random_sets": Null("random sets", quantile, p_value),
    }


def _compare_orders(
    network: NoiseRNN,
    found: DirectedTwins,
    sets: _Sets,
    settings: CarrierSettings,
    n_different: float,
    noise: dict[str, Any],
) -> dict[str, Any]:
    """Agreement of the first neurons of both halves, and of other leads with those at the half-lead."""
    halves = choose_first(rank(sets.effects), sets.n_together)
    first = choose_first(rank(sets.effects.mean(0)), sets.n_together)
    names, found_again = ["two halves"], [compute_jaccard(halves[0], halves[1]).mean()]
    for at, lead in enumerate(found.twins.lead[1:], 1):
        patches = found.patch(network, at, **noise)
        effects = found.average(patches.measure_in_context(n_contexts=max(1, settings.n_contexts // 2)))
        other = choose_first(rank(effects.mean(0)), sets.n_together)
        names.append(f"lead {lead}")
        found_again.append(compute_jaccard(first, other).mean())
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
)
