import itertools

import numpy as np
import pytest

from orbitscope.errors import InputError
from orbitscope.hmm import (
    HMM,
    build_linear_chain,
    build_random,
    compute_hankel_singular_values,
    compute_ngram_law,
    compute_occupancy,
    compute_output_irreversibility,
    compute_repeat_probs,
    compute_run_length_law,
    compute_stationary_probs,
    compute_step_frequencies,
    compute_symbol_frequencies,
    compute_symbol_matrix,
    compute_volatility,
    compute_windowed_run_law,
    compute_word_law,
    is_identifiable,
    is_time_reversible,
    list_presets,
    load_preset,
    sample_sequences,
)

TINY = HMM(
    np.array([0.7, 0.2, 0.1]),
    np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]),
    np.array([[0.5, 0.5], [0.0, 1.0], [0.75, 0.25]]),
)


def preset(name):
    return load_preset(name).hmm


def chain(transition, initial=None, emission=None):
    n_states = len(transition)
    initial = np.full(n_states, 1 / n_states) if initial is None else initial
    return HMM(initial, transition, np.eye(n_states) if emission is None else emission)


def enumerate_words(hmm, n_steps, start):
    """Probability of every word, by summing over all state paths."""
    law = np.zeros((hmm.n_symbols,) * n_steps)
    for path in itertools.product(range(hmm.n_states), repeat=n_steps):
        prob = start[path[0]] * np.prod([hmm.transition_matrix[i, j] for i, j in itertools.pairwise(path)])
        for word in itertools.product(range(hmm.n_symbols), repeat=n_steps):
            law[word] += prob * np.prod([hmm.emission_probs[i, a] for i, a in zip(path, word, strict=True)])
    return law


def enumerate_complete_runs(hmm, n_steps):
    """Expected number of runs per symbol and length with both ends inside the window."""
    law = enumerate_words(hmm, n_steps, hmm.initial_probs)
    counts = np.zeros((hmm.n_symbols, n_steps - 2))
    for word in itertools.product(range(hmm.n_symbols), repeat=n_steps):
        runs = [(symbol, len(list(group))) for symbol, group in itertools.groupby(word)]
        for symbol, length in runs[1:-1]:
            counts[symbol, length - 1] += law[word]
    return counts


# Stationary distribution


def test_stationary_distribution_is_the_left_eigenvector():
    hmm = build_random(50, 2, rng=np.random.default_rng(0), transition_concentration=0.3)
    probs = compute_stationary_probs(hmm)
    np.testing.assert_allclose(probs @ hmm.transition_matrix, probs, rtol=1e-12)
    assert probs.sum() == pytest.approx(1, abs=1e-14)


def test_stationary_distribution_of_a_nearly_decomposable_chain_is_exact():
    tiny = 1e-13
    hmm = chain([[1 - tiny, tiny], [3 * tiny, 1 - 3 * tiny]])
    np.testing.assert_allclose(compute_stationary_probs(hmm), [0.75, 0.25], rtol=1e-14)


def test_stationary_distribution_of_periodic_and_transient_states():
    np.testing.assert_allclose(compute_stationary_probs(chain(np.eye(3)[[1, 2, 0]])), 1 / 3, rtol=1e-15)
    transient_first = chain([[0.5, 0.25, 0.25], [0, 0.5, 0.5], [0, 1, 0]])
    np.testing.assert_allclose(compute_stationary_probs(transient_first), [0, 2 / 3, 1 / 3], rtol=1e-15)
    assert compute_stationary_probs(transient_first)[0] == 0


def test_two_closed_classes_are_refused_with_both_named():
    reducible = chain([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]], initial=np.array([0.0, 1.0, 0.0]))
    with pytest.raises(InputError, match=r"at least two: \[0\] and \[2\]\. Connect them, or pass `n_steps`"):
        compute_symbol_frequencies(reducible)
    np.testing.assert_allclose(compute_symbol_frequencies(reducible, n_steps=2), [0.25, 0.5, 0.25])


# Words


@pytest.mark.parametrize("word_length", [1, 2, 3, 4])
def test_stationary_words_against_enumeration(word_length):
    expected = enumerate_words(TINY, word_length, compute_stationary_probs(TINY))
    np.testing.assert_allclose(compute_ngram_law(TINY, word_length), expected, atol=1e-15)


def test_words_in_a_window_are_the_mean_over_their_places():
    law = enumerate_words(TINY, 5, TINY.initial_probs)
    places = [
        law.sum(axis=(2, 3, 4)),
        law.sum(axis=(0, 3, 4)),
        law.sum(axis=(0, 1, 4)),
        law.sum(axis=(0, 1, 2)),
    ]
    pairs = np.mean(places, axis=0)
    np.testing.assert_allclose(compute_ngram_law(TINY, 2, n_steps=5), pairs, atol=1e-15)
    np.testing.assert_allclose(compute_ngram_law(TINY, 5, n_steps=5), law, atol=1e-15)
    np.testing.assert_allclose(
        compute_symbol_matrix(TINY, n_steps=5), pairs / pairs.sum(axis=1, keepdims=True), rtol=1e-13
    )
    assert compute_volatility(TINY, n_steps=5) == pytest.approx(pairs[0, 1] + pairs[1, 0], rel=1e-13)
    ones = np.mean([law.sum(axis=tuple(set(range(5)) - {t})) for t in range(5)], axis=0)
    np.testing.assert_allclose(compute_symbol_frequencies(TINY, n_steps=5), ones, rtol=1e-13)


def test_words_at_offsets_are_marginals_of_longer_words():
    law = enumerate_words(TINY, 5, TINY.initial_probs)
    np.testing.assert_allclose(
        compute_word_law(TINY, [0, 2, 3], steps=range(1)), law.sum(axis=(1, 4)), atol=1e-15
    )
    later = 0.5 * (law.sum(axis=(0, 2, 4)) + law.sum(axis=(0, 1, 3)))
    np.testing.assert_allclose(compute_word_law(TINY, [0, 2], steps=range(1, 3)), later, atol=1e-15)
    stationary = enumerate_words(TINY, 4, compute_stationary_probs(TINY)).sum(axis=(1, 2))
    np.testing.assert_allclose(compute_word_law(TINY, [0, 3]), stationary, atol=1e-15)


@pytest.mark.parametrize("n_steps", [None, 6])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_repeats_are_the_diagonal_of_the_words(length, n_steps):
    law = compute_ngram_law(TINY, length, n_steps=n_steps)
    diagonal = [law[(a,) * length] for a in range(TINY.n_symbols)]
    np.testing.assert_allclose(compute_repeat_probs(TINY, length, n_steps=n_steps), diagonal, rtol=1e-12)


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 2, 2], [0, 3, 1]])
def test_offsets_that_do_not_increase_from_zero(offsets):
    with pytest.raises(InputError, match="`offsets` must increase from 0"):
        compute_word_law(TINY, offsets)


@pytest.mark.parametrize("steps", [range(0), range(-1, 2)])
def test_words_need_a_step_to_start_from(steps):
    with pytest.raises(InputError, match="`steps` must hold at least one step"):
        compute_word_law(TINY, [0, 1], steps=steps)


def test_occupancy_averages_powers_of_the_transition_matrix():
    powers = [TINY.initial_probs @ np.linalg.matrix_power(TINY.transition_matrix, t) for t in range(4)]
    np.testing.assert_allclose(compute_occupancy(TINY, 4), np.mean(powers, axis=0), rtol=1e-14)


def test_too_many_words_or_too_short_a_window():
    with pytest.raises(
        InputError, match="at most 33554432 entries, got 150094635296999121.*Use shorter words"
    ):
        compute_ngram_law(preset("linear-2"), 36)
    with pytest.raises(InputError, match="at most 33554432 entries"):
        compute_hankel_singular_values(preset("linear-2"), max_length=40)
    with pytest.raises(InputError, match="`n_steps` must be a whole number ≥ 3, got 2"):
        compute_ngram_law(TINY, 3, n_steps=2)


# Published values (science of the paper's processes)

PUBLISHED = {
    # name: (volatility, first row of the symbol matrix, pooled run mean, pooled run CV)
    "linear-2": (0.069, [0.9405, 0.01, 0.0495], 14.5, 1.11),
    "linear-3": (0.256, [0.751, 0.01, 0.239], 3.90, 1.12),
    "linear-4": (0.298, [0.709, 0.01, 0.281], 3.36, 1.08),
    "linear-5": (0.311, [0.696, 0.01, 0.294], 3.21, 1.10),
    "fully-connected-3": (0.086, [0.914, 0.043, 0.043], 11.6, 1.17),
    "cyclic-4": (0.214, [0.784, 0.212, 0.0045], 4.67, 1.23),
}


@pytest.mark.parametrize("name", list_presets())
def test_published_values(name):
    volatility, first_row, run_mean, run_cv = PUBLISHED[name]
    hmm = preset(name)
    assert compute_volatility(hmm) == pytest.approx(volatility, abs=5.1e-4)
    np.testing.assert_allclose(compute_symbol_matrix(hmm)[0], first_row, atol=5.1e-4)
    law = compute_run_length_law(hmm, max_length=5)
    assert law.pooled_mean == pytest.approx(run_mean, rel=5e-3)
    assert law.pooled_cv == pytest.approx(run_cv, abs=5.1e-3)
    assert law.pooled_mean == pytest.approx(1 / compute_volatility(hmm), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("linear-2", 0.0595, 0.0595),
        ("linear-3", 0.381, 0.186),
        ("fully-connected-3", 0.269, 0.069),
        ("cyclic-4", 0.444, 0.145),
    ],
)
def test_published_hazards_of_symbol_0(name, first, last):
    hazard = compute_run_length_law(preset(name), max_length=60).hazard[0]
    assert hazard[0] == pytest.approx(first, abs=5.1e-4)
    assert hazard[-1] == pytest.approx(last, abs=5.1e-4)


@pytest.mark.parametrize("name", list_presets())
def test_presets_are_reversible(name):
    assert is_time_reversible(preset(name))
    assert compute_output_irreversibility(preset(name)) == pytest.approx(0, abs=1e-14)


def test_published_identifiability():
    smallest = {name: compute_hankel_singular_values(preset(name))[-1] for name in list_presets()}
    assert smallest["linear-4"] == pytest.approx(3e-4, rel=0.05)
    assert smallest["linear-5"] == pytest.approx(4e-5, rel=0.06)
    told_apart = [name for name in list_presets() if is_identifiable(preset(name))]
    assert told_apart == ["linear-2", "linear-3", "fully-connected-3", "cyclic-4"]
    assert not is_identifiable(preset("linear-2"), threshold=2.0)


# Irreversibility and identifiability


def test_irreversibility_of_an_observed_chain_is_its_entropy_production():
    transition = np.array([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.6, 0.2, 0.2]])
    hmm = chain(transition)
    flow = compute_stationary_probs(hmm)[:, None] * transition
    expected = 2 * np.sum(flow * np.log(transition / transition.T))
    assert compute_output_irreversibility(hmm) == pytest.approx(expected, rel=1e-12)
    assert not is_time_reversible(hmm)
    assert is_time_reversible(hmm, tolerance=1.0)


def test_irreversibility_is_infinite_for_a_one_way_cycle():
    one_way = chain([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]])
    assert compute_output_irreversibility(one_way) == float("inf")
    assert compute_output_irreversibility(one_way, word_length=1) == 0


def test_hankel_singular_values_against_the_full_matrix():
    pi = compute_stationary_probs(TINY)
    words = [word for n in range(3) for word in itertools.product(range(2), repeat=n)]
    laws = [np.ones(())] + [enumerate_words(TINY, n, pi) for n in range(1, 5)]
    hankel = np.array([[laws[len(u) + len(v)][u + v] for v in words] for u in words])
    expected = np.linalg.svd(hankel, compute_uv=False)[:3]
    np.testing.assert_allclose(compute_hankel_singular_values(TINY, max_length=2), expected, rtol=1e-10)


def test_states_that_look_alike_are_not_identifiable():
    alike = chain(np.full((3, 3), 1 / 3), emission=np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]))
    values = compute_hankel_singular_values(alike)
    assert values.shape == (3,)
    assert values[1] < 1e-12
    assert not is_identifiable(alike)
    np.testing.assert_array_equal(compute_hankel_singular_values(alike, max_length=0)[1:], 0)


# Runs


def test_runs_of_observed_states_are_geometric():
    law = compute_run_length_law(chain([[0.9, 0.1], [0.4, 0.6]]), max_length=30)
    leave = np.array([[0.1], [0.4]])
    lengths = np.arange(1, 31)
    np.testing.assert_array_equal(law.lengths, lengths)
    np.testing.assert_allclose(law.pmf, leave * (1 - leave) ** (lengths - 1), rtol=1e-12)
    np.testing.assert_allclose(law.survival, (1 - leave) ** (lengths - 1), rtol=1e-12)
    np.testing.assert_allclose(law.hazard, np.broadcast_to(leave, (2, 30)), rtol=1e-12)
    np.testing.assert_allclose(law.mean, [10, 2.5], rtol=1e-12)
    np.testing.assert_allclose(law.cv, np.sqrt([0.9, 0.6]), rtol=1e-12)
    np.testing.assert_allclose(law.run_counts, [0.08, 0.08], rtol=1e-12)
    assert law.pooled_mean == pytest.approx(6.25)
    np.testing.assert_allclose(law.pooled_pmf, law.pmf.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(law.pooled_survival, law.survival.mean(axis=0), rtol=1e-12)
    square = np.mean(np.array([1.9, 1.6]) / np.array([0.01, 0.16]))
    assert law.pooled_cv == pytest.approx(np.sqrt(square - 6.25**2) / 6.25)
    assert law.n_steps is None


def test_stationary_runs_against_words():
    words = enumerate_words(TINY, 6, compute_stationary_probs(TINY))
    law = compute_run_length_law(TINY, max_length=400)
    for symbol in range(2):
        other = 1 - symbol
        starts = words.sum(axis=(2, 3, 4, 5))[other, symbol]
        for length in range(1, 5):
            run = (other, *[symbol] * length, other)
            expected = words[run].sum() / starts
            assert law.pmf[symbol, length - 1] == pytest.approx(expected, rel=1e-12)
        assert law.run_counts[symbol] == pytest.approx(starts, rel=1e-12)
    lengths = law.lengths
    mean = law.pmf @ lengths
    np.testing.assert_allclose(law.mean, mean, rtol=1e-10)
    np.testing.assert_allclose(law.cv, np.sqrt(law.pmf @ lengths**2 - mean**2) / mean, rtol=1e-10)
    np.testing.assert_allclose(law.survival[:, 1:], 1 - np.cumsum(law.pmf, axis=1)[:, :-1], atol=1e-12)


@pytest.mark.parametrize("n_steps", [3, 4, 6])
def test_windowed_runs_against_enumeration(n_steps):
    counts = enumerate_complete_runs(TINY, n_steps)
    law = compute_windowed_run_law(TINY, n_steps)
    assert law.n_steps == n_steps
    np.testing.assert_allclose(law.run_counts, counts.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(law.pmf, counts / counts.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(law.pooled_pmf, counts.sum(axis=0) / counts.sum(), rtol=1e-12)
    lengths = np.arange(1, n_steps - 1)
    np.testing.assert_allclose(law.mean, law.pmf @ lengths, rtol=1e-12)
    variance = law.pmf @ lengths**2 - law.mean**2
    np.testing.assert_allclose(law.cv**2 * law.mean**2, variance, atol=1e-12)
    np.testing.assert_allclose(law.survival[:, 0], 1, rtol=1e-12)
    pooled = np.sqrt(law.pooled_pmf @ lengths**2 - law.pooled_mean**2) / law.pooled_mean
    assert law.pooled_cv == pytest.approx(pooled, abs=1e-7)


def test_windowed_runs_of_sampled_sequences():
    hmm, n_steps = preset("linear-3"), 30
    symbols = sample_sequences(hmm, 4000, n_steps, rng=np.random.default_rng(0)).symbols
    counts = np.zeros(n_steps - 2)
    for sequence in symbols:
        changes = np.flatnonzero(np.diff(sequence))
        np.add.at(counts, np.diff(changes) - 1, 1)
    law = compute_windowed_run_law(hmm, n_steps)
    expected = law.run_counts.sum() * law.pooled_pmf * len(symbols)
    np.testing.assert_allclose((counts - expected) / np.sqrt(expected + 1), 0, atol=5)
    assert law.pooled_mean < compute_run_length_law(hmm, max_length=3).pooled_mean - 0.3


def test_long_windows_approach_the_stationary_law():
    stationary = compute_run_length_law(TINY, max_length=5)
    windowed = compute_windowed_run_law(TINY, 3000)
    np.testing.assert_allclose(windowed.pmf[:, :5], stationary.pmf, rtol=5e-3)
    np.testing.assert_allclose(windowed.run_counts / 3000, stationary.run_counts, rtol=5e-3)


def test_symbols_without_runs_are_nan_and_constant_processes_are_refused():
    silent = chain([[0.5, 0.5], [0.5, 0.5]], emission=np.array([[1.0, 0, 0], [0, 1.0, 0]]))
    assert np.all(np.isnan(compute_symbol_matrix(silent)[2]))
    for law in (compute_run_length_law(silent, max_length=4), compute_windowed_run_law(silent, 6)):
        assert np.isnan(law.mean[2])
        assert np.all(np.isnan(law.hazard[2]))
        assert np.isfinite(law.pooled_cv)
        assert law.run_counts[2] == 0
    constant = chain([[0.5, 0.5], [0.5, 0.5]], emission=np.array([[1.0, 0], [1.0, 0]]))
    for compute in (
        lambda h: compute_run_length_law(h, max_length=4),
        lambda h: compute_windowed_run_law(h, 6),
    ):
        with pytest.raises(InputError, match="got 0 expected complete runs: the symbol never changes"):
            compute(constant)


def test_hundreds_of_states():
    hmm = build_linear_chain(300)
    law = compute_run_length_law(hmm, max_length=50)
    assert law.pooled_mean == pytest.approx(1 / compute_volatility(hmm), rel=1e-9)
    assert compute_hankel_singular_values(hmm).shape == (300,)


def test_step_frequencies_average_to_those_of_the_window():
    chain = build_random(4, 3, rng=np.random.default_rng(2))
    hmm = HMM([1, 0, 0, 0], chain.transition_matrix, chain.emission_probs)
    by_step = compute_step_frequencies(hmm, 7)
    assert np.allclose(by_step[0], hmm.initial_probs @ hmm.emission_probs)
    assert np.allclose(by_step[1], hmm.initial_probs @ hmm.transition_matrix @ hmm.emission_probs)
    assert np.allclose(by_step.mean(0), compute_symbol_frequencies(hmm, n_steps=7))
