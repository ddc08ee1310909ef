"""Every part, run on small networks of each kind: what it finds has tests of its own."""

import dataclasses
import inspect
import json
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib.figure
import pytest
import torch

from orbitscope.dynamics.regions.circulation import CirculationSettings
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import load_process
from orbitscope.network import build_network
from orbitscope.part_settings import Drive
from orbitscope.parts import REGISTRY, find_part, list_drawings, select_parts
from orbitscope.reference import list_sections
from orbitscope.results import load_result, save_result
from orbitscope.subject import Subject
from orbitscope.system.plain_json import make_plain
from orbitscope.system.threads import run_tasks
from orbitscope.training import EpochRecord

ROOT = Path(__file__).resolve().parent.parent

TINY = {
    "n_states": 20,
    "n_starts": 5,
    "n_trajectories": 10,
    "n_steps": 50,
    "n_shown": 5,
    "burn_in": 20,
    "n_rollouts": 3,
    "max_steps": 20,
    "n_resamples": 20,
    "n_untrained": 0,
    "max_untrained": 0,
    "n_null": 19,
    "spectral_stride": 10,
    "align_steps": 5,
}


ENOUGH = {
    "slow_clusters": {
        "n_trajectories": 40,
        "n_microstates": 4,
        "max_clusters": 3,
        "n_splits": 1,
        "n_reclustered": 4,
    },
    "metastable_regions": {"n_microstates": 4, "max_clusters": 3, "n_splits": 1, "min_gap": 1.01},
    "committor": {"n_trajectories": 40, "n_steps": 100, "n_labelled": 5, "n_rollouts": 4},
    "region_chain": {"n_steps": 160, "n_groups": 2},
    "primitives": {
        "n_trajectories": 40,
        "n_steps": 300,
        "n_lags": 4,
        "n_first": 3,
        "n_surrogates": 1,
        "n_controls": 2,
        "n_runs": 10,
        "run_steps": 50,
    },
    "noise_sensitivity": {"max_states": 200},
    "switches": {"n_trajectories": 40, "n_steps": 100},
    "noise_kernel": {
        "n_events": 60,
        "n_lags": 4,
        "n_replayed": 30,
        "replay_steps": 2,
        "n_controls": 1,
        "n_trajectories": 10,
    },
    "commitment": {"n_events": 60, "max_lead": 3, "n_labelled": 5},
    "hazard": {"n_trajectories": 10, "n_steps": 60, "n_controls": 2},
    "interventions": {"n_trajectories": 10, "n_gains": 3, "n_matched": 2, "n_subsets": 2},
    "dwell": {"n_trajectories": 20, "n_steps": 300},
    "coherence": {"n_trajectories": 20, "n_steps": 200},
    "carriers": {
        "n_twins": 120,
        "apart": 1,
        "n_contexts": 4,
        "n_together": 3,
        "n_matched": 19,
        "n_shuffles": 0,
    },
}
"""Sizes below which a part has nothing to say."""

UNDEFINED = {
    ("slow_clusters", "tanh"): "slow states",
    **{(name, "tanh"): "≥ 2 regions" for name in ("committor", "region_chain", "primitives")},
}
"""Parts that such a small network has not."""


def make_network(*, cell="relu", gain=2.3, hidden_size=12):
    network = build_network(
        3,
        cell=cell,
        hidden_size=hidden_size,
        input_size=5,
        bias=cell == "tanh",
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network


def make_record(epoch):
    values: dict[str, Any] = dict.fromkeys(inspect.signature(EpochRecord).parameters, 0.0)
    values |= {"epoch": epoch, "batch_size": 10, "loss": 1.0 if epoch < 20 else 0.3, "plateau": 1.0}
    values |= {"margins_hold": None}
    return EpochRecord(**values)


def make_subject(**options):
    gains = {0: 0.5, 10: 0.6, 20: 0.8, 30: 1.5, 40: 2.0}
    return Subject(
        network=make_network(**options),
        process=load_process("linear-3"),
        history=[make_record(epoch) for epoch in range(1, 41)],
        checkpoints={epoch: partial(make_network, gain=gain) for epoch, gain in gains.items()},
    )


def compute(part, subject):
    for name in part.needs:
        if name not in subject.found:
            subject.found[name] = compute(find_part(name), subject)
    return part.run(subject, choose_sizes(part))


def choose_sizes(part):
    """Settings that are small, and large enough."""
    sizes = TINY | ENOUGH.get(part.name, {})
    return part.settings(**{key: value for key, value in sizes.items() if key in part.settings.model_fields})


@cache
def compute_needed(name, cell):
    """Result that other parts need, once for all of them."""
    return compute(find_part(name), make_informed(name, cell))


def make_informed(name, cell):
    """A subject with what a part needs."""
    subject = make_subject(cell=cell)
    subject.found.update({need: compute_needed(need, cell) for need in find_part(name).needs})
    return subject


@pytest.mark.parametrize("cell", ["relu", pytest.param("tanh", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", REGISTRY)
def test_a_part_computes_saves_draws_and_speaks(name, cell, tmp_path):
    part, subject = find_part(name), make_informed(name, cell)
    if (name, cell) in UNDEFINED:
        with pytest.raises(UndefinedAnalysisError, match=UNDEFINED[name, cell]):
            compute(part, subject)
        return
    result = compute_needed(name, cell)
    save_result(result, tmp_path / "part.nc")
    assert load_result(tmp_path / "part.nc", part.result) == result
    found = subject.found | {name: result}
    for drawing in list_drawings([name]):
        if drawing.is_ready(found):
            assert isinstance(drawing.draw(found), matplotlib.figure.Figure)
            assert drawing.describe(found).endswith(".")
    quantities = part.summarise(result)
    assert quantities
    assert any(quantity.is_main for quantity in quantities)
    for quantity in quantities:
        definition = part.definitions[quantity.key.split(".")[1].split("[")[0]]
        assert quantity.is_main == definition.is_main
    assert all(quantity.key.startswith(f"{part.name}.") for quantity in quantities)
    assert json.loads(
        json.dumps([make_plain(quantity.to_plain()) for quantity in quantities], allow_nan=False)
    )
    assert not any("nan" in f"{quantity} {quantity.describe_beside()}" for quantity in quantities)
    if cell == "relu":
        assert compute(part, make_informed(name, cell)) == result


@pytest.mark.parametrize("name", REGISTRY)
def test_a_network_that_explodes_has_no_such_part(name):
    subject = make_subject(gain=1e3)
    subject.checkpoints.clear()
    with pytest.raises(UndefinedAnalysisError):
        compute(find_part(name), subject)


@pytest.mark.parametrize("name", REGISTRY)
def test_a_silent_network_is_named_or_described(name):
    subject = make_subject()
    with torch.no_grad():
        subject.network.cell.w_ih.zero_()
        subject.network.cell.w_hh.zero_()
    subject.checkpoints.clear()
    with pytest.raises(UndefinedAnalysisError):
        compute(find_part(name), subject)


def compute_all(subject):
    """Reason of each part that is undefined, "" for the others."""
    reasons = {}
    for part in select_parts():
        try:
            if set(part.needs) - set(subject.found):
                raise UndefinedAnalysisError("it needs another part")
            subject.found[part.name] = compute(part, subject)
            part.summarise(subject.found[part.name])
            reasons[part.name] = ""
        except UndefinedAnalysisError as error:
            reasons[part.name] = str(error)
    return reasons


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_a_network_without_noise_has_the_parts_that_need_none(cell):
    subject = dataclasses.replace(make_subject(cell=cell), noise_std=0.0)
    reasons = compute_all(subject)
    assert reasons["exponents"].startswith("the network must be driven by noise, but its `noise_std` is 0.")
    assert reasons["fixed_points"] == reasons["noise_free_growth"] == ""


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_a_network_of_one_neuron_has_the_parts_that_need_no_plane(cell):
    subject = make_subject(cell=cell, hidden_size=1, gain=0.5)
    subject.checkpoints.update({epoch: lambda: make_network(cell=cell, hidden_size=1) for epoch in (0, 40)})
    reasons = compute_all(subject)
    planes = ("orbit_paths", "rotation", "orbit_size", "readout_alignment", "regions", "training_evolution")
    for name in planes:
        assert reasons[name] == "the network must have ≥ 2 neurons for this part, got 1.", name
    assert reasons["exponents"] == reasons["fixed_points"] == ""


def test_each_network_part_and_seed_has_noise_of_its_own():
    """Not a network loaded again, whose results can be replayed."""

    def draw(subject, part="rotation"):
        return torch.rand(4, generator=subject.start_generator(part)).tolist()

    subject, again, other = make_subject(), make_subject(), make_subject(gain=2.2)
    first = draw(subject)
    assert draw(subject) == draw(again) == first
    assert draw(other) != first
    assert draw(subject, "regions") != first
    assert draw(dataclasses.replace(subject, seed=1)) != first
    with torch.no_grad():
        again.network.w_out[0, 0] += 1e-6
    assert draw(again) != first


def test_quick_settings_are_settings_of_their_parts():
    for part in select_parts():
        assert set(part.quick) <= set(part.settings.model_fields), part.name


def test_every_quantity_has_a_definition_whose_test_exists():
    """Units and labels are read from there."""
    for section in list_sections():
        assert section.definitions, section.name
        for key, definition in section.definitions.items():
            assert key == definition.key
            file, _, test = definition.test.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), definition.test
            assert all(text.endswith(".") for text in (definition.meaning, definition.reading)), key


# ---- what a part sees


def test_a_part_sees_the_parts_that_it_names_and_no_other():
    seen = {}

    def look(subject, settings):
        seen.update(subject.found)
        return compute_needed("regions", "relu")

    part = dataclasses.replace(find_part("circulation"), compute=look, needs=("a",), uses=("b", "missing"))
    subject = make_subject()
    subject.found.update(a=1, b=2, c=3)
    part.run(subject, CirculationSettings())
    assert seen == {"a": 1, "b": 2}


def test_parts_follow_only_parts_ahead_of_them():
    names = list(REGISTRY)
    for name in names:
        assert set(find_part(name).follows) <= set(names[: names.index(name)])


def test_what_several_parts_look_at_is_computed_once_even_side_by_side():
    subject, calls = make_subject(), []

    def compute():
        calls.append(1)
        time.sleep(0.05)
        return len(calls)

    with run_tasks(3) as tasks:
        begun = [tasks.begin(lambda: subject.keep("path", Drive(), compute)) for _ in range(3)]
        assert [task.result() for task in begun] == [1, 1, 1]
    assert subject.keep("path", Drive(n_steps=7), compute) == 2
    assert subject.replace_network(subject.network).keep("path", Drive(n_steps=7), compute) == 3


class _NotedResults(dict):
    """Results that note which part was asked for, whether it is there or not."""

    def __init__(self, *args):
        super().__init__(*args)
        self.asked = set()

    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.asked.add(name)
        return super().__contains__(name)

    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("name", [name for name in REGISTRY if find_part(name).uses])
def test_a_part_declares_what_it_takes_in(name):
    """Without an entry in `uses` it would be blind to a result that it asks for."""
    part, subject = find_part(name), make_informed(name, "relu")
    noted = _NotedResults(subject.found)
    part.compute(dataclasses.replace(subject, found=noted), choose_sizes(part))
    assert noted.asked == set(part.follows)
