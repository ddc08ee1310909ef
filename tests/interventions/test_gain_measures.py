import numpy as np
import pytest
import torch

from orbitscope.circuit.noise_subspaces import UNBOUNDED
from orbitscope.interventions.common_noise_runs import CommonNoiseRuns
from orbitscope.interventions.critical_pairs import bound_means
from orbitscope.interventions.gain_measures import judge_traps, measure_gains
from orbitscope.statistics import Estimate

PAIRS = [(0, 1), (1, 0)]


def make_runs(*symbols, radius=None):
    """Four trajectories of each network, all alike."""
    symbol = np.stack([np.tile(np.array(each), (4, 1)) for each in symbols])
    radius = np.ones(symbol.shape[:2]) if radius is None else np.array(radius)
    return CommonNoiseRuns(symbol, radius, torch.zeros(len(symbol), 4, 2, 3))


def measure(runs):
    return measure_gains(runs, PAIRS, 2, rng=np.random.default_rng(0), n_resamples=50, confidence=0.95)


def test_hazards_are_counted_by_hand():
    """Intact: 0 → 1 once in four steps in 0, 1 → 0 once in three. Then twice in four, twice in three."""
    found = measure(make_runs([0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 1, 0, 1, 1, 0, 0]))
    np.testing.assert_allclose(found.hazard.value[0], [(2 / 4) / (1 / 4), (2 / 3) / (1 / 3)])
    np.testing.assert_allclose(found.rate.value, [2.0])
    np.testing.assert_allclose(found.occupancy.value, [5 / 8])
    assert found.trapped.tolist() == ["no"]


def test_a_zero_says_no_more_than_its_steps_can():
    """Without a switch in n steps the limit is −log(.025) / (hazard n), not 0."""
    intact, quiet = [0, 1] * 5, [0] * 10
    found = measure(make_runs(intact, quiet))
    assert found.hazard.value[0, 0] == 0
    assert found.hazard.high[0, 0] == pytest.approx(-np.log(0.025) / (4 * 9))
    assert np.isnan(found.hazard.value[0, 1])  # symbol 1 is not visited
    assert found.trapped.tolist() == ["one way"]


def test_few_steps_do_not_make_a_trap():
    slow = [0] * 9 + [1]
    found = measure(make_runs(slow, [0] * 10))
    assert found.hazard.high[0, 0] > 0.2
    assert found.trapped.tolist() == ["no"]


def test_what_has_no_bound_has_no_numbers():
    lost = [0, 1, 0, 1, UNBOUNDED, UNBOUNDED]
    found = measure(make_runs([0, 1, 0, 1, 0, 1], lost))
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


@pytest.mark.parametrize(
    ("high", "word"),
    [
        ([0.1, 0.1], "both ways"),
        ([0.1, 1.2], "one way"),
        ([0.1, np.nan], "one way"),
        ([0.3, 1.2], "no"),
        ([np.nan, 1.2], "no"),
        ([np.nan, np.nan], "undefined"),
    ],
)
def test_traps(high, word):
    values = np.array([high])
    assert judge_traps(Estimate(0.9 * values, 0.5 * values, values)) == [word]
