import copy
import itertools
from functools import partial

import numpy as np
import pytest
import torch
from known_networks import scale_recurrence
from part_functions import compute_training_evolution

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.driving.neuron_scales import measure_active_scales
from orbitscope.dynamics.orbit.area_rate import compute_area_rate
from orbitscope.dynamics.orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from orbitscope.dynamics.over_training.checkpoint_measures import (
    MEASURES,
    count_spectra,
    measure_checkpoint,
    measure_control,
)
from orbitscope.dynamics.over_training.training_evolution import EvolutionResult, find_middle
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate, bootstrap_statistic
from orbitscope.system.threads import use_threads

GAINS = {0: 0.5, 10: 0.5, 20: 0.6, 30: 1.0, 40: 2.5}
SMALL = {
    "n_trajectories": 40,
    "n_steps": 40,
    "burn_in": 20,
    "spectral_stride": 8,
    "align_steps": 5,
    "n_untrained": 0,
    "n_resamples": 200,
}


def make_network(gain=2.0, *, cell="relu", seed=0):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, cell=cell, hidden_size=12, input_size=5, generator=generator).double()
    return scale_recurrence(network, gain)


def make_ring():
    """A pulse that is handed on along 30 units, the others are silent; each third of them has a symbol."""
    network = build_network(3, hidden_size=30, input_size=1, bias=True, generator=torch.Generator()).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(0.99 * torch.roll(torch.eye(30).double(), 1, 0))
        network.cell.w_ih.fill_(1e-9)
        network.cell.bias.fill_(-1e-7)
        network.out_bias.zero_()
        network.w_out.copy_(torch.eye(3).repeat_interleave(10, 1))
    network.initial_state = lambda n: torch.eye(30).double()[torch.arange(n) % 30]
    return network


def make_course(drop=20, n_epochs=40):
    """Loss on the plateau, then from epoch ``drop`` on far below it."""
    return np.where(np.arange(1, n_epochs + 1) < drop, 1.0, 0.3)


def measure(network, n_trajectories=8, n_steps=41, align_steps=5, **options):
    path = run_driven(network, n_trajectories, n_steps, generator=torch.Generator().manual_seed(1), **options)
    resample = partial(bootstrap_statistic, rng=np.random.default_rng(0), n_resamples=50)
    options = {"align_steps": align_steps, "generator": torch.Generator(), "resample": resample}
    found = measure_checkpoint(network, path, count_spectra(network, path, stride=4), **options)
    return path, dict(zip(MEASURES, found.estimate, strict=True)), found


def run(gains=GAINS, course=None, *, seed=0, **options):
    checkpoints = {epoch: partial(make_network, gain) for epoch, gain in gains.items()}
    course = make_course() if course is None else course
    generator = torch.Generator().manual_seed(seed)
    return compute_training_evolution(checkpoints, course, generator=generator, **(SMALL | options))


@pytest.fixture(scope="module")
def result():
    return run()


# ---- one checkpoint


def test_a_ring_keeps_its_pace_and_shrinks_by_one_percent_a_step():
    _, found, _ = measure(make_ring(), n_steps=101, align_steps=60, burn_in=0)
    assert found["transition_rate"] == pytest.approx(0.1)
    assert found["mean_inverse_dwell"] == pytest.approx(0.1)
    assert found["exponent"] == pytest.approx(np.log(0.99))
    assert found["unstable_share"] == 0


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_measures_are_those_of_each_state_in_turn(cell):
    for seed in range(20):  # until states with and without unstable directions are visited
        network = make_network(cell=cell, seed=seed)
        path, found, _ = measure(network)
        if 0 < found["unstable_share"] < 1:
            break
    flags = []
    for state, noise in zip(path.states[:-1:4].flatten(0, 1), path.noise[1::4].flatten(0, 1), strict=True):
        jacobian = torch.autograd.functional.jacobian(
            lambda h, x=noise: network.step(h[None], x[None])[0], state
        )
        values = torch.linalg.eigvals(jacobian)
        mapped = (values - 1) / (values + 1)
        is_critical = (mapped.imag > 0.06) & (mapped.real.abs() < 0.1)
        flags.append([bool((values.abs() > 1).any()), bool(is_critical.any())])
    unstable, critical = np.mean(flags, axis=0)
    assert 0 < unstable < 1
    assert found["unstable_share"] == pytest.approx(unstable)
    assert found["critical_share"] == pytest.approx(critical)
    dwells = []
    for symbols in network.compute_logits(path.states).argmax(2).T.tolist():
        dwells += [len(list(run)) for _, run in itertools.groupby(symbols)][1:-1]
    assert found["transition_rate"] == pytest.approx(1 / np.mean(dwells))
    assert found["mean_inverse_dwell"] == pytest.approx(np.mean(1 / np.array(dwells)))
    hidden = path.states.flatten(0, 1)
    sd = hidden.std(0, correction=0)
    shift = (hidden.mean(0)[sd > 0] / sd[sd > 0]).square().mean().sqrt()
    assert found["mean_shift"] == pytest.approx(float(shift))
    plane = fit_orbit_plane(hidden, find_symbol_direction(network), scales=measure_active_scales(hidden))
    z = plane.project(path.states).transpose(0, 1).numpy()
    assert found["area_rate"] == pytest.approx(abs(compute_area_rate(z)))


def test_the_mean_shift_does_not_depend_on_the_scale_of_neurons():
    network, scale = (
        make_network(1.5),
        torch.exp(3 * torch.randn(12, generator=torch.Generator().manual_seed(3)).double()),
    )
    scaled = copy.deepcopy(network)
    with torch.no_grad():
        scaled.cell.w_hh.mul_(scale[:, None] / scale)
        scaled.cell.w_ih.mul_(scale[:, None])
        scaled.w_out.div_(scale)
    values = [measure(each)[1] for each in (network, scaled)]
    for name in ("mean_shift", "unstable_share", "transition_rate"):
        assert values[0][name] == pytest.approx(values[1][name], rel=1e-10)


def test_the_mean_shift_of_known_activity():
    """Means 1 and 4 with standard deviations 1 and 3; silent and constant neurons have no part in it."""
    time = torch.arange(8)[:, None].expand(8, 3)
    fast, slow = (time % 2).double(), (time // 2 % 2).double()
    hidden = torch.stack([2 * fast, 1 + 6 * slow, 0 * fast, 0 * fast + 0.1], dim=2)
    network = build_network(2, hidden_size=4, input_size=1, generator=torch.Generator())
    _, shift = measure_control(network, hidden)
    assert shift == pytest.approx(np.sqrt((1 + 16 / 9) / 2))


def test_the_mean_shift_of_rectified_noise():
    """Without recurrence h is a rectified normal variable: mean 1/√(2π), variance 1/2 − 1/(2π)."""
    _, found, _ = measure(make_network(0.0), n_trajectories=400, n_steps=101)
    assert found["mean_shift"] == pytest.approx(1 / np.sqrt(np.pi - 1), abs=0.01)


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_the_exponent_is_the_growth_of_a_small_difference(cell):
    """In units of each neuron: growth in other ones differs by a bounded number over all steps.

    Differences are lost where all neurons that differ are silent: the first network without is taken.
    """
    align_steps = 15
    for seed in range(5):
        network = make_network(1.8, cell=cell, seed=seed)
        path, found, _ = measure(network, n_steps=401, align_steps=align_steps)
        near, difference = path.states[0] + 1e-7, []
        for step, noise in enumerate(path.noise[1:]):
            gap = network.step(near, noise).detach() - path.states[step + 1]
            difference.append(gap.norm(dim=1).log())
            near = path.states[step + 1] + 1e-7 * gap / gap.norm(dim=1, keepdim=True)
        difference = torch.stack(difference)[align_steps:] - np.log(1e-7)
        if bool(torch.isfinite(difference).all()):
            break
    assert found["exponent"] == pytest.approx(float(difference.mean()), abs=0.02)


def test_the_limits_of_the_area_rate_are_those_of_its_size():
    row, signs = list(MEASURES).index("area_rate"), set()
    for seed in range(10):
        network = make_network(1.2, seed=seed)
        path, _, found = measure(network)
        scales = measure_active_scales(path.states)
        plane = fit_orbit_plane(path.states, find_symbol_direction(network), scales=scales)
        signed = compute_area_rate(plane.project(path.states).transpose(0, 1).numpy())
        signs.add(np.sign(signed))
        assert found.estimate[row] == pytest.approx(abs(signed))
        low, high = np.quantile(found.samples[:, row], [0.025, 0.975])
        assert found.high[row] == pytest.approx(max(abs(low), abs(high)))
        assert found.low[row] == pytest.approx(0 if low < 0 < high else min(abs(low), abs(high)))
    assert signs == {-1, 1}


# ---- dates


def test_what_it_takes_to_see_a_rise_is_said():
    """Six trajectories are the fewest for which p = 2^−6 is below .05 / 3, for three later checkpoints."""
    status = run({**GAINS, 20: 1e3}, n_trajectories=30, n_steps=40, spectral_stride=8).status
    assert status["least_trajectories"] == 6
    assert status["least_share"] == 6 / (30 * 5)
    assert (1 - status["unseen_share"]) ** 30 == pytest.approx(0.05)


def test_instability_before_the_drop_of_the_loss_has_a_lag_below_0():
    result = run({0: 0.5, 5: 0.5, 10: 2.5, 30: 2.5, 40: 2.5}, make_course(drop=25))
    rows = {event: row for row, event in enumerate(result.event)}
    drop, onset = rows["loss drop"], rows["unstable_share"]
    assert result.date[onset] == Estimate(10, 5, 10)
    assert result.lag[onset] == Estimate(-15, 5 - result.date.high[drop], 10 - result.date.low[drop])
    assert result.lag.high[onset] < 0


def test_the_loss_does_not_move_the_onset():
    dates = [run(course=course).date[1:] for course in (make_course(12), make_course(35), np.ones(40))]
    assert dates[0] == dates[1] == dates[2]
    assert np.isfinite(dates[0].value).any()


def test_a_network_that_is_unstable_from_the_start_has_no_onset():
    gains = dict(zip(GAINS, (2.5, 2.5, 2.5, 2.5, 3.0), strict=True))
    result = run(gains)
    assert result.date[1] == Estimate(np.nan)
    assert any("at the first checkpoint already" in note for note in result.status["notes"])
    assert result.settings["most_at_start"] == 0.1
    assert np.isfinite(run(gains, most_at_start=1.0).date.value[1])


def test_drop_and_onset_are_dated_apart(result):
    rows = {event: row for row, event in enumerate(result.event)}
    drop, onset = rows["loss drop"], rows["unstable_share"]
    assert float(result.date[drop]) == 20
    assert result.date[onset] == Estimate(40, 30, 40)
    assert result.lag[onset] == Estimate(20, 30 - result.date.high[drop], 40 - result.date.low[drop])
    assert result.lag[drop] == Estimate(0, 0, 0)


def test_what_cannot_be_dated_is_said():
    result = run({epoch: 0.5 for epoch in GAINS}, np.ones(40))
    assert np.isnan(result.date.value).all()
    assert any("the loss curve has the status on_plateau" in note for note in result.status["notes"])
    assert any(
        "unstable_share undefined: it is raised at no checkpoint" in note for note in result.status["notes"]
    )
    assert "no history" in run(course=np.empty(0)).status["notes"][0]


# ---- checkpoints


def test_checkpoints_are_measured_in_order_with_the_same_noise(result):
    assert result.checkpoint_epoch.tolist() == list(GAINS)
    assert result.estimate[:, 0] == result.estimate[:, 1], "same network, noise and resamples"
    assert (np.diff(result.estimate.value[result.measure.tolist().index("unstable_share")]) >= 0).all()
    np.testing.assert_array_equal(result.orbit[0], result.orbit[1])
    assert result.orbit.shape == (5, 41, 2)


def test_a_checkpoint_that_explodes_is_left_out_and_named():
    result = run({**GAINS, 35: 1e3})
    assert result.status["without_regime"] == [35]
    row = result.checkpoint_epoch.tolist().index(35)
    assert np.isnan(result.estimate.value[:, row]).all()
    assert np.isnan(result.orbit[row]).all()
    assert (result.orbit_symbol[row] == -1).all()
    assert np.isfinite(result.date.value[:2]).all()


@pytest.mark.slow
def test_checkpoints_and_controls_are_the_same_side_by_side():
    found = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            found.append(run(n_untrained=20).list_arrays())
    controls = ("untrained_area_rate_draws", "untrained_mean_shift_draws")
    for name in ("estimate", "estimate_low", "estimate_high", "orbit", *controls):
        np.testing.assert_allclose(*(arrays[name] for arrays in found), rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_untrained_networks_are_those_of_the_kind_and_measured_like_checkpoints(result):
    """Checkpoints that are untrained themselves: nine of ten lie between the limits (standard error .08)."""
    untrained = {seed: partial(make_network, 1.0, seed=seed) for seed in range(20)}
    found = compute_training_evolution(
        untrained, np.empty(0), generator=torch.Generator().manual_seed(0), **(SMALL | {"n_untrained": 80})
    )
    assert list(found.untrained) == ["area_rate", "mean_shift"]
    for name, null in found.untrained.items():
        low, high = find_middle(null)
        assert len(null.draws) == 80
        assert ((null.draws < low).sum(), (null.draws > high).sum()) == (4, 4)
        assert high == null.quantile
        assert np.isnan(null.p_value)
        values = found.estimate.value[found.measure.tolist().index(name)]
        assert ((values >= low) & (values <= high)).mean() > 0.58
    assert found.untrained["mean_shift"] == found.untrained_mean_shift != found.untrained_area_rate
    assert result.untrained == {}
    assert np.isnan(result.untrained_area_rate.quantile)


def test_a_measure_that_a_checkpoint_does_not_have_is_named():
    """With a constant readout no symbol is ever left."""

    def make_constant():
        network = make_network(0.5)
        with torch.no_grad():
            network.w_out.zero_()
        return network

    checkpoints = {epoch: partial(make_network, gain) for epoch, gain in GAINS.items()} | {10: make_constant}
    result = compute_training_evolution(checkpoints, make_course(), generator=torch.Generator(), **SMALL)
    notes = result.status["notes"]
    assert any(note.startswith("transition_rate without limits at epoch 10") for note in notes)
    assert not any("exponent" in note for note in notes)


def test_too_few_checkpoints_explosions_and_bad_numbers_are_named():
    with pytest.raises(UndefinedAnalysisError, match="≥ 5 checkpoints, got 2"):
        run({0: 0.5, 1: 0.6})
    with pytest.raises(UndefinedAnalysisError, match="no checkpoint has a stationary regime"):
        run({epoch: 1e3 for epoch in GAINS})
    for options in ({"spectral_stride": 0}, {"align_steps": 100}, {"most_at_start": 1.5}):
        with pytest.raises(InputError, match="must be"):
            run(**options)


@pytest.mark.slow
def test_same_seed_same_result_and_it_comes_back_from_its_file(result, tmp_path):
    assert run() == result
    assert run(seed=1) != result
    save_result(result, tmp_path / "evolution.nc")
    assert load_result(tmp_path / "evolution.nc", EvolutionResult) == result
