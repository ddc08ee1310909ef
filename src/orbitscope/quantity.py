"""A quantity: a named number that a reader may quote, what it is to be compared with, and what it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .number_format import format_number
from .statistics import Estimate, Null

if TYPE_CHECKING:
    import xarray as xr


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


@dataclass(frozen=True)
class Margin:
    """Largest deviation from a target that still passes, and whether a quantity keeps to it.

    Attributes
    ----------
    size : float
    target : float
    test : Estimate
        The quantity with the interval that was compared with the margin.
    verdict : str
        "within", "outside" or "undecided"; "undefined" where the quantity is.
    """

    size: float
    target: float
    test: Estimate
    verdict: str

    def __str__(self) -> str:
        size = format_number(self.size)
        return f"margin {f'{self.target} ± {size}' if self.target else size}: {self.verdict}"

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        numbers = {"size": self.size, "target": self.target, "test": self.test.to_plain()}
        return {"kind": "margin", **numbers, "verdict": self.verdict}


Beside = Null | Reference | Margin
"""What may stand beside a quantity."""


def read_estimate(plain: Mapping[str, Any]) -> Estimate:
    """A single number with its limits from its JSON form: None is undefined, "inf" infinite."""
    return Estimate(*(_read_number(plain.get(name)) for name in ("value", "low", "high")))


def read_beside(plain: Mapping[str, Any]) -> Beside:
    """What stands beside a quantity, from its JSON form."""
    if plain["kind"] == "null":
        return Null(plain["name"], _read_number(plain["quantile"]), _read_number(plain["p_value"]))
    if plain["kind"] == "margin":
        size, target = (_read_number(plain[name]) for name in ("size", "target"))
        return Margin(size, target, read_estimate(plain["test"]), plain["verdict"])
    return Reference(plain["name"], read_estimate(plain), plain["unit"])


def _read_number(value: float | int | str | None) -> float:
    return float("nan") if value is None else float(value)


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
    beside : tuple of Null, Reference or Margin
        What it is to be compared with.
    word : str
        The answer, if it is a word such as "decays"; empty where it is a number.
    is_main : bool
        Whether the tables of ``orbitscope analyse`` and ``evaluate`` show it without ``--all``.
    """

    key: str
    label: str
    estimate: Estimate = field(default_factory=lambda: Estimate(float("nan")))
    unit: str = "1"
    beside: tuple[Beside, ...] = ()
    word: str = ""
    is_main: bool = True

    @property
    def kind(self) -> str:
        """Key without its index."""
        return self.key.partition("[")[0]

    def __str__(self) -> str:
        return self.word or format_with_unit(self.estimate, self.unit)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Quantity":
        """The quantity of a JSON form; nulls lack their draws."""
        return cls(
            key=plain["key"],
            label=plain["label"],
            estimate=read_estimate(plain),
            unit=plain["unit"],
            beside=tuple(map(read_beside, plain["beside"])),
            word=plain["word"] or "",
            is_main=plain["is_main"],
        )

    @property
    def margin(self) -> Margin | None:
        """The margin beside it, if there is one."""
        return next((item for item in self.beside if isinstance(item, Margin)), None)

    def find_reference(self, name: str) -> Reference | None:
        """The reference of this name beside it, if there is one."""
        return next((item for item in self.beside if isinstance(item, Reference) and item.name == name), None)

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
            "is_main": self.is_main,
        }


@dataclass(frozen=True)
class Definition:
    """What a quantity is: the one place that its label, unit and meaning are read from.

    Attributes
    ----------
    key : str
        Key of the quantity without the part before it and without an index.
    label : str
        In words; ``{}`` stands for what the index names.
    meaning : str
        Its definition, in one or two sentences.
    equation : str
        As a reader would write it by hand.
    reading : str
        How to read it: what is large, what is zero, what it does not say.
    test : str
        ``FILE::TEST`` that holds it against a known answer.
    source : str
        Paper, or "own construction".
    unit : str
        As in :class:`Quantity`.
    is_main : bool
        Whether its quantities are main ones, see :class:`Quantity`.

    Examples
    --------
    >>> SHARE = Definition("share", "{}: share of states", "…", "…", "…", "…", unit="share")
    >>> SHARE.measure(Estimate(0.5), "slow").key
    'share[slow]'
    """

    key: str
    label: str
    meaning: str
    equation: str
    reading: str
    test: str
    source: str = "own construction"
    unit: str = "1"
    is_main: bool = True

    def measure(
        self,
        estimate: Any = None,
        index: str | int | None = None,
        *,
        name: str = "",
        unit: str = "",
        beside: tuple[Beside, ...] = (),
        word: str = "",
    ) -> Quantity:
        """Quantity of this kind.

        Parameters
        ----------
        estimate : Estimate or number, optional
            None where the answer is a ``word``.
        index : str or int, optional
            What stands in the brackets of the key.
        name : str, optional
            What stands in the place of ``{}`` in the label; the index by default.
        unit : str, optional
            Where it depends on the index.
        beside, word
            As in :class:`Quantity`.
        """
        given = float("nan") if estimate is None else estimate
        return Quantity(
            key=self.key if index is None else f"{self.key}[{index}]",
            label=self.label.format(name or index),
            estimate=given if isinstance(given, Estimate) else Estimate(given),
            unit=unit or self.unit,
            beside=beside,
            word=word,
            is_main=self.is_main,
        )


def add_section(section: str, quantities: Iterable[Quantity]) -> list[Quantity]:
    """Quantities of a result under the name of the part, or of whatever else the result is of."""
    return [replace(quantity, key=f"{section}.{quantity.key}") for quantity in quantities]


def define(*definitions: Definition) -> Mapping[str, Definition]:
    """Definitions by key."""
    return {definition.key: definition for definition in definitions}


def tabulate_quantities(quantities: Iterable[Quantity], **attributes: str) -> "xr.Dataset":
    """Quantities as a labelled dataset along ``key``: value, low, high, word, unit and label."""
    import xarray as xr

    rows = list(quantities)
    columns = {
        name: [float(getattr(row.estimate, name)) for row in rows] for name in ("value", "low", "high")
    }
    columns |= {name: [getattr(row, name) for row in rows] for name in ("word", "unit", "label")}
    variables = {name: ("key", np.array(values)) for name, values in columns.items()}
    return xr.Dataset(variables, coords={"key": [row.key for row in rows]}, attrs=attributes)


def format_with_unit(estimate: Estimate, unit: str) -> str:
    """Number with interval and unit; a share in percent."""
    if unit == "share":
        return f"{estimate:%}"
    return f"{estimate}" if unit == "1" else f"{estimate} {unit}"
