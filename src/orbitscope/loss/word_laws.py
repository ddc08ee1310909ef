"""Laws of words, exact for a process and expected for a network, compared as a loss without bias.

Given its states a network emits symbols independently, so the probability of a word along a trajectory is a
product of softmax probabilities: no symbol is sampled, and the gradient is exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..hmm import HMM, compute_repeat_probs, compute_step_frequencies, compute_word_law

DEFAULT_MAX_WORDS = 800
"""Largest number of words of one law: 6 ternary symbols, 4 quinary ones."""

_LONGEST_SPREAD_WORD = 4
_SHORTEST_RUN = 8


@dataclass(frozen=True)
class WordLaw:
    """Law of the symbols at fixed distances.

    Attributes
    ----------
    offsets : tuple of int
        Steps from the first symbol of a word to each of its symbols.
    steps : range
        Steps at which a word starts, averaged.
    weight : float
        In the loss.
    law : (word,)
        Probabilities under the process, last symbol fastest.
    """

    offsets: tuple[int, ...]
    steps: range
    weight: float
    law: Float[Tensor, " word"]


@dataclass(frozen=True)
class RunLaw:
    """Probability, for each symbol, that ``length`` consecutive symbols are all that symbol."""

    length: int
    law: Float[Tensor, " symbol"]


class WordDivergence:
    """χ² divergence of the word laws of a network from those of a process, over many kinds of words.

    Words of consecutive symbols, words of every second, fourth, eighth … symbol, and long runs of one
    symbol. Those that start early in the window, where a network comes from h_0 = 0, are compared by
    themselves: at step 0, 1, 2-3, 4-7 and so on.

    Parameters
    ----------
    hmm : HMM
        The process.
    n_steps : int >= 2
        Window in steps.
    max_words : int
        Largest number of words of one law; longer words see more and cost more.
    smallest_prob : float > 0
        Probability δ below which a word counts less: errors are squared and divided by P + δ.
    device : torch device

    Notes
    -----
    For each law the loss is ½ Σ_w (Q₁(w) − P(w))(Q₂(w) − P(w))/(P(w) + δ), with Q₁ and Q₂ from either half of
    the trajectories: its expectation is that of all trajectories in the world, and 0 for the process itself,
    at any number of trajectories. Near the process it is the KL divergence in nats (up to δ). Own
    construction; the paper has only the Sinkhorn divergence.
    """

    def __init__(
        self,
        hmm: HMM,
        n_steps: int,
        *,
        max_words: int = DEFAULT_MAX_WORDS,
        smallest_prob: float = 1e-3,
        device: torch.device | str = "cpu",
    ):
        self.n_steps, self.n_symbols, self.smallest_prob = n_steps, hmm.n_symbols, smallest_prob
        kinds = list_offsets(n_steps, hmm.n_symbols, max_words=max_words)
        self.words = [law for offsets in kinds for law in _compute_word_laws(hmm, offsets, n_steps, device)]
        self.runs = _compute_run_laws(hmm, n_steps, device)
        self._by_step = _to_tensor(compute_step_frequencies(hmm, n_steps), device)

    def __call__(self, probabilities: Float[Tensor, "time trajectory symbol"]) -> Float[Tensor, ""]:
        """Loss of a batch of trajectories with these symbol probabilities; differentiable."""
        if probabilities.shape[0] != self.n_steps or probabilities.shape[2] != self.n_symbols:
            raise InputError(
                f"`probabilities` must be (time, trajectory, symbol) with {self.n_steps} steps and "
                f"{self.n_symbols} symbols, got {tuple(probabilities.shape)}. Use the window of the loss."
            )
        if probabilities.shape[1] < 2:
            raise InputError(
                "`probabilities` must hold at least 2 trajectories, whose halves are compared, got 1. "
                "Raise train.batch_size."
            )
        halves = probabilities.tensor_split(2, dim=1)
        return self._combine(*(self._measure_laws(half) for half in halves))

    def compute_memoryless(self) -> float:
        """Loss of independent symbols with the frequencies of the process at each step, exactly."""
        laws = self._measure_laws(self._by_step[:, None, :])
        return float(self._combine(laws, laws))

    def _measure_laws(self, probabilities: Tensor) -> list[Tensor]:
        words = [spell_words(probabilities, word.offsets, word.steps) for word in self.words]
        return [*words, *measure_runs(probabilities, [run.length for run in self.runs])]

    def _combine(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        weights = [*(word.weight for word in self.words), *(1.0 for _ in self.runs)]
        laws = [*(word.law for word in self.words), *(run.law for run in self.runs)]
        terms = [
            0.5 * weight * ((a - law) * (b - law) / (law + self.smallest_prob)).sum()
            for weight, law, a, b in zip(weights, laws, first, second, strict=True)
        ]
        return torch.stack(terms).sum()


def list_offsets(n_steps: int, n_symbols: int, *, max_words: int) -> list[tuple[int, ...]]:
    """Offsets of the words that are compared: consecutive symbols, then every second, fourth, … symbol.

    Consecutive words are as long as ``max_words`` allows, spread ones at most 4 symbols; pairs at least.
    """
    longest = max(2, min(n_steps, int(math.log(max_words) / math.log(max(2, n_symbols)) + 1e-9)))
    spread = min(longest, _LONGEST_SPREAD_WORD)
    gaps = _list_doublings(2, n_steps)
    lengths = [min(spread, (n_steps - 1) // gap + 1) for gap in gaps]
    words = [tuple(range(0, gap * length, gap)) for gap, length in zip(gaps, lengths, strict=True)]
    return [tuple(range(longest)), *words]


def spell_words(
    probabilities: Float[Tensor, "time trajectory symbol"], offsets: Sequence[int], steps: range
) -> Float[Tensor, " word"]:
    """Expected law of the symbols at the offsets, over trajectories and start steps; differentiable."""
    symbols = [probabilities[steps.start + k : steps.stop + k].flatten(0, 1) for k in offsets]
    middle = (len(offsets) + 1) // 2
    left, right = reduce(_combine_symbols, symbols[:middle]), reduce(_combine_symbols, symbols[middle:])
    return (left.T @ right).flatten() / len(left)


def measure_runs(
    probabilities: Float[Tensor, "time trajectory symbol"], lengths: Sequence[int]
) -> list[Float[Tensor, " symbol"]]:
    """Expected share of places where a symbol is repeated over each length (powers of two, increasing)."""
    repeated, length, found = probabilities, 1, []
    for wanted in lengths:
        while length < wanted:
            repeated, length = repeated[:-length] * repeated[length:], 2 * length
        found.append(repeated.mean((0, 1)))
    return found


def _combine_symbols(words: Tensor, symbols: Tensor) -> Tensor:
    """Probabilities of words with one more symbol, (place, word · symbol)."""
    return (words[:, :, None] * symbols[:, None, :]).flatten(1)


def _list_steps(n_starts: int) -> list[tuple[range, float]]:
    """Start steps 0, 1, 2-3, 4-7, … with their share of all."""
    bounds = [0, *_list_doublings(1, n_starts), n_starts]
    return [(range(a, b), (b - a) / n_starts) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]


def _list_doublings(first: int, stop: int) -> list[int]:
    """List first, 2·first, 4·first, … below ``stop``."""
    return [first * 2**k for k in range(max(0, math.ceil(math.log2(max(stop, 1) / first))))]


def _compute_word_laws(
    hmm: HMM, offsets: tuple[int, ...], n_steps: int, device: torch.device | str
) -> list[WordLaw]:
    laws = []
    for steps, share in _list_steps(n_steps - offsets[-1]):
        law = compute_word_law(hmm, offsets, steps=steps).ravel()
        laws.append(WordLaw(offsets, steps, share, _to_tensor(law, device)))
    return laws


def _compute_run_laws(hmm: HMM, n_steps: int, device: torch.device | str) -> list[RunLaw]:
    lengths = _list_doublings(_SHORTEST_RUN, n_steps)
    probs = [compute_repeat_probs(hmm, length, n_steps=n_steps) for length in lengths]
    return [RunLaw(length, _to_tensor(law, device)) for length, law in zip(lengths, probs, strict=True)]


def _to_tensor(law: np.ndarray, device: torch.device | str) -> Tensor:
    return torch.from_numpy(law.copy()).to(device, torch.float32)
