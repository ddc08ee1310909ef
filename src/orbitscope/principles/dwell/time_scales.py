"""Time scales side by side: how long a network dwells, and how fast it is where it does not."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer

from ...circuit.switches import FEWEST_EVENTS
from ...dynamics.regions.region_labels import REGIONS
from ...statistics import BootstrapResult, Estimate, bootstrap_statistic, divide_sums

TIME_SCALES = ("dwell", "relaxation", "noise kernel", "rise time", "transition")
"""Dwell; relaxation in slow regions; lags of the noise that decides; rise of the margin; way between."""


def find_crossings(
    label: Integer[np.ndarray, "trajectory time"], symbol: Integer[np.ndarray, "trajectory time"]
) -> tuple[Int[np.ndarray, " crossing"], Int[np.ndarray, " crossing"]]:
    """Ways from the last slow state of a symbol to the first slow state of another one.

    Parameters
    ----------
    label : (trajectory, time)
        Regions by residency, as indices into ``REGIONS``.
    symbol : (trajectory, time)
        Most probable symbols.

    Returns
    -------
    trajectory, duration : (crossing,)
        Duration in steps, at least 1. A way back to the same symbol is none.
    """
    trajectory, time = np.nonzero(label == REGIONS.index("slow"))
    shown = symbol[trajectory, time]
    is_crossing = (trajectory[1:] == trajectory[:-1]) & (shown[1:] != shown[:-1])
    return trajectory[1:][is_crossing], np.diff(time)[is_crossing]


def collect_time_scales(
    found: Mapping[str, Any], dwell: BootstrapResult, **resampling: Any
) -> tuple[Estimate, Estimate, list[str]]:
    """Time scales that are known, and how far dwells and transitions are apart.

    Parameters
    ----------
    found : mapping
        Results of parts, by name.
    dwell : BootstrapResult, ()
        Mean decoded dwell.
    resampling
        Keyword arguments of a bootstrap.

    Returns
    -------
    time : Estimate, (time_scale,)
        In steps, in the order of ``TIME_SCALES``; NaN where the part is missing.
    separation : Estimate, ()
        Dwell over transition.
    notes : list of str
        What is missing, and why.
    """
    crossing, notes = _measure_crossings(found, **resampling)
    transition, separation = Estimate(np.nan), Estimate(np.nan)
    if crossing is not None:
        transition = crossing.as_estimate()
        tail = (1 - dwell.confidence) / 2
        limits = np.quantile(dwell.samples / crossing.samples, [tail, 1 - tail])
        separation = Estimate(dwell.estimate / crossing.estimate, *limits)
    relaxation, more = _measure_relaxation(found)
    paces = [
        Estimate(found["noise_kernel"].length) if "noise_kernel" in found else Estimate(np.nan),
        found["commitment"].rise_time if "commitment" in found else Estimate(np.nan),
    ]
    missing = [
        f"{name}: the part `{part}` was not computed"
        for name, part in (("noise kernel", "noise_kernel"), ("rise time", "commitment"))
        if part not in found
    ]
    time = Estimate.stack([dwell.as_estimate(), relaxation, *paces, transition])
    return time, separation, [*more, *missing, *notes]


def _measure_relaxation(found: Mapping[str, Any]) -> tuple[Estimate, list[str]]:
    """−1 over the mean exponent in slow regions, where it is below 0."""
    part = found.get("regional_exponents")
    if part is None:
        return Estimate(np.nan), ["relaxation: the part `regional_exponents` was not computed"]
    exponent = part.mean_exponent[part.region.tolist().index("slow")]
    if not exponent.value < 0:
        return Estimate(np.nan), [
            "relaxation: activity does not contract in slow regions, or was not seen to"
        ]
    if not exponent.high < 0:
        return Estimate(-1 / exponent.value), [
            "relaxation: its interval has no upper limit, so none is given"
        ]
    return Estimate(*(-1 / limit for limit in (exponent.value, exponent.low, exponent.high))), []


def _measure_crossings(
    found: Mapping[str, Any], **resampling: Any
) -> tuple[BootstrapResult | None, list[str]]:
    """Mean duration of ways between slow regions of different symbols, over trajectories."""
    part = found.get("regions")
    if part is None:
        return None, ["transition: the part `regions` was not computed"]
    trajectory, duration = find_crossings(part.label, part.symbol)
    if len(duration) < FEWEST_EVENTS:
        return None, [
            f"transition: {len(duration)} ways between slow regions were seen, and {FEWEST_EVENTS} are needed"
        ]
    n_trajectories = len(part.label)
    sums: Float[np.ndarray, "trajectory 2"] = np.stack(
        [np.bincount(trajectory, weights, n_trajectories) for weights in (duration, np.ones(len(duration)))],
        axis=1,
    )
    return bootstrap_statistic(sums, divide_sums, **resampling), []
