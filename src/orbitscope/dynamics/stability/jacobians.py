"""Jacobians of one step with respect to the state, and their spectra.

J(h, x) = ∂F(h, x)/∂h. With the noise that came next it belongs to the driven dynamics; with x = 0 to the
noise-free map. Eigenvalues at points that are not fixed do not decide stability: they are the *local*
spectrum (docs/glossary.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN
from ...system.threads import map_parallel
from ..driving.points import require_points

CRITICAL_IMAGINARY = 0.06
CRITICAL_REAL = 0.1
"""A pair is critical if, after (λ − 1)/(λ + 1), Im > 0.06 and |Re| < 0.1 (Torre et al. 2025)."""

LEAST_CRITICAL = (1 - CRITICAL_REAL) / (1 + CRITICAL_REAL)
"""Modulus that every eigenvalue of a critical pair exceeds."""

_POWER = 5
"""Squarings of a matrix behind the bound of its spectral radius."""

_BLOCK = 256
"""Matrices whose eigenvalues are computed in one call of LAPACK."""


def compute_jacobians(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    noise: Float[Tensor, "point input"] | None = None,
) -> Float[Tensor, "point state state"]:
    """Jacobian of the step from each state: entry (i, j) is ∂h′_i/∂h_j.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
    noise : (point, input), optional
        Noise of the step; none is the noise-free map.
    """
    return network.cell.compute_jacobian(states, _resolve_noise(network, states, noise))


@dataclass(frozen=True)
class Spectra:
    """Eigenvalues at many points.

    Attributes
    ----------
    eigenvalues : (point, eigenvalue)
        Padded with zeros, which belong to inactive neurons; NaN where none was computed.
    n_active : (point,)
        Rows of the Jacobian that are not zero.
    """

    eigenvalues: Complex[np.ndarray, "point eigenvalue"]
    n_active: Int[np.ndarray, " point"]

    def count_unstable(self) -> Int[np.ndarray, " point"]:
        """Eigenvalues with |λ| > 1 at each point."""
        return (np.abs(self.eigenvalues) > 1).sum(axis=1)

    def find_radius(self) -> Float[np.ndarray, " point"]:
        """Largest |λ| at each point; NaN where none was computed."""
        return np.abs(self.eigenvalues).max(axis=1)

    def count_critical_pairs(self) -> Int[np.ndarray, " point"]:
        """Pairs near the imaginary axis after the Möbius map (λ − 1)/(λ + 1), one count a pair."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mapped = (self.eigenvalues - 1) / (self.eigenvalues + 1)
        is_critical = (mapped.imag > CRITICAL_IMAGINARY) & (np.abs(mapped.real) < CRITICAL_REAL)
        return is_critical.sum(axis=1)


def compute_spectra(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    noise: Float[Tensor, "point input"] | None = None,
    *,
    beyond: float = 0.0,
) -> Spectra:
    """Eigenvalues of the Jacobian at each state.

    For a ReLU cell the non-zero ones are those of W_hh restricted to the neurons that are active after the
    step: an exact reduction to about half the size, an eighth of the work. Points with the same active set
    share one computation.

    Parameters
    ----------
    network, states, noise
        As in :func:`compute_jacobians`.
    beyond : float >= 0
        Only eigenvalues of a larger modulus are wanted: a ReLU network has none computed where all are surely
        smaller.
    """
    noise = _resolve_noise(network, states, noise)
    weights = network.cell.find_active_weights()
    if weights is not None:
        active = network.cell.find_active(states, noise).cpu().numpy()
        return compute_active_spectra(weights.cpu().numpy(), active, beyond=beyond)
    blocks = zip(states.split(_BLOCK), noise.split(_BLOCK), strict=True)
    found = [_find_eigenvalues(compute_jacobians(network, h, x).cpu()) for h, x in blocks]
    width = network.cell.state_size
    return Spectra(np.concatenate(found), np.full(len(states), width))


def compute_active_spectra(
    weights: Float[np.ndarray, "hidden hidden"],
    active: Bool[np.ndarray, "point hidden"],
    *,
    beyond: float = 0.0,
) -> Spectra:
    """Eigenvalues of diag(active) W at each point, from the principal submatrices on active neurons.

    Where none can exceed ``beyond`` in modulus they are NaN, see :func:`bound_radius`.
    """
    sets, index = np.unique(active, axis=0, return_inverse=True)
    sizes = sets.sum(axis=1)
    eigenvalues = np.zeros((len(sets), weights.shape[0]), dtype=np.complex64)

    def solve(rows: np.ndarray) -> None:
        size = sizes[rows[0]]
        if size:
            chosen = np.stack([np.flatnonzero(sets[row]) for row in rows])
            blocks = weights[chosen[:, :, None], chosen[:, None, :]]
            is_wanted = ~(bound_radius(blocks) < beyond) if beyond else np.ones(len(rows), dtype=bool)
            eigenvalues[rows, :size] = np.nan
            eigenvalues[rows[is_wanted], :size] = _find_eigenvalues(torch.from_numpy(blocks[is_wanted]))

    map_parallel(solve, _group_by_size(sizes))
    index = index.reshape(-1)
    return Spectra(eigenvalues[index], sizes[index])


def bound_radius(matrices: Float[np.ndarray, "point row row"]) -> Float[np.ndarray, " point"]:
    """Upper limit ‖A³²‖^(1/32) of each spectral radius, in the Frobenius norm, and a thousandth for rounding.

    Its cost is an eighth of that of the eigenvalues.
    """
    powers, log_size = torch.from_numpy(matrices), torch.zeros(len(matrices), dtype=torch.float64)
    for step in range(_POWER + 1):
        powers = powers @ powers if step else powers
        size = powers.flatten(1).norm(dim=1)
        log_size = 2 * log_size + size.double().log()
        powers = powers / torch.where(size > 0, size, 1.0)[:, None, None]
    return 1.001 * torch.exp(log_size / 2**_POWER).numpy()


def _group_by_size(sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of rows that have the same size, largest first."""
    for size in np.unique(sizes)[::-1]:
        rows = np.flatnonzero(sizes == size)
        yield from (rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK))


def _find_eigenvalues(matrices: Tensor) -> np.ndarray:
    """Eigenvalues by the LAPACK of torch, which took half the time of NumPy's (docs/log.md, 2026-11-28)."""
    return torch.linalg.eigvals(matrices).numpy().astype(np.complex64)


def _resolve_noise(network: NoiseRNN, states: Tensor, noise: Tensor | None) -> Tensor:
    """Zeros without noise; checks the states, and that each has its own noise."""
    require_points(network, states)
    if noise is None:
        return states.new_zeros(len(states), network.input_size)
    if noise.shape != (len(states), network.input_size):
        raise InputError(
            f"`noise` must be ({len(states)}, {network.input_size}), a row for each state, got shape "
            f"{tuple(noise.shape)}."
        )
    return noise
