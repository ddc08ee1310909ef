"""Laws of words, exact for a process and expected for a network, compared as a loss without bias.

Given its states a network emits symbols independently, so the probability of a word along a trajectory is a
product of softmax probabilities: no symbol is sampled, and the gradient is exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..hmm import HMM, compute_repeat_probs, compute_step_frequencies, compute_word_law
from ..system.shards import divide
from .trajectories import split_halves
from .trajectory_means import MeanLoss, compare_means, measure_with_autograd

DEFAULT_MAX_WORDS = 800
"""Largest number of words of one law: 6 ternary symbols, 4 quinary ones."""

_LONGEST_SPREAD_WORD = 4
_SHORTEST_RUN = 8

_CONSECUTIVE_WEIGHT = 100.0
"""Weight of words of consecutive symbols, single ones among them, against all others (docs/log.md)."""

_EARLY_WEIGHT = 5.0
_N_EARLY_PARTS = 2
"""Words that start at step 0 or 1, where a network has a state only from its first noise, weigh more."""

_SIZES = {"smallest": 200, "fewest": 4}
"""Trajectories of a shard in each half, and shards: more cost more, each has as many values as all."""


@dataclass(frozen=True)
class WordLaw:
    """Laws of the symbols at fixed distances, for several parts of the window.

    Attributes
    ----------
    offsets : tuple of int
        Steps from the first symbol of a word to each of its symbols.
    parts : (part, step)
        Row i averages over the steps at which a word of part i may start.
    shares : (part, 1)
        Share of the steps that a part has.
    weights : (part, 1)
        Of each part in the loss.
    law : (part, word)
        Probabilities under the process, last symbol fastest.
    """

    offsets: tuple[int, ...]
    parts: Float[Tensor, "part step"]
    shares: Float[Tensor, "part 1"]
    weights: Float[Tensor, "part 1"]
    law: Float[Tensor, "part word"]


@dataclass(frozen=True)
class RunLaw:
    """Probability, for each symbol, that ``length`` consecutive symbols are all that symbol."""

    length: int
    law: Float[Tensor, " symbol"]


class WordDivergence:
    """χ² divergence of the word laws of a network from those of a process, over many kinds of words.

    Single symbols, words of consecutive ones, words of every second, fourth, eighth … symbol, and long runs
    of one symbol. Those that start early in the window, where a network comes from h_0 = 0, are compared by
    themselves: at step 0, 1, 2-3, 4-7 and so on.

    Parameters
    ----------
    hmm : HMM
        The process.
    n_steps : int >= 2
        Window in steps.
    max_words : int
        Largest number of words of one law; longer words see more and cost more.
    device : torch device

    Notes
    -----
    For each law the loss is ½ Σ_w (Q₁(w) − P(w))(Q₂(w) − P(w))/(P(w) + δ), with Q₁ and Q₂ from either half of
    the trajectories, and δ one over the number of places that a word has in them: a word rarer than that is
    not seen in most batches. The expectation is the loss of all trajectories in the world (with the same δ),
    and 0 for the process itself, at any number of trajectories. Near the process and for many trajectories
    it is the KL divergence in nat. Own construction; the paper has only the Sinkhorn divergence.
    """

    def __init__(
        self,
        hmm: HMM,
        n_steps: int,
        *,
        max_words: int = DEFAULT_MAX_WORDS,
        device: torch.device | str = "cpu",
    ):
        self.n_steps, self.n_symbols = n_steps, hmm.n_symbols
        kinds = list_offsets(n_steps, hmm.n_symbols, max_words=max_words)
        self.words = [_compute_word_law(hmm, offsets, n_steps, device) for offsets in kinds]
        self.runs = _compute_run_laws(hmm, n_steps, device)
        self._by_step = _to_tensor(compute_step_frequencies(hmm, n_steps), device)

    def __repr__(self) -> str:
        sizes = f"n_steps={self.n_steps}, n_symbols={self.n_symbols}"
        return f"WordDivergence({sizes}, n_word_laws={len(self.words)}, n_run_laws={len(self.runs)})"

    def __call__(self, probabilities: Float[Tensor, "time trajectory symbol"]) -> Float[Tensor, ""]:
        """Loss of a batch of trajectories with these symbol probabilities; differentiable."""
        return compare_means([self.relate(probabilities)])

    def relate(self, probabilities: Float[Tensor, "time trajectory symbol"]) -> MeanLoss:
        """The loss as one of means over trajectories, to be compared together with others."""
        halves = split_halves(probabilities, n_steps=self.n_steps, n_symbols=self.n_symbols)
        n_trajectories = 2 * halves.shape[2]
        return MeanLoss(
            halves,
            divide(halves.shape[2], halves.device, **_SIZES),
            lambda shard, has_gradient: measure_with_autograd(
                self._measure, shard, has_gradient=has_gradient
            ),
            lambda means: self._compare(means, n_trajectories),
        )

    def compute_memoryless(self, n_trajectories: int) -> float:
        """Loss of independent symbols with the frequencies of the process at each step, exactly."""
        halves = self._by_step[:, None, None, :].expand(-1, 2, 1, -1)
        return float(self._compare(self._measure(halves), n_trajectories))

    def _measure(self, halves: Float[Tensor, "time 2 trajectory symbol"]) -> Float[Tensor, " value"]:
        """Expected laws of all words and runs, one after the other."""
        side_by_side = halves.transpose(2, 3).contiguous()
        words = Words(side_by_side)
        found = [average_parts(words.spell(word.offsets), word.parts) for word in self.words]
        found += measure_runs(side_by_side, [run.length for run in self.runs])
        return torch.cat([law.flatten() for law in found])

    def _compare(self, measured: Float[Tensor, " value"], n_trajectories: int) -> Float[Tensor, ""]:
        laws = [*(word.law for word in self.words), *(run.law for run in self.runs)]
        parts = measured.split([2 * law.numel() for law in laws])
        found = [part.unflatten(0, (2, *law.shape)) for part, law in zip(parts, laws, strict=True)]
        terms = []
        for law, word in zip(found, self.words, strict=False):
            n_starts = word.parts.shape[1]
            smallest = 1.0 / (n_trajectories * n_starts * word.shares)
            terms.append((word.weights * _compare_laws(law, word.law, smallest)).sum())
        for law, run in zip(found[len(self.words) :], self.runs, strict=True):
            n_places = n_trajectories * (self.n_steps - run.length + 1)
            terms.append(_compare_laws(law, run.law, 1.0 / n_places).sum())
        return torch.stack(terms).sum()


def list_offsets(n_steps: int, n_symbols: int, *, max_words: int) -> list[tuple[int, ...]]:
    """Offsets of the words that are compared: single symbols, consecutive ones, every second, fourth, … one.

    Consecutive words are as long as ``max_words`` allows, spread ones at most 4 symbols; pairs at least.
    """
    longest = max(2, min(n_steps, int(math.log(max_words) / math.log(max(2, n_symbols)) + 1e-9)))
    spread = min(longest, _LONGEST_SPREAD_WORD)
    gaps = _list_doublings(2, n_steps)
    lengths = [min(spread, (n_steps - 1) // gap + 1) for gap in gaps]
    words = [tuple(range(0, gap * length, gap)) for gap, length in zip(gaps, lengths, strict=True)]
    return [(0,), tuple(range(longest)), *words]


class Words:
    """Expected laws of the symbols at some distances, in groups of trajectories.

    Trajectories lie side by side in memory, so that a product of probabilities is one of long vectors. What
    two laws have in common is computed once.

    Parameters
    ----------
    probabilities : (time, group, symbol, trajectory)
    """

    def __init__(self, probabilities: Float[Tensor, "time group symbol trajectory"]):
        self._known: dict[tuple[int, ...], Tensor] = {(0,): probabilities}

    def spell(self, offsets: tuple[int, ...]) -> Float[Tensor, "step group word"]:
        """Law of the symbols at the offsets from each step, last symbol fastest; the first offset is 0."""
        middle = (len(offsets) + 1) // 2
        if middle == len(offsets):
            return self._known[offsets].mean(-1)
        start = offsets[middle]
        left = self._find_probs(offsets[:middle])
        right = self._find_probs(tuple(offset - start for offset in offsets[middle:]))[start:]
        n_starts = len(self._known[(0,)]) - offsets[-1]
        pairs = left[:n_starts] @ right[:n_starts].transpose(-1, -2)
        return pairs.flatten(-2) / left.shape[-1]

    def _find_probs(self, offsets: tuple[int, ...]) -> Float[Tensor, "step group word trajectory"]:
        """Probability of each word in each trajectory."""
        if offsets not in self._known:
            shorter, last = self._find_probs(offsets[:-1]), self._known[(0,)][offsets[-1] :]
            longer = shorter[: len(last), :, :, None] * last[:, :, None]
            self._known[offsets] = longer.flatten(2, 3)
        return self._known[offsets]


def average_parts(
    law: Float[Tensor, "step group word"], parts: Float[Tensor, "part step"]
) -> Float[Tensor, "group part word"]:
    """Means of a law over the steps of each part."""
    return torch.einsum("ps,sgw->gpw", parts.to(law.dtype), law)


def measure_runs(
    probabilities: Float[Tensor, "time group symbol trajectory"], lengths: Sequence[int]
) -> list[Float[Tensor, "group symbol"]]:
    """Expected share of places where a symbol is repeated over each length (powers of two, increasing)."""
    repeated, length, found = probabilities, 1, []
    for wanted in lengths:
        while length < wanted:
            repeated, length = repeated[:-length] * repeated[length:], 2 * length
        found.append(repeated.mean((0, 3)))
    return found


def _compare_laws(halves: Tensor, law: Tensor, smallest_prob: Tensor | float) -> Tensor:
    """χ² divergence by word, from two independent estimates of a law."""
    return 0.5 * (halves[0] - law) * (halves[1] - law) / (law + smallest_prob)


def _list_parts(n_starts: int) -> list[range]:
    """Start steps 0, 1, 2-3, 4-7 and so on."""
    bounds = [0, *_list_doublings(1, n_starts), n_starts]
    return [range(first, stop) for first, stop in pairwise(bounds)]


def _list_doublings(first: int, stop: int) -> list[int]:
    """List first, 2·first, 4·first, … below ``stop``."""
    return [first * 2**k for k in range(max(0, math.ceil(math.log2(max(stop, 1) / first))))]


def _compute_word_law(
    hmm: HMM, offsets: tuple[int, ...], n_steps: int, device: torch.device | str
) -> WordLaw:
    n_starts = n_steps - offsets[-1]
    parts, laws = np.zeros((0, n_starts)), []
    for steps in _list_parts(n_starts):
        laws.append(compute_word_law(hmm, offsets, steps=steps).ravel())
        parts = np.vstack([parts, np.isin(np.arange(n_starts), steps) / len(steps)])
    shares = (parts > 0).mean(axis=1, keepdims=True)
    is_consecutive = offsets[-1] == len(offsets) - 1
    weights = shares * (_CONSECUTIVE_WEIGHT if is_consecutive else 1.0)
    weights[:_N_EARLY_PARTS] *= _EARLY_WEIGHT
    parts, shares, weights, law = (_to_tensor(x, device) for x in (parts, shares, weights, np.stack(laws)))
    return WordLaw(offsets, parts, shares, weights, law)


def _compute_run_laws(hmm: HMM, n_steps: int, device: torch.device | str) -> list[RunLaw]:
    lengths = _list_doublings(_SHORTEST_RUN, n_steps)
    probs = [compute_repeat_probs(hmm, length, n_steps=n_steps) for length in lengths]
    return [RunLaw(length, _to_tensor(law, device)) for length, law in zip(lengths, probs, strict=True)]


def _to_tensor(law: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(law.copy()).to(device, torch.float32)
