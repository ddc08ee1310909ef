from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from orbitscope.dynamics.noise_free.noise_free_growth import follow_without_noise
from orbitscope.network import build_network
from orbitscope.plots.noise_free.noise_free_growth import (
    describe_noise_free_growth,
    plot_ends,
    plot_log_growth,
    plot_noise_free_growth,
    plot_rates,
)
from orbitscope.plots.style import FLOOR_COLOR, MUTED_COLOR, SYMBOL_COLORS


def make_network(w_hh, cell="relu"):
    w_hh = torch.as_tensor(w_hh)
    generator = torch.Generator().manual_seed(0)
    network = build_network(2, cell=cell, hidden_size=len(w_hh), input_size=1, generator=generator)
    with torch.no_grad():
        network.cell.w_hh.copy_(w_hh)
        network.w_out.copy_(torch.eye(2, len(w_hh)))
    return network


def rest(network, states, **options):
    return follow_without_noise(network, torch.tensor(states), n_steps=40, settle_steps=10, **options)


@pytest.fixture(scope="module")
def rays():
    """Two units that silence each other, decaying by 0.5 and 0.8, and a start that is silent."""
    starts = [[3.0, 0.1], [2.0, 0.1], [0.1, 3.0], [0.0, 0.0]]
    return rest(make_network([[0.5, -2.0], [-2.0, 0.8]]), starts)


@pytest.fixture(scope="module")
def bistable():
    return rest(make_network([[2.0, 0.0], [0.0, 0.0]], "tanh"), [[0.3, 0.0], [-0.1, 0.0], [3.0, 0.0]])


def test_the_curve_is_the_median_and_bands_are_quantiles(rays):
    ax = plot_log_growth(rays)
    (median,) = (line for line in ax.lines if line.get_label() == "median")
    np.testing.assert_array_equal(median.get_xdata(), np.arange(51))
    np.testing.assert_allclose(median.get_ydata(), rays.log_growth[3])
    assert len(ax.collections) == 3
    assert "steps" in ax.get_xlabel()
    assert ax.get_ylabel() == "log (‖h(t)‖ / ‖h(0)‖)"


def test_rates_are_coloured_by_the_symbol_of_their_ray(rays):
    ax = plot_rates(rays)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["rays of symbol 0: 50 %", "rays of symbol 1: 25 %"]
    heights = [sum(patch.get_height() for patch in container) for container in ax.containers]
    assert heights == [2, 1]
    colors = [container[0].get_facecolor() for container in ax.containers]
    assert colors == [to_rgba(SYMBOL_COLORS[0]), to_rgba(SYMBOL_COLORS[1])]
    assert "1/step" in ax.get_xlabel()


def test_cycles_are_grey():
    swap = rest(make_network([[0.0, 0.9], [0.9, 0.0]]), [[1.0, 0.0], [1.0, 3.0]])
    ax = plot_rates(swap)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cycles: 100 %"]
    assert ax.patches[0].get_facecolor() == to_rgba(MUTED_COLOR)
    assert "No path came to a fixed direction." in describe_noise_free_growth(swap)


def test_bars_are_the_shares_of_the_ends(bistable):
    ax = plot_ends(bistable)
    np.testing.assert_allclose([patch.get_width() for patch in ax.patches], [2 / 3, 1 / 3])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["point of symbol 0", "point of symbol 1"]
    moving = rest(make_network([[0.0, -3.0], [3.0, 0.0]], "tanh"), [[1.0, 0.0], [0.0, 1.0]])
    ax = plot_ends(moving)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["still moving"]
    assert ax.patches[0].get_facecolor() == to_rgba(FLOOR_COLOR)


def test_many_ends_are_pooled():
    network = make_network(np.eye(2, dtype=np.float32))
    with torch.no_grad():
        network.cell.bias = torch.nn.Parameter(torch.tensor([-1e-9, 1e-9]))
    many = rest(network, [[float(i), 1.0] for i in range(1, 9)])
    ax = plot_ends(many)
    assert [text.get_text() for text in ax.get_yticklabels()][-1] == "2 other ends"
    np.testing.assert_allclose(ax.patches[-1].get_width(), 0.25)


def test_captions_have_the_numbers_of_the_result(rays, bistable):
    caption = describe_noise_free_growth(rays)
    assert caption.startswith("**Without noise activity dies out.** Noise-free paths from 4 driven states.")
    assert "first 50 steps" in caption
    assert "mean −0.536, largest −0.223 per step" in caption
    assert "0 % of the states grow (upper 95 % limit 53 %). 25 % fell silent." in caption
    assert "Ray of symbol 0: 50 % of the states, rate −0.693. Ray of symbol 1: 25 %" in caption
    caption = describe_noise_free_growth(bistable)
    assert caption.startswith("**Without noise activity comes to rest, at 2 points.**")
    assert "come to rest: 2 ends. 100 % of the paths rest, 0 % diverged." in caption


@pytest.mark.slow
def test_figures_of_all_kinds_of_network(rays, bistable):
    silent = rest(make_network([[-1.0, 0.0], [0.0, -1.0]]), [[1.0, 0.0], [0.0, 0.0]])
    growing = rest(make_network([[9.0, 0.0], [0.0, 9.0]]), [[1.0, 0.0], [1.0, 2.0]])
    for result in (rays, bistable, silent, growing):
        figure = plot_noise_free_growth(result)
        figure.canvas.draw()
        assert len(figure.get_axes()) == 2
        assert describe_noise_free_growth(result)
    assert "mean undefined, largest −∞ per step" in describe_noise_free_growth(silent)
    seen = "**Without noise activity grows from 100 % of the states.**"
    assert describe_noise_free_growth(growing).startswith(seen)


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ({"verdict": "moves", "settled_share": 0.5, "diverged_share": 0.25}, "goes on moving from 25 % of"),
        ({"verdict": "diverges", "diverged_share": 0.25}, "grows without bound from 25 % of the states"),
        ({"verdict": "neutral"}, "neither grows nor dies out"),
    ],
)
def test_the_caption_begins_with_the_verdict(bistable, status, seen):
    caption = describe_noise_free_growth(replace(bistable, status=bistable.status | status))
    assert caption.startswith(f"**Without noise activity {seen}")
