from dataclasses import replace

import numpy as np
import pytest
from test_committor_part import LATE, make_conveyor, run

from orbitscope.plots.principles.probability.committor import (
    describe_committor,
    plot_along,
    plot_attempts,
    plot_calibration,
    plot_committor,
    plot_surface,
    plot_zone_shares,
    plot_zones_along,
)
from orbitscope.statistics import Estimate


@pytest.fixture(scope="module")
def found():
    return run(make_conveyor(), [0], [7], symbol_of=LATE, n_labelled=100)


def read_lines(ax):
    return {line.get_label(): np.asarray(line.get_ydata()) for line in ax.get_lines()}


def test_the_committor_is_drawn_along_passages(found):
    ax = plot_along(found)
    lines = read_lines(ax)
    for i, name in enumerate(("all", "0 → 1", "1 → 0")):
        np.testing.assert_array_equal(lines[name], found.leaving.value[i])
    left, right = ax.get_xlim()
    assert left > right
    dot = next(line for line in ax.get_lines() if line.get_marker() == "o")
    assert dot.get_xdata()[0] == float(found.lead.value[0])


def test_the_surface_stands_beside_the_half_lead(found):
    values = plot_surface(found).get_lines()[0].get_xdata()
    np.testing.assert_array_equal(values, found.switch_lead.value)
    assert plot_surface(found).get_legend() is None
    known = replace(found, status=found.status | {"half_lead": [2.0, 1.5, 2.5]})
    ax = plot_surface(known)
    assert ax.get_legend().get_texts()[0].get_text() == "half-lead"
    assert "Dashed: the half-lead of all switches, 2 [1.5, 2.5] steps." in describe_committor(known)
    assert "half-lead" not in describe_committor(found)


def test_regions_are_stacked_along_passages_and_by_set(found):
    heights = [bar.get_height() for bar in plot_zones_along(found).patches]
    np.testing.assert_allclose(heights, np.nan_to_num(found.zone_along.value).T.ravel())
    ax = plot_zone_shares(found)
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, np.nan_to_num(found.zone_share.value).T.ravel())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["surface", "outside\ncores", "all"]


def test_attempts_and_calibration_are_drawn(found):
    ax = plot_attempts(found)
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), found.commit.value)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0 → 1", "1 → 0"]
    dots = plot_calibration(found).get_lines()[1]
    np.testing.assert_array_equal(dots.get_xdata(), found.predicted.value)
    np.testing.assert_array_equal(dots.get_ydata(), found.left.value)


def test_the_caption_says_where_it_is_decided(found):
    text = describe_committor(found)
    lead, beyond = float(found.lead.value[0]), float(found.beyond.value[0])
    assert text.startswith(f"**A passage is decided {lead:.3g} steps before the new core, after ")
    assert f"after {100 - 100 * beyond:.0f} % of its way" in text
    assert len(plot_committor(found).axes) == 6
    words = {(0.1, 0.3): "hold more of", (-0.3, -0.1): "hold less of", (-0.1, 0.1): "no more often"}
    for (low, high), word in words.items():
        changed = replace(found, kick_excess=Estimate((low + high) / 2, low, high))
        assert word in describe_committor(changed)
    unknown = replace(found, lead=Estimate(np.full(3, np.nan)))
    assert describe_committor(unknown).startswith("**Where passages are decided is unknown.**")
    undefined = replace(found, kick_excess=Estimate(np.nan))
    assert describe_committor(undefined).split("**")[1].endswith("% of its way.")
    few = replace(found, status=found.status | {"few": ["region 1 → 2"]})
    assert "Fewer than 30 passages, left out: region 1 → 2." in describe_committor(few)
