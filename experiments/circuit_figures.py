"""Draw the pairs of the circuit: every measure with one loss and with the other, a line for each pair.

    python experiments/circuit_figures.py

From the rows in docs/circuit.jsonl, into docs/figures/circuit_pairs.png. Without rows of pairs nothing is drawn.
"""

from itertools import product

import circuit_measures as measures
import circuit_table
import numpy as np
import paired_losses
import rows as table
from circuit_finders import Find, read_limits, read_value
from circuit_pairs import Pair, compare, find_pairs
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from row_cells import Row, show_number

from orbitscope.plots.style import (
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    format_ticks,
    label_panels,
    with_style,
)
from orbitscope.system.atomic_files import replace_file

FIGURE = table.ROOT / "docs" / "figures" / "circuit_pairs.png"

PANELS = {
    "rate": "switches per step",
    "rise": "rise time (steps)",
    "half_lead": "half-lead (steps)",
    "lead_over_rise": "half-lead / rise time",
    "length": "kernel length (steps)",
    "replay": "replay of v (share)",
    "removal": "largest hazard ratio without v",
    "n_effective": "effective neurons N_eff",
    "k50": "neurons for half the effect K50",
}
"""Measures that have a panel, and the labels of their axes."""

FINDERS: dict[str, Find] = {
    "rate": measures.RATE,
    "rise": measures.RISE,
    "half_lead": measures.HALF_LEAD,
    "lead_over_rise": measures.LEAD_OVER_RISE,
    "length": measures.LENGTH,
    "replay": measures.REPLAY,
    "removal": measures.largest(measures.REMOVAL),
    "n_effective": measures.N_EFFECTIVE,
    "k50": measures.K50,
}
