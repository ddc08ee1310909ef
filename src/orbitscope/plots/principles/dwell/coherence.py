"""Regularity of dwells by dose of the noise, or of a part of it."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ....principles.dwell.coherence import NAMES, CoherenceResult
from ....principles.dwell.coherence_shapes import SHAPES
from ...drawing import Drawing
from ...sentences import begin_with, capitalise
from ...style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    get_axes,
    label_panels,
    set_log_y,
    with_style,
)

_LOOKS: dict[str, dict[str, Any]] = {
    "all": {"color": NETWORK_COLOR, "linestyle": "-", "marker": "o"},
    "deciding": {"color": EXACT_COLOR, "linestyle": "--", "marker": "s"},
    "rest": {"color": MUTED_COLOR, "linestyle": "-.", "marker": "^"},
    "population": {"color": "#D98A8E", "linestyle": "-", "marker": "D"},
}
"""The network is red; what only a part of its noise does is told by lines and markers."""

_SHIFT = 1.03
"""Factor between the doses of two parts on the axis, so that intervals do not cover each other."""

_TITLES = {"decoded": "decoded states", "argmax": "runs of the most probable symbol"}


@with_style
def plot_coherence(result: CoherenceResult) -> Figure:
    """CV and mean by dose, of decoded dwells and of runs of the most probable symbol."""
    figure = build_figure(WIDTH, 4.2)
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for k, kind in enumerate(result.kind.tolist()):
        plot_by_dose(result, "cv", k, ax=axes[0, k])
        plot_by_dose(result, "mean", k, ax=axes[1, k])
        axes[0, k].set(title=_TITLES[kind], xlabel="")
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    axes[0, 0].set_ylim(bottom=0)
    if (np.nan_to_num(result.mean.value) > 0).any():
        set_log_y(axes[1, 0])
    handles, labels = axes[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    label_panels(axes.ravel().tolist())
    return figure


@with_style
def plot_by_dose(result: CoherenceResult, name: str, k: int, *, ax: Axes | None = None) -> Axes:
    """One measure of one kind of dwell by dose, a line for each part of the noise, and the process."""
    ax = get_axes(ax)
    process = getattr(result, f"process_{name}")[k]
    if np.isfinite(process.value):
        ax.axhspan(float(process.low), float(process.high), color=FLOOR_COLOR, alpha=0.35, linewidth=0)
        ax.axhline(float(process.value), color=FLOOR_COLOR, linewidth=0.8, label="process sample", zorder=0)
    n_parts = len(result.noise_part)
    for p, part in enumerate(result.noise_part.tolist()):
        found, at = getattr(result, name)[p, :, k], result.dose * _SHIFT ** (p - (n_parts - 1) / 2)
        ax.vlines(at, found.low, found.high, color=_LOOKS[part]["color"], linewidth=1.2)
        ax.plot(at, found.value, markersize=3.5, linewidth=0.8, label=NAMES[part], **_LOOKS[part])
    ax.set_xscale("log", base=2)
    ax.set_xticks(result.dose, [f"{dose:g}" for dose in result.dose.tolist()])
    ax.minorticks_off()
    labels = {"cv": "CV of dwells", "mean": "mean dwell (steps)"}
    ax.set(xlabel="dose: factor of this noise", ylabel=labels[name])
    return ax


def describe_coherence(result: CoherenceResult) -> str:
    """Caption of :func:`plot_coherence`."""
    settings = result.settings
    sizes = ", ".join(
        f"{NAMES[part]} ({size})"
        for part, size in zip(result.noise_part.tolist(), result.part_size.tolist(), strict=True)
        if size
    )
    return begin_with(
        _say_seen(result),
        "A part of the noise is halved or doubled, on the same random numbers.",
        f"Parts and their directions or neurons: {sizes}." if sizes else "",
        "a, c, Dwells of states decoded from drawn symbols. b, d, Runs of the most probable symbol.",
        _say_parts(result),
        _say_identity(result),
        f"A CV within {100 * settings['margin']:.0f} % of that at dose 1 counts as level. Self-induced "
        "stochastic resonance would show as a CV that falls with the noise, or has a minimum.",
        "Grey: sample of the process." if np.isfinite(result.process_cv.value).any() else "",
        f"Bars: {100 * settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_seen(result: CoherenceResult) -> str:
    """What all noise does to both kinds of dwells."""
    decoded, argmax = (SHAPES[word] for word in result.shape[0].tolist())
    return (
        f"Under more noise the CV of decoded dwells {decoded}; that of runs of the most probable symbol "
        f"{argmax}."
    )


def _say_parts(result: CoherenceResult) -> str:
    """The same of parts of the noise, each part a sentence."""
    sentences = []
    for p, part in enumerate(result.noise_part.tolist()):
        decoded, argmax = (SHAPES[word] for word in result.shape[p].tolist())
        if p:
            sentences.append(
                f"{capitalise(NAMES[part])}: the CV {decoded} (decoded), {argmax} (most probable symbol)."
            )
    return " ".join(sentences)


def _say_identity(result: CoherenceResult) -> str:
    if not result.status["is_identity"]:
        return ""
    text = (
        "The network scales with its noise. So all noise cannot change its most probable symbols, and "
        "acts on "
        "drawn ones as an inverse temperature."
    )
    if {"deciding", "rest"} <= set(result.noise_part.tolist()):
        text += (
            " For the same reason doubling the deciding directions is halving all others in panels b and d."
        )
    return text


FIGURES = (Drawing("coherence", plot_coherence, describe_coherence),)
