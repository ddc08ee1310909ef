from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from known_networks import scale_recurrence
from matplotlib.colors import to_rgba
from part_functions import compute_training_evolution

from orbitscope.network import build_network
from orbitscope.plots.over_training.training_evolution import (
    choose_orbits,
    describe_lag,
    describe_training_evolution,
    plot_course,
    plot_measures_over_training,
    plot_orbit,
    plot_training_evolution,
)
from orbitscope.plots.style import get_symbol_color
from orbitscope.statistics import Estimate

GAINS = {0: 0.5, 10: 0.5, 20: 0.6, 25: 1e3, 30: 1.5, 40: 2.5}


def make_network(gain):
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    return scale_recurrence(network, gain)


def run(gains=GAINS, *, n_untrained=20):
    checkpoints = {epoch: partial(make_network, gain) for epoch, gain in gains.items()}
    course = np.where(np.arange(1, 41) < 20, 1.0, 0.3)
    small = {"n_trajectories": 40, "n_steps": 40, "burn_in": 20, "spectral_stride": 8, "align_steps": 5}
    small |= {"n_untrained": n_untrained, "n_resamples": 100}
    return compute_training_evolution(checkpoints, course, generator=torch.Generator(), **small)


@pytest.fixture(scope="module")
def result():
    return run()


def test_lines_are_the_measures_and_the_loss(result):
    ax = plot_measures_over_training(result, ("unstable_share", "critical_share"))
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    rows = result.measure.tolist()
    np.testing.assert_array_equal(drawn["unstable"], result.estimate.value[rows.index("unstable_share")])
    np.testing.assert_array_equal(drawn["critical pair"], result.estimate.value[rows.index("critical_share")])
    np.testing.assert_array_equal(plot_course(result).lines[0].get_ydata(), result.loss)


def test_drop_and_onset_are_marked_at_their_dates(result):
    ax = plot_measures_over_training(result, ("unstable_share",))
    marks = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 2]
    assert sorted(marks) == sorted(result.date.value[:2])


def test_untrained_networks_are_a_band_behind_the_two_measures_that_have_one(result):
    for name in ("area_rate", "mean_shift"):
        ax = plot_measures_over_training(result, (name,))
        bands = [patch.get_extents().transformed(ax.transData.inverted()) for patch in ax.patches]
        limits = np.quantile(result.untrained[name].draws, (0.05, 0.95))
        assert any(np.allclose((band.y0, band.y1), limits) for band in bands)
    n_marks = len(plot_measures_over_training(result, ("exponent",)).patches)
    assert n_marks == len(ax.patches) - 1


def test_orbits_of_the_first_and_the_last_checkpoint_are_among_those_shown(result):
    rows = choose_orbits(result)
    assert (rows[0], rows[-1]) == (0, 5)
    assert 3 not in rows


def test_the_figure_has_a_panel_for_each_measure_and_the_stack(result):
    figure = plot_training_evolution(result)
    labels = [ax.get_ylabel() for ax in figure.axes]
    assert "relative loss" in labels
    assert "largest Lyapunov\nexponent (1/step)" in labels
    titles = [ax.get_title(loc="left") for ax in figure.axes[6:]]
    epochs = [f"epoch {result.checkpoint_epoch[row]}" for row in choose_orbits(result)]
    assert titles == [*epochs, *[""] * (8 - len(epochs))]
    assert not any(ax.name == "3d" for ax in figure.axes)
    legends = [[t.get_text() for t in part.legends[0].get_texts()] for part in figure.subfigs]
    marks = ["loss leaves its plateau", "onset of a share", "symbols without memory", "untrained networks"]
    assert legends[0] == marks
    assert legends[1] == [f"symbol {s}" for s in np.unique(result.orbit_symbol[result.orbit_symbol >= 0])]


def test_orbits_stand_on_one_square_scale_in_the_colours_of_their_symbols(result):
    first, last = (plot_orbit(result, row) for row in (0, 5))
    assert (first.get_xlim(), first.get_ylim()) == (last.get_xlim(), last.get_ylim())
    assert np.ptp(first.get_xlim()) == pytest.approx(np.ptp(first.get_ylim()))
    for ax, row in ((first, 0), (last, 5)):
        dots = ax.collections[0]
        np.testing.assert_array_equal(dots.get_offsets(), result.orbit[row])
        colors = [to_rgba(get_symbol_color(int(symbol))) for symbol in result.orbit_symbol[row]]
        np.testing.assert_array_equal(dots.get_facecolors(), colors)
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert ((left, bottom) < result.orbit[row]).all()
        assert (result.orbit[row] < (right, top)).all()


@pytest.mark.slow
def test_the_caption_has_the_dates_their_lag_and_what_is_missing(result):
    caption = describe_training_evolution(result)
    assert "6 checkpoints" in caption
    assert "Without a stationary regime: 25." in caption
    assert "Loss drop: epoch 20." in caption
    lag = result.lag[result.event.tolist().index("critical_share")]
    assert caption.startswith(f"**Critical pairs of eigenvalues set in {describe_lag(lag)}.**")
    assert "Onset of unstable: epoch" in caption
    assert "epochs after the loss drop" in caption
    assert "takes 7 trajectories with an event, a share of at least 0.035" in caption
    assert "Grey: the middle 90 % of 20 untrained networks" in caption
    still = run({epoch: 0.5 for epoch in GAINS}, n_untrained=0)
    assert "untrained" not in describe_training_evolution(still)
    assert "Onset of unstable_share undefined" in describe_training_evolution(still)
    seen = "**The loss drops in epoch 20; no onset of critical pairs of eigenvalues was dated.**"
    assert describe_training_evolution(still).startswith(seen)
    plot_training_evolution(still).canvas.draw()
    undated = replace(still, date=Estimate(np.full(3, np.nan)))
    seen = "**Neither a drop of the loss nor an onset of critical pairs of eigenvalues was dated.**"
    assert describe_training_evolution(undated).startswith(seen)


def test_a_lag_is_put_in_words_on_either_side_of_the_drop():
    assert describe_lag(Estimate(10.0, 5.0, 15.0)) == "5 to 15 epochs after the loss drop"
    assert describe_lag(Estimate(-25.0, -30.0, -20.0)) == "30 to 20 epochs before the loss drop"
    assert describe_lag(Estimate(0.0, -5.0, 10.0)) == "from 5 epochs before to 10 after the loss drop"
