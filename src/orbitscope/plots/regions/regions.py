"""Regions of driven states: how long symbols last, what sets regions apart, which follows which."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.regions.regions import RegionResult
from ..drawing import Drawing
from ..intervals import say_interval
from ..sentences import begin_with
from ..style import (
    MUTED_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)
from .region_maps import MAPS

_PANELS = ("unstable", "logit_sign_changes", "entropy", "speed")
_TITLES = {
    "unstable": "unstable directions",
    "logit_sign_changes": "sign changes of logit",
    "entropy": "entropy (nats)",
    "speed": "relative speed",
}


_HEADROOM = 1.35
"""Top of the panel with a legend, over its largest value."""


@with_style
def plot_regions(result: RegionResult) -> Figure:
    """Residencies by region, four measures with intervals, and the order of visits."""
    figure = build_figure(WIDTH, 4.4)
    rows = figure.subfigures(2, 1, height_ratios=[1.1, 1], squeeze=False)[:, 0]
    upper = rows[0].subplots(1, 2, width_ratios=[1.5, 1])
    plot_residencies(result, ax=upper[0])
    plot_visits(result, ax=upper[1])
    lower = rows[1].subplots(1, len(_PANELS))
    for ax, measure in zip(lower, _PANELS, strict=True):
        plot_region_measure(result, measure, ax=ax)
    label_panels([*upper, *lower])
    return figure


@with_style
def plot_residencies(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """Histogram of residencies, coloured by region."""
    ax = get_axes(ax)
    longest = result.settings["max_steps"]
    bins = np.linspace(1, longest, min(longest, 60) + 1)
    steps = [result.mean_steps[result.label == index] for index in range(len(result.region))]
    shares = result.estimate.value[result.measure.tolist().index("share")]
    labels = [f"{name}, {100 * share:.0f} %" for name, share in zip(result.region, shares, strict=True)]
    colors = [REGION_COLORS[name] for name in result.region]
    ax.hist(steps, bins=bins, stacked=True, color=colors, label=labels, linewidth=0)
    ax.set(xlabel="residency (steps)", ylabel="states", yscale="log", xlim=(1, longest))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


@with_style
def plot_region_measure(result: RegionResult, measure: str, *, ax: Axes | None = None) -> Axes:
    """One measure for each region with its interval; for unstable directions the null beside it."""
    ax = get_axes(ax)
    row = result.measure.tolist().index(measure)
    places = np.arange(len(result.region))
    colors = [REGION_COLORS[name] for name in result.region]
    found = result.estimate[row]
    ax.bar(places, np.nan_to_num(found.value), width=0.7, color=colors, linewidth=0)
    ax.vlines(places, found.low, found.high, color="black", linewidth=0.9)
    if measure == "unstable":
        null = result.estimate.value[result.measure.tolist().index("unstable_null")]
        ax.hlines(
            null, places - 0.4, places + 0.4, color=MUTED_COLOR, linestyle="--", label="random active sets"
        )
        ax.legend(loc="upper left", borderaxespad=0.0)
        ax.set_ylim(0, _HEADROOM * np.nanmax([*found.value, *found.high, *null, 1e-9]))
    ax.set_xticks(places, [str(name) for name in result.region], rotation=25)
    ax.tick_params(axis="x", length=0)
    ax.set_title(_TITLES.get(measure, str(result.description[row])))
    return ax


@with_style
def plot_visits(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """How often one region follows another, the net share of this order, and the net flux of all three."""
    ax = get_axes(ax)
    pairs = [(0, 1), (1, 2), (2, 0)]
    names = [str(name) for name in result.region]
    places = np.arange(len(pairs))[::-1]
    for place, (i, j) in zip(places, pairs, strict=True):
        asymmetry, color = result.asymmetry[i, j], REGION_COLORS[names[i]]
        ax.plot(asymmetry.value, place, "o", color=color, clip_on=False, zorder=3)
        ax.hlines(place, asymmetry.low, asymmetry.high, color=color)
        counts = f"{result.visits[i, j]} : {result.visits[j, i]}"
        ax.annotate(counts, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=7)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set_yticks(places, [f"{names[i]} → {names[j]}" for i, j in pairs])
    ax.set(xlim=(-1, 1), ylim=(-0.6, len(pairs) - 0.4), xlabel="net share of visits in this order")
    ax.tick_params(axis="y", length=0)
    ax.set_title(f"net flux {format_number(float(result.net_flux))} cycles per 100 steps")
    return ax


def describe_regions(result: RegionResult) -> str:
    """Caption of :func:`plot_regions`."""
    settings, share = result.settings, result.estimate[result.measure.tolist().index("share")]
    shares = ", ".join(f"{name} {say_interval(share[i])}" for i, name in enumerate(result.region))
    return begin_with(
        _say_seen(result),
        f"Regions of {result.label.size} driven states ({settings['n_trajectories']} trajectories of "
        f"{settings['n_steps']} steps).",
        f"a, Residency: mean over {settings['n_rollouts']} rollouts of the steps until the most probable "
        f"symbol changes, cut at {settings['max_steps']}.",
        f"Regions by residency: transition below {settings['transition_below']:g}, slow above "
        f"{settings['slow_above']:g}.",
        f"Shares: {shares}. Within two standard errors of a border: {_say_uncertain(result)}.",
        f"b, Order of visits: net flux {say_interval(result.net_flux)} cycles per 100 steps in the order "
        "slow, kick, transition; 0 for a reversible walk.",
        "Dots: the same flux as a share of the visits between two regions, counted in both orders at the "
        "right. Their intervals are exact for an effective number of visits.",
        "c to f, Means of each region. Dashes: random active sets of equal size, in which each neuron is as "
        "frequent as in the network. Sign changes grow with the residency by construction.",
        f"Other intervals: bootstrap over trajectories; all {100 * settings['confidence']:.0f} %.",
    )


def _say_seen(result: RegionResult) -> str:
    """Whether kick states are less stable than slow ones, and whether random active sets are so, too."""
    rows = result.contrast.tolist()
    network, beyond = (result.kick_minus_slow[rows.index(name)] for name in ("network", "beyond null"))
    if np.isnan(network.value):
        return "Unstable directions of kick and slow states cannot be compared: one of the regions is empty."
    if not network.excludes(0):
        return "Kick and slow states do not differ in unstable directions, as far as can be told."
    how = "more" if network.value > 0 else "fewer"
    agrees = beyond.excludes(0) and beyond.value * network.value > 0
    where = "beyond random active sets" if agrees else "not beyond random active sets"
    return f"Kick states have {how} unstable directions than slow ones, {where}."


def _say_uncertain(result: RegionResult) -> str:
    """Percentage of the states of each region whose label is partly chance."""
    row = result.measure.tolist().index("uncertain")
    shares = zip(result.region, result.estimate.value[row], strict=True)
    return ", ".join(f"{name} {format_number(100 * float(share))} %" for name, share in shares)


FIGURES = (Drawing("regions", plot_regions, describe_regions), MAPS)
