import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from part_functions import compute_lyapunov_exponents, compute_noise_free_exponents

from orbitscope.network import build_network
from orbitscope.plots.stability.lyapunov import (
    describe_lyapunov,
    plot_exponents,
    plot_local_exponents,
    plot_lyapunov,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def compute(w_hh=None, n_exponents=3, cell="relu"):
    network = build_network(2, cell=cell, hidden_size=8, input_size=4, generator=seeded())
    if w_hh is not None:
        with torch.no_grad():
            network.cell.w_hh.copy_(torch.as_tensor(w_hh))
    small = {"n_exponents": n_exponents, "n_steps": 50, "align_steps": 10, "n_resamples": 100}
    driven = compute_lyapunov_exponents(network, n_trajectories=6, burn_in=10, generator=seeded(1), **small)
    states = torch.rand(7, 8, generator=seeded(2))
    return driven, compute_noise_free_exponents(network, states, generator=seeded(3), block_steps=10, **small)


@pytest.fixture(scope="module")
def linear():
    """All weights positive: the noise-free map is linear, no direction is lost."""
    weights = torch.eye(8) * torch.linspace(0.9, 0.2, 8)
    return compute(weights + 0.01)


@pytest.fixture(scope="module")
def lossy():
    """Rank 1: the second and third direction are lost."""
    return compute(torch.outer(torch.ones(8), torch.linspace(0.2, 0.05, 8)))


def test_points_are_the_exponents(linear):
    driven, noise_free = linear
    ax = plot_exponents(driven, noise_free)
    for result, label, shift in ((driven, "driven", -0.12), (noise_free, "noise-free", 0.12)):
        (line,) = (line for line in ax.lines if line.get_label() == label)
        is_whole = np.array(result.status["n_collapsed"]) == 0
        np.testing.assert_allclose(line.get_xdata(), np.arange(1, 4) + shift)
        np.testing.assert_allclose(line.get_ydata(), np.where(is_whole, result.mean_exponent.value, np.nan))
    assert ax.get_ylabel() == "Lyapunov exponent (1/step)"


def test_lines_are_the_intervals():
    results = compute(cell="tanh")
    for result, lines in zip(results, plot_exponents(*results).collections, strict=True):
        mean = result.mean_exponent
        assert (mean.low < mean.value).all()
        drawn = [segment[:, 1] for segment in lines.get_segments()]
        np.testing.assert_allclose(drawn, np.stack([mean.low, mean.high], 1))


def test_exponents_with_lost_directions_are_open():
    driven, noise_free = compute(cell="tanh")
    assert np.isfinite(driven.mean_exponent.value).all()
    driven = replace(driven, status=driven.status | {"n_collapsed": [0, 2, 5]})
    ax = plot_exponents(driven, noise_free)
    open_points = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    is_whole = np.array(driven.status["n_collapsed"]) == 0
    left = np.where(is_whole, np.nan, driven.mean_exponent.value)
    np.testing.assert_allclose(open_points[0].get_ydata(), left)
    assert "0, 2, 5 of 6 driven" in describe_lyapunov(driven, noise_free)


def test_all_points_are_filled_where_no_direction_is_lost():
    results = compute(cell="tanh")
    assert all(
        line.get_markerfacecolor() != "white" or np.isnan(line.get_ydata()).all()
        for line in plot_exponents(*results).lines
    )
    assert "Open" not in describe_lyapunov(*results)


def test_curves_are_the_shares_of_blocks_below(linear):
    driven, noise_free = linear
    ax = plot_local_exponents(driven, noise_free)
    (line,) = (line for line in ax.lines if line.get_label() == "driven, blocks of 5 steps")
    values, shares = line.get_data()
    np.testing.assert_array_equal(values, np.sort(driven.local[..., 0].ravel()))
    np.testing.assert_allclose(shares, 100 * np.arange(1, len(values) + 1) / len(values))
    assert ax.get_ylim() == (0, 100)
    assert [text.get_text() for text in ax.texts] == ["shrink", "grow"]
    assert ax.get_xlabel() == "first exponent of 5 or 10 steps (1/step)"


def with_ends(noise_free, n_ends):
    """The same paths with so many ends."""
    names = ("end", "end_symbol", "end_share", "end_mean", "end_least", "end_largest")
    arrays = {name: getattr(noise_free, name) for name in names}
    ends = {name: np.resize(array, (n_ends, *array.shape[1:])) for name, array in arrays.items()}
    return replace(noise_free, **ends, trajectory_end=np.zeros_like(noise_free.trajectory_end))


def test_one_legend_above_both_panels_names_all_marks(linear):
    """Ends have marks of their own where there are several."""
    driven, noise_free = linear
    for n_ends, marks in ((1, []), (2, ["noise-free, paths of one end"])):
        figure = plot_lyapunov(driven, with_ends(noise_free, n_ends))
        (legend,) = figure.legends
        labels = [text.get_text() for text in legend.get_texts()]
        assert labels == ["driven", "noise-free", *marks, "0: differences stay"]
        assert not any(ax.get_legend() for ax in figure.axes)
        figure.draw_without_rendering()
        box = legend.get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert box.y0 >= max(ax.get_window_extent().y1 for ax in figure.axes)


def test_the_caption_has_the_numbers_of_the_results(linear):
    driven, noise_free = linear
    caption = describe_lyapunov(driven, noise_free)
    assert "under noise (6 trajectories of 50 steps) and without (7 trajectories of 50 steps)" in caption
    first = noise_free.mean_exponent[0]
    value, low, high = (f"−{abs(number):.3g}" for number in (first.value, first.low, first.high))
    assert f"First noise-free exponent: {value} [{low}, {high}], contracts" in caption
    assert "95 % bootstrap intervals" in caption


@pytest.mark.parametrize(
    ("verdict", "seen"),
    [
        ("contracts", "Paths under the same noise meet: their largest exponent is "),
        ("expands", "Paths under the same noise part: their largest exponent is "),
        ("undecided", "Whether paths under the same noise meet is undecided: exponent "),
        ("collapses", "Paths under the same noise meet within steps: "),
        ("undefined", "Whether paths under the same noise meet is undefined."),
    ],
)
def test_the_caption_begins_with_the_verdict(linear, verdict, seen):
    driven, noise_free = linear
    changed = replace(driven, status=driven.status | {"verdict": verdict})
    assert describe_lyapunov(changed, noise_free).startswith(f"**{seen}")


@pytest.mark.slow
def test_lost_directions_are_named_and_do_not_break_the_figure(lossy, linear):
    for results in (lossy, linear, (linear[0], lossy[1])):
        figure = plot_lyapunov(*results)
        figure.canvas.draw()
        assert len(figure.get_axes()) == 2
    assert np.isnan(lossy[0].mean_exponent.value[1:]).all()
    counts = r"\d, 6, 6 of 6 driven; 0, 7, 7 of 7 noise-free trajectories"
    assert re.search(counts, describe_lyapunov(*lossy))
    dead = compute(-torch.eye(8), n_exponents=1)
    plot_lyapunov(*dead).canvas.draw()
    assert "First noise-free exponent: undefined" in describe_lyapunov(*dead)
    assert "collapses" in describe_lyapunov(*dead)


def test_ends_that_differ_are_shown_apart():
    blocks = torch.block_diag(torch.full((4, 4), 0.2), torch.full((4, 4), 0.1))
    network = build_network(2, hidden_size=8, input_size=4, generator=seeded())
    with torch.no_grad():
        network.cell.w_hh.copy_(blocks)
        network.w_out.copy_(torch.eye(2).flip(0).repeat_interleave(4, 1))
    states = torch.eye(8)
    small = {"n_exponents": 1, "n_steps": 50, "align_steps": 10, "n_resamples": 100}
    driven = compute_lyapunov_exponents(network, n_trajectories=6, burn_in=10, generator=seeded(1), **small)
    found = compute_noise_free_exponents(network, states, generator=seeded(3), **small)
    (line,) = (
        line
        for line in plot_exponents(driven, found).lines
        if line.get_label() == "noise-free, paths of one end"
    )
    np.testing.assert_allclose(np.sort(line.get_ydata()), np.log([0.4, 0.8]), atol=1e-5)
    names = {"symbol_names": ["sun", "rain"]}
    caption = describe_lyapunov(driven, replace(found, settings=found.settings | names))
    assert "Ray of symbol rain: −0.223 (50 % of the paths)." in caption
    assert "Ray of symbol sun: −0.916 (50 % of the paths)." in caption
