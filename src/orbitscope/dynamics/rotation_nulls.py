"""Area rates without training or without rotation: what chance gives a network of this kind and size."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ..errors import InputError
from ..network import CELLS, NoiseRNN, build_network
from .area_rate import compute_area_rate
from .driven_states import run_driven
from .orbit_plane import fit_orbit_plane

MIN_UNTRAINED = 20
"""Fewer untrained networks have no 95 % quantile."""

UNTRAINED_RUN = {"n_trajectories": 100, "n_steps": 100, "burn_in": 30}
"""Run of each untrained network: with a spectral radius near 1/√3 it forgets its start within 30 steps."""


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
def run_untrained(
    network: NoiseRNN, n_untrained: int, *, noise_std: float = 1.0, generator: torch.Generator
) -> Float[np.ndarray, " network"]:
    """|a| of untrained networks of the same kind, each in its own plane.

    Parameters
    ----------
    network : NoiseRNN
        Gives cell, sizes and whether there are biases.
    n_untrained : int
        At least 20, or 0 for an empty array.
    noise_std : float > 0
        Standard deviation of the noise (dimensionless).
    generator
        Source of weights and noise.

    Raises
    ------
    InputError
        If there are fewer than 20, or the cell has no name in ``CELLS``.

    Notes
    -----
    Own construction. Runs are those of ``UNTRAINED_RUN``, shorter than that of the network itself: for 150
    neurons, estimation noise raises the root mean square of |a| by 2 %.
    """
    kind = require_buildable(network, n_untrained)
    rates = np.empty(n_untrained)
    for i in range(n_untrained):
        untrained = build_network(network.n_symbols, **kind, generator=generator).to(network.w_out)
        states = run_driven(untrained, **UNTRAINED_RUN, noise_std=noise_std, generator=generator).states
        z = fit_orbit_plane(states).project(states).transpose(0, 1).cpu().numpy()
        rates[i] = abs(compute_area_rate(z))
    return rates


def require_buildable(network: NoiseRNN, n_untrained: int) -> dict[str, Any]:
    """Check that untrained networks can be built, and say of which kind."""
    cell = network.cell
    name = getattr(cell, "name", "")
    if n_untrained != 0 and n_untrained < MIN_UNTRAINED:
        raise InputError(f"`n_untrained` must be 0 or ≥ {MIN_UNTRAINED}, got {n_untrained}. Use 100.")
    if n_untrained and name not in CELLS:
        raise InputError(
            f"untrained networks need a cell with a name among {', '.join(CELLS)}, got `{name}`. "
            "Use n_untrained=0 to leave this null out."
        )
    has_bias = any("bias" in parameter for parameter, _ in cell.named_parameters())
    return {
        "cell": name,
        "hidden_size": cell.hidden_size,
        "input_size": cell.input_size,
        "bias": has_bias,
    }
