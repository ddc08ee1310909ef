"""Agreement of two partitions of the same points."""

import numpy as np
from jaxtyping import Float, Real


def compute_adjusted_rand_index(
    tables: Real[np.ndarray, "batch first second"],
) -> Float[np.ndarray, " batch"]:
    """Adjusted Rand index: 1 if two partitions are the same up to names, about 0 if they are independent.

    Parameters
    ----------
    tables : (batch, first, second)    numbers of points by their part in either partition; a batch of tables

    Returns
    -------
    (batch,)                           index of each table

    Notes
    -----
    Hubert & Arabie (1985): (pairs together in both - expected)/(mean of pairs together in each - expected).
    Two partitions into one part each, or into single points, are the same: 1. One part against any other
    partition is 0. A function of tables, because a bootstrap over trajectories adds tables.
    """
    together = _count_pairs(tables).sum(axis=(1, 2))
    first, second = _count_pairs(tables.sum(2)).sum(1), _count_pairs(tables.sum(1)).sum(1)
    expected = first * second / np.maximum(_count_pairs(tables.sum(axis=(1, 2))), 1)
    room = (first + second) / 2 - expected
    return np.where(room > 0, (together - expected) / np.where(room > 0, room, 1.0), 1.0)


def _count_pairs(n: np.ndarray) -> np.ndarray:
    return n * (n - 1.0) / 2
