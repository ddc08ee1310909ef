import itertools
import math

import numpy as np
import pytest

from orbitscope.errors import InputError, TooLargeError
from orbitscope.sequences import (
    Runs,
    compute_design_effect,
    compute_frequencies,
    compute_ngram_divergence,
    compute_output_irreversibility,
    compute_symbol_matrix,
    compute_volatility,
    count_ngrams,
    count_ngrams_by_sequence,
    count_run_lengths,
    count_symbols,
    count_words_and_reverses,
    estimate_output_irreversibility,
    estimate_word_irreversibility,
    find_complete_runs,
    sum_run_powers,
)
from orbitscope.statistics import compute_jackknife

STICKY = np.array([[0.9, 0.06, 0.04], [0.05, 0.85, 0.1], [0.1, 0.1, 0.8]])


def draw_sequences(n_sequences, n_steps, n_symbols, seed=0):
    return np.random.default_rng(seed).integers(n_symbols, size=(n_sequences, n_steps))


def find_stationary(matrix):
    values, vectors = np.linalg.eig(matrix.T)
    law = np.real(vectors[:, np.argmax(np.real(values))])
    return law / law.sum()


def draw_chain(matrix, n_sequences, n_steps, seed):
    rng = np.random.default_rng(seed)
    steps = matrix.cumsum(1)
    sequences = np.empty((n_sequences, n_steps), dtype=np.int64)
    sequences[:, 0] = rng.choice(len(matrix), p=find_stationary(matrix), size=n_sequences)
    for t in range(1, n_steps):
        sequences[:, t] = (rng.random(n_sequences)[:, None] > steps[sequences[:, t - 1], :-1]).sum(1)
    return sequences


def list_complete_runs(sequences):
    runs = []
    for i, sequence in enumerate(sequences.tolist()):
        groups = [(symbol, len(list(group))) for symbol, group in itertools.groupby(sequence)]
        runs += [(symbol, length, i) for symbol, length in groups[1:-1]]
    return runs


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8])
def test_ngram_counts_match_brute_force(n, dtype):
    sequences = draw_sequences(7, 9, 3)
    expected = np.zeros((7, *(3,) * n), dtype=int)
    for i, sequence in enumerate(sequences):
        for t in range(9 - n + 1):
            expected[(i, *sequence[t : t + n])] += 1
    counts = count_ngrams_by_sequence(sequences.astype(dtype), n, 3)
    assert counts.dtype == np.int32
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(count_ngrams(sequences.astype(dtype), n, 3), expected.sum(0))


def test_symbol_and_pair_counts_are_ordered_in_time():
    sequences = np.array([[0, 1, 1, 2]])
    np.testing.assert_array_equal(count_symbols(sequences, 4), [[1, 2, 1, 0]])
    pairs = count_ngrams(sequences, 2, 4)
    assert {tuple(index) for index in np.argwhere(pairs)} == {(0, 1), (1, 1), (1, 2)}


def test_frequencies_matrix_and_volatility_of_a_known_sequence():
    pairs = count_ngrams(np.array([[0, 0, 1, 0, 0, 1, 1]]), 2, 3)
    matrix = compute_symbol_matrix(pairs)
    np.testing.assert_allclose(matrix[:2], [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])
    assert np.isnan(matrix[2]).all()
    assert compute_volatility(pairs) == pytest.approx(0.5)
    counts = count_symbols(np.array([[0, 0, 1, 0, 0, 1, 1]]), 3)
    np.testing.assert_allclose(compute_frequencies(counts), [[4 / 7, 3 / 7, 0]])


def test_ratios_broadcast_over_batches_and_are_nan_without_data():
    pairs = np.stack([np.eye(2), np.ones((2, 2)), np.zeros((2, 2))])
    np.testing.assert_allclose(compute_volatility(pairs), [0.0, 0.5, np.nan])
    np.testing.assert_allclose(compute_symbol_matrix(pairs)[1], 0.5)
    assert np.isnan(compute_frequencies(np.zeros((1, 2)))).all()


def test_volatility_of_a_chain_matches_its_closed_form():
    exact = 1 - find_stationary(STICKY) @ np.diag(STICKY)
    pairs = count_ngrams(draw_chain(STICKY, 4000, 20, seed=1), 2, 3)
    assert compute_volatility(pairs) == pytest.approx(exact, abs=0.006)
    np.testing.assert_allclose(compute_symbol_matrix(pairs), STICKY, atol=0.012)


@pytest.mark.parametrize("n_steps", [1, 2, 3, 12])
def test_complete_runs_match_brute_force(n_steps):
    sequences = draw_sequences(40, n_steps, 2, seed=n_steps)
    runs = find_complete_runs(sequences)
    found = list(zip(runs.symbol.tolist(), runs.length.tolist(), runs.sequence.tolist(), strict=True))
    assert found == list_complete_runs(sequences)


def test_run_lengths_match_brute_force_and_leave_longer_runs_out():
    sequences = draw_sequences(200, 12, 2, seed=3)
    lengths = [(symbol, length) for symbol, length, _ in list_complete_runs(sequences)]
    expected = [[lengths.count((symbol, length)) for length in (1, 2, 3)] for symbol in (0, 1)]
    np.testing.assert_array_equal(count_run_lengths(sequences, 2, 3), expected)
    assert count_run_lengths(sequences, 2, 10).sum() == len(lengths) > np.sum(expected)


def test_counts_of_runs_are_those_expected_of_a_stationary_process():
    stay, n_sequences, n_steps = 0.7, 20_000, 10
    sequences = draw_chain(np.array([[stay, 1 - stay], [1 - stay, stay]]), n_sequences, n_steps, seed=2)
    length = np.arange(1, 11)
    starts = 0.5 * (1 - stay)
    places = np.maximum(n_steps - 1 - length, 0)
    exact = n_sequences * places * starts * stay ** (length - 1) * (1 - stay)
    np.testing.assert_allclose(
        count_run_lengths(sequences, 2, 10), [exact, exact], atol=5 * exact.max() ** 0.5
    )


def test_run_powers_are_sums_per_sequence_and_symbol():
    runs = Runs(symbol=np.array([0, 2, 0]), length=np.array([2, 5, 3]), sequence=np.array([0, 0, 1]))
    powers = sum_run_powers(runs, 2, 3)
    np.testing.assert_array_equal(powers[0], [[1, 2, 4], [0, 0, 0], [1, 5, 25]])
    np.testing.assert_array_equal(powers[1], [[1, 3, 9], [0, 0, 0], [0, 0, 0]])


def test_ngram_divergence_matches_the_formula_and_leaves_forbidden_ngrams_out():
    reference = np.array([[0.5, 0.25], [0.25, 0.0]])
    result = compute_ngram_divergence(np.array([[2, 4], [2, 2]]), reference)
    exact = 0.25 * math.log(0.25 / 0.5) + 0.5 * math.log(0.5 / 0.25) + 0.25 * math.log(0.25 / 0.25)
    assert result == pytest.approx(exact)


def test_ngram_divergence_serves_batches_and_counts_nothing_as_nan():
    reference = np.full((2, 2), 0.25)
    result = compute_ngram_divergence(
        np.stack([np.ones((2, 2)), np.diag([2, 2]), np.zeros((2, 2))]), reference
    )
    np.testing.assert_allclose(result, [0.0, math.log(2), np.nan])


def test_divergence_of_independent_ngrams_has_the_bias_of_miller():
    reference = np.array([0.4, 0.3, 0.2, 0.1])
    counts = np.random.default_rng(0).multinomial(100, reference, size=4000)
    result = compute_ngram_divergence(counts, reference)
    assert result.mean() == pytest.approx(3 / 200, rel=0.06)


def test_design_effect_and_jackknife_remove_the_bias_of_overlapping_ngrams():
    law = find_stationary(STICKY)[:, None, None] * STICKY[:, :, None] * STICKY[None]
    plain, naive, mended, jackknifed = [], [], [], []
    for seed in range(150):
        counts = count_ngrams_by_sequence(draw_chain(STICKY, 150, 30, seed), 3, 3)
        n_effective = counts.sum() / compute_design_effect(counts)
        first, n_observed = float(compute_ngram_divergence(counts.sum(0), law)), (counts.sum(0) > 0).sum()
        plain.append(first)
        naive.append(first - (n_observed - 1) / (2 * counts.sum()))
        mended.append(first - (n_observed - 1) / (2 * n_effective))
        result = compute_jackknife(counts, lambda sums: compute_ngram_divergence(sums, law))
        jackknifed.append(float(result.corrected))
    bias = np.mean(plain)
    assert np.mean(naive) > 0.2 * bias
    assert np.array([np.mean(mended), np.mean(jackknifed)]) / bias == pytest.approx(0, abs=0.13)


def test_design_effect_is_one_for_independent_and_known_for_repeated_items():
    once = np.random.default_rng(0).multinomial(1, [0.5, 0.3, 0.2], size=5000)
    assert compute_design_effect(once) == pytest.approx(1.0, abs=0.02)
    assert compute_design_effect(4 * once) == pytest.approx(4.0, abs=0.08)
    assert compute_design_effect(np.array([[1, 0], [0, 1], [1, 0], [0, 1]])) == pytest.approx(
        4 / 3
    )  # n / (n - 1)
    assert math.isnan(compute_design_effect(np.array([[3, 0], [2, 0]])))


def test_irreversibility_of_a_chain_matches_its_closed_form():
    matrix = np.array([[0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.7, 0.1, 0.2]])
    law = find_stationary(matrix)
    triples = law[:, None, None] * matrix[:, :, None] * matrix[None]
    exact = 2 * (0.7 - 0.1) * math.log(7)  # two steps, each with entropy production Σ π P log(P / P reversed)
    assert compute_output_irreversibility(triples) == pytest.approx(exact)
    assert compute_output_irreversibility(7 * triples) == pytest.approx(exact)
    counts = count_ngrams(draw_chain(matrix, 3000, 20, seed=0), 3, 3)
    assert estimate_output_irreversibility(counts) == pytest.approx(exact, rel=0.05)


def test_irreversibility_vanishes_for_reversible_laws_and_diverges_for_one_way_triples():
    symmetric = np.random.default_rng(0).random((3, 3, 3))
    symmetric = symmetric + symmetric.swapaxes(0, 2)
    assert compute_output_irreversibility(symmetric) == pytest.approx(0, abs=1e-14)
    one_way = np.zeros((3, 3, 3))
    one_way[0, 1, 2] = 3
    assert compute_output_irreversibility(one_way) == math.inf
    assert estimate_output_irreversibility(one_way) == pytest.approx(math.log(3.5 / 0.5))


def test_irreversibility_of_independent_triples_has_the_stated_bias():
    counts = np.random.default_rng(1).multinomial(600, np.full(27, 1 / 27), size=2000).reshape(-1, 3, 3, 3)
    estimate = estimate_output_irreversibility(counts)
    assert estimate.mean() == pytest.approx(2 * 9 / 600, rel=0.1)


def test_palindromes_carry_no_irreversibility():
    counts = np.zeros((2, 2, 2), dtype=int)
    counts[0, 1, 0], counts[1, 1, 1] = 5, 9
    assert estimate_output_irreversibility(counts) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: count_symbols(np.array([[0, 3]]), 3), r"symbols must lie in 0 \.\. 2, got 0 \.\. 3"),
        (lambda: count_ngrams(np.array([[-1, 0]]), 1, 3), r"got -1 \.\. 0"),
        (lambda: count_symbols(np.zeros((0, 3), dtype=int), 3), "must not be empty"),
        (lambda: count_ngrams(np.array([[0, 1]]), 3, 2), r"`n` must lie in 1 \.\. 2.*got 3"),
        (lambda: count_ngrams(np.zeros((1, 20), dtype=int), 12, 10), "fewer sequences at once"),
        (lambda: count_run_lengths(np.array([[0, 1]]), 2, 0), "`max_length` must be ≥ 1"),
        (lambda: find_complete_runs(np.zeros((2, 0), dtype=int)), "at least one step"),
        (lambda: compute_ngram_divergence(np.ones((2, 3)), np.full((2, 2), 0.25)), "must end in the shape"),
        (lambda: compute_ngram_divergence(np.ones(2), np.array([0.5, 0.4])), "sum to 1, got sum 0.9"),
        (lambda: compute_design_effect(np.ones((1, 3))), "≥ 2 sequences, got 1"),
    ],
)
def test_bad_input_names_requirement_value_and_remedy(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_words_that_occur_are_those_of_all_counts_and_know_their_reverses(n):
    sequences = np.random.default_rng(n).integers(0, 4, size=(5, 12))
    every = count_ngrams_by_sequence(sequences, n, 4).reshape(5, -1)
    counts, reverse = count_words_and_reverses(sequences, n, 4)
    is_there = every.sum(0) > 0
    backwards = np.arange(4**n).reshape((4,) * n).transpose(*range(n)[::-1]).ravel()
    words = np.flatnonzero(is_there | is_there[backwards])
    np.testing.assert_array_equal(counts, every[:, words])
    np.testing.assert_array_equal(words[reverse], backwards[words])


def test_the_irreversibility_of_words_that_occur_is_that_of_all():
    sequences = np.random.default_rng(0).integers(0, 5, size=(6, 20))
    every = count_ngrams_by_sequence(sequences, 3, 5)
    counts, reverse = count_words_and_reverses(sequences, 3, 5)
    found = estimate_word_irreversibility(counts, reverse)
    expected = estimate_output_irreversibility(every)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_three_hundred_symbols_need_no_memory_for_words_that_never_occur():
    sequences = np.random.default_rng(0).integers(0, 300, size=(30, 100))
    with pytest.raises(TooLargeError, match="number of counts must be"):
        count_ngrams_by_sequence(sequences, 3, 300)
    counts, _ = count_words_and_reverses(sequences, 3, 300)
    assert counts.shape[1] < 2 * sequences.size
    assert counts.sum() == 30 * 98
