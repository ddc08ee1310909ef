"""Verdicts: what the interval of a number says about a limit that was fixed before it was looked at."""

from collections.abc import Callable, Iterable
from itertools import combinations

import numpy as np
from circuit_finders import Find, FindAll, is_defined, read_limits, read_value
from row_cells import Entry, Row

HOLDS, FAILS, INCONCLUSIVE, MISSING = "holds", "fails", "inconclusive", "-"
"""MISSING: the network has no such number."""

Condition = Callable[[Row], str]


def at_least(find: Find, limit: float) -> Condition:
    """Holds if the lower limit reaches a number, fails if the upper one is below it."""
    return _on_limits(find, lambda low, high: (low >= limit, high < limit))


def below(find: Find, limit: float, *, can_fail: Callable[[Row], bool] = lambda row: True) -> Condition:
    """Holds if the upper limit is below a number, fails if the lower one is not.

    Where it cannot fail, because the number bounds what is asked from above only, it is inconclusive.
    """
    condition = _on_limits(find, lambda low, high: (high < limit, low >= limit))

    def judge_row(row: Row) -> str:
        verdict = condition(row)
        return INCONCLUSIVE if verdict == FAILS and not can_fail(row) else verdict

    return judge_row


def above(find: Find, limit: float | Find) -> Condition:
    """Holds if the lower limit is above a number, or all of another interval; fails if it is all below."""
    if not callable(limit):
        return _on_limits(find, lambda low, high: (low > limit, high <= limit))

    def compare(row: Row) -> str:
        other = limit(row)
        if not is_defined(other):
            return MISSING
        lowest, highest = (read_value(other) if np.isnan(end) else end for end in read_limits(other))
        return _on_limits(find, lambda low, high: (low > highest, high <= lowest))(row)

    return compare


def each_below(find_all: FindAll, limit: float) -> Condition:
    """Holds if every upper limit is below a number, fails if one lower limit is not."""

    def judge_row(row: Row) -> str:
        return combine([below(lambda _, entry=entry: entry, limit)(row) for entry in find_all(row)])

    return judge_row


def counts(find: Find, number: int) -> Condition:
    """Holds if a count is this number, fails if it is larger; fewer were perhaps not found."""

    def judge_row(row: Row) -> str:
        value = read_value(find(row))
        if not is_defined(find(row)):
            return MISSING
        return HOLDS if value == number else FAILS if value > number else INCONCLUSIVE

    return judge_row


def says(find: Find, word: str) -> Condition:
    """Holds if the answer is this word; fails if it is another one; "undecided" is inconclusive."""

    def judge_row(row: Row) -> str:
        found = find(row).get("word")
        return {None: MISSING, "": MISSING, word: HOLDS, "undecided": INCONCLUSIVE}.get(found, FAILS)

    return judge_row


def opposite(find_peaks: Callable[[Row], dict[str, Entry]]) -> Condition:
    """Holds if a→b and b→a have numbers of opposite sign, for all such pairs; intervals exclude 0."""

    def judge_row(row: Row) -> str:
        peaks = find_peaks(row)
        pairs = [(a, b) for a, b in combinations(peaks, 2) if a.split(" → ") == b.split(" → ")[::-1]]
        return combine([_compare_signs(peaks[a], peaks[b]) for a, b in pairs])

    return judge_row


def combine(verdicts: Iterable[str]) -> str:
    """Verdict on conditions that must all hold: one that fails decides, then one that is missing."""
    found = list(verdicts)
    order = (FAILS, MISSING, INCONCLUSIVE, HOLDS)
    return next((verdict for verdict in order if verdict in found), MISSING)


def _on_limits(find: Find, compare: Callable[[float, float], tuple[bool, bool]]) -> Condition:
    """Condition on the limits of a number; without limits it is inconclusive."""

    def judge_row(row: Row) -> str:
        entry = find(row)
        if not is_defined(entry):
            return MISSING
        does_hold, does_fail = compare(*read_limits(entry))
        return HOLDS if does_hold else FAILS if does_fail else INCONCLUSIVE

    return judge_row


def _compare_signs(first: Entry, second: Entry) -> str:
    """Whether two numbers have opposite signs, each with an interval that excludes 0."""
    if not (is_defined(first) and is_defined(second)):
        return MISSING
    signs = [1 if low > 0 else -1 if high < 0 else 0 for low, high in map(read_limits, (first, second))]
    return INCONCLUSIVE if 0 in signs else HOLDS if sum(signs) == 0 else FAILS
