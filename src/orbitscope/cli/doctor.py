"""``orbitscope doctor``."""

import platform
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.cores import THREAD_LIMIT, count_usable_cores
from ..system.openmp import describe_waiting
from .options import IS_COMMAND, Json, UsageError, collect_changes, require_at_least, require_at_most
from .overrides import TrainOverrides
from .train import resolve_settings

if TYPE_CHECKING:
    from ..settings import RunSettings
    from ..training.time_estimate import TrainingEstimate

_MOST_SECONDS = 3600


def doctor(
    process: str | None = None,
    /,
    *,
    recipe: str | None = None,
    threads: int | None = None,
    settings: Path | None = None,
    seconds: float = 7.0,
    json: Json = False,
    overrides: Annotated[TrainOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Describe this machine, and what a run of PROCESS will need on it.

    The estimate times real updates and scales the rest.

    Parameters
    ----------
    process
        Preset, name such as `linear-8`, or an HMM file (.toml). Without it: the machine only.
    recipe
        `fast`, `faithful` or `published`. [default: fast]
    threads
        Threads. [default: the physical cores]
    settings
        Settings file, as for `orbitscope train`.
    seconds
        Measure until so long after the start of the command; what was not measured by then is named.
    json
        Print one JSON document on standard output.
    """
    deadline = time.monotonic() + seconds - measure_age()
    from ..hmm import load_process
    from ..workflows.measure_machine import MEASUREMENTS, measure_machine
    from .display import ProgressDisplay, print_json

    changes = collect_changes(settings, overrides)
    if process is None and changes and "process" not in changes:
        raise UsageError(
            "settings need a process to estimate, got none. Name one, e.g. `orbitscope doctor linear-2`."
        )
    require_at_least(1, threads=threads)
    require_at_most(THREAD_LIMIT, threads=threads)
    if not 0 <= seconds <= _MOST_SECONDS:
        raise UsageError(f"`--seconds` must be from 0 to {_MOST_SECONDS}, got {seconds}. Leave it out.")
    options = {"process": process, "recipe": recipe, "threads": threads}
    given, run = {name: value for name, value in options.items() if value is not None}, None
    if process is not None or changes:
        run = resolve_settings(given, changes)
        load_process(run.process)  # a name that is wrong is said at once
    n_threads = run.threads if run else threads or count_usable_cores()
    machine = describe_machine(n_threads)
    with ProgressDisplay("Measuring this machine") as progress:
        found = measure_machine(n_threads, run, deadline=deadline, progress=progress)
    wanted = MEASUREMENTS if run else MEASUREMENTS[:-1]
    missing = [name for name in wanted if name not in found]
    if json:
        needs = found.pop("run", None)
        facts = {**machine, **found.pop("torch", {}), **found, "not_measured": missing}
        print_json({**facts, "run": needs and asdict(needs)})
    else:
        _show(machine, found, run, missing, seconds=seconds)


def measure_age() -> float:
    """Seconds since the command was started: on a busy machine it takes long to load. 0 without a command."""
    import psutil

    return time.time() - psutil.Process().create_time() if IS_COMMAND.get() else 0.0


def describe_machine(n_threads: int) -> dict[str, Any]:
    """What is known without measuring: versions, cores, load, memory."""
    import psutil

    from ..system.installation import find_commit, find_processor, find_versions

    memory = psutil.virtual_memory()
    return {
        "versions": find_versions(),
        "commit": find_commit(),
        "system": platform.platform(),
        "processor": find_processor(),
        "device": "cpu",
        "logical_cores": psutil.cpu_count(),
        "physical_cores": psutil.cpu_count(logical=False),
        "usable_cores": count_usable_cores(),
        "load": psutil.getloadavg()[0],
        "threads": n_threads,
        "waiting_threads": describe_waiting(),
        "memory_bytes": memory.total,
        "available_bytes": memory.available,
    }


def _show(
    machine: dict[str, Any],
    found: dict[str, Any],
    run: "RunSettings | None",
    missing: list[str],
    *,
    seconds: float,
) -> None:
    from .display import format_bytes, print_blank, print_facts

    facts = {
        "Versions": ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
        "System": machine["system"],
        "Processor": machine["processor"],
        "Cores": f"{machine['usable_cores']} usable, {machine['physical_cores']} physical, "
        f"{machine['logical_cores']} logical",
        "Load": _describe_load(machine["load"], machine["usable_cores"]),
        "Threads": f"{machine['threads']} for training",
        "Waiting": machine["waiting_threads"] or "as OpenMP likes: threads spin long before they sleep",
        "Memory": f"{format_bytes(machine['available_bytes'])} available of "
        f"{format_bytes(machine['memory_bytes'])}",
    }
    print_facts(facts | _describe_measured(found))
    print_blank()
    if "run" in found:
        print_facts(_describe_needs(found["run"]))
    elif run:
        print_facts({"Run": f"{run.process}, recipe {run.recipe}, {run.threads} threads: not timed"})
    else:
        print_facts({"Next": "orbitscope doctor linear-2 estimates a run"})
    if missing:
        print_facts({"Not measured": describe_missing(missing, seconds=seconds)})


_MISSING = {
    "torch": "instructions and libraries of torch",
    "operations_per_second": "speed of matrix products",
    "run": "what the run needs",
}


def describe_missing(missing: Iterable[str], *, seconds: float) -> str:
    """What was not measured in time, and what to do."""
    words = _join(_MISSING[name] for name in missing)
    return (
        f"{words}: {seconds:g} s were not enough. Try again when less runs here, "
        f"or wait longer: --seconds {max(60.0, 4 * seconds):g}"
    )


def _describe_measured(found: dict[str, Any]) -> dict[str, str]:
    facts = {}
    if "torch" in found:
        torch = found["torch"]
        pools = ", ".join(f"{p['internal_api']} {p['num_threads']}" for p in torch["thread_pools"])
        facts = {
            "Instructions": torch["instructions"],
            "Pools": pools,
            "BLAS": "MKL" if torch["mkl"] else "not MKL: matrix products may be slower",
            "Device": "cpu" + (" (CUDA found)" if torch["cuda"] else "; no CUDA device"),
        }
    if "operations_per_second" in found:
        speed = found["operations_per_second"] / 1e9
        facts["Speed"] = f"{speed:.0f} Gflop/s in matrix products"
    return facts


def _describe_load(load: float, usable: int) -> str:
    """Processes that want a core, on average over the last minute, and what follows."""
    text = f"{load:.1f} processes on average over the last minute"
    if load < usable / 2:
        return text
    return f"{text}: this machine is busy. Expect all to be slower; `--threads 1` suffers least"


def _describe_needs(needs: "TrainingEstimate") -> dict[str, str]:
    from .display import format_bytes, format_range

    if not needs.fits:
        return {
            "Run": f"{needs.process}, recipe {needs.recipe}",
            "Memory": f"{format_bytes(needs.memory_bytes)} at most: does not fit. Lower train.batch_size, "
            "train.final_batch_size, data.n_steps or model.hidden_size",
        }
    first, last = needs.first_epoch_seconds, needs.last_epoch_seconds
    pace = f"{first:.2g} s" if first == last else f"{first:.2g} s at first, {last:.2g} s at the end"
    or_fewer = " or fewer (training ends where all margins hold)" if needs.may_end_early else ""
    seconds = format_range(needs.total_seconds_low, needs.total_seconds_high)
    return {
        "Run": f"{needs.process}, recipe {needs.recipe}, {needs.threads} threads",
        "Memory": f"{format_bytes(needs.memory_bytes)} at most: fits",
        "Epoch": pace,
        "In all": f"{needs.epochs} epochs{or_fewer}, {seconds}",
        "Timed": f"updates of {_join(needs.timed_sizes)} sequences; scaled from these: "
        f"{_join((*needs.scaled_sizes, 'validations'))}",
    }


def _join(parts: Iterable[Any]) -> str:
    return ", ".join(map(str, parts))
