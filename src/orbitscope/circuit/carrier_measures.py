"""What is measured about carriers: effects, effective numbers, shares of sets, nulls, agreement of orders."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ..dynamics.driving.driven_states import DrivenPath
from ..errors import InputError
from ..network import NoiseRNN
from ..statistics import Estimate, Null, bootstrap_statistic
from ..statistics.verdicts import ALPHA
from ..subject import Subject
from .attribution import DirectedTwins
from .carrier_settings import CarrierSettings
from .concentration import LEAST_EFFECT, draw_shuffled
from .influence import (
    average_all,
    bound_shares,
    choose_first,
    compute_jaccard,
    divide_by_all,
    find_half_size,
    find_standing_out,
    invert,
    measure_concentration,
    measure_in_each,
    multiply_contexts,
    rank,
)
from .neuron_sets import RIVALS, NeuronSets, compare_activity, count_different
from .signature import MOMENTS, average_preactivation, compare_with_chance, find_signature
from .symbol_runs import Switches


def bound_totals(
    found: DirectedTwins,
    sets: NeuronSets,
    gone: Float[np.ndarray, "2 set twin"],
    settings: CarrierSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Effect of all neurons, that of a placebo, and that of the first neurons of a placebo."""
    first = 2 + sets.find_column(0)
    differences = np.stack([gone[0, 1] - gone[0, 0], gone[1, 1] - gone[1, 0], gone[1, first] - gone[1, 0]])
    sums = found.sum_up(differences.T).sum(1)

    def average(values: np.ndarray) -> np.ndarray:
        each = np.concatenate([values.sum(1, keepdims=True), values], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return each[..., :-1] / each[..., -1:]

    bounded = bootstrap_statistic(sums, average, rng=rng, **settings.resampling).as_estimate()
    return {"total_effect": bounded[:, 0], "placebo": bounded[:, 1], "mixing": bounded[0, 2]}


def bound_influence(
    found: DirectedTwins,
    network: NoiseRNN,
    effects: Float[np.ndarray, "2 twin neuron"],
    sums: np.ndarray,
    total_effect: Estimate,
    settings: CarrierSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Effects and effective numbers with their intervals, and the neurons that stand out."""
    n_directions, n_neurons = found.pairs.shape[1], effects.shape[2]
    shape, n_effects = (n_directions, n_neurons), n_directions * n_neurons
    differs = (compare_activity(network, found) != 0).astype(float)
    columns = [effects.mean(0), differs, multiply_contexts(effects)]
    everything = found.sum_up(np.concatenate(columns, axis=1))
    ends = np.cumsum([n_neurons, n_neurons, 2])

    def measure(values: np.ndarray) -> np.ndarray:
        count = values[..., -1:]
        own, differing, products = (
            np.concatenate([part, count], axis=-1) for part in np.split(values[..., :-1], ends[:-1], axis=-1)
        )
        numbers = [measure_concentration(own), measure_concentration(differing), measure_in_each(products)]
        return np.concatenate([average_all(own).reshape(len(values), -1), *numbers], axis=1)

    n_different, groups = count_different(network, found), 1 + n_directions
    bounded = bootstrap_statistic(everything, measure, rng=rng, **settings.resampling)
    parts = [slice(n_effects + i * groups, n_effects + (i + 1) * groups) for i in range(3)]
    overall, differing, once = (bounded.derive(lambda v, part=part: v[..., part]) for part in parts)
    ratio = bounded.derive(lambda v: v[..., parts[0]][..., 0] / v[..., parts[1]][..., 0])
    limit, stands_out = find_standing_out(sums, n_different, confidence=settings.confidence, rng=rng)
    is_there = total_effect.value >= LEAST_EFFECT
    return {
        "n_different": np.array(n_different),
        "effect": bounded.derive(lambda v: v[..., :n_effects].reshape(*v.shape[:-1], *shape)),
        "n_effective": _leave_out(invert(overall), is_there),
        "n_effective_once": _leave_out(invert(once), is_there),
        "effective_share": _leave_out(invert(ratio), is_there[0]),
        "limit": limit,
        "is_carrier": stands_out,
    }


def _leave_out(found: Estimate, is_there: np.ndarray | np.bool_ | bool) -> Estimate:
    """NaN where patching all neurons does next to nothing."""
    return Estimate(*(np.where(is_there, x, np.nan) for x in (found.value, found.low, found.high)))


def bound_shares_of_sets(
    found: DirectedTwins,
    sets: NeuronSets,
    gone: Float[np.ndarray, "2 set twin"],
    settings: CarrierSettings,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Shares of the first neurons of each ranking, neurons for half of the effect, and the advantage."""
    columns = [sets.find_column(i) for i in range(len(sets.rankings))]
    rivals = [columns[i] for i, name in enumerate(sets.rankings) if name in RIVALS]
    effect = gone[0] - gone[1]
    bounded = bound_shares(
        effect[: sets.n_ranked],
        found.twins.owner,
        first=columns[0],
        rivals=rivals,
        n_units=found.n_units,
        rng=rng,
        resampling=settings.resampling,
    )
    shape = (len(sets.rankings), len(sets.sizes))
    is_there = effect[1].mean() >= LEAST_EFFECT

    def by_ranking(values: np.ndarray) -> np.ndarray:
        return values[..., :-1].reshape(*values.shape[:-1], *shape)

    measured = {
        "share": bounded.derive(by_ranking),
        "n_half": bounded.derive(lambda values: find_half_size(by_ranking(values), sets.sizes)),
        "share_together": bounded.derive(lambda values: values[..., columns]),
        "advantage": bounded.derive(lambda values: values[..., -1]),
    }
    return {name: _leave_out(value, is_there) for name, value in measured.items()}


def draw_nulls(
    subject: Subject,
    found: DirectedTwins,
    sets: NeuronSets,
    gone: Float[np.ndarray, "2 set twin"],
    settings: CarrierSettings,
    generator: torch.Generator,
) -> dict[str, Any]:
    """Shares of matched sets, and of the first neurons in shuffled copies of the network."""
    effect = (gone[0] - gone[1]).mean(1)
    share = divide_by_all(effect[None])[0]
    first, others = share[sets.find_column(0)], share[sets.n_ranked - 2 :]
    is_there = effect[1] >= LEAST_EFFECT
    matched = Null.of_draws("matched sets", first, others if is_there else others[:0])
    sizes = {"n_shuffles": settings.n_shuffles, "n_together": sets.n_together, "apart": settings.apart}
    try:
        concentration, draws = draw_shuffled(subject, **sizes, generator=generator)
    except InputError:
        concentration, draws = np.nan, np.empty(0)
    shuffled = Null.of_draws("shuffled copies", concentration, draws)
    return {"matched": matched, "concentration": np.array(concentration), "shuffled": shuffled}


def find_problems(total_effect: Estimate, nulls: dict[str, Any]) -> list[str]:
    """Why there is no group, if so."""
    problems = []
    effect = float(total_effect.value[0])
    if effect < LEAST_EFFECT:
        problems.append(f"patching all neurons changes the outcome by {effect:.2g}, < {LEAST_EFFECT}")
    for name in ("matched", "shuffled"):
        p_value = float(nulls[name].p_value)
        if np.isnan(p_value):
            problems.append(f"no draws of the null: {nulls[name].name}")
        elif p_value > ALPHA:
            problems.append(f"the first neurons carry no more than {nulls[name].name} (p = {p_value:.2g})")
    return problems


def describe_signature(
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
        pool = sets.is_different | sets.first
        compared = [compare_with_chance(*row) for row in zip(has_course, sets.first, pool, strict=True)]
        numbers = [[share, null.quantile, null.p_value] for share, null in compared]
        share, quantile, p_value = np.where(is_known, np.array(numbers, dtype=float).T, np.nan)
        null = "random_sets" if name == "signature" else "mirrored_sets"
        shares |= {name: share, null: Null("random sets", quantile, p_value)}

    has_signature = find_signature(preactivation)
    drawn = (sets.matched & has_signature).sum(-1).mean(1) / np.maximum(sets.matched.sum(-1).mean(1), 1)
    is_drawn = is_known.all() and sets.matched.any()
    matched = Null.of_draws("matched sets", shares["signature"], drawn if is_drawn else drawn[:0])
    return {
        "moment": np.array(MOMENTS),
        "preactivation": preactivation,
        "has_signature": has_signature.astype(int),
        "matched_with": matched,
        **shares,
    }


def compare_orders(
    network: NoiseRNN,
    found: DirectedTwins,
    sets: NeuronSets,
    effects: Float[np.ndarray, "2 twin neuron"],
    n_different: float,
    settings: CarrierSettings,
    noise: dict[str, Any],
) -> dict[str, Any]:
    """Agreement of the first neurons of both halves: at the half-lead, and at other leads with it.

    Another lead is compared across halves, so that twins are never the same ones; what two halves agree in
    at that lead is as much as can be expected. There half as many contexts are drawn.
    """

    def choose(values: np.ndarray) -> np.ndarray:
        return choose_first(rank(found.average(values)), sets.n_together)

    halves, n_contexts = choose(effects.mean(0)), 2 * (settings.n_contexts // 4) or 2
    names, agreements = ["two halves"], [compute_jaccard(halves[0], halves[1]).mean()]
    ceilings = [np.nan]
    for at, lead in enumerate(found.twins.lead[1:], 1):
        there = found.patch(network, at, **noise).measure_in_context(n_contexts=n_contexts)
        other = choose(there.mean(0))
        names.append(f"lead {lead}")
        agreements.append(compute_jaccard(halves, other[::-1]).mean())
        ceilings.append(compute_jaccard(other[0], other[1]).mean())
    by_chance = sets.n_together / max(2 * n_different - sets.n_together, sets.n_together)
    return {
        "compared": np.array(names),
        "jaccard": np.array(agreements, dtype=float),
        "jaccard_ceiling": np.array(ceilings, dtype=float),
        "jaccard_by_chance": np.array(by_chance),
    }
