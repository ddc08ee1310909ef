"""The paired experiment: the published loss or words, everything else alike, six seeds each.

    python experiments/paired_losses.py

Is a property of the networks one of emulation, or of the loss? For linear-2 and linear-3 each seed trains two
networks from the same initial weights with the same schedule: one with the paper's Sinkhorn divergence, one
with the divergence of word laws. The network is the unit.

Resumable: a row in docs/paired_losses.jsonl is not computed again, a killed run continues where it was. Each
finished run is packed into runs/paired/ (final weights, history, evaluation, checkpoints in half precision,
half of them around the drop), and the full one removed. docs/results.md is rewritten after each.
"""

import argparse
import shutil
from itertools import product

import numpy as np
from rows import (
    MEASURES,
    ROOT,
    add_row,
    describe_run,
    find_measure,
    read_rows,
    train_or_continue,
    write_section,
)
from scipy import stats

from orbitscope.recipes import build_settings
from orbitscope.runs import choose_epochs, pack_run
from orbitscope.settings import RunSettings

ROWS = ROOT / "docs" / "paired_losses.jsonl"
RUNS = ROOT / "runs" / "paired"

PROCESSES = ("linear-2", "linear-3")
OBJECTIVES = {"sequences": "published", "words": "words"}
"""Setting `loss.objective`, and what the table calls it."""

SEEDS = (0, 1, 2, 3, 4, 5)
N_CHECKPOINTS = 32

SCHEDULE = {
    "epochs": 150,
    "batch_size": 1000,
    "learning_rate": 1e-3,
    "final_learning_rate": 1e-4,
    "decay_start": 0.6,
    "validate_every": 10,
    "checkpoint_every": 2,
}
"""Changes to the recipe `published`, the same for both losses: smaller batches, a rate that falls."""


def main() -> None:
    """Compute the rows that are missing and rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    for seed, process, objective in product(SEEDS, PROCESSES, OBJECTIVES):
        settings = build_paired_settings(process, objective, seed, threads)
        if not is_done(settings):
            add_row(ROWS, compute_row(settings), identify)
        write_page()


def build_paired_settings(process: str, objective: str, seed: int, threads: int) -> RunSettings:
    """Settings of one network; those of a pair differ in the loss alone."""
    changes = {"train": SCHEDULE, "loss": {"objective": objective}}
    return build_settings(process, recipe="published", seed=seed, threads=threads, changes=changes)


def is_done(settings: RunSettings) -> bool:
    """Whether there is a row of this network that was trained like this."""
    rows = [row for row in read_rows(ROWS) if identify(row) == identify_settings(settings)]
    return any(row["train"] == settings.train.model_dump() for row in rows)


def identify(row: dict) -> tuple[str, str, int]:
    """What a row is about."""
    return row["preset"], row["loss"]["objective"], row["seed"]


def identify_settings(settings: RunSettings) -> tuple[str, str, int]:
    """What the row of these settings will be about."""
    return settings.process, settings.loss.objective, settings.seed


def compute_row(settings: RunSettings) -> dict:
    """Train (or continue) one network, evaluate it, pack its run, and collect its row."""
    name = "-".join(map(str, identify_settings(settings)))
    run = train_or_continue(settings, RUNS / "whole" / name)
    row = describe_run(run)
    epochs = choose_epochs(run.list_checkpoints(), drop=row["transition_epoch"], n_most=N_CHECKPOINTS)
    shutil.rmtree(RUNS / name, ignore_errors=True)
    pack_run(run, RUNS / name, epochs=epochs)
    shutil.rmtree(run.path)
    return row


def write_page() -> None:
    """Rewrite the generated part of docs/results.md."""
    rows = sorted(read_rows(ROWS), key=identify)
    write_section("paired losses", f"{render_differences(rows)}\n{render_rows(rows)}")


def render_differences(rows: list[dict]) -> str:
    """Mean over seeds with each loss, and the paired difference with its interval."""
    lines = [
        "| process | measure | published | words | words − published | 95 % CI | p | pairs |",
        "|---" * 8 + "|",
    ]
    for process, (name, label) in product(PROCESSES, MEASURES.items()):
        pairs = find_pairs(rows, process, name)
        if len(pairs) > 1:
            lines.append(f"| {process} | {label} | {render_pairs(pairs)} | {len(pairs)} |")
    return "\n".join(lines) + "\n"


def find_pairs(rows: list[dict], process: str, measure: str) -> np.ndarray:
    """Value of a measure for each seed that has both networks, (seed, objective)."""
    values = {identify(row): find_measure(row, measure)["estimate"] for row in rows}
    pairs = [[values.get((process, objective, seed)) for objective in OBJECTIVES] for seed in SEEDS]
    return np.array([pair for pair in pairs if None not in pair], dtype=np.float64)


def render_pairs(pairs: np.ndarray) -> str:
    """Means, difference, t interval and exact sign-flip p-value of paired values, (seed, objective)."""
    difference = pairs[:, 1] - pairs[:, 0]
    interval = stats.ttest_1samp(difference, 0.0).confidence_interval()
    test = stats.permutation_test((difference,), np.mean, permutation_type="samples", n_resamples=np.inf)
    means = " | ".join(f"{mean:.3g}" for mean in (*pairs.mean(axis=0), difference.mean()))
    return f"{means} | {interval.low:.3g} … {interval.high:.3g} | {test.pvalue:.3f}"


def render_rows(rows: list[dict]) -> str:
    """One line per network: what it measures, how its training went, where its run is."""
    heads = (
        "process",
        "loss",
        "seed",
        *MEASURES.values(),
        "plateau from",
        "second drop",
        "minutes",
        "commit",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        process, objective, seed = identify(row)
        measures = [f"{find_measure(row, name)['estimate']:.3g}" for name in MEASURES]
        training = [row["plateau_start"], row["transition_epoch"], f"{row['training_seconds'] / 60:.1f}"]
        cells = [process, OBJECTIVES[objective], seed, *measures, *training, row["commit"]]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
