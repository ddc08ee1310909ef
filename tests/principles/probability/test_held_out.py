import dataclasses

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import norm
from synthetic_steps import DIRECTION, FILTER, make_filters, make_threshold_steps

from orbitscope.circuit.switch_kernels import SwitchKernels
from orbitscope.principles.probability.filtered_noise import find_at_risk
from orbitscope.principles.probability.held_out import (
    choose_deciles,
    compare_deciles,
    hold_out,
    judge_equal_drive,
    sum_deciles,
)
from orbitscope.principles.probability.threshold_model import CENTRES, N_BINS, fit_model, measure_auc

PAIR = (0, 1)


def run(steps, filters=None, *, leads=(0, 1, 2, 3), is_scaled=True):
    return hold_out(steps, filters or make_filters(), 0, PAIR, leads, is_scaled=is_scaled)


def compute_auc(correlation, threshold=1.9, rest=0.5):
    """AUC of a score that has this correlation with filtered noise: of the score given an event or none."""
    total = np.hypot(1, rest)
    r, cut = correlation / total, threshold / total

    def event(z):
        return ndtr((r * z - cut) / np.sqrt(1 - r**2))

    rate = norm.sf(cut)
    below = [(1 - event(z)) * norm.pdf(z) / (1 - rate) for z in CENTRES]
    cumulated = (np.cumsum(below) - np.array(below) / 2) * (CENTRES[1] - CENTRES[0])
    density = event(CENTRES) * norm.pdf(CENTRES) / rate
    return float((density * cumulated).sum() * (CENTRES[1] - CENTRES[0]))


@pytest.fixture(scope="module")
def steps():
    return make_threshold_steps()


def test_the_auc_by_lead_is_that_of_what_is_left_of_the_filter(steps):
    """At lead ℓ the score is correlated with the whole filter as its remaining weights are."""
    found = measure_auc(run(steps).tables.sum(0))
    for lead in range(3):
        left = np.linalg.norm(FILTER[lead:]) / np.linalg.norm(FILTER)
        expected = compute_auc(left)
        error = np.sqrt(expected * (1 - expected) / 700)  # of so many switches, at most
        assert found[lead] == pytest.approx(expected, abs=5 * error)
    assert found[3] == 0.5  # nothing is left


def test_models_have_the_threshold_that_was_planted(steps):
    """P = Φ((z − 1.9)/.5) in units in which the filtered noise has standard deviation 1."""
    found = run(steps)
    for model in found.models:
        assert model.converged
        spread, mean = np.array([model.spread, model.mean]) / np.linalg.norm(FILTER)
        # At risk are steps at which the step before did not switch: filtered noise varies a little less.
        assert 0.9 < spread < 1.01
        assert model.slope == pytest.approx(2 * spread, rel=0.3)  # 350 switches
        assert mean - model.intercept / model.slope * spread == pytest.approx(1.9, abs=0.12)


def test_a_model_knows_nothing_of_the_half_that_it_judges(steps):
    """Other symbols of odd trajectories change the model of odd ones, not that of even ones."""
    symbol = steps.symbol.copy()
    symbol[1::2] = np.random.default_rng(5).integers(0, 2, symbol[1::2].shape)
    found, other = run(steps), run(dataclasses.replace(steps, symbol=symbol))
    assert found.models[0].intercept == other.models[0].intercept
    assert found.models[0].mean == other.models[0].mean
    assert found.models[1].intercept != other.models[1].intercept
    odd, even = slice(1, None, 2), slice(0, None, 2)
    np.testing.assert_array_equal(found.probability[odd], other.probability[odd])
    assert not np.array_equal(found.probability[even], other.probability[even])
    model, score = found.models[0], found.models[0].score(steps)
    np.testing.assert_array_equal(found.probability[odd], model.predict(score)[odd])
    np.testing.assert_allclose(model.predict(score), ndtr(model.intercept + model.slope * score))


def test_filters_of_one_half_score_the_other(steps):
    """The filter of even trajectories is wrong: odd ones are told by chance, even ones as before."""
    right, wrong = make_filters()[0], make_filters([0, 0, 1.0])[0]
    tables = run(steps, [wrong, right, right]).tables
    even, odd = (measure_auc(tables[half::2].sum(0))[0] for half in (0, 1))
    assert even > 0.85
    assert odd == pytest.approx(0.5, abs=0.07)  # some 350 switches


def test_noise_along_another_direction_tells_nothing(steps):
    found = run(steps, make_filters([0.8, -0.6, 0]))
    assert measure_auc(found.tables.sum(0))[0] == pytest.approx(0.5, abs=0.055)
    assert all(abs(model.slope) < 0.15 for model in found.models)


def test_every_step_at_risk_is_counted_once(steps):
    found = run(steps)
    is_in = find_at_risk(steps, 0)
    np.testing.assert_array_equal(found.tables[:, 0, 0].sum(1), is_in.sum(1))
    np.testing.assert_array_equal(found.tables[:, 0, 1].sum(1), (is_in & (steps.after == 1)).sum(1))
    np.testing.assert_allclose(found.predicted.sum(1), (found.probability * is_in).sum(1))


def test_a_threshold_in_units_of_the_state_is_told_by_both():
    """Where the threshold grows with the size of the state, either tells switches less alone."""
    steps = make_threshold_steps(size_spread=0.5)
    found = measure_auc(run(steps, leads=(0,)).tables.sum(0))
    assert found[0] > found[1] + 0.02
    assert found[0] > found[2] + 0.02
    assert found[2] > 0.55  # small states switch more
    plain = run(steps, leads=(0,), is_scaled=False)
    assert measure_auc(plain.tables.sum(0))[0] == pytest.approx(found[1], abs=1e-12)


def test_a_model_without_a_norm_does_not_look_at_sizes(steps):
    other = dataclasses.replace(steps, size=steps.size * 3)
    one, two = (
        fit_model(each, FILTER[:, None] * DIRECTION, PAIR, is_scaled=False) for each in (steps, other)
    )
    assert (one.intercept, one.slope, one.mean) == (two.intercept, two.slope, two.mean)


def test_random_directions_of_equal_drive_tell_nothing(steps):
    """Their kernels are chance; those of a direction that does decide would tell."""
    rng = np.random.default_rng(6)
    events = np.argwhere((steps.before == 0) & (steps.after == 1))
    trajectory, time = events[:, 0], events[:, 1] + steps.first
    noise = np.stack([steps.noise[time - lag, trajectory].numpy() for lag in range(3)], axis=1)
    kernels = [
        SwitchKernels(noise[trajectory % 2 == half], 0 * trajectory[trajectory % 2 == half],
                      trajectory[trajectory % 2 == half] // 2, 30)
        for half in (0, 1)
    ]  # fmt: skip
    options = {"w_ih": np.eye(3), "leads": (0, 1), "is_scaled": True, "rng": rng}
    found = judge_equal_drive(steps, kernels, make_filters(), [PAIR], **options)
    assert found.shape == (2, 1)
    np.testing.assert_allclose(found, 0.5, atol=0.06)
    draws = [
        judge_equal_drive(steps, kernels, make_filters([0, 0, 1.0]), [PAIR], **options) for _ in range(8)
    ]
    assert np.max(draws) > 0.75  # random directions of the plane in which the deciding one lies


def test_tenths_are_tenths_of_the_steps():
    steps = 1e5 * norm.pdf(CENTRES)
    weights = choose_deciles(steps)
    assert weights.shape == (10, N_BINS)
    np.testing.assert_array_equal(weights.sum(0), 1)
    np.testing.assert_allclose(weights @ steps / steps.sum(), 0.1, atol=0.015)
    assert (np.diff(weights.argmax(0)) >= 0).all()


def test_tenths_by_hand(steps):
    found = run(steps)
    weights = choose_deciles(found.tables[:, 0, 0].sum(0))
    sums = sum_deciles(found, weights)
    values = compare_deciles(sums.sum(0)[None])[0]
    counted, predicted, top, calibration = values[:10], values[10:20], values[20], values[21]
    totals = sums.sum(0)
    np.testing.assert_allclose(counted, totals[1] / totals[0])
    np.testing.assert_allclose(predicted, totals[2] / totals[0])
    assert top == pytest.approx(totals[1, -1] / totals[1].sum())
    assert calibration == pytest.approx(predicted[-1] / counted[-1])
    error = np.sqrt(totals[1, -1]) / totals[1, -1]
    assert calibration == pytest.approx(1, abs=5 * error)
    np.testing.assert_allclose(totals[3] / totals[0], np.sort(totals[3] / totals[0]))
