"""One-way rotation: paths in the orbit plane, their winding, and area rate and output against their nulls."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.orbit.rotation import RotationResult
from ...statistics import Estimate, Null
from ..drawing import Drawing
from ..nulls import draw_null, say_beyond
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
from .orbit_paths import label_plane

_ARROW_STEPS = 60
"""Steps of the trajectory that is drawn with arrows."""

_NULLS = {
    "sign flips": ("sign flips", "Sign flips (trajectories run backwards at random)"),
    "reversible": ("reversible processes", "Reversible (a linear process with the same covariances)"),
    "untrained": ("untrained networks", "Untrained (networks with random weights)"),
    "chance": ("reversed sequences", "Reversed (sequences run backwards at random, with the mean 0)"),
}
"""Of each null its name in a sentence, and what it is."""


@with_style
def plot_rotation(result: RotationResult) -> Figure:
    """Trajectories in the plane, accumulated turns, |a| against three nulls, and the output beside it."""
    figure = build_figure(WIDTH, 2.9)
    axes = figure.subplot_mosaic(
        [["a", "b", "c"], ["a", "b", "d"]], width_ratios=[1, 1, 1.25], height_ratios=[2.2, 1]
    )
    plot_turning_paths(result, ax=axes["a"])
    plot_winding(result, ax=axes["b"])
    plot_area_rate(result, ax=axes["c"])
    plot_output(result, ax=axes["d"])
    label_panels(list(axes.values()))
    return figure


@with_style
def plot_turning_paths(result: RotationResult, *, ax: Axes | None = None) -> Axes:
    """Some trajectories, one of them with its direction, and the centre of the winding."""
    ax = get_axes(ax)
    for path in result.path[1:]:
        ax.plot(path[:, 0], path[:, 1], color=FLOOR_COLOR, linewidth=0.25, alpha=0.5)
    path = result.path[0, : _ARROW_STEPS + 1]
    step = np.diff(path, axis=0)
    ax.quiver(
        *path[:-1].T,
        *step.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=NETWORK_COLOR,
        width=0.008,
        zorder=3,
    )
    ax.plot(0, 0, "+", color="black", markersize=6, markeredgewidth=1.2, zorder=4)
    label_plane(ax, result.plane.explained_variance_ratio)
    return ax


@with_style
def plot_winding(result: RotationResult, *, ax: Axes | None = None) -> Axes:
    """Net turns of the shown trajectories against time; the line has the slope of all."""
    ax = get_axes(ax)
    time = np.arange(result.path_turns.shape[1])
    ax.plot(time, result.path_turns.T, color=NETWORK_COLOR, linewidth=0.6, alpha=0.5)
    ax.plot(time, float(result.winding) * time / 100, "--", color="black", label="mean of all trajectories")
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set(xlabel="time (steps)", ylabel="net turns about the mean", xlim=(0, time[-1]))
    ax.margins(y=0.12)
    ax.legend(loc="best")
    return ax


@with_style
def plot_area_rate(result: RotationResult, *, ax: Axes | None = None) -> Axes:
    """|a| with its interval, and every draw of each null."""
    ax = get_axes(ax)
    nulls = result.area_rate_nulls
    places = np.arange(len(nulls))[::-1]
    for place, null in zip(places, nulls, strict=True):
        draw_null(ax, null.draws, float(place), float(null.quantile))
    _draw_network(ax, result.area_rate)
    ax.set_yticks(places, [null.name for null in nulls])
    largest = max(float(result.area_rate.high), *(null.draws.max(initial=0) for null in nulls))
    ax.set(xlabel="hidden: |a| (1/step)", ylim=(-0.6, len(places) - 0.4), xlim=(0, 1.12 * largest))
    ax.annotate(
        "network",
        (float(result.area_rate), 1.01),
        xycoords=("data", "axes fraction"),
        color=NETWORK_COLOR,
        ha="center",
        va="bottom",
    )
    return ax


@with_style
def plot_output(result: RotationResult, *, ax: Axes | None = None) -> Axes:
    """Irreversibility of the symbols with its interval, and every draw of its null."""
    ax = get_axes(ax)
    draw_null(ax, result.output_null.draws, 0.0, float(result.output_null.quantile))
    _draw_network(ax, result.output_irreversibility)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set_yticks([0], ["reversed"])
    ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 2), useMathText=True)
    ax.set(xlabel="output: D (nat)", ylim=(-0.6, 0.6))
    return ax


def _draw_network(ax: Axes, estimate: Estimate) -> None:
    ax.axvspan(float(estimate.low), float(estimate.high), color=NETWORK_COLOR, alpha=0.25, lw=0)
    ax.axvline(float(estimate), color=NETWORK_COLOR)
    ax.tick_params(axis="y", length=0)


def describe_rotation(result: RotationResult) -> str:
    """Caption of :func:`plot_rotation`."""
    settings = result.settings
    return begin_with(
        _say_seen(result),
        "Rotation of driven activity.",
        _describe_plane(result),
        f"{settings['n_trajectories']} trajectories of {settings['n_steps']} steps.",
        f"a, {len(result.path)} trajectories. Arrows: "
        f"{min(_ARROW_STEPS, result.path.shape[1] - 1)} steps of one. Cross: mean activity.",
        f"b, Net turns about the mean of these trajectories. Over all: {result.winding} turns "
        f"per 100 steps. {_describe_sign(result)}",
        "c, Area rate |a|: area swept per step, in units of the standard deviations along the axes. "
        f"Line and band: {result.area_rate}. Dots: draws of each null; bars: their 95 % "
        "quantiles.",
        *(_describe_null(null) for null in result.area_rate_nulls),
        "d, Irreversibility D of the symbols along the same trajectories: divergence of their triples from "
        "those read backwards, 0 if reversible. Line and band: "
        f"{result.output_irreversibility}.",
        _describe_null(result.output_null),
        _describe_limits(result),
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over trajectories; that of D from their "
        "jackknife.",
    )


def _say_seen(result: RotationResult) -> str:
    """Whether activity turns one way, by its area rate beside the nulls."""
    names, p_values = zip(
        *((_NULLS[n.name][0], float(n.p_value)) for n in result.area_rate_nulls), strict=True
    )
    verdict, grounds = say_beyond(names, p_values)
    activity = "standardised activity" if result.settings["standardise"] else "activity"
    return {
        "yes": f"{capitalise(activity)} turns one way: its area rate is {grounds}.",
        "no": f"{capitalise(activity)} does not turn one way: its area rate is {grounds}.",
        "undecided": f"Whether {activity} turns one way is undecided: {grounds}.",
        "untested": f"Whether {activity} turns one way was not tested: {grounds}.",
    }[verdict]


def _describe_null(null: Null) -> str:
    """What is random under a null, its quantile, number of draws and p-value."""
    meaning = _NULLS[null.name][1]
    if not len(null.draws):
        return f"{meaning}: not drawn."
    quantile, p_value = (format_number(float(number)) for number in (null.quantile, null.p_value))
    return f"{meaning}: {quantile} ({len(null.draws)} draws, p = {p_value})."


def _describe_plane(result: RotationResult) -> str:
    """Which plane, what it depends on, and how much of the variance it holds."""
    share = format_number(100 * float(result.plane.explained_variance_ratio.sum()))
    inside = f"It holds {share} % of the variance."
    if result.settings["standardise"]:
        return (
            "Plane: the two leading axes of activity in units of the standard deviation of each neuron, the "
            f"same in any units. {inside} Counted are {result.status['n_neurons']} neurons that are active "
            "often enough."
        )
    if result.status["plane"] == "given":
        return f"The plane was given. {inside}"
    return f"Plane: that of the orbit of raw activity, another one in other units of neurons. {inside}"


def _describe_sign(result: RotationResult) -> str:
    """Which way is positive."""
    if result.status["plane"] == "given":
        return "Positive: from the first axis to the second."
    return (
        "Positive: from where the logit of the last symbol rises over that of the first, to where activity "
        "rises from silence."
    )


def _describe_limits(result: RotationResult) -> str:
    """What the notes say of the output."""
    notes = (note.removeprefix("output: ") for note in result.status["notes"] if note.startswith("output: "))
    return " ".join(f"{capitalise(note)}." for note in notes)


FIGURES = (
    Drawing("rotation", plot_rotation, describe_rotation),
    Drawing("rotation_standardised", plot_rotation, describe_rotation),
)
