"""The parts of an analysis: what each asks, computes, draws and says. A new part is one more entry here."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from ..dynamics.noise_free.fixed_points import FixedPointResult
from ..dynamics.noise_free.noise_free_exponents import NoiseFreeExponentsResult
from ..dynamics.noise_free.noise_free_growth import NoiseFreeGrowthResult
from ..dynamics.orbit.orbit_paths import OrbitPathsResult, compute_orbit_paths
from ..dynamics.orbit.orbit_size import OrbitSizeResult, compute_orbit_size
from ..dynamics.orbit.readout_alignment import ReadoutAlignmentResult
from ..dynamics.orbit.rotation import RotationResult, compute_rotation
from ..dynamics.over_training.training_evolution import EvolutionResult, compute_training_evolution
from ..dynamics.regions.circulation import CirculationResult, compute_circulation
from ..dynamics.regions.noise_sensitivity import NoiseSensitivityResult, compute_noise_sensitivity
from ..dynamics.regions.regional_exponents import RegionalExponentsResult, compute_regional_exponents
from ..dynamics.regions.regions import RegionResult, compute_regions
from ..dynamics.regions.slow_clusters import SlowClusterResult, compute_slow_clusters
from ..dynamics.stability.lyapunov import LyapunovResult
from ..errors import InputError, unknown_name
from ..plots.noise_free.fixed_points import describe_fixed_points, plot_fixed_points
from ..plots.noise_free.noise_free_growth import describe_noise_free_growth, plot_noise_free_growth
from ..plots.orbit.orbit_paths import describe_orbit_paths, plot_orbit_paths
from ..plots.orbit.orbit_size import describe_orbit_size, plot_orbit_size
from ..plots.orbit.readout_alignment import describe_readout_alignment, plot_readout_alignment
from ..plots.orbit.rotation import describe_rotation, plot_rotation
from ..plots.over_training.training_evolution import describe_training_evolution, plot_training_evolution
from ..plots.regions.circulation import describe_circulation, plot_circulation
from ..plots.regions.noise_sensitivity import describe_noise_sensitivity, plot_noise_sensitivity
from ..plots.regions.region_maps import describe_region_maps, plot_region_maps
from ..plots.regions.regional_exponents import describe_regional_exponents, plot_regional_exponents
from ..plots.regions.regions import describe_regions, plot_regions
from ..plots.regions.slow_clusters import describe_slow_clusters, plot_slow_clusters
from ..plots.stability.lyapunov import describe_lyapunov, plot_lyapunov
from ..training import measure_course
from .computations import (
    align_readout,
    compute_driven_exponents,
    compute_free_exponents,
    compute_growth,
    search_fixed_points,
)
from .part import Part


def _plot_exponents(noise_free: NoiseFreeExponentsResult, driven: LyapunovResult) -> Figure:
    return plot_lyapunov(driven, noise_free)


def _describe_exponents(noise_free: NoiseFreeExponentsResult, driven: LyapunovResult) -> str:
    return describe_lyapunov(driven, noise_free)


_FIRST_LOOK = {"n_trajectories": 30, "n_steps": 100}

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            name="noise_free_growth",
            question="what becomes of activity when the noise stops?",
            result=NoiseFreeGrowthResult,
            function=compute_growth,
            figures={"noise_free_growth": (plot_noise_free_growth, describe_noise_free_growth)},
            seconds=2.0,
            quick={"n_states": 100},
        ),
        Part(
            name="fixed_points",
            question="which fixed and slow points does the noise-free map have?",
            result=FixedPointResult,
            function=search_fixed_points,
            figures={"fixed_points": (plot_fixed_points, describe_fixed_points)},
            seconds=4.0,
            quick={"n_states": 30, "max_steps": 200},
        ),
        Part(
            name="exponents",
            question="do paths under the same noise meet or part?",
            result=LyapunovResult,
            function=compute_driven_exponents,
            figures={},
            seconds=1.0,
            requires_noise=True,
            quick={"n_trajectories": 20, "n_steps": 100},
        ),
        Part(
            name="noise_free_exponents",
            question="and without noise?",
            result=NoiseFreeExponentsResult,
            function=compute_free_exponents,
            figures={"exponents": (_plot_exponents, _describe_exponents)},
            seconds=2.0,
            quick={"n_states": 20, "n_steps": 100},
            needs=("exponents",),
            draws_with=("exponents",),
        ),
        Part(
            name="orbit_paths",
            question="where does activity go with noise, and where when the noise stops?",
            result=OrbitPathsResult,
            function=compute_orbit_paths,
            figures={"orbit_paths": (plot_orbit_paths, describe_orbit_paths)},
            seconds=2.0,
            least_hidden=2,
            quick=_FIRST_LOOK,
        ),
        Part(
            name="rotation",
            question="does activity turn one way, more than in untrained networks, and the output with it?",
            result=RotationResult,
            function=compute_rotation,
            figures={"rotation": (plot_rotation, describe_rotation)},
            seconds=6.0,
            least_hidden=2,
            quick={**_FIRST_LOOK, "n_untrained": 20, "max_untrained": 20, "n_null": 99},
        ),
        Part(
            name="rotation_standardised",
            question="and in the plane in which all neurons count alike?",
            result=RotationResult,
            function=partial(compute_rotation, standardise=True),
            figures={"rotation_standardised": (plot_rotation, describe_rotation)},
            seconds=6.0,
            least_hidden=2,
            quick={**_FIRST_LOOK, "n_untrained": 20, "max_untrained": 20, "n_null": 99},
        ),
        Part(
            name="orbit_size",
            question="how does the size of the orbit follow the noise?",
            result=OrbitSizeResult,
            function=compute_orbit_size,
            figures={"orbit_size": (plot_orbit_size, describe_orbit_size)},
            seconds=3.0,
            least_hidden=2,
            quick=_FIRST_LOOK,
        ),
        Part(
            name="readout_alignment",
            question="does the readout look at the orbit plane?",
            result=ReadoutAlignmentResult,
            function=align_readout,
            figures={"readout_alignment": (plot_readout_alignment, describe_readout_alignment)},
            seconds=2.0,
            least_hidden=2,
            quick=_FIRST_LOOK,
        ),
        Part(
            name="regions",
            question="slow, kick and transition: what sets them apart, which follows which?",
            result=RegionResult,
            function=compute_regions,
            figures={
                "regions": (plot_regions, describe_regions),
                "region_maps": (plot_region_maps, describe_region_maps),
            },
            seconds=10.0,
            least_hidden=2,
            quick={"n_trajectories": 20, "n_steps": 50, "n_rollouts": 5},
        ),
        Part(
            name="regional_exponents",
            question="from which region on do small differences grow?",
            result=RegionalExponentsResult,
            function=compute_regional_exponents,
            figures={"regional_exponents": (plot_regional_exponents, describe_regional_exponents)},
            seconds=3.0,
            quick={"n_resamples": 200},
            prepare=lambda subject: {"exponents": subject.found["exponents"]},
            needs=("exponents",),
        ),
        Part(
            name="circulation",
            question="are the regions visited in a circle?",
            result=CirculationResult,
            function=compute_circulation,
            figures={"circulation": (plot_circulation, describe_circulation)},
            seconds=0.5,
            prepare=lambda subject: {"labels": subject.found["regions"].label},
            needs=("regions",),
        ),
        Part(
            name="noise_sensitivity",
            question="from where does fresh noise spread activity?",
            result=NoiseSensitivityResult,
            function=compute_noise_sensitivity,
            figures={"noise_sensitivity": (plot_noise_sensitivity, describe_noise_sensitivity)},
            seconds=9.0,
            quick={"n_starts": 30, "max_states": 3000, "n_rollouts": 20},
        ),
        Part(
            name="slow_clusters",
            question="how many slow regions are there, found without labels?",
            result=SlowClusterResult,
            function=compute_slow_clusters,
            figures={"slow_clusters": (plot_slow_clusters, describe_slow_clusters)},
            seconds=6.0,
            quick={"n_trajectories": 30, "n_steps": 50, "n_microstates": 20, "n_splits": 2},
            prepare=lambda subject: {"hmm": subject.hmm},
        ),
        Part(
            name="training_evolution",
            question="when in training do stability and rotation change?",
            result=EvolutionResult,
            function=compute_training_evolution,
            figures={"training_evolution": (plot_training_evolution, describe_training_evolution)},
            seconds=12.0,
            least_hidden=2,
            quick={"n_trajectories": 20, "n_steps": 100, "n_untrained": 20, "n_resamples": 100},
            prepare=lambda subject: {
                "checkpoints": subject.checkpoints,
                "course": measure_course(subject.history),
            },
            uses_checkpoints=True,
        ),
    )
}
"""All parts, in the order in which they are computed."""


def select_parts(only: Iterable[str] | None = None) -> list[Part]:
    """Parts of these names, after those that they need; all of them by default.

    Raises
    ------
    InputError
        If a name is not that of a part.
    """
    if only is None:
        return list(PARTS.values())
    chosen: set[str] = set()
    pending = list(only)
    while pending:
        name = pending.pop()
        if name not in PARTS:
            raise unknown_name("part", name, PARTS)
        chosen.add(name)
        pending += PARTS[name].needs
    return [part for name, part in PARTS.items() if name in chosen]


ALL = "all"
"""Table of settings for every part that has them."""


def resolve_settings(
    parts: Iterable[Part], changes: Mapping[str, Any], *, quick: bool = False
) -> dict[str, dict[str, Any]]:
    """All settings of each part: defaults, its own for a first look if asked for, and changes on top.

    Parameters
    ----------
    parts : parts
    changes : mapping of mappings
        By part; those under ``all`` are for every part that has such a setting, and those of the part itself
        win over them.
    quick : bool

    Raises
    ------
    InputError
        If a name is not that of a part, or of a setting of it, or a value is not of its kind.
    """
    for name, values in changes.items():
        if name not in (ALL, *PARTS):
            raise unknown_name("part", name, [ALL, *PARTS])
        if not isinstance(values, Mapping):
            raise InputError(
                f"`{name}` must be a table of settings, got {values!r}. Write {name}.KEY = VALUE."
            )
        if name != ALL:
            PARTS[name].resolve_settings(values)
    shared = _share_settings(changes.get(ALL, {}))
    return {
        part.name: part.resolve_settings(
            {**(part.quick if quick else {}), **shared[part.name], **changes.get(part.name, {})}
        )
        for part in parts
    }


def _share_settings(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings under ``all`` by part."""
    known = {key for part in PARTS.values() for key in part.list_settings()}
    for key in values:
        if key not in known:
            raise unknown_name("setting", f"{ALL}.{key}", [f"{ALL}.{name}" for name in known])
    shared = {}
    for part in PARTS.values():
        shared[part.name] = {key: value for key, value in values.items() if key in part.list_settings()}
        part.resolve_settings(shared[part.name], path=ALL)
    return shared
