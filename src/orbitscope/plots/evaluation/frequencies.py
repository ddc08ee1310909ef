"""Symbol frequencies of network and process."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...evaluation import EvaluationResult
from ..sentences import begin_with
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
from .judged_measure import HOW_STARTED, find_verdict, say_measure, say_verdict
from .selection import find_source, find_start, get_margin

_OFFSETS = {"network": -0.14, "floor": 0.14}
_WORST_FIRST = ("outside", "undecided", "within")


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
    """Caption of :func:`plot_all_frequencies`."""
    starts = result.start.tolist()
    found = (
        say_measure(result, start, "frequency_error", f"Largest error {HOW_STARTED[start]}")
        for start in starts
    )
    return begin_with(
        _say_seen(result, starts),
        "Above: share of the steps of each symbol. Below: the same minus the exact share; the band is the "
        "margin.",
        "Red: network. Grey: process sample observed in the same way. Line: process, exact.",
        *found,
    )


def _say_seen(result: EvaluationResult, starts: list[str]) -> str:
    """What the start says that has most against the network."""
    verdicts = [find_verdict(result, start, "frequency_error") for start in starts]
    found = [verdicts.index(verdict) for verdict in _WORST_FIRST if verdict in verdicts]
    start = starts[found[0] if found else 0]
    what, outside = "the frequency of each symbol", _say_largest_difference(result, find_start(result, start))
    return say_verdict(result, start, "frequency_error", what=what, outside=outside, in_percent=True)


def _say_largest_difference(result: EvaluationResult, start: int) -> str:
    """The symbol whose frequency is farthest from that of the process."""
    network, exact = (result.frequencies[start, find_source(result, name)] for name in ("network", "exact"))
    symbol = int(np.abs(network - exact).argmax())
    how = "often" if network[symbol] > exact[symbol] else "rarely"
    shown, expected = (format_number(100 * float(shares[symbol])) for shares in (network, exact))
    return (
        f"The network emits symbol {list_symbols(result)[symbol]} too {how}: {shown} % of the steps for "
        f"{expected} %"
    )
