"""Training that ends when margins hold: when it ends, and with which weights."""

import math

import pytest
import torch

from orbitscope.hmm import load_preset
from orbitscope.recipes import build_settings
from orbitscope.training import Trainer, initialise_training, prepare_task

HMM = load_preset("linear-3").hmm
TINY = {
    "model": {"hidden_size": 6, "input_size": 4},
    "data": {"n_sequences": 240, "n_steps": 6},
    "train": {"epochs": 12, "batch_size": 40, "final_batch_size": None, "validate_every": 2, "stop_after": 2},
}


class Answers:
    """Says whether margins hold, as is written down; keeps the networks that it was asked about."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), {}

    def __call__(self, network, epoch):
        self.asked[epoch] = {name: weight.clone() for name, weight in network.state_dict().items()}
        return self.answers[len(self.asked) - 1]


def train(holds, *, plateau_exit_epoch=1, best_validation_loss=float("inf"), **changes):
    """Records, state, and the weights after each update, by epoch."""
    settings = build_settings("linear-3", recipe="faithful", threads=1, changes=TINY).override(changes)
    task = prepare_task(HMM, settings)
    trainer, state = Trainer(task, settings, holds=holds), initialise_training(task, settings)
    state.plateau_exit_epoch, state.best_validation_loss = plateau_exit_epoch, best_validation_loss
    state.best_weights = dict(state.network.state_dict()) if best_validation_loss < math.inf else {}
    weights, step = {}, state.optimizer.step

    def record(*arguments):
        step(*arguments)
        weights.setdefault(state.epoch + 1, []).append(copy(state.network))

    state.optimizer.step = record
    return list(trainer.run_epochs(state)), state, weights


def copy(network):
    return {name: weight.double() for name, weight in network.state_dict().items()}


def assert_is_mean(found, weights):
    for name, value in found.items():
        mean = torch.stack([w[name] for w in weights]).mean(0)
        torch.testing.assert_close(value.double(), mean, rtol=0, atol=1e-6 * float(mean.abs().max()))


@pytest.mark.parametrize(
    ("answers", "last"),
    [
        ([True, True], 4),
        ([False, True, True], 6),
        ([True, False, True, False, True, True], 12),
        ([True, False] * 3, 12),
        ([False] * 6, 12),
    ],
)
def test_it_ends_when_margins_have_held_in_a_row(answers, last):
    records, state, _ = train(holds := Answers(*answers))
    assert (records[-1].epoch, state.epoch) == (last, last)
    n_asked = last // 2
    assert [r.margins_hold for r in records] == [v for a in answers[:n_asked] for v in (None, a)]
    assert list(holds.asked) == list(range(2, last + 1, 2))


def test_the_kept_weights_are_the_average_since_a_margin_did_not_hold():
    records, state, weights = train(holds := Answers(False, True, True))
    since = [w for epoch in (3, 4, 5, 6) for w in weights[epoch]]
    assert state.best_epoch == 6
    assert state.best_validation_loss == records[-1].validation_loss
    assert_is_mean(state.best_weights, since)
    assert_is_mean(holds.asked[4], since[: len(since) // 2])
    assert_is_mean(holds.asked[2], [w for epoch in (1, 2) for w in weights[epoch]])
    assert all(torch.equal(state.best_weights[name], w) for name, w in holds.asked[6].items())


def test_the_last_weights_are_kept_though_a_loss_was_lower_before():
    records, state, _ = train(holds := Answers(True, True), best_validation_loss=-1e9)
    assert (state.best_epoch, state.best_validation_loss) == (4, records[-1].validation_loss)
    assert all(torch.equal(state.best_weights[name], w) for name, w in holds.asked[4].items())
    assert train(Answers(True, False), best_validation_loss=-1e9, **{"train.epochs": 4})[1].best_epoch == 0


def test_the_average_of_the_schedule_does_not_start_anew():
    _, state, weights = train(Answers(*[False] * 6), **{"train.average_start": 0.75})
    assert_is_mean(state.average.module.state_dict(), [w for e in range(10, 13) for w in weights[e]])


@pytest.mark.parametrize(("answers", "first"), [([False, False], 10), ([True, False], 1)])
def test_the_schedule_averages_from_where_it_begins_unless_margins_held(answers, first):
    """Validations after epochs 5 and 10; the schedule averages from epoch 10 on."""
    changes = {"train.average_start": 0.75, "train.validate_every": 5}
    _, state, weights = train(Answers(*answers, False), **changes)
    assert_is_mean(state.average.module.state_dict(), [w for e in range(first, 13) for w in weights[e]])


def test_nothing_is_asked_or_averaged_on_the_plateau(monkeypatch):
    monkeypatch.setattr("orbitscope.training.trainer.PLATEAU_MEMORY", 1e9)
    records, state, _ = train(
        holds := Answers(), plateau_exit_epoch=0, **{"train.average_start": 1.0, "train.epochs": 4}
    )
    assert (len(records), holds.asked, int(state.average.n_averaged)) == (4, {}, 0)


def test_without_stop_after_nothing_is_asked_and_weights_are_the_same():
    changes = {"train.stop_after": 0, "train.epochs": 4}
    _, asked, _ = train(holds := Answers(), **changes)
    _, alone, _ = train(None, **changes)
    assert holds.asked == {}
    assert all(torch.equal(asked.best_weights[name], w) for name, w in alone.best_weights.items())


def test_asking_does_not_change_how_the_network_is_trained():
    _, _, never = train(None, **{"train.epochs": 4})
    _, _, asked = train(Answers(False, True), **{"train.epochs": 4})
    for one, other in zip(never[4], asked[4], strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
