"""Networks whose switches are understood: a latch that noise flips in one step, read through a delay line."""

import numpy as np
import torch
from scipy.stats import norm

from orbitscope.network import build_network

GAIN = 2000.0
"""So high that the latch is hardly ever between up and down."""


def make_latch(delay=0, *, flip=0.03, ramp=False):
    """Two symbols by the sign of a latch ``delay`` steps ago, or by the mean of all units of the delay line.

    The latch is a saturated tanh unit that flips with this probability in every step, whatever it did before.
    """
    generator = torch.Generator().manual_seed(0)
    size = delay + 1
    network = build_network(2, cell="tanh", hidden_size=size, input_size=1, generator=generator).double()
    with torch.no_grad():
        for weights in (network.cell.w_hh, network.cell.w_ih, network.w_out):
            weights.zero_()
        network.cell.w_hh[0, 0] = GAIN
        network.cell.w_ih[0, 0] = GAIN / -norm.ppf(flip)
        for unit in range(1, size):
            network.cell.w_hh[unit, unit - 1] = GAIN
        shown = torch.zeros(size, dtype=torch.float64)
        shown[1:] = 1 / delay if ramp else 0
        shown[-1] = 1 / delay if ramp else 1
        network.w_out[0], network.w_out[1] = -shown, shown
    return network


def start_saturated(network, seed=0):
    """Trajectories begin with the latch and its line up or down, not at rest."""
    size = network.hidden_size

    def initial_state(n_trajectories):
        signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=n_trajectories)
        return torch.from_numpy(np.repeat(signs[:, None], size, axis=1))

    network.initial_state = initial_state
    return network


def make_driven_latches(directions, *, flip=0.03, filter_memory=None):
    """Latches that noise flips along given directions (latch, input), one symbol for each pattern of theirs.

    With ``filter_memory`` λ a latch is not flipped by the noise of one step but by u_t = λ u_{t−1} + v · x_t,
    one step later, when |u| is beyond the same quantile of its own distribution.
    """
    directions = np.atleast_2d(directions)
    n_latches, n_inputs = directions.shape
    has_filter = filter_memory is not None
    size = n_latches * (1 + has_filter)
    generator = torch.Generator().manual_seed(0)
    sizes = {"hidden_size": size, "input_size": n_inputs}
    network = build_network(2**n_latches, cell="tanh", **sizes, generator=generator).double()
    patterns = np.array(np.meshgrid(*[[-1, 1]] * n_latches, indexing="ij")).reshape(n_latches, -1).T
    threshold = -norm.ppf(flip)
    with torch.no_grad():
        for weights in (network.cell.w_hh, network.cell.w_ih, network.w_out):
            weights.zero_()
        network.w_out[:, :n_latches] = torch.from_numpy(patterns.astype(float))
        for i, direction in enumerate(directions):
            network.cell.w_hh[i, i] = GAIN
            if not has_filter:
                network.cell.w_ih[i] = torch.from_numpy(GAIN / threshold * direction)
                continue
            small = 1e-3  # so small that the filter is linear
            spread = small / np.sqrt(1 - filter_memory**2)
            network.cell.w_ih[n_latches + i] = torch.from_numpy(small * direction)
            network.cell.w_hh[n_latches + i, n_latches + i] = filter_memory
            network.cell.w_hh[i, n_latches + i] = GAIN / threshold / spread
    return network


def make_gated_latch(up, down, *, flips=(0.02, 0.2)):
    """A latch that noise along one direction sets and noise along another one resets, one step later."""
    generator = torch.Generator().manual_seed(0)
    sizes = {"hidden_size": 3, "input_size": len(up)}
    network = build_network(2, cell="tanh", bias=True, **sizes, generator=generator).double()
    with torch.no_grad():
        for weights in (network.cell.w_hh, network.cell.w_ih, network.w_out, network.out_bias):
            weights.zero_()
        network.cell.w_hh[0] = GAIN * torch.tensor([1.0, 1.0, -1.0])
        for i, (direction, flip) in enumerate(zip((up, down), flips, strict=True), 1):
            network.cell.w_ih[i] = GAIN * torch.from_numpy(direction)
            network.cell.bias[i] = GAIN * norm.ppf(flip)
        network.cell.bias[0] = 0
        network.w_out[:, 0] = torch.tensor([-1.0, 1.0])
    return network
