"""Null values beside the number they are compared with."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from .style import FLOOR_COLOR, MUTED_COLOR

_GOLDEN = (5**0.5 - 1) / 2
_MANY = 300


def draw_null(
    ax: Axes, values: Float[np.ndarray, " draw"], place: float, quantile: float, *, height: float = 0.6
) -> None:
    """Every draw as a dot in a row of this height about ``place``, and a bar at a quantile."""
    spread = place + height * ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5)
    size = 2.0 if len(values) > _MANY else 4.0
    ax.plot(
        values, spread, ".", color=FLOOR_COLOR, markersize=size, markeredgewidth=0, alpha=0.6, rasterized=True
    )
    half = 0.6 * height
    ax.vlines(quantile, place - half, place + half, color=MUTED_COLOR, linewidth=1.4, zorder=3)
