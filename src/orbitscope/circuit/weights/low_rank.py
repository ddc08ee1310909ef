"""Low rank: singular values beyond chance, who is in their vectors, and how few of them suffice to switch."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from pydantic import Field

from ...network import draw_seed
from ...part import Part
from ...part_settings import BurnIn, PartSettings, Resamples, Steps, Trajectories
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null
from ...statistics.null import LEVEL
from ...subject import Subject
from ..switches import FEWEST_EVENTS, replay_switches
from .comparison import build_null, span_draws
from .connectivity import KIND_WORDS
from .low_rank_definitions import DEFINITIONS
from .neuron_groups import NeuronGroups, average_by_symbol, describe_neurons, find_groups
from .standard_weights import StandardWeights, measure_weights
from .truncation import Comparison, compare_with_intact, find_smallest, run_symbols, truncate_network

KINDS = ("first", "carriers")
"""Groups whose loadings are looked at, of all directions together."""

SIDES = ("receiving", "sending")

Rank = Annotated[int, Field(ge=1)]

_BLOCK = 100
"""Shuffles whose singular values are computed at once."""


class LowRankSettings(PartSettings):
    """Settings of the part ``low_rank``."""

    n_null: int = Field(default=999, ge=19, description="draws of each null")
    ranks: tuple[Rank, ...] = Field(
        default=(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96),
        min_length=1,
        description="ranks that are tried",
    )
    hazard_margin: float = Field(default=1.25, gt=1, description="factor of a hazard that counts as none")
    occupancy_margin: float = Field(
        default=0.05, gt=0, description="change of the share of a symbol that counts as none"
    )
    n_trajectories: Trajectories = 100
    n_steps: Steps = 400
    burn_in: BurnIn = 200
    n_resamples: Resamples = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class LowRankResult(Result):
    """Singular values and vectors of the recurrent weights, and networks truncated to few of them.

    ``status`` holds ``notes``: what could not be measured, and why.

    Attributes
    ----------
    mode, singular_value : (mode,)
    singular_limit : (mode,)
        95 % quantile of the same one of shuffled weights.
    n_above : ()
    explained : ()
    effective_rank, shuffled_rank : (), Estimate ()
        Of the network, and of shuffled weights: mean and central 95 %.
    kind, side : (kind,), (side,)
    n_members : (kind,)
    loading : (kind, side)
        Mean share of squared loadings over the modes above shuffled weights.
    random, matched : Null, (kind, side)
    loading_by_mode : (kind, side, mode)
    random_limit : (kind, side, mode)
        95 % quantile of random groups.
    rank : (rank,)
    verdict : (rank,)
        "within", "undecided" or "outside" of the margins; empty where no direction has enough switches.
    direction, origin, target : (direction,)
        Directions that are tested.
    hazard : Estimate, (rank, direction)
        Ratios to the intact network, with intervals of 90 %.
    symbol : (symbol,)
    occupancy : Estimate, (rank, symbol)
        Shares minus those of the intact network.
    smallest_rank : ()
    """

    mode: Int[np.ndarray, " mode"] = axes("mode", description="number of the singular value, from 1")
    singular_value: Float[np.ndarray, " mode"] = axes("mode", description="of the weights in standard units")
    singular_limit: Float[np.ndarray, " mode"] = axes("mode", description="95 % quantile of shuffled weights")
    n_above: Int[np.ndarray, ""] = axes(description="leading singular values above it")
    explained: Float[np.ndarray, ""] = axes(description="share of squared weights in these")
    effective_rank: Float[np.ndarray, ""] = axes(description="participation ratio")
    shuffled_rank: Estimate = estimates(description="the same of shuffled weights")
    kind: Shaped[np.ndarray, " kind"] = axes("kind", description="kind of groups")
    side: Shaped[np.ndarray, " side"] = axes("side", description="left or right singular vectors")
    n_members: Int[np.ndarray, " kind"] = axes("kind", unit="neurons", description="neurons of all groups")
    loading: Float[np.ndarray, "kind side"] = axes("kind", "side", description="share of squared loadings")
    random: Null = nulls("random groups", "kind", "side", description="the same of random groups")
    matched: Null = nulls("matched groups", "kind", "side", description="the same of matched groups")
    loading_by_mode: Float[np.ndarray, "kind side mode"] = axes(
        "kind", "side", "mode", description="share of squared loadings"
    )
    random_limit: Float[np.ndarray, "kind side mode"] = axes(
        "kind", "side", "mode", description="95 % quantile of random groups"
    )
    rank: Int[np.ndarray, " rank"] = axes("rank", description="rank of the truncated weights")
    verdict: Shaped[np.ndarray, " rank"] = axes("rank", description="whether the network switches alike")
    direction: Shaped[np.ndarray, " direction"] = axes("direction", description="direction of switching")
    origin: Int[np.ndarray, " direction"] = axes("direction", description="symbol before")
    target: Int[np.ndarray, " direction"] = axes("direction", description="symbol after")
    hazard: Estimate = estimates("rank", "direction", description="ratio to that of the intact network")
    symbol: Int[np.ndarray, " symbol"] = axes("symbol", description="most probable symbol")
    occupancy: Estimate = estimates("rank", "symbol", description="share of steps, change")
    smallest_rank: Float[np.ndarray, ""] = axes(description="smallest rank that suffices")

    def list_quantities(self) -> list[Quantity]:
        """Singular values, loadings, the rank that suffices; hazards and occupancy at each rank."""
        first = [
            DEFINITIONS["n_above"].measure(int(self.n_above), beside=known_value("of", len(self.mode))),
            DEFINITIONS["explained"].measure(float(self.explained)),
            DEFINITIONS["effective_rank"].measure(
                float(self.effective_rank), beside=(Reference("shuffled weights", self.shuffled_rank),)
            ),
        ]
        smallest = DEFINITIONS["smallest_rank"].measure(float(self.smallest_rank))
        return [*first, *self._list_loadings(), smallest, *self._list_ranks()]

    def _list_loadings(self) -> list[Quantity]:
        found = []
        for i, j in np.argwhere(np.isfinite(self.loading)).tolist():
            kind, side = str(self.kind[i]), str(self.side[j])
            name = {"index": f"{kind},{side}", "name": f"{KIND_WORDS[kind]}, {side},"}
            beside = tuple(
                null[i, j] for null in (self.random, self.matched) if np.isfinite(null.quantile[i, j])
            )
            found.append(DEFINITIONS["loading"].measure(float(self.loading[i, j]), **name, beside=beside))
        return found

    def _list_ranks(self) -> list[Quantity]:
        found = []
        for i, rank in enumerate(self.rank.tolist()):
            for d, direction in enumerate(self.direction.tolist()):
                index = f"{rank},{self.origin[d]}-{self.target[d]}"
                beside = known_value("if alike", 1.0)
                words = f"{rank}, {direction}"
                found.append(
                    DEFINITIONS["hazard"].measure(self.hazard[i, d], index, name=words, beside=beside)
                )
            if len(self.direction):
                largest = self.occupancy[i, int(np.abs(self.occupancy.value[i]).argmax())]
                found.append(
                    DEFINITIONS["occupancy"].measure(largest, rank, beside=known_value("if alike", 0.0))
                )
        return found


def compute_low_rank(subject: Subject, settings: LowRankSettings) -> LowRankResult:
    """Singular values beside shuffled weights, loadings of carriers, and networks of low rank.

    Raises
    ------
    UndefinedAnalysisError
        If the cell has no recurrent weights.

    Notes
    -----
    Own construction (docs/methods/connectivity.md). Weights are in standard units, so that units of single
    neurons decide neither the singular vectors nor what is cut off. Singular values are compared one by one
    with those of shuffled weights: parallel analysis (Horn 1965).
    """
    generator, rng = subject.start_generator("low_rank"), subject.start_rng("low_rank: draws")
    path, _ = replay_switches(subject)
    weights = measure_weights(subject.network, path)
    kept = np.flatnonzero(weights.varies)
    left, values, right = np.linalg.svd(weights.standard[np.ix_(kept, kept)])
    shuffled = draw_shuffled_values(weights.standard[np.ix_(kept, kept)], settings.n_null, rng=rng)
    limit = np.quantile(shuffled, LEVEL, axis=0)
    n_above = count_above(values, limit)

    by_symbol = average_by_symbol(subject.network, path, subject.found["switches"].symbol)
    vectors, tables, notes = np.stack([left.T, right]), [], []
    for kind in KINDS:
        groups, why = find_groups(subject, kind, by_symbol)
        notes += why if kind == "first" else []
        options = {"n_above": n_above, "n_null": settings.n_null, "rng": rng}
        tables.append(_measure_loadings(subject, groups, weights, vectors, **options))
    loadings = {key: np.stack([table[key] for table in tables]) for key in tables[0]}
    random, matched = (np.moveaxis(loadings.pop(key), 0, 1) for key in ("random", "matched"))
    compared, which, lacking = _compare_ranks(subject, weights, settings, draw_seed(generator), rng)
    switches = subject.found["switches"]
    ranks = [r for r in settings.ranks if r < len(kept)]
    if not np.isfinite(find_smallest(ranks, compared.verdict)) and not lacking:
        lacking.append("no rank that was tried keeps hazards and occupancy within the margins")
    return LowRankResult(
        settings=subject.record(settings),
        status={"notes": [*notes, *lacking]},
        mode=np.arange(1, len(kept) + 1),
        singular_value=values,
        singular_limit=limit,
        n_above=np.array(n_above),
        explained=np.array(np.square(values[:n_above]).sum() / np.square(values).sum()),
        effective_rank=measure_effective_rank(values),
        shuffled_rank=span_draws(measure_effective_rank(shuffled)),
        kind=np.array(KINDS),
        side=np.array(SIDES),
        **loadings,
        random=build_null("random groups", loadings["loading"], random),
        matched=build_null("matched groups", loadings["loading"], matched),
        rank=np.array(ranks, dtype=int),
        verdict=np.array(compared.verdict, dtype=str),
        direction=np.array([switches.name_direction(i) for i in which], dtype=str),
        origin=switches.origin[which],
        target=switches.target[which],
        hazard=compared.hazard,
        symbol=np.arange(subject.network.n_symbols),
        occupancy=compared.occupancy,
        smallest_rank=np.array(find_smallest(ranks, compared.verdict)),
    )


def draw_shuffled_values(
    weights: Float[np.ndarray, "neuron neuron"], n_draws: int, *, rng: np.random.Generator
) -> Float[np.ndarray, "draw mode"]:
    """Singular values of the weights with their entries in random places."""
    found = []
    for first in range(0, n_draws, _BLOCK):
        size = min(_BLOCK, n_draws - first)
        entries = np.broadcast_to(weights.ravel(), (size, weights.size))
        drawn = rng.permuted(entries, axis=1).reshape(size, *weights.shape)
        found.append(np.linalg.svd(drawn, compute_uv=False))
    return np.concatenate(found)


def count_above(values: Float[np.ndarray, " mode"], limit: Float[np.ndarray, " mode"]) -> int:
    """Leading values above their limits, up to the first that is not."""
    is_above = values > limit
    return len(values) if is_above.all() else int(is_above.argmin())


def measure_effective_rank(values: Float[np.ndarray, "*draw mode"]) -> Float[np.ndarray, "*draw"]:
    """Participation ratio of squared singular values; NaN if all are 0."""
    squares = np.square(values)
    above, below = np.square(squares.sum(-1)), np.square(squares).sum(-1)
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0))


def _measure_loadings(
    subject: Subject,
    groups: NeuronGroups,
    weights: StandardWeights,
    vectors: Float[np.ndarray, "side mode kept"],
    *,
    n_above: int,
    n_null: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Shares of the neurons of all groups in the vectors, beside random and matched groups."""
    members = np.asarray((groups.members & weights.varies).any(0))
    union = NeuronGroups(["all"], groups.origin[:1], groups.target[:1], members[None])
    features = describe_neurons(subject.network, weights)
    random = union.draw_relabelled(weights.varies, n_null, rng=rng)[:, 0]
    matched = union.draw_matched(features, weights.varies, n_null, rng=rng)
    squares, n_used = np.square(vectors), max(1, n_above)
    by_mode, drawn = (_sum_up(squares, chosen[:, weights.varies]) for chosen in (members[None], random))
    beside = np.full((n_null, len(SIDES)), np.nan)
    if matched is not None and members.any():
        beside = _sum_up(squares[:, :n_used], matched[:, 0][:, weights.varies]).mean(2)
    table = {
        "loading": by_mode[0, :, :n_used].mean(1),
        "random": drawn[:, :, :n_used].mean(2),
        "matched": beside,
        "loading_by_mode": by_mode[0],
        "random_limit": np.quantile(drawn, LEVEL, axis=0),
    }
    if not members.any():
        table = {key: np.full_like(values, np.nan) for key, values in table.items()}
    return {"n_members": np.array(int(members.sum())), **table}


def _sum_up(
    squares: Float[np.ndarray, "side mode kept"], chosen: Bool[np.ndarray, "set kept"]
) -> Float[np.ndarray, "set side mode"]:
    """Sums over the neurons of each set."""
    return np.moveaxis(squares @ chosen.T.astype(float), 2, 0)


def _compare_ranks(
    subject: Subject, weights: StandardWeights, settings: LowRankSettings, seed: int, rng: np.random.Generator
) -> tuple[Comparison, list[int], list[str]]:
    """Truncated networks beside the intact one, the directions that were tested, and why there are none."""
    network, switches = subject.network, subject.found["switches"]
    ranks = [rank for rank in settings.ranks if rank < weights.varies.sum()]
    networks = [network, *(truncate_network(network, weights, rank) for rank in ranks)]
    sizes = {key: getattr(settings, key) for key in ("n_trajectories", "n_steps", "burn_in")}
    symbols = run_symbols(networks, **sizes, noise_std=subject.noise_std, seed=seed)
    pairs = [(int(a), int(b)) for a, b in zip(switches.origin, switches.target, strict=True)]
    which = [i for i, (a, b) in enumerate(pairs) if _count(symbols[0], a, b) >= FEWEST_EVENTS]
    if not which or settings.n_trajectories < 2:
        nothing = Estimate(np.full((len(ranks), 0), np.nan))
        unknown = Estimate(np.full((len(ranks), network.n_symbols), np.nan))
        why = f"ranks: no direction has ≥ {FEWEST_EVENTS} switches in {settings.n_trajectories} trajectories"
        return Comparison(nothing, unknown, [""] * len(ranks)), [], [why]
    margins = {key: getattr(settings, key) for key in ("hazard_margin", "occupancy_margin", "n_resamples")}
    chosen = [pairs[i] for i in which]
    return compare_with_intact(symbols, chosen, network.n_symbols, **margins, rng=rng), which, []


def _count(symbols: Shaped[np.ndarray, "trajectory time"], origin: int, target: int) -> int:
    """Switches in one direction."""
    return int(((symbols[:, :-1] == origin) & (symbols[:, 1:] == target)).sum())


PART = Part(
    name="low_rank",
    question="are the recurrent weights of low rank, and is a low rank enough to switch?",
    result=LowRankResult,
    settings=LowRankSettings,
    compute=compute_low_rank,
    definitions=DEFINITIONS,
    seconds=8.0,
    quick={"n_null": 99, "n_trajectories": 40, "n_steps": 200, "n_resamples": 200},
    needs=("switches", "carriers"),
    requires_noise=True,
    least_hidden=2,
)
