from types import SimpleNamespace

import numpy as np
import pytest
from chain_networks import make_chain, make_core_rules
from test_chapman_kolmogorov import LUMPED
from test_metastable_regions import SIZES as REGION_SIZES
from test_metastable_regions import make_four

from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM
from orbitscope.principles import metastable_regions
from orbitscope.principles.probability.chapman_kolmogorov import BASE_LAGS, LAGS
from orbitscope.principles.probability.hmm_comparison import RegionChainSettings
from orbitscope.principles.probability.region_chain import PART, RegionChainResult
from orbitscope.results import load_result, save_result
from orbitscope.subject import Subject

SIZES = {
    "n_trajectories": 24,
    "n_steps": 300,
    "burn_in": 5,
    "n_resamples": 100,
    "n_null": 19,
    "n_groups": 2,
}

ROWS = np.array([[0.93, 0.04, 0.03], [0.02, 0.95, 0.03], [0.05, 0.03, 0.92]])


def run(matrix, *members, hmm=None, aligned=None, symbol_of=None, **settings):
    subject = Subject(make_chain(matrix, symbol_of=symbol_of, start=range(len(matrix))), hmm)
    n_states = 0 if hmm is None else hmm.n_states
    aligned = np.full(n_states, -1) if aligned is None else np.array(aligned)
    regions = SimpleNamespace(cores=make_core_rules(len(matrix), *members), cluster_of_state=aligned)
    subject.found["metastable_regions"] = regions
    return PART.run(subject, RegionChainSettings(**SIZES | settings))


def index(found):
    quantities = found.list_quantities()
    by_key = {quantity.key: quantity for quantity in quantities}
    assert len(by_key) == len(quantities)
    return by_key


@pytest.fixture(scope="module")
def three():
    """A chain of three states that are regions, in another order than the states of the HMM."""
    back = np.argsort([2, 0, 1])
    hmm = HMM(np.full(3, 1 / 3), ROWS, np.eye(3))
    matrix = ROWS[np.ix_(back, back)]
    return run(matrix, [0], [1], [2], hmm=hmm, aligned=[2, 0, 1], symbol_of=back, n_trajectories=100)


def test_a_chain_of_cores_has_its_transitions(three):
    order = three.region_of_state
    error = np.sqrt(ROWS * (1 - ROWS) / (100 * 300 / 4))
    assert (np.abs(three.transition.value[0][np.ix_(order, order)] - ROWS) < 5 * error).all()
    longer = np.linalg.matrix_power(ROWS, 5)
    np.testing.assert_allclose(three.transition.value[LAGS.index(5)][np.ix_(order, order)], longer, atol=0.04)
    np.testing.assert_allclose(three.dwell.value[order], 1 / (1 - np.diag(ROWS)), rtol=0.2)
    assert three.occupancy.value.sum() == pytest.approx(1)
    np.testing.assert_allclose(three.emission.value[order], np.eye(3), atol=1e-6)
    slowest = -1 / np.log(np.sort(np.abs(np.linalg.eigvals(ROWS)))[1])
    np.testing.assert_allclose(three.timescale.value[:4, 0], slowest, rtol=0.16)


def test_a_chain_of_cores_that_is_markov_passes_and_one_with_memory_fails(three):
    assert (three.deviation_null.p_value > 0.05).sum() >= 3
    np.testing.assert_array_equal(three.base_lag, BASE_LAGS)
    lumped = run(LUMPED, [0, 1], [2], symbol_of=[0, 0, 1], n_trajectories=100)
    assert lumped.deviation_null.p_value[0] == 0.05
    assert lumped.deviation.value[0] > 2 * lumped.deviation_null.quantile[0]
    gap = np.abs(lumped.observed.value - lumped.predicted.value)[0].max()
    assert lumped.deviation.value[0] == pytest.approx(gap)
    assert lumped.deviation.low[0] > 0


def test_the_hmm_of_a_chain_is_inferred_within_its_floor(three):
    quantities = index(three)
    assert list(three.method[:3]) == ["regions", "regions at the longest lag", "symbols"]
    assert (three.kl_rate.value < 0.005).all()
    assert (three.kl_rate.value[:2] < three.kl_rate.value[3] + 4e-3).all()
    assert (three.transition_error.value < 0.06).all()
    assert (three.emission_error.value < 0.02).all()
    np.testing.assert_allclose(three.refit_transition, ROWS, atol=0.03)
    np.testing.assert_allclose(three.refit_emission, np.eye(3), atol=0.01)
    order = three.region_of_state
    np.testing.assert_allclose(three.rooted[np.ix_(order, order)], ROWS, atol=0.03)
    a, b = order[0], order[1]
    beside = quantities[f"hazard[{a}-{b}]"].beside[0]
    assert (beside.name, float(beside.estimate)) == ("HMM", 0.04)
    assert float(quantities[f"dwell[{a}]"].beside[0].estimate) == pytest.approx(1 / 0.07)
    assert quantities["kl_rate[regions]"].beside[0].estimate == three.kl_rate[3]
    assert quantities["kl_rate[symbols]"].beside[0].estimate == three.kl_rate[4]
    assert float(quantities["n_merged"].estimate) == 0
    assert quantities["deviation[5]"].beside[0].draws.shape == (19,)


def test_latches_are_read_back_as_their_hmm():
    """Regions found in the activity of a network: their chain is the HMM of the latch, but for the cores."""
    one = np.array([[0.97, 0.03], [0.03, 0.97]])
    hmm = HMM([0.5, 0.5], one, np.eye(2))
    subject = Subject(make_four(1), hmm)
    regions = metastable_regions.PART.run(subject, metastable_regions.MetastableSettings(**REGION_SIZES))
    subject.found["metastable_regions"] = regions
    found = PART.run(subject, RegionChainSettings(**SIZES | {"n_trajectories": 100}))
    c, f = float((regions.core >= 0).mean()), 0.03
    change = f / (1 - (1 - 2 * f) * (1 - c))  # to the other core next, from outside
    missed = (
        1 - c + c * change
    )  # a flip is seen, later, unless the latch flips back before it comes to a core
    hazard = f * c / (1 - (1 - c) * (1 - 2 * f))
    assert missed > 0
    np.testing.assert_allclose(
        found.transition.value[0][[0, 1], [1, 0]], hazard, atol=5 * np.sqrt(2 * f / 30_000)
    )
    np.testing.assert_allclose(found.dwell.value, 1 / hazard, rtol=0.19)
    assert (found.kl_rate.value < 0.005).all()
    assert (found.transition_error.value < 0.01).all()
    assert (found.emission_error.value < 0.01).all()
    assert found.status["notes"] == []


def test_without_an_hmm_there_is_only_the_chain():
    found = run(ROWS, [0], [1], [2])
    quantities = index(found)
    assert {key.split("[")[0] for key in quantities} == {"hazard", "dwell", "timescale", "deviation"}
    assert quantities["hazard[0-1]"].beside == ()
    assert found.process_transition.shape == (0, 0)
    assert np.isnan(found.kl_rate.value).all()
    assert np.isfinite(found.rooted).all()


def test_fewer_regions_than_states_are_merged():
    """Three states, of which two show the same symbol and are one region."""
    hmm = HMM(np.full(3, 1 / 3), ROWS, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = run(ROWS, [0, 1], [2], hmm=hmm, aligned=[0, -1, 1], symbol_of=[0, 0, 1])
    quantities = index(found)
    assert float(quantities["n_merged"].estimate) == 1
    assert quantities["hazard[0-1]"].beside == ()
    assert not any(key.startswith(("transition_error", "emission_error")) for key in quantities)
    assert np.isfinite(found.kl_rate.value).all()
    assert any("cannot be told from its symbols" in note for note in found.status["notes"])


@pytest.mark.slow
def test_what_cannot_be_inferred_is_noted(tmp_path):
    closed = HMM([0.5, 0.5], np.eye(2), np.eye(2))
    flips = np.array([[0.1, 0.9], [0.9, 0.1]])
    found = run(flips, [0], [1], hmm=closed, aligned=[0, 1])
    assert "the HMM has no single stationary state, so no HMM is compared with it" in found.status["notes"]
    assert np.isnan(found.kl_rate.value).all()
    assert index(found)["dwell[0]"].beside[0].estimate.value == np.inf
    slow = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], np.eye(2))
    odd = np.zeros((3, 3))
    odd[[0, 1, 2], [1, 2, 0]] = 1.0
    turning = run(0.97 * odd + 0.03 * np.eye(3), [0], [1], [2], hmm=None)
    assert np.isfinite(turning.deviation.value).all()
    again = run(flips, [0], [1], hmm=slow, aligned=[0, 1], n_steps=160)
    save_result(again, tmp_path / "chain.nc")
    assert load_result(tmp_path / "chain.nc", RegionChainResult) == again


def test_what_is_undefined_is_refused_with_a_reason():
    with pytest.raises(
        UndefinedAnalysisError, match="`region_chain.n_steps` must be ≥ 160, twice the longest"
    ):
        run(ROWS, [0], [1], [2], n_steps=100)
    with pytest.raises(
        UndefinedAnalysisError, match="`region_chain.n_trajectories` must be ≥ 4, two for each"
    ):
        run(ROWS, [0], [1], [2], n_trajectories=3)
    with pytest.raises(UndefinedAnalysisError, match="activity must pass from core to core, but did not in"):
        run(np.eye(2), [0], [1])
    subject = Subject(make_four(1))
    subject.found["metastable_regions"] = metastable_regions.PART.run(
        subject, metastable_regions.MetastableSettings(**REGION_SIZES | {"min_gap": 1e9})
    )
    with pytest.raises(UndefinedAnalysisError, match="activity must keep to ≥ 2 regions, but one was found"):
        PART.run(subject, RegionChainSettings(**SIZES))
