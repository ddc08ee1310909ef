"""Run-length laws of network, process sample and exact law."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...evaluation import EvaluationResult
from ..sentences import begin_with
from ..style import (
    SMALL,
    SOURCE_LABELS,
    SOURCE_MARKERS,
    START_LABELS,
    WIDTH,
    build_figure,
    get_axes,
    get_symbol_color,
    set_log_y,
    with_style,
)
from ..symbol_names import list_symbols
from .judged_measure import HOW_STARTED, say_measure, say_verdict
from .selection import find_start

_COLUMNS = 4
_X_LABEL, _Y_LABEL = "length ℓ (steps)", "share of runs ≥ ℓ"
_MOST_DRAWN = 20
_LOOKS: dict[str, dict[str, Any]] = {
    "network": {"linestyle": "-", "linewidth": 0.8},
    "floor": {"linestyle": "none", "zorder": 5},
    "exact": {"linestyle": "-", "linewidth": 1.8},
}
"""The exact law is wide enough to be seen below a network that follows it."""


@with_style
def plot_run_length_laws(result: EvaluationResult, *, start: str = "zero") -> Figure:
    """Survival of runs, pooled and for each symbol.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero" or "stationary".
    """
    n_panels = 1 + len(result.symbol)
    n_columns = min(_COLUMNS, n_panels)
    n_rows = -(-n_panels // n_columns)
    figure = build_figure(WIDTH, 0.55 + 1.65 * n_rows)
    axes = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False)
    panels = axes.ravel()[:n_panels]
    for ax, symbol in zip(panels, [None, *range(n_panels - 1)], strict=True):
        plot_run_lengths(result, symbol=symbol, start=start, ax=ax)
        ax.set(xlabel="", ylabel="")
    for ax in axes.ravel()[n_panels:]:
        ax.set_axis_off()
    figure.supxlabel(_X_LABEL)
    figure.supylabel(_Y_LABEL)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, title=_title(start), alignment="left")
    return figure


@with_style
def plot_run_lengths(
    result: EvaluationResult, *, symbol: int | None = None, start: str = "zero", ax: Axes | None = None
) -> Axes:
    """Share of complete runs of at least ℓ steps, on a logarithmic axis.

    Parameters
    ----------
    result : EvaluationResult
    symbol : int, optional
        Runs of this symbol; without it runs of all symbols pooled.
    start : str
    ax : Axes, optional
    """
    ax = get_axes(ax)
    i = find_start(result, start)
    laws = result.run_law[i] if symbol is None else result.symbol_run_law[i, :, symbol]
    lowest = _find_lowest(result)
    longest = _find_longest(laws, lowest)
    every = 1 + longest // _MOST_DRAWN

    for source, law in zip(result.source.tolist(), laws, strict=True):
        survival = np.cumsum(law[::-1])[::-1]
        first = every // 2 if source == "floor" else 0
        ax.plot(
            result.run_length,
            np.where(survival > 0, survival, np.nan),
            label=SOURCE_LABELS[source],
            **SOURCE_MARKERS[source] | _LOOKS[source] | {"markersize": 2.4, "markevery": (first, every)},
        )

    ax.set_ylim(lowest * 0.6, 1.6)
    set_log_y(ax)
    ax.set_xlim(0.5, longest + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, steps=[1, 2, 5, 10]))
    ax.set_xlabel(_X_LABEL)
    ax.set_ylabel(_Y_LABEL)
    _name_panel(ax, result, symbol, is_empty=bool(np.isnan(laws).all()))
    return ax


def _find_longest(laws: np.ndarray, lowest: float) -> int:
    """Length at which the last of the laws has fallen below what the axis shows; at least 5, if there are."""
    survival = np.nan_to_num(np.cumsum(laws[:, ::-1], axis=1)[:, ::-1])
    return min(max(5, int((survival >= lowest).any(axis=0).sum())), laws.shape[1])


def _find_lowest(result: EvaluationResult) -> float:
    """Smallest probability that a sample holds: where the axis ends, the same for all panels of a result."""
    is_sampled = np.isin(result.source, result.sampled_source)
    laws = np.concatenate(
        [result.run_law[:, is_sampled].ravel(), result.symbol_run_law[:, is_sampled].ravel()]
    )
    return float(laws[laws > 0].min(initial=0.1))


def _name_panel(ax: Axes, result: EvaluationResult, symbol: int | None, *, is_empty: bool) -> None:
    name = "all symbols" if symbol is None else f"symbol {list_symbols(result)[symbol]}"
    ax.set_title(name)
    if symbol is not None:
        ax.spines["top"].set(visible=True, color=get_symbol_color(symbol), linewidth=2.5)
    if is_empty:
        ax.text(0.5, 0.5, "no complete runs", transform=ax.transAxes, ha="center", fontsize=SMALL)


def _title(start: str) -> str:
    return f"Complete runs in a window, {START_LABELS.get(start, start)}"


def describe_run_lengths(result: EvaluationResult, start: str) -> str:
    """Caption of :func:`plot_run_length_laws`."""
    what, outside = "the law of runs", "Runs of one symbol follow another law than in the process"
    return begin_with(
        say_verdict(result, start, "run_length_distance", what=what, outside=outside),
        "Share of complete runs of a symbol that last at least ℓ steps.",
        f"Runs lie within windows of {result.raster.shape[3]} steps {HOW_STARTED[start]}.",
        "The process sample is observed like the network; the exact law is that of the same window. Runs of "
        "an HMM are phase-type, not geometric in general. The axis ends where the samples end.",
        say_measure(result, start, "run_length_distance", "Total variation, pooled over symbols"),
    )
