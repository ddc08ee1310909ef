"""The script that chooses the networks of the zoo: its rule, and what it packs."""

import dataclasses
import itertools
import shutil
import sys
from pathlib import Path

import pytest

from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder
from orbitscope.runs.checkpoints import load_tensors

pytestmark = [pytest.mark.checkout, pytest.mark.slow]

EXPERIMENTS = Path(__file__).resolve().parent.parent / "experiments"
NAMES = [f"linear-3-fast-{seed}" for seed in (0, 1, 2)]


@pytest.fixture(scope="module")
def trained(train_tiny_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("candidates")
    for seed, name in enumerate(NAMES):
        train_tiny_run(folder / name, seed=seed)
    return folder


@pytest.fixture
def script(trained, monkeypatch, tmp_path, tiny_settings):
    """The script on one process, with tiny candidates and their rows, which a test may change."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    for name in ("rows", "emulation_table", "build_zoo"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import build_zoo  # pyright: ignore[reportMissingImports]

    def build(process, **options):
        return build_settings(process, changes=tiny_settings, **options)

    shutil.copytree(trained, tmp_path / "table")
    monkeypatch.setattr(build_zoo, "RUNS", tmp_path / "table")
    monkeypatch.setattr(build_zoo, "ZOO", tmp_path / "zoo")
    monkeypatch.setattr(build_zoo, "CANDIDATES", tmp_path / "candidates")
    monkeypatch.setattr(build_zoo.emulation_table, "ROWS", tmp_path / "emulation.jsonl")
    monkeypatch.setattr(build_zoo, "RECIPES", ("fast",))
    monkeypatch.setattr(build_zoo, "list_presets", lambda: ("linear-3",))
    monkeypatch.setattr(build_zoo, "build_settings", build)
    monkeypatch.setattr(sys, "argv", ["build_zoo.py", "--recipe", "fast"])
    add_rows(build_zoo)
    return build_zoo


def add_rows(script):
    """Rows of all candidates, without the evaluation that has no part in the rule."""
    for name in NAMES:
        add_row(script, name)


def add_row(script, name):
    run = RunFolder(script.RUNS / name)
    kept, settings = script.table.find_kept(run), run.read_settings()
    floors = [r.validation_floor for r in run.read_history() if r.validation_loss is not None]
    row = {
        "recipe": "fast",
        "preset": "linear-3",
        "seed": settings.seed,
        "train": settings.train.model_dump(),
        "loss": settings.loss.model_dump(),
        "phase": "plateau",
        "training_seconds": 1.0,
        "best_validation_loss": kept.validation_loss,
        "validation_floor": floors[0],
    }
    script.table.add_row(script.emulation_table.ROWS, row)


def set_validation(script, name, losses, *, kept=None):
    """Give a run these losses and floors of validation in its first epochs, and a row that says so.

    Its weights are of the epoch with the lowest loss, or of another, as where training ended early.
    """
    run = RunFolder(script.RUNS / name)
    given = itertools.chain(losses, itertools.repeat((None, None)))
    run.write_history(
        dataclasses.replace(record, validation_loss=loss, validation_floor=floor)
        for record, (loss, floor) in zip(run.read_history(), given, strict=False)
    )
    lowest = 1 + min(range(len(losses)), key=lambda i: losses[i][0])
    run.save_weights(load_tensors(run.weights).tensors, {"epoch": kept or lowest})
    add_row(script, name)


def test_what_counts_is_the_loss_of_the_weights_that_are_kept(script, capsys):
    """Seed 0 had the lowest loss, in an epoch before the one with which training ended."""
    set_validation(script, NAMES[0], [(4.1, 4.0), (4.6, 4.0)], kept=2)
    set_validation(script, NAMES[1], [(4.5, 4.0)])
    set_validation(script, NAMES[2], [(4.7, 4.0)])
    script.main()
    assert "zoo:linear-3-fast: seed 1" in capsys.readouterr().out
    candidates = RunFolder(script.ZOO / "linear-3-fast").read_provenance()["selection"]["candidates"]
    assert [round(candidate["excess"], 9) for candidate in candidates] == [0.6, 0.5, 0.7]


def test_the_lowest_loss_beside_its_floor_is_packed(script, capsys):
    set_validation(script, NAMES[0], [(5.0, 4.0), (4.6, 4.0)])
    set_validation(script, NAMES[1], [(5.0, 4.7), (4.9, 4.7), (6.0, 4.7)])
    set_validation(script, NAMES[2], [(4.5, 4.0)])
    script.main()
    assert "zoo:linear-3-fast: seed 1" in capsys.readouterr().out
    packed = RunFolder(script.ZOO / "linear-3-fast")
    selection = packed.read_provenance()["selection"]
    assert selection["chosen_seed"] == packed.read_settings().seed == 1
    assert [c["excess"] for c in selection["candidates"]] == pytest.approx([0.6, 0.2, 0.5])
    assert [c["seed"] for c in selection["candidates"]] == [0, 1, 2]
    assert list(packed.list_checkpoints()) == [0, 1, 2, 4, 5]
    packed.load_network()


def test_a_new_choice_replaces_the_old_one(script):
    script.main()
    for index, name in enumerate(NAMES):
        set_validation(script, name, [(4.0 + (index != 2), 4.0)])
    script.main()
    assert [path.name for path in script.ZOO.iterdir()] == ["linear-3-fast"]
    assert RunFolder(script.ZOO / "linear-3-fast").read_settings().seed == 2


def test_files_of_the_same_choice_are_left_alone_even_without_the_runs(script, capsys):
    script.main()
    before = {path: path.stat().st_mtime_ns for path in script.ZOO.rglob("*")}
    shutil.rmtree(script.RUNS)
    script.main()
    assert "as it was" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in script.ZOO.rglob("*")} == before


def test_runs_that_are_not_chosen_are_not_needed(script):
    set_validation(script, NAMES[1], [(0.1, 4.0)])
    shutil.rmtree(script.RUNS / NAMES[0])
    script.main()
    assert RunFolder(script.ZOO / "linear-3-fast").read_settings().seed == 1


def test_the_best_run_so_far_outlives_the_folder_of_runs(script):
    set_validation(script, NAMES[0], [(0.2, 4.0)])
    set_validation(script, NAMES[1], [(0.1, 4.0)])
    rows = script.table.read_rows(script.emulation_table.ROWS)
    for n_rows, kept in ((1, NAMES[0]), (2, NAMES[1])):
        script.table.write_rows(script.emulation_table.ROWS, [r for r in rows if r["seed"] < n_rows])
        script.main()
        assert [path.name for path in script.CANDIDATES.iterdir()] == [kept]
    shutil.rmtree(script.RUNS)
    script.main()  # nothing is lost while the third is missing
    script.table.write_rows(script.emulation_table.ROWS, rows)
    script.main()
    packed = RunFolder(script.ZOO / "linear-3-fast")
    assert packed.read_settings().seed == 1
    assert list(packed.list_checkpoints()) == [0, 1, 2, 4, 5]
    assert list(script.CANDIDATES.iterdir()) == []


def test_nothing_is_packed_before_all_candidates_have_rows(script, capsys):
    rows = [row for row in script.table.read_rows(script.emulation_table.ROWS) if row["seed"] != 1]
    script.table.write_rows(script.emulation_table.ROWS, rows)
    script.main()
    assert "linear-3: not yet, seed 1" in capsys.readouterr().out
    assert not script.ZOO.exists()


@pytest.mark.parametrize("missing", ["weights.safetensors", "results/evaluation.nc"])
def test_a_chosen_run_that_is_not_there_is_named(script, capsys, missing):
    set_validation(script, NAMES[1], [(0.1, 4.0)])
    (script.RUNS / NAMES[1] / missing).unlink()
    script.main()
    assert "evaluated run of seed 1 is not here" in capsys.readouterr().out
    assert not script.ZOO.exists()


def test_a_run_trained_anew_is_not_taken_for_that_of_the_row(script, capsys):
    set_validation(script, NAMES[1], [(0.1, 4.0)])
    rows = script.table.read_rows(script.emulation_table.ROWS)
    set_validation(script, NAMES[1], [(0.2, 4.0)])
    script.table.write_rows(script.emulation_table.ROWS, rows)
    script.main()
    assert "evaluated run of seed 1 is not here" in capsys.readouterr().out


def test_fewer_seeds_than_three_are_refused(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["build_zoo.py", "--recipe", "fast", "--seeds", "0", "1"])
    with pytest.raises(SystemExit, match="at least 3 seeds"):
        script.main()
