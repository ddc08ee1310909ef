"""Are two analyses of one network the same, number by number? For changes that must not change a result.

    python experiments/compare_analyses.py BEFORE/runs/zoo-linear-3 AFTER/runs/zoo-linear-3

compares every array of every ``results/**/*.nc`` of two run folders that were analysed on one machine with
the same number of threads, under the renames of ``experiments/renamed_arrays.json`` (by part, old name to
new; null for an array that is gone because another one holds the same). Exits with 1 if anything differs or
is missing.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

RENAMES = Path(__file__).resolve().parent / "renamed_arrays.json"


def main() -> int:
    """Compare two folders; the exit code."""
    before, after = (Path(name) / "results" for name in sys.argv[1:3])
    renames = json.loads(RENAMES.read_text(encoding="utf-8")) if RENAMES.is_file() else {}
    files = sorted(file.relative_to(before) for file in before.rglob("*.nc"))
    is_same = bool(files)
    for file in files:
        problems, n_arrays = compare_files(before / file, after / file, renames.get(file.stem, {}))
        print(f"{file}: {n_arrays} arrays, {'identical' if not problems else f'{len(problems)} differ'}")
        for problem in problems:
            print(f"    {problem}")
        is_same &= not problems
    return 0 if is_same else 1


def compare_files(before: Path, after: Path, renames: dict[str, str | None]) -> tuple[list[str], int]:
    """What differs between two files of one part, and how many arrays were compared."""
    if not after.is_file():
        return ["there is no such file any more"], 0
    old, new = read_arrays(before), read_arrays(after)
    problems = []
    for name, values in old.items():
        target = renames.get(name, name)
        if target is None:
            continue
        if target not in new:
            problems.append(f"{name}: no array `{target}`")
        elif difference := describe_difference(values, new[target]):
            problems.append(f"{name} → {target}: {difference}")
    return problems, len(old)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a result by name."""
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return {str(name): dataset[name].to_numpy() for name in dataset.variables}


def describe_difference(old: np.ndarray, new: np.ndarray) -> str:
    """How two arrays differ; empty if they are the same, value by value (NaN equals NaN)."""
    if old.shape != new.shape:
        return f"shape {old.shape} became {new.shape}"
    if old.dtype.kind not in "fc":
        return "" if np.array_equal(old, new) else f"{int((old != new).sum())} entries differ"
    if np.array_equal(old, new.astype(old.dtype), equal_nan=True):
        return ""
    gaps: Any = np.abs(old - new)
    return f"largest difference {np.nanmax(gaps):.3g} among values up to {np.nanmax(np.abs(old)):.3g}"


if __name__ == "__main__":
    sys.exit(main())
