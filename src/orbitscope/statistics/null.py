"""What a statistic is by chance alone, or in a control."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Real

from ..errors import InputError
from ..number_format import format_number
from .permutation import compute_permutation_p_value

LEVEL = 0.95
"""Level of the quantile that stands beside an observed value."""


@dataclass(frozen=True, eq=False)
class Null:
    """A null distribution beside the value that was observed, or one for each of an array of values.

    Its quantile is the value that chance reaches in one of twenty cases; it is not an interval of anything
    that was estimated.

    Attributes
    ----------
    name : str
        What is random under it, e.g. "untrained networks".
    quantile : (...)
        Value below which a share ``LEVEL`` of the draws lies; NaN without draws.
    p_value : (...)
        (b + 1)/(B + 1), with b of B draws at least as large as the observed value; NaN if it was not tested.
    draws : (draw, ...)
        Values under the null; empty if they were not kept.
    """

    name: str
    quantile: Float[np.ndarray, "..."]
    p_value: Float[np.ndarray, "..."]
    draws: Float[np.ndarray, "draw ..."]

    def __init__(self, name: str, quantile: Any, p_value: Any = math.nan, draws: Any = None):
        shape = np.shape(quantile)
        given = np.broadcast_to(p_value, shape) if np.ndim(p_value) == 0 else p_value
        kept = np.empty((0, *shape)) if draws is None else draws
        for key, value in (("quantile", quantile), ("p_value", given), ("draws", kept)):
            array = np.array(value, dtype=np.float64)
            expected = array.shape[:1] + shape if key == "draws" else shape
            if array.shape != expected:
                raise InputError(f"`{key}` must have the shape {expected}, got {array.shape}.")
            array.setflags(write=False)
            object.__setattr__(self, key, array)
        object.__setattr__(self, "name", name)

    @classmethod
    def of_draws(
        cls, name: str, observed: Real[np.ndarray, "..."] | float, draws: Real[np.ndarray, "draw ..."]
    ) -> "Null":
        """Quantile and p-value of draws in which large values speak against the null; NaN without draws."""
        if len(draws) == 0:
            return cls(name, np.full(np.shape(observed), np.nan), draws=draws)
        p_values = compute_permutation_p_value(observed, draws)
        return cls(name, np.quantile(draws, LEVEL, axis=0), p_values, draws)

    def __getitem__(self, index: Any) -> "Null":
        """That of some of the values."""
        index = index if isinstance(index, tuple) else (index,)
        return Null(self.name, self.quantile[index], self.p_value[index], self.draws[(slice(None), *index)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Null):
            return NotImplemented
        pairs = ((getattr(self, key), getattr(other, key)) for key in ("quantile", "p_value", "draws"))
        return self.name == other.name and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        text = f"{self.name} {format_number(float(self.quantile))}"
        p_value = float(self.p_value)
        return text if math.isnan(p_value) else f"{text} (p = {format_number(p_value, digits=2)})"

    def to_plain(self) -> dict[str, Any]:
        """JSON form of a single one, without its draws."""
        p_value = float(self.p_value)
        numbers = {"quantile": float(self.quantile), "level": LEVEL}
        shown = {"p_value": None if math.isnan(p_value) else p_value}
        return {"kind": "null", "name": self.name, **numbers, **shown}
