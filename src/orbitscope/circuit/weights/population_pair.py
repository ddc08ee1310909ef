"""Two opposing populations: the rules that choose them, their nulls, and what they do ahead of switches."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from ...network import NoiseRNN
from ...statistics import Estimate, Null, bootstrap_statistic, divide_sums
from ..switches import FEWEST_EVENTS
from .comparison import build_null, compare_with_draws, span_draws
from .population_activity import ActivityAhead, discriminate
from .population_rule import PopulationRule, relabel
from .standard_weights import StandardWeights


@runtime_checkable
class DrawSettings(Protocol):
    """What nulls and intervals of populations read from the settings of their part."""

    n_null: int

    @property
    def resampling(self) -> dict[str, Any]:
        """Keyword arguments of a bootstrap."""
        ...


@dataclass(frozen=True)
class PopulationPair:
    """Two opposing groups, and what is known of the neurons that vary; arrays are of these alone."""

    network: NoiseRNN
    weights: StandardWeights
    rule: PopulationRule
    ahead: list[ActivityAhead]
    lead: int
    kept: Int[np.ndarray, " neuron"]

    def measure(
        self,
        settings: DrawSettings,
        drives: Float[np.ndarray, "half neuron"] | None,
        n_units: int,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        """Everything about the two populations, each array with its directions first."""
        standard = self.weights.standard[np.ix_(self.kept, self.kept)]
        rises = self._find_rises(self.ahead)
        chosen = [self.rule.choose(standard), self.rule.choose(standard, rises)]
        shuffled = self.rule.draw_shuffled(standard, settings.n_null, rng=rng)
        relabelled, ramps = self._draw_relabelled(standard, rises, settings.n_null, rng)
        value = np.stack([self.rule.measure(standard, members) for members in chosen], axis=1)
        draws = np.stack([shuffled, relabelled], axis=2)
        size, _ = compare_with_draws("", value, draws, np.ones(value.shape, dtype=int))
        ramp, course = self._bound_ramps(chosen[0], settings, n_units, rng)
        return {
            "members": np.stack(chosen, axis=1).astype(int),
            "value": value,
            "by_chance": span_draws(draws),
            "beyond": size,
            "shuffled": build_null("shuffled weights", value[:, 0], shuffled, holm=False),
            "relabelled": build_null("relabelled weights", value[:, 1], relabelled, holm=False),
            "ramp": ramp,
            "course": course,
            "ramp_null": build_null("relabelled weights", ramp.value, ramps, holm=False),
            **self._compare_reading(standard, drives, settings.n_null, rng),
            **self._measure_gain(standard, settings, n_units, rng),
        }

    def _find_rises(self, ahead: list[ActivityAhead]) -> Bool[np.ndarray, "2 neuron"]:
        """Neurons that are more active at the half-lead before switches in each direction."""
        return np.stack([each.find_rise(self.lead) > 0 for each in ahead])

    def _choose_in_half(self, standard: np.ndarray, half: int) -> Bool[np.ndarray, "2 neuron"]:
        """Populations by weights, and by the activity in one half of the trajectories."""
        return self.rule.choose(standard, self._find_rises([each.select_half(half) for each in self.ahead]))

    def _draw_relabelled(
        self, standard: np.ndarray, rises: np.ndarray, n_draws: int, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "draw 2 block"], Float[np.ndarray, "draw 2"]]:
        """Blocks and ramps of populations that relabelled weights choose, with the activity as it is."""
        change = np.stack([each.find_rise(self.lead) for each in self.ahead])
        blocks, ramps = [], []
        for drawn in relabel(standard, n_draws, rng=rng):
            by_weights = self.rule.choose(drawn)
            blocks.append(self.rule.measure(drawn, by_weights & rises))
            ramps.append(_average(change, by_weights))
        return np.stack(blocks), np.stack(ramps)

    def _bound_ramps(
        self, chosen: np.ndarray, settings: DrawSettings, n_units: int, rng: np.random.Generator
    ) -> tuple[Estimate, Estimate]:
        """Activity of the own population at the half-lead, and of both by lag, over trajectories."""
        courses = []
        for d, ahead in enumerate(self.ahead):
            sides = chosen[[d, 1 - d]].astype(float)
            with np.errstate(invalid="ignore"):
                change = (ahead.switched - ahead.stayed) @ (sides / sides.sum(1, keepdims=True)).T
            sums = np.zeros((n_units, 2, 2, change.shape[1]))
            terms = np.stack([change.transpose(0, 2, 1), np.ones_like(change.transpose(0, 2, 1))], axis=1)
            np.add.at(sums, ahead.owner, terms)
            courses.append(
                bootstrap_statistic(sums, divide_sums, rng=rng, **settings.resampling).as_estimate()
            )
        course = Estimate.stack(courses)
        return course[:, 0, self.lead], course

    def _compare_reading(
        self, standard: np.ndarray, drives: np.ndarray | None, n_draws: int, rng: np.random.Generator
    ) -> dict[str, Any]:
        """Probability that the deciding noise drives members more than neurons of neither population."""
        found, drawn = np.full((2, 2), np.nan), np.full((n_draws, 2, 2), np.nan)
        for half in (0, 1) if drives is not None else ():
            chosen = self._choose_in_half(standard, half)
            for d in (0, 1):
                pool = np.flatnonzero(self.rule.candidates & ~chosen[1 - d])
                scores, members = drives[half, pool], chosen[d, pool]  # type: ignore[index]
                random = rng.permuted(np.tile(members, (n_draws, 1)), axis=1)
                found[half, d] = _compare_ranks(scores, members[None])[0]
                drawn[:, half, d] = _compare_ranks(scores, random)
        reading, random_sets = found.mean(0), drawn.mean(1)
        return {
            "reading": reading,
            "reading_null": build_null("random sets", reading, random_sets, holm=False),
        }

    def _measure_gain(
        self, standard: np.ndarray, settings: DrawSettings, n_units: int, rng: np.random.Generator
    ) -> dict[str, Any]:
        """What both populations add to the AUC of readout and first neurons, and what random sets do."""
        chosen = np.stack([self._choose_in_half(standard, 1 - half) for half in (0, 1)])
        sets = np.stack([self._draw_sets(members, settings.n_null, rng) for members in chosen])
        w_out = self.network.w_out.detach().double().cpu().numpy()[:, self.kept] * self.weights.sd[self.kept]
        first = np.flatnonzero(self.rule.receivers.any(0) | ~self.rule.candidates)
        base = np.concatenate([w_out[1:].T - w_out[:1].T, np.eye(len(self.kept))[:, first]], axis=1)
        found: dict[str, list[Any]] = {"base_auc": [], "gain": [], "gain_null": []}
        for ahead in self.ahead:
            halves = [ahead.select_half(half) for half in (0, 1)]
            is_there = min(len(half.owner) for half in halves) >= FEWEST_EVENTS // 3 and chosen.any(-1).all()
            gains = np.full(settings.n_null, np.nan)
            auc, gain = np.nan, Estimate(np.nan)
            if is_there:
                told = discriminate(halves, self.lead, base, sets, n_units=n_units)
                auc, gains = told.auc[0], told.auc[2:] - told.auc[0]
                gain = told.bound_gain(**settings.resampling, rng=rng)
            found["base_auc"].append(auc)
            found["gain"].append(gain)
            found["gain_null"].append(build_null("random sets", gain.value, gains, holm=False))
        return {
            "base_auc": np.array(found["base_auc"]),
            "gain": Estimate.stack(found["gain"]),
            "gain_null": _stack_nulls(found["gain_null"]),
        }

    def _draw_sets(
        self, chosen: Bool[np.ndarray, "2 neuron"], n_draws: int, rng: np.random.Generator
    ) -> Float[np.ndarray, "set neuron 2"]:
        """Mean activity of both populations as weights of neurons, then of random sets of as many others.

        Where too few others are left, members may be among them.
        """
        sizes = chosen.sum(1)
        others = np.flatnonzero(self.rule.candidates & ~chosen.any(0))
        pool = others if len(others) >= sizes.sum() else np.flatnonzero(self.rule.candidates)
        sets = np.zeros((n_draws + 1, len(self.kept), 2))
        sets[0] = (chosen / np.maximum(sizes, 1)[:, None]).T
        orders = rng.permuted(np.tile(pool, (n_draws, 1)), axis=1)
        for d, (first, last) in enumerate(((0, sizes[0]), (sizes[0], sizes.sum()))):
            np.put_along_axis(sets[1:, :, d], orders[:, first:last], 1 / max(sizes[d], 1), axis=1)
        return sets


def _compare_ranks(
    scores: Float[np.ndarray, " neuron"], members: Bool[np.ndarray, "set neuron"]
) -> Float[np.ndarray, " set"]:
    """Probability that a member has a higher score than another neuron, ties by half; NaN without either."""
    ranks = (scores[:, None] > scores).sum(1) + 0.5 * ((scores[:, None] == scores).sum(1) + 1)
    n_members, n_others = members.sum(1), (~members).sum(1)
    above = (members * ranks).sum(1) - n_members * (n_members + 1) / 2
    n_pairs = n_members * n_others
    return np.divide(above, n_pairs, out=np.full(len(members), np.nan), where=n_pairs > 0)


def _average(
    values: Float[np.ndarray, "2 neuron"], chosen: Bool[np.ndarray, "2 neuron"]
) -> Float[np.ndarray, " 2"]:
    """Mean of each row over its own members; NaN without any."""
    counts = chosen.sum(1)
    return np.divide((values * chosen).sum(1), counts, out=np.full(2, np.nan), where=counts > 0)


def _stack_nulls(parts: list[Null]) -> Null:
    """Nulls of single numbers, along an axis."""
    quantile, p_value = (np.stack([getattr(part, key) for part in parts]) for key in ("quantile", "p_value"))
    return Null(parts[0].name, quantile, p_value, np.stack([part.draws for part in parts], axis=1))
