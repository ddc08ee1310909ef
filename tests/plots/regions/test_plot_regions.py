from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_slow_ring
from matplotlib.colors import to_rgba
from part_functions import compute_regions

from orbitscope.plots.regions.regions import (
    describe_regions,
    plot_region_measure,
    plot_regions,
    plot_residencies,
)
from orbitscope.plots.style import REGION_COLORS
from orbitscope.statistics import Estimate


@pytest.fixture(scope="module")
def result():
    small = {"n_trajectories": 30, "n_steps": 30, "burn_in": 30, "n_rollouts": 4, "n_resamples": 100}
    return compute_regions(make_slow_ring(), generator=torch.Generator().manual_seed(1), **small)


def test_the_histogram_holds_every_state_in_the_colour_of_its_region(result):
    ax = plot_residencies(result)
    for container, name, n_points in zip(ax.containers, result.region, result.n_points, strict=True):
        colors = {patch.get_facecolor() for patch in container}
        assert len(colors) == 1
        assert colors == {to_rgba(REGION_COLORS[name])}
        assert sum(patch.get_height() for patch in container) == n_points
    ax.figure.draw_without_rendering()
    assert ax.get_legend().get_window_extent().y0 >= ax.bbox.y1


def test_bars_are_the_estimates_and_the_null_stands_beside_unstable_directions(result):
    for measure in ("unstable", "entropy"):
        ax = plot_region_measure(result, measure)
        row = result.measure.tolist().index(measure)
        np.testing.assert_allclose([patch.get_height() for patch in ax.patches], result.estimate.value[row])
        limits = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
        np.testing.assert_allclose(limits.T, [result.estimate.low[row], result.estimate.high[row]])
        legend = ax.get_legend()
        assert (legend is not None) == (measure == "unstable")
        if legend is not None:
            ax.figure.draw_without_rendering()
            top = max(np.nanmax(result.estimate.high[row]), *(patch.get_height() for patch in ax.patches))
            assert legend.get_window_extent().y0 > ax.transData.transform((0, top))[1]
        assert [label.get_text() for label in ax.get_xticklabels()] == ["slow", "kick", "transition"]


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_regions(result).get_axes()) == 5
    caption = describe_regions(result)
    assert "900 driven states (30 trajectories of 30 steps)" in caption
    assert "transition below 2, slow above 8" in caption
    assert "mean over 4 rollouts" in caption


@pytest.mark.parametrize(
    ("network", "beyond", "seen"),
    [
        (
            (0.5, 0.2, 0.8),
            (0.3, 0.1, 0.5),
            "more unstable directions than slow ones, beyond random active sets",
        ),
        (
            (0.5, 0.2, 0.8),
            (0.3, -0.1, 0.5),
            "more unstable directions than slow ones, not beyond random active",
        ),
        ((-0.5, -0.8, -0.2), (0.3, 0.1, 0.5), "fewer unstable directions than slow ones, not beyond random"),
    ],
)
def test_the_caption_begins_with_kick_against_slow(result, network, beyond, seen):
    numbers = np.array([network, (0.0, -1.0, 1.0), beyond]).T
    caption = describe_regions(replace(result, kick_minus_slow=Estimate(*numbers)))
    assert caption.startswith(f"**Kick states have {seen}")


def test_the_caption_says_where_nothing_can_be_told(result):
    undecided = replace(result, kick_minus_slow=Estimate(np.ones(3), np.full(3, -1.0), np.full(3, 2.0)))
    seen = "**Kick and slow states do not differ in unstable directions, as far as can be told.**"
    assert describe_regions(undecided).startswith(seen)
    empty = replace(result, kick_minus_slow=Estimate(np.full(3, np.nan)))
    assert describe_regions(empty).startswith(
        "**Unstable directions of kick and slow states cannot be compared"
    )
