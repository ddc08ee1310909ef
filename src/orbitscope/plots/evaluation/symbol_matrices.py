"""Symbol-to-symbol matrices of network and process side by side, and their difference."""

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from ...evaluation import EvaluationResult
from ..sentences import begin_with
from ..style import (
    FLOOR_COLOR,
    SMALL,
    SOURCE_LABELS,
    START_LABELS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    with_style,
)
from ..symbol_names import list_symbols
from .judged_measure import HOW_STARTED, say_measure, say_verdict
from .selection import find_source, find_start, get_margin

_PROBABILITIES = colormaps["Greys"].with_extremes(bad="white")
_DIFFERENCES = colormaps["PuOr_r"].with_extremes(bad="white")
_LARGEST_PRINTED = 12
_LARGEST_IN_ROW = 5
_DARK = 0.45
_GAMMA = 0.5
"""Exponent of the grey of a probability: a square root tells .01 from .05."""


@with_style
def plot_symbol_matrices(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Network, exact matrix, and network minus exact.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".

    Many symbols need larger cells: their matrices stand in two rows, with that of the process sample as the
    fourth.
    """
    is_large = len(result.symbol) > _LARGEST_IN_ROW
    height = (6.0 if is_large else 2.62) + 0.05 * _longest_name(result)
    figure = build_figure(WIDTH, height)
    grid = figure.subplots(2, 2, squeeze=False) if is_large else figure.subplots(1, 3, squeeze=False)
    sources = ["network", "exact", *(["floor"] if is_large else [])]
    for source, ax in zip(sources, grid.flat, strict=False):
        plot_symbol_matrix(result, source=source, start=start, ax=ax)
    plot_symbol_matrix_difference(result, start=start, ax=grid[-1, -1])
    for ax in grid[:, 1:].flat:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)
    for ax in grid[:-1].flat:
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    figure.suptitle(f"P(next symbol | symbol), {START_LABELS[start]}", x=0.01, ha="left")
    return figure


@with_style
def plot_symbol_matrix(
    result: EvaluationResult, *, source: str = "network", start: str = "zero", ax: Axes | None = None
) -> Axes:
    """P(next symbol | symbol) of one source with its values in the cells; the grey is their square root.

    Parameters
    ----------
    result : EvaluationResult
    source : str
        "network", "floor" or "exact".
    start : str
    ax : Axes, optional
    """
    ax = get_axes(ax, height=3.0)
    matrix = result.symbol_matrix[find_start(result, start), find_source(result, source)]
    image = ax.imshow(matrix, cmap=_PROBABILITIES, norm=PowerNorm(_GAMMA, vmin=0, vmax=1))
    _name_axes(ax, result)
    ax.set_title(SOURCE_LABELS[source])
    if len(matrix) > _LARGEST_PRINTED:
        _add_color_bar(ax, image)
    else:
        _print_cells(ax, image, matrix, signed=False)
    return ax


@with_style
def plot_symbol_matrix_difference(
    result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None
) -> Axes:
    """Symbol matrix of the network minus the exact one, on a scale symmetric about 0.

    The scale reaches the largest difference, and at least the margin of equivalence, which is marked on it.
    """
    ax = get_axes(ax, height=3.0)
    matrices = result.symbol_matrix[find_start(result, start)]
    difference = matrices[find_source(result, "network")] - matrices[find_source(result, "exact")]
    sizes = np.abs(difference[np.isfinite(difference)])
    margin = get_margin(result, "symbol_matrix_error")
    limit = float(np.nanmax([margin, *sizes, 1e-12]))
    image = ax.imshow(difference, cmap=_DIFFERENCES, vmin=-limit, vmax=limit)
    _name_axes(ax, result)
    ax.set_title("network − exact")
    if len(difference) <= _LARGEST_PRINTED:
        _print_cells(ax, image, difference, signed=True)
    bar = _add_color_bar(ax, image)
    if np.isfinite(margin):
        bar.hlines([-margin, margin], *bar.get_xlim(), color="black", linewidth=0.8)
        bar.set_ylabel(f"lines: margin ±{format_number(margin)}", fontsize=SMALL)
    return ax


def _add_color_bar(ax: Axes, image: AxesImage) -> Axes:
    """Draw a colour bar as high as the matrix."""
    bar = ax.inset_axes((1.05, 0, 0.05, 1))
    get_figure(ax).colorbar(image, cax=bar)
    return bar


def _print_cells(
    ax: Axes, image: AxesImage, matrix: Float[np.ndarray, "row column"], *, signed: bool
) -> None:
    n = len(matrix)
    decimals, size = (3, SMALL) if n <= _LARGEST_IN_ROW else (2, SMALL - 0.25 * (n - 6))
    for (row, column), value in np.ndenumerate(matrix):
        red, green, blue, _ = image.cmap(image.norm(value))
        is_dark = not np.isnan(value) and 0.30 * red + 0.59 * green + 0.11 * blue < _DARK
        text = _format_cell(value, decimals, signed=signed, short=n > _LARGEST_IN_ROW)
        color = "white" if is_dark else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=color)


def _format_cell(value: float, decimals: int, *, signed: bool, short: bool) -> str:
    """Write a probability or a difference; short ones go without the leading zero."""
    if np.isnan(value):
        return "–"
    text = f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")
    if float(f"{value:.{decimals}f}") == 0:
        text = "0" if short else f"{0:.{decimals}f}"
    return text.replace("0.", ".", 1) if short else text


def _name_axes(ax: Axes, result: EvaluationResult) -> None:
    names = list_symbols(result)
    is_long = _longest_name(result) > 3
    ax.set_xticks(
        range(len(names)), names, rotation=45 if is_long else 0, ha="right" if is_long else "center"
    )
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set_xlabel("next symbol")
    ax.set_ylabel("symbol")
    for spine in ax.spines.values():
        spine.set(visible=True, color=FLOOR_COLOR)


def _longest_name(result: EvaluationResult) -> int:
    return max(len(name) for name in list_symbols(result))


def describe_symbol_matrices(result: EvaluationResult, start: str) -> str:
    """Caption of :func:`plot_symbol_matrices`."""
    i = find_start(result, start)
    has_gaps = bool(np.isnan(result.symbol_matrix[i]).any())
    what, outside = "the symbol matrix", _say_largest_difference(result, i)
    return begin_with(
        say_verdict(result, start, "symbol_matrix_error", what=what, outside=outside),
        f"Probabilities of the next symbol after each symbol, averaged over a window {HOW_STARTED[start]}.",
        "Network: from its softmax probabilities; process: exact. The scale of their difference is symmetric "
        "about 0.",
        say_measure(result, start, "symbol_matrix_error", "Largest error"),
        "A dash marks a symbol that never occurs." if has_gaps else "",
    )


def _say_largest_difference(result: EvaluationResult, start: int) -> str:
    """The cell in which the network is farthest from the process."""
    network, exact = (result.symbol_matrix[start, find_source(result, name)] for name in ("network", "exact"))
    sizes = np.nan_to_num(np.abs(network - exact))
    row, column = np.unravel_index(sizes.argmax(), sizes.shape)
    names, probabilities = list_symbols(result), (float(network[row, column]), float(exact[row, column]))
    how = "often" if probabilities[0] > probabilities[1] else "rarely"
    shown, expected = (f"{probability:.3f}" for probability in probabilities)
    follows = f"Symbol {names[column]} follows symbol {names[row]} too {how}"
    return f"{follows}: with probability {shown} for {expected}"
