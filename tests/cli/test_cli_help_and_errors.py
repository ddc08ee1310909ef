"""Help of all commands, and errors: one message and a code."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import orbitscope
from orbitscope.cli.main import run as run_command
from orbitscope.errors import RunFolderError
from orbitscope.hmm.files import OTHER_SUFFIXES, SEQUENCE_SUFFIXES
from orbitscope.importers import WEIGHT_SUFFIXES
from orbitscope.recipes import RECIPES
from orbitscope.settings import RunSettings, Settings


@pytest.mark.parametrize(
    "tokens",
    [
        ["--help"],
        ["run", "-h"],
        ["train", "--help"],
        ["evaluate", "-h"],
        ["analyse", "-h"],
        ["presets", "--json"],
    ],
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
    assert run_command(["train", "--help-all"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for table, field in RunSettings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            for key, inner in field.annotation.model_fields.items():
                assert f"--{table}.{key.replace('_', '-')} " in shown
                assert inner.description in shown
    defaults = {name: find(None)["train"]["epochs"] for name, find in RECIPES.items()}
    pattern = ", ".join(rf"{value}( or the preset's)? \({name}\)" for name, value in defaults.items())
    assert re.search(rf"passes over the training sequences \[default: {pattern}\]", shown)


def test_short_help_shows_essentials_and_counts_the_rest(capsys):
    assert run_command(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--recipe" in shown
    assert "--train.batch-size" not in shown
    n_settings = len(RunSettings.model_fields["train"].annotation.model_fields)
    assert f"Settings: train: {n_settings} settings like --train.epochs; --help-all lists them." in shown


def test_help_of_analyse_tells_of_all_quantities(capsys):
    assert run_command(["analyse", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--all Show all quantities, not the main ones alone." in shown


def test_help_names_all_kinds_of_files_that_are_read(capsys):
    for command, suffixes in (
        ("run", WEIGHT_SUFFIXES),
        ("import", WEIGHT_SUFFIXES),
        ("import", SEQUENCE_SUFFIXES),
        ("import", OTHER_SUFFIXES),
    ):
        assert run_command([command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert [suffix for suffix in suffixes if suffix not in shown] == []


def test_american_spelling_is_the_same_command(capsys):
    assert run_command(["analyze", "--list"]) == 0
    american = capsys.readouterr().out
    assert run_command(["analyse", "--list"]) == 0
    assert capsys.readouterr().out == american


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
        (["sample", "linear-2", "--n-sequences", "0"], 2, "must be ≥ 1"),
        (["import"], 2, "a file to import is required"),
        (["import", "weights.pt"], 2, "`--cell` must be relu or tanh, got none"),
        (
            ["import", "weights.pt", "--process", "linear-2", "--hmm", "hmm.npz"],
            2,
            "at most one process, which names its symbols, got --process and --hmm. Drop all but one.",
        ),
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


def test_run_folder_errors_are_ours():
    assert issubclass(RunFolderError, orbitscope.OrbitscopeError)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (["sample", "linear-2", "--n-sequences", str(10**12)], "sampling needs about"),
        (["sample", "linear-2", "--n-steps", str(10**12)], "sampling needs about"),
        (["sample", "zoo:linear-3", "--n-steps", str(10**12)], "sampling needs about"),
        (["sample", "linear-2", "--seed", str(10**30)], "`--seed` must be ≤ 9223372036854775807"),
        (["choose-epsilon", "linear-2", "--batch-size", str(10**12)], "choosing ε needs about"),
        (["choose-epsilon", "linear-2", "--threads", "999999"], "`--threads` must be ≤ 1024"),
        (["doctor", "--seconds", "nan"], "`--seconds` must be from 0 to 3600, got nan"),
        (["doctor", "--seconds", "inf"], "`--seconds` must be from 0 to 3600, got inf"),
        (
            ["train", "linear-2", "--device", "meta"],
            "`device` must be one that torch can use here, got `meta`",
        ),
        (["train", "a\0b"], "arguments must not hold a NUL"),
        (["explain", "--page", "--json"], "--page must stand without --json"),
    ],
)
def test_what_no_machine_can_do_is_refused_before_it_begins(capsys, tokens, message):
    assert run_command(tokens) in (1, 2)
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("recipe", ["3", '["fast"]'])
def test_settings_of_the_wrong_type_are_named(capsys, tmp_path, recipe):
    (tmp_path / "s.toml").write_text(f"recipe = {recipe}\n")
    assert run_command(["train", "linear-2", "--settings", str(tmp_path / "s.toml")]) == 1
    assert "`recipe`: input should be a valid string" in capsys.readouterr().err


def test_a_name_in_another_encoding_is_shown(tmp_path):
    code = "import sys; from orbitscope.cli.main import main; main()"
    tokens = ["sample", "linear-2", "--n-sequences", "1", "--n-steps", "1", "--json", "--out", b"\xff.csv"]
    done = subprocess.run([sys.executable, "-c", code, *tokens], capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["out"] == "\udcff.csv"
    shown = subprocess.run(
        [sys.executable, "-c", code, *tokens[:6], *tokens[7:-1], b"\xfe.csv"],
        capture_output=True,
        cwd=tmp_path,
    )
    assert b"Saved" in shown.stdout, shown.stderr
