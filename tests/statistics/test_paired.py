"""Differences within pairs, against closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from orbitscope.statistics import compare_paired, compute_sign_test


@pytest.mark.parametrize(("n_higher", "n_lower"), [(6, 0), (0, 6), (5, 1), (3, 3), (7, 1), (2, 9)])
def test_the_sign_test_is_twice_the_smaller_tail(n_higher, n_lower):
    n = n_higher + n_lower
    tail = sum(math.comb(n, k) for k in range(min(n_higher, n_lower) + 1)) / 2**n
    signs = np.repeat([1.0, -1.0, 0.0], [n_higher, n_lower, 2])
    assert compute_sign_test(signs) == pytest.approx(min(1.0, 2 * tail), rel=1e-12)


def test_without_differences_there_is_no_sign_test():
    assert math.isnan(compute_sign_test(np.zeros(3)))


def test_pairs_without_a_value_are_left_out_and_the_mean_has_the_interval_of_student():
    values = np.array([[3.0, 1.0], [5.0, 2.0], [np.nan, 1.0], [4.0, 0.0]])
    found = compare_paired(values)
    assert (found.n_pairs, found.n_higher, found.n_lower) == (3, 3, 0)
    half = stats.t.ppf(0.975, 2) * 1.0 / math.sqrt(3)  # differences 2, 3, 4
    assert (found.mean, found.low, found.high) == pytest.approx((3.0, 3.0 - half, 3.0 + half))
    assert found.p_value == 0.25


@pytest.mark.parametrize("values", [np.empty((0, 2)), np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]] * 3)])
def test_too_few_pairs_or_no_spread_have_no_interval(values):
    found = compare_paired(values)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(found.mean) == (len(values) == 0)
