from dataclasses import replace

import numpy as np
import pytest

from orbitscope.plots.principles.probability.switch_hazards import (
    FIGURES,
    describe_hazard_ages,
    describe_hazard_gains,
    describe_held_out,
    plot_ages,
    plot_calibration,
    plot_gains,
    plot_hazard_ages,
    plot_hazard_gains,
    plot_held_out,
    plot_leads,
)
from orbitscope.principles.probability.hazard_result import HazardResult
from orbitscope.statistics import Estimate


def spread(values, share=0.1):
    values = np.array(values, dtype=float)
    return Estimate(values, values * (1 - share), values * (1 + share))


def make_result(n_directions=2, **changes):
    """Two directions of switching (or none), five gains, three leads, four bins of ages."""
    d = n_directions
    fields = {
        "settings": {"confidence": 0.95, "margin": 1.5, "young": 5, "symbol_names": ["sun", "rain"]},
        "status": {"notes": [], "few": ["rain → sun"] if d < 2 else []},
        "kind": np.array(["all", "sun → rain", "rain → sun"][: 1 + d]),
        "age": np.array([1, 2, 4, 8]),
        "age_end": np.array([1, 3, 7, 15]),
        "hazard": spread(np.tile([0.0, 0.01, 0.03, 0.04], (1 + d, 1))),
        "model_hazard": spread(np.full((1 + d, 4), 0.02 if d else np.nan)),
        "process_hazard": np.full((1 + d, 4), 0.05),
        "age_ratio": spread(np.full(1 + d, 0.2)),
        "model_age_ratio": spread(np.full(1 + d, 0.4 if d else np.nan)),
        "age_error": spread(np.full(1 + d, 2.0)),
        "process_age_ratio": np.ones(1 + d),
        "origin": np.array([0, 1][:d], dtype=int),
        "target": np.array([1, 0][:d], dtype=int),
        "direction": np.array(["sun → rain", "rain → sun"][:d], dtype=str),
        "is_scaled": np.array(True),
        "n_window": np.array([6, 7, 7]),
        "intercept": np.zeros((3, d)),
        "slope": np.ones((3, d)),
        "lead": np.array([0, 1, 4]),
        "auc": spread(np.tile([[0.9], [0.8], [0.6]], (1, d)), 0.02),
        "auc_equal": np.full((2, 3, d), 0.51),
        "auc_unscaled": spread(np.full(d, 0.85), 0.02),
        "auc_size": spread(np.full(d, 0.58), 0.02),
        "auc_added": spread(np.full(d, 0.05)),
        "score": np.tile(np.linspace(-1.7, 1.7, 10), (d, 1)),
        "counted": spread(np.tile(np.r_[0, np.geomspace(1e-3, 0.3, 9)], (d, 1))),
        "predicted": spread(np.tile(np.geomspace(1e-4, 0.3, 10), (d, 1))),
        "top_share": spread(np.full(d, 0.7)),
        "calibration": spread(np.full(d, 1.0)),
        "threshold": spread(np.full(d, 2.0)),
        "softness": spread(np.full(d, 0.5)),
        "tail": spread(np.full(d, 0.03)),
        "kurtosis": spread(np.full(d, 0.3)),
        "mean_hazard": np.full(d, 0.03),
        "gain": np.array([0.0, 0.5, 1.0, 1.25, 1.5]),
        "gain_counted": spread(np.tile([[0.0], [0.01], [0.03], [0.04], [0.06]], (1, d))),
        "gain_predicted": spread(np.tile([[0.001], [0.012], [0.03], [0.04], [0.05]], (1, d))),
        "gain_ratio": spread(np.ones((5, d))),
        "gain_constant": spread(np.full((5, d), 2.0)),
        "gain_verdict": np.tile([["too few"], ["predicts"], ["no test"], ["no test"], ["fails"]], (1, d)),
        "verdict": np.array(["fails", "predicts"][:d], dtype=str),
    }
    return HazardResult(**fields | changes)


@pytest.fixture
def result():
    return make_result()


def find_line(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def test_hazards_by_age_stand_beside_the_model_and_the_process(result):
    ax = plot_ages(result, 1)
    np.testing.assert_allclose(find_line(ax, "network").get_ydata(), [0, 0.01, 0.03, 0.04])
    np.testing.assert_allclose(find_line(ax, "network").get_xdata(), [1, 2.5, 5.5, 11.5])
    np.testing.assert_allclose(find_line(ax, "threshold model, held out").get_ydata(), 0.02)
    np.testing.assert_allclose(find_line(ax, "process, exact").get_ydata(), 0.05)
    assert ax.get_title(loc="left") == "sun → rain"
    figure = plot_hazard_ages(result)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["all switches", "sun → rain", "rain → sun"]
    caption = describe_hazard_ages(result)
    assert caption.startswith(
        "**The hazard in the first 5 steps after a switch is 0.2 [0.18, 0.22] of that later; the threshold "
        "model predicts 0.4 [0.36, 0.44].**"
    )
    assert "process" in caption


def test_without_a_process_or_a_model_there_is_the_network(result):
    alone = make_result(0, process_hazard=np.full((1, 4), np.nan))
    figure = plot_hazard_ages(alone)
    assert [line.get_label() for line in figure.axes[0].lines] == ["network"]
    caption = describe_hazard_ages(alone)
    assert "process" not in caption
    assert "model" not in caption


def test_tenths_are_dots_and_their_predictions_lines(result):
    ax = plot_calibration(result)
    lines = [line for line in ax.lines if line.get_marker() == "None"]
    dots = find_line(ax, "rain → sun")
    assert len(lines) == 2
    np.testing.assert_allclose(lines[1].get_ydata(), result.predicted.value[1])
    np.testing.assert_allclose(dots.get_ydata()[1:], result.counted.value[1, 1:])
    assert np.isnan(dots.get_ydata()[0])  # no switch, no dot on a logarithmic axis
    np.testing.assert_allclose(dots.get_xdata(), result.score[1])


def test_leads_stand_beside_controls(result):
    ax = plot_leads(result)
    drawn = [line.get_ydata() for line in ax.lines]
    assert sum(len(y) == 3 and np.allclose(y, 0.51) for y in drawn) == 4
    assert sum(np.allclose(y, [0.9, 0.8, 0.6]) for y in drawn if len(y) == 3) == 4  # a line and dots each
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    np.testing.assert_allclose([line.get_ydata()[0] for line in crosses], 0.58)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["size\nalone", "0", "1", "4"]
    plain = plot_leads(replace(result, is_scaled=np.array(False)))
    assert not [line for line in plain.lines if line.get_marker() == "x"]


def test_the_caption_of_scores_names_their_range(result):
    caption = describe_held_out(result)
    assert caption.startswith("**Filtered noise tells switches with an AUC of 0.9.**")
    assert "over the size of the state" in caption
    assert "The filter has 6 to 7 steps." in caption
    plain = describe_held_out(replace(result, is_scaled=np.array(False), n_window=np.full(3, 4)))
    assert "without a norm" in plain
    assert "Crosses" not in plain
    assert "has 4 steps" in plain
    assert "Too few switches for a model: rain → sun." in describe_held_out(make_result(1))


def test_gains_are_filled_where_there_is_a_verdict(result):
    ax = plot_gains(result, 0)
    filled, hollow = find_line(ax, "network"), find_line(ax, "network, no verdict")
    np.testing.assert_allclose(filled.get_ydata(), [np.nan, 0.01, np.nan, np.nan, 0.06])
    np.testing.assert_allclose(hollow.get_ydata(), [np.nan, np.nan, 0.03, 0.04, np.nan])  # none was counted
    np.testing.assert_allclose(
        find_line(ax, "threshold model").get_ydata(), result.gain_predicted.value[:, 0]
    )
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(0.05 * 1.5)
    assert ax.get_title(loc="left") == "sun → rain: fails"
    figure = plot_hazard_gains(result)
    assert figure.axes[0].get_yscale() == "log"
    caption = describe_hazard_gains(result)
    assert "predicts the hazard of 1 of 2 directions of switching and fails in 1.**" in caption
    assert "times or over 1.5" in caption


def test_no_model_is_said():
    none = make_result(0, status={"notes": ["no model: why"], "few": []})
    for drawing in FIGURES:
        found = {"hazard": none}
        assert drawing.is_ready(found)
        drawing.draw(found).canvas.draw()
        assert drawing.describe(found).endswith(".")
    assert describe_held_out(none) == "**No threshold model could be fitted.** Missing: no model: why."
    assert describe_hazard_gains(none).startswith("**No threshold model could be fitted.**")


def test_six_directions_have_two_rows_of_panels(result):
    many = make_result(2)
    assert len(plot_held_out(many).axes) == 2
    kinds = np.array(["all", *(f"{i} → {j}" for i in range(3) for j in range(3) if i != j)])
    tall = replace(
        many,
        kind=kinds,
        hazard=spread(np.full((7, 4), 0.02)),
        model_hazard=spread(np.full((7, 4), 0.02)),
        process_hazard=np.full((7, 4), 0.05),
        age_ratio=spread(np.ones(7)),
        model_age_ratio=spread(np.ones(7)),
        age_error=spread(np.ones(7)),
        process_age_ratio=np.ones(7),
    )
    figure = plot_hazard_ages(tall)
    assert sum(ax.axison for ax in figure.axes) == 7
    assert [ax.get_ylabel() != "" for ax in figure.axes[:7]] == [
        True,
        False,
        False,
        False,
        True,
        False,
        False,
    ]
