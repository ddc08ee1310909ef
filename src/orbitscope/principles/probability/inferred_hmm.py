"""Which HMM one would infer: from regions of hidden activity, from symbols, and from the process itself."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy.special import stdtrit

from ...errors import InputError
from ...evaluation.refit import refit_process
from ...hmm import HMM, compute_stationary_probs, estimate_kl_rate, sample_sequences
from ...statistics import Estimate
from .chapman_kolmogorov import count_pairs, normalise_rows

ROUNDING = 1e-9
"""Negative or imaginary parts of a matrix root up to this size are rounding."""


def find_matrix_root(
    matrix: Float[np.ndarray, "region next"], degree: int
) -> Float[np.ndarray, "region next"] | None:
    """Transition matrix whose power of this degree is a given one; None if the principal root is none.

    Notes
    -----
    Of complex eigenvalues, and of negative ones, the root of the smallest angle is taken. It is a transition
    matrix only if it is real and nowhere negative (embedding problem).
    """
    values, vectors = np.linalg.eig(matrix)
    if np.linalg.cond(vectors) > 1 / ROUNDING:
        return None
    root = vectors @ np.diag(values.astype(complex) ** (1 / degree)) @ np.linalg.inv(vectors)
    if np.abs(root.imag).max() > ROUNDING or root.real.min() < -ROUNDING:
        return None
    positive = np.maximum(root.real, 0.0)
    return positive / positive.sum(1, keepdims=True)


def build_region_hmm(
    transitions: Float[np.ndarray, "region next"],
    occupancy: Float[np.ndarray, " region"],
    emissions: Float[np.ndarray, "region symbol"],
) -> HMM:
    """HMM of a chain of regions; a region that is never visited stays, and emits evenly."""
    n_regions, n_symbols = emissions.shape
    moves = np.where(np.isnan(transitions), np.eye(n_regions), transitions)
    return HMM(occupancy / occupancy.sum(), moves, np.where(np.isnan(emissions), 1 / n_symbols, emissions))


def infer_from_states(
    states: Integer[np.ndarray, "sequence time"], symbols: Integer[np.ndarray, "sequence time"], hmm: HMM
) -> HMM:
    """HMM counted from samples of a process whose states are known: the floor of what regions may tell."""
    moves = normalise_rows(count_pairs(states.astype(int), 1, hmm.n_states).sum(0))
    code = states.astype(int) * hmm.n_symbols + symbols
    emitted = np.bincount(code.ravel(), minlength=hmm.n_states * hmm.n_symbols).reshape(-1, hmm.n_symbols)
    occupancy = np.bincount(states.ravel(), minlength=hmm.n_states)
    return build_region_hmm(moves, occupancy / occupancy.sum(), normalise_rows(emitted))


def infer_from_symbols(
    symbols: Integer[np.ndarray, "trajectory time"], hmm: HMM, n_window: int, *, rng: np.random.Generator
) -> HMM:
    """Maximum-likelihood HMM near the process, from windows of symbols (:func:`refit_process`)."""
    n_windows = max(1, symbols.shape[1] // n_window)
    width = symbols.shape[1] // n_windows
    windows = symbols[:, : n_windows * width].reshape(-1, width)
    return refit_process(windows.astype(int), hmm, rng=rng)


def start_stationary(hmm: HMM | None) -> HMM | None:
    """The process from its stationary state; None where it has no single one."""
    if hmm is None:
        return None
    try:
        return replace(hmm, initial_probs=compute_stationary_probs(hmm))
    except InputError:
        return None


def compare_with_process(
    inferred: HMM, hmm: HMM, order: Int[np.ndarray, " state"] | None, *, n_steps: int, seed: int
) -> Float[np.ndarray, "3"]:
    """KL rate of the process against an inferred HMM, largest errors of transitions and of emissions.

    Parameters
    ----------
    inferred, hmm : HMM
        ``hmm`` in its stationary state.
    order : (state,), optional
        State of the inferred HMM for each state of the process; without, parameters are not compared.
    n_steps : int
        Length of the blocks of the KL rate.
    seed : int
        Of the sample of the process: one for all HMMs that are compared.
    """
    rng = np.random.default_rng(seed)
    rate = estimate_kl_rate(hmm, inferred, n_sequences=2000, n_steps=n_steps, rng=rng).mean
    if order is None:
        return np.array([rate, np.nan, np.nan])
    moves = inferred.transition_matrix[np.ix_(order, order)]
    errors = moves - hmm.transition_matrix, inferred.emission_probs[order] - hmm.emission_probs
    return np.array([rate, *(np.abs(error).max() for error in errors)])


def average_groups(values: Float[np.ndarray, "group ..."], confidence: float) -> Estimate:
    """Mean over disjoint groups of trajectories, with Student's t interval."""
    mean = values.mean(0)
    with np.errstate(invalid="ignore"):  # an infinite rate has no spread
        error = values.std(0, ddof=1) / np.sqrt(len(values))
    half = -float(stdtrit(len(values) - 1, (1 - confidence) / 2)) * error
    is_known = np.isfinite(mean)
    low, high = (np.where(is_known, limit, np.nan) for limit in (mean - half, mean + half))
    return Estimate(mean, low, high)


def infer_by_group(
    infer: Callable[[Int[np.ndarray, " trajectory"]], HMM | None], n_trajectories: int, n_groups: int
) -> list[HMM | None]:
    """An HMM from each of disjoint groups of trajectories; None where there is none."""
    return [infer(np.arange(group, n_trajectories, n_groups)) for group in range(n_groups)]


def sample_like(
    symbols: Integer[np.ndarray, "trajectory time"], hmm: HMM, *, rng: np.random.Generator
) -> tuple[Integer[np.ndarray, "trajectory time"], Integer[np.ndarray, "trajectory time"]]:
    """States and symbols of the process, as many as those given."""
    sample = sample_sequences(hmm, *symbols.shape, rng=rng)
    return sample.states, sample.symbols
