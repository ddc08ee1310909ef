"""Choose the networks of the zoo among the rows of the emulation table, and pack them into the package.

    python experiments/build_zoo.py --recipe published --seeds 0 1 2
    python experiments/build_zoo.py --recipe faithful --seeds 0 1 2

Rule: of at least three seeds, the run whose best validation loss is lowest beside the floor of its own
validation set. Evaluations take no part in it. The candidates stand in each network's provenance.json.
Rows come from experiments/emulation_table.py, which is to be run first; of the runs in runs/table/ only the
chosen one is needed. While rows are missing, the best run so far is kept in experiments/zoo_candidates/,
for a machine that does not keep runs/.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

import emulation_table
import rows as table

from orbitscope.hmm import list_presets
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder, choose_epochs, pack_run
from orbitscope.training import find_transition

RUNS = table.ROOT / "runs" / "table"
CANDIDATES = table.ROOT / "experiments" / "zoo_candidates"
ZOO = table.ROOT / "src" / "orbitscope" / "zoo_networks"

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
        found = find_rows(process, arguments.recipe, arguments.seeds)
        rows = [row for row in found.values() if row is not None]
        missing = [str(seed) for seed, row in found.items() if row is None]
        if missing:
            print(f"{process}: not yet, seed {', '.join(missing)} has no row with weights", flush=True)
            keep_best(process, arguments.recipe, rows)
        else:
            pack_best(process, arguments.recipe, rows)


def find_rows(process: str, recipe: str, seeds: list[int]) -> dict[int, dict | None]:
    """Row of each seed with the recipe as it is now; None where there is none, or its run diverged."""
    rows = [row for row in table.read_rows(emulation_table.ROWS) if row["phase"] != "diverged"]
    wanted = {seed: build_settings(process, recipe=recipe, seed=seed) for seed in seeds}
    return {seed: table.find_row(rows, settings) for seed, settings in wanted.items()}


def keep_best(process: str, recipe: str, rows: list[dict]) -> None:
    """Keep a packed copy of the best run so far, if it is here: no other can still be chosen."""
    best = choose(rows)
    run = None if best is None else find_run(process, recipe, best)
    if run is not None and run.path.parent == RUNS:
        replace_network(CANDIDATES / run.path.name, run, list_epochs(process, run), {})
        for older in CANDIDATES.glob(f"{process}-{recipe}-*"):
            if older.name != run.path.name:
                shutil.rmtree(older)


def pack_best(process: str, recipe: str, rows: list[dict]) -> None:
    """Pack the run that the rule chooses, in place of an older choice."""
    best = choose(rows)
    assert best is not None
    name = process if recipe == "published" else f"{process}-{recipe}"
    candidates = [describe_candidate(row) for row in rows]
    selection = {"rule": RULE, "candidates": candidates, "chosen_seed": best["seed"]}
    if is_packed(RunFolder(ZOO / name), selection):
        print(f"zoo:{name}: as it was", flush=True)
    elif (run := find_run(process, recipe, best)) is None:
        print(f"zoo:{name}: not yet, the evaluated run of seed {best['seed']} is not here", flush=True)
    else:
        epochs = list_epochs(process, run)
        replace_network(ZOO / name, run, epochs, {"selection": selection})
        shutil.rmtree(CANDIDATES / run.path.name, ignore_errors=True)
        print(f"zoo:{name}: seed {selection['chosen_seed']}, checkpoints {epochs}", flush=True)


def choose(rows: list[dict]) -> dict | None:
    """Row that the rule chooses among these."""
    return min(rows, key=lambda row: describe_candidate(row)["excess"], default=None)


def find_run(process: str, recipe: str, row: dict) -> RunFolder | None:
    """Run of a row: the whole one, or the packed copy of a candidate."""
    name = f"{process}-{recipe}-{row['seed']}"
    found = (RunFolder(folder / name) for folder in (RUNS, CANDIDATES))
    return next((run for run in found if is_run_of_row(run, row)), None)


def is_packed(packed: RunFolder, selection: dict[str, Any]) -> bool:
    """Whether a network stands there, chosen among the same candidates: its files are then left alone."""
    return packed.weights.is_file() and packed.read_provenance().get("selection") == selection


def is_run_of_row(run: RunFolder, row: dict) -> bool:
    """Whether a run is evaluated and has the losses of its row; one trained anew elsewhere may not."""
    if not (run.weights.is_file() and (run.results / "evaluation.nc").is_file()):
        return False
    kept = table.find_kept(run)
    return kept is not None and kept.validation_loss == row["best_validation_loss"]


def replace_network(target: Path, run: RunFolder, epochs: list[int], notes: dict[str, Any]) -> None:
    """Pack a run beside the older choice, then put it in its place."""
    new = target.with_name(f".{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    pack_run(run, new, epochs=epochs, notes=notes)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def describe_candidate(row: dict) -> dict[str, Any]:
    """Seed of a row and what the rule looks at."""
    loss = row["best_validation_loss"]
    return {"seed": row["seed"], "validation_loss": loss, "excess": loss - row["validation_floor"]}


def list_epochs(process: str, run: RunFolder) -> list[int]:
    """Epochs of a run whose weights are packed."""
    if process not in WITH_CHECKPOINTS:
        return []
    history = run.read_history()
    drop = find_transition(history).index
    return choose_epochs(run.list_checkpoints(), drop=None if drop is None else history[drop].epoch)


if __name__ == "__main__":
    main()
