"""Rollouts in shards: what they join is that of all trajectories, and no thread changes a bit of it."""

import pytest
import torch

from orbitscope.network import build_network, count_expected_pairs
from orbitscope.system.shards import divide
from orbitscope.system.threads import use_threads
from orbitscope.training.growth import measure_growth
from orbitscope.training.sharded_rollouts import _SIZES, ShardedRollouts

CPU = torch.device("cpu")


def make_network(*, cell="relu", dtype=torch.float32):
    generator = torch.Generator().manual_seed(3)
    return build_network(3, cell=cell, hidden_size=7, input_size=4, bias=True, generator=generator).to(dtype)


def run(network, n_trajectories, *, n_steps=6, noise_std=0.8):
    generator = torch.Generator().manual_seed(1)
    return ShardedRollouts(network, n_trajectories, n_steps, noise_std=noise_std, generator=generator)


def compute_loss(logits, growth):
    return torch.softmax(logits, -1)[..., 0].square().mean() + (growth - 0.3).square()


@pytest.mark.parametrize("n_trajectories", [1, 31, 64, 125, 257, 1000, 1001])
def test_shards_are_even_and_small_enough_for_the_cache(n_trajectories):
    sizes = divide(n_trajectories, CPU, **_SIZES)
    assert sum(sizes) == n_trajectories
    assert max(sizes) <= 256
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) >= min(2, n_trajectories // 48)
    assert divide(n_trajectories, torch.device("cuda"), **_SIZES) == [n_trajectories]


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_what_is_joined_and_its_gradient_are_those_of_all_trajectories(cell):
    """Noise by the seed of each shard, all trajectories at once, autograd through the steps."""
    network = make_network(cell=cell, dtype=torch.float64)
    found = run(network, 301)
    sizes = divide(301, CPU, **_SIZES)
    seeds = torch.randint(2**62, (len(sizes),), generator=torch.Generator().manual_seed(1)).tolist()
    noise = torch.empty(6, 301, 4, dtype=torch.float64)
    for part, seed in zip(noise.split(sizes, dim=1), seeds, strict=True):
        generator = torch.Generator().manual_seed(seed)
        for step in part:
            step.copy_(0.8 * torch.empty(*step.shape, dtype=torch.float64).normal_(generator=generator))
    state, states = network.initial_state(301), []
    for step in noise:
        state = network.step(state, step)
        states.append(state)
    states = torch.stack(states)
    logits, growth = network.compute_logits(states), measure_growth(states[[3, 5]])
    torch.testing.assert_close(found.logits, logits, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.growth, growth, rtol=1e-12, atol=1e-12)
    probabilities = torch.softmax(logits.detach(), -1)
    torch.testing.assert_close(found.pairs, count_expected_pairs(probabilities), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.symbols, probabilities.sum((0, 1)), rtol=1e-12, atol=1e-12)
    assert found.largest_activity == pytest.approx(float(states[-1].detach().abs().max()), rel=1e-12)

    weights = list(network.parameters())
    expected = torch.autograd.grad(compute_loss(logits, growth), weights, retain_graph=True)
    found.propagate(compute_loss(found.logits, found.growth))
    for weight, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-10, atol=1e-12)

    found = run(network, 301)
    expected = torch.autograd.grad(logits.square().mean(), weights)
    found.propagate(found.logits.square().mean())  # without the growth
    for weight, gradient in zip(weights, expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-10, atol=1e-12)


def test_the_number_of_threads_changes_no_bit():
    network, found = make_network(), []
    for n_threads in (1, 2, 8):
        with use_threads(n_threads, in_operations=False):
            rollouts = run(network, 333)
            rollouts.propagate(compute_loss(rollouts.logits, rollouts.growth))
        gradients = [weight.grad.clone() for weight in network.parameters()]
        found.append([rollouts.logits.detach(), rollouts.growth.detach(), rollouts.pairs, *gradients])
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_shards_have_noise_of_their_own():
    with torch.no_grad():
        logits = run(make_network(), 192).logits  # two shards
    assert not logits.requires_grad
    assert len(logits[0].unique(dim=0)) == 192


def test_activity_that_is_no_number_counts_as_the_largest():
    network = make_network()
    with torch.no_grad():
        network.cell.w_hh.fill_(float("nan"))
        assert not run(network, 5).largest_activity <= 1e30
