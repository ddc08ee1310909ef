import numpy as np
import pytest

from orbitscope.principles.probability.committor_checks import (
    average_bins,
    compute_calibration,
    share_zones,
    sum_calibration,
    sum_zones,
)
from orbitscope.principles.probability.excursions import Excursions
from orbitscope.principles.probability.passage_measures import (
    align_passages,
    average_times,
    find_switch_leads,
    measure_beyond,
    measure_reach,
    sum_passages,
)


def make_excursions(*rows):
    return Excursions(*np.array(rows).T)


TWO = make_excursions((0, 2, 6, 0, 1), (1, 3, 4, 1, 0))
"""A passage with three steps outside, and one that is never outside."""


def test_passages_are_aligned_to_the_entry():
    along = align_passages(np.array([0.2, 0.6, 0.9]), TWO)
    np.testing.assert_array_equal(along, [[1, 0.9, 0.6, 0.2, 0], [1, 0, 0, 0, 0]])


def test_time_beyond_the_surface_is_interpolated():
    np.testing.assert_allclose(measure_beyond(np.array([[1, 0.9, 0.6, 0.2, 0]])), 2.25)
    np.testing.assert_allclose(measure_beyond(np.array([[1, 0.0, 0.0]])), 0.5)
    np.testing.assert_allclose(measure_beyond(np.array([[1, 0.5, 0.0]])), 1.0)
    np.testing.assert_allclose(measure_beyond(np.array([[1, 1.0, 1.0, 0.0]])), 2.5)
    again = np.array([[1, 0.8, 0.3, 0.7, 0.1, 0.0]])  # three crossings: all time on the far side counts
    np.testing.assert_allclose(measure_beyond(again), 1 + 0.6 + 0.5 + 1 / 3)
    assert np.isnan(measure_beyond(np.array([[1, np.nan, 0.0]]))).all()


def test_noise_of_the_estimates_does_not_move_the_surface():
    rng = np.random.default_rng(0)
    exact = 0.5 + 0.04 * (10.5 - np.arange(22))
    noisy = rng.binomial(31, exact, size=(4000, 22)) / 31
    assert measure_beyond(exact[None])[0] == pytest.approx(10.5)
    assert measure_beyond(noisy).mean() == pytest.approx(10.5, abs=0.1)
    last = (noisy < 0.5).argmax(1)  # the last crossing would be late by two thirds of a step
    assert last.mean() < 10


def test_switches_are_those_on_the_passage():
    symbols = np.array([[0, 0, 0, 1, 0, 1, 1, 1], [2, 2, 2, 2, 2, 2, 2, 2]])
    np.testing.assert_array_equal(find_switch_leads(symbols, TWO), [1, np.nan])


def test_means_are_sums_over_passages():
    passages = make_excursions((0, 2, 6, 0, 1), (1, 3, 4, 1, 0), (1, 6, 9, 0, 1))
    along = align_passages(np.array([0.2, 0.6, 0.9, np.nan, 1.0]), passages)
    sums = sum_passages(passages, along, np.array([1, np.nan, 2]), np.array([0, 1, 0]), (3, 2, 3))
    times = average_times(sums["times"].sum(0, keepdims=True))[0]
    np.testing.assert_allclose(times[1], [2.25, 4, 2.25 / 4, 1, 1.25])  # the third has an unknown step
    np.testing.assert_allclose(times[2, :4], [0.5, 1, 0.5, 0])
    assert np.isnan(times[2, 4])
    np.testing.assert_allclose(times[0], [2.75 / 2, 2.5, 2.75 / 5, 0.5, 1.25])
    np.testing.assert_allclose(sums["curve"][0, 1], [[1, 0.9, 0.6], [1, 1, 1]])
    assert sums["curve"][1, 1].sum() == 0
    assert sums["times"][2].sum() == 0


def test_the_reach_is_the_largest_value_of_an_attempt():
    failures = make_excursions((0, 0, 4, 0, 0), (0, 5, 7, 0, 0))
    halves = np.array([[0.1, 0.4, 0.2, 0.3], [0.2, 0.3, 0.6, 0.5]])
    reach = measure_reach(halves, failures)
    np.testing.assert_allclose(reach, [(0.3 + 0.2) / 2, (0.5 + 0.3) / 2])
    same = np.array([[0.1, 0.4, 0.2, 0.3]] * 2)
    np.testing.assert_allclose(measure_reach(same, failures), [0.4, 0.3])
    assert (
        len(measure_reach(np.empty((2, 0)), make_excursions((0, 0, 1, 0, 1)).select(np.empty(0, dtype=int))))
        == 0
    )
    partly = np.array([[np.nan, 0.4, 0.2, 0.3], [0.2, 0.4, 0.1, np.nan]])
    np.testing.assert_allclose(measure_reach(partly, failures), [0.4, np.nan])


def draw_outcomes(n_points, n_each, *, seed=0, power=1.0):
    rng = np.random.default_rng(seed)
    q = rng.beta(0.7, 0.7, size=n_points)
    halves = rng.binomial(n_each, q, size=(2, n_points)) / n_each
    return halves, rng.random(n_points) < q**power, rng.integers(40, size=n_points)


def test_the_slope_of_a_committor_is_one_however_few_the_rollouts():
    halves, is_left, owner = draw_outcomes(200_000, 3)
    sums = sum_calibration(halves, is_left, owner, 4, 40)
    slope, bias = compute_calibration(sums["moments"].sum(0, keepdims=True))[0]
    assert slope == pytest.approx(1, abs=5 * 0.0045)
    assert bias == pytest.approx(0, abs=5 * np.sqrt(0.25 / 200_000))
    naive = np.cov(is_left, halves.mean(0))[0, 1] / halves.mean(0).var()
    assert naive < 0.93  # what regression on noisy estimates would say
    predicted, left = average_bins(sums["bins"].sum(0, keepdims=True))[0]
    np.testing.assert_allclose(predicted, left, atol=0.02)
    assert sums["bins"][:, 0].sum() == pytest.approx(200_000)
    assert (np.diff(predicted) > 0).all()


def test_the_slope_is_a_ratio_of_covariances():
    u, w, y = np.array([[0.1, 0.9, 0.7, 0.2], [0.3, 1.0, 0.8, 0.3], [0, 1, 0, 1]])
    sums = sum_calibration(np.stack([u, w]), y > 0, np.array([0, 0, 1, 1]), 5, 2)
    slope, bias = compute_calibration(sums["moments"].sum(0, keepdims=True))[0]
    assert slope == pytest.approx(np.cov(y, (u + w) / 2)[0, 1] / np.cov(u, w)[0, 1])
    assert bias == pytest.approx(y.mean() - (u + w).mean() / 2)


def test_what_is_no_committor_has_another_slope_or_bias():
    halves, is_left, owner = draw_outcomes(50_000, 10, power=3.0)
    sums = sum_calibration(halves, is_left, owner, 5, 40)
    slope, bias = compute_calibration(sums["moments"].sum(0, keepdims=True))[0]
    assert bias < -0.1
    predicted, left = average_bins(sums["bins"].sum(0, keepdims=True))[0]
    assert (predicted - left)[1:4].min() > 0.1
    shrunk = 0.5 + 0.5 * (halves - 0.5)  # estimates that are too near ½
    true = np.random.default_rng(1).random(50_000) < halves[0]
    sums = sum_calibration(shrunk, true, owner, 5, 40)
    assert compute_calibration(sums["moments"].sum(0, keepdims=True))[0, 0] > 1.5


def test_bins_hold_their_edges():
    halves = np.array([[0.0, 0.2, 1.0, 0.99], [0.0, 0.2, 1.0, 0.99]])
    sums = sum_calibration(halves, np.array([False, True, True, False]), np.array([0, 0, 1, 1]), 5, 2)
    np.testing.assert_allclose(sums["bins"].sum(0)[0], [1, 1, 0, 0, 2])
    np.testing.assert_allclose(sums["bins"].sum(0)[2], [0, 1, 0, 0, 1])


def test_regions_are_shared_out_by_group():
    label, owner, group = np.array([0, 1, 1, -1, 2]), np.array([0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1])
    sums = sum_zones(label, owner, group, (2, 3, 3))
    np.testing.assert_array_equal(sums.sum(0), [[1, 2, 0], [0, 0, 1], [0, 0, 0]])
    shares = share_zones(sums.sum(0, keepdims=True))[0]
    np.testing.assert_allclose(shares[:2], [[1 / 3, 2 / 3, 0], [0, 0, 1]])
    assert np.isnan(shares[2]).all()
