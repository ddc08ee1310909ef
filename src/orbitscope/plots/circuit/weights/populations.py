"""Populations behind switches: their weights beside the same choice by chance, and their activity ahead."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....circuit.weights.populations import RULES, PopulationResult
from ....statistics import Null
from ....statistics.verdicts import ALPHA
from ...drawing import Drawing
from ...nulls import draw_null, join
from ...sentences import begin_with, count
from ...style import (
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)
from ..direction_looks import find_line, find_marker

_SHARES, _MEANS = ("own", "opposing"), ("itself", "mutual")

_SHORT = {
    "own": "onto own group",
    "opposing": "onto opposing",
    "itself": "onto itself",
    "mutual": "onto the other",
}

_RULE = {"weights": "by weights", "both": "by activity, too"}


@with_style
def plot_populations(result: PopulationResult) -> Figure:
    """Weights of populations beside their nulls, activity ahead of switches, and what it adds to the AUC."""
    figure = build_figure(WIDTH, 4.6)
    axes = figure.subplots(2, 2)
    plot_pattern(result, _SHARES, ax=axes[0, 0])
    plot_pattern(result, _MEANS, ax=axes[0, 1])
    plot_course(result, ax=axes[1, 0])
    plot_gain(result, ax=axes[1, 1])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_pattern(result: PopulationResult, blocks: tuple[str, ...], *, ax: Axes | None = None) -> Axes:
    """Some blocks under both rules: mean over directions, single directions, and all draws of the null."""
    ax = get_axes(ax)
    names, scale = [], 100 if blocks == _SHARES else 1
    for block in blocks:
        b = result.block.tolist().index(block)
        for r, rule in enumerate(result.rule.tolist()):
            null, place = find_null(result, r), len(names)
            if np.isfinite(null.quantile[b]):
                draw_null(
                    ax, scale * null.draws[:, b], place + 0.12, scale * float(null.quantile[b]), height=0.5
                )
            for d in range(len(result.direction)):
                look = find_marker(int(result.origin[d]), int(result.target[d]))
                ax.plot(scale * result.value[r, d, b], place - 0.28, markersize=3, **look)
            ax.plot(scale * result.pattern[r, b], place, "o", color=NETWORK_COLOR, markersize=5, zorder=4)
            names.append(f"{_SHORT[block]}\n{_RULE[rule]}")
    ax.set_yticks(np.arange(len(names)), names)
    ax.tick_params(axis="y", length=0)
    words = "weights of the published sign (%)" if blocks == _SHARES else "mean weight of the published sign"
    ax.set(xlabel=words, ylim=(len(names) - 0.4, -0.6))
    return ax


def find_null(result: PopulationResult, rule: int) -> Null:
    """Null of the means over directions of a rule."""
    return result.pattern_relabelled if rule else result.pattern_shuffled


@with_style
def plot_course(result: PopulationResult, *, ax: Axes | None = None) -> Axes:
    """Activity of its own population ahead of switches in each direction, beyond times of equal age."""
    ax = get_axes(ax)
    for d, name in enumerate(result.direction.tolist()):
        found, look = result.course[d, 0], find_line(int(result.origin[d]), int(result.target[d]))
        ax.fill_between(result.lag, found.low, found.high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(result.lag, found.value, label=name, **look)
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.axvline(result.settings["lead"], color=MUTED_COLOR, linestyle="--", linewidth=0.8, zorder=0)
    ax.set(xlabel="steps before the new symbol", ylabel="activity of the population\n(sd)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.invert_xaxis()
    if len(result.direction):
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


@with_style
def plot_gain(result: PopulationResult, *, ax: Axes | None = None) -> Axes:
    """What both populations add to the AUC of readout and first neurons, beside random sets."""
    ax = get_axes(ax)
    for d in range(len(result.direction)):
        gain, null = result.gain[d], result.gain_null[d]
        if np.isfinite(null.quantile):
            draw_null(ax, null.draws, d + 0.15, float(null.quantile), height=0.5)
        look = find_marker(int(result.origin[d]), int(result.target[d]))
        ax.hlines(d - 0.2, gain.low, gain.high, color=look["color"], linewidth=1.4)
        ax.plot(gain.value, d - 0.2, markersize=4, zorder=4, **look)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set_yticks(np.arange(len(result.direction)), result.direction.tolist())
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set(xlabel="gain in AUC by the populations", ylim=(max(1, len(result.direction)) - 0.4, -0.6))
    return ax


def describe_populations(result: PopulationResult) -> str:
    """Caption of :func:`plot_populations`."""
    notes = list(result.status["notes"])
    n_members = result.members.any(1).sum(1)
    return begin_with(
        _say_seen(result),
        "Chosen are neurons outside of the groups that excite one of two opposing groups and inhibit the "
        f"other: {count(int(n_members[0]), 'neuron')} {RULES['weights']}, {n_members[1]} {RULES['both']}.",
        "a, Share of their weights with the published sign; red, mean over directions. Grey: the same choice "
        "in weights in random places, or relabelled where activity counts, too; bar, 95 % quantile.",
        "b, Mean weights within and between populations, likewise.",
        _say_p_values(result),
        "c, Activity of the population chosen by weights, ahead of switches in its direction, beyond that at "
        f"times of equal age without one. Dashed: half-lead ({int(result.settings['lead'])}).",
        "d, What both populations add to readout and first neurons in telling switches ahead, on held-out "
        "trajectories. Grey: random sets of other neurons.",
        _say_reading(result),
        f"Undefined: {'; '.join(notes)}." if notes else "",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_reading(result: PopulationResult) -> str:
    """How often the deciding noise drives a member more than another neuron."""
    shares = [
        f"{name} {format_number(100 * float(share))} %"
        for name, share in zip(result.direction.tolist(), result.reading, strict=True)
        if np.isfinite(share)
    ]
    words = "Members that the deciding noise drives more than another neuron"
    return f"{words}: {', '.join(shares)}." if shares else ""


def _say_seen(result: PopulationResult) -> str:
    """How many of the published features are beyond the same choice by chance, under each rule."""
    parts = []
    for r, rule in enumerate(result.rule.tolist()):
        p_values = find_null(result, r).p_value
        known = np.isfinite(p_values)
        if known.any():
            n_beyond = int((p_values[known] < ALPHA).sum())
            parts.append(f"{n_beyond} of {int(known.sum())} when chosen {RULES[rule]}")
    if not parts:
        return "No population is large enough to be compared with chance."
    return f"Published features of populations beyond the same choice by chance: {join(parts)}."


def _say_p_values(result: PopulationResult) -> str:
    """Effect sizes and p-values of the means over directions."""
    sentences = []
    for r, rule in enumerate(result.rule.tolist()):
        null, parts = find_null(result, r), []
        for b in np.flatnonzero(np.isfinite(null.p_value)):
            size = format_number(float(result.pattern_beyond[r, b]))
            p_value = format_number(float(null.p_value[b]), digits=2)
            parts.append(f"{_SHORT[str(result.block[b])]} {size} (p = {p_value})")
        if parts:
            sentences.append(f"Standard deviations beyond the null {RULES[rule]}: {', '.join(parts)}.")
    return " ".join(sentences)


FIGURES = (Drawing("populations", plot_populations, describe_populations),)
