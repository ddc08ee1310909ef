"""The orbit plane: leading principal axes of driven activity."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import InputError, UndefinedAnalysisError
from ...network import NoiseRNN
from ...results import Result, axes
from ...system.threads import limit_blas

_BLOCK = 1_000
"""States that are converted to float64 together: a block of 150 neurons stays in the cache of one core."""

_MOST_AXES = 20
"""Largest number of axes among which a plane is fitted again."""

_SMALLEST_SHARE = 1e-12
"""Share of the variance below which a direction counts as silent: rounding in float32 reaches 1e-14."""

_ROUNDING = 1e-6
"""Correlation, mean over standard deviation, or product of these, below which a rule leaves a sign open."""


@dataclass(frozen=True, eq=False)
class OrbitPlane:
    """Leading principal axes of hidden activity.

    Attributes
    ----------
    mean : (hidden,)
        Mean activity, the origin of the plane.
    components : (component, hidden)
        Axes by falling variance, orthonormal in the units in which the plane was fitted, with the signs of
        :func:`fit_orbit_plane`.
    variances : (hidden,)
        Variance along every principal axis, the largest first, in these units.
    """

    mean: Float[np.ndarray, " hidden"]
    components: Float[np.ndarray, "component hidden"]
    variances: Float[np.ndarray, " hidden"]

    @property
    def explained_variance_ratio(self) -> Float[np.ndarray, " component"]:
        """Share of the variance along each component."""
        return self.variances[: len(self.components)] / self.variances.sum()

    @property
    def participation_ratio(self) -> float:
        """(Σ v)²/Σ v² over the variances v: effective number of dimensions."""
        return float(self.variances.sum() ** 2 / np.square(self.variances).sum())

    @property
    def n_varying(self) -> int:
        """Directions along which activity varies by more than rounding."""
        return int((self.variances > _SMALLEST_SHARE * self.variances.sum()).sum())

    def keep(self, n_components: int) -> "OrbitPlane":
        """The same with its first axes only."""
        return replace(self, components=self.components[:n_components])

    def project(self, states: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch component"]:
        """Coordinates of states in the plane, in float64; only the hidden part of a state counts."""
        width = len(self.mean)
        if states.shape[-1] < width:
            raise InputError(
                f"`states` must have ≥ {width} entries each for this plane, got {states.shape[-1]}. "
                "Use the plane of a network of the same size."
            )
        axes = torch.tensor(self.components).to(states)
        offset = torch.tensor(self.components @ self.mean, device=states.device)
        return (states[..., :width] @ axes.T).double() - offset


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneResult(Result):
    """A result in an orbit plane, which it keeps.

    Attributes
    ----------
    mean, components, variances : (neuron,), (component, neuron), (axis,)
        As in :class:`OrbitPlane`.
    """

    mean: Float[np.ndarray, " neuron"] = axes("neuron", unit="activity", description="origin of the plane")
    components: Float[np.ndarray, "component neuron"] = axes(
        "component", "neuron", description="axes of the plane"
    )
    variances: Float[np.ndarray, " neuron"] = axes(
        "axis", unit="activity²", description="variance along all principal axes"
    )

    @property
    def plane(self) -> OrbitPlane:
        """The plane."""
        return OrbitPlane(self.mean, self.components, self.variances)


def list_plane_fields(plane: OrbitPlane) -> dict[str, np.ndarray]:
    """Fields of a :class:`PlaneResult` in this plane."""
    return {"mean": plane.mean, "components": plane.components, "variances": plane.variances}


def find_symbol_direction(network: NoiseRNN) -> Float[np.ndarray, " hidden"]:
    """Readout row of the last symbol minus that of the first: their logits differ more along it."""
    rows = network.w_out.detach().double().cpu().numpy()
    return rows[-1] - rows[0]


def place_states(
    network: NoiseRNN, states: Float[Tensor, "*batch state"]
) -> Float[Tensor, "*batch component"]:
    """Coordinates of states in their own orbit plane, in standard deviations of the first axis."""
    plane = fit_orbit_plane(network.show_hidden(states), find_symbol_direction(network))
    return plane.project(states) / float(np.sqrt(plane.variances[0]))


def fit_orbit_plane(
    activity: Float[Tensor, "*batch hidden"],
    symbol_direction: Float[np.ndarray, " hidden"],
    *,
    n_components: int = 2,
    scales: Float[np.ndarray, " hidden"] | None = None,
) -> OrbitPlane:
    """Principal axes of given hidden activity, in float64.

    Parameters
    ----------
    activity : (..., hidden)
    symbol_direction : (hidden,)
        That of :func:`find_symbol_direction`, which gives the first axis its sign.
    n_components : int
    scales : (hidden,), optional
        Units of the neurons, in which the axes are principal; infinite for a neuron that is left out.

    Raises
    ------
    InputError
        If there are not so many neurons.
    UndefinedAnalysisError
        If activity varies along fewer than ``n_components`` directions.

    Notes
    -----
    Paper: Torre et al. 2025, principal components of the activity. Without ``scales`` a plane depends on the
    units of single neurons: networks that differ only by these, and emit the same symbols, have different
    ones. With those of :func:`measure_active_scales` it does not: activity has the same coordinates in it.

    *Signs.* The first axis points from the first symbol to the last: its coordinate and the difference of
    their logits correlate positively. With it, every further axis spans a plane in which the turn from the
    direction of this difference to the direction away from silence, h = 0, is positive. This orientation is
    that of the plane: it does not depend on which of two axes varies more. Where symbols or silence do not
    decide, silence lies on the negative side, and where that does not either, the largest entry is positive.
    None of this depends on the order of states in time, and only the last rule on units of the neurons.
    """
    width = activity.shape[-1]
    if not 1 <= n_components <= width:
        raise InputError(
            f"`n_components` must be in 1 … {width}, the width of the network, got {n_components}. "
            "Use 2 for a plane."
        )
    return _diagonalise(*compute_covariance(activity), symbol_direction, n_components, scales)


def compute_covariance(
    activity: Float[Tensor, "*batch hidden"],
) -> tuple[Float[np.ndarray, " hidden"], Float[np.ndarray, "hidden hidden"]]:
    """Mean and covariance of hidden activity over all states, in float64."""
    points = activity.reshape(-1, activity.shape[-1])
    mean = points.mean(0, dtype=torch.float64)
    covariance = np.zeros((points.shape[1], points.shape[1]))
    with limit_blas():
        for block in points.split(_BLOCK):
            centred = (block.double() - mean).cpu().numpy()
            covariance += centred.T @ centred  # half the work of torch, which does not use the symmetry
    return mean.cpu().numpy(), covariance / len(points)


def fit_leading_axes(
    activity: Float[Tensor, "*batch hidden"],
    symbol_direction: Float[np.ndarray, " hidden"],
    *,
    scales: Float[np.ndarray, " hidden"] | None = None,
) -> OrbitPlane:
    """An orbit plane with more of the principal axes behind its two, among which it can be fitted again.

    Parameters
    ----------
    activity, symbol_direction, scales
        As in :func:`fit_orbit_plane`.

    Raises
    ------
    UndefinedAnalysisError
        If activity varies along fewer than two directions.
    """
    mean, covariance = compute_covariance(activity)
    n_varying = _diagonalise(mean, covariance, symbol_direction, 2, scales).n_varying
    return _diagonalise(mean, covariance, symbol_direction, min(_MOST_AXES, n_varying), scales)


def require_plane(plane: OrbitPlane, network: NoiseRNN) -> None:
    """Check that a plane has two axes and belongs to a network of this width."""
    if plane.components.shape != (2, network.hidden_size):
        raise InputError(
            f"`plane` must have 2 components of {network.hidden_size} neurons, got "
            f"{plane.components.shape[0]} of {plane.components.shape[1]}. Fit it to a network of this width."
        )


def _diagonalise(
    mean: Float[np.ndarray, " hidden"],
    covariance: Float[np.ndarray, "hidden hidden"],
    symbol_direction: Float[np.ndarray, " hidden"],
    n_components: int,
    scales: Float[np.ndarray, " hidden"] | None,
) -> OrbitPlane:
    """Principal axes in these units, signs by rule, as vectors by which raw activity is multiplied."""
    units = np.ones_like(mean) if scales is None else scales
    with limit_blas():
        values, vectors = np.linalg.eigh(covariance / units[:, None] / units)
    vectors = vectors.T[::-1][:n_components]
    signs = np.sign(vectors[np.arange(n_components), np.abs(vectors).argmax(axis=1)])
    plane = OrbitPlane(mean, signs[:, None] * vectors / units, np.maximum(values[::-1], 0.0))
    if plane.n_varying < n_components:
        raise UndefinedAnalysisError(
            f"driven activity must vary along ≥ {n_components} directions, got {plane.n_varying}. Use "
            "noise_std > 0 and a network whose noise reaches several units."
        )
    return _orient(plane, covariance, symbol_direction)


def _orient(
    plane: OrbitPlane,
    covariance: Float[np.ndarray, "hidden hidden"],
    symbol_direction: Float[np.ndarray, " hidden"],
) -> OrbitPlane:
    """Turn the axes that point the wrong way; where no rule decides, an axis stays as it is."""
    sds = np.sqrt(plane.variances[: len(plane.components)])
    with_logits = covariance @ symbol_direction
    logit_sd = np.sqrt(max(symbol_direction @ with_logits, 0.0))

    # in units of the standard deviations, the plane has both as vectors
    symbols = _drop_rounding(plane.components @ with_logits / sds / (logit_sd or 1.0))
    silence = _drop_rounding(plane.components @ plane.mean / sds)
    first = symbols[0] or silence[0]
    turns = _drop_rounding(symbols[0] * silence[1:] - symbols[1:] * silence[0])
    further = np.where(turns != 0, np.sign(first) * turns, silence[1:])

    signs = np.where(np.append(first, further) < 0, -1.0, 1.0)
    return replace(plane, components=signs[:, None] * plane.components)


def _drop_rounding(values: Float[np.ndarray, " axis"]) -> Float[np.ndarray, " axis"]:
    return np.where(np.abs(values) > _ROUNDING, values, 0.0)
