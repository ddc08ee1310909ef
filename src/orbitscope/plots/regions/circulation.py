"""Circulation among regions: cycles in both directions, and the net share of one."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...dynamics.regions.circulation import CirculationResult
from ..drawing import Drawing
from ..intervals import say_interval
from ..sentences import begin_with, capitalise
from ..style import (
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)

ONE_WAY = 0.5
"""Circulation above which cycles count as one-way."""

_HEIGHT = 0.36
_FORWARD, _BACKWARD = "slow → kick → transition → slow", "slow → transition → kick → slow"


@with_style
def plot_circulation(result: CirculationResult) -> Figure:
    """Counts of cycles in both directions, and the circulation with its interval."""
    figure = build_figure(WIDTH, 1.7)
    axes = figure.subplots(1, 2)
    plot_cycle_counts(result, ax=axes[0])
    plot_net_circulation(result, ax=axes[1])
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
    for value, label in ((0, "reversible"), (ONE_WAY, "> ½: one-way")):
        ax.annotate(
            label,
            (value, 1.01),
            xycoords=("data", "axes fraction"),
            color=MUTED_COLOR,
            ha="center",
            va="bottom",
            fontsize=7,
        )
    return ax


def describe_circulation(result: CirculationResult) -> str:
    """Caption of :func:`plot_circulation`."""
    rows = []
    for i, name in enumerate(result.cycle):
        p, n_effective = (format_number(float(v[i])) for v in (result.p_value, result.n_effective))
        rows += [
            f"{capitalise(str(name))}: {result.n_forward[i]} forward and {result.n_backward[i]} backward, "
            f"worth {n_effective} independent cycles.",
            f"Their circulation is {say_interval(result.circulation[i])}, p = {p}.",
        ]
    return begin_with(
        _say_seen(result),
        f"Cycles among regions, in {int(result.n_excursions)} stretches between successive visits to slow "
        "regions.",
        "Direct cycles visit kick and transition once; in any cycle these two may alternate.",
        "a, Number of cycles in both directions. b, Net circulation (forward − backward)/(forward + "
        f"backward): 0 for a reversible process, one-way above {ONE_WAY:g}.",
        *rows,
        "p-values compare with cycles that are reversed at random, trajectory by trajectory.",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, exact for the effective number of cycles. "
        "Where all cycles go one way this is the number of trajectories with one.",
    )


def _say_seen(result: CirculationResult) -> str:
    """Which way direct cycles go, by the interval of their circulation."""
    row = result.cycle.tolist().index("direct")
    found, forward, backward = result.circulation[row], result.n_forward[row], result.n_backward[row]
    if np.isnan(found.value):
        return "Activity makes no cycle of slow, kick and transition."
    counts = f"{forward} forward, {backward} back"
    if not found.excludes(0):
        return f"Cycles {_FORWARD} go no way that can be told: {counts}."
    order = _FORWARD if found.value > 0 else _BACKWARD
    is_one_way = min(abs(found.low), abs(found.high)) > ONE_WAY
    return f"Activity goes round {order} {'one way' if is_one_way else 'more often than back'}: {counts}."


FIGURES = (Drawing("circulation", plot_circulation, describe_circulation),)
