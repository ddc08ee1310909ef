"""Settings of the parts of an analysis: what several of them share, and how a wrong value is named."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from .settings import Settings, explain_error

_S = TypeVar("_S", bound="PartSettings")

Trajectories = Annotated[int, Field(ge=1, description="independent trajectories: the units of intervals")]
Steps = Annotated[int, Field(ge=1, description="steps of each trajectory")]
BurnIn = Annotated[int, Field(ge=0, description="steps before these; 0 starts in silence, as training does")]
States = Annotated[int, Field(ge=1, description="driven states to start from, one of each trajectory")]
Rollouts = Annotated[int, Field(ge=1, description="rollouts from each state")]
Resamples = Annotated[int, Field(ge=1, description="bootstrap resamples of trajectories")]
Confidence = Annotated[float, Field(gt=0, lt=1, description="coverage of intervals")]
Draws = Annotated[int, Field(ge=1, description="draws of each null")]
Untrained = Annotated[int, Field(ge=0, description="untrained networks as a null: 0 for none, else ≥ 20")]
AlignSteps = Annotated[
    int, Field(ge=0, description="first steps, in which tangent vectors turn; they do not count")
]
SpectralStride = Annotated[int, Field(ge=1, description="spectra are taken at every so many steps")]


class PartSettings(Settings):
    """Base of the settings of a part: frozen, with defaults for everything.

    Raises
    ------
    InputError
        If a value is out of range, or there is no such setting.
    """

    def __init__(self, **values: Any):
        self._fill(values, path="")

    @classmethod
    def build(cls: type[_S], values: Mapping[str, Any], *, path: str = "") -> _S:
        """Validate values; errors name the key after ``path``."""
        settings = cls.__new__(cls)
        settings._fill(values, path=path)
        return settings

    def _fill(self, values: Mapping[str, Any], *, path: str) -> None:
        try:
            self.__pydantic_validator__.validate_python(dict(values), self_instance=self)
        except ValidationError as error:
            raise explain_error(type(self), error, path) from None


class Drive(PartSettings):
    """Driven activity that a part looks at."""

    n_trajectories: Trajectories = 200
    n_steps: Steps = 500
    burn_in: BurnIn = 500


class DrivenStarts(PartSettings):
    """Driven states that a part starts from, each of a trajectory of its own."""

    n_states: States = 200
    burn_in: BurnIn = 500


class Resampling(PartSettings):
    """Bootstrap intervals."""

    n_resamples: Resamples = 1000
    confidence: Confidence = 0.95

    @property
    def resampling(self) -> dict[str, Any]:
        """Keyword arguments of a bootstrap."""
        return {"n_resamples": self.n_resamples, "confidence": self.confidence}
