"""Sequences of the process over sequences of the network."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...evaluation import EvaluationResult
from ..sentences import begin_with, count
from ..style import START_LABELS, WIDTH, build_figure, get_axes, get_symbol_color, with_style
from ..symbol_names import list_symbols
from .judged_measure import HOW_STARTED, say_measure, say_verdict
from .selection import find_sampled_source, find_start

_HALF_HEIGHT = 0.42
_TITLES = {"network": "network", "floor": "process"}


@with_style
def plot_rasters(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Process sequences over network sequences, one row each, one colour per symbol.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".
    """
    n_sequences = result.raster.shape[2]
    figure = build_figure(WIDTH, 0.9 + 2 * max(0.75, 0.062 * n_sequences))
    top, bottom = figure.subplots(2, 1, sharex=True)
    plot_raster(result, source="floor", start=start, ax=top)
    plot_raster(result, source="network", start=start, ax=bottom)
    top.set_xlabel("")
    top.tick_params(labelbottom=False)
    names = list_symbols(result)
    figure.legend(
        handles=[Patch(color=get_symbol_color(i), label=name) for i, name in enumerate(names)],
        title=f"{START_LABELS.get(start, start).capitalize()}; symbol:",
        alignment="left",
        loc="outside upper left",
        ncols=min(len(names), 10),
        handlelength=1.2,
    )
    return figure


@with_style
def plot_raster(
    result: EvaluationResult, *, source: str = "network", start: str = "zero", ax: Axes | None = None
) -> Axes:
    """Sequences of one source as rows of coloured runs.

    Parameters
    ----------
    result : EvaluationResult
    source : str
        "network" or "floor" (the process sample).
    start : str
    ax : Axes, optional
    """
    ax = get_axes(ax)
    sequences = result.raster[find_start(result, start), find_sampled_source(result, source)]
    for symbol, name in enumerate(list_symbols(result)):
        runs = PolyCollection(
            list(_outline_runs(sequences == symbol)),
            facecolor=get_symbol_color(symbol),
            edgecolor="none",
            linewidth=0,
            antialiased=False,
            label=name,
        )
        ax.add_collection(runs, autolim=False)

    n_sequences, n_steps = sequences.shape
    ax.set_xlim(0.5, n_steps + 0.5)
    ax.set_ylim(n_sequences + 0.5, 0.5)
    ax.set_yticks([1, n_sequences] if n_sequences > 1 else [1])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("step")
    ax.set_ylabel(f"{_TITLES[source]}\nsequence")
    return ax


def _outline_runs(is_symbol: np.ndarray) -> Float[np.ndarray, "run corner 2"]:
    """Corners of a rectangle for every run of true steps; steps count from 1, rows from 1."""
    padded = np.pad(is_symbol.astype(np.int8), ((0, 0), (1, 1)))
    change = np.diff(padded, axis=1)
    rows, first = np.nonzero(change == 1)
    last = np.nonzero(change == -1)[1]
    left, right = first + 0.5, last + 0.5
    top, bottom = rows + 1 - _HALF_HEIGHT, rows + 1 + _HALF_HEIGHT
    return np.stack(
        [np.stack(c, axis=-1) for c in ((left, top), (right, top), (right, bottom), (left, bottom))], axis=1
    )


def describe_rasters(result: EvaluationResult, start: str) -> str:
    """Caption of :func:`plot_rasters`."""
    n_sequences, n_steps = result.raster.shape[2:]
    return begin_with(
        _say_volatility(result, start),
        f"{count(n_sequences, 'sequence')} of {n_steps} steps {HOW_STARTED[start]}.",
        "Above: sampled from the process. Below: from the network. One row is a sequence, one colour a "
        "symbol. Rows are not matched.",
        say_measure(result, start, "volatility_error", "Rate of changes over the exact one, minus 1"),
    )


def _say_volatility(result: EvaluationResult, start: str) -> str:
    """How often symbols change, beside the process."""
    outside = ""
    if "volatility_error" in result.measure:
        error = float(result.find_quantity("volatility_error", start).estimate)
        outside = f"Symbols change {100 * abs(error):.3g} % too {'often' if error > 0 else 'rarely'}"
    what = "the rate of changes"
    return say_verdict(result, start, "volatility_error", what=what, outside=outside, in_percent=True)
