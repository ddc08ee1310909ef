"""`orbitscope compare`."""

import math
import shutil
from pathlib import Path

from command_line import read_json

import orbitscope
from orbitscope.cli.compare import print_comparison
from orbitscope.cli.main import run as run_command
from orbitscope.quantity import Quantity
from orbitscope.results import save_result
from orbitscope.runs.zoo import open_run
from orbitscope.statistics import Estimate
from orbitscope.workflows.collect import LABELS, LabelledRun, tabulate_runs

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


def test_runs_with_a_first_look_alone_are_noted(capsys):
    runs = [Path("runs", name) for name in ("looked_at", "plain")]
    for run in runs:
        shutil.copytree(open_run("zoo:linear-5-faithful").path, run)
    network = orbitscope.load_network("zoo:linear-5-faithful")
    part = "noise_free_growth"
    found = orbitscope.analyse(network, only=[part], settings={part: {"n_states": 20}})
    save_result(found.results[part], runs[0] / "results" / "quick" / f"{part}.nc")
    note = "1 run has an analysis of a first look alone; --quick shows first looks"
    assert run_command(["compare", "runs"]) == 0
    assert note in capsys.readouterr().out
    assert run_command(["compare", "runs", "--quick"]) == 0
    assert note not in capsys.readouterr().out
    save_result(found.results[part], runs[0] / "results" / f"{part}.nc")
    assert run_command(["compare", "runs"]) == 0
    assert note not in capsys.readouterr().out


def test_infinite_values_are_shown(capsys):
    names, values = ("a", "b", "c", "d", "e", "f", "g"), (1.0, math.inf, math.inf, 2.0, 3.0, 5.0, math.nan)
    runs = [
        LabelledRun(
            name,
            dict.fromkeys(LABELS, "x") | {"seed": 0, "recipe": "fast" if value < 4 else "published"},
            {"p.q": Quantity("p.q", "label", Estimate(value))},
        )
        for name, value in zip(names, values, strict=True)
    ]
    for few in (runs[:2], runs):
        print_comparison(tabulate_runs(few), ["p.q"], by="recipe", pairing=None, out=Path("out"))
    (of_two, of_groups) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("p.q")]
    assert of_two.split() == ["p.q", "1", "∞"]
    assert " ".join(of_groups.split()) == "p.q x 2 (1 to 3), 3 ∞ (5 to ∞), 3"


def test_what_cannot_be_compared_is_said(capsys):
    assert run_command(["compare"]) == 2
    assert "`RUN` is required" in capsys.readouterr().err
    assert run_command(["compare", *PAIR, "--keys", "nothing.*"]) == 1
    assert "must name quantities that some run has" in capsys.readouterr().err
    assert run_command(["compare", *PAIR, "--by", "colour"]) == 1
    assert "label of runs" in capsys.readouterr().err
    assert run_command(["compare", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err
