"""Connectivity: weights among the neurons that carry switches, and their means beside both nulls."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....circuit.weights.connectivity import KIND_WORDS, RELATIONS, ConnectivityResult
from ....statistics import judge_nulls
from ...drawing import Drawing
from ...sentences import begin_with, capitalise, count
from ...style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    label_panels,
    with_style,
)

WEIGHT_COLORS = "RdBu_r"
"""Red excites, blue inhibits."""

NULL_LOOKS: dict[str, dict[str, Any]] = {
    "matched": {"color": FLOOR_COLOR, "linewidth": 3.0, "alpha": 0.7},
    "relabelled": {"color": EXACT_COLOR, "linewidth": 0.8},
}

_VERDICTS = {
    "yes": "more {} than both nulls",
    "undecided": "more {} than one of both nulls",
    "no": "no more {} than by chance",
}

_KINDS = {"first": "first neurons", "sides": "these by symbol", "carriers": "carriers"}

_SHORT = {"within": "within groups", "opposing": "between opposing", "other": "between others"}


@with_style
def plot_connectivity(result: ConnectivityResult) -> Figure:
    """Weights among the first neurons, and mean weights within and between groups."""
    figure = build_figure(WIDTH, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
    plot_group_weights(result, ax=left)
    plot_mean_weights(result, ax=right)
    label_panels([left, right])
    return figure


@with_style
def plot_group_weights(result: ConnectivityResult, *, ax: Axes | None = None) -> Axes:
    """Weights among the first neurons, group by group; those of several groups stand apart."""
    ax = get_axes(ax)
    groups = list_rows_of_groups(result)
    if not groups:
        ax.text(0.5, 0.5, "no groups", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return ax
    order = np.concatenate(list(groups.values()))
    shown = np.where(order[:, None] == order, np.nan, result.weights[np.ix_(order, order)])
    size = float(np.nanquantile(np.abs(shown), 0.98)) if len(order) > 1 else 1.0
    look = {"cmap": WEIGHT_COLORS, "vmin": -size, "vmax": size, "interpolation": "nearest"}
    image = ax.imshow(shown, rasterized=True, **look)
    edges = np.cumsum([0, *map(len, groups.values())])
    for edge in edges[1:-1]:
        ax.axhline(edge - 0.5, color=EXACT_COLOR, linewidth=0.8)
        ax.axvline(edge - 0.5, color=EXACT_COLOR, linewidth=0.8)
    middles = (edges[:-1] + edges[1:] - 1) / 2
    ax.set_xticks(middles, list(groups), rotation=0 if len(groups) < 4 else 90)
    ax.set_yticks(middles, list(groups))
    ax.tick_params(length=0)
    ax.set(xlabel="sending neurons", ylabel="receiving neurons")
    bar = get_figure(ax).colorbar(image, ax=ax, shrink=0.8, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.set_label("weight (standard units)")
    return ax


def list_rows_of_groups(result: ConnectivityResult) -> dict[str, np.ndarray]:
    """First neurons of one direction alone, and those of several, by name; without empty ones."""
    times = result.members[0].sum(0)
    alone = {
        name: np.flatnonzero((chosen > 0) & (times == 1))
        for name, chosen in zip(result.group.tolist(), result.members[0], strict=True)
    }
    groups = {**alone, "several": np.flatnonzero(times > 1)}
    return {name: neurons for name, neurons in groups.items() if len(neurons)}


@with_style
def plot_mean_weights(result: ConnectivityResult, *, ax: Axes | None = None) -> Axes:
    """Mean weight of each relation, and the central 95 % of both nulls below."""
    ax = get_axes(ax)
    rows = list_rows(result)
    for place, (i, r) in enumerate(rows):
        nulls = (result.matched_weight[i, r], result.relabelled_weight[i, r])
        for shift, null, look in zip((0.2, 0.4), nulls, NULL_LOOKS.values(), strict=True):
            ax.hlines(place + shift, null.low, null.high, **look)
            ax.plot(null.value, place + shift, "|", color=look["color"], markersize=6)
        ax.plot(result.weight[i, r], place, "o", color=NETWORK_COLOR, markersize=5, zorder=3)
    ax.plot([], [], "o", color=NETWORK_COLOR, label="network")
    for name, look in NULL_LOOKS.items():
        ax.plot([], [], "-", label=name, **look)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    names = [f"{_KINDS[str(result.kind[i])]}\n{_SHORT[str(result.relation[r])]}" for i, r in rows]
    ax.set_yticks(np.arange(len(rows)), names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="mean weight (standard units)", ylim=(len(rows) - 0.4, -0.5))
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


def list_rows(result: ConnectivityResult) -> list[tuple[int, int]]:
    """Kinds and relations that have a mean weight."""
    return [(int(i), int(r)) for i, r in zip(*np.nonzero(np.isfinite(result.weight)), strict=True)]


def describe_connectivity(result: ConnectivityResult) -> str:
    """Caption of :func:`plot_connectivity`."""
    n_shared = int((result.members[0].sum(0) > 1).sum())
    verb = "is" if n_shared == 1 else "are"
    notes = list(result.status["notes"])
    return begin_with(
        _say_seen(result),
        "a, Weights among the first neurons by effect, W̃ = W_ij sd(h_j)/sd(z_i). White: onto itself.",
        f"{capitalise(count(n_shared, 'neuron'))} {verb} among the first of several directions.",
        "b, Mean weights. Neurons in both groups of a pair are left out, and weights onto oneself. Grey: the "
        "central 95 % of groups matched in mean activity and readout. Black: the same groups under "
        "relabelled weights. By symbol: first neurons of both directions of a pair, by the symbol in which "
        "they are more active.",
        _say_sizes(result),
        f"Undefined: {'; '.join(notes)}." if notes else "",
    )


def _say_seen(result: ConnectivityResult) -> str:
    """Whether the first neurons excite each other and inhibit those of the opposite direction."""
    if np.isnan(result.weight[0, :2]).all():
        return "There are no groups of first neurons to compare."
    parts = []
    for r, (place, side) in enumerate(
        (("within groups of first neurons", "excitatory"), ("between opposing groups", "inhibitory"))
    ):
        weight, verdict = float(result.weight[0, r]), _judge(result, 0, r)
        if np.isfinite(weight) and verdict != "untested":
            parts.append(f"{place} ({format_number(weight)}) are {_VERDICTS[verdict].format(side)}")
    return f"Weights {', those '.join(parts)}." if parts else "No null was drawn."


def _judge(result: ConnectivityResult, kind: int, relation: int) -> str:
    """Verdict on a mean weight beside both nulls."""
    return judge_nulls([float(null.p_value[kind, relation]) for null in (result.matched, result.relabelled)])


def _say_sizes(result: ConnectivityResult) -> str:
    """Effect sizes and p-values of each kind of groups."""
    sentences = []
    for i, kind in enumerate(result.kind.tolist()):
        parts = []
        for r, relation in enumerate(result.relation.tolist()[:2]):
            sizes = (result.beyond_matched[i, r], result.beyond_relabelled[i, r])
            for null, size in zip((result.matched, result.relabelled), sizes, strict=True):
                if np.isfinite(size):
                    p_value = format_number(float(null.p_value[i, r]), digits=2)
                    beyond = f"{format_number(float(size))} sd beyond {null.name}"
                    parts.append(f"{RELATIONS[relation]} {beyond} (p = {p_value})")
        if parts:
            sentences.append(f"{capitalise(KIND_WORDS[kind])}: {'; '.join(parts)}.")
    return " ".join([*sentences, "p by Holm."]) if sentences else ""


FIGURES = (Drawing("connectivity", plot_connectivity, describe_connectivity),)
