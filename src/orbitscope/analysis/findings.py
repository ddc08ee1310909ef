"""Main numbers of each part in words, for the summary table."""

import math
from dataclasses import dataclass

from ..dynamics.regions import RegionResult
from ..plots.style import format_number


@dataclass(frozen=True)
class Finding:
    """One line of the summary.

    Attributes
    ----------
    what : str
        What was measured.
    value : str
        Number with its interval, or a word.
    beside : str
        What it is to be compared with: a null, a control; empty if nothing.
    """

    what: str
    value: str
    beside: str = ""


def format_interval(value: float, low: float, high: float) -> str:
    """Number with its interval; a dash where it is undefined."""
    if math.isnan(value):
        return "–"
    if math.isnan(low):
        return format_number(value)
    return f"{format_number(value)} [{format_number(low)}, {format_number(high)}]"


def summarise_regions(result: RegionResult) -> list[Finding]:
    """Share, unstable directions and order of the regions."""
    rows = result.measure.tolist()
    findings = []
    for j, name in enumerate(result.region):
        share, unstable, null = (rows.index(m) for m in ("share", "unstable", "unstable_null"))
        numbers = (float(values[unstable, j]) for values in (result.estimate, result.low, result.high))
        findings.append(
            Finding(
                f"{name}: {100 * result.estimate[share, j]:.1f} % of states, unstable directions",
                format_interval(*numbers),
                f"random active sets {format_interval(float(result.estimate[null, j]), math.nan, math.nan)}",
            )
        )
    for i, j in ((0, 1), (1, 2), (2, 0)):
        numbers = (float(v[i, j]) for v in (result.asymmetry, result.asymmetry_low, result.asymmetry_high))
        what = f"{result.region[i]} → {result.region[j]}: net share of visits in this order"
        findings.append(Finding(what, format_interval(*numbers), "0 if reversible"))
    return findings
