from dataclasses import replace

import numpy as np
import pytest

from orbitscope.circuit.switches import SwitchResult
from orbitscope.plots.circuit.switches import describe_switches, plot_directions, plot_switches
from orbitscope.statistics import Estimate


@pytest.fixture
def result():
    hazard, persistence = np.array([0.03, 0.01]), np.array([0.9, 0.4])
    return SwitchResult(
        settings={"confidence": 0.95, "fewest_events": 30, "symbol_names": ["sun", "rain", "snow"]},
        status={"few": ["2 → 0"]},
        origin=np.array([0, 2]),
        target=np.array([2, 0]),
        n_events=np.array([60, 20]),
        rate=Estimate(0.02, 0.018, 0.022),
        hazard=Estimate(hazard, hazard / 2, hazard * 2),
        persistence=Estimate(persistence, persistence - 0.1, persistence + 0.1),
        process_rate=np.array(0.05),
        process_hazard=np.array([0.05, 0.05]),
        process_persistence=np.array([0.94, 0.94]),
        decoder_jitter=np.array(0.1),
        decoder_missed=np.array(0.2),
        symbol=np.zeros((4, 10), dtype=int),
    )


def test_directions_stand_with_their_intervals_beside_the_process(result):
    ax = plot_directions(result, "hazard")
    dots, bars = ax.lines
    np.testing.assert_allclose(dots.get_xdata(), [0.03, 0.01])
    np.testing.assert_allclose(bars.get_xdata(), [0.05, 0.05])
    limits = np.array(ax.collections[0].get_segments())[..., 0]
    np.testing.assert_allclose(limits, [[0.015, 0.06], [0.005, 0.02]])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["sun → snow", "snow → sun"]


def test_without_a_process_nothing_stands_beside(result):
    none = {"process_hazard": np.full(2, np.nan), "process_persistence": np.full(2, np.nan)}
    alone = replace(result, process_rate=np.array(np.nan), **none)
    figure = plot_switches(alone)
    assert [len(ax.lines) for ax in figure.axes] == [1, 1]
    caption = describe_switches(alone)
    assert caption.startswith("**The network switches 0.02 [0.018, 0.022] times per step.**")
    assert "process" not in caption


@pytest.mark.parametrize(
    ("process", "seen"),
    [(0.05, "times per step, its process 0.05."), (0.021, "per step, as its process does.")],
)
def test_the_caption_begins_with_the_rate_beside_the_process(result, process, seen):
    caption = describe_switches(replace(result, process_rate=np.array(process)))
    assert seen in caption.partition("**")[2].partition("**")[0]
    assert "Fewer than 30 switches: 2 → 0." in caption
    assert "4 trajectories of 10 steps (80 in all)" in caption


@pytest.mark.parametrize(("rarest", "scale"), [(0.01, "linear"), (1e-4, "log")])
def test_hazards_that_differ_more_than_tenfold_have_a_log_axis(result, rarest, scale):
    hazard = Estimate(np.array([0.03, rarest]))
    axes = plot_switches(replace(result, hazard=hazard)).axes[0]
    assert axes.get_xscale() == scale
    assert (axes.get_xlim()[0] == 0) == (scale == "linear")
