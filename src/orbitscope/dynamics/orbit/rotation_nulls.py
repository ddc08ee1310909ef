"""Area rates without training or without rotation: what chance gives a network of this kind and size."""

from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN
from ...statistics import draw_until_decided
from ...statistics.null import LEVEL
from ..driving.neuron_scales import measure_active_scales
from ..driving.untrained_networks import measure_untrained
from .area_rate import compute_area_rate
from .orbit_plane import find_symbol_direction, fit_orbit_plane


def find_reversible_coefficients(z: Float[np.ndarray, "trajectory time 2"]) -> Float[np.ndarray, " 2"]:
    """Eigenvalues of Σ^(−½) sym(AΣ) Σ^(−½): the VAR(1) of these paths, made reversible.

    AΣ is the observed lagged covariance and sym its symmetric part. In whitened coordinates, where the area
    rate is the same up to its sign, the reversible process is two independent autoregressions of unit
    variance with these coefficients.
    """
    centred = z - z.mean((0, 1))
    before, after = centred[:, :-1].reshape(-1, 2), centred[:, 1:].reshape(-1, 2)
    covariance = (before.T @ before + after.T @ after) / (2 * len(before))
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    lagged = whiten @ (after.T @ before / len(before)) @ whiten.T
    return np.clip(np.linalg.eigvalsh((lagged + lagged.T) / 2), -1, 1)


def compute_reversible_spread(
    coefficients: Float[np.ndarray, " 2"], *, n_trajectories: int, n_steps: int
) -> float:
    """Standard deviation of the area rate of two independent stationary autoregressions of unit variance.

    Notes
    -----
    Own derivation. For coefficients c and d, s_t = ½(x_t y_{t+1} − y_t x_{t+1}) has the variance ½(1 − cd)
    and at lag k ≥ 1 the covariance −¼ (cd)^(k−1) (c − d)². The area rate is the mean of s_t over n_steps − 1
    steps and all trajectories; the spread of its denominator counts to second order only.
    """
    product, difference = float(coefficients.prod()), float(np.ptp(coefficients))
    n_pairs = n_steps - 1
    lags = np.arange(1, n_pairs)
    later = ((n_pairs - lags) * product ** (lags - 1.0)).sum()
    variance = 0.5 * (1 - product) / n_pairs - 0.5 * difference**2 * later / n_pairs**2
    return float(np.sqrt(max(variance, 0.0) / n_trajectories))


@torch.no_grad()
def draw_untrained_rates(
    network: NoiseRNN,
    observed: float,
    *,
    n_untrained: int,
    max_untrained: int = 0,
    standardise: bool = False,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> Float[np.ndarray, " network"]:
    """|a| of untrained networks of the same kind, each in its own plane.

    Parameters
    ----------
    network : NoiseRNN
        Gives cell, sizes and whether there are biases.
    observed : float
        |a| that they are to be compared with.
    n_untrained : int
        At least 20, or 0 for an empty array.
    max_untrained : int
        Up to so many are drawn while the p-value is too near the level to call, see
        :func:`draw_until_decided`.
    standardise : bool
        Whether planes are those of activity in units of the standard deviation of each neuron.
    noise_std : float > 0
        Standard deviation of the noise (dimensionless).
    generator
        Source of weights and noise.

    Raises
    ------
    InputError
        If there are some, but fewer than 20, or the cell has no name in ``CELLS``.
    """
    if not n_untrained:
        return np.empty(0)
    most = max(n_untrained, max_untrained)
    measure = partial(_measure_own_area, standardise=standardise)
    rates = measure_untrained(network, most, measure, noise_std=noise_std, generator=generator)
    return draw_until_decided(rates, observed, n_first=n_untrained, n_max=most, level=1 - LEVEL)


def _measure_own_area(
    network: NoiseRNN, hidden: Float[Tensor, "time trajectory hidden"], *, standardise: bool
) -> float:
    """Size of the area rate in the plane of these very states."""
    scales = measure_active_scales(hidden) if standardise else None
    plane = fit_orbit_plane(hidden, find_symbol_direction(network), scales=scales)
    return abs(compute_area_rate(plane.project(hidden).transpose(0, 1).cpu().numpy()))
