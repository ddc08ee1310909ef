"""Conditions: what the interval of a number says about a limit that was fixed before it was looked at."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..quantity import Null, Quantity
from ..statistics import adjust_holm
from ..statistics.verdicts import ALPHA
from .finders import Find, FindAll, Quantities, find_beside, is_defined, read_value

HOLDS, FAILS, INCONCLUSIVE = "holds", "fails", "inconclusive"
IDENTITY = "identity"
"""It follows from the kind of network, and is no finding."""

MISSING = "not measured"
"""The network has no such number."""


@dataclass(frozen=True)
class Finding:
    """What one condition says of a network.

    Attributes
    ----------
    verdict : str
        "holds", "fails", "inconclusive" or "not measured".
    quantities : tuple of Quantity
        The numbers that it rests on.
    """

    verdict: str
    quantities: tuple[Quantity, ...] = ()


Condition = Callable[[Quantities], Finding]
Compare = Callable[[float, float], tuple[bool, bool]]
"""From the limits of a number to whether a condition holds, and whether it fails."""


def combine(verdicts: Iterable[str]) -> str:
    """Verdict on conditions that must all hold: one that fails decides, then one that is missing."""
    found = list(verdicts)
    order = (FAILS, MISSING, INCONCLUSIVE, HOLDS)
    return next((verdict for verdict in order if verdict in found), MISSING)


def at_least(find: Find, limit: float) -> Condition:
    """Holds if the lower limit reaches a number, fails if the upper one is below it."""
    return on_limits(find, lambda low, high: (low >= limit, high < limit))


def at_most(find: Find, limit: float) -> Condition:
    """Holds if the lower limit does not exceed a number, fails if it does: a number that may be smaller."""
    return on_limits(find, lambda low, high: (low <= limit, low > limit))


def below(find: Find, limit: float, *, can_fail: Callable[[Quantities], bool] = lambda _: True) -> Condition:
    """Holds if the upper limit is below a number, fails if the lower one is not.

    Where it cannot fail, because the number bounds what is asked from above only, it is inconclusive.
    """
    condition = on_limits(find, lambda low, high: (high < limit, low >= limit))

    def judge(found: Quantities) -> Finding:
        finding = condition(found)
        is_open = finding.verdict == FAILS and not can_fail(found)
        return Finding(INCONCLUSIVE, finding.quantities) if is_open else finding

    return judge


def above(find: Find, limit: float | Find) -> Condition:
    """Holds if the lower limit is above a number, or all of another interval; fails if it is all below."""
    if not callable(limit):
        return on_limits(find, lambda low, high: (low > limit, high <= limit))

    def compare(found: Quantities) -> Finding:
        other = limit(found)
        if other is None or not is_defined(other):
            return Finding(MISSING)
        lowest, highest = (read_value(other) if np.isnan(end) else end for end in read_limits(other))
        return on_limits(find, lambda low, high: (low > highest, high <= lowest))(found)

    return compare


def within(find: Find, lowest: float, highest: float) -> Condition:
    """Holds if the whole interval lies between two numbers, fails if none of it does."""
    return on_limits(
        find, lambda low, high: (lowest <= low and high <= highest, high < lowest or low > highest)
    )


def each_below(find_all: FindAll, limit: float) -> Condition:
    """Holds if every upper limit is below a number, fails if one lower limit is not."""
    return all_of(find_all, lambda find: below(find, limit))


def all_of(find_all: FindAll, build: Callable[[Find], Condition]) -> Condition:
    """A condition on each of several numbers, which must all hold."""

    def judge(found: Quantities) -> Finding:
        findings = [build(lambda _, quantity=quantity: quantity)(found) for quantity in find_all(found)]
        quantities = tuple(quantity for finding in findings for quantity in finding.quantities)
        return Finding(combine(finding.verdict for finding in findings), quantities)

    return judge


def below_share(find: Find, share: float, of: Find) -> Condition:
    """Holds if the upper limit is below a share of another value, fails if the lower one is not."""
    return _beside_share(find, share, of, lambda low, high, limit: (high < limit, low >= limit))


def above_share(find: Find, share: float, of: Find) -> Condition:
    """Holds if the lower limit is above a share of another value, fails if the upper one is not."""
    return _beside_share(find, share, of, lambda low, high, limit: (low > limit, high <= limit))


def counts(find: Find, number: int) -> Condition:
    """Holds if a count is this number, fails if it is larger; fewer were perhaps not found."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        if quantity is None or not is_defined(quantity):
            return Finding(MISSING)
        value = read_value(quantity)
        verdict = HOLDS if value == number else FAILS if value > number else INCONCLUSIVE
        return Finding(verdict, (quantity,))

    return judge


def each_at_least(find_all: FindAll, number: int) -> Condition:
    """Holds if every count reaches a number, fails if none does."""

    def judge(found: Quantities) -> Finding:
        quantities = find_all(found)
        reach = [read_value(quantity) >= number for quantity in quantities]
        if not reach:
            return Finding(MISSING)
        verdict = HOLDS if all(reach) else INCONCLUSIVE if any(reach) else FAILS
        return Finding(verdict, tuple(quantities))

    return judge


def says(find: Find, word: str, *, open_words: tuple[str, ...] = ("undefined", "diverges")) -> Condition:
    """Holds if the answer is this word, fails if it is another; inconclusive where it could not be told."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        if quantity is None or not quantity.word:
            return Finding(MISSING)
        is_open = quantity.word in open_words
        return Finding(HOLDS if quantity.word == word else INCONCLUSIVE if is_open else FAILS, (quantity,))

    return judge


def all_say(find_all: FindAll, word: str) -> Condition:
    """Holds if every answer but "no test" is this word, fails if one is "fails"."""

    def judge(found: Quantities) -> Finding:
        heard = [quantity for quantity in find_all(found) if quantity.word != "no test"]
        words = [quantity.word for quantity in heard]
        if not words:
            return Finding(MISSING)
        verdict = FAILS if "fails" in words else HOLDS if set(words) == {word} else INCONCLUSIVE
        return Finding(verdict, tuple(heard))

    return judge


def has_sign(find: Find, sign: int) -> Condition:
    """Holds if a number without an interval has this sign, fails if it has not."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        if quantity is None or not is_defined(quantity):
            return Finding(MISSING)
        return Finding(HOLDS if sign * read_value(quantity) > 0 else FAILS, (quantity,))

    return judge


def beyond(find: Find, name: str) -> Condition:
    """Holds if a distance from a null is above 0 with p ≤ .05, fails if it is on the other side."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        null = None if quantity is None else find_beside(quantity, name)
        if quantity is None or not isinstance(null, Null) or not is_defined(quantity):
            return Finding(MISSING)
        if float(null.p_value) <= ALPHA:
            return Finding(HOLDS, (quantity,))
        return Finding(FAILS if read_value(quantity) < 0 else INCONCLUSIVE, (quantity,))

    return judge


def exceeds_null(find: Find, name: str) -> Condition:
    """Holds if a number is beyond its null of this name (p ≤ .05), else fails."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        null = None if quantity is None else find_beside(quantity, name)
        if quantity is None or not isinstance(null, Null) or np.isnan(null.p_value):
            return Finding(MISSING)
        return Finding(HOLDS if float(null.p_value) <= ALPHA else FAILS, (quantity,))

    return judge


def all_beyond(find_all: FindAll, name: str) -> Condition:
    """Holds if every number is beyond its null of this name, fails if none is.

    p-values are corrected already.
    """
    return _on_nulls(find_all, name, lambda p_values: p_values <= ALPHA, 1.0)


def some_beyond(find_all: FindAll, name: str, share: float) -> Condition:
    """Holds if so large a share of numbers is beyond its null of this name, fails if none is.

    p-values are corrected for their number (Holm).
    """
    return _on_nulls(find_all, name, lambda p_values: adjust_holm(p_values) <= ALPHA, share)


def unlike_null(find_all: FindAll, name: str) -> Condition:
    """Holds if no number is beyond its null of this name, fails if all are (Holm): those of a good model."""
    flipped = {HOLDS: FAILS, FAILS: HOLDS}
    condition = some_beyond(find_all, name, 1.0)

    def judge(found: Quantities) -> Finding:
        finding = condition(found)
        return Finding(flipped.get(finding.verdict, finding.verdict), finding.quantities)

    return judge


def on_limits(find: Find, compare: Compare) -> Condition:
    """Condition on the limits of a number; without limits it is inconclusive."""

    def judge(found: Quantities) -> Finding:
        quantity = find(found)
        if quantity is None or not is_defined(quantity):
            return Finding(MISSING)
        does_hold, does_fail = compare(*read_limits(quantity))
        return Finding(HOLDS if does_hold else FAILS if does_fail else INCONCLUSIVE, (quantity,))

    return judge


def read_limits(quantity: Quantity | None) -> tuple[float, float]:
    """Limits of a quantity; NaN where it has none, or there is none."""
    if quantity is None:
        return math.nan, math.nan
    return float(quantity.estimate.low), float(quantity.estimate.high)


def _beside_share(
    find: Find, share: float, of: Find, compare: Callable[[float, float, float], tuple[bool, bool]]
) -> Condition:
    def judge(found: Quantities) -> Finding:
        other = of(found)
        if other is None or not read_value(other) > 0:
            return Finding(MISSING)
        limit = share * read_value(other)
        return on_limits(find, lambda low, high: compare(low, high, limit))(found)

    return judge


def _on_nulls(
    find_all: FindAll, name: str, decide: Callable[[np.ndarray], np.ndarray], share: float
) -> Condition:
    """Condition on which of several numbers are beyond their nulls; one that was not tested is not."""

    def judge(found: Quantities) -> Finding:
        pairs = [(quantity, find_beside(quantity, name)) for quantity in find_all(found)]
        tested = [(quantity, null) for quantity, null in pairs if isinstance(null, Null)]
        if not tested:
            return Finding(MISSING)
        p_values = np.nan_to_num([float(null.p_value) for _, null in tested], nan=1.0)
        is_beyond = decide(p_values)
        verdict = HOLDS if is_beyond.mean() >= share else INCONCLUSIVE if is_beyond.any() else FAILS
        return Finding(verdict, tuple(quantity for quantity, _ in tested))

    return judge
