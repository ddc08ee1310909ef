"""One style for every figure: colours, line styles, sizes, number formats.

Colour means a symbol, a region or the network. The process itself is black, a sample of it grey. Symbols
differ under simulated deuteranopia, protanopia and tritanopia (tests/plots/test_plot_style.py); beyond ten
they only differ from their neighbours.
"""

import colorsys
import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np
from jaxtyping import Float
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, NullLocator

from ..number_format import format_number as format_number

P = ParamSpec("P")
T = TypeVar("T")

SYMBOL_COLORS = (
    "#0072B2",
    "#E8A317",
    "#62CFC0",
    "#651B3C",
    "#20149A",
    "#98A2FA",
    "#D9E68B",
    "#D26969",
    "#4B00F0",
    "#A8136B",
)
REGION_COLORS = {"slow": "#2B4A84", "kick": "#D96C2B", "transition": "#F2D27A", "undefined": "#9A9A9A"}

NETWORK_COLOR = "#C1272D"
GROUP_COLORS = (NETWORK_COLOR, "#1B7F79", "#7A5195", "#B8860B")
"""Of groups of networks, such as recipes."""

EXACT_COLOR = "#000000"
FLOOR_COLOR = "#8A8A8A"
MUTED_COLOR = "#6E6E6E"
BAND_COLOR = "#ECECEC"

SOURCE_LABELS = {"network": "network", "floor": "process sample (floor)", "exact": "process, exact"}
SOURCE_MARKERS: dict[str, dict[str, Any]] = {
    "network": {"color": NETWORK_COLOR, "marker": "o", "zorder": 4},
    "floor": {"color": FLOOR_COLOR, "marker": "s", "markerfacecolor": "white", "zorder": 3},
    "exact": {"color": EXACT_COLOR, "marker": "none", "zorder": 2},
}
START_LABELS = {"zero": "from h = 0, as in training", "stationary": "stationary"}

WIDTH = 7.0
"""Width of a figure over the whole page, in inches."""

WIDTH_SINGLE = 3.5
"""Width of a single panel, in inches."""

SMALL = 7.0
"""Smallest regular font size, in points."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 8.0,
    "text.parse_math": False,  # a $ in the name of a symbol is a $
    "axes.titlesize": 8.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "figure.labelsize": 8.0,
    "figure.titlesize": 8.5,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 2.0,
    "legend.columnspacing": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "lines.markeredgewidth": 0.8,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "figure.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "orbitscope",
    "figure.constrained_layout.use": False,
    "axes.prop_cycle": "cycler('color', ['#0072B2', '#E8A317', '#62CFC0', '#651B3C'])",
}
_LARGEST_LINEAR_RATIO = 4.0


class PlainPowers(LogFormatterSciNotation):
    """Powers as text, 10⁻³: names of symbols are no formulas, so no text of a figure is read as one."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Label of a tick; empty where there is none."""
        label = super().__call__(x, pos).removeprefix("$\\mathdefault{").removesuffix("}$")
        plain = label.replace("\\times", "×")
        return re.sub(r"\^\{(-?\d+)\}", lambda power: power[1].translate(_RAISED), plain)


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def with_style(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function under the style, and leave the caller's settings as they were."""

    @functools.wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> T:
        with rc_context(_STYLE):
            drawn = function(*args, **kwargs)
            for ax in drawn.axes if isinstance(drawn, Figure) else [drawn] if isinstance(drawn, Axes) else []:
                _write_plainly(ax.xaxis)
                _write_plainly(ax.yaxis)
            return drawn

    return styled


def _write_plainly(axis: Axis) -> None:
    """Give a logarithmic axis that has formulas for labels plain ones."""
    scale = axis.get_transform()
    options = {"base": getattr(scale, "base", 10.0), "linthresh": getattr(scale, "linthresh", None)}
    major, minor = axis.get_major_formatter(), axis.get_minor_formatter()
    if type(major) is LogFormatterSciNotation:
        axis.set_major_formatter(PlainPowers(**options))
    if type(minor) is LogFormatterSciNotation:
        axis.set_minor_formatter(PlainPowers(**options, labelOnlyBase=minor.labelOnlyBase))


def get_symbol_color(symbol: int) -> str | tuple[float, float, float]:
    """Colour of a symbol: the same in every figure, whatever the number of symbols."""
    if symbol < len(SYMBOL_COLORS):
        return SYMBOL_COLORS[symbol]
    golden = (math.sqrt(5) - 1) / 2
    return colorsys.hls_to_rgb(symbol * golden % 1, (0.35, 0.55, 0.75)[symbol % 3], 0.6)


def build_figure(width: float, height: float) -> Figure:
    """Make a figure (inches) that belongs to no global state and can be rendered at once."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def get_axes(ax: Axes | None, *, width: float = WIDTH_SINGLE, height: float = 2.4) -> Axes:
    """Use the axes given, or those of a new figure."""
    return build_figure(width, height).add_subplot() if ax is None else ax


def get_figure(ax: Axes) -> Figure:
    """Find the figure that axes belong to."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def choose_y_scale(ax: Axes, values: Float[np.ndarray, " value"]) -> None:
    """Give the y axis the plainest scale that shows all values.

    Linear within a factor of four, logarithmic beyond it. Where values ≤ 0 occur: linear, or linear near 0
    and logarithmic away from it where some value exceeds four times the typical positive one.
    """
    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    if not len(positive):
        return
    smallest = float(positive.min() if len(positive) == len(finite) else np.quantile(positive, 0.1))
    if np.abs(finite).max() <= _LARGEST_LINEAR_RATIO * smallest:
        return
    if len(positive) == len(finite):
        set_log_y(ax)
    else:
        ax.set_yscale("symlog", linthresh=smallest)
        format_ticks(ax.yaxis)


def set_log_y(ax: Axes) -> None:
    """Logarithmic y axis with enough ticks over few decades, and not too many over many."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    decades = math.log10(high / low)
    between = (
        (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if decades < 0.5 else (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    )
    ax.yaxis.set_major_locator(LogLocator(subs=between, numticks=8))
    format_ticks(ax.yaxis)


def format_ticks(axis: Axis) -> None:
    """Plain numbers on the major ticks, no minor ones."""
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_format_tick))


def label_panels(axes: Sequence[Axes]) -> None:
    """Put a, b, c … above the left corner of panels that a caption speaks about."""
    for ax, letter in zip(axes, "abcdefghijklmnopqrstuvwxyz", strict=False):
        ax.annotate(
            letter,
            (0, 1),
            xytext=(-18, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontweight="bold",
            fontsize=9,
            ha="right",
            va="bottom",
        )


def _format_tick(value: float, position: int | None = None) -> str:
    return format_number(value)
