"""Measures of an evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from evaluated_runs import MEASURES, list_texts

from orbitscope import plots
from orbitscope.plots.style import NETWORK_COLOR


def test_judged_measures_are_drawn_in_units_of_their_margin(evaluation):
    ax = plots.plot_judged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [
        "symbol matrix error",
        "frequency error",
        "run length distance",
        "classifier AUC",
        "cross entropy gap",
    ]
    network = [line for line in ax.lines if line.get_color() == NETWORK_COLOR]
    intervals, points, tests = network[::3], network[1::3], network[2::3]
    assert list(tests[0].get_xdata()) == pytest.approx([0.65, 0.85])
    assert [line.get_xdata()[0] for line in points] == pytest.approx([0.75, 4.0, 1.0, 2.0])
    assert intervals[3].get_xdata() == pytest.approx([1.6, 2.4])
    assert [line.get_marker() for line in points] == ["o", "X", "o", "X"]
    assert points[2].get_markerfacecolor() == "white"
    texts = list_texts(ax)
    assert [text for text in texts if text in {"equivalent", "different", "inconclusive"}] == [
        "equivalent",
        "different",
        "inconclusive",
        "different",
        "different",
    ]
    assert "0.015 [0.012, 0.018]" in texts
    assert "∞" in texts


def test_other_measures_are_drawn_in_their_own_units(evaluation):
    ax = plots.plot_unjudged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["n-gram divergence 2 (nat)", "sinkhorn loss", "refit KL rate"]
    points = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_xdata()[0] for line in points] == [0.004, 5.5]
    assert {"0.004 [0.003, 0.005]", "5.5", "undefined"} < set(list_texts(ax))


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (0.1, [-1, 0, 1, 2, 5]),
        (4.0, [-1, 0, 1, 10, 100]),
        (1e9, [-1, 0, *(100.0**k for k in range(6))]),
    ],
)
def test_the_axis_of_measures_has_as_many_ticks_as_fit(evaluation, high, ticks):
    values = evaluation.estimate.copy()
    values[:] = np.nan
    values[:, 0] = high
    empty = np.full_like(values, np.nan)
    names = ("low", "high", "floor", "floor_low", "floor_high")
    result = replace(evaluation, estimate=values, **dict.fromkeys(names, empty))
    assert plots.plot_judged_measures(result).get_xticks() == pytest.approx(ticks)


def test_an_undefined_measure_has_no_verdict(evaluation):
    estimate = evaluation.estimate.copy()
    estimate[:, 0] = np.nan
    for verdict in ("undefined", "inconclusive"):  # as stored now, and by older versions
        verdicts = evaluation.verdict.copy()
        verdicts[:, 0] = verdict
        result = replace(evaluation, estimate=estimate, verdict=verdicts)
        texts = list_texts(plots.plot_judged_measures(result))
        assert texts.count("undefined") == 1
        assert texts.count("inconclusive") == 1
        assert "0 equivalent, 1 inconclusive, 3 different, 1 undefined" in plots.describe_measures(
            result, "zero"
        )


def test_measures_without_any_margin_make_a_whole_figure(evaluation):
    bare = replace(evaluation, margin=np.full(len(MEASURES), np.nan))
    figure = plots.plot_all_measures(bare)
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in list_texts(ax)]
    assert "network [interval]" in texts
    assert "verdict" not in texts
    assert "verdict" in [t for ax in plots.plot_all_measures(evaluation).axes for t in list_texts(ax)]
