"""Train a network on a process of your own and see whether it emulates it.

python examples/train_your_own_hmm.py [--toy] [--out RUN]
"""

import argparse
import tempfile
from pathlib import Path

import orbitscope as osc

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=None)
parser.add_argument("--toy", action="store_true", help="a minute's work cut to seconds, for tests")
arguments = parser.parse_args()
out = arguments.out or Path(tempfile.mkdtemp()) / "weather"

weather = osc.HMM(
    initial_probs=[0.75, 0.25],
    transition_matrix=[[0.9, 0.1], [0.3, 0.7]],
    emission_probs=[[0.8, 0.2], [0.1, 0.9]],
    state_names=("dry", "wet"),
    symbol_names=("sun", "rain"),
    name="weather",
)
toy = {
    "model": {"hidden_size": 20, "input_size": 10},
    "data": {"n_sequences": 900, "n_steps": 10},
    "train": {"epochs": 3},
    "evaluate": {
        "n_symbols_total": 20_000,
        "n_sequences": 300,
        "n_matched": 50,
        "n_resamples": 100,
        "n_entropy": 2000,
        "n_refitted": 50,
        "n_trajectories": 100,
        "burn_in": 50,
    },
}
settings = osc.build_settings("weather", seed=0, changes=toy if arguments.toy else {"train.epochs": 60})
run = osc.train_run(settings, out, hmm=weather)
result = osc.evaluate_run(run.folder.path)
figures = osc.draw_run_figures(run.folder.path)
for quantity in result.list_quantities_from("zero"):  # h = 0, as in training
    print(f"{quantity.label:34} {quantity}  beside: {quantity.describe_beside()}")
print(f"figures: {figures[0].parent}")
