"""Networks with recurrent weights of low rank, and whether they still switch as the intact one does."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer

from ...dynamics.driving.driven_states import LARGEST_STATE
from ...network import NoiseRNN, iterate_rollout
from ...statistics import Estimate, bootstrap_statistic
from ..noise_subspaces import UNBOUNDED
from ..noise_trials import count_steps, count_switches
from .standard_weights import StandardWeights

_CHUNK_STEPS = 50


def truncate_network(network: NoiseRNN, weights: StandardWeights, rank: int) -> NoiseRNN:
    """A network whose weights between neurons that vary have this rank at most: the nearest of such, in W̃.

    Weights of other neurons stay: what they send never varies.
    """
    kept = np.ix_(*2 * [np.flatnonzero(weights.varies)])
    left, values, right = np.linalg.svd(weights.standard[kept])
    standard, raw = np.zeros_like(weights.standard), weights.raw.copy()
    standard[kept] = (left[:, :rank] * values[:rank]) @ right[:rank]
    raw[kept] = weights.restore(standard)[kept]
    return network.replace_recurrent(torch.from_numpy(raw).to(network.w_out))


@torch.no_grad()
def run_symbols(
    networks: Sequence[NoiseRNN],
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    seed: int,
) -> Integer[np.ndarray, "network trajectory time"]:
    """Most probable symbols of networks on the same noise; ``UNBOUNDED`` from where activity explodes."""
    found = []
    for network in networks:
        start = network.initial_state(n_trajectories)
        generator = torch.Generator(network.w_out.device).manual_seed(seed)
        options = {
            "start": start,
            "noise_std": noise_std,
            "generator": generator,
            "chunk_steps": _CHUNK_STEPS,
        }
        symbols = []
        for chunk in iterate_rollout(network, burn_in + n_steps, **options):
            shown = network.compute_logits(chunk.states).argmax(-1).to(torch.int16)
            is_bounded = chunk.states[-1].abs().amax(1) <= LARGEST_STATE  # not NaN either
            symbols.append(torch.where(is_bounded, shown, UNBOUNDED))
        found.append(torch.cat(symbols)[burn_in:].T.cpu().numpy())
    return np.stack(found)


@dataclass(frozen=True)
class Comparison:
    """Networks beside an intact one on the same noise.

    Attributes
    ----------
    hazard : Estimate, (network, direction)
        Ratio to the hazard of the intact one.
    occupancy : Estimate, (network, symbol)
        Share of the steps in each symbol, minus that of the intact one.
    verdict : list of str
        Of each network: within if all intervals are inside the margins, outside if one is wholly outside,
        else undecided.
    """

    hazard: Estimate
    occupancy: Estimate
    verdict: list[str]


def compare_with_intact(
    symbols: Integer[np.ndarray, "network trajectory time"],
    pairs: list[tuple[int, int]],
    n_symbols: int,
    *,
    hazard_margin: float,
    occupancy_margin: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Comparison:
    """Hazards and occupancies of all networks but the first, beside those of the first.

    Intervals are of level 90 %, over trajectories: two one-sided tests (Schuirmann 1987), each at 5 %. A
    network that explodes in some trajectory is outside.
    """
    counts = np.stack([count_switches(each, pairs) for each in symbols], axis=1)
    steps = np.stack([count_steps(each, n_symbols) for each in symbols], axis=1)
    n_networks, n_pairs = len(symbols), len(pairs)
    sums = np.concatenate([counts.reshape(len(counts), n_networks, 2 * n_pairs), steps], axis=2)

    def compare(total: Float[np.ndarray, "batch network count"]) -> Float[np.ndarray, "batch other value"]:
        events, before = total[..., :n_pairs], total[..., n_pairs : 2 * n_pairs]
        share = total[..., 2 * n_pairs :] / total[..., 2 * n_pairs :].sum(-1, keepdims=True)
        # Where the symbol before is never visited, there is no hazard; that must not pass.
        hazard = np.divide(events, before, out=np.zeros_like(events), where=before > 0)
        ratio = np.divide(
            hazard[:, 1:], hazard[:, :1], out=np.full_like(hazard[:, 1:], np.nan), where=hazard[:, :1] > 0
        )
        return np.concatenate([ratio, share[:, 1:] - share[:, :1]], axis=2)

    with np.errstate(invalid="ignore"):
        found = bootstrap_statistic(
            sums, compare, rng=rng, n_resamples=n_resamples, confidence=0.9
        ).as_estimate()
    hazard, occupancy = found[:, :n_pairs], found[:, n_pairs:]
    is_unbounded = (symbols[1:] == UNBOUNDED).any((1, 2))
    margins = ((hazard, 1 / hazard_margin, hazard_margin), (occupancy, -occupancy_margin, occupancy_margin))
    verdict = [
        "outside" if is_unbounded[i] else _judge([(found[i], low, high) for found, low, high in margins])
        for i in range(n_networks - 1)
    ]
    return Comparison(hazard, occupancy, verdict)


def _judge(parts: list[tuple[Estimate, float, float]]) -> str:
    """Verdict on numbers with an interval each and the limits they must keep, as in :class:`Comparison`."""
    if any(((found.low >= high) | (found.high <= low)).any() for found, low, high in parts):
        return "outside"
    is_within = all(((found.low > low) & (found.high < high)).all() for found, low, high in parts)
    return "within" if is_within else "undecided"


def find_smallest(ranks: Sequence[int], verdict: Sequence[str]) -> float:
    """Smallest rank from which on all that were tried are within; NaN if the largest is not."""
    smallest = np.nan
    for rank, word in sorted(zip(ranks, verdict, strict=True), reverse=True):
        if word != "within":
            break
        smallest = float(rank)
    return smallest
