"""Regions of states whose residency itself is not wanted: most slow states are told early."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..network import NoiseRNN
from .regions import REGIONS, SLOW_ABOVE, TRANSITION_BELOW, UNDEFINED, classify_regions
from .residency import compute_residency

LABEL_STEPS = 60
LABEL_ROLLOUTS = 20
"""Residencies behind a label: those of the regions of Torre et al. 2025."""

_BRIEF_STEPS = {SLOW_ABOVE: 10, TRANSITION_BELOW: 4}
"""A residency cut here is a lower bound of the whole one: steps that suffice to see it exceed a limit."""


def label_states(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    noise_std: float = 1.0,
    only_transition: bool = False,
    generator: torch.Generator,
) -> Int[np.ndarray, " point"]:
    """Index into ``REGIONS`` of each state, at about a third of the cost of its residency.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    only_transition : bool
        Do not tell slow states from kick ones: both are ``UNDEFINED``, which is cheaper still.
    generator
        Source of the noise; same seed, same labels.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or ``noise_std`` is negative.

    Notes
    -----
    Own construction. Brief rollouts come first: a state whose residency exceeds the limit even when cut there
    is above it. Every other one gets a residency from fresh rollouts, as :func:`compute_regions` has it. Only
    states at a limit can differ from those labels: they have two chances to be above it.
    """
    residency = {"n_rollouts": LABEL_ROLLOUTS, "noise_std": noise_std, "generator": generator}
    limit = TRANSITION_BELOW if only_transition else SLOW_ABOVE
    brief = compute_residency(network, states, max_steps=_BRIEF_STEPS[limit], **residency)
    labels = np.full(len(states), UNDEFINED if only_transition else REGIONS.index("slow"))
    is_open = brief.mean_steps <= limit
    if is_open.any():
        chosen = states[torch.from_numpy(is_open)]
        steps = compute_residency(network, chosen, max_steps=LABEL_STEPS, **residency).mean_steps
        labels[is_open] = classify_regions(steps)
    if only_transition:
        labels[labels != REGIONS.index("transition")] = UNDEFINED
    return labels
