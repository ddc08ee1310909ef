"""Equivalence tests: two one-sided tests (TOST) against a margin stated in advance."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

from ..errors import InputError

Verdict = Literal["equivalent", "different", "inconclusive"]


@dataclass(frozen=True)
class EquivalenceResult:
    """Outcome of two one-sided tests of |difference| < margin.

    Attributes
    ----------
    estimate : float         estimated difference from the target
    interval : (low, high)   confidence interval of level 1 - 2 α (90 % for α = .05)
    p_value : float          larger of the two one-sided p-values: small means equivalent
    margin : float           largest difference that still counts as none
    alpha : float            level of each one-sided test
    verdict                  of `decide_equivalence`
    """

    estimate: float
    interval: tuple[float, float]
    p_value: float
    margin: float
    alpha: float
    verdict: Verdict


def assess_equivalence(
    estimate: float, standard_error: float, margin: float, *, alpha: float = 0.05
) -> EquivalenceResult:
    """Test equivalence of an asymptotically normal estimate with zero.

    Parameters
    ----------
    estimate : float            estimated difference (for a ratio: its logarithm, with a logarithmic margin)
    standard_error : float >= 0 its standard error
    margin : float > 0          largest difference that still counts as none, in the same unit
    alpha : float in (0, ½)     level of each one-sided test

    Returns
    -------
    EquivalenceResult           with the normal interval of level 1 - 2 α

    Raises
    ------
    InputError                  if a number is out of range

    Notes
    -----
    Schuirmann (1987).
    """
    _check(margin, alpha)
    if standard_error < 0:
        raise InputError(f"`standard_error` must be ≥ 0, got {standard_error}. Pass a standard deviation.")
    half_width = -float(ndtri(alpha)) * standard_error
    scale = max(standard_error, float(np.finfo(float).tiny))
    p_value = max(float(ndtr((estimate - margin) / scale)), float(ndtr(-(estimate + margin) / scale)))
    low, high = estimate - half_width, estimate + half_width
    verdict = decide_equivalence(low, high, margin)
    return EquivalenceResult(estimate, (low, high), p_value, margin, alpha, verdict)


def assess_bootstrap_equivalence(
    estimate: float, samples: Float[np.ndarray, " resample"], margin: float, *, alpha: float = 0.05
) -> EquivalenceResult:
    """Test equivalence with zero of an estimate that has bootstrap samples.

    Parameters
    ----------
    estimate : float            estimated difference (for a ratio: its logarithm, with a logarithmic margin)
    samples : (resample,)       the same difference on bootstrap resamples
    margin : float > 0          largest difference that still counts as none, in the same unit
    alpha : float in (0, ½)     level of each one-sided test

    Returns
    -------
    EquivalenceResult           with the percentile interval of level 1 - 2 α; p-values are (b + 1) / (B + 1),
                                b the number of samples at or beyond the margin

    Raises
    ------
    InputError                  if a number is out of range, or there are fewer than 1 / alpha samples
    """
    _check(margin, alpha)
    if len(samples) < 1 / alpha:
        raise InputError(f"`samples` must hold ≥ {1 / alpha:g} resamples, got {len(samples)}. Draw 1000.")
    low, high = (float(q) for q in np.quantile(samples, [alpha, 1 - alpha]))
    n_beyond = max(int((samples >= margin).sum()), int((samples <= -margin).sum()))
    p_value = (n_beyond + 1) / (len(samples) + 1) if math.isfinite(low + high) else float("nan")
    verdict = decide_equivalence(low, high, margin)
    return EquivalenceResult(estimate, (low, high), p_value, margin, alpha, verdict)


def decide_equivalence(low: float, high: float, margin: float) -> Verdict:
    """Verdict of two one-sided tests from the interval of a difference.

    Parameters
    ----------
    low, high : float     confidence limits of level 1 - 2 α
    margin : float > 0    largest difference that still counts as none, in the same unit

    Returns
    -------
    str                   equivalent: interval inside (-margin, margin); different: interval wholly outside;
                          inconclusive: anything else, NaN included

    Notes
    -----
    Schuirmann (1987): equivalent is the rejection of both one-sided hypotheses at level α.
    """
    if -margin < low and high < margin:
        return "equivalent"
    return "different" if low >= margin or high <= -margin else "inconclusive"


def _check(margin: float, alpha: float) -> None:
    if not margin > 0:
        raise InputError(
            f"`margin` must be > 0, got {margin}. State the largest difference that counts as none."
        )
    if not 0 < alpha < 0.5:
        raise InputError(f"`alpha` must lie in (0, 0.5), got {alpha}. Use 0.05.")
