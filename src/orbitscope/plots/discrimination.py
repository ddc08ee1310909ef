"""How well a loss tells a process from wrong ones, against ε, and the ε that was chosen."""

import itertools
from typing import Any

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..loss import PUBLISHED_EPSILON
from ..loss.discrimination import INDEPENDENT_SYMBOLS, EpsilonChoice
from .sentences import begin_with
from .style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    WIDTH,
    build_figure,
    choose_y_scale,
    format_number,
    format_ticks,
    get_axes,
    label_panels,
    with_style,
)

_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": EXACT_COLOR, "linestyle": "-", "marker": "o"},
    {"color": "#9C2F86", "linestyle": "--", "marker": "s"},
    {"color": "#2E7D4F", "linestyle": "-.", "marker": "^"},
)
"""Of the nearly right processes, in their order."""

N_ERRORS = 2
"""Standard errors by which the loss of a process must exceed that of the right one to be told from it."""


@with_style
def plot_epsilon_choice(choice: EpsilonChoice) -> Figure:
    """Loss of the wrong processes over that of the process itself, against blur = √ε.

    Independent symbols above, the processes that are nearly right below: the second decide.

    Parameters
    ----------
    choice : EpsilonChoice
    """
    figure = build_figure(WIDTH, 3.6)
    top, bottom = figure.subplots(2, 1, sharex=True)
    is_independent = choice.alternative == INDEPENDENT_SYMBOLS
    plot_loss_ratios(choice, is_independent, ax=top)
    plot_loss_ratios(choice, ~is_independent, ax=bottom)
    top.set_xlabel("")
    chosen = format_number(float(np.sqrt(choice.chosen)))
    top.set_title(f"chosen: blur {chosen} (ε = {format_number(choice.chosen)}), dotted")
    figure.supylabel("loss / loss of the process itself")
    label_panels([top, bottom])
    return figure


@with_style
def plot_loss_ratios(
    choice: EpsilonChoice, shown: Bool[np.ndarray, " alternative"], *, ax: Axes | None = None
) -> Axes:
    """Ratios of some of the wrong processes, with standard errors and the chosen blur.

    Parameters
    ----------
    choice : EpsilonChoice
    shown : (alternative,)
    ax : Axes, optional
        Its x axis is logarithmic.
    """
    ax = get_axes(ax, width=WIDTH, height=2.0)
    blur = np.sqrt(choice.epsilon)
    for row, look in zip(np.flatnonzero(shown), itertools.cycle(_LOOKS)):
        name = str(choice.alternative[row])
        style: dict[str, Any] = look | ({"color": FLOOR_COLOR} if name == INDEPENDENT_SYMBOLS else {})
        ax.errorbar(blur, choice.ratio[row], choice.ratio_error[row], label=name, capsize=1.5, **style)
    ax.axhline(1.0, color=MUTED_COLOR, linewidth=0.6, zorder=0)
    ax.axvline(
        float(np.sqrt(choice.chosen)), color=MUTED_COLOR, linewidth=0.8, linestyle=(0, (1, 1)), zorder=0
    )
    ax.set_xscale("log")
    ax.set_xticks(blur)
    format_ticks(ax.xaxis)
    choose_y_scale(ax, choice.ratio[shown].ravel())
    ax.set_xlabel("blur = √ε, in √(mismatched symbols)")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def describe_epsilon_choice(choice: EpsilonChoice) -> str:
    """Caption of :func:`plot_epsilon_choice`."""
    settings, best = choice.settings, float(choice.typical_ratio.max())
    at_published = float(choice.typical_ratio[np.argmin(np.abs(choice.epsilon - PUBLISHED_EPSILON))])
    return begin_with(
        _say_told(choice),
        f"Sinkhorn divergence of wrong processes from {settings['process'] or 'the process'}, relative to "
        "that of the process from itself.",
        f"Mean and standard error over {settings['n_repeats']} pairs of batches of "
        f"{settings['batch_size']} sequences of {settings['n_steps']} steps.",
        "At 1 the loss does not tell the wrong process from the right one; below 1 it prefers it.",
        f"Told: above 1 by {N_ERRORS} standard errors.",
        "a, Independent symbols, as on the plateau. b, Processes that are nearly right, as late in training.",
        f"Dotted: the ε = {format_number(choice.chosen)} at which these are told best, with a geometric mean "
        f"of the ratios of {format_number(best)}. At the candidate nearest to the paper's ε = 0.04 it is "
        f"{format_number(at_published)}.",
    )


def _say_told(choice: EpsilonChoice) -> str:
    """How many nearly right processes the loss tells from the process itself at the chosen ε."""
    at, is_near = np.argmax(choice.typical_ratio), choice.alternative != INDEPENDENT_SYMBOLS
    is_told = choice.ratio[is_near, at] - N_ERRORS * choice.ratio_error[is_near, at] > 1
    return (
        f"At the best ε = {format_number(choice.chosen)} the loss tells {is_told.sum()} of {len(is_told)} "
        "nearly right processes from the process itself."
    )
