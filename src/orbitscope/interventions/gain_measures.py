"""What interventions do to switching: hazards over those of the intact network, occupancy, overshoot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.stats import chi2

from ..circuit.noise_trials import count_steps, count_switches
from ..circuit.switches import FEWEST_EVENTS
from ..statistics import Estimate, bootstrap_statistic
from .common_noise_runs import CommonNoiseRuns

TRAPPED = 0.2
"""Hazard ratio below which switching in a direction has ended."""

_MOST_RARE = 5
"""Switches up to which the limit is at least that of a Poisson count: a bootstrap of few is too narrow."""


@dataclass(frozen=True)
class GainMeasures:
    """Measures of every run after the first, which is the intact network.

    Attributes
    ----------
    hazard : Estimate, (run, direction)
        Over that of the intact network; NaN where the symbol is hardly visited or activity has no bound.
    rate, occupancy, overshoot : Estimate, (run,)
    trapped : (run,)
        A verdict of ``trap_verdicts``.
    is_judged : (direction,)
        Whether the intact network switches so often in a direction that it is judged.
    """

    hazard: Estimate
    rate: Estimate
    occupancy: Estimate
    overshoot: Estimate
    trapped: Shaped[np.ndarray, " run"]
    is_judged: Bool[np.ndarray, " direction"]


def measure_gains(
    runs: CommonNoiseRuns,
    pairs: list[tuple[int, int]],
    n_symbols: int,
    *,
    rng: np.random.Generator,
    **resampling: Any,
) -> GainMeasures:
    """Compare runs on common noise with the first of them; intervals over trajectories.

    The upper limit of up to five switches is at least that of a Poisson count (for none:
    Hanley & Lippman-Hand 1983).
    """
    options = {"rng": rng, **resampling}
    counts = np.stack([count_switches(each, pairs) for each in runs.symbol], axis=1)
    steps = np.stack([count_steps(each, n_symbols) for each in runs.symbol], axis=1)
    radius = np.where(runs.is_unbounded[:, None], 0.0, runs.radius).T  # left out below
    over = radius - radius[:, :1]
    hazard = _bound(counts, _compare_hazards, options)
    hazard = _widen_rare(hazard, counts.sum(0), confidence=resampling.get("confidence", 0.95))
    changes = np.stack([_count_changes(each) for each in runs.symbol], axis=1)
    rate = _bound(changes, _divide_by_first, options)
    chosen = steps.sum(0).argmax(1)  # not anew in each resample, whose largest is larger
    occupancy = _bound(steps, lambda sums: _find_share(sums, chosen), options)
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
    is_judged = counts[:, 0, 0].sum(0) >= FEWEST_EVENTS
    words = judge_traps(known["hazard"][:, is_judged], known["rate"])
    trapped = np.where(runs.is_unbounded[1:], "diverges", words)
    return GainMeasures(**known, trapped=trapped, is_judged=is_judged)


def judge_traps(hazard: Estimate, rate: Estimate) -> list[str]:
    """Verdict of ``trap_verdicts`` for each run, by the limits of its hazard ratios (run, direction).

    Switching has ended in a direction where the upper limit is below ``TRAPPED``, and goes on where the lower
    one is not. "both ways": it has ended in every direction, and so has the rate of all switches (run,), also
    in others. "one way": it has ended in some and goes on in some. "no": it goes on in all. What is neither
    cannot be told.
    """
    is_ended = np.isfinite(hazard.high) & (hazard.high < TRAPPED)
    goes_on = np.isfinite(hazard.low) & (hazard.low >= TRAPPED)
    is_still = np.isfinite(rate.high) & (rate.high < TRAPPED)
    words = []
    for ended, going, still in zip(is_ended, goes_on, is_still, strict=True):
        if len(ended) and ended.all() and still:
            words.append("both ways")
        elif ended.any() and going.any():
            words.append("one way")
        else:
            words.append("no" if len(going) and going.all() else "undefined")
    return words


def _count_changes(symbols: Int[np.ndarray, "trajectory time"]) -> Float[np.ndarray, " trajectory"]:
    """Changes of the symbol of any kind."""
    return (symbols[:, 1:] != symbols[:, :-1]).sum(1).astype(float)


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


def _find_share(
    sums: Float[np.ndarray, "batch run symbol"], chosen: Int[np.ndarray, " run"]
) -> Float[np.ndarray, "batch run"]:
    """Share of one symbol of each run."""
    return sums[:, np.arange(len(chosen)), chosen] / sums.sum(2)


def _widen_rare(
    hazard: Estimate, totals: Float[np.ndarray, "run 2 direction"], *, confidence: float
) -> Estimate:
    """Upper limits of hazard ratios from few switches: what the steps in the symbol can exclude."""
    switches, steps = totals[:, 0], totals[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = steps * (switches[0] / steps[0])
        limit = chi2.ppf((1 + confidence) / 2, 2 * (switches + 1)) / 2 / expected
    is_rare = (switches <= _MOST_RARE) & (steps > 0) & np.isfinite(hazard.value)
    high = np.where(is_rare, np.fmax(hazard.high, limit), hazard.high)
    return Estimate(hazard.value, hazard.low, high)


def _leave_out(found: Estimate, is_unbounded: np.ndarray) -> Estimate:
    """NaN where activity has no bound."""
    where = is_unbounded.reshape(-1, *[1] * (np.ndim(found.value) - 1))
    return Estimate(*(np.where(where, np.nan, x) for x in (found.value, found.low, found.high)))
