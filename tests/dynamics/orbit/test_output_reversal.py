import numpy as np
import pytest
import torch

from orbitscope.dynamics.orbit.output_reversal import compare_with_reversed, draw_symbols
from orbitscope.errors import InputError
from orbitscope.sequences import (
    compute_output_irreversibility,
    count_ngrams_by_sequence,
    estimate_output_irreversibility,
)

SYMMETRIC = np.array([[0.90, 0.04, 0.06], [0.04, 0.90, 0.06], [0.06, 0.06, 0.88]])
TURN = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])


def draw_chain(excess, *, n_sequences=100, n_steps=150, rng):
    """Sequences of a Markov chain that goes 0 → 1 → 2 → 0 more often than back, and its exact D."""
    matrix = SYMMETRIC + excess * TURN
    symbols = np.empty((n_sequences, n_steps), dtype=int)
    symbols[:, 0] = rng.integers(3, size=n_sequences)
    for t in range(1, n_steps):
        below = rng.random(n_sequences)[:, None] > matrix.cumsum(1)[symbols[:, t - 1]]
        symbols[:, t] = np.minimum(below.sum(1), 2)
    return symbols, float(compute_output_irreversibility(matrix[:, :, None] * matrix / 3))


def repeat(excess, n_times=40, **options):
    found = []
    for seed in range(n_times):
        rng = np.random.default_rng(seed)
        symbols, truth = draw_chain(excess, rng=rng, **options)
        found.append(compare_with_reversed(symbols, 3, n_null=99, rng=rng))
    return found, truth


def test_a_chain_with_a_direction_has_the_d_of_its_law():
    found, truth = repeat(0.02)
    assert truth == pytest.approx(0.066, rel=0.02)
    values = np.array([float(result.irreversibility) for result in found])
    assert values.mean() == pytest.approx(truth, abs=5 * values.std() / np.sqrt(40))
    assert (
        0.85
        <= np.mean([result.irreversibility.low <= truth <= result.irreversibility.high for result in found])
        <= 1
    )
    widths = (
        np.mean([result.irreversibility.high - result.irreversibility.low for result in found]) / 2 / 1.96
    )
    assert widths == pytest.approx(values.std(), rel=0.5)  # five errors of a deviation of 40 values
    assert all(result.null.p_value == 0.01 for result in found)


@pytest.mark.slow
def test_a_reversible_chain_is_found_so_in_most_samples():
    found, truth = repeat(0.0, 100)
    assert truth == pytest.approx(0, abs=1e-12)
    values = np.array([float(result.irreversibility) for result in found])
    assert values.mean() == pytest.approx(0, abs=5 * values.std() / 10)
    p_values = np.array([result.null.p_value for result in found])
    assert 0.4 < p_values.mean() < 0.6
    assert np.mean(p_values <= 0.1) < 0.2
    assert (
        np.mean([result.irreversibility.low <= 0 <= result.irreversibility.high for result in found]) >= 0.93
    )


def test_the_null_reverses_whole_sequences_at_random():
    """Two sequences, four directions, two values of D: both as they are, or one against the other."""
    symbols = draw_chain(0.02, n_sequences=2, rng=np.random.default_rng(0))[0]
    result = compare_with_reversed(symbols, 3, n_null=300, rng=np.random.default_rng(1))
    expected = []
    for directions in ([1, 1], [1, -1], [-1, 1], [-1, -1]):
        turned = np.stack([each[::step] for each, step in zip(symbols, directions, strict=True)])
        counts = count_ngrams_by_sequence(turned, 3, 3).sum(0)
        expected.append(float(estimate_output_irreversibility(counts)))
    shift = float(result.irreversibility) - expected[0]
    np.testing.assert_allclose(
        np.unique((result.null.draws - shift).round(12)), np.unique(np.round(expected, 12))
    )
    assert result.null.draws.mean() == pytest.approx(0, abs=1e-12)


def test_the_direction_in_which_all_are_read_does_not_matter():
    symbols = draw_chain(0.02, rng=np.random.default_rng(0))[0]
    forward, backward = (
        compare_with_reversed(s, 3, rng=np.random.default_rng(1)) for s in (symbols, symbols[:, ::-1])
    )
    assert float(backward.irreversibility) == pytest.approx(float(forward.irreversibility), rel=0.1)
    assert (forward.null.p_value, backward.null.p_value) == (0.001, 0.001)


def test_confidence_widens_the_interval():
    symbols = draw_chain(0.02, rng=np.random.default_rng(0))[0]
    narrow, wide = (
        compare_with_reversed(symbols, 3, confidence=c, rng=np.random.default_rng(1)) for c in (0.5, 0.95)
    )
    assert (wide.irreversibility.high - wide.irreversibility.low) / (
        narrow.irreversibility.high - narrow.irreversibility.low
    ) == pytest.approx(1.96 / 0.674, rel=0.01)


def test_symbols_are_drawn_from_the_softmax_of_each_step_and_trajectory():
    probabilities = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], [[0.0, 1.0, 0.0], [0.3, 0.3, 0.4]]])
    logits = probabilities.log().repeat_interleave(4000, 1)
    symbols = draw_symbols(logits, generator=torch.Generator().manual_seed(0))
    assert symbols.shape == (8000, 2)
    shares = (symbols.reshape(2, 4000, 2)[..., None] == np.arange(3)).mean(1)
    np.testing.assert_allclose(shares.transpose(1, 0, 2), probabilities.numpy(), atol=0.03)


def test_too_little_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="`n_null` must be ≥ 1, got 0"):
        compare_with_reversed(np.zeros((4, 9), dtype=int), 3, n_null=0, rng=rng)
    with pytest.raises(InputError, match="≥ 2 units, got 1"):
        compare_with_reversed(np.zeros((1, 9), dtype=int), 3, n_null=9, rng=rng)
    with pytest.raises(InputError, match="must lie in 1 .. 2"):
        compare_with_reversed(np.zeros((4, 2), dtype=int), 3, n_null=9, rng=rng)
