"""What scaling a network by s > 0 leaves as it was: all but its size, with its noise or without noise.

The step F(h, x) of a network *scales with its noise* if F(s h, s x) = s F(h, x) for s > 0; its noise-free map
F(h, 0) is *homogeneous* if F(s h, 0) = s F(h, 0). The first implies the second, not the other way round.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN
from .points import require_points

_N_PROBES = 64
_PROBE_SEED = 0


def scales_with_noise(network: NoiseRNN) -> bool:
    """Tell whether F(s h, s x) = s F(h, x) for all s > 0.

    A ReLU cell does if its bias is absent or 0, a tanh cell does not. Any other cell is tried on states and
    noise that are the same in every call. The readout does not count: its bias changes symbols, not states.

    Parameters
    ----------
    network : NoiseRNN

    Notes
    -----
    Own construction. What follows for such a network is an identity: the origin is a fixed point, the size of
    the orbit is linear in ``noise_std``, and spectra, residencies, regions and rotation do not depend on it.
    """
    probe = torch.Generator().manual_seed(_PROBE_SEED)
    state = torch.randn(_N_PROBES, network.cell.state_size, generator=probe).to(network.w_out)
    noise = torch.randn(_N_PROBES, network.input_size, generator=probe).to(network.w_out)
    return network.cell.scales_at(state, noise)


def is_map_homogeneous(network: NoiseRNN, states: Float[Tensor, "point state"]) -> bool:
    """Tell whether the noise-free map is homogeneous: F(s h) = s F(h) for all s > 0.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
        Where a cell is tried that is neither ReLU nor tanh.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite.

    Notes
    -----
    Own construction. The Jacobian of such a map is the same along a ray, so iterates may be rescaled after
    every step; it has no isolated fixed point but the origin.
    """
    require_points(network, states)
    still = states.new_zeros(len(states), network.input_size)
    return network.cell.scales_at(states, still)
