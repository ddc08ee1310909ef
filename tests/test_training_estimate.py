from orbitscope.recipes import build_settings
from orbitscope.training import Trainer
from orbitscope.training_estimate import ASSUMED_PLATEAU_EPOCHS, list_batches, measure_training

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


def test_batches_follow_the_plateau_then_the_schedule_and_hold_no_more_than_there_is():
    batches = list_batches(build_settings("linear-2"))
    assert batches[:ASSUMED_PLATEAU_EPOCHS] == [(1000, 4)] * ASSUMED_PLATEAU_EPOCHS
    assert batches[ASSUMED_PLATEAU_EPOCHS] == (625, 1)
    assert batches[-1] == (5000, 1)
    assert set(list_batches(build_settings("linear-2", recipe="published"))) == {(4096, 1)}
    assert list_batches(build_settings("linear-2", changes={"data.n_sequences": 300}))[-1] == (100, 1)


def test_the_timed_updates_have_the_sizes_and_draws_of_the_run(monkeypatch):
    timed = set()
    update = Trainer._update

    def spy(self, state, batch, plan, *rest):
        timed.add((batch.n_sequences, plan.n_draws))
        update(self, state, batch, plan, *rest)

    monkeypatch.setattr(Trainer, "_update", spy)
    settings = build_settings("linear-2", threads=1, changes=SMALL)
    estimate = measure_training(settings)
    assert timed == {*list_batches(settings), (80, 1)} == {(50, 3), (20, 1), (40, 1), (80, 1)}
    assert 0 < estimate.last_epoch_seconds < estimate.total_seconds
