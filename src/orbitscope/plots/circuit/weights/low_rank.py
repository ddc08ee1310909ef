"""Low rank: singular values beside chance, the carriers in their vectors, and truncated networks."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....circuit.weights.connectivity import KIND_WORDS
from ....circuit.weights.low_rank import LowRankResult
from ...drawing import Drawing
from ...sentences import begin_with, count
from ...style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    choose_y_scale,
    format_number,
    format_ticks,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)
from ..direction_looks import find_line

_MOST_MODES = 40
"""Modes that are shown."""


@with_style
def plot_low_rank(result: LowRankResult) -> Figure:
    """Singular values, loadings of the first neurons, and hazards and occupancy of truncated networks."""
    figure = build_figure(WIDTH, 4.6)
    axes = figure.subplots(2, 2)
    plot_singular_values(result, ax=axes[0, 0])
    plot_loadings(result, ax=axes[0, 1])
    plot_hazards_by_rank(result, ax=axes[1, 0])
    plot_occupancy_by_rank(result, ax=axes[1, 1])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_singular_values(result: LowRankResult, *, ax: Axes | None = None) -> Axes:
    """The largest singular values, and the 95 % quantile of the same ones of shuffled weights."""
    ax = get_axes(ax)
    shown, n_above = slice(0, _MOST_MODES), int(result.n_above)
    mode, values = result.mode[shown], result.singular_value[shown]
    ax.plot(mode, result.singular_limit[shown], color=EXACT_COLOR, linewidth=0.9, label="shuffled weights")
    ax.plot(mode[n_above:], values[n_above:], "o", color=FLOOR_COLOR, markersize=3)
    ax.plot(mode[:n_above], values[:n_above], "o", color=NETWORK_COLOR, markersize=4, label="above these")
    ax.set(xlabel="number of the singular value", ylabel="singular value", ylim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper right", borderaxespad=0.1)
    return ax


@with_style
def plot_loadings(result: LowRankResult, *, ax: Axes | None = None) -> Axes:
    """Share of the first neurons in each leading singular vector, and what random groups reach."""
    ax = get_axes(ax)
    shown = slice(0, max(1, int(result.n_above)))
    mode = result.mode[shown]
    colors = {"receiving": MUTED_COLOR, "sending": NETWORK_COLOR}
    for j, side in enumerate(result.side.tolist()):
        ax.plot(
            mode,
            100 * result.loading_by_mode[0, j, shown],
            "o-",
            color=colors[side],
            label=side,
            linewidth=0.8,
        )
    limit = 100 * result.random_limit[0].max(0)[shown]
    ax.plot(mode, limit, color=EXACT_COLOR, linewidth=0.9, label="random groups")
    ax.set(
        xlabel="number of the singular vector",
        ylabel="squared loadings of\nthe first neurons (%)",
        ylim=(0, 102),
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


@with_style
def plot_hazards_by_rank(result: LowRankResult, *, ax: Axes | None = None) -> Axes:
    """Hazard of each direction by rank, over that of the intact network; the margin as a band."""
    ax = get_axes(ax)
    margin = float(result.settings["hazard_margin"])
    ax.axhspan(1 / margin, margin, color=BAND_COLOR, linewidth=0)
    for d, name in enumerate(result.direction.tolist()):
        found, look = result.hazard[:, d], find_line(int(result.origin[d]), int(result.target[d]))
        ax.vlines(result.rank, found.low, found.high, color=look["color"], linewidth=1.0)
        ax.plot(result.rank, found.value, marker="o", markersize=3, label=name, **look)
    ax.axhline(1, color=EXACT_COLOR, linestyle=":", linewidth=0.8)
    _set_ranks(result, ax)
    ax.set_ylabel("hazard (share of that of\nthe intact network)")
    choose_y_scale(ax, np.append(result.hazard.value.ravel(), [1 / margin, margin]))
    if len(result.direction):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


@with_style
def plot_occupancy_by_rank(result: LowRankResult, *, ax: Axes | None = None) -> Axes:
    """Share of the steps in each symbol by rank, minus that of the intact network; the margin as a band."""
    ax = get_axes(ax)
    margin = 100 * float(result.settings["occupancy_margin"])
    ax.axhspan(-margin, margin, color=BAND_COLOR, linewidth=0)
    for symbol in result.symbol.tolist():
        found, color = result.occupancy[:, symbol], get_symbol_color(symbol)
        ax.vlines(result.rank, 100 * found.low, 100 * found.high, color=color, linewidth=1.0)
        label = f"symbol {result.name_symbol(symbol)}"
        ax.plot(result.rank, 100 * found.value, "o-", color=color, markersize=3, label=label)
    ax.axhline(0, color=EXACT_COLOR, linestyle=":", linewidth=0.8)
    _set_ranks(result, ax)
    ax.set_ylabel("change of the share\nof a symbol (%)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


def _set_ranks(result: LowRankResult, ax: Axes) -> None:
    """Logarithmic axis of ranks, with the smallest that suffices."""
    ax.set_xscale("log", base=2)
    format_ticks(ax.xaxis)
    if len(result.rank):
        ax.set_xlim(0.9 * result.rank[0], 1.1 * result.rank[-1])
    if np.isfinite(result.smallest_rank):
        ax.axvline(float(result.smallest_rank), color=MUTED_COLOR, linestyle="--", linewidth=0.8)
    ax.set_xlabel("rank of the weights")


def describe_low_rank(result: LowRankResult) -> str:
    """Caption of :func:`plot_low_rank`."""
    settings, notes = result.settings, list(result.status["notes"])
    rank, explained = (
        format_number(float(result.effective_rank)),
        format_number(100 * float(result.explained)),
    )
    factor, change = (format_number(settings[key]) for key in ("hazard_margin", "occupancy_margin"))
    return begin_with(
        _say_seen(result),
        "a, Singular values of the weights in standard units, beside the 95 % quantile of weights in random "
        f"places. Those above hold {explained} % of the squared weights. Effective rank {rank}, of shuffled "
        f"weights {result.shuffled_rank}.",
        f"b, Share of the {int(result.n_members[0])} first neurons of all directions in the leading vectors. "
        f"Black: 95 % quantile of random groups, the larger of both sides. {_say_loadings(result)}",
        "c, Hazards of networks truncated to a rank, over that of the intact network on the same noise.",
        f"d, Share of steps in each symbol, likewise. Bands: margins, {factor} times and {change}. "
        "Dashed: the smallest rank from which on all are within.",
        f"Undefined: {'; '.join(notes)}." if notes else "",
        "Intervals: 90 %, bootstrap over trajectories.",
    )


def _say_seen(result: LowRankResult) -> str:
    """How many singular values are beyond chance, and which rank suffices."""
    number, smallest = count(int(result.n_above), "singular value"), float(result.smallest_rank)
    verb = "is" if int(result.n_above) == 1 else "are"
    if np.isfinite(smallest):
        behaves = f"rank {format_number(smallest)} suffices to switch alike"
    elif any(result.verdict.tolist()):
        behaves = "no rank that was tried suffices to switch alike"
    else:
        behaves = "the rank that suffices to switch is undefined"
    return f"{number} {verb} above those of shuffled weights; {behaves}."


def _say_loadings(result: LowRankResult) -> str:
    """Mean loadings of each kind of groups, with p-values."""
    parts = []
    for i, j in np.argwhere(np.isfinite(result.loading)).tolist():
        p_values = [
            f"p = {format_number(float(null.p_value[i, j]), digits=2)} beside {null.name}"
            for null in (result.random, result.matched)
            if np.isfinite(null.p_value[i, j])
        ]
        share = format_number(100 * float(result.loading[i, j]))
        parts.append(
            f"{KIND_WORDS[str(result.kind[i])]}, {result.side[j]}: {share} % ({', '.join(p_values)})"
        )
    return f"Means: {'; '.join(parts)}." if parts else ""


FIGURES = (Drawing("low_rank", plot_low_rank, describe_low_rank),)
