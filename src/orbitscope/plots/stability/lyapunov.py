"""Lyapunov exponents of the driven and the noise-free dynamics, and how they vary along the paths."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.noise_free.noise_free_exponents import NoiseFreeExponentsResult
from ...dynamics.stability.lyapunov import LyapunovResult
from ..drawing import Drawing
from ..sentences import begin_with, capitalise
from ..style import (
    EXACT_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    SMALL,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    label_panels,
    with_style,
)
from ..symbol_names import list_ends

_LOOKS: dict[str, dict[str, Any]] = {
    "driven": {"color": NETWORK_COLOR, "marker": "o"},
    "noise-free": {"color": MUTED_COLOR, "marker": "s"},
}
_SHIFT = 0.12
_N_CURVE = 400
"""Points of a drawn distribution."""


@with_style
def plot_lyapunov(driven: LyapunovResult, noise_free: NoiseFreeExponentsResult) -> Figure:
    """Exponents with intervals side by side, and the distributions of finite-time exponents."""
    figure = build_figure(WIDTH, 2.8)
    left, right = figure.subplots(1, 2)
    plot_exponents(driven, noise_free, ax=left)
    plot_local_exponents(driven, noise_free, ax=right)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4)
    for ax in (left, right):
        ax.legend().remove()
    label_panels([left, right])
    return figure


@with_style
def plot_exponents(
    driven: LyapunovResult, noise_free: NoiseFreeExponentsResult, *, ax: Axes | None = None
) -> Axes:
    """Exponents with their intervals; open markers where some trajectories lost the direction."""
    ax = get_axes(ax)
    for result, shift, (label, look) in zip(
        (driven, noise_free), (-_SHIFT, _SHIFT), _LOOKS.items(), strict=True
    ):
        mean = result.mean_exponent
        places = np.arange(1, len(mean.value) + 1) + shift
        is_whole = np.array(result.status["n_collapsed"]) == 0
        ax.vlines(places, mean.low, mean.high, color=look["color"], linewidth=0.9)
        filled, empty = np.where(is_whole, mean.value, np.nan), np.where(is_whole, np.nan, mean.value)
        ax.plot(places, filled, linestyle="none", label=label, **look)
        ax.plot(places, empty, linestyle="none", markerfacecolor="white", **look)

    if len(noise_free.end) > 1:
        n_ends, n_exponents = noise_free.end_mean.shape
        places = np.tile(np.arange(1, n_exponents + 1) + 2.2 * _SHIFT, n_ends)
        ends: dict[str, Any] = {
            "linestyle": "none",
            "marker": "_",
            "color": MUTED_COLOR,
            "label": "noise-free, paths of one end",
        }
        ax.plot(places, noise_free.end_mean.ravel(), **ends)

    ax.axhline(0, color=EXACT_COLOR, linewidth=0.8, linestyle=":", label="0: differences stay")
    n_exponents = max(len(result.mean_exponent.value) for result in (driven, noise_free))
    ax.set_xticks(np.arange(1, n_exponents + 1))
    ax.set(
        xlabel="exponent, largest first", ylabel="Lyapunov exponent (1/step)", xlim=(0.5, n_exponents + 0.5)
    )
    ax.legend(loc="best")
    return ax


@with_style
def plot_local_exponents(
    driven: LyapunovResult, noise_free: NoiseFreeExponentsResult, *, ax: Axes | None = None
) -> Axes:
    """Share of blocks whose first finite-time exponent is below a value; lost directions count as −∞."""
    ax = get_axes(ax)
    for result, (label, look) in zip((driven, noise_free), _LOOKS.items(), strict=True):
        values = np.sort(result.local[..., 0].ravel())
        ranks = np.unique(np.linspace(0, len(values) - 1, _N_CURVE).astype(int))
        steps = result.settings["block_steps"]
        ax.plot(
            values[ranks],
            100 * (ranks + 1) / len(values),
            color=look["color"],
            drawstyle="steps-post",
            label=f"{label}, blocks of {steps} steps",
        )
    mark_growth(ax)
    of_both = " or ".join(str(result.settings["block_steps"]) for result in (driven, noise_free))
    ax.set(xlabel=f"first exponent of {of_both} steps (1/step)", ylim=(0, 100))
    ax.set_ylabel("blocks with a smaller one (%)")
    ax.legend(loc="best")
    return ax


def mark_growth(ax: Axes) -> None:
    """Say on which side of an exponent of 0 small differences grow, and on which they shrink."""
    ax.axvline(0, color=EXACT_COLOR, linewidth=0.8, linestyle=":")
    for text, offset, side in (("shrink", -4, "right"), ("grow", 4, "left")):
        ax.annotate(
            text,
            (0, 1.01),
            xytext=(offset, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            color=MUTED_COLOR,
            ha=side,
            va="bottom",
            fontsize=SMALL,
        )


def describe_lyapunov(driven: LyapunovResult, noise_free: NoiseFreeExponentsResult) -> str:
    """Caption of :func:`plot_lyapunov`."""
    return begin_with(
        _say_seen(driven),
        f"Lyapunov exponents under noise ({_say_sizes(driven)}) and without ({_say_sizes(noise_free)}).",
        f"a, Largest exponents with {100 * driven.settings['confidence']:.0f} % bootstrap intervals over "
        "trajectories. Below 0 (dotted) small differences between states shrink.",
        _say_first(driven, "driven"),
        _say_first(noise_free, "noise-free"),
        _say_ends(noise_free),
        _say_lost(driven, noise_free),
        f"b, First exponent of driven blocks of {driven.settings['block_steps']} steps and noise-free ones "
        f"of {noise_free.settings['block_steps']}: share of the blocks below each value.",
        f"Of the driven blocks {_say_share(driven)} expand for a while; of the noise-free ones, after "
        f"{noise_free.settings['align_steps']} steps, {_say_share(noise_free)}.",
    )


def _say_seen(driven: LyapunovResult) -> str:
    """Whether paths under the same noise meet."""
    largest = driven.mean_exponent[0]
    return {
        "contracts": f"Paths under the same noise meet: their largest exponent is {largest} per step.",
        "expands": f"Paths under the same noise part: their largest exponent is {largest} per step.",
        "undecided": f"Whether paths under the same noise meet is undecided: exponent {largest} per step.",
        "collapses": "Paths under the same noise meet within steps: they lose all small differences.",
    }.get(driven.status["verdict"], "Whether paths under the same noise meet is undefined.")


def _say_sizes(result: LyapunovResult) -> str:
    return f"{result.settings['n_trajectories']} trajectories of {result.settings['n_steps']} steps"


def _say_first(result: LyapunovResult, label: str) -> str:
    first = result.mean_exponent[0]
    return f"First {label} exponent: {first}, {result.status['verdict']}."


def _say_ends(noise_free: NoiseFreeExponentsResult) -> str:
    if len(noise_free.end) < 2:
        return ""
    ends = " ".join(
        f"{capitalise(end)}: {format_number(float(mean))} ({100 * share:.0f} % of the paths)."
        for end, mean, share in zip(
            list_ends(noise_free), noise_free.end_mean[:, 0], noise_free.end_share, strict=True
        )
    )
    return f"Dashes: means of the noise-free paths that come to each end. First exponents by end. {ends}"


def _say_lost(*results: LyapunovResult) -> str:
    parts = [
        f"{', '.join(map(str, result.status['n_collapsed']))} of {len(result.local)} {label}"
        for result, label in zip(results, _LOOKS, strict=True)
        if any(result.status["n_collapsed"])
    ]
    if not parts:
        return ""
    return (
        "Open: some trajectories lost the direction at a step with too few active neurons. Their exponent, "
        f"−∞, is left out of the mean ({'; '.join(parts)} trajectories, by exponent)."
    )


def _say_share(result: LyapunovResult) -> str:
    return f"{format_number(100 * float((result.local[..., 0] > 0).mean()))} %"


FIGURES = (
    Drawing("exponents", plot_lyapunov, describe_lyapunov, shows=("exponents", "noise_free_exponents")),
)
