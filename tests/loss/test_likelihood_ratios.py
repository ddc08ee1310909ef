"""Likelihood ratios as a loss, against enumeration of all sequences of a short window."""

import itertools

import numpy as np
import pytest
import torch

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, build_random, compute_log_likelihood, load_preset, sample_sequences
from orbitscope.loss import NeighbourDivergence
from orbitscope.loss.likelihood_ratios import _draw_symbols, list_neighbours

PROCESS = build_random(3, 2, rng=np.random.default_rng(4))
N_STEPS = 4


def build_divergence(hmm=PROCESS, n_steps=N_STEPS, **options):
    return NeighbourDivergence(hmm, n_steps, rng=np.random.default_rng(0), **options)


def draw_probabilities(n_steps, n_trajectories, n_symbols, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.softmax(2 * torch.randn(n_steps, n_trajectories, n_symbols, generator=generator), -1)


def list_all_sequences(n_steps, n_symbols):
    """Every sequence there is, (time, sequence)."""
    return torch.tensor(list(itertools.product(range(n_symbols), repeat=n_steps))).T.contiguous()


def compute_exact_means(divergence, probabilities):
    """Mean ratios of trajectories with these probabilities, differentiable, from all sequences."""
    sequences = list_all_sequences(divergence.n_steps, divergence.n_symbols)
    steps = torch.arange(divergence.n_steps)[:, None]
    weights = probabilities[steps, :, sequences].prod(0).mean(1)
    return divergence.measure(sequences) @ weights


# ---- ratios of sequences


def test_neighbours_have_one_probability_raised():
    neighbours = list_neighbours(PROCESS)
    assert len(neighbours) == 1 + 3 + 9 + 6
    process, last = neighbours[0], neighbours[-1]
    np.testing.assert_allclose(process[1], (1 - 1e-4) * PROCESS.transition_matrix + 1e-4 / 3)
    np.testing.assert_allclose(last[2][2], 0.95 * process[2][2] + [0, 0.05])
    for parts in neighbours:
        for rows in parts:
            np.testing.assert_allclose(rows.sum(-1), 1)
            assert (rows > 0).all()


def test_ratios_are_those_of_the_forward_recursion():
    sequences = list_all_sequences(N_STEPS, 2)
    found = build_divergence(n_sequences=100).measure(sequences).numpy()
    processes = [HMM(*parts) for parts in list_neighbours(PROCESS)]
    exact = np.stack([compute_log_likelihood(hmm, sequences.T.numpy()) for hmm in processes])
    np.testing.assert_allclose(found[0], exact[0], atol=1e-5)
    np.testing.assert_allclose(found[1:], exact[1:] - exact[0], atol=1e-5)


# ---- the loss


def test_loss_and_gradient_are_right_in_expectation():
    divergence = build_divergence()
    probabilities = draw_probabilities(N_STEPS, 2, 2).requires_grad_()
    shift = compute_exact_means(divergence, probabilities) - divergence.mean
    exact = 0.5 * shift @ divergence.precision @ shift
    (exact_slope,) = torch.autograd.grad(exact, probabilities)
    generator, losses, slopes = torch.Generator().manual_seed(1), [], []
    for _ in range(50):
        loss = divergence(probabilities.repeat(1, 1000, 1), generator=generator)
        losses.append(float(loss.detach()))
        slopes.append(torch.autograd.grad(loss, probabilities)[0])
    assert np.mean(losses) == pytest.approx(exact.item(), abs=5 * np.std(losses) / np.sqrt(50))
    # probabilities sum to 1: what is common to all symbols has no effect
    difference = torch.stack([centre(slope) for slope in slopes]) - centre(exact_slope)
    error = difference.std(0) / np.sqrt(len(slopes))
    torch.testing.assert_close(difference.mean(0) / error, torch.zeros_like(error), rtol=0, atol=6)
    assert float(error.max()) < 0.02 * float(centre(exact_slope).abs().max())


def centre(slope):
    return slope - slope.mean(2, keepdim=True)


def test_the_slope_of_one_half_is_set_by_the_other():
    """With a slope from its own half, chance deviations of a half would look like errors of the network."""
    divergence = build_divergence(n_sequences=200)
    means = torch.randn(2, 19, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (slope,) = torch.autograd.grad(divergence._compare(means), means)
    expected = 0.5 * (means.detach().flip(0) - divergence.mean) @ divergence.precision
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_the_gradient_is_that_of_the_alternatives():
    """How ratios change with the symbol of one step, up to what is common to all symbols there."""
    divergence = build_divergence(n_sequences=200)
    halves = draw_probabilities(N_STEPS, 6, 2).unflatten(1, (2, 3))
    slope = torch.randn(2, 19, generator=torch.Generator().manual_seed(0))
    means, differentiate = divergence._measure_halves(
        halves, torch.Generator().manual_seed(1), has_gradient=True
    )
    drawn = _draw_symbols(halves.flatten(1, 2), torch.Generator().manual_seed(1)).argmax(1)
    ratios = divergence.measure(drawn)
    torch.testing.assert_close(means, ratios.unflatten(1, (2, 3)).mean(2).T)
    alternatives = torch.empty(19, N_STEPS, 6, 2)
    for step, symbol in itertools.product(range(N_STEPS), range(2)):
        changed = drawn.clone()
        changed[step] = symbol
        alternatives[:, step, :, symbol] = divergence.measure(changed) - ratios
    expected = torch.einsum("rthns,hr->thns", alternatives.unflatten(2, (2, 3)), slope / 3)
    found = differentiate(slope)
    torch.testing.assert_close(
        *((x - x.mean(3, keepdim=True)) for x in (found, expected)),
        rtol=0,
        atol=1e-5 * float(expected.abs().max()),
    )


def test_symbols_are_drawn_with_their_probabilities():
    probabilities = draw_probabilities(2, 1, 4).repeat(1, 20_000, 1)
    drawn = _draw_symbols(probabilities, torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert (drawn.sum(1) == 1).all()
    error = (probabilities[:, 0] * (1 - probabilities[:, 0]) / 20_000).sqrt()
    torch.testing.assert_close(
        (drawn.mean(2) - probabilities[:, 0]) / error, torch.zeros(2, 4), rtol=0, atol=4.5
    )
    assert not torch.equal(*drawn.argmax(1))
    certain = torch.tensor([0.0, 1.0, 0.0]).expand(1, 50, 3)
    assert (_draw_symbols(certain, torch.Generator().manual_seed(0)).argmax(1) == 1).all()


@pytest.mark.slow
def test_the_process_itself_has_no_loss():
    hmm, generator = load_preset("cyclic-4").hmm, torch.Generator().manual_seed(0)
    divergence = build_divergence(hmm, 20)
    paths = sample_sequences(hmm, 8000, 20, rng=np.random.default_rng(5)).states
    probabilities = torch.from_numpy(hmm.emission_probs[paths]).transpose(0, 1).float()
    losses = [float(divergence(part, generator=generator)) for part in probabilities.split(400, dim=1)]
    error = np.std(losses) / np.sqrt(len(losses))
    assert np.mean(losses) == pytest.approx(0, abs=5 * error + len(divergence.mean) / 20_000)
    assert error < 0.02


@pytest.mark.slow
def test_a_hidden_state_that_only_rare_symbols_tell_is_seen():
    """States 1 and 3 of cyclic-4 confused: frequencies and pairs hardly change, the loss does."""
    hmm, generator = load_preset("cyclic-4").hmm, torch.Generator().manual_seed(0)
    divergence = build_divergence(hmm, 20)
    emission = hmm.emission_probs.copy()
    emission[[1, 3]] = emission[[1, 3]].mean(0)
    paths = sample_sequences(hmm, 1000, 20, rng=np.random.default_rng(5)).states
    lumped = torch.from_numpy(emission[paths]).transpose(0, 1).float()
    assert float(divergence(lumped, generator=generator)) > 0.3


def test_only_as_many_trajectories_as_the_neighbours_allow():
    hmm = build_random(10, 6, rng=np.random.default_rng(0))
    divergence = build_divergence(hmm, 3, n_sequences=50)
    probabilities = draw_probabilities(3, 200, 6).requires_grad_()
    divergence(probabilities, generator=torch.Generator().manual_seed(0)).backward()
    used = int((probabilities.grad.abs().sum((0, 2)) > 0).sum())
    assert used == 50_000 // (171 * 10) // 2 * 2


def test_another_window_is_refused():
    divergence = build_divergence(n_sequences=50)
    with pytest.raises(InputError, match="with 4 steps and 2 symbols, got"):
        divergence(draw_probabilities(5, 4, 2), generator=torch.Generator())


def test_a_single_trajectory_is_refused():
    divergence = build_divergence(n_sequences=50)
    with pytest.raises(InputError, match="at least 2 trajectories.*Raise train.batch_size"):
        divergence(draw_probabilities(4, 1, 2), generator=torch.Generator())


def test_of_many_neighbours_some_are_drawn():
    hmm = build_random(20, 3, rng=np.random.default_rng(0))
    divergence = build_divergence(hmm, 3, n_sequences=50)
    assert len(divergence.mean) == 301
    sequence = torch.zeros(3, 1, dtype=torch.int64)
    exact = compute_log_likelihood(hmm, np.zeros((1, 3), np.int8))
    assert float(divergence.measure(sequence)[0, 0]) == pytest.approx(exact[0], rel=1e-3)


def test_many_states_do_not_underflow():
    """Emissions and transitions with the smallest probability there is, many in a row."""
    cycle = 0.999 * np.roll(np.eye(100), 1, axis=1) + 0.001 / 100
    hmm = HMM(np.full(100, 0.01), cycle, 0.999 * np.eye(100) + 0.001 / 100)
    divergence = NeighbourDivergence(hmm, 12, rng=np.random.default_rng(0), n_sequences=50)
    probabilities = torch.full((12, 4, 100), 0.01, requires_grad=True)
    value = divergence(probabilities, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(torch.autograd.grad(value, probabilities)[0]).all()
