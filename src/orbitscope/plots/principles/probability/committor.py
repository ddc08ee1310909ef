"""Committors: along passages between cores, the regions at their surface, attempts, and the calibration."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.probability.committor import CommittorResult
from ....statistics import Estimate
from ...drawing import Drawing
from ...sentences import begin_with
from ...style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)

_LINES = ("--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)), (0, (3, 3)))
"""Directions, colour being that of symbols and regions; the seventh begins anew."""


@with_style
def plot_committor(result: CommittorResult) -> Figure:
    """Committor along passages, its surface beside the switch, regions on the way, attempts, calibration."""
    figure = build_figure(WIDTH, 4.6)
    axes = figure.subplots(2, 3, width_ratios=[1.2, 1, 1])
    plot_along(result, ax=axes[0, 0])
    plot_surface(result, ax=axes[0, 1])
    plot_zones_along(result, ax=axes[0, 2])
    plot_attempts(result, ax=axes[1, 0])
    plot_zone_shares(result, ax=axes[1, 1])
    plot_calibration(result, ax=axes[1, 2])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_along(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """1 − q of the old region back from the entry: all passages with their quartiles, and each direction."""
    ax = get_axes(ax)
    found = result.leaving[0]
    ax.fill_between(
        result.offset, *result.leaving_quartile[0].T, color=NETWORK_COLOR, alpha=0.15, linewidth=0
    )
    ax.fill_between(result.offset, found.low, found.high, color=NETWORK_COLOR, alpha=0.35, linewidth=0)
    ax.plot(result.offset, found.value, color=NETWORK_COLOR, label="all", zorder=3)
    for i in range(1, len(result.group)):
        line = _LINES[(i - 1) % len(_LINES)]
        name = f"{result.origin[i]} → {result.target[i]}"
        ax.plot(result.offset, result.leaving.value[i], color=MUTED_COLOR, linestyle=line, label=name)
    ax.axhline(0.5, color=FLOOR_COLOR, linestyle=":", linewidth=0.8, zorder=0)
    ax.plot([float(result.lead.value[0])], [0.5], "o", color=NETWORK_COLOR, markersize=4, zorder=4)
    ax.set(xlabel="steps before the new core", ylabel="P(another core is next)", ylim=(-0.03, 1.03))
    ax.set_xlim(result.offset[-1] + 0.5, -0.5)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.05, 1.0), ncols=4, columnspacing=0.8, handlelength=1.6)
    return ax


@with_style
def plot_surface(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """Steps from the surface to the switch by direction, and the half-lead of all switches if known."""
    ax = get_axes(ax)
    names = ["all", *(f"{a} → {b}" for a, b in zip(result.origin[1:], result.target[1:], strict=True))]
    _draw_estimates(ax, result.switch_lead, names)
    half_lead = result.status["half_lead"]
    if half_lead:
        ax.axvline(half_lead[0], color=EXACT_COLOR, linewidth=0.8, linestyle="--", label="half-lead")
        if len(half_lead) > 1:
            ax.axvspan(*half_lead[1:], color=EXACT_COLOR, alpha=0.08, linewidth=0)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0))
    ax.axvline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set(xlabel="surface before the switch (steps)", ylabel="passage")
    return ax


@with_style
def plot_zones_along(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """Regions by residency of the states on passages, stacked; dashed: the surface."""
    ax = get_axes(ax)
    share = np.nan_to_num(result.zone_along.value)
    below = np.zeros(len(result.offset))
    for i, name in enumerate(result.zone.tolist()):
        color = REGION_COLORS[name]
        ax.bar(result.offset, share[:, i], 1.0, bottom=below, color=color, label=name, linewidth=0)
        below = below + share[:, i]
    ax.axvline(float(result.lead.value[0]), color=EXACT_COLOR, linestyle="--", linewidth=0.8)
    ax.set(xlabel="steps before the new core", ylabel="share of states on passages", ylim=(0, 1))
    ax.set_xlim(result.offset[-1] + 0.5, 0.5)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.0), ncols=3, columnspacing=0.8, handlelength=1.0)
    return ax


@with_style
def plot_attempts(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """Share of the attempts to leave that succeed, by direction."""
    ax = get_axes(ax)
    names = [f"{a} → {b}" for a, b in zip(result.rate_origin, result.rate_target, strict=True)]
    _draw_estimates(ax, result.commit, names)
    ax.set_xlim(left=0)
    ax.set(xlabel="attempts that succeed (share)", ylabel="passage")
    return ax


@with_style
def plot_zone_shares(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """Regions by residency at the surface, outside cores, and of all states, stacked."""
    ax = get_axes(ax)
    share = np.nan_to_num(result.zone_share.value)
    places = np.arange(len(share))
    below = np.zeros(len(share))
    for i, name in enumerate(result.zone.tolist()):
        ax.bar(places, share[:, i], 0.7, bottom=below, color=REGION_COLORS[name], label=name, linewidth=0)
        below = below + share[:, i]
    ax.set_xticks(places, ["surface", "outside\ncores", "all"])
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="share of states", ylim=(0, 1))
    return ax


@with_style
def plot_calibration(result: CommittorResult, *, ax: Axes | None = None) -> Axes:
    """Share of the paths that came to another core, against what rollouts say."""
    ax = get_axes(ax)
    found, at = result.left, result.predicted.value
    ax.plot([0, 1], [0, 1], color=EXACT_COLOR, linewidth=0.8, zorder=0)
    ax.vlines(at, found.low, found.high, color=NETWORK_COLOR, linewidth=1.2)
    ax.plot(at, found.value, "o", color=NETWORK_COLOR, markersize=4)
    ax.set(xlabel="P(another core is next)", ylabel="share of paths that left", xlim=(-0.03, 1.03))
    ax.set_ylim(-0.03, 1.03)
    return ax


def _draw_estimates(ax: Axes, found: Estimate, names: list[str]) -> None:
    """A row for each number with its interval, the first on top."""
    places = np.arange(len(names))[::-1]
    ax.hlines(places, found.low, found.high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, zorder=3)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(places) - 0.4)


def describe_committor(result: CommittorResult) -> str:
    """Caption of :func:`plot_committor`."""
    settings, few = result.settings, ", ".join(result.status["few"])
    return begin_with(
        _say_seen(result),
        f"Rollouts under fresh noise ({settings['n_rollouts']} from each state) tell which core comes next.",
        f"a, Probability that another core than the old one is next, along {result.n_passages[0]} passages "
        f"between cores, of {result.length[0]} steps on average. Pale: quartiles. Dot: mean place of the "
        "surface, where the probability is ½.",
        "b, Steps from the surface to the switch of the most probable symbol.",
        _say_half_lead(result),
        "c, Regions by residency of the states on passages. Dashed: the surface.",
        "d, Share of the attempts to leave a core that end in another one. Regions are numbers.",
        f"e, Regions by residency of states near the surface (|q − ½| ≤ {settings['near']:g}), of states "
        f"outside cores, and of all. Kick near the surface less kick outside cores: {result.kick_excess:%}.",
        f"f, Share of the paths that came to another core, against what rollouts say: slope "
        f"{result.calibration}, which is 1 for a committor.",
        f"Fewer than {settings['fewest_passages']} passages, left out: {few}." if few else "",
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_half_lead(result: CommittorResult) -> str:
    half_lead = result.status["half_lead"]
    if not half_lead:
        return ""
    return f"Dashed: the half-lead of all switches, {Estimate(*half_lead)} steps."


def _say_seen(result: CommittorResult) -> str:
    """Where on the way it is decided, and whether it is in kick-zones."""
    lead = float(result.lead.value[0])
    if not np.isfinite(lead):
        return "Where passages are decided is unknown."
    share = format_number(100 * (1 - float(result.beyond.value[0])), digits=2)
    excess = result.kick_excess
    where = "kick-zones hold the surface no more often than other states outside cores"
    if excess.low > 0:
        where = "kick-zones hold more of the surface than of other states outside cores"
    if excess.high < 0:
        where = "kick-zones hold less of the surface than of other states outside cores"
    steps = format_number(lead)
    if not np.isfinite(excess.value):
        return f"A passage is decided {steps} steps before the new core, after {share} % of its way."
    return f"A passage is decided {steps} steps before the new core, after {share} % of its way; {where}."


FIGURES = (Drawing("committor", plot_committor, describe_committor),)
