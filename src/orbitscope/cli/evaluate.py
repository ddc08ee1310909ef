"""``orbitscope evaluate``."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from .options import Json
from .overrides import EvaluateOverrides

if TYPE_CHECKING:
    from ..evaluation import Emulation, EvaluationResult


def evaluate(
    run: Path,
    /,
    *,
    all: Annotated[bool, Parameter(negative=())] = False,
    threads: int | None = None,
    json: Json = False,
    overrides: Annotated[EvaluateOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Does a run's network emulate its process? Conclusion, table and figures.

    Each measure stands beside that of a sample of the process (its floor) and the margin within which a
    difference counts as none. Saves `results/evaluation.nc` and `figures/` in the run folder; of a network of
    the zoo a copy is made in `runs/zoo-NAME`.

    Parameters
    ----------
    run
        Run folder, made by `orbitscope train` or `orbitscope import`, or a network of the zoo, as
        `orbitscope zoo` lists them.
    all
        Show the measures without a margin, too.
    threads
        Threads. [default: those of the run]
    json
        Print one JSON document on standard output.
    """
    from ..runs.zoo import open_writable_run
    from .display import print_json

    run = open_writable_run(run).path
    changes: dict[str, Any] = {**(overrides or {}), **({} if threads is None else {"threads": threads})}
    result = evaluate_and_draw(run, changes)
    if json:
        print_json({"run": run, "evaluation": describe_evaluation(run, result)})
    else:
        print_evaluation(run, result, everything=all)


def evaluate_and_draw(run: Path, changes: dict[str, Any] | None = None) -> "EvaluationResult":
    """Evaluate a run and draw its figures, with a progress bar."""
    from .display import ProgressDisplay

    options = {"changes": changes} if changes else {}
    with ProgressDisplay(f"Evaluating {run}") as progress:
        from ..progress import Progress
        from ..workflows.draw_run import draw_run_figures
        from ..workflows.evaluate_run import evaluate_run

        result = evaluate_run(run, **options, progress=progress)
        progress(Progress("evaluate", 1.0, 1.0, "drawing figures", {}))
        draw_run_figures(run)
    return result


def describe_evaluation(run: Path, result: "EvaluationResult") -> dict[str, Any]:
    """JSON form of an evaluation: conclusion, table, what it was computed with, and how that went."""
    from ..evaluation import tabulate

    emulation = asdict(conclude(run, result))
    return {
        "emulation": emulation,
        "measures": tabulate(result),
        "settings": result.settings,
        "status": result.status,
    }


def conclude(run: Path, result: "EvaluationResult") -> "Emulation":
    """Whether the network emulates, from h = 0 as in training."""
    from ..evaluation import conclude_emulation
    from ..runs.zoo import open_run

    return conclude_emulation(result, loss=open_run(run).read_settings().loss)


def print_evaluation(run: Path, result: "EvaluationResult", *, everything: bool = False) -> None:
    """Show the conclusion, one table per start, what comes next, and where the files are."""
    from ..evaluation import tabulate
    from .display import print_blank, print_facts, print_sentences, print_table

    emulation = conclude(run, result)
    print_blank()
    print_sentences(emulation.sentences)
    rows = [row for row in tabulate(result) if row["estimate"] is not None]
    judged = [row for row in rows if row["margin"] is not None]
    others = [row for row in rows if row["margin"] is None]
    shown = judged + others if everything else judged
    columns = [name.format(result.settings["evaluation"]["confidence"]) for name in _COLUMNS]
    for start in dict.fromkeys(row["start"] for row in rows):
        print_blank()
        lines = [_format_row(row) for row in shown if row["start"] == start]
        print_table(columns, lines, title=_TITLES[start], numbers=columns[1:5])
    print_blank()
    for note in _list_notes(
        result, shown, n_left_out=0 if everything else len({row["measure"] for row in others})
    ):
        print_facts({"Note": note})
    print_facts({"Figures": run / "figures", "Result": run / "results" / "evaluation.nc"})
    print_blank()
    print_next(run, emulation)


def print_next(run: Path, emulation: "Emulation") -> None:
    """Show the commands that come next."""
    from ..runs import RunFolder
    from .display import print_facts

    settings = RunFolder(run).read_settings()
    steps = {f"orbitscope analyse {run}": "look inside the network (about a minute)"}
    if emulation.verdict != "emulates" and settings.recipe in ("fast", "published"):
        better = f"orbitscope train {settings.process} --recipe faithful"
        steps[better] = "closer to the process, by another loss"
    print_facts({"Next": ""} | {f"  {command}": what for command, what in steps.items()})


def _list_notes(result: "EvaluationResult", shown: list[dict[str, Any]], *, n_left_out: int) -> list[str]:
    notes = list(result.status.get("notes", ()))
    if any(math.isinf(value) for row in shown for value in row.values() if isinstance(value, float)):
        notes.append("∞: the network emits sequences that the process cannot emit")
    if n_left_out:
        notes.append(f"{n_left_out} more measures, which have no margin, with --all")
    return notes


_COLUMNS = ("Measure", "Network", "{:.0%} interval", "Process", "Margin", "Verdict")
_LABELS = {"classifier_auc": "classifier AUC (chance: 0.5)"}
_TITLES = {
    "zero": "Started from h = 0, as in training (process: a sample observed in the same way)",
    "stationary": "Started after a burn-in (process: a stationary sample)",
}


def _format_row(row: dict[str, Any]) -> tuple[str, ...]:
    from ..evaluation import VERDICT_WORDS

    label = _LABELS.get(row["measure"], str(row["measure"]).replace("_", " "))
    interval = "" if row["low"] is None else f"{_format_number(row['low'])} … {_format_number(row['high'])}"
    numbers = [_format_number(row[key]) for key in ("estimate", "floor", "margin")]
    verdict = VERDICT_WORDS.get(row["verdict"], "")
    return (label, numbers[0], interval, *numbers[1:], verdict)


def _format_number(value: float | int | None) -> str:
    """Four decimals, for every number of a column alike."""
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4f}".replace("-0.0000", "0.0000").replace("-", "−")
