"""Verdicts: what the interval of a number says about a limit that was fixed before it was looked at."""

from collections.abc import Callable, Iterable

import numpy as np
from circuit_finders import Find, FindAll, is_defined, read_limits, read_value
from row_cells import Row

from orbitscope.statistics import adjust_holm
from orbitscope.statistics.verdicts import ALPHA

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
    """Holds if the answer is this word, fails if it is another; inconclusive where it could not be told."""

    def judge_row(row: Row) -> str:
        found = find(row).get("word")
        if not found:
            return MISSING
        return HOLDS if found == word else INCONCLUSIVE if found in ("undefined", "diverges") else FAILS

    return judge_row


def within(find: Find, lowest: float, highest: float) -> Condition:
    """Holds if the whole interval lies between two numbers, fails if none of it does."""
    return _on_limits(
        find, lambda low, high: (lowest <= low and high <= highest, high < lowest or low > highest)
    )


def below_share(find: Find, share: float, of: Find) -> Condition:
    """Holds if the upper limit is below a share of another value, fails if the lower one is not."""
    return _beside_share(find, share, of, lambda low, high, limit: (high < limit, low >= limit))


def above_share(find: Find, share: float, of: Find) -> Condition:
    """Holds if the lower limit is above a share of another value, fails if the upper one is not."""
    return _beside_share(find, share, of, lambda low, high, limit: (low > limit, high <= limit))


def _beside_share(
    find: Find, share: float, of: Find, compare: Callable[[float, float, float], tuple[bool, bool]]
) -> Condition:
    def judge_row(row: Row) -> str:
        other = of(row)
        if not is_defined(other) or read_value(other) <= 0:
            return MISSING
        limit = share * read_value(other)
        return _on_limits(find, lambda low, high: compare(low, high, limit))(row)

    return judge_row


def has_sign(find: Find, sign: int) -> Condition:
    """Holds if a number without an interval has this sign, fails if it has not."""

    def judge_row(row: Row) -> str:
        found = find(row)
        return MISSING if not is_defined(found) else HOLDS if sign * read_value(found) > 0 else FAILS

    return judge_row


def beyond(find: Find, name: str) -> Condition:
    """Holds if a distance from a null is above 0 with p ≤ .05, fails if it is on the other side."""

    def judge_row(row: Row) -> str:
        null = next((item for item in find(row).get("beside", ()) if item["name"] == name), None)
        if null is None or not is_defined(find(row)):
            return MISSING
        if null["p_value"] is not None and null["p_value"] <= ALPHA:
            return HOLDS
        return FAILS if read_value(find(row)) < 0 else INCONCLUSIVE

    return judge_row


def all_beyond(find_all: FindAll, name: str) -> Condition:
    """Holds if every number is beyond its null of this name, fails if none is.

    p-values are corrected already.
    """

    def judge_row(row: Row) -> str:
        nulls = [item for entry in find_all(row) for item in entry["beside"] if item["name"] == name]
        is_beyond = [null["p_value"] is not None and null["p_value"] <= ALPHA for null in nulls]
        if not is_beyond:
            return MISSING
        return HOLDS if all(is_beyond) else INCONCLUSIVE if any(is_beyond) else FAILS

    return judge_row


def some_beyond(find_all: FindAll, name: str, share: float) -> Condition:
    """Holds if so large a share of numbers is beyond its null of this name, fails if none is.

    p-values are corrected for their number (Holm).
    """

    def judge_row(row: Row) -> str:
        nulls = [item for entry in find_all(row) for item in entry["beside"] if item["name"] == name]
        if not nulls:
            return MISSING
        is_beyond = adjust_holm(np.array([null["p_value"] for null in nulls], dtype=float)) <= ALPHA
        return HOLDS if is_beyond.mean() >= share else INCONCLUSIVE if is_beyond.any() else FAILS

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
