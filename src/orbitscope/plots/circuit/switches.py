"""Hazards of switches in each direction, beside those of the process."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...circuit.switches import SwitchResult
from ..drawing import Drawing
from ..leading import MOST_ROWS, find_leading, say_first, say_left_out
from ..sentences import begin_with
from ..style import (
    EXACT_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)


@with_style
def plot_switches(result: SwitchResult) -> Figure:
    """Hazard of each direction, and share of new symbols that last a second step."""
    figure = build_figure(WIDTH, 0.9 + 0.28 * min(len(result.origin), MOST_ROWS))
    axes = figure.subplots(1, 2, sharey=True)
    plot_directions(result, "hazard", ax=axes[0])
    plot_directions(result, "persistence", ax=axes[1])
    if _spans_decades(result):
        axes[0].set_xscale("log")
    else:
        axes[0].set_xlim(left=0)
    axes[0].set_xlabel("hazard (1/step)")
    axes[1].set(xlabel="new symbol lasts a second step (share)", xlim=(-0.02, 1.02))
    if np.isfinite(result.process_rate):
        axes[0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)
    label_panels(axes.tolist())
    return figure


@with_style
def plot_directions(result: SwitchResult, name: str, *, ax: Axes | None = None) -> Axes:
    """One measure of every direction with its interval, and the exact value of the process as a bar."""
    ax = get_axes(ax)
    shown = find_leading(result.n_events)
    places = np.arange(len(shown))[::-1]
    found, exact = getattr(result, name)[shown], getattr(result, f"process_{name}")[shown]
    ax.hlines(places, found.low, found.high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, label="network", zorder=3)
    if np.isfinite(exact).any():
        ax.plot(exact, places, "|", color=EXACT_COLOR, markersize=9, label="process, exact")
    ax.set_yticks(places, [result.name_direction(i) for i in shown.tolist()])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(places) - 0.4)
    return ax


def _spans_decades(result: SwitchResult) -> bool:
    """Whether the hazards, or those of the process, differ more than tenfold."""
    values = np.concatenate([result.hazard.value, result.process_hazard])
    known = values[values > 0]
    return bool(known.max() > 10 * known.min())


def describe_switches(result: SwitchResult) -> str:
    """Caption of :func:`plot_switches`."""
    n_trajectories, n_steps = result.symbol.shape
    n_directions = len(result.origin) + result.status.get("dropped", 0)
    few = say_first(result.status["few"])
    return begin_with(
        _say_seen(result),
        f"Switches of the most probable symbol in {n_trajectories} trajectories of {n_steps} steps "
        f"({int(result.n_events.sum())} in all).",
        say_left_out(n_directions, "directions", "with most switches"),
        "a, Hazard: switches per step spent in the symbol before. b, Share of switches after which the new "
        "symbol lasts a second step.",
        "Bars: exact values of the process, of the symbols that it emits." if _has_process(result) else "",
        f"Fewer than {result.settings['fewest_events']} switches: {few}." if few else "",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _has_process(result: SwitchResult) -> bool:
    return bool(np.isfinite(result.process_rate))


def _say_seen(result: SwitchResult) -> str:
    """How often the network switches, beside its process."""
    rate = f"The network switches {result.rate} times per step"
    if not _has_process(result):
        return f"{rate}."
    process = float(result.process_rate)
    how = "as its process does" if not result.rate.excludes(process) else "its process"
    return f"{rate}, {how}{'' if how.startswith('as') else ' ' + format_number(process)}."


FIGURES = (Drawing("switches", plot_switches, describe_switches),)
