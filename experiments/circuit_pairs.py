"""Pairs of networks that differ in the loss alone: which survive, and how a measure differs within them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from circuit_statements import is_judged
from paired_losses import OBJECTIVES
from row_cells import Row, read_quantities
from scipy import stats

from orbitscope.claims.finders import Find, read_value
from orbitscope.statistics import PairedDifference, compare_paired

WHY_DROPPED = {"diverged": "diverged", "on_plateau": "is on the plateau"}
"""Phases of training that drop a network, in words."""


@dataclass(frozen=True)
class Pair:
    """Two networks of one seed, in the order of the losses; why they are no pair, if they are not."""

    process: str
    seed: int
    rows: tuple[Row, ...]
    dropped: str = ""


def find_pairs(rows: Iterable[Row], trained: Iterable[Row]) -> list[Pair]:
    """Pairs of the paired experiment, those that are dropped with the reason.

    Parameters
    ----------
    rows : rows of the circuit
    trained : rows of docs/paired_losses.jsonl
        They say which networks there are, and in which phase their training ended.
    """
    phases = {(row["preset"], row["seed"], row["loss"]["objective"]): row["phase"] for row in trained}
    analysed = {(row["process"], row["seed"], row["objective"]): row for row in rows if row["set"] == "pairs"}
    pairs = []
    for process, seed in sorted({key[:2] for key in phases}):
        keys = [(process, seed, objective) for objective in OBJECTIVES]
        reasons = [_find_reason(key, phases, analysed) for key in keys]
        found = tuple(analysed[key] for key in keys if key in analysed)
        pairs.append(Pair(process, seed, found, "; ".join(filter(None, reasons))))
    return pairs


def _find_reason(key: tuple[str, int, str], phases: dict, analysed: dict) -> str:
    """Why a network is in no pair; empty if it is."""
    phase = phases.get(key, "missing")
    if phase in WHY_DROPPED:
        return f"{key[2]} {WHY_DROPPED[phase]}"
    return "" if phase != "missing" and key in analysed else f"{key[2]} is not there yet"


def compare(pairs: Iterable[Pair], measure: Find) -> PairedDifference:
    """Difference of a measure, published loss minus words, over the pairs that survive."""
    values = [[read_measure(row, measure) for row in pair.rows] for pair in pairs if not pair.dropped]
    return compare_paired(np.array(values).reshape(-1, len(OBJECTIVES)))


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation over networks, with its p-value."""

    rho: float
    p_value: float
    n: int


def correlate(rows: Iterable[Row], measure: Find, other: Find) -> Correlation:
    """Rank correlation of two measures over networks; NaN with fewer than four, or without spread."""
    values = np.array([[read_measure(row, find) for find in (measure, other)] for row in rows]).reshape(-1, 2)
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < 4 or (np.ptp(values, axis=0) == 0).any():
        return Correlation(math.nan, math.nan, len(values))
    rho, p_value = np.array(stats.spearmanr(values[:, 0], values[:, 1]), dtype=float).tolist()
    return Correlation(rho, p_value, len(values))


def select(rows: Iterable[Row], **wanted: str) -> list[Row]:
    """Networks with a verdict that have these properties."""
    return [row for row in rows if is_judged(row) and all(row[key] == value for key, value in wanted.items())]


def find_range(rows: Iterable[Row], measure: Find) -> tuple[float, float]:
    """Smallest and largest value over networks; NaN without any."""
    values = [value for row in rows if np.isfinite(value := read_measure(row, measure))]
    return (min(values), max(values)) if values else (math.nan, math.nan)


def read_measure(row: Row, measure: Find) -> float:
    """Value of a measure of a network; NaN where it has none."""
    return read_value(measure(read_quantities(row)))
