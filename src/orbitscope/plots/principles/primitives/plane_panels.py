"""Planes of pairs: mean paths there and back in each, and how the planes of different pairs overlap."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ....principles.primitives.primitives import PrimitiveResult
from ...sentences import begin_with
from ...style import (
    EXACT_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    WIDTH_SINGLE,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)

_BACK_COLOR = "#2B4A84"
_OVERLAPS = colormaps["Greys"].with_extremes(bad="white")
_N_COLUMNS = 4
_MOST_PRINTED = 6
_DARK = 0.55


@with_style
def plot_primitive_planes(result: PrimitiveResult) -> Figure:
    """Mean paths of each pair, and the overlap of planes in the network and in a Gaussian HMM."""
    n_pairs = len(result.pair)
    if n_pairs == 1:
        figure = build_figure(WIDTH_SINGLE, 3.0)
        _draw_planes(figure, result, 1)
        return figure
    n_columns = min(_N_COLUMNS, max(3, n_pairs))
    heights = [0.5 + 1.9 * math.ceil(n_pairs / n_columns), 2.5]
    figure = build_figure(WIDTH, sum(heights))
    grid = figure.add_gridspec(2, 1, height_ratios=heights)
    above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    first = _draw_planes(above, result, n_columns)
    panels = below.subplots(1, 3, width_ratios=[1, 1, 0.5])
    plot_overlaps(result, "network", ax=panels[0])
    plot_overlaps(result, "Gaussian HMM", ax=panels[1])
    panels[2].axis("off")
    bar = below.colorbar(panels[0].images[0], ax=panels[2], location="left", fraction=0.2)
    bar.set_label("overlap of planes")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    label_panels([first, *panels[:2]])
    return figure


def _draw_planes(figure: Figure | SubFigure, result: PrimitiveResult, n_columns: int) -> Axes:
    """Panels of all pairs, and one legend above them; the first panel."""
    n_pairs = len(result.pair)
    grid = figure.subplots(math.ceil(n_pairs / n_columns), n_columns, squeeze=False)
    for pair, ax in enumerate(grid.flat):
        if pair < n_pairs:
            plot_plane(result, pair, ax=ax)
        else:
            ax.axis("off")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2)
    figure.supxlabel("axis 1 (sd of a neuron)")
    figure.supylabel("axis 2")
    return grid.flat[0]


@with_style
def plot_plane(result: PrimitiveResult, pair: int, *, ax: Axes | None = None) -> Axes:
    """Mean paths there and back in the plane of a pair, an arrow on each, and names of the regions."""
    ax = get_axes(ax)
    names = [str(result.origin[2 * pair]), str(result.target[2 * pair])]
    there, back = result.path[pair, 0], result.path[pair, 1, ::-1]
    for path, color, label in ((there, NETWORK_COLOR, "there"), (back, _BACK_COLOR, "back")):
        ax.plot(*path.T, "-", color=color, label=label)
        ax.plot(*path.T, ".", color=color, markersize=3.5)
        middle = len(path) // 2
        arrow = {"arrowstyle": "-|>", "color": color, "linewidth": 1.0, "mutation_scale": 9}
        ax.annotate("", path[middle], path[middle - 1], arrowprops=arrow)
    inside = (result.phase >= 0) & (result.phase <= 1)
    for place, name, side in ((0, names[0], "right"), (-1, names[1], "left")):
        ends = result.path[pair][:, inside][:, place]
        ax.plot(*ends.T, "o", color=EXACT_COLOR, markerfacecolor="white", markersize=4, zorder=4)
        outermost = result.path[pair, :, :, 0].min() if place == 0 else result.path[pair, :, :, 0].max()
        ax.text(
            outermost, ends[:, 1].mean(), f" {name} ", ha=side, va="center", fontweight="bold", fontsize=8
        )
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.18)
    roundness = format_number(float(result.roundness.value[pair]), digits=2)
    share = format_number(100 * float(result.plane_share.value[pair]), digits=2)
    name = "–".join(names)
    ax.set_title(f"{name}: roundness {roundness}\n{share} % in the plane", fontsize=SMALL)
    ax.tick_params(labelsize=SMALL)
    return ax


@with_style
def plot_overlaps(result: PrimitiveResult, source: str, *, ax: Axes | None = None) -> Axes:
    """Overlap of the planes of pairs, on the diagonal of two halves of one pair.

    Parameters
    ----------
    result : PrimitiveResult
    source : str
        "network", or "Gaussian HMM": the median of its samples.
    ax : Axes, optional
    """
    ax = get_axes(ax)
    values = result.overlap.value if source == "network" else _take_median(result.overlap_surrogate)
    ax.imshow(values, cmap=_OVERLAPS, vmin=0, vmax=1)
    names = [name.replace("-", "–") for name in result.pair.tolist()]
    ax.set_xticks(range(len(names)), names, rotation=90 if len(names) > _MOST_PRINTED else 0)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set_title(source)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if len(names) <= _MOST_PRINTED:
        for (row, column), value in np.ndenumerate(values):
            text = format_number(float(value), digits=2) if np.isfinite(value) else "–"
            color = "white" if value > _DARK else "black"
            ax.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=color)
    return ax


def _take_median(values: np.ndarray) -> np.ndarray:
    """Median over samples; NaN where fewer than half of them have the pair."""
    return np.median(values, axis=0)


def describe_primitive_planes(result: PrimitiveResult) -> str:
    """Caption of :func:`plot_primitive_planes`."""
    has_others = len(result.pair) > 1
    settings = result.settings
    return begin_with(
        _say_planes(result),
        f"{'a, ' if has_others else ''}Mean paths from core to core in the plane of their two leading axes, "
        "in standard deviations of each neuron. Dots: equal parts of a passage; before and after it, steps. "
        "Rings: last step in one core and first step in the other.",
        "Roundness: area of the loop over that of a circle of equal length; plane and sign are those of the "
        "other half of the trajectories. Where ways are exchanged at random, 95 % are below "
        f"{format_number(float(result.exchanged.quantile.max()))} in every pair.",
        "b, Mean squared cosine of the angles between planes. c, The same in a Gaussian HMM with the same "
        "regions and chain, which has no paths. Diagonal: two halves of one pair. Random planes have "
        f"{format_number(float(result.overlap_random))}."
        if has_others
        else "",
        f"{settings['n_trajectories']} trajectories of {settings['n_steps']} steps, "
        f"{int(result.n_passages.sum())} passages.",
    )


def _say_planes(result: PrimitiveResult) -> str:
    """How many ways back differ from the ways there, and whether pairs share their planes."""
    n_pairs = len(result.pair)
    n_round = int(((result.roundness.low > 0) & (result.exchanged.p_value < 0.05)).sum())
    if n_pairs == 1:
        return f"The way back differs from the way there{'' if n_round else ' no more than by chance'}."
    paths = f"In {n_round} of {n_pairs} pairs the way back differs from the way there"
    between = result.overlap.value[~np.eye(n_pairs, dtype=bool)]
    same = np.diag(result.overlap.value)
    low, high = (format_number(float(x), digits=2) for x in (between.min(), between.max()))
    halves = format_number(float(np.median(same)), digits=2)
    return f"{paths}; planes of pairs overlap by {low}–{high}, halves of one by {halves}."
