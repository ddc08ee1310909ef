import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from orbitscope import hmm as hidden_markov
from orbitscope.errors import InputError
from orbitscope.hmm import (
    compute_ngram_law,
    compute_symbol_frequencies,
    compute_symbol_matrix,
    load_preset,
    sample_sequences,
)
from orbitscope.loss import NeighbourDivergence, WordDivergence, sinkhorn_divergence
from orbitscope.network import (
    build_network,
    count_expected_pairs,
    require_same_symbols,
    sample_symbols,
)
from orbitscope.random_streams import derive_seed
from orbitscope.recipes import build_settings
from orbitscope.system.threads import use_threads
from orbitscope.training import (
    Trainer,
    TrainingDivergedError,
    compute_memory,
    initialise_training,
    prepare_task,
)
from orbitscope.training.sharded_rollouts import ShardedRollouts

HMM = load_preset("linear-3").hmm
TINY = {
    "model": {"hidden_size": 16, "input_size": 4},
    "data": {"n_sequences": 450, "n_steps": 8},
    "train": {
        "epochs": 6,
        "batch_size": 64,
        "final_batch_size": 150,
        "final_learning_rate": 3e-3,
        "learning_rate": 1e-2,
        "growth_start": 0.5,
        "decay_start": 0.5,
        "validate_every": 2,
        "settle_epochs": 0,
        "settle_learning_rate": None,
        "plateau_self_weight": 1.0,
        "plateau_batch_size": None,
        "plateau_learning_rate": None,
        "plateau_draws": 1,
    },
}


def make_settings(seed=0, **changes):
    return build_settings("linear-3", seed=seed, threads=1, changes=TINY).override(changes)


def start(settings):
    task = prepare_task(HMM, settings)
    return Trainer(task, settings), initialise_training(task, settings)


def train(settings):
    trainer, state = start(settings)
    return list(trainer.run_epochs(state)), state


def copy_weights(state):
    return {name: weight.clone() for name, weight in state.network.state_dict().items()}


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def forget_time(records):
    return [dataclasses.replace(record, seconds=0.0) for record in records]


# ---- task


def test_task_holds_thirds_of_one_hot_sequences_from_the_data_stream():
    settings = make_settings(seed=5)
    task = prepare_task(HMM, settings)
    rng = np.random.default_rng(derive_seed(5, "data"))
    symbols = sample_sequences(HMM, 450, 8, rng=rng).symbols
    found = torch.cat([task.training, task.validation, task.independent])
    assert [len(part) for part in (task.training, task.validation, task.independent)] == [150, 150, 150]
    assert found.dtype == torch.float32
    assert torch.equal(found.sum(-1), torch.ones(450, 8))
    np.testing.assert_array_equal(found.argmax(-1).numpy(), symbols)
    np.testing.assert_array_equal(task.symbol_pairs, compute_ngram_law(HMM, 2, n_steps=8))
    np.testing.assert_array_equal(task.frequencies, compute_symbol_frequencies(HMM, n_steps=8))


# ---- epochs


def test_records_describe_the_epochs():
    records, state = train(make_settings())
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record.batch_size for record in records] == [64, 64, 64, 150, 150, 150]
    assert [record.validation_loss is not None for record in records] == [False, True] * 3
    assert [record.validation_floor is not None for record in records] == [False, True] * 3
    assert all(
        np.isfinite([r.loss, r.floor, r.marginal_error, r.gradient_norm, r.volatility]).all() for r in records
    )
    assert all(0 <= r.symbol_matrix_error <= 1 and 0 <= r.frequency_error <= 1 for r in records)
    assert state.epoch == 6
    validated = {r.epoch: r.validation_loss for r in records if r.validation_loss is not None}
    assert state.best_epoch == min(validated, key=lambda epoch: validated[epoch])
    assert state.best_validation_loss == min(validated.values())


def test_a_tiny_network_learns():
    """Towards the process: a lower loss, and closer frequencies than at the start."""
    changes = {"train.epochs": 25, "train.validate_every": 25, "data.n_steps": 6}
    records, _ = train(make_settings(**changes))
    first, last = records[0], records[-1]
    assert last.loss < first.loss - 0.3 * (first.loss - last.floor)
    assert last.frequency_error < 0.5 * first.frequency_error


def test_training_batches_have_fixed_order_and_unequal_size():
    trainer, _ = start(make_settings())
    first, last = (trainer.compute_floor("training", size) for size in (150, 64))
    task = trainer.task
    expected = [
        float(sinkhorn_divergence(task.independent[rows], task.training[rows]).value)
        for rows in (slice(0, 64), slice(64, 128), slice(128, 150))
    ]
    assert last == pytest.approx(np.mean(expected), rel=1e-6)  # unweighted, the short last batch included
    assert first == pytest.approx(float(sinkhorn_divergence(task.independent, task.training).value), rel=1e-6)


def test_floor_is_the_loss_of_the_process_itself():
    """The validation loss of a network that replays the process would be this number, batch by batch."""
    settings = make_settings(**{"train.final_batch_size": 64})
    records, _ = train(settings)
    task = prepare_task(HMM, settings)
    expected = [
        float(sinkhorn_divergence(x, y).value)
        for x, y in zip(task.independent.split(64), task.validation.split(64), strict=True)
    ]
    assert records[1].validation_floor == pytest.approx(np.mean(expected), rel=1e-6)
    assert records[0].floor != records[1].validation_floor


def test_plateau_is_the_loss_without_memory():
    """Symbols shuffled across sequences at each step: same frequencies, hence above the floor."""
    records, _ = train(make_settings(**{"train.epochs": 1, "data.n_steps": 20}))
    assert records[0].plateau > 1.1 * records[0].floor


def test_the_first_update_is_adam_on_the_clipped_gradient_of_the_loss():
    """One batch, one epoch, by the public parts; the weights move as torch.optim.Adam moves them."""
    settings = make_settings(**{"train.epochs": 1, "train.batch_size": 150, "train.gradient_clip": 0.01})
    trainer, state = start(settings)
    before = copy_weights(state)
    (record,) = trainer.run_epochs(state)
    assert record.gradient_norm > 0.01
    moved = {name: state.network.state_dict()[name] - before[name] for name in before}
    # Adam's first step is lr·g/(|g| + eps), whatever the size of g
    largest = max(float(m.abs().max()) for m in moved.values())
    assert largest == pytest.approx(record.learning_rate, rel=1e-2)
    gradients = {id(p): p.grad for p in state.network.parameters()}
    norm = math.sqrt(sum(float(g.square().sum()) for g in gradients.values() if g is not None))
    assert norm == pytest.approx(0.01, rel=1e-3)
    for name, parameter in state.network.named_parameters():
        step = record.learning_rate * parameter.grad / (parameter.grad.abs() + 1e-8)
        torch.testing.assert_close(moved[name], -step, rtol=1e-3, atol=1e-6)


# ---- averaged weights


def test_average_is_the_mean_of_the_weights_after_each_update_and_is_what_is_kept():
    one_update = {"train.batch_size": 150, "train.average_start": 0.5, "train.validate_every": 6}
    trainer, state = start(make_settings(**one_update))
    weights = [copy_weights(state) for _ in trainer.run_epochs(state)]
    for name, kept in state.best_weights.items():
        expected = torch.stack([epoch[name] for epoch in weights[3:]]).mean(0)
        torch.testing.assert_close(kept, expected, rtol=1e-5, atol=1e-7)
        assert not torch.equal(kept, weights[-1][name])
    assert state.average.n_averaged == 3


def test_averaging_changes_neither_the_weights_nor_the_loss():
    plain, averaged = (train(make_settings(**{"train.average_start": start})) for start in (1.0, 0.2))
    assert_same_weights(copy_weights(plain[1]), copy_weights(averaged[1]))
    assert [r.loss for r in plain[0]] == [r.loss for r in averaged[0]]
    assert plain[0][-1].validation_loss != averaged[0][-1].validation_loss


@pytest.mark.parametrize("objective", ["sequences", "words"])
def test_weights_are_the_same_to_the_last_bit_with_any_number_of_threads(objective):
    """Batches of 250 and of the 133 that are left, several shards and blocks each; with validation."""
    sizes = {"data.n_sequences": 1150, "train.batch_size": 250, "train.final_batch_size": 250}
    changes = {**sizes, "train.epochs": 2, "loss.objective": objective, "loss.max_words": 30}
    found = []
    for n_threads in (1, 2, 8):
        with use_threads(n_threads, in_operations=False):
            records, state = train(make_settings(**changes))
        found.append((forget_time(records), copy_weights(state)))
    assert found[0][0] == found[1][0] == found[2][0]
    assert_same_weights(found[0][1], found[1][1])
    assert_same_weights(found[0][1], found[2][1])


# ---- laws of words


def make_word_settings(**changes):
    return make_settings(**{"loss.objective": "words", "loss.max_words": 30}).override(changes)


def run_first_batch(settings):
    """Symbol probabilities of the first of 150 trajectories before any update, and the generator after it."""
    _, state = start(settings)
    generator = torch.Generator().manual_seed(derive_seed(0, "training", 1))
    options = {"noise_std": settings.model.noise_std, "generator": generator}
    return torch.softmax(ShardedRollouts(state.network, 150, 8, **options).logits.detach(), -1), generator


def test_words_are_compared_by_the_loss_of_the_library():
    settings = make_word_settings(**{"train.epochs": 1, "train.batch_size": 150})
    (record,), _ = train(settings)
    probabilities, _ = run_first_batch(settings)
    divergence = WordDivergence(HMM, 8, max_words=30)
    assert record.loss == pytest.approx(float(divergence(probabilities)), rel=1e-5)
    assert (record.floor, record.marginal_error) == (0.0, None)
    assert record.plateau == pytest.approx(divergence.compute_memoryless(150))


def test_neighbours_are_compared_beside_the_words_with_their_weight():
    changes = {"train.epochs": 1, "train.batch_size": 150, "loss.neighbour_weight": 3.0}
    settings = make_word_settings(**changes)
    (record,), _ = train(settings)
    probabilities, generator = run_first_batch(settings)
    words = WordDivergence(HMM, 8, max_words=30)
    rng = np.random.default_rng(derive_seed(0, "data", 2))
    neighbours = float(NeighbourDivergence(HMM, 8, rng=rng)(probabilities, generator=generator))
    assert record.loss == pytest.approx(float(words(probabilities)) + 3 * neighbours, rel=1e-5)
    assert abs(neighbours) > 1e-3
    assert record.plateau > 1.01 * words.compute_memoryless(150)


def test_a_tiny_network_learns_the_words():
    changes = {"train.epochs": 60, "train.validate_every": 60, "train.batch_size": 50}
    records, _ = train(make_word_settings(**changes))
    assert records[-1].loss < 0.6 * records[-1].plateau  # at first 12 times
    assert records[-1].memory > 0.5
    assert records[-1].frequency_error < 0.16  # at first .33


# ---- growth


def test_the_weight_of_growth_acts_on_the_gradient_and_not_on_the_loss():
    records = []
    for weight in (0.0, 1000.0):
        changes = {"train.batch_size": 150, "train.epochs": 1, "train.activity_growth_weight": weight}
        trainer, state = start(make_settings(**changes))
        with torch.no_grad():
            state.network.cell.w_hh.mul_(5)
        records += trainer.run_epochs(state)
    plain, weighted = records
    assert weighted.loss == plain.loss
    assert weighted.gradient_norm > 2 * plain.gradient_norm


# ---- reproducibility


def test_same_seed_same_run_and_another_seed_another():
    first, second, other = (train(make_settings(seed=seed)) for seed in (1, 1, 2))
    assert forget_time(first[0]) == forget_time(second[0])
    assert_same_weights(copy_weights(first[1]), copy_weights(second[1]))
    assert first[0][0].loss != other[0][0].loss
    assert first[0][0].floor != other[0][0].floor


@pytest.mark.parametrize(
    "changes", [{"train.validate_every": 5}, {"train.checkpoint_every": 1}, {"threads": 2}]
)
def test_settings_that_only_look_do_not_change_the_weights(changes):
    expected, found = (train(make_settings(**c))[1] for c in ({}, changes))
    assert_same_weights(copy_weights(expected), copy_weights(found))


def test_validation_noise_does_not_depend_on_how_often_one_looks():
    often, seldom = (train(make_settings(**{"train.validate_every": every}))[0] for every in (1, 3))
    assert [often[2].validation_loss, often[5].validation_loss] == [
        seldom[2].validation_loss,
        seldom[5].validation_loss,
    ]


def test_initial_weights_and_data_have_their_own_streams():
    small, large = (make_settings(**{"data.n_sequences": n}) for n in (450, 600))
    states = [start(settings)[1] for settings in (small, large)]
    assert_same_weights(copy_weights(states[0]), copy_weights(states[1]))
    narrow, wide = (prepare_task(HMM, make_settings(**{"model.hidden_size": n})) for n in (4, 16))
    assert torch.equal(narrow.training, wide.training)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_acts_on_the_gradient_only(temperature):
    """The first batch is drawn before any update: same loss, another gradient."""
    one_batch = {"train.batch_size": 150, "train.epochs": 1}
    (plain,), _ = train(make_settings(**one_batch))
    (tempered,), _ = train(make_settings(**one_batch, **{"train.temperature": temperature}))
    assert tempered.loss == plain.loss
    assert tempered.gradient_norm != plain.gradient_norm


def test_self_weight_acts_on_the_gradient_until_there_is_memory():
    changes = {"train.epochs": 1, "train.batch_size": 64}
    settings = make_settings(**changes, **{"train.plateau_self_weight": 0.5})
    (record,), _ = train(settings)
    assert record.self_weight == pytest.approx(0.5, abs=0.01)
    assert record.memory == pytest.approx(0.0, abs=0.01)
    (plain,), _ = train(make_settings(**changes))
    assert record.gradient_norm != plain.gradient_norm


@pytest.mark.parametrize(
    ("memory", "self_weight"), [(-0.2, 0.6), (0.0, 0.6), (0.125, 0.8), (0.25, 1.0), (0.9, 1.0)]
)
def test_self_weight_rises_with_the_memory_of_the_batch(memory, self_weight):
    trainer, _ = start(make_settings())
    process = trainer.task.symbol_pairs
    independent = torch.outer(process.sum(1), process.sum(0))
    pairs = 64 * ((1 - memory) * independent + memory * process)
    assert trainer._weigh_self_term(pairs, 0.6) == pytest.approx(self_weight)


def test_the_plateau_is_left_with_a_quarter_of_the_memory(monkeypatch):
    trainer, state = start(make_settings(**{"train.epochs": 3, "train.plateau_batch_size": 32}))
    memories = iter([0.24, 0.25, 0.0])
    monkeypatch.setattr("orbitscope.training.epoch.compute_memory", lambda *pairs: next(memories))
    records = list(trainer.run_epochs(state))
    assert state.plateau_exit_epoch == 2
    assert [record.batch_size for record in records] == [32, 32, 150]


def test_frequencies_that_change_over_the_window_are_no_memory():
    """A left-to-right chain, and independent symbols with its frequencies at each step."""
    hmm = hidden_markov.HMM(
        initial_probs=np.array([1.0, 0.0]),
        transition_matrix=np.array([[0.9, 0.1], [0.0, 1.0]]),
        emission_probs=np.array([[0.9, 0.1], [0.2, 0.8]]),
    )
    settings = make_settings(**{"data.n_steps": 12, "data.n_sequences": 60_000})
    task = prepare_task(hmm, settings)
    steps = torch.arange(12)[:, None]
    order = torch.rand(12, 20_000, generator=torch.Generator().manual_seed(0)).argsort(1)
    shuffled = task.independent[order, steps]
    memory = compute_memory(count_expected_pairs(shuffled), task.symbol_pairs, task.memoryless_pairs)
    assert memory == pytest.approx(0.0, abs=0.05)
    whole = count_expected_pairs(task.independent.transpose(0, 1))
    assert compute_memory(whole, task.symbol_pairs, task.memoryless_pairs) == pytest.approx(1.0, abs=0.1)
    naive = torch.outer(task.symbol_pairs.sum(1), task.symbol_pairs.sum(0))
    assert compute_memory(count_expected_pairs(shuffled), task.symbol_pairs, naive) > 0.15


def test_settings_of_the_plateau_end_with_it(monkeypatch):
    plateau = {
        "train.plateau_batch_size": 50,
        "train.plateau_draws": 3,
        "train.plateau_learning_rate": 5e-3,
    }
    settings = make_settings(**{"train.epochs": 2, "train.final_batch_size": None, **plateau})
    trainer, state = start(settings)
    n_rollouts = []
    run_network = trainer._run_network
    trainer._run_network = lambda network, n, generator: (
        n_rollouts.append(n) or run_network(network, n, generator)
    )
    monkeypatch.setattr("orbitscope.training.epoch.compute_memory", lambda *pairs: 1.0)
    records = list(trainer.run_epochs(state))
    assert [record.batch_size for record in records] == [50, 64]
    assert [record.learning_rate for record in records] == [5e-3, 3e-3]
    assert n_rollouts[:3] == [17, 17, 17]
    assert n_rollouts[3:6] == [64, 64, 22]


# ---- failures and best weights


def test_best_weights_are_copies():
    settings = make_settings(**{"train.validate_every": 1, "train.epochs": 3})
    trainer, state = start(settings)
    epochs = trainer.run_epochs(state)
    kept = {}
    for record in epochs:
        kept[record.epoch] = copy_weights(state)
        assert_same_weights(state.best_weights, kept[state.best_epoch])
    with torch.no_grad():
        for parameter in state.network.parameters():
            parameter.zero_()
    assert_same_weights(state.best_weights, kept[state.best_epoch])


@pytest.mark.parametrize(
    ("gain", "words"),
    [(1e3, r"activity reached .*e\+"), (float("inf"), "activity reached|gradient nan|loss nan")],
)
def test_explosion_stops_training_before_it_reaches_the_weights(gain, words):
    trainer, state = start(make_settings())
    epochs = trainer.run_epochs(state)
    next(epochs)
    with torch.no_grad():
        state.network.cell.w_hh.mul_(gain) if math.isfinite(gain) else state.network.w_out.fill_(1e38)
    before = copy_weights(state)
    with pytest.raises(TrainingDivergedError, match=rf"in epoch 2 .*({words}).*train\.learning_rate, "):
        next(epochs)
    assert state.epoch == 1
    assert_same_weights(copy_weights(state), before)
    assert all(bool(torch.isfinite(weight).all()) for weight in before.values())


def test_nan_weights_stop_training():
    trainer, state = start(make_settings())
    with torch.no_grad():
        state.network.cell.w_ih[0, 0] = torch.nan
    with pytest.raises(TrainingDivergedError, match="in epoch 1 activity reached nan"):
        next(trainer.run_epochs(state))


@pytest.mark.parametrize("average_start", [1.0, 0.0])
def test_a_network_that_explodes_in_its_last_update_is_not_kept(average_start):
    rates = ("train.learning_rate", "train.final_learning_rate", "train.plateau_learning_rate")
    changes = {"train.epochs": 1, "train.average_start": average_start} | dict.fromkeys(rates, 1e30)
    changes |= {"data.n_sequences": 60, "train.batch_size": 20}  # a single update
    trainer, state = start(make_settings(**changes))
    with pytest.raises(TrainingDivergedError, match="in epoch 1 (activity reached|no validation gave)"):
        list(trainer.run_epochs(state))
    assert not state.best_weights


def test_networks_and_processes_with_other_symbols_are_refused():
    network = build_network(4, hidden_size=3, input_size=2, generator=torch.Generator())
    with pytest.raises(InputError, match=r"same symbols, got 4 and 3\."):
        require_same_symbols(network, HMM)
    require_same_symbols(build_network(3, hidden_size=3, input_size=2, generator=torch.Generator()), HMM)


# ---- statistics of an epoch


def test_symbol_statistics_equal_those_of_sampled_symbols():
    """Epoch statistics come from probabilities; counts of very many samples of the same network agree."""
    settings = make_settings(
        **{
            "train.epochs": 1,
            "train.batch_size": 2000,
            "data.n_sequences": 6000,
            "train.learning_rate": 1e-12,
        },
        **{"train.final_batch_size": None, "train.final_learning_rate": None},
    )
    (record,), state = train(settings)
    symbols = sample_symbols(state.network, 40_000, 8, generator=torch.Generator().manual_seed(1)).long()
    pairs = torch.zeros(3, 3).index_put_(
        (symbols[:, :-1].flatten(), symbols[:, 1:].flatten()), torch.tensor(1.0), accumulate=True
    )
    joint = (pairs / pairs.sum()).double().numpy()
    matrix = joint / joint.sum(1, keepdims=True)
    assert record.volatility == pytest.approx(1 - np.trace(joint), abs=0.01)
    assert record.symbol_matrix_error == pytest.approx(
        abs(matrix - compute_symbol_matrix(HMM)).max(), abs=0.01
    )
    frequencies = joint.sum(1) - compute_symbol_frequencies(HMM)
    assert record.frequency_error == pytest.approx(abs(frequencies).max(), abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 3])
def test_faithful_does_not_explode_on_long_sequences(seed):
    settings = build_settings("linear-2", recipe="faithful", seed=seed)
    task = prepare_task(hidden_markov.load_process("linear-2"), settings)
    state = initialise_training(task, settings)
    with use_threads(2, in_operations=False):
        epochs = list(itertools.islice(Trainer(task, settings).run_epochs(state), 5))
    assert epochs[-1].memory > 0.5
    assert epochs[-1].loss < epochs[-1].plateau / 10
