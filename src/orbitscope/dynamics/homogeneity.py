"""Positive homogeneity: networks for which scaling the noise scales every state, and nothing else."""

import torch

from ..network import NoiseRNN
from ..network.cells import ReLUCell

_N_PROBES = 64
_SCALES = (0.25, 3.0)
_PROBE_SEED = 0


@torch.no_grad()
def scales_with_noise(network: NoiseRNN) -> bool:
    """Whether F(s h, s x) = s F(h, x) for all s > 0.

    True if the cell is known to have this property (ReLU), none of its biases differs from zero, and the
    identity holds to rounding on probing states and noise. The readout does not count: its bias changes
    symbols, not states.

    Parameters
    ----------
    network : NoiseRNN

    Notes
    -----
    Own construction. What follows for such a network is an identity: the origin is a fixed point, the size of
    the orbit is linear in ``noise_std``, and spectra, residencies, regions and rotation do not depend on it.
    The probes are the same in every call, so the answer does not depend on chance.
    """
    cell = network.cell
    biases = [parameter for name, parameter in cell.named_parameters() if "bias" in name]
    if not isinstance(cell, ReLUCell) or any(bool(bias.any()) for bias in biases):
        return False
    probe = torch.Generator().manual_seed(_PROBE_SEED)
    state = torch.randn(_N_PROBES, cell.state_size, generator=probe).to(network.w_out)
    noise = torch.randn(_N_PROBES, cell.input_size, generator=probe).to(network.w_out)
    after = network.step(state, noise)
    tolerance = 1e3 * torch.finfo(after.dtype).eps * float(after.abs().max())
    errors = [float((network.step(s * state, s * noise) / s - after).abs().max()) for s in _SCALES]
    return max(errors) <= tolerance
