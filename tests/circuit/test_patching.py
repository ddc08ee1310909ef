import itertools

import numpy as np
import pytest
import torch
from known_networks import make_linear

from orbitscope.circuit.patching import Patches
from orbitscope.network import build_network
from orbitscope.system.threads import use_threads

N_NEURONS = 5


def make_network(seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {"hidden_size": N_NEURONS, "input_size": 3}
    network = build_network(3, cell="tanh", **sizes, bias=True, generator=generator).double()
    with torch.no_grad():
        network.cell.w_hh.mul_(3)
        network.w_out.mul_(4)
    return network


def make_patches(network, receiver, donor, *, noise_std=1.0, seed=0, n_steps=4):
    origin = network.compute_logits(receiver).argmax(1).numpy()
    generator = torch.Generator().manual_seed(seed)
    return Patches(
        network, receiver, donor, origin, n_steps=n_steps, noise_std=noise_std, generator=generator
    )


def draw_states(n_twins=7, seed=1):
    return torch.randn(2, n_twins, N_NEURONS, generator=torch.Generator().manual_seed(seed)).double()


def build_sets(n_twins):
    none = np.zeros((1, n_twins, N_NEURONS), dtype=bool)
    return np.concatenate([none, ~none])


def test_patching_everything_is_the_twin_and_nothing_is_nothing():
    """Under the same noise, rollout by rollout: the state is that of the donor, or of the receiver."""
    network = make_network()
    receiver, donor = draw_states()
    found = make_patches(network, receiver, donor).measure_together(build_sets(7), n_rollouts=50)
    origin = network.compute_logits(receiver).argmax(1).numpy()
    for state, outcome in zip((receiver, donor), found, strict=True):
        alone = Patches(
            network,
            state,
            state,
            origin,
            n_steps=4,
            noise_std=1.0,
            generator=torch.Generator().manual_seed(0),
        )
        np.testing.assert_array_equal(alone.measure_together(build_sets(7)[:1], n_rollouts=50)[0], outcome)
    assert not np.array_equal(*found)


def test_the_outcome_is_that_of_the_path_without_noise():
    network = make_network()
    receiver, donor = draw_states()
    patches = make_patches(network, receiver, donor, noise_std=0.0)
    is_patched = np.random.default_rng(0).random((4, 7, N_NEURONS)) < 0.5
    found = patches.measure_together(is_patched, n_rollouts=2)
    state = np.where(is_patched, donor.numpy(), receiver.numpy())
    parameters = [weights.detach().numpy() for weights in network.cell.parameters()]
    w_hh = next(p for p in parameters if p.shape == (N_NEURONS, N_NEURONS))
    for _ in range(4):
        state = np.tanh(state @ w_hh.T + network.cell.bias.detach().numpy())
    logits = state @ network.w_out.detach().numpy().T + network.out_bias.detach().numpy()
    origin = network.compute_logits(receiver).argmax(1).numpy()
    np.testing.assert_array_equal(found, logits.argmax(-1) != origin)
    assert 0 < found.mean() < 1


@pytest.mark.slow
@pytest.mark.parametrize("noise_std", [0.0, 1.0])
def test_effects_in_context_are_those_of_all_sets(noise_std):
    """All 2⁴ contexts of each neuron, one after the other, under the same noise for every set.

    An effect under one noise is between −1 and 1, so that the variance of a mean is at most 1 / its number.
    """
    network = make_network()
    receiver, donor = draw_states(12)
    n_contexts, n_rollouts = 6000, 6000 if noise_std else 1
    patches = make_patches(network, receiver, donor, noise_std=noise_std)
    halves = patches.measure_in_context(n_contexts=n_contexts)
    found = halves.mean(0)

    sets = np.array(list(itertools.product([False, True], repeat=N_NEURONS)))
    outcome = patches.measure_together(np.repeat(sets[:, None], 12, 1), n_rollouts=n_rollouts)
    signs = np.where(sets, 1.0, -1.0)
    exact = np.einsum("sn,st->tn", signs, outcome) / 2 ** (N_NEURONS - 1)
    error = np.sqrt(1 / n_contexts + (noise_std > 0) / n_rollouts)
    np.testing.assert_allclose(found, exact, atol=5 * error)
    assert np.abs(exact).max() > 10 * error
    np.testing.assert_allclose(halves[0], halves[1], atol=5 * np.sqrt(2 / (n_contexts / 2)))
    assert not np.array_equal(*halves)


def test_where_nothing_differs_no_neuron_has_an_effect():
    """Exactly, though noise decides: a random set and its complement meet the same noise."""
    network = make_network()
    receiver, _ = draw_states()
    patches = make_patches(network, receiver, receiver)
    assert 0.1 < patches.measure_together(build_sets(7), n_rollouts=50).mean() < 0.9
    np.testing.assert_array_equal(patches.measure_in_context(n_contexts=50), np.zeros((2, 7, N_NEURONS)))


def test_followed_paths_begin_with_the_patch_and_meet_the_same_noise():
    """Nothing patched is the path of the receiver, all is that of the donor, the second time, too."""
    network = make_network()
    receiver, donor = draw_states()
    found = make_patches(network, receiver, donor).follow(np.tile(build_sets(7), (2, 1, 1)))
    assert found.shape == (4, 1 + 4, 7, N_NEURONS)
    for i, state in enumerate((receiver, donor)):
        alone = make_patches(network, state, state).follow(build_sets(7))[0]
        np.testing.assert_array_equal(alone[0], state)
        for path in found[i::2]:
            np.testing.assert_array_equal(path, alone)


def test_all_else_of_a_state_stays_the_receivers():
    network = make_linear(np.eye(2), np.zeros((2, 1)), n_extra=1)
    receiver, donor = torch.zeros(3, 3).double(), torch.ones(3, 3).double()
    patched = network.patch_hidden(receiver, donor, torch.tensor([[True, False]] * 3))
    np.testing.assert_array_equal(patched, [[1, 0, 0]] * 3)
    np.testing.assert_array_equal(receiver, np.zeros((3, 3)))


def test_blocks_and_threads_change_nothing():
    network = make_network()
    receiver, donor = draw_states(40)
    results = []
    for threads in (1, 2):
        with use_threads(threads):
            patches = make_patches(network, receiver, donor)
            results.append(
                (
                    patches.measure_in_context(n_contexts=900),
                    patches.measure_together(build_sets(40), n_rollouts=1000),
                )
            )
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)
