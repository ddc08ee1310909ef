"""Whether symbol sequences look alike when they are read backwards."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from scipy.special import ndtri
from torch import Tensor

from ...errors import InputError
from ...network import sample_relaxed_symbols
from ...sequences import count_words_and_reverses, estimate_word_irreversibility
from ...statistics import Estimate, Null, compute_jackknife, flip_signs

WORD_LENGTH = 3
"""Words whose reversal is compared: in a stationary process pairs of two symbols have none of their own."""

_ROUNDING = 1e-9
"""Relative slack by which a null value ties with the observed one."""


@dataclass(frozen=True)
class OutputReversal:
    """Irreversibility of symbol sequences.

    Attributes
    ----------
    irreversibility : Estimate, ()
        D in nat per triple without the part that chance gives, and its interval; 0 if reversible, and below
        0 where there is less than chance gives.
    null : Null, ()
        The same number for the sequences, each of them reversed or not at random.
    """

    irreversibility: Estimate
    null: Null


@torch.no_grad()
def draw_symbols(
    logits: Float[Tensor, "time trajectory symbol"], *, generator: torch.Generator
) -> Int[np.ndarray, "trajectory time"]:
    """Symbols that a network emits along trajectories."""
    return sample_relaxed_symbols(logits, generator=generator).argmax(-1).T.cpu().numpy()


def compare_with_reversed(
    symbols: Integer[np.ndarray, "sequence time"],
    n_symbols: int,
    *,
    n_null: int = 999,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> OutputReversal:
    """Divergence of the triples of sequences from those of the sequences read backwards.

    Parameters
    ----------
    symbols : (sequence, time)
        Independent stationary sequences of at least three steps: the units of the interval.
    n_symbols : int
        Size of the alphabet. The triples of two symbols are reversible in every stationary process.
    n_null : int >= 1
        Draws of the null.
    confidence
        Coverage of the interval.
    rng
        Source of the null.

    Raises
    ------
    InputError
        If there are fewer than two sequences, fewer than three steps, or no draws.

    Notes
    -----
    D = KL(P(abc) ‖ P(cba)) by :func:`estimate_word_irreversibility`, which chance alone makes positive.
    A reversible process emits a sequence and its reverse equally often, so sequences that are reversed at
    random have the same law: their D is an exact null, and its mean, the part that chance gives, is taken off
    both. Sequences have to be samples: expected counts along hidden paths vary less, but a path that turns is
    not as likely as its reverse. The interval is normal. Near 0 D is a sum of squares, whose variance the
    jackknife overstates by that of the null (4(μ² + σ²)σ² in the place of 4μ²σ² + 2σ⁴ for the square of a
    normal number), so that is subtracted; the variance is at least that of the null. The test is exact, the
    interval is not: where they disagree the p-value counts.
    """
    if n_null < 1:
        raise InputError(f"`n_null` must be ≥ 1, got {n_null}. Use 999.")
    triples, place = count_words_and_reverses(symbols, WORD_LENGTH, n_symbols)
    reverse = triples[:, place]
    even, odd = (triples + reverse).sum(0) / 2, (triples - reverse) / 2

    def estimate(counts: np.ndarray) -> np.ndarray:
        return estimate_word_irreversibility(counts, place)

    plain = float(estimate(triples.sum(0)))
    null = np.array([estimate(even + flip_signs(odd, 1, rng=rng)[0]) for _ in range(n_null)])
    mean, by_chance = float(null.mean()), float(null.var())
    variance = float(compute_jackknife(triples, estimate).standard_error) ** 2 - by_chance
    value = plain - mean
    half_width = -float(ndtri((1 - confidence) / 2)) * max(variance, by_chance) ** 0.5
    return OutputReversal(
        Estimate(value, value - half_width, value + half_width),
        Null.of_draws("chance", plain * (1 - _ROUNDING) - mean, null - mean),
    )
