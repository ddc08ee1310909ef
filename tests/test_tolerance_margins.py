"""The script that demands room for every tolerance."""

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.checkout

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"
FILE = "tests/training/test_growth.py"


@pytest.fixture
def margins(monkeypatch, tmp_path):
    """The script, with a table of its own."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    import tolerance_margins  # pyright: ignore[reportMissingImports]

    monkeypatch.setattr(tolerance_margins, "TABLE", tmp_path / "margins.json")
    return tolerance_margins


def make_recorder(margins, *tests, tolerance=1e-6):
    """A recorder that saw tests, each with the ratios of its comparisons and whether it passed."""
    recorder = margins.Recorder()
    for name, ratios, passed in tests:
        recorder.pytest_runtest_logstart(f"{FILE}::{name}")
        for ratio in ratios:
            recorder.record(ratio, tolerance)
        report = pytest.TestReport(
            f"{FILE}::{name}", (FILE, 1, name), {}, "passed" if passed else "failed", None, "teardown"
        )
        recorder.pytest_runtest_logreport(report)
    return recorder


def test_the_ratio_is_that_of_the_worst_element(margins):
    actual, expected = np.array([1.0, 2.02, np.nan, np.inf]), np.array([1.0, 2.0, np.nan, np.inf])
    assert margins.compute_ratio(actual, expected, 0.01, 0.02) == pytest.approx(0.5)
    assert margins.compute_ratio(1.0, 1.0, 0.0, 0.0) == 0.0
    assert margins.compute_ratio(1.0, 2.0, 0.0, 0.0) == np.inf
    assert margins.compute_ratio(np.nan, 2.0, 0.1, 0.0) == np.inf
    assert margins.compute_ratio([], [], 0.1, 0.0) == 0.0


def test_a_line_keeps_its_worst_comparison_and_where_it_is(margins, monkeypatch):
    monkeypatch.setattr(margins, "find_test_line", lambda: (FILE, "7", "assert x"))
    recorder = make_recorder(margins, ("test_a", [0.1, 0.2], True), ("test_b", [0.15], True))
    assert recorder.lines[FILE]["7"] == {"ratio": 0.2, "kind": "fine", "test": "test_a", "source": "assert x"}
    differs = make_recorder(margins, ("test_a", [5.0], True))
    assert differs.lines[FILE]["7"]["ratio"] == 0.2
    fails = make_recorder(margins, ("test_a", [5.0], False))
    assert fails.lines[FILE]["7"]["ratio"] == 5.0
    assert fails.failed[FILE] == ["test_a"]


@pytest.mark.parametrize(("tolerance", "largest"), [(1e-3, 0.25), (2e-3, 0.75)])
def test_fine_tolerances_need_more_room_than_coarse_ones(margins, monkeypatch, capsys, tolerance, largest):
    monkeypatch.setattr(margins, "find_test_line", lambda: (FILE, "7", "assert x"))

    def report(ratio):
        recorder = make_recorder(margins, ("test_a", [ratio], True), tolerance=tolerance)
        return margins.report({FILE: margins.add_seed(margins.read_entry(FILE), 0, recorder, FILE)})

    assert report(largest) == 0
    assert report(1.01 * largest) == 1
    assert f"{FILE}:7" in capsys.readouterr().out


def test_seeds_add_up_until_the_code_changes(margins, monkeypatch, capsys):
    monkeypatch.setattr(margins, "find_test_line", lambda: (FILE, "7", "assert x"))
    entry = margins.read_entry(FILE)
    for seed, ratio, passed in ((0, 0.1, True), (1, 0.2, True), (2, 0.05, False)):
        entry = margins.add_seed(entry, seed, make_recorder(margins, ("test_a", [ratio], passed)), FILE)
    margins.TABLE.write_text(json.dumps({FILE: entry}))
    entry = margins.read_entry(FILE)
    assert entry["seeds"] == [0, 1, 2]
    assert (entry["lines"]["7"]["ratio"], entry["lines"]["7"]["seed"]) == (0.2, 1)
    assert margins.report({FILE: entry}) == 1
    assert f"{FILE}::test_a fails with seeds [2]" in capsys.readouterr().out
    monkeypatch.setattr(margins, "digest_code", lambda file: "changed")
    assert margins.read_entry(FILE)["seeds"] == []


def test_comparisons_are_placed_in_the_test_that_makes_them(margins):
    seen = []

    def compare():
        seen.append(margins.find_test_line())

    compare()
    assert seen[0][0] == "tests/test_tolerance_margins.py"
    assert seen[0][2] == "seen.append(margins.find_test_line())"


def test_a_file_is_measured_again_if_what_it_reaches_changes(margins):
    """Helpers and modules count, directly or not; other layers do not, but where all are registered."""

    def list_names(file):
        return {
            path.relative_to(margins.ROOT).as_posix() for path in margins.list_reached(margins.ROOT / file)
        }

    reached = list_names("tests/circuit/test_attribution.py")
    for file in ("tests/circuit/planted.py", "tests/circuit/latches.py", "tests/conftest.py"):
        assert file in reached
    for module in (
        "circuit/attribution",
        "circuit/twins",
        "network/cells/relu",
        "network/__init__",
        "errors",
    ):
        assert f"src/orbitscope/{module}.py" in reached
    assert not any("/plots/" in file or "/cli/" in file for file in reached)
    assert "src/orbitscope/cli/main.py" in list_names("tests/workflows/test_analyse_intervened.py")
