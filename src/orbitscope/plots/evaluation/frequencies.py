"""Symbol frequencies of network and process."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...evaluation import EvaluationResult
from ..sentences import capitalise
from ..style import (
    BAND_COLOR,
    EXACT_COLOR,
    SOURCE_LABELS,
    SOURCE_MARKERS,
    START_LABELS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    set_log_y,
    with_style,
)
from ..symbol_names import list_symbols
from .judged_measure import HOW_STARTED, say_measure
from .selection import find_source, find_start, get_margin

_OFFSETS = {"network": -0.14, "floor": 0.14}


@with_style
def plot_all_frequencies(result: EvaluationResult) -> Figure:
    """Frequencies above, errors below, one column per start."""
    starts = result.start.tolist()
    figure = build_figure(WIDTH if len(starts) > 1 else WIDTH * 0.6, 3.4)
    axes = figure.subplots(2, len(starts), sharex=True, sharey="row", squeeze=False, height_ratios=[1.3, 1])
    for column, start in zip(axes.T, starts, strict=True):
        plot_frequencies(result, start=start, ax=column[0])
        plot_frequency_errors(result, start=start, ax=column[1])
        column[0].set_title(START_LABELS.get(start, start))
        column[0].set_xlabel("")
        column[0].tick_params(labelbottom=False)
    for ax in axes[:, 1:].ravel():
        ax.set_ylabel("")
    figure.align_ylabels(axes[:, 0])
    labelled = [ax.get_legend_handles_labels() for ax in axes[:, 0]]
    entries = dict(zip(labelled[1][1] + labelled[0][1], labelled[1][0] + labelled[0][0], strict=True))
    figure.legend(
        entries.values(), entries.keys(), loc="outside upper left", ncols=4 if len(starts) > 1 else 2
    )
    return figure


@with_style
def plot_frequencies(result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None) -> Axes:
    """Share of steps of each symbol, logarithmic: exact value as a line, network and floor as points.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".
    ax : Axes, optional
    """
    ax = get_axes(ax)
    values = result.frequencies[find_start(result, start)]
    exact = values[find_source(result, "exact")]
    ax.hlines(
        np.where(exact > 0, exact, np.nan),
        np.arange(len(exact)) - 0.35,
        np.arange(len(exact)) + 0.35,
        color=EXACT_COLOR,
        label=SOURCE_LABELS["exact"],
    )
    _draw_points(ax, np.where(values > 0, values, np.nan), result)
    set_log_y(ax)
    ax.margins(y=0.15)
    ax.set_ylabel("share\nof steps")
    _name_symbols(ax, result)
    return ax


@with_style
def plot_frequency_errors(result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None) -> Axes:
    """Frequency minus the exact one of each symbol, with the margin of equivalence as a band."""
    ax = get_axes(ax)
    values = result.frequencies[find_start(result, start)]
    margin = get_margin(result, "frequency_error")
    if np.isfinite(margin):
        label = f"margin ±{format_number(margin)}"
        ax.axhspan(-margin, margin, color=BAND_COLOR, linewidth=0, zorder=0, label=label)
    ax.axhline(0, color=EXACT_COLOR, linewidth=0.9, zorder=1)
    _draw_points(ax, values - values[find_source(result, "exact")], result)
    ax.set_ylabel("difference\nfrom exact")
    ax.margins(y=0.2)
    _name_symbols(ax, result)
    return ax


def _draw_points(ax: Axes, values: np.ndarray, result: EvaluationResult) -> None:
    for source, offset in _OFFSETS.items():
        heights = values[find_source(result, source)]
        ax.plot(
            np.arange(len(heights)) + offset,
            heights,
            linestyle="none",
            clip_on=False,
            label=SOURCE_LABELS[source],
            **SOURCE_MARKERS[source],
        )


def _name_symbols(ax: Axes, result: EvaluationResult) -> None:
    names = list_symbols(result)
    is_long = max(map(len, names)) > 3 and len(names) > 3
    ax.set_xticks(
        range(len(names)), names, rotation=45 if is_long else 0, ha="right" if is_long else "center"
    )
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel("symbol")


def describe_frequencies(result: EvaluationResult) -> str:
    """Caption of the frequencies."""
    found = [
        f"{capitalise(HOW_STARTED[start])}: " + say_measure(result, start, "frequency_error", "largest error")
        for start in result.start.tolist()
    ]
    return (
        "Share of steps of each symbol: exact (bar and line), network (red), process sample observed in the "
        f"same way (grey). Below: the same minus the exact value; the band is the margin. {' '.join(found)}"
    )
