"""`orbitscope train`."""

import json
import shutil
from pathlib import Path

from command_line import TINY, read_json

import orbitscope
from orbitscope.cli.display import (
    ProgressDisplay,
)
from orbitscope.cli.main import run as run_command
from orbitscope.runs import RunFolder


def test_train_writes_a_run_and_reports_it(capsys):
    assert run_command(["train", "linear-2", *TINY, "--seed", "3", "--no-evaluate"]) == 0
    captured = capsys.readouterr()
    folder = RunFolder("runs/linear-2-fast-3")
    settings = folder.read_settings()
    assert (settings.model.hidden_size, settings.train.epochs, settings.seed) == (8, 4, 3)
    recipe = orbitscope.build_settings("linear-2").train
    assert settings.train.validate_every == recipe.validate_every  # keys not given keep the recipe's value
    assert settings.train.final_batch_size is None
    for words in ("runs/linear-2-fast-3", "4 epochs", "Best epoch  4", "floor", "orbitscope evaluate"):
        assert words in captured.out
    first, *lines = captured.err.splitlines()
    assert first.startswith("Training linear-2")
    assert lines[-1].startswith("4/4  loss ")
    assert "(floor " in lines[-1]
    assert "symbol-matrix error" in lines[-1]
    assert lines[-1].endswith("no plateau so far  done")


def test_laws_of_words_are_compared_with_no_sample_of_the_process(capsys):
    assert run_command(["train", "linear-2", *TINY, "--loss.objective", "words", "--no-evaluate"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "nat at validation; the process itself gives 0.000, symbols that do not depend" in shown
    assert "sequences" not in shown.partition("Loss")[2].partition("Transition")[0]


def test_train_json_is_one_document(capsys):
    assert run_command(["train", "linear-2", *TINY, "--no-evaluate", "--json"]) == 0
    summary = read_json(capsys)
    history = RunFolder(summary["run"]).read_history()
    assert summary["epochs"] == 4
    assert summary["loss"] == history[-1].loss
    assert summary["floor"] == history[-1].floor
    assert summary["validation_loss"] == history[summary["best_epoch"] - 1].validation_loss
    assert summary["phase"] == "no_plateau"
    assert summary["transition_epoch"] is None
    assert summary["evaluation"] is None


def test_a_run_that_ended_early_says_why(monkeypatch, capsys):
    monkeypatch.setattr("orbitscope.training.trainer.PLATEAU_MEMORY", -1.0)

    def prepare_check(hmm, **options):
        return lambda network, epoch: True

    monkeypatch.setattr("orbitscope.workflows.train_run.MarginCheck", prepare_check)
    ends = ["--train.stop-after", "1", "--train.validate-every", "2"]
    assert run_command(["train", "linear-2", *TINY, *ends, "--no-evaluate"]) == 0
    captured = capsys.readouterr()
    assert "2 of 4 epochs in" in captured.out
    assert "Best epoch  2, the last: from h = 0 all margins held in validations in a row" in captured.out
    assert captured.err.splitlines()[-1].endswith("no plateau so far  all margins hold (1 in a row)  done")
    resume = ["train", "--resume", "runs/linear-2-fast-0", "--no-evaluate", "--json"]
    assert run_command(resume) == 0
    summary = read_json(capsys)
    assert (summary["epochs"], summary["planned_epochs"], summary["margins_held"]) == (2, 4, True)


def test_a_finished_run_without_its_history_says_that_it_is_lost(trained, capsys):
    shutil.copytree(trained, "run")
    Path("run/history.jsonl").unlink()
    resume = ["train", "--resume", "run", "--no-evaluate"]
    assert run_command([*resume, "--json"]) == 0
    summary = read_json(capsys)
    assert (summary["epochs"], summary["loss"], summary["validation_loss"]) == (4, None, None)
    assert run_command(resume) == 0
    assert "history.jsonl is lost" in capsys.readouterr().out


def test_an_existing_run_is_not_touched(trained, capsys):
    before = (trained / "weights.safetensors").read_bytes()
    assert run_command(["train", "linear-2", *TINY, "--out", str(trained)]) == 1
    assert f"orbitscope train --resume {trained}" in capsys.readouterr().err
    assert (trained / "weights.safetensors").read_bytes() == before


def test_command_line_beats_settings_file_beats_recipe(capsys):
    Path("mine.toml").write_text(
        'process = "linear-3"\nseed = 5\n[train]\nepochs = 9\nbeta1 = 0.5\n', encoding="utf-8"
    )
    assert run_command(["train", "--settings", "mine.toml", *TINY, "--no-evaluate", "--json"]) == 0
    settings = RunFolder(read_json(capsys)["run"]).read_settings()
    assert (settings.process, settings.seed) == ("linear-3", 5)
    assert (settings.train.epochs, settings.train.beta1) == (4, 0.5)


def test_unknown_key_in_a_settings_file_names_the_nearest(capsys):
    Path("mine.toml").write_text("[train]\nepoks = 9\n", encoding="utf-8")
    assert run_command(["train", "linear-2", "--settings", "mine.toml"]) == 1
    assert "Did you mean `train.epochs`" in capsys.readouterr().err


def test_train_takes_an_hmm_file(capsys):
    hmm = 'name = "door"\ntransition_matrix = [[0.9, 0.1], [0.1, 0.9]]\nemission_probs = [[1, 0], [0, 1]]\n'
    Path("door.toml").write_text(hmm, encoding="utf-8")
    assert run_command(["train", "door.toml", *TINY, "--no-evaluate", "--json"]) == 0
    run = read_json(capsys)["run"]
    assert run == "runs/door-fast-0"
    assert RunFolder(run).read_hmm().name == "door"


def test_interruption_saves_and_names_the_way_on(monkeypatch, capsys):
    show = ProgressDisplay.__call__

    def interrupt(self, progress):
        show(self, progress)
        if progress.done == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ProgressDisplay, "__call__", interrupt)
        assert run_command(["train", "linear-2", *TINY, "--out", "run", "--no-evaluate"]) == 130
    assert "orbitscope train --resume run" in capsys.readouterr().err
    assert json.loads(Path("run/status.json").read_text())["status"] == "interrupted"
    assert run_command(["train", "--resume", "run", "--no-evaluate", "--json"]) == 0
    assert read_json(capsys)["epochs"] == 4
