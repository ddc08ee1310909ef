"""Is a chain of regions Markov: T(n τ) beside T(τ)ⁿ, and what a chain that is Markov shows."""

import numpy as np
from jaxtyping import Float, Int, Integer, Real

from ..region_cores import OUTSIDE

POWERS = (2, 3, 4)
"""Numbers of steps n over which T(τ)ⁿ is compared with T(n τ)."""

BASE_LAGS = (1, 5, 10, 20)
"""Lags τ at which the chain is tested, chosen before looking."""

LAGS = tuple(sorted({1, *(n * lag for lag in BASE_LAGS for n in (1, *POWERS))}))
"""Lags at which transitions are counted."""

_BLOCK_ENTRIES = 4_000_000
"""Steps of simulated chains that are held at a time."""


def count_pairs(
    chain: Integer[np.ndarray, "trajectory time"], lag: int, n_regions: int
) -> Int[np.ndarray, "trajectory region region"]:
    """Number of pairs of regions so many steps apart, from every step; none with an unknown region."""
    before, after = chain[:, :-lag].astype(int), chain[:, lag:].astype(int)
    known = (before != OUTSIDE) & (after != OUTSIDE)
    owner = np.broadcast_to(np.arange(len(chain))[:, None], before.shape)[known]
    code = (owner * n_regions + before[known]) * n_regions + after[known]
    counts = np.bincount(code, minlength=len(chain) * n_regions**2)
    return counts.reshape(len(chain), n_regions, n_regions)


def count_powers(
    chain: Integer[np.ndarray, "trajectory time"], lag: int, n_regions: int
) -> Int[np.ndarray, "trajectory power region region"]:
    """Pairs that are 1, 2, 3, 4 times the lag apart, of every lag-th step alone."""
    strided = chain[:, ::lag]
    return np.stack([count_pairs(strided, n, n_regions) for n in (1, *POWERS)], axis=1)


def normalise_rows(
    counts: Real[np.ndarray, "*batch region next"],
) -> Float[np.ndarray, "*batch region next"]:
    """Transition matrices from counts; NaN in the row of a region that is never visited."""
    totals = counts.sum(-1, keepdims=True).astype(float)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def compare_powers(
    counts: Real[np.ndarray, "batch power region next"],
) -> Float[np.ndarray, "batch kind compared region next"]:
    """T(n τ), and T(τ)ⁿ, for n of ``POWERS``; NaN in the rows of a region that is never visited."""
    matrices = normalise_rows(counts)
    once = matrices[:, 0]
    is_missing = np.isnan(once)
    filled = np.where(is_missing, np.eye(once.shape[-1]), once)
    powers = [np.where(is_missing, np.nan, np.linalg.matrix_power(filled, n)) for n in POWERS]
    return np.stack([matrices[:, 1:], np.stack(powers, axis=1)], axis=1)


def find_largest_deviation(
    compared: Float[np.ndarray, "batch kind compared region next"],
) -> tuple[Float[np.ndarray, " batch"], Int[np.ndarray, " batch"]]:
    """Largest |T(n τ) − T(τ)ⁿ| over n and entries, and the number of its cell."""
    gap = np.abs(compared[:, 0] - compared[:, 1]).reshape(len(compared), -1)
    gap = np.where(np.isnan(gap), -1.0, gap)  # a cell without an estimate is never the largest
    cell = gap.argmax(1)
    return np.take_along_axis(gap, cell[:, None], 1)[:, 0], cell


def simulate_chains(
    matrix: Float[np.ndarray, "region next"],
    start: Integer[np.ndarray, " chain"],
    n_steps: int,
    *,
    rng: np.random.Generator,
) -> Int[np.ndarray, "time chain"]:
    """Markov chains from given regions, the first step of each its start."""
    limits = np.cumsum(matrix, axis=1)[:, :-1]
    chains = np.empty((n_steps, len(start)), dtype=np.int8)
    chains[0] = start
    for step in range(1, n_steps):
        before = chains[step - 1]
        uniform = rng.random(len(start))
        after = np.zeros(len(start), dtype=np.int8)
        for column in range(limits.shape[1]):
            after += uniform >= limits[before, column]
        chains[step] = after
    return chains


def draw_null_deviations(
    chain: Integer[np.ndarray, "trajectory time"],
    lag: int,
    n_regions: int,
    *,
    n_draws: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, " draw"]:
    """Largest deviations of chains that are Markov at a lag, as many and as long as those observed.

    Parameters
    ----------
    chain : (trajectory, time)
        Regions; steps that are unknown are unknown in the draws.
    lag : int >= 1
    n_regions : int
    n_draws : int
    rng
        Source of the chains.

    Notes
    -----
    A parametric bootstrap: chains start as those observed and move by the observed T(τ).
    """
    strided = chain[:, ::lag]
    n_trajectories, n_steps = strided.shape
    matrix = normalise_rows(count_pairs(strided, 1, n_regions).sum(0))
    matrix = np.where(np.isnan(matrix), np.eye(n_regions), matrix)
    first = np.take_along_axis(strided, (strided != OUTSIDE).argmax(1)[:, None], 1)[:, 0]
    per_block = max(1, _BLOCK_ENTRIES // strided.size)
    found = []
    for begin in range(0, n_draws, per_block):
        n_blocks = min(per_block, n_draws - begin)
        start = np.tile(np.maximum(first, 0), n_blocks)
        drawn = simulate_chains(matrix, start, n_steps, rng=rng).T.reshape(n_blocks, n_trajectories, n_steps)
        drawn[:, strided == OUTSIDE] = OUTSIDE
        counts = np.stack([count_powers(each, 1, n_regions).sum(0) for each in drawn]).astype(float)
        found.append(find_largest_deviation(compare_powers(counts))[0])
    return np.concatenate(found)


def find_timescales(
    matrices: Float[np.ndarray, "*batch lag region next"], lags: Int[np.ndarray, " lag"]
) -> Float[np.ndarray, "*batch lag mode"]:
    """Implied timescales −τ/log |λ_i| of T(τ), slowest first, without the stationary mode; NaN if unknown."""
    flat = matrices.reshape(-1, *matrices.shape[-2:])
    is_known = np.isfinite(flat).all((1, 2))
    sizes = np.full(flat.shape[:2], np.nan)
    sizes[is_known] = np.sort(np.abs(np.linalg.eigvals(flat[is_known])), axis=1)[:, ::-1]
    sizes = np.minimum(sizes[:, 1:], 1.0).reshape(*matrices.shape[:-2], -1)
    with np.errstate(divide="ignore"):
        return lags[:, None] / np.abs(np.log(sizes))
