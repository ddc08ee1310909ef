"""Size of the orbit against the strength of the noise."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ...dynamics.orbit.orbit_size import OrbitSizeResult
from ..drawing import Drawing
from ..intervals import say_interval
from ..style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    NETWORK_COLOR,
    WIDTH_SINGLE,
    build_figure,
    format_number,
    get_axes,
    get_figure,
    set_log_y,
    with_style,
)

_LOOKS = {"axis 1": (NETWORK_COLOR, "o"), "axis 2": (FLOOR_COLOR, "s"), "total": (EXACT_COLOR, "D")}


@with_style
def plot_orbit_size(result: OrbitSizeResult) -> Figure:
    """Standard deviation of activity against that of the noise, both logarithmic, with fitted slopes."""
    return get_figure(plot_sizes(result, ax=build_figure(WIDTH_SINGLE, 2.7).add_subplot()))


@with_style
def plot_sizes(result: OrbitSizeResult, *, ax: Axes | None = None) -> Axes:
    """Sizes with their intervals, and straight lines of the fitted slopes."""
    ax = get_axes(ax)
    for i in np.argsort(-result.size.value[-1]):
        name, size = str(result.measure[i]), result.size[:, i]
        color, marker = _LOOKS[name]
        label = f"{name}, slope {format_number(float(result.slope[i]))}"
        ax.plot(result.noise_std, size.value, marker, color=color, label=label)
        ax.vlines(result.noise_std, size.low, size.high, color=color)
        ax.plot(result.noise_std, _follow_slope(result, int(i)), color=color, linewidth=0.8)
    ax.set(xscale="log", xlabel="standard deviation of the noise", ylabel="standard deviation of activity")
    set_log_y(ax)
    ax.set_xticks(result.noise_std, [format_number(std) for std in result.noise_std.tolist()])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_title("identity: slope 1 by construction" if result.is_identity else "measured")
    ax.legend(loc="upper left")
    return ax


def describe_orbit_size(result: OrbitSizeResult) -> str:
    """Caption of :func:`plot_orbit_size`."""
    settings = result.settings
    slopes = "; ".join(f"{name}: {say_interval(result.slope[i])}" for i, name in enumerate(result.measure))
    meaning = (
        "Identity, not a finding: a ReLU network without biases scales with its noise, so size is "
        "proportional to the standard deviation of the noise."
        if result.is_identity
        else "A measurement: nothing forces the size of this network to be proportional to the noise."
    )
    return (
        "Size of the orbit, the standard deviation of driven activity along its principal axes and over all "
        f"neurons, against that of the noise ({settings['n_trajectories']} trajectories of "
        f"{settings['n_steps']} steps, the same noise draws at every strength). {meaning} Lines: fitted "
        f"slopes of log size ({slopes}); against the variance of the noise they are half as large. "
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over trajectories."
    )


def _follow_slope(result: OrbitSizeResult, measure: int) -> np.ndarray:
    """The fitted line at each strength of the noise."""
    log_std, log_size = np.log(result.noise_std), np.log(result.size.value[:, measure])
    return np.exp(log_size.mean() + result.slope.value[measure] * (log_std - log_std.mean()))


FIGURES = (Drawing("orbit_size", plot_orbit_size, describe_orbit_size),)
