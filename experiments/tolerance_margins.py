"""How much room the tolerances of the tests have: the largest error of each over many seeds of the inputs.

    python experiments/tolerance_margins.py tests/loss/test_loss.py tests/dynamics/stability/test_jacobians.py
    python experiments/tolerance_margins.py --seeds 20

Every comparison with a tolerance (`pytest.approx`, `assert_allclose`, `assert_close`, `allclose`) is measured
as error / tolerance, with all seeds of the tests shifted by the same number. Two rules:

- A fine tolerance (relative and absolute part at most 1e-3) is there for rounding and convergence. It must be
  four times the largest error: other processors round otherwise.
- A coarse tolerance compares a sample with an exact value, or an approximation. It must be 4/3 of the largest
  error. A tolerance of five standard errors breaks this by chance once in 280 scalar comparisons, one of four
  once in 19; one of three is found more often than not.

No test may fail with any seed, except those EXCLUDED. Comparisons that must differ (`not allclose`)
are measured as tolerance / error. Bare comparisons such as `abs(error) < 1e-9` are not seen.

Resumable: after each seed the worst error of each line goes into runs/tolerance_margins.json. A test file is
measured again if it, or a module that it reaches by imports, has changed since. One process, minutes a seed.
"""

import argparse
import ast
import hashlib
import json
import linecache
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import grimp
import numpy as np
import pytest
import torch
from _pytest.approx import ApproxScalar

from orbitscope.system.atomic_files import write_text

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
TABLE = ROOT / "runs" / "tolerance_margins.json"

COARSEST_FINE = 1e-3
LARGEST_RATIO = {"fine": 1 / 4, "coarse": 3 / 4}

SHIFT = 1000
"""Between two seeds of this script; tests number their own seeds from 0."""

_DYNAMICS = "tests/dynamics"
EXCLUDED = {
    f"{_DYNAMICS}/noise_free/test_fixed_points.py::test_points_scale_with": "some states rest after a step",
    "tests/hmm/test_hmm_exact.py::test_published": "printed numbers, right to half of their last digit",
    "tests/hmm/test_hmm_inference.py::test_published": "printed numbers, of one or two digits",
    f"{_DYNAMICS}/regions/test_noise_sensitivity.py::test_a_network_is_measured": "a seldom slow network",
    f"{_DYNAMICS}/regions/test_regions.py::test_kick_and_slow_are": "stable and unstable states",
    f"{_DYNAMICS}/regions/test_residency.py::test_rollouts_against_a_loop": "some rollouts have to end",
    f"{_DYNAMICS}/over_training/test_training_evolution.py::test_a_network_that_is_unst": "falling stability",
}
"""Tests that printed numbers limit, or that need what their seed draws, by the beginning of their names."""

PACKAGE, REGISTRY = "orbitscope", "orbitscope.parts"

HELPERS = {path.stem: path for path in TESTS.rglob("*.py") if not path.name.startswith(("test_", "conftest"))}
"""Files that tests share, by the name that they are imported by."""

NOT_NUMERIC = {"test_documentation.py", "test_experiments.py", "test_train_run.py", "test_analyse_run.py"}


def main() -> None:
    """Measure the seeds that are missing, print a table, and fail if a tolerance has too little room."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", help="test files; without, all of tests/ with tolerances")
    parser.add_argument("--seeds", type=int, default=20, help="number of seeds")
    parser.add_argument("--one-seed", type=int, help="measure this one seed, print nothing")
    arguments = parser.parse_args()
    files = [name_file(Path(file)) for file in arguments.files] or list_files()
    if arguments.one_seed is not None:
        measure_seed(files, arguments.one_seed)
        return
    for seed in range(arguments.seeds):
        if missing := [file for file in files if seed not in read_entry(file)["seeds"]]:
            print(f"seed {seed}: {len(missing)} files", flush=True)
            start_process(missing, seed)
    raise SystemExit(report({file: read_entry(file) for file in files}))


def list_files() -> list[str]:
    """Test files that compare with a tolerance."""
    words = ("approx(", "allclose(", "assert_close(")
    files = sorted(file for file in TESTS.rglob("test_*.py") if file.name not in NOT_NUMERIC)
    return [name_file(file) for file in files if any(word in file.read_text("utf-8") for word in words)]


def name_file(file: Path) -> str:
    """Path from the root of the repository."""
    return file.resolve().relative_to(ROOT).as_posix()


# ---- table


def read_entry(file: str) -> dict[str, Any]:
    """What was measured of a test file as it stands, with the code as it stands."""
    entry = read_table().get(file, {})
    if entry.get("digest") == digest_code(file):
        return entry
    return {"digest": digest_code(file), "seeds": [], "lines": {}, "failed": {}}


def read_table() -> dict[str, Any]:
    """All that was measured, by test file."""
    return json.loads(TABLE.read_text("utf-8")) if TABLE.exists() else {}


def digest_code(file: str) -> str:
    """Digest of a test file, of all modules that it reaches, and of what is left out of it."""
    left_out = [test for test in EXCLUDED if test.startswith(file)]
    digest = hashlib.sha256("".join(left_out).encode())
    for path in [ROOT / file, *list_reached(ROOT / file)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def list_reached(file: Path) -> list[Path]:
    """Files that a test file imports, directly or not: helpers in tests/, and modules of the package.

    One that imports the package as a whole reaches all; so does one that reaches the registry of parts, which
    names modules as text.
    """
    helpers, modules, left = set(file.parent.glob("conftest.py")) | {TESTS / "conftest.py"}, set(), [file]
    while left:
        for name in read_imports(left.pop()):
            if name.partition(".")[0] == PACKAGE:
                modules.add(name)
            elif (found := HELPERS.get(name)) and found not in helpers:
                helpers.add(found)
                left.append(found)
    return sorted({*helpers, *map(find_source, list_upstream(frozenset(modules)))})


def read_imports(file: Path) -> Iterator[str]:
    """Names of modules, and of what is imported from them, which may be modules, too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@cache
def list_upstream(modules: frozenset[str]) -> frozenset[str]:
    """Modules of the package that these import, directly or not, with the packages that they are in."""
    graph = read_graph()
    known, left = set(), [name for name in modules if name in graph.modules]
    while left:
        name = left.pop()
        if name in known:
            continue
        if name in (PACKAGE, REGISTRY):
            return frozenset(graph.modules)
        known.add(name)
        parent = name.rpartition(".")[0]
        left += [*graph.find_modules_directly_imported_by(name), *([parent] if parent != PACKAGE else [])]
    return frozenset(known)


@cache
def read_graph() -> grimp.ImportGraph:
    """Who imports whom in the package."""
    return grimp.build_graph(PACKAGE, cache_dir=None)


def find_source(module: str) -> Path:
    """File of a module or package."""
    path = ROOT / "src" / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def report(entries: dict[str, dict[str, Any]]) -> int:
    """Print what breaks a rule, and count it."""
    n_lines = n_broken = 0
    for file, entry in entries.items():
        for line, found in sorted(entry["lines"].items(), key=lambda item: -item[1]["ratio"]):
            n_lines += 1
            if not found["ratio"] <= LARGEST_RATIO[found["kind"]]:
                n_broken += 1
                print(f"{file}:{line} {found['kind']} {found['ratio']:.2g} with seed {found['seed']}")
                print(f"    {found['test']}: {found['source']}")
        for test, seeds in entry["failed"].items():
            n_broken += 1
            print(f"{file}::{test} fails with seeds {seeds}")
    fewest = min(len(entry["seeds"]) for entry in entries.values())
    print(f"{n_lines} lines with a tolerance, at least {fewest} seeds each: {n_broken} break a rule")
    return min(n_broken, 1)


# ---- one seed


def start_process(files: list[str], seed: int) -> None:
    """Measure one seed in a process of its own: inputs that are drawn on import get the seed, too."""
    command = [sys.executable, __file__, *files, "--one-seed", str(seed)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)


def measure_seed(files: list[str], seed: int) -> None:
    """Run the tests with shifted seeds and add what they find to the table."""
    recorder, entries = Recorder(), {file: read_entry(file) for file in files}
    shift_seeds(SHIFT * seed)
    watch_comparisons(recorder.record)
    excluded = [f"--deselect={test}" for test in EXCLUDED]
    options = ["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--tb=no", f"--hypothesis-seed={seed}"]
    code = pytest.main([*files, *excluded, *options], plugins=[recorder])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise SystemExit(f"The tests must run through, pytest ended with {code!r}. Run pytest on the files.")
    measured = {file: add_seed(entry, seed, recorder, file) for file, entry in entries.items()}
    write_text(TABLE, json.dumps(read_table() | measured, indent=1))


def add_seed(entry: dict[str, Any], seed: int, recorder: "Recorder", file: str) -> dict[str, Any]:
    """An entry of the table with one more seed."""
    lines, failed = dict(entry["lines"]), dict(entry["failed"])
    for line, found in recorder.lines[file].items():
        if line not in lines or not found["ratio"] <= lines[line]["ratio"]:
            lines[line] = {**found, "seed": seed}
    for test in recorder.failed[file]:
        failed[test] = [*failed.get(test, []), seed]
    return {**entry, "seeds": [*entry["seeds"], seed], "lines": lines, "failed": failed}


class Recorder:
    """A pytest plugin that keeps the largest error / tolerance of each line, and the tests that fail."""

    def __init__(self):
        self.lines: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.failed: dict[str, list[str]] = defaultdict(list)
        self._test, self._found = "", []

    def record(self, ratio: float, tolerance: float) -> None:
        """Note one comparison of the test that runs, if a test makes it."""
        place = find_test_line()
        if place is not None:
            kind = "fine" if tolerance <= COARSEST_FINE else "coarse"
            self._found.append((*place, ratio, kind))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin a test."""
        self._test, self._found = nodeid.partition("::")[2], []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed:
            self.failed[report.nodeid.partition("::")[0]].append(self._test)
            self._keep(passed=False)
        elif report.when == "teardown":
            self._keep(passed=True)

    def _keep(self, *, passed: bool) -> None:
        """Keep the largest of each line; beyond its tolerance in a test that passes, it had to differ."""
        for file, number, source, ratio, kind in self._found:
            value = 1 / ratio if passed and ratio > 1 else ratio
            kept = self.lines[file].get(number)
            if kept is None or not value <= kept["ratio"]:
                self.lines[file][number] = {
                    "ratio": value,
                    "kind": kind,
                    "test": self._test,
                    "source": source,
                }
        self._found = []


def find_test_line() -> tuple[str, str, str] | None:
    """File, line and source of the comparison under way, if a test makes it, not the package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file, number = frame.f_code.co_filename, frame.f_lineno
        if file.startswith(f"{TESTS}{os.sep}"):
            return name_file(Path(file)), str(number), linecache.getline(file, number).strip()
        if file.startswith(f"{ROOT / 'src'}{os.sep}"):
            return None
        frame = frame.f_back
    return None


# ---- what is replaced in the process of one seed


def shift_seeds(shift: int) -> None:
    """Add a number to every integer seed of NumPy and torch."""
    build_rng = np.random.default_rng

    class ShiftedGenerator(torch.Generator):
        def manual_seed(self, seed: int) -> torch.Generator:
            return super().manual_seed(seed + shift)

    def shift_seed(seed: Any) -> Any:
        if isinstance(seed, tuple | list):
            return [part + shift for part in seed]
        return seed + shift if isinstance(seed, int | np.integer) else seed

    np.random.default_rng = lambda seed=None: build_rng(shift_seed(seed))
    torch.Generator = ShiftedGenerator  # type: ignore[misc]


def watch_comparisons(record: Callable[[float, float], None]) -> None:
    """Measure every comparison with a tolerance before it is made."""

    def measure(actual: Any, expected: Any, rtol: float, atol: float) -> None:
        record(compute_ratio(actual, expected, rtol, atol), max(rtol, atol))

    def watch(owner: Any, name: str, rtol: float, atol: float) -> None:
        compare = getattr(owner, name)

        def watched(actual: Any, expected: Any, *args: Any, **options: Any) -> Any:
            own = dict(zip(("rtol", "atol"), args, strict=False)) | options
            measure(actual, expected, own.get("rtol", rtol), own.get("atol", atol))
            return compare(actual, expected, *args, **options)

        setattr(owner, name, watched)

    watch(np.testing, "assert_allclose", 1e-7, 0.0)
    watch(np, "allclose", 1e-5, 1e-8)
    watch(torch, "allclose", 1e-5, 1e-8)
    _watch_assert_close(measure)
    _watch_approx(record)


def compute_ratio(actual: Any, expected: Any, rtol: float, atol: float) -> float:
    """Largest error / tolerance of two arrays; 0 where they are equal or both NaN."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    with np.errstate(all="ignore"):
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        ratio = np.abs(actual - expected) / (atol + rtol * np.abs(expected))
    return float(np.where(same, 0.0, np.where(np.isnan(ratio), np.inf, ratio)).max(initial=0.0))


def _watch_assert_close(measure: Callable[[Any, Any, float, float], None]) -> None:
    compare = torch.testing.assert_close

    def watched(actual: Any, expected: Any, **options: Any) -> None:
        for one, other in _pair(actual, expected):
            rtol, atol = torch.testing._comparison.default_tolerances(one, other)
            options_here = [options.get(name) for name in ("rtol", "atol")]
            rtol, atol = (d if o is None else o for d, o in zip((rtol, atol), options_here, strict=True))
            measure(one.detach().double(), other.detach().double(), rtol, atol)
        compare(actual, expected, **options)

    torch.testing.assert_close = watched


def _pair(actual: Any, expected: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    if isinstance(actual, list | tuple):
        for one, other in zip(actual, expected, strict=True):
            yield from _pair(one, other)
    else:
        yield torch.as_tensor(actual), torch.as_tensor(expected)


def _watch_approx(record: Callable[[float, float], None]) -> None:
    compare = ApproxScalar.__eq__

    def watched(self: ApproxScalar, actual: Any) -> bool:
        numbers = isinstance(actual, float | int | np.number) and isinstance(
            self.expected, float | int | np.number
        )
        if numbers and not isinstance(self.expected, bool):
            tolerance = float(self.tolerance)
            ratio = compute_ratio(actual, self.expected, 0.0, tolerance)
            record(ratio, max(self.rel or 0.0, self.abs or 0.0))
        return compare(self, actual)

    ApproxScalar.__eq__ = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
