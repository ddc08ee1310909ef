import numpy as np
import pytest

from orbitscope.hmm import HMM, compute_stationary_probs, load_process, sample_sequences
from orbitscope.principles.probability.inferred_hmm import (
    average_groups,
    build_region_hmm,
    compare_with_process,
    find_matrix_root,
    infer_by_group,
    infer_from_states,
    infer_from_symbols,
    sample_like,
    start_stationary,
)

RING = np.array([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.9]])
"""Complex eigenvalues."""


@pytest.mark.parametrize("degree", [1, 2, 20])
def test_the_root_of_a_power_is_the_matrix(degree):
    for matrix in (np.array([[0.98, 0.02], [0.03, 0.97]]), load_process("linear-3").transition_matrix):
        power = np.linalg.matrix_power(matrix, degree)
        np.testing.assert_allclose(find_matrix_root(power, degree), matrix, atol=1e-9)


def test_a_root_with_complex_eigenvalues_is_real():
    root = find_matrix_root(np.linalg.matrix_power(RING, 5), 5)
    np.testing.assert_allclose(root, RING, atol=1e-9)


def test_matrices_without_a_root_have_none():
    assert find_matrix_root(np.array([[0.2, 0.8], [0.8, 0.2]]), 2) is None  # a negative eigenvalue
    jumps = np.array([[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]])
    assert find_matrix_root(jumps, 2) is None  # 0 → 2 impossible, though 0 → 1 → 2 is not
    defective = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]])
    assert find_matrix_root(defective, 2) is None


def test_a_region_without_visits_stays_and_emits_evenly():
    moves = np.array([[0.5, 0.5], [np.nan, np.nan]])
    hmm = build_region_hmm(moves, np.array([3.0, 1.0]), np.array([[1.0, 0.0], [np.nan, np.nan]]))
    np.testing.assert_array_equal(hmm.transition_matrix[1], [0, 1])
    np.testing.assert_array_equal(hmm.emission_probs[1], [0.5, 0.5])
    np.testing.assert_array_equal(hmm.initial_probs, [0.75, 0.25])


def test_an_hmm_is_counted_from_its_states():
    hmm = load_process("linear-3")
    sample = sample_sequences(hmm, 200, 500, rng=np.random.default_rng(0))
    found = infer_from_states(sample.states, sample.symbols, hmm)
    np.testing.assert_allclose(found.transition_matrix, hmm.transition_matrix, atol=0.015)
    np.testing.assert_allclose(found.emission_probs, hmm.emission_probs, atol=0.015)
    np.testing.assert_allclose(found.initial_probs, compute_stationary_probs(hmm), atol=0.05)


def test_an_hmm_is_found_from_its_symbols_in_windows():
    hmm = load_process("linear-2")
    states, symbols = sample_like(np.empty((60, 210), dtype=int), hmm, rng=np.random.default_rng(0))
    assert states.shape == symbols.shape == (60, 210)
    found = infer_from_symbols(symbols, hmm, 100, rng=np.random.default_rng(1))
    np.testing.assert_allclose(found.transition_matrix, hmm.transition_matrix, atol=0.02)
    np.testing.assert_allclose(found.emission_probs, hmm.emission_probs, atol=0.02)
    short = infer_from_symbols(symbols, hmm, 1000, rng=np.random.default_rng(1))
    np.testing.assert_allclose(short.transition_matrix, found.transition_matrix, atol=0.01)


def test_an_hmm_is_compared_in_its_order():
    hmm = load_process("linear-3")
    order = np.array([2, 0, 1])
    back = np.argsort(order)
    mixed = HMM(hmm.initial_probs[back], hmm.transition_matrix[np.ix_(back, back)], hmm.emission_probs[back])
    same = compare_with_process(mixed, hmm, order, n_steps=50, seed=0)
    np.testing.assert_allclose(same, 0, atol=1e-12)
    assert compare_with_process(mixed, hmm, np.arange(3), n_steps=50, seed=0)[1:].min() > 0.2
    assert np.isnan(compare_with_process(mixed, hmm, None, n_steps=50, seed=0)[1:]).all()
    changed = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], np.eye(2))
    true = HMM([0.5, 0.5], [[0.95, 0.05], [0.05, 0.95]], np.eye(2))
    rate = compare_with_process(changed, true, np.arange(2), n_steps=400, seed=0)
    exact = 0.95 * np.log(0.95 / 0.9) + 0.05 * np.log(0.05 / 0.1)
    np.testing.assert_allclose(rate, [exact, 0.05, 0], atol=0.0016)


def test_groups_share_no_trajectory_and_have_a_student_interval():
    groups = []
    infer_by_group(lambda rows: groups.append(rows), 10, 3)
    assert sorted(np.concatenate(groups)) == list(range(10))
    assert [len(rows) for rows in groups] == [4, 3, 3]
    values = np.array([[1.0, np.nan], [2.0, 1.0], [4.0, 1.0]])
    found = average_groups(values, 0.95)
    half = 4.30265273 * np.std([1, 2, 4], ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(
        [found.value[0], found.low[0], found.high[0]], [7 / 3, 7 / 3 - half, 7 / 3 + half]
    )
    assert np.isnan(found.value[1])
    infinite = average_groups(np.array([[np.inf], [1.0]]), 0.95)
    assert infinite.value[0] == np.inf
    assert np.isnan(infinite.low[0])


def test_a_process_starts_in_its_only_stationary_state():
    hmm = HMM([1.0, 0.0], [[0.9, 0.1], [0.3, 0.7]], np.eye(2))
    np.testing.assert_allclose(start_stationary(hmm).initial_probs, [0.75, 0.25])
    assert start_stationary(None) is None
    assert start_stationary(HMM([0.5, 0.5], np.eye(2), np.eye(2))) is None
