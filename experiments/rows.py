"""Rows of the tables: one trained and evaluated network each, kept as JSON lines in docs/."""

import datetime
import itertools
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from orbitscope.evaluation import PROCESS_SAMPLE, EvaluationResult
from orbitscope.hmm import load_process
from orbitscope.runs import RunFolder
from orbitscope.runs.checkpoints import load_tensors
from orbitscope.settings import LossSettings, RunSettings, TrainSettings
from orbitscope.statistics import Estimate
from orbitscope.system.atomic_files import write_text
from orbitscope.system.installation import find_commit
from orbitscope.system.plain_json import make_plain
from orbitscope.training import EpochRecord, TrainingDivergedError, find_transition
from orbitscope.workflows.evaluate_run import evaluate_run
from orbitscope.workflows.train_run import resume_run, train_run

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "results.md"

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
"""Measures that the tables show, and their headings."""

COLUMNS = ("estimate", "low", "high", "floor", "floor_low", "floor_high")
"""Numbers of a measure in a row; rows of earlier versions have more."""


def read_rows(path: Path) -> list[dict]:
    """Rows computed so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def fill_table(
    path: Path,
    wanted: Iterable[RunSettings],
    compute_row: Callable[[RunSettings], dict],
    write_page: Callable[[], None],
) -> None:
    """Compute the rows that are missing, one by one, and rewrite the page after each."""
    for settings in wanted:
        if find_row(read_rows(path), settings) is None:
            add_row(path, compute_row(settings))
            write_page()
    write_page()


def find_row(rows: list[dict], settings: RunSettings) -> dict | None:
    """The row of this network, if it was trained with these very settings."""
    wanted = (settings.train, settings.loss)
    named = [row for row in rows if identify(row) == _identify_settings(settings)]
    return next((row for row in named if _read_settings(row) == wanted), None)


def identify(row: dict) -> tuple[str, str, str, int]:
    """What a row is about: recipe, process, objective, seed."""
    return row["recipe"], row["preset"], _read_settings(row)[1].objective, row["seed"]


def add_row(path: Path, row: dict) -> None:
    """Write one row, in place of an older one of the same network, and say so."""
    write_rows(path, [*(old for old in read_rows(path) if identify(old) != identify(row)), row])
    print(*identify(row), row["phase"], f"{row['training_seconds']:.0f} s", flush=True)


def write_rows(path: Path, rows: Iterable[dict]) -> None:
    """Write all rows in one step; NaN becomes null."""
    write_text(path, "".join(json.dumps(make_plain(row), allow_nan=False) + "\n" for row in rows))


def train_or_continue(settings: RunSettings, folder: Path) -> RunFolder:
    """Train a run to its end; one that was killed goes on where it was.

    A run that diverges stays as it is: its row says so, and the table goes on.
    """
    run = RunFolder(folder)
    settings = settings.override({"symbol_names": load_process(settings.process).symbol_names})
    if run.config.exists() and run.read_settings() != settings:
        raise SystemExit(f"{folder} was trained with other settings. Move it away.")
    try:
        resume_run(folder) if run.config.exists() else train_run(settings, folder)
    except TrainingDivergedError as error:
        print(f"{folder.name}: {error}", flush=True)
    return run


def describe_run(folder: RunFolder) -> dict[str, Any]:
    """Evaluate a finished run and collect its row; a run that diverged has a row without measures."""
    row = _describe_training(folder)
    if not folder.weights.is_file():
        return row | {"phase": "diverged", "symbol_matrix": None, "measures": []}
    result = evaluate_run(folder.path)
    zero = result.start.tolist().index("zero")
    matrix = result.symbol_matrix[zero, result.source.tolist().index("network")].tolist()
    return row | {"symbol_matrix": matrix, "measures": list_measures(result)}


def list_measures(result: EvaluationResult) -> list[dict[str, Any]]:
    """Value of every measure from every start, beside that of the process sample, each with its interval."""
    rows = []
    for start, name in itertools.product(result.start.tolist(), result.measure.tolist()):
        quantity = result.find_quantity(name, start)
        sample = quantity.find_reference(PROCESS_SAMPLE)
        floor = Estimate(math.nan) if sample is None else sample.estimate
        numbers = [*quantity.estimate.to_plain().values(), *floor.to_plain().values()]
        rows.append({"start": start, "measure": name} | dict(zip(COLUMNS, numbers, strict=True)))
    return rows


def find_value(row: dict, name: str) -> float:
    """Value of a measure from the zero start; NaN where it is undefined."""
    return read_number(find_measure(row, name)["estimate"])


def find_measure(row: dict, name: str) -> dict:
    """One measure of a row, from the zero start; without values where the network has none."""
    named = (m for m in row["measures"] if m["measure"] == name and m["start"] == "zero")
    return next(named, {"estimate": None, "floor": None})


def read_number(value: float | str | None) -> float:
    """Read a number of a row: None is undefined, "inf" is infinite."""
    return math.nan if value is None else float(value)


def format_number(value: float | str | None, form: str = ".3g") -> str:
    """Text of a number in a table, - where it is undefined."""
    number = read_number(value)
    return "-" if math.isnan(number) else f"{number:{form}}"


def write_section(name: str, text: str) -> None:
    """Rewrite one generated part of docs/results.md."""
    start, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    write_text(PAGE, f"{before}{start}\n{text}\n{end}{after}")


def _read_settings(row: dict) -> tuple[TrainSettings, LossSettings]:
    """Settings that a row was trained with; those that did not exist then have their defaults."""
    return TrainSettings.build(row["train"]), LossSettings.build(row.get("loss", {}))


def _identify_settings(settings: RunSettings) -> tuple[str, str, str, int]:
    return settings.recipe, settings.process, settings.loss.objective, settings.seed


def find_kept(folder: RunFolder) -> EpochRecord | None:
    """Record of the epoch whose weights a run has; of the lowest validation loss where it has none."""
    history = folder.read_history()
    if folder.weights.is_file():
        epoch = load_tensors(folder.weights).metadata["epoch"]
        return next(record for record in history if record.epoch == epoch)
    validated = [record for record in history if record.validation_loss is not None]
    return min(validated, key=lambda record: record.validation_loss, default=None)


def _describe_training(folder: RunFolder) -> dict[str, Any]:
    settings, history = folder.read_settings(), folder.read_history()
    transition = find_transition(history)
    best = find_kept(folder)
    floors = [r.validation_floor for r in history if r.validation_floor is not None]
    return {
        "recipe": settings.recipe,
        "preset": settings.process,
        "seed": settings.seed,
        "threads": settings.threads,
        "train": settings.train.model_dump(),
        "loss": settings.loss.model_dump(),
        "commit": folder.read_provenance()["commit"],
        "evaluation_commit": find_commit(),
        "date": datetime.date.today().isoformat(),
        "epochs": len(history),
        "training_seconds": float(np.sum([record.seconds for record in history])),
        "best_epoch": None if best is None else best.epoch,
        "best_validation_loss": None if best is None else best.validation_loss,
        "validation_floor": floors[0] if floors else None,
        "phase": transition.status,
        "transition_epoch": None if transition.index is None else history[transition.index].epoch,
        "plateau_start": None if (start := transition.plateau_start) is None else history[start].epoch,
    }
