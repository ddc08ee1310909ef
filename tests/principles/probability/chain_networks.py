"""Networks that are finite Markov chains: the hidden activity is the state, one unit each."""

import numpy as np
import torch

from orbitscope.network import NoiseRNN
from orbitscope.network.cells import Cell
from orbitscope.principles.region_cores import RegionCores


class ChainCell(Cell):
    """One-hot states; the noise x moves from state i to the first j with Φ(x) below Σ_{l ≤ j} P_il."""

    name = "chain"

    def __init__(self, matrix):
        super().__init__(len(matrix), 1, len(matrix))
        self.table = torch.from_numpy(np.cumsum(matrix, axis=1))
        self.table[:, -1] = 2.0

    def step(self, state, noise):
        uniform = torch.special.ndtr(noise[:, 0].double())
        after = (self.table[state.argmax(1)] <= uniform[:, None]).sum(1)
        return torch.nn.functional.one_hot(after, self.hidden_size).to(state)


def make_chain(matrix, *, symbol_of=None, start=0):
    """A network whose states are those of a chain; state i shows its symbol surely."""
    matrix = np.asarray(matrix, dtype=float)
    symbol_of = np.arange(len(matrix)) if symbol_of is None else np.asarray(symbol_of)
    network = NoiseRNN(ChainCell(matrix), int(symbol_of.max()) + 1, generator=torch.Generator()).double()
    with torch.no_grad():
        network.w_out.zero_()
        network.w_out[torch.from_numpy(symbol_of), torch.arange(len(matrix))] = 20.0
    starts = np.broadcast_to(start, (1,)) if np.ndim(start) == 0 else np.asarray(start)

    def initial_state(n_trajectories):
        chosen = torch.from_numpy(starts[np.arange(n_trajectories) % len(starts)])
        return torch.nn.functional.one_hot(chosen, len(matrix)).double()

    network.initial_state = initial_state
    return network


def make_core_rules(n_states, *members):
    """Rules by which states of a chain are in the core of a region, given as lists of states."""
    weights = np.zeros((len(members), n_states))
    for region, states in enumerate(members):
        weights[region, states] = 1.0
    return RegionCores(weights, np.zeros(len(members)), np.full(len(members), 0.5), is_direction=False)


def solve_committors(matrix, *members):
    """Exact committors of a chain: (state, region), by linear equations."""
    matrix = np.asarray(matrix, dtype=float)
    n_states = len(matrix)
    inside = np.zeros((n_states, len(members)))
    for region, states in enumerate(members):
        inside[states, region] = 1.0
    free = inside.sum(1) == 0
    found = inside.copy()
    system = np.eye(free.sum()) - matrix[np.ix_(free, free)]
    found[free] = np.linalg.solve(system, matrix[free] @ inside)
    return found


def find_stationary(matrix):
    values, vectors = np.linalg.eig(np.asarray(matrix, dtype=float).T)
    vector = vectors[:, np.argmin(abs(values - 1))].real
    return vector / vector.sum()


def make_walk(n_states=7, *, up=0.3, down=0.2, end_stay=0.9):
    """A birth-death chain whose ends are kept for long."""
    matrix = np.zeros((n_states, n_states))
    for state in range(1, n_states - 1):
        matrix[state, [state - 1, state, state + 1]] = down, 1 - up - down, up
    matrix[0, :2] = end_stay, 1 - end_stay
    matrix[-1, -2:] = 1 - end_stay, end_stay
    return matrix


def make_one_way_ring(forward=0.3, backward=0.05, *, n_between=2, core_stay=0.95):
    """Three cores on a ring with states between them, which is gone round in one direction.

    Cores are states 0, 1 + n_between, 2 + 2 n_between.
    """
    n_states = 3 * (1 + n_between)
    matrix = np.zeros((n_states, n_states))
    for state in range(n_states):
        leave = (1 - core_stay) / (forward + backward) if state % (1 + n_between) == 0 else 1.0
        matrix[state, (state + 1) % n_states] = leave * forward
        matrix[state, (state - 1) % n_states] = leave * backward
        matrix[state, state] = 1 - leave * (forward + backward)
    return matrix
