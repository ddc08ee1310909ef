from types import SimpleNamespace

import numpy as np
import pytest
import torch

from orbitscope.circuit.attribution import DirectedTwins
from orbitscope.circuit.neuron_sets import NeuronSets, compare_activity, count_different, find_drive
from orbitscope.circuit.twins import Twins
from orbitscope.network import build_network
from orbitscope.subject import Subject

N_NEURONS, N_TWINS, N_TOGETHER, N_MATCHED = 40, 24, 4, 30
PAIRS = np.array([[0, 2], [2, 1]])


@pytest.fixture(scope="module")
def known():
    """Network and twins whose activity and weights are random; some neurons differ in some twins only."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell="tanh", hidden_size=N_NEURONS, input_size=4, generator=generator).double()
    states = torch.randn(3, 2, N_TWINS, N_NEURONS, generator=generator).double()
    scale = torch.rand(N_NEURONS, generator=generator).double()
    silent = torch.rand(N_TWINS, N_NEURONS, generator=generator) < torch.linspace(0, 0.9, N_NEURONS)
    states[0] = torch.where(silent, states[1], states[1] + scale * states[0])
    direction = np.arange(N_TWINS) // 3 % 2
    twins = Twins((3, 1), *states, *PAIRS[:, direction], np.arange(N_TWINS) // 2)
    return network, DirectedTwins(twins, PAIRS, direction, N_TWINS // 2)


def build(network, found, *, effects, n_together=N_TOGETHER, n_matched=N_MATCHED):
    drive = np.random.default_rng(1).random(N_NEURONS)
    options = {"drive": drive, "n_together": n_together, "n_matched": n_matched}
    return NeuronSets(found, network, found.sum_up(effects), **options, rng=np.random.default_rng(2)), drive


@pytest.fixture(scope="module")
def sets(known):
    effects = np.random.default_rng(0).normal(size=(N_TWINS, N_NEURONS))
    return effects, *build(*known, effects=effects)


def test_orders_are_those_of_the_other_half_and_the_direction(known, sets):
    """By effect, |Δh|, what Δh adds to the new symbol over the old one, and drive where it differs.

    Neurons that are alike in all twins come last.
    """
    network, found = known
    effects, chosen, drive = sets
    difference = (found.twins.switched[0] - found.twins.stayed[0]).numpy()
    weights = network.w_out.detach().numpy()
    masks = chosen.masks[2 : chosen.n_ranked].reshape(5, -1, N_TWINS, N_NEURONS)
    assert chosen.sizes.tolist() == [1, 2, 4, 8, 12, 16, 24, 32, 40]
    for twin in range(N_TWINS):
        rows = (found.half != found.half[twin]) & (found.direction == found.direction[twin])
        a, b = PAIRS[:, found.direction[twin]]
        scores = {
            "effect": effects[rows].mean(0),
            "size": np.abs(difference[rows]).mean(0),
            "readout": difference[rows].mean(0) * (weights[b] - weights[a]),
            "drive": drive * (difference[rows] != 0).mean(0),
        }
        for name, score in scores.items():
            order = np.argsort(np.where((difference != 0).any(0), -score, np.inf), kind="stable")
            for size, mask in zip(chosen.sizes, masks[chosen.rankings.index(name), :, twin], strict=True):
                assert set(np.flatnonzero(mask)) == set(order[:size]), (name, twin)


def test_the_first_sets_are_no_neuron_and_all(sets):
    _, chosen, _ = sets
    assert not chosen.masks[0].any()
    assert chosen.masks[1].all()
    assert len(chosen.masks) == chosen.n_ranked + N_MATCHED


def test_random_orders_are_new_for_each_twin(sets):
    _, chosen, _ = sets
    masks = chosen.masks[2 : chosen.n_ranked].reshape(5, -1, N_TWINS, N_NEURONS)
    random = masks[chosen.rankings.index("random")]
    np.testing.assert_array_equal(random.sum(-1), np.tile(chosen.sizes[:, None], N_TWINS))
    assert (random[:-1] <= random[1:]).all()
    assert len(np.unique(random[2], axis=0)) > 0.9 * N_TWINS


def test_matched_sets_are_as_many_others(sets):
    _, chosen, _ = sets
    first, matched = chosen.masks[2 + chosen.find_column(0)], chosen.masks[chosen.n_ranked :]
    assert (first.sum(-1) == N_TOGETHER).all()
    assert (matched.sum(-1) == N_TOGETHER).all()
    assert not (matched & first).any()


def test_a_match_is_near_in_activity_and_in_readout(known):
    """One of the eight nearest others in the ranks of both, on the half where the first was chosen."""
    network, found = known
    effects = np.random.default_rng(3).normal(size=(N_TWINS, N_NEURONS))
    chosen, _ = build(network, found, effects=effects, n_together=1, n_matched=200)
    matched = chosen.masks[chosen.n_ranked :]
    difference, weights = np.abs(compare_activity(network, found)), network.w_out.detach().numpy()
    for twin in range(N_TWINS):
        rows = (found.half != found.half[twin]) & (found.direction == found.direction[twin])
        a, b = PAIRS[:, found.direction[twin]]
        features = np.stack([difference[rows].mean(0), np.abs(weights[b] - weights[a])])
        places = features.argsort(1).argsort(1)
        first = effects[rows].mean(0).argmax()
        distance = np.square(places - places[:, [first]]).sum(0)
        near = np.argsort(distance, kind="stable")[1:9]
        assert set(np.flatnonzero(matched[:, twin].any(0))) == set(near)


def test_the_balance_is_by_hand(known, sets):
    _, chosen, _ = sets
    network, found = known
    difference = np.abs(compare_activity(network, found))
    first, matched = chosen.masks[2 + chosen.find_column(0)], chosen.masks[chosen.n_ranked :]
    values = [difference[twin, mask].mean() for rows in matched for twin, mask in enumerate(rows)]
    expected = np.mean(values) / np.mean([difference[i, mask].mean() for i, mask in enumerate(first)])
    assert chosen.measure_balance(found, network) == pytest.approx(expected)


def test_what_is_shown_is_nothing_the_first_a_matched_set_and_all(sets):
    _, chosen, _ = sets
    none, first, matched, everything = chosen.choose_shown()
    assert not none.any()
    assert everything.all()
    np.testing.assert_array_equal(first, chosen.masks[2 + chosen.sizes.tolist().index(N_TOGETHER)])
    np.testing.assert_array_equal(matched, chosen.masks[-N_MATCHED])


def test_neurons_that_differ_are_counted_in_each_twin(known):
    network, found = known
    difference = (found.twins.switched[0] - found.twins.stayed[0]).numpy()
    counts = [np.count_nonzero(row) for row in difference]
    assert count_different(network, found) == pytest.approx(np.mean(counts))
    np.testing.assert_array_equal(compare_activity(network, found), difference)


def test_drive_is_the_size_of_what_the_leading_noise_adds(known):
    network, _ = known
    subject = Subject(network)
    leading = np.array([0.5, -0.5, 0.5, 0.5])
    subject.found["noise_kernel"] = SimpleNamespace(leading=leading)
    expected = np.abs(network.cell.w_ih.detach().numpy() @ leading)
    np.testing.assert_allclose(find_drive(subject), expected)
