"""Connectivity: whether neurons that carry a switch excite each other and inhibit those of the opposite."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from pydantic import Field

from ...hmm import load_process
from ...part import Part
from ...part_settings import PartSettings
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null
from ...subject import Subject
from ..switches import replay_switches
from .comparison import compare_with_draws, span_draws
from .connectivity_definitions import DEFINITIONS
from .neuron_groups import (
    KINDS,
    NeuronGroups,
    average_by_symbol,
    count_shared,
    describe_neurons,
    find_groups,
    measure_blocks,
)
from .standard_weights import StandardWeights, measure_weights

RELATIONS = {
    "within": "within groups",
    "opposing": "between opposing groups",
    "other": "between other groups",
}
"""How two groups stand to each other, in words."""

KIND_WORDS = {"first": "first neurons", "sides": "first neurons by symbol", "carriers": "carriers"}

_EXPECTED = np.array([1, -1, 0])
"""Sign that was published for each relation: excitation within, inhibition between opposing groups."""

_PUBLISHED = {"within": (0.063, 0.081), "opposing": (-0.146, -0.130)}
"""Torre et al. 2025, two states: raw means of both groups and of both pairs, self weights included."""


class ConnectivitySettings(PartSettings):
    """Settings of the part ``connectivity``."""

    n_null: int = Field(default=999, ge=19, description="draws of each null")


@dataclass(frozen=True, kw_only=True, eq=False)
class ConnectivityResult(Result):
    """Mean weights within and between groups of neurons that carry directions of switching.

    ``status`` holds ``notes``: directions without a group, and what has no null.

    Attributes
    ----------
    kind : (kind,)
        First neurons by effect; those of both directions of a pair, by the symbol they hold; carriers.
    group, origin, target : (group,)
        Directions of switching, and their symbols.
    neuron : (neuron,)
    members : (kind, group, neuron)
        1 for members.
    weights : (receiving, sending)
        In standard units, of all neurons.
    relation : (relation,)
    weight : (kind, relation)
        Mean weights; NaN without such groups.
    matched_weight, relabelled_weight : Estimate, (kind, relation)
        Mean of the draws of each null, and their central 95 %.
    beyond_matched, beyond_relabelled : (kind, relation)
        Distances in standard deviations of the nulls, positive on the published side.
    matched, relabelled : Null, (kind, relation)
        The same of the draws.
    block : (kind, receiver, sender)
        Mean weight that a group receives from another.
    matched_block, relabelled_block : Estimate, (kind, receiver, sender)
    block_beyond_matched, block_beyond_relabelled : (kind, receiver, sender)
    matched_p, relabelled_p : (kind, receiver, sender)
        By Holm over blocks within groups and between opposing ones; NaN for others.
    n_shared : (kind, receiver, sender)
        Neurons in both groups; on the diagonal the size of a group.
    self_weight, self_weight_of_all : (kind, group), ()
    raw_weight : (kind, relation)
        Raw means, self weights included.
    published : Estimate, (relation,)
        Torre et al. 2025: mean and range, NaN for other processes.
    balance : (kind,)
    """

    kind: Shaped[np.ndarray, " kind"] = axes("kind", description="kind of groups")
    group: Shaped[np.ndarray, " group"] = axes("group", description="direction of switching")
    origin: Int[np.ndarray, " group"] = axes("group", description="symbol before")
    target: Int[np.ndarray, " group"] = axes("group", description="symbol after")
    neuron: Int[np.ndarray, " neuron"] = axes("neuron", description="number of the neuron")
    members: Int[np.ndarray, "kind group neuron"] = axes(
        "kind", "group", "neuron", description="1 for members of a group"
    )
    weights: Float[np.ndarray, "receiving sending"] = axes(
        "receiving", "sending", description="recurrent weights in standard units"
    )
    relation: Shaped[np.ndarray, " relation"] = axes("relation", description="how two groups stand")
    weight: Float[np.ndarray, "kind relation"] = axes("kind", "relation", description="mean weight")
    matched_weight: Estimate = estimates("kind", "relation", description="mean weight of matched groups")
    relabelled_weight: Estimate = estimates(
        "kind", "relation", description="mean weight of relabelled weights"
    )
    beyond_matched: Float[np.ndarray, "kind relation"] = axes(
        "kind", "relation", unit="sd", description="distance from matched groups"
    )
    beyond_relabelled: Float[np.ndarray, "kind relation"] = axes(
        "kind", "relation", unit="sd", description="distance from relabelled weights"
    )
    matched: Null = nulls(
        "matched groups", "kind", "relation", unit="sd", description="distance of matched groups"
    )
    relabelled: Null = nulls(
        "relabelled weights", "kind", "relation", unit="sd", description="distance of relabelled weights"
    )
    block: Float[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", description="mean weight from a group to a group"
    )
    matched_block: Estimate = estimates(
        "kind", "receiver", "sender", description="mean weight between matched groups"
    )
    relabelled_block: Estimate = estimates(
        "kind", "receiver", "sender", description="mean weight of relabelled weights"
    )
    block_beyond_matched: Float[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", unit="sd", description="distance from matched groups"
    )
    block_beyond_relabelled: Float[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", unit="sd", description="distance from relabelled weights"
    )
    matched_p: Float[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", description="p-value beside matched groups, by Holm"
    )
    relabelled_p: Float[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", description="p-value beside relabelled weights, by Holm"
    )
    n_shared: Int[np.ndarray, "kind receiver sender"] = axes(
        "kind", "receiver", "sender", unit="neurons", description="neurons in both groups"
    )
    self_weight: Float[np.ndarray, "kind group"] = axes(
        "kind", "group", description="mean weight of neurons onto themselves"
    )
    self_weight_of_all: Float[np.ndarray, ""] = axes(description="the same of all neurons")
    raw_weight: Float[np.ndarray, "kind relation"] = axes(
        "kind", "relation", description="mean of raw weights, self weights included"
    )
    published: Estimate = estimates("relation", description="the same in Torre et al. 2025, two states")
    balance: Float[np.ndarray, " kind"] = axes("kind", description="readout of matched groups over theirs")

    def list_quantities(self) -> list[Quantity]:
        """Mean weights beside both nulls; then single blocks, self weights, and raw means."""
        return [
            quantity
            for i in range(len(self.kind))
            if i == 0 or self.members[i].any()
            for quantity in (*self._list_relations(i), *self._list_blocks(i), *self._list_asides(i))
        ]

    def _list_relations(self, i: int) -> list[Quantity]:
        found, kind = [], str(self.kind[i])
        for r, relation in enumerate(self.relation.tolist()):
            if relation == "other" and np.isnan(self.weight[i, r]):
                continue
            name = {"index": f"{kind},{relation}", "name": f"{RELATIONS[relation]}, {KIND_WORDS[kind]}"}
            spans = (self.matched_weight[i, r], self.relabelled_weight[i, r])
            found.append(
                DEFINITIONS["weight"].measure(float(self.weight[i, r]), **name, beside=_list_spans(*spans))
            )
            for key, null in (("beyond_matched", self.matched), ("beyond_relabelled", self.relabelled)):
                size = float(getattr(self, key)[i, r])
                if np.isfinite(size):
                    found.append(DEFINITIONS[key].measure(size, **name, beside=(null[i, r],)))
        n_shared = int((self.members[i].sum(0) > 1).sum())
        return [*found, DEFINITIONS["n_shared"].measure(n_shared, kind, name=KIND_WORDS[kind])]

    def _list_blocks(self, i: int) -> list[Quantity]:
        found = []
        for g, k in np.argwhere(np.isfinite(self.block[i])).tolist():
            index = f"{self.kind[i]},{self._name_index(g)},{self._name_index(k)}"
            words = f"within {self.group[g]}" if g == k else f"onto {self.group[g]} from {self.group[k]}"
            name = {"index": index, "name": f"{words}, {KIND_WORDS[str(self.kind[i])]}"}
            spans = _list_spans(self.matched_block[i, g, k], self.relabelled_block[i, g, k])
            found.append(DEFINITIONS["block"].measure(float(self.block[i, g, k]), **name, beside=spans))
            for key in ("matched", "relabelled"):
                size, p_value = (
                    getattr(self, f"block_beyond_{key}")[i, g, k],
                    getattr(self, f"{key}_p")[i, g, k],
                )
                if np.isfinite(size):
                    beside = known_value("p (Holm)", float(p_value))
                    found.append(
                        DEFINITIONS[f"block_beyond_{key}"].measure(float(size), **name, beside=beside)
                    )
        return found

    def _list_asides(self, i: int) -> list[Quantity]:
        kind, found = str(self.kind[i]), []
        of_all = known_value("all neurons", float(self.self_weight_of_all))
        for g, value in enumerate(self.self_weight[i].tolist()):
            if np.isfinite(value):
                name = {
                    "index": f"{kind},{self._name_index(g)}",
                    "name": f"{self.group[g]}, {KIND_WORDS[kind]}",
                }
                found.append(DEFINITIONS["self_weight"].measure(value, **name, beside=of_all))
        for r, relation in enumerate(self.relation.tolist()):
            if np.isfinite(self.raw_weight[i, r]):
                name = {"index": f"{kind},{relation}", "name": f"{RELATIONS[relation]}, {KIND_WORDS[kind]}"}
                known = self.published[r]
                beside = (Reference("Torre et al. 2025", known),) if np.isfinite(known.value) else ()
                found.append(
                    DEFINITIONS["raw_weight"].measure(float(self.raw_weight[i, r]), **name, beside=beside)
                )
        if np.isfinite(self.balance[i]):
            name = {"index": kind, "name": KIND_WORDS[kind]}
            perfect = known_value("if matched", 1.0)
            found.append(DEFINITIONS["balance"].measure(float(self.balance[i]), **name, beside=perfect))
        return found

    def _name_index(self, group: int) -> str:
        return f"{self.origin[group]}-{self.target[group]}"


def _list_spans(matched: Estimate, relabelled: Estimate) -> tuple[Reference, ...]:
    """Ranges under both nulls, where they were drawn."""
    named = (("matched groups", matched), ("relabelled weights", relabelled))
    return tuple(Reference(name, span) for name, span in named if np.isfinite(span.value))


def compute_connectivity(subject: Subject, settings: ConnectivitySettings) -> ConnectivityResult:
    """Mean weights within and between groups of neurons, beside matched groups and relabelled weights.

    Raises
    ------
    UndefinedAnalysisError
        If the cell has no recurrent weights.

    Notes
    -----
    Own construction after Torre et al. 2025 (docs/methods/connectivity.md). Weights are in standard units,
    since raw means depend on the units of single neurons. Groups come from the part ``carriers``, which does
    not look at weights.
    """
    network, rng = subject.network, subject.start_rng("connectivity")
    path, _ = replay_switches(subject)
    weights = measure_weights(network, path)
    by_symbol = average_by_symbol(network, path, subject.found["switches"].symbol)
    tables, notes = [], []
    for kind in KINDS:
        groups, why = find_groups(subject, kind, by_symbol)
        table, missing = _measure_kind(subject, groups, weights, settings.n_null, rng)
        tables.append(table)
        notes += [*(why if kind == "first" else []), *(f"{KIND_WORDS[kind]}: {note}" for note in missing)]
    return ConnectivityResult(
        settings=subject.record(settings),
        status={"notes": notes},
        kind=np.array(KINDS),
        group=np.array(groups.direction),
        origin=groups.origin,
        target=groups.target,
        neuron=np.arange(network.hidden_size),
        weights=weights.standard,
        relation=np.array(list(RELATIONS)),
        self_weight_of_all=np.array(np.diag(weights.standard).mean()),
        published=_find_published(subject),
        **{name: _stack([table[name] for table in tables]) for name in tables[0]},
    )


def _measure_kind(
    subject: Subject, groups: NeuronGroups, weights: StandardWeights, n_null: int, rng: np.random.Generator
) -> tuple[dict[str, Any], list[str]]:
    """Everything about groups of one kind; and notes on what is undefined."""
    members, notes = groups.members, _find_gaps(groups)
    features = describe_neurons(subject.network, weights)
    matched = groups.draw_matched(features, weights.varies, n_null, rng=rng)
    if matched is None:
        notes.append("no matched groups: too few neurons are in none")
        matched = np.empty((0, *members.shape), dtype=bool)
    relabelled = groups.draw_relabelled(weights.varies, n_null, rng=rng)
    relations = _relate(groups)
    block, raw = (
        measure_blocks(w, members[None], with_self=with_self)[0]
        for w, with_self in ((weights.standard, False), (weights.raw, True))
    )
    table: dict[str, Any] = {
        "members": members.astype(int),
        "block": block,
        "weight": _average(block, relations),
        "raw_weight": _average(raw, relations),
        "n_shared": count_shared(members),
        "self_weight": _average_members(np.diag(weights.standard), members),
        "balance": _measure_balance(groups, features, matched),
    }
    for name, words, sets in (
        ("matched", "matched groups", matched),
        ("relabelled", "relabelled weights", relabelled),
    ):
        table |= _compare(name, words, table, measure_blocks(weights.standard, sets), relations)
    return table, notes


def _relate(groups: NeuronGroups) -> Int[np.ndarray, "group group"]:
    """Place in ``RELATIONS`` of each pair of groups."""
    return np.where(np.eye(len(groups.origin), dtype=bool), 0, np.where(groups.is_opposing, 1, 2))


def _find_gaps(groups: NeuronGroups) -> list[str]:
    """What cannot be compared, if there are groups at all."""
    if not groups.members.any():
        return ["no groups"]
    is_there = np.flatnonzero(groups.members.any(1))
    pairs = groups.is_opposing[np.ix_(is_there, is_there)]
    return [] if pairs.any() else ["no opposing groups: switches go one way only, or have no groups"]


def _average(
    blocks: Float[np.ndarray, "*draw group group"], relations: Int[np.ndarray, "group group"]
) -> Float[np.ndarray, "*draw relation"]:
    """Mean over the blocks of each relation; NaN where there are none."""
    means = []
    for r in range(len(RELATIONS)):
        chosen = blocks[..., relations == r]
        known = np.isfinite(chosen)
        total, count = np.where(known, chosen, 0.0).sum(-1), known.sum(-1)
        means.append(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))
    return np.stack(means, axis=-1)


def _average_members(
    values: Float[np.ndarray, " neuron"], members: Shaped[np.ndarray, "group neuron"]
) -> Float[np.ndarray, " group"]:
    counts = members.sum(1)
    return np.divide(members @ values, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def _compare(
    name: str,
    words: str,
    table: dict[str, Any],
    draws: Float[np.ndarray, "draw group group"],
    relations: Int[np.ndarray, "group group"],
) -> dict[str, Any]:
    """Blocks and their means beside those of one null."""
    means = _average(draws, relations)
    size, null = compare_with_draws(words, table["weight"], means, _EXPECTED)
    blocks, block_null = compare_with_draws(words, table["block"], draws, _EXPECTED[relations])
    return {
        name: null,
        f"{name}_weight": span_draws(means),
        f"beyond_{name}": size,
        f"{name}_block": span_draws(draws),
        f"block_beyond_{name}": blocks,
        f"{name}_p": block_null.p_value,
    }


def _measure_balance(
    groups: NeuronGroups,
    features: Float[np.ndarray, "neuron feature"],
    matched: Shaped[np.ndarray, "set group neuron"],
) -> Float[np.ndarray, ""]:
    """Readout of matched groups over that of the groups, mean over members of all groups."""
    members, readout = groups.members, features[:, 1:].T
    if len(matched) == 0 or not members.any():
        return np.array(np.nan)
    margin = readout[groups.target] - readout[groups.origin]
    of_groups, of_matched = ((margin * chosen).sum() / chosen.sum() for chosen in (members, matched))
    return np.array(of_matched / of_groups if of_groups else np.nan)


def _find_published(subject: Subject) -> Estimate:
    """Published means of raw weights and their range; NaN unless the process is that of two states."""
    is_same = subject.hmm is not None and subject.hmm == load_process("linear-2")
    known = [_PUBLISHED.get(name, (np.nan, np.nan)) if is_same else (np.nan, np.nan) for name in RELATIONS]
    low, high = np.array(known).T
    return Estimate((low + high) / 2, low, high)


def _stack(values: list[Any]) -> Any:
    """Values of all kinds along a new first axis, or second axis of draws."""
    if isinstance(values[0], Estimate):
        return Estimate.stack(values)
    if not isinstance(values[0], Null):
        return np.stack(values)
    n_draws = max(len(null.draws) for null in values)
    draws = [_pad(null.draws, n_draws) for null in values]
    quantile, p_value = (np.stack([getattr(null, key) for null in values]) for key in ("quantile", "p_value"))
    return Null(values[0].name, quantile, p_value, np.stack(draws, axis=1))


def _pad(draws: Float[np.ndarray, "draw ..."], n_draws: int) -> Float[np.ndarray, "drawn ..."]:
    """NaN for draws that a kind without groups does not have."""
    return draws if len(draws) == n_draws else np.full((n_draws, *draws.shape[1:]), np.nan)


PART = Part(
    name="connectivity",
    question="do neurons that carry a switch excite each other, and inhibit those of the opposite one?",
    result=ConnectivityResult,
    settings=ConnectivitySettings,
    compute=compute_connectivity,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_null": 199},
    needs=("switches", "carriers"),
    requires_noise=True,
    least_hidden=2,
)
