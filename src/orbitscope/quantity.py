"""A quantity: a named number that a reader may quote, with what it is to be compared with."""

from dataclasses import dataclass, field
from typing import Any

from .statistics import Estimate, Null


@dataclass(frozen=True)
class Reference:
    """What stands beside a quantity and is no null: an identity, a value by symmetry, a control.

    Attributes
    ----------
    name : str
        What it is, e.g. "if reversible" or "random active sets".
    estimate : Estimate
        A single number, with an interval if it was measured.
    unit : str
    """

    name: str
    estimate: Estimate
    unit: str = "1"

    def __str__(self) -> str:
        return f"{self.name} {format_with_unit(self.estimate, self.unit)}"

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "reference", "name": self.name, **self.estimate.to_plain(), "unit": self.unit}


def known_value(name: str, value: float | int) -> tuple[Reference]:
    """What a quantity would be under a condition, as the ``beside`` of a quantity."""
    return (Reference(name, Estimate(value)),)


@dataclass(frozen=True)
class Quantity:
    """One line of a summary.

    Attributes
    ----------
    key : str
        Stable and free of data: ``PART.NAME`` or ``PART.NAME[INDEX]``, as in ``regions.net_flux`` and
        ``regions.share[slow]``. The index names a kind, or the number of a symbol.
    label : str
        What was measured, in words.
    estimate : Estimate
        A single number; NaN with a ``word`` where the answer is a kind and no number.
    unit : str
        "1" without a unit; "share" for a share, which is shown in percent.
    beside : tuple of Null or Reference
        What it is to be compared with.
    word : str
        The answer where it is a kind, as "decays"; empty where it is a number.
    """

    key: str
    label: str
    estimate: Estimate = field(default_factory=lambda: Estimate(float("nan")))
    unit: str = "1"
    beside: tuple[Null | Reference, ...] = ()
    word: str = ""

    def __str__(self) -> str:
        return self.word or format_with_unit(self.estimate, self.unit)

    def describe_beside(self) -> str:
        """What stands beside it, in words: nulls by their 95 % quantile."""
        return ", ".join(map(str, self.beside))

    def to_plain(self) -> dict[str, Any]:
        """JSON form: numbers as numbers, nothing typeset."""
        return {
            "key": self.key,
            "label": self.label,
            "word": self.word or None,
            **self.estimate.to_plain(),
            "unit": self.unit,
            "beside": [item.to_plain() for item in self.beside],
        }


def format_with_unit(estimate: Estimate, unit: str) -> str:
    """Number with interval and unit; a share in percent."""
    if unit == "share":
        return f"{estimate:%}"
    return f"{estimate}" if unit == "1" else f"{estimate} {unit}"
