"""Numbers beside their draws under a null: effect sizes, ranges, and p-values over all of them."""

import numpy as np
from jaxtyping import Bool, Float, Int

from ...statistics import Estimate, Null, adjust_holm, compute_permutation_p_value
from ...statistics.null import LEVEL


def span_draws(draws: Float[np.ndarray, "draw ..."]) -> Estimate:
    """Mean of draws, and the range of the central 95 %, of those that are defined; NaN if half are not."""
    known = _find_defined(draws)
    found = np.full((3, *draws.shape[1:]), np.nan)
    if known.any():
        tail = (1 - LEVEL) / 2
        found[0, known] = np.nanmean(draws[:, known], axis=0)
        found[1:, known] = np.nanquantile(draws[:, known], [tail, 1 - tail], axis=0)
    return Estimate(*found)


def build_null(
    name: str,
    observed: Float[np.ndarray, "*number"],
    draws: Float[np.ndarray, "draw ..."],
    *,
    holm: bool = True,
) -> Null:
    """Null of numbers of which large ones count, with p-values by Holm (1979) over all that are defined.

    A draw in which a number is undefined, such as one with an empty set, counts as one that is as large. The
    number has no null where that is so in half of the draws.
    """
    known = np.isfinite(observed) & _find_defined(draws)
    quantile, p_values = (np.full(observed.shape, np.nan) for _ in range(2))
    if known.any():
        quantile[known] = np.nanquantile(draws[:, known], LEVEL, axis=0)
        as_large = np.where(np.isnan(draws[:, known]), np.inf, draws[:, known])
        tested = compute_permutation_p_value(observed[known], as_large)
        p_values[known] = adjust_holm(tested) if holm else tested
    return Null(name, quantile, p_values, draws)


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
        The same of the draws; p = (b + 1)/(B + 1), by Holm over all that are tested.
    """
    signed = np.where(sign == 0, np.nan, sign * observed)
    spread = np.where(_find_defined(draws), _find_spread(draws), np.nan)
    # Compared as they are: centred and scaled, equal values could differ by rounding.
    p_values = build_null(name, np.where(spread > 0, signed, np.nan), sign * draws).p_value
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.where((sign != 0) & (spread > 0), sign / spread, np.nan)
    mean = span_draws(draws).value
    size, sizes = scale * (observed - mean), scale * (draws - mean)
    return size, Null(name, build_null(name, size, sizes).quantile, p_values, sizes)


def _find_defined(draws: Float[np.ndarray, "draw ..."]) -> Bool[np.ndarray, "..."]:
    """Numbers that are defined in half of the draws at least."""
    if len(draws) == 0:
        return np.zeros(draws.shape[1:], dtype=bool)
    return np.asarray(np.isfinite(draws).mean(0) >= 0.5)


def _find_spread(draws: Float[np.ndarray, "draw ..."]) -> Float[np.ndarray, "..."]:
    """Standard deviation of the draws that are defined."""
    known = np.isfinite(draws)
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, draws, 0.0).sum(0) / count
    return np.asarray(np.sqrt(np.where(known, np.square(draws - mean), 0.0).sum(0) / count))
