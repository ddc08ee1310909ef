"""Paths in the orbit plane: driven by noise, and where activity goes when the noise stops."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer
from pydantic import Field
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, iterate_rollout
from ...part import Part
from ...part_settings import Drive, Steps
from ...quantity import Definition, Quantity, define
from ...results import axes
from ...subject import Subject
from ..driving.driven_states import drive
from .orbit_plane import (
    OrbitPlane,
    PlaneResult,
    find_symbol_direction,
    fit_orbit_plane,
    list_plane_fields,
    require_plane,
)

_FREE_AXES = ("shown", "free_time")

_TESTS = "tests/dynamics/orbit/test_orbit_paths.py"

DEFINITIONS = define(
    Definition(
        key="plane_share",
        label="variance in the orbit plane",
        meaning="Share of the variance of driven activity along its two leading principal axes.",
        equation="(var₁ + var₂) / Σ var",
        reading="Near 1 the plane shows nearly all that activity does.",
        test="tests/dynamics/orbit/test_orbit_plane.py::test_known_axes_far_from_the_origin",
        source="torre2025 show this plane",
        unit="share",
    ),
    Definition(
        key="left",
        label="median ‖h‖ {} steps after the noise, of that before",
        meaning="What is left of the size of activity some steps after the noise stops.",
        equation="median ‖h_n‖ / median ‖h_0‖",
        reading="Near 0 the noise keeps the orbit up; near 1 activity does not need it.",
        test=f"{_TESTS}::test_a_homogeneous_map_decays_along_the_direction_of_its_own",
        unit="share",
    ),
)


class OrbitPathsSettings(Drive):
    """Settings of the part ``orbit_paths``."""

    n_steps: Steps = 200
    n_shown: int = Field(default=20, ge=1, description="trajectories whose paths are kept")
    n_free_steps: int = Field(default=60, ge=1, description="steps without noise after the last driven state")


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

    def list_quantities(self) -> list[Quantity]:
        """Variance in the plane, and what is left of activity some steps after the noise stops."""
        first, last = np.median(self.free_norm[:, [0, -1]], axis=0)
        n_steps = self.free_norm.shape[1] - 1
        share, left = self.plane.explained_variance_ratio.sum(), last / first if first else np.nan
        return [
            DEFINITIONS["plane_share"].measure(share),
            DEFINITIONS["left"].measure(left, name=str(n_steps)),
        ]


@torch.no_grad()
def compute_orbit_paths(
    subject: Subject, settings: OrbitPathsSettings, *, plane: OrbitPlane | None = None
) -> OrbitPathsResult:
    """Run trajectories under noise, stop the noise, and project both on the orbit plane.

    Parameters
    ----------
    subject : Subject
    settings : OrbitPathsSettings
    plane : OrbitPlane, optional
        Two components. None fits it to all driven states of this run.

    Raises
    ------
    InputError
        If more trajectories are to be kept than there are, or the plane is that of another network.
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
    network, generator = subject.network, subject.start_generator("orbit_paths")
    if settings.n_shown > settings.n_trajectories:
        raise InputError(
            f"`n_shown` must be in 1 … {settings.n_trajectories}, the number of trajectories, got "
            f"{settings.n_shown}."
        )
    if plane is not None:
        require_plane(plane, network)
    states = drive(subject, settings, generator=generator).states
    used = plane or fit_orbit_plane(network.show_hidden(states), find_symbol_direction(network))

    driven = states[:, : settings.n_shown]
    free = _stop_noise(network, driven[-1], settings.n_free_steps, generator)
    rows = network.w_out.double().cpu().numpy()
    path, symbol, norm = _describe(network, used, driven)
    free_path, free_symbol, free_norm = _describe(network, used, free)
    return OrbitPathsResult(
        settings=subject.record(settings),
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


PART = Part(
    name="orbit_paths",
    question="where does activity go with noise, and where when the noise stops?",
    result=OrbitPathsResult,
    settings=OrbitPathsSettings,
    compute=compute_orbit_paths,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_trajectories": 30, "n_steps": 100},
    least_hidden=2,
)
