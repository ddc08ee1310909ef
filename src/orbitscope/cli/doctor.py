"""``orbitscope doctor``."""

import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..system.cores import count_usable_cores
from ..system.openmp import describe_waiting
from .options import Json, UsageError, collect_changes
from .overrides import TrainOverrides

if TYPE_CHECKING:
    from ..training.time_estimate import TrainingEstimate


def doctor(
    process: str | None = None,
    /,
    *,
    recipe: str = "fast",
    threads: int | None = None,
    settings: Path | None = None,
    json: Json = False,
    overrides: Annotated[TrainOverrides | None, Parameter(name="*")] = None,
) -> None:
    """Describe this machine, and what a run of PROCESS will need on it.

    The estimate times real updates for about five seconds and scales the rest.

    Parameters
    ----------
    process
        Preset, name such as `linear-8`, or an HMM file (.toml). Without it: the machine only.
    recipe
        `fast`, `faithful` or `published`.
    threads
        Threads. [default: the physical cores]
    settings
        Settings file, as for `orbitscope train`.
    json
        Print one JSON document on standard output.
    """
    from ..system.threads import use_threads
    from .display import print_json

    changes = collect_changes(settings, overrides)
    if process is None and changes:
        raise UsageError(
            "settings need a process to estimate, got none. Name one, e.g. `orbitscope doctor linear-2`."
        )
    n_threads = threads or count_usable_cores()
    with use_threads(n_threads):
        machine = describe_machine(n_threads)
    needs = None if process is None else _estimate(process, recipe, n_threads, changes)
    if json:
        print_json({**machine, "run": None if needs is None else asdict(needs)})
    else:
        _show(machine, needs)


def describe_machine(n_threads: int) -> dict[str, Any]:
    """Versions, device, cores, libraries, memory and measured speed."""
    import psutil
    import torch
    from threadpoolctl import threadpool_info

    from ..runs import find_commit, find_versions
    from ..runs.provenance import find_processor
    from ..training.resources import measure_operations_per_second

    memory = psutil.virtual_memory()
    pools = [
        {key: pool.get(key) for key in ("user_api", "internal_api", "num_threads")}
        for pool in threadpool_info()
    ]
    return {
        "versions": {"python": platform.python_version(), **find_versions()},
        "commit": find_commit(),
        "system": platform.platform(),
        "processor": find_processor(),
        "device": "cpu",
        "cuda": torch.cuda.is_available(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "logical_cores": psutil.cpu_count(),
        "physical_cores": psutil.cpu_count(logical=False),
        "usable_cores": count_usable_cores(),
        "load": psutil.getloadavg()[0],
        "threads": n_threads,
        "waiting_threads": describe_waiting(),
        "thread_pools": pools,
        "mkl": torch.backends.mkl.is_available(),
        "memory_bytes": memory.total,
        "available_bytes": memory.available,
        "operations_per_second": measure_operations_per_second(),
    }


def _estimate(process: str, recipe: str, threads: int, changes: dict[str, Any]) -> "TrainingEstimate":
    from ..recipes import build_settings
    from ..system.threads import use_threads
    from ..training.time_estimate import measure_training
    from .display import ProgressDisplay

    resolved = build_settings(process, recipe=recipe, threads=threads, changes=changes)
    with use_threads(threads), ProgressDisplay(f"Timing updates of {process}") as progress:
        return measure_training(resolved, progress=progress)


def _show(machine: dict[str, Any], needs: "TrainingEstimate | None") -> None:
    from .display import format_bytes, print_blank, print_facts

    pools = ", ".join(f"{p['internal_api']} {p['num_threads']}" for p in machine["thread_pools"])
    print_facts(
        {
            "Versions": ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
            "System": machine["system"],
            "Processor": f"{machine['processor']} ({machine['instructions']})",
            "Cores": f"{machine['usable_cores']} usable, {machine['physical_cores']} physical, "
            f"{machine['logical_cores']} logical",
            "Load": _describe_load(machine["load"], machine["usable_cores"]),
            "Threads": f"{machine['threads']} for training; pools: {pools}",
            "Waiting": machine["waiting_threads"] or "as OpenMP likes: threads spin long before they sleep",
            "BLAS": "MKL" if machine["mkl"] else "not MKL: matrix products may be slower",
            "Device": "cpu" + (" (CUDA found)" if machine["cuda"] else "; no CUDA device"),
            "Memory": f"{format_bytes(machine['available_bytes'])} available of "
            f"{format_bytes(machine['memory_bytes'])}",
            "Speed": f"{machine['operations_per_second'] / 1e9:.0f} Gflop/s in matrix products",
        }
    )
    print_blank()
    print_facts(_describe_needs(needs) if needs else {"Next": "orbitscope doctor linear-2 estimates a run"})


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
    return {
        "Run": f"{needs.process}, recipe {needs.recipe}, {needs.threads} threads",
        "Memory": f"{format_bytes(needs.memory_bytes)} at most: fits",
        "Epoch": pace,
        "In all": f"{needs.epochs} epochs, {format_range(needs.total_seconds_low, needs.total_seconds_high)}",
        "Timed": f"updates of {_join(needs.timed_sizes)} sequences; scaled from these: "
        f"{_join((*needs.scaled_sizes, 'validations'))}",
    }


def _join(parts: Iterable[Any]) -> str:
    return ", ".join(map(str, parts))
