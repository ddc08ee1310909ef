"""Driven states in the orbit plane: residency, symbols, unstable directions, and how logits waver."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LogNorm
from matplotlib.figure import Figure

from ...dynamics.regions.regions import RegionResult
from ..drawing import Drawing
from ..leading import name_leading
from ..sentences import begin_with
from ..style import (
    REGION_COLORS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    get_symbol_color,
    label_panels,
    with_style,
)
from ..symbol_names import name_symbol

_MOST_COUNTED = 5
"""Unstable directions from which on one colour stands for all."""


@with_style
def plot_region_maps(result: RegionResult) -> Figure:
    """Maps of residency, symbol and unstable directions, and the histogram of sign changes."""
    figure = build_figure(WIDTH, 5.2)
    grid = figure.subplots(2, 2).ravel()
    plot_residency_map(result, ax=grid[0])
    plot_symbol_map(result, ax=grid[1])
    plot_unstable_map(result, ax=grid[2])
    plot_sign_changes(result, ax=grid[3])
    label_panels(list(grid))
    return figure


@with_style
def plot_residency_map(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """States coloured by residency; contours of the scale are the limits of the regions."""
    longest = result.settings["max_steps"]
    scale = {"norm": LogNorm(1, longest), "cmap": "viridis"}
    ax = _draw_map(result.position, result.residency, scale, ax)
    bar = get_figure(ax).colorbar(ax.collections[0], ax=ax, label="residency (steps)")
    limits = [result.settings["transition_below"], result.settings["slow_above"]]
    ticks = [1, *limits, longest]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.hlines(limits, 0, 1, color="white", linewidth=0.8)
    return ax


@with_style
def plot_symbol_map(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """States coloured by their most probable symbol."""
    ax = get_axes(ax)
    position, symbol = result.position.reshape(-1, 2), result.symbol.ravel()
    values = np.unique(symbol).tolist()
    labels = name_leading([name_symbol(result, value) for value in values])
    for value, label in zip(values, labels, strict=True):
        look = {"color": get_symbol_color(value), "linewidth": 0, "rasterized": True}
        ax.scatter(*position[symbol == value].T, s=2, label=label, **look)
    ax.legend(title="symbol", markerscale=3, loc="center left", bbox_to_anchor=(1.0, 0.5), handletextpad=0.1)
    return _label_plane(ax)


@with_style
def plot_unstable_map(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """States with spectra, coloured by the number of eigenvalues |λ| > 1 of the noise-free map."""
    most = int(min(max(result.n_unstable.max(initial=0), 1), _MOST_COUNTED))
    scale = {"norm": BoundaryNorm(np.arange(-0.5, most + 1), 256), "cmap": "viridis"}
    counts = np.minimum(result.n_unstable, most).astype(float)
    ax = _draw_map(result.position[:, result.spectral_time], counts, scale, ax, size=5.0)
    bar = get_figure(ax).colorbar(ax.collections[0], ax=ax, label="unstable directions")
    is_cut = result.n_unstable.max(initial=0) > most
    labels = [*map(str, range(most)), f"≥ {most}" if is_cut else str(most)]
    bar.set_ticks(range(most + 1), labels=labels)
    bar.ax.minorticks_off()
    return ax


@with_style
def plot_sign_changes(result: RegionResult, *, ax: Axes | None = None) -> Axes:
    """Share of the states of each region by the mean sign changes of the start symbol's logit."""
    ax = get_axes(ax)
    largest = float(np.nanmax(result.logit_sign_changes, initial=1.0))
    bins = np.linspace(0, largest, 41).tolist()
    for index, name in enumerate(result.region):
        values = result.logit_sign_changes[result.label == index]
        if len(values):
            weights = np.full(len(values), 1 / len(values))
            style = {
                "histtype": "stepfilled",
                "alpha": 0.35,
                "facecolor": REGION_COLORS[name],
                "linewidth": 0,
            }
            ax.hist(values, bins=bins, weights=weights, **style)
            line = {"histtype": "step", "color": REGION_COLORS[name], "linewidth": 1.0, "label": str(name)}
            ax.hist(values, bins=bins, weights=weights, **line)
    ax.set(xlabel="sign changes of the start symbol's logit", ylabel="share of the region's states")
    ax.set(yscale="log", xlim=(0, largest))
    ax.legend(loc="upper right")
    return ax


def _draw_map(
    position: np.ndarray, values: np.ndarray, scale: Mapping[str, Any], ax: Axes | None, *, size: float = 2.0
) -> Axes:
    """Scatter of states; the largest values are drawn last."""
    ax = get_axes(ax)
    points, colors = position.reshape(-1, 2), values.ravel()
    order = np.argsort(colors)
    ax.scatter(*points[order].T, c=colors[order], s=size, linewidth=0, rasterized=True, **scale)
    return _label_plane(ax)


def _label_plane(ax: Axes) -> Axes:
    ax.set(xlabel="axis 1 (sd)", ylabel="axis 2 (sd of axis 1)", aspect="equal", adjustable="datalim")
    return ax


def describe_region_maps(result: RegionResult) -> str:
    """Caption of :func:`plot_region_maps`."""
    settings = result.settings
    rows = result.measure.tolist()
    changes = ", ".join(
        f"{name} {format_number(float(result.estimate.value[rows.index('logit_sign_changes'), i]))}"
        for i, name in enumerate(result.region)
    )
    return begin_with(
        _say_shares(result),
        f"{result.label.size} driven states in the plane of their two leading principal axes.",
        f"a, Residency. Lines in the scale: below {settings['transition_below']:g} steps transition, above "
        f"{settings['slow_above']:g} slow.",
        "b, Most probable symbol.",
        f"c, Eigenvalues with |λ| > 1 of the noise-free map at {result.n_unstable.size} of the states.",
        "d, Mean number of sign changes of the start symbol's logit until another symbol is the most "
        f"probable one, over {settings['n_rollouts']} rollouts from each state.",
        f"Means: {changes}.",
    )


def _say_shares(result: RegionResult) -> str:
    """How much of the time activity is in the slow and in the kick regions."""
    shares = 100 * result.estimate.value[result.measure.tolist().index("share")]
    slow, kick = (format_number(float(shares[result.region.tolist().index(n)])) for n in ("slow", "kick"))
    return f"Activity is in slow regions for {slow} % of the steps and in kick regions for {kick} %."


MAPS = Drawing("region_maps", plot_region_maps, describe_region_maps, shows=("regions",))
