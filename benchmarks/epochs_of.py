"""Seconds of an epoch of some recipes, from updates with each size of batch; one line of JSON.

    python benchmarks/epochs_of.py linear-2:fast linear-2:faithful

Works with the code of earlier commits: `against_commit.py` runs it with that of two in turn.
"""

import json
import sys
import time
from collections import Counter

import numpy as np

from orbitscope.hmm import load_preset
from orbitscope.recipes import build_settings
from orbitscope.system.threads import use_threads
from orbitscope.training import Trainer, initialise_training, plan_batches, prepare_task

N_UPDATES = 3


def measure_epochs(preset: str, recipe: str) -> dict[str, float]:
    """Seconds of the updates of an epoch with each batch, and of the whole schedule."""
    settings = build_settings(preset, recipe=recipe, threads=2)
    task = prepare_task(load_preset(preset).hmm, settings)
    trainer, state = Trainer(task, settings), initialise_training(task, settings)
    seconds, whole = {}, 0.0
    for batches, n_epochs in sorted(Counter(plan_batches(settings)).items()):
        trainer.run_update(state, batches)
        times = []
        for _ in range(N_UPDATES):
            started = time.perf_counter()
            trainer.run_update(state, batches)
            times.append(time.perf_counter() - started)
        epoch = float(np.median(times)) * -(-settings.data.n_per_split // batches.size)
        seconds[f"batch {batches.size}, {batches.n_draws} draws"] = epoch
        whole += n_epochs * epoch
    return seconds | {"schedule": whole}


def use_two_threads():
    """Two threads, as training of this code has them."""
    try:
        return use_threads(2, in_operations=False)
    except TypeError:  # a commit before threads had work of their own
        return use_threads(2)


if __name__ == "__main__":
    with use_two_threads():
        found = {name: measure_epochs(*name.split(":")) for name in sys.argv[1:]}
    print(json.dumps(found))
