"""When the loss drops and when instability sets in, each by a rule of its own and with its limits."""

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import bdtrc

from ...statistics import Estimate, bootstrap_change_point

NEVER = Estimate(math.nan)
"""Date of what did not happen."""

LEAST_FOUND = 0.95
"""Share of resamples of the loss that need a drop, for its interval to be trusted."""


def date_drop(
    course: Float[np.ndarray, " epoch"], rng: np.random.Generator, n_resamples: int, confidence: float
) -> tuple[Estimate, str]:
    """Epoch of the drop of the loss with its interval; and why it, or its interval, is undefined, or ""."""
    if len(course) == 0:
        return NEVER, "loss drop undefined: the run has no history"
    options = {"n_resamples": n_resamples, "confidence": confidence}
    found = bootstrap_change_point(course, rng=rng, plateau_level=1.0, **options)
    if found.change_point.index is None:
        return NEVER, f"loss drop undefined: the loss curve has the status {found.change_point.status}"
    date, (low, high) = found.change_point.index + 1.0, found.interval
    if found.found_fraction < LEAST_FOUND:
        reason = f"only {found.found_fraction:.0%} of the resampled loss curves have one"
        return Estimate(date), f"limits of the loss drop undefined: {reason}"
    return Estimate(date, low + 1.0, high + 1.0), ""


def subtract_dates(date: Estimate, drop: Estimate) -> Estimate:
    """Lag with the widest limits that both dates allow, below 0 if the loss is later; 0 for the drop itself.

    The limits are NaN where one of the dates has none.
    """
    if date is drop:
        return Estimate(*[0.0 * drop.value] * 3)
    return Estimate(date.value - drop.value, date.low - drop.high, date.high - drop.low)


def find_onset(
    epochs: Int[np.ndarray, " checkpoint"],
    shares: Float[np.ndarray, "trajectory checkpoint"],
    *,
    level: float = 0.05,
    most_at_start: float = 0.1,
) -> tuple[Estimate, str]:
    """First checkpoint from which on a share is raised over that at the first checkpoint, and its limits.

    Parameters
    ----------
    epochs : (checkpoint,)
        Epochs of the checkpoints, two at least.
    shares : (trajectory, checkpoint)
        Share of the steps of a trajectory that have an event; the noise of a trajectory is the same at all
        checkpoints. A checkpoint with NaN is passed over.
    level : float in (0, 1)
        Largest chance that any checkpoint counts as raised, if none is.
    most_at_start : float in [0, 1]
        With a larger mean share at the first checkpoint, the events were there before training.

    Returns
    -------
    Estimate, str
        Epoch of that checkpoint; its limits are the last one before it without any sign of a rise, and again
        itself. NaN and the reason if there is no onset.

    Notes
    -----
    Own construction (docs/methods/training_evolution.md); the loss plays no part in it. *Raised*: an exact
    one-sided sign test of pairs of trajectories rejects at level / number of later checkpoints. *Back*:
    significantly below a raised checkpoint, and not above the first one even without correction. At the
    lower limit the share is at most :func:`bound_unseen`, if nothing was seen there.
    """
    if np.isnan(shares[:, 0]).any():
        return NEVER, "the first checkpoint has no stationary regime"
    is_known = np.isfinite(shares).all(0)
    epochs, shares = epochs[is_known], shares[:, is_known]
    strict = level / max(len(epochs) - 1, 1)
    mean = shares.mean(0)
    p_raised = _test_signs(shares > shares[:, :1], shares < shares[:, :1])
    if mean[0] > most_at_start:
        return NEVER, f"the share is {mean[0]:.2g} at the first checkpoint already"
    if len(shares) < count_least_raised(len(epochs), level):
        return NEVER, f"{len(shares)} trajectories are too few to show a rise"
    ended = ""
    for first in np.flatnonzero(p_raised <= strict):
        later, own = shares[:, first:], shares[:, [first]]
        is_back = (_test_signs(own > later, own < later) <= strict) & (p_raised[first:] > level)
        if not is_back.any():
            low = np.flatnonzero(mean[:first] <= mean[0])[-1]
            return Estimate(epochs[first], epochs[low], epochs[first]), ""
        ended = f": raised at epoch {epochs[first]}, back at epoch {epochs[first:][is_back][0]}"
    return NEVER, f"it does not rise for good{ended}" if ended else "it is raised at no checkpoint"


def count_least_raised(n_checkpoints: int, level: float) -> int:
    """Fewest trajectories with an event that :func:`find_onset` calls a rise, if none had one at first."""
    return math.ceil(math.log2(max(n_checkpoints - 1, 1) / level))


def bound_unseen(n_trajectories: int, confidence: float) -> float:
    """Upper limit of a share of which no trajectory shows an event, however much its steps depend on another.

    A share p leaves n independent trajectories without any with a probability of at most (1 − p)^n.
    """
    return 1 - (1 - confidence) ** (1 / n_trajectories)


def _test_signs(
    is_up: Bool[np.ndarray, "trajectory checkpoint"], is_down: Bool[np.ndarray, "trajectory checkpoint"]
) -> Float[np.ndarray, " checkpoint"]:
    """One-sided p of the exact sign test: as many pairs up, or more, if up and down are as likely."""
    up, down = is_up.sum(0), is_down.sum(0)
    return bdtrc(up - 1.0, up + down, 0.5)
