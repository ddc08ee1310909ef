"""What is measured on the driven states of one checkpoint, as sums over trajectories for the bootstrap."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN
from ...sequences import find_complete_runs
from ...statistics import BootstrapResult
from ..driving.driven_states import DrivenPath
from ..driving.neuron_scales import measure_active_scales
from ..orbit.area_rate import bound_size, collect_products, refit_area
from ..orbit.orbit_plane import find_symbol_direction, fit_leading_axes
from ..stability.jacobians import LEAST_CRITICAL, compute_spectra
from ..stability.tangents import follow_tangents

MEASURES = {
    "transition_rate": ("1 / mean dwell of the most probable symbol", "1/step"),
    "mean_inverse_dwell": ("mean of 1 / dwell of the most probable symbol", "1/step"),
    "unstable_share": ("share of steps with an eigenvalue |λ| > 1", "1"),
    "critical_share": ("share of steps with a critical pair", "1"),
    "exponent": ("largest Lyapunov exponent, driven", "1/step"),
    "area_rate": ("|a|, area swept per step in the plane of standardised activity", "1/step"),
    "mean_shift": ("root mean square over neurons of mean / sd", "1"),
}
"""Measures of a checkpoint: description and unit."""

SHARES = ("unstable_share", "critical_share")
"""Measures that are shares of the spectra, in the order of :func:`count_spectra`."""

_ROW = {name: row for row, name in enumerate(MEASURES)}

_CONSTANT = 1e-12
"""A variance that is smaller, relative to the mean square, is rounding."""


def count_spectra(network: NoiseRNN, path: DrivenPath, *, stride: int) -> Float[np.ndarray, "trajectory 3"]:
    """Count the spectra of each trajectory, those with an unstable eigenvalue, and with a critical pair.

    Parameters
    ----------
    network : NoiseRNN
    path : DrivenPath
    stride : int >= 1
        Spectra are taken at every so many steps, with the noise of the step that follows.
    """
    states, noise = path.states[:-1:stride], path.noise[1::stride]
    spectra = compute_spectra(network, states.flatten(0, 1), noise.flatten(0, 1), beyond=LEAST_CRITICAL)
    flags = [spectra.n_active >= 0, spectra.count_unstable() > 0, spectra.count_critical_pairs() > 0]
    return np.stack([flag.reshape(len(states), -1).sum(0) for flag in flags], axis=1).astype(float)


def measure_checkpoint(
    network: NoiseRNN,
    path: DrivenPath,
    spectra: Float[np.ndarray, "trajectory 3"],
    *,
    align_steps: int,
    generator: torch.Generator,
    resample: Callable[..., BootstrapResult],
) -> BootstrapResult:
    """Each of :data:`MEASURES` on driven trajectories, with its interval over these.

    For the area rate the estimate and the limits are those of |a|, the samples those of a.

    Parameters
    ----------
    network : NoiseRNN
    path : DrivenPath
    spectra : (trajectory, 3)
        Of :func:`count_spectra`.
    align_steps : int >= 0
        First steps, which do not count for the exponent.
    generator
        Source of the first tangent vector.
    resample
        :func:`bootstrap_statistic` with its settings.

    Notes
    -----
    The mean shift is √(mean over neurons of (E h / sd h)²), over neurons that vary. It does not depend on the
    scale of neurons: for a positive diagonal D, (D W_hh D⁻¹, D W_ih, W_out D⁻¹) is the same network, of which
    the length of E h over the size of the fluctuations is not the same.
    """
    hidden = network.show_hidden(path.states).double()
    parts = [
        _sum_dwells(network, path.states),
        spectra,
        _sum_growth(network, path, align_steps, generator),
        _sum_areas(network, hidden),
        _sum_activity(hidden),
    ]
    edges = np.cumsum([part.shape[1] for part in parts])[:-1]
    return _bound_area(resample(np.concatenate(parts, axis=1), partial(_compute, edges=edges)))


def measure_control(
    network: NoiseRNN, hidden: Float[Tensor, "time trajectory hidden"]
) -> tuple[float, float]:
    """|a| and mean shift of an untrained network, as of a checkpoint: both are far from 0."""
    areas, activity = (sums.sum(0)[None] for sums in (_sum_areas(network, hidden), _sum_activity(hidden)))
    return abs(float(_refit_area(areas)[0])), float(_divide_shift(activity)[0])


def _sum_dwells(network: NoiseRNN, states: Tensor) -> np.ndarray:
    """Number of complete dwells of the most probable symbol, their sum, and that of their inverses."""
    symbols = network.compute_logits(states).argmax(2).T.cpu().numpy()
    runs = find_complete_runs(symbols)
    weights = (None, runs.length, 1 / runs.length)
    return np.stack([np.bincount(runs.sequence, w, minlength=len(symbols)) for w in weights], axis=1)


def _sum_growth(
    network: NoiseRNN, path: DrivenPath, align_steps: int, generator: torch.Generator
) -> np.ndarray:
    """Log growth of a tangent vector per step, and 1 for each trajectory; both 0 where it was lost."""
    steps = list(zip(path.states[:-1], path.noise[1:], strict=True))
    length = len(steps) - align_steps
    found = follow_tangents(
        network, steps, 1, align_steps=align_steps, block_steps=length, generator=generator
    )
    rate = found.growth[:, 0, 0]
    is_finite = rate.isfinite()
    return torch.stack([rate.where(is_finite, 0.0), is_finite.double()], dim=1).cpu().numpy()


def _sum_areas(network: NoiseRNN, hidden: Tensor) -> np.ndarray:
    """Products of the leading coordinates, in which each resample has a plane of its own."""
    axes = fit_leading_axes(hidden, find_symbol_direction(network), scales=measure_active_scales(hidden))
    products = collect_products(axes.project(hidden).transpose(0, 1).cpu().numpy())
    return products.reshape(len(products), -1)


def _refit_area(sums: np.ndarray) -> np.ndarray:
    n_axes = math.isqrt(sums.shape[1] // 2)
    return refit_area(sums.reshape(-1, 2, n_axes, n_axes))


def _sum_activity(hidden: Tensor) -> np.ndarray:
    """Mean activity of each neuron, mean square of each, and 1 for each trajectory."""
    hidden = hidden.double()
    one = torch.ones_like(hidden[0, :, :1])
    return torch.cat([hidden.mean(0), hidden.square().mean(0), one], dim=1).cpu().numpy()


def _compute(sums: np.ndarray, *, edges: np.ndarray) -> np.ndarray:
    dwells, spectra, growth, areas, activity = np.split(sums, edges, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {
            "transition_rate": dwells[:, 0] / dwells[:, 1],
            "mean_inverse_dwell": dwells[:, 2] / dwells[:, 0],
            "unstable_share": spectra[:, 1] / spectra[:, 0],
            "critical_share": spectra[:, 2] / spectra[:, 0],
            "exponent": growth[:, 0] / growth[:, 1],
            "area_rate": _refit_area(areas),
            "mean_shift": _divide_shift(activity),
        }
    return np.stack([found[name] for name in MEASURES], axis=1)


def _divide_shift(sums: np.ndarray) -> np.ndarray:
    """Root mean square of mean / sd over the neurons that vary; NaN if none does."""
    mean, square = np.split(sums[:, :-1] / sums[:, -1:], 2, axis=1)
    variance = square - mean**2
    varies = variance > _CONSTANT * square
    ratios = np.divide(mean**2, variance, out=np.zeros_like(mean), where=varies)
    with np.errstate(invalid="ignore"):
        return np.sqrt(ratios.sum(1) / varies.sum(1))


def _bound_area(found: BootstrapResult) -> BootstrapResult:
    """|a| and the limits of its size in the place of a, whose sign says which way the axes point."""
    row = _ROW["area_rate"]
    estimate, low, high = (values.copy() for values in (found.estimate, found.low, found.high))
    estimate[row] = abs(estimate[row])
    low[row], high[row] = bound_size(float(low[row]), float(high[row]))
    return replace(found, estimate=estimate, low=low, high=high)
