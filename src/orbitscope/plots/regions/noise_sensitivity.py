"""Noise sensitivity: fans of rollouts that share part of their noise, their spread, and where they end."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...dynamics.regions.noise_sensitivity import NoiseSensitivityResult
from ..drawing import Drawing
from ..sentences import begin_with
from ..style import (
    EXACT_COLOR,
    MUTED_COLOR,
    REGION_COLORS,
    WIDTH,
    build_figure,
    get_axes,
    label_panels,
    with_style,
)

_SHOWN_RULE = 0
"""The published rule: that of the fans."""

_PAIRS = ((0, 2), (1, 2), (0, 1))
"""Regions that are compared: the first over the second."""

_COMPARED = (
    (0, 2, EXACT_COLOR, "γ = 1, either rule"),
    (0, 1, MUTED_COLOR, "γ = 0.5, published rule"),
    (1, 1, MUTED_COLOR, "γ = 0.5, second rule"),
)
"""Rule, γ, colour and name of what differs: both rules agree at γ = 1, and nothing spreads at γ = 0."""

_MEANINGS = {0.0: ": the same noise again", 1.0: ": all noise fresh"}
"""Of the shares of fresh noise at the ends."""

_RULE_LOOKS: tuple[dict[str, Any], ...] = (
    {"linestyle": "-", "marker": "o", "label": "published rule"},
    {"linestyle": "--", "marker": "s", "label": "second rule"},
)

_ABOVE: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.1, 1.0), "borderaxespad": 0.2}
"""Place of a legend above its panel."""


@with_style
def plot_noise_sensitivity(result: NoiseSensitivityResult) -> Figure:
    """Fans of one start in each region at each γ; spread ratios, contrasts and entropies below."""
    n_examples = len(result.example_region)
    figure = build_figure(WIDTH, 2.9 + 0.95 * n_examples)
    rows = figure.subfigures(2, 1, height_ratios=[0.3 + 0.95 * n_examples, 2.5], squeeze=False)[:, 0]
    grid = rows[0].subplots(n_examples, len(result.gamma), sharex=True, sharey="row", squeeze=False)
    for example in range(n_examples):
        for column in range(len(result.gamma)):
            plot_fan(result, example, column, ax=grid[example, column])
    for ax, gamma in zip(grid[0], result.gamma, strict=True):
        ax.set_title(f"γ = {gamma:g}{_MEANINGS.get(float(gamma), '')}")
    for ax in grid[-1]:
        ax.set_xlabel("step")

    handles = [
        Line2D([], [], color=MUTED_COLOR, linewidth=0.5),
        Line2D([], [], color="black", linestyle="--"),
    ]
    names = ["rollouts from one start", "nominal path"]
    rows[0].legend(handles, names, loc="outside upper left", ncols=2)

    lower = rows[1].subplots(1, 3, width_ratios=[1.2, 1, 1])
    plot_spread_ratios(result, ax=lower[0])
    plot_contrasts(result, ax=lower[1])
    plot_destination_entropy(result, ax=lower[2])
    label_panels([grid[0, 0], *lower])
    return figure


@with_style
def plot_fan(
    result: NoiseSensitivityResult, example: int, gamma_index: int, *, ax: Axes | None = None
) -> Axes:
    """Margin of the start symbol along rollouts from one start, and along its nominal path."""
    ax = get_axes(ax)
    region = str(result.region[result.example_region[example]])
    nominal = result.example_nominal_logits[example]
    symbol = int(nominal[0].argmax())
    rollouts = result.example_logits[example, _SHOWN_RULE, gamma_index]
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    style = {"color": REGION_COLORS[region], "linewidth": 0.5, "alpha": 0.6}
    ax.plot(result.step, _compute_margin(rollouts, symbol).T, **style)
    ax.plot(result.step, _compute_margin(nominal, symbol), color=EXACT_COLOR, linewidth=1.1, linestyle="--")
    ax.set(xlim=(0, result.step[-1]))
    if gamma_index == 0:
        ax.set_ylabel(f"{region}:\nlogit margin")
    return ax


@with_style
def plot_spread_ratios(result: NoiseSensitivityResult, *, ax: Axes | None = None) -> Axes:
    """Spread relative to that after one step, at the largest γ, with intervals."""
    ax = get_axes(ax)
    for index, name in enumerate(result.region):
        ratio = result.spread_ratio[index, _SHOWN_RULE, -1, 1:]
        if np.isfinite(ratio.value).any():
            color = REGION_COLORS[name]
            ax.fill_between(result.step[1:], ratio.low, ratio.high, color=color, alpha=0.25, linewidth=0)
            ax.plot(result.step[1:], ratio.value, color=color, label=f"{name}, n = {result.n_starts[index]}")
    ax.axvline(result.settings["late"], color=MUTED_COLOR, linewidth=0.6, linestyle=":", zorder=1)
    ax.set(
        xlabel="step",
        ylabel=f"spread over that at\nstep {result.settings['early']}, γ = {result.gamma[-1]:g}",
        xlim=(1, result.step[-1]),
    )
    ax.set_ylim(bottom=0)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(ncols=1, **_ABOVE)
    return ax


@with_style
def plot_contrasts(result: NoiseSensitivityResult, *, ax: Axes | None = None) -> Axes:
    """Spread ratio of one region over that of another, with intervals, for each γ > 0 and rule."""
    ax = get_axes(ax)
    ticks, labels = [], []
    for place, (i, j) in enumerate(reversed(_PAIRS)):
        for offset, (rule, gamma, color, name) in zip((0.22, 0.0, -0.22), _COMPARED, strict=True):
            contrast, label = result.contrast[i, j, rule, gamma], None if place else name
            ax.hlines(place + offset, contrast.low, contrast.high, linewidth=0.9, color=color)
            marker = _RULE_LOOKS[rule]["marker"]
            ax.plot(contrast.value, place + offset, marker, color=color, label=label)
        ticks.append(place)
        labels.append(f"{result.region[i]} /\n{result.region[j]}")
    ax.axvline(1, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set_yticks(ticks, labels)
    ax.set(xlabel=f"ratio of spreads at step {result.settings['late']}", ylim=(-0.5, len(_PAIRS) - 0.5))
    ax.tick_params(axis="y", length=0)
    ax.legend(**_ABOVE)
    return ax


@with_style
def plot_destination_entropy(result: NoiseSensitivityResult, *, ax: Axes | None = None) -> Axes:
    """Mean entropy of the destination against γ, with intervals; the second rule dashed."""
    ax = get_axes(ax)
    for index, name in enumerate(result.region):
        for rule in range(len(result.rule)):
            look: dict[str, Any] = _RULE_LOOKS[rule] | {"label": None}
            places, entropy = result.gamma + 0.02 * (index - 1), result.entropy[index, rule]
            ax.plot(places, entropy.value, color=REGION_COLORS[name], markersize=2.5, linewidth=0.9, **look)
            ax.vlines(places, entropy.low, entropy.high, color=REGION_COLORS[name], linewidth=0.9)
    largest = np.log(result.example_logits.shape[-1])
    ax.axhline(largest, color=MUTED_COLOR, linewidth=0.6, linestyle=":", label="all symbols as probable")
    for look in _RULE_LOOKS:
        ax.plot([], [], color=MUTED_COLOR, markersize=2.5, linewidth=0.9, **look)
    ax.legend(**_ABOVE)
    ax.set(xlabel="share of fresh noise γ", ylabel="destination entropy (nat)", ylim=(0, 1.08 * largest))
    ax.set_xticks(result.gamma)
    return ax


def describe_noise_sensitivity(result: NoiseSensitivityResult) -> str:
    """Caption of :func:`plot_noise_sensitivity`."""
    settings = result.settings
    return begin_with(
        _say_seen(result),
        f"Rollouts of {settings['n_steps']} steps that mix fresh noise into a nominal noise path.",
        "a, One start of each region: logit of the symbol of the start minus that of the best other one. "
        f"Thin: {settings['n_rollouts']} rollouts under the {result.rule[_SHOWN_RULE]} rule; dashed: the "
        "nominal path.",
        "γ = 0 replays the nominal path, γ = 1 forgets it.",
        f"b, Spread (trace of the covariance over rollouts) relative to step {settings['early']}, at γ = "
        f"{result.gamma[-1]:g}: geometric mean over independent starts.",
        f"At step {settings['late']} (dotted): {_list_ratios(result)}.",
        "c, The same of one region divided by that of another; 1 (line): alike. The second rule keeps the "
        "variance of the noise.",
        f"At γ = 1: {_list_contrasts(result)}.",
        f"d, Entropy of the most probable symbol after {settings['n_steps']} steps. Dotted: all symbols "
        "are as probable.",
        f"Intervals: {100 * settings['confidence']:.0f} %, bootstrap over starts.",
        _list_notes(result),
    )


def _say_seen(result: NoiseSensitivityResult) -> str:
    """Whether fresh noise spreads activity more from slow than from transition states."""
    names = result.region.tolist()
    contrast = result.contrast[names.index("slow"), names.index("transition"), _SHOWN_RULE, -1]
    if np.isnan(contrast.value):
        return (
            "Spread from slow and from transition states cannot be compared: one of the regions has no start."
        )
    ratio = contrast
    if not contrast.excludes(1):
        return f"Slow and transition states spread noise alike, as far as can be told: ratio {ratio}."
    how = "more" if contrast.value > 1 else "less"
    return f"Noise spreads activity {how} from slow than from transition states, by a factor of {ratio}."


def _compute_margin(logits: np.ndarray, symbol: int) -> np.ndarray:
    """Logit of a symbol over the best other one."""
    return logits[..., symbol] - np.delete(logits, symbol, axis=-1).max(-1)


def _list_ratios(result: NoiseSensitivityResult) -> str:
    late = result.settings["late"]
    ratios = result.spread_ratio[:, 0, -1, late]
    return ", ".join(f"{name} {ratios[i]}" for i, name in enumerate(result.region))


def _list_contrasts(result: NoiseSensitivityResult) -> str:
    return ", ".join(
        f"{result.region[i]}/{result.region[j]} {result.contrast[i, j, 0, -1]}" for i, j in _PAIRS
    )


def _list_notes(result: NoiseSensitivityResult) -> str:
    notes = result.status["notes"]
    return f"Note: {'; '.join(notes)}." if notes else ""


FIGURES = (Drawing("noise_sensitivity", plot_noise_sensitivity, describe_noise_sensitivity),)
