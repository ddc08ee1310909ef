"""Regions of driven states: how long symbols last, and what sets regions apart."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.regions.regions import RegionResult
from ..drawing import Drawing
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
    "entropy": "entropy (nat)",
    "speed": "relative speed",
}


_HEADROOM = 1.35
"""Top of the panel with a legend, over its largest value."""


@with_style
def plot_regions(result: RegionResult) -> Figure:
    """Residencies by region, and four measures with intervals."""
    figure = build_figure(WIDTH, 4.0)
    rows = figure.subfigures(2, 1, height_ratios=[1, 1.1], squeeze=False)[:, 0]
    upper = rows[0].subplots()
    plot_residencies(result, ax=upper)
    lower = rows[1].subplots(1, len(_PANELS))
    for ax, measure in zip(lower, _PANELS, strict=True):
        plot_region_measure(result, measure, ax=ax)
    label_panels([upper, *lower])
    return figure


@with_style
def plot_residencies(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """Histogram of residencies, coloured by region."""
    ax = get_axes(ax)
    longest = result.settings["max_steps"]
    bins = np.linspace(1, longest, min(longest, 60) + 1)
    steps = [result.residency[result.label == index] for index in range(len(result.region))]
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


def describe_regions(result: RegionResult) -> str:
    """Caption of :func:`plot_regions`."""
    settings, share = result.settings, result.estimate[result.measure.tolist().index("share")]
    shares = ", ".join(f"{name} {share[i]}" for i, name in enumerate(result.region))
    return begin_with(
        _say_seen(result),
        f"Regions of {result.label.size} driven states ({settings['n_trajectories']} trajectories of "
        f"{settings['n_steps']} steps).",
        f"a, Residency: mean over {settings['n_rollouts']} rollouts of the steps until the most probable "
        f"symbol changes, cut at {settings['max_steps']}.",
        f"Regions by residency: transition below {settings['transition_below']:g}, slow above "
        f"{settings['slow_above']:g}.",
        f"Shares: {shares}. Within two standard errors of a border: {_say_uncertain(result)}.",
        "b to e, Means of each region. Dashes: random active sets of equal size, in which each neuron is as "
        "frequent as in the network. Sign changes grow with the residency by construction.",
        f"Intervals: bootstrap over trajectories, {100 * settings['confidence']:.0f} %.",
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
