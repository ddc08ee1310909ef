from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_slow_ring
from part_functions import compute_regions

from orbitscope.dynamics.regions.circulation import measure_circulation
from orbitscope.plots.regions.circulation import (
    describe_circulation,
    plot_circulation,
    plot_cycle_counts,
    plot_net_circulation,
    plot_visits,
)
from orbitscope.plots.style import format_number
from orbitscope.statistics import Estimate


def run(labels):
    return measure_circulation(labels, n_null=99, rng=np.random.default_rng(0))


def draw_labels():
    return np.random.default_rng(1).choice(3, p=[0.4, 0.3, 0.3], size=(30, 60))


@pytest.fixture(scope="module")
def regions():
    small = {"n_trajectories": 12, "n_steps": 30, "burn_in": 30, "n_rollouts": 4, "n_resamples": 100}
    return compute_regions(make_slow_ring(), generator=torch.Generator().manual_seed(1), **small)


def test_points_are_the_net_share_of_visits_with_interval_and_both_counts(regions):
    ax = plot_visits(regions)
    drawn = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(drawn, [regions.net_share.value[i, j] for i, j in ((0, 1), (1, 2), (2, 0))])
    limits = [lines.get_segments()[0][:, 0] for lines in ax.collections]
    order = regions.net_share[[0, 1, 2], [1, 2, 0]]
    np.testing.assert_allclose(limits, np.stack([order.low, order.high], axis=1))
    assert ax.texts[0].get_text() == f"{regions.visits[0, 1]} : {regions.visits[1, 0]}"
    assert ax.get_yticklabels()[0].get_text() == "slow → kick"
    assert (
        ax.get_title(loc="left") == f"net flux {format_number(float(regions.net_flux))} cycles per 100 steps"
    )


def test_bars_are_the_cycles_in_both_directions_with_their_numbers():
    result = run(draw_labels())
    ax = plot_cycle_counts(result)
    widths = [[patch.get_width() for patch in bars] for bars in ax.containers]
    np.testing.assert_array_equal(widths, [result.n_forward, result.n_backward])
    numbers = [text.get_text() for text in ax.texts]
    assert numbers == [str(n) for n in [*result.n_forward, *result.n_backward]]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["slow → kick → transition → slow", "slow → transition → kick → slow"]


def test_circulation_stands_with_its_interval_beside_zero_and_a_half():
    result = run(draw_labels())
    ax = plot_net_circulation(result)
    dots = next(line for line in ax.lines if line.get_marker() == "o")
    np.testing.assert_allclose(dots.get_xdata(), result.circulation.value)
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, 0, 0], result.circulation.low)
    np.testing.assert_allclose(segments[:, 1, 0], result.circulation.high)
    verticals = [line.get_xdata()[0] for line in ax.lines if line.get_marker() != "o"]
    assert verticals == [0, 0.5]
    assert ax.get_xlim() == (-1, 1)
    assert [text.get_text() for text in ax.texts] == ["reversible", "one-way"]


def test_the_caption_has_the_numbers_of_the_result(regions):
    result = run(draw_labels())
    assert len(plot_circulation(result, regions).get_axes()) == 3
    caption = describe_circulation(result, regions)
    assert f"{int(result.n_excursions)} stretches" in caption
    flux = regions.net_flux
    value, low, high = (format_number(float(number)) for number in (flux.value, flux.low, flux.high))
    assert f"net flux {value} [{low}, {high}] cycles per 100 steps" in caption
    for i, name in enumerate(("direct", "any")):
        counts = f"{name.capitalize()}: {result.n_forward[i]} forward and {result.n_backward[i]} backward"
        assert counts in caption
        assert f"worth {format_number(float(result.n_effective[i]))} independent cycles" in caption
        assert f"circulation is {format_number(float(result.circulation[i]))} [" in caption


def test_missing_cycles_are_said_to_be_missing(regions):
    none = run(np.tile([0, 1], (5, 10)))
    figure = plot_circulation(none, regions)
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.get_axes()[1].texts]
    assert texts[:2] == ["no cycles", "no cycles"]
    caption = describe_circulation(none, regions)
    assert "circulation is undefined, p = undefined" in caption
    assert caption.startswith("**Activity makes no cycle of slow, kick and transition.**")
    labels = np.zeros((30, 8), dtype=int)
    labels[0] = [0, 1, 2, 0, 2, 1, 0, 0]
    texts = [text.get_text() for text in plot_net_circulation(run(labels)).texts]
    assert texts == ["reversible", "one-way"]


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        ((0.9, 0.6, 1.0), "Activity goes round slow → kick → transition → slow one way: 9 forward, 1 back."),
        (
            (0.9, 0.3, 1.0),
            "Activity goes round slow → kick → transition → slow more often than back: 9 forward",
        ),
        (
            (-0.9, -1.0, -0.6),
            "Activity goes round slow → transition → kick → slow one way: 9 forward, 1 back.",
        ),
        ((0.4, -0.1, 0.8), "Cycles slow → kick → transition → slow go no way that can be told: 9 forward"),
    ],
)
def test_the_caption_begins_with_the_way_that_cycles_go(regions, found, seen):
    circulation = Estimate(*([number] * 2 for number in found))
    counts = {"n_forward": np.array([9, 9]), "n_backward": np.array([1, 1])}
    result = replace(run(draw_labels()), circulation=circulation, **counts)
    assert describe_circulation(result, regions).startswith(f"**{seen}")
