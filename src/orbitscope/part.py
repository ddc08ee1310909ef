"""One part of an analysis as data: what it asks of a network, its settings, how it computes the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .errors import UndefinedAnalysisError
from .part_settings import PartSettings
from .quantity import Definition, Quantity, add_section
from .results import Result
from .subject import Subject


@dataclass(frozen=True)
class Part:
    """One analysis of a network.

    Attributes
    ----------
    name : str
        Names the result (``results/NAME.nc``), the choice of ``--only``, and the random stream.
    question : str
        What it asks.
    result : type
        Kind of its result.
    settings : type
        Its settings, with their defaults.
    compute : callable
        From a subject and settings to the result.
    definitions : mapping
        What each quantity of its results is, by key.
    seconds : float
        About how long it takes on two cores: its share of the progress.
    quick : mapping
        Settings for a first look.
    needs : tuple
        Parts whose results it finds in ``subject.found``.
    uses : tuple
        Parts whose results it takes in as well, where they are there.
    uses_checkpoints : bool
        Whether the result follows from the checkpoints too.
    least_hidden : int
        Fewest neurons that the part needs: two for a plane.
    requires_noise : bool
        Whether the part is undefined without noise.
    """

    name: str
    question: str
    result: type[Result]
    settings: type[PartSettings]
    compute: Callable[[Subject, Any], Result]
    definitions: Mapping[str, Definition]
    seconds: float
    quick: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    uses_checkpoints: bool = False
    least_hidden: int = 1
    requires_noise: bool = False

    @property
    def follows(self) -> tuple[str, ...]:
        """Parts that come before it: of other parts it sees nothing."""
        return (*self.needs, *self.uses)

    def run(self, subject: Subject, settings: PartSettings) -> Result:
        """Compute the result of a subject; it knows the names of the symbols.

        Raises
        ------
        UndefinedAnalysisError
            If the network has no such thing.
        """
        self._require_defined(subject)
        seen = {name: subject.found[name] for name in self.follows if name in subject.found}
        result = self.compute(replace(subject, found=seen), settings)
        return replace(result, settings=result.settings | {"symbol_names": list(subject.symbol_names)})

    def _require_defined(self, subject: Subject) -> None:
        if missing := [name for name in self.needs if name not in subject.found]:
            raise UndefinedAnalysisError(f"it needs {', '.join(missing)}, which is undefined.")
        hidden_size = subject.network.hidden_size
        if hidden_size < self.least_hidden:
            raise UndefinedAnalysisError(
                f"the network must have ≥ {self.least_hidden} neurons for this part, got {hidden_size}."
            )
        if self.requires_noise and subject.noise_std == 0:
            raise UndefinedAnalysisError(
                "the network must be driven by noise, but its `noise_std` is 0. Look at the noise-free parts."
            )

    def summarise(self, result: Result) -> list[Quantity]:
        """Quantities of the result, their keys after the name of the part."""
        return add_section(self.name, result.list_quantities())

    def build_settings(self, changes: Mapping[str, Any], *, path: str = "") -> PartSettings:
        """Settings of the part, these changes on top of the defaults.

        Raises
        ------
        InputError
            If there is no such setting, or a value is not of its kind; ``path`` is the table that it names.
        """
        return self.settings.build(changes, path=path or self.name)
