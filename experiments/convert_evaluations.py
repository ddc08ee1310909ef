"""Rename the arrays of evaluations that were made before these held estimates.

    python experiments/convert_evaluations.py
    python experiments/convert_evaluations.py runs/*/results/evaluation.nc

Without arguments: the evaluations that come with the repository. ``low`` and ``high`` become ``estimate_low``
and ``estimate_high``; ``test``, the value between ``test_low`` and ``test_high``, is the estimate. No number
changes, and converted files stay as they are.
"""

import argparse
from pathlib import Path

import xarray as xr

from orbitscope.errors import DamagedFileError
from orbitscope.evaluation import EvaluationResult
from orbitscope.results import list_array_fields, load_result
from orbitscope.system.atomic_files import replace_file
from orbitscope.system.sealed_files import describe_damage, write_sealed

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = (ROOT / "src" / "orbitscope" / "zoo_networks", ROOT / "experiments")
RENAMED = {"low": "estimate_low", "high": "estimate_high"}


def main() -> None:
    """Convert the evaluations that are named, or all of the repository."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    found = sorted(file for folder in FOLDERS for file in folder.rglob("evaluation.nc"))
    files = parser.parse_args().files or found
    print(f"{sum(map(convert, files))} of {len(files)} evaluations had arrays of older names")


def convert(path: Path) -> bool:
    """Rename the arrays of an evaluation; returns whether it had older names."""
    if damage := describe_damage(path):
        raise DamagedFileError(f"`{path}` must be a whole evaluation, but {damage}. Evaluate the run again.")
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        dataset.load()
    if not set(RENAMED) <= set(dataset.variables):
        return False

    converted = dataset.rename(RENAMED)
    converted["test"] = converted["estimate"].copy()
    for name, about in list_array_fields(EvaluationResult).items():
        converted[name].attrs = {"units": about["unit"], "long_name": about["description"]}

    with replace_file(path) as temporary:
        write_sealed(temporary, converted.to_netcdf(engine="h5netcdf"))
        load_result(
            temporary, EvaluationResult
        )  # what cannot be read does not replace what could be converted
    return True


if __name__ == "__main__":
    main()
