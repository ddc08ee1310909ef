"""How spreads and destinations are averaged over the starts of a region, and regions compared."""

import numpy as np
from jaxtyping import Float

from ...statistics import BootstrapResult, Estimate, bootstrap_statistic

EARLY, LATE = 1, 5
"""Steps whose spreads are compared (Torre et al. 2025)."""

FEWEST_STARTS = 20
"""A region with fewer starts has no statistics: a bootstrap of them would claim too much."""


def compute_log_ratio(
    spread: Float[np.ndarray, "point rule gamma time"],
) -> Float[np.ndarray, "point rule gamma time"]:
    """Logarithm of spread(t)/spread(1), NaN where one of them is 0 or not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(spread)
        ratio = logs - logs[..., EARLY, None]
    return np.where(np.isfinite(ratio), ratio, np.nan)


def compute_entropy(shares: Float[np.ndarray, "*batch symbol"]) -> Float[np.ndarray, "*batch"]:
    """Entropy of shares, in nat."""
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(-1)


def average_starts(
    values: Float[np.ndarray, "point ..."],
    *,
    rng: np.random.Generator,
    n_resamples: int,
    confidence: float,
) -> BootstrapResult:
    """Mean over the starts of a region; NaN with fewer than ``FEWEST_STARTS``."""
    if len(values) >= FEWEST_STARTS:
        return bootstrap_statistic(
            values, lambda sums: sums / len(values), rng=rng, n_resamples=n_resamples, confidence=confidence
        )
    missing = np.full(values.shape[1:], np.nan)
    samples = np.broadcast_to(missing, (n_resamples, *missing.shape))
    return BootstrapResult(missing, missing, missing, samples, confidence, len(values))


def stack_regions(regions: list[BootstrapResult]) -> BootstrapResult:
    """Means of all regions, (region, ...); each region has resamples of its own."""
    estimate, low, high = (
        np.stack(values)
        for values in zip(*((found.estimate, found.low, found.high) for found in regions), strict=True)
    )
    samples = np.stack([found.samples for found in regions], axis=1)
    n_units = sum(found.n_units for found in regions)
    return BootstrapResult(estimate, low, high, samples, regions[0].confidence, n_units)


def summarise_ratios(regions: list[BootstrapResult]) -> dict[str, Estimate]:
    """Ratios from averaged logarithms, and those at ``LATE`` relative to another region."""
    logs = stack_regions(regions)
    return {
        "spread_ratio": _exponentiate(logs.as_estimate()),
        "contrast": _exponentiate(logs.derive(_compare_regions)),
    }


def _compare_regions(log_ratio: np.ndarray) -> np.ndarray:
    """From (..., region, rule, gamma, time) to (..., region, other_region, rule, gamma)."""
    late = log_ratio[..., LATE]
    return late[..., :, None, :, :] - late[..., None, :, :, :]


def _exponentiate(logs: Estimate) -> Estimate:
    return Estimate(np.exp(logs.value), np.exp(logs.low), np.exp(logs.high))
