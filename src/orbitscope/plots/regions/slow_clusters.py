"""Slow regions found without labels: how many, which symbols they hold, which HMM states they stand for."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...dynamics.regions.slow_clusters import SlowClusterResult
from ...dynamics.regions.state_clustering import find_timescales
from ...statistics import judge_agreement
from ..drawing import Drawing
from ..sentences import begin_with, count
from ..style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    set_log_y,
    with_style,
)
from ..symbol_names import name_symbol

_MOST_NAMED = 3
"""Places below which there is room for words."""

_LEGEND_WIDTH = 25
"""Characters beside each other in the legend of symbols, four for each patch."""


@with_style
def plot_slow_clusters(result: SlowClusterResult) -> Figure:
    """Timescales with the gap, symbols by cluster, and probabilities beside emission rows."""
    figure = build_figure(WIDTH, 2.6)
    panels = figure.subplots(1, 3, width_ratios=[1, 1, 1.3])
    plot_timescales(result, ax=panels[0])
    plot_cluster_symbols(result, ax=panels[1])
    plot_cluster_probabilities(result, ax=panels[2])
    label_panels(list(panels))
    return figure


@with_style
def plot_timescales(result: SlowClusterResult, *, ax: Axes | None = None) -> Axes:
    """Implied timescales between places, that of the null, and the gap that sets the number of clusters."""
    ax = get_axes(ax)
    modes = np.arange(2, 1 + len(result.timescale))
    times = result.timescale[1:]
    n_clusters = len(result.cluster)
    (null,) = find_timescales(result.null_eigenvalue.quantile[None], result.settings["lag"])
    ax.axhline(null, color=MUTED_COLOR, linewidth=0.8, linestyle="--", label="random order")
    ax.plot(modes, times, "o", color=NETWORK_COLOR)
    if n_clusters > 1:
        ax.axvspan(n_clusters, n_clusters + 1, color=BAND_COLOR, linewidth=0, zorder=0)
        gap = result.gap[n_clusters - 2]
        found = f"{count(n_clusters, 'cluster')}: gap × {format_number(float(gap), digits=2)}"
        ax.set_title(found, loc="right")
    ax.set(xlabel="mode of transfers", ylabel="timescale (slow states)", xlim=(1.5, modes[-1] + 0.5))
    ax.set_xticks(modes)
    set_log_y(ax)
    ax.legend(loc="upper right")
    return ax


@with_style
def plot_cluster_symbols(result: SlowClusterResult, *, ax: Axes | None = None) -> Axes:
    """Slow states of each cluster by their most probable symbol."""
    ax = get_axes(ax)
    bottom, names = np.zeros(len(result.cluster)), []
    for symbol, counts in enumerate(result.table.T):
        color, label = get_symbol_color(symbol), name_symbol(result, symbol)
        names.append(label)
        ax.bar(result.cluster, counts, bottom=bottom, width=0.7, color=color, linewidth=0, label=label)
        bottom += counts
    ax.set_ylabel("slow states")
    names = [name_symbol(result, int(counts.argmax())) for counts in result.table]
    _name_ticks(ax, [str(cluster) for cluster in result.cluster], names, "symbol")
    ax.tick_params(axis="x", length=0)
    n_columns = max(1, min(5, _LEGEND_WIDTH // (max(map(len, names)) + 4)))
    n_rows = -(-len(names) // n_columns)
    ax.set_ylim(0, (1.25 + 0.15 * n_rows) * bottom.max())
    ax.set_title(f"adjusted Rand {format_number(float(result.adjusted_rand), digits=2)}", loc="right")
    ax.legend(title="symbol", loc="upper right", ncols=n_columns, handlelength=0.8, columnspacing=0.8)
    return ax


@with_style
def plot_cluster_probabilities(result: SlowClusterResult, *, ax: Axes | None = None) -> Axes:
    """Mean symbol probabilities of each cluster, and the emission row of the HMM state it is aligned with."""
    ax = get_axes(ax)
    n_symbols = result.mean_probs.value.shape[1]
    width = 0.8 / n_symbols
    groups = _list_groups(result)
    for symbol in range(n_symbols):
        for place, (cluster, state) in enumerate(groups):
            at = place + (symbol - (n_symbols - 1) / 2) * width
            if cluster >= 0:
                mean = result.mean_probs[cluster, symbol]
                ax.bar(at, mean.value, width, color=get_symbol_color(symbol))
                ax.vlines(at, mean.low, mean.high, color="black", linewidth=0.8)
            if state >= 0:
                row = result.emission_probs[state, symbol]
                ax.hlines(row, at - width / 2, at + width / 2, color=EXACT_COLOR, linewidth=1.4)

    ax.set(ylabel="probability of a symbol", ylim=(0, 1.05), xlim=(-0.6, len(groups) - 0.4))
    has_states = len(result.cluster_of_state) > 0
    clusters, states = ([str(n) if n >= 0 else "–" for n in column] for column in zip(*groups, strict=True))
    _name_ticks(ax, clusters, states if has_states else None, "state")
    ax.tick_params(axis="x", length=0)

    handles = [Patch(color=FLOOR_COLOR), Line2D([], [], color=EXACT_COLOR, linewidth=1.4)]
    names = ["cluster", *(["HMM state"] if has_states else [])]
    ax.legend(handles[: len(names)], names, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    return ax


def describe_slow_clusters(result: SlowClusterResult) -> str:
    """Caption of :func:`plot_slow_clusters`."""
    return begin_with(
        _say_seen(result),
        f"{count(len(result.cluster), 'cluster')} among {result.table.sum()} slow states of "
        f"{len(result.label)} trajectories, found without symbols.",
        f"a, Implied timescales of transfers between {len(result.microstate_label)} places. Modes faster "
        "than random order (dashed: 95 % quantile of its second eigenvalue) count as that.",
        _describe_gap(result),
        _describe_splits(result),
        "b, Most probable symbols in each cluster.",
        f"Adjusted Rand index: {result.adjusted_rand}; 0 is chance, 1 the same partition.",
        _describe_states(result),
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories with the "
        "clusters as they are.",
    )


def _say_seen(result: SlowClusterResult) -> str:
    """Whether slow states divide by symbol."""
    n_clusters, rand = len(result.cluster), result.adjusted_rand
    if n_clusters == 1:
        return "Slow states form one region: they do not divide by symbol."
    return f"{n_clusters} slow regions, found without labels, {judge_agreement(rand)} the symbols."


def _name_ticks(ax: Axes, clusters: list[str], others: list[str] | None, kind: str) -> None:
    """Name each place by its cluster and, below it, a symbol or state; by bare names where many stand."""
    has_room = len(clusters) <= _MOST_NAMED
    above, below = clusters, others or [""] * len(clusters)
    if has_room:
        above = ["no cluster" if name == "–" else f"cluster {name}" for name in above]
        below = [f"{kind} {name}" if name[-1:].isdigit() else name for name in below]
    ax.set_xticks(range(len(above)), [f"{a}\n{b}".rstrip() for a, b in zip(above, below, strict=True)])
    ax.set_xlabel("" if has_room else f"cluster (above), {kind} (below)" if others else "cluster")


def _list_groups(result: SlowClusterResult) -> list[tuple[int, int]]:
    """Pairs (cluster, HMM state) in the order of the clusters, then states without a cluster; −1 is none."""
    states = result.cluster_of_state.tolist()
    pairs = [(c, states.index(c) if c in states else -1) for c in result.cluster.tolist()]
    return pairs + [(-1, state) for state, cluster in enumerate(states) if cluster < 0]


def _describe_gap(result: SlowClusterResult) -> str:
    largest, needed = float(result.gap.max()), result.settings["min_gap"]
    k = int(result.n_candidates[result.gap.argmax()])
    gap = f"From mode {k} to mode {k + 1} timescales fall by a factor of {format_number(largest)}"
    if len(result.cluster) == 1:
        return f"{gap}, the largest gap. It is smaller than {needed:g}: one cluster."
    return f"{gap}, the largest gap (band). At least {needed:g} was asked for; diffusion along a line has 4."


def _describe_splits(result: SlowClusterResult) -> str:
    counts = sorted(set(result.split_n_clusters.ravel().tolist()))
    found = " or ".join(str(count) for count in counts)
    return (
        f"Halves of the trajectories find {found}, with an adjusted Rand index between them of "
        f"{format_number(float(result.split_rand.min()))} to {format_number(float(result.split_rand.max()))} "
        f"({len(result.split_rand)} splits)."
    )


def _describe_states(result: SlowClusterResult) -> str:
    bars = "c, Mean symbol probabilities of each cluster (bars)."
    if len(result.cluster_of_state) == 0:
        return bars
    parts = []
    for state, cluster in enumerate(result.cluster_of_state):
        distance = result.distance[state]
        parts.append(f"state {state} {distance if cluster >= 0 else 'has no cluster'}")
    return (
        f"{bars} Lines: emission probabilities of the HMM state aligned with it. Total variation between "
        f"both: {', '.join(parts)}."
    )


FIGURES = (Drawing("slow_clusters", plot_slow_clusters, describe_slow_clusters),)
