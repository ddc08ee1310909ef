"""Which region a state belongs to: by its residency, or told early where the residency is not wanted."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN
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


def classify_regions(
    residency: Float[np.ndarray, "*shape"],
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
    labels = np.where(residency > slow_above, 0, np.where(residency < transition_below, 2, 1))
    return np.where(np.isnan(residency), UNDEFINED, labels)


def find_uncertain(
    residency: Float[np.ndarray, "*shape"], standard_error: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """1 for a residency within two standard errors of a border of regions, else 0; NaN without an error.

    Labels of such states are partly chance, which pulls the measures of neighbouring regions together.
    """
    distance = np.minimum(np.abs(residency - TRANSITION_BELOW), np.abs(residency - SLOW_ABOVE))
    return np.where(np.isnan(standard_error), np.nan, distance <= 2 * standard_error)


def label_states(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    noise_std: float = 1.0,
    only_transition: bool = False,
    generator: torch.Generator,
) -> Int[np.ndarray, " point"]:
    """Index into ``REGIONS`` of each state: that of its residency, which is followed only as far as it takes.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    only_transition : bool
        Do not tell slow states from kick ones: both are ``UNDEFINED``, which takes fewer steps.
    generator
        Source of the noise; same seed, same labels.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or ``noise_std`` is negative.

    Notes
    -----
    Own construction. Steps so far are a lower bound of a residency: a state is left once they exceed the
    limit. Labels have the same law as those of whole residencies.
    """
    limit = TRANSITION_BELOW if only_transition else SLOW_ABOVE
    rollouts = {"max_steps": LABEL_STEPS, "n_rollouts": LABEL_ROLLOUTS, "enough": limit}
    found = compute_residency(network, states, **rollouts, noise_std=noise_std, generator=generator)
    labels = classify_regions(found.mean_steps)
    if only_transition:
        labels[labels != REGIONS.index("transition")] = UNDEFINED
    return labels
