import dataclasses
import json
import logging
from importlib.metadata import version

import numpy as np
import pytest
import torch

from orbitscope.errors import InputError, RunFolderError
from orbitscope.hmm import HMM, load_process
from orbitscope.network import build_network
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder
from orbitscope.runs.checkpoints import load_tensors, save_tensors
from orbitscope.training import EpochRecord, TrainingDivergedError, find_transition
from orbitscope.workflows import draw_run
from orbitscope.workflows import evaluate_run as evaluating
from orbitscope.workflows import train_run as training
from orbitscope.workflows.analyse_run import analyse_run
from orbitscope.workflows.import_network import import_run

TINY = {
    "model": {"hidden_size": 8, "input_size": 4},
    "data": {"n_sequences": 90, "n_steps": 6},
    "train": {"epochs": 5, "validate_every": 2, "checkpoint_every": 4},
}


def make_settings(**changes):
    return build_settings("linear-3", threads=1, changes=TINY).override(changes)


def read_status(folder):
    return json.loads((folder / "status.json").read_text())


def read_tensor_files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.safetensors")}


def test_a_run_keeps_everything_and_reports_every_epoch(tmp_path):
    events = []
    run = training.train_run(make_settings(), tmp_path / "run", progress=events.append)
    assert [(event.stage, event.done, event.total) for event in events] == [
        ("train", float(epoch), 5.0) for epoch in range(1, 6)
    ]
    assert {"loss", "floor", "plateau", "symbol_matrix_error", "phase"} <= set(events[0].details)
    assert [event.seconds_left > 0 for event in events] == [True] * 4 + [False]
    assert events[-1].share == 1.0
    assert events[2].seconds_spent == sum(record.seconds for record in run.history[:3])
    assert [record.epoch for record in run.history] == [1, 2, 3, 4, 5]
    assert run.folder.read_history() == run.history
    assert list(run.folder.list_checkpoints()) == [0, 1, 2, 4, 5]
    assert read_status(run.folder.path)["status"] == "finished"
    assert run.best_epoch in (2, 4, 5)
    assert run.transition.status == "no_plateau"
    shown = f"TrainedRun(folder={run.folder!r}, best_epoch={run.best_epoch}, transition={run.transition!r}"
    assert repr(run) == f"{shown}, margins_held=False)"


def test_a_finished_run_resumes_to_itself(tmp_path):
    first = training.train_run(make_settings(), tmp_path / "run")
    again = training.resume_run(tmp_path / "run", progress=lambda event: pytest.fail("nothing to do"))
    assert (again.history, again.best_epoch) == (first.history, first.best_epoch)


def test_an_interrupted_run_says_so_and_resumes_to_the_same_files(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_SECONDS_BETWEEN_STATES", 0.0)
    whole = training.train_run(make_settings(), tmp_path / "whole")

    def interrupt(event):
        if event.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(training.TrainingInterruptedError, match="Continue with `orbitscope train --resume"):
        training.train_run(make_settings(), tmp_path / "cut", progress=interrupt)
    assert read_status(tmp_path / "cut")["status"] == "interrupted"
    resumed = training.resume_run(tmp_path / "cut")
    expected, found = (read_tensor_files(run.folder.path) for run in (whole, resumed))
    assert {"weights.safetensors", "checkpoints/epoch-000000.safetensors"} < expected.keys()
    assert {"checkpoints/last.safetensors", "checkpoints/previous.safetensors"} < expected.keys()
    assert found == expected


def make_check(answers):
    """In the place of the check of margins: answers by epoch."""
    return lambda hmm, **options: lambda network, epoch: answers[epoch]


def test_a_run_ends_early_where_margins_hold_and_resumes_to_the_same_files(tmp_path, monkeypatch):
    """Interrupted between the validations that count, and resumed once more when it has ended."""
    monkeypatch.setattr(training, "_SECONDS_BETWEEN_STATES", 0.0)
    monkeypatch.setattr("orbitscope.training.trainer.PLATEAU_MEMORY", -1.0)
    monkeypatch.setattr(
        training, "MarginCheck", make_check({2: False, 4: True, 6: True, 8: False, 10: False})
    )
    settings = make_settings(**{"train.epochs": 10, "train.stop_after": 2})
    events = []
    whole = training.train_run(settings, tmp_path / "whole", progress=events.append)
    assert (whole.margins_held, whole.best_epoch, len(whole.history)) == (True, 6, 6)
    assert (events[-1].done, events[-1].total, events[-1].seconds_left) == (6.0, 6.0, 0.0)
    assert [event.details["n_holding"] for event in events] == [0, 0, 0, 1, 1, 2]
    assert read_status(tmp_path / "whole")["status"] == "finished"

    def interrupt(event):
        if event.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(training.TrainingInterruptedError):
        training.train_run(settings, tmp_path / "cut", progress=interrupt)
    resumed = training.resume_run(tmp_path / "cut")
    assert read_tensor_files(resumed.folder.path) == read_tensor_files(whole.folder.path)
    again = training.resume_run(tmp_path / "cut", progress=lambda event: pytest.fail("nothing to do"))
    assert (again.history, again.margins_held) == (resumed.history, True)
    margins = [record.margins_hold for record in RunFolder(tmp_path / "cut").read_history()]
    assert margins == [None, False, None, True, None, True]


@pytest.mark.parametrize(("answer", "best"), [(True, 4), (False, None)])
def test_margins_that_hold_at_the_last_epoch_count(tmp_path, monkeypatch, answer, best):
    """The last weights are kept if margins held, those of the lowest loss if not."""
    monkeypatch.setattr("orbitscope.training.trainer.PLATEAU_MEMORY", -1.0)
    monkeypatch.setattr(training, "MarginCheck", make_check({2: True, 4: answer}))
    run = training.train_run(make_settings(**{"train.epochs": 4, "train.stop_after": 2}), tmp_path / "run")
    assert (len(run.history), run.margins_held) == (4, answer)
    losses = {record.epoch: record.validation_loss for record in run.history if record.validation_loss}
    assert run.best_epoch == (best or min(losses, key=lambda epoch: losses[epoch]))


def test_a_state_of_an_earlier_version_counts_from_nothing(tmp_path):
    run = training.train_run(make_settings(), tmp_path / "run")
    path = run.folder.checkpoints / "last.safetensors"
    saved = load_tensors(path)
    assert saved.metadata.pop("n_holding") == 0
    save_tensors(path, saved.tensors, saved.metadata)
    assert training.resume_run(tmp_path / "run").best_epoch == run.best_epoch


def test_the_check_has_the_settings_of_the_run(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(training, "MarginCheck", lambda hmm, **options: seen.append((hmm.name, options)))
    settings = make_settings(**{"train.stop_after": 1, "model.noise_std": 0.5, "train.epochs": 1})
    training.train_run(settings, tmp_path / "run")
    expected = {"n_steps": 6, "settings": settings.evaluate, "noise_std": 0.5, "seed": settings.seed}
    assert seen == [("linear-3", expected)]


def test_status_says_running_while_it_trains(tmp_path):
    seen = []
    training.train_run(
        make_settings(),
        tmp_path / "run",
        progress=lambda _: seen.append(read_status(tmp_path / "run")["status"]),
    )
    assert set(seen) == {"running"}
    assert read_status(tmp_path / "run")["status"] == "finished"


def test_divergence_leaves_a_status_and_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("orbitscope.training.trainer.LARGEST_ACTIVITY", 1e-9)
    with pytest.raises(TrainingDivergedError, match="Start a new run with a lower"):
        training.train_run(make_settings(), tmp_path / "run")
    status = read_status(tmp_path / "run")
    assert (status["status"], status["epoch"]) == ("diverged", 0)
    assert "activity reached" in status["reason"]


def test_a_damaged_state_is_reported_and_the_one_before_it_used(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(training, "_SECONDS_BETWEEN_STATES", 0.0)
    whole = training.train_run(make_settings(), tmp_path / "run")
    last = tmp_path / "run" / "checkpoints" / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-10])
    with caplog.at_level(logging.WARNING):
        resumed = training.resume_run(tmp_path / "run")
    assert "last.safetensors" in caplog.text
    assert "Training goes on from epoch 4" in caplog.text
    assert dataclasses.replace(resumed.history[-1], seconds=0.0) == dataclasses.replace(
        whole.history[-1], seconds=0.0
    )


@pytest.fixture
def imported(tmp_path):
    network = build_network(3, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    torch.save(network.state_dict(), tmp_path / "net.pt")
    return import_run(tmp_path / "net.pt", tmp_path / "run", cell="relu", process="linear-3")


@pytest.mark.parametrize("damage", [None, "missing", "damaged"])
def test_an_imported_network_is_never_trained(imported, damage):
    break_weights(imported, damage)
    with pytest.raises(
        RunFolderError, match=r"was trained elsewhere.*orbitscope import .*net\.pt --cell relu .*hmm\.toml"
    ):
        training.resume_run(imported.path)


@pytest.mark.parametrize("damage", ["missing", "damaged"])
def test_imported_weights_that_are_lost_are_to_be_imported_again(imported, damage):
    break_weights(imported, damage)
    with pytest.raises(RunFolderError, match=r"must hold the imported weights.*Import it again"):
        imported.load_network()


def break_weights(run, damage):
    if damage == "missing":
        run.weights.unlink()
    elif damage:
        run.weights.write_bytes(run.weights.read_bytes()[:-9])


def test_an_existing_run_and_a_run_too_large_are_refused(tmp_path, monkeypatch):
    training.train_run(make_settings(), tmp_path / "run")
    with pytest.raises(RunFolderError, match="must be a new or empty folder"):
        training.train_run(make_settings(), tmp_path / "run")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    with pytest.raises(RunFolderError, match="must be a new or empty folder"):
        training.train_run(make_settings(), tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]  # and no lock
    huge = make_settings(**{"model.hidden_size": 100_000, "data.n_steps": 10_000})
    with pytest.raises(InputError, match="training needs about .* GB"):
        training.train_run(huge, tmp_path / "huge")
    assert not RunFolder(tmp_path / "huge").path.exists()


@pytest.mark.slow
def test_the_evaluation_of_a_run_is_read_back(one_figure, tmp_path):
    training.train_run(make_settings(), tmp_path / "run")
    with pytest.raises(RunFolderError, match="Make it with `orbitscope evaluate"):
        evaluating.load_evaluation(tmp_path / "run")
    small = {
        "n_symbols_total": 2000,
        "n_sequences": 100,
        "n_matched": 20,
        "n_resamples": 100,
        "n_entropy": 500,
        "n_refitted": 20,
        "n_trajectories": 50,
        "burn_in": 10,
    }
    result = evaluating.evaluate_run(tmp_path / "run", changes={"evaluate": small})
    assert evaluating.load_evaluation(tmp_path / "run") == result
    paths = draw_run.draw_run_figures(tmp_path / "run")
    assert {"training.svg", "training.png", "captions.md"} <= {path.name for path in paths}
    assert all(path.is_file() for path in paths)


@pytest.mark.parametrize(
    ("epoch", "kept"), [(1, True), (2, True), (3, False), (4, True), (5, True), (8, False)]
)
def test_checkpoints_are_dense_early_on(epoch, kept):
    assert training.is_checkpoint_epoch(epoch, 5) == kept


def make_record(epoch, **values):
    shared = {
        "validation_loss": None,
        "validation_floor": None,
        "symbol_matrix_error": 0.1,
        "volatility": 0.1,
    }
    shared |= {"frequency_error": 0.0, "marginal_error": 0.5, "gradient_norm": 1.0, "batch_size": 10}
    return EpochRecord(epoch=epoch, **shared, learning_rate=1e-3, self_weight=1.0, seconds=1.0, **values)


@pytest.mark.parametrize(("floor", "expected"), [(5.0, 20), (7.2, 30)])
def test_the_transition_is_in_the_loss_unless_its_floor_is_too_near(floor, expected):
    """The loss drops at epoch 20 (from 0), the memory comes at epoch 30."""
    history = [
        make_record(
            i + 1, loss=7.3 if i < 20 else 5.5, floor=floor, plateau=7.3, memory=0.0 if i < 30 else 0.9
        )
        for i in range(60)
    ]
    transition = find_transition(history)
    assert (transition.status, transition.index) == ("past_transition", expected)


def make_deterministic(kind):
    """Processes that never vary: one state, a cycle with a fixed start, a chain that has been absorbed."""
    return {
        "one state": HMM([1.0], [[1.0]], [[1.0, 0.0]]),
        "cycle": HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], np.eye(2)),
        "absorbed": HMM([0.0, 1.0], [[0.9, 0.1], [0.0, 1.0]], [[0.7, 0.3], [0.0, 1.0]]),
    }[kind]


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fast", "faithful"])
@pytest.mark.parametrize("kind", ["one state", "cycle", "absorbed"])
def test_a_process_that_never_varies_is_trained_to_the_end(tmp_path, kind, recipe):
    settings = build_settings("linear-2", recipe=recipe, threads=1, changes=TINY)
    settings = settings.override({"process": kind, "train.epochs": 2})
    run = training.train_run(settings, tmp_path / "run", hmm=make_deterministic(kind))
    assert read_status(tmp_path / "run")["status"] == "finished"
    assert run.transition.status == "no_plateau"
    assert np.isfinite([record.loss for record in run.history]).all()


@pytest.mark.parametrize("name", ["config.toml", "hmm.toml"])
def test_training_does_not_go_on_with_what_was_edited(tmp_path, name):
    folder = RunFolder(tmp_path / "run")
    settings = make_settings()
    folder.create(settings, load_process("linear-3"), {})
    folder.require_unedited()
    file = folder.path / name
    file.write_text(f"{file.read_text()}\n# a remark\n")
    with pytest.raises(RunFolderError, match=f"{name} changed since"):
        training.resume_run(folder.path)


@pytest.mark.parametrize("name", ["config.toml", "hmm.toml"])
def test_results_of_an_edited_run_say_that_it_was_edited(train_tiny_run, tmp_path, caplog, name):
    folder = train_tiny_run(tmp_path / "run")
    assert "changed since" not in caplog.text
    file = folder.path / name
    file.write_text(f"{file.read_text()}\n# a remark\n")
    evaluating.evaluate_run(folder.path)
    analyse_run(folder.path, only=["fixed_points"], quick=True, threads=1)
    assert caplog.text.count(f"{name} changed since the run was begun") == 2


def test_going_on_with_other_versions_is_said(tmp_path, caplog):
    folder = training.train_run(make_settings(), tmp_path / "run").folder
    training.resume_run(folder.path)
    assert "other versions" not in caplog.text
    provenance = folder.read_provenance()
    provenance["versions"] |= {"torch": "1.0.0", "an older package": "2"}
    folder.provenance.write_text(json.dumps(provenance), encoding="utf-8")
    training.resume_run(folder.path)
    assert f"other versions (torch 1.0.0 then, {version('torch')} now)" in caplog.text


def test_a_run_of_an_older_version_does_not_tell_what_was_edited(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(make_settings(), load_process("linear-3"), {})
    folder.config.write_text(f"{folder.config.read_text()}\n# a remark\n")
    folder.provenance.write_text("{}")
    assert folder.require_unedited() is None
    folder.provenance.unlink()
    assert folder.require_unedited() is None
