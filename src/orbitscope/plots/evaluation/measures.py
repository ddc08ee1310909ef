"""Every measure: those with a margin beside it, with interval, floor and verdict, the others in a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from ...evaluation import PROCESS_SAMPLE, EvaluationResult
from ...statistics import Estimate
from ..sentences import begin_with
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
from .judged_measure import HOW_STARTED, UNDEFINED, find_verdict
from .selection import find_start

_ROW_HEIGHT = 0.185
_TICKS = ((10.0, (1.0, 2.0, 5.0)), (10.0, (1.0,)), (100.0, (1.0,)), (1000.0, (1.0,)))
_MOST_TICKS = 8
_NETWORK_MARKERS: dict[str, dict[str, Any]] = {
    "within": {"marker": "o"},
    "undecided": {"marker": "o", "markerfacecolor": "white"},
    "outside": {"marker": "X"},
}
_TEST_LINE: dict[str, Any] = {"linewidth": 2.6, "solid_capstyle": "butt", "zorder": 2}
_RIGHT_PLACES = ((1.0, 6.0), (1.0, 124.0))
_TABLE_PLACES = ((0.0, 4.0), (1.0, 6.0))
_TABLE_WIDTH = 1.3
_FLOOR_MARKER: dict[str, Any] = {"marker": "s", "markersize": 2.6, "markerfacecolor": "white"}


@with_style
def plot_all_measures(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Measures with a margin above, in units of it; a table of the others below.

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
        ncols=3,
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
    _draw_rows(ax, result, find_start(result, start), rows)
    ax.set_xscale("symlog", linthresh=1, linscale=1)
    _format_symlog(ax)
    ax.set_xlabel("deviation from a perfect emulator, in margins")
    return ax


@with_style
def plot_unjudged_measures(result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None) -> Axes:
    """Table of the measures without a margin: value and interval of the network, value of the process sample.

    Parameters
    ----------
    result : EvaluationResult
    start : str
    ax : Axes, optional
        Its frame and ticks are removed.
    """
    ax = get_axes(ax, width=WIDTH, height=2.6)
    rows = np.flatnonzero(~np.isfinite(result.margin))
    i = find_start(result, start)
    _write_row(ax, -0.95, ("network [interval]", PROCESS_SAMPLE), _TABLE_PLACES)
    for y, row in enumerate(rows.tolist()):
        beside = format_number(float(result.floor.value[i, row]))
        _write_row(ax, y, (f"{result.estimate[i, row]}", beside), _TABLE_PLACES)
    for y in range(len(rows) + 1):
        rule = ax.axhline(y - 0.5, 0, _TABLE_WIDTH, color=BAND_COLOR if y else MUTED_COLOR, linewidth=0.6)
        rule.set(clip_on=False, in_layout=False)
    _name_rows(ax, result, rows)
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])
    return ax


def _draw_rows(ax: Axes, result: EvaluationResult, start: int, rows: np.ndarray) -> None:
    """One line per measure: network above its floor, the numbers and the verdict on the right."""
    ax.axvline(0, color=EXACT_COLOR, linewidth=0.6, zorder=1)
    for y, row in enumerate(rows.tolist()):
        target, unit = float(result.target[row]), float(result.margin[row])
        network, floor, test = (e[start, row] for e in (result.estimate, result.floor, result.test))
        verdict = find_verdict(result, str(result.start[start]), str(result.measure[row]))
        _draw_interval(ax, y + 0.2, _list_numbers(floor, target, unit), FLOOR_COLOR, _FLOOR_MARKER)
        marker = {"markersize": 3.8} | _NETWORK_MARKERS.get(verdict, {})
        _draw_interval(ax, y - 0.12, _list_numbers(network, target, unit), NETWORK_COLOR, marker)
        if np.isfinite(network.value):
            limits = _list_numbers(test, target, unit)[1:]
            ax.plot(limits, [y - 0.12] * 2, color=NETWORK_COLOR, **_TEST_LINE)
        shown = "" if verdict == UNDEFINED else verdict
        _write_row(ax, y, (f"{network}", shown), _RIGHT_PLACES)
    _write_row(ax, -0.95, ("network [interval]", "verdict") if len(rows) else (), _RIGHT_PLACES)
    _name_rows(ax, result, rows)


def _list_numbers(estimate: Estimate, target: float, unit: float) -> tuple[float, ...]:
    """Value and limits as deviations from the target, in margins."""
    return tuple(float(x - target) / unit for x in (estimate.value, estimate.low, estimate.high))


def _name_rows(ax: Axes, result: EvaluationResult, rows: np.ndarray) -> None:
    ax.set_yticks(range(len(rows)), [_name_measure(result, row) for row in rows.tolist()])
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)


def _draw_interval(ax: Axes, y: float, values: tuple[float, ...], color: str, style: dict[str, Any]) -> None:
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
    return [*network, floor, Patch(color=BAND_COLOR, label="margin"), test]


def _write_row(ax: Axes, y: float | int, texts: Sequence[str], places: Sequence[tuple[float, float]]) -> None:
    """Texts of a row, each at a share of the width and so many points right of it."""
    for text, (share, offset) in zip(texts, places, strict=False):
        ax.annotate(
            text,
            (share, y),
            xytext=(offset, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=MUTED_COLOR if y < 0 or text == UNDEFINED else "black",
        )


def _name_measure(result: EvaluationResult, row: int) -> str:
    quantity = result.find_quantity(str(result.measure[row]), str(result.start[0]))
    return quantity.label if quantity.unit == "1" else f"{quantity.label} ({quantity.unit})"


def _format_symlog(ax: Axes) -> None:
    """Ticks at 0 and along the decades that the data reach, as many as fit; ends just beyond the data."""
    shown = [x for line in ax.lines for x in np.atleast_1d(line.get_xdata()) if np.isfinite(x)]
    low, high = min([*shown, -1.0]) * 1.5, max([*shown, 1.0]) * 1.5
    ticks = [0.0]
    for base, steps in _TICKS:
        sizes = np.outer(base ** np.arange(12), steps).ravel()
        ticks = [*-sizes[sizes <= -low][::-1], 0.0, *sizes[sizes <= high]]
        if len(ticks) <= _MOST_TICKS:
            break
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    format_ticks(ax.xaxis)


def describe_measures(result: EvaluationResult, start: str) -> str:
    """Caption of :func:`plot_all_measures`."""
    judged = result.measure[np.isfinite(result.margin)].tolist()
    verdicts = [find_verdict(result, start, measure) for measure in judged]
    n_within, *others = (verdicts.count(verdict) for verdict in _NETWORK_MARKERS)
    more = [f"{n} {name}" for n, name in zip(others, ("undecided", "outside"), strict=True) if n]
    more += [f"{verdicts.count(UNDEFINED)} undefined"] if UNDEFINED in verdicts else []
    within = "is within its margin" if n_within == 1 else "are within their margins"
    seen = ", ".join([f"{n_within} of {len(judged)} measures {within}", *more])
    confidence = result.settings.get("evaluation", {}).get("confidence", 0.95)
    return begin_with(
        f"{seen}." if judged else "No measure has a margin.",
        f"Every measure, {HOW_STARTED[start]}. Red: network with its {confidence:.0%} confidence interval.",
        "Grey squares: the floor, a process sample observed in the same way.",
        "Above: deviation from a perfect emulator in margins, linear within them (band) and logarithmic "
        "beyond. Verdicts are those of two one-sided tests; the thick line is their interval.",
        "Below: measures without a margin, each in its own unit.",
    )
