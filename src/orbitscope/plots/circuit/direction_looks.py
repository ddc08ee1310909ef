"""Looks of directions of switching: the colour of the symbol after, a line or a marker of the one before."""

from typing import Any

from ..style import get_symbol_color

_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D")


def find_line(origin: int, target: int) -> dict[str, Any]:
    """Colour and line of a direction; lines come again beyond four symbols."""
    return {"color": get_symbol_color(target), "linestyle": _LINES[origin % len(_LINES)]}


def find_marker(origin: int, target: int) -> dict[str, Any]:
    """Colour and marker of a direction, for dots without lines."""
    return {"color": get_symbol_color(target), "marker": _MARKERS[origin % len(_MARKERS)], "linestyle": ""}
