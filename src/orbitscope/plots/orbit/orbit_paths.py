"""Paths in the orbit plane: driven by noise, and without it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from ...dynamics.orbit.orbit_paths import OrbitPathsResult
from ..drawing import Drawing
from ..leading import name_leading
from ..sentences import begin_with, count
from ..style import (
    BAND_COLOR,
    FLOOR_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    set_log_y,
    with_style,
)
from ..symbol_names import name_symbol

_ARROW_SHARE = 0.75
"""Length of the longest readout arrow as a share of the distance of the farthest state."""

_LABEL_SHARE = 0.15
"""Distance of its number from the tip, as a share of the length of an arrow."""


_MOST_NAMED = 5
"""Symbols whose names fit beside their arrows; more are in a legend."""


@with_style
def plot_orbit_paths(result: OrbitPathsResult) -> Figure:
    """Driven trajectories with the readout, their continuations without noise, and the norm of these."""
    n_symbols = len(result.readout)
    figure = build_figure(WIDTH, 2.25 if n_symbols <= _MOST_NAMED else 2.65)
    axes = figure.subplots(1, 3, width_ratios=[1.15, 1.15, 1])
    plot_driven_paths(result, ax=axes[0])
    plot_free_paths(result, ax=axes[1])
    plot_free_norms(result, ax=axes[2])
    if n_symbols > _MOST_NAMED:
        names = name_leading([name_symbol(result, i) for i in range(n_symbols)])
        handles = [Patch(color=get_symbol_color(i), label=name) for i, name in enumerate(names) if name]
        figure.legend(handles=handles, loc="outside upper left", ncols=5, handlelength=1.2)
    label_panels(axes.tolist())
    return figure


@with_style
def plot_driven_paths(result: OrbitPathsResult, *, ax: Axes | None = None) -> Axes:
    """Driven states in the colour of their most probable symbol; arrows: where its logit rises."""
    ax = get_axes(ax)
    for path in result.path:
        ax.plot(path[:, 0], path[:, 1], color=FLOOR_COLOR, linewidth=0.2, alpha=0.4, zorder=1)
    _scatter_symbols(ax, result.path, result.symbol, size=2.0)
    _draw_readout(ax, result)
    _finish_plane(ax, result)
    return ax


@with_style
def plot_free_paths(result: OrbitPathsResult, *, ax: Axes | None = None) -> Axes:
    """Where activity goes when the noise stops, over the driven states; cross: h = 0."""
    ax = get_axes(ax)
    points = result.path.reshape(-1, 2).T
    ax.plot(*points, ".", color=BAND_COLOR, markersize=2.5, markeredgewidth=0, rasterized=True, zorder=0)
    for path in result.free_path:
        ax.plot(path[:, 0], path[:, 1], color=FLOOR_COLOR, linewidth=0.7, zorder=1)
    _scatter_symbols(ax, result.free_path, result.free_symbol, size=4.0)
    ax.plot(*result.origin, "x", color="black", markersize=6, markeredgewidth=1.2, zorder=5)
    _finish_plane(ax, result)
    return ax


@with_style
def plot_free_norms(result: OrbitPathsResult, *, ax: Axes | None = None) -> Axes:
    """Norm of h against the steps since the noise stopped."""
    ax = get_axes(ax)
    time = np.arange(result.free_norm.shape[1])
    norms = np.where(result.free_norm > 0, result.free_norm, np.nan)
    ax.plot(time, norms.T, color=NETWORK_COLOR, linewidth=0.6, alpha=0.6)
    ax.set(xlabel="steps without noise", ylabel="norm of h (activity)", xlim=(0, time[-1]))
    if np.isfinite(norms).any():
        set_log_y(ax)
    return ax


def label_plane(ax: Axes, explained: np.ndarray) -> None:
    """Name the axes of the orbit plane with their share of the variance, and draw both to one scale."""
    shares = [f"axis {i} ({format_number(100 * share, digits=2)} %)" for i, share in enumerate(explained, 1)]
    ax.set(xlabel=shares[0], ylabel=shares[1])
    ax.set_aspect("equal", adjustable="datalim")


def describe_orbit_paths(result: OrbitPathsResult) -> str:
    """Caption of :func:`plot_orbit_paths`."""
    settings, plane = result.settings, result.plane
    n_free_steps = result.free_norm.shape[1] - 1
    first, last = (format_number(float(np.median(norms))) for norms in result.free_norm[:, [0, -1]].T)
    shares = " and ".join(format_number(100 * float(share)) for share in plane.explained_variance_ratio)
    fitted = f"It is the plane of {settings['n_trajectories']} trajectories."
    return begin_with(
        _say_seen(result),
        f"Activity in the orbit plane, whose axes hold {shares} % of the variance.",
        fitted if result.status["plane"] == "fitted" else "It was given.",
        f"Activity has {format_number(plane.participation_ratio)} effective dimensions.",
        f"a, {len(result.path)} trajectories of {result.path.shape[1]} steps driven by noise. Colour: most "
        "probable symbol. Arrows: where the logit of a symbol rises against the others, one scale for all.",
        f"b, The same trajectories for {n_free_steps} steps after the noise stopped. Pale: the driven "
        "states. Cross: h = 0.",
        f"c, Norm of all hidden activity after the noise stopped: median {first} at the start, {last} at the "
        "end.",
    )


def _say_seen(result: OrbitPathsResult) -> str:
    """What is left of activity some steps after the noise."""
    first, last = np.median(result.free_norm[:, [0, -1]], axis=0).tolist()
    n_steps = result.free_norm.shape[1] - 1
    if not last:
        return f"Activity is silent {count(n_steps, 'step')} after the noise has stopped."
    how = "falls" if last < first else "grows"
    left = format_number(100 * last / first) if first else "∞"
    return f"Activity {how} to {left} % of its size in the {n_steps} steps after the noise has stopped."


def _scatter_symbols(ax: Axes, path: np.ndarray, symbol: np.ndarray, *, size: float) -> None:
    """States in the colours of their symbols."""
    for value in np.unique(symbol):
        points = path[symbol == value]
        color = get_symbol_color(int(value))
        ax.plot(*points.T, ".", color=color, markersize=size, markeredgewidth=0, alpha=0.7, rasterized=True)


def _draw_readout(ax: Axes, result: OrbitPathsResult) -> None:
    """One arrow for each symbol, all to one scale; with its name where they are few enough."""
    for symbol, tip in enumerate(_find_tips(result)):
        color = get_symbol_color(symbol)
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", tip, xytext=(0, 0), arrowprops=arrow, annotation_clip=False, zorder=4)
        if len(result.readout) > _MOST_NAMED:
            continue
        ax.annotate(
            name_symbol(result, symbol),
            (1 + _LABEL_SHARE) * tip,
            color=color,
            ha="center",
            va="center",
            fontweight="bold",
            path_effects=[withStroke(linewidth=2, foreground="white")],
            annotation_clip=False,
            zorder=5,
        )


def _find_tips(result: OrbitPathsResult) -> np.ndarray:
    """Ends of the arrows of the readout, (symbol, component)."""
    longest = np.linalg.norm(result.readout, axis=1).max()
    return _ARROW_SHARE * np.abs(result.path).max() * result.readout / (longest or 1.0)


def _finish_plane(ax: Axes, result: OrbitPathsResult) -> None:
    """The same limits, which hold all paths, the origin and arrows, and labels for both planes."""
    paths = [path.reshape(-1, 2) for path in (result.path, result.free_path)]
    ax.update_datalim(np.concatenate([*paths, result.origin[None], (1 + _LABEL_SHARE) * _find_tips(result)]))
    ax.autoscale_view()
    label_plane(ax, result.plane.explained_variance_ratio)


FIGURES = (Drawing("orbit_paths", plot_orbit_paths, describe_orbit_paths),)
