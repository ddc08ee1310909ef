"""Can a classifier tell two samples apart? Area under the ROC curve with its interval."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit, ndtri
from scipy.stats import rankdata

from orbitscope.errors import InputError


@dataclass(frozen=True)
class AucResult:
    """Area under the ROC curve.

    Attributes
    ----------
    auc : float              chance that a positive scores higher than a negative, ties counting half
    standard_error : float   DeLong standard error
    interval : (low, high)   normal confidence interval, cut to [0, 1]; of no width if the classes are
                             separated
    """

    auc: float
    standard_error: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class LogisticFit:
    """L2-penalised logistic regression, P(label = 1) = expit(features · weights + intercept).

    Attributes
    ----------
    weights : (feature,)   coefficients
    intercept : float      not penalised
    converged : bool       whether the optimiser met its tolerance
    """

    weights: Float[np.ndarray, " feature"]
    intercept: float
    converged: bool


@dataclass(frozen=True)
class TwoSampleResult:
    """Classifier two-sample test on held-out data.

    Attributes
    ----------
    auc : float              0.5: indistinguishable by this classifier; 1: always told apart
    standard_error : float   DeLong standard error
    interval : (low, high)   confidence interval of the AUC
    n_test : int             number of held-out samples, both classes together
    converged : bool         whether the fit converged
    """

    auc: float
    standard_error: float
    interval: tuple[float, float]
    n_test: int
    converged: bool


def compute_auc(
    scores: Float[np.ndarray, " sample"], labels: Bool[np.ndarray, " sample"], *, confidence: float = 0.95
) -> AucResult:
    """Area under the ROC curve with DeLong's standard error, in O(n log n).

    Parameters
    ----------
    scores : (sample,)             larger means more likely positive
    labels : (sample,)             True for positives
    confidence : float in (0, 1)   coverage of the interval

    Returns
    -------
    AucResult

    Raises
    ------
    InputError                     if a class has fewer than two samples, a score is NaN, or confidence is out
                                   of range

    Notes
    -----
    DeLong, DeLong & Clarke-Pearson (1988); placement values from midranks as in Sun & Xu (2014).
    """
    _check_confidence(confidence)
    positive, negative = scores[labels], scores[~labels]
    if min(len(positive), len(negative)) < 2 or np.isnan(scores).any():
        raise InputError(
            f"`scores` must be numbers with ≥ 2 samples of each class, got {len(positive)} positive, "
            f"{len(negative)} negative, {int(np.isnan(scores).sum())} NaN. Use more samples."
        )
    ranks = rankdata(scores)
    placed_positive = (ranks[labels] - rankdata(positive)) / len(negative)
    placed_negative = 1 - (ranks[~labels] - rankdata(negative)) / len(positive)
    auc = float(placed_positive.mean())
    variance = placed_positive.var(ddof=1) / len(positive) + placed_negative.var(ddof=1) / len(negative)
    error = float(np.sqrt(variance))
    half_width = float(ndtri((1 + confidence) / 2)) * error
    return AucResult(auc, error, (max(auc - half_width, 0.0), min(auc + half_width, 1.0)))


def fit_logistic_regression(
    features: Float[np.ndarray, "sample feature"],
    labels: Bool[np.ndarray, " sample"],
    *,
    l2: float = 1.0,
    max_steps: int = 500,
) -> LogisticFit:
    """Fit logistic regression with an L2 penalty on the weights.

    Parameters
    ----------
    features : (sample, feature)   standardise them first: the penalty is the same for all
    labels : (sample,)             True for positives
    l2 : float >= 0                strength: Σ log(1 + exp(-margin)) + ½ l2 ‖weights‖² is minimised
    max_steps : int                optimiser steps

    Returns
    -------
    LogisticFit

    Raises
    ------
    InputError                     if `l2` is negative or a feature is not finite
    """
    if not l2 >= 0 or not np.isfinite(features).all():
        raise InputError(f"`l2` must be ≥ 0 and `features` finite, got l2 = {l2}. Remove NaN and use l2 = 1.")
    sign = np.where(labels, 1.0, -1.0)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (features @ theta[:-1] + theta[-1])
        residual = -sign * expit(-margin)
        value = np.logaddexp(0.0, -margin).sum() + 0.5 * l2 * theta[:-1] @ theta[:-1]
        gradient = np.append(features.T @ residual + l2 * theta[:-1], residual.sum())
        return float(value) / len(sign), gradient / len(sign)

    start = np.zeros(features.shape[1] + 1)
    fit = minimize(
        objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_steps, "gtol": 1e-7}
    )
    return LogisticFit(fit.x[:-1], float(fit.x[-1]), bool(fit.success))


def classify_two_sample(
    features_a: Float[np.ndarray, "sample_a feature"],
    features_b: Float[np.ndarray, "sample_b feature"],
    *,
    rng: np.random.Generator,
    l2: float = 1.0,
    confidence: float = 0.95,
) -> TwoSampleResult:
    """Train a classifier on half of each sample and measure on the other half how well it tells them apart.

    Parameters
    ----------
    features_a : (sample_a, feature)   one row per independent unit (a sequence)
    features_b : (sample_b, feature)   the other sample; it is the positive class
    rng                                source of the split
    l2 : float >= 0                    penalty on standardised features
    confidence : float in (0, 1)       coverage of the interval

    Returns
    -------
    TwoSampleResult                    AUC on the held-out half

    Raises
    ------
    InputError                         if a sample has fewer than four rows or a feature is not finite

    Notes
    -----
    Classifier two-sample test (Lopez-Paz & Oquab 2017) with logistic regression: it sees differences in the
    means of the features only, so the features decide what it can find. Means and scales come from the
    training half.
    """
    if min(len(features_a), len(features_b)) < 4:
        raise InputError(
            f"each sample must have ≥ 4 rows, got {len(features_a)} and {len(features_b)}. Pass more of them."
        )
    (train_a, test_a), (train_b, test_b) = _split_half(features_a, rng), _split_half(features_b, rng)
    train, test = np.concatenate([train_a, train_b]), np.concatenate([test_a, test_b])
    mean, scale = train.mean(0), train.std(0)
    scale[scale == 0] = 1.0
    fit = fit_logistic_regression((train - mean) / scale, _label(train_a, train_b), l2=l2)
    result = compute_auc((test - mean) / scale @ fit.weights, _label(test_a, test_b), confidence=confidence)
    return TwoSampleResult(result.auc, result.standard_error, result.interval, len(test), fit.converged)


def _split_half(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(len(rows))
    return rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]


def _label(rows_a: np.ndarray, rows_b: np.ndarray) -> np.ndarray:
    return np.arange(len(rows_a) + len(rows_b)) >= len(rows_a)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"`confidence` must lie in (0, 1), got {confidence}. Use 0.95.")
