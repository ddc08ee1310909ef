from dataclasses import replace

import numpy as np
import pytest
from planted import build_partly

from orbitscope.interventions.gain_response import GainResponse
from orbitscope.interventions.gain_sentences import say_what_if
from orbitscope.plots.interventions.gain_response import (
    describe_gain_response,
    describe_intervention_controls,
    list_shown,
    plot_critical_pairs,
    plot_falls,
    plot_gain_response,
    plot_intervention_controls,
    plot_subsets,
    plot_target,
)
from orbitscope.plots.style import get_symbol_color
from orbitscope.statistics import Estimate, Null

NAMES = ("first:0→2", "first", "noise:1", "noise", "kick")


def spread(values, width=0.1):
    return Estimate(values, values - width, values + width)


@pytest.fixture
def result():
    n, gains = len(NAMES), np.array([0.0, 1.0, 2.0])
    hazard = np.ones((n, 3, 2))
    hazard[1, 0] = [0.0, np.nan]
    hazard[2, 0] = hazard[3, 0] = [0.05, 0.04]
    words = [["no"] * 3, ["one way", "no", "diverges"], *[["both ways", "no", "no"]] * 2, ["no"] * 3]
    trapped = np.array(words)
    draws = np.tile(np.linspace(0, 0.5, 19)[:, None], n)
    quantile, p_value = np.full(n, 0.5), np.array([0.4, 0.05, np.nan, np.nan, 0.6])
    quantile[2:4], draws[:, 2:4] = np.nan, np.nan
    pairs = spread(np.full((n, 3), 0.2), 0.05)
    return GainResponse(
        settings={"confidence": 0.95, "subset_size": 6},
        status={"notes": []},
        target=np.array(NAMES),
        target_size=np.array([12, 16, 1, 2, 6]),
        source=np.array(["neurons", "neurons", "noise directions", "noise directions", "neurons"]),
        gain=gains,
        direction=np.array(["0 → 2", "2 → 0"]),
        origin=np.array([0, 2]),
        target_symbol=np.array([2, 0]),
        hazard=spread(hazard),
        rate=spread(np.ones((n, 3))),
        occupancy=spread(np.full((n, 3), 0.5)),
        overshoot=spread(np.zeros((n, 3))),
        is_judged=np.array([1, 1]),
        trapped=trapped,
        fall=np.array([0.0, 1.0, 0.96, 0.96, 0.0]),
        matched=Null("matched sets", quantile, p_value, draws),
        critical_gain=gains,
        critical_pairs=pairs,
        critical_pairs_kick=pairs,
        pool=np.array(["first 20", "all that vary"]),
        way=np.array(["both ways", "one way"]),
        trapping_subsets=Estimate(
            [[0.1, 0.4], [0.0, 0.2]], [[0.0, 0.2], [0.0, 0.1]], [[0.2, 0.6], [0.1, 0.3]]
        ),
    )


def test_each_direction_has_a_line_and_the_total_beside(result):
    ax = plot_target(result, 1)
    lines = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(lines["0 → 2"].get_ydata(), [0, 1, 1])
    assert lines["0 → 2"].get_color() == get_symbol_color(2)
    assert np.isnan(lines["2 → 0"].get_ydata()[0])
    np.testing.assert_array_equal(lines["all switches"].get_ydata(), [1, 1, 1])
    assert ax.get_title(loc="left") == "first by effect (16)"


def test_panels_are_targets_of_all_directions_together(result):
    figure = plot_gain_response(result)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert titles == [
        "first by effect 0→2 (12)",
        "first by effect (16)",
        "leading noise (1)",
        "deciding noise (2)",
        "kick neurons, published rule (6)",
    ]
    assert list_shown(result) == [0, 1, 2, 3, 4]


def test_of_many_targets_those_of_all_directions_are_shown(result):
    names = ["carriers:0→2", "carriers:2→0", "carriers", "first:0→2", "first", "noise:1", "kick"]
    many = build_partly(GainResponse, target=np.array(names))
    assert [names[t] for t in list_shown(many)] == ["first", "noise:1", "kick", "carriers"]


def test_without_any_number_there_is_a_figure(result):
    nothing = np.full_like(result.fall, np.nan)
    unknown = Null("matched sets", nothing, nothing, np.empty((0, len(nothing))))
    lost = replace(result, fall=nothing, matched=unknown)
    assert plot_falls(lost).get_xlim()[0] == -0.1
    assert "No target that is shown has matched sets." in describe_intervention_controls(lost)


def test_few_matched_sets_tell_nothing(result):
    few = Null("matched sets", result.matched.quantile, result.matched.p_value, result.matched.draws[:5])
    words = describe_intervention_controls(replace(result, matched=few))
    assert "5 matched sets are too few to tell" in words


def take_first(result):
    """The response of the first target alone."""
    names = ("target", "target_size", "source", "hazard", "rate", "occupancy", "overshoot", "trapped", "fall")
    rows = {name: getattr(result, name)[:1] for name in (*names, "critical_pairs", "critical_pairs_kick")}
    return replace(result, **rows, matched=Null("matched sets", [0.5], [0.4], np.zeros((19, 1))))


def test_a_single_what_if_has_one_panel(result):
    single = take_first(result)
    assert list_shown(single) == [0]
    assert len([ax for ax in plot_gain_response(single).axes if ax.get_title(loc="left")]) == 1


def test_falls_stand_beside_their_matched_sets(result):
    ax = plot_falls(result)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        "first:0→2",
        "first",
        "noise:1",
        "noise",
        "kick",
    ]
    points = [line.get_xdata() for line in ax.lines]
    np.testing.assert_allclose(points[0], np.linspace(0, 0.5, 19))
    np.testing.assert_array_equal(np.ravel(points[1]), [0.0])
    np.testing.assert_array_equal(np.ravel(points[3]), [1.0])


def test_subsets_and_pairs(result):
    assert [bar.get_height() for bar in plot_subsets(result).patches] == [0.1, 0.0, 0.4, 0.2]
    lines = plot_critical_pairs(result).lines
    np.testing.assert_array_equal(lines[0].get_ydata(), [0.2, 0.2, 0.2])
    assert len(plot_intervention_controls(result).axes) == 3


def test_captions_say_what_ends_switching(result):
    assert describe_gain_response(result).startswith(
        "**Switching all but ends in every direction without each of noise:1 and noise alone; it all but "
        "ends in some directions and goes on in others without first; it goes on without each of first:0→2 "
        "and kick alone.**"
    )
    assert "Axes end at 1.5." in describe_gain_response(result)
    assert "a hazard falls without first (3 tests, p ≤ .05 without" in describe_intervention_controls(result)


def test_a_what_if_is_said_for_its_own_gain(result):
    assert say_what_if(result, 1, 0.0) == (
        "With gain 0 on first by effect (16) switching all but ends in some directions and goes on in "
        "others (0 → 2 × 0 [−0.1, 0.1]). Most frequent symbol: 50 [40, 60] % of the steps."
    )
    assert "activity has no bound" in say_what_if(result, 1, 2.0)
    assert "switching goes on (" in say_what_if(result, 0, 1.0)
