"""Pre-activation of the first neurons before, at and after a decision, beside the published signature."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ...circuit.carriers import CarrierResult
from ...circuit.signature import NEAR_ZERO, POSITIVE, STRONGLY_NEGATIVE
from ...statistics import adjust_holm
from ..nulls import join
from ..sentences import begin_with, count
from ..style import (
    BAND_COLOR,
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

_BOUNDS = ((-np.inf, STRONGLY_NEGATIVE), (-NEAR_ZERO, NEAR_ZERO), (POSITIVE, np.inf))
"""Of the published signature, at each moment."""

_KINDS: dict[str, dict[str, Any]] = {
    "other of the first": {"color": FLOOR_COLOR, "linewidth": 0.7, "zorder": 2},
    "carrier": {"color": EXACT_COLOR, "linewidth": 0.9, "zorder": 3},
    "with the signature": {"color": NETWORK_COLOR, "linewidth": 1.3, "zorder": 4},
}
"""Lines of profiles. Carriers have dots."""

_MOST_PANELS = 6
_PER_ROW = 3

MOST_NAMED = 2
"""Directions that a first sentence names."""


@with_style
def plot_carrier_profiles(result: CarrierResult) -> Figure:
    """Pre-activation of the first neurons of each direction, beside the published signature."""
    shown = _choose_directions(result)
    n_rows = -(-len(shown) // _PER_ROW)
    n_columns = -(-len(shown) // n_rows)
    figure = build_figure(WIDTH if len(shown) > 1 else WIDTH / 2, 0.4 + 2.2 * n_rows)
    axes = figure.subplots(n_rows, n_columns, sharey=True, squeeze=False).ravel()
    for ax, d in zip(axes, shown, strict=False):
        plot_profiles(result, d, ax=ax)
        if ax not in axes[::n_columns]:
            ax.set_ylabel("")
    for ax in axes[len(shown) :]:
        ax.remove()
    if len(shown) > 1:
        label_panels(axes[: len(shown)].tolist())
    lines = [Line2D([], [], marker="o" if name == "carrier" else "", **look) for name, look in _KINDS.items()]
    shade = Patch(color=BAND_COLOR, linewidth=0)
    labels = [*_KINDS, "bounds of the signature"]
    figure.legend([*lines, shade], labels, loc="outside upper right", ncols=4 if len(shown) > 1 else 2)
    return figure


@with_style
def plot_profiles(result: CarrierResult, direction: int, *, ax: Axes | None = None) -> Axes:
    """Mean pre-activation of the first neurons by effect at three moments; bounds of the signature shaded."""
    ax = get_axes(ax)
    places = np.arange(len(result.moment))
    first = rank_neurons(result, direction)[: find_size(result)]
    values, reach = result.preactivation[direction][:, first], _find_reach(result)
    for place, (low, high) in zip(places, _BOUNDS, strict=True):
        low, high = max(low, -reach), min(high, reach)
        ax.bar(place, high - low, 0.5, bottom=low, color=BAND_COLOR, linewidth=0, zorder=0)
    for neuron, row in zip(first, values.T, strict=True):
        kind = _find_kind(result, direction, int(neuron))
        if np.isfinite(row).all():
            ax.plot(places, row, **_KINDS[kind], marker="o" if result.is_carrier[direction, neuron] else "")
    if not np.isfinite(values).any():
        ax.text(0.5, 0.5, "this cell has no\npre-activation", transform=ax.transAxes, ha="center")
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    ax.set_xticks(places, [f"{name}\n({lead})" for name, lead in zip(*_list_moments(result), strict=True)])
    ax.tick_params(axis="x", length=0)
    ax.set(ylabel="mean pre-activation (sd)", xlim=(-0.4, 2.4), ylim=(-reach, reach))
    ax.set_title(result.direction[direction])
    return ax


def _find_kind(result: CarrierResult, direction: int, neuron: int) -> str:
    """What a line of a profile stands for; a carrier with the signature is drawn as one with it."""
    if result.has_signature[direction, neuron]:
        return "with the signature"
    return "carrier" if result.is_carrier[direction, neuron] else "other of the first"


def _find_reach(result: CarrierResult) -> float:
    """Largest pre-activation of the first neurons in any panel, with room."""
    size = find_size(result)
    shown = [result.preactivation[d][:, rank_neurons(result, d)[:size]] for d in _choose_directions(result)]
    return max(2.0, 1.1 * float(np.abs(np.nan_to_num(shown)).max()))


def _list_moments(result: CarrierResult) -> tuple[list[str], list[str]]:
    """Names of the moments, and their steps before the switch."""
    lead = int(result.lead)
    leads = [lead + int(result.settings["apart"]), lead, 0]
    return ["before", "half-lead", "switch"], [f"−{k}" if k else "0" for k in leads]


def find_size(result: CarrierResult) -> int:
    """Neurons of the sets that are compared."""
    return min(int(result.settings["n_together"]), len(result.neuron))


def find_main(result: CarrierResult) -> int:
    """The direction with most twins; of several, that with most carriers."""
    return int(np.lexsort((result.is_carrier.sum(1), result.n_twins))[-1])


def rank_neurons(result: CarrierResult, direction: int) -> np.ndarray:
    """Neurons by falling effect."""
    return np.argsort(-result.effect.value[direction], kind="stable")


def _choose_directions(result: CarrierResult) -> list[int]:
    """Directions that have a panel: all, or those with most twins."""
    return sorted(np.argsort(-result.n_twins, kind="stable")[:_MOST_PANELS].tolist())


def describe_carrier_profiles(result: CarrierResult) -> str:
    """Caption of :func:`plot_carrier_profiles`."""
    size, shown = find_size(result), _choose_directions(result)
    few = f"The {count(len(shown), 'direction')} with most twins, of {len(result.direction)}."
    return begin_with(
        _say_signature(result),
        f"Mean pre-activation of the first {size} neurons by effect, in standard deviations of each neuron. "
        "Moments: steps before the first step of the new symbol.",
        "Shaded: bounds of the published signature, −1 or less, within ±½, ½ or more. "
        "Red: neurons that keep to all three. Black, with dots: carriers.",
        _list_signatures(result),
        _say_mirrored(result),
        few if len(shown) < len(result.direction) else "",
    )


def _say_signature(result: CarrierResult) -> str:
    """In which directions the first neurons have the published signature more often than random sets."""
    is_known = np.isfinite(result.signature)
    if not is_known.any():
        return "The published signature is not tested: this cell has no pre-activation."
    corrected = adjust_holm(result.random_sets.p_value[is_known])
    names = result.direction[is_known][corrected <= result.settings["alpha"]].tolist()
    if names:
        where = join(names) if len(names) <= MOST_NAMED else f"{len(names)} of {is_known.sum()} directions"
        return f"The first neurons have the published signature more often than random sets: {where}."
    if not result.signature[is_known].any():
        return "None of the first neurons has the published signature."
    return "The first neurons have the published signature no more often than random sets."


def _list_signatures(result: CarrierResult) -> str:
    """Share of the first neurons with the signature, of each direction."""
    found = [
        f"{name} {format_number(100 * float(result.signature[i]))} % (by chance up to "
        f"{format_number(100 * float(result.random_sets.quantile[i]))} %, "
        f"p = {format_number(float(result.random_sets.p_value[i]), digits=2)})"
        for i, name in enumerate(result.direction.tolist())
        if np.isfinite(result.signature[i])
    ]
    corrected = (
        "" if len(found) < 2 else " The first sentence corrects p for the number of directions (Holm)."
    )
    return f"Share with it: {'; '.join(found)}.{corrected}" if found else ""


def _say_mirrored(result: CarrierResult) -> str:
    """In which directions the first neurons fall silent, where the published ones fire."""
    is_known = np.isfinite(result.mirrored)
    if not is_known.any():
        return ""
    shares = [
        f"{name} {format_number(100 * share)} % (p = {format_number(p_value, digits=2)})"
        for name, share, p_value in zip(
            result.direction[is_known].tolist(),
            result.mirrored[is_known].tolist(),
            result.mirrored_sets.p_value[is_known].tolist(),
            strict=True,
        )
    ]
    return f"With the opposite course: {'; '.join(shares)}."
