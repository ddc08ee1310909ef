"""`orbitscope run`."""

import pytest
import torch
from command_line import EVALUATE, TINY, read_json

from orbitscope.cli.display import ProgressDisplay
from orbitscope.cli.main import run as run_command
from orbitscope.network import build_network
from orbitscope.runs import RunFolder
from orbitscope.workflows import pipeline
from orbitscope.workflows.analyse_run import analyse_run


@pytest.fixture(autouse=True)
def _analyse_one_part(monkeypatch):
    """A whole analysis would take a minute."""

    def analyse_orbit(path, *, only, **options):
        return analyse_run(path, only=["orbit_size"], **options)

    monkeypatch.setattr(pipeline, "analyse_run", analyse_orbit)
    monkeypatch.setattr(pipeline, "draw_run_figures", lambda path: None)


@pytest.fixture
def weights(tmp_path):
    """Weights of an untrained network with three symbols."""
    network = build_network(3, cell="relu", hidden_size=6, input_size=4, generator=torch.Generator())
    names = {"rnn.weight_ih_l0": network.cell.w_ih, "rnn.weight_hh_l0": network.cell.w_hh}
    tensors = {name: weight.detach() for name, weight in (names | {"fc.weight": network.w_out}).items()}
    torch.save(tensors, tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.mark.slow
def test_a_preset_ends_with_sentences_and_what_comes_next(capsys):
    assert run_command(["run", "linear-2", "--quick", *TINY, *EVALUATE]) == 0
    shown = capsys.readouterr().out
    sentences = shown.strip().partition("\n\n")[0].splitlines()
    assert len(sentences) <= 8
    assert sentences[-1].startswith(("What holds: ", "No claim holds."))
    for word in (
        "runs/linear-2-fast-0/results",
        "orbitscope claims runs/linear-2-fast-0 --quick",
        "First look",
    ):
        assert word in shown


def test_a_network_of_the_zoo_has_a_json_document(capsys):
    assert run_command(["run", "zoo:linear-2", "--quick", "--threads", "1", "--json"]) == 0
    document = read_json(capsys)
    assert document["emulation"]["verdict"] == "partly"
    assert document["sentences"][0].startswith("Emulates partly")
    assert {claim["claim"]: claim["verdict"] for claim in document["claims"]}["C4"] == "identity"
    assert [part["part"] for part in document["parts"]] == ["orbit_size"]


def test_foreign_weights_run_through_in_one_command(weights, capsys):
    assert run_command(["run", str(weights), "--cell", "relu", "--quick", "--out", "mine", "--json"]) == 0
    document = read_json(capsys)
    assert document["run"] == "mine"
    assert document["emulation"] is None
    assert document["sentences"][0].startswith("Whether it emulates cannot be told")


def test_commands_that_come_next_show_all_that_they_promise(capsys):
    assert run_command(["run", "zoo:linear-2", "--quick", "--threads", "1"]) == 0
    shown = capsys.readouterr().out
    assert "trained or loaded, evaluated, analysed" in shown
    for command in ("evaluate runs/zoo-linear-2 --all", "analyse runs/zoo-linear-2 --quick --all"):
        assert f"orbitscope {command}  " in shown


def test_an_evaluation_is_not_to_be_had_where_there_is_no_hmm(weights, capsys):
    assert run_command(["run", str(weights), "--cell", "relu", "--quick", "--out", "mine"]) == 0
    shown = capsys.readouterr().out
    assert "orbitscope analyse mine --quick --all" in shown
    assert "orbitscope evaluate" not in shown
    assert "not evaluated, since there is no HMM" in shown


def test_ctrl_c_says_how_to_go_on(weights, capsys, monkeypatch):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "analyse_run", interrupt)
    options = ["--quick", "--threads", "1"]
    assert run_command(["run", str(weights), "--cell", "relu", "--out", "my run", *options]) == 130
    message = " ".join(capsys.readouterr().err.split())
    assert (
        "only what was finished is saved. Go on with `orbitscope run 'my run' --quick --threads 1`."
        in message
    )
    assert run_command(["run", "my run", *options]) == 130
    assert "Go on with `orbitscope run 'my run' --quick --threads 1`." in " ".join(
        capsys.readouterr().err.split()
    )
    monkeypatch.setattr("orbitscope.workflows.targets.import_run", interrupt)
    assert run_command(["run", str(weights), "--cell", "relu", "--out", "new"]) == 130
    assert "Go on" not in capsys.readouterr().err  # there is no run yet


def test_ctrl_c_in_training_says_how_to_do_the_rest_too(capsys, monkeypatch):
    def interrupt(self, progress):
        if progress.label == "training: epoch 2":
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressDisplay, "__call__", interrupt)
    assert run_command(["run", "linear-2", "--quick", *TINY, "--out", "my run"]) == 130
    message = " ".join(capsys.readouterr().err.split())
    assert "Continue with `orbitscope train --resume 'my run'`." in message
    assert message.endswith("To do the rest too: `orbitscope run 'my run' --quick --threads 1`.")


def test_words_of_recorded_sequences_have_the_order_that_is_given(weights, tmp_path, capsys):
    (tmp_path / "song.csv").write_text("sun,rain,snow\nrain,rain,sun\n")
    command = ["run", str(weights), "--cell", "relu", "--quick", "--sequences", str(tmp_path / "song.csv")]
    command += ["--out", "mine", "--json", "--symbol-names"]
    for _ in range(2):  # the second time it is there
        assert run_command([*command, "sun,rain,snow"]) == 0
    assert RunFolder("mine").read_process().sequences[0].tolist() == [0, 1, 2]
    capsys.readouterr()
    assert run_command([*command, "rain,sun,snow"]) == 1
    assert "differs in symbol_names" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["zoo:linear-2", "--seed", "1"], "--seed must go with a process, but the target is a run"),
        (["zoo:linear-2", "--out", "x"], "--out must go with a process or a file with weights"),
        (["zoo:linear-2", "--train.epochs", "3"], "--train.epochs must go with a process"),
        (
            ["linear-2", "--cell", "relu"],
            "--cell must go with a file with weights, but the target is a process",
        ),
        (
            ["net.pt", "--recipe", "fast"],
            "--recipe must go with a process, but the target is a file with weights",
        ),
        (["net.pt"], "`--cell` must be relu or tanh, got none"),
        (["net.pt", "--cell", "relu", "--process", "linear-2", "--hmm", "x.npz"], "at most one process"),
    ],
)
def test_options_that_do_not_fit_the_target_are_refused(weights, capsys, tokens, message):
    assert run_command(["run", *tokens]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_one_of_several_networks_is_chosen_by_its_prefix(weights, capsys):
    tensors = torch.load(weights)
    torch.save({"model": tensors, "ema": {name: 2 * tensor for name, tensor in tensors.items()}}, weights)
    command = ["run", str(weights), "--cell", "relu", "--quick", "--out", "mine", "--json"]
    assert run_command(command) == 1
    assert "Choose one by `prefix`: `model.` or `ema.`" in " ".join(capsys.readouterr().err.split())
    assert run_command([*command, "--prefix", "ema."]) == 0
    assert torch.equal(RunFolder("mine").load_network().w_out, 2 * tensors["fc.weight"])
    assert run_command([*command, "--prefix", "model."]) == 1
    assert "differs in prefix" in " ".join(capsys.readouterr().err.split())


def test_a_target_that_is_nothing_is_named(capsys):
    assert run_command(["run", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
