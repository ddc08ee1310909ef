"""Where a table of the circuit finds a number: functions from a row to a quantity."""

from collections.abc import Callable
from typing import Any

import numpy as np
import rows as table
from row_cells import Entry, Row, find

Find = Callable[[Row], Entry]
"""From a row to value and limits; empty where the network has none."""

FindAll = Callable[[Row], list[Entry]]


def at(*keys: str) -> Find:
    """The quantity of this key; of several the first that is there."""
    return lambda row: next(filter(None, (find(row, key) for key in keys)), {})


def beside(whose: Find, name: str) -> Find:
    """What stands beside a quantity under this name."""
    return lambda row: next((item for item in whose(row).get("beside", ()) if item["name"] == name), {})


def null_beside(whose: Find, name: str) -> Find:
    """What chance reaches beside a quantity in one of twenty cases; nothing beside one that is undefined."""

    def find_quantile(row: Row) -> Entry:
        found = beside(whose, name)(row) if is_defined(whose(row)) else {}
        return {"value": found["quantile"]} if found else {}

    return find_quantile


def each(*prefixes: str) -> FindAll:
    """Quantities with defined values whose keys start so; of several starts the first that has some."""

    def list_all(row: Row) -> list[Entry]:
        for prefix in prefixes:
            found = [entry for key, entry in row["quantities"].items() if key.startswith(prefix)]
            defined = [entry for entry in found if is_defined(entry)]
            if defined:
                return defined
        return []

    return list_all


def smallest(whose: FindAll) -> Find:
    """The quantity of the smallest value."""
    return lambda row: min(whose(row), key=read_value, default={})


def largest(whose: FindAll) -> Find:
    """The quantity of the largest value."""
    return lambda row: max(whose(row), key=read_value, default={})


def ratio(above: Find, below: Find) -> Find:
    """Ratio of two values, without an interval."""

    def divide(row: Row) -> Entry:
        values = read_value(above(row)), read_value(below(row))
        return {"value": values[0] / values[1]} if np.isfinite(values).all() and values[1] else {}

    return divide


def emulation(name: str) -> Find:
    """What the evaluation says of a network."""
    return lambda row: (row.get("emulation") or {}).get(name, {})


def size(whose: Find) -> Find:
    """Absolute value, and the limits of it."""

    def measure(row: Row) -> Entry:
        found = whose(row)
        if not is_defined(found):
            return {}
        value, low, high = (table.read_number(found.get(name)) for name in ("value", "low", "high"))
        near = 0.0 if low < 0 < high else min(abs(low), abs(high))
        return {"value": abs(value), "low": near, "high": max(abs(low), abs(high))}

    return measure


def read_value(found: Entry) -> float:
    """Value of a quantity; NaN where there is none."""
    return table.read_number(found.get("value"))


def read_limits(found: Entry) -> tuple[float, float]:
    """Limits of a quantity; NaN where it has none."""
    return table.read_number(found.get("low")), table.read_number(found.get("high"))


def is_defined(found: dict[str, Any]) -> bool:
    """Whether there is a value that is a number."""
    return not np.isnan(read_value(found))
