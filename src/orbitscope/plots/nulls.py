"""Null values beside the number they are compared with, and what the comparison says."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from ..statistics import judge_nulls
from ..statistics.verdicts import ALPHA
from .style import FLOOR_COLOR, MUTED_COLOR

_GOLDEN = (5**0.5 - 1) / 2
_MANY = 300
_N_BINS = 80


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


def draw_density(
    ax: Axes,
    values: Float[np.ndarray, " draw"],
    place: float,
    quantile: float,
    *,
    height: float,
    color: str,
    label: str | None = None,
) -> None:
    """Density of draws between 0 and 1 on a base line, downwards for a height below 0, and a quantile."""
    counts, edges = np.histogram(values[np.isfinite(values)], np.linspace(0, 1, _N_BINS + 1))
    sizes = place + height * counts / max(1, counts.max())
    ax.stairs(sizes, edges, baseline=place, fill=True, color=color, linewidth=0, label=label, zorder=2)
    ax.vlines(quantile, place, place + height, color=MUTED_COLOR, linewidth=1.4, zorder=3)


def say_beyond(names: Sequence[str], p_values: Sequence[float]) -> tuple[str, str]:
    """Verdict of :func:`judge_nulls` on a number beside its nulls, and its grounds."""
    known = [(name, p_value) for name, p_value in zip(names, p_values, strict=True) if np.isfinite(p_value)]
    beyond = [name for name, p_value in known if p_value < ALPHA]
    within = [name for name, p_value in known if p_value >= ALPHA]
    verdict = judge_nulls(p_values)
    if verdict == "untested":
        return verdict, "no null was drawn"
    if verdict == "undecided":
        return verdict, f"beyond {join(beyond)}, not beyond {join(within)}"
    return verdict, f"beyond {join(beyond)}" if beyond else f"not beyond {join(within, 'or')}"


def join(words: Sequence[str], last: str = "and") -> str:
    """Words in a row: "a", "a and b", "a, b and c"."""
    return f" {last} ".join([*([", ".join(words[:-1])] if len(words) > 1 else []), words[-1]])
