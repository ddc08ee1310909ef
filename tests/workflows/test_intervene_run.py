"""`intervene_run` and `orbitscope intervene`: a what-if on a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from planted import build_partly

from orbitscope.cli.intervene import print_what_if, read_gains
from orbitscope.cli.main import run as run_command
from orbitscope.errors import InputError
from orbitscope.interventions.gain_response import GainResponse
from orbitscope.results import load_result
from orbitscope.statistics import Estimate, Null
from orbitscope.workflows.intervene_run import WhatIf, _name_file, intervene_run


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    return tmp_path_factory.mktemp("what_if")


@pytest.fixture
def here(workplace, monkeypatch):
    """Copies of the zoo are made in runs/ of the working directory."""
    monkeypatch.chdir(workplace)
    return workplace


@pytest.mark.slow
def test_a_what_if_on_neurons_needs_no_other_part_than_switches(here, capsys):
    command = ["intervene", "zoo:linear-2", "--on", "neurons:28,62", "--gain", "0,1,2", "--quick"]
    assert run_command(command) == 0
    shown = capsys.readouterr().out
    assert shown.strip().startswith("With gain 0 on neurons 28,62 (2) ")
    for words in ("Hazard 0 → 2", "All switches", "Largest occupancy", "First look", "Next"):
        assert words in shown
    folder = here / "runs" / "zoo-linear-2"
    assert sorted(file.name for file in (folder / "results" / "quick").glob("*.nc")) == ["switches.nc"]
    (file,) = (folder / "results/quick/interventions").glob("neurons-28-62-*.nc")
    found = load_result(file, GainResponse)
    assert found.gain.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.hazard.value[0, 1], 1)
    assert found.settings["network"] == "zoo:linear-2"
    drawn = folder / "figures/analysis/quick/interventions" / file.stem
    assert {"gain_response.svg", "gain_response.png", "captions.md"} == {
        file.name for file in drawn.iterdir()
    }


@pytest.mark.slow
def test_json_holds_numbers(here, capsys):
    command = [
        "intervene",
        "zoo:linear-2",
        "--on",
        "neurons:28",
        "neurons:62",
        "--gain",
        "0",
        "--quick",
        "--json",
    ]
    assert run_command(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert [target["target"] for target in document["targets"]] == ["neurons:28", "neurons:62"]
    assert document["targets"][0]["gain"] == [0, 1]  # the intact network is always among them
    assert np.shape(document["targets"][0]["hazard"]["value"]) == (2, 2)
    assert len(document["conclusions"]) == 2


@pytest.mark.parametrize(
    ("on", "gains", "message"),
    [
        (["neurons:150"], [0.0], "from 0 to 149, got 150"),
        (["neurons:28"], [-0.5], "`gains` must be from 0 to 10, got -0.5"),
        (["neurons:28"], [float("nan")], "`gains` must be from 0 to 10, got nan"),
        ([], [0.0], "`on` must name a target, got none"),
    ],
)
def test_bad_input_says_what_is_wrong(here, on, gains, message):
    with pytest.raises(InputError, match=message):
        intervene_run("zoo:linear-2", on=on, gains=gains, quick=True)


@pytest.mark.parametrize("gain", [["--gain", "-1,1"], ["--gain=-1,1"]])
def test_a_gain_below_zero_is_refused_for_what_it_is(here, capsys, gain):
    assert run_command(["intervene", "zoo:linear-2", "--on", "neurons:28", *gain, "--quick"]) == 1
    assert "`gains` must be from 0 to 10, got -1.0" in " ".join(capsys.readouterr().err.split())


def test_a_note_names_targets_whose_activity_has_no_bound(capsys):
    gains, names = np.array([0.0, 1.0, 2.0]), ["neurons:1", "neurons:2"]
    unknown, table = np.full((2, 3), np.nan), Estimate(np.ones((2, 3)))
    result = build_partly(
        GainResponse,
        status={"notes": ["in 2 of 7 runs activity has no bound"]},
        target=np.array(names),
        target_size=np.array([1, 1]),
        gain=gains,
        direction=np.array(["0 → 1"]),
        hazard=Estimate(unknown[..., None]),
        rate=table,
        occupancy=table,
        trapped=np.array([["diverges", "no", "diverges"], ["no"] * 3]),
        matched=Null("matched sets", np.full(2, np.nan), np.full(2, np.nan), np.empty((0, 2))),
    )
    print_what_if(Path("run"), WhatIf("run", False, result, []))
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "in 2 of 7 runs activity has no bound; activity under neurons:1 has no bound at gain 0, 2 " in shown
    )
    assert "activity under neurons:2" not in shown


def test_an_unknown_target_is_refused_at_once(here, capsys):
    assert run_command(["intervene", "zoo:linear-2-faithful", "--on", "kicks", "--quick"]) == 1
    message = capsys.readouterr().err
    for name in ("unknown target `kicks`", "carriers", "first", "noise:1", "kick-feeding", "neurons:28,62"):
        assert name in message
    assert not (here / "runs/zoo-linear-2-faithful/results/quick/switches.nc").exists()


@pytest.mark.slow
def test_targets_that_were_found_by_other_parts(here):
    found = intervene_run("zoo:linear-2", on=["first:0to2", "noise:1"], gains=[0.0], quick=True)
    assert found.result.target.tolist() == ["first:0→2", "noise:1"]
    assert found.result.target_size.tolist() == [12, 1]
    assert np.isfinite(found.result.matched.p_value[0])


def test_files_have_short_names_that_tell_gains_apart():
    names = [f"neurons:{','.join(map(str, range(100)))}"]
    one, other = _name_file(names, [0.0]), _name_file(names, [0.0, 2.0])
    assert len(one) < 100
    assert one != other
    assert _name_file(["carriers:0→2", "noise:1"], [0.0]).startswith("carriers-0to2-noise-1-")


@pytest.mark.parametrize(
    ("text", "gains"),
    [("0:2:0.5", [0, 0.5, 1, 1.5, 2]), ("0,0.5,2", [0, 0.5, 2]), ("1", [1]), ("1:1:0.1", [1])],
)
def test_gains_are_a_range_or_a_list(text, gains):
    assert read_gains(text) == gains


@pytest.mark.parametrize(
    "text", ["", "a", "0:2", "0:2:0", "0:2:-1", "2:0:0.1", "0:2:0.3", "0:inf:1", "0:2:nan"]
)
def test_what_are_no_gains_says_how_to_write_them(text):
    with pytest.raises(InputError, match="FIRST:LAST:STEP"):
        read_gains(text)


def test_too_many_gains():
    with pytest.raises(InputError, match="at most 201 gains, got 2001"):
        read_gains("0:2:0.001")
