"""Profiles of neurons: activity and active share in each region, neurons in the order of their activity."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...dynamics.regions.neuron_profiles import NeuronProfileResult
from ...statistics import Estimate
from ..drawing import Drawing
from ..sentences import begin_with
from ..style import REGION_COLORS, WIDTH, build_figure, get_axes, label_panels, with_style


@with_style
def plot_neuron_profiles(result: NeuronProfileResult) -> Figure:
    """Mean activity and active share of every neuron, in each region."""
    figure = build_figure(WIDTH, 3.6)
    above, below = figure.subplots(2, 1, sharex=True)
    plot_profile(result, result.activity, ax=above)
    plot_profile(result, result.active_share, scale=100, ax=below)
    above.set(ylabel="mean activity")
    above.legend(loc="upper right", title="region")
    below.set(ylabel="states with the\nneuron active (%)", ylim=(0, 100))
    below.set_xlabel("neurons, in the order of their mean activity in slow states")
    label_panels([above, below])
    return figure


@with_style
def plot_profile(
    result: NeuronProfileResult, values: Estimate, *, scale: float | int = 1, ax: Axes | None = None
) -> Axes:
    """One measure of every neuron in each region, with its interval as a band."""
    ax = get_axes(ax)
    order = sort_neurons(result)
    place = np.arange(len(order))
    for i, name in enumerate(result.region.tolist()):
        row, color = values[i, order], REGION_COLORS[name]
        if np.isfinite(row.value).any():
            ax.fill_between(place, scale * row.low, scale * row.high, color=color, alpha=0.25, linewidth=0)
            ax.plot(place, scale * row.value, color=color, linewidth=0.9, label=name)
    ax.set(xlim=(-0.5, len(order) - 0.5))
    return ax


def sort_neurons(result: NeuronProfileResult) -> np.ndarray:
    """Neurons by their mean activity in the first region that has states, largest first."""
    filled = np.flatnonzero(result.n_points > 0)
    return np.argsort(-result.activity.value[filled[0]], kind="stable")


def describe_neuron_profiles(result: NeuronProfileResult) -> str:
    """Caption of :func:`plot_neuron_profiles`."""
    names = result.region.tolist()
    active = ", ".join(f"{name} {result.n_active[i]}" for i, name in enumerate(names))
    effective = ", ".join(f"{name} {result.n_effective[i]}" for i, name in enumerate(names))
    return begin_with(
        _say_seen(result),
        "a, Mean activity of each neuron over the states of a region.",
        "b, Share of these states in which it is active.",
        f"Active neurons in a state: {active}.",
        f"Effective number by mean activity: {effective}.",
        f"Bands: {100 * result.settings['confidence']:.0f} %, bootstrap over trajectories.",
    )


def _say_seen(result: NeuronProfileResult) -> str:
    """How alike the profiles of kick and slow states are."""
    cosine = result.kick_slow_cosine
    if np.isnan(cosine.value):
        return "Profiles of kick and slow states cannot be compared: one of the regions has no states."
    return f"Mean activity in kick and in slow states has the cosine {cosine}."


FIGURES = (Drawing("neuron_profiles", plot_neuron_profiles, describe_neuron_profiles),)
