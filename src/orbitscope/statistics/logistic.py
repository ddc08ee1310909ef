"""Logistic regression with an L2 penalty."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from ..errors import InputError


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
