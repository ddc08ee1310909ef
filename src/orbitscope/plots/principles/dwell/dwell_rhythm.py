"""Power spectrum of symbols: whether a network keeps a rhythm that its process does not have."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.dwell.dwell import DwellResult
from ...nulls import draw_null
from ...sentences import begin_with
from ...style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    set_log_y,
    with_style,
)


@with_style
def plot_dwell_rhythm(result: DwellResult) -> Figure:
    """Spectra, and the highest peak beside that of samples of the process."""
    figure = build_figure(WIDTH, 2.5)
    axes = figure.subplots(1, 2, width_ratios=(1.5, 1))
    plot_spectra(result, ax=axes[0])
    plot_peak(result, ax=axes[1])
    label_panels(axes.tolist())
    return figure


@with_style
def plot_spectra(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """Spectrum of the network, band of samples of the process, and its exact spectrum."""
    ax = get_axes(ax)
    band, found = result.process_power, result.power
    ax.fill_between(
        result.frequency,
        band.low,
        band.high,
        color=FLOOR_COLOR,
        alpha=0.45,
        linewidth=0,
        label="process samples",
    )
    ax.plot(result.frequency, result.exact_power, ":", color=EXACT_COLOR, label="process, exact")
    ax.fill_between(result.frequency, found.low, found.high, color=NETWORK_COLOR, alpha=0.2, linewidth=0)
    ax.plot(result.frequency, found.value, color=NETWORK_COLOR, label="network")
    if result.has_rhythm:
        ax.axvline(float(result.peak_frequency.value), color=MUTED_COLOR, linewidth=0.8, zorder=0)
    ax.set_xscale("log")
    if (found.value > 0).any():
        set_log_y(ax)
    ax.set(xlabel="frequency (1/step)", ylabel="power (steps)", xlim=(result.frequency[0], 0.5))
    ax.legend(loc="lower left", borderaxespad=0.2)
    return ax


@with_style
def plot_peak(result: DwellResult, *, ax: Axes | None = None) -> Axes:
    """Height of the peak with its interval, and of every sample of the process."""
    ax = get_axes(ax)
    height, null = result.peak_height, result.peak_null
    if np.isfinite(null.quantile):
        draw_null(ax, null.draws, 0.0, float(null.quantile))
    ax.hlines(1, height.low, height.high, color=NETWORK_COLOR, linewidth=1.4)
    ax.plot([height.value], [1], "o", color=NETWORK_COLOR, markersize=4, zorder=3)
    ax.axvline(1, color=MUTED_COLOR, linestyle=":", linewidth=0.8, zorder=0)
    ax.set_yticks([0, 1], ["process\nsamples", "network"])
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="highest power over the lowest frequencies", ylim=(-0.6, 1.6))
    return ax


def describe_dwell_rhythm(result: DwellResult) -> str:
    """Caption of :func:`plot_dwell_rhythm`."""
    null, settings = result.peak_null, result.settings
    return begin_with(
        _say_seen(result),
        "a, Power spectrum of the indicators of drawn symbols, summed over symbols (Welch, segments of "
        f"{settings['segment']} steps). Grey: central 95 % of samples of the process. Dotted: the "
        "process, exact.",
        "A reversible process has a sum of Lorentzians. Its spectrum only falls if none of its "
        "eigenvalues is "
        "negative.",
        "b, Highest smoothed power away from frequency 0 over that at the two lowest frequencies. Bar: 95 % "
        f"quantile of {len(null.draws)} samples of the process (p = "
        f"{format_number(float(null.p_value), digits=2)}).",
        f"Peaks of periods above {settings['segment'] // 5} steps are not looked for.",
        f"Red band and bar: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_seen(result: DwellResult) -> str:
    if result.has_rhythm:
        period = format_number(1 / float(result.peak_frequency.value))
        return (
            f"The symbols keep a rhythm of about {period} steps: its power is {result.peak_height} times "
            "that "
            "at the lowest frequencies, beyond samples of the process."
        )
    if np.isnan(result.peak_height.value):
        return "The network emits a single symbol, so its symbols have no spectrum."
    return f"No rhythm shows in the symbols: highest power over that at the lowest {result.peak_height}."
