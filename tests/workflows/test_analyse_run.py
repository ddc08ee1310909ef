"""Which parts are computed, kept, drawn and reported; what the parts find has tests of its own."""

import json
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from pydantic import Field

from orbitscope.errors import InputError, RunFolderError, TooLargeError, UndefinedAnalysisError, unknown_name
from orbitscope.hmm import dump_hmm, load_process
from orbitscope.network import build_network, draw_noise_
from orbitscope.part import Part
from orbitscope.part_settings import PartSettings
from orbitscope.parts import REGISTRY, find_part, list_drawings, resolve_settings, select_parts
from orbitscope.plots.drawing import Drawing
from orbitscope.process import RecordedSequences
from orbitscope.quantity import Quantity
from orbitscope.recipes import build_settings
from orbitscope.results import Result, axes, load_result
from orbitscope.runs import RunFolder
from orbitscope.runs.zoo import load_network
from orbitscope.statistics import Estimate
from orbitscope.system.threads import count_threads, use_threads
from orbitscope.workflows.analyse import PartOutcome, analyse
from orbitscope.workflows.analyse_run import analyse_run, load_part
from orbitscope.workflows.import_network import import_run


@dataclass(frozen=True, kw_only=True, eq=False)
class SumResult(Result):
    value: np.ndarray = axes("point", description="values")

    def list_quantities(self):
        return [Quantity("sum", "sum of the values", Estimate(self.value.sum()))]


class SizeSettings(PartSettings):
    n: int = Field(default=2, ge=0, description="how many values")


class LargeSettings(SizeSettings):
    n: int = Field(default=5, ge=0, description="how many values")


class Toy:
    """Parts that count their calls: ``second`` needs ``first``."""

    def __init__(self):
        self.calls, self.drawn, self.undefined = [], [], set()
        self.parts = {
            "first": self.build("first", self.compute_first, SizeSettings),
            "second": self.build("second", self.compute_second, needs=("first",)),
            "third": self.build("third", self.compute_third, LargeSettings, quick={"n": 2}),
        }
        self.drawings = [self.show(name) for name in self.parts]

    def build(self, name, function, settings=PartSettings, **options):
        parts = {"question": "how much?", "result": SumResult, "definitions": {}, "seconds": 1.0}
        return Part(name=name, settings=settings, compute=function, **parts, **options)

    def show(self, name, *others):
        def describe(*results):
            return f"Caption of {name}."

        return Drawing(f"{name}_figure", lambda *results: self.plot(*results), describe, (name, *others))

    def plot(self, *results):
        self.drawn.append([result.value.tolist() for result in results])
        return Figure(figsize=(1, 1))

    def finish(self, name, value):
        self.calls.append(name)
        if name in self.undefined:
            raise UndefinedAnalysisError(f"{name} does not exist here.")
        return SumResult(settings={}, status={}, value=np.array(value, dtype=float))

    def compute_first(self, subject, settings):
        generator = subject.start_generator("first")
        return self.finish("first", torch.rand(settings.n, generator=generator).tolist())

    def compute_second(self, subject, settings):
        return self.finish("second", 2 * subject.found["first"].value)

    def compute_third(self, subject, settings):
        return self.finish("third", [subject.noise_std] * settings.n)


@pytest.fixture(autouse=True)
def _one_after_another():
    """Parts side by side have tests of their own: here it counts which are computed, and when."""
    with use_threads(1):
        yield


@pytest.fixture
def toy(monkeypatch):
    toy = Toy()
    registry = dict.fromkeys(toy.parts, "nowhere:PART")
    for module in ("parts", "workflows.analysis_folder"):
        monkeypatch.setattr(f"orbitscope.{module}.REGISTRY", registry)
    for module in ("parts", "workflows.analysis_folder", "workflows.analyse_run"):
        monkeypatch.setattr(f"orbitscope.{module}.find_part", lambda name: find_toy(toy, name))
    monkeypatch.setattr("orbitscope.parts._load_drawings", lambda: toy.drawings)
    return toy


def find_toy(toy, name):
    if name not in toy.parts:
        raise unknown_name("part", name, toy.parts)
    return toy.parts[name]


@pytest.fixture
def run(tmp_path):
    changes = {"model": {"hidden_size": 8, "input_size": 4, "noise_std": 0.5}}
    folder = RunFolder(tmp_path / "run")
    folder.create(build_settings("linear-3", threads=1, changes=changes), load_process("linear-3"), {})
    save_network(folder, seed=0)
    return folder


def save_network(folder, *, seed):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, hidden_size=8, input_size=4, generator=generator)
    folder.save_weights(network.state_dict(), {"epoch": 1})


def read_outcomes(run):
    return json.loads((run.results / "analysis.json").read_text())["parts"]


def get_status(found):
    return [(outcome.part, outcome.status) for outcome in found.outcomes]


def test_an_outcome_shows_counts_of_what_it_holds(tmp_path):
    outcome = PartOutcome(
        "sum", "done", seconds=1.26, quantities=[Quantity("a", "label")], files=[tmp_path] * 3
    )
    assert repr(outcome) == "PartOutcome(part='sum', status='done', seconds=1.3, n_quantities=1, n_files=3)"
    outcome = PartOutcome("sum", "undefined", "it needs first, which is undefined.")
    assert "status='undefined', reason='it needs first, which is undefined.', " in repr(outcome)


def test_every_part_is_saved_drawn_and_summarised(toy, run):
    found = analyse_run(run.path)
    outcomes = found.outcomes
    assert get_status(found) == [("first", "done"), ("second", "done"), ("third", "done")]
    first, second, third = (
        load_result(run.results / f"{name}.nc", SumResult) for name in ("first", "second", "third")
    )
    np.testing.assert_array_equal(second.value, 2 * first.value)
    assert third.value.tolist() == [0.5] * 5
    assert outcomes[2].quantities == [Quantity("third.sum", "sum of the values", Estimate(2.5))]
    assert all(file.is_file() for outcome in outcomes for file in outcome.files)
    captions = (run.figures / "analysis" / "captions.md").read_text()
    assert [captions.count(f"Caption of {name}.") for name in ("first", "second", "third")] == [1, 1, 1]
    written = read_outcomes(run)
    assert [part["status"] for part in written] == ["done"] * 3
    (quantity,) = written[2]["quantities"]
    assert (quantity["key"], quantity["value"], quantity["low"]) == ("third.sum", 2.5, None)


def test_what_is_there_is_kept_and_a_deleted_figure_is_drawn_again(toy, run):
    analyse_run(run.path)
    (run.figures / "analysis" / "first_figure.png").unlink()
    again = analyse_run(run.path)
    assert get_status(again) == [("first", "kept"), ("second", "kept"), ("third", "kept")]
    assert toy.calls == ["first", "second", "third"]
    assert (run.figures / "analysis" / "first_figure.png").is_file()
    assert again.outcomes[2].quantities == [Quantity("third.sum", "sum of the values", Estimate(2.5))]


@pytest.mark.parametrize("error", [RuntimeError("not ours"), KeyboardInterrupt()])
def test_a_part_that_fails_leaves_the_finished_ones(toy, run, error):
    def crash(subject, settings):
        raise error

    good = toy.parts["third"]
    toy.parts["third"] = toy.build("third", crash)
    with pytest.raises(type(error)):
        analyse_run(run.path)
    assert "Caption of second." in (run.figures / "analysis" / "captions.md").read_text()
    assert [part["part"] for part in read_outcomes(run)] == ["first", "second"]
    toy.parts["third"] = good
    assert get_status(analyse_run(run.path))[:2] == [("first", "kept"), ("second", "kept")]
    assert toy.calls == ["first", "second", "third"]


@pytest.mark.parametrize(
    "change", ["weights", "settings", "default", "noise", "process", "code", "redo", "damage"]
)
def test_a_part_is_computed_anew_when_what_it_follows_from_has_changed(toy, run, change, monkeypatch):
    analyse_run(run.path, only=["third"])
    options = {}
    if change == "weights":
        save_network(run, seed=1)
    if change == "settings":
        options["settings"] = {"third": {"n": 7}}
    if change == "default":
        toy.parts["third"] = toy.build("third", toy.compute_third, SizeSettings)
    if change == "process":
        run.hmm_file.write_text(dump_hmm(load_process("fully-connected-3")))
    if change == "code":
        monkeypatch.setattr("orbitscope.workflows.origin.digest_code", lambda: "changed")
    if change == "noise":
        settings = run.read_settings().override({"model.noise_std": 2.0})
        run.config.write_text(settings.to_toml())
    if change == "redo":
        options["redo"] = True
    if change == "damage":
        (run.results / "third.nc").write_bytes(b"half")
    assert get_status(analyse_run(run.path, only=["third"], **options)) == [("third", "done")]


def test_a_part_follows_from_the_settings_of_those_that_it_needs(toy, run):
    """A first look at ``first`` must not stay in the full result of ``second``."""
    analyse_run(run.path, settings={"first": {"n": 1}})
    again = analyse_run(run.path)
    assert get_status(again) == [("first", "done"), ("second", "done"), ("third", "kept")]
    second = load_part(run.path, "second")
    assert second.settings["source"]["follows"]["first"]["settings"] == {"n": 2}
    np.testing.assert_array_equal(second.value, 2 * load_part(run.path, "first").value)


def test_another_commit_of_the_same_code_keeps_results_with_the_commit_that_they_are_of(
    toy, run, monkeypatch
):
    """Nor does a wheel, which has no commit, compute all anew."""
    for status, commit in (("done", "abc1234"), ("kept", "def5678"), ("kept", None)):
        monkeypatch.setattr("orbitscope.workflows.analyse_run.find_commit", lambda commit=commit: commit)
        assert get_status(analyse_run(run.path, only=["third"])) == [("third", status)]
        assert load_part(run.path, "third").settings["commit"] == "abc1234"


def test_a_figure_that_shows_another_result_too_is_drawn_anew_with_it(toy, run):
    toy.drawings[2] = toy.show("third", "first")
    analyse_run(run.path)
    toy.drawn.clear()
    analyse_run(run.path, only=["first"], settings={"first": {"n": 1}})
    first = load_part(run.path, "first").value.tolist()
    assert toy.drawn == [[first], [[0.5] * 5, first]]
    toy.drawn.clear()
    analyse_run(run.path, only=["first"], settings={"first": {"n": 1}})
    assert toy.drawn == []


def test_a_figure_never_outlives_its_result(toy, run, monkeypatch):
    """Stopped between a new result and its figure, the next call draws it."""

    def stop(*_):
        raise KeyboardInterrupt

    analyse_run(run.path)
    figure = run.figures / "analysis" / "third_figure.png"
    with monkeypatch.context() as patch:
        patch.setattr(toy, "plot", stop)
        with pytest.raises(KeyboardInterrupt):
            analyse_run(run.path, only=["third"], settings={"third": {"n": 1}})
    assert not figure.exists()
    assert get_status(analyse_run(run.path, only=["third"], settings={"third": {"n": 1}})) == [
        ("third", "kept")
    ]
    assert figure.is_file()


def test_noise_of_a_part_does_not_depend_on_the_other_parts(toy, run):
    analyse_run(run.path)
    first = load_part(run.path, "first")
    analyse_run(run.path, only=["first"], redo=True)
    assert load_part(run.path, "first") == first


def test_what_does_not_exist_is_said_and_takes_its_followers_with_it(toy, run):
    analyse_run(run.path)
    toy.undefined.add("first")
    found = analyse_run(run.path, redo=True)
    outcomes = found.outcomes
    assert get_status(found) == [("first", "undefined"), ("second", "undefined"), ("third", "done")]
    assert outcomes[0].reason == "first does not exist here."
    assert outcomes[1].reason == "it needs first, which is undefined."
    assert not (run.results / "first.nc").exists()
    figures = {file.stem for file in (run.figures / "analysis").iterdir()}
    assert figures == {"third_figure", "captions"}
    assert "Caption of first" not in (run.figures / "analysis" / "captions.md").read_text()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            TooLargeError("the number of counts must be ≤ 9, got 10."),
            "the number of counts must be ≤ 9, got 10.",
        ),
        (MemoryError("Unable to allocate 728 TiB"), "it needs more memory than there is"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "it needs more memory than there is"),
    ],
)
def test_a_part_that_does_not_fit_in_memory_is_undefined_and_the_others_go_on(toy, run, error, reason):
    def crash(subject, settings):
        raise error

    toy.parts["first"] = toy.build("first", crash)
    found = analyse_run(run.path)
    assert get_status(found) == [("first", "undefined"), ("second", "undefined"), ("third", "done")]
    assert reason in found.outcomes[0].reason


def test_an_error_names_the_part(toy, run):
    def refuse(subject, settings):
        raise InputError("`states` must have one point at least, got none.")

    toy.parts["first"] = toy.build("first", refuse)
    with pytest.raises(InputError, match="in the part `first`: `states` must have one point at least"):
        analyse_run(run.path)


def test_one_part_brings_what_it_needs_and_captions_of_the_others_stay(toy, run):
    analyse_run(run.path, only=["third"])
    assert get_status(analyse_run(run.path, only=["second"])) == [("first", "done"), ("second", "done")]
    assert "Caption of third" in (run.figures / "analysis" / "captions.md").read_text()


def test_a_first_look_is_smaller_and_settings_win_over_it(toy, run):
    analyse_run(run.path, only=["third"], quick=True)
    assert len(load_part(run.path, "third", quick=True).value) == 2
    analyse_run(run.path, only=["third"], quick=True, settings={"third": {"n": 3}})
    assert len(load_part(run.path, "third", quick=True).value) == 3


def test_a_first_look_leaves_the_full_analysis_alone(toy, run):
    def read_files():
        files = [file for place in (run.results, run.figures) for file in place.rglob("*")]
        return {file: file.read_bytes() for file in files if file.is_file() and file.parent.name != "quick"}

    analyse_run(run.path)
    before = read_files()
    toy.undefined.add("first")
    found = analyse_run(run.path, quick=True)
    outcomes = found.outcomes
    assert get_status(found) == [("first", "undefined"), ("second", "undefined"), ("third", "done")]
    assert read_files() == before
    assert outcomes[2].files[0] == run.results / "quick" / "third.nc"
    assert all(file.is_file() and file.parent.name == "quick" for file in outcomes[2].files)
    assert "third" in (run.figures / "analysis" / "quick" / "captions.md").read_text()
    assert [len(load_part(run.path, "third", quick=quick).value) for quick in (False, True)] == [5, 2]
    assert [part["status"] for part in read_outcomes(run)] == ["done"] * 3


def test_the_list_of_outcomes_keeps_parts_that_were_not_asked_for(toy, run):
    analyse_run(run.path)
    toy.undefined.add("third")
    analyse_run(run.path, only=["third"], redo=True)
    assert [(part["part"], part["status"]) for part in read_outcomes(run)] == [
        *(("first", "done"), ("second", "done"), ("third", "undefined"))
    ]
    for text in ("[half", "[]"):
        (run.results / "analysis.json").write_text(text)
        analyse_run(run.path, only=["first"])
        assert [part["part"] for part in read_outcomes(run)] == ["first"]


def test_looking_for_a_result_of_the_zoo_makes_no_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for quick, ending in ((False, "--only regions`"), (True, "--only regions --quick`")):
        with pytest.raises(RunFolderError, match=f"Make it with `orbitscope analyse zoo:linear-3 {ending}"):
            load_part("zoo:linear-3", "regions", quick=quick)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_to_one(toy, run):
    events = []
    analyse_run(run.path, progress=events.append)
    done = [event.done for event in events]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0.0, 1.0)
    assert {event.label for event in events} >= {"first: how much?", "third: done"}


def test_wrong_names_and_runs_are_named(toy, run, tmp_path):
    with pytest.raises(InputError, match="unknown part `frist`. Did you mean `first`"):
        analyse_run(run.path, only=["frist"])
    with pytest.raises(InputError, match="unknown part `frist`"):
        analyse_run(run.path, settings={"frist": {}})
    with pytest.raises(InputError, match="unknown setting `third.m`. Did you mean `third.n`"):
        analyse_run(run.path, settings={"third": {"m": 1}})
    with pytest.raises(InputError, match="`third` must be a table of settings, got 3"):
        analyse_run(run.path, settings={"third": 3})
    with pytest.raises(RunFolderError, match="must be a run folder"):
        analyse_run(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("many", ": input should be a valid integer.*, got 'many'. It is: how many values"),
        (2.5, ": input should be a valid integer.*, got 2.5. It is: how many values"),
        (-1, " must be ≥ 0, got -1. It is: how many values"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_computed(toy, run, value, message):
    """Even one of a part that is not asked for."""
    with pytest.raises(InputError, match=f"`third.n`{message}"):
        analyse_run(run.path, only=["first"], settings={"third": {"n": value}})
    assert toy.calls == []


def test_settings_under_all_are_for_every_part_that_has_them(toy):
    parts = toy.parts.values()

    def resolve(changes, **options):
        return {key: dict(value) for key, value in resolve_settings(parts, changes, **options).items()}

    assert resolve({"all": {"n": 3}}) == {"first": {"n": 3}, "second": {}, "third": {"n": 3}}
    own = {"all": {"n": 3}, "third": {"n": 4}}
    assert resolve(own, quick=True)["third"] == {"n": 4}
    assert resolve({"all": {"n": 3}}, quick=True)["third"] == {"n": 3}
    with pytest.raises(InputError, match="unknown setting `all.m`. Did you mean `all.n`"):
        resolve_settings(parts, {"all": {"m": 3}})
    with pytest.raises(InputError, match="`all.n`: input should be a valid integer"):
        resolve_settings(parts, {"all": {"n": "many"}})


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_at_least_one(toy, run, threads):
    with pytest.raises(InputError, match=f"`threads` must be ≥ 1, got {threads}. Leave it out"):
        analyse_run(run.path, threads=threads)
    assert toy.calls == []


@pytest.mark.parametrize(
    ("asked", "torch_has", "cores", "expected"),
    [(None, 8, 8, 4), (None, 2, 8, 2), (None, 8, 3, 3), (6, 2, 1, 6)],
)
def test_threads_by_default_are_those_of_the_machine(
    toy, run, monkeypatch, asked, torch_has, cores, expected
):
    """Not those of the run, which may have been trained beside others with a single one."""
    seen = []
    monkeypatch.setattr(toy, "plot", lambda *results: seen.append(count_threads()) or Figure())
    monkeypatch.setattr("orbitscope.workflows.analyse.count_usable_cores", lambda: cores)
    with use_threads(torch_has):
        analyse_run(run.path, only=["first"], threads=asked)
    assert seen == [expected]


def test_settings_of_the_real_parts_are_checked_by_their_kind():
    regions, size = find_part("regions"), find_part("orbit_size")
    resolved = resolve_settings([regions], {"regions": {"n_steps": 7}})["regions"]
    assert resolved == regions.settings(n_steps=7) != regions.settings()
    resolved = resolve_settings([size], {"orbit_size": {"noise_stds": [1, 2]}})["orbit_size"]
    assert resolved.noise_stds == (1.0, 2.0)
    for name, key, value in (
        ("regions", "n_trajectories", 2.5),
        ("orbit_size", "noise_stds", 1.0),
        ("rotation", "confidence", "high"),
        ("circulation", "n_null", None),
    ):
        with pytest.raises(InputError, match=f"`{name}.{key}"):
            resolve_settings([find_part(name)], {name: {key: value}})


def test_parts_their_first_looks_and_their_figures_fit_together():
    for name in REGISTRY:
        part = find_part(name)
        assert part.name == name
        assert dict(resolve_settings([part], {}, quick=True)[name]).items() >= part.quick.items()
        assert [p.name for p in select_parts([name])][-1] == name
    names = [drawing.name for drawing in list_drawings()]
    assert len(set(names)) == len(names)
    assert {name for drawing in list_drawings() for name in drawing.shows} == set(REGISTRY)


@pytest.mark.parametrize(
    "parts",
    [["exponents"], pytest.param(["exponents", "regions", "circulation"], marks=pytest.mark.slow)],
    ids=len,
)
def test_memory_equals_files(parts, run, tmp_path):
    """The same numbers, whether a network is analysed in memory, saved, or in its run folder."""
    settings = run.read_settings()
    options = {"only": parts, "quick": True}
    names = {"seed": settings.seed, "noise_std": settings.model.noise_std, "name": run.path.name}
    memory = analyse(run.load_network(), run.read_hmm(), **options, **names)
    files = analyse_run(run.path, **options)
    assert list(memory.results) == parts
    for name, result in memory.results.items():
        stored = load_part(run.path, name, quick=True)
        assert stored.settings.items() >= result.settings.items()
        assert replace(stored, settings=result.settings) == result
    assert {key: str(q) for key, q in memory.quantities.items()} == {
        key: str(q) for key, q in files.quantities.items()
    }
    assert memory.conclusions == files.conclusions
    memory.save(tmp_path / "saved")
    for name, result in memory.results.items():
        assert load_result(tmp_path / f"saved/results/{name}.nc", type(result)) == result
    captions = (tmp_path / "saved/figures/captions.md").read_text()
    for name, (_, caption) in memory.figures.items():
        assert caption in captions
        assert (tmp_path / f"saved/figures/{name}.svg").is_file()
    assert (run.figures / "analysis/quick/captions.md").read_text() == captions


def test_quantities_are_a_dataset(run):
    found = analyse(run.load_network(), only=["regions"], quick=True, name="mine")
    table = found.to_dataset()
    flux = found.quantities["regions.net_flux"]
    row = table.sel(key="regions.net_flux")
    assert [float(row[name]) for name in ("value", "low", "high")] == [
        *(float(flux.estimate.value), float(flux.estimate.low), float(flux.estimate.high))
    ]
    assert str(row.unit.item()) == "cycles per 100 steps"
    assert table.key.values.tolist() == list(found.quantities)
    assert not found.quantities["regions.entropy[slow]"].is_main
    assert table.attrs["network"] == "mine"
    assert found.results["regions"].settings["symbol_names"] == ["0", "1", "2"]


def test_results_hold_the_names_of_the_symbols_of_the_process(toy, run):
    analyse_run(run.path, only=["first"])
    names = load_result(run.results / "first.nc", SumResult).settings["symbol_names"]
    assert tuple(names) == run.read_hmm().symbol_names


# ---- a network without a process


@pytest.fixture
def alone(tmp_path):
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    names = ("sun", "rain", "snow")
    return import_run(network, tmp_path / "alone", symbol_names=names)


def test_a_network_without_a_process_is_analysed_under_the_names_of_its_settings(toy, alone):
    assert get_status(analyse_run(alone.path, only=["first"])) == [("first", "done")]
    result = load_result(alone.results / "first.nc", SumResult)
    assert result.name_symbol(1) == "rain"
    assert result.settings["source"]["process"] is None
    assert get_status(analyse_run(alone.path, only=["first"])) == [("first", "kept")]
    alone.config.write_text(alone.config.read_text().replace('"rain"', '"hail"'))
    assert get_status(analyse_run(alone.path, only=["first"])) == [("first", "done")]
    assert load_result(alone.results / "first.nc", SumResult).name_symbol(1) == "hail"


@pytest.mark.parametrize("process", ["linear-3", None])
def test_a_kept_result_depends_on_the_process(toy, alone, tmp_path, process):
    analyse_run(alone.path, only=["first"])
    network = alone.load_network()
    recorded = RecordedSequences([[0, 1], [2, 2]], symbol_names=["sun", "rain", "snow"])
    options = {"process": process} if process else {"sequences": recorded}
    other = import_run(network, tmp_path / "other", **options)
    alone.results.rename(other.results)
    assert get_status(analyse_run(other.path, only=["first"])) == [("first", "done")]


@pytest.mark.slow
def test_every_part_runs_on_a_network_without_a_process(tmp_path):
    alone = import_run(load_network("zoo:linear-3"), tmp_path / "alone", symbol_names=("sun", "rain", "snow"))
    outcomes = analyse_run(alone.path, quick=True).outcomes
    assert [outcome.part for outcome in outcomes] == list(REGISTRY)
    for outcome in outcomes:
        assert outcome.status == "done" or outcome.reason, outcome
    assert "slow_clusters" in [outcome.part for outcome in outcomes if outcome.status == "done"]
    labels = [quantity.label for outcome in outcomes for quantity in outcome.quantities]
    assert "readout of symbol rain in the orbit plane" in labels
    assert any(outcome.files for outcome in outcomes)


# ---- whose result it is, and whether it is a first look


def read_captions(figures):
    return (figures / "captions.md").read_text()


def read_notes(figures):
    """Last line of text of each figure."""
    return {
        path.stem: [text.text for text in ElementTree.parse(path).iter() if text.text and text.text.strip()][
            -1
        ]
        for path in figures.glob("*.svg")
    }


@pytest.mark.parametrize(
    ("quick", "caption", "note"),
    [
        (False, "run. Caption of first.", "run"),
        (
            True,
            "run, first look: small sizes. Caption of first.",
            "run, first look (--quick): intervals are wide",
        ),
    ],
)
def test_everything_names_the_network_and_a_first_look_says_that_it_is_one(toy, run, quick, caption, note):
    found = analyse_run(run.path, only=["first"], quick=quick)
    assert (found.network, found.quick) == ("run", quick)
    folder = "quick" if quick else ""
    figures, results = run.figures / "analysis" / folder, run.results / folder
    assert f"\n{caption}\n" in read_captions(figures)
    assert read_notes(figures) == {"first_figure": note}
    settings = load_part(run.path, "first", quick=quick).settings
    assert (settings["network"], settings["quick"]) == ("run", quick)
    written = json.loads((results / "analysis.json").read_text())
    assert (written["network"], written["quick"]) == ("run", quick)
    assert list(written["parts"][0]) == ["part", "status", "reason", "seconds", "quantities", "files"]


def test_a_folder_that_is_renamed_keeps_its_results_under_the_new_name(toy, run):
    toy.drawings[1] = toy.show("second", "first")
    analyse_run(run.path)
    moved = RunFolder(run.path.rename(run.path.with_name("pond")))
    assert get_status(analyse_run(moved.path, only=["first"])) == [("first", "kept")]
    assert toy.calls == ["first", "second", "third"]
    assert load_part(moved.path, "first").settings["network"] == "pond"
    figures = moved.figures / "analysis"
    assert read_captions(figures).count("\npond. Caption of ") == 3
    names = {"first_figure": "pond", "second_figure": "pond", "third_figure": "run"}
    assert read_notes(figures) == names  # the third was not asked for
    analyse_run(moved.path)
    assert set(read_notes(figures).values()) == {"pond"}


# ---- side by side


def test_results_are_the_same_with_any_number_of_threads(monkeypatch):
    """Parts that follow each other, share a path, and divide their work."""
    names, found = ["slow_clusters", "commitment", "noise_kernel", "committor"], []
    monkeypatch.setattr("orbitscope.workflows.analyse.count_usable_cores", lambda: 3)
    for n_threads in (1, 3):
        with use_threads(n_threads):
            analysis = analyse(load_network("zoo:linear-2"), load_process("linear-2"), only=names, quick=True)
        found.append(analysis)
    assert len(found[0].results) == len(select_parts(names))
    for other in found[1:]:
        assert list(other.results) == list(found[0].results)
        for name, result in found[0].results.items():
            arrays = other.results[name].list_arrays()
            for key, values in result.list_arrays().items():
                np.testing.assert_array_equal(arrays[key], values, err_msg=f"{name}.{key}")


@pytest.mark.parametrize("error", [RuntimeError("not ours"), KeyboardInterrupt()])
def test_a_part_that_fails_stops_the_one_beside_it(toy, run, error):
    """What was under way is not saved, and the folder is free again."""
    begun, seen = threading.Event(), []

    def crash(subject, settings):
        begun.wait(10)
        raise error

    def go_on(subject, settings):
        begun.set()
        generator = subject.start_generator("first")
        try:
            while time.monotonic() < deadline:
                draw_noise_(torch.empty(1, 1, 1), 1.0, generator)
        finally:
            seen.append(time.monotonic() < deadline)

    deadline = time.monotonic() + 20
    toy.parts |= {"first": toy.build("first", go_on), "third": toy.build("third", crash)}
    with pytest.raises(type(error)):
        analyse_run(run.path, threads=2)
    assert seen == [True]
    assert not list(run.results.glob("*.nc"))
    toy.parts["first"] = toy.build("first", toy.compute_first, SizeSettings)
    assert get_status(analyse_run(run.path, only=["second"], threads=2)) == [
        ("first", "done"),
        ("second", "done"),
    ]


def test_a_part_that_ends_after_an_error_is_not_saved(toy, run):
    """Its older result and figures stay, as nothing would say that they are older."""
    analyse_run(run.path)
    before, figure = (run.results / "first.nc").read_bytes(), run.figures / "analysis" / "first_figure.png"
    begun = threading.Event()

    def crash(subject, settings):
        begun.wait(10)
        raise RuntimeError("not ours")

    def end_late(subject, settings):
        begun.set()
        time.sleep(0.3)
        return toy.compute_first(subject, settings)

    toy.parts |= {
        "first": toy.build("first", end_late, SizeSettings),
        "third": toy.build("third", crash, SizeSettings),
    }
    with pytest.raises(RuntimeError, match="not ours"):
        analyse_run(run.path, settings={"first": {"n": 4}, "third": {"n": 4}}, threads=2)
    assert (run.results / "first.nc").read_bytes() == before
    assert figure.is_file()


def test_a_result_that_took_in_another_part_is_kept_when_that_is_not_looked_at(toy, run):
    """But it is computed anew when that has changed, or is there for the first time."""
    toy.parts["third"] = toy.build("third", toy.compute_third, LargeSettings, uses=("first",))
    assert get_status(analyse_run(run.path, only=["third"])) == [("third", "done")]
    both = ["first", "third"]
    assert get_status(analyse_run(run.path, only=both)) == [("first", "done"), ("third", "done")]
    assert get_status(analyse_run(run.path, only=["third"])) == [("third", "kept")]
    changed = analyse_run(run.path, only=both, settings={"first": {"n": 7}})
    assert get_status(changed) == [("first", "done"), ("third", "done")]
    toy.undefined = {"first"}
    undefined = analyse_run(run.path, only=both, settings={"first": {"n": 8}})
    assert get_status(undefined) == [("first", "undefined"), ("third", "done")]
