"""Readout against the orbit plane: how much of each symbol's readout lies in it, beside two nulls."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.orbit.readout_alignment import ReadoutAlignmentResult
from ..drawing import Drawing
from ..leading import find_leading, say_first, say_left_out
from ..nulls import draw_density, say_beyond
from ..sentences import begin_with, capitalise
from ..style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    SMALL,
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

_SIDES = {"permutations": (0.42, "#C4C4C4", "above"), "signs": (-0.42, FLOOR_COLOR, "below")}
"""Of the density of each null: its height above the row of a symbol, its colour, and where that is."""

_VERDICTS = {"yes": "beyond both", "no": "within both", "untested": "undefined"}


@with_style
def plot_readout_alignment(result: ReadoutAlignmentResult) -> Figure:
    """Centred readout rows and logits against the orbit plane, each beside two nulls."""
    figure = build_figure(WIDTH, 1.4 + 0.5 * len(_find_shown(result)))
    axes = figure.subplots(1, 2)
    for ax, variant in zip(axes, ("centred", "logit"), strict=True):
        plot_projections(result, variant=variant, ax=ax)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4)
    label_panels(axes.tolist())
    return figure


@with_style
def plot_projections(
    result: ReadoutAlignmentResult, *, variant: str = "centred", ax: Axes | None = None
) -> Axes:
    """One row for each symbol: its projection across the densities of both nulls, and the verdict."""
    ax = get_axes(ax)
    row = result.variant.tolist().index(variant)
    shown = _find_shown(result).tolist()
    places = np.arange(len(shown), dtype=float)[::-1]
    for i, place in zip(shown, places.tolist(), strict=True):
        for j, null in enumerate(result.null.tolist()):
            height, color, side = _SIDES[null]
            values, quantile = result.null_projection[row, j, :, i], float(result.null_quantile[row, j, i])
            label = None if i != shown[0] else f"random {null} ({side})"
            draw_density(ax, values, place, quantile, height=height, color=color, label=label)
        _draw_value(ax, float(result.projection[row, i]), place, int(result.symbol[i]))
        at = (1.02, place)
        ax.annotate(
            _judge(result, row, i), at, xycoords=("axes fraction", "data"), va="center", fontsize=SMALL
        )

    _name_lines(ax)
    if variant != "logit":
        ax.axvline(float(result.chance), color=MUTED_COLOR, linestyle=":", zorder=1)
    ax.set_yticks(places, [name_symbol(result, int(symbol)) for symbol in result.symbol[shown]])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel=_LABELS[variant], ylabel="symbol", xlim=(0, 1), ylim=(-0.6, len(places) - 0.4))
    return ax


def _find_shown(result: ReadoutAlignmentResult) -> np.ndarray:
    """Places of the symbols that have a row: those whose centred readout lies most in the plane."""
    return find_leading(result.projection[result.variant.tolist().index("centred")])


def _draw_value(ax: Axes, value: float, place: float, symbol: int) -> None:
    """A dot between the nulls and a line across both."""
    color = get_symbol_color(symbol)
    ax.vlines(value, place - 0.45, place + 0.45, color=color, linewidth=1.4, zorder=4)
    ax.plot(value, place, "o", color=color, markersize=5, markeredgecolor="white", clip_on=False, zorder=5)


def _name_lines(ax: Axes) -> None:
    """What the marks are that stand in every row, for the legend."""
    ax.plot([], [], color=MUTED_COLOR, linewidth=1.4, label="their 95 % quantiles")
    ax.plot([], [], "o-", color=EXACT_COLOR, markersize=5, label="network")


def _judge(result: ReadoutAlignmentResult, row: int, symbol: int) -> str:
    """Verdict on one symbol beside both nulls."""
    verdict, grounds = say_beyond(result.null.tolist(), result.p_holm[row, :, symbol].tolist())
    return _VERDICTS.get(verdict, "undecided:\n" + grounds.replace(", ", ",\n"))


def describe_readout_alignment(result: ReadoutAlignmentResult) -> str:
    """Caption of :func:`plot_readout_alignment`."""
    names = result.variant.tolist()
    centred, raw, logit = (names.index(name) for name in ("centred", "raw", "logit"))
    published = say_first([format_number(float(value)) for value in result.projection[raw]])
    shares = say_first([f"{format_number(float(100 * value**2))} %" for value in result.projection[logit]])
    return begin_with(
        _say_verdict(result, centred),
        f"Readout against the {result.settings['n_components']} axes of the orbit plane. Rows are centred on "
        "their mean over symbols, which alone counts for the symbols.",
        say_left_out(len(result.symbol), "symbols", "whose centred rows lie most in the plane"),
        "a, Projection of unit rows: 1 in the plane, 0 at a right angle.",
        _say_rows(result, centred),
        f"Dotted: random directions ({format_number(float(result.chance))}).",
        "b, Multiple correlation of each logit with the coordinates in the plane. These hold "
        f"{shares} of its variance.",
        _say_verdict(result, logit),
        _say_rows(result, logit),
        f"Densities: {result.settings['n_null']} draws of each null. In brackets: 95 % quantiles of "
        "permutations and signs.",
        "Permutations: neurons exchange their readout weights, quiet ones with loud ones. This null is too "
        "wide where large weights sit on quiet neurons.",
        "Signs: each neuron keeps the size of its weights and gets a random sign, one for all symbols.",
        "Verdicts go by p-values that are corrected over symbols (Holm).",
        f"Raw rows, as published: {published}.",
    )


def _say_verdict(result: ReadoutAlignmentResult, row: int) -> str:
    """Whether all symbols together lie in the plane, by the sum of their squares beside both nulls."""
    what = {"centred": "the readout looks at the orbit plane", "logit": "logits lie in the orbit plane"}[
        str(result.variant[row])
    ]
    verdict, grounds = say_beyond(result.null.tolist(), result.total_p_value[row].tolist())
    return {
        "yes": f"{capitalise(what)}, {grounds}.",
        "no": f"Nothing says that {what}: it is {grounds}.",
        "undecided": f"Whether {what} is undecided: {grounds}.",
        "untested": f"Whether {what} is undefined.",
    }[verdict]


def _say_rows(result: ReadoutAlignmentResult, row: int) -> str:
    """Projection of each symbol with the quantiles of both nulls, and the totals."""
    symbols = " ".join(
        f"Symbol {name_symbol(result, int(symbol))}: {format_number(float(result.projection[row, i]))} "
        f"({' and '.join(format_number(float(q)) for q in result.null_quantile[row, :, i])})."
        for i, symbol in ((i, result.symbol[i]) for i in _find_shown(result))
    )
    p_values = ", ".join(
        f"{name} p = {format_number(float(p))}"
        for name, p in zip(result.null, result.total_p_value[row], strict=True)
    )
    return f"{symbols} Sum of squares: {format_number(float(result.total[row]))} ({p_values})."


FIGURES = (Drawing("readout_alignment", plot_readout_alignment, describe_readout_alignment),)
