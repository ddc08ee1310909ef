"""Baum-Welch estimation of hidden Markov models from sequences, and alignment of states between models."""

from dataclasses import dataclass

import numpy as np
import scipy.optimize
from jaxtyping import Bool, Float, Int, Integer

from orbitscope.errors import InputError

from .checks import check_count, check_number, check_rng, check_sequences, mark_inside
from .definition import HMM, reorder_states
from .recursions import run_forward_backward, split_batches

CACHE_ENTRIES, BATCH_ENTRIES = 2**17, 2**22
"""Numbers of a (time, state, sequence) array of a batch (1 MB, 32 MB): the first if 64 sequences fit it."""

LOOK_AHEAD = 8
"""Steps ahead for which the symbol probabilities of states are compared when models are aligned."""


@dataclass(frozen=True)
class BaumWelchResult:
    """The best of several Baum-Welch runs.

    Parameters
    ----------
    hmm : HMM                           estimate; states ordered by expected share of steps, largest first
    log_likelihoods : (step,)           total log-likelihood in nat, from the start to `hmm`; never decreases
    converged : bool                    whether the last step gained less than the tolerance
    restart_log_likelihoods : (restart,)    final log-likelihood of every restart, in their order
    """

    hmm: HMM
    log_likelihoods: Float[np.ndarray, " step"]
    converged: bool
    restart_log_likelihoods: Float[np.ndarray, " restart"]


@dataclass(frozen=True)
class _Batch:
    """Different sequences of one batch with the number of times each occurs."""

    symbols: Integer[np.ndarray, "time sequence"]
    inside: Bool[np.ndarray, "time sequence"]
    weights: Float[np.ndarray, " sequence"]


@dataclass(frozen=True)
class _Counts:
    """Expected counts of the E step."""

    initial: Float[np.ndarray, " state"]
    moves: Float[np.ndarray, "state state"]
    emissions: Float[np.ndarray, "state symbol"]
    log_likelihood: float


def fit_baum_welch(
    sequences: Integer[np.ndarray, "sequence time"],
    n_states: int,
    n_symbols: int,
    *,
    rng: np.random.Generator,
    lengths: Integer[np.ndarray, " sequence"] | None = None,
    n_restarts: int = 5,
    max_steps: int = 500,
    tolerance: float = 1e-7,
    initial: HMM | None = None,
) -> BaumWelchResult:
    """Maximum-likelihood HMM by expectation maximisation, the best of several random starts.

    Parameters
    ----------
    sequences : (sequence, time)    symbols
    n_states, n_symbols : int       size of the HMM
    rng                             source of the random starts; same seed, same result
    lengths : (sequence,)           steps that count; None: all
    n_restarts : int >= 1           number of starts
    max_steps : int >= 1            most steps per start
    tolerance : float >= 0          stop when a step gains less, in nat per symbol
    initial : HMM                   first start instead of a random one

    Returns
    -------
    BaumWelchResult

    Raises
    ------
    InputError                      sizes, symbols or lengths out of range; `initial` of another size, or one
                                    that gives a sequence probability 0

    Notes
    -----
    Baum et al. 1970; Rabiner 1989, section III.C, over many sequences. Equal sequences are evaluated once and
    weighted.
    """
    check_rng(rng)
    check_count("n_states", n_states, minimum=1)
    check_count("n_symbols", n_symbols, minimum=2)
    check_count("n_restarts", n_restarts, minimum=1)
    check_count("max_steps", max_steps, minimum=1)
    check_number("tolerance", tolerance, low=0, high=np.inf)
    sequences, lengths = check_sequences(sequences, n_symbols, lengths)
    batches = _merge_equal(sequences, lengths, n_states, n_symbols)
    starts = [_draw_start(n_states, n_symbols, rng) for _ in range(n_restarts)]
    if initial is not None:
        _check_sizes(initial, n_states, n_symbols)
        starts[0] = initial
    min_gain = tolerance * float(lengths.sum())
    climbs = [_climb(start, batches, max_steps=max_steps, min_gain=min_gain) for start in starts]
    finals = np.array([log_likelihoods[-1] for _, log_likelihoods, _ in climbs])
    hmm, log_likelihoods, converged = climbs[int(finals.argmax())]
    return BaumWelchResult(hmm, log_likelihoods, converged, finals)


def align_states(hmm: HMM, reference: HMM) -> HMM:
    """Return `hmm` with its states in the order, and with the names, of the states of `reference`.

    Parameters
    ----------
    hmm, reference : HMM       of equal sizes

    Raises
    ------
    InputError                 if the numbers of states or symbols differ

    Notes
    -----
    Hungarian assignment on squared differences of rows that do not depend on the order of states (emissions,
    symbol probabilities up to eight steps later, probability to stay); then, while it helps, again on
    emissions plus transition rows and columns taken in the current order.
    """
    _check_sizes(hmm, reference.n_states, reference.n_symbols)
    order = _assign(_describe_states(hmm), _describe_states(reference))
    for _ in range(hmm.n_states):
        aligned = reorder_states(hmm, order)
        better = order[_assign(_describe_moves(aligned), _describe_moves(reference))]
        if _measure_mismatch(reorder_states(hmm, better), reference) >= _measure_mismatch(aligned, reference):
            break
        order = better
    aligned = reorder_states(hmm, order)
    return HMM(
        aligned.initial_probs,
        aligned.transition_matrix,
        aligned.emission_probs,
        state_names=reference.state_names,
        symbol_names=hmm.symbol_names,
        name=hmm.name,
    )


def _merge_equal(
    sequences: Integer[np.ndarray, "sequence time"],
    lengths: Integer[np.ndarray, " sequence"],
    n_states: int,
    n_symbols: int,
) -> list[_Batch]:
    """Merge equal sequences into weighted ones and cut them into batches."""
    inside = mark_inside(lengths, sequences.shape[1])
    keys = np.where(inside, sequences, n_symbols).astype(np.min_scalar_type(n_symbols))
    distinct, weights = np.unique(keys, axis=0, return_counts=True)
    lengths = (distinct < n_symbols).sum(axis=1)
    symbols = np.where(distinct < n_symbols, distinct, 0)
    per_sequence = n_states * symbols.shape[1]
    max_entries = int(np.clip(64 * per_sequence, CACHE_ENTRIES, BATCH_ENTRIES))
    cut = split_batches(symbols, lengths, entries_per_sequence=per_sequence, max_entries=max_entries)
    return [_Batch(part, is_inside, weights[rows].astype(np.float64)) for rows, part, is_inside in cut]


def _draw_start(n_states: int, n_symbols: int, rng: np.random.Generator) -> HMM:
    """A random start: uniform initial state, rows from Dirichlet laws, transitions leaning to stay."""
    transition = rng.dirichlet(np.ones(n_states), size=n_states)
    return HMM(
        np.full(n_states, 1 / n_states),
        (transition + np.eye(n_states)) / 2,
        rng.dirichlet(np.ones(n_symbols), size=n_states) * 0.9 + 0.1 / n_symbols,
    )


def _climb(
    hmm: HMM, batches: list[_Batch], *, max_steps: int, min_gain: float
) -> tuple[HMM, Float[np.ndarray, " step"], bool]:
    """Repeat expectation and maximisation; a step lost to rounding is undone and ends the climb."""
    counts = _count_expected(hmm, batches)
    if not np.isfinite(counts.log_likelihood):
        raise InputError(
            "`initial` must give every sequence a positive probability, got probability 0 for at least one. "
            "Replace its zeros by small positive numbers."
        )
    log_likelihoods = [counts.log_likelihood]
    converged = False
    while not converged and len(log_likelihoods) <= max_steps:
        new_hmm = _maximise(hmm, counts)
        new_counts = _count_expected(new_hmm, batches)
        gain = new_counts.log_likelihood - counts.log_likelihood
        converged = gain <= min_gain
        if gain >= 0:
            hmm, counts = new_hmm, new_counts
            log_likelihoods.append(counts.log_likelihood)
    order = np.argsort(-counts.emissions.sum(axis=1), kind="stable")
    return reorder_states(hmm, order), np.array(log_likelihoods), converged


def _count_expected(hmm: HMM, batches: list[_Batch]) -> _Counts:
    """E step: expected starts, moves and emissions over all sequences."""
    initial = np.zeros(hmm.n_states)
    moves = np.zeros((hmm.n_states, hmm.n_states))
    emissions = np.zeros((hmm.n_states, hmm.n_symbols))
    total = 0.0
    for batch in batches:
        filtered, incoming, posteriors, log_likelihood = run_forward_backward(
            hmm, batch.symbols, batch.inside
        )
        posteriors *= batch.weights
        incoming *= batch.weights
        initial += posteriors[0].sum(axis=1)
        moves += np.matmul(filtered[:-1], incoming[1:].swapaxes(1, 2)).sum(axis=0)
        emissions += _sum_by_symbol(posteriors, batch.symbols, hmm.n_symbols)
        total += float(batch.weights @ log_likelihood)
    return _Counts(initial, moves * hmm.transition_matrix, emissions, total)


def _sum_by_symbol(
    posteriors: Float[np.ndarray, "time state sequence"],
    symbols: Integer[np.ndarray, "time sequence"],
    n_symbols: int,
) -> Float[np.ndarray, "state symbol"]:
    flat = symbols.ravel().astype(np.intp)
    return np.stack(
        [np.bincount(flat, weights=row.ravel(), minlength=n_symbols) for row in posteriors.swapaxes(0, 1)]
    )


def _maximise(hmm: HMM, counts: _Counts) -> HMM:
    """M step: normalised counts; the row of a state that is never visited stays as it is."""
    return HMM(
        counts.initial / counts.initial.sum(),
        _normalise_counts(counts.moves, hmm.transition_matrix),
        _normalise_counts(counts.emissions, hmm.emission_probs),
    )


def _normalise_counts(
    counts: Float[np.ndarray, "state outcome"], otherwise: Float[np.ndarray, "state outcome"]
) -> Float[np.ndarray, "state outcome"]:
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=otherwise.copy(), where=totals > np.finfo(np.float64).tiny)


def _check_sizes(hmm: HMM, n_states: int, n_symbols: int) -> None:
    if (hmm.n_states, hmm.n_symbols) != (n_states, n_symbols):
        raise InputError(
            f"the HMM must have {n_states} states and {n_symbols} symbols, got {hmm.n_states} and "
            f"{hmm.n_symbols}. "
            "Use models of equal sizes."
        )


def _describe_states(hmm: HMM) -> Float[np.ndarray, "state feature"]:
    """Rows that do not depend on the order of the other states."""
    symbol_probs = [hmm.emission_probs]
    for _ in range(min(hmm.n_states - 1, LOOK_AHEAD)):
        symbol_probs.append(hmm.transition_matrix @ symbol_probs[-1])
    return np.hstack([*symbol_probs, np.diag(hmm.transition_matrix)[:, None]])


def _describe_moves(hmm: HMM) -> Float[np.ndarray, "state feature"]:
    return np.hstack([hmm.emission_probs, hmm.transition_matrix, hmm.transition_matrix.T])


def _assign(
    features: Float[np.ndarray, "state feature"], reference: Float[np.ndarray, "state feature"]
) -> Int[np.ndarray, " state"]:
    """For each row of `reference` the paired row of `features`, at least total squared difference."""
    # Squared norms do not depend on the pairing: the least squared difference is the largest product.
    return scipy.optimize.linear_sum_assignment(reference @ features.T, maximize=True)[1]


def _measure_mismatch(hmm: HMM, reference: HMM) -> float:
    return float(np.square(_describe_moves(hmm) - _describe_moves(reference)).sum())
