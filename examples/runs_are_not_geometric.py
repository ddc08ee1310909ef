"""Symbol runs of an HMM are not geometric: their hazard falls with run length.

Draws the exact hazard of symbol-0 runs for three of the paper's processes; only linear-2 is flat.

    python examples/runs_are_not_geometric.py [--out FIGURE]
"""

import argparse
from pathlib import Path

from matplotlib.figure import Figure

import orbitscope as osc
from orbitscope.hmm import compute_run_length_law

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("runs_are_not_geometric.svg"))
parser.add_argument("--toy", action="store_true", help="shorter, for tests")
arguments = parser.parse_args()

max_length = 10 if arguments.toy else 40
figure = Figure(figsize=(4.5, 3), layout="constrained")
axes = figure.add_subplot(xlabel="run length (steps)", ylabel="probability that the run ends here")
for name in ("linear-2", "linear-3", "fully-connected-3"):
    law = compute_run_length_law(osc.load_preset(name).hmm, max_length=max_length)
    axes.plot(law.lengths, law.hazard[0], marker=".", label=name)
axes.set_ylim(bottom=0)
axes.legend(frameon=False)
figure.savefig(arguments.out)
print(f"written: {arguments.out}")
