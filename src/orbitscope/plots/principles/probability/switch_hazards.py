"""Hazards by age, threshold models that are held out, and hazards under scaled noise."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ....number_format import format_number
from ....principles.probability.hazard_result import HazardResult
from ...circuit.direction_looks import find_line, find_marker
from ...drawing import Drawing
from ...sentences import begin_with, count
from ...style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    format_ticks,
    get_axes,
    label_panels,
    set_log_y,
    with_style,
)

MODEL_COLOR = "#2B4A84"
_COLUMNS = 4
_PANEL_HEIGHT = 1.75
_FILLED = ("predicts", "fails")


def _build_grid(n_panels: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, a few to a row, and room for a legend above."""
    n_columns = min(_COLUMNS, n_panels)
    n_rows = -(-n_panels // n_columns)
    width = WIDTH if n_columns > 2 else WIDTH * (0.35 + 0.3 * (n_columns - 1))
    figure = build_figure(width, 0.4 + _PANEL_HEIGHT * n_rows)
    axes = np.atleast_1d(figure.subplots(n_rows, n_columns, sharey=True, sharex=True, squeeze=False)).ravel()
    for spare in axes[n_panels:]:
        spare.set_axis_off()
    for ax in axes[max(0, n_panels - n_columns) : n_panels]:
        ax.tick_params(labelbottom=True)
    return figure, list(axes[:n_panels])


@with_style
def plot_hazard_ages(result: HazardResult) -> Figure:
    """Hazard against the time since the last switch: of all switches, and of each direction."""
    figure, axes = _build_grid(len(result.kind))
    for i, ax in enumerate(axes):
        plot_ages(result, i, ax=ax)
    _fit_log_y(axes[0], result.hazard.value, result.model_hazard.value, result.process_hazard)
    for ax in axes[::_COLUMNS]:
        ax.set_ylabel("hazard (1/step)")
    figure.supxlabel("steps since the last switch")
    _add_legend(figure, axes[0])
    label_panels(axes)
    return figure


@with_style
def plot_ages(result: HazardResult, kind: int, *, ax: Axes | None = None) -> Axes:
    """Hazard by age of one kind of switches, with its prediction and that of the process."""
    ax = get_axes(ax)
    age, found, model = (result.age + result.age_end) / 2, result.hazard[kind], result.model_hazard[kind]
    ax.fill_between(age, found.low, found.high, color=NETWORK_COLOR, alpha=0.2, linewidth=0)
    ax.plot(age, found.value, color=NETWORK_COLOR, label="network")
    if np.isfinite(model.value).any():
        ax.plot(age, model.value, color=MODEL_COLOR, linestyle="--", label="threshold model, held out")
    if np.isfinite(result.process_hazard[kind]).any():
        ax.plot(age, result.process_hazard[kind], color=EXACT_COLOR, linestyle=":", label="process, exact")
    ax.set_xscale("log")
    format_ticks(ax.xaxis)
    ax.set_title(_name_kind(result, kind), fontsize=SMALL)
    return ax


def _fit_log_y(ax: Axes, *hazards: np.ndarray) -> None:
    """A logarithmic axis of hazards that shows all that are not 0."""
    known = np.concatenate([values[values > 0] for values in hazards])
    if len(known):
        ax.set_yscale("log")
        ax.set_ylim(known.min() / 1.5, known.max() * 1.5)
        set_log_y(ax)


def _name_kind(result: HazardResult, kind: int) -> str:
    return "all switches" if kind == 0 else str(result.kind[kind])


def _add_legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4)


@with_style
def plot_held_out(result: HazardResult) -> Figure:
    """Hazards by tenths of the filtered noise, and how well it tells switches ahead."""
    figure = build_figure(WIDTH, 2.7)
    axes = figure.subplots(1, 2)
    plot_calibration(result, ax=axes[0])
    plot_leads(result, ax=axes[1])
    _add_legend(figure, axes[0])
    label_panels(axes.tolist())
    return figure


@with_style
def plot_calibration(result: HazardResult, *, ax: Axes | None = None) -> Axes:
    """Hazard of each tenth of the filtered noise: counted as dots, predicted as lines."""
    ax = get_axes(ax)
    for j, name in enumerate(result.direction.tolist()):
        look = _find_look(result, j)
        marker, line = look
        score, counted = result.score[j], result.counted[j]
        ax.plot(score, result.predicted.value[j], linewidth=0.9, **line)
        shown = np.where(counted.value > 0, counted.value, np.nan)
        ax.vlines(score, np.where(counted.low > 0, counted.low, shown), counted.high, color=line["color"])
        ax.plot(score, shown, markersize=3.5, label=name, zorder=3, **marker)
    _fit_log_y(ax, result.counted.value)
    ax.set(xlabel="filtered noise (sd), mean of a tenth of the steps", ylabel="hazard (1/step)")
    return ax


def _find_look(result: HazardResult, j: int) -> tuple[dict, dict]:
    """Marker and line of a direction of switching."""
    pair = int(result.origin[j]), int(result.target[j])
    return find_marker(*pair), find_line(*pair)


@with_style
def plot_leads(result: HazardResult, *, ax: Axes | None = None) -> Axes:
    """AUC of filtered noise by lead, of random subspaces in grey, of the size of the state as crosses."""
    ax = get_axes(ax)
    for control in result.auc_equal:
        for j in range(len(result.direction)):
            ax.plot(result.lead, control[:, j], ".", color=FLOOR_COLOR, markersize=3, markeredgewidth=0)
    n_directions = len(result.direction)
    for j in range(n_directions):
        marker, line = _find_look(result, j)
        shift = 0.3 * ((j + 0.5) / n_directions - 0.5)
        found = result.auc[:, j]
        ax.vlines(result.lead + shift, found.low, found.high, color=line["color"])
        ax.plot(result.lead + shift, found.value, linewidth=0.8, **line)
        ax.plot(result.lead + shift, found.value, markersize=3.5, zorder=3, **marker)
        if result.is_scaled:
            ax.plot(-1 + shift, result.auc_size.value[j], "x", color=line["color"], clip_on=False)
    ax.axhline(0.5, color=EXACT_COLOR, linestyle=":", linewidth=0.8)
    ax.set(xlabel="noise known up to so many steps before the switch", ylabel="held-out AUC")
    ax.set_ylim(min(0.4, ax.get_ylim()[0]), 1.0)
    ticks = result.lead.tolist()
    if result.is_scaled:
        ax.set_xticks([-1, *ticks], ["size\nalone", *map(str, ticks)])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.invert_xaxis()
    return ax


@with_style
def plot_hazard_gains(result: HazardResult) -> Figure:
    """Hazard of each direction under scaled noise, predicted and counted."""
    n_directions = len(result.direction)
    figure, axes = _build_grid(max(n_directions, 1))
    for j, ax in enumerate(axes[:n_directions]):
        plot_gains(result, j, ax=ax)
    if n_directions:
        _fit_log_y(axes[0], result.gain_counted.value, result.gain_predicted.value)
        axes[0].xaxis.set_major_locator(MaxNLocator(4))
    for ax in axes[::_COLUMNS]:
        ax.set_ylabel("hazard (1/step)")
    figure.supxlabel("gain of the noise along the deciding directions")
    _add_legend(figure, axes[0])
    label_panels(axes)
    return figure


@with_style
def plot_gains(result: HazardResult, direction: int, *, ax: Axes | None = None) -> Axes:
    """Hazard of one direction by gain: counted as dots, predicted with its margin, constant as dots."""
    ax = get_axes(ax)
    gain, margin = result.gain, result.settings["margin"]
    counted, predicted = result.gain_counted[:, direction], result.gain_predicted.value[:, direction]
    ax.fill_between(gain, predicted / margin, predicted * margin, color=BAND_COLOR, label="margin", zorder=0)
    ax.plot(gain, predicted, color=MODEL_COLOR, linestyle="--", label="threshold model")
    ax.axhline(result.mean_hazard[direction], color=MUTED_COLOR, linestyle=":", linewidth=0.8)
    lowest = np.where(counted.low > 0, counted.low, counted.high / 100)
    ax.vlines(gain, lowest, counted.high, color=NETWORK_COLOR, linewidth=1.2)
    is_told = np.isin(result.gain_verdict[:, direction], _FILLED) & (gain != 1)
    for chosen, face, label in (
        (is_told, NETWORK_COLOR, "network"),
        (~is_told, "white", "network, no verdict"),
    ):
        shown = np.where(chosen & (counted.value > 0), counted.value, np.nan)
        ax.plot(gain, shown, "o", color=NETWORK_COLOR, markerfacecolor=face, label=label, zorder=3)
    ax.set_title(f"{result.direction[direction]}: {result.verdict[direction]}", fontsize=SMALL)
    return ax


def describe_hazard_ages(result: HazardResult) -> str:
    """Caption of :func:`plot_hazard_ages`."""
    has_process = bool(np.isfinite(result.process_hazard).any())
    return begin_with(
        _say_ages(result),
        "Switches of the most probable symbol per step in the symbol before, against the "
        "steps since the last "
        "switch. First all switches, then each direction that has enough of them.",
        "Dashed: hazard that the threshold model of the other half of the trajectories predicts."
        if len(result.direction)
        else "",
        "Dotted: exact hazard of the symbols that the process emits." if has_process else "",
        _say_notes(result),
        _say_intervals(result),
    )


def _say_ages(result: HazardResult) -> str:
    young, found = result.settings["young"], result.age_ratio[0]
    if not np.isfinite(found.value):
        return "The hazard of a switch by age."
    seen = f"The hazard in the first {count(young, 'step')} after a switch is {found} of that later"
    model = result.model_age_ratio[0]
    return f"{seen}; the threshold model predicts {model}." if np.isfinite(model.value) else f"{seen}."


def describe_held_out(result: HazardResult) -> str:
    """Caption of :func:`plot_held_out`."""
    if not len(result.direction):
        return begin_with("No threshold model could be fitted.", _say_notes(result))
    aucs = result.auc.value[0]
    low, high = (format_number(float(x)) for x in (aucs.min(), aucs.max()))
    over = "over the size of the state before it" if result.is_scaled else "without a norm"
    return begin_with(
        f"Filtered noise tells switches with an AUC of {low if low == high else f'{low} to {high}'}.",
        "a, Hazards by tenths of the filtered noise: dots are counted, lines predicted by the model of the "
        "other half of the trajectories. Tenths without a switch have no dot.",
        f"b, AUC of the noise up to some steps before, {over}, held out.",
        "Grey: random subspaces of equal drive." if len(result.auc_equal) else "",
        "Crosses: the size of the state alone." if result.is_scaled else "",
        f"The filter has {_say_range(result.n_window)} steps.",
        _say_few(result),
        _say_intervals(result),
    )


def _say_range(values: np.ndarray) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low}" if low == high else f"{low} to {high}"


def describe_hazard_gains(result: HazardResult) -> str:
    """Caption of :func:`plot_hazard_gains`."""
    if not len(result.direction):
        return begin_with("No threshold model could be fitted.", _say_notes(result))
    settings = result.settings
    verdicts = result.verdict.tolist()
    n_held = verdicts.count("predicts")
    return begin_with(
        f"Under scaled noise the threshold model predicts the hazard of {n_held} of "
        f"{count(len(verdicts), 'direction')} of switching and fails in {verdicts.count('fails')}.",
        "New runs on common noise, whose part along the deciding directions is scaled. Band: the prediction "
        f"times or over {settings['margin']:g}, fixed before looking.",
        "Dotted: a hazard that does not depend on the noise. Open dots have no verdict. There this hazard "
        "would do as well, switches are too few, or the interval leaves it open. Nor has gain 1: the "
        "model is fitted to that hazard.",
        _say_notes(result),
        _say_intervals(result),
    )


def _say_few(result: HazardResult) -> str:
    few = ", ".join(result.status["few"])
    return f"Too few switches for a model: {few}." if few else ""


def _say_notes(result: HazardResult) -> str:
    notes = "; ".join(result.status["notes"])
    return f"Missing: {notes}." if notes else ""


def _say_intervals(result: HazardResult) -> str:
    return f"Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories."


FIGURES = (
    Drawing("hazard_ages", plot_hazard_ages, describe_hazard_ages, ("hazard",)),
    Drawing("hazard", plot_held_out, describe_held_out),
    Drawing("hazard_gains", plot_hazard_gains, describe_hazard_gains, ("hazard",)),
)
