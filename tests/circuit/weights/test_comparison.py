import numpy as np
import pytest

from orbitscope.circuit.weights.comparison import build_null, compare_with_draws, span_draws


def test_sizes_and_p_values_have_their_closed_form():
    """Draws 0 … 98: their mean is 49; 150 is beyond all, −1 below all, 49.5 beyond half of them."""
    draws = np.arange(99.0)[:, None] * np.ones(4)
    observed = np.array([150.0, -1.0, 49.5, 1e9])
    size, null = compare_with_draws("chance", observed, draws, np.array([1, -1, 1, 0]))
    spread = np.sqrt((99**2 - 1) / 12)
    np.testing.assert_allclose(size, [101 / spread, 50 / spread, 0.5 / spread, np.nan])
    # Alone: 1/100, 1/100, 50/100. By Holm: times 3, times 2 but not below the one before, times 1.
    np.testing.assert_allclose(null.p_value, [0.03, 0.03, 0.5, np.nan])
    np.testing.assert_allclose(null.quantile[:2], (np.quantile(np.arange(99), 0.95) - 49) / spread)


def test_the_side_that_counts_is_that_of_the_sign():
    draws = np.random.default_rng(0).standard_normal((199, 1))
    size, null = compare_with_draws("chance", np.array([-3.0]), draws, np.array([1]))
    other, opposite = compare_with_draws("chance", np.array([-3.0]), draws, np.array([-1]))
    np.testing.assert_allclose(size, -other)
    assert size[0] < -2.5
    assert null.p_value[0] > 0.95
    assert opposite.p_value[0] < 0.02


def test_what_is_undefined_or_never_varies_is_not_tested():
    draws = np.random.default_rng(0).standard_normal((19, 3))
    draws[:, 1], draws[:10, 2] = 7.0, np.nan
    size, null = compare_with_draws("chance", np.array([np.nan, 7.0, 0.0]), draws, np.ones(3, dtype=int))
    assert np.isnan(size).all()
    assert np.isnan(null.p_value).all()
    none, empty = compare_with_draws("chance", np.zeros(3), draws[:0], np.ones(3, dtype=int))
    assert np.isnan([none, empty.quantile, span_draws(draws[:0]).value]).all()


def test_an_undefined_draw_counts_against_what_is_tested():
    """Three of 99 draws are undefined, none of the others is as large: p = 4/100."""
    draws = np.arange(99.0)[:, None]
    draws[[5, 50, 70]] = np.nan
    null = build_null("chance", np.array([200.0]), draws)
    assert null.p_value[0] == pytest.approx(0.04)
    assert null.quantile[0] == pytest.approx(np.nanquantile(draws, 0.95))
    size, signed = compare_with_draws("chance", np.array([-200.0]), -draws, -np.ones(1, dtype=int))
    assert signed.p_value[0] == pytest.approx(0.04)
    assert size[0] == pytest.approx((200 - np.nanmean(draws)) / np.nanstd(draws))
    assert span_draws(draws).value[0] == pytest.approx(np.nanmean(draws))


def test_a_span_is_the_mean_and_the_central_95_percent():
    span = span_draws(np.arange(201.0)[:, None])
    assert (span.value[0], span.low[0], span.high[0]) == pytest.approx((100, 5, 195))
