"""The whole pipeline: training or loading, evaluation, analysis and claims in one call."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from claim_numbers import make_numbers

from orbitscope.claims.ledger import judge_claims
from orbitscope.errors import InputError, RunFolderError
from orbitscope.hmm import HMM, build_linear_chain, dump_hmm
from orbitscope.network import build_network
from orbitscope.process import RecordedSequences
from orbitscope.progress import Progress, StagedProgress
from orbitscope.quantity import Quantity
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder
from orbitscope.runs.zoo import open_run
from orbitscope.workflows import pipeline
from orbitscope.workflows.analyse import Analysis, PartOutcome
from orbitscope.workflows.evaluate_run import evaluate_run, find_kept_evaluation
from orbitscope.workflows.judge_run import JudgedRun
from orbitscope.workflows.pipeline import PipelineResult, run_pipeline
from orbitscope.workflows.targets import ProcessTarget, RunTarget, WeightsTarget, find_kind
from orbitscope.workflows.train_run import TrainingInterruptedError

TINY = {
    "model": {"hidden_size": 6, "input_size": 4},
    "data": {"n_sequences": 60, "n_steps": 6},
    "train": {"epochs": 3, "batch_size": 30, "final_batch_size": None},
    "evaluate": {
        **{
            "n_symbols_total": 2000,
            "n_sequences": 200,
            "n_trajectories": 20,
            "n_matched": 20,
            "n_matches": 2,
        },
        **{"n_refitted": 20, "n_refits": 2, "max_refit_states": 0, "n_resamples": 100, "n_entropy": 100},
        **{"n_raster": 3, "burn_in": 5},
    },
}
PARTS = ["orbit_size"]


@pytest.fixture(autouse=True)
def drawn(monkeypatch):
    """Runs whose figures would be drawn, which takes seconds."""
    drawn = []
    monkeypatch.setattr(pipeline, "draw_run_figures", drawn.append)
    return drawn


def make_target(out, process="linear-2", **changes):
    settings = build_settings(process, recipe="fast", threads=1, changes=TINY).override(changes)
    return ProcessTarget(settings, out)


def run_tiny(target, **options):
    return run_pipeline(target, only=PARTS, quick=True, threads=1, **options)


def save_weights(path, seed=0):
    network = build_network(
        3, cell="relu", hidden_size=6, input_size=4, generator=torch.Generator().manual_seed(seed)
    )
    names = {
        "rnn.weight_ih_l0": network.cell.w_ih,
        "rnn.weight_hh_l0": network.cell.w_hh,
        "fc.weight": network.w_out,
    }
    torch.save({name: weight.detach() for name, weight in names.items()}, path)
    return path


@pytest.mark.slow
def test_a_process_is_trained_evaluated_analysed_and_judged_once(tmp_path, drawn):
    events = []
    found = run_tiny(make_target(tmp_path / "run"), progress=events.append)
    assert found.folder.weights.is_file()
    assert found.evaluation is not None
    assert drawn == [found.folder.path]
    assert [outcome.status for outcome in found.analysis.outcomes] == ["done"]
    assert {v.claim.name: v.word for v in found.judged.verdicts}["C4"] == "identity"
    stages = list(dict.fromkeys(event.label.partition(":")[0] for event in events))
    assert stages == ["training", "evaluation", "analysis"]
    assert events[-1].done == 1.0
    assert set(found.to_plain()) == {"run", "sentences", "network", "quick", "emulation", "claims", "parts"}

    again = run_tiny(make_target(tmp_path / "run"), progress=(later := []).append)
    assert [outcome.status for outcome in again.analysis.outcomes] == ["kept"]
    assert {event.label.partition(":")[0] for event in later} == {"analysis"}
    assert again.sentences == found.sentences


@pytest.mark.slow
def test_training_that_was_stopped_goes_on_to_the_same_weights(tmp_path):
    def stop(event):
        if event.label == "training: epoch 2":
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterruptedError):
        run_tiny(make_target(tmp_path / "stopped"), progress=stop)
    stopped = run_tiny(RunTarget(tmp_path / "stopped"))
    whole = run_tiny(make_target(tmp_path / "whole"))
    assert stopped.folder.weights.read_bytes() == whole.folder.weights.read_bytes()


def test_a_folder_with_another_run_is_refused(tmp_path):
    target = make_target(tmp_path / "run")
    target.obtain(lambda event: None)
    with pytest.raises(RunFolderError, match=r"differs in seed, train\.epochs\."):
        make_target(tmp_path / "run", seed=1, **{"train.epochs": 4}).obtain(lambda event: None)
    assert make_target(tmp_path / "run", threads=2).obtain(lambda event: None).path == target.out


def test_a_process_whose_file_has_changed_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(dump_hmm(build_linear_chain(2)))
    target = make_target(tmp_path / "run", process=str(file))
    target.obtain(lambda event: None)
    target.obtain(lambda event: None)
    file.write_text(dump_hmm(build_linear_chain(3)))
    with pytest.raises(RunFolderError, match="differs in the process itself"):
        target.obtain(lambda event: None)


def test_weights_are_imported_once(tmp_path):
    file = save_weights(tmp_path / "net.pt")
    options = {"cell": "relu", "process": "linear-2"}
    target = WeightsTarget(file, tmp_path / "run", options)
    folder = target.obtain(lambda event: None)
    before = folder.provenance.read_bytes()
    assert target.obtain(lambda event: None).provenance.read_bytes() == before
    save_weights(file, seed=1)
    with pytest.raises(RunFolderError, match="but holds another"):
        target.obtain(lambda event: None)


def test_weights_imported_in_another_way_are_not_taken_for_the_same(tmp_path):
    hmm = build_linear_chain(2)
    file, first = save_weights(tmp_path / "net.pt"), {"cell": "relu", "hmm": hmm}
    WeightsTarget(file, tmp_path / "run", first).obtain(lambda event: None)
    other_hmm = HMM(hmm.initial_probs[::-1], hmm.transition_matrix, hmm.emission_probs)
    for options, message in (
        ({"cell": "tanh"}, "differs in cell"),
        ({"noise_std": 0.5}, "differs in noise_std"),
        ({"prefix": "rnn."}, "differs in prefix"),
        ({"hmm": other_hmm, "cell": "tanh"}, "differs in cell, the process itself"),
        ({"hmm": None, "sequences": RecordedSequences([[0, 1, 2]])}, "differs in the process itself"),
    ):
        with pytest.raises(
            RunFolderError, match=rf"{message}\. Choose .*`orbitscope run {tmp_path / 'run'}`"
        ):
            WeightsTarget(file, tmp_path / "run", first | options).obtain(lambda event: None)
    same = WeightsTarget(file, tmp_path / "run", first | {"noise_std": 1.0, "prefix": None})
    assert same.obtain(lambda event: None).path == tmp_path / "run"


def test_a_network_without_a_process_is_not_evaluated(tmp_path):
    target = WeightsTarget(save_weights(tmp_path / "net.pt"), tmp_path / "run", {"cell": "relu"})
    found = run_tiny(target)
    assert found.evaluation is None
    assert found.sentences[0] == "Whether it emulates cannot be told: there is no HMM to compare with."


def test_the_evaluation_of_a_network_of_the_zoo_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "evaluate_run", lambda *args, **options: pytest.fail("evaluated anew"))
    found = run_tiny("zoo:linear-2-faithful")
    assert found.sentences[0] == "Emulates: all 8 measures are within their margins."
    assert found.folder.path.name == "zoo-linear-2-faithful"


@pytest.mark.slow
def test_an_evaluation_is_kept_only_of_the_same_weights_and_settings(tmp_path):
    folder = make_target(tmp_path / "run").obtain(lambda event: None)
    assert find_kept_evaluation(folder) is None
    evaluate_run(folder.path)
    assert find_kept_evaluation(folder) is not None
    evaluate_run(folder.path, changes={"evaluate.n_matched": 12})
    assert find_kept_evaluation(folder) is None
    evaluate_run(folder.path)
    network = folder.load_network()
    with torch.no_grad():
        network.w_out[0, 0] += 1.0
    folder.save_weights(network.state_dict(), {})
    assert find_kept_evaluation(folder) is None
    (folder.results / "evaluation.nc").write_bytes(b"cut")
    assert find_kept_evaluation(folder) is None


def test_an_evaluation_without_a_source_counts_in_a_copy_of_the_zoo_alone(tmp_path):
    for name, is_kept in (("zoo-linear-2", True), ("mine", False)):
        shutil.copytree(open_run("zoo:linear-2").path, tmp_path / name)
        assert (find_kept_evaluation(RunFolder(tmp_path / name)) is not None) == is_kept


def test_what_a_target_is_follows_from_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(dump_hmm(build_linear_chain(2)))
    (tmp_path / "net.pt").write_bytes(b"")
    (tmp_path / "hmm.npz").write_bytes(b"")
    (tmp_path / "net.bin").write_bytes(b"")
    (tmp_path / "NET.SAFETENSORS").write_bytes(b"")
    (tmp_path / "linear-8").write_bytes(b"")  # a name of a process all the same
    for folder in ("empty", "folder.pt"):
        (tmp_path / folder).mkdir()
    named = ("zoo:linear-3", "linear-2", "linear-8", "mine.toml", "net.pt", "NET.SAFETENSORS")
    assert [find_kind(name) for name in named] == ["run", *["process"] * 3, *["weights"] * 2]
    for name, message in (
        ("hmm.npz", "orbitscope import --hmm hmm.npz --out hmm.toml"),
        ("missing.pt", "must be a file with weights, but there is none"),
        ("missing.ckpt", "must be a file with weights, but there is none"),
        ("empty", "must be a run folder with a config.toml"),
        ("folder.pt", "must be a run folder with a config.toml, but has none. Name another, or a file in it"),
        ("net.bin", r"must be weights \(.pt, .pth, .ckpt, .safetensors\).* got `.bin`\. .*rename it"),
        ("linaer-2", "did you mean|Did you mean"),
    ):
        with pytest.raises(InputError, match=message):
            find_kind(name)


def test_a_preset_is_trained_with_the_recipe_fast():
    target = pipeline.find_target("linear-2")
    assert isinstance(target, ProcessTarget)
    assert (target.settings.recipe, str(target.out)) == ("fast", "runs/linear-2-fast-0")


def test_there_are_at_most_eight_sentences(tmp_path):
    plain = make_numbers()
    quantities = {
        key: Quantity.from_plain({"key": key, "label": key, "is_main": True, **entry})
        for key, entry in plain.items()
    }
    outcome = PartOutcome("all", "done", quantities=list(quantities.values()))
    judged = JudgedRun("mine", False, None, tuple(judge_claims(quantities)))
    found = PipelineResult(RunFolder(tmp_path), None, Analysis("mine", False, (outcome,)), judged)
    assert 4 <= len(found.sentences) <= 8
    assert found.sentences[1].startswith("Half of the decision to switch falls")
    assert found.sentences[-2].startswith("Of ")
    assert found.sentences[-1].startswith("What holds: C1, ")
    none = dataclasses.replace(judged, verdicts=tuple(judge_claims({})))
    assert none.list_sentences()[1] == "No claim holds."


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_stages_report_the_time_left_of_all():
    clock, events = Clock(), []
    stages = StagedProgress(events.append, {"train": 0.0, "look": 40.0, "judge": 10.0}, clock=clock)
    train = stages.begin("train")
    clock.now = 5.0
    train(Progress("train", 1.0, 4.0, "epoch 1", {"loss": 1.0}, seconds_spent=100.0, seconds_left=50.0))
    look = stages.begin("look")
    look(Progress("look", 0.0, 1.0, "first", {}))
    clock.now = 25.0  # half of the stage took 20 s
    look(Progress("look", 0.5, 1.0, "second", {}))
    assert [event.label for event in events] == ["train: epoch 1", "look: first", "look: second"]
    assert events[0].details == {"loss": 1.0}
    assert [event.seconds_left for event in events] == [100.0, 50.0, 30.0]
    assert [event.seconds_spent for event in events] == [100.0, 100.0, 120.0]
    np.testing.assert_allclose([event.done for event in events], [0.5, 2 / 3, 0.8], rtol=1e-12)


def test_a_slow_stage_is_told_by_its_own_pace():
    clock, events = Clock(), []
    look = StagedProgress(events.append, {"look": 10.0}, clock=clock).begin("look")
    clock.now = 90.0
    look(Progress("look", 0.9, 1.0, "late", {}))
    (event,) = events
    assert event.seconds_left == pytest.approx(0.1 * (90.0 + 0.1 * 10.0))
    look(Progress("look", 1.0, 1.0, "end", {}))
    assert (events[-1].seconds_left, events[-1].done) == (0.0, 1.0)
