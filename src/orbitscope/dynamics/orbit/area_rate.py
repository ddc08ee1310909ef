"""Area rate and winding of trajectories in a plane."""

import numpy as np
from jaxtyping import Float

from ...errors import InputError, UndefinedAnalysisError

_SMALLEST_SINE = 1e-6
"""√(1 − r²) at which two coordinates of correlation r count as one."""


def compute_area_rate(z: Float[np.ndarray, "trajectory time 2"]) -> float:
    """Area rate a = ½(C₁₂(1) − C₂₁(1))/√det C(0) of trajectories in a plane.

    Parameters
    ----------
    z : (trajectory, time, 2)
        Coordinates in any pair of axes; at least two steps.

    Returns
    -------
    float
        Area that a trajectory sweeps out per step, in units of the product of the standard deviations along
        the principal axes; positive from the first axis to the second.

    Raises
    ------
    InputError
        If there is a single step.
    UndefinedAnalysisError
        If the coordinates keep to a line.

    Notes
    -----
    Own construction. C_ij(k) = E[z_i(t) z_j(t + k)] with z centred on its mean over all trajectories and
    times. In principal axes C₁₂(0) = 0 and √det C(0) = √(C₁₁ C₂₂), the usual form. That form is not invariant
    otherwise: in axes that are turned or skewed C₁₁ C₂₂ exceeds det C(0). With the determinant a is invariant
    under every invertible linear map of the plane up to the sign of its determinant, hence also where equal
    variances leave the principal axes arbitrary. Reversing time flips its sign exactly. For
    z(t + 1) = ρ R(θ) z(t) + isotropic noise a = ρ sin θ.
    """
    return float(divide_area(collect_moments(z).sum(0)[None])[0])


def collect_moments(z: Float[np.ndarray, "trajectory time 2"]) -> Float[np.ndarray, "trajectory 4"]:
    """C₁₂(1) − C₂₁(1), C₁₁, C₁₂ and C₂₂ of each trajectory, about the mean of all."""
    if z.shape[1] < 2:
        raise InputError(
            f"`z` must have ≥ 2 steps, got {z.shape[1]}. The area rate compares successive ones."
        )
    first, second = np.moveaxis(z - z.mean((0, 1)), 2, 0)
    swept = (first[:, :-1] * second[:, 1:] - second[:, :-1] * first[:, 1:]).mean(1)
    products = [(a * b).mean(1) for a, b in ((first, first), (first, second), (second, second))]
    moments = np.stack([swept, *products], axis=1)
    _, c11, _, c22 = moments.sum(0)
    if not _find_scale(moments.sum(0)) > _SMALLEST_SINE * np.sqrt(c11 * c22):
        raise UndefinedAnalysisError(
            "activity must vary along both directions of the plane, but keeps to a line. Use a plane that is "
            "fitted to this network."
        )
    return moments


def divide_area(sums: Float[np.ndarray, "batch 4"]) -> Float[np.ndarray, " batch"]:
    """Area rate of each row of summed moments; NaN where a sum keeps to a line."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return 0.5 * sums[:, 0] / _find_scale(sums)


def share_area(moments: Float[np.ndarray, "trajectory 4"]) -> Float[np.ndarray, " trajectory"]:
    """Contribution of each trajectory to the area rate, which is their mean."""
    return 0.5 * moments[:, 0] / _find_scale(moments.mean(0))


def collect_products(
    y: Float[np.ndarray, "trajectory time axis"],
) -> Float[np.ndarray, "trajectory 2 axis axis"]:
    """C_ij(0), and C_ij(1) − C_ji(1), of each trajectory, about the mean of all."""
    centred = y - y.mean((0, 1))
    across = centred.transpose(0, 2, 1)
    lagged = across[:, :, :-1] @ centred[:, 1:] / (y.shape[1] - 1)
    return np.stack([across @ centred / y.shape[1], lagged - lagged.transpose(0, 2, 1)], axis=1)


def refit_area(sums: Float[np.ndarray, "batch 2 axis axis"]) -> Float[np.ndarray, " batch"]:
    """Area rate of each row of summed products in its own leading plane.

    The bootstrap of an area rate whose plane is fitted to the same trajectories has to fit it again: where
    the second and the third variance are close, other trajectories have another plane. Each plane is oriented
    like that of the first two axes.
    """
    variances, vectors = np.linalg.eigh(sums[:, 0])
    first, second = vectors[..., -1], vectors[..., -2]
    swept = np.einsum("ni,nij,nj->n", first, sums[:, 1], second)
    turned = np.sign(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    with np.errstate(invalid="ignore", divide="ignore"):
        return turned * 0.5 * swept / np.sqrt(np.maximum(variances[:, -1] * variances[:, -2], 0.0))


def bound_size(low: float, high: float) -> tuple[float, float]:
    """Limits of the size of a number between two limits: from 0 if these lie on either side of it.

    For |a|: the sign of an area rate is that of the axes, which follow no direction of travel.
    """
    return max(0.0, low, -high), max(abs(low), abs(high))


def accumulate_turns(z: Float[np.ndarray, "trajectory time 2"]) -> Float[np.ndarray, "trajectory time"]:
    """Net turns about the mean over all states since the first step: positive from first to second axis.

    Each step counts with the angle in (−π, π] by which it turns.
    """
    first, second = np.moveaxis(z - z.mean((0, 1)), 2, 0)
    point = first + 1j * second
    turns = np.zeros(z.shape[:2])
    turns[:, 1:] = np.angle(point[:, 1:] * point[:, :-1].conj()).cumsum(1) / (2 * np.pi)
    return turns


def _find_scale(moments: np.ndarray) -> np.ndarray:
    return np.asarray(
        np.sqrt(np.maximum(moments[..., 1] * moments[..., 3] - np.square(moments[..., 2]), 0.0))
    )
