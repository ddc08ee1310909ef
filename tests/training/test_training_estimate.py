import math

import psutil
import pytest

from orbitscope.recipes import build_settings
from orbitscope.training import CostModel, Trainer, plan_batches
from orbitscope.training import time_estimate as training_estimate
from orbitscope.training.time_estimate import compute_uncertainty, measure_training, time_updates

SMALL = {
    "model": {"hidden_size": 8, "input_size": 4},
    "data": {"n_sequences": 300, "n_steps": 6},
    "train": {
        "epochs": 60,
        "batch_size": 20,
        "final_batch_size": 80,
        "plateau_batch_size": 50,
        "plateau_draws": 3,
    },
}


class Machine:
    """Updates that take what the model says, at a pace that may change, and a clock that shows it."""

    def __init__(self, settings, *, pace=1e-7):
        self.model, self.pace, self.now, self.updates = CostModel(settings, 3), pace, 100.0, []

    def update(self, batches):
        self.updates.append(batches)
        self.now += self.pace * self.model.measure_update(*batches)

    def time(self, planned):
        return time_updates(self.update, self.model, planned, deadline=self.now + 5.0, clock=lambda: self.now)


def test_all_batches_are_timed_where_they_are_fast():
    settings = build_settings("linear-3")
    planned = set(plan_batches(settings))
    machine = Machine(settings, pace=1e-9)
    times = machine.time(planned)
    assert planned < set(times.paces)
    assert list(times.paces.values()) == pytest.approx([1e-9] * len(times.paces))
    assert times.repeat_ratio == pytest.approx(1)


@pytest.mark.parametrize("pace", [1e-8, 1e-7, 2e-7])
@pytest.mark.parametrize("recipe", ["fast", "faithful", "published"])
def test_timing_stops_before_the_budget_is_used_up(recipe, pace):
    settings = build_settings("linear-2", recipe=recipe)
    machine = Machine(settings, pace=pace)
    times = machine.time(set(plan_batches(settings)))
    first = next(iter(times.paces))
    assert first.size <= 256
    assert 100 < machine.now <= 105 + pace * machine.model.measure_update(*first)
    assert machine.updates.count(first) == 3


def test_a_slow_machine_times_the_smallest_batch_only_and_a_busy_one_shows_in_its_repeat():
    settings = build_settings("linear-2", recipe="published")
    machine = Machine(settings, pace=1e-6)
    assert [plan.size for plan in machine.time(set(plan_batches(settings))).paces] == [256]

    machine = Machine(settings)
    clean = machine.update

    def slow_down(batches):
        machine.pace *= 1.1
        clean(batches)

    machine.update = slow_down
    assert machine.time(set(plan_batches(settings))).repeat_ratio == pytest.approx(
        1.1 ** (len(machine.updates) - 2)
    )


def test_after_the_deadline_the_smallest_batch_is_timed_once_and_compared_with_its_first_update():
    settings = build_settings("linear-2", recipe="published")
    machine = Machine(settings)
    clean = machine.update

    def load_code(batches):
        clean(batches)
        machine.now += 3.0 * (len(machine.updates) == 1)

    planned, smallest = set(plan_batches(settings)), machine.model.measure_update(256, 1) * machine.pace
    times = time_updates(load_code, machine.model, planned, deadline=0.0, clock=lambda: machine.now)
    assert [plan.size for plan in machine.updates] == [256, 256]
    assert times.repeat_ratio == pytest.approx(3.0 / smallest + 1.0)


def test_the_range_is_wider_the_more_is_scaled_and_the_less_a_repeat_agrees():
    quiet = compute_uncertainty(0.0, repeat_ratio=1.0)
    assert 1 < quiet < 1.2
    assert compute_uncertainty(1.0, repeat_ratio=1.0) == pytest.approx(1.4 * quiet)
    assert compute_uncertainty(0.0, repeat_ratio=1.5) == pytest.approx(1.5 * quiet)


def test_a_busy_machine_may_be_faster_once_it_is_free(monkeypatch):
    monkeypatch.setattr(training_estimate, "count_usable_cores", lambda: 2)
    ratios = []
    for load in (0.0, 3.0):
        monkeypatch.setattr(psutil, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        found = measure_training(build_settings("linear-2", threads=1, changes=SMALL), deadline=0.0)
        upper = found.total_seconds_high / found.total_seconds
        ratios.append(found.total_seconds / found.total_seconds_low / upper)
    assert ratios == pytest.approx([1.0, 2.5])


def test_the_timed_updates_have_the_sizes_and_draws_of_the_run(monkeypatch):
    timed = set()
    update = Trainer._update

    def spy(self, state, batch, plan, *rest):
        timed.add((batch.n_sequences, plan.n_draws))
        update(self, state, batch, plan, *rest)

    monkeypatch.setattr(Trainer, "_update", spy)
    settings = build_settings("linear-2", threads=1, changes=SMALL)
    estimate = measure_training(settings, deadline=math.inf)
    assert timed == set(plan_batches(settings)) == {(50, 3), (20, 1), (40, 1), (80, 1)}
    assert (estimate.timed_sizes, estimate.scaled_sizes) == ((20, 40, 50, 80), ())
    assert 0 < estimate.last_epoch_seconds < estimate.total_seconds
    assert estimate.total_seconds_low < estimate.total_seconds < estimate.total_seconds_high


def test_without_time_the_smallest_batch_is_timed_and_the_others_are_named_as_scaled():
    estimate = measure_training(build_settings("linear-2", threads=1, changes=SMALL), deadline=0.0)
    assert (estimate.timed_sizes, estimate.scaled_sizes) == ((20,), (40, 50, 80))
