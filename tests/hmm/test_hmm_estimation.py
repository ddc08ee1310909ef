import itertools

import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from orbitscope.errors import InputError
from orbitscope.hmm import (
    HMM,
    align_states,
    build_linear_chain,
    build_random,
    build_ring,
    compute_log_likelihood,
    estimate_kl_rate,
    fit_baum_welch,
    list_presets,
    load_preset,
    pad_sequences,
    reorder_states,
    sample_sequences,
)

START = HMM(
    np.array([0.5, 0.3, 0.2]),
    np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.3, 0.2, 0.5]]),
    np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.3, 0.5, 0.2]]),
)


def sample(name, n_sequences, n_steps, seed=0):
    rng = np.random.default_rng(seed)
    return sample_sequences(load_preset(name).hmm, n_sequences, n_steps, rng=rng).symbols


def fit(sequences, **options):
    options = {"rng": np.random.default_rng(1), "n_restarts": 1} | options
    return fit_baum_welch(sequences, 3, 3, **options)


def take_step_by_enumeration(hmm, sequences):
    """One step of expectation maximisation with expected counts summed over all state paths."""
    n_states, n_symbols = hmm.emission_probs.shape
    initial, moves, emissions = np.zeros(n_states), np.zeros((n_states,) * 2), np.zeros((n_states, n_symbols))
    for word in sequences:
        paths = np.array(list(itertools.product(range(n_states), repeat=len(word))))
        probs = hmm.initial_probs[paths[:, 0]] * hmm.emission_probs[paths, word].prod(axis=1)
        probs *= hmm.transition_matrix[paths[:, :-1], paths[:, 1:]].prod(axis=1)
        probs /= probs.sum()
        np.add.at(initial, paths[:, 0], probs)
        for step, symbol in enumerate(word):
            np.add.at(emissions[:, symbol], paths[:, step], probs)
            if step:
                np.add.at(moves, (paths[:, step - 1], paths[:, step]), probs)
    rows = [counts / counts.sum(axis=1, keepdims=True) for counts in (moves, emissions)]
    return HMM(initial / initial.sum(), *rows)


def assert_close(hmm, reference, atol):
    hmm = align_states(hmm, reference)
    np.testing.assert_allclose(hmm.initial_probs, reference.initial_probs, atol=atol)
    np.testing.assert_allclose(hmm.transition_matrix, reference.transition_matrix, atol=atol)
    np.testing.assert_allclose(hmm.emission_probs, reference.emission_probs, atol=atol)


def test_one_step_against_enumeration_with_ragged_and_repeated_sequences():
    words = [np.array(word) for word in ([0, 2, 1, 1], [2], [0, 2, 1, 1], [1, 0], [0, 2, 1], [0], [0, 0, 0])]
    padded, lengths = pad_sequences(words)
    padded[np.arange(4) >= lengths[:, None]] = 77
    result = fit(padded, lengths=lengths, initial=START, max_steps=1, tolerance=0.0)
    assert_close(result.hmm, take_step_by_enumeration(START, words), atol=1e-12)
    before, after = (
        compute_log_likelihood(hmm, padded, lengths=lengths).sum() for hmm in (START, result.hmm)
    )
    np.testing.assert_allclose(result.log_likelihoods, [before, after], rtol=1e-12)
    assert not result.converged


def test_twenty_steps_against_hmmlearn():
    sequences = sample("linear-3", 60, 25)
    result = fit(sequences, initial=START, max_steps=20, tolerance=0.0)
    model = CategoricalHMM(3, n_features=3, init_params="", n_iter=20, tol=-np.inf)
    model.startprob_, model.transmat_ = START.initial_probs, START.transition_matrix
    model.emissionprob_ = START.emission_probs
    model.fit(sequences.reshape(-1, 1).astype(int), lengths=[25] * 60)
    assert_close(result.hmm, HMM(model.startprob_, model.transmat_, model.emissionprob_), atol=1e-9)
    np.testing.assert_allclose(result.log_likelihoods[:-1], model.monitor_.history, rtol=1e-11)


def go_half_way_to_uniform(hmm):
    """A start for a fit: a random one may end in another maximum."""
    parts = (hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs)
    return HMM(*(part / 2 + 0.5 / part.shape[-1] for part in parts))


@pytest.mark.parametrize("seed", range(3))
def test_log_likelihood_never_decreases_until_it_converges(seed):
    sequences = sample("fully-connected-3", 40, 30, seed=seed)
    truth = load_preset("fully-connected-3").hmm
    result = fit(sequences, initial=go_half_way_to_uniform(truth), max_steps=2000, tolerance=1e-9)
    assert np.all(np.diff(result.log_likelihoods) >= 0)
    assert result.converged
    final = compute_log_likelihood(result.hmm, sequences).sum()
    assert result.log_likelihoods[-1] == pytest.approx(final, rel=1e-12)
    assert result.log_likelihoods[-1] >= compute_log_likelihood(truth, sequences).sum()


@pytest.mark.parametrize("name", ["fully-connected-3", pytest.param("cyclic-4", marks=pytest.mark.slow)])
def test_identifiable_parameters_are_recovered(name):
    truth = load_preset(name).hmm
    result = fit_baum_welch(
        sample(name, 1000, 50),
        truth.n_states,
        truth.n_symbols,
        rng=np.random.default_rng(1),
        initial=go_half_way_to_uniform(truth),
        max_steps=50,
        tolerance=1e-6,
    )
    fitted = align_states(result.hmm, truth)
    np.testing.assert_allclose(fitted.transition_matrix, truth.transition_matrix, atol=0.02)
    np.testing.assert_allclose(fitted.emission_probs, truth.emission_probs, atol=0.02)
    kl_rate = estimate_kl_rate(truth, fitted, n_sequences=1000, n_steps=50, rng=np.random.default_rng(2))
    assert kl_rate.mean < 5e-4


def test_best_restart_is_returned_and_the_seed_decides():
    sequences = sample("linear-3", 50, 20)
    result, again = (
        fit(sequences, n_restarts=4, max_steps=8, rng=np.random.default_rng(3)) for _ in range(2)
    )
    assert result.restart_log_likelihoods.shape == (4,)
    assert len(set(result.restart_log_likelihoods)) == 4
    assert result.log_likelihoods[-1] == result.restart_log_likelihoods.max()
    assert result.hmm == again.hmm
    assert result.log_likelihoods.size == 9
    assert not result.converged


def test_states_come_in_order_of_their_share_of_steps():
    hmm = HMM([0.2, 0.3, 0.5], np.tile([0.2, 0.3, 0.5], (3, 1)), np.eye(3))
    sequences = sample_sequences(hmm, 200, 20, rng=np.random.default_rng(0)).symbols
    fitted = fit(sequences, initial=HMM(hmm.initial_probs, hmm.transition_matrix, hmm.emission_probs))
    np.testing.assert_array_equal(fitted.hmm.emission_probs, np.eye(3)[[2, 1, 0]])


def test_states_that_are_never_visited_keep_their_rows():
    start = HMM(
        [0.5, 0.5, 0], [[0.5, 0.5, 0], [0.5, 0.5, 0], [0.1, 0.2, 0.7]], [[0.6, 0.2, 0.2]] * 2 + [[0, 1, 0]]
    )
    result = fit(sample("linear-3", 20, 10), initial=start, max_steps=3)
    np.testing.assert_array_equal(result.hmm.transition_matrix[2], [0.1, 0.2, 0.7])
    np.testing.assert_array_equal(result.hmm.emission_probs[2], [0, 1, 0])


def test_single_steps_and_many_batches():
    sequences = sample("linear-2", 50_000, 1)
    result = fit_baum_welch(sequences, 1, 3, rng=np.random.default_rng(0), n_restarts=1, max_steps=3)
    np.testing.assert_allclose(
        result.hmm.emission_probs[0], np.bincount(sequences.ravel()) / 50_000, rtol=1e-12
    )
    long = sample("linear-3", 3000, 60)
    step = fit(long, initial=START, max_steps=1).log_likelihoods
    assert step[0] == pytest.approx(compute_log_likelihood(START, long).sum(), rel=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_restarts": 0}, "`n_restarts` must be a whole number ≥ 1, got 0"),
        ({"max_steps": 0}, "`max_steps` must be a whole number ≥ 1, got 0"),
        ({"tolerance": -1.0}, r"`tolerance` must lie in \[0, inf\], got -1.0"),
        ({"initial": build_linear_chain(2)}, "must have 3 states and 3 symbols, got 2 and 3"),
        ({"initial": HMM([1, 0, 0], np.eye(3), np.eye(3))}, "`initial` must give every sequence a positive"),
    ],
)
def test_invalid_options(options, message):
    with pytest.raises(InputError, match=message):
        fit(sample("linear-3", 20, 10), **options)


# Alignment


def perturb(hmm, rng, size):
    def blur(rows):
        return (1 - size) * rows + size * rng.dirichlet(np.ones(rows.shape[-1]), size=rows.shape[:-1])

    return HMM(blur(hmm.initial_probs), blur(hmm.transition_matrix), blur(hmm.emission_probs))


@pytest.mark.parametrize(
    "reference",
    [load_preset(name).hmm for name in list_presets()]
    + [build_random(40, 10, rng=np.random.default_rng(0)), build_ring(12)],
    ids=repr,
)
def test_alignment_undoes_a_permutation_despite_noise(reference):
    rng = np.random.default_rng(0)
    for _ in range(5):
        noisy = perturb(reference, rng, 0.02)
        order = rng.permutation(reference.n_states)
        aligned = align_states(reorder_states(noisy, order), reference)
        np.testing.assert_array_equal(aligned.emission_probs, noisy.emission_probs)
        np.testing.assert_array_equal(aligned.transition_matrix, noisy.transition_matrix)


def test_alignment_uses_transitions_where_emissions_are_equal():
    stay = np.array([0.9, 0.6, 0.3])
    transition = np.diag(stay) + (1 - stay)[:, None] * (1 - np.eye(3)) / 2
    reference = HMM(np.full(3, 1 / 3), transition, np.full((3, 2), 0.5), state_names=("slow", "mid", "fast"))
    aligned = align_states(reorder_states(reference, np.array([2, 0, 1])), reference)
    assert aligned == reference
    assert aligned.state_names == ("slow", "mid", "fast")


def test_alignment_of_a_hidden_path_needs_the_current_order():
    # A directed ring in which only the first state can be heard: the others differ by their distance to it.
    emission = np.array([[1.0, 0.0]] + [[0.0, 1.0]] * 7)
    reference = HMM(np.full(8, 1 / 8), np.roll(np.eye(8), 1, axis=1), emission)
    order = np.random.default_rng(1).permutation(8)
    aligned = align_states(reorder_states(reference, order), reference)
    np.testing.assert_array_equal(aligned.transition_matrix, reference.transition_matrix)


def test_alignment_tells_states_apart_by_where_they_are_entered_from():
    transition = np.array([[0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0]])
    emission = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])
    reference = HMM(np.full(4, 1 / 4), transition, emission)
    for order in itertools.permutations(range(4)):
        aligned = align_states(reorder_states(reference, np.array(order)), reference)
        np.testing.assert_array_equal(aligned.transition_matrix, transition)


def test_alignment_of_different_sizes():
    with pytest.raises(InputError, match="must have 3 states and 3 symbols, got 2 and 3"):
        align_states(build_linear_chain(2), build_linear_chain(3))
