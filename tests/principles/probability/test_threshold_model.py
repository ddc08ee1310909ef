import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr
from scipy.stats import norm

from orbitscope.principles.probability.threshold_model import (
    CENTRES,
    LARGEST_SCORE,
    N_BINS,
    RIDGE,
    count_scores,
    fit_probit,
    measure_auc,
    measure_tail,
    standardise,
)


def make_gaussian(intercept, slope, *, n_steps=1e6, mean=0.0, spread=1.0):
    """Expected counts of Gaussian scores whose events have the probability Φ(α + β z)."""
    steps = n_steps * np.diff(norm.cdf(np.linspace(-LARGEST_SCORE, LARGEST_SCORE, N_BINS + 1), mean, spread))
    return np.stack([steps, steps * ndtr(intercept + slope * CENTRES)])


@pytest.mark.parametrize(("intercept", "slope"), [(-1.9, 0.0), (-2.5, 1.1), (-8.0, 4.0), (-1.0, -0.5)])
def test_a_fit_returns_the_tail_that_made_the_counts(intercept, slope):
    table = make_gaussian(intercept, slope)
    fit = fit_probit(table[:1], table[1:])
    assert fit.converged
    # The penalty pulls a slope of 4 by 4/10⁴ of its information.
    np.testing.assert_allclose([fit.intercept[0], fit.slope[0]], [intercept, slope], rtol=5e-3, atol=1e-6)


def test_a_fit_is_the_maximum_of_its_objective():
    rng = np.random.default_rng(0)
    steps = rng.integers(0, 30, N_BINS).astype(float)
    events = rng.binomial(steps.astype(int), ndtr(-1 + 0.7 * CENTRES)).astype(float)

    def lose(theta):
        eta = theta[0] + theta[1] * CENTRES
        terms = events * log_ndtr(eta) + (steps - events) * log_ndtr(-eta)
        return 0.5 * RIDGE * theta[1] ** 2 - terms.sum()

    best = minimize(lose, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    fit = fit_probit(steps[None], events[None])
    np.testing.assert_allclose([fit.intercept[0], fit.slope[0]], best.x, atol=1e-5)
    again = fit_probit(steps[None], events[None], start=(float(best.x[0]), float(best.x[1])), max_steps=3)
    assert again.converged
    np.testing.assert_allclose(again.slope, fit.slope, atol=1e-8)


def test_each_row_is_fitted_alone():
    tables = [make_gaussian(-2, 0.5), make_gaussian(-3, 1.5), make_gaussian(-1, 0)]
    steps, events = np.stack(tables, axis=1)
    together = fit_probit(steps, events)
    for i, table in enumerate(tables):
        alone = fit_probit(table[:1], table[1:])
        np.testing.assert_allclose(together.slope[i], alone.slope[0], atol=1e-6)
        np.testing.assert_allclose(together.intercept[i], alone.intercept[0], atol=1e-6)


def test_a_perfect_threshold_has_a_finite_slope():
    steps = 1e4 * norm.pdf(CENTRES)
    events = steps * (CENTRES > 1.5)
    fit = fit_probit(steps[None], events[None])
    assert fit.converged
    assert 20 < fit.slope[0] < 300
    assert -fit.intercept[0] / fit.slope[0] == pytest.approx(1.5, abs=0.03)


def test_counts_without_an_event_or_a_step_have_finite_fits():
    steps = 1e4 * norm.pdf(CENTRES)
    none = fit_probit(np.stack([steps, 0 * steps]), np.zeros((2, N_BINS)))
    assert np.isfinite(none.intercept).all()
    assert np.isfinite(none.slope).all()
    assert none.intercept[0] < -3


def test_scores_are_counted_by_trajectory_and_bin():
    rng = np.random.default_rng(1)
    score = standardise(rng.standard_normal((3, 40)) * 4, 0.0, 1.0)
    is_in, is_event = rng.random((3, 40)) < 0.7, rng.random((3, 40)) < 0.3
    other = rng.random((3, 40))
    found = count_scores(score, is_in, is_event, other)
    expected = np.zeros((3, 3, N_BINS))
    for i, t in zip(*np.nonzero(is_in), strict=True):
        place = int((score[i, t] + LARGEST_SCORE) // (2 * LARGEST_SCORE / N_BINS))
        expected[i, :, place] += [1, is_event[i, t], other[i, t]]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found[:, 0].sum() == is_in.sum()
    edge = count_scores(standardise(np.array([[1e9, -1e9]]), 0.0, 1.0), *np.ones((2, 1, 2), dtype=bool))
    assert (edge[0, 0, 0], edge[0, 0, -1]) == (1, 1)


def test_the_auc_is_that_of_all_pairs():
    rng = np.random.default_rng(2)
    steps = rng.integers(0, 4, N_BINS) * (np.arange(N_BINS) % 23 == 0)
    events = rng.binomial(steps, 0.4)
    a, b = (np.repeat(CENTRES, n) for n in (events, steps - events))
    pairs = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    table = np.stack([steps, events]).astype(float)
    assert float(measure_auc(table)) == pytest.approx(pairs, abs=1e-12)
    np.testing.assert_allclose(measure_auc(np.stack([table, 3 * table])), pairs)
    assert np.isnan(measure_auc(np.stack([steps, 0.0 * steps])))


def test_the_auc_of_two_gaussians_is_known():
    steps = norm.pdf(CENTRES) + norm.pdf(CENTRES - 1)
    table = np.stack([steps, norm.pdf(CENTRES - 1)])
    assert float(measure_auc(table)) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=1e-4)


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (0.4, 1.3)])
def test_a_gaussian_tail_in_numbers(mean, spread):
    """Threshold 2 and rest .8, in units of the scores; what is beyond it is the share of events."""
    slope = 1 / 0.8
    table = make_gaussian(-2 * slope, slope, mean=mean, spread=spread)
    threshold, softness, tail, kurtosis = measure_tail(table[None], start=(-2.0, 1.0))[0]
    assert threshold == pytest.approx((2 - mean) / spread, rel=2e-3)
    assert softness == pytest.approx(0.8 / spread, rel=2e-3)
    assert tail == pytest.approx(table[1].sum() / table[0].sum(), rel=2e-3)
    assert tail == pytest.approx(norm.sf((2 - mean) / np.hypot(0.8, spread)), rel=2e-3)
    assert kurtosis == pytest.approx(0, abs=2e-3)


def test_scores_that_are_not_gaussian_have_a_kurtosis():
    flat = np.where(np.abs(CENTRES) < 2, 1000.0, 0)
    assert measure_tail(np.stack([flat, flat / 9])[None])[0, 3] == pytest.approx(-1.2, abs=2e-3)


def test_noise_that_hinders_has_no_threshold():
    threshold, softness, tail, _ = measure_tail(make_gaussian(-1.5, -0.5)[None])[0]
    assert np.isnan(threshold)
    assert np.isnan(softness)
    assert 0 < tail < 1
