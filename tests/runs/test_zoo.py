import json
from shutil import copytree

import numpy as np
import pytest
import torch

import orbitscope
from orbitscope.cli.main import run as run_command
from orbitscope.errors import InputError, OrbitscopeError, RunFolderError
from orbitscope.runs import RunFolder, pack_run, zoo
from orbitscope.runs.zoo import list_zoo, load_network, name_network, open_run, open_writable_run
from orbitscope.workflows.draw_run import draw_run_figures
from orbitscope.workflows.evaluate_run import evaluate_run, load_evaluation


@pytest.fixture(scope="module")
def networks(train_tiny_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    for name, seed in (("pond", 0), ("pond-faithful", 1)):
        run = train_tiny_run(folder / "runs" / name, seed=seed)
        pack_run(run, folder / "zoo" / name, epochs=[0, 5])
    return folder / "zoo"


@pytest.fixture(autouse=True)
def small_zoo(networks, tmp_path, monkeypatch):
    """A zoo of two tiny networks, and an empty working directory."""
    monkeypatch.setattr(zoo, "_NETWORKS", networks)
    monkeypatch.chdir(tmp_path)


def list_files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_names_are_listed():
    assert list_zoo() == orbitscope.list_zoo() == ["zoo:pond", "zoo:pond-faithful"]


def test_what_a_killed_copy_leaves_is_no_network(networks, tmp_path, monkeypatch):
    copytree(networks, tmp_path / "zoo")
    copytree(networks / "pond", tmp_path / "zoo" / ".pond.abc.tmp")
    monkeypatch.setattr(zoo, "_NETWORKS", tmp_path / "zoo")
    assert list_zoo() == ["zoo:pond", "zoo:pond-faithful"]


def test_an_empty_zoo_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(zoo, "_NETWORKS", tmp_path / "none")
    assert run_command(["zoo"]) == 0
    shown = capsys.readouterr().out
    assert "without trained networks" in shown
    assert "zoo:" not in shown
    assert run_command(["evaluate", "zoo:pond"]) == 1
    assert "this version comes without any" in capsys.readouterr().err


def test_a_name_opens_a_run_and_a_path_too(networks):
    run = orbitscope.open_run("zoo:pond-faithful")
    assert run.path == networks / "pond-faithful"
    assert run.read_settings().seed == 1
    assert list(run.list_checkpoints()) == [0, 5]
    assert open_run("some/where").path.as_posix() == "some/where"
    assert open_writable_run("some/where").path.as_posix() == "some/where"


@pytest.mark.parametrize(
    "function", [open_run, open_writable_run, evaluate_run, load_evaluation, load_network]
)
def test_an_unknown_name_lists_the_known_ones(function, tmp_path):
    with pytest.raises(InputError, match="unknown network of the zoo `zoo:pont`. Did you mean `zoo:pond`"):
        function("zoo:pont")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", [open_run, open_writable_run, load_evaluation])
def test_a_name_without_its_prefix_is_recognised(function, networks):
    with pytest.raises(
        InputError, match="Did you mean the trained network `zoo:pond`.*orbitscope train pond"
    ):
        function("pond")
    copytree(networks / "pond", "pond")  # a folder of that name is what it says
    assert open_run("pond").read_settings().process == "linear-3"


@pytest.mark.parametrize("epoch", [None, 0])
def test_a_network_is_loaded_by_name_or_path_ready_to_run(networks, epoch):
    expected = open_run("zoo:pond").load_network(epoch=epoch).state_dict()
    for target in ("zoo:pond", networks / "pond", str(networks / "pond")):
        network = orbitscope.load_network(target, epoch=epoch)
        assert all(torch.equal(weight, expected[name]) for name, weight in network.state_dict().items())
        assert not network.training
        network.compute_logits(network.initial_state(2)).numpy()  # refused where a gradient is asked for


def test_the_best_weights_are_not_those_of_an_early_epoch():
    best, first = (orbitscope.load_network("zoo:pond", epoch=epoch) for epoch in (None, 0))
    assert not torch.equal(best.w_out, first.w_out)


@pytest.mark.parametrize(
    ("target", "epoch", "message"),
    [
        ("nowhere", None, r"`nowhere` must be a run folder with a config.toml, but has none\. Make one"),
        ("nowhere", 3, r"`nowhere` must be a run folder with a config.toml, but has none\. Make one"),
        ("pond", None, r"`pond` must be a run folder, but there is none\. Did you mean .* `zoo:pond`"),
        ("zoo:pond", 3, r"`epoch` must be one that was kept \(0, 5\), got 3\. Leave it out for the final"),
    ],
)
def test_what_cannot_be_loaded_says_what_to_do(target, epoch, message):
    with pytest.raises(OrbitscopeError, match=message):
        orbitscope.load_network(target, epoch=epoch)


@pytest.mark.slow
def test_writing_goes_to_a_copy(networks, one_figure, tmp_path):
    before = list_files(networks)
    result = evaluate_run("zoo:pond", changes={"evaluate.n_trajectories": 40})
    draw_run_figures("zoo:pond")
    assert list_files(networks) == before
    copy = tmp_path / "runs" / "zoo-pond"
    assert np.array_equal(load_evaluation(copy).symbol_matrix, result.symbol_matrix)
    assert not np.array_equal(load_evaluation("zoo:pond").symbol_matrix, result.symbol_matrix)
    assert (copy / "figures" / "training.svg").is_file()
    assert "\nzoo:pond. Training over" in (copy / "figures" / "captions.md").read_text()
    assert open_writable_run("zoo:pond").path.resolve() == copy


def test_a_copy_of_another_network_is_refused(tmp_path):
    open_writable_run("zoo:pond").path.rename(tmp_path / "runs" / "zoo-pond-faithful")
    with pytest.raises(
        RunFolderError, match="must be a copy of zoo:pond-faithful, but holds another network"
    ):
        open_writable_run("zoo:pond-faithful")


def test_the_command_lists_process_recipe_and_error(capsys):
    assert run_command(["zoo", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["networks"]
    assert (first["name"], second["name"]) == ("zoo:pond", "zoo:pond-faithful")
    assert (second["process"], second["recipe"], second["seed"]) == ("linear-3", "fast", 1)
    assert (second["epochs"], second["n_checkpoints"]) == (5, 2)
    evaluation = load_evaluation("zoo:pond")
    zero = evaluation.start.tolist().index("zero")
    network = evaluation.symbol_matrix[zero, evaluation.source.tolist().index("network")]
    process = evaluation.symbol_matrix[zero, evaluation.source.tolist().index("exact")]
    assert first["symbol_matrix_error"] == pytest.approx(np.abs(network - process).max())
    assert run_command(["zoo"]) == 0
    assert "zoo:pond-faithful" in capsys.readouterr().out


@pytest.mark.slow
def test_commands_take_a_name_for_a_run(networks, one_figure, capsys):
    before = list_files(networks)
    assert run_command(["evaluate", "zoo:pond", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "runs/zoo-pond"
    draw = ["--n-sequences", "300", "--seed", "1"]
    assert run_command(["sample", "zoo:pond", *draw]) == 0
    by_name = capsys.readouterr().out
    assert run_command(["sample", str(networks / "pond"), *draw]) == 0
    assert capsys.readouterr().out == by_name
    assert run_command(["sample", "zoo:pond", *draw, "--epoch", "0"]) == 0
    assert capsys.readouterr().out != by_name
    assert run_command(["train", "--resume", "zoo:pond"]) == 1
    assert "`zoo:pond` must be a training run" in capsys.readouterr().err
    assert run_command(["sample", "zoo:lake"]) == 1
    assert list_files(networks) == before


def test_a_network_has_the_name_of_its_folder_or_that_of_the_zoo(tmp_path):
    copy = open_writable_run("zoo:pond")
    assert name_network(copy) == "zoo:pond"
    other = RunFolder(copy.path.rename(tmp_path / "runs" / "zoo-pond-faithful"))
    assert name_network(other) == "zoo-pond-faithful"  # with the weights of another one
    assert name_network(RunFolder(other.path.rename(tmp_path / "lake"))) == "lake"
    assert name_network(RunFolder(tmp_path / "runs" / "zoo-pond")) == "zoo-pond"  # which is not there
