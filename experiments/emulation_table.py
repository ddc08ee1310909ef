"""Fill the emulation table: train and evaluate every preset with a recipe, one row per network.

    python experiments/emulation_table.py --recipe fast --seeds 0 1 2
    python experiments/emulation_table.py --recipe published --seeds 0
    python experiments/emulation_table.py --recipe faithful --seeds 0 1 2
    python experiments/emulation_table.py --recipe faithful --seeds 0 --processes random
    python experiments/emulation_table.py --recipe faithful --seeds 0 --processes sticky

Resumable: a row that stands in docs/emulation.jsonl is not computed again unless the recipe has changed
since, a killed training run continues where it was, and docs/results.md is rewritten from the rows after
each. Runs are kept in runs/table/.
"""

import argparse
import itertools

import numpy as np
import rows as table

from orbitscope.evaluation import combine_matrix_errors_as_published
from orbitscope.hmm import compute_symbol_matrix, list_presets, load_preset
from orbitscope.recipes import build_settings
from orbitscope.settings import RunSettings

ROWS = table.ROOT / "docs" / "emulation.jsonl"

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

DRAWN_PROCESSES = {
    "random": ("random-3x3@1", "random-5x4@2", "random-7x5@3", "random-8x6@4", "random-10x3@5"),
    "sticky": ("sticky-3x3@1", "sticky-5x4@2", "sticky-7x5@3", "sticky-8x6@4", "sticky-10x3@5"),
}
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


def main() -> None:
    """Compute the rows that are missing and rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipe", choices=RECIPES, help="leave out to only rewrite the page")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--processes",
        nargs="+",
        default=list_presets(),
        help="names; `random` and `sticky` are five drawn HMMs each",
    )
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    processes = [name for given in arguments.processes for name in DRAWN_PROCESSES.get(given, (given,))]
    pairs = itertools.product(arguments.seeds if arguments.recipe else [], processes)
    options = {"recipe": arguments.recipe, "threads": arguments.threads}
    wanted = [build_settings(process, seed=seed, **options) for seed, process in pairs]
    table.fill_table(ROWS, wanted, compute_row, write_page)


def compute_row(settings: RunSettings) -> dict:
    """Train (or continue) one network, evaluate it, and collect its row."""
    name = f"{settings.process}-{settings.recipe}-{settings.seed}"
    return table.describe_run(table.train_or_continue(settings, table.ROOT / "runs" / "table" / name))


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    table.write_section("emulation table", "\n".join(render_recipe(recipe) for recipe in RECIPES))


def render_recipe(recipe: str) -> str:
    """One line per network of a recipe, and the median over seeds against the paper.

    A network that diverged has no value, and neither has the median that it enters: that is a miss.
    """
    rows = [row for row in table.read_rows(ROWS) if row["recipe"] == recipe]
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
            median = float(np.median([table.find_value(row, "symbol_matrix_error") for row in chosen]))
            exact = compute_symbol_matrix(load_preset(preset).hmm)
            trained = [row["symbol_matrix"] for row in chosen if row["symbol_matrix"] is not None]
            matrices = np.array(trained, dtype=np.float64).reshape(-1, *exact.shape)
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
    heads = [f"{table.MEASURES[name]} (≤ {margin})" for name, margin in MARGINS.items()]
    lines = ["| process | seeds | " + " | ".join(heads) + " | minutes |", "|---" * (len(heads) + 3) + "|"]
    for process in dict.fromkeys(row["preset"] for row in sorted(rows, key=order)):
        chosen = [row for row in rows if row["preset"] == process]
        cells = [render_median(chosen, name, margin) for name, margin in MARGINS.items()]
        minutes = np.median([row["training_seconds"] for row in chosen]) / 60
        lines.append(f"| {process} | {len(chosen)} | {' | '.join(cells)} | {minutes:.1f} |")
    return "\n".join(lines) + "\n"


def render_median(rows: list[dict], name: str, margin: float) -> str:
    """Median of the size of a measure, bold where it misses its margin."""
    median = float(np.median([abs(table.find_value(row, name)) for row in rows]))
    text = table.format_number(median)
    return text if median <= margin else f"**{text}**"


def render_measures(rows: list[dict]) -> str:
    """Every measure, with its floor in parentheses, from h₀ = 0 over the training window."""
    names = list(table.MEASURES)
    lines = [
        "| process | seed | " + " | ".join(table.MEASURES.values()) + " |",
        "|---" * (len(names) + 2) + "|",
    ]
    for row in sorted(rows, key=order):
        cells = [render_cell(table.find_measure(row, name)) for name in names]
        lines.append(f"| {row['preset']} | {row['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def render_training(rows: list[dict]) -> str:
    """Loss, floor, plateau, transition, time, origin."""
    lines = [
        "| process | seed | best validation loss | floor | paper | plateau from | second drop | best epoch | "
        "epochs | threads | minutes | commit |",
        "|---" * 12 + "|",
    ]
    for row in sorted(rows, key=order):
        losses = [
            table.format_number(row[key], ".2f") for key in ("best_validation_loss", "validation_floor")
        ]
        counts = [
            row[key] for key in ("plateau_start", "transition_epoch", "best_epoch", "epochs", "threads")
        ]
        minutes = f"{row['training_seconds'] / 60:.1f}"
        cells = [row["preset"], row["seed"], *losses, find_paper_loss(row), *counts, minutes, row["commit"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def find_paper_loss(row: dict) -> float | str:
    """Best loss of the paper's networks, where it is of the same kind."""
    return "-" if row["recipe"] == "faithful" else PAPER_BEST_LOSS.get(row["preset"], "-")


def render_cell(measure: dict) -> str:
    """Value with its floor."""
    return f"{table.format_number(measure['estimate'])} ({table.format_number(measure['floor'])})"


def order(row: dict) -> tuple:
    """Rows in the order of the presets, then by seed."""
    names = [*list_presets(), *itertools.chain(*DRAWN_PROCESSES.values())]
    return names.index(row["preset"]) if row["preset"] in names else len(names), row["preset"], row["seed"]


if __name__ == "__main__":
    main()
