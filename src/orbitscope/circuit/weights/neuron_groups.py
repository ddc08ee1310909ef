"""Groups of neurons that carry directions of switching, and groups that only look like them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from ...dynamics.driving.driven_states import DrivenPath
from ...network import NoiseRNN
from ...subject import Subject
from ..concentration import LEAST_EFFECT
from .standard_weights import StandardWeights

KINDS = ("first", "sides", "carriers")
"""The first neurons by effect, as many of each direction; the same by the symbol that they hold; carriers."""

_N_NEAREST = 8
"""Neurons among which the match of each neuron is drawn."""


@dataclass(frozen=True)
class NeuronGroups:
    """A group of neurons for each direction of switching.

    Attributes
    ----------
    direction : list of str
        Names of the directions.
    origin, target : (group,)
        Symbols before and after.
    members : (group, neuron)
        Empty where a direction has no group.
    """

    direction: list[str]
    origin: Int[np.ndarray, " group"]
    target: Int[np.ndarray, " group"]
    members: Bool[np.ndarray, "group neuron"]

    @property
    def is_opposing(self) -> Bool[np.ndarray, "group group"]:
        """Whether one group is of a → b and the other of b → a."""
        return (self.origin[:, None] == self.target) & (self.target[:, None] == self.origin)

    def take_sides(self, by_symbol: Float[np.ndarray, "symbol neuron"]) -> "NeuronGroups":
        """Members of both groups of each opposing pair, each behind the direction whose new symbol it holds.

        A neuron holds the symbol in which it is more active. Neurons that carry a switch may do so by falling
        silent as well as by firing; a group by direction mixes both.
        """
        members = np.zeros_like(self.members)
        for g, k in np.argwhere(self.is_opposing).tolist():
            if self.members[[g, k]].any(1).all():
                holds = by_symbol[self.target[g]] > by_symbol[self.origin[g]]
                members[g] = (self.members[g] | self.members[k]) & holds
        return NeuronGroups(self.direction, self.origin, self.target, members)

    def draw_relabelled(
        self, varies: Bool[np.ndarray, " neuron"], n_sets: int, *, rng: np.random.Generator
    ) -> Bool[np.ndarray, "set group neuron"]:
        """The same groups among neurons in another order: P W Pᵀ for W, with the activity as it is.

        Only neurons whose activity varies change places. Members that groups share, they share then, too.
        """
        moved = np.flatnonzero(varies)
        orders = rng.permuted(np.tile(moved, (n_sets, 1)), axis=1)
        drawn = np.repeat(self.members[None], n_sets, axis=0)
        drawn[:, :, moved] = self.members[:, orders].transpose(1, 0, 2)
        return drawn

    def draw_matched(
        self,
        features: Float[np.ndarray, "neuron feature"],
        varies: Bool[np.ndarray, " neuron"],
        n_sets: int,
        *,
        rng: np.random.Generator,
    ) -> Bool[np.ndarray, "set group neuron"] | None:
        """The same groups with each neuron replaced by one that is near in its features and in no group.

        Neurons that groups share have one match in all of them: blocks have as many pairs as those of the
        network, and vary as much. None where there are too few neurons outside of the groups.
        """
        union, pool = np.flatnonzero(self.members.any(0)), np.flatnonzero(varies & ~self.members.any(0))
        if len(pool) < len(union):
            return None
        places = features.argsort(0).argsort(0).astype(float)
        distance = np.square(places[union][:, None] - places[pool]).sum(-1)
        matches = pool[_draw_near(distance, n_sets, rng=rng)]
        drawn = np.zeros((n_sets, *self.members.shape), dtype=bool)
        for g in range(len(self.members)):
            np.put_along_axis(drawn[:, g], matches[:, self.members[g, union]], True, axis=1)
        return drawn


def _draw_near(
    distance: Float[np.ndarray, "member candidate"], n_sets: int, *, rng: np.random.Generator
) -> Int[np.ndarray, "set member"]:
    """One of the ``_N_NEAREST`` nearest candidates that are left for each member, in random order."""
    n_members, n_candidates = distance.shape
    near, sets = np.argsort(distance, axis=1, kind="stable"), np.arange(n_sets)
    drawn, is_taken = np.empty((n_sets, n_members), dtype=int), np.zeros((n_sets, n_candidates), dtype=bool)
    orders = rng.permuted(np.tile(np.arange(n_members), (n_sets, 1)), axis=1)
    for member in orders.T:
        is_free = ~np.take_along_axis(is_taken, near[member], axis=1)
        is_open = is_free & (np.cumsum(is_free, axis=1) <= _N_NEAREST)
        place = np.where(is_open, rng.random(is_open.shape), -1.0).argmax(1)
        drawn[sets, member] = near[member, place]
        is_taken[sets, drawn[sets, member]] = True
    return drawn


def find_groups(
    subject: Subject, kind: str, by_symbol: Float[np.ndarray, "symbol neuron"]
) -> tuple[NeuronGroups, list[str]]:
    """Groups of one of ``KINDS``, and notes on directions that have none.

    Where patching all neurons does next to nothing, their order by effect is one by chance: no group.
    """
    found = subject.found["carriers"]
    listed = found.list_carriers() if kind == "carriers" else found.list_first()
    members, notes = np.zeros(found.effect.value.shape, dtype=bool), []
    for g, (name, effect) in enumerate(zip(listed, found.total_effect.value[1:], strict=True)):
        if effect >= LEAST_EFFECT:
            members[g, listed[name]] = True
        else:
            notes.append(
                f"{name}: patching all neurons changes the outcome by {effect:.2g}, < {LEAST_EFFECT}"
            )
    groups = NeuronGroups(list(listed), found.origin, found.target, members)
    return (groups.take_sides(by_symbol) if kind == "sides" else groups), notes


def average_by_symbol(
    network: NoiseRNN, path: DrivenPath, symbols: Integer[np.ndarray, "trajectory time"]
) -> Float[np.ndarray, "symbol neuron"]:
    """Mean activity of each neuron while each symbol is the most probable one; 0 for one that never is."""
    hidden = network.show_hidden(path.states).double().flatten(0, 1).cpu().numpy()
    is_in = (symbols.T.reshape(-1) == np.arange(network.n_symbols)[:, None]).astype(float)
    return is_in @ hidden / np.maximum(is_in.sum(1, keepdims=True), 1)


def describe_neurons(network: NoiseRNN, weights: StandardWeights) -> Float[np.ndarray, "neuron feature"]:
    """What groups are matched in: mean activity, then the weight in the logit of each symbol, centred.

    Both are in standard deviations of the activity, as the weights are.
    """
    w_out = network.w_out.detach().double().cpu().numpy()
    mean = np.divide(weights.mean, weights.sd, out=np.zeros_like(weights.mean), where=weights.varies)
    return np.stack([mean, *((w_out - w_out.mean(0)) * weights.sd)], axis=1)


def measure_blocks(
    weights: Float[np.ndarray, "neuron neuron"],
    members: Bool[np.ndarray, "set group neuron"],
    *,
    with_self: bool = False,
) -> Float[np.ndarray, "set group group"]:
    """Mean weight that neurons of one group receive from those of another.

    Neurons in both groups are left out of both, so that no pair of neurons is within and between at once. A
    neuron's weight onto itself is left out, too, unless asked for.

    Returns
    -------
    (set, receiver, sender)
        NaN where nothing is left.
    """
    n_sets, n_groups, _ = members.shape
    means = np.full((n_sets, n_groups, n_groups), np.nan)
    given = weights if with_self else weights - np.diag(np.diag(weights))
    for i in range(n_groups):
        for j in range(n_groups):
            shared = members[:, i] & members[:, j] if i != j else np.zeros_like(members[:, i])
            receivers, senders = members[:, i] & ~shared, members[:, j] & ~shared
            sums = ((receivers @ given) * senders).sum(1)
            n_pairs = receivers.sum(1) * senders.sum(1)
            n_pairs -= 0 if with_self else (receivers & senders).sum(1)
            means[:, i, j] = np.divide(sums, n_pairs, out=means[:, i, j], where=n_pairs > 0)
    return means


def count_shared(members: Bool[np.ndarray, "group neuron"]) -> Int[np.ndarray, "group group"]:
    """Neurons in both of two groups; those of a group with itself are its size."""
    numbers = members.astype(int)
    return numbers @ numbers.T
