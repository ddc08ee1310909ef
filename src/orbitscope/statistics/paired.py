"""Differences within pairs: the mean with its interval, and the exact sign test."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats


@dataclass(frozen=True)
class PairedDifference:
    """A measure within pairs, the first minus the second.

    Attributes
    ----------
    values : (pair, 2)
        Of the pairs that have it in both.
    mean, low, high : float
        Mean difference with its 95 % interval of Student's t; NaN without any, and without spread.
    p_value : float
        Of the two-sided exact sign test.
    """

    values: Float[np.ndarray, "pair 2"]
    mean: float
    low: float
    high: float
    p_value: float

    @property
    def n_pairs(self) -> int:
        """Pairs that have the measure in both."""
        return len(self.values)

    @property
    def n_higher(self) -> int:
        """Pairs in which the first is larger."""
        return int((self.values[:, 0] > self.values[:, 1]).sum())

    @property
    def n_lower(self) -> int:
        """Pairs in which the first is smaller."""
        return int((self.values[:, 0] < self.values[:, 1]).sum())


def compare_paired(values: Float[np.ndarray, "pair 2"]) -> PairedDifference:
    """Difference of a measure within pairs; those that lack a value are left out.

    Parameters
    ----------
    values : (pair, 2)
    """
    table = values[np.isfinite(values).all(axis=1)]
    differences = table[:, 0] - table[:, 1]
    mean = float(differences.mean()) if len(differences) else math.nan
    return PairedDifference(table, mean, *_bound_mean(differences), compute_sign_test(differences))


def compute_sign_test(differences: Float[np.ndarray, " pair"]) -> float:
    """Two-sided exact p-value of the signs of paired differences; zeros do not count. NaN without any.

    Parameters
    ----------
    differences : (pair,)
    """
    n_positive, n_negative = int((differences > 0).sum()), int((differences < 0).sum())
    n = n_positive + n_negative
    return float(stats.binomtest(n_positive, n).pvalue) if n else math.nan


def _bound_mean(differences: Float[np.ndarray, " pair"]) -> tuple[float, float]:
    """95 % t interval of the mean; NaN with fewer than two or without spread."""
    if len(differences) < 2 or np.ptp(differences) == 0:
        return math.nan, math.nan
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval()
    return float(interval.low), float(interval.high)
