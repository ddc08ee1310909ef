"""The script that chooses the networks of the zoo: its rule, and what it packs."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder

pytestmark = pytest.mark.checkout

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
    """The script on one process, with tiny candidates that a test may change."""
    monkeypatch.syspath_prepend(str(EXPERIMENTS))
    monkeypatch.delitem(sys.modules, "build_zoo", raising=False)
    import build_zoo  # pyright: ignore[reportMissingImports]

    def build(process, **options):
        return build_settings(process, changes=tiny_settings, **options)

    shutil.copytree(trained, tmp_path / "table")
    monkeypatch.setattr(build_zoo, "RUNS", tmp_path / "table")
    monkeypatch.setattr(build_zoo, "ZOO", tmp_path / "zoo")
    monkeypatch.setattr(build_zoo, "RECIPES", ("fast",))
    monkeypatch.setattr(build_zoo, "list_presets", lambda: ("linear-3",))
    monkeypatch.setattr(build_zoo, "build_settings", build)
    monkeypatch.setattr(sys, "argv", ["build_zoo.py", "--recipe", "fast"])
    return build_zoo


def set_validation(path, losses):
    """Give a run these losses and floors of validation, in its first epochs."""
    file = path / "history.jsonl"
    records = [json.loads(line) for line in file.read_text().splitlines()]
    for record in records:
        record |= {"validation_loss": None, "validation_floor": None}
    for record, (loss, floor) in zip(records, losses, strict=False):
        record |= {"validation_loss": loss, "validation_floor": floor}
    file.write_text("".join(json.dumps(record) + "\n" for record in records))


def test_the_lowest_loss_beside_its_floor_is_packed(script, capsys):
    set_validation(script.RUNS / NAMES[0], [(5.0, 4.0), (4.6, 4.0)])
    set_validation(script.RUNS / NAMES[1], [(5.0, 4.7), (4.9, 4.7), (6.0, 4.7)])
    set_validation(script.RUNS / NAMES[2], [(4.5, 4.0)])
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
        set_validation(script.RUNS / name, [(4.0 + (index != 2), 4.0)])
    script.main()
    assert [path.name for path in script.ZOO.iterdir()] == ["linear-3-fast"]
    assert RunFolder(script.ZOO / "linear-3-fast").read_settings().seed == 2


def test_files_of_the_same_choice_are_left_alone(script, capsys):
    script.main()
    before = {path: path.stat().st_mtime_ns for path in script.ZOO.rglob("*")}
    script.main()
    assert "as it was" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in script.ZOO.rglob("*")} == before


@pytest.mark.parametrize("missing", ["weights.safetensors", "results/evaluation.nc"])
def test_nothing_is_packed_before_all_candidates_are_ready(script, capsys, missing):
    (script.RUNS / NAMES[1] / missing).unlink()
    script.main()
    assert f"linear-3: not yet, {NAMES[1]}" in capsys.readouterr().out
    assert not script.ZOO.exists()


def test_fewer_seeds_than_three_are_refused(script, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["build_zoo.py", "--recipe", "fast", "--seeds", "0", "1"])
    with pytest.raises(SystemExit, match="at least 3 seeds"):
        script.main()
