"""What interventions do to switching: hazards over those of the intact network, occupancy, overshoot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from ..circuit.noise_trials import count_steps, count_switches
from ..statistics import Estimate, bootstrap_statistic
from .common_noise_runs import CommonNoiseRuns

TRAPPED = 0.2
"""Hazard ratio below which switching in a direction has ended."""

WAYS = ("both ways", "one way", "no", "diverges", "undefined")
"""In which directions switching has ended: all, some, none; or activity has no bound."""


@dataclass(frozen=True)
class GainMeasures:
    """Measures of every run after the first, which is the intact network.

    Attributes
    ----------
    hazard : Estimate, (run, direction)
        Over that of the intact network; NaN where the symbol is hardly visited or activity has no bound.
    rate, occupancy, overshoot : Estimate, (run,)
    trapped : (run,)
        One of ``WAYS``.
    """

    hazard: Estimate
    rate: Estimate
    occupancy: Estimate
    overshoot: Estimate
    trapped: Shaped[np.ndarray, " run"]


def measure_gains(
    runs: CommonNoiseRuns,
    pairs: list[tuple[int, int]],
    n_symbols: int,
    *,
    rng: np.random.Generator,
    **resampling: Any,
) -> GainMeasures:
    """Compare runs on common noise with the first of them; intervals over trajectories.

    A direction without a switch has the limit of a Poisson count of 0 (Hanley & Lippman-Hand 1983) in the
    place of an interval without width.
    """
    options = {"rng": rng, **resampling}
    counts = np.stack([count_switches(each, pairs) for each in runs.symbol], axis=1)
    steps = np.stack([count_steps(each, n_symbols) for each in runs.symbol], axis=1)
    over = runs.radius.T - runs.radius.T[:, :1]
    hazard = _bound(counts, _compare_hazards, options)
    confidence = resampling.get("confidence", 0.95)
    hazard = _widen_zeros(hazard, counts.sum(0), limit=-np.log((1 - confidence) / 2))
    rate = _bound(counts[:, :, 0].sum(2), _divide_by_first, options)
    occupancy = _bound(steps, _find_largest_share, options)
    overshoot = _bound(over, lambda sums: sums / len(over), options)
    known = {
        name: _leave_out(found, runs.is_unbounded)[1:]
        for name, found in (
            ("hazard", hazard),
            ("rate", rate),
            ("occupancy", occupancy),
            ("overshoot", overshoot),
        )
    }
    trapped = np.where(runs.is_unbounded[1:], "diverges", judge_traps(known["hazard"]))
    return GainMeasures(**known, trapped=trapped)


def judge_traps(hazard: Estimate) -> list[str]:
    """One of ``WAYS`` for each run, by the upper limits of its hazard ratios (run, direction).

    A direction whose hazard is undefined, because its symbol is not visited any more, counts as ended if
    another one has: the network has left that symbol for good.
    """
    is_known = np.isfinite(hazard.high)
    has_ended = is_known & (hazard.high < TRAPPED)
    words = []
    for known, ended in zip(is_known, has_ended, strict=True):
        if not known.any():
            words.append("undefined")
        elif not ended.any():
            words.append("no")
        else:
            words.append("both ways" if ended.all() else "one way")
    return words


def _bound(
    sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray], options: dict[str, Any]
) -> Estimate:
    """Statistic of sums over trajectories; NaN where some resamples leave it undefined."""

    def measure(total: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic(total)

    found = bootstrap_statistic(sums, measure, **options).as_estimate()
    is_known = np.isfinite(found.low) & np.isfinite(found.high)
    return Estimate(*(np.where(is_known, x, np.nan) for x in (found.value, found.low, found.high)))


def _compare_hazards(
    sums: Float[np.ndarray, "batch run 2 direction"],
) -> Float[np.ndarray, "batch run direction"]:
    return _divide_by_first(sums[:, :, 0] / sums[:, :, 1])


def _divide_by_first(values: Float[np.ndarray, "batch run *rest"]) -> Float[np.ndarray, "batch run *rest"]:
    """Every run over the first, which is the intact network; NaN where that is 0."""
    return np.where(values[:, :1] > 0, values / values[:, :1], np.nan)


def _find_largest_share(sums: Float[np.ndarray, "batch run symbol"]) -> Float[np.ndarray, "batch run"]:
    return sums.max(2) / sums.sum(2)


def _widen_zeros(hazard: Estimate, totals: Float[np.ndarray, "run 2 direction"], *, limit: float) -> Estimate:
    """Upper limits of hazard ratios of 0: what the steps in the symbol can exclude."""
    switches, steps = totals[:, 0], totals[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = steps * (switches[0] / steps[0])
        high = np.where((switches == 0) & (steps > 0), limit / expected, hazard.high)
    return Estimate(hazard.value, hazard.low, np.where(np.isfinite(hazard.value), high, np.nan))


def _leave_out(found: Estimate, is_unbounded: np.ndarray) -> Estimate:
    """NaN where activity has no bound."""
    where = is_unbounded.reshape(-1, *[1] * (np.ndim(found.value) - 1))
    return Estimate(*(np.where(where, np.nan, x) for x in (found.value, found.low, found.high)))
