"""How well a loss tells a process from wrong ones, against ε, and the ε that was chosen."""

import numpy as np
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..loss import INDEPENDENT_SYMBOLS, PUBLISHED_EPSILON, EpsilonChoice
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

_LINES = ("-", "--", "-.", ":")


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
    for row, line in zip(np.flatnonzero(shown), _LINES, strict=False):
        name = str(choice.alternative[row])
        color = FLOOR_COLOR if name == INDEPENDENT_SYMBOLS else EXACT_COLOR
        errors = choice.ratio_error[row]
        ax.errorbar(
            blur, choice.ratio[row], errors, label=name, linestyle=line, color=color, marker="o", capsize=1.5
        )
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
    """Caption of the choice of ε."""
    settings, best = choice.settings, float(choice.typical_ratio.max())
    at_published = float(choice.typical_ratio[np.argmin(np.abs(choice.epsilon - PUBLISHED_EPSILON))])
    return (
        f"Sinkhorn divergence of wrong processes from {settings['process'] or 'the process'}, relative to "
        f"that of the process from itself, in batches of {settings['batch_size']} sequences of "
        f"{settings['n_steps']} steps; mean and standard error over {settings['n_repeats']} pairs of "
        "batches. At 1 the loss does not tell the wrong process from the right one, below 1 it prefers it. "
        "(a) Independent symbols, as on the plateau. (b) Processes that are nearly right, as late in "
        f"training. Dotted: the ε = {format_number(choice.chosen)} at which these are told best (geometric "
        f"mean of the ratios {format_number(best)}; {format_number(at_published)} at the candidate nearest "
        "to the paper's ε = 0.04)."
    )
