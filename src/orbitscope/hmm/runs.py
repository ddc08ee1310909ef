"""Exact laws of symbol runs (stretches of one symbol), for the stationary process and inside a finite window.

Only sojourns in a hidden state are geometric. Symbol runs are phase-type: inside a run of symbol s the state
moves by the restricted kernel A_s = P diag(E[:, s]), and the run ends with the remaining probability.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from orbitscope.errors import InputError

from .checks import check_count
from .definition import HMM
from .exact import compute_stationary_probs


@dataclass(frozen=True)
class RunLengthLaw:
    """Law of the lengths of symbol runs, per symbol and pooled over all runs.

    Parameters
    ----------
    run_counts : (symbol,)         expected runs: per step (stationary), or complete ones per window
    pmf : (symbol, length)         P(length = l) for l = 1, 2, …; NaN for a symbol without runs
    survival : (symbol, length)    P(length ≥ l)
    mean, cv : (symbol,)           mean in steps and standard deviation / mean, of the whole law (no cut at
                                   max_length)
    pooled_pmf, pooled_survival : (length,)
    pooled_mean, pooled_cv : float
    n_steps : int or None          window in steps; None: stationary process
    """

    run_counts: Float[np.ndarray, " symbol"]
    pmf: Float[np.ndarray, "symbol length"]
    survival: Float[np.ndarray, "symbol length"]
    mean: Float[np.ndarray, " symbol"]
    cv: Float[np.ndarray, " symbol"]
    pooled_pmf: Float[np.ndarray, " length"]
    pooled_survival: Float[np.ndarray, " length"]
    pooled_mean: float
    pooled_cv: float
    n_steps: int | None = None

    @property
    def lengths(self) -> Int[np.ndarray, " length"]:
        """Run lengths in steps, 1 … max_length."""
        return np.arange(1, self.pooled_pmf.size + 1)

    @property
    def hazard(self) -> Float[np.ndarray, "symbol length"]:
        """P(length = l | length ≥ l), per symbol; NaN where no run is that long."""
        return _divide(self.pmf, self.survival)


def compute_run_length_law(hmm: HMM, *, max_length: int) -> RunLengthLaw:
    """Law of the runs of the stationary process.

    Parameters
    ----------
    hmm : HMM
    max_length : int >= 1      longest run in the tables; moments cover all lengths

    Raises
    ------
    InputError                 no unique stationary distribution, or a process that never changes its symbol

    Notes
    -----
    With b_s the state probabilities at the start of a run of symbol s, P(length ≥ l) = b_s A_s^(l-1) 1 and
    E[length] = b_s (I - A_s)^(-1) 1. Paper: Torre et al. 2025, arXiv 2510.25674, compares dwell times with
    geometric laws; here with the exact law.
    """
    check_count("max_length", max_length, minimum=1)
    starts = _compute_run_starts(hmm, compute_stationary_probs(hmm))
    ends = _compute_run_ends(hmm)
    probs, lasting = np.empty((2, hmm.n_symbols, max_length))
    inside = starts
    for length in range(max_length):
        lasting[:, length] = inside.sum(axis=1)
        probs[:, length] = (inside * ends.T).sum(axis=1)
        inside = (inside @ hmm.transition_matrix) * hmm.emission_probs.T
    return _build_law(starts.sum(axis=1), probs, lasting, _sum_stationary_moments(hmm, starts), n_steps=None)


def compute_run_ends_by_target(
    hmm: HMM, *, max_length: int
) -> tuple[Float[np.ndarray, "symbol target length"], Float[np.ndarray, "symbol length"]]:
    """How runs of the stationary process end, by length and by the symbol that comes after.

    Parameters
    ----------
    hmm : HMM
    max_length : int >= 1      longest run in the tables

    Returns
    -------
    ends                       (symbol, target, length), rate per step of runs that end so
    lasting                    (symbol, length), rate per step of runs that last at least so long

    Raises
    ------
    InputError                 no unique stationary distribution

    Notes
    -----
    ends / lasting is the hazard of a switch to the target. Summed over targets, and over the rate of runs of
    the symbol, both are what :func:`compute_run_length_law` has.
    """
    check_count("max_length", max_length, minimum=1)
    inside = _compute_run_starts(hmm, compute_stationary_probs(hmm))
    next_probs = hmm.transition_matrix @ hmm.emission_probs
    ends = np.empty((hmm.n_symbols, hmm.n_symbols, max_length))
    lasting = np.empty((hmm.n_symbols, max_length))
    for length in range(max_length):
        lasting[:, length] = inside.sum(axis=1)
        ends[:, :, length] = (inside @ next_probs) * (1 - np.eye(hmm.n_symbols))
        inside = (inside @ hmm.transition_matrix) * hmm.emission_probs.T
    return ends, lasting


def compute_windowed_run_law(hmm: HMM, n_steps: int) -> RunLengthLaw:
    """Law of the complete runs seen in a window of `n_steps` steps that starts from `initial_probs`.

    A run is complete when the different symbols before and after it lie in the window too, so lengths are
    1 … n_steps - 2. Short runs fit more often: this is the law to compare with the runs of finite sequences.

    Parameters
    ----------
    hmm : HMM
    n_steps : int >= 3         length of the window in steps

    Raises
    ------
    InputError                 a window below 3 steps, or one in which no complete run can occur

    Notes
    -----
    Expected number of runs of length l: the sum over starts t = 1 … n_steps-1-l of b_s(t) A_s^(l-1)
    (probability to leave). It needs no stationarity.
    """
    check_count("n_steps", n_steps, minimum=3)
    # Runs that started up to each step, in each state.
    starts = np.cumsum(_list_run_starts(hmm, n_steps - 2), axis=0)
    ends = _compute_run_ends(hmm)
    counts = np.empty((hmm.n_symbols, n_steps - 2))
    for length in range(1, n_steps - 1):
        counts[:, length - 1] = (starts[n_steps - 2 - length] * ends.T).sum(axis=1)
        ends = hmm.transition_matrix @ (hmm.emission_probs * ends)
    lasting = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    lengths = np.arange(1, n_steps - 1)
    moments = np.stack([counts @ lengths, counts @ lengths**2])
    return _build_law(counts.sum(axis=1), counts, lasting, moments, n_steps=n_steps)


def _build_law(
    run_counts: Float[np.ndarray, " symbol"],
    probs: Float[np.ndarray, "symbol length"],
    lasting: Float[np.ndarray, "symbol length"],
    moments: Float[np.ndarray, "moment symbol"],
    *,
    n_steps: int | None,
) -> RunLengthLaw:
    """Normalise tables and moments that are still weighted by the expected number of runs."""
    total = run_counts.sum()
    if not total > 0:
        raise InputError(
            f"a run law needs runs that end, got {total:g} expected complete runs: the symbol never changes. "
            "Use a process with changing symbols, or a longer window."
        )
    mean, square = _divide(moments, run_counts)
    pooled_mean, pooled_square = moments.sum(axis=1) / total
    return RunLengthLaw(
        run_counts=run_counts,
        pmf=_divide(probs, run_counts[:, None]),
        survival=_divide(lasting, run_counts[:, None]),
        mean=mean,
        cv=_compute_cv(mean, square),
        pooled_pmf=probs.sum(axis=0) / total,
        pooled_survival=lasting.sum(axis=0) / total,
        pooled_mean=float(pooled_mean),
        pooled_cv=float(_compute_cv(pooled_mean, pooled_square)),
        n_steps=n_steps,
    )


def _compute_run_starts(
    hmm: HMM, state_probs: Float[np.ndarray, " state"]
) -> Float[np.ndarray, "symbol state"]:
    """Probability that a run of each symbol starts at the next step, in each state."""
    other_symbol = state_probs[:, None] * _compute_other_probs(hmm)
    return (other_symbol.T @ hmm.transition_matrix) * hmm.emission_probs.T


def _list_run_starts(hmm: HMM, n_starts: int) -> Float[np.ndarray, "time symbol state"]:
    """Probabilities of run starts at steps 1, 2, … from `initial_probs`."""
    starts = np.empty((n_starts, hmm.n_symbols, hmm.n_states))
    current = hmm.initial_probs
    for step in range(n_starts):
        starts[step] = _compute_run_starts(hmm, current)
        current = current @ hmm.transition_matrix
    return starts


def _compute_run_ends(hmm: HMM) -> Float[np.ndarray, "state symbol"]:
    """Probability that the next symbol is another one, given the current state."""
    return hmm.transition_matrix @ _compute_other_probs(hmm)


def _compute_other_probs(hmm: HMM) -> Float[np.ndarray, "state symbol"]:
    """Probability to emit any other symbol, summed rather than 1 - p so that impossible stays exactly 0."""
    return hmm.emission_probs @ (1 - np.eye(hmm.n_symbols))


def _sum_stationary_moments(
    hmm: HMM, starts: Float[np.ndarray, "symbol state"]
) -> Float[np.ndarray, "moment symbol"]:
    """First and second moment of the run length, times the number of runs; 0 for symbols without runs."""
    moments = np.zeros((2, hmm.n_symbols))
    members = np.flatnonzero(compute_stationary_probs(hmm) > 0)
    kernel = hmm.transition_matrix[np.ix_(members, members)]
    for symbol in np.flatnonzero(starts.sum(axis=1) > 0):
        staying = np.eye(members.size) - kernel * hmm.emission_probs[members, symbol]
        once = np.linalg.solve(staying, np.ones(members.size))
        twice = np.linalg.solve(staying, once)
        weights = starts[symbol, members]
        # E[length²] = b (I + A)(I - A)^-2 1, and (I + A)(I - A)^-2 = 2(I - A)^-2 - (I - A)^-1.
        moments[:, symbol] = weights @ once, weights @ (2 * twice - once)
    return moments


def _compute_cv(mean, square):
    # Runs of fixed length have no variance; rounding must not make it negative.
    return np.sqrt(np.maximum(square - mean**2, 0)) / mean


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Quotient with NaN, and no warning, where the denominator is 0."""
    shape = np.broadcast_shapes(top.shape, bottom.shape)
    return np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0)
