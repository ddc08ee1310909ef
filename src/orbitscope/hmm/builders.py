"""Families of hidden Markov models of any size that contain the paper's processes.

Source of the special cases: Torre et al. 2025, arXiv 2510.25674, target processes. Generalisations are ours.
"""

import numpy as np
from jaxtyping import Float

from .checks import check_count, check_number, check_rng, check_table_size
from .definition import HMM
from .exact import compute_stationary_probs


def build_linear_chain(
    n_states: int,
    n_symbols: int = 3,
    *,
    end_to_end_prob: float = 0.05,
    min_stay_prob: float = 0.05,
    rare_prob: float = 0.01,
) -> HMM:
    """States in a row; the first emits mostly the first symbol, the last mostly the last one.

    Parameters
    ----------
    n_states : int >= 1           number of states M
    n_symbols : int >= 2          number of symbols
    end_to_end_prob : float       probability of the direct path from one end to the other (paper: 0.05)
    min_stay_prob : float         smallest probability that an inner state stays
    rare_prob : float             total probability of the symbols between the first and the last

    Raises
    ------
    InputError                    a count or a probability out of range

    Notes
    -----
    Neighbours are entered with q = end_to_end_prob^(1/(M-1)); ends stay with 1-q, inner states with 1-2q.
    This turns negative from M = 6 on, so from there q is capped at (1 - min_stay_prob)/2: all longer chains
    take the same small steps. State i emits the first symbol with (1-r)(1-a) and the last with (1-r)a, a =
    i/(M-1); symbols in between share r = rare_prob equally (with two symbols r = 0). M = 2 … 5 with 3 symbols
    are the paper's chains.
    """
    check_count("n_states", n_states, minimum=1)
    check_count("n_symbols", n_symbols, minimum=2)
    check_table_size(n_states, n_symbols)
    check_number("end_to_end_prob", end_to_end_prob, low=0, high=1)
    check_number("min_stay_prob", min_stay_prob, low=0, high=1)
    check_number("rare_prob", rare_prob, low=0, high=1)
    return HMM(
        _spread_evenly(n_states),
        _chain_transitions(n_states, end_to_end_prob, min_stay_prob),
        _chain_emissions(n_states, n_symbols, rare_prob),
        name=_compose_name("linear", n_states, n_symbols, default=3),
    )


def build_ring(
    n_states: int, n_symbols: int = 3, *, leave_prob: float = 0.05, previous_prob: float = 0.1
) -> HMM:
    """States in a ring; each steps to its two neighbours with equal probability.

    Parameters
    ----------
    n_states : int >= 1           number of states
    n_symbols : int >= 2          number of symbols
    leave_prob : float            probability to leave a state (paper: 0.05)
    previous_prob : float         probability to emit the symbol of the previous state (paper: 0.1)

    Raises
    ------
    InputError                    a count or a probability out of range

    Notes
    -----
    Once around the ring the state's own symbol climbs from the first to the last and back again. A state
    emits its own symbol, or with `previous_prob` that of its predecessor. Between two symbols the own symbol
    is split linearly, so all states differ at every size. Four states with 3 symbols are the paper's cyclic
    process.
    """
    check_count("n_states", n_states, minimum=1)
    check_count("n_symbols", n_symbols, minimum=2)
    check_table_size(n_states, n_symbols)
    check_number("leave_prob", leave_prob, low=0, high=1)
    check_number("previous_prob", previous_prob, low=0, high=1)
    step = np.eye(n_states)
    neighbours = (np.roll(step, 1, axis=1) + np.roll(step, -1, axis=1)) / 2
    own_symbol = _ring_symbols(n_states, n_symbols)
    return HMM(
        _spread_evenly(n_states),
        (1 - leave_prob) * step + leave_prob * neighbours,
        (1 - previous_prob) * own_symbol + previous_prob * np.roll(own_symbol, 1, axis=0),
        name=_compose_name("ring", n_states, n_symbols, default=3),
    )


def build_fully_connected(
    n_states: int, n_symbols: int | None = None, *, leave_prob: float = 0.05, other_prob: float = 0.02
) -> HMM:
    """Every state leads to every other one with equal probability, and has a symbol of its own.

    Parameters
    ----------
    n_states : int >= 1           number of states
    n_symbols : int >= 2          number of symbols; None: one per state (at least 2)
    leave_prob : float            probability to leave a state (paper: 0.05)
    other_prob : float            probability of all symbols but the state's own (paper: 0.02)

    Raises
    ------
    InputError                    a count or a probability out of range

    Notes
    -----
    State i owns symbol i modulo n_symbols. With fewer symbols than states, states that share a symbol cannot
    be told apart from outside (`is_identifiable` is False). Three states with 3 symbols are the paper's
    process.
    """
    check_count("n_states", n_states, minimum=1)
    n_symbols = max(n_states, 2) if n_symbols is None else check_count("n_symbols", n_symbols, minimum=2)
    check_table_size(n_states, n_symbols)
    check_number("leave_prob", leave_prob, low=0, high=1)
    check_number("other_prob", other_prob, low=0, high=1)
    transition = np.full((n_states, n_states), leave_prob / max(n_states - 1, 1))
    np.fill_diagonal(transition, 1 - leave_prob if n_states > 1 else 1.0)
    emission = np.full((n_states, n_symbols), other_prob / (n_symbols - 1))
    emission[np.arange(n_states), np.arange(n_states) % n_symbols] = 1 - other_prob
    name = _compose_name("fully-connected", n_states, n_symbols, default=max(n_states, 2))
    return HMM(_spread_evenly(n_states), transition, emission, name=name)


def build_random(
    n_states: int,
    n_symbols: int,
    *,
    rng: np.random.Generator,
    stay_prob: float = 0.0,
    transition_concentration: float = 1.0,
    emission_concentration: float = 1.0,
) -> HMM:
    """Rows drawn from symmetric Dirichlet laws; starts from the stationary distribution.

    Parameters
    ----------
    n_states : int >= 1               number of states
    n_symbols : int >= 2              number of symbols
    rng                               source of randomness; same seed, same process
    stay_prob : float in [0, 1)       sticky part: rows are stay_prob on the diagonal plus (1-stay_prob) times
                                      the draw
    transition_concentration : float  Dirichlet parameter of transition rows; small values give sparse rows
    emission_concentration : float    the same for emission rows

    Raises
    ------
    InputError                        a count or a number out of range, or a draw so sparse that the chain
                                      falls apart
    """
    check_rng(rng)
    check_count("n_states", n_states, minimum=1)
    check_count("n_symbols", n_symbols, minimum=2)
    check_table_size(n_states, n_symbols)
    check_number("stay_prob", stay_prob, low=0, high=1 - 1e-9)
    check_number("transition_concentration", transition_concentration, low=0, high=np.inf, closed=False)
    check_number("emission_concentration", emission_concentration, low=0, high=np.inf, closed=False)
    drawn = rng.dirichlet(np.full(n_states, transition_concentration), size=n_states)
    transition = stay_prob * np.eye(n_states) + (1 - stay_prob) * drawn
    emission = rng.dirichlet(np.full(n_symbols, emission_concentration), size=n_states)
    unstarted = HMM(_spread_evenly(n_states), transition, emission)
    initial = compute_stationary_probs(unstarted)
    return HMM(initial, transition, emission, name=f"random-{n_states}x{n_symbols}")


def _spread_evenly(n_states: int) -> Float[np.ndarray, " state"]:
    return np.full(n_states, 1 / n_states)


def _chain_transitions(
    n_states: int, end_to_end_prob: float, min_stay_prob: float
) -> Float[np.ndarray, "state state"]:
    if n_states == 1:
        return np.ones((1, 1))
    move_prob = end_to_end_prob ** (1 / (n_states - 1))
    if n_states > 2:
        move_prob = min(move_prob, (1 - min_stay_prob) / 2)
    neighbours = np.eye(n_states, k=1) + np.eye(n_states, k=-1)
    return move_prob * neighbours + np.diag(1 - move_prob * neighbours.sum(axis=1))


def _chain_emissions(n_states: int, n_symbols: int, rare_prob: float) -> Float[np.ndarray, "state symbol"]:
    if n_symbols == 2:
        rare_prob = 0.0
    place = np.arange(n_states) / max(n_states - 1, 1)
    emission = np.full((n_states, n_symbols), rare_prob / max(n_symbols - 2, 1))
    emission[:, 0] = (1 - rare_prob) * (1 - place)
    emission[:, -1] = (1 - rare_prob) * place
    return emission


def _ring_symbols(n_states: int, n_symbols: int) -> Float[np.ndarray, "state symbol"]:
    """Own symbol of each state: a triangle wave over the symbols, split linearly between neighbours."""
    top = n_symbols - 1
    height = top - np.abs(top - np.arange(n_states) * (2 * top / n_states))
    return np.maximum(1 - np.abs(height[:, None] - np.arange(n_symbols)), 0)


def _compose_name(family: str, n_states: int, n_symbols: int, *, default: int) -> str:
    return f"{family}-{n_states}" if n_symbols == default else f"{family}-{n_states}x{n_symbols}"
