"""p-values from null samples and their correction for multiple comparisons."""

import numpy as np
from jaxtyping import Float, Real

from orbitscope.errors import InputError


def compute_permutation_p_value(
    observed: Real[np.ndarray, "*statistic"] | float, null: Real[np.ndarray, "resample ..."]
) -> Float[np.ndarray, "*statistic"]:
    """Share of null values at least as large as the observed one, counting the observed one among them.

    Parameters
    ----------
    observed : (*statistic)           observed statistic; large values speak against the null
    null : (resample, *statistic)     the same statistic on B permuted or simulated data sets

    Returns
    -------
    (*statistic)                      p = (b + 1) / (B + 1), in [1 / (B + 1), 1]

    Raises
    ------
    InputError                        if the null is empty or a value is NaN

    Notes
    -----
    Phipson & Smyth (2010): never zero, and valid at any B. For two sides pass absolute values centred on the
    null.
    """
    if len(null) == 0:
        raise InputError("`null` must hold at least one resample, got none. Draw ≥ 999 permutations.")
    if np.isnan(observed).any() or np.isnan(null).any():
        raise InputError("`observed` and `null` must not be NaN. Leave out undefined statistics.")
    n_extreme = (null >= observed).sum(axis=0)
    return np.asarray((n_extreme + 1) / (len(null) + 1))


def adjust_holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Adjust p-values so that comparing each with α keeps the chance of any false rejection below α.

    Parameters
    ----------
    p_values : (test,)    in [0, 1]

    Returns
    -------
    (test,)               adjusted p-values, in the order given, in [0, 1]

    Raises
    ------
    InputError            if a p-value is outside [0, 1] or NaN

    Notes
    -----
    Holm (1979): the k-th smallest of m is multiplied by m - k + 1, then made non-decreasing.
    """
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise InputError(f"`p_values` must lie in [0, 1], got {p_values}. Leave out tests that were not run.")
    order = np.argsort(p_values)
    scaled = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def flip_signs(
    per_unit: Real[np.ndarray, "unit ..."], n_null: int, *, rng: np.random.Generator
) -> Float[np.ndarray, "resample ..."]:
    """Sums over units with random signs: the null of a sum whose terms are as likely as their opposites.

    Parameters
    ----------
    per_unit : (unit, *statistic)     what each independent unit adds to the sum
    n_null : int >= 1                 draws of all signs
    rng                               source of the signs; same seed, same result

    Returns
    -------
    (resample, *statistic)            sums; all statistics of a draw share their signs

    Raises
    ------
    InputError                        if there are no draws
    """
    if n_null < 1:
        raise InputError(f"`n_null` must be ≥ 1, got {n_null}. Use 999.")
    signs = 2.0 * rng.integers(2, size=(n_null, len(per_unit))) - 1
    return np.tensordot(signs, per_unit, axes=1)
