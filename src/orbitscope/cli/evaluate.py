"""``orbitscope evaluate``."""

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

    Saves `results/evaluation.nc` and `figures/` in the run folder.

    Parameters
    ----------
    run
        Run folder, made by `orbitscope train` or `orbitscope import`.
    threads
        Threads. [default: those of the run]
    json
        Print one JSON document on standard output.
    """
    from .display import print_json

    changes: dict[str, Any] = {**(overrides or {}), **({} if threads is None else {"threads": threads})}
    result = evaluate_and_draw(run, changes)
    if json:
        print_json({"run": run, "evaluation": result})
    else:
        print_evaluation(run, result)


def evaluate_and_draw(run: Path, changes: dict[str, Any] | None = None) -> "EvaluationResult":
    """Evaluate a run and draw its figures, with a progress bar."""
    from ..pipeline import draw_run_figures, evaluate_run
    from .display import ProgressDisplay

    options = {"changes": changes} if changes else {}
    with ProgressDisplay(f"Evaluating {run}") as progress:
        result = evaluate_run(run, **options, progress=progress)
        draw_run_figures(run)
    return result


def print_evaluation(run: Path, result: "EvaluationResult") -> None:
    """Show the table, and where the files are."""
    from ..evaluation import tabulate
    from .display import print_facts, print_table

    print_table(*tabulate(result))
    print_facts({"Figures": run / "figures", "Result": run / "results" / "evaluation.nc"})
