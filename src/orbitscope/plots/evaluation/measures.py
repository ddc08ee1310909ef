"""Forest plots of every measure with interval, floor, margin and verdict."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from ...evaluation import EvaluationResult
from ..style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SOURCE_LABELS,
    START_LABELS,
    WIDTH,
    build_figure,
    format_number,
    format_ticks,
    get_axes,
    with_style,
)
from .judged_measure import HOW_STARTED
from .selection import find_start

_ROW_HEIGHT = 0.185
_WORDS = {"ngram": "n-gram", "auc": "AUC", "kl": "KL"}
_SMALLEST = 1e-3
_TICKS = ((10.0, (1.0, 2.0, 5.0)), (10.0, (1.0,)), (100.0, (1.0,)), (1000.0, (1.0,)))
_MOST_TICKS = 8
_NETWORK_MARKERS: dict[str, dict[str, Any]] = {
    "equivalent": {"marker": "o"},
    "inconclusive": {"marker": "o", "markerfacecolor": "white"},
    "different": {"marker": "X"},
    "no margin": {"marker": "D"},
}
_COLUMNS = (
    ("estimate", "low", "high"),
    ("floor", "floor_low", "floor_high"),
    ("test_low", "test_high"),
)
_TEST_LINE: dict[str, Any] = {"linewidth": 2.6, "solid_capstyle": "butt", "zorder": 2}
_FLOOR_MARKER: dict[str, Any] = {"marker": "s", "markersize": 2.6, "markerfacecolor": "white"}


@with_style
def plot_all_measures(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Measures with a margin above, in units of it; the others below, in their own units.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".
    """
    n_judged = int(np.isfinite(result.margin).sum())
    counts = [max(1, n_judged), max(1, len(result.margin) - n_judged)]
    figure = build_figure(WIDTH, 1.5 + _ROW_HEIGHT * sum(counts))
    top, bottom = figure.subplots(2, 1, height_ratios=counts)
    plot_judged_measures(result, start=start, ax=top)
    plot_unjudged_measures(result, start=start, ax=bottom)
    figure.legend(
        handles=_list_legend(),
        title=START_LABELS[start].capitalize(),
        alignment="left",
        loc="outside upper left",
        ncols=4,
    )
    return figure


@with_style
def plot_judged_measures(result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None) -> Axes:
    """Deviation from the target in units of the margin; the band holds what counts as equivalent.

    Parameters
    ----------
    result : EvaluationResult
    start : str
    ax : Axes, optional
        Linear inside the band, logarithmic outside.
    """
    ax = get_axes(ax, width=WIDTH, height=2.2)
    rows = np.flatnonzero(np.isfinite(result.margin))
    ax.axvspan(-1, 1, color=BAND_COLOR, linewidth=0, zorder=0)
    _draw_rows(ax, result, find_start(result, start), rows, result.target[rows], result.margin[rows])
    ax.set_xscale("symlog", linthresh=1, linscale=1)
    _format_symlog(ax, 1.0)
    ax.set_xlabel("deviation from a perfect emulator, in margins")
    return ax


@with_style
def plot_unjudged_measures(result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None) -> Axes:
    """Values of the measures without a margin, in their own units.

    Parameters
    ----------
    result : EvaluationResult
    start : str
    ax : Axes, optional
        Linear within ±0.001, logarithmic outside.
    """
    ax = get_axes(ax, width=WIDTH, height=3.4)
    rows = np.flatnonzero(~np.isfinite(result.margin))
    _draw_rows(ax, result, find_start(result, start), rows, np.zeros(len(rows)), np.ones(len(rows)))
    ax.set_xscale("symlog", linthresh=_SMALLEST, linscale=0.8)
    _format_symlog(ax, _SMALLEST)
    ax.set_xlabel("value, in the unit of the measure")
    return ax


def _draw_rows(
    ax: Axes, result: EvaluationResult, start: int, rows: np.ndarray, targets: np.ndarray, units: np.ndarray
) -> None:
    """One line per measure: network above its floor, the numbers and the verdict on the right."""
    ax.axvline(0, color=EXACT_COLOR, linewidth=0.6, zorder=1)
    for y, (row, target, unit) in enumerate(zip(rows, targets, units, strict=True)):
        verdict = str(result.verdict[start, row])
        network, floor, test = (
            np.array([getattr(result, name)[start, row] for name in names]) for names in _COLUMNS
        )
        _draw_interval(ax, y + 0.2, (floor - target) / unit, FLOOR_COLOR, _FLOOR_MARKER)
        marker = {"markersize": 3.8} | _NETWORK_MARKERS.get(verdict, {})
        _draw_interval(ax, y - 0.12, (network - target) / unit, NETWORK_COLOR, marker)
        if np.isfinite(result.margin[row]) and np.isfinite(network[0]):
            ax.plot((test - target) / unit, [y - 0.12] * 2, color=NETWORK_COLOR, **_TEST_LINE)
        is_judged = np.isfinite(result.margin[row]) and not np.isnan(network[0])
        _write_row(ax, y, _format_interval(network), verdict if is_judged else "")
    _write_row(ax, -0.95, "network [interval]", "verdict" if np.isfinite(result.margin[rows]).any() else "")
    ax.set_yticks(range(len(rows)), [_name_measure(result, row) for row in rows.tolist()])
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _draw_interval(ax: Axes, y: float, values: np.ndarray, color: str, style: dict[str, Any]) -> None:
    estimate, low, high = values
    if np.isfinite(estimate):
        ax.plot([low, high], [y, y], color=color, linewidth=1.0, solid_capstyle="butt", zorder=2)
        ax.plot([estimate], [y], color=color, linestyle="none", zorder=3, **style)


def _list_legend() -> list[Line2D | Patch]:
    network = [
        Line2D(
            [], [], color=NETWORK_COLOR, linewidth=1.0, markersize=3.8, label=f"network, {verdict}", **marker
        )
        for verdict, marker in _NETWORK_MARKERS.items()
    ]
    floor = Line2D([], [], color=FLOOR_COLOR, linewidth=1.0, label=SOURCE_LABELS["floor"], **_FLOOR_MARKER)
    test = Line2D([], [], color=NETWORK_COLOR, label="interval of the test", **_TEST_LINE)
    return [*network, floor, Patch(color=BAND_COLOR, label="within the margin"), test]


def _format_interval(values: np.ndarray) -> str:
    estimate, low, high = values.tolist()
    if not np.isfinite(estimate) or np.isnan(low + high):
        return format_number(estimate)
    return f"{format_number(estimate)} [{format_number(low)}, {format_number(high)}]"


def _write_row(ax: Axes, y: float | int, numbers: str, verdict: str) -> None:
    for text, offset in ((numbers, 6), (verdict, 124)):
        if text:
            ax.annotate(
                text,
                (1, y),
                xytext=(offset, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
                color=MUTED_COLOR if y < 0 or text == "undefined" else "black",
            )


def _name_measure(result: EvaluationResult, row: int) -> str:
    words = [_WORDS.get(word, word) for word in str(result.measure[row]).split("_")]
    name, unit = " ".join(words), str(result.unit[row])
    return name if unit == "1" else f"{name} ({unit})"


def _format_symlog(ax: Axes, threshold: float) -> None:
    """Ticks at 0 and along the decades that the data reach, as many as fit; ends just beyond the data."""
    shown = [x for line in ax.lines for x in np.atleast_1d(line.get_xdata()) if np.isfinite(x)]
    low, high = min([*shown, -threshold]) * 1.5, max([*shown, threshold]) * 1.5
    ticks = [0.0]
    for base, steps in _TICKS:
        sizes = threshold * np.outer(base ** np.arange(12), steps).ravel()
        ticks = [*-sizes[sizes <= -low][::-1], 0.0, *sizes[sizes <= high]]
        if len(ticks) <= _MOST_TICKS:
            break
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    format_ticks(ax.xaxis)


def describe_measures(result: EvaluationResult, start: str) -> str:
    """Caption of the forest plots."""
    i = find_start(result, start)
    is_judged = np.isfinite(result.margin)
    verdicts, estimates = result.verdict[i, is_judged].tolist(), result.estimate[i, is_judged].tolist()
    verdicts = [v if not math.isnan(e) else "undefined" for v, e in zip(verdicts, estimates, strict=True)]
    counts = [f"{verdicts.count(v)} {v}" for v in ("equivalent", "inconclusive", "different")]
    counts += [f"{verdicts.count('undefined')} undefined"] if "undefined" in verdicts else []
    confidence = result.settings.get("evaluation", {}).get("confidence", 0.95)
    return (
        f"Every measure, {HOW_STARTED[start]}: network (red) with its {confidence:.0%} confidence interval, "
        "and the process sample observed in the same way (grey squares: the floor). Above: deviation from a "
        "perfect emulator in units of the margin, linear within the margins (band) and logarithmic beyond; "
        f"verdicts of two one-sided tests (thick line: their interval): {', '.join(counts)}. "
        "Below: measures without a margin, in their own units, linear near 0 and logarithmic beyond. Numbers "
        "on the right: value and interval of the network in the unit of the measure."
    )
