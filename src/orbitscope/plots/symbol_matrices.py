"""Symbol-to-symbol matrices of network and process side by side, and their difference."""

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..evaluation import EvaluationResult
from .selection import find_source, find_start, get_margin
from .style import (
    SMALL,
    SOURCE_LABELS,
    START_LABELS,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    with_style,
)

_PROBABILITIES = colormaps["Greys"].with_extremes(bad="white")
_DIFFERENCES = colormaps["PuOr_r"].with_extremes(bad="white")
_LARGEST_PRINTED = 12
_DARK = 0.6


@with_style
def plot_symbol_matrices(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Network, exact matrix, and network minus exact.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".
    """
    height = 2.45 if _longest_name(result) <= 3 else 2.9
    figure = build_figure(WIDTH, height)
    left, middle, right = figure.subplots(1, 3)
    plot_symbol_matrix(result, source="network", start=start, ax=left)
    plot_symbol_matrix(result, source="exact", start=start, ax=middle)
    plot_symbol_matrix_difference(result, start=start, ax=right)
    middle.set_ylabel("")
    right.set_ylabel("")
    probabilities, differences = middle.images[0], right.images[0]
    bar = figure.colorbar(probabilities, ax=[left, middle], fraction=0.03, pad=0.02, aspect=25)
    bar.set_label("P(next symbol | symbol)")
    bar = figure.colorbar(differences, ax=right, fraction=0.06, pad=0.03, aspect=25)
    margin = get_margin(result, "symbol_matrix_error")
    if np.isfinite(margin):
        bar.ax.axhline(margin, color="black", linewidth=0.8)
        bar.ax.axhline(-margin, color="black", linewidth=0.8)
        bar.set_label(f"difference (lines: margin ±{format_number(margin)})")
    else:
        bar.set_label("difference")
    figure.suptitle(f"Symbol matrices, {START_LABELS.get(start, start)}", x=0.01, ha="left", fontsize=9)
    return figure


@with_style
def plot_symbol_matrix(
    result: EvaluationResult, *, source: str = "network", start: str = "zero", ax: Axes | None = None
) -> Axes:
    """P(next symbol | symbol) of one source with its values in the cells.

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
    ax.imshow(matrix, cmap=_PROBABILITIES, vmin=0, vmax=1)
    _print_cells(ax, matrix, np.abs(matrix), signed=False)
    _name_axes(ax, result)
    ax.set_title(SOURCE_LABELS[source])
    return ax


@with_style
def plot_symbol_matrix_difference(
    result: EvaluationResult, *, start: str = "zero", ax: Axes | None = None
) -> Axes:
    """Symbol matrix of the network minus the exact one, on a scale symmetric about 0.

    The scale reaches the largest difference, and at least the margin of equivalence.
    """
    ax = get_axes(ax, height=3.0)
    matrices = result.symbol_matrix[find_start(result, start)]
    difference = matrices[find_source(result, "network")] - matrices[find_source(result, "exact")]
    sizes = np.abs(difference[np.isfinite(difference)])
    limit = np.nanmax([get_margin(result, "symbol_matrix_error"), *sizes, 1e-12])
    ax.imshow(difference, cmap=_DIFFERENCES, vmin=-limit, vmax=limit)
    _print_cells(ax, difference, np.abs(difference) / limit, signed=True)
    _name_axes(ax, result)
    ax.set_title("network − exact")
    return ax


def _print_cells(
    ax: Axes,
    matrix: Float[np.ndarray, "row column"],
    darkness: Float[np.ndarray, "row column"],
    *,
    signed: bool,
) -> None:
    n = len(matrix)
    if n > _LARGEST_PRINTED:
        return
    decimals, size = (3, SMALL) if n <= 5 else (2, SMALL - 0.3 * (n - 3) / 1.2)
    for (row, column), value in np.ndenumerate(matrix):
        text = _format_cell(value, decimals, signed=signed, short=n > 5)
        color = "white" if darkness[row, column] > _DARK else "black"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=color)


def _format_cell(value: float, decimals: int, *, signed: bool, short: bool) -> str:
    if np.isnan(value):
        return "–"
    text = f"{value:{'+' if signed else ''}.{decimals}f}".replace("-", "−")
    if float(f"{value:.{decimals}f}") == 0:
        text = f"{0:.{decimals}f}"
    return text.replace("0.", ".", 1) if short else text


def _name_axes(ax: Axes, result: EvaluationResult) -> None:
    names = result.symbol.tolist()
    is_long = _longest_name(result) > 3
    ax.set_xticks(
        range(len(names)), names, rotation=45 if is_long else 0, ha="right" if is_long else "center"
    )
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set_xlabel("next symbol")
    ax.set_ylabel("symbol")
    for spine in ax.spines.values():
        spine.set_visible(False)


def _longest_name(result: EvaluationResult) -> int:
    return max(len(name) for name in result.symbol.tolist())
