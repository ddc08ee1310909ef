"""Metastable regions: where they lie in the orbit plane, what decides on their number, what they emit."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...principles.metastable_regions import MetastableRegionResult
from ...principles.region_cores import OUTSIDE
from ..drawing import Drawing
from ..leading import name_leading
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
    with_style,
)
from ..symbol_names import name_symbol

_REGION_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
"""Where regions are named, colour being that of symbols."""


@with_style
def plot_metastable_regions(result: MetastableRegionResult) -> Figure:
    """Regions in the orbit plane, ratios of timescales, and symbol probabilities beside emission rows."""
    figure = build_figure(WIDTH, 2.6)
    panels = figure.subplots(1, 3, width_ratios=[1.2, 0.9, 1.3])
    plot_region_map(result, ax=panels[0])
    plot_gaps(result, ax=panels[1])
    plot_region_probabilities(result, ax=panels[2])
    label_panels(list(panels))
    return figure


@with_style
def plot_region_map(result: MetastableRegionResult, *, ax: Axes | None = None) -> Axes:
    """States in the orbit plane by the symbol that their region emits most: pale outside its core."""
    ax = get_axes(ax)
    label, core = result.label.ravel(), result.core.ravel()
    points = result.position.reshape(len(label), -1)
    for region in result.region.tolist():
        color = get_symbol_color(int(result.mean_probs.value[region].argmax()))
        for is_shown, alpha in (((core == OUTSIDE), 0.15), ((core == region), 0.8)):
            chosen = points[(label == region) & is_shown]
            ax.scatter(*chosen.T, s=2, color=color, alpha=alpha, linewidth=0, rasterized=True)
        ax.plot(
            *np.median(points[label == region], axis=0),
            _REGION_MARKS[region],
            color="black",
            markersize=5,
            markerfacecolor="white",
            label=f"region {region}",
        )
    ax.set(xlabel="axis 1 (sd)", ylabel="axis 2 (sd of axis 1)")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=2, columnspacing=0.8, handletextpad=0.2)
    return ax


@with_style
def plot_gaps(result: MetastableRegionResult, *, ax: Axes | None = None) -> Axes:
    """Ratio of successive timescales for each number of regions; the largest one decides, if it is enough."""
    ax = get_axes(ax)
    n_regions, needed = len(result.region), result.settings["min_gap"]
    colors = [NETWORK_COLOR if k == n_regions else FLOOR_COLOR for k in result.n_candidates.tolist()]
    ax.bar(result.n_candidates, result.gap, width=0.7, color=colors)
    ax.axhline(needed, color=MUTED_COLOR, linewidth=0.8, linestyle="--", label=f"needed: {needed:g}")
    n_states = len(result.emission_probs)
    if n_states:
        ax.axvspan(n_states - 0.5, n_states + 0.5, color=BAND_COLOR, zorder=0, label="HMM states")
    ax.set(xlabel="number of regions k", ylabel="ratio of timescales k, k + 1")
    ax.set_ylim(0, 1.35 * max(needed, float(result.gap.max())))
    ax.set_xticks(result.n_candidates)
    ax.legend(loc="upper right")
    return ax


@with_style
def plot_region_probabilities(result: MetastableRegionResult, *, ax: Axes | None = None) -> Axes:
    """Mean symbol probabilities of each region, and the emission row of the HMM state aligned with it."""
    ax = get_axes(ax)
    states = result.cluster_of_state.tolist()
    n_symbols = result.mean_probs.value.shape[1]
    width = 0.8 / n_symbols
    for region in result.region.tolist():
        at = region + (np.arange(n_symbols) - (n_symbols - 1) / 2) * width
        means = result.mean_probs[region]
        ax.bar(at, means.value, width, color=[get_symbol_color(s) for s in range(n_symbols)])
        ax.vlines(at, means.low, means.high, color="black", linewidth=0.8)
        if region in states:
            row = result.emission_probs[states.index(region)]
            ax.hlines(row, at - width / 2, at + width / 2, color=EXACT_COLOR, linewidth=1.4)
    ax.set_xticks(result.region, [_name_region(region, states) for region in result.region.tolist()])
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="probability of a symbol", ylim=(0, 1.05))
    names = name_leading([name_symbol(result, symbol) for symbol in range(n_symbols)])
    handles: list[Patch | Line2D] = [
        Patch(color=get_symbol_color(symbol), label=name) for symbol, name in enumerate(names) if name
    ]
    handles += [Line2D([], [], color=EXACT_COLOR, linewidth=1.4, label="HMM state")] if states else []
    ax.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=4,
        handlelength=0.8,
        columnspacing=0.8,
    )
    return ax


def _name_region(region: int, states: list[int]) -> str:
    """Number of a region and, below it, of the state aligned with it."""
    if not states:
        return f"region {region}"
    return f"region {region}\n{f'state {states.index(region)}' if region in states else 'no state'}"


def describe_metastable_regions(result: MetastableRegionResult) -> str:
    """Caption of :func:`plot_metastable_regions`."""
    n_trajectories, n_steps = result.label.shape
    share = format_number(100 * result.settings["core_share"])
    return begin_with(
        _say_seen(result),
        f"Regions that activity seldom leaves, among {result.label.size} driven states of {n_trajectories} "
        f"trajectories of {n_steps} steps. Symbols were not looked at.",
        "a, States in the plane of their two leading principal axes. Full: the core, "
        f"{share} % of the states of a region. Colour: the symbol that the region emits most. Marks: medians."
        if len(result.region) > 1
        else "a, States in the plane of their two leading principal axes. Colour: the most frequent symbol.",
        "b, Ratio of successive timescales of transfers between places. The largest one sets the number of "
        f"regions, if it is at least {result.settings['min_gap']:g}.",
        f"Halves of the trajectories agree with an adjusted Rand index of "
        f"{format_number(float(np.median(result.split_rand)))} (median).",
        _describe_emissions(result),
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories with the "
        "regions as they are.",
    )


def _say_seen(result: MetastableRegionResult) -> str:
    """How many regions there are, beside the states of the HMM."""
    n_regions, n_states = len(result.region), len(result.emission_probs)
    seen = "One region was found" if n_regions == 1 else f"Activity keeps to {n_regions} regions"
    if not n_states:
        return f"{seen}."
    as_many = "as many as the HMM has states" if n_regions == n_states else f"the HMM has {n_states} states"
    return f"{seen}; {as_many}." if n_regions != n_states else f"{seen}, {as_many}."


def _describe_emissions(result: MetastableRegionResult) -> str:
    text = "c, Mean symbol probabilities of each region."
    if len(result.emission_probs) == 0:
        return text
    missing = result.status["states_without_region"]
    left = f" Without a region: {count(len(missing), 'state')} of the HMM." if missing else ""
    return f"{text} Lines: emission probabilities of the HMM state aligned with it.{left}"


FIGURES = (Drawing("metastable_regions", plot_metastable_regions, describe_metastable_regions),)
