"""The parts of an analysis: what each asks, computes, draws and says. A new part is one more entry here."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from ..dynamics.regions import RegionResult, compute_regions
from ..errors import InputError, unknown_name
from ..plots.region_maps import describe_region_maps, plot_region_maps
from ..plots.regions import describe_regions, plot_regions
from ..results import Result
from .findings import Finding, summarise_regions
from .subject import Subject

Plot = Callable[[Any], Figure]
Describe = Callable[[Any], str]


@dataclass(frozen=True)
class Part:
    """One analysis of a network.

    Attributes
    ----------
    name : str
        Names the result (``results/NAME.nc``) and the choice of ``--only``.
    question : str
        What it asks.
    result : type
        Kind of its result.
    function : callable
        Computes the result of ``network`` with ``noise_std`` and ``generator`` (those of them that it takes);
        its other keyword arguments are the settings of the part.
    figures : mapping
        Plot and caption of each figure by its name.
    summarise : callable
        Main numbers of the result.
    seconds : float
        About how long it takes on two cores: its share of the progress.
    quick : mapping
        Settings for a first look.
    prepare : callable, optional
        What the function needs of a subject beside the network, as keyword arguments.
    needs : tuple
        Parts whose results ``prepare`` uses.
    uses_checkpoints : bool
        Whether the result follows from the checkpoints too.
    """

    name: str
    question: str
    result: type[Result]
    function: Callable[..., Result]
    figures: Mapping[str, tuple[Plot, Describe]]
    summarise: Callable[[Any], list[Finding]]
    seconds: float
    quick: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Subject], dict[str, Any]] = lambda subject: {}
    needs: tuple[str, ...] = ()
    uses_checkpoints: bool = False

    def compute(self, subject: Subject, settings: Mapping[str, Any]) -> Result:
        """Compute the result of a subject."""
        given = {
            "network": subject.network,
            "noise_std": subject.noise_std,
            "generator": subject.start_generator(self.name),
            **self.prepare(subject),
        }
        taken = inspect.signature(self.function).parameters
        return self.function(**{name: value for name, value in given.items() if name in taken}, **settings)

    def list_settings(self) -> dict[str, Any]:
        """Settings that a user can change, with their defaults."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not p.empty and p.name != "noise_std"}


PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            name="regions",
            question="slow, kick and transition: what sets them apart, which follows which?",
            result=RegionResult,
            function=compute_regions,
            figures={
                "regions": (plot_regions, describe_regions),
                "region_maps": (plot_region_maps, describe_region_maps),
            },
            summarise=summarise_regions,
            seconds=10.0,
            quick={"n_trajectories": 20, "n_steps": 50, "n_rollouts": 5},
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


def resolve_settings(
    parts: Iterable[Part], changes: Mapping[str, Mapping[str, Any]], *, quick: bool = False
) -> dict[str, dict[str, Any]]:
    """Settings of each part: its own for a first look if asked for, and these changes on top.

    Raises
    ------
    InputError
        If a name is not that of a part, or of a setting of it.
    """
    for name, values in changes.items():
        if name not in PARTS:
            raise unknown_name("part", name, PARTS)
        if not isinstance(values, Mapping):
            raise InputError(
                f"`{name}` must be a table of settings, got {values!r}. Write {name}.KEY = VALUE."
            )
        for key in values:
            if key not in PARTS[name].list_settings():
                raise unknown_name(f"setting of the part `{name}`", key, PARTS[name].list_settings())
    return {part.name: {**(part.quick if quick else {}), **changes.get(part.name, {})} for part in parts}
