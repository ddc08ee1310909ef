from types import SimpleNamespace

import numpy as np
import pytest
import torch
from chain_networks import (
    find_stationary,
    make_chain,
    make_core_rules,
    make_one_way_ring,
    make_walk,
    solve_committors,
)
from test_metastable_regions import SIZES as REGION_SIZES
from test_metastable_regions import make_four

from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.principles import metastable_regions
from orbitscope.principles.probability.committor import PART, CommittorResult
from orbitscope.principles.probability.excursion_choice import CommittorSettings
from orbitscope.principles.region_cores import RegionCores
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate
from orbitscope.subject import Subject

SIZES = {
    "n_trajectories": 60,
    "n_steps": 200,
    "burn_in": 20,
    "n_resamples": 200,
    "n_passages": 60,
    "n_failures": 40,
    "n_points": 100,
    "n_rollouts": 40,
    "n_labelled": 5,
}


def run(matrix, *members, symbol_of=None, commitment=None, start=0, **settings):
    cores = make_core_rules(len(matrix), *members)
    subject = Subject(make_chain(matrix, symbol_of=symbol_of, start=start))
    subject.found["metastable_regions"] = SimpleNamespace(cores=cores)
    if commitment is not None:
        subject.found["commitment"] = commitment
    return PART.run(subject, CommittorSettings(**SIZES | settings))


def make_conveyor(branch=0.4, stay=0.9):
    """Cores 0 and 7. From each three steps lead to a branch: back at once, or by three more steps across."""
    matrix = np.zeros((14, 14))
    for core, first, other in ((0, 1, 7), (7, 8, 0)):
        matrix[core, [core, first]] = stay, 1 - stay
        matrix[first, first + 1] = matrix[first + 1, first + 2] = 1.0
        matrix[first + 2, [core, first + 3]] = 1 - branch, branch
        matrix[first + 3, first + 4] = matrix[first + 4, first + 5] = matrix[first + 5, other] = 1.0
    return matrix


LATE = [0] * 6 + [1] * 7 + [0]
"""Symbols of a conveyor: the new one is shown one step before the core."""


def assert_within_five_errors(found, exact):
    error = (found.high - found.low) / 3.92
    assert (np.abs(found.value - exact) <= 5 * error + 1e-12).all(), (found.value, exact, error)


def test_passages_of_a_walk_cross_the_surface_where_it_is():
    """1 − q_a is .4 up to the branch and 1 beyond: the surface is 5/6 of a step before the fourth step."""
    found = run(make_conveyor(), [0], [7], n_rollouts=400)
    np.testing.assert_allclose(found.lead.value, 3 + 5 / 6, atol=0.02)
    np.testing.assert_array_equal(found.length.value, 7)
    np.testing.assert_allclose(found.beyond.value, (3 + 5 / 6) / 7, atol=0.005)
    assert list(found.group) == ["all", "region 0 → 1", "region 1 → 0"]
    assert list(zip(found.origin, found.target, strict=True)) == [(-1, -1), (0, 1), (1, 0)]
    assert found.n_passages[0] == found.n_passages[1:].sum() == len(found.lead_of)
    np.testing.assert_allclose(found.lead_of, 3 + 5 / 6, atol=0.25)
    curve = found.leaving.value[1]
    np.testing.assert_allclose(curve[:9], [1, 1, 1, 1, 0.4, 0.4, 0.4, 0, 0], atol=0.02)
    np.testing.assert_array_equal(curve[7:], 0)
    low, high = found.leaving_quartile[1].T
    assert (low <= high).all()
    np.testing.assert_allclose(low[4:7], 0.4, atol=0.05)
    np.testing.assert_array_equal(low[7:], 0)


def test_a_late_readout_switches_after_the_surface():
    found = run(make_conveyor(), [0], [7], symbol_of=LATE, n_rollouts=400)
    np.testing.assert_array_equal(found.switch_share.value, 1)
    np.testing.assert_allclose(found.switch_lead.value, 3 + 5 / 6 - 1, atol=0.027)
    half = run(make_conveyor(), [0], [7], symbol_of=[0] * 7 + [1] + [0] * 6, n_passages=60)
    np.testing.assert_array_equal(half.switch_share.value, 1)
    none = run(make_conveyor(), [0], [7], symbol_of=[0] * 3 + [1] + [0] * 10, n_passages=60)
    np.testing.assert_array_equal(none.switch_share.value, 0)
    assert np.isnan(none.switch_lead.value).all()


def test_rates_are_those_of_transition_path_theory():
    """Flux over the time in which a core was the last one, exact by forward and backward committors."""
    matrix, members = make_one_way_ring(0.3, 0.15), ([0], [3], [6])
    found = run(matrix, *members, n_trajectories=120, n_rollouts=4, n_points=50, n_labelled=5)
    probs = find_stationary(matrix)
    forward = solve_committors(matrix, *members)
    backward = solve_committors(probs[None, :] * matrix.T / probs[:, None], *members)
    time = probs @ backward
    places = [0, 3, 6]
    leave = 1 - matrix[places, places]
    assert_within_five_errors(found.attempts, probs[places] * leave / time)
    for i, (a, b) in enumerate(zip(found.rate_origin, found.rate_target, strict=True)):
        step = matrix[places[a]].copy()
        step[places[a]] = 0
        flux = probs[places[a]] * step @ forward[:, b]
        assert_within_five_errors(found.rate[i], flux / time[a])
        assert_within_five_errors(found.commit[i], step @ forward[:, b] / step.sum())
    np.testing.assert_allclose(found.product.value, found.rate.value, rtol=1e-13)
    np.testing.assert_allclose(found.product.low, found.rate.low, rtol=1e-13)
    assert len(found.rate_origin) == 6

    deeptime = pytest.importorskip("deeptime.markov.msm", reason="a second implementation, if installed")
    walk = make_walk(6, up=0.3, down=0.2)
    two = run(walk, [0], [5], n_rollouts=4, n_points=50, n_labelled=5)
    flux = deeptime.MarkovStateModel(walk).reactive_flux([0], [5])
    assert_within_five_errors(two.rate[0], flux.rate)


def test_failed_attempts_reach_what_they_can():
    """On the conveyor all failures come to .4 and none beyond the surface."""
    found = run(make_conveyor(), [0], [7], n_failures=100)
    np.testing.assert_allclose(found.reach.value, 0.4, atol=5 * 0.08 / np.sqrt(50))
    assert (found.turned_back.value < 0.3).all()
    far = run(make_conveyor(branch=0.7), [0], [7], n_failures=100)
    np.testing.assert_allclose(far.reach.value, 0.7, atol=5 * 0.08 / np.sqrt(50))
    assert (far.turned_back.value > 0.9).all()
    np.testing.assert_allclose(far.lead.value, 6 + 2 / 7, atol=0.05)  # at once, ½ : .7 of the first step


def test_regions_at_the_surface_are_those_of_its_states():
    """States before the branch show a symbol of their own, for three, two and one more steps."""
    symbol_of = [1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    found = run(make_conveyor(stay=0.95), [0], [7], symbol_of=symbol_of, n_trajectories=200, n_labelled=400)
    assert list(found.zone) == ["slow", "kick", "transition"]
    assert_within_five_errors(found.zone_share[0, 1:], [2 / 3, 1 / 3])
    assert found.zone_share.value[0, 0] == 0
    outside = np.array([1.2, 2, 1]) / 4.2
    assert_within_five_errors(found.zone_share[1], outside)
    assert_within_five_errors(found.kick_excess, 2 / 3 - outside[1])
    attempt = 3 + 0.4 * 3  # steps outside for each attempt, beside 20 in a core
    assert_within_five_errors(found.zone_share[2, 1], 2 / (20 + attempt))
    by_lead = found.zone_along.value
    assert (by_lead[4, 2], by_lead[5, 1], by_lead[6, 1]) == (1, 1, 1)
    np.testing.assert_array_equal(by_lead[1:4, 0], 1)
    assert np.isnan(by_lead[[0, 7]]).all()


def test_what_paths_do_is_what_rollouts_say():
    found = run(make_walk(6, up=0.5, down=0.4), [0], [5], n_points=1500, n_trajectories=200, n_rollouts=10)
    assert_within_five_errors(found.calibration, 1)
    assert_within_five_errors(found.bias, 0)
    seen = found.n_in_bin > 50
    assert seen.sum() >= 3
    assert (np.abs(found.predicted.value - found.left.value)[seen] < 0.15).all()
    assert found.n_in_bin.sum() == pytest.approx(1500, abs=5)


def test_rules_that_tell_wrongly_in_rollouts_would_be_seen():
    """Rollouts that drift otherwise than the paths: the calibration is off."""

    matrix, other = make_walk(6, up=0.4, down=0.4), make_walk(6, up=0.6, down=0.2)
    cores = make_core_rules(6, [0], [5])
    network = make_chain(matrix, symbol_of=[0] * 3 + [1] * 3)
    paths, rollouts = network.cell.table, make_chain(other).cell.table

    class Finder(RegionCores):
        """Switches the chain once the paths are driven."""

        def find_cores(self, hidden):
            network.cell.table = rollouts if hidden.ndim == 2 else paths
            return super().find_cores(hidden)

    finder = Finder(cores.weights, cores.intercepts, cores.thresholds, is_direction=False)
    subject = Subject(network)
    subject.found["metastable_regions"] = SimpleNamespace(cores=finder)
    found = PART.run(subject, CommittorSettings(**SIZES | {"n_trajectories": 200, "n_points": 600}))
    assert float(found.calibration.high) < 0.7  # the outcome hardly depends on where a rollout starts


def test_censored_rollouts_are_counted():
    found = run(make_conveyor(), [0], [7], max_steps=2)
    assert 0.4 < float(found.censored) < 0.95
    assert np.isnan(found.lead.value).all()  # three steps before the branch nothing is known
    assert not any("nan" in f"{quantity}" for quantity in found.list_quantities())
    assert float(run(make_conveyor(), [0], [7], n_passages=60).censored) == 0


def test_latches_have_committors_near_0_and_1():
    """A latch that flips with f, a core that holds c of its side: x = f/(1 − (1 − 2f)(1 − c)) to change."""
    subject = Subject(make_four(1))
    regions = metastable_regions.PART.run(subject, metastable_regions.MetastableSettings(**REGION_SIZES))
    subject.found["metastable_regions"] = regions
    found = PART.run(subject, CommittorSettings(**SIZES | {"n_labelled": 60}))
    f, c = 0.03, float((regions.core >= 0).mean())
    change = f / (1 - (1 - 2 * f) * (1 - c))
    succeeds = ((1 - f) * (1 - c) * change + f * (1 - c) * (1 - change) + f * c) / (1 - (1 - f) * c)
    assert_within_five_errors(found.commit, succeeds)
    assert_within_five_errors(found.calibration, 1)
    seen = found.predicted.value[found.n_in_bin > 0]
    np.testing.assert_allclose(seen[[0, -1]], [change, 1 - change], atol=0.05)


def test_the_half_lead_stands_beside_if_it_was_found():
    def find(commitment):
        found = run(make_conveyor(), [0], [7], symbol_of=LATE, commitment=commitment, n_rollouts=10)
        return {quantity.key: quantity for quantity in found.list_quantities()}

    half_lead = Estimate([4.0, 1.0], [3.0, 0.5], [5.0, 2.0])
    quantities = find(SimpleNamespace(half_lead=half_lead))
    assert quantities["switch_lead[all]"].beside[0].estimate == half_lead[0]
    assert quantities["switch_lead[0-1]"].beside == quantities["lead[all]"].beside == ()
    alone = find(SimpleNamespace(half_lead=Estimate([4.0])))["switch_lead[all]"].beside[0].estimate
    assert float(alone) == 4.0
    assert find(SimpleNamespace(half_lead=Estimate([np.nan])))["switch_lead[all]"].beside == ()


@pytest.mark.slow
def test_quantities_are_those_of_the_result(tmp_path):
    found = run(make_conveyor(), [0], [7], n_rollouts=10)
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert set(PART.definitions) == {key.split("[")[0] for key in quantities}
    assert quantities["lead[1-0]"].estimate == found.lead[2]
    assert quantities["switch_lead[all]"].beside == ()
    assert quantities["lead[1-0]"].label == "region 1 → 0: surface before the new core"
    assert quantities["rate[0-1]"].beside[0].estimate == found.product[0]
    assert quantities["attempts[1]"].estimate == found.attempts[1]
    zone = quantities["at_surface[kick]"]
    assert zone.estimate == found.zone_share[0, 1]
    assert [item.estimate for item in zone.beside] == [found.zone_share[1, 1], found.zone_share[2, 1]]
    save_result(found, tmp_path / "committor.nc")
    assert load_result(tmp_path / "committor.nc", CommittorResult) == found
    again = run(make_conveyor(), [0], [7], n_rollouts=10)
    assert again == found


def test_directions_with_few_passages_are_left_out_and_named():
    matrix = make_one_way_ring(0.38, 0.02, n_between=1)
    found = run(matrix, [0], [2], [4], n_trajectories=40, n_rollouts=10, n_labelled=5)
    assert set(found.group[1:]) == {"region 0 → 1", "region 1 → 2", "region 2 → 0"}
    few = set(found.status["few"])
    assert few <= {"region 1 → 0", "region 2 → 1", "region 0 → 2"}
    assert len(found.rate_origin) == 3 + len(few)


def test_what_is_undefined_is_refused_with_a_reason():
    with pytest.raises(UndefinedAnalysisError, match="some direction must have ≥ 30 passages from core to"):
        run(make_conveyor(stay=0.999), [0], [7], n_trajectories=5)
    with pytest.raises(UndefinedAnalysisError, match="must be above `committor.max_steps` = 60, got 60"):
        run(make_conveyor(), [0], [7], n_steps=60)
    with pytest.raises(UndefinedAnalysisError, match="`committor.n_trajectories` must be ≥ 2, got 1"):
        run(make_conveyor(), [0], [7], n_trajectories=1)
    flip = np.array([[0.9, 0.1], [0.1, 0.9]])
    with pytest.raises(UndefinedAnalysisError, match="some states must be outside all cores, but none is"):
        run(flip, [0], [1])
    with pytest.raises(InputError, match="n_bins"):
        CommittorSettings(n_bins=1)
    subject = Subject(make_chain(flip))
    subject.found["metastable_regions"] = metastable_regions.PART.run(
        Subject(make_four(1)), metastable_regions.MetastableSettings(**REGION_SIZES | {"min_gap": 1e9})
    )
    with pytest.raises(UndefinedAnalysisError, match="activity must keep to ≥ 2 regions, but one was found"):
        PART.run(subject, CommittorSettings(**SIZES))
    assert torch.is_grad_enabled()
