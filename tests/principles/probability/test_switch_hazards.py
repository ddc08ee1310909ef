import dataclasses

import numpy as np
import pytest
import torch
from known_networks import change_units, make_slow_ring
from latches import make_driven_latches, make_gated_latch, make_latch, start_saturated
from scipy.stats import norm
from synthetic_steps import make_filters, make_threshold_steps

from orbitscope.circuit import noise_kernel, switches
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import HMM
from orbitscope.principles.probability import hazard_fit, hazard_measures
from orbitscope.principles.probability.hazard_measures import measure_scores
from orbitscope.principles.probability.hazard_result import HazardResult, HazardSettings
from orbitscope.principles.probability.held_out import hold_out
from orbitscope.principles.probability.scaled_noise import GainRuns
from orbitscope.principles.probability.switch_hazards import PART
from orbitscope.results import load_result, save_result
from orbitscope.statistics import bootstrap_statistic
from orbitscope.subject import Subject

DRIVE = {"n_trajectories": 240, "n_steps": 300, "burn_in": 20, "n_resamples": 20}
KERNEL = {
    "n_events": 4000,
    "n_lags": 8,
    "n_null": 19,
    "n_replayed": 30,
    "replay_steps": 1,
    "n_rollouts": 1,
    "n_controls": 1,
    "n_trajectories": 4,
    "n_steps": 20,
    "burn_in": 5,
    "n_resamples": 20,
}
SIZES = {
    "n_controls": 3,
    "n_trajectories": 100,
    "n_steps": 200,
    "burn_in": 20,
    "n_resamples": 60,
    "gains": (0.5, 0.75, 1.0, 1.25, 1.5),
    "leads": (0, 1, 2, 3),
}
FLIP, THRESHOLD = 0.03, -norm.ppf(0.03)
INPUTS = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
TELEGRAPH = HMM([0.5, 0.5], [[1 - FLIP, FLIP], [FLIP, 1 - FLIP]], np.eye(2))


def prepare(network, process=None, *, drive=(), kernel=(), noise_std=1.0):
    subject = Subject(start_saturated(network), process, noise_std=noise_std)
    subject.found["switches"] = switches.PART.run(subject, switches.SwitchSettings(**DRIVE | dict(drive)))
    settings = noise_kernel.NoiseKernelSettings(**KERNEL | dict(kernel))
    subject.found["noise_kernel"] = noise_kernel.PART.run(subject, settings)
    return subject


def run(subject, **settings):
    return PART.run(subject, HazardSettings(**SIZES | settings))


@pytest.fixture(scope="module")
def latch():
    return prepare(make_driven_latches(INPUTS[0], flip=FLIP), TELEGRAPH)


@pytest.fixture(scope="module")
def single(latch):
    return run(latch)


@pytest.fixture(scope="module")
def filtered():
    """A latch that u = .6 u + v · x flips one step later."""
    return run(prepare(make_driven_latches(INPUTS[0], flip=FLIP, filter_memory=0.6)))


def index(result):
    return {quantity.key: quantity for quantity in result.list_quantities()}


def test_the_noise_that_flips_a_latch_tells_its_switches(single):
    """All of it: the latch sees nothing else."""
    assert single.direction.tolist() == ["0 → 1", "1 → 0"]
    assert single.n_window.tolist() == [1, 1, 1]
    assert (single.auc.value[0] > 0.995).all()
    assert (single.auc.low[0] > 0.99).all()
    np.testing.assert_allclose(single.auc_equal[:, 0], 0.5, atol=0.07)
    found = index(single)
    assert float(found["auc[0-1]"].estimate) == single.auc.value[0, 0]
    equal = found["auc[0-1]"].find_reference("equal drive").estimate
    assert float(equal.low) == single.auc_equal[:, 0, 0].min()
    assert not bool(single.is_scaled)
    assert "auc_added[0-1]" not in found
    assert np.isnan(single.auc_added.value).all()


def test_noise_of_one_step_tells_nothing_ahead(single, filtered):
    """Where the filter is longer, what is left of it has the correlation .6^(ℓ − 1) with the whole."""
    assert np.isnan(single.auc.value[1:]).all()
    assert np.isnan(single.auc_equal[:, 1:]).all()
    assert "auc_lead[0,0-1]" in index(single)
    assert "auc_lead[1,0-1]" not in index(single)
    np.testing.assert_allclose(filtered.auc.value[1], filtered.auc.value[0], atol=0.03)
    assert (filtered.auc.value[1] > 0.97).all()
    assert (filtered.auc.value[2] < filtered.auc.value[1] - 0.03).all()
    assert np.isnan(filtered.auc.value[3]).all()  # three steps, leads 0 to 2
    assert float(index(filtered)["auc_lead[2,0-1]"].estimate) == filtered.auc.value[2, 0]


def test_a_filter_is_as_long_as_the_noise_is_added_up(filtered):
    """Nine tenths of Σ q^2l have come by the second lag after the first if q < .56, else by the third.

    Kernels fall faster than the filter, which has q = .6: a switch is a first crossing, before which filtered
    noise was below the threshold.
    """
    assert set(filtered.n_window.tolist()) <= {3, 4}
    assert (filtered.softness.low > 0.2).all()  # what the filter of three steps misses


def test_a_threshold_in_units_of_the_state_gains_by_its_size(monkeypatch):
    """Synthetic steps whose threshold grows with the size of the state, through the part's own measures."""
    steps = make_threshold_steps(size_spread=0.5)
    filters, pair = make_filters(), (0, 1)
    held = hold_out(steps, filters, 0, pair, (0, 2), is_scaled=True)
    study = hazard_fit.Study(steps, np.ones(3), True, [pair], ["0 → 1"], [], [], filters, [held], [], "")
    subject = Subject(make_driven_latches(INPUTS[0]))
    monkeypatch.setattr(subject.network.cell, "find_input_weights", lambda: None)
    settings = HazardSettings(leads=(2,), n_resamples=200)  # 0 is always there
    rng = np.random.default_rng(0)

    def resample(sums, statistic):
        return bootstrap_statistic(sums, statistic, rng=rng, n_resamples=200)

    found = measure_scores(study, settings, subject, resample, rng)
    assert found["auc_added"].low[0] > 0.01
    first = found["auc"].value[0, 0] - found["auc_unscaled"].value[0]
    assert float(found["auc_added"].value[0]) == pytest.approx(first)
    assert found["auc_size"].low[0] > 0.55
    assert found["auc_equal"].shape == (0, 2, 1)


def test_hazards_by_tenths_are_those_of_a_tail(single, filtered):
    """A tenth holds Φ(−1.28): all switches of a latch, each predicted."""
    np.testing.assert_allclose(single.top_share.value, 1, atol=0.005)
    np.testing.assert_allclose(single.counted.value[:, :-1], 0, atol=2e-3)
    np.testing.assert_allclose(single.counted.value[:, -1], 10 * FLIP, atol=0.05)
    np.testing.assert_allclose(single.calibration.value, 1, atol=0.1)
    np.testing.assert_allclose(single.predicted.value, single.counted.value, atol=0.02)
    np.testing.assert_allclose(filtered.calibration.value, 1, atol=0.15)
    assert (np.diff(single.score, axis=1) > 0).all()
    # The mean of a Gaussian beyond its ninth tenth is 1.755, of a tenth in whole bins of a twentieth.
    np.testing.assert_allclose(single.score[:, -1], 1.755, atol=0.05)
    found = index(single)["calibration[1-0]"]
    assert float(found.estimate) == single.calibration.value[1]
    assert found.margin.verdict == "within"


def test_the_threshold_of_a_latch_is_found(single):
    """1.88 standard deviations, beyond which a Gaussian has .03; the rest is what the direction misses."""
    np.testing.assert_allclose(single.threshold.value, THRESHOLD, atol=0.06)
    assert (single.softness.value < 0.25).all()  # the direction is known within some degrees
    np.testing.assert_allclose(single.tail.value, FLIP, atol=0.004)
    error = np.sqrt(FLIP / (300 * 120))
    np.testing.assert_allclose(single.mean_hazard, FLIP, atol=5 * error)
    assert (single.threshold.low < single.threshold.value).all()
    assert (single.threshold.value < single.threshold.high).all()
    hazard = index(single)["tail[0-1]"].find_reference("hazard")
    assert float(hazard.estimate) == single.mean_hazard[0]


def test_filtered_noise_of_a_latch_is_gaussian(single):
    """Every step is at risk, whatever came before: standard error √(24/35000) = .026."""
    np.testing.assert_allclose(single.kurtosis.value, 0, atol=0.13)
    assert (single.kurtosis.low < 0.05).all()


def test_a_latch_under_scaled_noise_is_predicted(single):
    """At gain c it flips with probability Φ(−1.88/c); the model knows the latch at gain 1 alone."""
    expected = norm.sf(THRESHOLD / single.gain)
    steps = 100 * 192 / 2
    slope = norm.pdf(THRESHOLD / single.gain) / expected  # of the log hazard
    threshold_error = 1 / slope[single.gain.tolist().index(1.0)] / np.sqrt(FLIP * steps)
    for i, value in enumerate(expected):
        error = 1 / np.sqrt(value * steps)
        predicted_error = slope[i] / single.gain[i] * threshold_error
        counted = single.gain_counted.value[i] / value
        np.testing.assert_allclose(counted, 1, atol=6 * error)  # half the steps vary
        np.testing.assert_allclose(single.gain_predicted.value[i], value, rtol=5 * predicted_error, atol=5e-4)
    verdicts = single.gain_verdict.tolist()
    assert verdicts[0] == ["too few"] * 2  # 8 × 10⁻⁵
    assert verdicts[1] == verdicts[3] == verdicts[4] == ["predicts"] * 2
    assert single.verdict.tolist() == ["predicts"] * 2
    np.testing.assert_allclose(np.log(single.gain_constant.value[-1]), np.log(FLIP / expected[-1]), atol=0.2)
    found = index(single)
    assert found["gain_verdict[0-1]"].word == "predicts"
    assert [float(item.estimate) for item in found["gain_verdict[0-1]"].beside] == [3, 3]
    assert float(found["gain[1.5,1-0]"].estimate) == single.gain_ratio.value[4, 1]
    assert found["gain[1.5,1-0]"].margin.verdict == "predicts"


def test_the_gain_of_the_intact_network_is_no_evidence(latch):
    """With gain 1 alone there is nothing to predict."""
    found = run(latch, gains=(1.0,), n_controls=1)
    assert found.verdict.tolist() == ["undefined"] * 2
    assert np.log(found.gain_ratio.value[0]) == pytest.approx(0, abs=0.2)


def test_a_model_of_a_direction_that_does_not_decide_fails(latch, monkeypatch):
    """Its filter looks along another input: it tells nothing, predicts no change, and the hazard changes."""
    fit = hazard_fit.fit_filters

    def look_elsewhere(kernels, n_kept):
        found = fit(kernels, n_kept)
        assert found is not None
        turned = np.einsum("slo,io->sli", found.weights @ INPUTS[:1].T, INPUTS[1:2].T)
        return dataclasses.replace(found, weights=turned)

    monkeypatch.setattr(hazard_fit, "fit_filters", look_elsewhere)
    found = run(latch, n_controls=1)
    np.testing.assert_allclose(found.auc.value[0], 0.5, atol=0.06)
    np.testing.assert_allclose(found.gain_predicted.value, FLIP, rtol=0.15)
    assert found.verdict.tolist() == ["fails"] * 2


def test_scaling_noise_that_does_not_decide_is_no_test(latch, monkeypatch):
    """Filter and gains along another input: nothing changes, and that is no success."""
    fit = hazard_fit.fit_filters

    def look_elsewhere(kernels, n_kept):
        found = fit(kernels, n_kept)
        assert found is not None
        turned = np.einsum("slo,io->sli", found.weights @ INPUTS[:1].T, INPUTS[1:2].T)
        return dataclasses.replace(found, basis=INPUTS[1:2].T, weights=turned)

    monkeypatch.setattr(hazard_fit, "fit_filters", look_elsewhere)
    found = run(latch, n_controls=1)
    np.testing.assert_allclose(found.gain_counted.value, found.gain_counted.value[:1].repeat(5, 0))
    assert found.verdict.tolist() == ["no test"] * 2


def test_a_latch_has_a_flat_hazard(single):
    """So has its process, and the model says so, too."""
    n_young = 5
    error = np.sqrt(1 / (FLIP * 35000 * (1 - 0.97**n_young)))  # of the log hazard of young ages
    for found in (single.age_ratio, single.model_age_ratio):
        np.testing.assert_allclose(found.value, 1, atol=5 * error)
    np.testing.assert_allclose(single.process_age_ratio, 1)
    np.testing.assert_allclose(single.process_hazard, FLIP)
    np.testing.assert_allclose(single.hazard.value[0, :6], FLIP, atol=0.02)
    np.testing.assert_allclose(single.model_hazard.value, single.hazard.value, atol=0.015)
    found = index(single)
    assert float(found["age_ratio[all]"].find_reference("process").estimate) == pytest.approx(1)
    assert found["age_model[all]"].margin.verdict == "within"
    assert float(found["age_model[0-1]"].estimate) == single.age_error.value[1]


def test_young_and_later_hazards_are_counted_by_hand(single, latch):
    """The first five steps of a run against the later ones, from the ninth step on."""
    symbol, sums = latch.found["switches"].symbol, np.zeros((2, 2))
    for row in symbol.tolist():
        age = None  # unknown in the first run
        for t in range(1, len(row)):
            age = 1 if row[t - 1] != row[t - 2] and t >= 2 else age and age + 1
            if t >= 8 and age:
                sums[int(age > 5)] += [row[t] != row[t - 1], 1]
    (young, later) = sums[:, 0] / sums[:, 1]
    assert float(single.age_ratio.value[0]) == pytest.approx(young / later, rel=1e-12)


def test_runs_under_gains_go_by_all_trajectories(latch, monkeypatch):
    """Directions and filters of every trajectory, and as many first steps left out as a kernel is long."""
    given = {}

    def look(network, gains, basis, **options):
        given.update(options, basis=basis)
        return GainRuns([None] * len(gains), ["not run"])

    monkeypatch.setattr(hazard_measures, "run_gains", look)
    found = run(latch, n_controls=1)
    deciding = latch.found["noise_kernel"].deciding
    np.testing.assert_allclose(np.abs(deciding @ given["basis"]), np.eye(1), atol=1e-9)
    assert given["first"] == 8
    assert found.status["notes"] == ["not run"]
    assert found.verdict.tolist() == ["undefined"] * 2
    assert np.isnan(found.gain_counted.value).all()
    study = hazard_fit.fit_study(latch, (0,))
    kernel = latch.found["noise_kernel"].kernel[:, :1]
    for place, model in enumerate(study.models):
        np.testing.assert_allclose(model.weights, kernel[place] @ deciding.T @ deciding, atol=1e-6)


def test_a_latch_with_a_filter_waits_after_a_switch(filtered):
    """The noise that made the switch is still there, and holds the new symbol: the model knows some of it."""
    assert (filtered.age_ratio.high < 0.8).all()
    np.testing.assert_allclose(filtered.hazard.value[:, 0], 0, atol=4e-3)
    np.testing.assert_allclose(filtered.model_hazard.value[:, 0], 0, atol=8e-3)
    assert (filtered.model_age_ratio.value > filtered.age_ratio.value).all()


def test_the_true_filter_explains_the_wait(monkeypatch):
    """With weights .6^(l − 1), l ≥ 1, hazards by age are those of the latch.

    At risk are steps before which filtered noise was below the threshold: it varies less, about a lower mean.
    """
    fit, lags = hazard_fit.fit_filters, np.r_[0, 0.6 ** np.arange(7)]

    def know(kernels, n_kept):
        found = fit(kernels, n_kept)
        assert found is not None
        signs = np.sign((found.weights @ INPUTS[0]).sum(1))
        return dataclasses.replace(found, weights=signs[:, None, None] * lags[:, None] * INPUTS[0])

    monkeypatch.setattr(hazard_fit, "fit_filters", know)
    found = run(prepare(make_driven_latches(INPUTS[0], flip=FLIP, filter_memory=0.6)), n_controls=1)
    assert (found.auc.value[0] > 0.998).all()
    assert (found.softness.value < 0.2).all()  # one flip in a hundred begins a step before it is seen
    assert ((found.threshold.low > THRESHOLD) & (found.threshold.high < THRESHOLD + 0.25)).all()
    np.testing.assert_allclose(found.model_age_ratio.value, found.age_ratio.value, atol=0.08)
    np.testing.assert_allclose(found.model_hazard.value, found.hazard.value, atol=0.015)
    assert found.verdict.tolist() == ["predicts"] * 2


@pytest.mark.slow
def test_two_directions_are_filtered_as_they_decide():
    """Noise along one input sets the latch, along another one it resets it."""
    three = HMM([1 / 3] * 3, np.full((3, 3), 1 / 3), np.full((3, 2), 0.5))
    found = run(
        prepare(
            make_gated_latch(INPUTS[0], INPUTS[1], flips=(0.03, 0.06)), three, drive={"n_trajectories": 120}
        ),
        n_controls=1,
    )
    assert (found.auc.value[0] > 0.97).all()
    np.testing.assert_allclose(found.auc_equal[:, :2], 0.5, atol=0.1)


def test_noise_is_in_units_that_cancel(latch):
    """Twice the noise through half the weights is the same network."""
    network = make_driven_latches(INPUTS[0], flip=FLIP)
    with torch.no_grad():
        network.cell.w_ih.mul_(0.5)
    found = run(prepare(network, noise_std=2.0, drive={"n_trajectories": 120}), n_controls=1)
    np.testing.assert_allclose(found.threshold.value, THRESHOLD, atol=0.09)
    assert found.verdict.tolist() == ["predicts"] * 2


RING_DRIVE = {"n_trajectories": 40, "n_steps": 250, "burn_in": 40, "n_resamples": 20}


def run_ring(network, *, streams_of, noise_std=1.0):
    """A part of a network that scales with its noise, on the random numbers of another one."""
    subject = Subject(network, noise_std=noise_std, streams_of=streams_of)
    subject.found["switches"] = switches.PART.run(subject, switches.SwitchSettings(**RING_DRIVE))
    kernel = noise_kernel.NoiseKernelSettings(**KERNEL | {"n_lags": 6, "replay_steps": 5, "n_rollouts": 5})
    subject.found["noise_kernel"] = noise_kernel.PART.run(subject, kernel)
    return run(subject, n_trajectories=10, n_steps=60, n_controls=1, n_resamples=50)


def test_a_network_that_scales_with_its_noise_does_so_in_all_numbers():
    """Twice the noise, in other units of activity: the same hazards, scores and verdicts."""
    ring = make_slow_ring()
    found = run_ring(ring, streams_of=ring)
    assert bool(found.is_scaled)
    assert len(found.direction) >= 2
    assert np.isfinite(found.auc_added.value).all()
    assert (found.auc.value[0] > 0.6).all()
    other = run_ring(change_units(ring), streams_of=ring, noise_std=2.0).list_arrays()
    for name, array in found.list_arrays().items():
        if name == "auc_equal":  # of equal shares of the drive, which has the units of the neurons
            continue
        if array.dtype.kind == "f":
            np.testing.assert_allclose(other[name], array, rtol=1e-6, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_a_single_input_has_no_equal_drive():
    found = run(prepare(make_latch(flip=FLIP), drive={"n_trajectories": 60}))
    assert found.auc_equal.shape == (0, 4, 2)
    assert (found.auc.value[0] > 0.998).all()
    assert index(found)["auc[0-1]"].find_reference("equal drive") is None


def test_few_switches_leave_the_hazard_by_age():
    """Enough for a kernel, too few for a model."""
    subject = prepare(make_driven_latches(INPUTS[0], flip=0.0085), drive={"n_trajectories": 60})
    found = run(subject, n_resamples=50)
    assert found.status["few"] == subject.found["noise_kernel"].direction.tolist() != []
    assert found.status["notes"] == [
        "no model: no direction has ≥ 30 switches in even and in odd trajectories"
    ]
    assert len(found.direction) == 0
    assert found.n_window.tolist() == [0, 0, 0]
    assert found.gain_verdict.shape == (5, 0)
    assert np.isfinite(found.hazard.value[0]).any()
    assert [quantity.key for quantity in found.list_quantities()] == ["age_ratio[all]"]


@pytest.mark.slow
def test_results_come_back_and_a_single_trajectory_has_none(single, latch, tmp_path):
    save_result(single, tmp_path / "hazard.nc")
    assert load_result(tmp_path / "hazard.nc", HazardResult) == single
    keys = [quantity.key for quantity in single.list_quantities()]
    assert len(set(keys)) == len(keys)
    with pytest.raises(UndefinedAnalysisError, match="`hazard.n_steps` must be > 8 .* got 8"):
        run(latch, n_steps=8)
    with pytest.raises(UndefinedAnalysisError, match="`hazard.n_trajectories` must be ≥ 2, got 1"):
        run(latch, n_trajectories=1)
