"""Where a rule finds its numbers: functions from the quantities of a network to one of them, or several."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..quantity import Beside, Null, Quantity, Reference
from ..statistics import Estimate

Quantities = Mapping[str, Quantity]
"""Quantities of one network by key."""

Find = Callable[[Quantities], Quantity | None]
"""None where the network has no such number."""

FindAll = Callable[[Quantities], list[Quantity]]


def at(*keys: str) -> Find:
    """The quantity of this key; of several the first that is there."""
    return lambda found: next((found[key] for key in keys if key in found), None)


def each(*prefixes: str) -> FindAll:
    """Defined quantities whose keys start so; of several starts the first that has some."""

    def list_all(found: Quantities) -> list[Quantity]:
        for prefix in prefixes:
            defined = [q for key, q in found.items() if key.startswith(prefix) and is_defined(q)]
            if defined:
                return defined
        return []

    return list_all


def each_said(prefix: str) -> FindAll:
    """Quantities whose keys start so and whose answer is a word."""
    return lambda found: [
        quantity for key, quantity in found.items() if key.startswith(prefix) and quantity.word
    ]


def smallest(whose: FindAll) -> Find:
    """The quantity of the smallest value."""
    return lambda found: min(whose(found), key=read_value, default=None)


def largest(whose: FindAll) -> Find:
    """The quantity of the largest value."""
    return lambda found: max(whose(found), key=read_value, default=None)


def beside(whose: Find, name: str) -> Find:
    """The number that stands beside a quantity under this name, in the unit of the quantity."""

    def find_reference(found: Quantities) -> Quantity | None:
        quantity = whose(found)
        item = None if quantity is None else find_beside(quantity, name)
        if quantity is None or not isinstance(item, Reference):
            return None
        return replace(quantity, label=name, estimate=item.estimate, beside=(), word="")

    return find_reference


def null_beside(whose: Find, name: str) -> Find:
    """What chance reaches beside a defined quantity in one of twenty cases."""

    def find_quantile(found: Quantities) -> Quantity | None:
        quantity = whose(found)
        item = None if quantity is None else find_beside(quantity, name)
        if quantity is None or not is_defined(quantity) or not isinstance(item, Null):
            return None
        return replace(quantity, label=name, estimate=Estimate(float(item.quantile)), beside=(), word="")

    return find_quantile


def ratio(above: Find, below: Find) -> Find:
    """Ratio of two values, without an interval."""

    def divide(found: Quantities) -> Quantity | None:
        one, other = above(found), below(found)
        if one is None or other is None:
            return None
        values = read_value(one), read_value(other)
        if not all(map(math.isfinite, values)) or values[1] == 0:
            return None
        label = f"{one.label} over {other.label}"
        return replace(
            one, label=label, estimate=Estimate(values[0] / values[1]), unit="1", beside=(), word=""
        )

    return divide


def size(whose: Find) -> Find:
    """Absolute value, and the limits of it."""

    def measure(found: Quantities) -> Quantity | None:
        quantity = whose(found)
        if quantity is None or not is_defined(quantity):
            return None
        value, low, high = (float(getattr(quantity.estimate, name)) for name in ("value", "low", "high"))
        near = 0.0 if low < 0 < high else min(abs(low), abs(high))
        limits = near, max(abs(low), abs(high))
        return replace(quantity, label=f"size of {quantity.label}", estimate=Estimate(abs(value), *limits))

    return measure


def find_beside(quantity: Quantity, name: str) -> Beside | None:
    """What stands beside a quantity under this name."""
    named = (item for item in quantity.beside if isinstance(item, Reference | Null))
    return next((item for item in named if item.name == name), None)


def read_value(quantity: Quantity | None) -> float:
    """Value of a quantity; NaN where there is none."""
    return math.nan if quantity is None else float(quantity.estimate)


def is_defined(quantity: Quantity | None) -> bool:
    """Whether there is a value that is a number."""
    return not math.isnan(read_value(quantity))
