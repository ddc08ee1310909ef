import numpy as np
import pytest
import torch

from orbitscope.circuit.noise_subspaces import UNBOUNDED
from orbitscope.interventions.common_noise_runs import CommonNoiseRuns
from orbitscope.interventions.critical_pairs import bound_means
from orbitscope.interventions.gain_measures import _widen_rare, judge_traps, measure_gains
from orbitscope.statistics import Estimate

PAIRS = [(0, 1), (1, 0)]


def make_runs(*symbols, radius=None, n=4):
    """Trajectories of each network, all alike."""
    symbol = np.stack([np.tile(np.array(each), (n, 1)) for each in symbols])
    radius = np.ones(symbol.shape[:2]) if radius is None else np.array(radius)
    return CommonNoiseRuns(symbol, radius, torch.zeros(len(symbol), n, 2, 3))


def measure(runs):
    return measure_gains(runs, PAIRS, 2, rng=np.random.default_rng(0), n_resamples=50, confidence=0.95)


def test_hazards_are_counted_by_hand():
    """Intact: 0 → 1 once in four steps in 0, 1 → 0 once in three. Then twice in four, twice in three."""
    found = measure(make_runs([0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 1, 0, 0], n=40))
    np.testing.assert_allclose(found.hazard.value[0], [(2 / 4) / (1 / 4), (2 / 3) / (1 / 3)])
    np.testing.assert_allclose(found.rate.value, [2.0])
    np.testing.assert_allclose(found.occupancy.value, [5 / 8])
    assert found.trapped.tolist() == ["no"]


def test_the_share_of_the_most_frequent_symbol_lies_in_its_interval():
    """Half of the trajectories are in each symbol: the largest share of each resample would be above ½."""
    runs = make_runs([0, 1] * 4, [0, 1] * 4, n=20)
    runs.symbol[:, :10], runs.symbol[:, 10:] = 0, 1
    found = measure(runs)
    assert found.occupancy.value[0] == 0.5
    assert found.occupancy.low[0] < 0.5 < found.occupancy.high[0]


def test_directions_that_are_rare_in_the_intact_network_are_not_judged():
    found = measure(make_runs([0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 1, 0, 0], n=29))
    assert found.is_judged.tolist() == [False, False]
    assert found.trapped.tolist() == ["undefined"]


def test_a_zero_says_no_more_than_its_steps_can():
    """Without a switch in n steps the limit is −log(.025) / (hazard n), not 0."""
    intact, quiet = [0, 1] * 5, [0] * 10
    found = measure(make_runs(intact, quiet, n=40))
    assert found.hazard.value[0, 0] == 0
    assert found.hazard.high[0, 0] == pytest.approx(-np.log(0.025) / (40 * 9))
    assert np.isnan(found.hazard.value[0, 1])  # symbol 1 is not visited
    assert found.trapped.tolist() == ["undefined"]


def test_one_switch_excludes_less_than_none():
    """Limits of 0, 1, 2 switches in equal numbers of steps are those of Poisson counts: 3.7, 5.6, 7.2."""
    n_expected = 40.0
    for n_switches, limit in ((0, 3.689), (1, 5.572), (2, 7.225)):
        hazard = Estimate(*np.zeros((3, 2, 1)))
        totals = np.array([[[n_expected], [100.0]], [[n_switches], [100.0]]])
        found = _widen_rare(hazard, totals, confidence=0.95)
        assert found.high[1, 0] == pytest.approx(limit / n_expected, rel=1e-3)
    wide = Estimate(*np.full((3, 2, 1), 9.0))
    assert _widen_rare(wide, totals, confidence=0.95).high[1, 0] == 9.0
    many = np.array([[[n_expected], [100.0]], [[6.0], [100.0]]])
    assert _widen_rare(hazard, many, confidence=0.95).high[1, 0] == 0.0


def test_few_steps_do_not_make_a_trap():
    slow = [0] * 9 + [1]
    found = measure(make_runs(slow, [0] * 10))
    assert found.hazard.high[0, 0] > 0.2
    assert found.trapped.tolist() == ["undefined"]


def test_the_rate_counts_switches_that_the_intact_network_does_not_make():
    """Symbol 2 appears under the gain alone: in no hazard, but in the rate."""
    runs = make_runs([0, 1] * 4, [0, 2] * 4)
    found = measure_gains(runs, PAIRS, 3, rng=np.random.default_rng(0), n_resamples=20)
    np.testing.assert_array_equal(found.rate.value, [1.0])


def test_what_has_no_bound_has_no_numbers():
    lost = [0, 1, 0, 1, UNBOUNDED, UNBOUNDED]
    radius = [[1.0] * 4, [1.0, np.inf, np.nan, 1e300]]
    found = measure(make_runs([0, 1, 0, 1, 0, 1], lost, radius=radius))
    assert found.trapped.tolist() == ["diverges"]
    for each in (found.hazard, found.rate, found.occupancy, found.overshoot):
        assert np.isnan(each.value).all()


def test_overshoot_is_the_mean_difference():
    radius = [[1.0, 2.0, 3.0, 4.0], [2.0, 2.5, 5.0, 4.5]]
    found = measure(make_runs([0, 1] * 3, [0, 1] * 3, radius=radius))
    assert found.overshoot.value[0] == pytest.approx(1.0)


def test_means_over_trajectories():
    values = np.array([[1.0, 5.0], [3.0, 5.0]])
    found = bound_means(values, rng=np.random.default_rng(0), n_resamples=50)
    np.testing.assert_array_equal(found.value, [2.0, 5.0])
    assert found.low[0] < 2.0 < found.high[0]
    assert np.isnan(bound_means(values[:1], rng=np.random.default_rng(0)).value).all()


ENDED, GOES_ON, OPEN, UNKNOWN = (0.0, 0.1), (0.5, 1.2), (0.1, 0.3), (np.nan, np.nan)


@pytest.mark.parametrize(
    ("limits", "rate", "word"),
    [
        ([ENDED, ENDED], 0.1, "both ways"),
        ([ENDED, ENDED], 0.5, "undefined"),
        ([ENDED, ENDED], np.nan, "undefined"),
        ([ENDED, GOES_ON], 0.5, "one way"),
        ([ENDED, UNKNOWN], 0.1, "undefined"),
        ([ENDED, OPEN], 0.1, "undefined"),
        ([ENDED, OPEN, GOES_ON], 0.1, "one way"),
        ([GOES_ON, GOES_ON], 0.9, "no"),
        ([GOES_ON, OPEN], 0.9, "undefined"),
        ([UNKNOWN, UNKNOWN], np.nan, "undefined"),
        ([], 0.1, "undefined"),
    ],
)
def test_traps(limits, rate, word):
    low, high = np.array(limits, dtype=float).reshape(1, -1, 2).transpose(2, 0, 1)
    assert judge_traps(Estimate(low, low, high), Estimate(*np.full((3, 1), rate))) == [word]
