"""Fixed and slow points of the noise-free map: how slow they are, how many starts found them, how stable."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.noise_free.fixed_points import FixedPointResult
from ..drawing import Drawing
from ..sentence_figure import write_sentence
from ..sentences import begin_with, count
from ..style import (
    BAND_COLOR,
    EXACT_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    format_ticks,
    get_axes,
    label_panels,
    with_style,
)
from ..symbol_names import name_symbol

_LOOKS: dict[str, dict[str, Any]] = {
    "fixed": {"color": NETWORK_COLOR, "marker": "o", "markersize": 6.0},
    "ray": {"color": NETWORK_COLOR, "marker": "D", "markersize": 5.0},
    "slow": {"color": MUTED_COLOR, "marker": "o", "markersize": 4.0},
}
_LABELS = {"fixed": "fixed point", "ray": "ray of fixed points", "slow": "slow point"}
_FILLINGS: tuple[tuple[bool, dict[str, Any]], ...] = ((True, {}), (False, {"markerfacecolor": "white"}))
"""Of points that converged, and that did not."""

_MOST_NAMED = 4
_MOST_TICKS = 6


@with_style
def plot_fixed_points(result: FixedPointResult) -> Figure:
    """Starts that ended at each point and its spectral radius, against its speed.

    A sentence where the origin is fixed by an identity and nothing else is.
    """
    if _is_identity(result):
        return write_sentence(f"{_say_seen(result)} {_say_slow(result)}")
    figure = build_figure(WIDTH, 2.6)
    left, right = figure.subplots(1, 2)
    plot_starts(result, ax=left)
    plot_radii(result, ax=right)
    label_panels([left, right])
    return figure


@with_style
def plot_starts(result: FixedPointResult, *, ax: Axes | None = None) -> Axes:
    """How many starts ended at each point, against its speed; a column of their own for fixed ones."""
    ax = get_axes(ax)
    _draw(ax, result, result.n_starts.astype(float))
    ax.set_yscale("symlog", linthresh=1)
    format_ticks(ax.yaxis)
    ax.set(ylabel="starts that ended there", ylim=(-0.4, 6 * max(1, result.n_starts.max())))
    ax.legend(loc="upper right", ncols=2)
    return ax


@with_style
def plot_radii(result: FixedPointResult, *, ax: Axes | None = None) -> Axes:
    """Spectral radius of each point against its speed; a strip below for points without a derivative."""
    ax = get_axes(ax)
    is_known = np.isfinite(result.spectral_radius)
    known = np.append(result.spectral_radius[is_known], 1.0)
    margin = 0.12 * max(np.ptp(known), 0.5)
    bottom, top, strip = known.min() - margin, known.max() + margin, known.min() - 2 * margin
    _draw(ax, result, np.where(is_known, result.spectral_radius, strip))
    ax.axhline(1, color=EXACT_COLOR, linewidth=0.8, linestyle=":")
    ax.set(ylabel="spectral radius", ylim=(bottom, top))
    if not is_known.all():
        ax.axhspan(strip - margin, bottom, color=BAND_COLOR, zorder=0, linewidth=0)
        ticks = [tick for tick in ax.get_yticks() if bottom < tick < top]
        ax.set_yticks([strip, *ticks], ["none", *(format_number(tick) for tick in ticks)])
        ax.set_ylim(strip - margin, top)
    return ax


def describe_fixed_points(result: FixedPointResult) -> str:
    """Caption of :func:`plot_fixed_points`."""
    status, settings = result.status, result.settings
    counts = {kind: int((result.kind == kind).sum()) for kind in _LABELS}
    where = "on the sphere with q/‖h‖²" if status["homogeneous"] else "with q"
    share = status["n_unconverged_starts"] / settings["n_starts"]
    return begin_with(
        _say_seen(result),
        f"Minima of q = ½‖F(h) − h‖² of the noise-free map F, searched {where} from {settings['n_starts']} "
        "driven states.",
        f"Found: {count(counts['fixed'], 'fixed point')}, {count(counts['ray'], 'ray')} of fixed points, "
        f"{count(counts['slow'], 'slow point')}.",
        _say_fixed(result),
        _say_slow(result),
        f"{100 * share:.3g} % of the starts did not converge, or end at a kink of F.",
        "" if _is_identity(result) else _describe_panels(result),
    )


def _describe_panels(result: FixedPointResult) -> str:
    size = "‖h‖" if result.status["homogeneous"] else "the mean ‖h‖ of the starts"
    return (
        "a, Starts that ended at each point, against its speed. "
        f"The speed is the length of a step as a share of {size}; fixed points stand side by side (shaded). "
        "Open: not converged, or at a kink. b, Largest |λ| of the Jacobian. Above 1 (dotted) fixed points "
        "are unstable; at slow points this does not decide. None: no derivative, at a kink of F "
        f"({count(result.status['n_without_spectrum'], 'point')})."
    )


def _is_identity(result: FixedPointResult) -> bool:
    """Whether the origin is fixed because the map is homogeneous, and nothing else is."""
    return bool(result.status["homogeneous"]) and "ray" not in result.kind.tolist()


def _say_seen(result: FixedPointResult) -> str:
    if _is_identity(result):
        return "The origin is the only fixed point: the map is homogeneous, and no fixed ray was found."
    fixed, n_rays = result.kind == "fixed", int((result.kind == "ray").sum())
    if n_rays:
        return f"The homogeneous map has {count(n_rays, 'ray')} of fixed points through the origin."
    if not fixed.any():
        return f"No point of the noise-free map is fixed; it has {count(len(fixed), 'slow point')}."
    n_unstable = int((result.n_unstable[fixed] > 0).sum())
    return f"The noise-free map has {count(int(fixed.sum()), 'fixed point')}, {n_unstable} of them unstable."


def _draw(ax: Axes, result: FixedPointResult, heights: np.ndarray) -> None:
    """Draw each point at its relative speed, fixed ones side by side in a column at the left."""
    is_slow = result.kind == "slow"
    x = result.speed / result.status["scale"]
    low, high = (x[is_slow].min() / 2, x[is_slow].max() * 2) if is_slow.any() else (1.0, 1.0)
    left = low * (low / high) ** 0.4 if is_slow.any() else 0.1
    x[~is_slow] = np.geomspace(left, low, int((~is_slow).sum()) + 2)[1:-1]
    ax.axvspan(left, low, color=BAND_COLOR, zorder=0, linewidth=0)
    for kind, look in _LOOKS.items():
        is_kind, label = result.kind == kind, _LABELS[kind]
        for is_done, filling in _FILLINGS:
            chosen = is_kind & (result.converged == is_done)
            if chosen.any():
                ax.plot(x[chosen], heights[chosen], linestyle="none", label=label, **look, **filling)
                label = None
    ax.set(xscale="log", xlim=(left, high), xlabel="relative speed (1/step)")
    ticks = _choose_ticks(low, high) if is_slow.any() else []
    ax.set_xticks([np.sqrt(left * low), *ticks], ["0", *(format_number(tick) for tick in ticks)])
    ax.minorticks_off()


def _choose_ticks(low: float, high: float) -> list[float]:
    """A few round numbers between two limits, for a logarithmic axis."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    factors = (1, 2, 5) if np.log10(high / low) < 1.5 else (1, 3) if np.log10(high / low) < 2.5 else (1,)
    ticks = [factor * 10.0**decade for decade in decades for factor in factors]
    inside = [tick for tick in ticks if low < tick < high]
    return inside[:: -(-len(inside) // _MOST_TICKS) or 1]


def _say_fixed(result: FixedPointResult) -> str:
    chosen = np.flatnonzero(result.kind != "slow")
    if not len(chosen):
        return "No point is fixed."
    sentences = []
    for i in chosen[:_MOST_NAMED].tolist():
        radius = float(result.spectral_radius[i])
        stability = "no derivative" if np.isnan(radius) else f"|λ| ≤ {format_number(radius)}"
        n_starts = count(int(result.n_starts[i]), "start")
        sentences.append(f"Fixed: {_name_point(result, i)} ({n_starts}, {stability}).")
    more = [f"{len(chosen) - _MOST_NAMED} more are fixed."] if len(chosen) > _MOST_NAMED else []
    return " ".join([*sentences, *more])


def _name_point(result: FixedPointResult, point: int) -> str:
    norm, symbol = float(np.linalg.norm(result.points[point])), int(result.symbol[point])
    if norm == 0:
        return "the origin"
    of_symbol = f" of symbol {name_symbol(result, symbol)}" if symbol >= 0 else ""
    return f"a {_LABELS[str(result.kind[point])]}{of_symbol} with ‖h‖ = {format_number(norm)}"


def _say_slow(result: FixedPointResult) -> str:
    speed = result.speed[result.kind == "slow"] / result.status["scale"]
    if not len(speed):
        return ""
    low, high = format_number(float(speed.min())), format_number(float(speed.max()))
    return f"Speeds of the slow points: {low} to {high} of their size per step."


FIGURES = (Drawing("fixed_points", plot_fixed_points, describe_fixed_points),)
