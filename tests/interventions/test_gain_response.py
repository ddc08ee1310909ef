import numpy as np
import pytest
import torch
from planted import build_partly, make_relayed_latch

from orbitscope.circuit.carriers import CarrierResult
from orbitscope.circuit.switches import PART as SWITCHES
from orbitscope.circuit.switches import SwitchSettings
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.interventions.gain_response import (
    PART,
    GainResponse,
    InterventionSettings,
    compute_interventions,
    respond,
)
from orbitscope.interventions.targets import Target
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate
from orbitscope.subject import Subject

SIZES = {"n_trajectories": 60, "n_steps": 300, "burn_in": 50, "n_resamples": 100}
SIZES |= {"n_matched": 0, "n_subsets": 0}
UP, DOWN = Target("up", (3,)), Target("down", (4,))
BOTH = Target("both", (3, 4))


def observe(network, **sizes):
    """A subject with its switches."""
    subject = Subject(network)
    small = {"n_trajectories": 40, "n_steps": 200, "burn_in": 20, "n_resamples": 20} | sizes
    subject.found["switches"] = SWITCHES.run(subject, SwitchSettings(**small))
    return subject


def run(network, targets, gains=(0.0, 1.0), *, found=None, **settings):
    subject = observe(network)
    if found is not None:
        subject.found["carriers"] = found
    return respond(subject, targets, gains, InterventionSettings(**SIZES | settings), compared=targets)


@pytest.fixture(scope="module")
def relays():
    noise = Target("noise", basis=np.eye(22)[:, :1], source="noise directions")
    trigger = Target("trigger", (1,), source="noise of neurons")
    return run(make_relayed_latch(), [UP, DOWN, BOTH, Target("distractors", (5, 6, 7)), noise, trigger])


def test_a_relay_traps_one_way_and_both_relays_both_ways(relays):
    """Without the relay up the latch falls once and stays; without both it stays wherever it is."""
    assert relays.trapped[:, 0].tolist() == ["one way", "one way", "both ways", "no", "one way", "one way"]
    assert relays.trapped[:, 1].tolist() == ["no"] * 6
    up, down = relays.direction.tolist().index("0 → 1"), relays.direction.tolist().index("1 → 0")
    for t, (ended, goes_on) in enumerate(((up, down), (down, up))):
        assert relays.hazard.value[t, 0, ended] == 0
        assert relays.hazard.high[t, 0, ended] < 0.02
        assert relays.hazard.low[t, 0, goes_on] > 0.5
        assert relays.occupancy.value[t, 0] > 0.9
        assert relays.rate.value[t, 0] < 0.1
    np.testing.assert_array_equal(relays.hazard.value[2, 0], 0)
    assert relays.rate.value[2, 0] == 0
    assert relays.occupancy.value[2, 0] < 0.75


def test_what_does_nothing_changes_nothing(relays):
    """Distractors receive nothing from neurons, and all runs have the same noise; so has a gain of 1."""
    for unchanged in (relays.hazard[3, 0], relays.hazard[:, 1]):
        for part in (unchanged.value, unchanged.low, unchanged.high):
            np.testing.assert_array_equal(part, 1)
    np.testing.assert_array_equal(relays.overshoot.value[:, 1], 0)


def test_noise_of_a_trigger_is_the_noise_that_drives_it(relays):
    """Removing a direction of the noise equals removing the input of the one neuron that it reaches."""
    for name in ("hazard", "rate", "occupancy"):
        found = getattr(relays, name)
        np.testing.assert_array_equal(found.value[4], found.value[5])


def test_hazard_is_a_step_at_the_gain_that_silences_the_relay():
    gains = np.linspace(0, 2, 11).round(6).tolist()
    found = run(make_relayed_latch(), [UP], gains)
    d = found.direction.tolist().index("0 → 1")
    # A trigger is between up and down in one step of a hundred or fewer.
    np.testing.assert_allclose(found.hazard.value[0, :, d], found.gain > 0.5, atol=0.02)


@pytest.mark.slow
def test_a_relay_stands_out_from_matched_sets():
    small = {"n_trajectories": 20, "n_steps": 100, "burn_in": 50}
    found = run(make_relayed_latch(), [BOTH, Target("other", (5, 6))], n_matched=19, **small)
    np.testing.assert_array_equal(found.fall, [1, 0])
    assert found.matched.p_value.tolist() == [0.05, 1]
    most = run(make_relayed_latch(), [Target("most", tuple(range(5, 20)))], n_matched=3, **small)
    assert most.matched.draws.size == 0
    assert np.isnan(most.matched.p_value[0])


@pytest.mark.slow
def test_subsets_that_hold_a_relay_trap():
    """Twenty of the first twenty are all of them: with both relays among them, or with neither."""
    for first, share in ((range(1, 21), 1.0), (range(5, 25), 0.0)):
        effect = np.zeros((2, 25))
        effect[:, list(first)] = 1.0
        made = build_partly(CarrierResult, effect=Estimate(effect))
        small = {"n_trajectories": 30, "n_steps": 100, "n_subsets": 4, "subset_size": 20}
        found = run(make_relayed_latch(), [UP], [0.0], found=made, **small)
        assert found.trapping_subsets.value[0].tolist() == [share, 0.0]
        assert found.trapping_subsets.low[0, 0] == pytest.approx(share * 4 / (4 + 1.96**2), rel=1e-3)


def make_rotation(modulus, angle, drive=1e-5):
    """Two units that turn, in the linear range if driven weakly; symbol 1 where the first is above 0."""
    sizes = {"hidden_size": 2, "input_size": 2, "bias": False}
    network = build_network(2, cell="tanh", **sizes, generator=torch.Generator().manual_seed(0)).double()
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    with torch.no_grad():
        network.cell.w_hh.copy_(modulus * turn)
        network.cell.w_ih.copy_(drive * torch.eye(2))
        network.w_out.copy_(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
    return network


def test_a_louder_network_overshoots_as_much_as_it_is_louder():
    """Activity is Gaussian and circular: its radius is √(π/2) standard deviations, times the gain."""
    noise = Target("noise", basis=np.eye(2), source="noise directions")
    found = run(make_rotation(0.8, 0.5), [noise], [0.0, 1.0, 2.0], n_steps=500, n_trajectories=100)
    radius = np.sqrt(np.pi / 2)
    # The first steps forget the start (.02), and the unit is that of another sample (.03).
    np.testing.assert_allclose(found.overshoot.value[0], [-radius, 0, radius], atol=0.1)
    # Once it has forgotten its start, a louder linear network shows the same symbols.
    np.testing.assert_allclose(found.hazard.value[0, 2], 1, atol=0.02)


def test_critical_pairs_of_a_rotation_end_without_it():
    """λ = .98 exp(±.05 i): z = (λ − 1)/(λ + 1) is critical; at gain 1.9 and 2 it is far from the axis."""
    found = run(make_rotation(0.98, 0.15), [Target("all", (0, 1))], [0.0, 1.0, 1.9, 2.0])
    assert found.critical_gain.tolist() == [0.0, 1.0, 1.9, 2.0]
    np.testing.assert_array_equal(found.critical_pairs_kick.value[0], [0, 1, 0, 0])
    np.testing.assert_array_equal(found.critical_pairs.value[0, :2], [0, 1])


def test_without_kick_states_their_critical_pairs_are_unknown(monkeypatch):
    none = torch.empty(0, 1, 2)
    monkeypatch.setattr("orbitscope.interventions.gain_response.draw_kick_states", lambda *_, **__: none)
    found = run(make_rotation(0.98, 0.15), [Target("all", (0, 1))], [0.0, 1.0, 1.9, 2.0])
    assert np.isnan(found.critical_pairs_kick.value).all()
    np.testing.assert_array_equal(found.critical_pairs.value[0, :2], [0, 1])


def test_critical_pairs_are_those_of_the_states_that_are_visited():
    """Under strong noise units saturate and turn no more; without noise they are in the linear range."""
    noise = Target("noise", basis=np.eye(2), source="noise directions")
    found = run(make_rotation(0.98, 0.15, drive=2.0), [noise], [0.0, 1.0])
    assert found.critical_pairs.value[0, 0] == 1
    assert found.critical_pairs.high[0, 1] < 0.5


def make_growing():
    """Symbols are drawn anew in every step; a unit that they do not read keeps .9 of its activity."""
    sizes = {"hidden_size": 3, "input_size": 3, "bias": False}
    network = build_network(2, cell="relu", **sizes, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        network.cell.w_ih.copy_(torch.eye(3))
        network.cell.w_hh[2, 2] = 0.9
        network.w_out[:, :2] = torch.eye(2)
    return network


def test_a_network_that_explodes_under_gain_says_so():
    """At gain 2 the loop is 1.8: activity has no bound."""
    found = run(make_growing(), [Target("loop", (2,))], [0.0, 1.0, 2.0])
    assert found.trapped[0].tolist() == ["no", "no", "diverges"]
    assert np.isnan(found.hazard.value[0, 2]).all()
    assert np.isnan(found.overshoot.value[0, 2])
    assert np.isnan(found.critical_pairs.value[0, 2])
    np.testing.assert_array_equal(found.hazard.value[0, 0], 1)
    assert found.status["notes"] == ["in 1 of 4 runs activity has no bound"]


def test_an_intact_network_that_explodes_is_undefined():
    network = make_growing()
    subject = observe(network)
    with torch.no_grad():
        network.cell.w_hh[2, 2] = 1.8
    subject.found["switches"] = observe(make_growing()).found["switches"]
    loop = [Target("loop", (2,))]
    with pytest.raises(UndefinedAnalysisError, match="no bound|come again"):
        respond(subject, loop, [0.0], InterventionSettings(**SIZES), compared=loop)


def test_without_a_frequent_direction_nothing_is_judged():
    few = {"n_trajectories": 2, "n_steps": 20, "burn_in": 20, "n_matched": 2}
    found = run(make_relayed_latch(), [UP], [0.0, 1.0, 2.0], **few)
    assert found.is_judged.sum() == 0
    assert (found.trapped == "undefined").all()
    assert np.isnan(found.fall).all()
    assert PART.summarise(found)


def test_without_targets_there_is_nothing_to_do():
    with pytest.raises(UndefinedAnalysisError, match="none was found"):
        compute_interventions(observe(make_relayed_latch()), InterventionSettings(**SIZES))


def test_quantities_and_files(relays, tmp_path):
    save_result(relays, tmp_path / "interventions.nc")
    loaded = load_result(tmp_path / "interventions.nc", GainResponse)
    quantities = {q.key: q for q in PART.summarise(loaded)}
    judged = quantities["interventions.trapped[up,0]"]
    assert judged.word == "one way"
    assert str(judged.beside[0]).startswith("hazard 0 → 1 0 [0, 0.00")
    assert float(quantities["interventions.rate[both,0]"].estimate) == 0
    assert loaded.list_extremes() == [0.0]
    assert "interventions.hazard[up,0,0-1]" in quantities
    assert float(quantities["interventions.fall[up]"].estimate) == 1
