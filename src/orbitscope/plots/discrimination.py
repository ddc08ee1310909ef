"""How well a loss tells a process from wrong ones, against ε, and the ε that was chosen."""

import numpy as np
from matplotlib.axes import Axes

from ..loss import INDEPENDENT_SYMBOLS, EpsilonChoice
from .style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    WIDTH,
    format_number,
    format_ticks,
    get_axes,
    set_log_y,
    with_style,
)

_LINES = ("-", "--", "-.", ":")


@with_style
def plot_epsilon_choice(choice: EpsilonChoice, *, ax: Axes | None = None) -> Axes:
    """Loss of each wrong process over that of the process itself, against blur = √ε.

    Parameters
    ----------
    choice : EpsilonChoice
    ax : Axes, optional
        Both axes are logarithmic.
    """
    ax = get_axes(ax, width=WIDTH, height=2.6)
    blur = np.sqrt(choice.epsilon)
    for name, ratio, error in zip(choice.alternative, choice.ratio, choice.ratio_error, strict=True):
        is_nearly_right = name != INDEPENDENT_SYMBOLS
        line = _LINES[list(choice.alternative).index(name) % len(_LINES)]
        color = EXACT_COLOR if is_nearly_right else FLOOR_COLOR
        ax.errorbar(blur, ratio, error, label=name, linestyle=line, color=color, marker="o", capsize=1.5)
    ax.axhline(1.0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    chosen = float(np.sqrt(choice.chosen))
    ax.axvline(chosen, color=MUTED_COLOR, linewidth=0.8, linestyle=(0, (1, 1)), zorder=0)
    ax.annotate(
        f"chosen: {format_number(chosen)}",
        (chosen, 1),
        xytext=(3, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        fontsize=7,
    )
    ax.set_xscale("log")
    ax.set_xticks(blur)
    format_ticks(ax.xaxis)
    set_log_y(ax)
    ax.set(xlabel="blur = √ε, in √(mismatched symbols)", ylabel="loss / loss of the process itself")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax
