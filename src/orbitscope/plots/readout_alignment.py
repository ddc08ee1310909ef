"""Readout against the orbit plane: how much of each symbol's row lies in it, beside permuted neurons."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..dynamics.readout_alignment import ReadoutAlignmentResult
from .nulls import draw_null
from .style import (
    MUTED_COLOR,
    WIDTH_SINGLE,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    get_symbol_color,
    with_style,
)


@with_style
def plot_readout_alignment(result: ReadoutAlignmentResult) -> Figure:
    """Projection of each centred readout row on the orbit plane, and its null."""
    height = 1.1 + 0.36 * len(result.symbol)
    return get_figure(plot_projections(result, ax=build_figure(WIDTH_SINGLE, height).add_subplot()))


@with_style
def plot_projections(
    result: ReadoutAlignmentResult, *, variant: str = "centred", ax: Axes | None = None
) -> Axes:
    """One row for each symbol: projection, and its value for every permutation of the neurons."""
    ax = get_axes(ax)
    row = result.variant.tolist().index(variant)
    places = np.arange(len(result.symbol))[::-1]
    for i, place in enumerate(places.tolist()):
        draw_null(ax, result.null_projection[row, :, i], float(place), float(result.null_quantile[row, i]))
        value, color = float(result.projection[row, i]), get_symbol_color(int(result.symbol[i]))
        ax.plot(
            value, place, "o", color=color, markersize=5, markeredgecolor="white", clip_on=False, zorder=4
        )
        ax.annotate(
            "undefined"
            if np.isnan(value)
            else f"p = {format_number(float(result.p_holm[row, i]), digits=2)}",
            (1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=7,
        )
    ax.axvline(float(result.chance), color=MUTED_COLOR, linestyle=":", zorder=1)
    ax.set_yticks(places, [str(symbol) for symbol in result.symbol])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=f"projection of {variant} row on the orbit plane", ylabel="symbol", xlim=(0, 1))
    ax.set_ylim(-0.6, len(places) - 0.4)
    return ax


def describe_readout_alignment(result: ReadoutAlignmentResult) -> str:
    """Caption of :func:`plot_readout_alignment`."""
    centred, raw = (result.variant.tolist().index(name) for name in ("centred", "raw"))
    rows = "; ".join(
        f"symbol {symbol} {format_number(float(result.projection[centred, i]))} ("
        f"{format_number(float(result.angle[centred, i]))}°, null "
        f"{format_number(float(result.null_quantile[centred, i]))})"
        for i, symbol in enumerate(result.symbol)
    )
    published = ", ".join(format_number(float(value)) for value in result.projection[raw])
    return (
        f"Projection of unit readout rows on the {result.settings['n_components']} axes of the orbit plane: "
        "1 in the plane, 0 at a right angle. Rows are centred on their mean over symbols, which alone counts "
        f"for the symbols. Dots: {result.settings['n_permutations']} permutations of the neurons; bars: "
        f"their 95 % quantiles. {rows}. At the right: p-values corrected over symbols (Holm). Sum of squares "
        f"{format_number(float(result.total[centred]))}, null "
        f"{format_number(float(result.total_null_quantile[centred]))}, p = "
        f"{format_number(float(result.total_p_value[centred]))}. Dotted: random directions "
        f"({format_number(float(result.chance))}), too lenient, since activity and rows have a mean over "
        f"neurons that permutations keep. Raw rows, as published: {published}."
    )
