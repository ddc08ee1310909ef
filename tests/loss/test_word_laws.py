import itertools

import numpy as np
import pytest
import torch

from orbitscope.errors import InputError
from orbitscope.hmm import build_random, load_preset, sample_sequences
from orbitscope.loss import WordDivergence
from orbitscope.loss.word_laws import Words, list_offsets, measure_runs

HMM = load_preset("linear-3").hmm
RANDOM = build_random(4, 5, rng=np.random.default_rng(1))


def draw_probabilities(n_steps, n_trajectories, n_symbols, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n_steps, n_trajectories, n_symbols, generator=generator)
    return torch.softmax(logits, -1)


def emit_along_paths(hmm, n_steps, n_trajectories, *, seed):
    """Symbol probabilities of an ideal emulator: the emission rows along sampled paths of hidden states."""
    sampled = sample_sequences(hmm, n_trajectories, n_steps, rng=np.random.default_rng(seed))
    return torch.from_numpy(hmm.emission_probs[sampled.states]).transpose(0, 1).float()


# ---- laws of a network


@pytest.mark.parametrize("offsets", [(0,), (0, 1), (0, 3), (0, 2, 4), (0, 1, 2, 3, 5)])
def test_words_against_a_loop_over_trajectories(offsets):
    probabilities = draw_probabilities(9, 4, 3).double()
    words = Words(probabilities.unflatten(1, (2, 2)).transpose(2, 3))
    words.spell((0, 2, 4, 6))  # what is known of it changes nothing
    found = words.spell(offsets)
    assert found.shape == (9 - offsets[-1], 2, 3 ** len(offsets))
    for step, half in itertools.product(range(9 - offsets[-1]), range(2)):
        expected = np.zeros((3,) * len(offsets))
        for trajectory in (2 * half, 2 * half + 1):
            word = np.ones(())
            for offset in offsets:
                word = np.multiply.outer(word, probabilities[step + offset, trajectory].numpy())
            expected += word / 2
        np.testing.assert_allclose(found[step, half].reshape(expected.shape), expected, rtol=1e-12)


def test_runs_against_a_loop_over_places():
    probabilities = draw_probabilities(20, 4, 2).double()
    found = measure_runs(probabilities.unflatten(1, (2, 2)).transpose(2, 3), [8, 16])
    for length, law in zip([8, 16], found, strict=True):
        places = torch.stack([probabilities[t : t + length].prod(0) for t in range(20 - length + 1)])
        torch.testing.assert_close(law, torch.stack([places[:, :2].mean((0, 1)), places[:, 2:].mean((0, 1))]))


# ---- which words


@pytest.mark.parametrize("n_symbols", [1, 2, 3, 6, 40])
@pytest.mark.parametrize("n_steps", [2, 3, 5, 8, 30, 100])
def test_words_stay_in_the_window_and_below_the_largest_number(n_steps, n_symbols):
    words = list_offsets(n_steps, n_symbols, max_words=800)
    assert len(set(words)) == len(words)
    for offsets in words:
        assert len(offsets) >= 2 or offsets == (0,)
        assert offsets[-1] < n_steps
        assert n_symbols ** len(offsets) <= max(800, n_symbols**2)


def test_words_reach_across_the_window():
    assert list_offsets(30, 3, max_words=800) == [
        (0,),
        (0, 1, 2, 3, 4, 5),
        (0, 2, 4, 6),
        (0, 4, 8, 12),
        (0, 8, 16, 24),
        (0, 16),
    ]


def test_every_start_is_compared_once_and_early_ones_by_themselves():
    words = {word.offsets: word for word in WordDivergence(HMM, 30).words}[(0, 8, 16, 24)]
    expected = [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 0.5, 0.5]]
    torch.testing.assert_close(words.parts, torch.tensor(expected))
    torch.testing.assert_close(words.shares[:, 0], torch.tensor([1, 1, 2, 2]) / 6)


def test_consecutive_words_weigh_most_and_runs_are_compared_up_to_the_window():
    divergence = WordDivergence(HMM, 30)
    weights = [(word.weights / word.shares)[:, 0].tolist() for word in divergence.words]
    assert [w[-1] for w in weights] == pytest.approx([100, 100, 1, 1, 1, 1])
    for w in weights:
        assert w[:2] == pytest.approx([5 * w[-1]] * 2), "words from step 0 and from step 1"
    assert [run.length for run in divergence.runs] == [8, 16]


def test_last_of_an_odd_number_of_trajectories_is_left_out():
    probabilities = draw_probabilities(8, 5, 3)
    divergence = WordDivergence(HMM, 8)
    torch.testing.assert_close(divergence(probabilities), divergence(probabilities[:, :4]))


# ---- the loss


@pytest.mark.parametrize(
    "hmm", [HMM, build_random(4, 5, rng=np.random.default_rng(1))], ids=["linear-3", "random"]
)
def test_process_itself_has_loss_zero_at_any_number_of_trajectories(hmm):
    divergence = WordDivergence(hmm, 12)
    for n_trajectories in (2, 16):
        batches = emit_along_paths(hmm, 12, 200 * n_trajectories, seed=0).split(n_trajectories, dim=1)
        losses = np.array([float(divergence(batch)) for batch in batches])
        assert losses.mean() == pytest.approx(0, abs=5 * losses.std() / np.sqrt(len(losses)))
        assert losses.std() > 0


def test_loss_is_that_of_all_trajectories_in_the_world():
    """Two kinds of trajectories: the mean over drawn batches is the loss of the exact mixture."""
    kinds = draw_probabilities(12, 2, 3, seed=3)
    divergence = WordDivergence(HMM, 12)
    exact = float(divergence(kinds.repeat(1, 4, 1)))
    generator = torch.Generator().manual_seed(0)
    losses = [float(divergence(kinds[:, torch.randint(2, (8,), generator=generator)])) for _ in range(400)]
    assert np.mean(losses) == pytest.approx(exact, abs=5 * np.std(losses) / np.sqrt(400))
    assert exact > 0.1


def test_symbols_without_memory_have_the_loss_of_the_plateau():
    divergence = WordDivergence(HMM, 30)
    frequencies = torch.from_numpy(HMM.initial_probs @ HMM.emission_probs).float()
    probabilities = frequencies.expand(30, 50, 3)
    assert divergence.compute_memoryless(50) == pytest.approx(float(divergence(probabilities)), rel=1e-4)
    assert divergence.compute_memoryless(50) > 0.5


@pytest.mark.slow
def test_wrong_process_is_told_from_the_right_one():
    other = load_preset("linear-4").hmm
    divergence = WordDivergence(HMM, 30)
    right, wrong = (float(divergence(emit_along_paths(h, 30, 20_000, seed=0))) for h in (HMM, other))
    assert right == pytest.approx(0, abs=0.02)
    assert wrong > 0.02


def test_gradient_against_finite_differences():
    divergence = WordDivergence(HMM, 6, max_words=9)
    logits = draw_probabilities(6, 4, 3).log().double().requires_grad_()

    def compute_loss(values):
        return divergence(torch.softmax(values, -1))

    assert torch.autograd.gradcheck(compute_loss, logits, eps=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 4, 3), "with 6 steps and 3 symbols, got"),
        ((6, 4, 2), "with 6 steps and 3 symbols, got"),
        ((6, 1, 3), "at least 2 trajectories.*Raise train.batch_size"),
    ],
)
def test_probabilities_of_another_window_are_refused(shape, message):
    with pytest.raises(InputError, match=message):
        WordDivergence(HMM, 6)(torch.ones(shape) / shape[2])


def test_a_repr_shows_the_window_and_the_numbers_of_laws():
    divergence = WordDivergence(HMM, 30)
    assert repr(divergence) == "WordDivergence(n_steps=30, n_symbols=3, n_word_laws=6, n_run_laws=2)"
