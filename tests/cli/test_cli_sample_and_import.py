"""`orbitscope sample` and `orbitscope import`."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import read_json

import orbitscope
from orbitscope.cli.main import run as run_command
from orbitscope.hmm.files import SEQUENCE_SUFFIXES
from orbitscope.importers import load_sequences
from orbitscope.runs import RunFolder


def test_sample_of_a_process_goes_to_standard_output(capsys):
    assert run_command(["sample", "ring-6", "--n-sequences", "3", "--n-steps", "7"]) == 0
    captured = capsys.readouterr()
    rows = [[int(symbol) for symbol in line.split(",")] for line in captured.out.splitlines()]
    assert np.shape(rows) == (3, 7)
    assert captured.err == ""
    expected = orbitscope.sample_sequences(
        orbitscope.load_process("ring-6"), 3, 7, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(rows, expected.symbols)


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".npz"])
def test_sample_of_a_run_can_be_read_back(trained, suffix, capsys):
    out = f"sequences{suffix}"
    assert run_command(["sample", str(trained), "--n-sequences", "5", "--seed", "2", "--out", out]) == 0
    loaded = load_sequences(out)
    assert np.shape(loaded.sequences) == (5, 8)  # the training length
    network = RunFolder(trained).load_network()
    generator = torch.Generator().manual_seed(2)
    expected = orbitscope.sample_symbols(network, 5, 8, generator=generator).numpy()
    np.testing.assert_array_equal(loaded.sequences, expected)
    assert run_command(["sample", str(trained), "--out", out]) == 1
    assert "must be a new file" in capsys.readouterr().err


def test_sample_json_holds_the_symbols(trained, capsys):
    assert run_command(["sample", str(trained), "--n-sequences", "2", "--epoch", "0", "--json"]) == 0
    assert np.shape(read_json(capsys)["symbols"]) == (2, 8)


def test_import_converts_an_hmm_of_another_library(capsys):
    hmm = orbitscope.load_preset("linear-2").hmm
    np.savez(
        "theirs.npz",
        startprob_=hmm.initial_probs,
        transmat_=hmm.transition_matrix,
        emissionprob_=hmm.emission_probs,
    )
    assert run_command(["import", "--hmm", "theirs.npz", "--out", "ours.toml"]) == 0
    np.testing.assert_array_equal(orbitscope.load_hmm_file("ours.toml").emission_probs, hmm.emission_probs)
    assert "orbitscope train ours.toml" in capsys.readouterr().out
    assert run_command(["import", "--hmm", "theirs.npz"]) == 0
    assert "transition_matrix" in capsys.readouterr().out


def test_an_hmm_file_is_the_same_process_in_either_option(capsys):
    """`initial_probs` may be left out, a key that is not known is an error."""
    text = "transition_matrix = [[0.9, 0.1], [0.3, 0.7]]\nemission_probs = [[1, 0], [0.25, 0.75]]\n"
    rnn, readout = torch.nn.RNN(4, 6), torch.nn.Linear(6, 2)
    torch.save(torch.nn.ModuleDict({"rnn": rnn, "fc": readout}).state_dict(), "net.pt")
    Path("mine.toml").write_text(text)
    for option in ("--process", "--hmm"):
        assert (
            run_command(["import", "net.pt", "--cell", "tanh", option, "mine.toml", "--out", option[2:]]) == 0
        )
    assert RunFolder("process").read_process() == RunFolder("hmm").read_process()
    np.testing.assert_allclose(RunFolder("hmm").read_hmm().initial_probs, [0.75, 0.25])
    assert run_command(["import", "--hmm", "mine.toml", "--out", "ours.toml"]) == 0
    assert orbitscope.load_hmm_file("ours.toml") == orbitscope.load_hmm_file("mine.toml")
    capsys.readouterr()
    Path("mine.toml").write_text(text + "inital_probs = [1.0, 0.0]\n")
    for option in ("--process", "--hmm"):
        assert run_command(["import", "net.pt", "--cell", "tanh", option, "mine.toml", "--out", "other"]) == 1
        error = " ".join(capsys.readouterr().err.split())
        assert "mine.toml: unknown key of an HMM file `inital_probs`. Did you mean `initial_probs`" in error


def test_a_file_in_the_place_of_another_kind_is_named_with_the_command_that_takes_it(capsys):
    hmm = orbitscope.load_preset("linear-2").hmm
    arrays = {"startprob_": hmm.initial_probs, "transmat_": hmm.transition_matrix}
    np.savez("their hmm.npz", **arrays, emissionprob_=hmm.emission_probs)
    save_network("net.pt")
    for tokens, command in (
        (["import", "their hmm.npz"], "`orbitscope import --hmm 'their hmm.npz'`"),
        (["import", "net.pt", "--cell", "relu", "--process", "their hmm.npz"], " --out 'their hmm.toml'`"),
        (["sample", "their hmm.npz"], "`orbitscope import --hmm 'their hmm.npz' --out 'their hmm.toml'`"),
        (["import", "--hmm", "net.pt"], "A network is imported without --hmm"),
        (["import", "their hmm.npz"], "must be a file with weights (.pt, .pth, .ckpt, .safetensors), got"),
        (["import", "their hmm.npz"], 'torch.save({"rnn.weight_ih_l0": torch.tensor(w_ih), "rnn.weight_hh'),
        (["run", "their hmm.npz"], "must be weights (.pt, .pth, .ckpt, .safetensors) or an HMM file"),
        (["run", "their hmm.npz"], 'torch.save({"rnn.weight_ih_l0": torch.tensor(w_ih), "rnn.weight_hh'),
    ):
        assert run_command(tokens) in (1, 2)
        assert command in " ".join(capsys.readouterr().err.split())
    assert run_command(["import", "--hmm", "their hmm.npz", "--out", "their hmm.toml"]) == 0
    command = ["import", "net.pt", "--cell", "relu", "--process", "their hmm.toml", "--out", "run"]
    assert run_command(command) == 0


@pytest.mark.parametrize("suffix", SEQUENCE_SUFFIXES)
def test_sequences_in_the_place_of_a_process_are_named_with_what_they_are_for(suffix, capsys):
    file = Path(f"my song{suffix}")
    file.write_text("0,1,1\n1,0,1\n")
    accompany = f"`orbitscope import FILE.pt --sequences 'my song{suffix}'`"
    for command in ("train", "run", "sample", "import"):
        assert run_command([command, str(file)]) in (1, 2)
        error = " ".join(capsys.readouterr().err.split())
        assert f"got `{suffix}`. " in error
        assert accompany in error
        assert ("Training needs an HMM: fit one to them" in error) == (command != "import")


def save_network(path):
    rnn, readout = torch.nn.RNN(4, 6, nonlinearity="relu", bias=False), torch.nn.Linear(6, 3, bias=False)
    weights = {f"rnn.{k}": v for k, v in rnn.state_dict().items()} | {"fc.weight": readout.weight.detach()}
    torch.save(weights, path)
    return rnn, readout


def test_import_makes_a_run_of_a_state_dict(capsys):
    rnn, readout = save_network("net.pt")
    command = ["import", "net.pt", "--process", "linear-2", "--cell", "relu", "--out", "run"]
    assert run_command([*command, "--json"]) == 0
    assert read_json(capsys)["model"]["hidden_size"] == 6
    folder = RunFolder("run")
    network = folder.load_network()
    assert torch.equal(network.cell.w_hh, rnn.weight_hh_l0)
    assert torch.equal(network.w_out, readout.weight)
    assert folder.read_settings().data.n_steps == 100
    assert folder.read_settings().recipe == "imported"
    assert len(folder.read_provenance()["source"]["sha256"]) == 64
    assert json.loads(Path("run/status.json").read_text())["status"] == "imported"
    assert run_command(command) == 1
    assert run_command([*command[:2], "--process", "ring-4x5", "--cell", "relu", "--out", "other"]) == 1
    assert "same symbols" in capsys.readouterr().err
    assert not Path("other").exists()


def test_import_needs_no_process_and_then_does_not_suggest_to_evaluate(capsys):
    save_network("net.pt")
    command = ["import", "net.pt", "--cell", "relu"]
    assert run_command([*command, "--symbol-names", "sun, rain,snow", "--out", "run"]) == 0
    shown = capsys.readouterr().out
    assert "sun, rain, snow" in shown
    assert "orbitscope analyse run" in shown
    assert "orbitscope evaluate" not in shown
    assert run_command([*command, "--out", "numbered", "--json"]) == 0
    document = read_json(capsys)
    assert document["process"] is None
    assert document["symbol_names"] == ["0", "1", "2"]
    assert run_command([*command, "--process", "linear-2", "--out", "known"]) == 0
    assert "orbitscope evaluate known" in capsys.readouterr().out

    assert run_command(["evaluate", "run"]) == 1
    error = " ".join(capsys.readouterr().err.split())
    assert "`run` must have an HMM to be evaluated, but has none. Import it with `--process NAME` or" in error
    assert run_command(["sample", "run", "--n-sequences", "2", "--out", "drawn.npz"]) == 0
    assert load_sequences("drawn.npz").symbol_names == ("sun", "rain", "snow")


def test_import_takes_recorded_sequences(capsys):
    save_network("net.pt")
    Path("song.txt").write_text("a b c\nb b\n")
    command = ["import", "net.pt", "--cell", "relu", "--sequences", "song.txt"]
    assert run_command([*command, "--out", "run"]) == 0
    assert "orbitscope analyse run" in capsys.readouterr().out
    assert RunFolder("run").read_process() == load_sequences("song.txt")
    assert run_command([*command, "--process", "linear-2", "--out", "other"]) == 2
    assert "at most one process, which names its symbols, got --process and --sequences" in " ".join(
        capsys.readouterr().err.split()
    )
    assert run_command(["evaluate", "run"]) == 1
    assert "but has recorded sequences." in " ".join(capsys.readouterr().err.split())


def test_import_says_which_output_is_which_word_and_lets_that_be_changed(capsys):
    save_network("net.pt")
    Path("song.csv").write_text("sun,rain,snow\nrain,rain,sun\n")
    command = ["import", "net.pt", "--cell", "relu", "--sequences", "song.csv"]
    assert run_command([*command, "--out", "alphabetical"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Outputs 0 rain, 1 snow, 2 sun (alphabetical; change with --symbol-names)" in shown
    assert run_command([*command, "--symbol-names", "sun, rain,snow", "--out", "named"]) == 0
    assert "Outputs 0 sun, 1 rain, 2 snow Next" in " ".join(capsys.readouterr().out.split())
    assert RunFolder("named").read_process().sequences[0].tolist() == [0, 1, 2]
    assert RunFolder("named").read_settings().symbol_names == ("sun", "rain", "snow")

    Path("numbers.csv").write_text("2,1,0\n0,2,2\n")
    assert run_command([*command[:-1], "numbers.csv", "--out", "numbered"]) == 0
    assert "Outputs" not in capsys.readouterr().out
    named = ["--process", "linear-2", "--symbol-names", "a,b,c"]
    assert run_command([*command[:-2], *named, "--out", "x"]) == 2
    assert "got --process and --symbol-names. Drop all" in " ".join(capsys.readouterr().err.split())


def test_a_seed_beyond_what_sources_of_random_numbers_take_is_refused(capsys):
    assert run_command(["sample", "linear-2", "--seed", str(10**30)]) == 2
    assert f"`--seed` must be ≤ {2**63 - 1}" in capsys.readouterr().err
