import numpy as np
import pytest
import torch
from dwell_sequences import make_clock
from latches import make_latch, start_saturated

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM, compute_run_length_law, load_preset
from orbitscope.network import build_network
from orbitscope.principles.dwell.dwell import PART, DwellResult, DwellSettings, require_changing_process
from orbitscope.process import RecordedSequences
from orbitscope.results import load_result, save_result
from orbitscope.runs.zoo import load_network
from orbitscope.subject import Subject

SIZES = {
    "n_trajectories": 60,
    "n_steps": 400,
    "burn_in": 20,
    "horizon": 200,
    "segment": 100,
    "n_null": 19,
    "n_resamples": 100,
}


def make_telegraph(p):
    return HMM([0.5, 0.5], [[1 - p, p], [p, 1 - p]], np.eye(2))


def make_loud_latch(flip):
    """Its symbols are drawn as they are most probable."""
    network = start_saturated(make_latch(flip=flip))
    with torch.no_grad():
        network.w_out.mul_(100)
    return network


def run(network, process=None, found=(), **settings):
    subject = Subject(network, process)
    subject.found.update(found)
    return PART.run(subject, DwellSettings(**SIZES | settings))


@pytest.fixture(scope="module")
def telegraph():
    return run(make_loud_latch(0.1), make_telegraph(0.1), n_resamples=300)


@pytest.fixture(scope="module")
def clock():
    return run(make_clock(8), make_telegraph(0.125), segment=200, n_null=39)


def index_quantities(result):
    return {quantity.key: quantity for quantity in PART.summarise(result)}


def test_a_telegraph_has_a_flat_hazard_and_a_known_cv(telegraph):
    """A dwell ends with probability .1 in every step: mean 10, CV √.9, of network and process."""
    n = telegraph.n_dwells[:, :, None][:, 0]
    error = 1 / np.sqrt(n.ravel())
    for source in (0, 1):
        assert abs(telegraph.mean.value[source, 0] - 10) < 5 * 10 * error[source]
        assert abs(telegraph.cv.value[source, 0] - np.sqrt(0.9)) < 5 * error[source]
        assert abs(telegraph.late_over_early.value[source, 0] - 1) < 5 * 2 * error[source]
        hazard = telegraph.hazard[source, 0]
        seen = np.isfinite(hazard.value)
        width = (hazard.high - hazard.low)[seen] / 2 / 1.96
        assert (np.abs(hazard.value[seen] - 0.1) < 5 * width).all()
    assert telegraph.exact_mean == pytest.approx([10, 10, 10])
    assert telegraph.exact_cv == pytest.approx(np.sqrt(0.9))
    ratio = telegraph.cv_ratio[0]
    assert abs(ratio.value - 1) < 5 * np.hypot(*error)
    assert ratio.low < ratio.value < ratio.high
    assert not telegraph.has_rhythm


def test_a_clock_is_more_regular_than_its_process(clock):
    """Eight steps in each symbol, by construction."""
    np.testing.assert_allclose(clock.mean.value[0], 8)
    np.testing.assert_allclose(clock.cv.value[0], 0)
    assert clock.cv_ratio.high[0] < 0.01
    assert clock.argmax_mean.value == pytest.approx(8)
    assert clock.argmax_cv.value == pytest.approx(0)
    assert clock.has_rhythm
    assert float(clock.peak_frequency.value) == pytest.approx(1 / 16, abs=0.011)
    assert float(clock.peak_null.p_value) == pytest.approx(1 / 40)
    assert clock.beyond.value[0].tolist() == [0, 0, 0]
    np.testing.assert_allclose(clock.survival.value[0, 0, :10], [1] * 8 + [0] * 2)


def test_states_are_decoded_from_drawn_symbols():
    """The other symbol is drawn in one of ten steps, and the decoder takes every symbol for a state."""
    network = start_saturated(make_latch(flip=0.02))
    with torch.no_grad():
        network.w_out.mul_(np.log(9) / 2)
    found = run(network, make_telegraph(0.1))
    error = 5 / np.sqrt(found.n_dwells[0, 0])
    often = 2 * 0.1 * 0.9  # of symbols drawn from the same state
    changes = often + 0.02 * (1 - 2 * often)
    assert found.mean.value[0, 0] == pytest.approx(1 / changes, rel=error + 0.01)
    assert float(found.argmax_mean) == pytest.approx(50, rel=0.25)


def test_runs_of_symbols_stand_beside_their_exact_law():
    hmm = load_preset("linear-3").hmm
    found = run(load_network("zoo:linear-3"), hmm, n_trajectories=20, n_steps=300, horizon=50)
    law = compute_run_length_law(hmm, max_length=50)
    cut = np.minimum(np.arange(1, 4001), 50)
    pmf = compute_run_length_law(hmm, max_length=4000).pooled_pmf
    mean = cut @ pmf
    assert float(found.argmax_exact_mean) == pytest.approx(mean, rel=1e-6)
    assert float(found.argmax_exact_cv) == pytest.approx(np.sqrt(cut**2 @ pmf - mean**2) / mean, rel=1e-6)
    assert law.pooled_mean > mean
    quantities = index_quantities(found)
    assert float(quantities["dwell.argmax_mean"].beside[0].estimate) == float(found.argmax_exact_mean)
    assert quantities["dwell.argmax_mean"].estimate == found.argmax_mean
    assert quantities["dwell.argmax_cv"].estimate == found.argmax_cv


def test_hidden_states_have_their_geometric_law():
    hmm = HMM([0.2, 0.8], [[0.8, 0.2], [0.05, 0.95]], np.eye(2))
    found = run(make_loud_latch(0.1), hmm, horizon=398)
    assert found.exact_mean == pytest.approx([10 / 0.8, 5, 20])
    square = np.array([2 * 25 - 5, 2 * 400 - 20])
    assert found.exact_cv[1:] == pytest.approx(np.sqrt([0.8, 0.95]))
    pooled = np.sqrt(square.mean() - 12.5**2) / 12.5
    assert found.exact_cv[0] == pytest.approx(pooled)
    short = run(make_loud_latch(0.1), hmm, horizon=4)
    assert short.exact_mean[1] == pytest.approx(1 + 0.8 + 0.8**2 + 0.8**3)


def test_the_process_begins_where_it_is_stationary():
    hmm = HMM([1.0, 0.0], [[0.5, 0.5], [0.1, 0.9]], np.eye(2))
    found = require_changing_process(hmm, "dwell")
    np.testing.assert_allclose(found.initial_probs, [1 / 6, 5 / 6])
    np.testing.assert_array_equal(found.transition_matrix, hmm.transition_matrix)


def test_quantities_are_those_of_the_result(telegraph):
    found = index_quantities(telegraph)
    assert found["dwell.mean"].estimate == telegraph.mean[0, 0]
    assert found["dwell.cv"].estimate == telegraph.cv[0, 0]
    assert found["dwell.cv_ratio"].estimate == telegraph.cv_ratio[0]
    assert found["dwell.late_over_early"].estimate == telegraph.late_over_early[0, 0]
    assert found["dwell.state_cv[1]"].estimate == telegraph.cv[0, 2]
    assert found["dwell.state_cv[1]"].label == "state 1: CV of dwells"
    sample, exact = found["dwell.cv"].beside
    assert sample.estimate == telegraph.cv[1, 0]
    assert float(exact.estimate) == telegraph.exact_cv[0]
    assert found["dwell.peak_height"].beside == (telegraph.peak_null,)
    assert "dwell.separation" not in found
    assert "dwell.time[relaxation]" not in found
    assert not found["dwell.state_cv[0]"].is_main


@pytest.mark.slow
def test_a_result_comes_back_from_its_file(telegraph, tmp_path):
    save_result(telegraph, tmp_path / "dwell.nc")
    assert load_result(tmp_path / "dwell.nc", DwellResult) == telegraph
    assert telegraph.settings["horizon"] == 200


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (None, "the process must be an HMM for the part `dwell`"),
        (RecordedSequences(np.tile([0, 1], (4, 10)), ("a", "b")), "the process must be an HMM"),
        (HMM([1.0], [[1.0]], [[0.5, 0.5]]), "must change its state"),
        (HMM([0.5, 0.5], np.eye(2), np.eye(2)), "closed class"),
        (make_telegraph(1e-5), "process sample must have ≥ 30 decoded dwells"),
    ],
)
def test_a_process_without_changes_of_state_has_no_dwells(process, message):
    with pytest.raises(UndefinedAnalysisError, match=message):
        run(make_loud_latch(0.1), process)


def test_a_network_that_stays_has_no_dwells():
    with pytest.raises(UndefinedAnalysisError, match="the network must have ≥ 30 decoded dwells whose begin"):
        run(make_loud_latch(1e-9), make_telegraph(0.1))


def test_a_single_trajectory_has_no_intervals():
    with pytest.raises(UndefinedAnalysisError, match="`dwell.n_trajectories` must be ≥ 2, got 1"):
        run(make_loud_latch(0.1), make_telegraph(0.1), n_trajectories=1)


def test_a_network_without_bound_has_no_dwells():
    network = build_network(2, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(20)
    with pytest.raises(NoStationaryRegimeError, match="activity must stay below"):
        run(network, make_telegraph(0.1))


def test_trajectories_that_the_process_cannot_emit_are_left_out_and_named():
    """A state that never stays cannot have emitted most of them."""
    hmm = HMM(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), [[1, 0], [0.5, 0.5], [0, 1]])
    strict = HMM([0.5, 0.25, 0.25], [[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]], [[1, 0], [0.3, 0.7], [0.7, 0.3]])
    network = make_loud_latch(0.4)
    assert run(network, hmm).status["notes"][0].startswith("network: state")
    with pytest.raises(UndefinedAnalysisError, match="got 0 in"):
        run(network, strict, n_steps=60)
    found = run(network, strict, n_trajectories=3000, n_steps=16, segment=16, n_null=19, n_resamples=10)
    assert "trajectories that the HMM cannot emit have no dwells" in found.status["notes"][0]
