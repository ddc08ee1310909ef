import numpy as np
import pytest
from scipy.stats import binom

from orbitscope.circuit import influence
from orbitscope.statistics import Estimate

FEWEST_IN_400 = int(binom.ppf(1e-5, 400, 0.95))
"""Fewer of 400 limits at 95 % hold in one of 100 000 experiments."""


def draw_sums(effects, *, noise=0.0, shared=0.6, n_units=40, n_twins=4, rng):
    """Effects of each twin with noise that neurons share in part, as sums of trajectories and halves."""
    n_directions, n_neurons = effects.shape
    owner = np.repeat(np.arange(n_units), n_twins)
    direction = np.tile(np.arange(n_twins) % n_directions, n_units)
    common, own = rng.normal(size=(len(owner), 1)), rng.normal(size=(len(owner), n_neurons))
    values = effects[direction] + noise * (shared * common + np.sqrt(1 - shared**2) * own)
    sizes = {"n_units": n_units, "n_directions": n_directions}
    return influence.sum_by_unit(values, owner, direction, **sizes)


def test_sums_belong_to_trajectory_half_and_direction():
    sums = influence.sum_by_unit(
        np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        np.array([0, 0, 1]),
        np.array([1, 1, 0]),
        n_units=2,
        n_directions=2,
    )
    expected = np.zeros((2, 2, 2, 3))
    expected[0, 0, 1], expected[1, 1, 0] = [4, 6, 2], [5, 6, 1]
    np.testing.assert_array_equal(sums, expected)


@pytest.mark.parametrize(
    ("effects", "n_effective"),
    [([1, 0, 0, 0], 1), ([1, 1, 1, 1], 4), ([3, 1, 0, 0], 1.6), ([1, 1, -1, 0], 1 / 3)],
)
def test_effective_numbers_by_hand(effects, n_effective):
    sums = draw_sums(np.array([effects], dtype=float), rng=np.random.default_rng(0)).sum(0)
    np.testing.assert_allclose(1 / influence.measure_concentration(sums), n_effective)


def test_the_number_of_all_joins_directions_with_their_weights():
    """Eight effects of one direction and two of the other, half of the twins each."""
    effects = np.array([[1.0] * 8, [1.0, 1, 0, 0, 0, 0, 0, 0]])
    sums = draw_sums(effects, rng=np.random.default_rng(0)).sum(0)
    found = influence.measure_concentration(sums)
    np.testing.assert_allclose(found, [(8 + 2) / (64 + 4), 1 / 8, 1 / 2])
    sums[:, 0] *= 3  # three times as many twins
    found = influence.measure_concentration(sums)
    np.testing.assert_allclose(found, [(3 * 8 + 2) / (3 * 64 + 4), 1 / 8, 1 / 2])


def test_noise_does_not_make_few_neurons_of_many():
    """Products within a half would give .02 + noise² / n(twins) / Σe² = .025 more."""
    rng = np.random.default_rng(0)
    effects = np.full((1, 50), 0.1)
    drawn = [draw_sums(effects, noise=1.0, shared=0.0, rng=rng).sum(0) for _ in range(400)]
    found = np.array([influence.measure_concentration(sums)[0] for sums in drawn])
    error = found.std() / np.sqrt(len(found))
    assert found.mean() / 0.02 == pytest.approx(1, abs=5 * error / 0.02)
    assert error < 0.001


def test_no_common_sign_of_both_halves_has_no_number():
    sums = np.array([[[1.0, 1.0, 1.0]], [[-1.0, -1.0, 1.0]]])
    assert influence.measure_concentration(sums)[0] == influence.CONCENTRATED


def test_one_over_an_interval_turns_it_round():
    found = influence.invert(Estimate([0.5, 0.1, np.nan], [0.25, -0.1, np.nan], [1.0, 0.2, np.nan]))
    np.testing.assert_array_equal(found.value, [2, 10, np.nan])
    np.testing.assert_array_equal(found.low, [1, 5, np.nan])
    np.testing.assert_array_equal(found.high, [4, np.inf, np.nan])
    undefined = influence.invert(Estimate(0.5, 0.1, influence.CONCENTRATED))
    assert np.isnan([undefined.value, undefined.low, undefined.high]).all()


def test_products_of_contexts_are_those_within_twins():
    """Two twins have one neuron, two another one: one in each switch, two in all."""
    effects = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    products = influence.multiply_contexts(np.stack([effects, effects]))
    np.testing.assert_array_equal(products, np.ones((4, 2)))
    units = {"n_units": 4, "n_directions": 1}
    each, together = (
        influence.sum_by_unit(values, np.arange(4), np.zeros(4, dtype=int), **units).sum(0)
        for values in (products, effects)
    )
    np.testing.assert_allclose(influence.measure_in_each(each), [1, 1])
    np.testing.assert_allclose(influence.measure_concentration(together), [1 / 2, 1 / 2])


def test_noise_of_contexts_does_not_change_the_number_of_a_switch():
    """Ten neurons of thirty carry each switch, drawn anew for each."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        carried = rng.permuted(np.tile(np.arange(30) < 10, (200, 1)), axis=1) / 10
        effects = carried + rng.normal(0, 0.1, size=(2, 200, 30))
        sums = influence.sum_by_unit(
            influence.multiply_contexts(effects),
            np.arange(200),
            np.zeros(200, int),
            n_units=200,
            n_directions=1,
        )
        found.append(influence.measure_in_each(sums.sum(0))[0])
    assert np.mean(found) == pytest.approx(0.1, abs=0.003)  # a ratio of means is .0004 too large here
    assert np.std(found) < 0.02


def test_limits_exist_where_trajectories_have_unequal_numbers_of_twins():
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(10), [3, 1, 8, 2, 2, 4, 1, 1, 4, 6])
    values = rng.normal(size=(len(owner), 20))
    sums = influence.sum_by_unit(values, owner, np.zeros(len(owner), int), n_units=10, n_directions=1)
    limit, _ = influence.find_standing_out(sums, 20.0, confidence=0.95, rng=rng)
    assert np.isfinite(limit).all()


@pytest.mark.parametrize(
    ("share", "found"),
    [
        ([0.5, 0.6, 1], 1),
        ([0.25, 0.75, 1], 3),
        ([1, 0.2, 1], 0.5),
        ([0.1, 0.3, 0.5], 9),
        ([0.1, 0.2, 0.3], np.nan),
    ],
)
def test_half_is_reached_between_two_sizes(share, found):
    sizes = np.array([1, 5, 9])
    np.testing.assert_allclose(influence.find_half_size(np.array(share, dtype=float), sizes), found)


def test_shares_are_of_what_all_do_beyond_nothing():
    np.testing.assert_allclose(
        influence.divide_by_all(np.array([[1.0, 5.0, 1.0, 3.0, 7.0]])), [[0, 0.5, 1.5]]
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_neurons", [2, 60])
def test_all_limits_hold_at_once(n_neurons):
    """In 95 % of the draws; limits of single neurons would fail in nearly all of them."""
    rng = np.random.default_rng(n_neurons)
    effects = rng.normal(size=(2, n_neurons))
    n_held = 0
    for _ in range(400):
        sums = draw_sums(effects, noise=2.0, n_units=60, rng=rng)
        limit, _ = influence.find_standing_out(sums, float(n_neurons), confidence=0.95, rng=rng)
        n_held += (limit <= effects).all()
    assert n_held >= FEWEST_IN_400
    assert n_held < 400  # not so wide that nothing is ever found


def test_what_stands_out_is_above_two_even_shares():
    """Even share .1 of ten neurons that differ: .5 stands out, .2 with a narrow interval does not."""
    effects = np.array([[0.5, 0.19, 0.19, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0, 0, 0]])
    rng = np.random.default_rng(0)
    _, found = influence.find_standing_out(
        draw_sums(effects, noise=0.05, rng=rng), 10.0, confidence=0.95, rng=rng
    )
    assert np.flatnonzero(found[0]).tolist() == [0]


def test_what_is_large_but_uncertain_does_not_stand_out():
    """Five even shares, half a standard error above nothing."""
    effects = np.array([[0.5] + [0.1 / 9] * 9])
    rng = np.random.default_rng(0)
    sums = draw_sums(effects, noise=12.0, shared=0.0, rng=rng)
    centred = sums.copy()
    centred[..., :-1] += sums[..., -1:] * (effects - influence.average_all(sums.sum(0)))
    np.testing.assert_allclose(influence.average_all(centred.sum(0)), effects)
    _, found = influence.find_standing_out(centred, 10.0, confidence=0.95, rng=rng)
    assert not found.any()


def test_where_all_together_do_nothing_none_stands_out():
    """A sum below 0 has even shares below 0, which all neurons are above."""
    effects = np.array([[0.5, -0.4, -0.4, 0.0], [0.5, 0.0, 0.0, 0.0]])
    rng = np.random.default_rng(0)
    _, found = influence.find_standing_out(
        draw_sums(effects, noise=0.01, rng=rng), 4.0, confidence=0.95, rng=rng
    )
    np.testing.assert_array_equal(found, [[False] * 4, [True] + [False] * 3])


def test_trajectories_without_twins_make_no_limit_narrower():
    """Six trajectories bound no more with 500 empty ones beside them.

    They have 64 patterns of signs, so that a limit of random ones moves by 8 %: the mean of twenty by 2 %.
    """
    rng = np.random.default_rng(0)
    sums = draw_sums(np.zeros((1, 3)), noise=1.0, n_units=6, rng=rng)
    more = np.concatenate([sums, np.zeros((500, *sums.shape[1:]))])
    few, many = (
        np.mean([influence.find_standing_out(s, 3.0, confidence=0.95, rng=rng)[0] for _ in range(20)], axis=0)
        for s in (sums, more)
    )
    effects = influence.average_all(sums.sum(0))
    np.testing.assert_allclose(many - effects, few - effects, rtol=0.1)


def test_orders_fall_and_ties_keep_their_place():
    order = influence.rank(np.array([[1.0, 3.0, 1.0, 2.0]]))
    np.testing.assert_array_equal(order, [[1, 3, 0, 2]])
    np.testing.assert_array_equal(influence.choose_first(order, 2), [[False, True, False, True]])


def test_jaccard_by_hand():
    one, two = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], bool), np.array([[0, 1, 1, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(influence.compute_jaccard(one, two), [1 / 3, np.nan])


def test_matched_sets_are_others_with_nearly_the_same_features():
    """Six of the upper tenth of 600, beside which there are others like them."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 600, 2))
    chosen = np.zeros((2, 600), dtype=bool)
    np.put_along_axis(chosen, influence.rank(features.sum(-1))[:, :60:10], True, axis=1)
    sets = influence.draw_matched_sets(chosen, features, n_sets=200, n_nearest=8, rng=rng)
    assert not (sets & chosen).any()
    assert (sets.sum(-1) == 6).all()
    for d in (0, 1):
        mean = features[d][chosen[d]].mean()
        matched = np.mean([features[d][row].mean() for row in sets[:, d]])
        assert features[d][~chosen[d]].mean() < 0.2 * matched
        assert matched == pytest.approx(mean, rel=0.4)
    assert len(np.unique(sets[:, 0], axis=0)) > 150


def test_a_matched_set_of_most_neurons_takes_what_is_left():
    chosen = np.array([[True] * 4 + [False] * 2])
    sets = influence.draw_matched_sets(
        chosen, np.zeros((1, 6, 1)), n_sets=3, n_nearest=8, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(sets, np.broadcast_to(~chosen, (3, 1, 6)))


RESAMPLING = {"n_resamples": 100, "confidence": 0.95}


def test_shares_are_over_twins_and_their_intervals_over_trajectories():
    """Twins that come again on the same trajectory make nothing narrower."""
    rng = np.random.default_rng(0)
    gone, owner = np.sort(rng.random((4, 30)), axis=0)[[0, 3, 1, 2]], np.arange(30) // 3
    once, thrice = (
        influence.bound_shares(
            np.tile(gone, n),
            np.tile(owner, n),
            first=0,
            rivals=[1],
            n_units=10,
            rng=np.random.default_rng(1),
            resampling=RESAMPLING,
        ).as_estimate()
        for n in (1, 3)
    )
    none, everything, *sets = gone.mean(1)
    np.testing.assert_allclose(once.value[:-1], (np.array(sets) - none) / (everything - none))
    for one, other in zip(
        (once.value, once.low, once.high), (thrice.value, thrice.low, thrice.high), strict=True
    ):
        np.testing.assert_allclose(one, other)


def test_the_best_rival_is_that_of_the_other_half():
    """On even trajectories the first rival is best, on odd ones the second: each is tried on the others."""
    gone = np.array([[0.0] * 6, [1.0] * 6, [0.9, 0.7] * 3, [0.5, 0.1] * 3, [0.1, 0.5] * 3])
    found = influence.bound_shares(
        gone,
        np.arange(6),
        first=0,
        rivals=[1, 2],
        n_units=6,
        rng=np.random.default_rng(0),
        resampling=RESAMPLING,
    )
    np.testing.assert_allclose(found.estimate, [0.8, 0.3, 0.3, 0.8 - 0.1])


def test_of_equal_orders_none_is_called_worse():
    """Four orders with the same share: an interval above 0, or below it, is as rare as it should be."""
    rng = np.random.default_rng(0)
    wrong = []
    for _ in range(200):
        gone = np.concatenate([np.zeros((1, 200)), np.ones((1, 200)), rng.normal(0.3, 0.5, size=(4, 200))])
        found = influence.bound_shares(
            gone,
            np.arange(200) % 40,
            first=0,
            rivals=[1, 2, 3],
            n_units=40,
            rng=rng,
            resampling=RESAMPLING,
        ).derive(lambda values: values[..., -1])
        wrong.append([float(found.high) < 0, float(found.low) > 0])
    assert (np.sum(wrong, axis=0) <= binom.ppf(1 - 1e-4, 200, 0.05)).all()
