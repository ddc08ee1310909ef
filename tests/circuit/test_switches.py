import numpy as np
import pytest
import torch
from latches import make_latch, start_saturated

from orbitscope.circuit.switches import PART, SwitchResult, SwitchSettings, replay_switches
from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.hmm import HMM, compute_symbol_matrix, compute_volatility, load_preset
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.runs.zoo import load_network
from orbitscope.subject import Subject
from orbitscope.workflows.analyse import analyse

SIZES = {"n_trajectories": 60, "n_steps": 200, "burn_in": 20, "n_resamples": 200}


def run(network, process=None, **settings):
    subject = Subject(network, process)
    subject.found["switches"] = PART.run(subject, SwitchSettings(**SIZES | settings))
    return subject, subject.found["switches"]


def test_hazards_of_a_telegraph_are_known():
    """A latch flips with probability .03 in every step."""
    _, found = run(start_saturated(make_latch(flip=0.03)))
    error = np.sqrt(0.03 / found.symbol.size)
    assert abs(float(found.rate) - 0.03) < 5 * error
    assert list(zip(found.origin, found.target, strict=True)) == [(0, 1), (1, 0)]
    np.testing.assert_allclose(found.hazard.value, 0.03, atol=5 * np.sqrt(2) * error)
    np.testing.assert_allclose(found.persistence.value, 0.97, atol=0.09)
    before, new, second = (found.symbol[:, k : k + 198] for k in range(3))
    for a, b, share in zip(found.origin, found.target, found.persistence.value, strict=True):
        assert share == pytest.approx((second == b)[(before == a) & (new == b)].mean())
        assert 0.9 < share <= 1
    changes = (found.symbol[:, 1:] != found.symbol[:, :-1]).sum()
    assert found.n_events.sum() == changes
    assert float(found.rate) == pytest.approx(changes / (60 * 199))


def test_intervals_are_over_trajectories():
    _, found = run(start_saturated(make_latch(flip=0.03)), n_resamples=2000)
    rates = (found.symbol[:, 1:] != found.symbol[:, :-1]).mean(1)
    width = 1.96 * rates.std() / np.sqrt(60)
    assert (found.rate.high - found.rate.low) / 2 == pytest.approx(width, rel=0.15)


def test_the_process_has_its_exact_values():
    hmm = load_preset("linear-3").hmm
    _, found = run(load_network("zoo:linear-3"), hmm, n_trajectories=20, n_steps=80, burn_in=50)
    matrix = compute_symbol_matrix(hmm)
    np.testing.assert_allclose(found.process_hazard, matrix[found.origin, found.target])
    assert float(found.process_rate) == pytest.approx(compute_volatility(hmm))
    a, b = found.origin[0], found.target[0]
    path = np.full(3, 1 / 3) * hmm.emission_probs[:, a]
    before = (path @ hmm.transition_matrix) * hmm.emission_probs[:, b]
    after = (before @ hmm.transition_matrix) * hmm.emission_probs[:, b]
    assert found.process_persistence[0] == pytest.approx(after.sum() / before.sum())
    assert found.list_quantities()[0].beside[0].name == "process"


def test_a_decoder_that_sees_the_states_has_no_jitter():
    sees = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[1.0, 0.0], [0.0, 1.0]])
    _, found = run(start_saturated(make_latch()), sees)
    assert (float(found.decoder_jitter), float(found.decoder_missed)) == (0.0, 0.0)
    blurs = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]])
    _, found = run(start_saturated(make_latch()), blurs)
    assert float(found.decoder_jitter) > 0.2
    assert float(found.decoder_missed) > 0.1


def test_without_an_hmm_nothing_stands_beside():
    _, found = run(start_saturated(make_latch()))
    assert np.isnan(found.process_hazard).all()
    assert [quantity.key for quantity in found.list_quantities()] == [
        *("rate", "hazard[0-1]", "persistence[0-1]", "hazard[1-0]", "persistence[1-0]")
    ]
    assert not any(quantity.beside for quantity in found.list_quantities())


def test_a_network_that_never_switches_has_no_switches():
    network = start_saturated(make_latch(flip=1e-9))
    with pytest.raises(UndefinedAnalysisError, match="must change its most probable symbol, but did not in"):
        run(network)


def test_states_are_driven_again_and_directions_with_few_switches_are_named(tmp_path):
    subject, found = run(start_saturated(make_latch(flip=0.002)))
    path, switches = replay_switches(subject)
    assert len(switches) == found.n_events.sum()
    logits = subject.network.compute_logits(path.states)
    np.testing.assert_array_equal(logits.argmax(-1).T.numpy(), found.symbol)
    assert found.status["few"] == ["0 → 1", "1 → 0"]
    save_result(found, tmp_path / "switches.nc")
    assert load_result(tmp_path / "switches.nc", SwitchResult) == found
    with torch.no_grad():
        subject.network.w_out.mul_(-1)
    with pytest.raises(UndefinedAnalysisError, match="their symbols differ"):
        replay_switches(subject)


def test_a_network_that_shows_one_symbol_has_no_switches():
    """Its output has no weights; a network that is made for one symbol is refused at once."""
    network = start_saturated(make_latch())
    with torch.no_grad():
        network.w_out.zero_()
    with pytest.raises(UndefinedAnalysisError, match="did not in 12000 steps"):
        run(network)
    with pytest.raises(InputError, match="`n_symbols` must be ≥ 2, got 1"):
        build_network(1, generator=torch.Generator().manual_seed(0))


def test_a_process_of_one_state_has_hazards_and_no_changes_of_state():
    one = HMM([1.0], [[1.0]], [[0.3, 0.7]])
    _, found = run(start_saturated(make_latch()), one)
    np.testing.assert_allclose(found.process_hazard, [0.7, 0.3])
    assert np.isnan(found.decoder_jitter)
    assert np.isnan(found.decoder_missed)
    assert "decoder_missed" not in [quantity.key for quantity in found.list_quantities()]


def test_a_network_without_bound_has_no_regime_to_count_in():
    network = build_network(2, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(20)
    with pytest.raises(NoStationaryRegimeError, match="activity must stay below"):
        run(network)


def test_parts_that_need_switches_are_skipped_where_there_are_none():
    network = start_saturated(make_latch(flip=1e-9))
    settings = {"switches": SIZES}
    found = analyse(network, only=["commitment", "noise_kernel"], settings=settings)
    assert {outcome.part: outcome.status for outcome in found.outcomes} == dict.fromkeys(
        ("switches", "commitment", "noise_kernel"), "undefined"
    )
    assert "must change its most probable symbol" in found.outcomes[0].reason
    assert all("switches" in outcome.reason for outcome in found.outcomes[1:])


def test_a_single_trajectory_has_no_intervals():
    with pytest.raises(UndefinedAnalysisError, match="`switches.n_trajectories` must be ≥ 2, got 1"):
        run(start_saturated(make_latch()), n_trajectories=1)


def test_of_many_directions_the_most_frequent_are_looked_at_and_the_others_counted(monkeypatch):
    """The rate stays that of all; events of other directions do not reach the parts that come later."""
    _, whole = run(load_network("zoo:linear-5-faithful"))
    assert whole.status["dropped"] == 0
    monkeypatch.setattr("orbitscope.circuit.switches.MOST_DIRECTIONS", 3)
    subject, found = run(load_network("zoo:linear-5-faithful"))
    leading = np.sort(np.argsort(-whole.n_events, kind="stable")[:3])
    for name in ("origin", "target", "n_events"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[leading])
    np.testing.assert_array_equal(found.hazard.value, whole.hazard.value[leading])
    assert found.rate.value == whole.rate.value
    assert found.status["dropped"] == len(whole.origin) - 3
    _, switches = replay_switches(subject)
    assert len(switches) == found.n_events.sum() < whole.n_events.sum()
    assert {*zip(switches.origin, switches.target, strict=True)} == {
        *zip(found.origin, found.target, strict=True)
    }
