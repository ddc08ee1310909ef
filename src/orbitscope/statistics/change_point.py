"""The phase transition of a loss curve: first fall, plateau, second drop, found by one deterministic rule."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import median_filter

from ..errors import InputError

Status = Literal["no_plateau", "on_plateau", "past_transition"]
MAX_STEPS = 20  # refinements of the plateau level against the end of the plateau


@dataclass(frozen=True)
class PlateauRule:
    """Settings of the rule; every length is in epochs, every change is in log loss (0.1 is about 10 %).

    Attributes
    ----------
    window : int               odd width of the running median
    min_plateau : int          shortest stretch that can be called a plateau
    flat_change : float        largest difference between the medians of its two halves
    min_drop : float           how far below the plateau the loss must fall
    n_confirm : int            for how many smoothed epochs in a row
    level_tolerance : float    largest distance of the plateau from `plateau_level`, where that is given
    """

    window: int = 5
    min_plateau: int = 8
    flat_change: float = 0.03
    min_drop: float = 0.1
    n_confirm: int = 3
    level_tolerance: float = 0.25

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise InputError(f"`window` must be odd and ≥ 1, got {self.window}. Use 5.")
        if self.min_plateau < 2 or self.n_confirm < 1:
            raise InputError(
                f"`min_plateau` must be ≥ 2 and `n_confirm` ≥ 1, got {self.min_plateau} and "
                f"{self.n_confirm}. Use 8 and 3."
            )
        if not min(self.flat_change, self.min_drop, self.level_tolerance) > 0:
            raise InputError(
                "`flat_change`, `min_drop` and `level_tolerance` must be > 0. Use 0.03, 0.1 and 0.25."
            )


DEFAULT_RULE = PlateauRule()


@dataclass(frozen=True)
class ChangePoint:
    """Where a loss curve stands.

    Attributes
    ----------
    status                          no_plateau: never flat yet; on_plateau; past_transition: left it downwards
    index : int or None             first epoch of the lasting drop below the plateau; None before it
    plateau_start : int or None     first epoch of the plateau
    plateau_level : float           loss on the plateau (unit of the loss); NaN without one
    """

    status: Status
    index: int | None
    plateau_start: int | None
    plateau_level: float


@dataclass(frozen=True)
class ChangePointInterval:
    """A change point with its bootstrap interval.

    Attributes
    ----------
    change_point                  the rule applied to the data
    interval : (low, high)        percentile interval of the index (epochs); NaN if no resample has a
                                  transition
    found_fraction : float        share of resamples with a transition; below about .95 the interval is not to
                                  be trusted
    samples : (resample,)         index per resample, NaN where none was found
    confidence : float            coverage aimed at
    """

    change_point: ChangePoint
    interval: tuple[float, float]
    found_fraction: float
    samples: Float[np.ndarray, " resample"]
    confidence: float


def find_change_point(
    values: Float[np.ndarray, " epoch"],
    *,
    plateau_level: float | None = None,
    rule: PlateauRule = DEFAULT_RULE,
) -> ChangePoint:
    """Find the plateau of a loss curve and the first epoch of its second drop.

    Parameters
    ----------
    values : (epoch,)                   loss per epoch, the history so far
    plateau_level : float > 0 or None   loss of independent symbols: only a plateau near it counts, which
                                        tells a plateau from a curve that is flat because it has ended
    rule                                thresholds

    Returns
    -------
    ChangePoint                         cheap enough to be called every epoch

    Raises
    ------
    InputError                          if a value is not finite, or `plateau_level` is not > 0

    Notes
    -----
    Ours: the paper names the phase transition but gives no rule for it in the loss. The rule is in
    docs/methods/training_evolution.md. On the running median of log loss a plateau starts where two halves
    of ``min_plateau`` epochs agree. It ends at the first ``n_confirm`` epochs below its level by
    ``min_drop`` or three standard deviations. Losses ≤ 0, possible in the `published` loss, count as the
    smallest positive one. Without ``plateau_level`` a curve that ends flat is on_plateau, whatever it has
    reached.
    """
    if plateau_level is not None and not (plateau_level > 0 and math.isfinite(plateau_level)):
        raise InputError(f"`plateau_level` must be > 0, got {plateau_level}. Leave it out if it is unknown.")
    log_loss = _smooth(_take_log(values), rule)
    ceiling = math.inf if plateau_level is None else math.log(plateau_level)
    largest = rule.min_drop / 2 if plateau_level is None else rule.min_drop
    for start in _find_flat_starts(log_loss, plateau_level, rule):
        level, drop = _find_drop(log_loss[start:], ceiling, rule)
        if not _is_flat(log_loss[start:][:drop], largest, rule):
            continue
        if drop is None:
            return ChangePoint("on_plateau", None, start, math.exp(level))
        return ChangePoint("past_transition", start + drop, start, math.exp(level))
    return ChangePoint("no_plateau", None, None, float("nan"))


def bootstrap_change_point(
    values: Float[np.ndarray, " epoch"],
    *,
    rng: np.random.Generator,
    plateau_level: float | None = None,
    rule: PlateauRule = DEFAULT_RULE,
    block: int = 5,
    n_resamples: int = 500,
    confidence: float = 0.95,
) -> ChangePointInterval:
    """Block-bootstrap interval of the change point of a loss curve.

    Parameters
    ----------
    values : (epoch,)                     loss per epoch
    rng                                   source of the resampling
    plateau_level : float > 0 or None     as in `find_change_point`
    rule                                  thresholds
    block : int >= 1                      epochs per block: keep it above the correlation time of the noise
    n_resamples : int >= 1                resamples
    confidence : float in (0, 1)          coverage of the percentile interval

    Returns
    -------
    ChangePointInterval

    Raises
    ------
    InputError                            if a value is not finite or a setting is out of range

    Notes
    -----
    Moving-block bootstrap (Künsch 1989) of the residuals of log loss about its running median, wrapped around
    the ends; the rule runs anew on each resample. It measures what noise does to the index on this curve, not
    how the index varies between seeds: for that the network is the unit.
    """
    if block < 1 or n_resamples < 1 or not 0 < confidence < 1:
        raise InputError(
            f"`block` and `n_resamples` must be ≥ 1 and `confidence` in (0, 1), got {block}, {n_resamples}, "
            f"{confidence}. Use 5, 500 and 0.95."
        )
    change_point = find_change_point(values, plateau_level=plateau_level, rule=rule)
    log_loss = _take_log(values)
    fitted = _smooth(log_loss, rule)
    samples = np.full(n_resamples, np.nan)
    for i in range(n_resamples):
        curve = np.exp(fitted + _resample_blocks(log_loss - fitted, block, rng))
        index = find_change_point(curve, plateau_level=plateau_level, rule=rule).index
        samples[i] = np.nan if index is None else index
    found = samples[~np.isnan(samples)]
    limits = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(found, limits) if len(found) else (np.nan, np.nan)
    return ChangePointInterval(
        change_point, (float(low), float(high)), len(found) / n_resamples, samples, confidence
    )


def _take_log(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        epoch = int(np.flatnonzero(~np.isfinite(values))[0])
        raise InputError(
            f"`values` must be finite, got {values[epoch]} at epoch {epoch}. Cut the curve before it."
        )
    positive = values[values > 0]
    return np.log(np.maximum(values, positive.min() if len(positive) else 1.0))


def _smooth(log_loss: np.ndarray, rule: PlateauRule) -> np.ndarray:
    return median_filter(log_loss, size=rule.window, mode="reflect") if len(log_loss) else log_loss


def _find_flat_starts(log_loss: np.ndarray, plateau_level: float | None, rule: PlateauRule) -> list[int]:
    """First epochs of all flat stretches at an admitted level."""
    if len(log_loss) < rule.min_plateau:
        return []
    stretches = sliding_window_view(log_loss, rule.min_plateau)
    half = rule.min_plateau // 2
    change = np.median(stretches[:, :half], axis=1) - np.median(stretches[:, -half:], axis=1)
    admitted = np.abs(change) <= rule.flat_change
    if plateau_level is not None:
        admitted &= np.abs(np.median(stretches, axis=1) - math.log(plateau_level)) <= rule.level_tolerance
    return np.flatnonzero(admitted).tolist()


def _find_drop(log_loss: np.ndarray, ceiling: float, rule: PlateauRule) -> tuple[float, int | None]:
    """Level of the plateau that starts at 0, and the first epoch of the lasting drop below it."""
    end = rule.min_plateau
    level, drop = 0.0, None
    for _ in range(MAX_STEPS):
        level = float(np.median(log_loss[:end]))
        spread = 1.4826 * float(np.median(np.abs(log_loss[:end] - level)))
        below = log_loss < min(level, ceiling) - max(rule.min_drop, 3 * spread)
        below[len(below) - rule.window // 2 :] = False  # the open end of the running median still changes
        drop = _find_first_run(below, rule.n_confirm)
        if drop == end or (drop is None and end == len(log_loss)):
            break
        end = len(log_loss) if drop is None else max(drop, rule.min_plateau)
    return level, drop


def _is_flat(plateau: np.ndarray, largest_change: float, rule: PlateauRule) -> bool:
    """Whether a plateau is long enough, and the medians of its halves differ by no more than allowed."""
    if len(plateau) < rule.min_plateau:
        return False
    first, second = np.median(plateau[: len(plateau) // 2]), np.median(plateau[len(plateau) // 2 :])
    return bool(abs(first - second) <= largest_change)


def _find_first_run(flags: np.ndarray, length: int) -> int | None:
    """Start of the first run of `length` true flags."""
    if len(flags) < length:
        return None
    full = sliding_window_view(flags, length).all(axis=1)
    return int(np.argmax(full)) if full.any() else None


def _resample_blocks(residuals: np.ndarray, block: int, rng: np.random.Generator) -> np.ndarray:
    """Concatenate random blocks of the residuals, taken around a circle, to their own length."""
    n_epochs = len(residuals)
    starts = rng.integers(n_epochs, size=-(-n_epochs // block))
    positions = (starts[:, None] + np.arange(block)).ravel()[:n_epochs]
    return residuals[positions % n_epochs]
