"""What a statistic is by chance alone, or in a control."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..number_format import format_number
from .permutation import compute_permutation_p_value

LEVEL = 0.95
"""Level of the quantile that stands beside an observed value."""


@dataclass(frozen=True)
class Null:
    """A null distribution beside the value that was observed.

    Its quantile is the value that chance reaches in one of twenty cases; it is not an interval of anything
    that was estimated.

    Attributes
    ----------
    name : str
        What is random under it, e.g. "untrained networks".
    quantile : float
        Value below which a share ``level`` of the draws lies.
    p_value : float
        (b + 1)/(B + 1), with b of B draws at least as large as the observed value; NaN if it was not tested.
    level : float
    """

    name: str
    quantile: float
    p_value: float = float("nan")
    level: float = LEVEL

    @classmethod
    def of_draws(cls, name: str, observed: float, draws: Float[np.ndarray, " draw"]) -> "Null":
        """Quantile and p-value of draws in which large values speak against the null."""
        p_value = float(compute_permutation_p_value(observed, draws))
        return cls(name, float(np.quantile(draws, LEVEL)), p_value)

    def __str__(self) -> str:
        text = f"{self.name} {format_number(self.quantile)}"
        return text if np.isnan(self.p_value) else f"{text} (p = {format_number(self.p_value, digits=2)})"

    def to_plain(self) -> dict[str, Any]:
        """JSON form."""
        p_value = None if np.isnan(self.p_value) else self.p_value
        numbers = {"quantile": self.quantile, "level": self.level, "p_value": p_value}
        return {"kind": "null", "name": self.name, **numbers}
