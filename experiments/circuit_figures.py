"""Draw the pairs of the circuit: every measure with one loss and with the other, a line for each pair.

    python experiments/circuit_figures.py

From the rows in docs/circuit.jsonl, into docs/figures/circuit_pairs.png. Without pairs nothing is drawn.
"""

import math
from typing import Any

import circuit_page
import circuit_table
import numpy as np
import paired_losses
import rows as table
from circuit_measures import COMPARED, GAP, Compared
from circuit_pairs import Pair, compare, find_pairs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from row_cells import parse_rows, read_quantities, show_number

from orbitscope.claims.conditions import read_limits
from orbitscope.claims.finders import read_value
from orbitscope.plots.style import EXACT_COLOR, FLOOR_COLOR, SMALL, WIDTH, build_figure, with_style
from orbitscope.statistics import PairedDifference
from orbitscope.system.atomic_files import replace_file

N_COLUMNS = 3
PANEL_HEIGHT = 1.95
"""Of a row of panels, in inches."""

GROUP_WIDTH = 2.4
"""Distance between the first loss of one process and that of the next, if both losses are 1 apart."""


def main() -> None:
    """Draw the figure, if there are pairs."""
    rows, trained = parse_rows(table.read_rows(circuit_table.ROWS)), table.read_rows(paired_losses.ROWS)
    pairs = [pair for pair in find_pairs(rows, trained) if not pair.dropped]
    if pairs:
        with replace_file(circuit_page.FIGURE) as temporary:
            plot_pairs(pairs).savefig(temporary, format="png", dpi=200)


@with_style
def plot_pairs(pairs: list[Pair]) -> Figure:
    """A panel for each measure that some pair has; processes side by side."""
    measured = [measure for measure in COMPARED if compare(pairs, measure.find).n_pairs]
    shown = [measure for measure in measured if measure.find is not GAP]
    n_rows = math.ceil(len(shown) / N_COLUMNS)
    figure = build_figure(WIDTH, PANEL_HEIGHT * n_rows)
    grid = figure.subplots(n_rows, N_COLUMNS, squeeze=False).ravel()
    for ax, measure in zip(grid, shown, strict=False):
        plot_measure(pairs, measure, ax=ax)
    for ax in grid[len(shown) :]:
        ax.remove()
    return figure


def plot_measure(pairs: list[Pair], measure: Compared, *, ax: Axes) -> Axes:
    """Values of each pair with both losses, their intervals, and the mean over pairs in black."""
    processes = list(dict.fromkeys(pair.process for pair in pairs))
    places = GROUP_WIDTH * np.arange(len(processes))
    for place, process in zip(places, processes, strict=True):
        group = [pair for pair in pairs if pair.process == process]
        for pair in group:
            _draw_pair(pair, measure, place, ax)
        _draw_mean(compare(group, measure.find), process, place, ax)

    ax.set_title(measure.heading, fontsize=SMALL + 0.5)
    ax.set_xticks([x for place in places for x in (place, place + 1)], ["sequences", "words"] * len(places))
    ax.set_xlim(-0.45, places[-1] + 1.45)
    ax.margins(y=0.08)
    return ax


def _draw_pair(pair: Pair, measure: Compared, place: float, ax: Axes) -> None:
    found = [measure.find(read_quantities(row)) for row in pair.rows]
    values, limits = [read_value(entry) for entry in found], [read_limits(entry) for entry in found]
    x = np.array([place, place + 1])
    ax.plot(x, values, color=FLOOR_COLOR, linewidth=0.7, marker="o", markersize=2.2, zorder=2)
    lows, highs = zip(*limits, strict=True)
    ax.vlines(x, lows, highs, color=FLOOR_COLOR, linewidth=0.7, alpha=0.6, zorder=1)


def _draw_mean(found: PairedDifference, process: str, place: float, ax: Axes) -> None:
    """Mean with each loss; process, number of pairs and p-value of the sign test below the axis."""
    if not found.n_pairs:
        return
    means = found.values.mean(axis=0)
    ax.plot([place, place + 1], means, color=EXACT_COLOR, linewidth=1.4, zorder=3)
    text = f"{process}\n{found.n_pairs} pairs, p = {show_number(found.p_value)}"
    options: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    ax.annotate(text, (place + 0.5, 0), (0, -16), ha="center", va="top", fontsize=SMALL - 1, **options)


if __name__ == "__main__":
    main()
