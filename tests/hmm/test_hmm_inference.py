import itertools
import warnings

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from orbitscope.errors import InputError
from orbitscope.hmm import (
    HMM,
    build_random,
    compute_log_likelihood,
    compute_state_posteriors,
    decode_viterbi,
    estimate_block_entropy,
    estimate_kl_rate,
    load_preset,
    pad_sequences,
    sample_sequences,
)

TINY = HMM(
    np.array([0.7, 0.2, 0.1]),
    np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0], [0.0, 0.2, 0.8]]),
    np.array([[0.5, 0.3, 0.2], [0.0, 0.1, 0.9], [0.25, 0.25, 0.5]]),
)
ALL_WORDS = np.array(list(itertools.product(range(3), repeat=5)))
RAGGED = [np.array([0, 2, 1]), np.array([1]), np.array([2, 2, 0, 1, 1, 0]), np.array([0, 0])]


def enumerate_paths(hmm, word):
    """All state paths with their joint probability with the word."""
    paths = np.array(list(itertools.product(range(hmm.n_states), repeat=len(word))))
    probs = hmm.initial_probs[paths[:, 0]] * hmm.emission_probs[paths, word].prod(axis=1)
    return paths, probs * hmm.transition_matrix[paths[:, :-1], paths[:, 1:]].prod(axis=1)


def compute_path_log_prob(hmm, word, path):
    """Log of the joint probability of one state path with the word."""
    emitted = np.log(hmm.emission_probs[path, word]).sum()
    return (
        np.log(hmm.initial_probs[path[0]])
        + emitted
        + np.log(hmm.transition_matrix[path[:-1], path[1:]]).sum()
    )


def enumerate_posteriors(hmm, word):
    paths, probs = enumerate_paths(hmm, word)
    shares = np.stack([probs @ (paths == state) for state in range(hmm.n_states)], axis=1)
    return shares / probs.sum()


def convert_to_hmmlearn(hmm):
    model = CategoricalHMM(hmm.n_states, n_features=hmm.n_symbols, init_params="")
    model.startprob_, model.transmat_ = hmm.initial_probs, hmm.transition_matrix
    model.emissionprob_ = hmm.emission_probs
    return model


def test_likelihood_of_every_word_against_enumeration():
    expected = [np.log(enumerate_paths(TINY, word)[1].sum()) for word in ALL_WORDS]
    np.testing.assert_allclose(compute_log_likelihood(TINY, ALL_WORDS), expected, rtol=1e-13)
    assert np.exp(expected).sum() == pytest.approx(1)


def test_viterbi_of_every_word_against_enumeration():
    decoded = decode_viterbi(TINY, ALL_WORDS)
    for word, states, log_prob in zip(ALL_WORDS, decoded.states, decoded.log_probs, strict=True):
        paths, probs = enumerate_paths(TINY, word)
        assert log_prob == pytest.approx(np.log(probs.max()), rel=1e-13)
        assert probs[(paths == states).all(axis=1)][0] == pytest.approx(probs.max(), rel=1e-13)


def test_posteriors_of_every_word_against_enumeration():
    expected = [enumerate_posteriors(TINY, word) for word in ALL_WORDS]
    np.testing.assert_allclose(compute_state_posteriors(TINY, ALL_WORDS), expected, atol=1e-14)


def test_ragged_sequences_give_what_each_gives_alone():
    padded, lengths = pad_sequences(RAGGED)
    np.testing.assert_array_equal(lengths, [3, 1, 6, 2])
    np.testing.assert_array_equal(padded[0], [0, 2, 1, 0, 0, 0])
    padded[np.arange(6) >= lengths[:, None]] = 99
    log_likelihood = compute_log_likelihood(TINY, padded, lengths=lengths)
    decoded = decode_viterbi(TINY, padded, lengths=lengths)
    posteriors = compute_state_posteriors(TINY, padded, lengths=lengths)
    for row, word in enumerate(RAGGED):
        alone = word[None, :]
        n = len(word)
        assert log_likelihood[row] == pytest.approx(compute_log_likelihood(TINY, alone)[0], rel=1e-14)
        path = decode_viterbi(TINY, alone)
        np.testing.assert_array_equal(decoded.states[row], [*path.states[0], *[-1] * (6 - n)])
        assert decoded.log_probs[row] == pytest.approx(path.log_probs[0], rel=1e-14)
        np.testing.assert_allclose(posteriors[row, :n], enumerate_posteriors(TINY, word), atol=1e-14)
        np.testing.assert_array_equal(posteriors[row, n:], 0)


def test_impossible_sequences_are_told_apart_without_warnings():
    hmm = HMM(np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]), np.eye(2))
    sequences = np.array([[0, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1]])
    np.testing.assert_allclose(compute_log_likelihood(hmm, sequences), [-np.inf, np.log(0.25), -np.inf])
    decoded = decode_viterbi(hmm, sequences)
    np.testing.assert_array_equal(decoded.states, [[-1] * 4, [0, 0, 1, 1], [-1] * 4])
    np.testing.assert_allclose(decoded.log_probs, [-np.inf, np.log(0.25), -np.inf])
    posteriors = compute_state_posteriors(hmm, sequences)
    assert np.all(np.isnan(posteriors[[0, 2]]))
    np.testing.assert_array_equal(posteriors[1], np.eye(2)[[0, 0, 1, 1]])
    later = compute_log_likelihood(hmm, sequences, lengths=np.array([2, 4, 4]))
    np.testing.assert_allclose(later[0], np.log(0.5))


@pytest.mark.parametrize("n_states", [3, 60])
def test_against_hmmlearn(n_states):
    hmm = build_random(n_states, 7, rng=np.random.default_rng(0), transition_concentration=0.3)
    sequences = sample_sequences(hmm, 12, 40, rng=np.random.default_rng(1)).symbols
    model = convert_to_hmmlearn(hmm)
    decoded = decode_viterbi(hmm, sequences)
    log_likelihood = compute_log_likelihood(hmm, sequences)
    posteriors = compute_state_posteriors(hmm, sequences)
    for row, sequence in enumerate(sequences.astype(int)):
        score, _ = model.decode(sequence[:, None])
        assert decoded.log_probs[row] == pytest.approx(score, rel=1e-12)
        path = decoded.states[row]  # of paths that are equally likely, rounding chooses
        assert compute_path_log_prob(hmm, sequence, path) == pytest.approx(score, rel=1e-12)
        assert log_likelihood[row] == pytest.approx(model.score(sequence[:, None]), rel=1e-12)
        np.testing.assert_allclose(posteriors[row], model.predict_proba(sequence[:, None]), atol=1e-10)


def test_long_sequences_do_not_underflow():
    hmm = build_random(4, 9, rng=np.random.default_rng(0))
    sequence = sample_sequences(hmm, 1, 2000, rng=np.random.default_rng(1)).symbols
    log_likelihood = compute_log_likelihood(hmm, sequence)[0]
    assert log_likelihood < -2000
    halves = compute_log_likelihood(hmm, sequence.reshape(2, -1)).sum()
    assert log_likelihood == pytest.approx(halves, abs=5)
    np.testing.assert_allclose(compute_state_posteriors(hmm, sequence).sum(axis=2), 1, rtol=1e-10)
    assert decode_viterbi(hmm, sequence).log_probs[0] < log_likelihood


def test_results_do_not_depend_on_the_batch():
    hmm = build_random(60, 5, rng=np.random.default_rng(0))
    sequences = sample_sequences(hmm, 1200, 60, rng=np.random.default_rng(1)).symbols  # two batches each
    some = [0, 1091, 1092, 1093, 1164, 1165, 1166, 1199]
    np.testing.assert_allclose(
        compute_log_likelihood(hmm, sequences)[some], compute_log_likelihood(hmm, sequences[some]), rtol=1e-12
    )
    np.testing.assert_array_equal(
        decode_viterbi(hmm, sequences).states[some], decode_viterbi(hmm, sequences[some]).states
    )
    np.testing.assert_allclose(
        compute_state_posteriors(hmm, sequences)[some],
        compute_state_posteriors(hmm, sequences[some]),
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("sequences", "lengths", "message"),
    [
        (np.array([[0, 1], [3, 0]]), None, r"0 … 2, got 3 in sequence 1 at step 0\. Recode"),
        (np.array([[0, -1]]), None, r"got -1 in sequence 0 at step 1"),
        (np.zeros((0, 4), dtype=int), None, r"at least one sequence and one step, got shape \(0, 4\)"),
        (np.zeros((2, 4), dtype=int), np.array([0, 4]), r"one length in 1 … 4 .* values 0 … 4\. Drop empty"),
        (np.zeros((2, 4), dtype=int), np.array([1, 5]), r"values 1 … 5"),
    ],
)
@pytest.mark.parametrize("function", [compute_log_likelihood, decode_viterbi, compute_state_posteriors])
def test_invalid_sequences(function, sequences, lengths, message):
    with pytest.raises(InputError, match=message):
        function(TINY, sequences, lengths=lengths)


def test_invalid_lists_of_sequences():
    with pytest.raises(InputError, match="at least one step, got none"):
        pad_sequences([])
    with pytest.raises(InputError, match=r"got shape \(0,\) of type int.*Drop empty sequences"):
        pad_sequences([np.array([1, 2]), np.array([], dtype=int)])


def test_block_entropy_of_independent_symbols_and_of_short_blocks():
    coin = HMM(np.ones(1), np.ones((1, 1)), np.array([[0.25, 0.75]]))
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    estimate = estimate_block_entropy(coin, 8, n_sequences=4000, rng=np.random.default_rng(0))
    assert estimate.mean == pytest.approx(entropy, abs=4 * estimate.standard_error)
    expected_error = np.log(3) * np.sqrt(0.25 * 0.75 / 8 / 4000)
    assert estimate.standard_error == pytest.approx(expected_error, rel=0.1)
    probs = np.exp(compute_log_likelihood(TINY, ALL_WORDS))
    exact = -(probs * np.log(probs)).sum() / 5
    estimate = estimate_block_entropy(TINY, 5, n_sequences=4000, rng=np.random.default_rng(1))
    assert estimate.mean == pytest.approx(exact, abs=4 * estimate.standard_error)


@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [
        ("linear-2", 0.005, 0.002),
        ("linear-3", 0.005, 0.002),
        ("linear-4", 0.005, 0.002),
        ("linear-5", 0.005, 0.002),
        ("fully-connected-3", 0.026, 0.001),
        ("cyclic-4", 0.019, 0.001),
    ],
)
def test_published_excess_of_block_entropy_over_the_rate(name, published, tolerance):
    # Stationary start: H_T/T - (H_2T - H_T)/T is the information between neighbouring blocks, per symbol.
    preset = load_preset(name)
    n_steps = preset.n_steps
    symbols = sample_sequences(preset.hmm, 6000, 2 * n_steps, rng=np.random.default_rng(0)).symbols
    whole = compute_log_likelihood(preset.hmm, symbols)
    halves = compute_log_likelihood(preset.hmm, symbols.reshape(-1, n_steps)).reshape(-1, 2).sum(axis=1)
    assert (whole - halves).mean() / n_steps == pytest.approx(published, abs=tolerance)


def test_kl_rate_of_independent_symbols():
    p, q = (HMM(np.ones(1), np.ones((1, 1)), np.array([row])) for row in ([0.25, 0.75], [0.6, 0.4]))
    exact = 0.25 * np.log(0.25 / 0.6) + 0.75 * np.log(0.75 / 0.4)
    estimate = estimate_kl_rate(p, q, n_sequences=2000, n_steps=10, rng=np.random.default_rng(0))
    assert estimate.mean == pytest.approx(exact, abs=4 * estimate.standard_error)
    assert 0 < estimate.standard_error < 0.02
    same = estimate_kl_rate(p, p, n_sequences=10, n_steps=10, rng=np.random.default_rng(0))
    assert (same.mean, same.standard_error) == (0, 0)


def test_kl_rate_is_infinite_when_the_other_model_excludes_a_sample():
    p, q = (HMM(np.ones(1), np.ones((1, 1)), np.array([row])) for row in ([0.5, 0.5], [1.0, 0.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimate = estimate_kl_rate(p, q, n_sequences=5, n_steps=10, rng=np.random.default_rng(0))
    assert estimate.mean == np.inf
    assert np.isnan(estimate.standard_error)
    with pytest.raises(InputError, match="equal numbers of symbols, got 2 and 3"):
        estimate_kl_rate(p, TINY, n_sequences=5, n_steps=10, rng=np.random.default_rng(0))
