"""``orbitscope evaluate``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from .options import Json
from .overrides import EvaluateOverrides

if TYPE_CHECKING:
    from ..evaluation import EvaluationResult


def evaluate(
    run: Path,
    /,
    *,
    threads: int | None = None,
    json: Json = False,
    overrides: Annotated[EvaluateOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Compare a run's network with its process: table and figures.

    Saves `results/evaluation.nc` and `figures/` in the run folder; of a network of the zoo a copy is made in
    `runs/zoo-NAME`.

    Parameters
    ----------
    run
        Run folder, made by `orbitscope train` or `orbitscope import`, or a network of the zoo, as
        `orbitscope zoo` lists them.
    threads
        Threads. [default: those of the run]
    json
        Print one JSON document on standard output.
    """
    from ..zoo import open_writable_run
    from .display import print_json

    run = open_writable_run(run).path
    changes: dict[str, Any] = {**(overrides or {}), **({} if threads is None else {"threads": threads})}
    result = evaluate_and_draw(run, changes)
    if json:
        print_json({"run": run, "evaluation": describe_evaluation(result)})
    else:
        print_evaluation(run, result)


def evaluate_and_draw(run: Path, changes: dict[str, Any] | None = None) -> "EvaluationResult":
    """Evaluate a run and draw its figures, with a progress bar."""
    from .display import ProgressDisplay

    options = {"changes": changes} if changes else {}
    with ProgressDisplay(f"Evaluating {run}") as progress:
        from ..pipeline import draw_run_figures, evaluate_run
        from ..progress import Progress

        result = evaluate_run(run, **options, progress=progress)
        progress(Progress("evaluate", 1.0, 1.0, "drawing figures", {}))
        draw_run_figures(run)
    return result


def describe_evaluation(result: "EvaluationResult") -> dict[str, Any]:
    """JSON form of an evaluation: its table, what it was computed with, and how that went."""
    from ..evaluation import tabulate

    return {"measures": tabulate(result), "settings": result.settings, "status": result.status}


def print_evaluation(run: Path, result: "EvaluationResult") -> None:
    """Show one table per start, and where the files are."""
    from ..evaluation import tabulate
    from .display import print_blank, print_facts, print_table

    rows = tabulate(result)
    for start in dict.fromkeys(row["start"] for row in rows):
        print_blank()
        lines = [_format_row(row) for row in rows if row["start"] == start and row["estimate"] is not None]
        print_table(_COLUMNS, lines, title=_TITLES[start], numbers=_COLUMNS[1:5])
    print_blank()
    for note in result.status.get("notes", ()):
        print_facts({"Note": note})
    print_facts({"Figures": run / "figures", "Result": run / "results" / "evaluation.nc"})


_COLUMNS = ("Measure", "Network", "Interval", "HMM", "Margin", "Verdict")
_TITLES = {
    "zero": "Started from h = 0, as in training (HMM: a sample of the process)",
    "stationary": "Started after a burn-in (HMM: a stationary sample)",
}


def _format_row(row: dict[str, Any]) -> tuple[str, ...]:
    interval = "" if row["low"] is None else f"{_format_number(row['low'])} … {_format_number(row['high'])}"
    verdict = "" if row["margin"] is None else row["verdict"]
    numbers = [_format_number(row[key]) for key in ("estimate", "floor", "margin")]
    return (row["measure"].replace("_", " "), numbers[0], interval, *numbers[1:], verdict)


def _format_number(value: float | int | None) -> str:
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or 1e-4 <= abs(value) < 100:
        return f"{value:.4f}" if abs(value) < 1 else f"{value:.3f}"
    return f"{value:.2g}"
