"""Which region a state belongs to: by its residency, or told early where the residency is not wanted."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError
from ..network import NoiseRNN
from .residency import compute_residency

REGIONS = ("slow", "kick", "transition")
"""Every state with a residency belongs to one of them."""

UNDEFINED = -1
"""Label of a state without a residency."""

TRANSITION_BELOW = 2.0
SLOW_ABOVE = 8.0
"""Residencies in steps: transition below 2, slow above 8, kick between (Torre et al. 2025)."""

LABEL_STEPS = 60
LABEL_ROLLOUTS = 20
"""Residencies behind a label: those of the regions of Torre et al. 2025."""

_BRIEF_STEPS = {SLOW_ABOVE: 10, TRANSITION_BELOW: 4}
"""A residency cut here is a lower bound of the whole one: steps that suffice to see it exceed a limit."""


def classify_regions(
    mean_steps: Float[np.ndarray, "*shape"],
    *,
    transition_below: float = TRANSITION_BELOW,
    slow_above: float = SLOW_ABOVE,
) -> Int[np.ndarray, "*shape"]:
    """Index into :data:`REGIONS` for each residency: every one has a region, NaN is :data:`UNDEFINED`."""
    if not transition_below <= slow_above:
        raise InputError(
            f"`transition_below` must be ≤ `slow_above`, got {transition_below} and {slow_above}. "
            "Use 2 and 8."
        )
    labels = np.where(mean_steps > slow_above, 0, np.where(mean_steps < transition_below, 2, 1))
    return np.where(np.isnan(mean_steps), UNDEFINED, labels)


def find_uncertain(
    mean_steps: Float[np.ndarray, "*shape"], standard_error: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """1 for a residency within two standard errors of a border of regions, else 0; NaN without an error.

    Labels of such states are partly chance, which pulls the measures of neighbouring regions together.
    """
    distance = np.minimum(np.abs(mean_steps - TRANSITION_BELOW), np.abs(mean_steps - SLOW_ABOVE))
    return np.where(np.isnan(standard_error), np.nan, distance <= 2 * standard_error)


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
