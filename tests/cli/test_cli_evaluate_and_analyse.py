"""`orbitscope evaluate` and `orbitscope analyse`."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import read_json

import orbitscope
from orbitscope.cli.display import (
    print_json,
)
from orbitscope.cli.evaluate import describe_evaluation, print_evaluation
from orbitscope.cli.main import run as run_command
from orbitscope.network import build_network
from orbitscope.parts import REGISTRY, find_part, list_drawings, select_parts
from orbitscope.runs import RunFolder
from orbitscope.statistics import Estimate


def test_evaluate_prints_a_table_and_saves_it(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained)]) == 0
    shown = capsys.readouterr().out
    for words in (
        "Started from h = 0",
        "Started after a burn-in",
        "symbol matrix error",
        "Verdict",
        "figures",
        f"orbitscope analyse {trained}",
        "more measures, which have no margin, with --all",
    ):
        assert words in shown
    assert "emulate" in shown.strip().splitlines()[0]
    assert "Sinkhorn loss" not in shown
    result = orbitscope.load_evaluation(trained)
    assert f"{result.floor.value[0, 0]:.4f}" in shown
    print_evaluation(trained, result, everything=True)
    assert "Sinkhorn loss" in capsys.readouterr().out


@pytest.mark.slow
def test_all_measures_are_shown_when_asked_for(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained), "--all"]) == 0
    shown = capsys.readouterr().out
    assert (
        shown.index("run length distance") < shown.index("1-gram divergence") < shown.index("Sinkhorn loss")
    )
    assert "--all" not in shown


@pytest.mark.slow
def test_infinite_values_stand_in_the_table_and_in_json(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained)]) == 0
    capsys.readouterr()
    result = orbitscope.load_evaluation(trained)
    values = np.full_like(result.estimate.value, np.inf)
    infinite = replace(result, estimate=Estimate(values, result.estimate.low, values))
    print_evaluation(trained, infinite)
    shown = capsys.readouterr().out
    rows = [line for line in shown.splitlines() if line.startswith("cross entropy gap")]
    assert len(rows) == 2
    assert all(row.count("∞") == 2 for row in rows)
    assert "∞: the network emits sequences that the process cannot emit" in shown
    print_json(describe_evaluation(trained, infinite))
    assert read_json(capsys)["measures"][0]["value"] == "inf"


@pytest.mark.slow
def test_evaluate_json_and_overrides(trained, one_figure, capsys):
    assert run_command(["evaluate", str(trained), "--json", "--evaluate.confidence", "0.8"]) == 0
    document = read_json(capsys)
    emulation = document["evaluation"]["emulation"]
    assert emulation["n_judged"] == 8
    measures = {row["key"]: row for row in document["evaluation"]["measures"]}
    assert measures[emulation["worst"]["key"]] == emulation["worst"]
    first = measures["evaluation.symbol_matrix_error"]
    estimate = orbitscope.load_evaluation(trained).estimate[0, 0]
    assert (first["value"], first["low"], first["high"]) == (estimate.value, estimate.low, estimate.high)
    assert [item["kind"] for item in first["beside"]] == ["margin", "reference"]
    assert first["beside"][0]["verdict"] in ("within", "outside", "undecided")
    assert "evaluation.ngram_divergence[2,stationary]" in measures
    assert document["evaluation"]["settings"]["evaluation"]["confidence"] == 0.8
    assert RunFolder(trained).read_settings().evaluate.confidence == 0.95


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


@pytest.fixture
def one_drawing(monkeypatch):
    """Draw the circulation alone."""
    chosen = [drawing for drawing in list_drawings() if drawing.name == "circulation"]
    monkeypatch.setattr("orbitscope.parts._load_drawings", lambda: chosen)


def test_analyse_prints_findings_and_saves_parts(trained, sizes, one_drawing, capsys):
    assert run_command(["analyse", str(trained), "--only", "circulation", *sizes]) == 0
    shown = capsys.readouterr().out
    for words in ("Part", "Beside it", "regions", "slow: unstable directions", "circulation", "figures"):
        assert words in shown
    first, second = shown.strip().splitlines()[:2]
    assert "emulate" in first
    assert second.startswith("Activity is in slow regions for")
    assert orbitscope.load_part(trained, "regions").settings["n_trajectories"] == 6


@pytest.mark.slow
def test_analyse_shows_main_quantities_and_all_when_asked_for(trained, sizes, capsys):
    command = ["analyse", str(trained), "--only", "regions", *sizes]
    assert run_command(command) == 0
    shown = capsys.readouterr().out
    quantities = orbitscope.load_part(trained, "regions").list_quantities()
    others = [quantity for quantity in quantities if not quantity.is_main]
    assert f"{len(others)} more quantities with --all" in shown
    assert run_command([*command, "--all"]) == 0
    everything = capsys.readouterr().out
    assert "--all" not in everything
    for quantity in quantities:
        assert quantity.label in everything
        assert (quantity.label in shown) == quantity.is_main
    assert run_command([*command, "--json"]) == 0
    (part,) = read_json(capsys)["parts"]
    assert {entry["key"]: entry["is_main"] for entry in part["quantities"]} == {
        f"regions.{quantity.key}": quantity.is_main for quantity in quantities
    }


@pytest.mark.slow
def test_analyse_json_and_what_is_kept(trained, sizes, one_drawing, capsys):
    assert run_command(["analyse", str(trained), "--only", "regions", *sizes, "--json"]) == 0
    capsys.readouterr()
    assert run_command(["analyse", str(trained), "--only", "regions", *sizes, "--json"]) == 0
    document = read_json(capsys)
    assert document["quick"] is False
    assert document["emulation"]["n_judged"] == 8
    assert document["emulation"]["worst"]["key"].startswith("evaluation.")
    (part,), (conclusion,) = document["parts"], document["conclusions"]
    assert (part["part"], part["status"]) == ("regions", "kept")
    flux = next(quantity for quantity in part["quantities"] if quantity["key"] == "regions.net_flux")
    assert flux["value"] == pytest.approx(float(orbitscope.load_part(trained, "regions").net_flux))
    assert flux["beside"][0]["value"] == 0.0
    assert conclusion.startswith("Activity is in slow regions for")
    assert all(Path(file).is_file() for file in part["files"])


def test_analyse_list_is_a_settings_file_of_all_defaults(capsys):
    assert run_command(["analyse", "--list"]) == 0
    shown = capsys.readouterr().out
    tables = tomllib.loads(shown)
    assert list(tables) == list(REGISTRY)
    for part in select_parts():
        assert tables[part.name] == part.settings().model_dump(mode="json")
        assert f"# {part.question}\n# about {part.seconds:g} s\n[{part.name}]\n" in shown
    assert (
        "n_trajectories = 100  # independent trajectories: the units of intervals; quick: 20\n"
        in shown.partition("[regions]")[2].partition("[")[0]
    )


def test_analyse_list_json(capsys):
    assert run_command(["analyse", "--list", "--json"]) == 0
    parts = read_json(capsys)["parts"]
    assert [part["name"] for part in parts] == list(REGISTRY)
    for part in parts:
        own = find_part(part["name"])
        assert (part["question"], part["seconds"]) == (own.question, own.seconds)
        assert part["settings"].keys() == own.settings.model_fields.keys()
        assert part["quick"] == own.quick


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sequences", "sentence"),
    [
        (None, "Whether it emulates cannot be told: there is no process to compare with."),
        ([[0, 1], [2]], "Whether it emulates is not known: networks are not yet compared with recorded sequ"),
    ],
)
def test_analyse_of_a_network_without_an_hmm_says_so_and_does_not_suggest_to_evaluate(
    sequences, sentence, sizes, capsys
):
    network = build_network(3, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    recorded = sequences and orbitscope.RecordedSequences(sequences)
    orbitscope.import_run(network, "run", sequences=recorded)
    command = ["analyse", "run", "--only", "regions", *sizes]
    assert run_command(command) == 0
    shown = capsys.readouterr().out
    assert shown.strip().startswith(sentence)
    assert "orbitscope evaluate" not in shown
    assert run_command([*command, "--json"]) == 0
    assert read_json(capsys)["emulation"] is None
