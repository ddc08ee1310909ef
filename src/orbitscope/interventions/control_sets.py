"""Sets of neurons beside targets: matched ones, and random subsets of the first neurons and of all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Shaped
from scipy.stats import binomtest

from ..circuit.influence import draw_matched_sets
from ..dynamics.driving.driven_states import DrivenPath
from ..network import NoiseRNN
from ..statistics import Estimate, Null, compute_permutation_p_value
from ..statistics.null import LEVEL
from ..subject import Subject
from .targets import Target

POOLS = ("first 20", "all that vary")
"""What random subsets are drawn from: the first twenty neurons by effect, and all whose activity varies."""

_N_FIRST = 20
_N_NEAREST = 8
"""Neurons among which the match of each neuron is drawn."""


@dataclass(frozen=True)
class ControlSets:
    """Sets of neurons whose gain is 0.

    Attributes
    ----------
    matched : (target,) of (set,)
        None for the noise, for targets of more than half of the neurons, and for those that are left out.
    subsets : by pool
    """

    matched: list[list[Target]]
    subsets: dict[str, list[Target]]

    def list_all(self) -> list[Target]:
        """Matched sets of each target, then the subsets of each pool."""
        groups = [*self.matched, *self.subsets.values()]
        return [target for group in groups for target in group]

    @property
    def n_matched(self) -> int:
        """Matched sets of all targets."""
        return sum(len(group) for group in self.matched)

    def compare_falls(self, fall: Float[np.ndarray, " target"], of_sets: Float[np.ndarray, " set"]) -> Null:
        """Null of the largest falls of hazards, from those of the matched sets in the order of all sets.

        A set without a number, such as one that diverges, counts as one that falls as much. There is no null
        where more than half are such.
        """
        draws = np.full((max(map(len, self.matched), default=0), len(fall)), np.nan)
        first = 0
        for t, group in enumerate(self.matched):
            draws[: len(group), t] = of_sets[first : first + len(group)]
            first += len(group)
        is_known = np.isfinite(fall) & (np.isfinite(draws).sum(0) > len(draws) / 2)
        quantile, p_value = np.full(len(fall), np.nan), np.full(len(fall), np.nan)
        for t in np.flatnonzero(is_known):
            quantile[t] = np.nanquantile(draws[:, t], LEVEL)
            as_large = np.where(np.isnan(draws[:, t]), np.inf, draws[:, t])
            p_value[t] = compute_permutation_p_value(fall[t], as_large)
        return Null("matched sets", quantile, p_value, draws)

    def find_shares(self, trapped: Shaped[np.ndarray, " subset"], ways: Sequence[str]) -> Estimate:
        """Share of the subsets of each pool that trap in each way, with Wilson's interval."""
        found = np.full((3, len(self.subsets), len(ways)), np.nan)
        words = trapped.reshape(len(self.subsets), -1) if self.subsets else trapped[:0]
        for p, row in enumerate(words):
            for w, way in enumerate(ways):
                n_found = int((row == way).sum())
                limits = binomtest(n_found, len(row)).proportion_ci(method="wilson")
                found[:, p, w] = n_found / len(row), limits.low, limits.high
        return Estimate(*found)


def draw_control_sets(
    subject: Subject,
    path: DrivenPath,
    targets: Sequence[Target],
    *,
    n_matched: Sequence[int],
    n_subsets: int,
    subset_size: int,
    rng: np.random.Generator,
) -> ControlSets:
    """Draw so many matched sets for each target, and subsets if the effects of neurons are known."""
    matched = [
        _match(subject.network, path, target, n_sets, rng)
        for target, n_sets in zip(targets, n_matched, strict=True)
    ]
    pools = _list_pools(subject, path) if n_subsets else {}
    subsets = {
        name: [_draw(name, pool, subset_size, rng) for _ in range(n_subsets)] for name, pool in pools.items()
    }
    return ControlSets(matched, subsets)


def find_fall(hazard: Float[np.ndarray, "run direction"]) -> Float[np.ndarray, " run"]:
    """1 − smallest hazard ratio of the directions in which it is known; NaN without one."""
    smallest = np.where(np.isfinite(hazard), hazard, np.inf).min(1, initial=np.inf)
    return np.where(np.isfinite(smallest), 1.0 - smallest, np.nan)


def _match(
    network: NoiseRNN, path: DrivenPath, target: Target, n_sets: int, rng: np.random.Generator
) -> list[Target]:
    """Sets of as many other neurons, each near one of the target in ranks of mean activity and readout."""
    size = network.hidden_size
    if not 0 < len(target.neurons) <= size // 2:
        return []
    activity = network.show_hidden(path.states).flatten(0, 1).mean(0).double().cpu().numpy()
    readout = network.w_out.detach().norm(dim=0).double().cpu().numpy()
    features = np.stack([np.abs(activity), readout], axis=-1)[None]
    chosen = np.isin(np.arange(size), target.neurons)[None]
    sets = draw_matched_sets(chosen, features, n_sets=n_sets, n_nearest=_N_NEAREST, rng=rng)
    return [replace(target, neurons=tuple(np.flatnonzero(row).tolist())) for row in sets[:, 0]]


def _list_pools(subject: Subject, path: DrivenPath) -> dict[str, np.ndarray]:
    """Neurons from which subsets are drawn; none without carriers."""
    if "carriers" not in subject.found:
        return {}
    effect = np.nan_to_num(subject.found["carriers"].effect.value).max(0)
    spread = subject.network.show_hidden(path.states).flatten(0, 1).std(0).cpu().numpy()
    return dict(
        zip(POOLS, (np.argsort(-effect, kind="stable")[:_N_FIRST], np.flatnonzero(spread)), strict=True)
    )


def _draw(name: str, pool: np.ndarray, size: int, rng: np.random.Generator) -> Target:
    return Target(name, tuple(sorted(rng.permutation(pool)[:size].tolist())))
