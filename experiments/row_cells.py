"""Quantities of an analysis: what a row of a table holds of them, and the cells that show them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import rows as table

from orbitscope.quantity import Quantity
from orbitscope.system.plain_json import make_plain

Row = dict[str, Any]
Entry = dict[str, Any]
"""A quantity, or what stands beside one, as a row holds it; empty where a network has none."""

KEPT = ("value", "low", "high", "word", "unit", "beside")
"""What a row holds of a quantity."""


def list_plain(quantities: Iterable[Quantity]) -> dict[str, Entry]:
    """What a row holds of quantities, by key."""
    plain = [quantity.to_plain() for quantity in quantities]
    return {entry["key"]: {name: entry[name] for name in KEPT} for entry in plain}


def read_quantities(row: Row) -> dict[str, Quantity]:
    """Quantities of a row by key, with the verdict on its emulation and what its evaluation says."""
    return row["found"] if "found" in row else _parse(row)


def parse_rows(rows: Iterable[Row]) -> list[Row]:
    """Rows whose quantities are read once and kept with them, under ``found``."""
    return [row | {"found": _parse(row)} for row in rows]


def _parse(row: Row) -> dict[str, Quantity]:
    entries = dict(row["quantities"])
    for name, found in (row.get("emulation") or {}).items():
        entries[f"{'emulation' if name == 'verdict' else 'evaluation'}.{name}"] = found
    return {key: _read_quantity(key, entry) for key, entry in entries.items()}


def _read_quantity(key: str, entry: Entry) -> Quantity:
    unknown = {"label": key, "unit": "1", "beside": (), "word": None, "is_main": True}
    return Quantity.from_plain(unknown | entry | {"key": key})


def make_entry(found: Quantity | None) -> Entry:
    """A quantity as cells show it; empty if there is none."""
    return {} if found is None else make_plain(found.to_plain())


def find(row: Row, key: str) -> Entry:
    """Quantity of a row; empty if the network has none of this key."""
    return row["quantities"].get(key, {})


def find_beside(row: Row, key: str, name: str) -> Entry:
    """What stands beside a quantity under this name; empty if nothing does."""
    return next((item for item in find(row, key).get("beside", ()) if item.get("name") == name), {})


def show_number(value: Any, *, scale: float = 1.0) -> str:
    """Three digits, two below 1; - where it is undefined."""
    number = table.read_number(value) * scale
    return "-" if np.isnan(number) else f"{number:.2g}" if abs(number) < 1 else f"{number:.3g}"


def show_value(found: Entry) -> str:
    """Value alone."""
    return show_number(found.get("value"))


def show_percent(found: Entry) -> str:
    """Value in percent."""
    return show_number(found.get("value"), scale=100.0)


def show_interval(found: Entry) -> str:
    """Value and its limits, where it has some."""
    value, low, high = (show_number(found.get(name)) for name in ("value", "low", "high"))
    return value if "-" in (low, high) else f"{value} [{low}, {high}]"


def show_range(found: Entry) -> str:
    """Limits alone."""
    low, high = (show_number(found.get(name)) for name in ("low", "high"))
    return "-" if "-" in (low, high) else f"{low} to {high}"


def render_head(cells: Iterable[str]) -> str:
    """First two lines of a table."""
    names = list(cells)
    return f"{render_line(names)}\n{'|---' * len(names)}|"


def render_line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"
