import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import orbitscope
from orbitscope.analysis import PARTS
from orbitscope.cli.display import (
    ProgressDisplay,
    RemainingTime,
    format_bytes,
    format_duration,
    print_json,
)
from orbitscope.cli.evaluate import describe_evaluation, print_evaluation
from orbitscope.cli.main import run as run_command
from orbitscope.cores import count_usable_cores
from orbitscope.errors import RunFolderError
from orbitscope.importers import load_sequences
from orbitscope.plain_json import make_plain
from orbitscope.recipes import RECIPES
from orbitscope.runs import RunFolder, load_tensors
from orbitscope.settings import RunSettings, Settings

NETWORK = ["--model.hidden-size", "8", "--model.input-size", "4"]
TRAINING = ["--data.n-sequences", "90", "--data.n-steps", "8", "--train.batch-size", "30"]
TINY = ["--threads", "1", *NETWORK, *TRAINING, "--train.final-batch-size", "none", "--train.epochs", "4"]
EVALUATION = {
    "n-symbols-total": 2000,
    "n-sequences": 200,
    "n-trajectories": 20,
    "n-matched": 20,
    "n-matches": 2,
    "n-refitted": 20,
    "n-refits": 2,
    "max-refit-states": 0,
    "n-resamples": 100,
    "n-entropy": 100,
    "n-raster": 3,
    "burn-in": 5,
}
EVALUATE = [token for key, value in EVALUATION.items() for token in (f"--evaluate.{key}", str(value))]


@pytest.fixture(autouse=True)
def _work_in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of four tiny epochs; tests must not change it."""
    path = tmp_path_factory.mktemp("trained") / "run"
    assert run_command(["train", "linear-2", *TINY, *EVALUATE, "--no-evaluate", "--out", str(path)]) == 0
    return path


def read_json(capsys):
    return json.loads(capsys.readouterr().out)


# Help


@pytest.mark.parametrize(
    "tokens", [["--help"], ["train", "--help"], ["evaluate", "-h"], ["analyse", "-h"], ["presets", "--json"]]
)
def test_no_heavy_import_before_there_is_work(tokens):
    heavy = ("torch", "xarray", "matplotlib", "scipy", "h5py")
    code = (
        "import sys; from orbitscope.cli.main import run; code = run(sys.argv[1:]); "
        f"sys.exit(code or ' '.join(m for m in {heavy} if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, *tokens], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_lists_the_commands(capsys):
    assert run_command(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in ("presets", "train", "evaluate", "analyse", "sample", "import", "doctor"):
        assert f" {name} " in shown


def test_train_help_teaches_every_setting(capsys):
    assert run_command(["train", "-h"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for table, field in RunSettings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            for key, inner in field.annotation.model_fields.items():
                assert f"--{table}.{key.replace('_', '-')} " in shown
                assert inner.description in shown
    defaults = {name: find(None)["train"]["epochs"] for name, find in RECIPES.items()}
    pattern = ", ".join(rf"{value}( or the preset's)? \({name}\)" for name, value in defaults.items())
    assert re.search(rf"passes over the training sequences \[default: {pattern}\]", shown)


# Errors and exit codes


@pytest.mark.parametrize(
    ("tokens", "code", "message"),
    [
        (["train", "linear-2", "--train.epoks", "3"], 2, "Did you mean --train.epochs?"),
        (["train", "linear-2", "--train.epochs", "many"], 2, "many"),
        (["trian"], 2, 'Did you mean "train"?'),
        (["train"], 2, "a process is required"),
        (["train", "linear2"], 1, "Did you mean `linear-2`"),
        (["train", "linear-2", "--recipe", "quick"], 1, "unknown recipe `quick`"),
        (["train", "linear-2", "--train.epochs", "0"], 1, "`train.epochs`"),
        (["train", "linear-2", "--device", "nonsense"], 1, "Use cpu."),
        (["train", "--resume", "run", "--seed", "3", "--train.epochs", "4"], 2, "--seed, --train.epochs"),
        (["evaluate", "nowhere"], 1, "`nowhere` must be a run folder"),
        (["analyse", "nowhere"], 1, "`nowhere` must be a run folder"),
        (["analyse", "nowhere", "--only", "region"], 1, "unknown part `region`. Did you mean `regions`"),
        (["analyse"], 2, "`RUN` is required"),
        (["analyse", "zoo:linear-3", "--threads", "0"], 1, "`threads` must be ≥ 1, got 0"),
        (["sample", "linear-2", "--out", "x.txt"], 1, "must end in .npy, .csv, .npz"),
        (["sample", "linear-2", "--n-sequences", "0"], 1, "must be ≥ 1"),
        (["import"], 2, "a file to import is required"),
        (["import", "weights.pt"], 2, "Add --process NAME or --hmm FILE"),
        (
            ["import", "weights.pt", "--process", "linear-2"],
            2,
            "got none. The file does not tell; torch.nn.RNN is tanh unless made with nonlinearity='relu'.",
        ),
        (["doctor", "--train.epochs", "3"], 2, "settings need a process"),
        (["train", "--settings", "none.toml"], 1, "`none.toml` must be a readable text file"),
    ],
)
def test_errors_are_one_message_and_a_code(tokens, code, message, capsys):
    assert run_command([*tokens, "--json"]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.err.startswith("error: ")
    error = json.loads(captured.out)["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert not list(Path().iterdir())


def test_without_json_a_failure_leaves_standard_output_empty(capsys):
    assert run_command(["train", "linear2"]) == 1
    assert capsys.readouterr().out == ""


# train


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


# evaluate


def test_evaluate_prints_a_table_and_saves_it(trained, capsys):
    assert run_command(["evaluate", str(trained)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "Started from h = 0",
        "Started after a burn-in",
        "symbol matrix error",
        "Verdict",
        "figures",
    ):
        assert words in shown
    result = orbitscope.load_evaluation(trained)
    assert f"{result.floor[0, 0]:.4f}" in shown


def test_infinite_values_stand_in_the_table_and_in_json(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained)]) == 0
    capsys.readouterr()
    result = orbitscope.load_evaluation(trained)
    infinite = replace(result, estimate=np.full_like(result.estimate, np.inf), high=np.inf + result.high)
    print_evaluation(trained, infinite)
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("cross entropy gap")]
    assert len(rows) == 2
    assert all(row.count("∞") == 2 for row in rows)
    print_json(describe_evaluation(infinite))
    assert read_json(capsys)["measures"][0]["estimate"] == "inf"


def test_evaluate_json_and_overrides(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained), "--json", "--evaluate.confidence", "0.8"]) == 0
    document = read_json(capsys)
    names = [row["measure"] for row in document["evaluation"]["measures"]]
    assert names[0] == "symbol_matrix_error"
    assert document["evaluation"]["settings"]["evaluation"]["confidence"] == 0.8
    assert RunFolder(trained).read_settings().evaluate.confidence == 0.95


# analyse


@pytest.fixture
def sizes(tmp_path):
    """Settings file that makes two parts small."""
    path = tmp_path / "sizes.toml"
    tiny = {"n_trajectories": 6, "n_steps": 20, "burn_in": 10, "n_resamples": 20}
    tables = {"regions": {**tiny, "n_rollouts": 2, "max_steps": 10}, "circulation": {"n_null": 9}}
    lines = (
        f"[{part}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) for part, keys in tables.items()
    )
    path.write_text("\n".join(lines))
    return ["--settings", str(path)]


def test_analyse_prints_findings_and_saves_parts(trained, sizes, capsys):
    assert run_command(["analyse", str(trained), "--only", "circulation", *sizes]) == 0
    shown = capsys.readouterr().out
    for words in ("Part", "Beside it", "regions", "of states, unstable directions", "circulation", "figures"):
        assert words in shown
    assert orbitscope.load_part(trained, "regions").settings["n_trajectories"] == 6


def test_analyse_json_and_what_is_kept(trained, sizes, capsys):
    assert run_command(["analyse", str(trained), "--only", "regions", *sizes, "--json"]) == 0
    capsys.readouterr()
    assert run_command(["analyse", str(trained), "--only", "regions", *sizes, "--json"]) == 0
    (part,) = read_json(capsys)["parts"]
    assert (part["part"], part["status"]) == ("regions", "kept")
    assert part["findings"][0].keys() == {"what", "value", "beside"}
    assert all(Path(file).is_file() for file in part["files"])


def test_analyse_list_is_a_settings_file_of_all_defaults(capsys):
    assert run_command(["analyse", "--list"]) == 0
    shown = capsys.readouterr().out
    tables = tomllib.loads(shown)
    assert list(tables) == list(PARTS)
    for part in PARTS.values():
        assert tables[part.name] == json.loads(json.dumps(part.list_settings()))
        assert f"# {part.question}\n# about {part.seconds:g} s\n[{part.name}]\n" in shown
    assert "n_trajectories = 100  # quick: 20\n" in shown.partition("[regions]")[2].partition("[")[0]


def test_analyse_list_json(capsys):
    assert run_command(["analyse", "--list", "--json"]) == 0
    parts = read_json(capsys)["parts"]
    assert [part["name"] for part in parts] == list(PARTS)
    for part in parts:
        own = PARTS[part["name"]]
        assert (part["question"], part["seconds"]) == (own.question, own.seconds)
        assert part["settings"].keys() == own.list_settings().keys()
        assert part["quick"] == own.quick


# sample


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


# import


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


def test_import_makes_a_run_of_a_state_dict(capsys):
    rnn, readout = torch.nn.RNN(4, 6, nonlinearity="relu", bias=False), torch.nn.Linear(6, 3, bias=False)
    weights = {f"rnn.{k}": v for k, v in rnn.state_dict().items()} | {"fc.weight": readout.weight.detach()}
    torch.save(weights, "net.pt")
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


# doctor, presets


def test_doctor_describes_the_machine_and_estimates_a_run(capsys):
    tiny = [*NETWORK, *TRAINING, "--train.epochs", "10", "--train.final-batch-size", "30"]
    assert run_command(["doctor", "linear-2", "--threads", "1", *tiny, "--json"]) == 0
    found = read_json(capsys)
    assert found["versions"]["torch"] == torch.__version__
    assert found["operations_per_second"] > 0
    needs = found["run"]
    assert needs["fits"]
    assert needs["epochs"] == 10
    assert 0 < needs["last_epoch_seconds"] < needs["total_seconds"]
    assert run_command(["doctor", "linear-2", "--threads", "1", *tiny]) == 0
    assert "10 epochs, about" in capsys.readouterr().out


def test_presets(capsys):
    assert run_command(["presets"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*orbitscope.list_presets(), "random-6x4@7", "ring-6"))
    assert run_command(["presets", "--json"]) == 0
    document = read_json(capsys)
    assert [row["name"] for row in document["presets"]] == list(orbitscope.list_presets())
    for family in document["families"]:
        assert orbitscope.load_process(family["example"]).n_states > 0


# Parts


def test_remaining_time_follows_the_recent_pace():
    remaining = RemainingTime(n_events=2)
    assert remaining.update(40, 100, now=0.0) == "estimating time"
    assert remaining.update(41, 100, now=1.0) == "59 s left"
    assert remaining.update(42, 100, now=3.0) == "1:27 min left"
    assert remaining.update(43, 100, now=5.0) == "1:54 min left"
    assert remaining.update(100, 100, now=9.0) == "done"


def test_formats():
    assert [format_duration(s) for s in (0.2, 59, 185, 8040)] == ["0 s", "59 s", "3:05 min", "2:14 h"]
    assert [format_bytes(n) for n in (350 * 2**20, 3 * 2**29)] == ["350 MB", "1.5 GB"]
    plain = make_plain({"a": np.array([1.0, np.nan, np.inf, -np.inf]), "b": (np.int64(2), Path("x"))})
    assert plain == {"a": [1.0, None, "inf", "-inf"], "b": [2, "x"]}
    assert 1 <= count_usable_cores() <= (os.cpu_count() or 1)


# Real processes


def listen_to_sigint():
    """Undo what a shell does to commands in the background: they ignore Ctrl-C, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start_training():
    """Start `orbitscope train` in a process that does not outlive the test."""
    started = []

    def start(*tokens):
        command = [sys.executable, "-m", "orbitscope", "train", *tokens, "--no-evaluate"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, **pipes, preexec_fn=listen_to_sigint))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process):
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


def wait_for_epoch(process, run, epoch):
    while process.poll() is None and len(RunFolder(run).read_history()) < epoch:
        time.sleep(0.02)


def without_time(run):
    return [{**vars(record), "seconds": 0.0} for record in RunFolder(run).read_history()]


LONGER = [*TINY[:-1], "300", "--train.validate-every", "7"]
ENDLESS = [*TINY[:-1], "100000"]


@pytest.mark.slow
def test_a_killed_run_resumes_to_identical_weights(start_training):
    code, _, err = finish(start_training("linear-2", *LONGER, "--out", "whole"))
    assert code == 0, err
    rng = random.Random(0)
    process = start_training("linear-2", *LONGER, "--out", "killed")
    n_kills = 0
    for _ in range(3):
        wait_for_epoch(process, "killed", 1)
        time.sleep(rng.uniform(0, 1.5))
        process.kill()
        n_kills += finish(process)[0] == -signal.SIGKILL
        process = start_training("--resume", "killed")
    code, _, err = finish(process)
    assert code == 0, err
    assert n_kills > 0
    whole, killed = (load_tensors(Path(run, "weights.safetensors")) for run in ("whole", "killed"))
    assert whole.metadata == killed.metadata
    assert {k: v.numpy().tobytes() for k, v in whole.tensors.items()} == {
        k: v.numpy().tobytes() for k, v in killed.tensors.items()
    }
    assert without_time("killed") == without_time("whole")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_and_exit_with_130(number, start_training):
    process = start_training("linear-2", *ENDLESS, "--out", "run")
    wait_for_epoch(process, "run", 3)
    process.send_signal(number)
    code, out, err = finish(process)
    assert code == 130
    assert out == ""
    assert "orbitscope train --resume run" in err
    assert "Traceback" not in err
    assert json.loads(Path("run/status.json").read_text())["status"] == "interrupted"


def test_run_folder_errors_are_ours():
    assert issubclass(RunFolderError, orbitscope.OrbitscopeError)
