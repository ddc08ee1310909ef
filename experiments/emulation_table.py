"""Fill the emulation table: train and evaluate every preset with a recipe, one row per network.

    python experiments/emulation_table.py --recipe fast --seeds 0 1 2
    python experiments/emulation_table.py --recipe published --seeds 0
    python experiments/emulation_table.py --recipe faithful --seeds 0 1 2
    python experiments/emulation_table.py --recipe faithful --seeds 0 --processes random

Resumable: a row that stands in docs/emulation.jsonl is not computed again unless the recipe has changed
since, a killed training run continues where it was, and docs/results.md is rewritten from the rows after
each. Runs are kept in runs/table/.
"""

import argparse
import datetime
import json
from pathlib import Path

import numpy as np

from orbitscope.atomic_files import write_text
from orbitscope.evaluation import combine_matrix_errors_as_published, tabulate
from orbitscope.hmm import compute_symbol_matrix, list_presets, load_preset
from orbitscope.pipeline import evaluate_run, find_transition, resume_run, train_run
from orbitscope.plain_json import make_plain
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder, find_commit
from orbitscope.settings import LossSettings, RunSettings, TrainSettings

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "docs" / "emulation.jsonl"
PAGE = ROOT / "docs" / "results.md"

PAPER_MATRIX_ERROR = {
    "linear-2": 0.025,
    "linear-3": 0.045,
    "linear-4": 0.074,
    "linear-5": 0.072,
    "fully-connected-3": 0.032,
    "cyclic-4": 0.052,
}
"""√max over cells of the mean squared error over 3 seeds (Torre et al. 2025, figures)."""

PAPER_BEST_LOSS = {
    "linear-2": 10.0,
    "linear-3": 4.1,
    "linear-4": 4.6,
    "linear-5": 7.8,
    "fully-connected-3": 1.9,
    "cyclic-4": 5.5,
}

RECIPES = ("fast", "published", "faithful")

RANDOM_PROCESSES = ("random-3x3@1", "random-5x4@2", "random-7x5@3", "random-8x6@4", "random-10x3@5")
"""Processes that no recipe was tuned on, from 3 to 10 states and 3 to 6 symbols."""

MARGINS = {
    "symbol_matrix_error": 0.02,
    "frequency_error": 0.005,
    "rare_symbol_error": 0.2,
    "volatility_error": 0.04,
    "cross_entropy_gap": 0.01,
    "run_length_distance": 0.03,
    "classifier_auc": 0.55,
}
"""What the median over seeds of a faithful network has to keep to."""

MEASURES = {
    "symbol_matrix_error": "matrix error",
    "frequency_error": "frequency error",
    "rare_symbol_error": "rare symbol",
    "volatility_error": "volatility",
    "cross_entropy_gap": "cross-entropy",
    "run_length_distance": "run-length TV",
    "classifier_auc": "AUC",
    "irreversibility": "irreversibility",
}


def main() -> None:
    """Compute the rows that are missing and rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", choices=RECIPES, help="leave out to only rewrite the page")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--processes", nargs="+", default=list_presets(), help="names; `random` stands for five random HMMs"
    )
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    processes = RANDOM_PROCESSES if arguments.processes == ["random"] else arguments.processes
    for seed in arguments.seeds if arguments.recipe else []:
        for process in processes:
            if not is_done(arguments.recipe, process, seed):
                add_row(compute_row(arguments.recipe, process, seed, arguments.threads))
                write_page()
    write_page()


def read_rows() -> list[dict]:
    """Rows computed so far."""
    return [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []


def is_done(recipe: str, preset: str, seed: int) -> bool:
    """Whether there is a row of this network that was trained with the recipe as it is now."""
    settings = build_settings(preset, recipe=recipe, seed=seed)
    rows = [row for row in read_rows() if identify(row) == (recipe, preset, seed)]
    return any(read_settings(row) == (settings.train, settings.loss) for row in rows)


def read_settings(row: dict) -> tuple[TrainSettings, LossSettings]:
    """Settings that a row was trained with; those that did not exist then have their defaults."""
    return TrainSettings.build(row["train"]), LossSettings.build(row.get("loss", {}))


def have_same_recipe(first: RunSettings, second: RunSettings) -> bool:
    """Whether two runs are trained alike."""
    return (first.train, first.loss) == (second.train, second.loss)


def identify(row: dict) -> tuple[str, str, int]:
    """What a row is about."""
    return row["recipe"], row["preset"], row["seed"]


def add_row(row: dict) -> None:
    """Write one row, in place of an older one of the same network, and say so."""
    rows = [*(old for old in read_rows() if identify(old) != identify(row)), row]
    write_text(ROWS, "".join(json.dumps(make_plain(r), allow_nan=False) + "\n" for r in rows))
    print(row["preset"], row["recipe"], row["seed"], f"{row['training_seconds']:.0f} s", flush=True)


def compute_row(recipe: str, preset: str, seed: int, threads: int) -> dict:
    """Train (or continue) one network, evaluate it, and collect its row."""
    folder = ROOT / "runs" / "table" / f"{preset}-{recipe}-{seed}"
    settings = build_settings(preset, recipe=recipe, seed=seed, threads=threads)
    if not (folder / "config.toml").exists():
        run = train_run(settings, folder)
    elif have_same_recipe(RunFolder(folder).read_settings(), settings):
        run = resume_run(folder)
    else:
        raise SystemExit(f"{folder} was trained with another version of `{recipe}`. Move it away.")
    result = evaluate_run(folder)
    zero = result.start.tolist().index("zero")
    history = run.history
    transition = find_transition(history)
    return {
        "recipe": recipe,
        "preset": preset,
        "seed": seed,
        "threads": threads,
        "train": settings.train.model_dump(),
        "loss": settings.loss.model_dump(),
        "commit": RunFolder(folder).read_provenance()["commit"],
        "evaluation_commit": find_commit(),
        "date": datetime.date.today().isoformat(),
        "epochs": len(history),
        "training_seconds": float(np.sum([record.seconds for record in history])),
        "best_epoch": run.best_epoch,
        "best_validation_loss": min(r.validation_loss for r in history if r.validation_loss is not None),
        "validation_floor": next(r.validation_floor for r in history if r.validation_floor is not None),
        "phase": transition.status,
        "transition_epoch": None if transition.index is None else transition.index + 1,
        "plateau_start": None if transition.plateau_start is None else transition.plateau_start + 1,
        "symbol_matrix": result.symbol_matrix[zero, result.source.tolist().index("network")].tolist(),
        "measures": tabulate(result),
    }


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    start, end = "<!-- emulation table: generated -->", "<!-- end of emulation table -->"
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    tables = "\n".join(render_recipe(recipe) for recipe in RECIPES)
    write_text(PAGE, f"{before}{start}\n{tables}\n{end}{after}")


def render_recipe(recipe: str) -> str:
    """One line per network of a recipe, and the median over seeds against the paper."""
    rows = [row for row in read_rows() if row["recipe"] == recipe]
    if not rows:
        return f"### `{recipe}`\n\nNo rows yet.\n"
    summary = render_margins(rows) if recipe == "faithful" else render_summary(rows)
    return f"### `{recipe}`\n\n{summary}\n{render_measures(rows)}\n{render_training(rows)}"


def render_summary(rows: list[dict]) -> str:
    """Matrix error over seeds, its median and as the paper computes it, beside the paper's."""
    lines = [
        "| process | seeds | median matrix error | as the paper computes it | paper | median is | minutes |",
        "|---" * 7 + "|",
    ]
    for preset in list_presets():
        chosen = [row for row in rows if row["preset"] == preset]
        if chosen:
            median = float(np.median([find(row, "symbol_matrix_error")["estimate"] for row in chosen]))
            exact = compute_symbol_matrix(load_preset(preset).hmm)
            matrices = np.array([row["symbol_matrix"] for row in chosen], dtype=np.float64)
            combined = combine_matrix_errors_as_published(matrices, exact)
            paper = PAPER_MATRIX_ERROR[preset]
            verdict = "reached" if median <= paper else "**missed**"
            minutes = np.median([row["training_seconds"] for row in chosen]) / 60
            lines.append(
                f"| {preset} | {len(chosen)} | {median:.4f} | {combined:.4f} | {paper} | {verdict} | "
                f"{minutes:.1f} |"
            )
    return "\n".join(lines) + "\n"


def render_margins(rows: list[dict]) -> str:
    """Median over seeds of the size of every measure, beside what it has to keep to."""
    heads = [f"{MEASURES[name]} (≤ {margin})" for name, margin in MARGINS.items()]
    lines = ["| process | seeds | " + " | ".join(heads) + " | minutes |", "|---" * (len(heads) + 3) + "|"]
    for process in dict.fromkeys(row["preset"] for row in sorted(rows, key=order)):
        chosen = [row for row in rows if row["preset"] == process]
        cells = [render_median(chosen, name, margin) for name, margin in MARGINS.items()]
        minutes = np.median([row["training_seconds"] for row in chosen]) / 60
        lines.append(f"| {process} | {len(chosen)} | {' | '.join(cells)} | {minutes:.1f} |")
    return "\n".join(lines) + "\n"


def render_median(rows: list[dict], name: str, margin: float) -> str:
    """Median of the size of a measure, bold where it misses its margin."""
    median = float(np.median([abs(float(find(row, name)["estimate"])) for row in rows]))
    return f"{median:.3g}" if median <= margin else f"**{median:.3g}**"


def render_measures(rows: list[dict]) -> str:
    """Every measure, with its floor in parentheses, from h₀ = 0 over the training window."""
    names = list(MEASURES)
    lines = ["| process | seed | " + " | ".join(MEASURES.values()) + " |", "|---" * (len(names) + 2) + "|"]
    for row in sorted(rows, key=order):
        cells = [render_cell(find(row, name)) for name in names]
        lines.append(f"| {row['preset']} | {row['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def render_training(rows: list[dict]) -> str:
    """Loss, floor, plateau, transition, time, origin."""
    lines = [
        "| process | seed | best validation loss | floor | paper | plateau from | second drop | best epoch | "
        "epochs | minutes | commit |",
        "|---" * 11 + "|",
    ]
    for row in sorted(rows, key=order):
        lines.append(
            f"| {row['preset']} | {row['seed']} | {row['best_validation_loss']:.2f} | "
            f"{row['validation_floor']:.2f} | {find_paper_loss(row)} | {row['plateau_start']} | "
            f"{row['transition_epoch']} | {row['best_epoch']} | {row['epochs']} | "
            f"{row['training_seconds'] / 60:.1f} | {row['commit']} |"
        )
    return "\n".join(lines) + "\n"


def find_paper_loss(row: dict) -> float | str:
    """Best loss of the paper's networks, where it is of the same kind."""
    return "-" if row["recipe"] == "faithful" else PAPER_BEST_LOSS.get(row["preset"], "-")


def render_cell(measure: dict) -> str:
    """Value with its floor."""
    values = (measure["estimate"], measure["floor"])
    value, floor = ("-" if v is None else f"{float(v):.3g}" for v in values)
    return f"{value} ({floor})"


def find(row: dict, name: str) -> dict:
    """One measure of a row, from the zero start."""
    return next(m for m in row["measures"] if m["measure"] == name and m["start"] == "zero")


def order(row: dict) -> tuple:
    """Rows in the order of the presets, then by seed."""
    names = [*list_presets(), *RANDOM_PROCESSES]
    return names.index(row["preset"]) if row["preset"] in names else len(names), row["preset"], row["seed"]


if __name__ == "__main__":
    main()
