"""Gain response of switching to gains on targets, subsets that end it, and critical pairs by gain."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...interventions.gain_response import GainResponse
from ...interventions.targets import describe_target
from ...interventions.trap_verdicts import SWITCHING
from ..circuit.direction_looks import find_line
from ..drawing import Drawing
from ..sentences import begin_with
from ..style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    get_axes,
    get_figure,
    label_panels,
    with_style,
)

_SHOWN = ("first", "noise:1", "noise", "population", "kick", "kick-feeding", "kick-control", "carriers")
"""Targets of all directions together, in the order of panels."""

_MOST_PANELS = 6
_TOP = 3.0
"""Hazard ratio at which panels end."""

_WAY_COLORS = {"both ways": NETWORK_COLOR, "one way": "#E8A317"}


@with_style
def plot_gain_response(result: GainResponse) -> Figure:
    """Hazard of each direction against the gain, one panel a target."""
    shown = list_shown(result)
    n_rows = -(-len(shown) // 3)
    figure = build_figure(WIDTH, 0.5 + 1.9 * n_rows)
    axes = figure.subplots(n_rows, min(3, len(shown)), sharex=True, sharey=True, squeeze=False).ravel()
    for ax, t in zip(axes, shown, strict=False):
        plot_target(result, t, ax=ax)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    first = axes[0]
    first.set(xlim=(result.gain.min(), result.gain.max()), ylim=(0, _find_top(result)))
    figure.supxlabel("gain")
    figure.supylabel("hazard over that of the intact network")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(5, len(labels)))
    label_panels(axes[: len(shown)].tolist())
    return figure


@with_style
def plot_target(result: GainResponse, t: int, *, ax: Axes | None = None) -> Axes:
    """Hazards of one target, and the rate of all switches."""
    ax = get_axes(ax)
    for d, name in enumerate(result.direction.tolist()):
        found, look = result.hazard[t, :, d], find_line(int(result.origin[d]), int(result.target_symbol[d]))
        ax.fill_between(result.gain, found.low, found.high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(result.gain, found.value, label=name, **look)
    ax.plot(result.gain, result.rate.value[t], ":", color=EXACT_COLOR, label="all switches")
    ax.plot(result.gain, result.occupancy.value[t], color=FLOOR_COLOR, label="largest occupancy", zorder=1)
    ax.axhline(1, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set_title(describe_target(str(result.target[t]), int(result.target_size[t])))
    return ax


def list_shown(result: GainResponse) -> list[int]:
    """All targets if they are few; else those of all directions together."""
    names = result.target.tolist()
    if len(names) <= _MOST_PANELS:
        return list(range(len(names)))
    found = [names.index(name) for name in _SHOWN if name in names]
    if "noise" in names and len(found) > _MOST_PANELS:
        found.remove(names.index("noise:1"))
    return (found or list(range(len(names))))[:_MOST_PANELS]


def _find_top(result: GainResponse) -> float:
    """End of the axis: the largest value that is shown, within limits."""
    values = result.hazard.value[list_shown(result)]
    largest = float(np.nanmax(values, initial=1.0))
    return float(np.clip(1.1 * largest, 1.5, _TOP))


@with_style
def plot_intervention_controls(result: GainResponse) -> Figure:
    """Fall of hazards beside matched sets, subsets that trap, and critical pairs by gain."""
    figure = build_figure(WIDTH, 2.6)
    axes = figure.subplots(1, 3, width_ratios=(1.5, 0.9, 1.2))
    plot_falls(result, ax=axes[0])
    plot_subsets(result, ax=axes[1])
    plot_critical_pairs(result, ax=axes[2])
    label_panels(axes.tolist())
    return figure


@with_style
def plot_falls(result: GainResponse, *, ax: Axes | None = None) -> Axes:
    """Largest fall of a hazard without each target, and of matched sets."""
    ax = get_axes(ax)
    shown = list_shown(result)
    for row, t in enumerate(shown):
        draws = result.matched.draws[:, t] if len(result.matched.draws) else np.empty(0)
        ax.plot(draws, np.full(len(draws), row), "o", color=FLOOR_COLOR, markersize=2.5, alpha=0.6)
        ax.plot(result.fall[t], row, "o", color=NETWORK_COLOR, markersize=4.5, zorder=3)
    ax.set_yticks(range(len(shown)), [str(result.target[t]) for t in shown])
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set(xlabel="largest fall of a hazard, gain 0", xlim=(min([-0.1, *_list_falls(result, shown)]), 1.05))
    ax.invert_yaxis()
    return ax


def _list_falls(result: GainResponse, shown: Sequence[int]) -> list[float]:
    """All that panel a shows, but not below −1."""
    values = np.concatenate([result.fall[list(shown)], result.matched.draws[:, list(shown)].ravel()])
    return np.clip(values[np.isfinite(values)], -1.0, None).tolist()


@with_style
def plot_subsets(result: GainResponse, *, ax: Axes | None = None) -> Axes:
    """Share of random subsets that end switching in all directions, or in some."""
    ax = get_axes(ax)
    places = np.arange(len(result.pool))
    for w, way in enumerate(result.way.tolist()):
        found, at = result.trapping_subsets[:, w], places + 0.36 * (w - 0.5)
        ax.bar(at, found.value, 0.34, color=_WAY_COLORS[way], label=way)
        ax.vlines(at, found.low, found.high, color="black", linewidth=0.8)
    ax.set_xticks(places, [name.replace(" that ", "\nthat ") for name in result.pool.tolist()])
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="share of subsets that trap", ylim=(0, 1))
    if len(places):
        ax.legend(loc="upper left", borderaxespad=0.1)
    return ax


@with_style
def plot_critical_pairs(result: GainResponse, *, ax: Axes | None = None) -> Axes:
    """Critical pairs by gain at visited states (filled) and at kick states of the intact network (open)."""
    ax = get_axes(ax)
    looks = {
        "kick": (NETWORK_COLOR, "o"),
        "kick-feeding": ("#0072B2", "s"),
        "kick-control": (FLOOR_COLOR, "^"),
    }
    names = result.target.tolist()
    chosen = [name for name in looks if name in names] or names[:1]
    for name in chosen:
        color, marker = looks.get(name, (NETWORK_COLOR, "o"))
        t = names.index(name)
        for found, fill in ((result.critical_pairs[t], color), (result.critical_pairs_kick[t], "white")):
            line = "-" if fill == color else ":"
            ax.errorbar(
                result.critical_gain,
                found.value,
                [found.value - found.low, found.high - found.value],
                marker=marker,
                linestyle=line,
                color=color,
                markerfacecolor=fill,
                elinewidth=0.7,
                label=name if fill == color else None,
            )
    ax.set(xlabel="gain", ylabel="critical pairs per step")
    ax.set_ylim(bottom=0)
    get_figure(ax)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.1)
    return ax


def describe_gain_response(result: GainResponse) -> str:
    """Caption of :func:`plot_gain_response`."""
    settings = result.settings
    return begin_with(
        _say_traps(result),
        "Hazard of each direction of switching under a gain on what the panel names, over that of the intact "
        "network on the same noise.",
        "Dotted: rate of all switches, over that of the intact network; grey: share of the steps in the most "
        "frequent symbol. In brackets: neurons, or directions of the noise.",
        "Missing: symbols that are hardly visited then, or activity without bound.",
        f"Bands: {100 * settings['confidence']:.0f} %, bootstrap over trajectories. Axes end at "
        f"{_find_top(result):.2g}.",
    )


def describe_intervention_controls(result: GainResponse) -> str:
    """Caption of :func:`plot_intervention_controls`."""
    settings = result.settings
    return begin_with(
        _say_stands_out(result),
        "a, Largest fall of a hazard of any direction at gain 0 (red), and that of sets of as many other "
        "neurons, matched in mean activity and in readout (grey).",
        f"b, Share of random subsets of {settings['subset_size']} neurons whose gain of 0 ends switching in "
        "all directions or in some, of the first twenty by effect and of all that vary.",
        "c, Critical pairs of the noise-free map at the states that the network visits (filled) and at kick "
        "states of the intact network (open).",
    )


def _say_traps(result: GainResponse) -> str:
    """At gain 0, which targets end switching in which directions."""
    if 0.0 not in result.gain.tolist():
        return "Hazards of switching under gains."
    at = result.find_gain(0.0)
    words: dict[str, list[str]] = {way: [] for way in SWITCHING}
    for t in list_shown(result):
        words[str(result.trapped[t, at])].append(str(result.target[t]))
    parts = [f"{what} {_without(words[way])}" for way, what in SWITCHING.items() if words[way]]
    return f"Switching {'; it '.join(parts)}."


def _say_stands_out(result: GainResponse) -> str:
    """How many targets of neurons make some hazard fall more than matched sets do."""
    tested = [t for t in list_shown(result) if np.isfinite(result.matched.p_value[t])]
    if not tested:
        return "No target that is shown has matched sets."
    n_sets = len(result.matched.draws)
    if 1 / (n_sets + 1) > 0.05:
        return f"{n_sets} matched sets are too few to tell which targets stand out."
    beyond = [str(result.target[t]) for t in tested if result.matched.p_value[t] <= 0.05]
    tests = f"{len(tested)} tests, p ≤ .05 without correction"
    if not beyond:
        return f"No target makes a hazard fall further than matched sets of neurons do ({tests})."
    return f"Beyond matched sets of neurons, a hazard falls {_without(beyond)} ({tests})."


def _without(names: list[str]) -> str:
    """What is taken away: of several targets one at a time."""
    if len(names) == 1:
        return f"without {names[0]}"
    return f"without each of {', '.join(names[:-1])} and {names[-1]} alone"


FIGURES = (
    Drawing("gain_response", plot_gain_response, describe_gain_response, ("interventions",)),
    Drawing(
        "intervention_controls",
        plot_intervention_controls,
        describe_intervention_controls,
        ("interventions",),
    ),
)
