"""A measure of an evaluation in the words of a caption."""

import math

from ...evaluation import EvaluationResult
from ..style import format_number
from .selection import find_start

HOW_STARTED = {
    "zero": "started from h = 0 as in training",
    "stationary": "started after a burn-in, against the stationary process",
}


def say_measure(result: EvaluationResult, start: str, measure: str, label: str) -> str:
    """Value, interval, floor, margin and verdict of a measure in one sentence; "" if it was not measured."""
    names = result.measure.tolist()
    if measure not in names:
        return ""
    i, j = find_start(result, start), names.index(measure)
    value, low, high, floor = (float(getattr(result, n)[i, j]) for n in ("estimate", "low", "high", "floor"))
    if math.isnan(value):
        return f"{label}: undefined."
    interval = "" if math.isnan(low + high) else f" [{format_number(low)}, {format_number(high)}]"
    verdict = f"; margin {format_number(float(result.margin[j]))}, {result.verdict[i, j]}"
    verdict = verdict if math.isfinite(result.margin[j]) else ""
    return f"{label}: {format_number(value)}{interval}, process sample {format_number(floor)}{verdict}."
