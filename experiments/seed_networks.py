"""Networks of several seeds: every preset with the recipes `fast` and `faithful`, three seeds each.

    python experiments/seed_networks.py --threads 1
    python experiments/seed_networks.py --recipes fast --processes linear-2 linear-3

How far does a figure of the circuit vary from network to network of one recipe? The zoo has one network of
each process and recipe, chosen by its validation loss. Here all three seeds are kept. A network that the zoo
has with these very settings is not trained again.

Resumable: a network that is in experiments/seed_networks/ is left alone, a killed run continues where it was.
A packed network has final weights, history and evaluation, no checkpoints. A run that diverged is packed
without weights, so that it is not begun anew and can be counted.
"""

import argparse
import shutil
from collections.abc import Iterator
from itertools import product

import rows as table

from orbitscope.hmm import list_presets
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder, pack_run
from orbitscope.settings import RunSettings
from orbitscope.workflows.evaluate_run import evaluate_run

RUNS = table.ROOT / "runs" / "seeds"
PACKED = table.ROOT / "experiments" / "seed_networks"
ZOO = table.ROOT / "src" / "orbitscope" / "zoo_networks"

RECIPES = ("fast", "faithful")
SEEDS = (0, 1, 2)


def main() -> None:
    """Train, evaluate and pack the networks that are missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    parser.add_argument("--processes", nargs="+", choices=list_presets(), default=list_presets())
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=SEEDS)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for seed, process, recipe in product(arguments.seeds, arguments.processes, arguments.recipes):
        if find_network(recipe, process, seed) is None:
            train_network(build_settings(process, recipe=recipe, seed=seed, threads=arguments.threads))


def list_networks() -> Iterator[tuple[str, str, int, RunFolder]]:
    """Recipe, process, seed and folder of the networks that are there."""
    for recipe, process, seed in product(RECIPES, list_presets(), SEEDS):
        network = find_network(recipe, process, seed)
        if network is not None:
            yield recipe, process, seed, network


def find_network(recipe: str, process: str, seed: int) -> RunFolder | None:
    """The network of this recipe, process and seed, of the zoo or packed here; None where it is missing.

    Those kept stay, whatever the recipe has become since: `faithful` had no early end then.
    """
    packed = RunFolder(PACKED / f"{process}-{recipe}-{seed}")
    in_zoo = RunFolder(ZOO / f"{process}-{recipe}")
    if in_zoo.config.is_file() and in_zoo.read_settings().seed == seed:
        return in_zoo
    return packed if packed.config.is_file() else None


def train_network(settings: RunSettings) -> None:
    """Train (or continue) one network, evaluate and pack it, and remove the whole run."""
    name = f"{settings.process}-{settings.recipe}-{settings.seed}"
    run = table.train_or_continue(settings, RUNS / name)
    if run.weights.is_file():
        evaluate_run(run.path)
        pack_run(run, PACKED / name)
    else:
        failed = RunFolder(PACKED / name)
        failed.create(run.read_settings(), run.read_process(), run.read_provenance())
        shutil.copyfile(run.history, failed.history)
    shutil.rmtree(run.path)
    seconds = sum(record.seconds for record in RunFolder(PACKED / name).read_history())
    print(f"{name}: {seconds / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
