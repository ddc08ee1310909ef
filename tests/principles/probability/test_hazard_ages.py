import numpy as np
import pytest
import torch

from orbitscope.errors import InputError
from orbitscope.hmm import (
    HMM,
    compute_run_ends_by_target,
    compute_run_length_law,
    load_preset,
    sample_sequences,
)
from orbitscope.principles.probability.filtered_noise import DrivenSteps
from orbitscope.principles.probability.hazard_ages import (
    choose_edges,
    count_by_age,
    find_ages,
    find_process_hazards,
)

MARKOV = HMM([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], np.eye(2))


@pytest.mark.parametrize("name", ["linear-3", "cyclic-4", "fully-connected-3"])
def test_runs_by_target_are_those_of_the_run_law(name):
    hmm = load_preset(name).hmm
    law = compute_run_length_law(hmm, max_length=12)
    ends, lasting = compute_run_ends_by_target(hmm, max_length=12)
    np.testing.assert_allclose(ends.sum(1) / lasting, law.hazard, rtol=1e-9)
    np.testing.assert_allclose(lasting, law.survival * law.run_counts[:, None], rtol=1e-9)
    pooled = law.pooled_pmf / law.pooled_survival
    np.testing.assert_allclose(ends.sum((0, 1)) / lasting.sum(0), pooled, rtol=1e-9)
    assert not np.einsum("iil->il", ends).any()


def test_targets_of_runs_are_those_of_a_sample():
    hmm = load_preset("cyclic-4").hmm
    symbols = sample_sequences(hmm, 400, 500, rng=np.random.default_rng(0)).symbols
    ends, lasting = compute_run_ends_by_target(hmm, max_length=3)
    is_run = (symbols[:, :-3] != symbols[:, 1:-2]) & (symbols[:, 1:-2] == symbols[:, 2:-1])
    for a, b in ((0, 1), (1, 2), (2, 0)):
        counted = (is_run & (symbols[:, 2:-1] == a) & (symbols[:, 3:] == b)).mean()
        error = 1 / np.sqrt(ends[a, b, 1] * is_run.size)
        assert counted / ends[a, b, 1] == pytest.approx(1, abs=5 * error)
    with pytest.raises(InputError, match="max_length"):
        compute_run_ends_by_target(hmm, max_length=0)


def test_a_markov_chain_has_flat_hazards():
    edges = np.array([1, 2, 5, 9])
    hazard, ratio = find_process_hazards(MARKOV, [(0, 1), (1, 0)], edges, 4)
    np.testing.assert_allclose(hazard[1], 0.1)
    np.testing.assert_allclose(hazard[2], 0.3)
    np.testing.assert_allclose(ratio[1:], 1)
    # As many runs of either symbol: older ones are those of the one that stays.
    lengths = np.arange(1, 9)
    ends = 0.1 * 0.9 ** (lengths - 1) + 0.3 * 0.7 ** (lengths - 1)
    lasting = 0.9 ** (lengths - 1) + 0.7 ** (lengths - 1)
    expected = [ends[a - 1 : b - 1].sum() / lasting[a - 1 : b - 1].sum() for a, b in ((1, 2), (2, 5), (5, 9))]
    np.testing.assert_allclose(hazard[0], expected)
    hazard, ratio = find_process_hazards(None, [(0, 1)], edges, 4)
    assert hazard.shape == (2, 3)
    assert np.isnan(hazard).all()
    assert np.isnan(ratio).all()


def test_later_hazards_are_those_of_all_later_ages():
    """A chain whose symbols flicker: long runs are those of the symbol that lasts."""
    hmm = load_preset("linear-3").hmm
    law = compute_run_length_law(hmm, max_length=400)
    _, ratio = find_process_hazards(hmm, [(0, 2)], np.array([1, 2, 4, 400]), 2)
    early = law.pooled_pmf[:2].sum() / law.pooled_survival[:2].sum()
    later = law.pooled_pmf[2:].sum() / law.pooled_survival[2:].sum()
    assert ratio[0] == pytest.approx(early / later, rel=1e-6)


def test_ages_are_steps_that_the_run_before_has_lasted():
    symbol = np.array([[0, 0, 1, 1, 1, 0, 2, 2]])
    steps = DrivenSteps(torch.zeros(8, 1, 1), torch.ones(8, 1), symbol, 2)
    np.testing.assert_array_equal(find_ages(steps), [[0, 1, 2, 3, 1, 1]])


def test_bins_of_ages_are_whole_and_end_where_steps_do():
    ages = np.concatenate([np.full(1000, age) for age in range(1, 21)] + [np.array([90])])[None]
    edges = choose_edges(ages)
    assert edges[:4].tolist() == [1, 2, 3, 4]
    assert (np.diff(edges) > 0).all()
    assert 20 < edges[-1] <= 30
    assert choose_edges(np.zeros((2, 3), dtype=int)).tolist() == [1, 2]


def test_sums_by_age_are_counted_by_trajectory():
    rng = np.random.default_rng(3)
    ages, values = rng.integers(0, 12, (4, 50)), rng.random((2, 4, 50))
    edges = np.array([1, 2, 4, 9])
    found = count_by_age(ages, edges, list(values))
    assert found.shape == (4, 2, 3)
    for n in range(4):
        for k in range(3):
            is_in = (ages[n] >= edges[k]) & (ages[n] < edges[k + 1])
            np.testing.assert_allclose(found[n, :, k], values[:, n, is_in].sum(1))
