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

WHY_DROPPED = {"diverged": "diverged", "on_plateau": "is on the plateau"}
"""Phases of training that drop a network, in words."""


@dataclass(frozen=True)
class Pair:
    """Two networks of one seed, in the order of the losses; why they are no pair, if they are not."""

    process: str
    seed: int
    rows: tuple[Row, ...]
    dropped: str = ""


@dataclass(frozen=True)
class Difference:
    """A measure within pairs: values (pair, loss), mean difference with its interval, sign test."""

    values: np.ndarray
    mean: float
    low: float
    high: float
    p_value: float

    @property
    def n_pairs(self) -> int:
        """Pairs that have the measure in both networks."""
        return len(self.values)

    @property
    def n_higher(self) -> int:
        """Pairs in which it is larger with the published loss."""
        return int((self.values[:, 0] > self.values[:, 1]).sum())

    @property
    def n_lower(self) -> int:
        """Pairs in which it is smaller with the published loss."""
        return int((self.values[:, 0] < self.values[:, 1]).sum())


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


def compare(pairs: Iterable[Pair], measure: Find) -> Difference:
    """Difference of a measure, published loss minus words, over the pairs that survive."""
    values = [[read_measure(row, measure) for row in pair.rows] for pair in pairs if not pair.dropped]
    table = np.array(values).reshape(-1, len(OBJECTIVES))
    table = table[np.isfinite(table).all(axis=1)]
    differences = table[:, 0] - table[:, 1]
    mean = differences.mean() if len(differences) else math.nan
    return Difference(table, float(mean), *_bound_mean(differences), compute_sign_test(differences))


def compute_sign_test(differences: np.ndarray) -> float:
    """Two-sided exact p-value of the signs of paired differences; zeros do not count. NaN without any."""
    n_positive, n_negative = int((differences > 0).sum()), int((differences < 0).sum())
    n = n_positive + n_negative
    if n == 0:
        return math.nan
    tail = sum(math.comb(n, k) for k in range(min(n_positive, n_negative) + 1))
    return min(1.0, 2.0 * tail / 2.0**n)


def _bound_mean(differences: np.ndarray) -> tuple[float, float]:
    """95 % t interval of the mean of paired differences; NaN with fewer than two or without spread."""
    if len(differences) < 2 or np.ptp(differences) == 0:
        return math.nan, math.nan
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval()
    return float(interval.low), float(interval.high)


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
