"""Training seen from inside: loss, rates, stability and rotation of the checkpoints, and their orbits."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...dynamics.over_training.training_evolution import EvolutionResult, find_middle
from ...statistics import Estimate, judge_lag
from ..drawing import Drawing
from ..sentences import begin_with, capitalise
from ..style import (
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)
from ..symbol_names import name_symbol

_LINEAR_UP_TO = 10
"""Epochs: the axis is linear below and logarithmic above, as checkpoints are spaced."""

_MOST_ORBITS = 8
_COLORS = {"critical_share": NETWORK_COLOR, "mean_inverse_dwell": MUTED_COLOR}
_LABELS = {
    "transition_rate": "1/mean dwell",
    "mean_inverse_dwell": "mean 1/dwell",
    "unstable_share": "unstable",
    "critical_share": "critical pair",
    "exponent": "Lyapunov exponent",
    "area_rate": "area rate",
    "mean_shift": "mean shift",
}
_PANELS = (
    (("transition_rate", "mean_inverse_dwell"), "switches of symbol\n(1/step)"),
    (("unstable_share", "critical_share"), "share of steps with\nsuch an eigenvalue"),
    (("exponent",), "largest Lyapunov\nexponent (1/step)"),
    (("area_rate",), "area rate (1/step)"),
    (("mean_shift",), "mean over standard\ndeviation of neurons"),
)
_ONSETS = {"unstable_share": "Unstable directions", "critical_share": "Critical pairs of eigenvalues"}


@with_style
def plot_training_evolution(result: EvolutionResult) -> Figure:
    """Loss and five panels of measures against the epoch, and a row of orbits."""
    figure = build_figure(WIDTH, 5.0)
    rows = figure.subfigures(2, 1, height_ratios=[3.6, 1.2], squeeze=False)[:, 0]
    grid = rows[0].subplots(2, 3, sharex=True)
    panels = grid.ravel().tolist()
    plot_course(result, ax=panels[0])
    for ax, (measures, label) in zip(panels[1:], _PANELS, strict=True):
        plot_measures_over_training(result, measures, ax=ax)
        ax.set_ylabel(label)
    for ax in grid[1]:
        ax.set_xlabel("epoch")
    rows[0].legend(handles=_list_marks(result), loc="outside upper left", ncols=4)

    orbits = rows[1].subplots(1, _MOST_ORBITS)
    shown = choose_orbits(result)
    for ax, row in zip(orbits, shown, strict=False):
        plot_orbit(result, row, ax=ax)
    for ax in orbits[len(shown) :]:
        ax.set_axis_off()
    rows[1].legend(handles=_list_symbols(result), loc="outside lower left", ncols=10, handlelength=1.2)
    label_panels([*panels, orbits[0]])
    return figure


@with_style
def plot_course(result: EvolutionResult, *, ax: Axes | None = None) -> Axes:
    """Loss relative to that without memory."""
    ax = get_axes(ax)
    _set_epochs(result, ax)
    ax.plot(result.epoch, result.loss, color=NETWORK_COLOR, linewidth=0.9)
    ax.axhline(1, color=MUTED_COLOR, linewidth=0.6, linestyle="-.")
    _mark_date(result, "loss drop", ax, "black")
    ax.set_ylabel("relative loss")
    return ax


@with_style
def plot_measures_over_training(
    result: EvolutionResult, measures: tuple[str, ...], *, ax: Axes | None = None
) -> Axes:
    """Measures of the checkpoints with their intervals, untrained networks, loss drop, and own onsets."""
    ax = get_axes(ax)
    _set_epochs(result, ax)
    epochs = result.checkpoint_epoch
    for name in measures:
        row, color = result.measure.tolist().index(name), _COLORS.get(name, "black")
        found = result.estimate[row]
        ax.fill_between(epochs, found.low, found.high, color=color, alpha=0.2, linewidth=0)
        line = {"color": color, "markersize": 2.2, "linewidth": 0.9, "label": _LABELS[name]}
        ax.plot(epochs, found.value, "o-", **line)
        if name in result.untrained:
            limits = find_middle(result.untrained[name])
            ax.axhspan(*limits, color=FLOOR_COLOR, alpha=0.5, linewidth=0, zorder=0)
        if name in result.event.tolist():
            _mark_date(result, name, ax, color)
    _mark_date(result, "loss drop", ax, "black")
    if len(measures) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(-0.1, 0.98), ncols=2, columnspacing=0.6, handlelength=1.2)
    return ax


@with_style
def plot_orbit(result: EvolutionResult, checkpoint: int, *, ax: Axes | None = None) -> Axes:
    """States of one checkpoint in the orbit plane of the last one, coloured by symbol; one scale for all."""
    ax = get_axes(ax, width=1.0, height=1.0)
    path, symbols = result.orbit[checkpoint], result.orbit_symbol[checkpoint]
    ax.plot(*path.T, color=MUTED_COLOR, linewidth=0.2, alpha=0.5, zorder=1)
    colors = [get_symbol_color(symbol) for symbol in symbols.tolist()]
    ax.scatter(*path.T, s=2, c=colors, linewidth=0, rasterized=True, zorder=2)
    low, high = (limit(result.orbit, axis=(0, 1)) for limit in (np.nanmin, np.nanmax))
    middle, half = (low + high) / 2, 0.52 * (high - low).max()
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    ax.set_title(f"epoch {result.checkpoint_epoch[checkpoint]}", fontsize=SMALL)
    return ax


def _list_marks(result: EvolutionResult) -> list[Line2D | Patch]:
    """What stands in several panels, for the legend."""
    onset = {"color": MUTED_COLOR, "linewidth": 0.8, "linestyle": ":"}
    marks: list[Line2D | Patch] = [
        Line2D([], [], color="black", linewidth=0.8, label="loss leaves its plateau"),
        Line2D([], [], label="onset of a share", **onset),
        Line2D([], [], color=MUTED_COLOR, linewidth=0.6, linestyle="-.", label="symbols without memory"),
    ]
    untrained = Patch(color=FLOOR_COLOR, alpha=0.5, linewidth=0, label="untrained networks")
    return [*marks, untrained] if result.untrained else marks


def _list_symbols(result: EvolutionResult) -> list[Patch]:
    symbols = np.unique(result.orbit_symbol[result.orbit_symbol >= 0]).tolist()
    return [Patch(color=get_symbol_color(s), label=f"symbol {name_symbol(result, s)}") for s in symbols]


def choose_orbits(result: EvolutionResult) -> list[int]:
    """Rows of the checkpoints that are shown: evenly among those with an orbit, first and last included."""
    known = np.flatnonzero(np.isfinite(result.orbit).all(axis=(1, 2)))
    chosen = np.linspace(0, len(known) - 1, min(len(known), _MOST_ORBITS)).round().astype(int)
    return known[chosen].tolist()


def _set_epochs(result: EvolutionResult, ax: Axes) -> None:
    last = int(max(result.checkpoint_epoch[-1], len(result.epoch)))
    ax.set_xscale("symlog", linthresh=_LINEAR_UP_TO, linscale=0.5)
    ax.set_xlim(-0.5, last * 1.1)
    ticks = [0, *(10**power for power in range(1, 7) if 10**power <= last)]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()


def _mark_date(result: EvolutionResult, event: str, ax: Axes, color: str) -> None:
    date = result.date[result.event.tolist().index(event)]
    if np.isfinite(date.low):
        ax.axvspan(float(date.low), float(date.high), color=color, alpha=0.12, linewidth=0)
    if np.isfinite(date.value):
        ax.axvline(float(date), color=color, linewidth=0.8, linestyle="-" if event == "loss drop" else ":")


def describe_training_evolution(result: EvolutionResult) -> str:
    """Caption of :func:`plot_training_evolution`."""
    settings = result.settings
    lost = result.status["without_regime"]
    n_untrained = len(result.untrained_area_rate.draws)
    unseen, least = (format_number(result.status[name]) for name in ("unseen_share", "least_share"))
    return begin_with(
        _say_seen(result),
        f"The dynamics of {len(result.checkpoint_epoch)} checkpoints, each from {settings['n_trajectories']} "
        f"driven trajectories of {settings['n_steps']} steps with the same noise.",
        f"Without a stationary regime: {', '.join(map(str, lost))}." if lost else "",
        "a, Training loss relative to that of symbols without memory. Black line: it leaves its plateau.",
        "b, Rate at which the most probable symbol changes, in two definitions.",
        "c, Share of driven steps with an unstable direction (|λ| > 1) or a critical pair.",
        "d, Largest Lyapunov exponent under the noise. Below 0 paths with the same noise meet.",
        "e, Area swept per step in the plane of standardised activity of each checkpoint.",
        "f, Mean over standard deviation of a neuron, root mean square over neurons. Like e it does not "
        "depend on the units of neurons.",
        f"Grey: the middle 90 % of {n_untrained} untrained networks." if n_untrained else "",
        "g, One trajectory of some checkpoints in the orbit plane of the last one, scaled to equal activity.",
        "Dotted: onset, the first checkpoint from which on a share is raised over that at the first one "
        "(sign tests over trajectories).",
        f"Where nothing was seen at first this takes {result.status['least_trajectories']} trajectories "
        f"with an event, a share of at least {least}.",
        "Shaded: from the last checkpoint before it without any sign of a rise. A share of up to "
        f"{unseen} may go unseen.",
        _list_dates(result),
        f"Bands: {settings['confidence']:.0%} bootstrap intervals over trajectories, the same ones for all "
        "checkpoints; for the loss over blocks of epochs.",
        " ".join(f"{capitalise(note)}." for note in result.status["notes"]),
    )


def _say_seen(result: EvolutionResult) -> str:
    """When critical pairs set in, beside the drop of the loss."""
    events = result.event.tolist()
    row = events.index("critical_share")
    date, lag, drop = result.date[row], result.lag[row], result.date[events.index("loss drop")]
    if np.isfinite([lag.low, lag.high]).all():
        return f"{_ONSETS['critical_share']} set in {describe_lag(lag)}."
    if np.isfinite(date.value):
        return f"{_ONSETS['critical_share']} set in by epoch {format_number(float(date))}."
    if np.isnan(drop.value):
        return "Neither a drop of the loss nor an onset of critical pairs of eigenvalues was dated."
    epoch = format_number(float(drop))
    return f"The loss drops in epoch {epoch}; no onset of critical pairs of eigenvalues was dated."


def _list_dates(result: EvolutionResult) -> str:
    lines = []
    for row, event in enumerate(result.event.tolist()):
        date, lag = result.date[row], result.lag[row]
        if np.isnan(date.value):
            continue
        name = event if event == "loss drop" else f"onset of {_LABELS[event]}"
        line = f"{name[0].upper()}{name[1:]}: epoch {format_number(float(date))}"
        if event != "loss drop" and np.isfinite(lag.low):
            line += f", {describe_lag(lag)}"
        lines.append(line + ".")
    return " ".join(lines)


def describe_lag(lag: Estimate) -> str:
    """Limits of a lag behind the drop of the loss in words, both before it, both after it, or around it."""
    first, last = (format_number(abs(float(limit))) for limit in (lag.low, lag.high))
    side = judge_lag(lag)
    if side == "with":
        return f"from {first} epochs before to {last} after the loss drop"
    return f"{first} to {last} epochs {side} the loss drop"


FIGURES = (Drawing("training_evolution", plot_training_evolution, describe_training_evolution),)
