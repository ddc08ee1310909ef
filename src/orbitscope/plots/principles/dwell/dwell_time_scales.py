"""Time scales of a network beside how long it dwells."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.dwell.dwell import DwellResult
from ...sentences import begin_with
from ...style import (
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH_SINGLE,
    build_figure,
    format_ticks,
    get_axes,
    with_style,
)

_LABELS = {
    "dwell": "decoded dwell",
    "relaxation": "relaxation in slow regions",
    "noise kernel": "noise that decides",
    "rise time": "rise of the margin",
    "transition": "way between slow regions",
}


@with_style
def plot_dwell_time_scales(result: DwellResult) -> Figure:
    """Time scales that are known on a logarithmic axis."""
    known = np.flatnonzero(np.isfinite(result.time.value))
    figure = build_figure(1.3 * WIDTH_SINGLE, 0.75 + 0.24 * len(known))
    plot_time_scales(result, ax=figure.add_subplot())
    return figure


@with_style
def plot_time_scales(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """A point with its interval for each time scale, the dwell on top."""
    ax = get_axes(ax)
    known = np.flatnonzero(np.isfinite(result.time.value) & (result.time.value > 0))
    found, places = result.time[known], np.arange(len(known))[::-1]
    ax.hlines(places, found.low, found.high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, zorder=3)
    ax.axvline(float(result.time.value[0]), color=MUTED_COLOR, linestyle=":", linewidth=0.8, zorder=0)
    ax.set_yticks(places, [_LABELS[name] for name in result.time_scale[known].tolist()])
    ax.tick_params(axis="y", length=0)
    ax.set_xscale("log")
    limits = np.concatenate(
        [found.value, *(values[np.isfinite(values)] for values in (found.low, found.high))]
    )
    low, high = limits.min() / 1.6, limits.max() * 1.6
    ax.set(xlabel="time (steps)", xlim=(low, high), ylim=(-0.6, len(known) - 0.4))
    marks = [step * 10.0**power for power in range(-1, 6) for step in (1, 2, 5)]
    ax.set_xticks([mark for mark in marks if low <= mark <= high])
    format_ticks(ax.xaxis)
    return ax


def describe_dwell_time_scales(result: DwellResult) -> str:
    """Caption of :func:`plot_dwell_time_scales`."""
    dwell = result.time[0]
    seen = f"A dwell lasts {dwell} steps."
    if np.isfinite(result.separation.value):
        seen = f"A dwell lasts {result.separation} times as long as the way between slow regions."
    words = {
        "relaxation": "Relaxation: −1 over the mean exponent of paths that start in slow regions.",
        "noise kernel": "Noise that decides: lags with nine tenths of the energy of the noise before "
        "switches.",
        "rise time": "Rise of the margin: from a tenth to nine tenths of its way at a switch.",
        "transition": "Way between slow regions: from the last slow state of one symbol to the first slow "
        "state "
        "of another.",
    }
    known = [name for name in result.time_scale.tolist() if np.isfinite(_find(result, name))]
    missing = [name for name in words if name not in known]
    return begin_with(
        seen,
        f"Dotted: mean decoded dwell, {dwell} steps.",
        *(words[name] for name in known if name in words),
        f"Not known here: {', '.join(missing)}." if missing else "",
        f"Bars: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _find(result: DwellResult, name: str) -> float:
    return float(result.time.value[result.time_scale.tolist().index(name)])
