"""What figures show of more symbols or directions than fit: the leading ones, and how many more."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

MOST_NAMED = 20
"""Entries of a legend."""

MOST_ROWS = 30
"""Rows of a figure that has one for each symbol or direction; six symbols have 30 directions."""


def name_leading(names: Sequence[str]) -> list[str | None]:
    """Labels of a legend: the first names, then how many more there are; None has no entry."""
    if len(names) <= MOST_NAMED:
        return list(names)
    n_named = MOST_NAMED - 1
    others = [None] * (len(names) - n_named - 1)
    return [*names[:n_named], f"and {len(names) - n_named} more", *others]


def find_leading(weights: Float[np.ndarray, " row"] | Int[np.ndarray, " row"]) -> Int[np.ndarray, " shown"]:
    """Places of the rows that are shown, in order: those of the largest weights; NaN comes last."""
    order = np.argsort(-np.nan_to_num(weights.astype(float), nan=-np.inf), kind="stable")
    return np.sort(order[:MOST_ROWS])


def say_left_out(n_rows: int, what: str, first: str) -> str:
    """Sentence of a caption on rows that are not shown; empty if all are."""
    if n_rows <= MOST_ROWS:
        return ""
    return f"Shown are the {MOST_ROWS} {what} {first}, of {n_rows}."


def say_first(names: Sequence[str]) -> str:
    """Names with commas: the first ones, and how many more there are."""
    return ", ".join(name for name in name_leading(names) if name)
