"""Many networks side by side: a panel for each quantity, a point for each network."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import (
    BAND_COLOR,
    GROUP_COLORS,
    SMALL,
    WIDTH,
    build_figure,
    format_ticks,
    get_axes,
    with_style,
)

if TYPE_CHECKING:
    import xarray as xr

N_COLUMNS = 3
PANEL_HEIGHT = 1.9
"""Of a row of panels, in inches."""

MOST_PANELS = 12

_TITLE_WIDTH = 36
"""Of a line above a panel, in characters."""

_SPREAD = 0.7
"""Width that the networks of one process take, if processes are 1 apart."""


@with_style
def plot_comparison(dataset: "xr.Dataset", keys: Sequence[str], *, by: str = "recipe") -> Figure:
    """Draw a panel for each quantity: networks by process, coloured by a label, with their intervals.

    Parameters
    ----------
    dataset : xarray.Dataset
        As :func:`orbitscope.collect_runs` gives it.
    keys : sequence of str
        Quantities; the first ``MOST_PANELS`` are shown.
    by : str
        Label that gives the colour.
    """
    shown = list(keys)[:MOST_PANELS]
    n_rows = max(1, math.ceil(len(shown) / N_COLUMNS))
    figure = build_figure(WIDTH, PANEL_HEIGHT * n_rows + 0.3)
    grid = figure.subplots(n_rows, N_COLUMNS, squeeze=False).ravel()
    for ax, key in zip(grid, shown, strict=False):
        plot_quantity(dataset, key, by=by, ax=ax)
    for ax in grid[len(shown) :]:
        ax.remove()
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=max(1, len(labels)))
    return figure


def plot_quantity(dataset: "xr.Dataset", key: str, *, by: str = "recipe", ax: Axes | None = None) -> Axes:
    """Draw one quantity of every network that has it.

    Parameters
    ----------
    dataset : xarray.Dataset
    key : str
    by : str
        Label that gives the colour.
    ax : Axes, optional
        By default those of a new figure.
    """
    ax = get_axes(ax)
    column = dataset.sel(key=key)
    processes, values = (list(dict.fromkeys(dataset[name].values.tolist())) for name in ("process", by))
    for i, value in enumerate(values):
        first = True
        for place, process in enumerate(processes):
            inside = column.sel(run=(column["process"] == process) & (column[by] == value))
            x = place + _place(i, len(values), inside.sizes["run"])
            _draw_points(
                ax, x, inside, GROUP_COLORS[i % len(GROUP_COLORS)], label=str(value) if first else ""
            )
            first = False
    for place in range(0, len(processes), 2):
        ax.axvspan(place - 0.5, place + 0.5, color=BAND_COLOR, linewidth=0, zorder=0)
    ax.set_xlim(-0.5, len(processes) - 0.5)
    ax.set_xticks(range(len(processes)), [name.replace("fully-connected", "full") for name in processes])
    if len(processes) > 3:
        ax.tick_params(axis="x", rotation=40)
    unit = str(column["unit"].values)
    label = str(column["label"].values)
    title = label if unit == "1" else f"{label} ({unit})"
    ax.set_title(textwrap.fill(title, _TITLE_WIDTH), fontsize=SMALL)
    format_ticks(ax.yaxis)
    return ax


def describe_comparison(dataset: "xr.Dataset", *, by: str = "recipe") -> str:
    """Say what the figure shows."""
    n_runs, n_processes = dataset.sizes["run"], len(set(dataset["process"].values.tolist()))
    return (
        f"Each point is one network of {n_runs}, with its own interval; colour is the {by}, "
        f"{n_processes} processes side by side. Intervals are of single networks: the spread between points "
        "of one colour is what training with other seeds changes."
    )


def _place(index: int, n_values: int, n_runs: int) -> np.ndarray:
    """Where the networks of one label stand around the middle of their process."""
    width = _SPREAD / n_values
    within = (np.arange(n_runs) + 0.5) / max(n_runs, 1) - 0.5
    return (index + 0.5) * width - _SPREAD / 2 + 0.8 * width * within


def _draw_points(ax: Axes, x: np.ndarray, column: "xr.Dataset", color: Any, *, label: str) -> None:
    value, low, high = (column[name].values for name in ("value", "low", "high"))
    ax.plot(x, value, "o", color=color, markersize=2.6, label=label or None, zorder=3)
    ax.vlines(x, low, high, color=color, linewidth=0.7, zorder=2)
