"""When the loss drops and when instability sets in, each with its limits."""

import numpy as np
from jaxtyping import Float, Int

from ..statistics import bootstrap_change_point

Date = tuple[float, float, float]
"""Epoch of an event, and its lower and upper limit; NaN without one."""


def date_drop(
    course: Float[np.ndarray, " epoch"], rng: np.random.Generator, n_resamples: int, confidence: float
) -> tuple[dict[str, Date], list[str]]:
    """Epoch of the drop of the loss with its interval, or why there is none."""
    none = {"loss drop": (np.nan, np.nan, np.nan)}
    if len(course) == 0:
        return none, ["loss drop undefined: the run has no history"]
    options = {"n_resamples": n_resamples, "confidence": confidence}
    found = bootstrap_change_point(course, rng=rng, plateau_level=1.0, **options)
    if found.change_point.index is None:
        return none, [f"loss drop undefined: the loss curve has the status {found.change_point.status}"]
    low, high = found.interval
    return {"loss drop": (found.change_point.index + 1.0, low + 1.0, high + 1.0)}, []


def subtract_dates(date: Date, drop: Date) -> Date:
    """Lag with the widest limits that both dates allow; 0 for the drop itself."""
    if date is drop:
        return (0.0 * drop[0], 0.0 * drop[0], 0.0 * drop[0])
    return date[0] - drop[0], date[1] - drop[2], date[2] - drop[1]


def find_onset(
    epochs: Int[np.ndarray, " checkpoint"],
    samples: Float[np.ndarray, "resample checkpoint"],
    *,
    least: float,
    before: float,
    confidence: float = 0.95,
) -> Date:
    """First checkpoint from which on a share stays above its former level, and limits of the onset.

    Parameters
    ----------
    epochs : (checkpoint,)
        Epochs of the checkpoints.
    samples : (resample, checkpoint)
        The share in resamples of the trajectories, the same for all checkpoints; NaN is passed over.
    least : float
        Upper limit of a share of which no event was seen.
    before : float
        Epoch until which the former level is measured; NaN is the first checkpoint alone.
    confidence : float in (0, 1)
        Coverage of the intervals whose lower limits count.

    Returns
    -------
    (date, low, high)
        Epoch of that checkpoint, of the one before it, and again of itself; NaN if there is none.
    """
    known = np.isfinite(samples).all(0)
    epochs, samples = epochs[known], samples[:, known]
    is_former = epochs <= (epochs[0] if np.isnan(before) else max(before, epochs[0]))
    rise = samples - samples[:, is_former].max(1, keepdims=True)
    low, rise_low = np.quantile([samples, rise], (1 - confidence) / 2, axis=1)
    stays = np.logical_and.accumulate(((low > least) & (rise_low > 0))[::-1])[::-1] & ~is_former
    if not stays.any():
        return (np.nan, np.nan, np.nan)
    first = int(stays.argmax())
    return float(epochs[first]), float(epochs[first - 1]), float(epochs[first])
