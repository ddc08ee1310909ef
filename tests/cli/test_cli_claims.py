"""`orbitscope claims`."""

import shutil

import pytest
import torch
from command_line import read_json

import orbitscope
from orbitscope.cli.main import run as run_command
from orbitscope.errors import RunFolderError
from orbitscope.results import save_result
from orbitscope.runs.zoo import open_run
from orbitscope.workflows.import_network import import_run

NOISE_FREE = {"noise_free_growth": {"n_states": 20}, "fixed_points": {"n_states": 20, "max_steps": 5}}


@pytest.fixture
def judged(tmp_path):
    """A folder with two copies of a network of the zoo: one of them with results of two parts."""
    runs = [tmp_path / "runs" / name for name in ("looked_at", "plain")]
    for run in runs:
        shutil.copytree(open_run("zoo:linear-2-faithful").path, run)
    network = orbitscope.load_network("zoo:linear-2-faithful")
    found = orbitscope.analyse(network, only=list(NOISE_FREE), settings=NOISE_FREE)
    for name, result in found.results.items():
        save_result(result, runs[0] / "results" / f"{name}.nc")
    return runs


def test_one_run_has_a_line_for_each_claim(judged, capsys):
    assert run_command(["claims", str(judged[0])]) == 0
    shown = capsys.readouterr().out
    first = shown.strip().splitlines()[0]
    assert first.startswith("Of ")
    assert "follows from the kind of network" in first
    assert "Emulates: all 8 measures are within their margins." in shown
    lines = {line.split("  ")[0].strip(): line for line in shown.splitlines()}
    assert " holds " in lines["C1"]
    assert " identity " in lines["C2"]
    assert " holds " in lines["C2 decay"]
    assert " not measured " in lines["C17"]
    assert f"orbitscope analyse {judged[0]} may measure what is missing for " in shown


def test_claims_on_a_first_look_lead_to_one(judged, capsys):
    assert run_command(["claims", str(judged[0]), "--quick"]) == 0
    assert f"orbitscope analyse {judged[0]} --quick may measure" in capsys.readouterr().out


def test_json_has_the_numbers_that_a_verdict_rests_on(judged, capsys):
    assert run_command(["claims", str(judged[0]), "--json"]) == 0
    (run,) = read_json(capsys)["runs"]
    claims = {claim["claim"]: claim for claim in run["claims"]}
    assert claims["C2 decay"]["verdict"] == "holds"
    assert claims["C2 decay"]["quantities"][0]["key"] == "noise_free_growth.verdict"
    assert claims["C16"]["verdict"] == "not measured"
    assert run["emulation"]["verdict"] == "emulates"
    assert (run["recipe"], run["verdicts"]["C2 decay"]) == ("faithful", "holds")


def test_a_folder_of_one_run_is_that_run(judged, capsys):
    shutil.rmtree(judged[1])
    shutil.copytree(judged[0], judged[0].parent / ".plain.0a1b2c3d.tmp")  # what a killed import leaves
    assert run_command(["claims", str(judged[0].parent)]) == 0
    assert f"orbitscope analyse {judged[0]} may measure" in " ".join(capsys.readouterr().out.split())
    assert run_command(["claims", str(judged[0].parent), "--pair-by", "recipe"]) == 2
    assert "needs several runs, got one" in capsys.readouterr().err


def test_a_folder_of_runs_has_a_table_with_counts(judged, capsys):
    assert run_command(["claims", str(judged[0].parent)]) == 0
    shown = capsys.readouterr().out
    assert "looked_at" in shown
    lines = {line.split("  ")[0].strip(): line.rstrip() for line in shown.splitlines() if line}
    assert " 2 / 0 / 0 holds" in " ".join(lines["C1"].split())
    assert " ".join(lines["C2 decay"].split()).endswith("1 / 0 / 0 holds -")
    assert run_command(["claims", *map(str, judged), "--json"]) == 0
    document = read_json(capsys)
    assert document["counts"]["C2 decay"] == {"holds": 1, "not measured": 1}
    assert [run["network"] for run in document["runs"]] == ["looked_at", "plain"]
    assert document["runs"][1]["verdicts"]["C1"] == "holds"
    assert (document["runs"][1]["process"], document["runs"][1]["seed"]) == ("linear-2", 0)
    assert document["pairs"] is None


def test_a_damaged_result_counts_as_not_measured(judged, capsys):
    (judged[0] / "results" / "noise_free_growth.nc").write_bytes(b"cut")
    assert run_command(["claims", str(judged[0]), "--json"]) == 0
    claims = {claim["claim"]: claim["verdict"] for claim in read_json(capsys)["runs"][0]["claims"]}
    assert (claims["C2"], claims["C2 decay"]) == ("identity", "not measured")


def test_rules_are_listed_without_a_run(capsys):
    assert run_command(["claims", "--rules"]) == 0
    assert "half-lead: lower limit ≥ 2 steps" in capsys.readouterr().out
    assert run_command(["claims", "--rules", "--json"]) == 0
    claims = read_json(capsys)["claims"]
    assert claims[0]["name"] == "C1"
    assert set(claims[0]) == {"name", "text", "rule", "source", "set_on"}


def test_without_runs_or_results_there_is_a_remedy(capsys, tmp_path):
    assert run_command(["claims"]) == 2
    assert "Name run folders" in capsys.readouterr().err
    shutil.copytree(open_run("zoo:linear-2").path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "results")
    with pytest.raises(RunFolderError, match="must have results to judge, but has none. Make them with"):
        orbitscope.judge_run(tmp_path / "run")


def test_results_to_judge_are_made_by_commands_that_work(tmp_path):
    shutil.copytree(open_run("zoo:linear-2").path, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "results")
    with pytest.raises(
        RunFolderError, match="with `orbitscope evaluate .* and `orbitscope analyse .* --quick`"
    ):
        orbitscope.judge_run(tmp_path / "run", quick=True)
    torch.manual_seed(0)
    weights = torch.nn.ModuleDict({"rnn": torch.nn.RNN(4, 6), "fc": torch.nn.Linear(6, 3)})
    import_run(weights, tmp_path / "alone")
    with pytest.raises(RunFolderError, match="Make them with `orbitscope analyse [^ ]*alone`"):
        orbitscope.judge_run(tmp_path / "alone")


def test_runs_are_counted_by_label_and_paired(capsys):
    tokens = ["claims", "zoo:linear-5", "zoo:linear-5-faithful", "--pair-by", "objective"]
    assert run_command(tokens) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "C1 the network emulates its process 1 / 1 / 0 0 / 1 / 0 1 / 0 / 0 fails holds" in shown
    assert "C1 0 1 1 1" in shown
    assert "Dropped none" in shown
    assert run_command([*tokens, "--json"]) == 0
    pairs = read_json(capsys)["pairs"]
    assert (pairs["first"], pairs["second"]) == ("sequences", "words")
    assert pairs["pairs"] == [["zoo:linear-5", "zoo:linear-5-faithful"]]
    assert pairs["claims"]["C1"] == {"n_pairs": 1, "only_first": 0, "only_second": 1, "p_value": 1.0}


def test_a_label_that_is_none_is_refused(judged, capsys):
    for runs in (judged[0].parent, judged[0]):
        assert run_command(["claims", str(runs), "--by", "colour"]) == 1
        assert "label of runs" in capsys.readouterr().err
