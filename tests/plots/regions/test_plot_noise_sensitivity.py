from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_slow_ring
from matplotlib.colors import to_rgba
from part_functions import compute_noise_sensitivity

from orbitscope.plots.regions.noise_sensitivity import (
    describe_noise_sensitivity,
    plot_contrasts,
    plot_destination_entropy,
    plot_fan,
    plot_noise_sensitivity,
    plot_spread_ratios,
)
from orbitscope.plots.style import REGION_COLORS
from orbitscope.statistics import Estimate


def compute(*, readout=1.0):
    network = make_slow_ring()
    with torch.no_grad():
        network.w_out.mul_(readout)
    small = {"n_starts": 22, "burn_in": 30, "max_states": 800, "n_rollouts": 4, "n_steps": 7}
    return compute_noise_sensitivity(
        network, **small, n_resamples=100, generator=torch.Generator().manual_seed(1)
    )


@pytest.fixture(scope="module")
def result():
    found = compute()
    assert (found.n_starts >= 20).all()
    return found


def read_legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def margin(logits, symbol):
    others = [s for s in range(3) if s != symbol]
    return logits[..., symbol] - logits[..., others].max(-1)


def test_a_fan_shows_every_rollout_and_the_nominal_path(result):
    ax = plot_fan(result, 1, 2)
    nominal = result.example_nominal_logits[1]
    symbol = nominal[0].argmax()
    lines = [line for line in ax.lines if len(line.get_xdata()) == 8]
    drawn = np.array([line.get_ydata() for line in lines])
    np.testing.assert_allclose(drawn[:4], margin(result.example_logits[1, 0, 2], symbol))
    np.testing.assert_allclose(drawn[4], margin(nominal, symbol))
    assert drawn[4, 0] > 0
    assert lines[0].get_color() == REGION_COLORS["kick"]
    assert plot_fan(result, 1, 0).get_ylabel() == "kick:\nlogit margin"
    assert plot_fan(result, 1, 1).get_ylabel() == ""


def test_spread_ratios_start_at_one(result):
    ax = plot_spread_ratios(result)
    drawn = np.array([line.get_ydata() for line in ax.lines if len(line.get_xdata()) == 7])
    np.testing.assert_allclose(drawn, result.spread_ratio.value[:, 0, 2, 1:])
    np.testing.assert_allclose(drawn[:, 0], 1)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == f"slow, n = {result.n_starts[0]}"
    assert ax.get_ylabel() == "spread over that at\nstep 1, γ = 1"
    assert len(ax.collections) == 3


def test_contrasts_are_those_of_the_result_with_their_intervals(result):
    ax = plot_contrasts(result)
    drawn = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in "os"]
    assert all(color in ("#000000", "#6E6E6E") for color in {line.get_color() for line in ax.lines})
    mixtures = ((0, 2), (0, 1), (1, 1))
    pairs = ((0, 1), (1, 2), (0, 2))
    expected = [result.contrast.value[i, j, rule, gamma] for i, j in pairs for rule, gamma in mixtures]
    np.testing.assert_allclose(drawn, expected)
    limits = [segment[:, 0] for lines in ax.collections for segment in lines.get_segments()]
    shown = [result.contrast[i, j, rule, gamma] for i, j in pairs for rule, gamma in mixtures]
    np.testing.assert_allclose(limits, [[contrast.low, contrast.high] for contrast in shown])
    assert read_legend(ax) == ["γ = 1, either rule", "γ = 0.5, published rule", "γ = 0.5, second rule"]
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "slow /\nkick",
        "kick /\ntransition",
        "slow /\ntransition",
    ]


def test_entropies_of_both_rules_have_the_colour_of_their_region(result):
    ax = plot_destination_entropy(result)
    lines = [line for line in ax.lines if line.get_marker() in "os" and len(line.get_xdata())]
    assert read_legend(ax) == ["all symbols as probable", "published rule", "second rule"]
    drawn = np.array([line.get_ydata() for line in lines]).reshape(3, 2, 3)
    np.testing.assert_allclose(drawn, result.entropy.value)
    assert [to_rgba(line.get_color()) for line in lines[::2]] == [
        to_rgba(REGION_COLORS[name]) for name in result.region
    ]


def test_the_figure_has_a_fan_for_each_region_and_gamma(result):
    figure = plot_noise_sensitivity(result)
    assert len(figure.get_axes()) == 12
    titles = [ax.get_title(loc="left") for ax in figure.get_axes()[:3]]
    assert titles == ["γ = 0: the same noise again", "γ = 0.5", "γ = 1: all noise fresh"]
    legend = figure.subfigs[0].legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["rollouts from one start", "nominal path"]


def test_the_caption_has_the_numbers_of_the_result(result):
    caption = describe_noise_sensitivity(result)
    assert "Rollouts of 7 steps" in caption
    assert "Thin: 4 rollouts" in caption
    assert f"At step 5 (dotted): slow {result.spread_ratio.value[0, 0, 2, 5]:.3g} [" in caption
    assert f"slow/transition {result.contrast.value[0, 2, 0, 2]:.3g} [" in caption
    assert "Intervals: 95 %" in caption
    noted = replace(result, status={"n_seen": 5, "notes": ["slow: 3 of 22 starts among 5 states"]})
    assert describe_noise_sensitivity(noted).endswith("Note: slow: 3 of 22 starts among 5 states.")


@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        (
            (1.1, 1.5),
            "Noise spreads activity more from slow than from transition states, by a factor of 1.3 [",
        ),
        (
            (0.9, 1.5),
            "Slow and transition states spread noise alike, as far as can be told: ratio 1.3 [",
        ),
    ],
)
def test_the_caption_begins_with_slow_against_transition(result, limits, seen):
    shape = result.contrast.value.shape
    contrast = Estimate(np.full(shape, 1.3), *(np.full(shape, limit) for limit in limits))
    assert describe_noise_sensitivity(replace(result, contrast=contrast)).startswith(f"**{seen}")


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_a_network_with_one_region_is_drawn():
    found = compute(readout=0.0)
    assert found.n_starts.tolist() == [22, 0, 0]
    figure = plot_noise_sensitivity(found)
    figure.canvas.draw()
    assert len(figure.get_axes()) == 6
    assert "kick undefined" in describe_noise_sensitivity(found)
    assert "slow/transition undefined" in describe_noise_sensitivity(found)
    seen = (
        "**Spread from slow and from transition states cannot be compared: one of the regions has no start.**"
    )
    assert describe_noise_sensitivity(found).startswith(seen)
