"""The noise before switches: kernels along the leading direction, energy by lag, replay and removal."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...circuit.noise_kernel import NoiseKernelResult
from ..drawing import Drawing
from ..leading import name_leading
from ..sentences import begin_with, count
from ..style import (
    EXACT_COLOR,
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
from .direction_looks import find_line, find_marker

_WIDTH = 0.6


@with_style
def plot_noise_kernel(result: NoiseKernelResult) -> Figure:
    """Kernels, their energy, and what replaying and removing parts of the noise does."""
    figure = build_figure(WIDTH, 4.4)
    axes = figure.subplots(2, 2)
    plot_projections(result, ax=axes[0, 0])
    plot_energy(result, ax=axes[0, 1])
    plot_replay(result, ax=axes[1, 0])
    plot_removal(result, ax=axes[1, 1])
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_projections(result: NoiseKernelResult, *, ax: Axes | None = None) -> Axes:
    """Mean noise along the leading direction before switches of each direction."""
    ax = get_axes(ax)
    for i, name in enumerate(name_leading(result.direction.tolist())):
        found, look = result.projection[i], find_line(int(result.origin[i]), int(result.target[i]))
        ax.fill_between(result.lag, found.low, found.high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(result.lag, found.value, label=name, **look)
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.set(xlabel="steps before the new symbol", ylabel="noise along the leading\ndirection (sd)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.invert_xaxis()
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0.2)
    return ax


@with_style
def plot_energy(result: NoiseKernelResult, *, ax: Axes | None = None) -> Axes:
    """Cross-half energy of each lag."""
    ax = get_axes(ax)
    ax.bar(result.lag, result.lag_energy, 0.8, color=NETWORK_COLOR, linewidth=0)
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6)
    ax.set(xlabel="steps before the new symbol", ylabel="energy of the mean noise")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.invert_xaxis()
    return ax


@with_style
def plot_replay(result: NoiseKernelResult, *, ax: Axes | None = None) -> Axes:
    """Effect of replaying each subspace, as a share of replaying all; equal drive beside."""
    ax = get_axes(ax)
    rows = [i for i, _ in result.list_subspaces()]
    places, found = np.arange(len(rows)), result.replay[rows]
    ax.bar(places, np.nan_to_num(found.value), _WIDTH, color=NETWORK_COLOR, linewidth=0)
    ax.vlines(places, found.low, found.high, color="black", linewidth=0.9)
    names = [_name_subspace(result, i) for i in rows]
    if len(result.replay_equal):
        at = np.full(len(result.replay_equal), len(places))
        ax.plot(at, result.replay_equal, "o", color=FLOOR_COLOR, markersize=3)
        names.append("equal\ndrive")
    ax.axhline(1, color=EXACT_COLOR, linestyle=":", linewidth=0.8)
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6)
    ax.set_xticks(np.arange(len(names)), names)
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="replay (share of full replay)", xlim=(-0.6, len(names) - 0.4))
    return ax


@with_style
def plot_removal(result: NoiseKernelResult, *, ax: Axes | None = None) -> Axes:
    """Hazard of each direction of switching without a subspace, over that with all noise."""
    ax = get_axes(ax)
    rows, n_directions = [i for i, _ in result.list_subspaces()], len(result.direction)
    names = [_name_subspace(result, i) for i in rows]
    if len(result.removal_equal):
        names.append("equal\ndrive")
    for j, name in enumerate(result.direction.tolist()):
        look = find_marker(int(result.origin[j]), int(result.target[j]))
        shift = 0.5 * ((j + 0.5) / n_directions - 0.5)
        at, found = np.arange(len(rows)) + shift, result.removal[rows, j]
        ax.vlines(at, found.low, found.high, color=look["color"], linewidth=1.2)
        ax.plot(at, found.value, markersize=4, label=name, clip_on=False, zorder=3, **look)
        if len(result.removal_equal):
            controls = result.removal_equal[:, j]
            at = np.full(len(controls), len(rows) + shift)
            ax.plot(at, controls, "o", color=FLOOR_COLOR, markersize=2.5)
    ax.set_xticks(np.arange(len(names)), names)
    ax.axhline(1, color=EXACT_COLOR, linestyle=":", linewidth=0.8)
    ax.tick_params(axis="x", length=0)
    ax.set(
        ylabel="hazard without it\n(share of that with all noise)",
        xlim=(-0.6, len(names) - 0.4),
        ylim=(0, None),
    )
    return ax


def _name_subspace(result: NoiseKernelResult, i: int) -> str:
    """Name of a subspace and its dimensions, in two lines."""
    return f"{result.subspace[i]}\n({result.n_noise_directions[i]})"


def describe_noise_kernel(result: NoiseKernelResult) -> str:
    """Caption of :func:`plot_noise_kernel`."""
    settings = result.settings
    return begin_with(
        _say_seen(result),
        "a, Mean noise before switches minus that at times of equal age without one. Shown is its part along "
        "the leading direction, which is fitted to the other half of the trajectories.",
        f"b, Energy of all directions by lag, from two halves. Sum {result.energy}; by chance up to "
        f"{format_number(float(result.swapped.quantile))}. Nine tenths within "
        f"{format_number(float(result.length))} steps.",
        f"c, Replay of the last {settings['replay_steps']} steps of noise in a subspace, with all other "
        "noise fresh. In brackets: dimensions.",
        "d, Hazards without a subspace of the noise, over those with all noise. Colours as in a.",
        _say_undefined(result),
        _say_controls(result),
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_undefined(result: NoiseKernelResult) -> str:
    rows = [i for i, _ in result.list_subspaces()]
    is_missing = np.isnan(result.removal.value[rows]).any()
    return "Missing: from symbols that are hardly visited then." if is_missing else ""


def _say_controls(result: NoiseKernelResult) -> str:
    if not len(result.n_equal):
        return ""
    low, high = int(result.n_equal.min()), int(result.n_equal.max())
    return (
        f"Grey: random subspaces of {low} to {high} directions that carry as much drive as the leading one "
        f"({format_number(100 * float(result.drive_share))} %)."
    )


def _say_seen(result: NoiseKernelResult) -> str:
    """In how many directions the noise differs before switches, and what the leading one does alone."""
    rank = int(result.rank)
    if rank == 0:
        return "The noise before switches cannot be told from other noise."
    leading = result.replay[0]
    alone = "" if np.isnan(leading.value) else f"; the leading one alone replays {leading:%} of their effect"
    verb = "differs" if rank == 1 else "differ"
    return f"{count(rank, 'direction')} of the noise {verb} before switches{alone}."


FIGURES = (Drawing("noise_kernel", plot_noise_kernel, describe_noise_kernel),)
