from dataclasses import replace

import numpy as np
import pytest

from orbitscope.plots.principles.dwell.dwell import (
    FIGURES,
    describe_dwell,
    plot_dwell,
    plot_hazard,
    plot_regularity,
    plot_survival,
)
from orbitscope.plots.principles.dwell.dwell_rhythm import (
    describe_dwell_rhythm,
    plot_dwell_rhythm,
    plot_peak,
    plot_spectra,
)
from orbitscope.plots.principles.dwell.dwell_time_scales import (
    describe_dwell_time_scales,
    plot_dwell_time_scales,
    plot_time_scales,
)
from orbitscope.plots.style import FLOOR_COLOR, NETWORK_COLOR
from orbitscope.principles.dwell.dwell import SOURCES, DwellResult
from orbitscope.principles.dwell.time_scales import TIME_SCALES
from orbitscope.statistics import Estimate, Null

AGES, FREQUENCY = np.arange(31), np.linspace(0.01, 0.5, 50)


def around(values, width=0.1):
    values = np.asarray(values, dtype=float)
    return Estimate(values, values * (1 - width), values * (1 + width))


@pytest.fixture
def result():
    survival = np.array([0.8**AGES, 0.9**AGES])[:, None].repeat(3, axis=1)
    hazard = np.array([[0.2, 0.2, np.nan], [0.1, 0.1, 0.1]])[:, None].repeat(3, axis=1)
    cv = np.array([[0.5, 0.4, 0.6], [0.9, 0.8, 1.0]])
    return DwellResult(
        settings={
            "confidence": 0.95,
            "horizon": 30,
            "segment": 100,
            "n_steps": 200,
            "most_regular": 0.9,
            "fewest_dwells": 30,
        },
        status={"notes": []},
        source=np.array(SOURCES),
        group=np.array(["all", "state 0", "state 1"]),
        n_dwells=np.array([[500, 250, 250], [700, 350, 350]]),
        age=AGES,
        survival=around(survival),
        bin_first=np.array([1, 2, 5]),
        bin_last=np.array([1, 4, 30]),
        hazard=around(hazard),
        mean=around(10 * cv),
        cv=around(cv),
        late_over_early=around(np.full((2, 3), 1.5)),
        beyond=around(np.zeros((2, 3))),
        exact_mean=np.full(3, 10.0),
        exact_cv=np.array([0.95, 0.9, 0.99]),
        cv_ratio=around([0.6, 0.5, 0.7]),
        argmax_mean=around(12.0),
        argmax_cv=around(0.55),
        argmax_exact_mean=np.array(9.0),
        argmax_exact_cv=np.array(1.1),
        time_scale=np.array(TIME_SCALES),
        time=around([20.0, 5.0, np.nan, 7.0, 4.0]),
        separation=around(5.0),
        frequency=FREQUENCY,
        power=around(1 / FREQUENCY),
        process_power=around(2 / FREQUENCY),
        exact_power=2 / FREQUENCY,
        peak_height=Estimate(3.0, 2.0, 4.0),
        peak_null=Null.of_draws("samples of the process", 3.0, np.linspace(0.5, 1, 39)),
        peak_frequency=Estimate(0.1, 0.09, 0.11),
    )


def test_both_laws_are_drawn_as_far_as_they_go(result):
    ax = plot_survival(result)
    network, process = ax.lines
    assert network.get_color() == NETWORK_COLOR
    assert process.get_color() == FLOOR_COLOR
    np.testing.assert_allclose(network.get_ydata()[:5], 0.8 ** AGES[:5])
    np.testing.assert_allclose(process.get_ydata()[:5], 0.9 ** AGES[:5])
    assert ax.get_yscale() == "log"
    assert [line.get_label() for line in ax.lines] == list(SOURCES)
    short = around(np.where(AGES < 6, result.survival.value, 0.0))
    assert plot_survival(replace(result, survival=short)).get_xlim() == (0, 6)


def test_hazards_stand_in_the_middle_of_their_ages(result):
    ax = plot_hazard(result)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), np.sqrt([1, 8, 150]))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.2, 0.2, np.nan])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [0.1, 0.1, 0.1])
    assert ax.get_ylim() == (0, pytest.approx(0.25))


def test_regularity_is_that_of_all_and_of_each_state(result):
    ax = plot_regularity(result)
    network, process, exact = ax.lines
    np.testing.assert_allclose(network.get_ydata(), [0.5, 0.4, 0.6])
    np.testing.assert_allclose(process.get_ydata(), [0.9, 0.8, 1.0])
    np.testing.assert_allclose(exact.get_ydata(), [0.95, 0.9, 0.99])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["all", "0", "1"]
    limits = np.array(ax.collections[0].get_segments())[..., 1]
    np.testing.assert_allclose(limits[0], [0.45, 0.55])


@pytest.mark.parametrize(
    ("ratio", "seen"),
    [
        ((0.6, 0.5, 0.7), "Dwells are more regular than those of the process: CV ratio 0.6 [0.5, 0.7]."),
        ((0.98, 0.93, 1.04), "Dwells are about as regular as those of the process"),
        ((1.3, 1.2, 1.4), "Dwells are less regular than those of the process"),
        ((0.95, 0.8, 1.2), "How regular dwells are beside those of the process is open"),
    ],
)
def test_the_caption_begins_with_how_regular_dwells_are(result, ratio, seen):
    ratios = Estimate(*(np.full(3, value) for value in ratio))
    caption = describe_dwell(replace(result, cv_ratio=ratios))
    assert caption.startswith(f"**{seen}")
    assert "500 dwells of the network and 700 of the process" in caption
    assert "cut at 30 steps" in caption
    assert plot_dwell(result).axes[0].get_legend() is None


def test_captions_leave_out_what_is_not_known(result):
    none = Estimate(np.full((2, 3), np.nan))
    caption = describe_dwell(replace(result, late_over_early=none, argmax_cv=Estimate(np.nan)))
    assert "undefined" not in caption


def test_time_scales_that_are_known_stand_with_the_dwell_on_top(result):
    ax = plot_time_scales(result)
    names = [text.get_text() for text in ax.get_yticklabels()]
    dots = ax.lines[0]
    assert names == [
        "decoded dwell",
        "relaxation in slow regions",
        "rise of the margin",
        "way between slow regions",
    ]
    np.testing.assert_allclose(dots.get_xdata(), [20, 5, 7, 4])
    np.testing.assert_allclose(dots.get_ydata(), [3, 2, 1, 0])
    caption = describe_dwell_time_scales(result)
    assert caption.startswith("**A dwell lasts 5 [4.5, 5.5] times as long as the way between slow regions.**")
    assert "Not known here: noise kernel." in caption
    alone = replace(result, separation=Estimate(np.nan), time=around([20.0, *[np.nan] * 4]))
    assert describe_dwell_time_scales(alone).startswith("**A dwell lasts 20 [18, 22] steps.**")
    assert len(plot_dwell_time_scales(alone).axes[0].get_yticklabels()) == 1


def test_the_spectrum_stands_beside_that_of_the_process(result):
    ax = plot_spectra(result)
    exact, network = ax.lines[:2]
    np.testing.assert_allclose(exact.get_ydata(), 2 / FREQUENCY)
    np.testing.assert_allclose(network.get_ydata(), 1 / FREQUENCY)
    assert ax.lines[2].get_xdata()[0] == 0.1
    quiet = replace(result, peak_frequency=Estimate(np.nan))
    assert len(plot_spectra(quiet).lines) == 2
    assert len(plot_dwell_rhythm(result).axes) == 2


def test_the_peak_stands_beside_samples_of_the_process(result):
    ax = plot_peak(result)
    draws, height = ax.lines[:2]
    assert len(draws.get_xdata()) == 39
    assert height.get_xdata().tolist() == [3.0]
    none = replace(
        result, peak_height=Estimate(np.nan), peak_null=Null("samples of the process", np.nan, draws=[])
    )
    plot_peak(none)
    assert describe_dwell_rhythm(none).startswith("**The network emits a single symbol")


def test_the_caption_says_whether_there_is_a_rhythm(result):
    assert describe_dwell_rhythm(result).startswith(
        "**The symbols keep a rhythm of about 10 steps: its power"
    )
    weak = replace(result, peak_height=Estimate(1.1, 0.9, 1.3))
    assert describe_dwell_rhythm(weak).startswith("**No rhythm shows in the symbols")
    common = Null.of_draws("samples of the process", 3.0, np.linspace(2, 4, 39))
    assert not replace(result, peak_null=common).has_rhythm
    assert "95 % quantile of 39 samples" in describe_dwell_rhythm(result)
    assert "periods above 20 steps" in describe_dwell_rhythm(result)


def test_three_figures_show_the_part():
    assert [drawing.name for drawing in FIGURES] == ["dwell", "dwell_time_scales", "dwell_rhythm"]
    assert all(drawing.shows == ("dwell",) for drawing in FIGURES)
