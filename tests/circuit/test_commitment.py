import numpy as np
import pytest
import torch
from latches import make_latch, start_saturated

from orbitscope.circuit import commitment, switches
from orbitscope.circuit.commitment import (
    CommitmentResult,
    CommitmentSettings,
    find_half_lead,
    find_rise_time,
    measure_gone,
    measure_process,
)
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM, load_preset
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.subject import Subject

DRIVE = {"n_trajectories": 60, "n_steps": 250, "burn_in": 30, "n_resamples": 20}
TWO_WAYS, TWO_SYMBOLS = ((np.array([0, other]), np.array([other, 0])) for other in (2, 1))
SMALL = {"n_events": 120, "n_rollouts": 10, "n_labelled": 20, "n_resamples": 100}


def run(network, process=None, *, drive=(), **settings):
    subject = Subject(start_saturated(network), process)
    chosen = switches.SwitchSettings(**DRIVE | dict(drive))
    subject.found["switches"] = switches.PART.run(subject, chosen)
    return commitment.PART.run(subject, CommitmentSettings(**SMALL | settings))


@pytest.mark.parametrize("delay", [1, 4])
def test_a_delay_line_is_decided_as_many_steps_ahead_as_it_is_long(delay):
    """The latch has flipped ``delay`` steps before the symbol does, and one step earlier it had not."""
    found = run(make_latch(delay), max_lead=8)
    assert (found.decided.value[0, : delay + 1] > 0.85).all()
    assert np.abs(found.decided.value[0, delay + 1 :]).max() < 0.12
    np.testing.assert_allclose(found.half_lead.value, delay + 0.47, atol=0.06)
    assert (found.half_lead.low <= found.half_lead.value).all()
    assert found.group.tolist() == ["all", "0 → 1", "1 → 0"]
    assert found.n_switches[0, 0] > found.n_switches[0, -1] > 0  # states of the old symbol only
    committed, by_age = found.committed.value, found.by_age.value
    assert by_age.max() > 0.05
    np.testing.assert_allclose(found.decided.value, (committed - by_age) / (1 - by_age))


def test_a_latch_is_not_decided_ahead():
    """It forgets everything but its state, as an HMM does."""
    hmm = load_preset("linear-2").hmm
    found = run(make_latch(), max_lead=4)
    assert found.half_lead.value.tolist() == [0, 0, 0]
    assert np.abs(found.decided.value[0, 1:]).max() < 0.12
    process = measure_process(hmm, TWO_WAYS, (200, 300), max_lead=4, rng=np.random.default_rng(0))
    assert find_half_lead(process).tolist() == [0, 0, 0]
    np.testing.assert_allclose(process[:, 1:], 0, atol=0.04)


def test_a_process_whose_states_share_symbols_is_decided_ahead():
    """In the chain of three a symbol of the middle state is likely to go: its state is known before."""
    hmm = load_preset("linear-3").hmm
    found = measure_process(hmm, TWO_WAYS, (400, 300), max_lead=3, rng=np.random.default_rng(0))
    assert (found[:, 1] > 0.1).all()
    assert (found[:, 1] < 0.5).all()


def test_the_process_of_a_direction_is_that_of_its_switches():
    """A second state of symbol 0 moves on for sure: one step ahead (.64 − .32)/(1 − .32), by hand."""
    transition = [[0.8, 0.2, 0.0], [0.0, 0.0, 1.0], [0.2, 0.0, 0.8]]
    hmm = HMM([1.0, 0, 0], transition, [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = measure_process(hmm, TWO_SYMBOLS, (300, 300), max_lead=2, rng=np.random.default_rng(0))
    up, down = found[1], found[2]
    assert up[1] == pytest.approx(0.32 / 0.68)
    assert down[1] == pytest.approx(0, abs=1e-12)
    assert down[1] < found[0, 1] < up[1]
    missing = (np.array([0, 1, 1]), np.array([1, 0, 2]))
    again = measure_process(hmm, missing, (300, 300), max_lead=2, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(again[:3], found)
    assert np.isnan(again[3]).all()


def test_a_slowed_copy_has_twice_the_lead_and_the_same_ratio():
    """A margin that ramps along a line of 9 units, or of 19; the lead is half of it, and one step."""
    sizes = {"n_events": 360, "drive": {"n_steps": 400, "n_trajectories": 180}}
    fast, slow = (run(make_latch(length, flip=0.006, ramp=True), max_lead=14, **sizes) for length in (9, 19))
    np.testing.assert_allclose(fast.half_lead.value[0], 5.47, atol=0.15)
    np.testing.assert_allclose(slow.half_lead.value[0], 10.47, atol=0.15)
    assert float(fast.rise_time) == pytest.approx(0.8 * 9, rel=0.07)
    assert float(slow.rise_time) == pytest.approx(0.8 * 19, rel=0.07)
    expected = float(fast.lead_over_rise) * (10.47 / 19) / (5.47 / 9)
    assert float(slow.lead_over_rise) == pytest.approx(expected, rel=0.06)


def test_regions_are_those_of_the_states_ahead():
    """Three steps ahead the residency is three steps, one step ahead it is one; before that it is long."""
    found = run(make_latch(3), max_lead=8)
    names = found.region.tolist()
    share = found.region_share.value
    assert share[1, names.index("transition")] == 1
    assert share[3, names.index("kick")] > 0.9
    assert share[6, names.index("slow")] > 0.9
    np.testing.assert_allclose(found.decided_in.value, share[3])
    np.testing.assert_allclose(share.sum(1), 1)


def test_probabilities_are_shares_of_rollouts_against_a_loop():
    network = build_network(
        3, hidden_size=6, input_size=4, generator=torch.Generator().manual_seed(0)
    ).double()
    states = torch.rand(5, 6, generator=torch.Generator().manual_seed(1)).double()
    origin = torch.tensor([0, 1, 2, 0, 1])
    options = {"noise_std": 0.7, "n_rollouts": 40}
    found = measure_gone(network, states, origin, 3, **options, generator=torch.Generator().manual_seed(2))
    source, state = torch.Generator().manual_seed(2), states.repeat_interleave(40, 0)
    for _ in range(3):
        noise = 0.7 * torch.empty(200, 4, dtype=torch.float64).normal_(generator=source)
        state = torch.relu(state @ network.cell.w_hh.T + noise @ network.cell.w_ih.T)
    symbol = (state @ network.w_out.T).argmax(1).reshape(5, 40)
    np.testing.assert_allclose(found, [(symbol[i] != origin[i]).double().mean() for i in range(5)])
    assert found.std() > 0


def test_half_leads_of_known_curves():
    curves = np.array(
        [
            [1.0, 0.9, 0.7, 0.3, 0.1],
            [1.0, 0.4, 0.0, 0.0, 0.0],
            [1.0, 0.9, 0.8, 0.7, 0.6],
            [1.0, 0.9, np.nan, np.nan, np.nan],
            [0.9, 0.5, 0.0, 0.6, 0.0],
        ]
    )
    np.testing.assert_allclose(find_half_lead(curves), [2.5, 0, 4, 1, 1])
    unknown = np.array([[np.nan] * 3, [1.0, np.nan, np.nan]])
    np.testing.assert_array_equal(find_half_lead(unknown), [np.nan, np.nan])


def test_the_rise_time_of_a_ramp_is_known():
    ramp = np.clip((np.arange(-15, 16) + 4) / 8, 0, 1)
    np.testing.assert_allclose(find_rise_time(np.stack([ramp, ramp[::-1]])), [6.4, np.nan])
    overshoot = np.where(np.arange(-15, 16) >= 0, 1.3, -0.1)
    assert find_rise_time(overshoot[None])[0] == pytest.approx((0.9 + 0.1) / 1.4 - 0.2 / 1.4)


def test_a_clock_has_no_control():
    """It switches after a fixed time: its age decides, and no run of this age goes on."""
    network = build_network(
        2, hidden_size=8, input_size=1, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.roll(torch.eye(8), 1, 0))
        network.cell.w_ih.fill_(1e-9)
        network.w_out.copy_(torch.eye(2).repeat_interleave(4, 1))
    network.initial_state = lambda n: torch.eye(8).double()[torch.arange(n) % 8]
    subject = Subject(network)
    subject.found["switches"] = switches.PART.run(subject, switches.SwitchSettings(**DRIVE))
    with pytest.raises(
        UndefinedAnalysisError, match="≥ 30 switches with a control of equal age, got at most 0"
    ):
        commitment.PART.run(subject, CommitmentSettings(**SMALL))


def test_same_seed_same_result_and_it_comes_back_from_its_file(tmp_path):
    first, again = (run(make_latch(1), max_lead=3) for _ in range(2))
    assert first == again
    save_result(first, tmp_path / "commitment.nc")
    assert load_result(tmp_path / "commitment.nc", CommitmentResult) == first
    assert np.isnan(first.process_half_lead).all()
    assert not any(quantity.beside for quantity in first.list_quantities())
    keys = [quantity.key for quantity in first.list_quantities()]
    assert keys[:3] == ["half_lead[all]", "half_lead[0-1]", "half_lead[1-0]"]


def test_a_process_of_one_state_is_not_decided_ahead():
    one = HMM([1.0], [[1.0]], [[0.3, 0.7]])
    found = run(make_latch(), one, max_lead=2)
    np.testing.assert_allclose(found.process_decided[:, 1:], 0, atol=1e-12)
    assert found.process_half_lead.tolist() == [0, 0, 0]
