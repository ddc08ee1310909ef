from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_ring
from part_functions import compute_rotation

from orbitscope.plots.orbit.rotation import (
    describe_rotation,
    plot_area_rate,
    plot_output,
    plot_rotation,
    plot_turning_paths,
    plot_winding,
)
from orbitscope.plots.style import format_number
from orbitscope.statistics import Null

SMALL = {"n_trajectories": 20, "n_steps": 80, "burn_in": 40, "n_null": 50, "n_resamples": 100}
SMALL |= {"max_untrained": 0}


def run(**options):
    return compute_rotation(make_ring(), generator=torch.Generator().manual_seed(1), **(SMALL | options))


@pytest.fixture(scope="module")
def result():
    return run(n_untrained=20)


def get_dots(ax):
    return [line.get_data() for line in ax.lines if line.get_marker() == "."]


def test_every_draw_of_every_null_has_a_dot_in_its_row(result):
    ax = plot_area_rate(result)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["sign flips", "reversible", "untrained"]
    nulls = [null.draws for null in result.area_rate_nulls]
    for (x, y), values, place in zip(get_dots(ax), nulls, ax.get_yticks(), strict=True):
        np.testing.assert_array_equal(x, values)
        assert (np.abs(y - place) <= 0.3 + 1e-9).all()
    bars = [collection.get_segments()[0][:, 0] for collection in ax.collections]
    np.testing.assert_allclose(np.array(bars)[:, 0], [null.quantile for null in result.area_rate_nulls])


def test_the_network_is_a_line_with_its_interval_inside_the_axes(result):
    ax = plot_area_rate(result)
    line = next(line for line in ax.lines if line.get_marker() != ".")
    np.testing.assert_allclose(line.get_xdata(), float(result.area_rate))
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose([band.x0, band.x1], [result.area_rate.low, result.area_rate.high])
    assert ax.get_xlim()[0] == 0
    assert ax.get_xlim()[1] > float(result.area_rate.high)
    assert ax.get_xlabel() == "hidden: |a| (1/step)"


def test_the_output_is_a_line_with_its_interval_among_reversed_sequences(result):
    ax = plot_output(result)
    ((x, _),) = get_dots(ax)
    np.testing.assert_array_equal(x, result.output_null.draws)
    value = float(result.output_irreversibility)
    lines = [line.get_xdata()[0] for line in ax.lines if line.get_marker() != "."]
    assert sorted(lines) == sorted([value, 0])
    band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    limits = (result.output_irreversibility.low, result.output_irreversibility.high)
    np.testing.assert_allclose([band.x0, band.x1], limits)
    assert ax.get_xlim()[0] <= min(0, float(limits[0]))
    assert ax.get_xlim()[1] >= float(limits[1])
    assert ax.get_xlabel() == "output: D (nat)"


def test_arrows_are_the_first_steps_of_one_trajectory(result):
    ax = plot_turning_paths(result)
    arrows = ax.collections[0]
    np.testing.assert_allclose(arrows.get_offsets(), result.path[0, :60])
    np.testing.assert_allclose(np.stack([arrows.U, arrows.V], 1), np.diff(result.path[0, :61], axis=0))
    assert (arrows.scale, arrows.scale_units, arrows.angles) == (1, "xy", "xy")
    cross = next(line for line in ax.lines if line.get_marker() == "+")
    assert cross.get_data() == ([0], [0])
    assert len(ax.lines) == 10


def test_turns_and_their_mean(result):
    ax = plot_winding(result)
    drawn = [line.get_ydata() for line in ax.lines[:10]]
    np.testing.assert_array_equal(drawn, result.path_turns)
    mean = next(line for line in ax.lines if line.get_linestyle() == "--")
    x, y = mean.get_data()
    assert y[-1] / x[-1] == pytest.approx(float(result.winding) / 100)


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_rotation(result).get_axes()) == 4
    caption = describe_rotation(result)
    assert "20 trajectories of 80 steps" in caption
    assert f"{format_number(float(result.area_rate))} [" in caption
    untrained = format_number(float(result.untrained.quantile))
    assert f"Untrained (networks with random weights): {untrained} (20 draws, p = 0.0476)" in caption
    assert caption.startswith(
        "**Activity turns one way: its area rate is beyond sign flips, reversible processes and untrained "
        "networks.**"
    )
    winding = f"{format_number(float(result.winding))} ["
    assert f"Over all: {winding}" in caption
    output = (result.output_irreversibility.low, result.output_irreversibility.high)
    for limits in ((result.winding.low, result.winding.high), output):
        assert f"[{', '.join(format_number(float(limit)) for limit in limits)}]" in caption
    assert f"(50 draws, p = {format_number(float(result.output_null.p_value))})" in caption


def test_a_null_without_networks_is_empty():
    result = run(n_untrained=0, n_steps=20)
    plot_rotation(result).canvas.draw()
    assert len(get_dots(plot_area_rate(result))[2][0]) == 0
    caption = describe_rotation(result)
    assert "Untrained (networks with random weights): not drawn." in caption
    assert caption.startswith(
        "**Activity turns one way: its area rate is beyond sign flips and reversible processes.**"
    )
    assert "undefined" not in caption
    assert "Arrows: 19 steps" in caption


@pytest.mark.parametrize(
    ("p_values", "seen"),
    [
        (
            (0.2, 0.3),
            "Activity does not turn one way: its area rate is not beyond sign flips or reversible processes.",
        ),
        (
            (0.01, 0.3),
            "Whether activity turns one way is undecided: beyond sign flips, not beyond reversible "
            "processes.",
        ),
        ((np.nan, np.nan), "Whether activity turns one way was not tested: no null was drawn."),
    ],
)
def test_the_caption_begins_with_one_verdict_over_the_nulls(p_values, seen):
    result = run(n_untrained=0, n_steps=20)
    flips, reversible = (
        Null(null.name, null.quantile, p_value)
        for null, p_value in zip(result.area_rate_nulls, p_values, strict=False)
    )
    caption = describe_rotation(replace(result, sign_flips=flips, reversible=reversible))
    assert caption.startswith(f"**{seen}**")


def test_the_plane_of_standardised_activity_is_named_in_what_is_seen():
    assert describe_rotation(run(n_untrained=0, standardise=True)).startswith("**Standardised activity turns")
