"""Paths in the orbit plane: driven by noise, and where activity goes when the noise stops."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, iterate_rollout
from ...quantity import Quantity
from ...results import axes
from ...statistics import Estimate
from ..driving.driven_states import run_driven
from .orbit_plane import (
    OrbitPlane,
    PlaneResult,
    find_symbol_direction,
    fit_orbit_plane,
    list_plane_fields,
    require_plane,
)

_FREE_AXES = ("shown", "free_time")


@dataclass(frozen=True, kw_only=True, eq=False)
class OrbitPathsResult(PlaneResult):
    """Driven trajectories in the orbit plane, and their continuations without noise.

    Attributes
    ----------
    path, symbol, norm : (shown, time, component), (shown, time), (shown, time)
        Coordinates of driven trajectories, most probable symbol and ‖h‖ at each step.
    free_path, free_symbol, free_norm : (shown, free_time, component), (shown, free_time), (shown, free_time)
        The same without noise; the first is the last driven state of each trajectory.
    readout : (symbol_index, component)
        Readout row of each symbol minus their mean, projected on the axes: the direction in which its logit
        rises most against the others.
    origin : (component,)
        Coordinates of silence, h = 0.
    mean, components, variances
        The plane, see :class:`PlaneResult`.
    """

    path: Float[np.ndarray, "shown time component"] = axes(
        "shown", "time", "component", unit="activity", description="coordinates of driven states"
    )
    symbol: Integer[np.ndarray, "shown time"] = axes("shown", "time", description="most probable symbol")
    norm: Float[np.ndarray, "shown time"] = axes("shown", "time", unit="activity", description="‖h‖")
    free_path: Float[np.ndarray, "shown free_time component"] = axes(
        *_FREE_AXES, "component", unit="activity", description="coordinates without noise"
    )
    free_symbol: Integer[np.ndarray, "shown free_time"] = axes(
        *_FREE_AXES, description="most probable symbol without noise"
    )
    free_norm: Float[np.ndarray, "shown free_time"] = axes(
        *_FREE_AXES, unit="activity", description="‖h‖ without noise"
    )
    readout: Float[np.ndarray, "symbol_index component"] = axes(
        "symbol_index", "component", unit="1/activity", description="projection of centred readout rows"
    )
    origin: Float[np.ndarray, " component"] = axes(
        "component", unit="activity", description="coordinates of h = 0"
    )

    def headline(self) -> list[Quantity]:
        """Variance in the plane, and what is left of activity some steps after the noise stops."""
        first, last = np.median(self.free_norm[:, [0, -1]], axis=0)
        n_steps = self.free_norm.shape[1] - 1
        share = Estimate(self.plane.explained_variance_ratio.sum())
        left = Estimate(last / first if first else np.nan)
        return [
            Quantity("plane_share", "variance in the orbit plane", share, "share"),
            Quantity("left", f"median ‖h‖ {n_steps} steps after the noise, of that before", left, "share"),
        ]


@torch.no_grad()
def compute_orbit_paths(
    network: NoiseRNN,
    *,
    n_trajectories: int = 200,
    n_steps: int = 200,
    burn_in: int = 500,
    noise_std: float = 1.0,
    plane: OrbitPlane | None = None,
    n_shown: int = 20,
    n_free_steps: int = 60,
    generator: torch.Generator,
) -> OrbitPathsResult:
    """Run trajectories under noise, stop the noise, and project both on the orbit plane.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories, n_steps, burn_in, noise_std
        As in :func:`run_driven`. All states give the plane.
    plane : OrbitPlane, optional
        Two components. None fits it to the driven states of this run.
    n_shown : int >= 1
        Trajectories whose paths are kept, at most ``n_trajectories``.
    n_free_steps : int >= 1
        Steps without noise after the last driven state.
    generator
        Source of the noise; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range.
    UndefinedAnalysisError
        If activity varies along fewer than two directions.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Paper: Torre et al. 2025, trajectories in the plane of the leading two principal components, with and
    without noise. Differs: ‖h‖ is that of all neurons, since a path that seems at rest in the plane may move
    across it. Without biases a ReLU network has no fixed point but silence and rays from it.
    """
    if not 1 <= n_shown <= n_trajectories:
        raise InputError(
            f"`n_shown` must be in 1 … {n_trajectories}, the number of trajectories, got {n_shown}."
        )
    if plane is not None:
        require_plane(plane, network)
    run = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": burn_in, "noise_std": noise_std}
    states = run_driven(network, **run, generator=generator).states
    used = plane or fit_orbit_plane(network.show_hidden(states), find_symbol_direction(network))
    driven = states[:, :n_shown]
    free = _stop_noise(network, driven[-1], n_free_steps, generator)
    rows = network.w_out.double().cpu().numpy()
    path, symbol, norm = _describe(network, used, driven)
    free_path, free_symbol, free_norm = _describe(network, used, free)
    return OrbitPathsResult(
        settings=run | {"n_shown": n_shown, "n_free_steps": n_free_steps},
        status={"plane": "fitted" if plane is None else "given"},
        path=path,
        symbol=symbol,
        norm=norm,
        free_path=free_path,
        free_symbol=free_symbol,
        free_norm=free_norm,
        readout=(rows - rows.mean(0)) @ used.components.T,
        origin=-used.components @ used.mean,
        **list_plane_fields(used),
    )


def _stop_noise(network: NoiseRNN, start: Tensor, n_steps: int, generator: torch.Generator) -> Tensor:
    """States from a start on without noise, (time, trajectory, state)."""
    chunks = iterate_rollout(network, n_steps, start=start, noise_std=0.0, generator=generator)
    return torch.cat([start[None], *(chunk.states for chunk in chunks)])


def _describe(
    network: NoiseRNN, plane: OrbitPlane, states: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates, most probable symbol and ‖h‖ of states, trajectory first."""
    described = (
        plane.project(states),
        network.compute_logits(states).argmax(-1).to(torch.int16),
        network.show_hidden(states).double().norm(dim=-1),
    )
    path, symbol, norm = (values.transpose(0, 1).cpu().numpy() for values in described)
    return path, symbol, norm
