"""Law of decoded dwells: how long they last, how likely they end at an age, and how regular they are."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.dwell.dwell import SOURCES, DwellResult
from ...drawing import Drawing
from ...sentences import begin_with
from ...style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    get_axes,
    get_figure,
    label_panels,
    set_log_y,
    with_style,
)
from .dwell_rhythm import describe_dwell_rhythm, plot_dwell_rhythm
from .dwell_time_scales import describe_dwell_time_scales, plot_dwell_time_scales

_LOOKS = dict(
    zip(
        SOURCES,
        (
            {"color": NETWORK_COLOR, "linestyle": "-", "zorder": 3},
            {"color": FLOOR_COLOR, "linestyle": "--", "zorder": 2},
        ),
        strict=True,
    )
)
_MARKERS = ("o", "s")

_ALL = 0
"""Group of all dwells."""


@with_style
def plot_dwell(result: DwellResult) -> Figure:
    """Survival and hazard of all dwells, and the CV of all and of each state."""
    figure = build_figure(WIDTH, 2.6)
    axes = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    plot_survival(result, ax=axes[0])
    plot_hazard(result, ax=axes[1])
    plot_regularity(result, ax=axes[2])
    handles, labels = axes[0].get_legend_handles_labels()
    get_figure(axes[0]).legend(handles, labels, loc="outside upper center", ncols=3)
    label_panels(axes.tolist())
    return figure


@with_style
def plot_survival(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """Share of dwells that outlast an age, of network and process sample."""
    ax = get_axes(ax)
    lowest = 0.5 / max(1, int(result.n_dwells[:, _ALL].max()))
    last = _find_last(result, lowest)
    shown = slice(0, last + 1)
    for i, source in enumerate(result.source.tolist()):
        found, look = result.survival[i, _ALL, shown], _LOOKS[source]
        values, low, high = (
            np.where(array > lowest, array, np.nan) for array in (found.value, found.low, found.high)
        )
        bottom = np.where(np.isnan(low), lowest, low)
        ax.fill_between(result.age[shown], bottom, high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(result.age[shown], values, label=source, **look)
    ax.set(xlim=(0, last), ylim=(lowest, 1.5))
    set_log_y(ax)
    ax.set(xlabel="age of a dwell (steps)", ylabel="share that lasts longer")
    return ax


def _find_last(result: DwellResult, lowest: float) -> int:
    """Age at which both laws have ended, or where they are cut."""
    is_left = (np.nan_to_num(result.survival.value[:, _ALL]) > lowest).any(0)
    return max(2, int(is_left.sum()))


@with_style
def plot_hazard(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """Probability per step that a dwell ends, by its age, on a logarithmic axis of ages."""
    ax = get_axes(ax)
    place = np.sqrt(result.bin_first * result.bin_last.astype(float))
    top = 0.0
    for i, source in enumerate(result.source.tolist()):
        found, look = result.hazard[i, _ALL], _LOOKS[source]
        ax.fill_between(place, found.low, found.high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(place, found.value, marker=_MARKERS[i], markersize=2.5, label=source, **look)
        top = max(top, float(np.nanmax(found.value, initial=0.0)))
    ax.set_xscale("log")
    ax.set(xlabel="age of a dwell (steps)", ylabel="hazard (1/step)", ylim=(0, 1.25 * top or None))
    return ax


@with_style
def plot_regularity(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """CV of network and process sample for all dwells and for those of each state."""
    ax = get_axes(ax)
    places = np.arange(len(result.group))
    for i, source in enumerate(result.source.tolist()):
        found, color, at = result.cv[i], _LOOKS[source]["color"], places + 0.24 * (i - 0.5)
        ax.vlines(at, found.low, found.high, color=color, linewidth=1.4)
        ax.plot(at, found.value, _MARKERS[i], color=color, markersize=4, zorder=3)
    ax.plot(places, result.exact_cv, "_", color=EXACT_COLOR, markersize=14, label="hidden states, exact")
    ax.set_xticks(places, [name.removeprefix("state ") for name in result.group.tolist()])
    ax.tick_params(axis="x", length=0)
    ax.set(xlabel="state", ylabel="CV of dwells", ylim=(0, None))
    ax.legend(loc="lower right", borderaxespad=0.1, handlelength=1.2)
    return ax


def describe_dwell(result: DwellResult) -> str:
    """Caption of :func:`plot_dwell`."""
    n_network, n_process = result.n_dwells[:, 0].tolist()
    settings = result.settings
    late = result.late_over_early[:, 0]
    return begin_with(
        _say_seen(result),
        "States are decoded from drawn symbols by the HMM of the process, for the network and for a "
        "sample of "
        f"the process alike. There are {n_network} dwells of the network and {n_process} of the process.",
        f"a, Share of dwells of any state that last longer (Kaplan and Meier). Mean {result.mean[0, 0]} "
        "steps; "
        f"process sample {result.mean[1, 0]}.",
        "b, Probability per step that a dwell ends, by its age. Above the median over up to the median: "
        f"{late[0]}; process sample {late[1]}."
        if np.isfinite(late.value).all()
        else "b, The same as hazard.",
        "c, CV of all dwells and by state. Bars: hidden states, exact. Runs of the most probable symbol "
        "have "
        f"the CV {result.argmax_cv}."
        if np.isfinite(result.argmax_cv.value)
        else "c, CV of dwells by state.",
        f"Windows of {settings['n_steps']} steps; the first dwell is left out, the last one cut. Mean and CV "
        f"are of dwells cut at {settings['horizon']} steps.",
        f"Bands and bars: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_seen(result: DwellResult) -> str:
    """Whether dwells are more regular than those of the process, by the ratio of CVs."""
    ratio, least = result.cv_ratio[0], result.settings["most_regular"]
    is_like = ratio.low > least and ratio.high < 2 - least
    if ratio.high < least:
        return f"Dwells are more regular than those of the process: CV ratio {ratio}."
    if is_like:
        return f"Dwells are about as regular as those of the process: CV ratio {ratio}."
    if ratio.low > 1:
        return f"Dwells are less regular than those of the process: CV ratio {ratio}."
    return f"How regular dwells are beside those of the process is open: CV ratio {ratio}."


FIGURES = (
    Drawing("dwell", plot_dwell, describe_dwell),
    Drawing("dwell_time_scales", plot_dwell_time_scales, describe_dwell_time_scales, shows=("dwell",)),
    Drawing("dwell_rhythm", plot_dwell_rhythm, describe_dwell_rhythm, shows=("dwell",)),
)
