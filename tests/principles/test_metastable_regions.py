import numpy as np
import pytest
import torch
from latches import start_saturated
from regional_networks import make_cloud, make_wavering_latches

from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.hmm import HMM
from orbitscope.network import intervene
from orbitscope.principles.metastable_regions import (
    PART,
    MetastableRegionResult,
    MetastableSettings,
    drive_regions,
    judge_rules,
)
from orbitscope.principles.region_cores import OUTSIDE
from orbitscope.results import load_result, save_result
from orbitscope.runs.zoo import load_network
from orbitscope.subject import Subject

SIZES = {"n_trajectories": 60, "n_steps": 200, "burn_in": 20, "n_null": 19, "n_resamples": 200}


def start_anywhere(network, n_latches):
    """Each latch up or down by itself."""

    def initial_state(n_trajectories):
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(n_trajectories, network.hidden_size))
        signs[:, n_latches:] = 0
        return torch.from_numpy(signs)

    network.initial_state = initial_state
    return network


def run(network, process=None, **settings):
    subject = Subject(network, process)
    return subject, PART.run(subject, MetastableSettings(**SIZES | settings))


def make_four(n_latches=2):
    return start_anywhere(make_wavering_latches(n_latches), n_latches)


def make_chain_of_four():
    """Two latches that flip with .03 each: the HMM of their patterns."""
    one = np.array([[0.97, 0.03], [0.03, 0.97]])
    return HMM(np.full(4, 0.25), np.kron(one, one), np.eye(4))


def test_blobs_are_found_with_their_shares_and_symbols():
    """Four patterns of two latches: four regions of a quarter each, which emit their own symbol."""
    _, found = run(make_four(), make_chain_of_four())
    assert len(found.region) == 4
    error = np.sqrt(0.25 * 0.75 / (60 * 200) * (2 / 0.06))  # a latch is independent after some 1/.06 steps
    np.testing.assert_allclose(found.share.value, 0.25, atol=5 * error)
    assert ((found.share.low < 0.25) & (found.share.high > 0.25)).mean() >= 0.5
    for region in range(4):
        assert len(np.unique(found.symbol[found.label == region])) == 1
    assert sorted(found.cluster_of_state) == [0, 1, 2, 3]
    assert (found.distance.value < 2e-3).all()  # a latch is seldom between up and down
    assert found.status["states_without_region"] == []
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert float(quantities["n_regions"].estimate) == 4
    assert quantities["n_regions"].find_reference("states of the HMM").estimate.value == 4


def test_rules_are_judged_on_trajectories_that_they_were_not_fitted_to():
    _, found = run(make_four())
    assert float(found.accuracy) == 1
    np.testing.assert_array_equal(found.purity.value, 1)
    inside = found.core != OUTSIDE
    np.testing.assert_array_equal(found.core[inside], found.label[inside])
    assert inside.mean() == pytest.approx(0.5, abs=0.05)
    even = found.core[::2] != OUTSIDE
    for region in range(4):
        assert even[found.label[::2] == region].mean() == pytest.approx(0.5, abs=0.01)

    # Labels of odd trajectories that are wrong by construction are told wrongly.
    subject = Subject(make_four())
    path = drive_regions(subject, MetastableSettings(**SIZES))
    told = found.cores.find_regions(path.states.transpose(0, 1)).numpy()
    np.testing.assert_array_equal(told, found.label)


def test_rules_for_labels_at_random_tell_nothing():
    """Of many neurons some fit any labels; on trajectories that were not fitted they are at chance."""
    rng = np.random.default_rng(0)
    label = rng.integers(2, size=(100, 10))
    hidden = torch.from_numpy(rng.standard_normal((1000, 150)))
    settings = MetastableSettings(core_share=0.5, n_resamples=50)
    found = judge_rules(hidden, label, 2, settings, "activity", rng=rng)
    assert float(found["accuracy"]) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(500))
    np.testing.assert_allclose(found["purity"].value, 0.5, atol=5 * 0.5 / np.sqrt(100))


def test_halves_agree_on_blobs_and_not_on_a_cloud():
    _, found = run(make_four())
    assert (found.split_rand > 0.99).all()
    assert (found.split_n_regions == 4).all()
    _, cloud = run(load_network("zoo:linear-5-faithful"), n_trajectories=20, n_steps=100, burn_in=100)
    assert cloud.split_rand.min() < 0.9


def test_one_latch_has_two_regions_and_a_cloud_has_one():
    _, two = run(make_four(1))
    assert len(two.region) == 2
    _, one = run(make_cloud())
    assert len(one.region) == 1
    assert (one.label == 0).all()
    assert np.isnan(one.accuracy.value)
    message = r"must keep to ≥ 2 regions, but one was found.*leave out `--quick`, or raise `n_trajectories`"
    with pytest.raises(UndefinedAnalysisError, match=message):
        _ = one.cores
    assert "accuracy" not in [quantity.key for quantity in one.list_quantities()]


def test_without_an_hmm_no_states_stand_beside():
    _, found = run(make_four())
    assert found.emission_probs.shape == (0, 4)
    assert [quantity.key for quantity in found.list_quantities()][:2] == ["n_regions", "share[0]"]
    assert found.list_quantities()[0].beside == ()


def test_regions_do_not_depend_on_the_size_of_the_noise():
    """Directions of a bias-free ReLU network know no size: a network of the zoo at twice the noise."""
    network = load_network("zoo:linear-2")
    sizes = {"n_trajectories": 20, "n_steps": 100, "n_splits": 1, "n_null": 19, "n_resamples": 100}
    once = PART.run(Subject(network), MetastableSettings(**sizes))
    twice = PART.run(Subject(network, noise_std=2.0), MetastableSettings(**sizes))
    assert once.settings["metric"] == "direction"
    assert (once.label == twice.label).mean() > 0.99
    assert (once.core == twice.core).mean() > 0.99


@pytest.mark.slow
def test_a_result_is_kept_with_its_rules(tmp_path):
    subject, found = run(make_four(1))
    save_result(found, tmp_path / "regions.nc")
    again = load_result(tmp_path / "regions.nc", MetastableRegionResult)
    assert again == found
    states = drive_regions(subject, MetastableSettings(**SIZES)).states.transpose(0, 1)
    np.testing.assert_array_equal(again.cores.find_cores(states).numpy(), found.core)


def test_too_few_trajectories_and_states_that_hardly_vary_are_refused():
    with pytest.raises(
        UndefinedAnalysisError, match="`metastable_regions.n_trajectories` must be ≥ 8, got 4"
    ):
        run(make_four(), n_trajectories=4)
    with pytest.raises(
        UndefinedAnalysisError, match="50 microstates need ≥ 2000 states, got 10 trajectories of"
    ):
        run(make_four(), n_trajectories=10, n_steps=100)
    with pytest.raises(InputError, match="core_share"):
        MetastableSettings(core_share=0.0)
    still = start_saturated(make_wavering_latches(1, n_wavering=1))
    frozen = intervene(still, clamp={0: 1.0, 1: 0.5})
    with pytest.raises(UndefinedAnalysisError, match="states must lie in > 8 different places, got 1"):
        run(frozen)
