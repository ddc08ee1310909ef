"""``orbitscope intervene``."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..errors import InputError
from ..number_format import format_number
from ..system.commands import format_command
from .options import Json

if TYPE_CHECKING:
    from ..workflows.intervene_run import WhatIf

_MOST_GAINS = 201


def intervene(
    run: Path,
    /,
    *,
    on: Annotated[list[str], Parameter(consume_multiple=True, negative=())],
    gain: Annotated[str, Parameter(allow_leading_hyphen=True)] = "0:2:0.1",
    quick: Annotated[bool, Parameter(negative=())] = False,
    threads: int | None = None,
    json: Json = False,
) -> None:
    """Ask what becomes of switching when neurons, or the noise, are turned down or up.

    A gain of 0 takes away what the target receives, 1 is the intact network, 2 doubles it. All runs have the
    same noise. Saves `results/interventions/` (netCDF) and `figures/interventions/` in the run folder. Parts
    of the analysis that the target comes from are computed first, unless they are there.

    Parameters
    ----------
    run
        Run folder, or a network of the zoo, as `orbitscope zoo` lists them.
    on
        Targets. `carriers` or `first` (the first neurons by effect), or those of one direction,
        `carriers:0to2`; `noise:1`, the leading direction of the deciding noise, or `noise`, all of it;
        `population`, the noise of integrating populations;
        `kick`, `kick-feeding` and `kick-control`, the sets of the published experiment; neurons by number,
        `neurons:28,62`.
    gain
        `FIRST:LAST:STEP`, or gains with commas, `0,0.5,2`.
    quick
        Small sizes, for a first look: intervals are wide.
    threads
        Threads. [default: those of torch, up to the usable cores and to 4]
    json
        Print one JSON document on standard output.
    """
    from .display import ProgressDisplay, print_json

    gains = read_gains(gain)
    with ProgressDisplay(f"Intervening on {run}") as progress:
        from ..workflows.intervene_run import intervene_run

        found = intervene_run(run, on=on, gains=gains, quick=quick, threads=threads, progress=progress)
    if json:
        print_json(describe_what_if(run, found))
    else:
        print_what_if(run, found)


def read_gains(text: str) -> list[float]:
    """Gains from ``FIRST:LAST:STEP``, or from numbers with commas.

    Raises
    ------
    InputError
        If they are no such numbers, or too many.
    """
    try:
        if ":" not in text:
            return [float(word) for word in text.split(",")]
        first, last, step = (float(word) for word in text.split(":"))
        n_steps = round((last - first) / step)
        is_even = step > 0 and n_steps >= 0 and abs(first + n_steps * step - last) < 1e-6 * max(1.0, step)
    except (ValueError, ZeroDivisionError, OverflowError):
        n_steps, is_even = 0, False
    if not is_even:
        raise InputError(
            f"`--gain` must be FIRST:LAST:STEP or numbers with commas, got `{text}`. Use 0:2:0.1, or 0,0.5,2."
        )
    if n_steps >= _MOST_GAINS:
        raise InputError(
            f"`--gain` must ask for at most {_MOST_GAINS} gains, got {n_steps + 1}. Use a larger step."
        )
    return [round(first + i * step, 9) for i in range(n_steps + 1)]


def describe_what_if(run: Path, found: "WhatIf") -> dict[str, Any]:
    """JSON form: sentences, and every number of the response by target and gain."""
    result = found.result
    names = ("hazard", "rate", "occupancy", "overshoot")
    return {
        "run": run,
        "quick": found.quick,
        "conclusions": list(_list_sentences(found)),
        "targets": [
            {
                "target": str(name),
                "size": int(result.target_size[t]),
                "trapped": result.trapped[t].tolist(),
                "fall": float(result.fall[t]),
                "p_beside_matched": float(result.matched.p_value[t]),
                "gain": result.gain.tolist(),
                "direction": result.direction.tolist(),
                **{key: getattr(result, key)[t].to_plain() for key in names},
            }
            for t, name in enumerate(result.target.tolist())
        ],
        "files": [str(file) for file in found.files],
    }


def print_what_if(run: Path, found: "WhatIf") -> None:
    """Show what each target does, a table of gains, and where the files are."""
    from .display import print_blank, print_facts, print_sentences, print_table

    result = found.result
    print_blank()
    print_sentences(_list_sentences(found))
    if found.quick:
        print_blank()
        print_facts(
            {"First look": "small sizes, so intervals are wide; leave out --quick for numbers to quote"}
        )
    print_blank()
    columns = ("Target", "Gain", *(f"Hazard {name}" for name in result.direction.tolist()))
    print_table((*columns, "All switches", "Largest occupancy"), _list_rows(found))
    print_blank()
    for line in _list_matched(found):
        print_facts({"Matched sets": line})
    notes = ["hazards and rates are over those of the intact network, on the same noise"]
    print_facts({"Note": "; ".join([*notes, *result.status.get("notes", []), *_list_unbounded(found)])})
    for folder in dict.fromkeys(file.parent for file in found.files):
        print_facts({"Figures" if "figures" in folder.parts else "Results": folder})
    print_blank()
    command = format_command("analyse", run, "--only", "interventions")
    print_facts({"Next": f"{command} tries all targets that were found"})


def _list_matched(found: "WhatIf") -> Iterator[str]:
    """Largest fall of a hazard at gain 0 beside matched sets, where there are some."""
    result = found.result
    for t, name in enumerate(result.target.tolist()):
        if math.isfinite(result.matched.p_value[t]):
            fall = format_number(float(result.fall[t]))
            yield f"without {name} the largest fall of a hazard is {fall}; {result.matched[t]}"


def _list_unbounded(found: "WhatIf") -> Iterator[str]:
    """Targets with the gains under which activity has no bound, whose rows of the table are undefined."""
    result = found.result
    for t, name in enumerate(result.target.tolist()):
        gains = [f"{gain:g}" for gain in result.gain[result.trapped[t] == "diverges"].tolist()]
        if gains:
            yield f"activity under {name} has no bound at gain {', '.join(gains)}"


def _list_sentences(found: "WhatIf") -> Iterator[str]:
    """One sentence for each target, at the gain furthest from 1; the lower of two."""
    from ..interventions.gain_sentences import say_what_if

    gains = found.result.gain.tolist()
    gain = max(gains, key=lambda gain: (abs(gain - 1.0), -gain))
    for t in range(len(found.result.target)):
        yield say_what_if(found.result, t, gain)


def _list_rows(found: "WhatIf") -> Iterator[tuple[str, ...]]:
    from ..quantity import format_with_unit

    result = found.result
    for t, name in enumerate(result.target.tolist()):
        for i, gain in enumerate(result.gain.tolist()):
            hazards = (str(result.hazard[t, i, d]) for d in range(len(result.direction)))
            share = format_with_unit(result.occupancy[t, i], "share")
            yield name if i == 0 else "", f"{gain:g}", *hazards, str(result.rate[t, i]), share
