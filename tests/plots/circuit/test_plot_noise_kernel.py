from dataclasses import replace

import numpy as np
import pytest

from orbitscope.circuit.noise_kernel import NoiseKernelResult
from orbitscope.plots.circuit.noise_kernel import (
    describe_noise_kernel,
    plot_energy,
    plot_noise_kernel,
    plot_projections,
    plot_removal,
    plot_replay,
)
from orbitscope.plots.style import get_symbol_color
from orbitscope.statistics import Estimate, Null


@pytest.fixture
def result():
    projection = np.array([[0.1, 0.8, 0.4], [-0.1, -0.7, -0.5]])
    removal = np.array([[0.04, 0.05], [0.03, 0.02], [1.1, 0.9]])
    return NoiseKernelResult(
        settings={"confidence": 0.95, "replay_steps": 15},
        status={"notes": []},
        lag=np.arange(3),
        origin=np.array([0, 2]),
        target=np.array([2, 0]),
        direction=np.array(["0 → 2", "2 → 0"]),
        kernel=np.zeros((2, 3, 5)),
        lag_energy=np.array([0.1, 2.0, 0.5]),
        energy=Estimate(2.6, 2.2, 3.0),
        swapped=Null("switches and controls exchanged", 0.3, 0.01),
        length=np.array(2.0),
        deciding=np.eye(2, 5),
        leading=np.eye(5)[0],
        projection=Estimate(projection, projection - 0.1, projection + 0.1),
        pair=np.array(["0 ↔ 2"]),
        pair_cosine=Estimate([-0.98], [-0.99], [-0.95]),
        singular_value=np.array([2.0, 0.5]),
        singular_limit=np.array(0.6),
        rank=np.array(1),
        input_cosine=np.array(0.97),
        drive_share=np.array(0.26),
        subspace=np.array(["leading", "all deciding", "rest"]),
        n_noise_directions=np.array([1, 2, 4]),
        replay=Estimate([0.71, 0.7, 0.03], [0.66, 0.65, 0.0], [0.76, 0.75, 0.06]),
        removal=Estimate(removal, removal / 2, removal * 2),
        rate_without=Estimate([0.03, 0.03, 1.0]),
        occupancy=np.array(0.5),
        occupancy_without=Estimate([0.6, 0.6, 0.5]),
        replay_equal=np.array([0.01, 0.02]),
        removal_equal=np.array([[1.1, 1.2], [1.0, 1.05]]),
        dose=np.array([0, 0.5, 1]),
        removal_by_dose=Estimate(np.array([[1.0, 1.0], [0.4, 0.3], removal[0]])),
        removal_equal_by_dose=np.array(
            [[[1.0, 1.0]] * 2, [[1.0, 1.02], [1.1, 1.1]], [[1.1, 1.2], [1.0, 1.05]]]
        ),
        n_equal=np.array([35, 37]),
    )


def test_lines_and_bars_are_the_numbers_of_the_result(result):
    for line, row in zip(plot_projections(result).lines, result.projection.value, strict=False):
        np.testing.assert_allclose(line.get_ydata(), row)
    heights = [bar.get_height() for bar in plot_energy(result).patches]
    np.testing.assert_allclose(heights, result.lag_energy)
    ax = plot_replay(result)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], result.replay.value)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), result.replay_equal)
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["leading\n(1)", "all deciding\n(2)", "rest\n(4)", "equal\ndrive"]


def test_removal_has_every_direction_beside_equal_drive(result):
    ax = plot_removal(result)
    dots = [line for line in ax.lines if line.get_marker() in "o^"]
    np.testing.assert_allclose(dots[0].get_ydata(), result.removal.value[:, 0])
    np.testing.assert_allclose(dots[1].get_ydata(), result.removal_equal[:, 0])
    np.testing.assert_allclose(dots[2].get_ydata(), result.removal.value[:, 1])


def test_a_direction_has_the_colour_of_the_symbol_after(result):
    first, second = plot_projections(result).lines[:2]
    assert (first.get_color(), second.get_color()) == (get_symbol_color(2), get_symbol_color(0))
    assert first.get_linestyle() != second.get_linestyle()
    dots = [line for line in plot_removal(result).lines if line.get_label() in ("0 → 2", "2 → 0")]
    assert [dot.get_color() for dot in dots] == [get_symbol_color(2), get_symbol_color(0)]
    assert dots[0].get_marker() != dots[1].get_marker()


def test_hazards_that_are_undefined_are_said(result):
    assert "Missing" not in describe_noise_kernel(result)
    removal = result.removal.value.copy()
    removal[2, 1] = np.nan
    caption = describe_noise_kernel(replace(result, removal=Estimate(removal)))
    assert "Missing: from symbols that are hardly visited then." in caption


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_noise_kernel(result).axes) == 4
    caption = describe_noise_kernel(result)
    assert caption.startswith(
        "**1 direction of the noise differs before switches; the leading one alone replays 71 [66, 76] % of "
        "their effect.**"
    )
    assert "Sum 2.6 [2.2, 3]; by chance up to 0.3. Nine tenths within 2 steps." in caption
    assert (
        "random subspaces of 35 to 37 directions that carry as much drive as the leading one (26 %)"
        in caption
    )


def test_chance_and_missing_controls_are_said(result):
    none = {
        "replay_equal": np.empty(0),
        "removal_equal": np.empty((0, 2)),
        "removal_equal_by_dose": np.empty((3, 0, 2)),
        "n_equal": np.empty(0, dtype=int),
    }
    alone = replace(result, rank=np.array(0), **none)
    assert describe_noise_kernel(alone).startswith("**The noise before switches cannot be told from other")
    assert "Grey" not in describe_noise_kernel(alone)
    assert len(plot_replay(alone).get_xticklabels()) == 3
    assert len(plot_removal(alone).get_xticklabels()) == 3


def test_subspaces_that_are_the_same_or_empty_are_not_drawn(result):
    """One deciding direction is the leading one; of a single input nothing is left."""
    one = replace(result, n_noise_directions=np.array([1, 1, 4]))
    for ax in (plot_replay(one), plot_removal(one)):
        labels = [text.get_text() for text in ax.get_xticklabels()]
        assert labels == ["leading\n(1)", "rest\n(4)", "equal\ndrive"]
    np.testing.assert_allclose([bar.get_height() for bar in plot_replay(one).patches], [0.71, 0.03])
    assert "all deciding" not in describe_noise_kernel(one)
    single = replace(result, n_noise_directions=np.array([1, 1, 0]))
    assert len(plot_removal(single).get_xticklabels()) == 2
    keys = [quantity.key for quantity in single.list_quantities()]
    assert "removal[leading,0-2]" in keys
    assert not any("rest" in key or "all_deciding" in key for key in keys)
