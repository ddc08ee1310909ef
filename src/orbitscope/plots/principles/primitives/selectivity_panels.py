"""What acts on one pair, and what it does to the passages of all: changes of rates, and selectivity."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ....principles.primitives.pair_selectivity import FAMILIES
from ....principles.primitives.primitives import PrimitiveResult
from ...nulls import draw_null
from ...sentences import begin_with, count
from ...style import (
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    label_panels,
    with_style,
)

_CHANGES = colormaps["PuOr_r"].with_extremes(bad="#DDDDDD")
_LARGEST_SHOWN = 3.0
"""Log change at the ends of the colours: a factor of 20."""

_MOST_PRINTED = 8
"""Directions up to which changes are printed in their cells."""

_DARK = 0.6
_WIDTH_ALONE = 4.2
_MARKERS = ("o", "s", "^")
_SHORT = ("noise removed", "noise doubled", "first neurons off")
_TITLES = ("without the noise of", "with twice the noise of", "first neurons turned off of")


@with_style
def plot_primitives(result: PrimitiveResult) -> Figure:
    """Changes of rates under what acts on pairs and directions, and selectivity beside random sets."""
    n_pairs = len(result.pair)
    has_others = n_pairs > 1
    figure = build_figure(WIDTH if has_others else _WIDTH_ALONE, 1.5 + 0.24 * 3 * n_pairs)
    left = right = figure
    if has_others:
        grid = figure.add_gridspec(1, 2, width_ratios=[1.45, 1.0])
        left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    panels = left.subplots(2, 1, sharex=True, height_ratios=[n_pairs, 2 * n_pairs])
    plot_changes(result, 0, ax=panels[0])
    plot_changes(result, 2, ax=panels[1])
    panels[1].set_xlabel("passages")
    _add_color_bar(panels)
    if has_others:
        panels = [*panels, plot_selectivity(result, ax=right.subplots())]
    label_panels(list(panels))
    return figure


@with_style
def plot_changes(result: PrimitiveResult, family: int, *, ax: Axes | None = None) -> Axes:
    """Log change of the rate of each passage under each intervention of a family; own passages are framed."""
    ax = get_axes(ax)
    rows = np.flatnonzero(result.run_family == family)
    changes, n_directions = result.change.value[rows], len(result.origin)
    ax.imshow(changes, cmap=_CHANGES, vmin=-_LARGEST_SHOWN, vmax=_LARGEST_SHOWN, aspect="auto")
    for run, direction in result.list_own(family):
        corner = (direction - 0.5, int(np.flatnonzero(rows == run)[0]) - 0.5)
        ax.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="black", linewidth=1.2, clip_on=False))
    if n_directions <= _MOST_PRINTED:
        _print_cells(ax, changes)
    names = [result.name_direction(d).replace(" ", "") for d in range(n_directions)]
    ax.set_xticks(range(n_directions), names, rotation=90 if n_directions > _MOST_PRINTED else 0)
    ax.set_yticks(range(len(rows)), [_shorten(name) for name in result.run[rows].tolist()])
    ax.tick_params(length=0)
    ax.set_title(_TITLES[family])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _shorten(name: str) -> str:
    return name.replace(" ", "").replace("-", "–")


def _print_cells(ax: Axes, changes: np.ndarray) -> None:
    for (row, column), value in np.ndenumerate(changes):
        is_dark = abs(value) > _DARK * _LARGEST_SHOWN
        text = f"{round(value, 1) + 0.0:.1f}".replace("-", "−") if np.isfinite(value) else "–"
        color = "white" if is_dark else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=color)


def _add_color_bar(panels: np.ndarray) -> None:
    figure = get_figure(panels[0])
    bar = figure.colorbar(panels[0].images[0], ax=list(panels), fraction=0.05, pad=0.02, extend="both")
    bar.set_label("log change of the rate")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.set_ticks([-3, -2, -1, 0, 1, 2, 3], labels=["−3", "−2", "−1", "0", "1", "2", "3"])


@with_style
def plot_selectivity(result: PrimitiveResult, *, ax: Axes | None = None) -> Axes:
    """Selectivity of each pair by each family, with its interval; under them that of random sets."""
    ax = get_axes(ax)
    n_pairs = len(result.pair)
    step = n_pairs + 1.8
    places, names = [], []
    for family in range(len(FAMILIES)):
        first = family * step
        _draw_random(ax, result, family, first + n_pairs)
        for pair in range(n_pairs):
            _draw_pair(ax, result, family, pair, first + pair)
        places += [*(first + np.arange(n_pairs + 1))]
        names += [*map(_shorten, result.pair.tolist()), "random"]
        heading = {"transform": ax.get_yaxis_transform(), "fontweight": "bold", "va": "center"}
        ax.text(0, first - 0.75, f" {_SHORT[family]}: {result.verdict[family]}", fontsize=SMALL, **heading)
    ax.axvline(0, color=FLOOR_COLOR, linewidth=0.8, zorder=0)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(step * len(FAMILIES) - 1.2, -1.3)
    ax.set_xlabel("selectivity of the weaker way")
    return ax


def _draw_pair(ax: Axes, result: PrimitiveResult, family: int, pair: int, place: float) -> None:
    estimate, is_selective = result.pair_selectivity[family, pair], result.is_selective[family, pair] == 1
    if np.isnan(estimate.value):
        right = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center"}
        ax.text(0.98, place, "not known", fontsize=SMALL, color=MUTED_COLOR, **right)
        return
    ax.hlines(place, estimate.low, estimate.high, color=NETWORK_COLOR, linewidth=1.4)
    fill = NETWORK_COLOR if is_selective else "white"
    (mark,) = ax.plot(estimate.value, place, _MARKERS[family], color=NETWORK_COLOR, markersize=4.5, zorder=4)
    mark.set_markerfacecolor(fill)


def _draw_random(ax: Axes, result: PrimitiveResult, family: int, place: float) -> None:
    draws = result.random_sets.draws[:, family, 0]
    quantile = float(result.random_sets.quantile[family, 0])
    if np.isfinite(quantile):
        draw_null(ax, draws[np.isfinite(draws)], place, quantile, height=0.6)


def describe_primitives(result: PrimitiveResult) -> str:
    """Caption of :func:`plot_primitives`."""
    n_pairs, settings = len(result.pair), result.settings
    few, notes = result.status["few"], result.status["notes"]
    return begin_with(
        say_composed(result),
        f"{count(n_pairs, 'pair')} of metastable regions, told without symbols, with at least "
        f"{settings['fewest_passages']} passages each way."
        if n_pairs > 1
        else f"One pair of metastable regions has at least {settings['fewest_passages']} passages each way.",
        "a, Log change of the rate of each passage when the deciding direction of the noise of one pair is "
        f"taken away. b, The same when the {settings['n_first']} first neurons of one direction receive "
        "nothing from neurons. Rows: what is acted on. Frames: its own passages. Grey: not known, the region "
        "is hardly visited.",
        "c, Selectivity: own log change minus the mean of other pairs, of the way with less. Filled: "
        "beyond random sets. Dots: random noise of equal drive, or random neurons of like activity, the "
        "largest of all pairs; bar: their 95 % quantile."
        if n_pairs > 1
        else "",
        f"{settings['n_runs']} trajectories of {settings['run_steps']} steps on common noise; intervals: "
        f"{100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
        f"Pairs with fewer passages: {'; '.join(few)}." if few else "",
        f"{'; '.join(notes)}.".capitalize() if notes else "",
    )


def say_composed(result: PrimitiveResult) -> str:
    """Whether what acts on one pair spares the others, by removal of its noise."""
    word, n_pairs = str(result.verdict[0]), len(result.pair)
    n_selective = int((result.is_selective[0] == 1).sum())
    own = "Without the noise of a pair its own passages change most"
    if word == "one pair only":
        there, back = (format_number(float(np.exp(x)), digits=2) for x in result.change.value[0])
        return f"Without its deciding noise the only pair passes × {there} there, × {back} back."
    if word == "undefined":
        return "Whether the network is composed of pairs cannot be told."
    if word == "composed":
        return f"{own}, in every one of {n_pairs} pairs."
    if word == "partly":
        return f"{own} in {n_selective} of {n_pairs} pairs."
    return "Without the noise of a pair its own passages change no more than those of other pairs, both ways."
