"""Carriers of the decision to switch: shares of sets, effects of neurons, effective numbers, agreement."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from ...circuit.carriers import CarrierResult
from ...circuit.neuron_sets import RANKINGS
from ...statistics import Estimate, Null
from ..drawing import Drawing
from ..nulls import join
from ..sentences import begin_with, count
from ..style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    format_ticks,
    get_axes,
    label_panels,
    with_style,
)
from .carrier_profiles import (
    MOST_NAMED,
    describe_carrier_profiles,
    find_main,
    find_size,
    plot_carrier_profiles,
    rank_neurons,
)
from .twin_paths import describe_twin_paths, plot_twin_paths

_BELOW = 0.22
"""Distance of single switches below all of them."""

_LOOKS: dict[str, dict[str, Any]] = {
    "effect": {"color": NETWORK_COLOR, "linewidth": 1.4, "zorder": 4},
    "size": {"color": EXACT_COLOR, "linestyle": "-", "linewidth": 0.7},
    "readout": {"color": EXACT_COLOR, "linestyle": "--", "linewidth": 0.7},
    "drive": {"color": EXACT_COLOR, "linestyle": ":", "linewidth": 0.9},
    "random": {"color": FLOOR_COLOR, "linewidth": 1.4, "zorder": 1},
}
"""Lines of the orders of neurons."""


@with_style
def plot_carriers(result: CarrierResult) -> Figure:
    """Shares of neurons patched together, effects of single ones, effective numbers, and agreement."""
    figure = build_figure(WIDTH, 4.8)
    axes = figure.subplots(2, 2)
    plot_shares(result, ax=axes[0, 0])
    plot_effects(result, ax=axes[0, 1])
    plot_effective_numbers(result, ax=axes[1, 0])
    plot_agreement(result, ax=axes[1, 1])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_shares(result: CarrierResult, *, ax: Axes | None = None) -> Axes:
    """Share of the effect against the number of neurons patched together, and what chance reaches."""
    ax = get_axes(ax)
    for i, name in enumerate(result.ranking.tolist()):
        found = result.share[i]
        if name == "effect":
            ax.fill_between(result.size, found.low, found.high, color=NETWORK_COLOR, alpha=0.25, linewidth=0)
        ax.plot(result.size, found.value, label=RANKINGS[name], **_LOOKS[name])
    _mark_null(ax, result, result.matched, "_", EXACT_COLOR)
    _mark_null(ax, result, result.shuffled, "x", MUTED_COLOR)
    ax.axhline(0.5, color=EXACT_COLOR, linestyle=":", linewidth=0.8, zorder=0)
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set(xlabel="neurons patched together", ylabel="share of the effect of all", xscale="log")
    ax.xaxis.set_major_locator(FixedLocator([2.0**k for k in range(int(np.log2(result.size[-1])) + 1)]))
    format_ticks(ax.xaxis)
    ax.legend(
        loc="upper left", frameon=True, framealpha=1, edgecolor="none", borderaxespad=0.3, labelspacing=0.3
    )
    return ax


def _mark_null(ax: Axes, result: CarrierResult, null: Null, marker: str, color: str) -> None:
    """What chance reaches in one of twenty cases, at the size of the set that it is compared with."""
    if np.isfinite(null.quantile):
        look: dict[str, Any] = {
            "color": color,
            "markersize": 9 if marker == "_" else 4,
            "markeredgewidth": 1.4,
            "zorder": 5,
        }
        ax.plot([find_size(result)], [null.quantile], marker, label=f"95 % of {null.name}", **look)


@with_style
def plot_effects(result: CarrierResult, *, ax: Axes | None = None) -> Axes:
    """Effects of neurons in falling order, for the direction with most twins; carriers stand out."""
    ax = get_axes(ax)
    d = find_main(result)
    order = rank_neurons(result, d)
    found, places = result.effect[d, order], np.arange(1, len(order) + 1)
    is_carrier = result.is_carrier[d, order] > 0
    ax.vlines(places, found.low, found.high, color=FLOOR_COLOR, linewidth=0.7)
    ax.plot(places, found.value, ".", color=MUTED_COLOR, markersize=2.5, label="neuron")
    ax.plot(
        places, result.limit[d, order], color=FLOOR_COLOR, linewidth=0.7, label="lower limits, all at once"
    )
    if is_carrier.any():
        ax.vlines(
            places[is_carrier], found.low[is_carrier], found.high[is_carrier], color=NETWORK_COLOR, zorder=3
        )
        ax.plot(
            places[is_carrier],
            found.value[is_carrier],
            "o",
            color=NETWORK_COLOR,
            markersize=3.5,
            label="carrier",
        )
    times = result.settings["stands_out"]
    even = times * result.effect.value[d].sum() / float(result.n_different)
    ax.axhline(
        even, color=EXACT_COLOR, linestyle="--", linewidth=0.8, label=f"{format_number(times)} even shares"
    )
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    name = result.direction[d]
    ax.set(xlabel="neurons, by falling effect", ylabel=f"effect of a neuron, {name}")
    ax.set_xlim(0, len(order) + 1)
    ax.legend(loc="upper right", borderaxespad=0.1, labelspacing=0.3)
    return ax


@with_style
def plot_effective_numbers(result: CarrierResult, *, ax: Axes | None = None) -> Axes:
    """Effective number of all switches and of each direction; arrows where an interval has no end."""
    ax = get_axes(ax)
    places = np.arange(len(result.group))[::-1]
    found, different = result.n_effective, float(result.n_different)
    shown = np.concatenate([found.value, found.high, [different]])
    edge = 1.08 * float(shown[np.isfinite(shown)].max())
    high = np.minimum(found.high, edge)
    ax.hlines(places, np.minimum(found.low, edge), high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, zorder=3)
    once = result.n_effective_once
    ax.hlines(places - _BELOW, once.low, np.minimum(once.high, edge), color=FLOOR_COLOR, linewidth=1.0)
    look: dict[str, Any] = {"markerfacecolor": "white", "color": MUTED_COLOR, "markersize": 4, "zorder": 3}
    ax.plot(once.value, places - _BELOW, "o", **look)
    is_open = np.isinf(found.high)
    if is_open.any():
        ax.plot(np.full(is_open.sum(), edge), places[is_open], ">", color=NETWORK_COLOR, clip_on=False)
    ax.axvline(different, color=EXACT_COLOR, linestyle=":", linewidth=1.0)
    ax.annotate(
        "neurons that\ndiffer",
        (different, 1),
        xytext=(-3, -1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=7,
    )
    names = ["all switches" if name == "all" else name for name in result.group.tolist()]
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="effective number of neurons", xlim=(0, edge), ylim=(-0.6, len(places) - 0.4))
    return ax


@with_style
def plot_agreement(result: CarrierResult, *, ax: Axes | None = None) -> Axes:
    """Jaccard index of the first neurons of two halves and of two leads, beside that of random sets."""
    ax = get_axes(ax)
    places = np.arange(len(result.compared))
    ax.bar(places, np.nan_to_num(result.jaccard), 0.6, color=NETWORK_COLOR, linewidth=0)
    ax.axhline(
        float(result.jaccard_by_chance), color=FLOOR_COLOR, linestyle="--", linewidth=1.0, label="random sets"
    )
    ax.hlines(result.jaccard_ceiling, places - 0.3, places + 0.3, color=EXACT_COLOR, linewidth=1.2)
    ax.set_xticks(places, [_name_comparison(result, name) for name in result.compared.tolist()])
    ax.tick_params(axis="x", length=0)
    ax.set(
        ylabel=f"agreement of the first {find_size(result)}\n(Jaccard index)",
        xlim=(-0.6, len(places) - 0.4),
        ylim=(0, 1.02),
    )
    ax.legend(loc="upper right", borderaxespad=0.1)
    return ax


def _name_comparison(result: CarrierResult, name: str) -> str:
    """A comparison in two lines: another lead is compared with the half-lead."""
    if not name.startswith("lead "):
        return name.replace(" ", "\n")
    return f"leads {name.removeprefix('lead ')}\nand {int(result.lead)}"


def describe_carriers(result: CarrierResult) -> str:
    """Caption of :func:`plot_carriers`."""
    size, main = find_size(result), result.direction[find_main(result)]
    halves = "; ".join(
        f"{RANKINGS[name]} {result.n_half[i]}" for i, name in enumerate(result.ranking.tolist())
    )
    numbers = "; ".join(
        f"{name} {result.n_effective[i]}" for i, name in enumerate(result.group.tolist()) if i
    )
    return begin_with(
        _say_seen(result),
        _say_once(result),
        _say_why_none(result),
        _say_advantage(result),
        f"Patched for one step, {count(int(result.lead), 'step')} before the switch. "
        f"All neurons together change the outcome by {result.total_effect[0]}, where {result.decided[0]} of "
        "all switches is decided.",
        "a, Effect of the first neurons of an order, patched together, over that of all; what neurons of a "
        "twin that stays do is taken off. Orders come from the other half of the trajectories; intervals "
        f"take them as given. Neurons for half of the effect: {halves}.",
        _say_nulls(result, size),
        f"b, Effect of single neurons on {main}, while all others are patched by the toss of a coin. "
        f"Carriers: lower limit above {format_number(result.settings['stands_out'])} even shares. "
        "Order and effects come from the same twins, which favours the first.",
        f"c, Over how many neurons the effect is spread: {numbers}. Open circles: within single switches. "
        f"Dotted: neurons that differ between twins ({format_number(float(result.n_different))}).",
        f"d, Jaccard index of the first {size} by effect of two halves of the trajectories: both at the "
        "half-lead, or one at another lead. Black: both at that lead. Dashed: random sets.",
        f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_seen(result: CarrierResult) -> str:
    """Over how many neurons a decision is spread, and whether some of them stand out."""
    number, n_carriers = result.n_effective[0], result.is_carrier.sum(1)
    n_with = int((n_carriers > 0).sum())
    if n_with == 0:
        found = "none stands out"
    elif n_with <= MOST_NAMED:
        names = zip(n_carriers.tolist(), result.direction.tolist(), strict=True)
        verb = "stands" if n_carriers.sum() == 1 else "stand"
        found = f"{join([f'{n} for {name}' for n, name in names if n])} {verb} out"
    else:
        n_in_any = int((result.is_carrier.sum(0) > 0).sum())
        verb = "stands" if n_in_any == 1 else "stand"
        found = f"{n_in_any} {verb} out, in {n_with} of {len(n_carriers)} directions"
    if np.isnan(number.value):
        return f"The effective number of neurons is undefined, and {found}."
    return f"The decision is spread over {number} effective neurons; {found}."


def _say_once(result: CarrierResult) -> str:
    """Over how many neurons single switches are spread."""
    once = result.n_effective_once[0]
    return "" if np.isnan(once.value) else f"Within single switches it is spread over {once} neurons."


def _say_why_none(result: CarrierResult) -> str:
    """Why there is no group, if so."""
    notes = list(result.status["notes"])
    return f"No group is named, because {join(notes)}." if notes else ""


def _say_advantage(result: CarrierResult) -> str:
    """Whether simpler rules find as much."""
    found = result.advantage
    if not np.isfinite(found.low):
        return ""
    if found.low > 0:
        return f"The best simpler order finds {found:%} of the effect less."
    if found.high < 0:
        lost = Estimate(-found.value, -found.high, -found.low)
        return f"A simpler order finds {lost:%} of the effect more."
    return f"It is not shown that simpler orders find less: by effect minus the best, {found:%}."


def _say_nulls(result: CarrierResult, size: int) -> str:
    """What the first neurons hold, and what chance does."""
    first = result.ranking.tolist().index("effect")
    text = f"The first {size} hold {result.share_together[first]:%}{_say_null(result.matched)}."
    text += f" Matched neurons differ {format_number(float(result.balance))} times as much."
    if not np.isfinite(result.concentration):
        return text
    share, draws = format_number(100 * float(result.concentration)), result.shuffled.draws
    n_without = int((draws == 0).sum())
    without = f" In {n_without} of {len(draws)} copies no share can be measured." if n_without else ""
    return f"{text} In a short search: {share} %{_say_null(result.shuffled)}.{without}"


def _say_null(null: Null) -> str:
    """What a null reaches, in percent; nothing without draws."""
    if not np.isfinite(null.quantile):
        return ""
    reached, p_value = format_number(100 * float(null.quantile)), format_number(float(null.p_value), digits=2)
    return f" ({null.name} up to {reached} %, p = {p_value})"


FIGURES = (
    Drawing("carriers", plot_carriers, describe_carriers),
    Drawing("carrier_profiles", plot_carrier_profiles, describe_carrier_profiles, shows=("carriers",)),
    Drawing("twin_paths", plot_twin_paths, describe_twin_paths, shows=("carriers",)),
)
