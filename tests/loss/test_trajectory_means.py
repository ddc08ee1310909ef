"""Losses of means over trajectories, measured shard by shard."""

import numpy as np
import pytest
import torch

from orbitscope.hmm import load_process
from orbitscope.loss import NeighbourDivergence, WordDivergence
from orbitscope.loss.trajectory_means import MeanLoss, compare_means, measure_with_autograd
from orbitscope.system.threads import use_threads


def draw_halves(n_half, *, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(5, 2, n_half, 3, generator=generator, dtype=dtype)


def measure(halves):
    return halves.square().mean((0, 2)).flatten()


def compare(means):
    return means.pow(3).sum() + means[0] * means[-1]


def relate(halves, sizes, *, power=3):
    return MeanLoss(
        halves,
        sizes,
        lambda shard, has_gradient: measure_with_autograd(measure, shard, has_gradient=has_gradient),
        lambda means: means.pow(power).sum() + means[0] * means[-1],
    )


@pytest.mark.parametrize("sizes", [[1], [33, 32], [50, 51, 101]])
def test_loss_and_gradient_are_those_of_all_trajectories(sizes):
    halves = draw_halves(sum(sizes)).requires_grad_()
    found, expected = compare_means([relate(halves, sizes)]), compare(measure(halves))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(3 * value, halves)[0] for value in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-15)
    with torch.no_grad():
        alone = compare_means([relate(halves, sizes)])
    torch.testing.assert_close(alone, expected.detach(), rtol=1e-12, atol=0)


def test_several_losses_add_up():
    """Of other trajectories, with other values, and divided otherwise."""
    halves = draw_halves(40).requires_grad_()
    losses = [relate(halves[:, :, :7], [7], power=2), relate(halves, [20, 20])]
    found, apart = compare_means(losses), [compare_means([loss]) for loss in losses]
    torch.testing.assert_close(found, apart[0] + apart[1])
    gradients = [torch.autograd.grad(value, halves)[0] for value in (found, apart[0] + apart[1])]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("kind", ["words", "neighbours"])
def test_the_number_of_threads_changes_no_bit(kind):
    """Trajectories of several shards, the last one smaller."""
    hmm, n_steps = load_process("linear-3"), 6
    if kind == "words":
        divergence = WordDivergence(hmm, n_steps, max_words=30)
    else:
        rng = np.random.default_rng(0)
        neighbours = NeighbourDivergence(hmm, n_steps, rng=rng, n_sequences=500)

        def divergence(probabilities):
            return neighbours(probabilities, generator=torch.Generator().manual_seed(0))

    logits = torch.randn(n_steps, 605, 3, generator=torch.Generator().manual_seed(1))
    found = []
    for n_threads in (1, 2, 8):
        with use_threads(n_threads, in_operations=False):
            leaf = logits.clone().requires_grad_()
            value = divergence(torch.softmax(leaf, -1))
            found.append((value.detach(), *torch.autograd.grad(value, leaf)))
    assert found[0][1].abs().max() > 0
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("kind", ["words", "neighbours"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_gradient_the_value_is_the_same_and_nothing_is_kept(context, kind, dtype, monkeypatch):
    hmm, n_steps = load_process("linear-3"), 6
    if kind == "words":
        loss = WordDivergence(hmm, n_steps, max_words=30)
    else:
        loss = NeighbourDivergence(hmm, n_steps, rng=np.random.default_rng(0), n_sequences=500)
    logits = torch.randn(n_steps, 60, 3, generator=torch.Generator().manual_seed(1)).to(dtype)

    def compute(logits):
        options = {} if kind == "words" else {"generator": torch.Generator().manual_seed(0)}
        return loss(torch.softmax(logits, -1), **options)

    expected = compute(logits.clone().requires_grad_())
    assert expected.requires_grad
    monkeypatch.setattr(torch.autograd, "grad", None)
    with context():
        assert float(compute(logits)) == float(expected.detach())
    assert float(compute(logits)) == float(expected.detach())
