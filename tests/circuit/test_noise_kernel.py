import numpy as np
import pytest
import torch
from latches import make_driven_latches, make_gated_latch, make_latch, start_saturated
from planted import build_partly
from scipy.stats import norm

from orbitscope.circuit import noise_kernel, switches
from orbitscope.circuit.noise_kernel import NoiseKernelResult, NoiseKernelSettings
from orbitscope.circuit.switch_kernels import SwitchKernels
from orbitscope.circuit.switches import SwitchResult
from orbitscope.circuit.symbol_runs import find_switches
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM
from orbitscope.results import load_result, save_result
from orbitscope.subject import Subject

DRIVE = {"n_trajectories": 80, "n_steps": 300, "burn_in": 20, "n_resamples": 20}
SMALL = {
    "n_events": 2000,
    "n_lags": 8,
    "n_null": 39,
    "n_replayed": 150,
    "replay_steps": 3,
    "n_rollouts": 5,
    "n_controls": 2,
    "n_trajectories": 40,
    "n_steps": 200,
    "burn_in": 20,
    "n_resamples": 200,
}
MANY = {"drive": {"n_trajectories": 400}, "n_events": 4000}
"""Some 1100 switches of each direction: of a mean difference the standard error is .043."""

INPUTS = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]


def run(network, process=None, *, noise_std=1.0, drive=(), **settings):
    subject = Subject(start_saturated(network), process, noise_std=noise_std)
    chosen = switches.SwitchSettings(**DRIVE | dict(drive))
    subject.found["switches"] = switches.PART.run(subject, chosen)
    return noise_kernel.PART.run(subject, NoiseKernelSettings(**SMALL | settings))


@pytest.fixture(scope="module")
def single():
    return run(make_driven_latches(INPUTS[0]), **MANY, n_replayed=300, n_trajectories=200)


def count_modes(found):
    """Modes clearly beyond chance: a singular value of chance is beyond the limit in one of 20 draws."""
    return int((found.singular_value > 1.3 * found.singular_limit).sum())


def test_the_kernel_of_a_threshold_unit_is_its_filter():
    """u = .6 u + v · x flips the latch one step later: lags 1, 2, … have .6⁰, .6¹, …, lag 0 has nothing.

    Hardly anything: the controls do not switch one step later, either, which leaves .06.
    """
    found = run(make_driven_latches(INPUTS[0], filter_memory=0.6), **MANY)
    assert count_modes(found) == 1
    assert abs(found.leading @ INPUTS[0]) > 0.97
    assert float(found.input_cosine) > 0.97
    assert float(found.drive_share) > 0.95
    kernel = found.projection.value
    np.testing.assert_allclose(kernel[:, 0], 0, atol=0.3)
    expected = 0.6 ** np.arange(7)
    for row, sign in zip(kernel, (1, -1), strict=True):
        assert np.corrcoef(sign * row[1:], expected)[0, 1] > 0.95
    np.testing.assert_allclose(kernel[0], -kernel[1], atol=0.35)
    assert kernel[0].sum() > 0
    assert float(found.swapped.p_value) == 1 / 40
    assert found.energy.low > float(found.swapped.quantile)
    assert 1 <= float(found.length) <= 4


def test_the_kernel_of_one_step_is_the_mean_beyond_a_threshold(single):
    """Along the direction E[x | x < −1.88] is −2.27, E[x | x > −1.88] .07; elsewhere there is nothing."""
    assert float(single.length) == 0
    np.testing.assert_allclose(np.abs(single.projection.value[:, 0]), 2.34, atol=0.15)
    np.testing.assert_allclose(single.projection.value[:, 1:], 0, atol=0.22)
    np.testing.assert_allclose(single.lag_energy.sum(), float(single.energy))
    np.testing.assert_allclose(single.lag_energy[0], 2 * 2.34**2, rtol=0.12)


def test_two_independent_latches_have_rank_two():
    found = run(make_driven_latches(INPUTS[:2]))
    assert count_modes(found) == 2
    assert found.n_noise_directions.tolist() == [1, int(found.rank), 5]
    names = found.subspace.tolist()
    replay = dict(zip(names, found.replay.value.tolist(), strict=True))
    assert replay["all deciding"] > 0.82  # standard error .03
    assert replay["leading"] < 0.8


def test_only_the_direction_that_flips_the_latch_replays_it(single):
    leading, deciding, rest = single.replay.value
    assert leading == pytest.approx(1, abs=0.09)  # the direction is known within a few degrees
    assert deciding == pytest.approx(1, abs=0.09)
    assert rest == pytest.approx(0, abs=0.05)
    np.testing.assert_allclose(single.replay_equal, 0, atol=0.05)


def test_without_its_direction_a_latch_does_not_flip(single):
    leading, _, rest = single.removal.value
    np.testing.assert_allclose(leading, 0, atol=0.01)
    np.testing.assert_allclose(rest, 1, atol=0.2)
    np.testing.assert_allclose(single.removal_equal, 1, atol=0.2)


def test_noise_is_in_units_of_its_size(single):
    """Twice the noise through half the weights is the same network."""
    network = make_driven_latches(INPUTS[0])
    with torch.no_grad():
        network.cell.w_ih.mul_(0.5)
    found = run(network, noise_std=2.0, **MANY)
    np.testing.assert_allclose(np.abs(found.projection.value[:, 0]), 2.34, atol=0.15)


def test_chance_has_no_rank():
    """Noise that has nothing to do with the switches."""
    network = make_driven_latches(INPUTS[0])
    subject = Subject(start_saturated(network))
    subject.found["switches"] = switches.PART.run(subject, switches.SwitchSettings(**DRIVE))
    path, found = switches.replay_switches(subject)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((len(found), 8, 6))
    code = (found.origin > found.target).astype(int)
    kernels = SwitchKernels(noise, code, found.trajectory, len(path.states[0]))
    swapped, limit = kernels.draw_null(99, rng)
    assert float(kernels.measure_energy().sum()) < 3 * float(swapped.quantile)  # five standard errors
    assert (kernels.find_modes()[1] > 1.3 * limit).sum() == 0


def test_as_many_directions_as_states_less_one_are_replayed():
    three = HMM([1 / 3] * 3, np.full((3, 3), 1 / 3), np.full((3, 2), 0.5))
    assert run(make_driven_latches(INPUTS[0]), three).n_noise_directions.tolist() == [1, 2, 5]


def test_a_cell_without_input_weights_has_no_subspaces_of_equal_drive():
    network = make_driven_latches(INPUTS[0])
    network.cell.find_input_weights = lambda: None
    found = run(network, drive={"n_trajectories": 200})
    assert np.isnan(found.input_cosine)
    assert len(found.replay_equal) == 0
    assert found.status["notes"] == ["no input weights: no subspaces of equal drive"]
    assert found.replay.value[0] == pytest.approx(1, abs=0.15)


def test_a_single_input_is_the_leading_direction_and_nothing_is_left():
    found = run(make_latch())
    assert np.abs(found.leading).tolist() == [1]
    assert found.n_noise_directions.tolist() == [1, 1, 0]
    assert found.replay.value[0] == pytest.approx(1, abs=1e-12)
    assert len(found.replay_equal) == len(found.n_equal) == 0
    assert found.status["notes"] == ["a single input: no subspaces of equal drive"]
    keys = [quantity.key for quantity in found.list_quantities()]
    assert "replay[leading]" in keys
    assert not any("rest" in key for key in keys)


def test_a_process_of_one_state_leaves_one_direction():
    one = HMM([1.0], [[1.0]], [[0.3, 0.7]])
    assert run(make_driven_latches(INPUTS[0]), one).n_noise_directions.tolist() == [1, 1, 5]


def test_where_symbols_flicker_there_is_no_effect_to_replay():
    found = run(make_driven_latches(INPUTS[0], flip=0.45), replay_steps=1)
    assert np.isnan(found.replay.value).all()
    assert "more switches that last, < 0.1" in found.status["notes"][0]


def test_too_few_switches_are_named_and_results_come_back(single, tmp_path):
    with pytest.raises(UndefinedAnalysisError, match="≥ 30 switches with a control"):
        run(make_driven_latches(INPUTS[0], flip=7e-4))
    save_result(single, tmp_path / "kernel.nc")
    assert load_result(tmp_path / "kernel.nc", NoiseKernelResult) == single
    keys = [quantity.key for quantity in single.list_quantities()]
    assert keys[:3] == ["energy", "length", "rank"]
    assert "removal[leading,0-1]" in keys
    assert "replay[rest]" in keys
    assert "replay[all_deciding]" not in keys  # one direction: the leading one


def choose(n_even, *, time=20, n_odd=40):
    """So many even and odd trajectories switch from 0 to 1 at a time, as many others stay at 0."""
    symbols = np.zeros((200, 60), dtype=int)
    symbols[:, :2] = 1
    for parity, n in enumerate((n_even, n_odd)):
        symbols[parity : 2 * n : 2, time:] = 1
    settings = NoiseKernelSettings(**SMALL)
    found = build_partly(SwitchResult, symbol=symbols)
    return noise_kernel._choose_late(found, find_switches(symbols), settings, np.random.default_rng(0))


def test_a_direction_needs_enough_switches_in_both_halves():
    least = noise_kernel.LEAST_IN_HALF
    events, controls = choose(least)
    assert np.bincount(events.trajectory % 2).tolist() == [least, 40]
    assert len(controls[0]) == len(controls[1]) == least + 40
    with pytest.raises(UndefinedAnalysisError, match=f"≥ {least} switches in even and in odd .* {least - 1}"):
        choose(least - 1)


def test_before_a_switch_there_is_as_much_noise_as_is_looked_at():
    """Eight lags: the eighth step is the first one that has them."""
    events, controls = choose(40, time=8)
    assert set(events.time) == set(controls[1]) == {8}
    with pytest.raises(UndefinedAnalysisError, match="with a control of equal age, got at most 0"):
        choose(40, time=7)


def test_the_length_is_the_lag_by_which_nine_tenths_have_come():
    assert noise_kernel.find_length(np.array([6.0, 2.0, 1.0, 1.0])) == 2
    assert noise_kernel.find_length(np.array([19.0, 0.5, 0.5])) == 0
    assert np.isnan(noise_kernel.find_length(np.array([1.0, -2.0])))


def test_opposite_switches_have_opposite_noise(single):
    assert single.pair.tolist() == ["0 ↔ 1"]
    assert float(single.pair_cosine.value[0]) < -0.99
    assert single.pair_cosine.low[0] <= single.pair_cosine.value[0] <= single.pair_cosine.high[0] < -0.97


def test_the_cosine_of_opposite_directions_by_hand():
    """Noise that only one half has does not count; a kernel whose halves contradict each other has none."""
    kernels = np.array([[1.0, 2.0], [2.0, 4.0], [-2.0, 1.0], [3.0, 0.0]])
    halves = np.stack([kernels, kernels])[..., None]
    pairs = [(0, 1), (0, 2), (1, 3)]
    expected = [1, 0, 1 / np.sqrt(5)]
    np.testing.assert_allclose(noise_kernel._compare_opposite(halves, pairs), expected, atol=1e-12)
    longer = np.concatenate([halves, np.zeros_like(halves)], axis=-1)
    longer[0, :, 1, 1] = 7
    np.testing.assert_allclose(noise_kernel._compare_opposite(longer, pairs), expected, atol=1e-12)
    halves[0, 1] *= -1
    np.testing.assert_allclose(noise_kernel._compare_opposite(halves, pairs), [np.nan, 0, np.nan])
    both = noise_kernel.find_opposite(np.array([0, 1, 0, 2]), np.array([1, 0, 2, 1]))
    assert both == [(0, 1)]


def test_hazards_by_dose_are_those_of_a_weaker_input(single):
    """Noise scaled by 1 − d flips the latch where |x| > 1.88/(1 − d).

    Of 600 flips of each direction these are a share of at most .2, with a standard error of .016.
    """
    expected = norm.sf(-norm.ppf(0.03) / (1 - single.dose[:-1])) / 0.03
    assert single.dose.tolist() == [0, 0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(single.removal_by_dose.value[0], 1)
    for row, value in zip(single.removal_by_dose.value[:-1], expected, strict=True):
        np.testing.assert_allclose(row, value, atol=0.085)
    np.testing.assert_array_equal(single.removal_by_dose.value[-1], single.removal.value[0])
    np.testing.assert_array_equal(single.removal_equal_by_dose[-1], single.removal_equal)
    np.testing.assert_allclose(single.removal_equal_by_dose, 1, atol=0.2)
    values = {quantity.key: quantity for quantity in single.list_quantities()}
    assert float(values["dose[0.25,1-0]"].estimate) == single.removal_by_dose.value[1, 1]
    equal = values["dose[0.25,1-0]"].beside[0].estimate
    assert (equal.low, equal.high) == (
        single.removal_equal_by_dose[1, :, 1].min(),
        single.removal_equal_by_dose[1, :, 1].max(),
    )


@pytest.fixture(scope="module")
def gated():
    """Noise along one direction sets the latch, along another one it resets it."""
    return run(make_gated_latch(INPUTS[0], INPUTS[1]), **MANY, burn_in=80)


def test_a_one_way_latch_stays_where_it_is(gated):
    """Without the direction that sets it: no switch, all steps in 0, and no hazard from 1 to speak of.

    The leading direction holds a part s of the one that resets, whose noise is s times as large without the
    rest: it is beyond the threshold as often as a whole one is beyond 1/s of it.
    """
    assert count_modes(gated) == 2
    assert abs(gated.leading @ INPUTS[0]) > 0.8  # the rarer switch has the larger kernel
    sets, resets = 0.02 * 0.8, 0.2 * 0.98
    assert float(gated.occupancy) == pytest.approx(resets / (sets + resets), abs=0.05)
    assert float(gated.rate_without.value[0]) == pytest.approx(0, abs=0.05)
    assert float(gated.occupancy_without.value[0]) == pytest.approx(1, abs=0.02)
    assert gated.removal.value[0, 0] == pytest.approx(0, abs=0.05)
    expected = norm.sf(norm.isf(0.2) / abs(gated.leading @ INPUTS[1])) / 0.2
    assert gated.removal.value[2, 1] == pytest.approx(expected, abs=0.1)
    values = {quantity.key: quantity for quantity in gated.list_quantities()}
    assert float(values["rate_without[leading]"].estimate) == float(gated.rate_without.value[0])
    assert float(values["occupancy_without[leading]"].beside[0].estimate) == float(gated.occupancy)


def test_rates_without_a_subspace_are_those_of_what_is_left(single):
    """Of a latch that flips as often either way the rate falls as both hazards do."""
    np.testing.assert_allclose(single.rate_without.value, [0, 0, 1], atol=0.12)
    assert float(single.occupancy) == pytest.approx(0.5, abs=0.08)


def test_switches_with_noise_at_right_angles_are_nearly_so(gated):
    """Setting needs the other direction below its threshold: kernels are not quite at right angles.

    Along both directions E[x | switch] is (φ₁/f₁, −φ₂/(1 − f₂)) to set, (−φ₁/(1 − f₁), φ₂/f₂) to reset.
    φ is the normal density at the threshold. Controls do not switch at lag 1, nor one step later, at lag 0.
    So kernels are these means over 1 − p at lag 1, and p/(1 − p) of them at lag 0; p is the hazard.
    """
    flips = np.array([0.02, 0.2])
    density = norm.pdf(norm.ppf(flips))
    sets, resets = density / [flips[0], flips[1] - 1], density / [flips[0] - 1, flips[1]]
    means = np.stack([sets, resets])
    hazards = flips * (1 - flips[::-1])
    by_lag = np.concatenate([means, hazards[:, None] * means], axis=1)
    kernels = means / (1 - hazards[:, None])
    np.testing.assert_allclose(gated.kernel[:, 1] @ INPUTS[:2].T, kernels, atol=0.215)
    expected = by_lag[0] @ by_lag[1] / np.linalg.norm(by_lag, axis=1).prod()
    found = gated.pair_cosine[0]
    standard_error = float(found.high - found.low) / (2 * norm.ppf(0.975))
    assert expected == pytest.approx(-0.175, abs=0.001)
    assert standard_error < 0.04
    assert float(found.value) == pytest.approx(expected, abs=5 * standard_error)
