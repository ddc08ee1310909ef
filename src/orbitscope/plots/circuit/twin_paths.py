"""Paths of twins over the orbit plane: as they are, and with neurons of the one that switches."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...circuit.carriers import CarrierResult
from ..orbit.orbit_paths import label_plane
from ..sentences import begin_with
from ..style import (
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)
from .carrier_profiles import find_main, find_size


@with_style
def plot_twin_paths(result: CarrierResult, *, direction: int | None = None) -> Figure:
    """Twins of one direction, by default that with most twins: a panel for each kind of patch."""
    direction = find_main(result) if direction is None else direction
    corners = _find_corners(result, direction)
    shape = (corners[1, 1] - corners[0, 1]) / (corners[1, 0] - corners[0, 0])
    figure = build_figure(WIDTH, 0.9 + shape * (WIDTH - 0.7) / len(result.kind))
    axes = figure.subplots(1, len(result.kind))
    for kind, ax in enumerate(axes):
        plot_twins(result, kind, direction, ax=ax)
        ax.set(xlim=corners[:, 0], ylim=corners[:, 1])
        ax.set_aspect("equal", adjustable="box")
        if kind:
            ax.set(ylabel="", yticklabels=[])
    label_panels(axes.tolist())
    return figure


@with_style
def plot_twins(result: CarrierResult, kind: int, direction: int, *, ax: Axes | None = None) -> Axes:
    """Paths of one kind from the patch (ring) to the outcome (dot), over driven states by symbol."""
    ax = get_axes(ax)
    for symbol in np.unique(result.cloud_symbol):
        points = result.cloud[result.cloud_symbol == symbol].T
        look = {"markersize": 2, "markeredgewidth": 0, "alpha": 0.35, "rasterized": True}
        ax.plot(*points, ".", color=get_symbol_color(int(symbol)), **look)
    for path in result.twin_path[kind, direction]:
        ax.plot(path[:, 0], path[:, 1], color="black", linewidth=0.5, alpha=0.7, zorder=3)
        ax.plot(path[0, 0], path[0, 1], "o", color="white", markeredgecolor="black", markersize=2.5, zorder=4)
        ax.plot(path[-1, 0], path[-1, 1], "o", color=NETWORK_COLOR, markersize=2.5, zorder=5)
    ax.set_title(_name_kind(result, kind))
    label_plane(ax, result.axis_share)
    return ax


def _find_corners(result: CarrierResult, direction: int) -> np.ndarray:
    """Least and largest coordinates of all that is drawn, with a margin, (corner, axis)."""
    points = np.concatenate([result.cloud, result.twin_path[:, direction].reshape(-1, 2)])
    corners = np.array([np.nanmin(points, axis=0), np.nanmax(points, axis=0)])
    return corners + 0.05 * np.array([[-1.0], [1.0]]) * (corners[1] - corners[0])


def _name_kind(result: CarrierResult, kind: int) -> str:
    size = find_size(result)
    return ("stays", f"first {size} by effect", f"{size} matched", "switches")[kind]


def describe_twin_paths(result: CarrierResult) -> str:
    """Caption of :func:`plot_twin_paths`."""
    d = find_main(result)
    n_shown = int(np.isfinite(result.twin_path[0, d, :, 0, 0]).sum())
    n_steps = result.twin_path.shape[3] - 1
    return begin_with(
        f"Patching the first neurons by effect has {result.share_together[0]:%} of the effect of patching "
        "all.",
        f"Paths of {n_shown} twins ({result.direction[d]}) in the orbit plane, from {int(result.lead)} steps "
        f"before the switch (rings) to the outcome {n_steps} steps later (dots).",
        "Noise is the same in all panels. Colour: most probable symbol of driven states.",
        "a, The twin that stays. b, The same, with the activity of some neurons replaced once "
        "by that of the twin that switches: those that come first on the other half of the trajectories.",
        "c, As b, with a random set that is matched in activity and readout. d, With all neurons.",
    )
