"""The process that a network is compared with, as seen from one start."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Integer

from ..errors import InputError
from ..hmm import (
    HMM,
    Estimate,
    RunLengthLaw,
    compute_stationary_probs,
    compute_symbol_frequencies,
    compute_symbol_matrix,
    compute_volatility,
    compute_windowed_run_law,
    estimate_block_entropy,
    sample_sequences,
)
from ..settings import EvaluationSettings
from .observation import Design, Start, cut_windows


@dataclass(frozen=True)
class Target:
    """Exact statistics of the process over a window, and an independent sample of it.

    Attributes
    ----------
    hmm : HMM
        Its initial probabilities are those of the start.
    n_steps : int
        Length of the window.
    symbol_matrix : (symbol, symbol)
        Exact, averaged over the window; NaN rows for symbols that never occur.
    frequencies : (symbol,)
        Exact, averaged over the window.
    volatility : float
        Exact P(s_t ≠ s_{t+1}), averaged over the window.
    run_law : RunLengthLaw or None
        Exact law of the complete runs of a window; None where no run can be complete.
    entropy : Estimate
        Block entropy per symbol of the window, from its own sample.
    windows : (cluster, window, time)
        Sample that network and floor are matched with, independent of both.
    """

    hmm: HMM
    n_steps: int
    symbol_matrix: Float[np.ndarray, "symbol symbol"]
    frequencies: Float[np.ndarray, " symbol"]
    volatility: float
    run_law: RunLengthLaw | None
    entropy: Estimate
    windows: Integer[np.ndarray, "cluster window time"]


def prepare_target(
    hmm: HMM, design: Design, settings: EvaluationSettings, *, rng: np.random.Generator
) -> Target:
    """Compute the exact statistics over a window and draw the sample to compare with."""
    n_steps = design.n_steps
    windows = draw_windows(hmm, design, rng=rng)
    return Target(
        hmm,
        n_steps,
        compute_symbol_matrix(hmm, n_steps=n_steps),
        compute_symbol_frequencies(hmm, n_steps=n_steps),
        compute_volatility(hmm, n_steps=n_steps),
        _find_run_law(hmm, n_steps),
        estimate_block_entropy(hmm, n_steps, n_sequences=settings.n_entropy, rng=rng),
        windows,
    )


def draw_windows(
    hmm: HMM, design: Design, *, rng: np.random.Generator
) -> Integer[np.ndarray, "cluster window time"]:
    """Sample a process as a network is sampled."""
    symbols = sample_sequences(hmm, design.n_sampled, design.n_recorded, rng=rng).symbols
    return cut_windows(symbols, design)


def start_process(hmm: HMM, start: Start) -> HMM:
    """The HMM whose initial probabilities are its own (start "zero") or the stationary ones.

    Raises
    ------
    InputError
        If the process has no unique stationary distribution.
    """
    if start == "zero":
        return hmm
    # A sum that is off by rounding is mended by the constructor.
    return replace(hmm, initial_probs=compute_stationary_probs(hmm))


def _find_run_law(hmm: HMM, n_steps: int) -> RunLengthLaw | None:
    if n_steps < 3:
        return None
    try:
        return compute_windowed_run_law(hmm, n_steps)
    except InputError:  # no run can be complete in the window
        return None
