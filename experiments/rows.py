"""Rows of the tables: one trained and evaluated network each, kept as JSON lines in docs/."""

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from orbitscope.atomic_files import write_text
from orbitscope.evaluation import tabulate
from orbitscope.pipeline import evaluate_run, find_transition, resume_run, train_run
from orbitscope.plain_json import make_plain
from orbitscope.runs import RunFolder, find_commit
from orbitscope.settings import RunSettings

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


def read_rows(path: Path) -> list[dict]:
    """Rows computed so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_row(path: Path, row: dict, identify: Callable[[dict], tuple]) -> None:
    """Write one row, in place of an older one of the same network, and say so."""
    rows = [*(old for old in read_rows(path) if identify(old) != identify(row)), row]
    write_text(path, "".join(json.dumps(make_plain(r), allow_nan=False) + "\n" for r in rows))
    print(*identify(row), f"{row['training_seconds']:.0f} s", flush=True)


def train_or_continue(settings: RunSettings, folder: Path) -> RunFolder:
    """Train a run to its end; one that was killed goes on where it was."""
    if not (folder / "config.toml").exists():
        train_run(settings, folder)
    elif have_same_recipe(RunFolder(folder).read_settings(), settings):
        resume_run(folder)
    else:
        raise SystemExit(f"{folder} was trained with other settings. Move it away.")
    return RunFolder(folder)


def have_same_recipe(first: RunSettings, second: RunSettings) -> bool:
    """Whether two runs are trained alike."""
    return (first.train, first.loss) == (second.train, second.loss)


def describe_run(folder: RunFolder) -> dict[str, Any]:
    """Evaluate a finished run and collect its row."""
    result = evaluate_run(folder.path)
    settings, history = folder.read_settings(), folder.read_history()
    transition = find_transition(history)
    losses = [(r.validation_loss, r.epoch) for r in history if r.validation_loss is not None]
    zero = result.start.tolist().index("zero")
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
        "best_epoch": min(losses)[1],
        "best_validation_loss": min(losses)[0],
        "validation_floor": next(r.validation_floor for r in history if r.validation_floor is not None),
        "phase": transition.status,
        "transition_epoch": None if transition.index is None else transition.index + 1,
        "plateau_start": None if transition.plateau_start is None else transition.plateau_start + 1,
        "symbol_matrix": result.symbol_matrix[zero, result.source.tolist().index("network")].tolist(),
        "measures": tabulate(result),
    }


def find_measure(row: dict, name: str) -> dict:
    """One measure of a row, from the zero start."""
    return next(m for m in row["measures"] if m["measure"] == name and m["start"] == "zero")


def write_section(name: str, text: str) -> None:
    """Rewrite one generated part of docs/results.md."""
    start, end = f"<!-- {name}: generated -->", f"<!-- end of {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    write_text(PAGE, f"{before}{start}\n{text}\n{end}{after}")
