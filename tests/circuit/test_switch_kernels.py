import numpy as np
import pytest
from scipy.stats import chi, norm

from orbitscope.circuit.switch_kernels import SwitchKernels


@pytest.fixture
def chance():
    """Four hundred switches of one direction, before which the noise is as ever."""
    noise = np.random.default_rng(0).standard_normal((400, 5, 80))
    return SwitchKernels(noise, np.zeros(400, dtype=int), np.arange(400) % 80, 80)


def test_energy_and_its_null_are_products_of_halves(chance):
    """Their mean is 0; the square of one half would be its noise, lags × inputs / switches.

    The jackknife has twice the variance: it adds what each half does beside the noise of the other one.
    """
    null = chance.draw_null(200, np.random.default_rng(1))[0]
    one_half = 5 * 80 / 200
    standard_error = np.sqrt(5 * 80) / 200
    assert abs(float(chance.measure_energy().sum())) < 5 * standard_error < 0.5 * one_half
    assert 0 < float(null.quantile) < 5 * standard_error
    energy = chance.bound_energy(0.95)
    assert energy.high - energy.low == pytest.approx(2 * 1.96 * np.sqrt(2) * standard_error, rel=0.4)
    np.testing.assert_allclose(energy.value, chance.measure_energy().sum(), rtol=1e-5)


def test_a_half_is_projected_on_what_is_fitted_to_the_other_one(chance):
    """Along a direction of the other half there is √(lags / switches); along its own, its singular value.

    Times √switches the first is a χ of five lags: it is beyond the limit as seldom as five standard errors.
    """
    found = chance.project_across(1, rng=np.random.default_rng(0), n_resamples=5).estimate[..., 0]
    assert found.shape == (3, 1, 5)
    own = np.linalg.svd(chance.average(0)[0])[1][0]
    limit = chi.isf(2 * norm.sf(5), 5) / np.sqrt(200)
    assert np.linalg.norm(found[1]) < limit < own
    assert np.linalg.norm(found[2]) < limit
    np.testing.assert_allclose(found[0], found[1:].mean(0))


def test_axes_of_the_other_half_are_turned_into_those_of_all():
    """Two directions of equal size have no axes of their own, but each half has the same projections.

    Each is the mean of 800 switches: .2 is more than five standard errors, .3 is six of a difference.
    """
    noise = np.random.default_rng(0).standard_normal((3200, 2, 10))
    code = np.arange(3200) % 2
    noise[code == 0, 0, 0] += 2
    noise[code == 1, 1, 1] += 2
    kernels = SwitchKernels(noise, code, np.arange(3200) // 32, 100)
    _, first, second = kernels.project_across(2, rng=np.random.default_rng(0), n_resamples=5).estimate
    np.testing.assert_allclose(first, second, atol=0.3)
    np.testing.assert_allclose(np.linalg.norm(first, axis=(1, 2)), 2, atol=0.2)


def test_a_rare_direction_does_not_lead_by_chance():
    """Two thousand switches with a kernel, and twelve without one: their mean is noisy and larger."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((2012, 4, 30))
    noise[:2000, 0, 0] += 1
    code, owner = np.repeat([0, 1], [2000, 12]), np.arange(2012) % 100
    kernels = SwitchKernels(noise, code, owner, 100)
    assert np.linalg.norm(kernels.average()[1], 2) > np.linalg.norm(kernels.average()[0], 2)
    assert abs(kernels.find_leading()[0]) > 0.97
    singular, limit = kernels.find_modes()[1], kernels.draw_null(99, rng)[1]
    np.testing.assert_allclose(singular[0], np.sqrt(2000 / 1006), rtol=0.15)
    assert (singular > 1.3 * limit).sum() == 1
