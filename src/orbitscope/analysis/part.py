"""One part of an analysis: what it asks of a network, and how it computes, draws and says the answer."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field, create_model

from ..errors import UndefinedAnalysisError
from ..quantity import Quantity
from ..results import Result
from ..settings import Settings
from .subject import Subject

Plot = Callable[..., Figure]
Describe = Callable[..., str]


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
        Computes the result of ``network`` with ``noise_std`` and ``generator`` or ``rng`` (those of them that
        it takes); its other keyword arguments are the settings of the part.
    figures : mapping
        Plot and caption of each figure by its name.
    seconds : float
        About how long it takes on two cores: its share of the progress.
    quick : mapping
        Settings for a first look.
    prepare : callable, optional
        What the function needs of a subject beside the network, as keyword arguments.
    needs : tuple
        Parts whose results ``prepare`` uses.
    draws_with : tuple
        Parts of which the figures show the results too, in this order.
    uses_checkpoints : bool
        Whether the result follows from the checkpoints too.
    least_hidden : int
        Neurons below which a network has no such thing: a plane needs two.
    requires_noise : bool
        Whether a network without noise has no such thing.
    """

    name: str
    question: str
    result: type[Result]
    function: Callable[..., Result]
    figures: Mapping[str, tuple[Plot, Describe]]
    seconds: float
    quick: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Subject], dict[str, Any]] = lambda subject: {}
    needs: tuple[str, ...] = ()
    draws_with: tuple[str, ...] = ()
    uses_checkpoints: bool = False
    least_hidden: int = 1
    requires_noise: bool = False

    def compute(self, subject: Subject, settings: Mapping[str, Any]) -> Result:
        """Compute the result of a subject.

        Raises
        ------
        UndefinedAnalysisError
            If the network has no such thing.
        """
        self._require_defined(subject)
        given = {
            "network": subject.network,
            "noise_std": subject.noise_std,
            "generator": subject.start_generator(self.name),
            "rng": np.random.default_rng(subject.start_generator(self.name).initial_seed()),
            **self.prepare(subject),
        }
        taken = inspect.signature(self.function).parameters
        return self.function(**{name: value for name, value in given.items() if name in taken}, **settings)

    def _require_defined(self, subject: Subject) -> None:
        hidden_size = subject.network.hidden_size
        if hidden_size < self.least_hidden:
            raise UndefinedAnalysisError(
                f"the network must have ≥ {self.least_hidden} neurons to span a plane, got {hidden_size}."
            )
        if self.requires_noise and subject.noise_std == 0:
            raise UndefinedAnalysisError(
                "the network must be driven by noise, but its `noise_std` is 0. Look at the noise-free parts."
            )

    def summarise(self, result: Result) -> list[Quantity]:
        """Main numbers of the result, their keys after the name of the part."""
        return [replace(quantity, key=f"{self.name}.{quantity.key}") for quantity in result.headline()]

    def list_settings(self) -> dict[str, Any]:
        """Settings that a user can change, with their defaults."""
        return {name: parameter.default for name, parameter in self._find_settable().items()}

    def resolve_settings(self, changes: Mapping[str, Any], *, path: str = "") -> dict[str, Any]:
        """All settings of the part, these changes on top of the defaults.

        Raises
        ------
        InputError
            If there is no such setting, or a value is not of its kind; ``path`` is the table that it names.
        """
        fields: dict[str, Any] = {}
        for name, parameter in self._find_settable().items():
            kind = Any if parameter.annotation is parameter.empty else parameter.annotation
            about, least = f"{parameter.default} by default", 0 if kind in (int, float) else None
            fields[name] = kind, Field(default=parameter.default, description=about, ge=least)
        model = create_model(self.name, __base__=Settings, **fields)
        return model.build(changes, path=path or self.name).model_dump()

    def _find_settable(self) -> dict[str, inspect.Parameter]:
        given = ("noise_std", "hmm", "plane")
        parameters = inspect.signature(self.function).parameters.items()
        return {name: p for name, p in parameters if p.default is not p.empty and name not in given}
