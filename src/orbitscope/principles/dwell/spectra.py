"""Power spectra of symbols, and whether they have a peak away from 0, as a rhythm would give them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer
from scipy import signal

from ...hmm import HMM, compute_stationary_probs, sample_sequences
from ...statistics import Estimate, Null, bootstrap_statistic

N_LOWEST = 2
"""Frequencies above 0 whose mean power is the unit of a peak."""

N_SMOOTHED = 3
"""Neighbouring frequencies that are averaged before a peak is looked for."""

_AT_A_LINE = 1e-9
"""Distance from a line of the spectrum below which there is no density."""

_BATCH = 2000
"""Trajectories whose spectra are taken at once."""


def measure_spectra(
    symbols: Integer[np.ndarray, "trajectory time"], n_symbols: int, segment: int
) -> tuple[Float[np.ndarray, " frequency"], Float[np.ndarray, "trajectory frequency"]]:
    """Power spectrum of each trajectory, summed over the indicators of its symbols.

    Parameters
    ----------
    symbols : (trajectory, time)
    n_symbols : int
    segment : int
        Steps of a segment; segments overlap by half.

    Returns
    -------
    frequency : (frequency,)
        In cycles per step, without 0.
    power : (trajectory, frequency)
        One-sided densities, twice the two-sided ones.

    Notes
    -----
    Welch 1967, with Hann windows and the mean of each segment removed.
    """
    indicators = (symbols[..., None] == np.arange(n_symbols)).astype(np.float32)
    frequency, power = signal.welch(indicators, nperseg=segment, axis=1)
    total = power.sum(-1, dtype=np.float64)
    if segment % 2 == 0:
        total[:, -1] *= 2  # the highest frequency has no counterpart: as if it had
    return frequency[1:], total[:, 1:]


def measure_exact_spectrum(
    hmm: HMM, frequency: Float[np.ndarray, " frequency"]
) -> Float[np.ndarray, " frequency"]:
    """The same of the stationary process, in closed form and without the blur of a window.

    Notes
    -----
    The covariances are Σ_s (π ∘ e_s) P^τ e_s − (π · e_s)², so their sum over τ is a resolvent of P without
    its stationary part. In a reversible chain they are Σ_k w_k λ_k^|τ| with w_k ≥ 0 and real λ_k: a sum of
    Lorentzians. Where every λ_k is ≥ 0 each of them, and so the spectrum, only falls with frequency.
    """
    stationary, emissions = compute_stationary_probs(hmm), hmm.emission_probs
    decaying = hmm.transition_matrix - stationary  # its powers are those of P less the stationary part
    frequencies = stationary @ emissions
    variance = float((frequencies * (1 - frequencies)).sum())
    weights = stationary[:, None] * emissions
    turn = np.exp(-2j * np.pi * frequency)
    # Eigenvalues of size 1 are those of a periodic chain, which has lines in its spectrum.
    is_line = (np.abs(1 - turn[:, None] * np.linalg.eigvals(decaying)) < _AT_A_LINE).any(1)
    power = np.where(is_line, np.nan, variance)
    for i in np.flatnonzero(~is_line):
        resolvent = np.eye(hmm.n_states) - turn[i] * decaying
        later = np.linalg.solve(resolvent, turn[i] * (decaying @ emissions))
        power[i] += 2 * float((weights * later).sum().real)
    return 2 * power


def find_peak(
    power: Float[np.ndarray, "*batch frequency"],
) -> tuple[Float[np.ndarray, "*batch"], Int[np.ndarray, "*batch"]]:
    """Highest smoothed power away from 0 over that at the lowest frequencies, and where it is.

    Returns
    -------
    height : (...)
        Below 1 where power only falls; NaN without power.
    index : (...)
        Of the frequency in ``power``.
    """
    lowest = power[..., :N_LOWEST].mean(-1)
    kernel = np.lib.stride_tricks.sliding_window_view(power[..., N_LOWEST:], N_SMOOTHED, axis=-1)
    smooth = kernel.mean(-1)
    height = np.divide(smooth.max(-1), lowest, out=np.full(lowest.shape, np.nan), where=lowest > 0)
    return height, np.asarray(smooth.argmax(-1) + N_LOWEST + N_SMOOTHED // 2)


LEAST_SEGMENT = 2 * (N_LOWEST + N_SMOOTHED) + 2
"""Shortest segment with frequencies on both sides of a smoothed peak."""


@dataclass(frozen=True)
class Rhythm:
    """Spectra of a network and of its process, and the highest peak.

    Attributes
    ----------
    frequency : (frequency,)
    power, process_power : Estimate, (frequency,)
        Interval over trajectories; mean and central 95 % of samples of the process.
    exact_power : (frequency,)
    height, peak_frequency : Estimate, ()
        Without a value where power is highest next to the lowest frequencies, as one that falls.
    null : Null, ()
    """

    frequency: np.ndarray
    power: Estimate
    process_power: Estimate
    exact_power: np.ndarray
    height: Estimate
    peak_frequency: Estimate
    null: Null


def look_for_rhythm(
    symbols: Integer[np.ndarray, "trajectory time"],
    hmm: HMM,
    *,
    segment: int,
    n_null: int,
    rng: np.random.Generator,
    n_resamples: int = 1000,
    confidence: float = 0.95,
) -> Rhythm:
    """Spectrum and peak of symbols beside samples of an HMM of the same number and length."""
    frequency, spectra = measure_spectra(symbols, hmm.n_symbols, segment)
    resampling = {"rng": rng, "n_resamples": n_resamples, "confidence": confidence}
    resampled = bootstrap_statistic(spectra, lambda sums: sums / len(spectra), **resampling)
    draws = _draw_spectra(hmm, symbols.shape, segment, n_null, rng)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)

    height = resampled.derive(lambda power: find_peak(power)[0])
    place = find_peak(resampled.estimate)[1]
    first = N_LOWEST + N_SMOOTHED // 2
    is_falling = np.isnan(height.value) or place == first
    peak = resampled.derive(lambda power: frequency[find_peak(power)[1]])
    return Rhythm(
        frequency=frequency,
        power=resampled.as_estimate(),
        process_power=Estimate(draws.mean(0), low, high),
        exact_power=measure_exact_spectrum(hmm, frequency),
        height=height,
        peak_frequency=Estimate(np.nan) if is_falling else peak,
        null=_compare(float(height.value), find_peak(draws)[0]),
    )


def _compare(height: float, draws: Float[np.ndarray, " draw"]) -> Null:
    """Peak beside those of samples of the process; without a value where either has a single symbol."""
    name, known = "samples of the process", draws[np.isfinite(draws)]
    if np.isnan(height) or not len(known):
        return Null(name, np.nan, draws=known)
    return Null.of_draws(name, height, known)


def _draw_spectra(
    hmm: HMM, shape: tuple[int, int], segment: int, n_draws: int, rng: np.random.Generator
) -> Float[np.ndarray, "draw frequency"]:
    """Mean spectra of samples of the process, several at once."""
    n_trajectories, n_steps = shape
    at_once = max(1, _BATCH // n_trajectories)
    draws = []
    for first in range(0, n_draws, at_once):
        n = min(at_once, n_draws - first)
        symbols = sample_sequences(hmm, n * n_trajectories, n_steps, rng=rng).symbols
        spectra = measure_spectra(symbols, hmm.n_symbols, segment)[1]
        draws.append(spectra.reshape(n, n_trajectories, -1).mean(1))
    return np.concatenate(draws)
