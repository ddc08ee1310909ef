"""`orbitscope compare`."""

from pathlib import Path

from command_line import read_json

from orbitscope.cli.main import run as run_command

PAIR = ["zoo:linear-5", "zoo:linear-5-faithful"]
AUC = "evaluation.classifier_auc"


def test_a_few_runs_have_a_column_each(capsys):
    assert run_command(["compare", *PAIR, "--keys", AUC]) == 0
    shown = capsys.readouterr().out
    assert shown.strip().startswith("2 runs: 1 process, 2 recipes, 1 seed.")
    (line,) = [line for line in shown.splitlines() if line.startswith(AUC)]
    assert line.count("[") == 2
    assert Path("runs/comparison/comparison.svg").is_file()
    assert Path("runs/comparison/quantities.csv").is_file()


def test_many_runs_have_medians_by_label(capsys):
    runs = [f"zoo:linear-{m}{kind}" for m in (2, 3, 4, 5) for kind in ("", "-faithful")]
    assert run_command(["compare", *runs, "--keys", AUC, "--out", "mine"]) == 0
    shown = capsys.readouterr().out
    assert "Median over runs" in shown
    (head,) = [line for line in shown.splitlines() if line.startswith("Quantity")]
    assert head.split() == ["Quantity", "Unit", "Process", "published", "faithful"]
    assert Path("mine/runs.nc").is_file()


def test_pairs_have_differences_with_signs(capsys):
    assert run_command(["compare", *PAIR, "--keys", "evaluation.*", "--pair-by", "recipe"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "published minus faithful" in shown
    assert "Dropped none" in shown
    assert run_command(["compare", *PAIR, "--keys", AUC, "--pair-by", "recipe", "--json"]) == 0
    document = read_json(capsys)
    difference = document["pairs"]["differences"][AUC]
    assert (difference["n_pairs"], difference["n_higher"], difference["p_value"]) == (1, 1, 1.0)
    assert difference["mean"] > 0.2
    values = {run["run"]: run["quantities"][AUC]["value"] for run in document["runs"]}
    assert values["zoo:linear-5"] - values["zoo:linear-5-faithful"] == difference["mean"]


def test_what_cannot_be_compared_is_said(capsys):
    assert run_command(["compare"]) == 2
    assert "`RUN` is required" in capsys.readouterr().err
    assert run_command(["compare", *PAIR, "--keys", "nothing.*"]) == 1
    assert "must name quantities that some run has" in capsys.readouterr().err
    assert run_command(["compare", *PAIR, "--by", "colour"]) == 1
    assert "label of runs" in capsys.readouterr().err
    assert run_command(["compare", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
