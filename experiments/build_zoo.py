"""Choose the networks of the zoo among the runs of the emulation table, and pack them into the package.

    python experiments/build_zoo.py --recipe published --seeds 0 1 2
    python experiments/build_zoo.py --recipe faithful --seeds 0 1 2

Rule: of at least three seeds, the run whose best validation loss is lowest beside the floor of its own
validation set. Evaluations take no part in it. The candidates stand in each network's provenance.json.
Runs come from experiments/emulation_table.py, which is to be run first.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

from orbitscope.hmm import list_presets
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder, choose_epochs, pack_run
from orbitscope.training import find_transition

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "table"
ZOO = ROOT / "src" / "orbitscope" / "zoo_networks"

RULE = "lowest validation loss minus its floor among the seeds"
FEWEST_SEEDS = 3
RECIPES = ("published", "faithful")
WITH_CHECKPOINTS = ("linear-2", "linear-3")


def main() -> None:
    """Pack the network of each process that the rule chooses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    arguments = parser.parse_args()
    if len(set(arguments.seeds)) < FEWEST_SEEDS:
        raise SystemExit(f"--seeds must name at least {FEWEST_SEEDS} seeds, got {arguments.seeds}.")
    for process in list_presets():
        runs = [RunFolder(RUNS / f"{process}-{arguments.recipe}-{seed}") for seed in arguments.seeds]
        missing = [run.path.name for run in runs if not is_ready(run, arguments.recipe)]
        if missing:
            print(f"{process}: not yet, {', '.join(missing)}: no finished run of this recipe", flush=True)
        else:
            pack_best(process, arguments.recipe, runs)


def is_ready(run: RunFolder, recipe: str) -> bool:
    """Whether a run is trained to the end with the recipe as it is now, and evaluated."""
    if not (run.weights.is_file() and (run.results / "evaluation.nc").is_file()):
        return False
    found = run.read_settings()
    wanted = build_settings(found.process, recipe=recipe, seed=found.seed, threads=found.threads)
    return found == wanted


def pack_best(process: str, recipe: str, runs: list[RunFolder]) -> None:
    """Pack the run that the rule chooses, in place of an older choice."""
    candidates = [describe_candidate(run) for run in runs]
    best = min(range(len(runs)), key=lambda index: candidates[index]["excess"])
    name = process if recipe == "published" else f"{process}-{recipe}"
    epochs = find_epochs(runs[best]) if process in WITH_CHECKPOINTS else []
    selection = {"rule": RULE, "candidates": candidates, "chosen_seed": candidates[best]["seed"]}
    if is_packed(RunFolder(ZOO / name), runs[best], selection):
        print(f"zoo:{name}: as it was", flush=True)
        return
    new = ZOO / f".{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    pack_run(runs[best], new, epochs=epochs, notes={"selection": selection})
    shutil.rmtree(ZOO / name, ignore_errors=True)
    new.rename(ZOO / name)
    print(f"zoo:{name}: seed {candidates[best]['seed']}, checkpoints {epochs}", flush=True)


def is_packed(packed: RunFolder, run: RunFolder, selection: dict[str, Any]) -> bool:
    """Whether this network stands there, chosen among the same candidates: its files are then left alone."""
    if not packed.weights.is_file() or packed.weights.read_bytes() != run.weights.read_bytes():
        return False
    return packed.read_provenance().get("selection") == selection


def describe_candidate(run: RunFolder) -> dict[str, Any]:
    """Seed of a run and what the rule looks at."""
    validated = [r for r in run.read_history() if r.validation_loss is not None]
    best = min(validated, key=lambda record: record.validation_loss)
    excess = best.validation_loss - best.validation_floor
    return {"seed": run.read_settings().seed, "validation_loss": best.validation_loss, "excess": excess}


def find_epochs(run: RunFolder) -> list[int]:
    """Epochs of a run whose weights are packed."""
    history = run.read_history()
    drop = find_transition(history).index
    return choose_epochs(run.list_checkpoints(), drop=None if drop is None else history[drop].epoch)


if __name__ == "__main__":
    main()
