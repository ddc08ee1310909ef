import numpy as np
import pytest
from dwell_sequences import cut_window, draw_renewals, resample_lengths
from scipy import stats

from orbitscope.principles.dwell.dwell_laws import (
    bin_hazard,
    choose_age_bins,
    compare_ages,
    compute_hazard,
    compute_survival,
    measure_moments,
    pool_states,
)
from orbitscope.principles.dwell.dwell_times import count_ages, find_dwells
from orbitscope.principles.dwell.resampled_dwells import compare_cv, find_cv, find_mean, resample_dwells
from orbitscope.statistics import bootstrap_statistic


def count(states, horizon):
    return count_ages(find_dwells(states), len(states), 2, horizon).sum((0, 1))


@pytest.mark.parametrize("n_steps", [12, 40, 400])
def test_survival_is_that_of_kaplan_and_meier(n_steps):
    """The estimate of SciPy; a dwell that is cut after c steps is known to last longer than c − 1."""
    rng = np.random.default_rng(n_steps)
    states = draw_renewals(30, n_steps, lambda size: rng.geometric(0.15, size))
    dwells = find_dwells(states)
    sample = stats.CensoredData(
        uncensored=dwells.length[dwells.is_ended], right=dwells.length[~dwells.is_ended] - 1
    )
    expected = stats.ecdf(sample).sf
    found = compute_survival(count(states, n_steps))
    np.testing.assert_allclose(found, expected.evaluate(np.arange(n_steps + 1)), atol=1e-12)


def test_a_hazard_where_nothing_is_at_risk_is_zero():
    sums = np.array([[1.0, 0.0, 2.0, 0.0], [4.0, 3.0, 2.0, 0.0]])
    np.testing.assert_allclose(compute_hazard(sums), [0.25, 0, 1, 0])
    np.testing.assert_allclose(compute_survival(sums), [1, 0.75, 0.75, 0, 0])


@pytest.mark.parametrize("horizon", [3, 30])
def test_moments_are_those_of_dwells_cut_at_the_horizon(horizon):
    lengths = np.array([1, 2, 2, 5, 9, 40])
    survival = (lengths[:, None] > np.arange(horizon + 1)).mean(0)
    cut = np.minimum(lengths, horizon)
    np.testing.assert_allclose(measure_moments(survival), [cut.mean(), cut.std() / cut.mean()])
    assert survival[-1] == (lengths > horizon).mean()


def test_a_geometric_law_has_the_cv_of_one_without_memory():
    stay = 0.9
    mean, cv = measure_moments(stay ** np.arange(2000))
    assert mean == pytest.approx(10)
    assert cv == pytest.approx(np.sqrt(stay))


def draw_gamma(rng, size):
    return np.ceil(rng.gamma(4, 10, size)).astype(int)


def draw_passages(rng, size):
    """First passages of a drift to a threshold."""
    return np.ceil(rng.wald(40, 160, size)).astype(int)


@pytest.mark.parametrize("draw", [draw_gamma, draw_passages])
def test_dwells_to_a_threshold_have_their_closed_cv(draw):
    """CV = 1/√shape = √(μ/λ) = ½; rounding up to steps adds half a step to the mean of 40."""
    rng = np.random.default_rng(1)
    states = draw_renewals(150, 900, lambda size: draw(rng, size))
    cv = find_cv(count(states, 600))
    closed = 20 / 40.5
    error = closed * np.sqrt(1 / len(find_dwells(states)))
    assert cv == pytest.approx(closed, abs=5 * error)
    assert error < 0.02


def test_rounding_gives_no_negative_variance():
    nearly = np.array([1.0, 1 - 1e-16, 1 - 1e-16, 0.0])
    assert measure_moments(nearly)[1] == 0.0


def test_a_clock_has_no_spread():
    states = draw_renewals(5, 50, lambda size: np.full(size, 7))
    mean, cv = measure_moments(compute_survival(count(states, 40)))
    assert (mean, cv) == (pytest.approx(7), 0.0)


def test_a_known_hazard_comes_back_through_heavy_censoring():
    """Windows no longer than two dwells: most are cut, and the mean of whole ones is far too short."""
    hazard = np.minimum(0.02 * np.arange(1, 60), 0.5)
    survival = np.cumprod(np.append(1, 1 - hazard))
    pmf = survival[:-1] * hazard
    rng = np.random.default_rng(3)
    lengths = np.append(pmf, 1 - pmf.sum())
    n_steps, n_trajectories = 16, 6000
    states = draw_renewals(
        n_trajectories, n_steps, lambda size: 1 + rng.choice(len(lengths), p=lengths, size=size), lead=300
    )
    sums = count(states, n_steps - 2)
    dwells = find_dwells(states)
    assert dwells.is_ended.mean() < 0.5
    at_risk = sums[1]
    error = np.sqrt(hazard[:14] * (1 - hazard[:14]) / np.maximum(at_risk, 1))
    assert (np.abs(compute_hazard(sums) - hazard[:14]) < 5 * error).all()
    assert (at_risk > 50).all()
    whole = dwells.length[dwells.is_ended].mean()
    mean = np.minimum(np.arange(len(lengths)) + 1, 14) @ lengths
    assert find_mean(sums) == pytest.approx(mean, rel=0.024)
    assert whole < 0.9 * mean


def test_hazards_are_compared_at_the_median():
    """Hazard .1 up to the median of 7 steps, .3 after it."""
    hazard = np.where(np.arange(1, 41) <= 7, 0.1, 0.3)
    at_risk = np.append(1e6, 1e6 * np.cumprod(1 - hazard))[:-1]
    sums = np.stack([at_risk * hazard, at_risk])
    assert compare_ages(sums) == pytest.approx(3.0)
    flat = np.stack([at_risk * 0.1, at_risk])
    assert compare_ages(flat) == pytest.approx(1.0)
    batch = compare_ages(np.stack([sums, flat]))
    np.testing.assert_allclose(batch, [3.0, 1.0])


def test_the_age_by_which_half_have_ended_is_early():
    """Two of four end at 2: the median, though no fewer than half outlast it."""
    assert compare_ages(np.array([[0.0, 2.0, 1.0, 1.0], [4.0, 4.0, 2.0, 1.0]])) == pytest.approx(
        2 / 3 / (2 / 8)
    )


def test_a_clock_has_no_late_hazard():
    assert np.isnan(compare_ages(np.array([[0.0, 0, 9, 0], [9.0, 9, 9, 0]])))


def test_bins_widen_and_leave_no_age_out():
    bins = choose_age_bins(500, 16)
    assert bins[0, 0] == 1
    assert bins[-1, 1] == 500
    np.testing.assert_array_equal(bins[1:, 0], bins[:-1, 1] + 1)
    assert (np.diff(bins[:, 1] - bins[:, 0]) >= -1).all()
    sums = np.stack([np.arange(500.0), 1000 - np.arange(500.0)])
    found = bin_hazard(sums, bins)
    for (first, last), value in zip(bins, found, strict=True):
        ages = slice(first - 1, last)
        assert value == pytest.approx(sums[0, ages].sum() / sums[1, ages].sum())
    assert np.isnan(bin_hazard(np.zeros((2, 500)), bins)).all()


def test_states_are_pooled_by_their_sums():
    sums = np.random.default_rng(0).random((3, 2, 2, 5))
    pooled = pool_states(sums)
    np.testing.assert_allclose(pooled[:, 0], sums[:, 0] + sums[:, 1])
    np.testing.assert_array_equal(pooled[:, 1:], sums)


def test_resamples_are_of_trajectories():
    """A resample of the sums is the sum over the trajectories that were drawn."""
    rng = np.random.default_rng(4)
    states = draw_renewals(25, 80, lambda size: rng.geometric(0.2, size))
    found = resample_dwells(states, 2, 50, rng=np.random.default_rng(5), n_resamples=20, confidence=0.9)
    drawn = resample_lengths(states, 20, np.random.default_rng(5))
    cv = find_cv(found.sums.samples)[:, 0]
    np.testing.assert_allclose(cv, [find_cv(count(rows, 50)) for rows in drawn])
    estimate = found.derive(find_cv)
    assert float(estimate.low[0]) == pytest.approx(np.quantile(cv, 0.05))
    assert found.n_dwells.tolist() == [
        found.n_dwells[1:].sum(),
        *(((find_dwells(states).state == k) & find_dwells(states).is_ended).sum() for k in (0, 1)),
    ]


def test_few_dwells_have_no_law():
    states = np.zeros((4, 60), dtype=int)
    states[:, 20:40] = 1
    found = resample_dwells(states, 2, 50, rng=np.random.default_rng(0), n_resamples=5)
    assert found.n_dwells.tolist() == [4, 0, 4]
    assert np.isnan(found.derive(find_cv).value).all()


def test_cv_ratios_have_resamples_of_both():
    rng = np.random.default_rng(6)
    regular = draw_renewals(60, 300, lambda size: 5 + rng.geometric(0.2, size))
    memoryless = draw_renewals(60, 300, lambda size: rng.geometric(0.1, size))
    laws = [resample_dwells(states, 2, 100, rng=rng, n_resamples=400) for states in (regular, memoryless)]
    ratio = compare_cv(*laws)
    values = [find_cv(law.sums.estimate) for law in laws]
    np.testing.assert_allclose(ratio.value, values[0] / values[1])
    logs = [np.log(find_cv(law.sums.samples)).std(0) for law in laws]
    width = np.log(ratio.high / ratio.low) / 2 / 1.96
    np.testing.assert_allclose(width, np.hypot(*logs), rtol=0.19)
    assert (ratio.high < 0.9).all()


def test_a_ratio_needs_enough_dwells_of_both():
    rng = np.random.default_rng(8)
    many, few = (
        resample_dwells(
            draw_renewals(n, 60, lambda size: rng.geometric(0.2, size)), 2, 50, rng=rng, n_resamples=5
        )
        for n in (40, 3)
    )
    assert np.isfinite(compare_cv(many, many).value).all()
    assert np.isnan(compare_cv(many, few).value[1:]).all()
    assert np.isnan(compare_cv(few, many).value[1:]).all()


@pytest.mark.slow
def test_the_interval_of_the_cv_covers_it():
    """Nominal 95 %: between 91 and 98 % of 400 samples of 40 trajectories."""
    rng, p = np.random.default_rng(7), 0.1
    covered = []
    for _ in range(400):
        states = draw_renewals(40, 300, lambda size: rng.geometric(p, size))
        counts = count_ages(find_dwells(states), 40, 2, 200).sum(1)
        found = bootstrap_statistic(counts, find_cv, rng=rng, n_resamples=300).as_estimate()
        covered.append(not found.excludes(np.sqrt(1 - p)))
    assert 0.91 <= np.mean(covered) <= 0.98


def test_windows_cut_what_lies_outside():
    np.testing.assert_array_equal(cut_window(np.array([2, 3, 2]), 6), [0, 0, 1, 1, 1, 0])
