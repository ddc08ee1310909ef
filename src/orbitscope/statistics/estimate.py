"""A measured number with its interval, or an array of such numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..number_format import format_number


@dataclass(frozen=True, eq=False)
class Estimate:
    """A number, or an array of numbers, and the limits of its interval.

    Attributes
    ----------
    value, low, high : (...)
        Of one shape, in float64, read-only. Limits are NaN where there is no interval, the value is NaN where
        it is undefined. A value may lie outside its interval, as bias-corrected ones do.

    Raises
    ------
    InputError
        If shapes differ, or a lower limit is above its upper one.

    Examples
    --------
    >>> f"{Estimate(0.5, 0.25, 0.75)}"
    '0.5 [0.25, 0.75]'
    """

    value: Float[np.ndarray, "..."]
    low: Float[np.ndarray, "..."]
    high: Float[np.ndarray, "..."]

    def __init__(self, value: Any, low: Any = math.nan, high: Any = math.nan):
        shape = np.shape(value)
        for name, given in (("value", value), ("low", low), ("high", high)):
            array = np.array(
                np.broadcast_to(given, shape) if np.ndim(given) == 0 else given, dtype=np.float64
            )
            if array.shape != shape:
                raise InputError(f"`{name}` must have the shape {shape} of `value`, got {array.shape}.")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if (self.low > self.high).any():
            raise InputError("`low` must be ≤ `high`, got limits the other way round. Swap them.")

    @classmethod
    def stack(cls, estimates: Sequence["Estimate"], *, axis: int = 0) -> "Estimate":
        """Several of one shape, along a new axis."""
        return cls(*(np.stack(arrays, axis) for arrays in zip(*(e._arrays for e in estimates), strict=True)))

    def __getitem__(self, index: Any) -> "Estimate":
        """Some of the numbers, with their limits."""
        return Estimate(self.value[index], self.low[index], self.high[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Estimate):
            return NotImplemented
        pairs = zip(self._arrays, other._arrays, strict=True)
        return all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    @property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self.value, self.low, self.high

    def __float__(self) -> float:
        return float(self.value)

    def excludes(self, number: float | int) -> bool:
        """Whether the interval of a single number is there, and does not hold ``number``."""
        return bool(self.low > number or self.high < number)

    def __format__(self, spec: str) -> str:
        """A single number with its interval: ``""`` or a number of digits; ``"%"`` for a share.

        An infinite number whose limits are infinite, too, stands alone.
        """
        digits, factor = int(spec.rstrip("%") or 3), 100.0 if spec.endswith("%") else 1.0
        sign = " %" if spec.endswith("%") else ""
        if np.isnan(self.value):
            return format_number(math.nan)
        value, *limits = (
            format_number(factor * float(x), digits=digits) for x in (self.value, self.low, self.high)
        )
        is_alone = np.isnan(self.low) or (np.isinf(self.value) and self.low == self.value == self.high)
        return f"{value}{sign}" if is_alone else f"{value} [{', '.join(limits)}]{sign}"

    def __str__(self) -> str:
        return f"{self}" if np.ndim(self.value) == 0 else repr(self)

    def to_plain(self) -> dict[str, Any]:
        """JSON form: value, low and high; None where undefined."""
        names = ("value", "low", "high")
        return {name: _to_plain(getattr(self, name).tolist()) for name in names}


def _to_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_to_plain(item) for item in value]
    return None if math.isnan(value) else value
