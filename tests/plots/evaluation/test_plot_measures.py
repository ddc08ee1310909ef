"""Measures of an evaluation."""

from dataclasses import replace

import numpy as np
import pytest
from evaluated_runs import MEASURES, change, list_texts

from orbitscope import plots
from orbitscope.plots.style import NETWORK_COLOR
from orbitscope.statistics import Estimate


def test_judged_measures_are_drawn_in_units_of_their_margin(evaluation):
    ax = plots.plot_judged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [
        "symbol matrix error",
        "frequency error",
        "run length distance",
        "classifier AUC (chance 0.5)",
        "cross entropy gap (nat per symbol)",
    ]
    network = [line for line in ax.lines if line.get_color() == NETWORK_COLOR]
    intervals, points, tests = network[::3], network[1::3], network[2::3]
    assert list(tests[0].get_xdata()) == pytest.approx([0.65, 0.85])
    assert [line.get_xdata()[0] for line in points] == pytest.approx([0.75, 4.0, 1.0, 2.0])
    assert intervals[3].get_xdata() == pytest.approx([1.6, 2.4])
    assert [line.get_marker() for line in points] == ["o", "X", "o", "X"]
    assert points[2].get_markerfacecolor() == "white"
    texts = list_texts(ax)
    assert [text for text in texts if text in {"within", "outside", "undecided"}] == [
        "within",
        "outside",
        "undecided",
        "outside",
        "outside",
    ]
    assert "0.015 [0.012, 0.018]" in texts
    assert "∞ [0.02, ∞]" in texts


def test_other_measures_are_a_table_in_their_own_units(evaluation):
    ax = plots.plot_unjudged_measures(evaluation)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [
        *("2-gram divergence (nat)", "Sinkhorn loss (mismatches)", "refit KL rate (nat per symbol)")
    ]
    rows = {}
    for text in ax.texts:
        rows.setdefault(text.xy[1], []).append(text.get_text())
    assert list(rows.values()) == [
        ["network [interval]", "process sample"],
        ["0.004 [0.003, 0.005]", "4×10⁻⁴"],
        ["5.5", "0.55"],
        ["undefined", "undefined"],
    ]
    assert not ax.get_xticks().size


def test_columns_of_the_table_do_not_touch(evaluation):
    wide = change(evaluation.estimate, (slice(None), 4), (-1.23e-5, -4.56e-5, -1.11e-6))
    figure = plots.plot_all_measures(replace(evaluation, estimate=wide))
    figure.draw_without_rendering()
    (network, sample), ax = figure.axes[1].texts[2:4], figure.axes[1]
    assert network.get_text() == "−1.23×10⁻⁵ [−4.56×10⁻⁵, −1.11×10⁻⁶]"
    assert network.get_window_extent().x1 < sample.get_window_extent().x0
    rules = [line.get_window_extent() for line in ax.lines]
    assert sample.get_window_extent().x1 < min(rule.x1 for rule in rules) < figure.bbox.x1
    assert len(rules) == 4


@pytest.mark.parametrize(
    ("high", "ticks"),
    [
        (0.1, [-1, 0, 1, 2, 5]),
        (4.0, [-1, 0, 1, 10, 100]),
        (1e9, [-1, 0, *(100.0**k for k in range(6))]),
    ],
)
def test_the_axis_of_measures_has_as_many_ticks_as_fit(evaluation, high, ticks):
    empty = Estimate(np.full(evaluation.estimate.value.shape, np.nan))
    result = replace(
        evaluation, estimate=change(empty, (slice(None), 0), (high, np.nan, np.nan)), floor=empty
    )
    assert plots.plot_judged_measures(result).get_xticks() == pytest.approx(ticks)


def test_an_undefined_measure_has_no_verdict(evaluation):
    estimate = change(evaluation.estimate, (slice(None), 0), (np.nan, np.nan, np.nan))
    for verdict in ("undefined", "inconclusive"):  # as stored now, and by older versions
        verdicts = evaluation.verdict.copy()
        verdicts[:, 0] = verdict
        result = replace(evaluation, estimate=estimate, verdict=verdicts)
        texts = list_texts(plots.plot_judged_measures(result))
        assert texts.count("undefined") == 1
        assert texts.count("undecided") == 1
        caption = plots.describe_measures(result, "zero")
        seen = "**0 of 5 measures are within their margins, 1 undecided, 3 outside, 1 undefined.** Every"
        assert caption.startswith(seen)


def test_measures_without_any_margin_make_a_whole_figure(evaluation):
    bare = replace(evaluation, margin=np.full(len(MEASURES), np.nan))
    figure = plots.plot_all_measures(bare)
    figure.draw_without_rendering()
    texts = [text for ax in figure.axes for text in list_texts(ax)]
    assert "network [interval]" in texts
    assert "verdict" not in texts
    assert "verdict" in [t for ax in plots.plot_all_measures(evaluation).axes for t in list_texts(ax)]
    assert plots.describe_measures(bare, "zero").startswith("**No measure has a margin.** ")


def test_the_caption_counts_the_verdicts(evaluation):
    caption = plots.describe_measures(evaluation, "stationary")
    seen = "**1 of 5 measures is within its margin, 1 undecided, 3 outside.** Every measure, after a burn-in"
    assert caption.startswith(seen)
