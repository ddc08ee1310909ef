"""Training over epochs: loss beside floor and plateau, symbol matrix, memory of the symbols, schedule."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..statistics import ChangePoint
from ..training import EpochRecord
from .sentences import begin_with, count
from .style import (
    BAND_COLOR,
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    choose_y_scale,
    format_number,
    get_axes,
    label_panels,
    set_log_y,
    with_style,
)

_SHOWN_DECIMALS = {"self_weight": 2}
"""Values of the schedule that are equal to so many decimals count as equal."""

SCHEDULE = {"batch_size": "batch size", "learning_rate": "learning rate", "self_weight": "self term"}
"""What the schedule shows; the last one only where it changes."""

_LEGEND = (
    "network, training",
    "network, validation",
    "process sample (floor), training",
    "process sample (floor), validation",
    "symbols without memory",
)
_HEADROOM = 0.16
_MOST_CIRCLES = 30
_MOST_TURNS = 6


@with_style
def plot_training_curve(history: list[EpochRecord], transition: ChangePoint) -> Figure:
    """Loss, error of the symbol matrix, memory of the symbols, and schedule over the same epochs.

    Parameters
    ----------
    history : list of EpochRecord
        At least one epoch.
    transition : ChangePoint
        Plateau and second drop; its indices count the records from 0.
    """
    figure = build_figure(WIDTH, 5.2)
    ratios = [3.0, 1.6, 1.0, 0.28 * len(_list_schedule(history))]
    axes = list(figure.subplots(4, 1, sharex=True, height_ratios=ratios))
    plot_loss(history, transition, ax=axes[0])
    plot_symbol_matrix_error(history, transition, ax=axes[1])
    plot_memory(history, transition, ax=axes[2])
    plot_schedule(history, ax=axes[3])
    for ax in axes[:-1]:
        ax.set_xlabel("")
        ax.tick_params(labelbottom=False)
    label_panels(axes)
    figure.align_ylabels(axes[:-1])
    return figure


@with_style
def plot_loss(history: list[EpochRecord], transition: ChangePoint, *, ax: Axes | None = None) -> Axes:
    """Training and validation loss per epoch beside their floors and the loss of symbols without memory.

    Parameters
    ----------
    history : list of EpochRecord
    transition : ChangePoint
        Its plateau is shaded, its index marked.
    ax : Axes, optional
    """
    ax = get_axes(ax)
    epochs = _collect(history, "epoch")
    values = [_collect(history, name) for name in ("loss", "floor", "plateau")]
    single: dict[str, Any] = {"marker": "o"} if len(history) == 1 else {}
    sample: dict[str, Any] = {"color": FLOOR_COLOR, "where": "mid"}

    ax.plot(epochs, values[0], color=NETWORK_COLOR, label="network, training", zorder=3, **single)
    if any(record.validation_loss is not None for record in history):
        values += _plot_validation(ax, history)
    ax.step(epochs, values[1], linestyle="--", label="process sample (floor), training", **sample, **single)
    sample["color"] = MUTED_COLOR
    ax.step(epochs, values[2], linestyle="-.", label="symbols without memory", **sample, **single)

    choose_y_scale(ax, np.concatenate(values))
    _leave_headroom(ax)
    _mark_transition(ax, history, transition, text=True)
    _format_epochs(ax, epochs)
    ax.set_ylabel("loss (nat)" if history[-1].is_of_words else "loss (mismatches\nper sequence)")

    handles, labels = ax.get_legend_handles_labels()
    order = [labels.index(label) for label in _LEGEND if label in labels]
    ax.legend(
        [handles[i] for i in order],
        [labels[i] for i in order],
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=3,
        borderaxespad=0.2,
    )
    return ax


def _plot_validation(ax: Axes, history: list[EpochRecord]) -> list[np.ndarray]:
    """Validation loss and its floor, at the epochs that have them."""
    validated = [record for record in history if record.validation_loss is not None]
    epochs, losses, floors = (
        _collect(validated, name) for name in ("epoch", "validation_loss", "validation_floor")
    )

    circles: dict[str, Any] = {
        "marker": "o",
        "markerfacecolor": "white",
        "markevery": max(1, len(epochs) // _MOST_CIRCLES),
    }
    ax.plot(
        epochs,
        losses,
        color=NETWORK_COLOR,
        linewidth=0.5,
        label="network, validation",
        zorder=4,
        clip_on=False,
        **circles,
    )

    single: dict[str, Any] = {"marker": "s"} if len(epochs) == 1 else {}
    ax.plot(
        epochs, floors, color=FLOOR_COLOR, linestyle=":", label="process sample (floor), validation", **single
    )
    return [losses, floors]


@with_style
def plot_symbol_matrix_error(
    history: list[EpochRecord], transition: ChangePoint, *, ax: Axes | None = None
) -> Axes:
    """Largest error of the symbol matrix per epoch, on a logarithmic axis, with the changes of batch size."""
    ax = get_axes(ax, height=1.8)
    epochs, errors = _collect(history, "epoch"), _collect(history, "symbol_matrix_error")
    ax.plot(epochs, errors, color=NETWORK_COLOR, marker="o" if len(history) == 1 else "none")
    if (errors > 0).any():
        set_log_y(ax)
    _mark_transition(ax, history, transition, text=False)
    for first, _ in _find_segments(_collect(history, "batch_size"))[1:]:
        ax.axvline(epochs[first] - 0.5, color=FLOOR_COLOR, linewidth=0.5, zorder=1)
    _format_epochs(ax, epochs)
    ax.set_ylabel("largest error of\nsymbol matrix")
    return ax


@with_style
def plot_memory(history: list[EpochRecord], transition: ChangePoint, *, ax: Axes | None = None) -> Axes:
    """Memory of consecutive symbols per epoch as a share of that of the process: 0 on the plateau."""
    ax = get_axes(ax, height=1.4)
    epochs, memory = _collect(history, "epoch"), _collect(history, "memory")
    for level in (0, 1):
        ax.axhline(level, color=FLOOR_COLOR, linewidth=0.5, linestyle="--", zorder=1)
    ax.plot(epochs, memory, color=NETWORK_COLOR, marker="o" if len(history) == 1 else "none")
    _mark_transition(ax, history, transition, text=False)
    _format_epochs(ax, epochs)
    ax.set_ylabel("memory\n(process: 1)")
    return ax


@with_style
def plot_schedule(history: list[EpochRecord], *, ax: Axes | None = None) -> Axes:
    """Batch size and learning rate over epochs as a strip: bars where they are constant, wedges where not.

    The weight of the self term in the gradient is shown too unless it is 1 throughout.
    """
    ax = get_axes(ax, height=0.8)
    epochs = _collect(history, "epoch")
    names = _list_schedule(history)
    span = float(epochs[-1] - epochs[0] + 1)
    for row, name in enumerate(names):
        values = _collect(history, name).round(_SHOWN_DECIMALS.get(name, 8))
        for shade, (first, last) in enumerate(_find_segments(values)):
            left, right = epochs[first] - 0.5, epochs[last] + 0.5
            is_moving = values[first] != values[last]
            opening = 0.36 * (0.25 if values[first] < values[last] else 1)
            closing = 0.36 * (0.25 if values[first] > values[last] else 1)
            ax.fill(
                [left, right, right, left],
                [row - opening, row - closing, row + closing, row + opening],
                color=("#DADADA", "#C2C2C2")[shade % 2],
                linewidth=0,
            )

            text = format_number(values[last], digits=3 if is_moving else 4)
            if is_moving:
                text = f"→ {text}" if first else f"{format_number(values[first])} → {text}"
            if (right - left) / span > 0.012 * len(text) + 0.01:
                x, side = (left + 0.01 * span, "left") if is_moving else ((left + right) / 2, "center")
                ax.text(x, row, text, ha=side, va="center_baseline", fontsize=SMALL)

    ax.set_yticks(range(len(names)), [SCHEDULE[name] for name in names])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _format_epochs(ax, epochs)
    return ax


def _list_schedule(history: list[EpochRecord]) -> list[str]:
    has_weight = any(record.self_weight != 1.0 for record in history)
    return list(SCHEDULE)[: 3 if has_weight else 2]


def _collect(history: Sequence[EpochRecord], name: str) -> np.ndarray:
    return np.array([getattr(record, name) for record in history], dtype=float)


def _find_segments(values: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of stretches of equal values; single epochs in a row make one moving stretch."""
    starts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist()]
    ends = [start - 1 for start in starts[1:]] + [len(values) - 1]
    segments: list[tuple[int, int]] = []
    was_single = False
    for start, end in zip(starts, ends, strict=True):
        is_single = start == end
        if is_single and was_single:
            segments[-1] = (segments[-1][0], end)
        else:
            segments.append((start, end))
        was_single = is_single
    return segments


def _leave_headroom(ax: Axes) -> None:
    """Room above the curves for what is written there, on any scale."""
    transform = ax.yaxis.get_transform()
    low, high = transform.transform(ax.get_ylim())
    top = transform.inverted().transform([high + _HEADROOM * (high - low)])[0]
    ax.set_ylim(top=float(top))


def _mark_transition(ax: Axes, history: list[EpochRecord], transition: ChangePoint, *, text: bool) -> None:
    """Shade the plateau and mark the epoch of the second drop."""
    is_past = transition.index is not None
    if transition.plateau_start is not None:
        end = transition.index if transition.index is not None else len(history) - 1
        left, right = history[transition.plateau_start].epoch, history[end].epoch
        ax.axvspan(left, right, color=BAND_COLOR, linewidth=0, zorder=0)
        if text and not is_past:
            _write_at_top(ax, left, "on the plateau", side="right")
    if transition.index is not None:
        epoch = history[transition.index].epoch
        ax.axvline(epoch, color=EXACT_COLOR, linewidth=0.8, zorder=2)
        if text:
            side = "right" if transition.index < 0.7 * len(history) else "left"
            _write_at_top(ax, epoch, f"phase transition, epoch {epoch}", side=side)


def _write_at_top(ax: Axes, epoch: int, text: str, *, side: str) -> None:
    ax.annotate(
        text,
        (epoch, 1),
        xytext=(4 if side == "right" else -4, -2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if side == "right" else "right",
        va="top",
        fontsize=SMALL,
    )


def _format_epochs(ax: Axes, epochs: np.ndarray) -> None:
    ax.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10, steps=[1, 2, 5, 10], min_n_ticks=1))
    ax.set_xlabel("epoch")


def describe_training(history: list[EpochRecord], transition: ChangePoint) -> str:
    """Caption of :func:`plot_training_curve`."""
    last = history[-1]
    return begin_with(
        _say_transition(history, transition),
        f"Training over {count(len(history), 'epoch')}.",
        _describe_loss(history),
        "Shaded: the plateau." if transition.plateau_start is not None else "",
        f"Last epoch: loss {format_number(last.loss)}, floor {format_number(last.floor)}, without memory "
        f"{format_number(last.plateau)}.",
        _describe_validation(history),
        "b, Largest error of the symbol matrix, from softmax probabilities of the training batches; in the "
        f"last epoch {format_number(last.symbol_matrix_error)}. Vertical lines: changes of batch size.",
        "c, Memory: dependence of consecutive symbols as a share of that of the process; in the last epoch "
        f"{format_number(last.memory)}.",
        f"d, Batch size: {_list_changes([record.batch_size for record in history])}. Learning rate: "
        f"{_list_changes([record.learning_rate for record in history])}.",
        _describe_self_weight(history),
    )


def _say_transition(history: list[EpochRecord], transition: ChangePoint) -> str:
    """Whether the loss has left its plateau, and where it is."""
    last = history[-1]
    end = f"ends at {format_number(last.loss)}, beside a floor of {format_number(last.floor)}"
    if transition.plateau_start is None:
        return f"The loss shows no plateau and {end}."
    start = history[transition.plateau_start].epoch
    if transition.index is None:
        return f"The loss has been on its plateau since epoch {start}: no phase transition yet."
    return f"The loss leaves its plateau in epoch {history[transition.index].epoch} and {end}."


def _describe_loss(history: list[EpochRecord]) -> str:
    if history[-1].is_of_words:
        return (
            "a, Loss: χ² divergence of the laws of words, in nat. Red: network. Dashed: floor of the "
            "process. Dash-dotted: symbols without memory. Estimates are unbiased, so values below 0 occur."
        )
    return (
        "a, Loss: Sinkhorn divergence in mismatched symbols per sequence. Red: network. Dashed: floor, fresh "
        "sequences of the process in the same batches; it changes with the batch size. Dash-dotted: symbols "
        "without memory, the level of the plateau."
    )


def _describe_validation(history: list[EpochRecord]) -> str:
    validated = [(r.validation_loss, r) for r in history if r.validation_loss is not None]
    if not validated:
        return "There was no validation."
    best, record = min(validated, key=lambda pair: pair[0])
    floor = record.validation_floor
    beside = "" if floor is None else f", floor {format_number(floor)} (fine dots)"
    return f"Lowest validation loss (circles): {format_number(best)} in epoch {record.epoch}{beside}."


def _describe_self_weight(history: list[EpochRecord]) -> str:
    weights = [record.self_weight for record in history]
    if min(weights) == 1.0:
        return ""
    return f"Weight of the self term in the gradient: {_list_changes(weights)} (1 is the paper's)."


def _list_changes(values: Sequence[float | int]) -> str:
    """The values in turn, or only the first and the last where there are many."""
    texts = (format_number(value, digits=4 if isinstance(value, int) else 3) for value in values)
    turns = [text for text, _ in itertools.groupby(texts)]
    return " → ".join(turns if len(turns) <= _MOST_TURNS else [turns[0], "…", turns[-1]])
