"""Many runs as one dataset, and their pairs."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from claim_numbers import make_numbers

from orbitscope import import_run, load_network
from orbitscope.errors import InputError
from orbitscope.hmm import load_process
from orbitscope.quantity import Quantity
from orbitscope.recipes import build_settings
from orbitscope.runs import RunFolder
from orbitscope.workflows.collect import (
    DIVERGED,
    LabelledRun,
    collect_runs,
    find_runs,
    label_run,
    list_quantities,
    save_collection,
    tabulate_runs,
)
from orbitscope.workflows.compare_runs import save_comparison
from orbitscope.workflows.pair_runs import compare_in_pairs, pair_runs

LEAD, DECAYS = "commitment.half_lead[all]", "noise_free_growth.verdict"


def make_run(name, *, lead=None, **labels):
    """A network in which every claim holds, but for its half-lead; without one it has no numbers."""
    known = {"process": "linear-2", "recipe": "published", "objective": "sequences", "seed": 0}
    known |= {"cell": "relu", "phase": "past_transition"} | labels
    plain = {} if lead is None else make_numbers()
    entries = {key: {"key": key, "label": key, "is_main": True, **entry} for key, entry in plain.items()}
    if lead is not None:
        entries[LEAD] |= {"value": lead, "low": lead - 0.5, "high": lead + 0.5}
    return LabelledRun(name, known, {key: Quantity.from_plain(entry) for key, entry in entries.items()})


def make_pairs(leads):
    """Two networks for each seed, with half-leads with either loss."""
    return [
        make_run(f"{objective}-{seed}", lead=pair[i], objective=objective, seed=seed)
        for seed, pair in enumerate(leads)
        for i, objective in enumerate(("sequences", "words"))
    ]


def test_the_dataset_has_numbers_words_nulls_verdicts_and_labels():
    found = tabulate_runs([make_run("one", lead=4.0), make_run("none", seed=3, phase=DIVERGED)])
    assert found["value"].sel(run="one", key=LEAD).item() == 4.0
    assert found["low"].sel(run="one", key=LEAD).item() == 3.5
    assert found["word"].sel(run="one", key=DECAYS).item() == "decays"
    assert found["p_value"].sel(run="one", key="rotation.area_rate").item() == 0.01
    assert found["verdict"].sel(run="one", claim="C2 decay").item() == "holds"
    assert found["holds"].sel(run="one", claim="C2 decay").item() == 1.0
    assert found["verdict"].sel(run="none", claim="C2 decay").item() == "not measured"
    assert np.isnan(found["holds"].sel(run="none")).all()
    assert np.isnan(found["value"].sel(run="none")).all()
    assert found["seed"].values.tolist() == [0, 3]


def test_runs_without_any_number_still_have_their_labels():
    found = tabulate_runs([make_run("a"), make_run("b", seed=1)])
    assert dict(found.sizes) == {"run": 2, "key": 0, "claim": found.sizes["claim"]}


def test_two_runs_of_one_name_are_refused():
    with pytest.raises(InputError, match="different names, got twin more than once"):
        tabulate_runs([make_run("twin"), make_run("twin", seed=1)])


def test_the_files_give_the_numbers_back(tmp_path):
    found = tabulate_runs([make_run("one", lead=4.0), make_run("none", seed=3)])
    save_collection(found, tmp_path)
    table = pd.read_csv(tmp_path / "quantities.csv")
    line = table[table["key"] == LEAD].iloc[0]
    assert (line["run"], line["value"], line["seed"], line["recipe"]) == ("one", 4.0, 0, "published")
    assert set(table["run"]) == {"one"}
    claims = pd.read_csv(tmp_path / "claims.csv")
    assert len(claims) == 2 * found.sizes["claim"]
    with xr.open_dataset(tmp_path / "runs.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(again.load(), found)
    assert len(list_quantities(found)) == len(table)


def test_pairs_are_alike_but_for_one_label():
    found = tabulate_runs(make_pairs([(4.0, 1.0), (5.0, 1.2), (3.0, 3.5)]))
    pairing = pair_runs(found, "objective")
    assert pairing.values == ("sequences", "words")
    assert pairing.pairs == tuple((f"sequences-{i}", f"words-{i}") for i in range(3))
    assert pairing.dropped == {}
    difference = compare_in_pairs(found, pairing, key=LEAD)
    assert difference.mean == pytest.approx((3.0 + 3.8 - 0.5) / 3)
    assert (difference.n_higher, difference.n_lower, difference.p_value) == (2, 1, 1.0)
    verdicts = compare_in_pairs(found, pairing, claim="C16")  # a half-lead of 1 or 1.2 fails
    assert (verdicts.n_pairs, verdicts.n_higher, verdicts.n_lower) == (3, 2, 0)


def test_who_is_in_no_pair_is_named_with_the_reason():
    runs = make_pairs([(4.0, 1.0)])
    runs += [make_run("stuck", lead=0.0, seed=1, phase="on_plateau")]
    runs += [make_run("left", lead=1.0, seed=1, objective="words"), make_run("alone", lead=1.0, seed=2)]
    runs += [make_run("gone", seed=3, phase=DIVERGED), make_run("p", lead=1.0, seed=4, cell="tanh")]
    runs += [make_run(name, lead=1.0, seed=4, objective="words") for name in ("q", "r")]
    pairing = pair_runs(tabulate_runs(runs), "objective")
    assert pairing.pairs == (("sequences-0", "words-0"),)
    assert pairing.dropped == {
        "stuck": "is on the plateau",
        "gone": "diverged",
        "left": "has lost its partner",
        "alone": "has no partner",
        "p": "has no partner",
        "q": "is one of several that are alike",
        "r": "is one of several that are alike",
    }


def test_pairs_need_a_label_of_two_values():
    found = tabulate_runs([make_run("a"), make_run("b", seed=1)])
    with pytest.raises(InputError, match="label of pairs"):
        pair_runs(found, "seed")
    with pytest.raises(InputError, match="must have two values among the runs, got sequences"):
        pair_runs(found, "objective")
    three = tabulate_runs([make_run(name, objective=name) for name in "abc"])
    with pytest.raises(InputError, match="got a, b, c"):
        pair_runs(three, "objective")


def test_runs_are_read_from_their_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    events = []
    found = collect_runs(["zoo:linear-2", "zoo:linear-2-faithful"], progress=events.append)
    assert found["recipe"].values.tolist() == ["published", "faithful"]
    assert found["objective"].values.tolist() == ["sequences", "words"]
    assert found["phase"].values.tolist() == ["past_transition", "no_plateau"]
    assert found["verdict"].sel(claim="C1").values.tolist() == ["fails", "holds"]
    assert [event.done for event in events] == [1, 2]
    with pytest.raises(InputError, match="at least one run is required"):
        collect_runs([])
    assert find_runs(["zoo:linear-3", tmp_path / "x"]) == ["zoo:linear-3", tmp_path / "x"]


def test_a_run_without_a_network_says_why(tmp_path):
    for status, phase in (("diverged", "diverged"), ("interrupted", "unfinished"), (None, "unfinished")):
        folder = RunFolder(tmp_path / str(status))
        folder.create(build_settings("linear-2", recipe="fast"), load_process("linear-2"), {})
        if status:
            folder.write_status(status, 3)
        assert label_run(folder)["phase"] == phase


def test_a_network_trained_elsewhere_is_in_no_phase(tmp_path):
    network = load_network("zoo:linear-2")
    run = import_run(network.state_dict(), tmp_path / "run", cell="relu", process="linear-2")
    assert label_run(run)["phase"] == "without_history"


def test_a_comparison_has_a_figure_beside_its_files(tmp_path):
    found = tabulate_runs(make_pairs([(4.0, 1.0), (5.0, 1.5)]))
    paths = save_comparison(found, [LEAD, "rotation.area_rate"], tmp_path, by="objective")
    assert {path.name for path in paths} >= {
        "quantities.csv",
        "comparison.svg",
        "comparison.png",
        "captions.md",
    }
    assert all(path.stat().st_size for path in paths)
    assert not (tmp_path / "empty").exists()
    assert {p.name for p in save_comparison(found, [], tmp_path / "empty")} == {
        "quantities.csv",
        "claims.csv",
        "runs.nc",
    }
