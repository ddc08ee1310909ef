"""Pairs of consecutive symbols: expected counts, and what is told from them."""

import itertools
import math

import numpy as np
import pytest
import torch

from orbitscope.hmm import compute_ngram_law, load_preset
from orbitscope.network import count_expected_pairs
from orbitscope.training import compare_symbol_matrices, compute_memory

HMM = load_preset("linear-3").hmm


def test_expected_pairs_equal_the_sum_over_all_symbol_sequences():
    """Brute force: every sequence of 4 symbols, weighted by its probability given the states."""
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.softmax(torch.randn(4, 3, 3, generator=generator, dtype=torch.float64), -1)
    expected = np.zeros((3, 3))
    for trajectory in range(3):
        for sequence in itertools.product(range(3), repeat=4):
            weight = math.prod(float(probabilities[t, trajectory, s]) for t, s in enumerate(sequence))
            for before, after in itertools.pairwise(sequence):
                expected[before, after] += weight
    np.testing.assert_allclose(count_expected_pairs(probabilities), expected, rtol=1e-12)


def test_memory_is_the_share_of_the_dependence_between_neighbours():
    process = torch.from_numpy(compute_ngram_law(HMM, 2).copy())
    independent = torch.outer(process.sum(1), process.sum(0))
    assert compute_memory(process, process, independent) == pytest.approx(1)
    assert compute_memory(7 * independent, process, independent) == pytest.approx(0, abs=1e-12)
    assert compute_memory(0.7 * independent + 0.3 * process, process, independent) == pytest.approx(0.3)
    one_symbol = torch.zeros_like(process)
    one_symbol[0, 0] = 1.0
    assert compute_memory(one_symbol, process, independent) == pytest.approx(0, abs=1e-12)
    assert compute_memory(process, independent, independent) == 1.0


def test_a_row_that_is_never_visited_counts_as_entirely_wrong():
    process = torch.from_numpy(compute_ngram_law(HMM, 2).copy())
    one_symbol = torch.zeros_like(process)
    one_symbol[0, 0] = 1.0
    assert compare_symbol_matrices(one_symbol, process) == 1.0
    assert compare_symbol_matrices(3 * process, process) == pytest.approx(0, abs=1e-12)
