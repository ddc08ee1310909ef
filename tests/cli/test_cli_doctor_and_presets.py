"""`orbitscope doctor` and `orbitscope presets`."""

import re
import time

import psutil
import pytest
import torch
from command_line import NETWORK, TRAINING, read_json

import orbitscope
from orbitscope.cli.doctor import measure_age
from orbitscope.cli.main import run as run_command
from orbitscope.cli.options import IS_COMMAND


@pytest.mark.slow
def test_doctor_describes_the_machine_and_estimates_a_run(capsys):
    tiny = [*NETWORK, *TRAINING, "--train.epochs", "10", "--train.final-batch-size", "30", "--seconds", "600"]
    assert run_command(["doctor", "linear-2", "--threads", "1", *tiny, "--json"]) == 0
    found = read_json(capsys)
    assert found["versions"]["torch"] == torch.__version__
    assert found["operations_per_second"] > 0
    assert found["not_measured"] == []
    needs = found["run"]
    assert needs["fits"]
    assert needs["epochs"] == 10
    assert 0 < needs["last_epoch_seconds"] < needs["total_seconds"]
    assert needs["total_seconds_low"] < needs["total_seconds"] < needs["total_seconds_high"]
    assert run_command(["doctor", "linear-2", "--threads", "1", *tiny]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"10 epochs, \d+ to \d+ s", shown)
    assert run_command(["doctor", "linear-2", "--threads", "1", *tiny, "--train.stop-after", "3"]) == 0
    assert re.search(
        r"10 epochs or fewer \(training ends where all margins hold\), ", capsys.readouterr().out
    )
    assert re.search(r"updates of [\d, ]+ sequences; scaled from these: ([\d]+, )*validations", shown)


def test_doctor_says_what_it_had_no_time_to_measure(capsys):
    assert run_command(["doctor", "linear-2", "--seconds", "0"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Memory" in shown
    assert "linear-2, recipe fast" in shown
    assert "instructions and libraries of torch, speed of matrix products, what the run needs: 0 s" in shown
    assert "--seconds 60" in shown
    assert run_command(["doctor", "--seconds", "0", "--json"]) == 0
    found = read_json(capsys)
    assert found["not_measured"] == ["torch", "operations_per_second"]
    assert found["run"] is None
    assert found["memory_bytes"] > 0


def test_doctor_reads_a_settings_file_as_train_does(capsys, tmp_path, monkeypatch):
    estimated = []
    monkeypatch.setattr(
        "orbitscope.workflows.measure_machine.measure_machine",
        lambda n_threads, run, **_: estimated.append(run) or {},
    )
    (tmp_path / "mine.toml").write_text('process = "ring-6"\nrecipe = "faithful"\n')
    tokens = ["--settings", str(tmp_path / "mine.toml"), "--threads", "1"]
    assert run_command(["doctor", *tokens]) == 0
    assert run_command(["doctor", "linear-2", *tokens, "--recipe", "fast"]) == 0
    assert "linear-2, recipe fast" in " ".join(capsys.readouterr().out.split())
    expected = [("ring-6", "faithful", 200, 3), ("linear-2", "fast", 100, 0)]
    assert [(s.process, s.recipe, s.train.epochs, s.train.stop_after) for s in estimated] == expected


def test_the_time_of_doctor_counts_from_the_start_of_the_command():
    assert measure_age() == 0
    token = IS_COMMAND.set(True)
    try:
        began = time.time() - measure_age()
        assert began == pytest.approx(psutil.Process().create_time(), abs=1)
        assert measure_age() > 0
    finally:
        IS_COMMAND.reset(token)


def test_doctor_names_a_process_that_does_not_exist(capsys):
    assert run_command(["doctor", "linear-9x", "--seconds", "0"]) == 1
    assert "linear-9x" in capsys.readouterr().err


def test_presets(capsys):
    assert run_command(["presets"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*orbitscope.list_presets(), "random-6x4@7", "ring-6"))
    assert run_command(["presets", "--json"]) == 0
    document = read_json(capsys)
    assert [row["name"] for row in document["presets"]] == list(orbitscope.list_presets())
    for family in document["families"]:
        assert orbitscope.load_process(family["example"]).n_states > 0
