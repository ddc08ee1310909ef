"""Recurrent weights in units of the activity: what a neuron sends and receives, in standard deviations."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from ...dynamics.driving.driven_states import DrivenPath
from ...errors import UndefinedAnalysisError
from ...network import NoiseRNN


@dataclass(frozen=True)
class StandardWeights:
    """Recurrent weights, raw and in standard units, and the activity that gives the units.

    Attributes
    ----------
    raw : (neuron, neuron)
        Row i holds what neuron i receives.
    standard : (neuron, neuron)
        W̃_ij = W_ij sd(h_j) / sd(z_i), z the pre-activation; 0 where z_i never varies.
    mean : (neuron,)
        Mean activity.
    sd, drive_sd : (neuron,)
        Standard deviations of activity h and of pre-activation z.
    varies : (neuron,)
        Neurons whose activity varies.
    """

    raw: Float[np.ndarray, "neuron neuron"]
    standard: Float[np.ndarray, "neuron neuron"]
    mean: Float[np.ndarray, " neuron"]
    sd: Float[np.ndarray, " neuron"]
    drive_sd: Float[np.ndarray, " neuron"]
    varies: Bool[np.ndarray, " neuron"]

    def restore(self, standard: Float[np.ndarray, "neuron neuron"]) -> Float[np.ndarray, "neuron neuron"]:
        """Raw weights of others in these units; a neuron that never varies sends nothing that varies."""
        return self.drive_sd[:, None] * standard * _invert(self.sd)


def measure_weights(network: NoiseRNN, path: DrivenPath) -> StandardWeights:
    """Recurrent weights of a network in the units of its driven activity.

    Raises
    ------
    UndefinedAnalysisError
        If the cell has no recurrent weights, or no pre-activation.

    Notes
    -----
    Neurons have no units of their own: (D W_hh D⁻¹, D W_ih, W_out D⁻¹) is the same ReLU network for any
    positive diagonal D. W̃ is the same for all of them, and so is every mean of its entries.
    """
    found, drive = network.cell.find_recurrent_weights(), _gather_preactivation(network, path)
    if found is None or drive is None:
        raise UndefinedAnalysisError(
            f"the cell must have recurrent weights, but `{type(network.cell).__name__}` does not say which. "
            "Write its methods `find_recurrent_weights` and `find_preactivation`."
        )
    hidden = network.show_hidden(path.states)
    (variance, mean), drive_variance = torch.var_mean(hidden, dim=(0, 1)), torch.var(drive, dim=(0, 1))
    sd, drive_sd = (v.double().sqrt().cpu().numpy() for v in (variance, drive_variance))
    raw = found.double().cpu().numpy()
    standard = raw * sd * _invert(drive_sd)[:, None]
    return StandardWeights(raw, standard, mean.double().cpu().numpy(), sd, drive_sd, sd > 0)


def _gather_preactivation(
    network: NoiseRNN, path: DrivenPath
) -> Float[torch.Tensor, "time trajectory neuron"] | None:
    """Pre-activation of every step."""
    before = [path.start, *path.states[:-1]]
    found = [network.cell.find_preactivation(h, x) for h, x in zip(before, path.noise, strict=True)]
    known = [z for z in found if z is not None]
    return torch.stack(known) if len(known) == len(found) else None


def _invert(values: Float[np.ndarray, " neuron"]) -> Float[np.ndarray, " neuron"]:
    """One over positive values, 0 elsewhere."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
