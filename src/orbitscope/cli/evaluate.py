"""``orbitscope evaluate``."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.commands import format_command
from .options import Json
from .overrides import EvaluateOverrides

if TYPE_CHECKING:
    from ..evaluation import Emulation, EvaluationResult
    from ..quantity import Quantity
    from ..settings import RunSettings


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
    """JSON form of an evaluation: conclusion, quantities, what it was computed with, and how that went."""
    from ..evaluation import SECTION
    from ..quantity import add_section

    return {
        "emulation": conclude(run, result).to_plain(),
        "measures": [quantity.to_plain() for quantity in add_section(SECTION, result.list_quantities())],
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
    from .display import print_blank, print_facts, print_sentences, print_table

    emulation = conclude(run, result)
    print_blank()
    print_sentences(emulation.sentences)
    columns = [name.format(result.settings["evaluation"]["confidence"]) for name in _COLUMNS]
    shown: list[Quantity] = []
    n_left_out = 0
    for start in result.start.tolist():
        defined = [quantity for quantity in result.list_quantities_from(start) if not quantity.word]
        main = [quantity for quantity in defined if quantity.is_main]
        others = [quantity for quantity in defined if not quantity.is_main]
        rows = main + others if everything else main
        print_blank()
        print_table(columns, map(_format_row, rows), title=_TITLES[start], numbers=columns[1:5])
        shown += rows
        n_left_out = max(n_left_out, 0 if everything else len(others))
    print_blank()
    for note in _list_notes(result, shown, n_left_out=n_left_out):
        print_facts({"Note": note})
    print_facts({"Figures": run / "figures", "Result": run / "results" / "evaluation.nc"})
    print_blank()
    print_next(run, emulation)


def print_next(run: Path, emulation: "Emulation") -> None:
    """Show the commands that come next."""
    from ..runs import RunFolder
    from .display import print_facts

    settings = RunFolder(run).read_settings()
    steps = {format_command("analyse", run): "look inside the network (some minutes)"}
    steps |= advise_loss(settings, emulation)
    print_facts({"Next": ""} | {f"  {command}": what for command, what in steps.items()})


def advise_loss(settings: "RunSettings", emulation: "Emulation | None") -> dict[str, str]:
    """The command that trains a network which emulates better, if there is one, and what it does."""
    if emulation is None or emulation.verdict == "emulates" or settings.recipe not in ("fast", "published"):
        return {}
    command = format_command("train", settings.process, "--recipe", "faithful")
    return {command: "closer to the process, by another loss"}


def _list_notes(result: "EvaluationResult", shown: "Iterable[Quantity]", *, n_left_out: int) -> list[str]:
    notes = list(result.status.get("notes", ()))
    if any(math.isinf(quantity.estimate.value) for quantity in shown):
        notes.append("∞: the network emits sequences that the process cannot emit")
    if n_left_out:
        notes.append(f"{n_left_out} more measures, which have no margin, with --all")
    return notes


_COLUMNS = ("Measure", "Network", "{:.0%} interval", "Process", "Margin", "Verdict")
_TITLES = {
    "zero": "Started from h = 0, as in training (process: a sample observed in the same way)",
    "stationary": "Started after a burn-in (process: a stationary sample)",
}


def _format_row(quantity: "Quantity") -> tuple[str, ...]:
    from ..evaluation import PROCESS_SAMPLE

    value, low, high = (_format_number(limit) for limit in quantity.estimate.to_plain().values())
    floor, margin = quantity.find_reference(PROCESS_SAMPLE), quantity.margin
    return (
        quantity.label,
        value,
        f"{low} … {high}" if low else "",
        _format_number(float(floor.estimate)) if floor else "",
        _format_number(margin.size) if margin else "",
        margin.verdict if margin else "",
    )


def _format_number(value: float | int | None) -> str:
    """Four decimals, for every number of a column alike."""
    if value is None:
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4f}".replace("-0.0000", "0.0000").replace("-", "−")
