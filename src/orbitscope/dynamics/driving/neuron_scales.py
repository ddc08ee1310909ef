"""Scales of single neurons: units in which networks that differ by such scales alone are the same."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

LEAST_ACTIVE = 0.01
"""A neuron that is active in a smaller share of the states has no scale where all neurons count alike."""

_BLOCK = 1000
"""States that are converted to float64 together."""


def measure_scales(states: Float[Tensor, "*batch neuron"]) -> Float[np.ndarray, " neuron"]:
    """Standard deviation of each neuron over all states, in float64; 0 where activity does not vary.

    Notes
    -----
    Gauge: for a positive diagonal D the ReLU network (D W_hh D⁻¹, D W_ih, W_out D⁻¹) is the same network, in
    other units of activity. Principal axes, areas and lengths are not the same in other units; those of
    activity in units of these scales are.
    """
    points = states.reshape(-1, states.shape[-1])
    mean = points.mean(0, dtype=torch.float64)
    squares = torch.stack([(block.double() - mean).square().sum(0) for block in points.split(_BLOCK)]).sum(0)
    scales = (squares / len(points)).sqrt()
    return torch.where(points.amax(0) > points.amin(0), scales, 0.0).cpu().numpy()


def measure_active_scales(states: Float[Tensor, "*batch neuron"]) -> Float[np.ndarray, " neuron"]:
    """The same, infinite for neurons that are active (not 0) in fewer than ``LEAST_ACTIVE`` of the states.

    Divided by it, activity of these neurons is 0: a neuron that is active twice has no standard deviation to
    speak of, and would count as much as any other.
    """
    points = states.reshape(-1, states.shape[-1])
    is_active = points.count_nonzero(0).cpu().numpy() >= LEAST_ACTIVE * len(points)
    scales = measure_scales(points)
    return np.where(is_active & (scales > 0), scales, np.inf)
