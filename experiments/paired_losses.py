"""The paired experiment: sampled sequences or words as the loss, everything else alike, six seeds each.

    python experiments/paired_losses.py
    python experiments/paired_losses.py --seeds 0 2 4 --threads 1

Is a property of the networks one of emulation, or of the loss? For linear-2 and linear-3 each seed trains
two networks from the same initial weights with the same schedule and takes the last epoch of both: one with
the paper's Sinkhorn divergence of sampled sequences, one with the loss of the recipe `faithful`, laws of
words and likelihood ratios. The network is the unit. What differs with the loss beside it: the first learns
from 10 000 sampled targets, the second from what holds for the process; the norm at which the gradient is
clipped is in units of the loss; the recurrent noise is the same in the first update of an epoch only,
because symbols are drawn from the same stream; and batches of 1000 bias the first loss more than the
paper's 4096. Growth of activity is not penalised in either.

Fixed in advance: the size of the cross-entropy gap is the primary measure, one test per process, once all
pairs are there (smallest possible p: 2/64). All other measures have an interval and no test.

Decided after a network of linear-2 had diverged, as follows from "once all pairs are there": a process that
has lost a pair is not tested. Those that are left are not random pairs.

Added later, with the first measures known: pairs of further seeds, so that six of each process leave the
plateau with either loss and can be taken apart (experiments/circuit_table.py). The planned test and the
table of differences do not look at them.

Resumable: a row in docs/paired_losses.jsonl is not computed again, a killed run continues where it was. Each
finished run is packed into experiments/paired_runs/ (final weights, history, evaluation, checkpoints in half
precision, half of them around the drop), and the whole one in runs/paired/ is removed once its row is
written. docs/results.md is rewritten after each.
"""

import argparse
import shutil
from itertools import product
from typing import Any

import numpy as np
import rows as table
from scipy import stats

from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder, choose_epochs, pack_run
from orbitscope.settings import RunSettings

ROWS = table.ROOT / "docs" / "paired_losses.jsonl"
RUNS = table.ROOT / "runs" / "paired"
PACKED = table.ROOT / "experiments" / "paired_runs"

PROCESSES = ("linear-2", "linear-3")
OBJECTIVES = ("sequences", "words")
"""Setting `loss.objective`: the published loss, and the laws of words with likelihood ratios beside them."""

NEIGHBOUR_WEIGHT = 3.0
"""Setting `loss.neighbour_weight` of the recipe `faithful`; it has no effect on sequences."""

PRIMARY = "cross_entropy_gap"
SIGNED = ("rare_symbol_error", "volatility_error", "cross_entropy_gap")
"""Measures whose size is compared, so that errors of either sign do not cancel."""

_MEMORY = 0.25
"""Share of the memory of the process at which the plateau is left, which means the same for both losses."""

SEEDS = (0, 1, 2, 3, 4, 5)
ADDED_SEEDS = {"linear-2": (6, 7), "linear-3": (6,)}
"""Seeds of the pairs that were added to have six without a network that diverged or stayed on the plateau."""

N_CHECKPOINTS = 16

EPOCHS = {"linear-2": 90, "linear-3": 150}
"""Of a pilot seed, the published loss leaves the plateau of linear-2 at about 40, of linear-3 at about 50."""


def build_schedule(epochs: int) -> dict[str, Any]:
    """Changes to the recipe `published`, the same for both losses: smaller batches, a rate that falls.

    Only the last epoch is validated, so neither loss chooses the epoch of its networks.
    """
    return {
        "epochs": epochs,
        "batch_size": 1000,
        "learning_rate": 1e-3,
        "final_learning_rate": 1e-4,
        "decay_start": 0.6,
        "validate_every": epochs,
        "checkpoint_every": 2,
    }


def main() -> None:
    """Compute the rows that are missing and rewrite the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=None, help="all by default")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    wanted = list_settings(arguments.threads)
    if arguments.seeds is not None:
        wanted = [settings for settings in wanted if settings.seed in arguments.seeds]
    remove_whole_runs()
    table.fill_table(ROWS, wanted, compute_row, write_page)
    remove_whole_runs()


def list_settings(threads: int = 2) -> list[RunSettings]:
    """Settings of all networks, pair by pair; those of a pair differ in the loss alone."""
    planned = list(product(SEEDS, PROCESSES))
    added = [(seed, process) for process in PROCESSES for seed in ADDED_SEEDS[process]]
    return [
        build_paired_settings(process, objective, seed, threads)
        for (seed, process), objective in product([*planned, *added], OBJECTIVES)
    ]


def build_paired_settings(process: str, objective: str, seed: int, threads: int) -> RunSettings:
    """Settings of one network."""
    loss = {"objective": objective, "neighbour_weight": NEIGHBOUR_WEIGHT}
    changes = {"train": build_schedule(EPOCHS[process]), "loss": loss}
    return build_settings(process, recipe="published", seed=seed, threads=threads, changes=changes)


def compute_row(settings: RunSettings) -> dict:
    """Train (or continue) one network, evaluate it, pack its run, and collect its row."""
    name = f"{settings.process}-{settings.loss.objective}-{settings.seed}"
    run = table.train_or_continue(settings, RUNS / name)
    row = table.describe_run(run) | {"memory_epoch": find_memory_epoch(run)}
    if row["phase"] != "diverged":
        drop = row["memory_epoch"]
        epochs = choose_epochs(run.list_checkpoints(), drop=drop, n_most=N_CHECKPOINTS)
        shutil.rmtree(PACKED / name, ignore_errors=True)
        pack_run(run, PACKED / name, epochs=epochs)
    return row


def find_memory_epoch(run: RunFolder) -> int | None:
    """First epoch with a quarter of the memory of the process."""
    return next((r.epoch for r in run.read_history() if r.memory >= _MEMORY), None)


def remove_whole_runs() -> None:
    """Delete the whole runs that have a packed copy and a row; a run that a kill cut short has no row."""
    for settings in list_settings():
        name = f"{settings.process}-{settings.loss.objective}-{settings.seed}"
        has_row = table.find_row(table.read_rows(ROWS), settings) is not None
        if has_row and (PACKED / name / "weights.safetensors").is_file():
            shutil.rmtree(RUNS / name, ignore_errors=True)


def write_page() -> None:
    """Rewrite the generated part of docs/results.md from the rows of these very settings."""
    found = [table.find_row(table.read_rows(ROWS), settings) for settings in list_settings()]
    rows = sorted((row for row in found if row is not None), key=table.identify)
    table.write_section("paired losses", f"{render_differences(rows)}\n{render_rows(rows)}")


def render_differences(rows: list[dict]) -> str:
    """Mean over seeds with each loss, and the paired difference with its interval."""
    lines = [
        f"| process | measure | sequences | words | words − sequences | 95 % CI | p ({PRIMARY}) | pairs |",
        "|---" * 8 + "|",
    ]
    for process, (name, label) in product(PROCESSES, table.MEASURES.items()):
        pairs = find_pairs(rows, process, name)
        if len(pairs) > 1:
            heading = f"size of {label}" if name in SIGNED else label
            is_tested = name == PRIMARY and len(pairs) == len(SEEDS)
            p_value = table.format_number(compute_p_value(pairs) if is_tested else None)
            lines.append(f"| {process} | {heading} | {render_pairs(pairs)} | {p_value} | {len(pairs)} |")
    return "\n".join(lines) + "\n"


def find_pairs(rows: list[dict], process: str, measure: str) -> np.ndarray:
    """Value of a measure for each seed whose two networks both have one, (seed, objective)."""
    values = {
        (row["preset"], row["loss"]["objective"], row["seed"]): table.find_value(row, measure) for row in rows
    }
    pairs = np.array([[values.get((process, o, seed), np.nan) for o in OBJECTIVES] for seed in SEEDS])
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    return np.abs(pairs) if measure in SIGNED else pairs


def render_pairs(pairs: np.ndarray) -> str:
    """Means, difference and t interval of paired values, (seed, objective)."""
    difference = pairs[:, 1] - pairs[:, 0]
    interval = stats.ttest_1samp(difference, 0.0).confidence_interval()
    means = " | ".join(f"{mean:.3g}" for mean in (*pairs.mean(axis=0), difference.mean()))
    return f"{means} | {interval.low:.3g} … {interval.high:.3g}"


def compute_p_value(pairs: np.ndarray) -> float:
    """Two-sided p-value of all sign flips of the paired differences: 64 of six pairs, so none is drawn."""
    difference = pairs[:, 1] - pairs[:, 0]
    test = stats.permutation_test((difference,), np.mean, permutation_type="samples", n_resamples=10**6)
    return float(test.pvalue)


def render_rows(rows: list[dict]) -> str:
    """One line per network: what it measures, how its training went."""
    ends = ("plateau from", "memory ≥ ¼", "phase", "minutes", "commit")
    heads = ("process", "loss", "seed", *table.MEASURES.values(), *ends)
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        measures = [table.format_number(table.find_value(row, name)) for name in table.MEASURES]
        training = [row["plateau_start"], row["memory_epoch"], row["phase"], row["training_seconds"] / 60]
        cells = [row["preset"], row["loss"]["objective"], row["seed"], *measures, *training, row["commit"]]
        lines.append(f"| {' | '.join(f'{c:.1f}' if isinstance(c, float) else str(c) for c in cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
