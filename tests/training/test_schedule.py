"""Batch size and learning rate of each epoch."""

import itertools

import numpy as np
import pytest

from orbitscope.recipes import build_settings
from orbitscope.settings import TrainSettings
from orbitscope.training import ASSUMED_PLATEAU_EPOCHS, EpochPlan, plan_batches, plan_epoch, split_batches


def test_without_final_values_nothing_moves():
    settings = TrainSettings(epochs=20, batch_size=32, learning_rate=0.01, growth_start=0.1, decay_start=0.3)
    for epoch in range(1, 21):
        plan = plan_epoch(settings, epoch)
        assert (plan.batch_size, plan.learning_rate) == (32, 0.01)


def test_batch_doubles_then_learning_rate_falls():
    settings = TrainSettings(
        epochs=20,
        batch_size=100,
        final_batch_size=700,
        learning_rate=1e-2,
        final_learning_rate=1e-4,
        growth_start=0.25,
        decay_start=0.7,
    )
    plans = [plan_epoch(settings, epoch) for epoch in range(1, 21)]
    assert [plan.batch_size for plan in plans] == [100] * 5 + [200] * 3 + [400] * 3 + [700] * 9
    assert [plan.learning_rate for plan in plans[:14]] == [1e-2] * 14
    rates = np.array([plan.learning_rate for plan in plans[13:]])
    np.testing.assert_allclose(rates[1:] / rates[:-1], 100 ** (-1 / 6))
    assert rates[-1] == pytest.approx(1e-4)


def test_the_batch_can_grow_while_the_learning_rate_falls():
    settings = TrainSettings(
        epochs=8,
        batch_size=100,
        final_batch_size=400,
        learning_rate=1e-2,
        final_learning_rate=1e-4,
        growth_start=0.25,
        growth_end=0.75,
        decay_start=0.0,
    )
    plans = [plan_epoch(settings, epoch) for epoch in range(1, 9)]
    assert [plan.batch_size for plan in plans] == [100] * 2 + [200] * 2 + [400] * 4
    np.testing.assert_allclose(
        [plan.learning_rate for plan in plans], 1e-2 * 100 ** -np.linspace(1 / 8, 1, 8)
    )


@pytest.mark.parametrize("epochs", [1, 2, 7])
@pytest.mark.parametrize(("growth", "decay"), [(0.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.3, 0.6), (0.9, 1.0)])
def test_schedules_of_any_length_are_monotone_and_in_range(growth, decay, epochs):
    settings = TrainSettings(
        epochs=epochs,
        batch_size=10,
        final_batch_size=1000,
        learning_rate=1.0,
        final_learning_rate=0.1 if decay < 1.0 else None,
        growth_start=growth,
        decay_start=decay,
    )
    plans = [plan_epoch(settings, epoch) for epoch in range(1, epochs + 1)]
    for before, after in itertools.pairwise(plans):
        assert before.batch_size <= after.batch_size <= 1000
        assert before.learning_rate >= after.learning_rate >= 0.1 - 1e-12
    assert plans[-1].learning_rate == pytest.approx(1.0 if decay == 1.0 else 0.1)


@pytest.mark.parametrize(
    ("n_sequences", "batch_size", "sizes"),
    [
        (10_000, 4096, [4096, 4096, 1808]),
        (10_000, 625, [625] * 16),
        (10_001, 5000, [5000, 5001]),
        (124, 100, [124]),
        (125, 100, [100, 25]),
        (7, 100, [7]),
    ],
)
def test_batches_hold_every_sequence_and_small_remainders_join(n_sequences, batch_size, sizes):
    assert split_batches(n_sequences, batch_size) == sizes


def test_the_plateau_has_settings_of_its_own():
    settings = TrainSettings(
        epochs=20, batch_size=32, plateau_batch_size=50, plateau_learning_rate=0.5, plateau_draws=3
    )
    assert plan_epoch(settings, 20, on_plateau=True) == EpochPlan(50, 0.5, 3)
    assert plan_epoch(settings, 20) == EpochPlan(32, 1e-3)
    assert plan_epoch(TrainSettings(), 1, on_plateau=True) == EpochPlan(4096, 1e-3)


def test_the_network_settles_with_the_papers_gradient_first():
    settings = TrainSettings(
        epochs=20,
        settle_epochs=3,
        settle_learning_rate=0.1,
        plateau_learning_rate=0.5,
        plateau_self_weight=0.7,
    )
    assert plan_epoch(settings, 3, on_plateau=True) == EpochPlan(4096, 0.1, 1, 1.0)
    assert plan_epoch(settings, 4, on_plateau=True) == EpochPlan(4096, 0.5, 1, 0.7)
    assert plan_epoch(settings, 3) == EpochPlan(4096, 1e-3, 1, 1.0)
    assert plan_epoch(settings, 4) == EpochPlan(4096, 1e-3, 1, 0.7)
    plain = settings.model_copy(update={"settle_learning_rate": None})
    assert plan_epoch(plain, 3, on_plateau=True).learning_rate == 0.5


def test_planned_batches_follow_the_plateau_then_the_schedule_and_hold_no_more_than_there_is():
    batches = plan_batches(build_settings("linear-2"))
    assert batches[:ASSUMED_PLATEAU_EPOCHS] == [(1000, 4)] * ASSUMED_PLATEAU_EPOCHS
    assert batches[ASSUMED_PLATEAU_EPOCHS] == (625, 1)
    assert batches[-1] == (5000, 1)
    assert set(plan_batches(build_settings("linear-2", recipe="published"))) == {(4096, 1)}
    assert plan_batches(build_settings("linear-2", changes={"data.n_sequences": 300}))[-1] == (100, 1)


def test_a_plateau_that_lasts_longer_than_usual_is_taken_to_be_left_now():
    settings = build_settings("linear-2")
    for n_done, last in [(0, 15), (15, 15), (40, 40)]:
        plans = plan_batches(settings, n_done=n_done)
        assert set(plans[:last]) == {(1000, 4)}
        assert plans[last:] == plan_batches(settings, plateau_exit_epoch=1)[last:]
