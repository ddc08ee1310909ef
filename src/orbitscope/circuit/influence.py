"""Influence of neurons, from their effects: effective numbers, shares of sets, which neurons stand out."""

import numpy as np
from jaxtyping import Bool, Float, Int, Integer

from ..statistics import BootstrapResult, Estimate, bootstrap_statistic

STANDS_OUT = 2.0
"""Times its even share that a neuron must have of the effect of all, at least, to stand out."""

CONCENTRATED = 1e9
"""Stands for a concentration without a bound; finite, so that resamples with it have quantiles."""

_N_SIGN_FLIPS = 999

_SMALLEST_SQUARE = 1e-9
"""Of the standard error of flipped values, which is 1 without flips: rounding can bring it to 0."""


def sum_by_unit(
    values: Float[np.ndarray, "twin ..."],
    owner: Int[np.ndarray, " twin"],
    direction: Integer[np.ndarray, " twin"],
    *,
    n_units: int,
    n_directions: int,
) -> Float[np.ndarray, "unit half direction column"]:
    """Sums of each trajectory and direction, in its half, with the number of twins as the last entry."""
    flat = values.reshape(len(values), -1)
    sums = np.zeros((n_units, 2, n_directions, flat.shape[1] + 1))
    np.add.at(sums, (owner, owner % 2, direction), np.concatenate([flat, np.ones((len(flat), 1))], axis=1))
    return sums


def average_halves(
    sums: Float[np.ndarray, "*batch half direction column"],
) -> Float[np.ndarray, "*batch half direction neuron"]:
    """Mean effects of each half."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., :-1] / sums[..., -1:]


def average_all(
    sums: Float[np.ndarray, "*batch half direction column"],
) -> Float[np.ndarray, "*batch direction neuron"]:
    """Mean effects of both halves together."""
    both = sums.sum(-3)
    with np.errstate(invalid="ignore", divide="ignore"):
        return both[..., :-1] / both[..., -1:]


def measure_concentration(
    sums: Float[np.ndarray, "*batch half direction column"],
) -> Float[np.ndarray, "*batch group"]:
    """One over the effective number of neurons, of all directions and of each: Σ e e′ / (Σe · Σe′).

    Products of two halves have no bias from noise, which is independent between them. Directions are joined
    above and below the line, with their numbers of twins as weights.

    Returns
    -------
    (..., group)
        All, then each direction. Not clamped: noise can bring it to 0 or below. ``CONCENTRATED`` where the
        sums of the two halves have no common sign.
    """
    halves = np.nan_to_num(average_halves(sums))
    first, second = halves[..., 0, :, :], halves[..., 1, :, :]
    above, below = (first * second).sum(-1), first.sum(-1) * second.sum(-1)
    weights = sums[..., -1].sum(-2)
    above, below = (
        np.concatenate([(weights * x).sum(-1, keepdims=True), x], axis=-1) for x in (above, below)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, CONCENTRATED)


def measure_in_each(
    sums: Float[np.ndarray, "*batch half direction product"],
) -> Float[np.ndarray, "*batch group"]:
    """One over the effective number of neurons in one switch: means of Σ e e′ over those of Σe · Σe′.

    e and e′ are two measures of the same twin with noise of their own. Sums hold both products of each
    twin (:func:`multiply_contexts`) and the number of twins.

    Returns
    -------
    (..., group)
        All, then each direction; ``CONCENTRATED`` where Σe · Σe′ is not above 0.
    """
    both = sums.sum(-3)
    above, below = (
        np.concatenate([values.sum(-1, keepdims=True), values], axis=-1)
        for values in (both[..., 0], both[..., 1])
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, CONCENTRATED)


def multiply_contexts(effects: Float[np.ndarray, "2 twin neuron"]) -> Float[np.ndarray, "twin 2"]:
    """Σ e e′ and Σe · Σe′ of each twin."""
    first, second = effects
    return np.stack([(first * second).sum(1), first.sum(1) * second.sum(1)], axis=1)


def invert(found: Estimate) -> Estimate:
    """One over a concentration with its interval: infinite where it is not above 0.

    NaN if its interval holds ``CONCENTRATED``: the effects have no sum to speak of.
    """
    with np.errstate(divide="ignore"):
        value, low, high = (
            np.where(np.isnan(x), np.nan, np.where(x > 0, 1 / x, np.inf))
            for x in (found.value, found.high, found.low)
        )
    is_defined = (found.high < CONCENTRATED) & (found.value < CONCENTRATED)
    return Estimate(*(np.where(is_defined, x, np.nan) for x in (value, low, high)))


def find_half_size(
    share: Float[np.ndarray, "*batch size"], sizes: Int[np.ndarray, " size"]
) -> Float[np.ndarray, "*batch"]:
    """Number of neurons at which a share first reaches one half, interpolated; NaN if it does not.

    The share of no neuron is 0.
    """
    padded = np.concatenate([np.zeros((*share.shape[:-1], 1)), share], axis=-1)
    numbers = np.concatenate([[0], sizes]).astype(float)
    reached = padded >= 0.5
    place = np.maximum(reached.argmax(-1), 1)
    low, high = (np.take_along_axis(padded, (place - k)[..., None], -1)[..., 0] for k in (1, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (0.5 - low) / (high - low)
    found = numbers[place - 1] + part * (numbers[place] - numbers[place - 1])
    return np.where(reached.any(-1), found, np.nan)


def divide_by_all(sums: Float[np.ndarray, "batch set"]) -> Float[np.ndarray, "batch share"]:
    """Effect of each set over that of all neurons. The first two sets are no neuron and all of them."""
    none, everything, sets = sums[:, :1], sums[:, 1:2], sums[:, 2:]
    effect = everything - none
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(effect != 0, (sets - none) / effect, np.nan)


def find_standing_out(
    sums: Float[np.ndarray, "unit half direction column"],
    n_different: float,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "direction neuron"], Bool[np.ndarray, "direction neuron"]]:
    """Lower limits of all effects at once, and which of them are above ``STANDS_OUT`` even shares.

    The even share is the sum of all effects over the number of neurons that differ. Signs of the deviations
    of whole trajectories are flipped at random; the largest of all neurons over its standard error bounds
    all of them together (max-T, Westfall & Young 1993). The standard error is that of the flipped values,
    as it is for Student's t: few trajectories make the limits wider.

    Returns
    -------
    limit, stands_out : (direction, neuron)
    """
    effects = average_all(sums.sum(0))
    both = sums.sum(1)
    counts = both[..., -1].sum(0)
    deviation = (both[..., :-1] - both[..., -1:] * effects) / counts[:, None]
    spread = np.sqrt(np.square(deviation).sum(0))
    standard = np.divide(deviation, spread, out=np.zeros_like(deviation), where=spread > 0)

    signs = rng.choice([-1.0, 1.0], size=(_N_SIGN_FLIPS, len(both)))
    flipped = (signs @ standard.reshape(len(both), -1)).reshape(len(signs), *effects.shape)
    weights = (both[..., -1] / counts)[..., None]
    shared = (signs @ (weights * standard).reshape(len(both), -1)).reshape(flipped.shape)
    square = 1 - 2 * flipped * shared + np.square(flipped) * np.square(weights).sum(0)
    largest = (flipped / np.sqrt(np.maximum(square, _SMALLEST_SQUARE))).max((1, 2))
    quantile = float(np.quantile(largest, confidence))
    limit = effects - quantile * spread
    even = effects.sum(-1, keepdims=True) / n_different
    return limit, (limit > STANDS_OUT * even) & (even > 0)


def rank(scores: Float[np.ndarray, "*batch neuron"]) -> Int[np.ndarray, "*batch neuron"]:
    """Neurons by falling score."""
    return np.argsort(-scores, axis=-1, kind="stable")


def choose_first(order: Int[np.ndarray, "*batch neuron"], n_chosen: int) -> Bool[np.ndarray, "*batch neuron"]:
    """Which neurons are among the first of an order."""
    chosen = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(chosen, order[..., :n_chosen], True, axis=-1)
    return chosen


def compute_jaccard(
    first: Bool[np.ndarray, "*batch neuron"], second: Bool[np.ndarray, "*batch neuron"]
) -> Float[np.ndarray, "*batch"]:
    """Neurons in both sets over those in either; NaN for two empty ones."""
    with np.errstate(invalid="ignore"):
        return (first & second).sum(-1) / (first | second).sum(-1)


def draw_matched_sets(
    chosen: Bool[np.ndarray, "direction neuron"],
    features: Float[np.ndarray, "direction neuron feature"],
    *,
    n_sets: int,
    n_nearest: int,
    rng: np.random.Generator,
) -> Bool[np.ndarray, "set direction neuron"]:
    """Random sets of as many neurons, each near one of the chosen in the ranks of its features.

    For each chosen neuron one of the ``n_nearest`` nearest neurons that are not chosen is drawn, without
    replacement; of all that are left where these are taken.
    """
    n_directions, n_neurons = chosen.shape
    sets = np.zeros((n_sets, n_directions, n_neurons), dtype=bool)
    for d in range(n_directions):
        places = features[d].argsort(0).argsort(0).astype(float)
        members, pool = np.flatnonzero(chosen[d]), np.flatnonzero(~chosen[d])
        distance = np.square(places[members][:, None] - places[pool]).sum(-1)
        near = pool[np.argsort(distance, axis=1, kind="stable")]
        for row in sets[:, d]:
            for i in rng.permutation(len(members)):
                free = near[i][~row[near[i]]]
                if len(free):
                    row[rng.choice(free[:n_nearest])] = True
    return sets


def bound_shares(
    effect: Float[np.ndarray, "set twin"],
    owner: Int[np.ndarray, " twin"],
    *,
    first: int,
    rivals: list[int],
    n_units: int,
    rng: np.random.Generator,
    resampling: dict,
) -> BootstrapResult:
    """Shares of sets of neurons in the effect of all; last, how far one of them is above the best of others.

    The first two sets are no neuron and all of them; ``first`` and ``rivals`` count from there on. Which
    rival is best is decided on the other half of the trajectories: the best of several on the same twins
    would be so by chance, too.
    """
    sums = np.zeros((n_units, 2, len(effect)))
    np.add.at(sums, (owner, owner % 2), effect.T)

    def measure(total: np.ndarray) -> np.ndarray:
        shares = divide_by_all(total.sum(1))
        return np.concatenate([shares, _compare_with_best(total, first, rivals)[:, None]], axis=1)

    return bootstrap_statistic(sums, measure, rng=rng, **resampling)


def _compare_with_best(
    sums: Float[np.ndarray, "batch half set"], first: int, rivals: list[int]
) -> Float[np.ndarray, " batch"]:
    """Share of one set minus that of the rival which is best on the other half; mean over halves."""
    shares = np.stack([divide_by_all(sums[:, half]) for half in (0, 1)], axis=1)
    others = shares[:, :, rivals]
    best = np.nan_to_num(others[:, ::-1]).argmax(-1)[..., None]
    differences = shares[:, :, first] - np.take_along_axis(others, best, -1)[..., 0]
    return differences.mean(1)
