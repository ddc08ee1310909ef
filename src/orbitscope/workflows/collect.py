"""Many runs as one labelled dataset: their quantities, the verdicts on the claims, and what each run is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..claims.conditions import FAILS, HOLDS
from ..claims.ledger import CLAIMS, judge_claims
from ..errors import InputError, unknown_name
from ..parts import REGISTRY, find_part
from ..progress import Progress, ProgressCallback, ignore_progress
from ..quantity import Quantity
from ..runs import RunFolder
from ..runs.zoo import PREFIX, find_writable_run, name_network, open_run
from ..statistics import Null
from ..system.atomic_files import write_bytes, write_text
from ..system.foreign_files import require_path
from ..training import find_transition
from .analysis_folder import AnalysisFolder
from .saved_quantities import load_quantities

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

LABELS = ("process", "recipe", "objective", "seed", "cell", "phase")
"""What each run is: coordinates along ``run``."""

DIVERGED, UNFINISHED = "diverged", "unfinished"
"""Phases of runs without a network."""

WITHOUT_HISTORY = "without_history"
"""Phase of a network that was trained elsewhere, or whose history is lost."""

_NUMBERS = {HOLDS: 1.0, FAILS: 0.0}
"""Verdicts as numbers; those that decide nothing are NaN."""


@dataclass(frozen=True)
class LabelledRun:
    """One network: its name, what it is, and its quantities by key.

    Attributes
    ----------
    name : str
        Differs from those of the other runs.
    labels : mapping
        Values of ``LABELS``.
    quantities : mapping
        By key.
    """

    name: str
    labels: Mapping[str, Any]
    quantities: Mapping[str, Quantity]


def collect_runs(
    paths: Iterable[str | Path], *, quick: bool = False, progress: ProgressCallback = ignore_progress
) -> "xr.Dataset":
    """Quantities and verdicts of many runs as one dataset, from their saved results; nothing is computed.

    Parameters
    ----------
    paths : paths or str
        Run folders, folders that hold some, and networks of the zoo.
    quick : bool
        Results of first looks.
    progress : callable
        Called after each run.

    Returns
    -------
    xarray.Dataset
        Along ``run`` and ``key``: ``value``, ``low``, ``high``, ``word``, ``p_value`` (the largest of the
        nulls beside it). Along ``key``: ``label``, ``unit``. Along ``run`` and ``claim``: ``verdict``, and
        ``holds`` (1, 0, NaN where nothing is decided). Coordinates of ``run``: process, recipe, objective,
        seed, cell, phase of the training. A run without results, or without a network, has NaN.

    Raises
    ------
    InputError
        If there is no run.
    RunFolderError
        If a path is no run.

    Examples
    --------
    >>> found = collect_runs(["runs"])
    >>> found.value.sel(key="commitment.half_lead[all]").groupby("recipe").median()
    """
    found = find_runs(paths)
    if not found:
        raise InputError("at least one run is required, got none. Name run folders, or a folder of runs.")
    runs = []
    for i, path in enumerate(found):
        quantities = load_quantities(path, quick=quick)
        runs.append(LabelledRun(_name(path), label_run(open_run(path)), quantities))
        progress(Progress("collect", i + 1.0, float(len(found)), str(path), {}))
    return tabulate_runs(runs)


def find_runs(paths: Iterable[str | Path]) -> list[str | Path]:
    """Runs that are meant: each path itself, or the runs in it if it is a folder that holds some.

    Names that begin with a dot are what a killed import leaves.
    """
    found: list[str | Path] = []
    for path in paths:
        configs = require_path(path).glob("*/config.toml")
        inside = sorted(config.parent for config in configs if not config.parent.name.startswith("."))
        is_run = str(path).startswith(PREFIX) or (Path(path) / "config.toml").is_file()
        found += [path] if is_run or not inside else inside
    return found


def find_first_looks(paths: Iterable[str | Path]) -> list[str | Path]:
    """Those of the runs that are meant whose analysis is a first look and nothing else."""
    return [path for path in find_runs(paths) if _has_parts(path, quick=True) and not _has_parts(path)]


def _has_parts(path: str | Path, *, quick: bool = False) -> bool:
    """Whether some part of an analysis has a file."""
    files = AnalysisFolder.of_run(find_writable_run(path), quick=quick)
    return any(files.find_result(find_part(name)).is_file() for name in REGISTRY)


def label_run(folder: RunFolder) -> dict[str, Any]:
    """What a run is: process, recipe, loss, seed, cell, and in which phase its training ended."""
    settings = folder.read_settings()
    return {
        "process": settings.process,
        "recipe": settings.recipe,
        "objective": settings.loss.objective,
        "seed": settings.seed,
        "cell": settings.model.cell,
        "phase": _find_phase(folder),
    }


def _find_phase(folder: RunFolder) -> str:
    """Where the loss of a trained network stands; else why there is none, or no history of it."""
    if folder.weights.is_file():
        history = folder.read_history()
        return find_transition(history).status if history else WITHOUT_HISTORY
    return DIVERGED if folder.read_status().get("status") == DIVERGED else UNFINISHED


def require_label(name: str) -> str:
    """Check the name of a label of runs.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if name not in LABELS:
        raise unknown_name("label of runs", name, LABELS)
    return name


def tabulate_runs(runs: Iterable[LabelledRun]) -> "xr.Dataset":
    """Quantities and verdicts of networks as one dataset, see :func:`collect_runs`.

    Raises
    ------
    InputError
        If two runs have the same name.
    """
    import xarray as xr

    runs = list(runs)
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"runs must have different names, got {', '.join(twice)} more than once.")
    kinds = {key: quantity for run in runs for key, quantity in run.quantities.items()}
    cells = [[run.quantities.get(key) for key in kinds] for run in runs]
    verdicts = [judge_claims(run.quantities) for run in runs]
    numbers = {name: _map_cells(lambda q, n=name: _read(q, n), cells) for name in ("value", "low", "high")}
    words = _map_cells(lambda q: "" if q is None else q.word, cells, kind=str)
    of_keys = {name: [getattr(q, name) for q in kinds.values()] for name in ("label", "unit", "is_main")}
    return xr.Dataset(
        {
            **{name: (("run", "key"), table) for name, table in numbers.items()},
            "word": (("run", "key"), words),
            "p_value": (("run", "key"), _map_cells(_find_p_value, cells)),
            **{name: ("key", np.array(values)) for name, values in of_keys.items()},
            "verdict": (("run", "claim"), _map_cells(lambda verdict: verdict.word, verdicts, kind=str)),
            "holds": (("run", "claim"), _map_cells(lambda v: _NUMBERS.get(v.word, np.nan), verdicts)),
            "statement": ("claim", [claim.text for claim in CLAIMS]),
        },
        coords={
            "run": names,
            "key": list(kinds),
            "claim": [claim.name for claim in CLAIMS],
            **{name: ("run", [run.labels[name] for run in runs]) for name in LABELS},
        },
    )


def save_collection(dataset: "xr.Dataset", folder: Path) -> list[Path]:
    """Write ``quantities.csv`` and ``claims.csv``, a line for each run and key or claim, and ``runs.nc``.

    Parameters
    ----------
    dataset : xarray.Dataset
        As :func:`collect_runs` gives it.
    folder : Path
        Made if missing; older files are replaced, each in one step.

    Returns
    -------
    list of Path
    """
    paths = [folder / name for name in ("quantities.csv", "claims.csv", "runs.nc")]
    write_text(paths[0], list_quantities(dataset).to_csv(index=False))
    columns = ["run", *LABELS, "claim", "verdict", "statement"]
    write_text(
        paths[1], dataset[["verdict", "statement"]].to_dataframe().reset_index()[columns].to_csv(index=False)
    )
    write_bytes(paths[2], dataset.to_netcdf(engine="h5netcdf"))
    return paths


def list_quantities(dataset: "xr.Dataset") -> "pd.DataFrame":
    """A line for each run and quantity that the run has.

    Parameters
    ----------
    dataset : xarray.Dataset
        As :func:`collect_runs` gives it.
    """
    columns = ["value", "low", "high", "word", "p_value", "label", "unit"]
    lines = dataset[columns].to_dataframe().reset_index()
    is_there = lines["value"].notna() | (lines["word"] != "")
    return lines.loc[is_there, ["run", *LABELS, "key", "label", *columns[:5], "unit"]]


def _name(path: str | Path) -> str:
    """Name of a run's network."""
    return str(path) if str(path).startswith(PREFIX) else name_network(RunFolder(path))


def _map_cells(
    read: Callable[[Any], Any], rows: Sequence[Sequence[Any]], *, kind: type = float
) -> np.ndarray:
    """Value of a function for each cell of a table, which may have no columns."""
    return np.array([[read(cell) for cell in row] for row in rows], dtype=kind).reshape(len(rows), -1)


def _read(quantity: Quantity | None, name: str) -> float:
    return np.nan if quantity is None else float(getattr(quantity.estimate, name))


def _find_p_value(quantity: Quantity | None) -> float:
    """The largest p-value of the nulls beside a quantity; NaN without any."""
    nulls = [] if quantity is None else [item for item in quantity.beside if isinstance(item, Null)]
    return max((float(null.p_value) for null in nulls), default=np.nan)
