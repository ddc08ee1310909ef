"""Rules that choose populations by what they send to opposing groups, and what is counted in them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from .neuron_groups import NeuronGroups, measure_blocks

BLOCKS = ("own", "opposing", "itself", "mutual")
"""Onto the group of its direction, onto the opposing group, onto itself, onto the opposing population."""


@dataclass(frozen=True)
class PopulationRule:
    """Two opposing groups, and the neurons that may be in the population behind each.

    Attributes
    ----------
    receivers : (2, neuron)
        Both groups, without neurons that they share.
    candidates : (neuron,)
        Neurons that are in no group.
    """

    receivers: Bool[np.ndarray, "2 neuron"]
    candidates: Bool[np.ndarray, " neuron"]

    def choose(
        self,
        weights: Float[np.ndarray, "neuron neuron"],
        rises: Bool[np.ndarray, "2 neuron"] | None = None,
    ) -> Bool[np.ndarray, "2 neuron"]:
        """Candidates that excite one group and inhibit the other, on average.

        If ``rises`` is given, also such that their activity is higher before switches of their direction.
        """
        onto = self.receivers @ weights / self.receivers.sum(1, keepdims=True)
        chosen = self.candidates & (onto > 0) & (onto[::-1] < 0)
        return chosen if rises is None else chosen & rises

    def measure(
        self, weights: Float[np.ndarray, "neuron neuron"], chosen: Bool[np.ndarray, "2 neuron"]
    ) -> Float[np.ndarray, "2 block"]:
        """What was published of each population, so that large values count; NaN for an empty one.

        Share of positive weights onto its own group, of negative ones onto the opposing group, mean weight
        onto itself, and minus the mean weight onto the opposing population.
        """
        is_positive, is_negative = (weights > 0).astype(float), (weights < 0).astype(float)
        own = _average_blocks(is_positive, self.receivers, chosen)
        opposing = _average_blocks(is_negative, self.receivers[::-1], chosen)
        among = measure_blocks(weights, chosen[None])[0]
        return np.stack([own, opposing, np.diag(among), -among[[1, 0], [0, 1]]], axis=1)

    def draw_shuffled(
        self, weights: Float[np.ndarray, "neuron neuron"], n_draws: int, *, rng: np.random.Generator
    ) -> Float[np.ndarray, "draw 2 block"]:
        """The same by weights in random places, with populations chosen anew."""
        shuffled = (rng.permutation(weights.ravel()).reshape(weights.shape) for _ in range(n_draws))
        return np.stack([self.measure(drawn, self.choose(drawn)) for drawn in shuffled])


def relabel(
    weights: Float[np.ndarray, "neuron neuron"], n_draws: int, *, rng: np.random.Generator
) -> Iterator[Float[np.ndarray, "neuron neuron"]]:
    """P W Pᵀ for random orders of the neurons: the same network of weights behind another activity."""
    for _ in range(n_draws):
        order = rng.permutation(len(weights))
        yield weights[np.ix_(order, order)]


def list_rules(
    groups: NeuronGroups, varies: Bool[np.ndarray, " neuron"]
) -> tuple[list[tuple[int, int]], list[PopulationRule]]:
    """Pairs of opposing groups that have neurons of their own, and the rule of each."""
    members = groups.members & varies
    candidates = varies & ~groups.members.any(0)
    pairs, rules = [], []
    for g, k in np.argwhere(np.triu(groups.is_opposing)).tolist():
        receivers = np.stack([members[g] & ~members[k], members[k] & ~members[g]])
        if receivers.any(1).all():
            pairs.append((g, k))
            rules.append(PopulationRule(receivers, candidates))
    return pairs, rules


def _average_blocks(
    values: Float[np.ndarray, "neuron neuron"],
    receivers: Bool[np.ndarray, "2 neuron"],
    senders: Bool[np.ndarray, "2 neuron"],
) -> Float[np.ndarray, " 2"]:
    """Mean over all pairs of receiving and sending neurons, for each of two."""
    sums = ((receivers @ values) * senders).sum(1)
    n_pairs = receivers.sum(1) * senders.sum(1)
    return np.divide(sums, n_pairs, out=np.full(2, np.nan), where=n_pairs > 0)
