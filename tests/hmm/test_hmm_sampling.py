import numpy as np
import pytest

from orbitscope.errors import InputError
from orbitscope.hmm import HMM, build_random, load_preset, sample_sequences

TINY = HMM(
    np.array([0.7, 0.2, 0.1]),
    np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]),
    np.array([[0.5, 0.3, 0.2, 0.0], [0.0, 0.1, 0.0, 0.9], [0.25, 0.25, 0.25, 0.25]]),
)


def assert_counts_follow(counts, probs):
    """Every count within five standard deviations (or five, if rare), and impossible outcomes never seen."""
    n_draws = counts.sum()
    assert np.all(counts[probs < 1e-12] == 0)
    spread = np.sqrt(n_draws * probs * (1 - probs))
    np.testing.assert_allclose((counts - n_draws * probs) / np.maximum(spread, 1), 0, atol=5)


def test_first_two_steps_follow_the_joint_law():
    sample = sample_sequences(TINY, 200_000, 2, rng=np.random.default_rng(0))
    first, second = sample.states.T.astype(int)
    a, b = sample.symbols.T.astype(int)
    counts = np.bincount(np.ravel_multi_index((first, a, second, b), (3, 4, 3, 4)), minlength=144)
    by_start = TINY.initial_probs[:, None] * TINY.emission_probs
    probs = np.einsum("ia,ij,jb->iajb", by_start, TINY.transition_matrix, TINY.emission_probs)
    assert_counts_follow(counts, probs.ravel())


def test_later_steps_follow_the_transition_and_emission_rows():
    sample = sample_sequences(TINY, 500, 400, rng=np.random.default_rng(1))
    for state in range(3):
        here = sample.states == state
        assert_counts_follow(
            np.bincount(sample.states[:, 1:][here[:, :-1]], minlength=3), TINY.transition_matrix[state]
        )
        assert_counts_follow(np.bincount(sample.symbols[here], minlength=4), TINY.emission_probs[state])


def test_deterministic_cycle_starts_at_the_initial_state():
    hmm = HMM(np.array([0.0, 1.0, 0.0]), np.roll(np.eye(3), 1, axis=1), np.eye(3)[[1, 2, 0]])
    sample = sample_sequences(hmm, 2, 5, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(sample.states, [[1, 2, 0, 1, 2]] * 2)
    np.testing.assert_array_equal(sample.symbols, [[2, 0, 1, 2, 0]] * 2)


def test_hundreds_of_states_and_symbols():
    hmm = build_random(
        300, 257, rng=np.random.default_rng(2), transition_concentration=0.02, emission_concentration=0.02
    )
    sample = sample_sequences(hmm, 2000, 60, rng=np.random.default_rng(3))
    assert (sample.states.dtype, sample.symbols.dtype) == (np.uint16, np.uint16)
    for state in np.bincount(sample.states.ravel()).argsort()[-3:]:
        here = sample.states == state
        moves = np.bincount(sample.states[:, 1:][here[:, :-1]], minlength=300)
        assert_counts_follow(moves, hmm.transition_matrix[state])
        assert_counts_follow(np.bincount(sample.symbols[here], minlength=257), hmm.emission_probs[state])


@pytest.mark.parametrize("n_states", [1, 2, 3, 4, 5, 8, 9, 256, 257])
def test_every_state_of_a_permutation_is_reached_at_any_size(n_states):
    order = np.random.default_rng(0).permutation(n_states)
    cycle = np.empty(n_states, dtype=int)
    cycle[order] = np.roll(order, -1)
    n_symbols = max(n_states, 2)
    hmm = HMM(np.eye(n_states)[order[0]], np.eye(n_states)[cycle], np.eye(n_states, n_symbols))
    sample = sample_sequences(hmm, 1, n_states, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(sample.states[0], order)
    np.testing.assert_array_equal(sample.symbols, sample.states)


class Constant(np.random.Generator):
    """A generator whose uniform numbers are all the same."""

    def __init__(self, value):
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self, size):
        return np.full(size, self.value)


@pytest.mark.parametrize(("value", "state", "symbol"), [(0.0, 2, 1), (np.nextafter(1, 0), 11, 3)])
def test_extreme_uniform_numbers_draw_possible_outcomes(value, state, symbol):
    probs = np.array([0.0, 0.0, *[0.1] * 10, 0.0])  # the cumulative sum ends below 1 by rounding
    assert np.cumsum(probs)[-1] < 1
    hmm = HMM(probs, np.tile(probs, (13, 1)), np.tile([0.0, 0.5, 0.25, 0.25, 0.0], (13, 1)))
    sample = sample_sequences(hmm, 1, 3, rng=Constant(value))
    np.testing.assert_array_equal(sample.states, [[state] * 3])
    np.testing.assert_array_equal(sample.symbols, [[symbol] * 3])


def test_same_seed_same_sequences_and_longer_runs_begin_alike():
    hmm = load_preset("linear-3").hmm
    short, again, long = (
        sample_sequences(hmm, 7, n_steps, rng=np.random.default_rng(4)) for n_steps in (10, 10, 25)
    )
    np.testing.assert_array_equal(short.symbols, again.symbols)
    np.testing.assert_array_equal(short.states, again.states)
    np.testing.assert_array_equal(long.symbols[:, :10], short.symbols)
    assert short.symbols.shape == (7, 10)
    assert short.symbols.dtype == np.uint8
    assert short.symbols.flags.c_contiguous


def test_invalid_counts():
    hmm = load_preset("linear-2").hmm
    with pytest.raises(InputError, match="`n_sequences` must be a whole number ≥ 1, got 0"):
        sample_sequences(hmm, 0, 5, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="`n_steps` must be a whole number ≥ 1, got -1"):
        sample_sequences(hmm, 5, -1, rng=np.random.default_rng(0))
