"""Populations behind switches: chosen by what they send to opposing groups, and by chance alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ...part import Part
from ...part_settings import Resampling
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, adjust_holm
from ...subject import Subject
from ..commitment import choose_events
from ..noise_kernel import replay_kernels
from ..switches import FEWEST_EVENTS, replay_switches
from .comparison import build_null, compare_with_draws, span_draws
from .neuron_groups import average_by_symbol, find_groups
from .population_activity import gather_activity
from .population_definitions import DEFINITIONS
from .population_pair import PopulationPair
from .population_rule import BLOCKS, PopulationRule, list_rules
from .standard_weights import StandardWeights, measure_weights

RULES = {"weights": "by weights", "both": "by weights and activity"}
"""Rules that choose members, in words."""


BLOCK_WORDS = {
    "own": "excitatory weights onto the own group",
    "opposing": "inhibitory weights onto the opposing group",
    "itself": "self-excitation",
    "mutual": "inhibition of the opposing population",
}

_UNITS = {"own": "share", "opposing": "share", "itself": "1", "mutual": "1"}


class PopulationSettings(Resampling):
    """Settings of the part ``populations``."""

    n_events: int = Field(default=2000, ge=60, description="switches ahead of which activity is looked at")
    n_lags: int = Field(default=20, ge=1, description="steps before a switch whose activity is kept")
    n_null: int = Field(default=999, ge=19, description="draws of each null")


@dataclass(frozen=True, kw_only=True, eq=False)
class PopulationResult(Result):
    """Populations that excite the neurons of one direction of switching and inhibit those of the opposite.

    ``status`` holds ``notes``: what could not be measured, and why.

    Attributes
    ----------
    rule : (rule,)
        By weights alone, and by weights and activity.
    direction, origin, target : (direction,)
        Directions that have an opposing one.
    neuron : (neuron,)
    members : (rule, direction, neuron)
        1 for members of the population behind a direction.
    n_group : (direction,)
        First neurons of the direction that are not shared with the opposing one.
    block : (block,)
        Onto the own group, onto the opposing group, onto itself, onto the opposing population.
    value : (rule, direction, block)
        Shares of the expected sign, and mean weights with the expected sign.
    by_chance : Estimate, (rule, direction, block)
        Mean and central 95 % of the draws.
    beyond : (rule, direction, block)
        Effect sizes.
    shuffled : Null, (direction, block)
        Of the rule by weights: weights in random places, with the selection rerun; p by Holm.
    relabelled : Null, (direction, block)
        Of the rule by weights and activity: relabelled weights against the activity, likewise.
    pattern, pattern_by_chance, pattern_beyond : (rule, block) each
        Means over directions.
    pattern_shuffled, pattern_relabelled : Null, (block,)
        p by Holm over the blocks of the rule.
    ramp : Estimate, (direction,)
        Activity of the population by weights at the half-lead, beyond that at times without a switch.
    ramp_null : Null, (direction,)
    lag : (lag,)
    course : Estimate, (direction, side, lag)
        The same by lag, of its own population and of the opposing one.
    side : (side,)
    reading : (direction,)
    reading_null : Null, (direction,)
    base_auc, gain : (direction,), Estimate (direction,)
    gain_null : Null, (direction,)
    """

    rule: Shaped[np.ndarray, " rule"] = axes("rule", description="rule that chooses members")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    neuron: Int[np.ndarray, " neuron"] = axes("neuron", description="number of the neuron")
    members: Int[np.ndarray, "rule direction neuron"] = axes(
        "rule", "direction", "neuron", description="1 for members of a population"
    )
    n_group: Int[np.ndarray, " direction"] = axes(
        "direction", unit="neurons", description="first neurons of this direction alone"
    )
    block: Shaped[np.ndarray, " block"] = axes("block", description="what the weights lead to")
    value: Float[np.ndarray, "rule direction block"] = axes(
        "rule", "direction", "block", description="share or mean of the expected sign"
    )
    by_chance: Estimate = estimates("rule", "direction", "block", description="the same under the null")
    beyond: Float[np.ndarray, "rule direction block"] = axes(
        "rule", "direction", "block", unit="sd", description="distance from the null"
    )
    shuffled: Null = nulls("shuffled weights", "direction", "block", description="blocks by weights")
    relabelled: Null = nulls(
        "relabelled weights", "direction", "block", description="blocks by weights and activity"
    )
    pattern: Float[np.ndarray, "rule block"] = axes(
        "rule", "block", description="mean of blocks over directions"
    )
    pattern_by_chance: Estimate = estimates("rule", "block", description="the same under the null")
    pattern_beyond: Float[np.ndarray, "rule block"] = axes(
        "rule", "block", unit="sd", description="distance from the null"
    )
    pattern_shuffled: Null = nulls("shuffled weights", "block", description="means by weights")
    pattern_relabelled: Null = nulls(
        "relabelled weights", "block", description="means by weights and activity"
    )
    ramp: Estimate = estimates("direction", unit="sd", description="activity at the half-lead")
    ramp_null: Null = nulls("relabelled weights", "direction", unit="sd", description="the same by chance")
    lag: Int[np.ndarray, " lag"] = axes("lag", unit="steps", description="steps before the switch")
    side: Shaped[np.ndarray, " side"] = axes("side", description="own or opposing population")
    course: Estimate = estimates("direction", "side", "lag", unit="sd", description="activity by lag")
    reading: Float[np.ndarray, " direction"] = axes(
        "direction", description="probability that a member is driven more"
    )
    reading_null: Null = nulls("random sets", "direction", description="the same of random sets")
    base_auc: Float[np.ndarray, " direction"] = axes(
        "direction", description="AUC of readout and first neurons"
    )
    gain: Estimate = estimates("direction", description="what the populations add to it")
    gain_null: Null = nulls("random sets", "direction", description="what random sets add to it")

    def list_populations(self) -> dict[str, list[int]]:
        """Members by weights and activity, by direction."""
        return {
            name: self.neuron[self.members[1, d] > 0].tolist()
            for d, name in enumerate(self.direction.tolist())
        }

    def list_quantities(self) -> list[Quantity]:
        """Members and means of blocks beside their nulls; ramp, deciding noise, gain; single blocks."""
        blocks = [
            quantity
            for r in range(len(self.rule))
            for d in range(len(self.direction))
            for quantity in self._list_blocks(r, d)
        ]
        patterns = [quantity for r in range(len(self.rule)) for quantity in self._list_patterns(r)]
        functions = [q for d in range(len(self.direction)) for q in self._list_functions(d)]
        return [*patterns, *functions, *blocks]

    def _list_patterns(self, r: int) -> list[Quantity]:
        """Means over directions."""
        rule = str(self.rule[r])
        n_members = int(self.members[r].any(0).sum())
        found = [DEFINITIONS["n_members"].measure(n_members, rule, name=RULES[rule])]
        null = self.pattern_shuffled if r == 0 else self.pattern_relabelled
        for b, block in enumerate(self.block.tolist()):
            chance, unit = self.pattern_by_chance[r, b], _UNITS[block]
            name: dict[str, Any] = {
                "index": f"{rule},{block}",
                "name": f"{BLOCK_WORDS[block]}, {RULES[rule]}",
            }
            beside = _list_beside(null[b], chance, unit)
            found.append(
                DEFINITIONS["pattern"].measure(float(self.pattern[r, b]), **name, unit=unit, beside=beside)
            )
            if np.isfinite(self.pattern_beyond[r, b]):
                found.append(DEFINITIONS["pattern_beyond"].measure(float(self.pattern_beyond[r, b]), **name))
        return found

    def _list_blocks(self, r: int, d: int) -> list[Quantity]:
        """The same of one direction."""
        rule, direction = str(self.rule[r]), str(self.direction[d])
        found, null = [], self.shuffled if r == 0 else self.relabelled
        for b, block in enumerate(self.block.tolist()):
            if np.isnan(self.value[r, d, b]):
                continue
            index = f"{rule},{block},{self.origin[d]}-{self.target[d]}"
            name: dict[str, Any] = {
                "index": index,
                "name": f"{direction}, {BLOCK_WORDS[block]}, {RULES[rule]}",
            }
            beside = _list_beside(null[d, b], self.by_chance[r, d, b], _UNITS[block])
            value = float(self.value[r, d, b])
            found.append(DEFINITIONS["block"].measure(value, **name, unit=_UNITS[block], beside=beside))
            if np.isfinite(self.beyond[r, d, b]):
                found.append(DEFINITIONS["beyond"].measure(float(self.beyond[r, d, b]), **name))
        return found

    def _list_functions(self, d: int) -> list[Quantity]:
        name = {"index": f"{self.origin[d]}-{self.target[d]}", "name": str(self.direction[d])}
        found = []
        for key, value, beside in (
            ("ramp", self.ramp[d], (self.ramp_null[d],)),
            ("reading", float(self.reading[d]), (*known_value("by chance", 0.5), self.reading_null[d])),
            ("base_auc", float(self.base_auc[d]), known_value("by chance", 0.5)),
            ("gain", self.gain[d], (self.gain_null[d],)),
        ):
            if np.isfinite(float(value)):
                known = tuple(b for b in beside if not (isinstance(b, Null) and np.isnan(b.quantile)))
                found.append(DEFINITIONS[key].measure(value, **name, beside=known))
        return found


def compute_populations(subject: Subject, settings: PopulationSettings) -> PopulationResult:
    """Choose populations by weights, and by weights and activity; rerun the choice in every null.

    Raises
    ------
    UndefinedAnalysisError
        If the cell has no recurrent weights, or there are too few switches.

    Notes
    -----
    After Torre et al. 2025 (docs/methods/connectivity.md). Groups are the first neurons by effect, which are
    no members. What activity has chosen is looked at on the other half of the trajectories. Groups and
    weights are those of the whole: they do not follow from the halves.
    """
    network, rng = subject.network, subject.start_rng("populations")
    path, switches = replay_switches(subject)
    weights = measure_weights(network, path)
    symbols = subject.found["switches"].symbol
    groups, notes = find_groups(subject, "sides", average_by_symbol(network, path, symbols))
    pairs, rules = list_rules(groups, weights.varies)
    lead = int(subject.found["carriers"].lead)
    n_lags = max(settings.n_lags, lead)
    events, controls = choose_events(symbols, switches, settings.n_events, earliest=n_lags, rng=rng)

    kept = np.flatnonzero(weights.varies)
    ahead = []
    for a, b in zip(groups.origin.tolist(), groups.target.tolist(), strict=True):
        rows = np.flatnonzero((events.origin == a) & (events.target == b))
        matched = (controls[0][rows], controls[1][rows])
        options = {"n_lags": n_lags, "sd": weights.sd, "neurons": kept}
        ahead.append(gather_activity(network, path, events.select(rows), matched, **options))
    drives = _find_drives(subject, weights)
    tables = []
    for (g, k), rule in zip(pairs, rules, strict=True):
        pair = PopulationPair(network, weights, _narrow(rule, kept), [ahead[g], ahead[k]], lead, kept)
        tables.append(pair.measure(settings, drives, path.states.shape[1], rng))
    if not tables:
        notes.append("no two opposing directions have first neurons of their own")
        tables.append(_describe_none(settings.n_null, n_lags, len(kept)))
    order = [direction for pair in pairs for direction in pair]
    names = [groups.direction[d] for d in order]
    found = {key: _join([table[key] for table in tables]) for key in tables[0]}
    gaps = _find_gaps(names, found)
    members, value = found.pop("members"), found["value"]
    by_rule = {key: found.pop(key) for key in ("by_chance", "beyond")}
    rest: dict[str, Any] = _average_directions(found)
    rest |= {key: _correct(item) if isinstance(item, Null) else item for key, item in found.items()}
    del rest["value"]
    return PopulationResult(
        settings=subject.record(settings) | {"lead": lead},
        status={"notes": [*notes, *gaps]},
        rule=np.array(list(RULES)),
        direction=np.array(names, dtype=str),
        origin=groups.origin[np.array(order, dtype=int)],
        target=groups.target[np.array(order, dtype=int)],
        neuron=np.arange(network.hidden_size),
        members=_widen(members, kept, network.hidden_size),
        n_group=np.array([n for rule in rules for n in rule.receivers.sum(1)], dtype=int),
        block=np.array(BLOCKS),
        lag=np.arange(n_lags + 1),
        side=np.array(["own", "opposing"]),
        value=np.moveaxis(value, 1, 0),
        by_chance=_swap(by_rule["by_chance"]),
        beyond=np.moveaxis(by_rule["beyond"], 1, 0),
        **rest,
    )


def _narrow(rule: PopulationRule, kept: Int[np.ndarray, " kept"]) -> PopulationRule:
    """The rule among neurons that vary."""
    return PopulationRule(rule.receivers[:, kept], rule.candidates[kept])


def _describe_none(n_draws: int, n_lags: int, n_kept: int) -> dict[str, Any]:
    """What a pair is described by, without any direction."""

    def lack(name: str, *shape: int) -> Null:
        return Null(name, np.empty((0, *shape)), np.empty((0, *shape)), np.empty((n_draws, 0, *shape)))

    blocks, numbers = np.empty((0, 2, len(BLOCKS))), np.empty(0)
    return {
        "members": np.empty((0, 2, n_kept), dtype=int),
        "value": blocks,
        "by_chance": Estimate(blocks),
        "beyond": blocks,
        "shuffled": lack("shuffled weights", len(BLOCKS)),
        "relabelled": lack("relabelled weights", len(BLOCKS)),
        "ramp": Estimate(numbers),
        "course": Estimate(np.empty((0, 2, n_lags + 1))),
        "ramp_null": lack("relabelled weights"),
        "reading": numbers,
        "reading_null": lack("random sets"),
        "base_auc": numbers,
        "gain": Estimate(numbers),
        "gain_null": lack("random sets"),
    }


def _widen(
    members: Int[np.ndarray, "direction rule kept"], kept: Int[np.ndarray, " kept"], n_neurons: int
) -> Int[np.ndarray, "rule direction neuron"]:
    """Members among all neurons, rules first."""
    wide = np.zeros((members.shape[1], members.shape[0], n_neurons), dtype=int)
    wide[..., kept] = np.moveaxis(members, 1, 0)
    return wide


def _find_drives(subject: Subject, weights: StandardWeights) -> Float[np.ndarray, "half neuron"] | None:
    """Drive of neurons that vary by the deciding noise; of each half as the trajectories of the other say."""
    w_ih = subject.network.cell.find_input_weights()
    if w_ih is None:
        return None
    kernels, kept = replay_kernels(subject), weights.varies & (weights.drive_sd > 0)
    size = np.divide(1.0, weights.drive_sd, out=np.zeros_like(weights.drive_sd), where=kept)
    leading = np.stack([kernels.find_modes_without(half, 2)[0] for half in (0, 1)])
    return (np.abs(leading @ w_ih.double().cpu().numpy().T) * size)[:, weights.varies]


def _average_directions(found: dict[str, Any]) -> dict[str, Any]:
    """Means of blocks over directions beside those of the draws; empty populations are left out."""
    value = _average_known(found["value"], axis=0)
    draws = [_average_known(found[name].draws, axis=1) for name in ("shuffled", "relabelled")]
    both = np.stack(draws, axis=1)
    return {
        "pattern": value,
        "pattern_by_chance": span_draws(both),
        "pattern_beyond": compare_with_draws("", value, both, np.ones(value.shape, dtype=int))[0],
        "pattern_shuffled": build_null("shuffled weights", value[0], draws[0]),
        "pattern_relabelled": build_null("relabelled weights", value[1], draws[1]),
    }


def _average_known(values: Float[np.ndarray, "..."], axis: int) -> Float[np.ndarray, "..."]:
    """Mean of what is defined along an axis; NaN where nothing is."""
    known = np.isfinite(values)
    count, total = known.sum(axis), np.where(known, values, 0.0).sum(axis)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _list_beside(null: Null, chance: Estimate, unit: str) -> tuple[Any, ...]:
    """A null and its mean, where it was drawn."""
    known = np.isfinite(chance.value) and np.isfinite(null.quantile)
    return (null, Reference("mean by chance", Estimate(chance.value), unit)) if known else ()


def _correct(null: Null) -> Null:
    """p-values by Holm over all that are known."""
    p_values = null.p_value.copy()
    known = np.isfinite(p_values)
    p_values[known] = adjust_holm(p_values[known])
    return Null(null.name, null.quantile, p_values, null.draws)


def _join(parts: list[Any]) -> Any:
    """Values of all pairs, one after the other along their directions."""
    if isinstance(parts[0], Estimate):
        return Estimate(*(np.concatenate([getattr(p, k) for p in parts]) for k in ("value", "low", "high")))
    if isinstance(parts[0], Null):
        quantile, p_value = (
            np.concatenate([getattr(part, key) for part in parts]) for key in ("quantile", "p_value")
        )
        return Null(parts[0].name, quantile, p_value, np.concatenate([part.draws for part in parts], axis=1))
    return np.concatenate(parts)


def _swap(found: Estimate) -> Estimate:
    """Rules first, then directions."""
    return Estimate(*(np.moveaxis(values, 1, 0) for values in (found.value, found.low, found.high)))


def _find_gaps(names: list[str], found: dict[str, Any]) -> list[str]:
    """Directions with an empty population, or without a gain in AUC."""
    sizes = found["members"].sum(-1)
    empty = [
        f"{name}: no neuron is chosen" for name, size in zip(names, sizes, strict=True) if not size.all()
    ]
    untold = [
        f"{name}: fewer than {FEWEST_EVENTS // 3} switches in a half, or an empty population, so no AUC"
        for name, auc in zip(names, found["base_auc"], strict=True)
        if np.isnan(auc)
    ]
    return [*empty, *untold]


PART = Part(
    name="populations",
    question="do populations integrate noise and drive the neurons that carry a switch?",
    result=PopulationResult,
    settings=PopulationSettings,
    compute=compute_populations,
    definitions=DEFINITIONS,
    seconds=6.0,
    quick={"n_events": 600, "n_null": 199, "n_resamples": 200},
    needs=("switches", "noise_kernel", "carriers"),
    requires_noise=True,
    least_hidden=2,
)
