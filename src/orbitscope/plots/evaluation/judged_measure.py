"""A measure of an evaluation in the words of a caption."""

from ...evaluation import PROCESS_SAMPLE, EvaluationResult
from ..style import format_number

HOW_STARTED = {
    "zero": "from h = 0 as in training",
    "stationary": "after a burn-in, against the stationary process",
}

UNDEFINED, NO_MARGIN = "undefined", "no margin"


def find_verdict(result: EvaluationResult, start: str, measure: str) -> str:
    """Where a measure lies: "within" its margin, "outside", or "undecided"; or why this is not known."""
    if measure not in result.measure:
        return NO_MARGIN
    quantity = result.find_quantity(measure, start)
    return quantity.word or (quantity.margin.verdict if quantity.margin else NO_MARGIN)


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
    if measure not in result.measure:
        return ""
    quantity = result.find_quantity(measure, start)
    if quantity.word:
        return f"{label}: {quantity.word}."
    floor = quantity.find_reference(PROCESS_SAMPLE)
    beside = f", {floor.name} {format_number(float(floor.estimate))}" if floor else ""
    verdict = f"; {quantity.margin}" if quantity.margin else ""
    return f"{label}: {quantity}{beside}{verdict}."
