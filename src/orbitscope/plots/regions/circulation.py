"""Circulation among regions: cycles in both directions, and which region follows which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...dynamics.regions.circulation import CirculationResult
from ...dynamics.regions.regions import RegionResult
from ...statistics import judge_direction
from ...statistics.verdicts import ONE_WAY
from ..drawing import Drawing
from ..sentences import begin_with, capitalise
from ..style import (
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)

_HEIGHT = 0.36
_FORWARD, _BACKWARD = "slow → kick → transition → slow", "slow → transition → kick → slow"


@with_style
def plot_circulation(result: CirculationResult, regions: RegionResult) -> Figure:
    """Counts of cycles in both directions, their circulation, and the order of visits to the regions."""
    figure = build_figure(WIDTH, 2.0)
    axes = figure.subplots(1, 3)
    plot_cycle_counts(result, ax=axes[0])
    plot_net_circulation(result, ax=axes[1])
    plot_visits(regions, ax=axes[2])
    label_panels(axes.tolist())
    return figure


@with_style
def plot_cycle_counts(result: CirculationResult, *, ax: Axes | None = None) -> Axes:
    """Forward and backward cycles, with their numbers."""
    ax = get_axes(ax)
    places = np.arange(len(result.cycle))[::-1]
    rows = (
        (result.n_forward, _HEIGHT / 2, NETWORK_COLOR, _FORWARD),
        (result.n_backward, -_HEIGHT / 2, FLOOR_COLOR, _BACKWARD),
    )
    for counts, offset, color, label in rows:
        bars = ax.barh(places + offset, counts, height=_HEIGHT, color=color, linewidth=0, label=label)
        ax.bar_label(bars, padding=2, fontsize=7)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_yticks(places, [str(name) for name in result.cycle])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="cycles", ylim=(-0.6, len(places) - 0.4))
    ax.set_xlim(0, 1.15 * max(1, result.n_forward.max(), result.n_backward.max()))
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=1)
    return ax


@with_style
def plot_net_circulation(result: CirculationResult, *, ax: Axes | None = None) -> Axes:
    """(N₊ − N₋)/(N₊ + N₋) with its interval, beside 0 (reversible) and ½ (above: one-way)."""
    ax = get_axes(ax)
    places = np.arange(len(result.cycle))[::-1]
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.axvline(ONE_WAY, color=MUTED_COLOR, linestyle="--", zorder=1)
    found = result.circulation
    ax.hlines(places, found.low, found.high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, clip_on=False, zorder=3)

    for name, place in zip(result.cycle, places, strict=True):
        if name in result.status["without_cycles"]:
            at = (0.0, float(place))
            ax.annotate("no cycles", at, xytext=(6, 0), textcoords="offset points", va="center", fontsize=7)
    ax.set_yticks(places, [str(name) for name in result.cycle])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="net circulation", ylim=(-0.6, len(places) - 0.4), xlim=(-1, 1))
    for value, label, side in ((0, "reversible", "right"), (ONE_WAY, "one-way", "left")):
        ax.annotate(
            label,
            (value, 1.01),
            xycoords=("data", "axes fraction"),
            color=MUTED_COLOR,
            ha=side,
            va="bottom",
            fontsize=7,
        )
    return ax


@with_style
def plot_visits(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """How often one region follows another, the net share of this order, and the net flux of all three."""
    ax = get_axes(ax)
    pairs = [(0, 1), (1, 2), (2, 0)]
    names = [str(name) for name in result.region]
    places = np.arange(len(pairs))[::-1]
    for place, (i, j) in zip(places, pairs, strict=True):
        net_share, color = result.net_share[i, j], REGION_COLORS[names[i]]
        ax.plot(net_share.value, place, "o", color=color, clip_on=False, zorder=3)
        ax.hlines(place, net_share.low, net_share.high, color=color)
        counts = f"{result.visits[i, j]} : {result.visits[j, i]}"
        ax.annotate(counts, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=7)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set_yticks(places, [f"{names[i]} → {names[j]}" for i, j in pairs])
    ax.set(xlim=(-1, 1), ylim=(-0.6, len(pairs) - 0.4), xlabel="net share of visits in this order")
    ax.tick_params(axis="y", length=0)
    ax.set_title(f"net flux {format_number(float(result.net_flux))} cycles per 100 steps")
    return ax


def describe_circulation(result: CirculationResult, regions: RegionResult) -> str:
    """Caption of :func:`plot_circulation`."""
    rows = []
    for i, name in enumerate(result.cycle):
        p, n_effective = (format_number(float(v[i])) for v in (result.p_value, result.n_effective))
        rows += [
            f"{capitalise(str(name))}: {result.n_forward[i]} forward and {result.n_backward[i]} backward, "
            f"worth {n_effective} independent cycles.",
            f"Their circulation is {result.circulation[i]}, p = {p}.",
        ]
    return begin_with(
        _say_seen(result),
        f"Cycles among regions, in {int(result.n_excursions)} stretches between successive visits to slow "
        "regions.",
        "Direct cycles visit kick and transition once; in any cycle these two may alternate.",
        "a, Number of cycles in both directions. b, Net circulation (forward − backward)/(forward + "
        f"backward): 0 for a reversible process, one-way above {ONE_WAY:g}.",
        *rows,
        f"c, Order of visits: net flux {regions.net_flux} cycles per 100 steps in the order "
        "slow, kick, transition; 0 for a reversible walk.",
        "Dots: the same flux as a share of the visits between two regions, counted in both orders at the "
        "right.",
        "p-values compare with cycles that are reversed at random, trajectory by trajectory.",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, exact for the effective number of cycles "
        "or visits. Where all cycles go one way this is the number of trajectories with one.",
    )


def _say_seen(result: CirculationResult) -> str:
    """Which way direct cycles go, by the interval of their circulation."""
    row = result.cycle.tolist().index("direct")
    found, forward, backward = result.circulation[row], result.n_forward[row], result.n_backward[row]
    if np.isnan(found.value):
        return "Activity makes no cycle of slow, kick and transition."
    counts = f"{forward} forward, {backward} back"
    way = judge_direction(found)
    if not way:
        return f"Cycles {_FORWARD} go no way that can be told: {counts}."
    order = _FORWARD if found.value > 0 else _BACKWARD
    return f"Activity goes round {order} {way}: {counts}."


FIGURES = (Drawing("circulation", plot_circulation, describe_circulation, ("circulation", "regions")),)
