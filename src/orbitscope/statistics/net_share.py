"""Net share of one direction over its reverse, with an interval for few, one-way and clustered events."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import betaincinv

from ..errors import InputError
from .estimate import Estimate


@dataclass(frozen=True)
class NetShare:
    """(N₊ − N₋)/(N₊ + N₋) of two opposite kinds of event.

    Attributes
    ----------
    share : (*statistic)         from −1 to 1, with its confidence interval; NaN without events
    n_effective : (*statistic)   independent events that would say as much
    confidence : float           coverage aimed at
    """

    share: Estimate
    n_effective: Float[np.ndarray, "*statistic"]
    confidence: float


def compute_net_share(
    forward: Integer[np.ndarray, "unit ..."],
    backward: Integer[np.ndarray, "unit ..."],
    *,
    confidence: float = 0.95,
) -> NetShare:
    """Net share of forward events, with the exact interval of an effective number of events.

    Parameters
    ----------
    forward, backward : (unit, *statistic)    events of each independent unit (trajectory, sequence)
    confidence : float in (0, 1)              coverage of the interval

    Returns
    -------
    NetShare                                  exchanging forward and backward negates it exactly

    Raises
    ------
    InputError                                if a count is negative or `confidence` out of range

    Notes
    -----
    Clopper & Pearson (1934) for the share of forward events, with the number of events divided by a design
    effect, as Korn & Graubard (1998) do for surveys; docs/methods/net_share.md says what is done where few
    units carry the rarer direction, and how well 95 % intervals cover (.93 to 1). ``n_effective`` may exceed
    the number of events: events that alternate within units tell more than independent ones.
    """
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must be in (0, 1), got {confidence}. Use 0.95.")
    if (forward < 0).any() or (backward < 0).any():
        raise InputError("`forward` and `backward` must be counts ≥ 0, got a negative one. Count events.")
    tail = (1 - confidence) / 2
    n_forward, n_backward = forward.sum(0), backward.sum(0)
    n_events = n_forward + n_backward
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.asarray((n_forward - n_backward) / n_events)
        n_effective = _count_effective(forward, backward)
        scale = n_effective / n_events
        chosen, other = np.asarray(scale * n_forward), np.asarray(scale * n_backward)
    low, high = 2 * _bound_share(chosen, other, tail) - 1, 1 - 2 * _bound_share(other, chosen, tail)
    return NetShare(Estimate(share, low, high), n_effective, confidence)


def _count_effective(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Number of events over their design effect."""
    n_forward, n_backward = forward.sum(0), backward.sum(0)
    size = forward + backward
    n_events, n_units = size.sum(0), (size > 0).sum(0)
    residual = (forward * n_backward - backward * n_forward) / n_events
    between = (residual**2).sum(0) * n_units / (n_units - 1)
    n_mixed = np.minimum(np.minimum((forward > 0).sum(0), (backward > 0).sum(0)), n_units - 1)
    observed = np.where(n_mixed > 0, n_mixed * between / (n_forward * n_backward / n_events), 0.0)
    return np.asarray(n_events * (n_mixed + 1) / (observed + (size**2).sum(0) / n_events))


def _bound_share(n_chosen: np.ndarray, n_other: np.ndarray, tail: float) -> np.ndarray:
    """Lower limit of a share; 0 where nothing was chosen."""
    return np.where(n_chosen > 0, betaincinv(n_chosen, n_other + 1, tail), 0 * n_chosen)
