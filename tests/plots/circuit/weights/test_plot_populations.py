from dataclasses import replace

import numpy as np
import pytest

from orbitscope.circuit.weights.population_rule import BLOCKS
from orbitscope.circuit.weights.populations import PopulationResult
from orbitscope.plots.circuit.weights.populations import (
    describe_populations,
    plot_course,
    plot_gain,
    plot_pattern,
    plot_populations,
)
from orbitscope.statistics import Estimate, Null


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    value = np.array([0.9, 0.8, 0.01, 0.02]) + 0.1 * np.arange(2)[:, None] + np.zeros((2, 2, 4))
    pattern, draws = value.mean(1), 0.1 * rng.standard_normal((99, 2, 4))
    chance, course = Estimate(np.zeros((2, 2, 4))), np.linspace(1, 0, 4) * np.ones((2, 2, 4))
    members = np.zeros((2, 2, 20), dtype=int)
    members[0, 0, :7], members[:, 1, 10:13] = 1, 1
    gain = Estimate(np.array([0.02, 0.01]), np.array([0.01, -0.01]), np.array([0.03, 0.03]))
    return PopulationResult(
        settings={"confidence": 0.95, "lead": 2},
        status={"notes": []},
        rule=np.array(["weights", "both"]),
        direction=np.array(["0 → 1", "1 → 0"]),
        origin=np.array([0, 1]),
        target=np.array([1, 0]),
        neuron=np.arange(20),
        members=members,
        n_group=np.array([6, 6]),
        block=np.array(BLOCKS),
        value=value,
        by_chance=chance,
        beyond=10 * value,
        shuffled=Null.of_draws("shuffled weights", value[0], draws),
        relabelled=Null.of_draws("relabelled weights", value[1], draws),
        pattern=pattern,
        pattern_by_chance=Estimate(np.zeros((2, 4))),
        pattern_beyond=10 * pattern,
        pattern_shuffled=Null.of_draws("shuffled weights", pattern[0], draws[:, 0]),
        pattern_relabelled=Null.of_draws("relabelled weights", pattern[1], draws[:, 1]),
        ramp=Estimate(np.array([0.3, 0.4])),
        ramp_null=Null.of_draws("relabelled weights", np.array([0.3, 0.4]), draws[:, 0, :2]),
        lag=np.arange(4),
        side=np.array(["own", "opposing"]),
        course=Estimate(course, course - 0.1, course + 0.1),
        reading=np.array([0.7, 0.6]),
        reading_null=Null.of_draws("random sets", np.array([0.7, 0.6]), 0.5 + draws[:, 0, :2]),
        base_auc=np.array([0.9, 0.8]),
        gain=gain,
        gain_null=Null.of_draws("random sets", gain.value, 0.1 * draws[:, 0, :2]),
    )


def test_means_and_directions_stand_above_the_draws_of_each_rule(result):
    ax = plot_pattern(result, ("own", "opposing"))
    means = [
        line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o" and line.get_markersize() == 5
    ]
    np.testing.assert_allclose(means, 100 * result.pattern[:, :2].T.ravel())
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[:2] == ["onto own group\nby weights", "onto own group\nby activity, too"]
    clouds = [line for line in ax.lines if len(line.get_xdata()) == 99]
    np.testing.assert_allclose(clouds[1].get_xdata(), 100 * result.pattern_relabelled.draws[:, 0])
    bars = [collection.get_segments()[0][0, 0] for collection in ax.collections]
    np.testing.assert_allclose(bars[0], 100 * result.pattern_shuffled.quantile[0])


def test_activity_and_gains_stand_by_direction(result):
    ax = plot_course(result)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), result.course.value[0, 0])
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    gains = plot_gain(result)
    segments = [
        c.get_segments()[0][:, 0] for c in gains.collections if np.ptp(c.get_segments()[0][:, 1]) == 0
    ]
    np.testing.assert_allclose(segments, [[0.01, 0.03], [-0.01, 0.03]])


def test_the_caption_counts_features_beyond_chance(result):
    caption = describe_populations(result)
    assert caption.startswith(
        "**Published features of populations beyond the same choice by chance: 2 of 4 when chosen by "
    )
    assert "10 neurons by weights, 3 by weights and activity." in caption
    assert "onto own group 9.5 (p = 0.01)" in caption
    assert "than another neuron: 0 → 1 70 %, 1 → 0 60 %." in caption
    assert "Undefined" not in caption


def test_what_is_undefined_is_left_out(result):
    none = Null("relabelled weights", np.full(4, np.nan), np.nan, np.full((99, 4), np.nan))
    gone = Null("random sets", np.full(2, np.nan), np.nan, np.full((99, 2), np.nan))
    bare = replace(
        result,
        status={"notes": ["0 → 1: no neuron is chosen"]},
        pattern_relabelled=none,
        reading=np.full(2, np.nan),
        gain=Estimate(np.full(2, np.nan)),
        gain_null=gone,
    )
    assert len(plot_populations(bare).axes) == 4
    caption = describe_populations(bare)
    assert "by chance: 2 of 4 when chosen by weights.**" in caption
    assert "than another neuron" not in caption
    assert "Undefined: 0 → 1: no neuron is chosen." in caption
