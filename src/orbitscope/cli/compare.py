"""``orbitscope compare``."""

from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from ..errors import InputError
from ..number_format import format_number
from .options import Json, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from ..workflows.pair_runs import Pairing

HEADLINES = (
    *("evaluation.classifier_auc", "evaluation.cross_entropy_gap", "regions.share[slow]"),
    *("slow_clusters.adjusted_rand", "rotation.area_rate", "commitment.half_lead[all]"),
    *("commitment.rise_time", "noise_kernel.rank", "noise_kernel.replay[leading]"),
    *("carriers.n_effective[all]", "dwell.cv_ratio", "hazard.age_ratio[all]"),
)
"""Quantities that are shown by default."""

MOST_COLUMNS = 6
"""Runs that have a column each; of more there are medians."""


def compare(
    runs: list[Path] | None = None,
    /,
    *,
    keys: Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())] = None,
    by: str = "recipe",
    pair_by: str | None = None,
    quick: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Put the numbers of many networks side by side: table, figure, CSV and netCDF.

    Numbers are those that `orbitscope run`, `evaluate` and `analyse` have saved; nothing is computed. The
    files hold all of them, with seed, process, recipe, loss and cell of each run, and the verdicts on the
    claims.

    Parameters
    ----------
    runs
        Run folders, folders that hold some, or networks of the zoo.
    keys
        Quantities of table and figure, as `orbitscope explain` names them; `carriers.*` stands for several.
        [default: about a dozen]
    by
        Label that groups the runs within a process: recipe, objective, seed, cell or phase (of the training).
    pair_by
        Pair the runs that differ in this label alone, and test the differences by their signs: objective,
        recipe, process or cell.
    quick
        Numbers of first looks (`orbitscope analyse --quick`).
    out
        Folder for the files. [default: runs/comparison]
    json
        Print one JSON document on standard output.
    """
    if not runs:
        raise UsageError("`RUN` is required. Name run folders, a folder of runs, or networks of the zoo.")
    from .display import ProgressDisplay, print_json

    out = out or Path("runs") / "comparison"
    with ProgressDisplay("Collecting runs") as progress:
        from ..workflows.collect import collect_runs, find_first_looks, require_label
        from ..workflows.compare_runs import save_comparison
        from ..workflows.pair_runs import pair_runs

        require_label(by)
        dataset = collect_runs(runs, quick=quick, progress=progress)
        n_first_looks = 0 if quick else len(find_first_looks(runs))
        shown = choose_keys(dataset, keys)
        pairing = None if pair_by is None else pair_runs(dataset, pair_by)
        save_comparison(dataset, shown, out, by=by)
    if json:
        print_json(describe(dataset, shown, pairing))
    else:
        print_comparison(dataset, shown, by=by, pairing=pairing, out=out, n_first_looks=n_first_looks)


def choose_keys(dataset: "xr.Dataset", patterns: list[str] | None) -> list[str]:
    """Quantities that are asked for, in the order of the dataset; those of the headlines by default.

    Raises
    ------
    InputError
        If no run has such a quantity.
    """
    known = dataset["key"].values.tolist()
    wanted = HEADLINES if patterns is None else patterns
    chosen = [key for key in known if any(key == pattern or fnmatch(key, pattern) for pattern in wanted)]
    if patterns is not None and not chosen:
        raise InputError(
            f"`--keys` must name quantities that some run has, got {', '.join(patterns)}. "
            "`orbitscope explain` lists them."
        )
    return chosen


def describe(dataset: "xr.Dataset", keys: list[str], pairing: "Pairing | None") -> dict[str, Any]:
    """JSON form: what each run is with the numbers asked for, and how they differ within pairs."""
    from ..workflows.collect import LABELS

    runs = []
    for run in dataset["run"].values.tolist():
        column = dataset.sel(run=run)
        labels = {name: column[name].item() for name in LABELS}
        runs.append(
            {"run": run, **labels, "quantities": {key: _read_cell(column.sel(key=key)) for key in keys}}
        )
    return {"runs": runs, "pairs": None if pairing is None else describe_pairs(dataset, keys, pairing)}


def _read_cell(cell: "xr.Dataset") -> dict[str, Any]:
    """A quantity of a run in its JSON form."""
    numbers = {name: cell[name].item() for name in ("value", "low", "high", "p_value")}
    return numbers | {"word": cell["word"].item() or None, "unit": cell["unit"].item()}


def describe_pairs(dataset: "xr.Dataset", keys: list[str], pairing: "Pairing") -> dict[str, Any]:
    """JSON form of a pairing: pairs, who was dropped and why, and the differences."""
    from ..workflows.pair_runs import compare_in_pairs

    differences = {}
    for key in keys:
        found = compare_in_pairs(dataset, pairing, key=key)
        names = ("mean", "low", "high", "n_pairs", "n_higher", "n_lower", "p_value")
        differences[key] = {name: getattr(found, name) for name in names}
    return pairing.to_plain() | {"differences": differences}


def print_comparison(
    dataset: "xr.Dataset",
    keys: list[str],
    *,
    by: str,
    pairing: "Pairing | None",
    out: Path,
    n_first_looks: int = 0,
) -> None:
    """Show a column for each run, or for each group of many; the pairs; and where the files are."""
    from .display import print_blank, print_facts, print_sentences, print_table

    n_runs = dataset.sizes["run"]
    print_blank()
    print_sentences(_list_sentences(dataset))
    print_blank()
    if n_runs <= MOST_COLUMNS:
        heads, rows = _tabulate_runs(dataset, keys)
        print_table(heads, rows, title="Value [interval] of each run")
    else:
        heads, rows = _tabulate_groups(dataset, keys, by)
        print_table(heads, rows, title="Median over runs (smallest to largest), number of runs if several")
    if pairing is not None:
        print_blank()
        print_pairs(dataset, keys, pairing)
    print_blank()
    if n_first_looks:
        runs = "1 run has" if n_first_looks == 1 else f"{n_first_looks} runs have"
        print_facts({"Note": f"{runs} an analysis of a first look alone; --quick shows first looks"})
    print_facts({"Files": out, "Next": "orbitscope claims RUN… judges the claims of all of them"})


def print_pairs(dataset: "xr.Dataset", keys: list[str], pairing: "Pairing") -> None:
    """Show differences within pairs with their sign tests, and the runs that were dropped."""
    from .display import print_facts, print_table

    first, second = pairing.values
    rows = []
    for key, found in describe_pairs(dataset, keys, pairing)["differences"].items():
        interval = f"{_format(found['mean'])} [{_format(found['low'])}, {_format(found['high'])}]"
        signs = f"{found['n_higher']} : {found['n_lower']}"
        rows.append((key, interval, signs, _format(found["p_value"]), found["n_pairs"]))
    heads = ("Quantity", f"{first} minus {second}", "Higher : lower", "p (signs)", "Pairs")
    print_table(heads, rows, title="Within pairs: mean difference [95 % interval of Student's t]")
    dropped = [f"{name} {reason}" for name, reason in pairing.dropped.items()]
    print_facts({"Dropped": "; ".join(dropped) or "none"})


def _list_sentences(dataset: "xr.Dataset") -> list[str]:
    """How many runs, of which processes and recipes, and how many have nothing."""
    n_runs, n_empty = dataset.sizes["run"], 0
    if dataset.sizes["key"]:
        n_empty = int((dataset["value"].isnull() & (dataset["word"] == "")).all("key").sum())
    kinds = {"process": "processes", "recipe": "recipes", "seed": "seeds"}
    numbers = {name: len(set(dataset[name].values.tolist())) for name in kinds}
    counts = [f"{n} {name if n == 1 else kinds[name]}" for name, n in numbers.items()]
    sentences = [f"{n_runs} runs: {', '.join(counts)}."]
    if n_empty:
        sentences.append(f"{n_empty} of them have no results yet: orbitscope run RUN.")
    return sentences


def _tabulate_runs(dataset: "xr.Dataset", keys: list[str]) -> tuple[list[str], list[list[str]]]:
    """A column for each run: value and interval, or the word."""
    runs = dataset["run"].values.tolist()
    rows = [
        [key, _find_text(dataset, key, "unit"), *(_show(dataset.sel(run=run, key=key)) for run in runs)]
        for key in keys
    ]
    return ["Quantity", "Unit", *runs], rows


def _show(cell: "xr.Dataset") -> str:
    """Value with its interval, or the word; empty where the run has none."""
    plain = _read_cell(cell)
    if plain["word"]:
        return plain["word"]
    value, low, high = (_format(plain[name]) for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if low and high else value


def _tabulate_groups(dataset: "xr.Dataset", keys: list[str], by: str) -> tuple[list[str], list[list[str]]]:
    """A line for each quantity and process, a column for each value of a label: median and range."""
    processes, values = (list(dict.fromkeys(dataset[name].values.tolist())) for name in ("process", by))
    rows = []
    for key in keys:
        column = dataset["value"].sel(key=key)
        unit = _find_text(dataset, key, "unit")
        for i, process in enumerate(processes):
            is_process = column["process"] == process
            cells = [_show_spread(column[is_process & (column[by] == value)].values) for value in values]
            rows.append(["" if i else key, "" if i else unit, process, *cells])
    return ["Quantity", "Unit", "Process", *map(str, values)], rows


def _show_spread(values: np.ndarray) -> str:
    """Median, range, and how many there are if there are several."""
    found = values[~np.isnan(values)]
    if not len(found):
        return ""
    middle, low, high = (_format(float(f(found))) for f in (np.median, np.min, np.max))
    return f"{middle} ({low} to {high}), {len(found)}" if len(found) > 1 else middle


def _find_text(dataset: "xr.Dataset", key: str, name: str) -> str:
    text = dataset[name].sel(key=key).item()
    return "" if text == "1" else text


def _format(value: float | int) -> str:
    """A number as tables show it; empty where it is undefined."""
    return "" if np.isnan(value) else format_number(value)
