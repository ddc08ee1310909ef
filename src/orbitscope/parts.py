"""The parts of an analysis, in the order in which they are computed (docs/adding_a_part.md)."""

import functools
import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import InputError, unknown_name
from .part import Part
from .part_settings import PartSettings
from .plots.drawing import Drawing

REGISTRY = {
    "noise_free_growth": "dynamics.noise_free.noise_free_growth:PART",
    "fixed_points": "dynamics.noise_free.fixed_points:PART",
    "exponents": "dynamics.stability.lyapunov:PART",
    "noise_free_exponents": "dynamics.noise_free.noise_free_exponents:PART",
    "orbit_paths": "dynamics.orbit.orbit_paths:PART",
    "rotation": "dynamics.orbit.rotation:PART",
    "rotation_standardised": "dynamics.orbit.rotation:STANDARDISED",
    "orbit_size": "dynamics.orbit.orbit_size:PART",
    "readout_alignment": "dynamics.orbit.readout_alignment:PART",
    "regions": "dynamics.regions.regions:PART",
    "neuron_profiles": "dynamics.regions.neuron_profiles:PART",
    "regional_exponents": "dynamics.regions.regional_exponents:PART",
    "circulation": "dynamics.regions.circulation:PART",
    "noise_sensitivity": "dynamics.regions.noise_sensitivity:PART",
    "slow_clusters": "dynamics.regions.slow_clusters:PART",
    "switches": "circuit.switches:PART",
    "commitment": "circuit.commitment:PART",
    "noise_kernel": "circuit.noise_kernel:PART",
    "carriers": "circuit.carriers:PART",
    "connectivity": "circuit.weights.connectivity:PART",
    "populations": "circuit.weights.populations:PART",
    "low_rank": "circuit.weights.low_rank:PART",
    "interventions": "interventions.gain_response:PART",
    "metastable_regions": "principles.metastable_regions:PART",
    "dwell": "principles.dwell.dwell:PART",
    "coherence": "principles.dwell.coherence:PART",
    "hazard": "principles.probability.switch_hazards:PART",
    "committor": "principles.probability.committor:PART",
    "region_chain": "principles.probability.region_chain:PART",
    "primitives": "principles.primitives.primitives:PART",
    "training_evolution": "dynamics.over_training.training_evolution:PART",
}
"""Where each part is, as ``module:name``. Its figures are ``FIGURES`` of the plots module of this path."""


def find_part(name: str) -> Part:
    """A part by its name.

    Raises
    ------
    InputError
        If there is no such part.
    """
    if name not in REGISTRY:
        raise unknown_name("part", name, REGISTRY)
    module, _, attribute = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(f".{module}", __package__), attribute)


def select_parts(only: Iterable[str] | None = None) -> list[Part]:
    """Parts of these names, after those that they need; all of them by default.

    Raises
    ------
    InputError
        If a name is not that of a part.
    """
    if only is None:
        return [find_part(name) for name in REGISTRY]
    if isinstance(only, str):
        raise InputError(f"`only` must be a list of names, got the text {only!r}. Write [{only!r}].")
    chosen: dict[str, Part] = {}
    pending = list(only)
    while pending:
        name = pending.pop()
        if name not in chosen:
            chosen[name] = find_part(name)
            pending += chosen[name].needs
    return [chosen[name] for name in REGISTRY if name in chosen]


def list_drawings(shown: Iterable[str] | None = None) -> list[Drawing]:
    """Figures that show one of these parts at least; all of them by default."""
    names = set(REGISTRY if shown is None else shown)
    return [drawing for drawing in _load_drawings() if not names.isdisjoint(drawing.shows)]


@functools.cache
def _load_drawings() -> tuple[Drawing, ...]:
    """All figures, in the order of the parts."""
    modules = [target.partition(":")[0].removeprefix("dynamics.") for target in REGISTRY.values()]
    found = [f"{__package__}.plots.{module}" for module in dict.fromkeys(modules)]
    return tuple(
        drawing
        for module in found
        if importlib.util.find_spec(module)
        for drawing in importlib.import_module(module).FIGURES
    )


ALL = "all"
"""Table of settings for every part that has them."""


def resolve_settings(
    parts: Iterable[Part], changes: Mapping[str, Any], *, quick: bool = False
) -> dict[str, PartSettings]:
    """Settings of each part: defaults, its own for a first look if asked for, and changes on top.

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
        if name not in (ALL, *REGISTRY):
            raise unknown_name("part", name, [ALL, *REGISTRY])
        if not isinstance(values, Mapping):
            raise InputError(
                f"`{name}` must be a table of settings, got {values!r}. Write {name}.KEY = VALUE."
            )
        if name != ALL:
            find_part(name).build_settings(values)

    shared = _share_settings(changes.get(ALL, {}))
    return {
        part.name: part.build_settings(
            {**(part.quick if quick else {}), **shared[part.name], **changes.get(part.name, {})}
        )
        for part in parts
    }


def _share_settings(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings under ``all`` by part."""
    parts = select_parts()
    known = {key for part in parts for key in part.settings.model_fields}
    for key in values:
        if key not in known:
            raise unknown_name("setting", f"{ALL}.{key}", [f"{ALL}.{name}" for name in known])
    shared = {}
    for part in parts:
        shared[part.name] = {key: value for key, value in values.items() if key in part.settings.model_fields}
        part.build_settings(shared[part.name], path=ALL)
    return shared
