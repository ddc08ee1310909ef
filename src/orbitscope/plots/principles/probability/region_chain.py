"""The chain of regions: its test of memory, and the HMMs that one would infer beside the true one."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.probability.region_chain import RegionChainResult
from ....statistics.verdicts import ALPHA
from ...drawing import Drawing
from ...leading import MOST_NAMED
from ...nulls import draw_null, join
from ...sentences import begin_with, capitalise
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
    with_style,
)
from ...symbol_names import name_symbol

_MARKS = ("o", "s", "^", "D")
"""Base lags."""

_MOST_SHOWN = 5
"""Regions whose stay is shown, the largest first."""


@with_style
def plot_region_chain(result: RegionChainResult) -> Figure:
    """Probability to be in each region again, beside powers over shorter lags, and the largest deviations."""
    n_shown = min(len(result.region), _MOST_SHOWN)
    n_columns = 4 if n_shown == 3 else 3
    n_rows = -(-(n_shown + 1) // n_columns)
    figure = build_figure(WIDTH, 0.6 + 2.0 * n_rows)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for region in range(n_shown):
        plot_stay(result, region, ax=panels[region])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5, columnspacing=1.0, handletextpad=0.4)
    plot_deviations(result, ax=panels[n_shown])
    for panel in panels[n_shown + 1 :]:
        panel.remove()
    label_panels(panels[: n_shown + 1].tolist())
    return figure


@with_style
def plot_stay(result: RegionChainResult, region: int, *, ax: Axes | None = None) -> Axes:
    """T(t) of one region onto itself, and T(τ)ⁿ at t = n τ for each base lag τ."""
    ax = get_axes(ax)
    found = result.transition[:, region, region]
    ax.fill_between(result.lag, found.low, found.high, color=NETWORK_COLOR, alpha=0.25, linewidth=0)
    ax.plot(result.lag, found.value, color=NETWORK_COLOR, label="seen")
    for i, lag in enumerate(result.base_lag.tolist()):
        predicted = result.predicted[i, :, region, region]
        ax.errorbar(
            lag * result.power,
            predicted.value,
            yerr=np.maximum([predicted.value - predicted.low, predicted.high - predicted.value], 0),
            fmt=_MARKS[i % len(_MARKS)],
            color=MUTED_COLOR,
            markerfacecolor="white",
            markersize=3.5,
            elinewidth=0.8,
            label=f"τ = {lag}",
            zorder=3,
        )
    ax.axhline(float(result.occupancy.value[region]), color=FLOOR_COLOR, linestyle=":", linewidth=0.8)
    ax.set(xlabel="time t = n τ (steps)", ylabel=f"P(in region {region} again)", ylim=(0, 1.03))
    return ax


@with_style
def plot_deviations(result: RegionChainResult, *, ax: Axes | None = None) -> Axes:
    """Largest |T(n τ) − T(τ)ⁿ| at each base lag, beside chains that are Markov."""
    ax = get_axes(ax)
    places = np.arange(len(result.base_lag), dtype=float)[::-1]
    for i, place in enumerate(places.tolist()):
        null = result.deviation_null[i]
        draw_null(ax, null.draws, place, float(null.quantile), height=0.5)
    found = result.deviation
    ax.hlines(places, found.low, found.high, color=NETWORK_COLOR, linewidth=1.4, zorder=4)
    ax.plot(found.value, places, "o", color=NETWORK_COLOR, markersize=4, zorder=5)
    ax.set_yticks(places, [f"τ = {lag}" for lag in result.base_lag.tolist()])
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(left=0)
    ax.set(xlabel="largest |T(n τ) − T(τ)ⁿ|", ylabel="lag (steps)")
    return ax


def describe_region_chain(result: RegionChainResult) -> str:
    """Caption of :func:`plot_region_chain`."""
    n_shown = min(len(result.region), _MOST_SHOWN)
    last = "abcdefgh"[n_shown]
    stays = "a" if n_shown == 1 else f"a-{'abcdefgh'[n_shown - 1]}"
    hidden = f" Only the {_MOST_SHOWN} largest regions are shown." if n_shown < len(result.region) else ""
    p_values = ", ".join(format_number(float(p), digits=2) for p in result.deviation_null.p_value)
    settings = result.settings
    return begin_with(
        _say_memory(result),
        f"The region at a step is that of the core visited last ({settings['n_trajectories']} trajectories "
        f"of {settings['n_steps']} steps).",
        f"{stays}, Probability to be in a region again after a time t (red), beside n-th powers of the "
        f"transitions over t/n = τ (marks). Dotted: share of all steps.{hidden}",
        f"{last}, Largest difference over n = 2, 3, 4 and all pairs of regions. Grey: {settings['n_null']} "
        f"sets of Markov chains as many and as long, bar: their 95 % quantile. p = {p_values} by lag.",
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_memory(result: RegionChainResult) -> str:
    """At which lags the chain is not Markov."""
    p_values = result.deviation_null.p_value
    fails = [str(lag) for lag, p in zip(result.base_lag.tolist(), p_values, strict=True) if p < ALPHA]
    passes = [str(lag) for lag, p in zip(result.base_lag.tolist(), p_values, strict=True) if p >= ALPHA]
    if not fails:
        return "No memory is seen in the chain of regions beyond the region itself."
    if not passes:
        return f"The chain of regions has memory at all lags tested, of {join(fails)} steps."
    seen, unseen = join(fails), join(passes)
    return f"The chain of regions has memory at a lag of {seen} steps; none is seen at {unseen}."


@with_style
def plot_inferred_hmm(result: RegionChainResult) -> Figure:
    """Transitions and emissions of the true HMM and of those that one would infer, and their KL rates."""
    models = list_models(result)
    has_rates = bool(np.isfinite(result.kl_rate.value).any())
    n_columns = len(models) + has_rates
    figure = build_figure(WIDTH, 3.4)
    axes = figure.subplots(2, n_columns, squeeze=False, width_ratios=[1] * len(models) + [1.5] * has_rates)
    symbols = [name_symbol(result, symbol) for symbol in range(result.emission.value.shape[1])]
    for column, (name, rows, transitions, emissions) in enumerate(models):
        names = list(map(str, rows))
        plot_matrix(transitions, names, names, ax=axes[0, column])
        plot_matrix(emissions, names, symbols, ax=axes[1, column])
        axes[0, column].set_title(name, fontsize=7)
    axes[0, 0].set_ylabel("transitions")
    axes[1, 0].set_ylabel("emissions")
    if has_rates:
        grid = axes[0, -1].get_gridspec()
        for row in (0, 1):
            axes[row, -1].remove()
        plot_rates(result, ax=figure.add_subplot(grid[:, -1]))
    return figure


def list_models(
    result: RegionChainResult,
) -> list[tuple[str, list[int], Float[np.ndarray, "row next"], Float[np.ndarray, "row symbol"]]]:
    """Name, numbers of the rows, transitions and emissions of the HMM, if any, and of what is inferred.

    Regions come in the order of the states that they are aligned with.
    """
    paired = [region for region in result.region_of_state.tolist() if region >= 0]
    order = paired + [region for region in result.region.tolist() if region not in paired]
    pairs = np.ix_(order, order)
    emission = result.emission.value[order]
    models = [("regions,\n1 step", order, result.transition.value[0][pairs], emission)]
    if np.isfinite(result.rooted).all():
        models.append((f"regions,\n{result.base_lag[-1]} steps", order, result.rooted[pairs], emission))
    if len(result.process_transition) == 0:
        return models
    states = list(range(len(result.process_transition)))
    if np.isfinite(result.refit_transition).all():
        models.append(("symbols\n", states, result.refit_transition, result.refit_emission))
    return [("true HMM\n", states, result.process_transition, result.process_emission), *models]


@with_style
def plot_matrix(
    matrix: Float[np.ndarray, "row column"],
    rows: list[str],
    columns: list[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Probabilities as grey cells with their numbers, rows and columns by name."""
    ax = get_axes(ax)
    ax.imshow(matrix, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    size = 7 if max(matrix.shape) <= 3 else 5
    written = matrix if max(matrix.shape) <= MOST_NAMED else matrix[:0]
    for row, values in enumerate(written.tolist()):
        for column, value in enumerate(values):
            color = "white" if value > 0.55 else "black"
            text = f"{value:.2f}".lstrip("0") if value < 1 else "1"
            ax.text(column, row, text, ha="center", va="center", color=color, fontsize=size)
    for axis, names in ((ax.xaxis, columns), (ax.yaxis, rows)):
        if len(names) <= MOST_NAMED:
            axis.set_ticks(range(len(names)), names)
    ax.tick_params(length=0)
    return ax


@with_style
def plot_rates(result: RegionChainResult, *, ax: Axes | None = None) -> Axes:
    """KL rate of the true HMM from each inferred one; samples of the process as floors."""
    ax = get_axes(ax)
    known = np.flatnonzero(np.isfinite(result.kl_rate.value))
    places = np.arange(len(known))[::-1]
    for place, i in zip(places.tolist(), known.tolist(), strict=True):
        rate = result.kl_rate[i]
        is_floor = str(result.method[i]).endswith("of the process")
        color = FLOOR_COLOR if is_floor else NETWORK_COLOR
        ax.hlines(place, max(float(rate.low), 0.0), rate.high, color=color, linewidth=1.4)
        ax.plot(float(rate.value), place, "s" if is_floor else "o", color=color, markersize=4)
    ax.set_yticks(places, [_SHORT[str(result.method[i])] for i in known.tolist()])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-0.6, len(known) - 0.4)
    ax.set_xscale("symlog", linthresh=1e-3)
    ax.set_xlim(left=0)
    ax.axvline(0, color=EXACT_COLOR, linewidth=0.8)
    ax.set_xticks([0, 1e-3, 1e-2, 1e-1], ["0", ".001", ".01", ".1"])
    ax.set_xlabel("KL rate from the true HMM\n(nat per symbol)")
    return ax


_SHORT = {
    "regions": "regions,\n1 step",
    "regions at the longest lag": "regions,\nlongest lag",
    "symbols": "symbols",
    "states of the process": "process:\nstates",
    "symbols of the process": "process:\nsymbols",
}


def describe_inferred_hmm(result: RegionChainResult) -> str:
    """Caption of :func:`plot_inferred_hmm`."""
    has_process = len(result.process_transition) > 0
    rows = "Rows from regions: regions, in the order of their states." if has_process else "Rows: regions."
    notes = ". ".join(capitalise(note) for note in result.status["notes"])
    return begin_with(
        _say_inferred(result),
        f"Transitions (top) and emissions (bottom). {rows}",
        "From regions: transitions of the core visited last over one step, and the root of those over "
        f"{result.base_lag[-1]} steps; mean symbol probabilities of each region.",
        f"From symbols: maximum likelihood near the true HMM, mean of {result.settings['n_groups']} groups "
        "of trajectories."
        if has_process
        else "",
        "Right: KL rate of the true HMM from each, t interval over groups. Grey: from samples of the true "
        "HMM of equal length."
        if np.isfinite(result.kl_rate.value).any()
        else "",
        f"{notes}." if notes else "",
    )


def _say_inferred(result: RegionChainResult) -> str:
    """Whether regions are as many as states, and which inferred HMM is nearest the true one."""
    n_states, n_regions = len(result.process_transition), len(result.region)
    if not n_states:
        return f"The activity of the network is read as an HMM of {n_regions} states."
    rates = result.kl_rate.value[:3]
    if not np.isfinite(rates).any():
        return f"The network has {n_regions} regions for the {n_states} states of the HMM."
    best = int(np.nanargmin(rates))
    rate, floor = format_number(float(rates[best])), float(result.kl_rate.value[4 if best == 2 else 3])
    return (
        f"The nearest HMM that one would infer comes from {result.method[best]}, {rate} nat per symbol "
        f"from the true one (samples of the true HMM: {format_number(floor)})."
    )


FIGURES = (
    Drawing("region_chain", plot_region_chain, describe_region_chain),
    Drawing("inferred_hmm", plot_inferred_hmm, describe_inferred_hmm, ("region_chain",)),
)
