"""Training seen from inside: loss, rates, stability and rotation of the checkpoints, and their orbits."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D

from ...dynamics.over_training.training_evolution import EvolutionResult, find_middle
from ...statistics import Estimate
from ..drawing import Drawing
from ..style import (
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)

_LINEAR_UP_TO = 10
"""Epochs: the axis is linear below and logarithmic above, as checkpoints are spaced."""

_MOST_ORBITS = 8
_COLORS = {"unstable_share": "#2B4A84", "critical_share": "#D96C2B", "mean_inverse_dwell": MUTED_COLOR}
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
    (("transition_rate", "mean_inverse_dwell"), "switching (1/step)"),
    (("unstable_share", "critical_share"), "share of steps"),
    (("exponent",), "exponent (1/step)"),
    (("area_rate",), "area rate (1/step)"),
    (("mean_shift",), "mean shift"),
)


@with_style
def plot_training_evolution(result: EvolutionResult) -> Figure:
    """Loss and five panels of measures against the epoch, and a stack of orbits."""
    figure = build_figure(WIDTH, 4.4)
    columns = figure.subfigures(1, 2, width_ratios=[1.9, 1], squeeze=False)[0]
    grid = columns[0].subplots(3, 2, sharex=True)
    panels = [*grid[:, 0], *grid[:, 1]]
    plot_course(result, ax=panels[0])
    for ax, (measures, label) in zip(panels[1:], _PANELS, strict=True):
        plot_measures_over_training(result, measures, ax=ax)
        ax.set_ylabel(label)
    for ax in grid[2]:
        ax.set_xlabel("epoch")
    stack = Axes3D(columns[1], (-0.06, -0.06, 1.0, 1.12))
    columns[1].add_axes(stack)
    _draw_orbits(result, stack)
    label_panels(panels)
    stack.text2D(0.1, 0.9, "g", transform=stack.transAxes, fontweight="bold")
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
        legend = ax.legend(
            loc="lower left", bbox_to_anchor=(0, 0.95), ncols=2, columnspacing=0.6, handlelength=1.2
        )
        legend.set_in_layout(False)
    return ax


def _draw_orbits(result: EvolutionResult, ax: Axes3D) -> None:
    """Orbits of some checkpoints above each other, the last on top, coloured by symbol."""
    rows = choose_orbits(result)
    for height, row in enumerate(rows):
        x, y = result.orbit[row].T
        symbols = result.orbit_symbol[row]
        ax.plot(x, y, height, color=MUTED_COLOR, linewidth=0.3, alpha=0.6)
        ax.scatter(x, y, height, s=2, c=[get_symbol_color(int(s)) for s in symbols], depthshade=False)
    ax.zaxis.set_ticks(range(len(rows)), [str(result.checkpoint_epoch[row]) for row in rows])
    ax.set(xlabel="axis 1", ylabel="axis 2", xticklabels=[], yticklabels=[])
    ax.tick_params(axis="both", pad=-3)
    ax.xaxis.labelpad = ax.yaxis.labelpad = -12
    ax.set_title("epoch", loc="right", pad=-14)
    ax.set_box_aspect((1, 1, 2.2))
    ax.view_init(elev=14, azim=-62)


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
    left_out = f" Without a stationary regime: {', '.join(map(str, lost))}." if lost else ""
    n_untrained = len(result.untrained_area_rate.draws)
    untrained = f", grey: the middle 90 % of {n_untrained} untrained networks" if n_untrained else ""
    notes = "".join(f" {note[0].upper()}{note[1:]}." for note in result.status["notes"])
    unseen, least = (format_number(result.status[name]) for name in ("unseen_share", "least_share"))
    return (
        f"The dynamics of {len(result.checkpoint_epoch)} checkpoints, each from {settings['n_trajectories']} "
        f"driven trajectories of {settings['n_steps']} steps with the same noise.{left_out} a, Training loss "
        "relative to that of symbols without memory; black line: it leaves its plateau. b, Rate at which the "
        "most probable symbol changes, in two definitions. c, Share of driven steps with an unstable "
        "direction (|λ| > 1) or a critical pair. d, Largest Lyapunov exponent under the noise; below 0 paths "
        "with the same noise meet. e, Area swept per step in the plane of standardised activity of each "
        "checkpoint, and f, root mean square over neurons of mean over standard deviation of a neuron, "
        f"neither of which depends on the units of neurons{untrained}. g, One trajectory of some checkpoints "
        "in the orbit plane of the last "
        "one, scaled to equal activity; colours are symbols. Dotted: onset, the first checkpoint from which "
        "on a share is raised over that at the first one (sign tests over trajectories; where nothing was "
        f"seen at first this takes {result.status['least_trajectories']} trajectories with an event, a share "
        f"of at least {least}); shaded from the last checkpoint before it without any sign of a rise (up to "
        f"{unseen} may go unseen). {_list_dates(result)} Bands: "
        f"{settings['confidence']:.0%} bootstrap intervals over trajectories, the same ones for all "
        f"checkpoints; for the loss over blocks of epochs.{notes}"
    )


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
    if lag.high <= 0:
        return f"{first} to {last} epochs before the loss drop"
    if lag.low < 0:
        return f"from {first} epochs before to {last} after the loss drop"
    return f"{first} to {last} epochs after the loss drop"


FIGURES = (
    Drawing(
        "training_evolution",
        plot_training_evolution,
        describe_training_evolution,
        shows=("training_evolution",),
    ),
)
