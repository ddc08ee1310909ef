import itertools

import numpy as np
import pytest
import torch
from known_networks import make_linear
from planted import build_partly

from orbitscope.circuit import carrier_measures, signature
from orbitscope.circuit.attribution import DirectedTwins
from orbitscope.circuit.neuron_sets import NeuronSets
from orbitscope.circuit.symbol_runs import find_switches
from orbitscope.dynamics.driving.driven_states import DrivenPath, run_driven
from orbitscope.network import build_network


def make_copier(n_neurons):
    """A ReLU network whose pre-activation is its noise."""
    network = build_network(
        2, hidden_size=n_neurons, input_size=n_neurons, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell.w_hh.zero_()
        network.cell.w_ih.copy_(torch.eye(n_neurons))
    return network


def make_path(network, symbols):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(symbols.shape[1], len(symbols), network.input_size))  # of neuron 0 as planted
    switches = find_switches(symbols)
    for lead, level in ((4, -3.0), (2, 0.0), (0, 3.0)):
        noise[switches.time - lead, switches.trajectory, 0] = level
    noise = torch.from_numpy(noise)
    return DrivenPath(torch.zeros_like(noise[0]), torch.relu(noise), noise), switches


def test_the_signature_is_found_where_it_was_planted():
    network = make_copier(6)
    symbols = np.zeros((80, 40), dtype=int)
    symbols[:, :5] = symbols[:, 20:] = 1
    path, switches = make_path(network, symbols)
    found = signature.average_preactivation(network, path, switches, np.array([[0], [1]]), (4, 2, 0))
    spread = path.noise[:, :, 0].std().item()
    np.testing.assert_allclose(found[0, :, 0] * spread, [-3, 0, 3], atol=0.5)
    np.testing.assert_allclose(found[0, :, 1:], 0, atol=0.6)
    np.testing.assert_array_equal(signature.find_signature(found), [[True] + [False] * 5])


def test_the_preactivation_is_what_led_to_a_state():
    """That of a tanh neuron is the artanh of its activity; recurrent input is part of it."""
    generator = torch.Generator().manual_seed(0)
    network = build_network(2, cell="tanh", hidden_size=5, input_size=3, generator=generator).double()
    path = run_driven(network, 40, 26, burn_in=5, noise_std=1.0, generator=generator)
    symbols = network.compute_logits(path.states).argmax(-1).T.numpy()
    switches, leads = find_switches(symbols), (3, 1, 0)
    found = signature.average_preactivation(network, path, switches, np.array([[0], [1]]), leads)
    values = torch.atanh(path.states).detach().numpy()
    chosen = switches.select((switches.origin == 0) & (switches.age >= 3))
    expected = [values[chosen.time - lead, chosen.trajectory].mean(0) for lead in leads]
    np.testing.assert_allclose(found[0], expected / values[1:].std((0, 1)))


def test_switches_after_short_runs_are_left_out():
    """Four steps before the second switch of a trajectory its symbol was another one."""
    network = make_copier(3)
    symbols = np.zeros((60, 40), dtype=int)
    symbols[:, :5] = symbols[:, 20:22] = 1
    path, switches = make_path(network, symbols)
    found = signature.average_preactivation(network, path, switches, np.array([[0, 1], [1, 0]]), (4, 2, 0))
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def describe(network, path, switches, first):
    found = build_partly(DirectedTwins, pairs=np.array([[0], [1]]))
    matched = np.zeros((0, 2, *first.shape), dtype=bool)
    different = np.ones(first.shape[1], dtype=bool)
    sets = build_partly(NeuronSets, first=first, is_different=different, matched=matched)
    return carrier_measures.describe_signature(network, path, switches, found, sets, (4, 2, 0))


def test_the_opposite_course_is_counted_by_itself():
    """Neuron 0 has the signature, neuron 1 the opposite; both are among the first three of six."""
    network = make_copier(6)
    symbols = np.zeros((80, 40), dtype=int)
    symbols[:, :5] = symbols[:, 20:] = 1
    path, switches = make_path(network, symbols)
    path.noise[..., 1] = -path.noise[..., 0]
    found = describe(network, path, switches, np.array([[True] * 3 + [False] * 3]))
    np.testing.assert_array_equal(found["has_signature"], [[1, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose([found["signature"], found["mirrored"]], [[1 / 3]] * 2)
    np.testing.assert_allclose([found["random_sets"].p_value, found["mirrored_sets"].p_value], [[1 / 2]] * 2)
    found = describe(network, path, switches, np.array([[False, True, True] + [False] * 3]))
    np.testing.assert_allclose([found["signature"], found["mirrored"]], [[0], [1 / 2]])


@pytest.mark.parametrize(
    ("values", "is_found"),
    [
        ((-1.0, 0.5, 0.5), True),
        ((-0.99, 0.0, 1.0), False),
        ((-2.0, 0.51, 1.0), False),
        ((-2.0, -0.51, 1.0), False),
        ((-2.0, 0.0, 0.49), False),
        ((np.nan, 0.0, 1.0), False),
    ],
)
def test_all_three_moments_must_be_as_published(values, is_found):
    assert signature.find_signature(np.array(values)[None, :, None])[0, 0] == is_found


def test_chance_is_counted_over_all_sets():
    has_signature = np.array([True, True, True, False, False, False, False])
    chosen = np.array([True, True, False, True, False, False, False])
    pool = np.array([True] * 6 + [False])
    share, null = signature.compare_with_chance(has_signature, chosen, pool)
    counts = np.array([sum(has_signature[list(rows)]) for rows in itertools.combinations(range(6), 3)])
    assert share == pytest.approx(2 / 3)
    assert float(null.p_value) == pytest.approx((counts >= 2).mean())
    assert float(null.quantile) == pytest.approx(np.quantile(counts, 0.95, method="inverted_cdf") / 3)


def test_a_cell_without_preactivation_has_no_signature():
    network = make_linear(np.eye(2), np.eye(2))
    symbols = np.zeros((4, 30), dtype=int)
    symbols[:, 15:] = 1
    noise = torch.zeros(30, 4, 2).double()
    path = DrivenPath(noise[0], noise, noise)
    found = signature.average_preactivation(
        network, path, find_switches(symbols), np.array([[0], [1]]), (4, 2, 0)
    )
    assert np.isnan(found).all()
    shares = describe(network, path, find_switches(symbols), np.array([[True, False]]))
    for share in ("signature", "mirrored"):
        assert np.isnan(shares[share]).all()
    for null in ("random_sets", "mirrored_sets"):
        assert np.isnan(shares[null].quantile).all()
        assert np.isnan(shares[null].p_value).all()


def test_the_distance_from_the_signature_is_what_is_missing_at_each_moment():
    """Within all bounds it is 0, and more of one moment makes up for nothing at another."""
    moments = np.array([[-1.5, 0.0, 2.0], [-0.4, 0.0, 9.0], [-9.0, -1.5, 0.2]]).T[None]
    np.testing.assert_allclose(signature.measure_signature_distance(moments), [[0.0, 0.6, 1.0 + 0.3]])
