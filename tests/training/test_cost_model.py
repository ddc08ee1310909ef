"""Time left of a training run, from histories whose costs are known."""

import pytest

from orbitscope.recipes import build_settings
from orbitscope.training import (
    ASSUMED_PLATEAU_EPOCHS,
    CostModel,
    EpochRecord,
    plan_batches,
    predict_seconds_left,
)

N_SYMBOLS = 3
PACE = 7e-8


def make_record(epoch, seconds):
    values = dict.fromkeys(EpochRecord.__dataclass_fields__, 0.0)
    own = {"epoch": epoch, "batch_size": 0, "seconds": seconds, "margins_hold": None}
    return EpochRecord(**(values | own))


def slow_down_large_batches(batches):
    return PACE * (1.5 if batches.size > 2000 else 1.0)


def make_history(settings, *, pace=lambda batches: PACE, exit_epoch=ASSUMED_PLATEAU_EPOCHS):
    """All epochs of a run whose plateau is left in an epoch, on a machine with a pace for each batch plan."""
    work = CostModel(settings, N_SYMBOLS).list_work(plateau_exit_epoch=exit_epoch)
    return [make_record(epoch, pace(done.batches) * done.cost) for epoch, done in enumerate(work, 1)]


def predict_run(settings, history, *, epochs=None, exit_epoch=ASSUMED_PLATEAU_EPOCHS):
    """Predicted and real seconds left after each of these epochs (all of them)."""
    model, pairs = CostModel(settings, N_SYMBOLS), []
    for n_done in epochs or range(1, len(history) + 1):
        known_exit = exit_epoch if n_done >= exit_epoch else 0
        left = predict_seconds_left(model, history[:n_done], plateau_exit_epoch=known_exit)
        pairs.append((left, sum(record.seconds for record in history[n_done:])))
    return pairs


@pytest.mark.parametrize("recipe", ["fast", "faithful", "published"])
def test_the_time_left_is_exact_from_the_first_epoch_where_costs_follow_the_model(recipe):
    settings = build_settings("linear-2", recipe=recipe)
    n = settings.train.epochs
    pairs = predict_run(settings, make_history(settings), epochs=[1, 2, n // 4, n // 2, n - 1, n])
    assert all(left == pytest.approx(real, rel=1e-9) for left, real in pairs)
    assert pairs[-1] == (0, 0)


def test_lost_records_leave_the_time_left_as_it_is():
    settings = build_settings("linear-2")
    history = make_history(settings)
    left = sum(record.seconds for record in history[60:])
    model = CostModel(settings, N_SYMBOLS)
    found = predict_seconds_left(model, history[40:60], plateau_exit_epoch=ASSUMED_PLATEAU_EPOCHS)
    assert found == pytest.approx(left, rel=1e-9)


def test_batches_that_were_seen_go_on_at_their_own_pace():
    """On a machine where large batches cost half as much again: exact as soon as the last size is reached."""
    settings = build_settings("linear-2")
    history = make_history(settings, pace=slow_down_large_batches)
    reached = next(k for k, plan in enumerate(plan_batches(settings)) if plan.size == 5000)
    (early, real), *late = predict_run(settings, history, epochs=[1, reached + 1, len(history) - 2])
    assert early < 0.9 * real
    assert all(left == pytest.approx(real, rel=1e-9) for left, real in late)


def test_a_machine_that_gets_busy_is_noticed_within_ten_epochs_for_all_batches():
    settings = build_settings("linear-2")
    history = make_history(settings)
    busy = [make_record(r.epoch, r.seconds * (3 if r.epoch > 30 else 1)) for r in history]
    ((left, real),) = predict_run(settings, busy, epochs=[40])
    assert left == pytest.approx(real, rel=1e-9)


@pytest.mark.parametrize(("exit_epoch", "largest_rise"), [(5, 1.2), (30, 1.2), (50, 1.5)])
def test_the_time_left_of_the_fast_recipe_rises_by_no_more_than_the_model_is_wrong(exit_epoch, largest_rise):
    """Batches above 2000 take 1.5 times what the model says; a plateau left late is followed by them at once.

    Counted by epochs alone the time left rises to more than threefold.
    """
    settings = build_settings("linear-2")
    history = make_history(settings, pace=slow_down_large_batches, exit_epoch=exit_epoch)
    left = [predicted for predicted, _ in predict_run(settings, history, exit_epoch=exit_epoch)]
    rises = [after / before for before, after in zip(left[:-2], left[1:-1], strict=True)]
    assert max(rises) < largest_rise


@pytest.mark.parametrize("recipe", ["fast", "faithful"])
def test_an_epoch_has_its_updates_references_when_its_size_is_new_and_a_validation_when_due(recipe):
    settings = build_settings("linear-2", recipe=recipe)
    model = CostModel(settings, N_SYMBOLS)
    costs, plans = [epoch.cost for epoch in model.list_work()], plan_batches(settings)
    n_batches, every = settings.data.n_per_split // plans[1].size, settings.train.validate_every
    assert costs[1] == pytest.approx(n_batches * model.measure_update(*plans[1]))
    assert costs[0] > costs[1] == costs[every - 2] < costs[every - 1]
    assert costs[-2] < costs[-1] < 2 * costs[-2]


def test_a_check_of_margins_costs_its_steps_without_gradient():
    never = build_settings("linear-2", recipe="faithful", changes={"train.stop_after": 0})
    often = never.override({"train.stop_after": 1})
    without, checked = (sum(e.cost for e in CostModel(s, N_SYMBOLS).list_work()) for s in (never, often))
    n_checks = 60 // never.train.validate_every
    n_steps = never.evaluate.n_symbols_total / 3 * never.model.hidden_size
    assert checked - without == pytest.approx(0.45 * n_checks * n_steps)


def test_draws_save_rollouts_and_transport_grows_with_the_square_of_a_batch():
    sequences, words = (
        CostModel(build_settings("linear-2", recipe=recipe), N_SYMBOLS) for recipe in ("fast", "faithful")
    )
    for model in (sequences, words):
        assert 2 < model.measure_update(1000, 1) / model.measure_update(1000, 4) < 4
    assert words.measure_update(8000, 1) < 2 * words.measure_update(4000, 1)
    assert sequences.measure_update(8000, 1) > 2.1 * sequences.measure_update(4000, 1)
