"""Hand-built networks whose dynamics are known."""

import copy

import numpy as np
import torch

from orbitscope.dynamics.orbit.orbit_plane import OrbitPlane
from orbitscope.network import NoiseRNN, build_network
from orbitscope.network.cells import Cell


class LinearCell(Cell):
    """h′ = A h + B x, with as many extra entries of state as asked for, which hold rubbish."""

    name = "linear"

    def __init__(self, matrix, noise_matrix, n_extra=0):
        super().__init__(len(matrix), noise_matrix.shape[1], len(matrix) + n_extra)
        self.matrix, self.noise_matrix, self.n_extra = matrix, noise_matrix, n_extra

    def step(self, state, noise):
        hidden = state[:, : self.hidden_size] @ self.matrix.T + noise @ self.noise_matrix.T
        return torch.cat([hidden, 99 * noise[:, :1].repeat(1, self.n_extra)], dim=1)


def scale_recurrence(network, gain):
    """Random recurrent weights of one strength whatever is drawn: a spectral radius of 0.58 times a gain."""
    with torch.no_grad():
        weights = network.cell.w_hh
        weights.mul_(0.58 * gain / torch.linalg.eigvals(weights).abs().max())
    return network


def make_linear(matrix, noise_matrix=None, **options):
    matrix = torch.as_tensor(np.asarray(matrix), dtype=torch.float64)
    noise_matrix = torch.eye(len(matrix)) if noise_matrix is None else torch.as_tensor(noise_matrix)
    cell = LinearCell(matrix, noise_matrix.double(), **options)
    return NoiseRNN(cell, 3, generator=torch.Generator().manual_seed(0)).double()


def make_ring(direction=1, *, n_units=8, gain=0.8, turn=0.8):
    """Bias-free ReLU units on a ring that excite the units ahead and inhibit those opposite."""
    network = build_network(
        3, hidden_size=n_units, input_size=n_units, generator=torch.Generator().manual_seed(0)
    ).double()
    angle = 2 * torch.pi * torch.arange(n_units) / n_units
    ahead = angle[:, None] - angle[None, :] - direction * turn
    with torch.no_grad():
        network.cell.w_hh.copy_(4 * gain / n_units * torch.cos(ahead))
        network.cell.w_ih.copy_(torch.eye(n_units))
    return network


def make_slow_ring():
    """A ring with 12 steps for each third of a turn, which has a symbol: it visits all regions."""
    network = make_ring(n_units=9, gain=0.97, turn=2 * torch.pi / 36)
    with torch.no_grad():
        network.w_out.copy_(torch.eye(3).repeat_interleave(3, 1))
    return network


def change_units(network, *, spread=1.0):
    """The same ReLU network in other units of activity."""
    drawn = torch.randn(network.hidden_size, generator=torch.Generator().manual_seed(5)).double()
    units, changed = torch.exp(spread * drawn), copy.deepcopy(network)
    with torch.no_grad():
        changed.cell.w_hh.copy_(units[:, None] * network.cell.w_hh / units)
        changed.cell.w_ih.copy_(units[:, None] * network.cell.w_ih)
        changed.w_out.copy_(network.w_out / units)
    return changed


def make_quiet_ring(angle):
    """Two loud neurons that keep apart, and eight quiet ones that share two turning directions."""
    place = 2 * np.pi * np.arange(8) / 8
    axes = np.stack([np.cos(place), np.sin(place)], axis=1) / 2
    matrix, noise_matrix = np.zeros((10, 10)), np.zeros((10, 4))
    matrix[:2, :2], matrix[2:, 2:] = 0.9 * np.eye(2), 0.9 * axes @ rotate(angle) @ axes.T
    noise_matrix[:2, :2], noise_matrix[2:, 2:] = 100 * np.eye(2), axes
    return make_linear(matrix, noise_matrix)


def rotate(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def make_plane(width=2):
    return OrbitPlane(np.zeros(width), np.eye(width)[:2], np.ones(width))


def make_tilted_plane(width, *, seed=0, n_components=2):
    """A plane in a random direction."""
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, n_components)))[0].T
    return OrbitPlane(np.zeros(width), axes, np.ones(width))
