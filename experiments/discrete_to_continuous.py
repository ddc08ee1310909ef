"""Draw how networks change from chains of two states to chains of five, with either loss.

    python experiments/discrete_to_continuous.py

From the rows in docs/circuit.jsonl, into docs/figures/discrete_to_continuous.png: every network that trained,
of the zoo, of pairs and of several seeds.
"""

from pathlib import Path

import circuit_page
import circuit_table
import rows as table
import xarray as xr
from circuit_statements import is_judged
from matplotlib.figure import Figure
from row_cells import Row, parse_rows

from orbitscope.plots import plot_comparison
from orbitscope.system.atomic_files import replace_file
from orbitscope.workflows.collect import LabelledRun, tabulate_runs

CHAINS = ("linear-2", "linear-3", "linear-4", "linear-5")

HEADINGS = {
    "regions.share[slow]": "states that are slow",
    "metastable_regions.n_regions": "metastable regions",
    "slow_clusters.adjusted_rand": "slow clusters against symbols (Rand)",
    "rotation.area_rate": "area rate",
    "noise_kernel.length": "length of the kernel",
    "commitment.half_lead[all]": "half-lead",
    "readout_alignment.projection[0]": "readout of symbol 0 in the orbit plane",
    "dwell.mean": "mean decoded dwell",
    "dwell.cv_ratio": "CV of dwells over the process",
}
"""Quantities, and how their panels are called."""


def main() -> None:
    """Draw the figure from the rows that are there."""
    draw(parse_rows(table.read_rows(circuit_table.ROWS)), circuit_page.CHAINS_FIGURE)


def draw(rows: list[Row], path: Path) -> None:
    """Draw the chains among some rows; without any nothing is written."""
    if dataset := collect_chains(rows):
        with replace_file(path) as temporary:
            plot_chains(dataset).savefig(temporary, format="png", dpi=200)


def collect_chains(rows: list[Row]) -> xr.Dataset | None:
    """Chains that trained, by number of states, as a dataset; None without any."""
    chains = [row for row in rows if row["process"] in CHAINS and is_judged(row)]
    chains.sort(key=lambda row: (CHAINS.index(row["process"]), row["objective"]))
    if not chains:
        return None
    dataset = tabulate_runs(
        LabelledRun(row["network"], {"cell": "relu"} | row, row["found"]) for row in chains
    )
    names = [HEADINGS.get(key, key) for key in dataset["key"].values.tolist()]
    return dataset.assign(label=("key", names))


def plot_chains(dataset: xr.Dataset) -> Figure:
    """A panel for each quantity that some network has, coloured by the loss."""
    known = dataset["key"].values.tolist()
    return plot_comparison(dataset, [key for key in HEADINGS if key in known], by="objective")


if __name__ == "__main__":
    main()
