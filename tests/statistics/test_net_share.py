import numpy as np
import pytest
from scipy.stats import binomtest

from orbitscope.errors import InputError
from orbitscope.statistics import compute_net_share


def draw_events(rng, share, correlation, n_units, mean_size, *, unequal=False, n_draws=1500):
    """Forward and backward events (unit, draw): beta-binomial, one-way units at correlation 1."""
    shape = (n_units, n_draws)
    size = rng.geometric(1 / (1 + mean_size), shape) - 1 if unequal else rng.poisson(mean_size, shape)
    if correlation == 0:
        probability = np.full(shape, share)
    elif correlation == 1:
        probability = (rng.random(shape) < share).astype(float)
    else:
        total = 1 / correlation - 1
        probability = rng.beta(share * total, (1 - share) * total, shape)
    forward = rng.binomial(size, probability)
    return forward, size - forward


def cover(found, share):
    """Share of the draws with events whose interval holds the truth."""
    truth = 2 * share - 1
    is_known = np.isfinite(found.share.value)
    return ((found.share.low <= truth + 1e-12) & (truth <= found.share.high + 1e-12))[is_known].mean()


# ---- closed forms


@pytest.mark.parametrize(("n_forward", "n_backward"), [(11, 5), (1, 1), (12, 0), (0, 12), (3, 40)])
def test_one_event_a_unit_is_the_exact_binomial_interval(n_forward, n_backward):
    """Units of one event say nothing about a design effect, and have none but for chance: n/(n − 1)."""
    forward = np.repeat([1, 0], [n_forward, n_backward])
    found = compute_net_share(forward, 1 - forward)
    n = n_forward + n_backward
    exact = binomtest(n_forward, n).proportion_ci(0.95, method="exact")
    rarer = min(n_forward, n_backward, n - 1)
    assert found.n_effective == pytest.approx(n * (rarer + 1) / (rarer * n / (n - 1) + 1))
    assert found.share.value == pytest.approx((n_forward - n_backward) / n)
    np.testing.assert_allclose([found.share.low, found.share.high], 2 * np.array(exact) - 1, atol=0.04)
    if rarer == 0:
        np.testing.assert_allclose([found.share.low, found.share.high], 2 * np.array(exact) - 1)


def test_events_of_one_direction_count_by_units():
    sizes = np.array([5, 5, 5, 5, 0, 0])
    found = compute_net_share(sizes, 0 * sizes)
    assert found.n_effective == pytest.approx(4)
    np.testing.assert_allclose([found.share.low, found.share.high], [2 * 0.025 ** (1 / 4) - 1, 1])
    half = compute_net_share(sizes, 0 * sizes, confidence=0.5)
    np.testing.assert_allclose(half.share.low, 2 * 0.25 ** (1 / 4) - 1)
    unequal = compute_net_share(np.array([97, 1, 1, 1]), np.zeros(4, dtype=int))
    assert unequal.n_effective == pytest.approx(100**2 / (97**2 + 3))


def test_units_of_one_direction_each_count_as_one_event():
    """Copies of events within a unit add no certainty."""
    forward = np.repeat([1, 0], [28, 12])
    few = compute_net_share(forward, 1 - forward)
    many = compute_net_share(50 * forward, 50 * (1 - forward))
    np.testing.assert_allclose(
        [many.share.low, many.share.high, many.n_effective], [few.share.low, few.share.high, few.n_effective]
    )


def test_the_design_effect_by_hand():
    """Residuals f − p m by unit over p (1 − p) n, averaged over T = 2 rare units and one that is one-way."""
    forward, backward = np.array([4, 3, 6, 0]), np.array([1, 0, 2, 0])
    n, share = 16, 13 / 16
    between = np.square([4 - 5 * share, 3 - 3 * share, 6 - 8 * share]).sum() * 3 / 2
    design = (2 * between / (n * share * (1 - share)) + (25 + 9 + 64) / n) / 3
    assert compute_net_share(forward, backward).n_effective == pytest.approx(n / design)


def test_events_that_alternate_tell_more_than_independent_ones():
    forward = np.full(100, 10)
    found = compute_net_share(forward, forward)
    assert found.n_effective == pytest.approx(2000 / (20 / 100))  # no variance between units: d₁/(T + 1)
    assert found.share.high < 0.02
    assert compute_net_share(forward[:2], forward[:2]).n_effective == pytest.approx(4)


def test_one_unit_is_one_event():
    found = compute_net_share(np.array([30]), np.array([10]))
    assert found.n_effective == pytest.approx(1)
    assert found.share.low < -0.9


def test_one_direction_is_no_exception():
    """From 0 to 5 backward events among 100 units of five the lower limit moves without a jump."""
    limits = []
    for n_backward in range(6):
        backward = (np.arange(100) < n_backward).astype(int)
        found = compute_net_share(5 - backward, backward)
        limits.append(float(found.share.low))
    np.testing.assert_allclose(np.diff(limits), 0, atol=0.03)


# ---- coverage of a known truth


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99, 0.998])
@pytest.mark.parametrize("correlation", [0, 0.3, 1])
def test_the_interval_covers_the_truth(share, correlation):
    """At least 93 % (three standard errors of 1500 draws below it), however few or clustered the events."""
    rng = np.random.default_rng(round(1000 * share) + round(10 * correlation))
    for n_units, mean_size, unequal in [
        *((100, 4.5, False), (100, 0.2, False), (100, 4.5, True), (20, 1.5, False)),
        *((10, 20, False), (5, 4.5, True), (2, 10, False)),
    ]:
        forward, backward = draw_events(rng, share, correlation, n_units, mean_size, unequal=unequal)
        found = compute_net_share(forward, backward)
        assert cover(found, share) > 0.93 - 3 * np.sqrt(0.93 * 0.07 / 1500), (n_units, mean_size, unequal)


def test_the_interval_is_no_wider_than_needed():
    """Many events on both sides: the width of as many tosses, or of as many as units if these are one-way."""
    rng = np.random.default_rng(1)
    for correlation, n_equal in ((0, 2000), (1, 100)):
        forward, backward = draw_events(rng, 0.7, correlation, 100, 20, n_draws=200)
        found = compute_net_share(forward, backward)
        expected = 2 * 2 * 1.96 * np.sqrt(0.7 * 0.3 / n_equal)
        assert np.mean(found.share.high - found.share.low) == pytest.approx(expected, rel=0.16)


# ---- symmetry, shapes, errors


def test_exchanging_the_directions_negates_it_exactly():
    forward, backward = np.random.default_rng(0).poisson([[[2.0]], [[0.1]]], size=(2, 30, 4))
    one, other = compute_net_share(forward, backward), compute_net_share(backward, forward)
    np.testing.assert_array_equal(one.share.value, -other.share.value)
    np.testing.assert_array_equal(one.share.low, -other.share.high)
    np.testing.assert_array_equal(one.n_effective, other.n_effective)
    first = compute_net_share(forward[:, 0], backward[:, 0])
    np.testing.assert_allclose(
        [first.share.low, first.share.high], [one.share.low[0], one.share.high[0]], rtol=1e-12
    )


def test_without_events_there_is_nothing_to_say():
    none = np.zeros((5, 2), dtype=int)
    none[0, 1] = 3
    found = compute_net_share(none, 0 * none)
    for values in (found.share.value, found.share.low, found.share.high, found.n_effective):
        assert np.isnan(values).tolist() == [True, False]


def test_bad_input_is_named():
    counts = np.array([1, 2])
    with pytest.raises(InputError, match=r"`confidence` must be in \(0, 1\), got 95.* Use 0.95"):
        compute_net_share(counts, counts, confidence=95.0)
    with pytest.raises(InputError, match="must be counts ≥ 0, got a negative one"):
        compute_net_share(counts, -counts)
