import numpy as np
import pytest
from dwell_sequences import draw_renewals

from orbitscope.hmm import HMM, is_time_reversible, list_presets, load_preset, sample_sequences
from orbitscope.principles.dwell.spectra import (
    LEAST_SEGMENT,
    N_LOWEST,
    N_SMOOTHED,
    find_peak,
    look_for_rhythm,
    measure_exact_spectrum,
    measure_spectra,
)

SWITCH = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[1.0, 0.0], [0.0, 1.0]])
FREQUENCY = np.linspace(0.002, 0.5, 250)


def test_a_telegraph_has_a_lorentzian():
    """Covariance of both indicators together ½ λ^|τ|, λ = 1 − 2p."""
    expected = (1 - 0.8**2) / (1 - 1.6 * np.cos(2 * np.pi * FREQUENCY) + 0.8**2)
    np.testing.assert_allclose(measure_exact_spectrum(SWITCH, FREQUENCY), expected, rtol=1e-10)


def test_the_exact_spectrum_is_that_of_the_stationary_process():
    moves, emits = [[0.6, 0.4], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]]
    started, settled = (HMM(start, moves, emits) for start in ([1.0, 0.0], [0.2, 0.8]))
    found = measure_exact_spectrum(started, FREQUENCY)
    np.testing.assert_allclose(found, measure_exact_spectrum(settled, FREQUENCY))
    assert found.mean() == pytest.approx(4 * 0.4 * 0.6, rel=0.02)  # twice the variance of both indicators


@pytest.mark.parametrize("name", ["linear-3", "cyclic-4"])
@pytest.mark.parametrize("segment", [100, 101])
def test_spectra_of_samples_are_those_of_the_process(name, segment):
    """A window of 100 steps blurs little where the spectrum is smooth, away from 0."""
    hmm = load_preset(name).hmm
    symbols = sample_sequences(hmm, 400, 1000, rng=np.random.default_rng(0)).symbols
    frequency, power = measure_spectra(symbols, hmm.n_symbols, segment)
    exact = measure_exact_spectrum(hmm, frequency)
    error = power.std(0) / np.sqrt(len(power))
    assert frequency[0] == pytest.approx(1 / segment)
    assert (np.abs(power.mean(0) - exact)[5:] < 5 * error[5:] + 0.02 * exact[5:]).all()


def test_power_is_that_of_all_symbols():
    """The variance of the indicators, by Parseval."""
    symbols = np.random.default_rng(0).integers(0, 4, size=(30, 640))
    frequency, power = measure_spectra(symbols, 4, 64)
    variance = sum((symbols == symbol).var() for symbol in range(4))
    assert (power.mean(0).sum() * frequency[0]) == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("name", list_presets())
def test_a_reversible_process_without_negative_eigenvalues_has_a_falling_spectrum(name):
    hmm = load_preset(name).hmm
    assert is_time_reversible(hmm)
    # Half of the steps stay as they are: no eigenvalue is negative.
    lazy = HMM(hmm.initial_probs, (np.eye(hmm.n_states) + hmm.transition_matrix) / 2, hmm.emission_probs)
    assert np.linalg.eigvalsh(lazy.transition_matrix).min() >= 0
    assert (np.diff(measure_exact_spectrum(lazy, FREQUENCY)) < 0).all()


def test_a_negative_eigenvalue_or_a_cycle_gives_a_peak():
    """One is reversible and alternates, the other goes round."""
    alternating = HMM([0.5, 0.5], [[0.1, 0.9], [0.9, 0.1]], np.eye(2))
    assert (np.diff(measure_exact_spectrum(alternating, FREQUENCY)) > 0).all()
    turn = 0.05 * np.eye(4) + 0.95 * np.roll(np.eye(4), 1, axis=1)
    spectrum = measure_exact_spectrum(HMM(np.full(4, 0.25), turn, np.eye(4)), FREQUENCY)
    assert FREQUENCY[spectrum.argmax()] == pytest.approx(0.25, abs=0.02)


def test_a_periodic_chain_has_lines_instead():
    alternating = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], np.eye(2))
    found = measure_exact_spectrum(alternating, np.array([0.25, 0.5]))
    assert found[0] == pytest.approx(0, abs=1e-12)
    assert np.isnan(found[1])


def test_a_peak_is_looked_for_away_from_zero():
    power = np.full((2, 30), 1.0)
    power[0, :N_LOWEST] = 3.0, 5.0
    power[0, 20] = 6.0
    power[1, :N_LOWEST] = 0.0
    height, index = find_peak(power)
    assert height[0] == pytest.approx((6 + N_SMOOTHED - 1) / N_SMOOTHED / 4)
    assert abs(index[0] - 20) <= N_SMOOTHED // 2
    assert np.isnan(height[1])
    narrow = np.array([2.0, 2.0, 0.0, 0.0, 1.0, 9.0, 1.0, 0.0, 0.0])
    height, index = find_peak(narrow)
    assert (height, index) == (pytest.approx(11 / 3 / 2), 5)
    early = np.array([2.0, 2.0, 9.0, 9.0, 0.0, 0.0, 0.0, 0.0])
    assert find_peak(early)[1] == N_LOWEST + N_SMOOTHED // 2
    assert find_peak(np.ones(LEAST_SEGMENT // 2))[0] == pytest.approx(1.0)


def look(symbols, hmm=SWITCH, **options):
    sizes = {"segment": 100, "n_null": 39, "n_resamples": 100} | options
    return look_for_rhythm(symbols, hmm, rng=np.random.default_rng(0), **sizes)


def test_a_clock_has_a_peak_at_its_frequency():
    """Turns of five steps each, with a little jitter: one in ten."""
    rng = np.random.default_rng(1)
    states = draw_renewals(20, 400, lambda size: 5 + (rng.random(size) < 0.1))
    found = look(states)
    assert float(found.peak_frequency.value) == pytest.approx(1 / 10.2, abs=0.012)
    assert float(found.height.low) > 10 * float(found.null.quantile)
    assert float(found.null.p_value) == pytest.approx(1 / 40)
    assert found.height.low <= found.height.value <= found.height.high


def test_a_sample_of_the_process_has_no_rhythm():
    p_values = []
    for seed in range(12):
        symbols = sample_sequences(SWITCH, 20, 300, rng=np.random.default_rng(seed)).symbols
        found = look(symbols, n_null=19)
        p_values.append(float(found.null.p_value))
        assert len(found.null.draws) == 19
    assert np.mean(p_values) == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / 12))


def test_power_that_only_falls_has_no_peak_frequency():
    slow = HMM([0.5, 0.5], [[0.97, 0.03], [0.03, 0.97]], np.eye(2))
    symbols = sample_sequences(slow, 60, 600, rng=np.random.default_rng(3)).symbols
    found = look(symbols, slow)
    assert float(found.height.high) < 1
    assert np.isnan(found.peak_frequency.value)


def test_the_band_is_that_of_samples_of_the_process():
    symbols = sample_sequences(SWITCH, 50, 400, rng=np.random.default_rng(4)).symbols
    found = look(symbols)
    inside = (found.power.value >= found.process_power.low) & (found.power.value <= found.process_power.high)
    assert 0.6 < inside.mean() <= 1  # neighbouring frequencies miss together
    np.testing.assert_allclose(found.process_power.value[5:], found.exact_power[5:], rtol=0.1)
    spectra = measure_spectra(symbols, 2, 100)[1]
    np.testing.assert_allclose(found.power.value, spectra.mean(0))


def test_a_single_symbol_has_no_spectrum():
    found = look(np.zeros((5, 200), dtype=int))
    assert np.isnan(found.height.value)
    assert np.isnan(found.peak_frequency.value)
    assert np.isnan(found.null.p_value)
