"""Finite-time exponents by region: means with intervals, and their distributions."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.regions.regional_exponents import RegionalExponentsResult
from ..drawing import Drawing
from ..sentences import begin_with
from ..stability.lyapunov import mark_growth
from ..style import (
    EXACT_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)

_PAIRS = (("kick", "slow"), ("transition", "slow"))


@with_style
def plot_regional_exponents(result: RegionalExponentsResult) -> Figure:
    """Mean first finite-time exponent of each region, and the shares of blocks below each value."""
    figure = build_figure(WIDTH, 2.4)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.4])
    plot_regional_means(result, ax=left)
    plot_regional_distributions(result, ax=right)
    label_panels([left, right])
    return figure


@with_style
def plot_regional_means(result: RegionalExponentsResult, *, ax: Axes | None = None) -> Axes:
    """Mean of each region with its interval."""
    ax = get_axes(ax)
    names = [str(name) for name in result.region]
    for place, name in enumerate(names):
        color, mean = REGION_COLORS[name], result.mean_exponent[place]
        ax.vlines(place, mean.low, mean.high, color=color, linewidth=1.6)
        ax.plot(place, mean.value, "o", color=color, markersize=5)
    ax.axhline(0, color=EXACT_COLOR, linewidth=0.8, linestyle=":", label="0: differences stay")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel="mean first exponent (1/step)", xlim=(-0.5, len(names) - 0.5))
    return ax


@with_style
def plot_regional_distributions(result: RegionalExponentsResult, *, ax: Axes | None = None) -> Axes:
    """Share of the blocks of each region whose exponent is below a value; lost vectors count as −∞."""
    ax = get_axes(ax)
    for place, name in enumerate(str(name) for name in result.region):
        values = np.sort(result.exponent[result.label == place])
        if len(values):
            shares = 100 * np.arange(1, len(values) + 1) / len(values)
            ax.plot(values, shares, color=REGION_COLORS[name], drawstyle="steps-post", label=name)
    mark_growth(ax)
    steps = result.settings["block_steps"]
    ax.set(
        xlabel=f"first exponent of {steps} steps (1/step)",
        ylabel="blocks with a smaller one (%)",
        ylim=(0, 100),
    )
    if ax.lines[:-1]:
        ax.legend(loc="lower right", title="block starts in")
    return ax


def describe_regional_exponents(result: RegionalExponentsResult) -> str:
    """Caption of :func:`plot_regional_exponents`."""
    names = result.region.tolist()
    means = ", ".join(f"{name} {result.mean_exponent[i]}" for i, name in enumerate(names))
    shares = ", ".join(
        f"{name} {format_number(100 * float(result.expanding.value[i]))} %" for i, name in enumerate(names)
    )
    return begin_with(
        _say_seen(result),
        f"First finite-time exponent of blocks of {result.settings['block_steps']} steps under noise, by the "
        f"region in which a block starts ({', '.join(map(str, result.n_blocks))} blocks).",
        f"a, Means: {means}. Below 0 (dotted) small differences between states shrink.",
        f"Differences: {say_differences(result)}.",
        f"b, Share of blocks with a smaller exponent. Blocks that expand: {shares}.",
        "A block may end in another region than it starts in. Lengths are in units of the standard "
        "deviation of each neuron.",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
        _say_lost(result),
    )


def _say_seen(result: RegionalExponentsResult) -> str:
    """Whether small differences fare otherwise from kick states than from slow ones."""
    names = result.region.tolist()
    kick, slow = names.index("kick"), names.index("slow")
    difference = result.difference[kick, slow]
    if np.isnan(difference.value):
        return "Exponents of kick and slow states cannot be compared: one of the regions has no block."
    if not difference.excludes(0):
        return "Small differences fare alike from kick and from slow states, as far as can be told."
    means = [format_number(float(result.mean_exponent.value[i])) for i in (kick, slow)]
    how = "larger" if difference.value > 0 else "smaller"
    return (
        f"The exponent is {how} from kick states than from slow ones: {means[0]} against {means[1]} per step."
    )


def say_differences(result: RegionalExponentsResult) -> str:
    """Kick and transition minus slow, with their intervals."""
    names = result.region.tolist()
    parts = []
    for one, other in _PAIRS:
        at = names.index(one), names.index(other)
        parts.append(f"{one} minus {other} {result.difference[at]}")
    return ", ".join(parts)


def _say_lost(result: RegionalExponentsResult) -> str:
    if not result.n_lost.any():
        return ""
    counts = ", ".join(map(str, result.n_lost))
    return f"Left out of the means: {counts} blocks in which the followed direction was lost."


FIGURES = (Drawing("regional_exponents", plot_regional_exponents, describe_regional_exponents),)
