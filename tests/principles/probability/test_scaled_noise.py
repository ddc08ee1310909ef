import numpy as np
import pytest
import torch
from latches import make_driven_latches, start_saturated
from scipy.special import ndtr
from scipy.stats import norm
from synthetic_steps import DIRECTION, make_threshold_steps

from orbitscope.principles.probability.filtered_noise import find_at_risk
from orbitscope.principles.probability.scaled_noise import (
    FEWEST_COUNTED,
    GainRuns,
    compare_gains,
    count_gains,
    judge_gain,
    judge_gains,
    run_gains,
)
from orbitscope.principles.probability.threshold_model import ThresholdModel

INPUTS = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 4)))[0]
SIZES = {"n_trajectories": 80, "n_steps": 250, "burn_in": 10, "first": 5, "noise_std": 1.0}
MARGIN = float(np.log(1.5))


def run(network, gains, basis, **options):
    generator = torch.Generator().manual_seed(0)
    scales = np.ones(network.hidden_size)
    return run_gains(network, gains, basis, scales=scales, generator=generator, **SIZES | options)


def make_model(direction, *, threshold, softness, network_sign=-1.0):
    """Φ((±v · x − θ)/softness) of the noise of one step."""
    weights = network_sign * np.asarray(direction)[None]
    return ThresholdModel(weights, False, 0.0, 1.0, -threshold / softness, 1 / softness, True)


@pytest.fixture(scope="module")
def latch():
    return start_saturated(make_driven_latches(INPUTS[0]))


def test_a_latch_under_scaled_noise_has_the_hazards_of_its_tail(latch):
    """It flips where |v · x| exceeds 1.88, so at gain c with probability Φ(−1.88/c)."""
    gains = (0.0, 0.75, 1.0, 1.5)
    runs = run(latch, gains, INPUTS[:1].T)
    assert runs.notes == []
    threshold = -norm.ppf(0.03)
    model = make_model(INPUTS[0], threshold=threshold, softness=0.02)
    pair = int(runs.steps[2].symbol.max()), int(runs.steps[2].symbol.min())  # down: v · x < −1.88
    counts = count_gains(runs, model, pair, 0.03)
    steps, events, predicted, constant = counts.sum(0).T
    np.testing.assert_allclose(constant, 0.03 * steps)
    for c, n, k, p in zip(gains, steps, events, predicted, strict=True):
        expected = n * (norm.sf(threshold / c) if c else 0)
        assert k == pytest.approx(expected, abs=5 * np.sqrt(expected) + 1e-9)
        assert p == pytest.approx(k, abs=0.05 * k + 1)  # the very steps


def test_scaling_another_direction_changes_nothing(latch):
    runs = run(latch, (0.0, 1.0, 2.0), INPUTS[1:2].T)
    for steps in runs.steps:
        np.testing.assert_array_equal(steps.symbol, runs.steps[1].symbol)
    assert not torch.equal(runs.steps[0].noise, runs.steps[2].noise)


def test_the_noise_of_a_run_is_what_reached_the_network(latch):
    """Outside the subspace it is the same in all runs, inside it is the factor times that at gain 1."""
    runs = run(latch, (0.0, 0.5, 1.0), INPUTS[:2].T)
    none, half, whole = (steps.noise for steps in runs.steps)
    basis = torch.from_numpy(INPUTS[:2].T.copy())
    np.testing.assert_allclose(none @ basis, 0, atol=1e-12)
    np.testing.assert_allclose(half @ basis, 0.5 * (whole @ basis), atol=1e-12)
    rest = torch.from_numpy(INPUTS[2:].T.copy())
    np.testing.assert_allclose(none @ rest, whole @ rest, atol=1e-12)
    assert len(whole) == 250
    assert float(whole.std()) == pytest.approx(1, abs=0.02)


def test_a_run_without_bound_is_named(latch):
    network = make_driven_latches(INPUTS[0])
    network.unroll = lambda state, noise: torch.full((len(noise), len(state), 1), torch.inf)
    runs = run(network, (1.0,), INPUTS[:1].T)
    assert runs.steps == [None]
    assert runs.notes == ["gain 1: activity has no bound"]
    counts = count_gains(runs, make_model(INPUTS[0], threshold=1.0, softness=1.0), (0, 1), 0.1)
    assert np.isnan(counts).all()


def test_counts_are_those_of_steps_at_risk():
    steps = make_threshold_steps(n_trajectories=6, n_steps=60)
    model = make_model(DIRECTION, threshold=1.0, softness=0.7, network_sign=1.0)
    counts = count_gains(GainRuns([steps, None], []), model, (0, 1), 0.25)
    is_in = find_at_risk(steps, 0)
    noise = steps.noise.numpy()[6:].transpose(1, 0, 2) @ DIRECTION
    np.testing.assert_array_equal(counts[:, 0, 0], is_in.sum(1))
    np.testing.assert_array_equal(counts[:, 0, 1], (is_in & (steps.after == 1)).sum(1))
    np.testing.assert_allclose(counts[:, 0, 2], (is_in * ndtr((noise - 1) / 0.7)).sum(1))
    np.testing.assert_allclose(counts[:, 0, 3], 0.25 * is_in.sum(1))
    assert np.isnan(counts[:, 1]).all()


def test_ratios_are_logarithms_of_predictions_over_counts():
    sums = np.array([[[200.0, 9.5, 19.5, 39.5], [100.0, 0.0, 0.0, 2.0]]])
    counted, predicted, model, constant, expected = compare_gains(sums)[0]
    np.testing.assert_allclose(counted, [0.0475, 0])
    np.testing.assert_allclose(predicted, [0.0975, 0])
    np.testing.assert_allclose(model, [np.log(2), 0])
    np.testing.assert_allclose(constant, [np.log(4), np.log(5)])
    np.testing.assert_allclose(expected, [19.5, 0])


@pytest.mark.parametrize(
    ("low", "high", "rival", "n", "verdict"),
    [
        (-0.1, 0.2, (1.0, 2.0), 50.0, "predicts"),
        (-0.1, 0.2, (-0.3, 0.3), 50.0, "no test"),
        (-0.1, 0.2, (-0.3, 0.5), 50.0, "predicts"),
        (0.5, 0.9, (-0.3, 0.3), 50.0, "fails"),
        (-0.9, -0.5, (1.0, 2.0), 50.0, "fails"),
        (0.3, 0.5, (1.0, 2.0), 50.0, "undecided"),
        (-2.0, 2.0, (1.0, 2.0), 50.0, "undecided"),
        (0.0, 0.0, (1.0, 2.0), FEWEST_COUNTED - 0.1, "too few"),
        (0.0, 0.0, (1.0, 2.0), float(FEWEST_COUNTED), "predicts"),
        (np.nan, np.nan, (np.nan, np.nan), np.nan, "undefined"),
    ],
)
def test_a_gain_is_judged_by_the_whole_interval(low, high, rival, n, verdict):
    assert judge_gain(low, high, rival, n, MARGIN) == verdict


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        (["predicts", "fails", "undecided"], "fails"),
        (["predicts", "undecided"], "undecided"),
        (["predicts", "no test", "too few", "undefined"], "predicts"),
        (["no test", "too few"], "no test"),
        (["too few", "undefined"], "too few"),
        (["undefined"], "undefined"),
        ([], "undefined"),
    ],
)
def test_one_failure_is_a_failure(verdicts, word):
    assert judge_gains(verdicts) == word
