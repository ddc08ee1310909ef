"""A measure of an evaluation in the words of a caption."""

import math

from ...evaluation import VERDICT_WORDS, EvaluationResult
from ..style import format_number
from .selection import find_start

HOW_STARTED = {
    "zero": "from h = 0 as in training",
    "stationary": "after a burn-in, against the stationary process",
}

UNDEFINED, NO_MARGIN = "undefined", "no margin"


def find_verdict(result: EvaluationResult, start: str, measure: str) -> str:
    """Where a measure lies: "within" its margin, "outside", or "undecided"; or why this is not known."""
    names = result.measure.tolist()
    if measure not in names:
        return NO_MARGIN
    i, j = find_start(result, start), names.index(measure)
    if math.isnan(result.estimate[i, j]):
        return UNDEFINED
    return VERDICT_WORDS.get(str(result.verdict[i, j]), NO_MARGIN)


def say_verdict(
    result: EvaluationResult, start: str, measure: str, *, what: str, outside: str, in_percent: bool = False
) -> str:
    """What is seen of a measure: ``what`` is within its margin or cannot be told, else ``outside``.

    Both are in the words of the figure, "the symbol matrix" and "Symbol 0 follows symbol 1 too often".
    """
    verdict = find_verdict(result, start, measure)
    if verdict in (UNDEFINED, NO_MARGIN):
        reason = "is undefined" if verdict == UNDEFINED else "has no margin"
        return f"Whether {what} is that of the process has no verdict: its error {reason}."
    size = float(result.margin[result.measure.tolist().index(measure)])
    margin = f"{format_number(100 * size)} %" if in_percent else format_number(size)
    return {
        "within": f"The network has {what} of the process, within a margin of {margin}.",
        "outside": f"{outside}, outside the margin of {margin}.",
        "undecided": f"Whether the network has {what} of the process cannot be told at a margin of {margin}.",
    }[verdict]


def say_measure(result: EvaluationResult, start: str, measure: str, label: str) -> str:
    """Value, interval, floor, margin and verdict of a measure; "" if it was not measured."""
    names = result.measure.tolist()
    if measure not in names:
        return ""
    i, j = find_start(result, start), names.index(measure)
    value, low, high, floor = (float(getattr(result, n)[i, j]) for n in ("estimate", "low", "high", "floor"))
    if math.isnan(value):
        return f"{label}: undefined."
    interval = "" if math.isnan(low + high) else f" [{format_number(low)}, {format_number(high)}]"
    verdict = f"; margin {format_number(float(result.margin[j]))}: {find_verdict(result, start, measure)}"
    verdict = verdict if math.isfinite(result.margin[j]) else ""
    return f"{label}: {format_number(value)}{interval}, process sample {format_number(floor)}{verdict}."
