"""When switches are decided: share that is decided by lead, the pace of the margin, and the regions ahead."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...circuit.commitment import CommitmentResult
from ..drawing import Drawing
from ..leading import name_leading
from ..sentences import begin_with
from ..style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    get_axes,
    label_panels,
    with_style,
)
from .direction_looks import find_line


@with_style
def plot_commitment(result: CommitmentResult) -> Figure:
    """Share decided over leads and over rise times, margin around a switch, and regions ahead of it."""
    figure = build_figure(WIDTH, 4.4)
    axes = figure.subplots(2, 2)
    plot_decided(result, ax=axes[0, 0])
    plot_decided(result, per_rise=True, ax=axes[0, 1])
    plot_margin(result, ax=axes[1, 0])
    plot_regions_ahead(result, ax=axes[1, 1])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_decided(result: CommitmentResult, *, per_rise: bool = False, ax: Axes | None = None) -> Axes:
    """E of all switches and of each direction; the process beside them where leads are in steps."""
    ax = get_axes(ax)
    scale = float(result.rise_time) if per_rise else 1.0
    leads = result.lead / scale
    found = result.decided[0]
    ax.fill_between(leads, found.low, found.high, color=NETWORK_COLOR, alpha=0.2, linewidth=0)
    ax.plot(leads, found.value, color=NETWORK_COLOR, label="all switches", zorder=3)
    for i, name in enumerate(name_leading(result.group.tolist()[1:]), 1):
        look = find_line(int(result.origin[i]), int(result.target[i]))
        ax.plot(leads, result.decided.value[i], linewidth=0.8, label=name, **look)
    if not per_rise and _has_process(result):
        ax.plot(leads, result.process_decided[0], color=EXACT_COLOR, linestyle=":", label="process")
    ax.axhline(0.5, color=BAND_COLOR, linewidth=0.8, zorder=0)
    half = float(result.half_lead.value[0]) / scale
    if _has_dot(result):
        ax.plot([half], [0.5], "o", color=NETWORK_COLOR, markersize=4, zorder=4)
    unit = "rise times" if per_rise else "steps"
    ax.set(xlabel=f"lead before the switch ({unit})", ylabel="share decided", ylim=(-0.1, 1.05))
    ax.invert_xaxis()
    if not per_rise:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, borderaxespad=0.2)
    return ax


@with_style
def plot_margin(result: CommitmentResult, *, ax: Axes | None = None) -> Axes:
    """Mean margin of the new symbol over the old one around a switch, with a tenth and nine tenths."""
    ax = get_axes(ax)
    found = result.margin
    ax.fill_between(result.offset, found.low, found.high, color=NETWORK_COLOR, alpha=0.2, linewidth=0)
    ax.plot(result.offset, found.value, color=NETWORK_COLOR)
    for level in (0.1, 0.9):
        ax.axhline(level, color=FLOOR_COLOR, linestyle=":", linewidth=0.8, zorder=0)
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set(xlabel="steps from the switch", ylabel="margin of the new symbol\n(share of its way)")
    return ax


@with_style
def plot_regions_ahead(result: CommitmentResult, *, ax: Axes | None = None) -> Axes:
    """Share of the states at each lead in each region, stacked."""
    ax = get_axes(ax)
    share = np.nan_to_num(result.region_share.value)
    below = np.zeros(len(result.lead))
    for i, name in enumerate(result.region.tolist()):
        ax.bar(
            result.lead, share[:, i], 1.0, bottom=below, color=REGION_COLORS[name], label=name, linewidth=0
        )
        below = below + share[:, i]
    ax.axvline(float(result.half_lead.value[0]), color=EXACT_COLOR, linestyle="--", linewidth=0.8)
    ax.set(xlabel="lead before the switch (steps)", ylabel="share of states", ylim=(0, 1))
    ax.set_xlim(result.lead[-1] + 0.5, -0.5)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


def describe_commitment(result: CommitmentResult) -> str:
    """Caption of :func:`plot_commitment`."""
    shares = ", ".join(f"{name} {result.decided_in[i]:%}" for i, name in enumerate(result.region.tolist()))
    left_out = ", ".join(result.status["left_out"])
    return begin_with(
        _say_seen(result),
        "a, Share decided, E = (C − C₀)/(1 − C₀). C: probability under fresh noise that the old symbol is "
        "gone two steps after the switch. C₀: the same from states of equal age without a switch.",
        "Dot: half-lead." if _has_dot(result) else "",
        _say_directions(result),
        "Dotted: the process, from its hidden state." if _has_process(result) else "",
        f"b, The same in rise times: half-lead over rise time {result.lead_over_rise}.",
        f"c, Mean margin of the new symbol over the old one; rise time {result.rise_time} steps (dotted: a "
        "tenth and nine tenths).",
        f"d, Regions by residency of the states ahead. Lead 0: the first state of the new symbol. Dashed: "
        f"half-lead. There: {shares}.",
        f"Too few switches: {left_out}." if left_out else "",
        f"Bands: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_directions(result: CommitmentResult) -> str:
    """Shortest and longest half-lead of single directions."""
    leads, names = result.half_lead.value[1:], result.group[1:].tolist()
    if len(leads) < 2 or not np.isfinite(leads).all() or leads.min() == leads.max():
        return ""
    first, last = int(leads.argmin()), int(leads.argmax())
    return (
        f"Directions: from {result.half_lead[1 + first]} ({names[first]}) to {result.half_lead[1 + last]} "
        f"steps ({names[last]})."
    )


def _has_dot(result: CommitmentResult) -> bool:
    """Whether there is a half-lead, and the curve comes to ½ there: at 0 it may start below."""
    half = float(result.half_lead.value[0])
    return half > 0 or (half == 0 and float(result.decided.value[0, 0]) >= 0.5)


def _has_process(result: CommitmentResult) -> bool:
    return bool(np.isfinite(result.process_half_lead[0]))


def _say_seen(result: CommitmentResult) -> str:
    """How far ahead half of a switch is decided."""
    process = float(result.process_half_lead[0])
    beside = "" if np.isnan(process) else f", {format(process, '.3g')} in the process"
    if result.half_lead.value[0] == 0:
        at_it = (
            "" if result.decided.value[0, 0] >= 0.5 else " Nor is half of one decided at the switch itself."
        )
        return f"Switches are not decided ahead: half-lead {result.half_lead[0]} steps{beside}.{at_it}"
    return f"Half of a switch is decided {result.half_lead[0]} steps ahead{beside}."


FIGURES = (Drawing("commitment", plot_commitment, describe_commitment),)
