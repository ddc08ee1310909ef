"""p-values from null samples and their correction for multiple comparisons."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from jaxtyping import Float, Real
from scipy.special import bdtr, bdtrc

from ..errors import InputError


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


def draw_until_decided(
    draws: Iterator[float],
    observed: float,
    *,
    n_first: int,
    n_max: int,
    level: float = 0.05,
    confidence: float = 0.95,
) -> Float[np.ndarray, " draw"]:
    """Draw null values until it is clear on which side of a level the p-value lies.

    Parameters
    ----------
    draws : iterator of float        independent values under the null
    observed : float                 observed statistic; large values speak against the null
    n_first : int >= 1               draws that are always made
    n_max : int                      draws after which it stops in any case; no more than ``n_first`` is none
    level : float in (0, 1)          level of the test
    confidence : float in (0, 1)     of the interval of the exact p-value

    Returns
    -------
    (draw,)                          null values, for :func:`compute_permutation_p_value`

    Raises
    ------
    InputError                       if ``n_first`` is below 1

    Notes
    -----
    The number of draws doubles while the Clopper-Pearson interval of P(null ≥ observed) holds the level. The
    rule is fixed in advance, but it looks at the draws, so (b + 1) / (n + 1) is no longer exact: with 100 to
    1000 draws p ≤ .05 has the probability .0500 under the null (exact sum over paths; see the tests). Besag &
    Clifford (1991) stop after a number of exceedances, which is exact but needs every draw where p is small.
    """
    if n_first < 1:
        raise InputError(f"`n_first` must be ≥ 1, got {n_first}. Use 100.")
    null = list(islice(draws, n_first))
    while len(null) < n_max and _is_open(
        int(np.sum(np.array(null) >= observed)), len(null), level, confidence
    ):
        null += islice(draws, min(len(null), n_max - len(null)))
    return np.array(null)


def _is_open(n_extreme: int, n_draws: int, level: float, confidence: float) -> bool:
    """Whether the Clopper-Pearson interval of a share holds the level: neither tail of it is rare."""
    at_most, at_least = bdtr(n_extreme, n_draws, level), bdtrc(n_extreme - 1, n_draws, level)
    return bool(min(at_most, at_least) > (1 - confidence) / 2)
