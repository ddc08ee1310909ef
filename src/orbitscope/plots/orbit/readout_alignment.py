"""Readout against the orbit plane: how much of each symbol's readout lies in it, beside two nulls."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.orbit.readout_alignment import ReadoutAlignmentResult
from ..drawing import Drawing
from ..nulls import draw_null
from ..style import (
    MUTED_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)
from ..symbol_names import name_symbol

_LABELS = {
    "centred": "projection of the centred row",
    "raw": "projection of the raw row",
    "logit": "correlation of the logit with the plane",
}

_OFFSETS = (0.21, -0.21)
"""Of the rows of both nulls from that of their symbol."""


@with_style
def plot_readout_alignment(result: ReadoutAlignmentResult) -> Figure:
    """Centred readout rows and logits against the orbit plane, each beside two nulls."""
    figure = build_figure(WIDTH, 1.1 + 0.5 * len(result.symbol))
    axes = figure.subplots(1, 2)
    for ax, variant in zip(axes, ("centred", "logit"), strict=True):
        plot_projections(result, variant=variant, ax=ax)
    label_panels(axes.tolist())
    return figure


@with_style
def plot_projections(
    result: ReadoutAlignmentResult, *, variant: str = "centred", ax: Axes | None = None
) -> Axes:
    """One row for each symbol: its projection, and every draw of both nulls above and below it."""
    ax = get_axes(ax)
    row = result.variant.tolist().index(variant)
    places = np.arange(len(result.symbol), dtype=float)[::-1]
    for i, place in enumerate(places.tolist()):
        for j, offset in enumerate(_OFFSETS):
            values, quantile = result.null_projection[row, j, :, i], float(result.null_quantile[row, j, i])
            draw_null(ax, values, place + offset, quantile, height=0.34)
        _draw_value(ax, float(result.projection[row, i]), place, int(result.symbol[i]))
        for text, offset in zip(_say_p_values(result, row, i), _OFFSETS, strict=True):
            at = (1.02, place + offset)
            ax.annotate(text, at, xycoords=("axes fraction", "data"), va="center", fontsize=7)
    if variant != "logit":
        ax.axvline(float(result.chance), color=MUTED_COLOR, linestyle=":", zorder=1)
    ax.set_yticks(places, [name_symbol(result, int(symbol)) for symbol in result.symbol])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=_LABELS[variant], ylabel="symbol", xlim=(0, 1), ylim=(-0.6, len(places) - 0.4))
    return ax


def _draw_value(ax: Axes, value: float, place: float, symbol: int) -> None:
    """A dot between the nulls and a line across both."""
    color = get_symbol_color(symbol)
    ax.vlines(value, place - 0.4, place + 0.4, color=color, linewidth=1.4, zorder=4)
    ax.plot(value, place, "o", color=color, markersize=5, markeredgecolor="white", clip_on=False, zorder=5)


def _say_p_values(result: ReadoutAlignmentResult, row: int, symbol: int) -> list[str]:
    if np.isnan(result.projection[row, symbol]):
        return ["undefined", ""]
    return [
        f"{name}, p = {format_number(float(p), digits=2)}"
        for name, p in zip(result.null, result.p_holm[row, :, symbol], strict=True)
    ]


def describe_readout_alignment(result: ReadoutAlignmentResult) -> str:
    """Caption of :func:`plot_readout_alignment`."""
    names = result.variant.tolist()
    centred, raw, logit = (names.index(name) for name in ("centred", "raw", "logit"))
    published = ", ".join(format_number(float(value)) for value in result.projection[raw])
    shares = ", ".join(f"{format_number(float(100 * value**2))} %" for value in result.projection[logit])
    return (
        f"Readout against the {result.settings['n_components']} axes of the orbit plane. Rows are centred on "
        "their mean over symbols, which alone counts for the symbols. a, Projection of unit rows: 1 in the "
        f"plane, 0 at a right angle. {_say_rows(result, centred)}. Dotted: random directions "
        f"({format_number(float(result.chance))}). b, Multiple correlation of each logit with the "
        f"coordinates in the plane, which hold {shares} of its variance. {_say_rows(result, logit)}. Grey: "
        f"{result.settings['n_null']} draws of each null, bars at their 95 % quantiles (in brackets). "
        "Permutations, above: neurons exchange their readout weights, quiet ones with loud ones, which makes "
        "this null too wide where large weights sit on quiet neurons. Signs, below: each neuron keeps the "
        "size of its weights and gets a random sign, one for all symbols. p-values: corrected over symbols "
        f"(Holm). Raw rows, as published: {published}."
    )


def _say_rows(result: ReadoutAlignmentResult, row: int) -> str:
    """Projection of each symbol with the quantiles of both nulls, and the totals."""
    symbols = ", ".join(
        f"symbol {name_symbol(result, int(symbol))} {format_number(float(result.projection[row, i]))} ("
        f"{' and '.join(format_number(float(q)) for q in result.null_quantile[row, :, i])})"
        for i, symbol in enumerate(result.symbol)
    )
    p_values = ", ".join(
        f"{name} p = {format_number(float(p))}"
        for name, p in zip(result.null, result.total_p_value[row], strict=True)
    )
    return f"{symbols}; sum of squares {format_number(float(result.total[row]))}, {p_values}"


FIGURES = (
    Drawing(
        "readout_alignment", plot_readout_alignment, describe_readout_alignment, shows=("readout_alignment",)
    ),
)
