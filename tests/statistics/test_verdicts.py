"""The rules that sentences and captions share."""

import pytest

from orbitscope.statistics import Estimate, judge_agreement, judge_direction, judge_lag, judge_nulls

NAN = float("nan")


@pytest.mark.parametrize(
    ("p_values", "verdict"),
    [
        ((0.01, 0.04), "yes"),
        ((0.05, 0.2), "no"),
        ((0.01, 0.05), "undecided"),
        ((0.01, NAN), "yes"),
        ((NAN, NAN), "untested"),
        ((), "untested"),
    ],
)
def test_nulls_must_agree_and_those_not_drawn_have_no_say(p_values, verdict):
    assert judge_nulls(p_values) == verdict


@pytest.mark.parametrize(
    ("limits", "way"),
    [
        ((0.51, 1.0), "one way"),
        ((-1.0, -0.51), "one way"),
        ((0.5, 1.0), "more often than back"),
        ((-0.1, 1.0), ""),
        ((NAN, NAN), ""),
    ],
)
def test_the_whole_interval_must_go_one_way(limits, way):
    assert judge_direction(Estimate(sum(limits) / 2, *limits)) == way


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [((0.51, 0.9), "match"), ((0.4, 0.6), "partly match"), ((0.0, 0.49), "hardly match")],
)
def test_partitions_match_with_their_whole_interval(limits, verdict):
    assert judge_agreement(Estimate(0.5, *limits)) == verdict


@pytest.mark.parametrize(
    ("limits", "side"), [((-3, -1), "before"), ((-3, 0), "with"), ((0, 3), "with"), ((1, 3), "after")]
)
def test_a_lag_that_may_be_0_is_none(limits, side):
    assert judge_lag(Estimate(limits[0], *limits)) == side
