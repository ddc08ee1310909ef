"""``orbitscope analyse``."""

import sys
from collections import Counter
from collections.abc import Iterator
from json import dumps as format_value
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.commands import format_command
from .options import Json, UsageError, read_settings_file

if TYPE_CHECKING:
    from ..evaluation import Emulation
    from ..workflows.analyse import Analysis


_MOST_ALIKE = 40
"""Rows of one kind in the table, such as hazards of directions; JSON has all."""


def analyse(
    run: Path | None = None,
    /,
    *,
    only: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    quick: Annotated[bool, Parameter(negative=())] = False,
    redo: Annotated[bool, Parameter(negative=())] = False,
    settings: Path | None = None,
    show: Annotated[bool, Parameter(name="--list", negative=())] = False,
    all: Annotated[bool, Parameter(negative=())] = False,
    threads: int | None = None,
    json: Json = False,
) -> None:
    """Look inside a run's network: global and local dynamics, part by part.

    Saves `results/PART.nc` (netCDF) and `figures/analysis/` in the run folder; of a network of the zoo a copy
    is made in `runs/zoo-NAME`. Parts that are there already are kept, so an analysis that was stopped goes on
    where it was.

    Parameters
    ----------
    run
        Run folder, made by `orbitscope train` or `orbitscope import`, or a network of the zoo, as
        `orbitscope zoo` lists them.
    only
        Parts to compute, with those that they need; `orbitscope analyse --list` names them. [default: all]
    quick
        Small sizes, for a first look: intervals are wide. It is saved in folders `quick` beside the full
        analysis.
    redo
        Compute anew what is there.
    settings
        TOML file with a table for each part, `[regions]` and `n_trajectories = 200` below it; `[all]` is for
        every part that has such a setting.
    show
        List the parts and all their settings, in the form of such a file, and compute nothing.
    all
        Show all quantities, not the main ones alone.
    threads
        Threads. [default: those of torch, up to the usable cores and to 4]
    json
        Print one JSON document on standard output.
    """
    from .display import ProgressDisplay, print_json

    if show:
        list_parts(json=json)
        return
    if run is None:
        raise UsageError("`RUN` is required. Name a run folder, or a network that `orbitscope zoo` lists.")
    with ProgressDisplay(f"Analysing {run}") as progress:
        from ..workflows.analyse_run import analyse_run

        options = {"quick": quick, "redo": redo, "threads": threads, "progress": progress}
        found = analyse_run(run, only=only, settings=read_settings_file(settings), **options)
    if json:
        print_json(describe_analysis(run, found))
    else:
        print_analysis(run, found, everything=all)


def list_parts(*, json: bool) -> None:
    """Show what each part asks, how long it takes, and its settings: a settings file with all defaults."""
    from ..parts import select_parts
    from .display import print_json

    keys = ("name", "question", "seconds", "settings", "quick")
    parts = select_parts()
    if json:
        rows = [
            (p.name, p.question, p.seconds, p.settings().model_dump(mode="json"), dict(p.quick))
            for p in parts
        ]
        print_json({"parts": [dict(zip(keys, row, strict=True)) for row in rows]})
        return
    for part in parts:
        lines = [f"# {part.question}", f"# about {part.seconds:g} s", f"[{part.name}]"]
        for key, value in part.settings().model_dump(mode="json").items():
            about = part.settings.model_fields[key].description
            quick = f"; quick: {part.quick[key]}" if key in part.quick else ""
            lines.append(f"{key} = {format_value(value)}  # {about}{quick}")
        sys.stdout.write("\n".join(lines) + "\n\n")


def describe_analysis(run: Path, found: "Analysis") -> dict[str, Any]:
    """JSON form: whether the network emulates, conclusions, and the quantities of each part."""
    emulation = _find_emulation(run)
    return {
        "run": run,
        "quick": found.quick,
        "emulation": None if emulation is None else emulation.to_plain(),
        "conclusions": found.conclusions,
        "parts": found.to_plain()["parts"],
    }


def print_analysis(run: Path, found: "Analysis", *, everything: bool = False) -> None:
    """Show whether the network emulates, conclusions, the main numbers or all, and where the files are."""
    from .display import print_blank, print_facts, print_sentences, print_table

    print_blank()
    print_sentences([_say_emulation(run), *found.conclusions])
    if found.quick:
        print_blank()
        print_facts(
            {"First look": "small sizes, so intervals are wide; leave out --quick for numbers to quote"}
        )
    print_blank()
    columns = ("Part", "Measure", "Value [interval]", "Beside it (of nulls: 95 %)")
    print_table(columns, _list_rows(found, everything=everything))
    print_blank()
    n_left_out = sum(not quantity.is_main for quantity in found.quantities.values())
    if n_left_out and not everything:
        print_facts({"Note": f"{n_left_out} more quantities with --all"})
    for folder in dict.fromkeys(file.parent for outcome in found.outcomes for file in outcome.files):
        print_facts({"Figures" if "figures" in folder.parts else "Results": folder})
    print_blank()
    print_facts(
        {
            "Next": format_command("analyse", run)
            if found.quick
            else f'osc.load_part({str(run)!r}, "regions") reads a result in Python'
        }
    )


def _list_rows(found: "Analysis", *, everything: bool) -> Iterator[tuple[str, ...]]:
    for outcome in found.outcomes:
        shown = [quantity for quantity in outcome.quantities if everything or quantity.is_main]
        n_alike = Counter(quantity.kind for quantity in shown)
        name, n_seen = outcome.part, Counter[str]()
        for quantity in shown:
            n_seen[quantity.kind] += 1
            n_beyond = 0 if everything else n_seen[quantity.kind] - _MOST_ALIKE
            if n_beyond <= 0:
                yield name, quantity.label, str(quantity), quantity.describe_beside()
            elif n_beyond == 1:
                yield "", f"… {n_alike[quantity.kind] - _MOST_ALIKE} more of these with --all", "", ""
            name = ""
        if outcome.status == "undefined":
            yield outcome.part, "undefined", outcome.reason, ""


def _find_emulation(run: Path) -> "Emulation | None":
    """Conclusion of the run's evaluation; None if it has none."""
    from ..workflows.saved_quantities import find_evaluation
    from .evaluate import conclude as conclude_evaluation

    evaluation = find_evaluation(run)
    return None if evaluation is None else conclude_evaluation(run, evaluation)


def _say_emulation(run: Path) -> str:
    from ..hmm import HMM
    from ..runs.zoo import open_run

    process = open_run(run).read_process()
    if process is None:
        return "Whether it emulates cannot be told: there is no process to compare with."
    if not isinstance(process, HMM):
        return "Whether it emulates is not known: networks are not yet compared with recorded sequences."
    emulation = _find_emulation(run)
    if emulation is None:
        return f"Whether it emulates its process is not known yet: {format_command('evaluate', run)}"
    return emulation.sentences[0]
