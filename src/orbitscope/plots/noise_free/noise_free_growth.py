"""Growth without noise: how activity fades or grows once the noise stops, and where it comes to rest."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...dynamics.noise_free.noise_free_growth import LIMIT_CONFIDENCE, NoiseFreeGrowthResult
from ..drawing import Drawing
from ..sentences import begin_with, capitalise, count
from ..style import (
    EXACT_COLOR,
    FLOOR_COLOR,
    MUTED_COLOR,
    NETWORK_COLOR,
    WIDTH,
    build_figure,
    format_number,
    get_axes,
    get_symbol_color,
    label_panels,
    with_style,
)
from ..symbol_names import list_ends, name_symbol

_BANDS = (("all states", 0, 6, 0.15), ("90 %", 1, 5, 0.25), ("50 %", 2, 4, 0.4))
"""Label, rows of the lower and upper quantile, opacity."""

_SHOWN_STEPS = 100
_MOST_ENDS = 6
_N_BINS = 50


@with_style
def plot_noise_free_growth(result: NoiseFreeGrowthResult) -> Figure:
    """Size of activity after the noise has stopped, and the rates or ends of its paths."""
    figure = build_figure(WIDTH, 2.5)
    left, right = figure.subplots(1, 2)
    plot_log_growth(result, ax=left)
    if result.status["homogeneous"]:
        plot_rates(result, ax=right)
    else:
        plot_ends(result, ax=right)
    label_panels([left, right])
    return figure


@with_style
def plot_log_growth(result: NoiseFreeGrowthResult, *, ax: Axes | None = None) -> Axes:
    """Log of the size relative to the start against time: median and bands over states."""
    ax = get_axes(ax)
    shown = result.log_growth[:, : _SHOWN_STEPS + 1]
    growth, time = np.where(np.isfinite(shown), shown, np.nan), np.arange(shown.shape[1])
    for label, low, high, opacity in _BANDS:
        ax.fill_between(
            time, growth[low], growth[high], color=NETWORK_COLOR, alpha=opacity, linewidth=0, label=label
        )
    ax.plot(time, growth[3], color=NETWORK_COLOR, label="median")
    ax.axhline(0, color=MUTED_COLOR, linewidth=0.6, zorder=1)
    start = "‖h(0)‖" if result.status["homogeneous"] else "mean ‖h(0)‖"
    ax.set(xlabel="time since the noise stopped (steps)", ylabel=f"log (‖h(t)‖ / {start})")
    ax.set_xlim(0, time[-1])
    ax.legend(loc="best")
    return ax


@with_style
def plot_rates(result: NoiseFreeGrowthResult, *, ax: Axes | None = None) -> Axes:
    """Histogram of the rates of a homogeneous map, coloured by the symbol of the ray; cycles are grey."""
    ax = get_axes(ax)
    is_living = np.isfinite(result.rate)
    symbol = np.append(result.end_symbol, -1)[result.end]
    bars = []
    for kind in [*np.unique(result.end_symbol).tolist(), -1]:
        rates = result.rate[is_living & (symbol == kind)]
        label = "cycles" if kind < 0 else f"rays of symbol {name_symbol(result, kind)}"
        color = MUTED_COLOR if kind < 0 else get_symbol_color(kind)
        if len(rates):
            bars.append((rates, f"{label}: {100 * len(rates) / len(symbol):.3g} %", color))

    if bars:
        groups, labels, colors = zip(*bars, strict=True)
        everything = np.concatenate([*groups, [0.0, -1e-3]])
        bins = np.linspace(everything.min(), everything.max(), _N_BINS).tolist()
        ax.hist(groups, bins=bins, stacked=True, color=colors, label=labels, linewidth=0)
        ax.set_ylim(0, ax.get_ylim()[1] * (1 + 0.13 * len(bars)))
        ax.legend(loc="upper left")

    ax.axvline(0, color=EXACT_COLOR, linewidth=0.8, linestyle=":")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set(xlabel="rate of growth (1/step)", ylabel="states")
    return ax


@with_style
def plot_ends(result: NoiseFreeGrowthResult, *, ax: Axes | None = None) -> Axes:
    """Share of the states that come to each end, coloured by its symbol; what moves or diverges is grey."""
    ax = get_axes(ax)
    colors = [get_symbol_color(symbol) for symbol in result.end_symbol.tolist()]
    rows = list(zip(list_ends(result), result.end_share, colors, strict=True))[:_MOST_ENDS]
    diverged = result.status["diverged_share"]
    rows += [
        (
            f"{len(result.end_share) - _MOST_ENDS} other ends",
            result.end_share[_MOST_ENDS:].sum(),
            MUTED_COLOR,
        ),
        ("still moving", 1 - result.end_share.sum() - diverged, FLOOR_COLOR),
        ("diverged", diverged, EXACT_COLOR),
    ]
    rows = [row for row in rows if row[1] > 1e-12]

    labels, shares, colors = zip(*rows, strict=True)
    places = np.arange(len(rows))[::-1]
    ax.barh(places, shares, height=0.6, color=colors, linewidth=0)
    ax.set_yticks(places, labels)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="share of the states", xlim=(0, 1), ylim=(-0.8, len(rows) - 0.2))
    return ax


def describe_noise_free_growth(result: NoiseFreeGrowthResult) -> str:
    """Caption of :func:`plot_noise_free_growth`."""
    settings, status = result.settings, result.status
    n_steps = settings["settle_steps"] + settings["n_steps"]
    start = (
        _say_verdict(result),
        f"Noise-free paths from {count(settings['n_points'], 'driven state')}.",
        "a, Log of the size of the state relative to the start, in the first "
        f"{min(_SHOWN_STEPS, n_steps)} steps. Line: median. Bands hold 50 %, 90 % and all of the states.",
    )
    if not status["homogeneous"]:
        return begin_with(
            *start,
            f"b, Where paths are after {n_steps} steps. An end is a point at which they come to rest: "
            f"{count(len(result.end_share), 'end')}.",
            f"{_say_share(status['settled_share'])} of the paths rest, "
            f"{_say_share(status['diverged_share'])} diverged.",
        )
    return begin_with(
        *start,
        "The map is homogeneous: the origin is its only isolated fixed point (an identity). Paths follow "
        "rays or keep turning.",
        f"b, Rates over {settings['n_steps']} steps after {settings['settle_steps']}: mean "
        f"{format_number(result.mean_rate)}, largest {format_number(result.largest_rate)} per step. "
        "Dotted: 0.",
        _say_growing(result),
        _say_directions(result),
    )


def _say_verdict(result: NoiseFreeGrowthResult) -> str:
    """What becomes of activity without noise."""
    status, n_ends = result.status, count(len(result.end_share), "point")
    growing, diverged = (_say_share(status.get(f"{name}_share", 0)) for name in ("growing", "diverged"))
    moving = _say_share(1 - status.get("settled_share", 0) - status.get("diverged_share", 0))
    return {
        "decays": "Without noise activity dies out.",
        "grows": f"Without noise activity grows from {growing} of the states.",
        "neutral": "Without noise activity neither grows nor dies out.",
        "settles": f"Without noise activity comes to rest, at {n_ends}.",
        "moves": f"Without noise activity goes on moving from {moving} of the states.",
        "diverges": f"Without noise activity grows without bound from {diverged} of the states.",
    }[str(status["verdict"])]


def _say_share(share: float | int) -> str:
    return f"{100 * share:.3g} %"


def _say_growing(result: NoiseFreeGrowthResult) -> str:
    status = result.status
    return (
        f"{_say_share(status['growing_share'])} of the states grow (upper {100 * LIMIT_CONFIDENCE:.0f} % "
        f"limit {100 * status['growing_share_limit']:.2g} %). {_say_share(status['died_share'])} fell silent."
    )


def _say_directions(result: NoiseFreeGrowthResult) -> str:
    rays = [
        f"{capitalise(name)}: {_say_share(share)} of the states, rate {format_number(float(rate))}."
        for name, share, rate in zip(list_ends(result), result.end_share, result.end_rate, strict=True)
    ]
    if not rays:
        return "No path came to a fixed direction."
    more = [f"{len(rays) - _MOST_ENDS} more rays."] if len(rays) > _MOST_ENDS else []
    return " ".join([*rays[:_MOST_ENDS], *more])


FIGURES = (Drawing("noise_free_growth", plot_noise_free_growth, describe_noise_free_growth),)
