import functools
import itertools
import math

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom, binomtest

from orbitscope.errors import InputError
from orbitscope.statistics import (
    Estimate,
    PlateauRule,
    adjust_holm,
    bootstrap_change_point,
    bootstrap_statistic,
    compute_jackknife,
    compute_permutation_p_value,
    decide_equivalence,
    draw_until_decided,
    find_change_point,
    fit_logistic_regression,
    flip_signs,
)

LEVEL, END = 6.6, 4.3


def divide_sums(sums):
    return sums[:, 0] / sums[:, 1]


def draw_loss(n_epochs=150, *, drop=90.0, noise=0.0, seed=0, fall=6.0, width=4.0):
    """First fall to LEVEL, plateau, logistic second drop to END centred on epoch `drop`."""
    epoch = np.arange(n_epochs)
    loss = LEVEL + (16 - LEVEL) * np.exp(-epoch / fall) - (LEVEL - END) * expit((epoch - drop) / width)
    return loss * np.exp(noise * np.random.default_rng(seed).standard_normal(n_epochs))


# ---- bootstrap and jackknife


def test_bootstrap_of_a_mean_matches_its_closed_form():
    values = np.random.default_rng(0).exponential(size=(400, 2))
    result = bootstrap_statistic(values, lambda s: s / 400, rng=np.random.default_rng(1), n_resamples=4000)
    np.testing.assert_allclose(result.estimate, values.mean(0))
    np.testing.assert_allclose(result.samples.std(0), values.std(0) / 20, rtol=0.05)
    np.testing.assert_allclose(result.low, np.quantile(result.samples, 0.025, axis=0))
    np.testing.assert_allclose(result.high, np.quantile(result.samples, 0.975, axis=0))
    assert result.as_estimate() == Estimate(result.estimate, result.low, result.high)


def test_a_function_of_a_bootstrapped_statistic_has_its_own_interval():
    """The ratio of two means, whose limits are no ratio of limits; its resamples are those of the means."""
    values = np.random.default_rng(0).exponential(size=(60, 2))
    result = bootstrap_statistic(
        values, lambda s: s / 60, rng=np.random.default_rng(1), n_resamples=300, confidence=0.8
    )
    plain, ratio = result.as_estimate(), result.derive(lambda means: means[..., 0] / means[..., 1])
    assert plain == Estimate(result.estimate, result.low, result.high)
    samples = result.samples[:, 0] / result.samples[:, 1]
    assert float(ratio) == result.estimate[0] / result.estimate[1]
    np.testing.assert_allclose([ratio.low, ratio.high], np.quantile(samples, [0.1, 0.9]))
    same = result.derive(lambda means: means)
    np.testing.assert_allclose([same.low, same.high], [plain.low, plain.high])


@pytest.mark.slow
def test_bootstrap_covers_a_ratio_whose_clusters_are_dependent():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        probability = rng.beta(
            2, 2, size=60
        )  # each cluster has its own: a bootstrap of tosses would cover < 60 %
        size = rng.integers(10, 30, size=60)
        per_unit = np.stack([rng.binomial(size, probability), size], axis=1)
        result = bootstrap_statistic(per_unit, divide_sums, rng=rng, n_resamples=400, confidence=0.9)
        covered += bool(result.low <= 0.5 <= result.high)
    assert 0.83 < covered / 200 < 0.95


def test_bootstrap_in_blocks_is_seeded_and_keeps_the_shape_of_sums(monkeypatch):
    per_unit = np.random.default_rng(0).integers(5, size=(30, 2, 2))

    def draw(seed):
        rng = np.random.default_rng(seed)
        return bootstrap_statistic(
            per_unit, lambda s: s[:, :, 0] / s.sum((1, 2))[:, None], rng=rng, n_resamples=7
        )

    whole = draw(3)
    assert whole.samples.shape == (7, 2)
    monkeypatch.setattr("orbitscope.statistics.bootstrap.BLOCK_BYTES", 8 * 30 * 2)
    np.testing.assert_allclose(draw(3).samples, whole.samples)
    assert not np.allclose(draw(4).samples, whole.samples)


def test_jackknife_turns_the_plug_in_variance_into_the_unbiased_one():
    values = np.random.default_rng(0).normal(size=50)
    per_unit = np.stack([np.ones(50), values, values**2], axis=1)
    result = compute_jackknife(per_unit, lambda s: s[:, 2] / s[:, 0] - (s[:, 1] / s[:, 0]) ** 2)
    assert result.estimate == pytest.approx(values.var())
    assert result.corrected == pytest.approx(values.var(ddof=1))
    mean = compute_jackknife(per_unit, lambda s: s[:, 1] / s[:, 0])
    assert mean.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(50))


def test_jackknife_leaves_out_whole_groups():
    per_unit = np.stack([np.arange(10.0), np.ones(10)], axis=1)
    result = compute_jackknife(per_unit, divide_sums, n_groups=5)
    groups = np.array([[g, g + 5] for g in range(5)])
    left_out = np.array([np.delete(np.arange(10), group).mean() for group in groups])
    assert result.n_groups == 5
    assert result.standard_error == pytest.approx(
        math.sqrt(4 / 5 * ((left_out - left_out.mean()) ** 2).sum())
    )


# ---- equivalence


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.9, 0.9, "equivalent"),
        (-1.0, 0.9, "inconclusive"),
        (-3.0, 3.0, "inconclusive"),
        (0.9, 1.5, "inconclusive"),
        (1.0, 1.5, "different"),
        (-math.inf, -1.0, "different"),
        (math.nan, math.nan, "inconclusive"),
    ],
)
def test_an_interval_alone_decides(low, high, verdict):
    assert decide_equivalence(low, high, 1.0) == verdict


# ---- change point


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.02])
@pytest.mark.parametrize("level", [None, LEVEL, 1.1 * LEVEL])
def test_change_point_is_where_the_smooth_curve_has_lost_a_tenth(noise, level):
    smooth = draw_loss()
    expected = 40 + int(np.argmax(smooth[40:] < LEVEL * math.exp(-0.1)))
    for seed in range(10):
        found = find_change_point(draw_loss(noise=noise, seed=seed), plateau_level=level)
        assert found.status == "past_transition"
        assert found.index == pytest.approx(expected, abs=1 + 250 * noise)
        assert 8 <= found.plateau_start <= 28
        assert found.plateau_level == pytest.approx(LEVEL, rel=0.02)


def test_change_point_follows_a_growing_history_and_then_stays():
    loss = draw_loss(noise=0.01, seed=3)
    history = [find_change_point(loss[:n], plateau_level=LEVEL) for n in range(len(loss) + 1)]
    statuses = [found.status for found in history]
    order = [statuses.index(status) for status in ("no_plateau", "on_plateau", "past_transition")]
    assert order[0] == 0
    assert 15 < order[1] < 35
    index = history[-1].index
    assert index is not None
    assert index + 2 <= order[2] <= index + 6
    assert statuses == sorted(statuses, key=["no_plateau", "on_plateau", "past_transition"].index)
    assert {found.index for found in history[index + 8 :]} == {index}


@pytest.mark.parametrize("seed", [73, 97])
def test_a_confirmed_change_point_stays_while_a_noisy_history_grows(seed):
    loss = draw_loss(noise=0.03, seed=seed)
    found = [find_change_point(loss[:n], plateau_level=LEVEL).index for n in range(80, 125)]
    confirmed = [index for index in found if index is not None]
    assert len(set(confirmed)) == 1
    assert found[-len(confirmed) :] == confirmed


def test_a_fall_without_plateau_has_no_transition():
    epoch = np.arange(120)
    falling = 20 * np.exp(-0.03 * epoch) * np.exp(0.01 * np.random.default_rng(0).standard_normal(120))
    assert find_change_point(falling).status == "no_plateau"
    straight_to_the_end = END + 12 * np.exp(-epoch / 8)
    assert find_change_point(straight_to_the_end, plateau_level=LEVEL).status == "no_plateau"
    assert (
        find_change_point(straight_to_the_end).status == "on_plateau"
    )  # flat, and nothing tells at which level
    assert find_change_point(np.array([])).status == "no_plateau"


def test_a_slow_first_fall_is_no_transition():
    for seed in range(10):
        found = find_change_point(draw_loss(noise=0.02, seed=seed, fall=20.0), plateau_level=LEVEL)
        assert found.status == "past_transition"
        assert found.index == pytest.approx(91, abs=7)


def test_an_unfinished_plateau_is_no_transition():
    assert find_change_point(draw_loss(noise=0.02)[:80], plateau_level=LEVEL).status == "on_plateau"


@pytest.mark.parametrize("factor", [5.0, 0.5])
def test_spikes_on_the_plateau_and_after_it_do_not_move_the_change_point(factor):
    loss = draw_loss(noise=0.005)
    expected = find_change_point(loss, plateau_level=LEVEL)
    loss[[50, 51, 120]] *= factor
    assert find_change_point(loss, plateau_level=LEVEL).index == pytest.approx(expected.index, abs=1.4)


def test_losses_at_or_below_zero_are_admitted():
    loss = draw_loss()
    loss[110:] = -0.1
    assert find_change_point(loss).status == "past_transition"


@pytest.mark.slow
def test_bootstrap_of_the_change_point_covers_the_noise_free_one():
    true = find_change_point(draw_loss(width=8.0), plateau_level=LEVEL).index
    covered, widths = 0, []
    for seed in range(30):
        result = bootstrap_change_point(
            draw_loss(width=8.0, noise=0.03, seed=seed),
            rng=np.random.default_rng(seed),
            plateau_level=LEVEL,
            n_resamples=60,
        )
        low, high = result.interval
        covered += low <= true <= high
        widths.append(high - low)
        assert result.found_fraction > 0.9
    assert covered >= 21  # four standard errors below .9, which so few resamples reach
    assert 3 < np.median(widths) < 7


def test_bootstrap_of_a_change_point_without_noise_has_no_width():
    loss = draw_loss()
    result = bootstrap_change_point(loss, rng=np.random.default_rng(0), n_resamples=20)
    assert result.interval == pytest.approx((result.change_point.index,) * 2, abs=1)
    flat = bootstrap_change_point(np.full(50, 3.0), rng=np.random.default_rng(0), n_resamples=20)
    assert flat.found_fraction == 0
    assert math.isnan(flat.interval[0])


# ---- logistic regression


def test_logistic_regression_recovers_log_odds_without_penalty():
    labels = np.array([True] * 30 + [False] * 10 + [True] * 8 + [False] * 32)
    feature = np.array([1.0] * 40 + [0.0] * 40)[:, None]
    fit = fit_logistic_regression(feature, labels, l2=0.0)
    assert fit.converged
    assert fit.intercept == pytest.approx(math.log(8 / 32), abs=1e-4)
    assert fit.weights[0] == pytest.approx(math.log(3) - math.log(8 / 32), abs=1e-4)


def test_logistic_regression_minimises_its_penalised_loss():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 4))
    labels = rng.random(200) < expit(features @ [1.0, -2.0, 0.0, 0.5] + 0.3)

    def loss(theta):
        margin = np.where(labels, 1, -1) * (features @ theta[:4] + theta[4])
        return np.log1p(np.exp(-margin)).sum() + 0.5 * 3.0 * theta[:4] @ theta[:4]

    fit = fit_logistic_regression(features, labels, l2=3.0)
    theta = np.append(fit.weights, fit.intercept)
    step = 1e-5 * np.eye(5)
    slope = [(loss(theta + e) - loss(theta - e)) / 2e-5 for e in step]
    np.testing.assert_allclose(slope, 0, atol=0.01)


# ---- permutation


def test_permutation_p_value_counts_the_observed_among_the_null():
    null = np.arange(99.0)
    assert compute_permutation_p_value(200.0, null) == pytest.approx(0.01)
    assert compute_permutation_p_value(98.0, null) == pytest.approx(0.02)
    assert compute_permutation_p_value(-1.0, null) == 1.0
    both = compute_permutation_p_value(np.array([0.0, 3.0]), np.array([[1, 1], [-1, 1], [0, 1]]))
    np.testing.assert_allclose(both, [3 / 4, 1 / 4])


def test_holm_matches_a_worked_example_and_keeps_order():
    adjusted = adjust_holm(np.array([0.04, 0.01, 0.03, 0.5]))
    np.testing.assert_allclose(adjusted, [0.09, 0.04, 0.09, 0.5])
    np.testing.assert_allclose(adjust_holm(np.array([0.9, 0.8])), [1.0, 1.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: bootstrap_statistic(np.ones((1, 2)), divide_sums, rng=rng), "≥ 2 units, got 1"),
        (
            lambda rng: bootstrap_statistic(np.ones((3, 2)), divide_sums, rng=rng, n_resamples=0),
            "Use 1000 and 0.95",
        ),
        (lambda rng: compute_jackknife(np.ones((3, 2)), divide_sums, n_groups=1), "`n_groups` must be ≥ 2"),
        (lambda rng: find_change_point(np.array([1.0, math.nan])), "must be finite, got nan at epoch 1"),
        (lambda rng: find_change_point(np.ones(9), plateau_level=0.0), "`plateau_level` must be > 0"),
        (lambda rng: PlateauRule(window=4), "`window` must be odd"),
        (lambda rng: PlateauRule(min_plateau=1), "`min_plateau` must be ≥ 2"),
        (lambda rng: PlateauRule(min_drop=0.0), "must be > 0"),
        (lambda rng: bootstrap_change_point(np.ones(9), rng=rng, block=0), "`block` and `n_resamples`"),
        (lambda rng: fit_logistic_regression(np.full((2, 1), np.nan), np.array([True, False])), "finite"),
        (lambda rng: compute_permutation_p_value(1.0, np.array([])), "at least one resample"),
        (lambda rng: draw_until_decided(iter([]), 0.0, n_first=0, n_max=9), "`n_first` must be ≥ 1, got 0"),
        (lambda rng: compute_permutation_p_value(math.nan, np.zeros(9)), "must not be NaN"),
        (lambda rng: adjust_holm(np.array([0.1, 1.2])), r"must lie in \[0, 1\]"),
    ],
)
def test_bad_input_names_requirement_value_and_remedy(call, message):
    with pytest.raises(InputError, match=message):
        call(np.random.default_rng(0))


# ---- null draws until it is clear


def count_draws(exceedances, **options):
    """Draws made where a null value exceeds the observed one at these places only."""
    values = (float(i in exceedances) for i in itertools.count())
    return len(draw_until_decided(values, 0.5, **({"n_first": 100, "n_max": 1000} | options)))


def test_draws_double_while_the_exact_interval_holds_the_level():
    for n_extreme in range(16):
        low, high = binomtest(n_extreme, 100).proportion_ci(method="exact")
        is_open = low < 0.05 < high
        assert is_open == (1 <= n_extreme <= 10)
        assert (count_draws(range(n_extreme)) > 100) == is_open
    assert count_draws(range(1)) == 200
    assert count_draws(range(0, 1000, 20)) == 1000
    assert count_draws(range(0, 1000, 20), n_max=700) == 700
    assert count_draws(range(5), n_max=50) == 100
    assert count_draws(range(5), n_max=100) == 100
    assert count_draws(range(10), level=0.2) == 100


def test_the_null_values_are_those_drawn_and_ties_count():
    drawn = draw_until_decided(iter(np.arange(500.0)), 1e9, n_first=20, n_max=100)
    assert drawn.tolist() == list(range(80))
    tied = draw_until_decided(itertools.repeat(1.0), 1.0, n_first=20, n_max=100)
    assert len(tied) == 20


def test_looking_at_the_draws_leaves_the_level_what_it_is():
    """The exact chance of p ≤ .05 under the null: for each P(null ≥ observed), summed over all paths."""

    def reject(share):
        stages, alive, rejected = [100, 200, 400, 800, 1000], {0: 1.0}, 0.0
        for before, n in itertools.pairwise([0, *stages]):
            counts = np.zeros(n + 1)
            for b, weight in alive.items():
                counts[b : b + n - before + 1] += weight * binom.pmf(
                    np.arange(n - before + 1), n - before, share
                )
            alive = {}
            for b in np.flatnonzero(counts > 1e-9).tolist():
                if n < 1000 and _is_open(b, n):
                    alive[b] = counts[b]
                elif (b + 1) / (n + 1) <= 0.05:
                    rejected += counts[b]
        return rejected

    shares = (np.arange(60) + 0.5) / 60 * 0.15
    size = 0.15 * np.mean([reject(share) for share in shares])
    assert size == pytest.approx(0.05, abs=0.0005)


@functools.cache
def _is_open(n_extreme, n_draws):
    """Whether the rule goes on after these draws."""
    values = itertools.chain(itertools.repeat(1.0, n_extreme), itertools.repeat(0.0))
    return len(draw_until_decided(values, 0.5, n_first=n_draws, n_max=n_draws + 1)) > n_draws


def test_signs_are_flipped_unit_by_unit():
    """Three units of two statistics: eight sums, all about as frequent, with the signs shared."""
    per_unit = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    sums = flip_signs(per_unit, 4000, rng=np.random.default_rng(0))
    assert sums.shape == (4000, 2)
    np.testing.assert_allclose(sums[:, 1], 10 * sums[:, 0])
    values, counts = np.unique(sums[:, 0], return_counts=True)
    assert values.tolist() == [-7, -5, -3, -1, 1, 3, 5, 7]
    np.testing.assert_allclose(counts / 4000, 1 / 8, atol=0.02)
    with pytest.raises(InputError, match="`n_null` must be ≥ 1, got 0"):
        flip_signs(per_unit, 0, rng=np.random.default_rng(0))
