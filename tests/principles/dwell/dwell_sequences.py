"""Sequences of two states whose dwells are drawn from a given law, and networks that keep time."""

import numpy as np
import torch

from orbitscope.network import build_network

GAIN = 200.0


def cut_window(lengths, n_steps, first=0, state=0):
    """States of dwells of these lengths, alternating, ``n_steps`` from a step on."""
    states = np.repeat((np.arange(len(lengths)) + state) % 2, lengths)
    assert len(states) >= first + n_steps
    return states[first : first + n_steps]


def draw_renewals(n_trajectories, n_steps, draw, *, lead=None):
    """Windows of alternating states that begin long after the first dwell."""
    lead = n_steps if lead is None else lead
    windows = []
    for i in range(n_trajectories):
        lengths = draw(64)
        while lengths.sum() < lead + n_steps:
            lengths = np.append(lengths, draw(64))
        windows.append(cut_window(lengths, n_steps, lead, i))
    return np.stack(windows)


def resample_lengths(states, n_resamples, rng):
    """The trajectories that each resample of the bootstrap draws."""
    return [states[rng.integers(len(states), size=len(states))] for _ in range(n_resamples)]


def make_clock(half_period, *, seed=0):
    """Two symbols that take turns every so many steps: a saturated ring with one inversion."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"hidden_size": half_period, "input_size": 1}
    network = build_network(2, cell="tanh", **sizes, generator=generator).double()
    with torch.no_grad():
        for weights in (network.cell.w_hh, network.cell.w_ih, network.w_out):
            weights.zero_()
        network.cell.w_ih[:] = 1e-3
        for unit in range(1, half_period):
            network.cell.w_hh[unit, unit - 1] = GAIN
        network.cell.w_hh[0, half_period - 1] = -GAIN
        network.w_out[:, 0] = GAIN * torch.tensor([-1.0, 1.0])

    def initial_state(n_trajectories):
        phase = np.random.default_rng(seed).integers(2 * half_period, size=n_trajectories)
        unit = np.arange(half_period)
        signs = np.where((phase[:, None] - unit) % (2 * half_period) < half_period, 1.0, -1.0)
        return torch.from_numpy(signs)

    network.initial_state = initial_state
    return network
