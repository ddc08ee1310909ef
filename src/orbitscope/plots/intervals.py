"""Numbers with their intervals, in the words of a caption."""

from ..statistics import Estimate
from .style import format_number


def say_interval(estimate: Estimate) -> str:
    """A single number, and its limits in brackets where it has them: "0.5 (0.25 to 0.75)"."""
    value, low, high = (format_number(float(x)) for x in (estimate.value, estimate.low, estimate.high))
    return value if "undefined" in (low, high) else f"{value} ({low} to {high})"
