"""Networks whose metastable regions are known: latches that noise flips, beside neurons that only waver."""

import numpy as np
import torch
from latches import GAIN
from scipy.stats import norm

from orbitscope.network import build_network


def make_wavering_latches(n_latches=2, *, flip=0.03, n_wavering=6, width=0.3):
    """Saturated latches, each flipped by an input of its own, and neurons with noise of their own.

    There are 2^n regions, one for each pattern of the latches, which is the symbol.
    """
    size = n_latches + n_wavering
    sizes = {"hidden_size": size, "input_size": size}
    generator = torch.Generator().manual_seed(0)
    network = build_network(2**n_latches, cell="tanh", **sizes, generator=generator).double()
    patterns = np.array(np.meshgrid(*[[-1, 1]] * n_latches, indexing="ij")).reshape(n_latches, -1).T
    with torch.no_grad():
        for weights in (network.cell.w_hh, network.cell.w_ih, network.w_out):
            weights.zero_()
        for i in range(n_latches):
            network.cell.w_hh[i, i] = GAIN
            network.cell.w_ih[i, i] = GAIN / -norm.ppf(flip)
        for i in range(n_latches, size):
            network.cell.w_ih[i, i] = width
        network.w_out[:, :n_latches] = torch.from_numpy(10.0 * patterns)
    return network


def make_cloud(n_wavering=12):
    """Neurons without memory: activity keeps to no region."""
    network = make_wavering_latches(1, n_wavering=n_wavering)
    with torch.no_grad():
        network.cell.w_hh.zero_()
        network.cell.w_ih[0, 0] = 0.3
    return network
