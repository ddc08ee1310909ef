"""Sets of neurons that are patched together: the first of several orders, and matched ones."""

import numpy as np
from jaxtyping import Bool, Float

from ..network import NoiseRNN
from ..subject import Subject
from .attribution import DirectedTwins
from .influence import average_all, average_halves, choose_first, draw_matched_sets, rank

RANKINGS = {
    "effect": "by effect",
    "size": "by difference in activity",
    "readout": "by part in the readout",
    "drive": "by drive of the noise",
    "random": "at random",
}
"""Orders in which neurons are patched together, in words.

By effect; by |Δh|; by what Δh adds to the margin through the readout; by |W_ih v| times the share of twins
in which the neuron differs; at random.
"""

RIVALS = ("size", "readout", "drive")
"""Simpler rules, which need no patching."""

_SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128)

_N_NEAREST = 8
"""Neurons among which the match of each neuron is drawn."""


class NeuronSets:
    """Sets of neurons that are patched together, each chosen on the other half of the trajectories.

    The first two are no neuron and all of them; then the first of each ranking, by size; then matched ones.
    """

    def __init__(
        self,
        found: DirectedTwins,
        network: NoiseRNN,
        sums: Float[np.ndarray, "unit half direction column"],
        *,
        drive: Float[np.ndarray, " neuron"] | None,
        n_together: int,
        n_matched: int,
        rng: np.random.Generator,
    ):
        """Twins, their effects as sums, the drive of neurons by the deciding noise, and sizes."""
        n_neurons = network.hidden_size
        self.n_together = min(n_together, n_neurons)
        self.sizes = np.array(sorted({k for k in _SIZES if k < n_neurons} | {self.n_together, n_neurons}))
        self.effects = average_halves(sums.sum(0))
        self.first = choose_first(rank(average_all(sums.sum(0))), self.n_together)
        self.readout = _find_readout(network, found)
        difference = compare_activity(network, found)
        self.is_different = (found.average((difference != 0).astype(float)) > 0).any((0, 1))
        scores = self._score(found, difference, drive)
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
        matched = self._match(found, scores, n_matched, rng)  # self.matched, of each half
        self.masks = np.concatenate([none, ~none, ranked.reshape(-1, n_twins, n_neurons), matched])

    def _score(
        self, found: DirectedTwins, difference: np.ndarray, drive: np.ndarray | None
    ) -> dict[str, Float[np.ndarray, "#half #direction neuron"]]:
        """What neurons are ranked by: those that never differ have nothing to patch, and come last."""
        readout = found.average(difference) * self.readout
        scores = {"effect": self.effects, "size": found.average(np.abs(difference)), "readout": readout}
        if drive is not None:
            scores["drive"] = drive * found.average((difference != 0).astype(float))
        scores["random"] = np.zeros((1, 1, difference.shape[1]))
        return {name: np.where(self.is_different, values, -np.inf) for name, values in scores.items()}

    def _draw_random(self, n_twins: int, n_neurons: int, rng: np.random.Generator) -> np.ndarray:
        """Random orders of the neurons that differ, a new one for each twin."""
        orders = rank(np.where(self.is_different, rng.random((n_twins, n_neurons)), -np.inf))
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
        self.matched = np.stack(sets, axis=1)
        return found.assign(self.matched)

    def measure_balance(self, found: DirectedTwins, network: NoiseRNN) -> float:
        """Mean |Δh| of matched sets over that of the first neurons: 1 where the match is perfect.

        NaN where all neurons are among the first.
        """
        difference = np.abs(compare_activity(network, found))
        first, matched = self.masks[2 + self.find_column(0)], self.masks[self.n_ranked :]
        with np.errstate(invalid="ignore", divide="ignore"):
            return float((difference * matched).sum() / matched.sum() / difference[first].mean())

    def choose_shown(self) -> Bool[np.ndarray, "kind twin neuron"]:
        """No neuron, the first by effect, one matched set, and all neurons."""
        return self.masks[[0, 2 + self.find_column(0), self.n_ranked, 1]]

    @property
    def n_ranked(self) -> int:
        """Number of sets before the matched ones."""
        return 2 + len(self.rankings) * len(self.sizes)

    def find_column(self, ranking: int) -> int:
        """Place of the set of ``n_together`` neurons of a ranking among the shares."""
        return ranking * len(self.sizes) + self.sizes.tolist().index(self.n_together)


def find_drive(subject: Subject) -> Float[np.ndarray, " neuron"] | None:
    """Drive of each neuron by the leading direction of the deciding noise; None without input weights."""
    weights = subject.network.cell.find_input_weights()
    if weights is None:
        return None
    return np.abs(weights.double().cpu().numpy() @ subject.found["noise_kernel"].leading)


def compare_activity(network: NoiseRNN, found: DirectedTwins) -> Float[np.ndarray, "twin neuron"]:
    """Activity before a switch minus that of the twin, at the lead at which they are patched."""
    a, b = (network.show_hidden(states[0]) for states in (found.twins.switched, found.twins.stayed))
    return (a - b).double().cpu().numpy()


def _find_readout(network: NoiseRNN, found: DirectedTwins) -> Float[np.ndarray, "direction neuron"]:
    """Weight of each neuron in the margin of the new symbol over the old one."""
    weights = network.w_out.detach().double().cpu().numpy()
    return weights[found.pairs[1]] - weights[found.pairs[0]]


def count_different(network: NoiseRNN, found: DirectedTwins) -> float:
    """Mean number of neurons whose activity differs between twins."""
    return float((compare_activity(network, found) != 0).sum(1).mean())
