"""Numbers beside their draws under a null: effect sizes, ranges, and p-values over all of them."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ...statistics import Estimate, Null, adjust_holm, compute_permutation_p_value
from ...statistics.null import LEVEL


def span_draws(draws: Float[np.ndarray, "draw ..."]) -> Estimate:
    """Mean of draws, and the range of the central 95 %; NaN where one is undefined."""
    if len(draws) == 0:
        return Estimate(np.full(draws.shape[1:], np.nan))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    return Estimate(draws.mean(0), low, high)


def compare_with_draws(
    name: str,
    observed: Float[np.ndarray, "*number"],
    draws: Float[np.ndarray, "draw ..."],
    sign: Int[np.ndarray, "*number"],
) -> tuple[Float[np.ndarray, "*number"], Null]:
    """Distances of numbers from the mean of their draws, in standard deviations of these.

    Parameters
    ----------
    name : str
        Of the null.
    observed, draws : (...), (draw, ...)
    sign : (...)
        1 where large values count, −1 where small ones do, 0 where nothing is expected and nothing tested.

    Returns
    -------
    size : (...)
        Positive on the side that counts. NaN where it is not tested or undefined.
    null : Null, (...)
        The same of the draws; p = (b + 1)/(B + 1), by Holm (1979) over all that are tested.
    """
    size, p_values = np.full(observed.shape, np.nan), np.full(observed.shape, np.nan)
    sizes = np.full(draws.shape, np.nan)
    is_known = _find_known(observed, draws) & (sign != 0)
    if is_known.any():
        known, spread = draws[:, is_known], draws[:, is_known].std(0)
        signs = sign[is_known] / spread
        size[is_known] = signs * (observed[is_known] - known.mean(0))
        sizes[:, is_known] = signs * (known - known.mean(0))

        # Compared as they are: centred and scaled, equal values could differ by rounding.
        tested = compute_permutation_p_value(sign[is_known] * observed[is_known], sign[is_known] * known)
        p_values[is_known] = adjust_holm(tested)
    quantile = np.quantile(sizes, LEVEL, axis=0) if len(sizes) else np.full(observed.shape, np.nan)
    return size, Null(name, quantile, p_values, sizes)


def _find_known(
    observed: Float[np.ndarray, "*number"], draws: Float[np.ndarray, "draw ..."]
) -> Bool[np.ndarray, "*number"]:
    """Numbers that are defined, in all draws, too, and vary among these."""
    if len(draws) == 0:
        return np.zeros(observed.shape, dtype=bool)
    return np.isfinite(observed) & np.isfinite(draws).all(0) & (np.ptp(draws, axis=0) > 0)
