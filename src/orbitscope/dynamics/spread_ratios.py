"""How spreads and destinations are averaged over the starts of a region, and regions compared."""

import numpy as np
from jaxtyping import Float

from ..statistics import BootstrapResult, bootstrap_statistic

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
    """Entropy of shares, in nats."""
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


def summarise_ratios(regions: list[BootstrapResult]) -> dict[str, Float[np.ndarray, "..."]]:
    """Ratios from averaged logarithms, and those at ``LATE`` relative to another region."""
    logs = np.stack([found.estimate[..., LATE] for found in regions])
    samples = np.stack([found.samples[..., LATE] for found in regions], axis=1)
    tail = (1 - regions[0].confidence) / 2
    limits = np.quantile(samples[:, :, None] - samples[:, None], [tail, 1 - tail], axis=0)
    return {
        "spread_ratio": np.exp(np.stack([found.estimate for found in regions])),
        "spread_ratio_low": np.exp(np.stack([found.low for found in regions])),
        "spread_ratio_high": np.exp(np.stack([found.high for found in regions])),
        "contrast": np.exp(logs[:, None] - logs),
        "contrast_low": np.exp(limits[0]),
        "contrast_high": np.exp(limits[1]),
    }


def summarise_entropy(regions: list[BootstrapResult]) -> dict[str, Float[np.ndarray, "..."]]:
    """Mean entropy of the destinations of each region."""
    return {
        "entropy": np.stack([found.estimate for found in regions]),
        "entropy_low": np.stack([found.low for found in regions]),
        "entropy_high": np.stack([found.high for found in regions]),
    }
