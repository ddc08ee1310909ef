"""Size of the orbit against the strength of the noise."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ...dynamics.orbit.orbit_size import OrbitSizeResult
from ..drawing import Drawing
from ..sentence_figure import write_sentence
from ..sentences import begin_with
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
    """Standard deviation of activity against that of the noise, both logarithmic, with fitted slopes.

    A sentence where the size is proportional to the noise by an identity.
    """
    if result.is_identity:
        return write_sentence(f"{_say_seen(result)} {_say_size(result)}")
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
    return begin_with(
        _say_seen(result),
        "Size of the orbit: standard deviation of driven activity along its principal axes and over all "
        "neurons.",
        f"{settings['n_trajectories']} trajectories of {settings['n_steps']} steps, with the same noise "
        "draws at every strength of the noise.",
        "Identity, not a finding: the slope of log size against log noise is 1 by construction."
        if result.is_identity
        else _say_slopes(result),
    )


def _say_slopes(result: OrbitSizeResult) -> str:
    slopes = "; ".join(f"{name}: {result.slope[i]}" for i, name in enumerate(result.measure))
    return (
        f"Lines: fitted slopes of log size against log noise ({slopes}). Against the variance of the noise "
        f"they are half as large. Intervals: {100 * result.settings['confidence']:.0f} %, bootstrap over "
        "trajectories."
    )


def _say_seen(result: OrbitSizeResult) -> str:
    """How the size follows the noise."""
    if result.is_identity:
        return "The orbit is exactly proportional to the noise, as in every ReLU network without biases."
    slope = result.slope[result.measure.tolist().index("total")]
    if not slope.excludes(1):
        return f"The orbit grows in proportion to the noise, as far as can be told: slope {slope}."
    how = "less" if slope.high < 1 else "more"
    return f"The orbit grows {how} than in proportion to the noise: slope {slope}."


def _say_size(result: OrbitSizeResult) -> str:
    """Total size at one strength of the noise, from which those at all others follow."""
    middle, total = len(result.noise_std) // 2, result.measure.tolist().index("total")
    size, std = float(result.size.value[middle, total]), float(result.noise_std[middle])
    return f"At a noise of {format_number(std)} the standard deviation of activity is {format_number(size)}."


def _follow_slope(result: OrbitSizeResult, measure: int) -> np.ndarray:
    """The fitted line at each strength of the noise."""
    log_std, log_size = np.log(result.noise_std), np.log(result.size.value[:, measure])
    return np.exp(log_size.mean() + result.slope.value[measure] * (log_std - log_std.mean()))


FIGURES = (Drawing("orbit_size", plot_orbit_size, describe_orbit_size),)
