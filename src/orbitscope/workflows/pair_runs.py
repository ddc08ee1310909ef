"""Runs in pairs that differ in one label alone: which there are, and how a number differs within them."""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, unknown_name
from ..statistics import PairedDifference, compare_paired
from .collect import DIVERGED, LABELS, UNFINISHED

if TYPE_CHECKING:
    import xarray as xr

PAIRED_BY = ("objective", "recipe", "process", "cell")
"""Labels that the runs of a pair may differ in."""

_FOLLOWING = {"recipe": ("objective",), "objective": ("recipe",)}
"""Labels that follow from another: a recipe has its loss, and a loss may have its recipe."""

WHY_DROPPED = {DIVERGED: "diverged", UNFINISHED: "is not finished", "on_plateau": "is on the plateau"}
"""Phases of training that drop a network, in words."""


@dataclass(frozen=True)
class Pairing:
    """Pairs of runs that differ in one label alone.

    Attributes
    ----------
    by : str
        The label.
    values : tuple of str
        Its two values, in the order of differences: the first minus the second.
    pairs : tuple
        Names of both runs, in this order.
    dropped : mapping
        Why a run is in no pair, by its name.
    """

    by: str
    values: tuple[str, str]
    pairs: tuple[tuple[str, str], ...]
    dropped: dict[str, str]

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        first, second = self.values
        return {"by": self.by, "first": first, "second": second, "pairs": self.pairs, "dropped": self.dropped}


def pair_runs(dataset: "xr.Dataset", by: str) -> Pairing:
    """Pair the runs that are alike but for one label; the network is the unit.

    Parameters
    ----------
    dataset : xarray.Dataset
        As :func:`collect_runs` gives it.
    by : str
        Label that runs of a pair differ in, one of ``PAIRED_BY``.

    Raises
    ------
    InputError
        If there is no such label, or it has not two values among these runs.
    """
    if by not in PAIRED_BY:
        raise unknown_name("label of pairs", by, PAIRED_BY)
    values = list(dict.fromkeys(map(str, dataset[by].values.tolist())))
    if len(values) != 2:
        raise InputError(f"`{by}` must have two values among the runs, got {', '.join(values)}.")
    runs = _describe_runs(dataset)
    dropped = {run["run"]: WHY_DROPPED[run["phase"]] for run in runs if run["phase"] in WHY_DROPPED}
    alike = [name for name in LABELS if name not in (by, "phase", *_FOLLOWING.get(by, ()))]

    def identify(run: dict[str, Any]) -> list[Any]:
        return [run[name] for name in alike]

    pairs = []
    for _, group in groupby(sorted(runs, key=identify), key=identify):
        alike_runs = list(group)
        sides = [[run for run in alike_runs if run[by] == value] for value in values]
        pairs += _pair(sides, dropped)
    return Pairing(by, (values[0], values[1]), tuple(pairs), dropped)


def _describe_runs(dataset: "xr.Dataset") -> list[dict[str, Any]]:
    """Labels of each run, with its name."""
    columns = {name: dataset[name].values.tolist() for name in ("run", *LABELS)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _pair(sides: list[list[dict[str, Any]]], dropped: dict[str, str]) -> list[tuple[str, str]]:
    """The pair of a group of runs that are alike, if it is one; else who is dropped, and why."""
    names = [run["run"] for side in sides for run in side]
    if any(len(side) > 1 for side in sides):
        dropped.update({name: "is one of several that are alike" for name in names if name not in dropped})
        return []
    if len(names) < 2:
        dropped.update({name: "has no partner" for name in names if name not in dropped})
        return []
    if any(name in dropped for name in names):
        dropped.update({name: "has lost its partner" for name in names if name not in dropped})
        return []
    return [(names[0], names[1])]


def compare_in_pairs(
    dataset: "xr.Dataset", pairing: Pairing, *, key: str = "", claim: str = ""
) -> PairedDifference:
    """How a quantity, or the verdict on a claim (1 holds, 0 fails), differs within pairs.

    Parameters
    ----------
    dataset : xarray.Dataset
    pairing : Pairing
    key, claim : str
        One of them.

    Raises
    ------
    InputError
        If no run has such a quantity, or there is no such claim.
    """
    name, dim, table = (key, "key", dataset["value"]) if key else (claim, "claim", dataset["holds"])
    if name not in dataset[dim]:
        raise unknown_name(dim, name, dataset[dim].values.tolist())
    column = table.sel({dim: name})
    values = [[float(column.sel(run=run)) for run in pair] for pair in pairing.pairs]
    return compare_paired(np.array(values, dtype=float).reshape(-1, 2))
