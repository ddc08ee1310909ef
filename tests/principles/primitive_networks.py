"""Networks that are known to be composed or not: latches with inputs of their own, or one for all."""

import numpy as np
import torch
from latches import GAIN
from scipy.stats import norm

from orbitscope.network import build_network

WIDTH = 0.3
"""Input weight of neurons that only waver."""


def make_followed_latches(n_latches=2, *, flip=0.03, n_wavering=4, n_deaf=8):
    """Latches flipped by an input of their own, each with a follower one step behind.

    The way up is (−, −), (+, −), (+, +) in the plane of a latch and its follower, the way down is
    (+, +), (−, +), (−, −): around a square.
    """
    network = _build_silent(2 * n_latches + n_wavering + n_deaf, 2**n_latches)
    with torch.no_grad():
        for i in range(n_latches):
            network.cell.w_hh[i, i] = network.cell.w_hh[n_latches + i, i] = GAIN
            network.cell.w_ih[i, i] = GAIN / -norm.ppf(flip)
        _waver(network, 2 * n_latches, n_deaf)
        _show_patterns(network, n_latches)
    return start_anywhere(network, n_latches, followed=n_latches)


def make_entangled_latches(*, flip=0.03, n_wavering=4, n_deaf=8):
    """Two latches that one input sets or resets; another one says which of them.

    Units: latches, large input above and below, the choice, gates of both latches up and down.
    """
    network = _build_silent(9 + n_wavering + n_deaf, 4)
    with torch.no_grad():
        w_hh, w_ih, bias = network.cell.w_hh, network.cell.w_ih, network.cell.bias
        for unit, sign in ((2, 1.0), (3, -1.0)):
            w_ih[unit, 0] = sign * GAIN
            bias[unit] = GAIN * norm.ppf(2 * flip)
        w_ih[4, 1] = GAIN
        for latch, choice in ((0, 1.0), (1, -1.0)):
            w_hh[latch, latch] = GAIN
            for gate, fired, sign in ((5 + latch, 2, 1.0), (7 + latch, 3, -1.0)):
                w_hh[gate, fired], w_hh[gate, 4], bias[gate] = GAIN, choice * GAIN, -GAIN
                w_hh[latch, gate] = sign * GAIN
        _waver(network, 9, n_deaf)
        _show_patterns(network, 2)
    return start_anywhere(network, 2)


def start_anywhere(network, n_latches, *, followed=0):
    """Each latch up or down by itself, and its follower with it."""

    def initial_state(n_trajectories):
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(n_trajectories, n_latches))
        state = torch.zeros(n_trajectories, network.hidden_size, dtype=torch.float64)
        state[:, :n_latches] = torch.from_numpy(signs)
        state[:, n_latches : n_latches + followed] = torch.from_numpy(signs[:, :followed])
        return state

    network.initial_state = initial_state
    return network


def _build_silent(size, n_symbols):
    sizes = {"hidden_size": size, "input_size": size, "bias": True}
    generator = torch.Generator().manual_seed(0)
    network = build_network(n_symbols, cell="tanh", **sizes, generator=generator).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
    return network


def _waver(network, first, n_deaf):
    """All further units have noise of their own; the last ones much of it, and are held at −1 all the same.

    Then random directions of equal drive are there that do nothing.
    """
    for i in range(first, network.hidden_size):
        network.cell.w_ih[i, i] = WIDTH
    for i in range(network.hidden_size - n_deaf, network.hidden_size):
        network.cell.w_ih[i, i] = GAIN / 2
        network.cell.bias[i] = -100 * GAIN


def _show_patterns(network, n_latches):
    patterns = np.array(np.meshgrid(*[[-1, 1]] * n_latches, indexing="ij")).reshape(n_latches, -1).T
    network.w_out[:, :n_latches] = torch.from_numpy(10.0 * patterns)
