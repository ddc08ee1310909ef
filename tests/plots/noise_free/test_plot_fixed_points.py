from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_ring

from orbitscope.dynamics.noise_free.fixed_points import find_fixed_points
from orbitscope.network import build_network
from orbitscope.plots.noise_free.fixed_points import (
    describe_fixed_points,
    plot_fixed_points,
    plot_radii,
    plot_starts,
)


def find(w_hh, states, cell="relu", *, bias=None, **options):
    w_hh = torch.as_tensor(w_hh)
    network = build_network(
        2,
        cell=cell,
        hidden_size=len(w_hh),
        input_size=1,
        bias=bias is not None,
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        network.cell.w_hh.copy_(w_hh)
        if bias is not None:
            network.cell.bias.copy_(torch.as_tensor(bias))
    return find_fixed_points(network, torch.as_tensor(states).float(), **({"max_steps": 300} | options))


@pytest.fixture(scope="module")
def bistable():
    return find([[2.0]], np.linspace(-1.5, 1.5, 41)[:, None], "tanh")


@pytest.fixture(scope="module")
def ghost():
    """One fixed point, and one slow point where a bias has lifted the map off two others."""
    return find([[1.5]], np.linspace(-1, 1, 21)[:, None], "tanh", bias=[0.25])


@pytest.fixture(scope="module")
def homogeneous():
    """An irregular ring: activity turns, so that no ray is fixed."""
    noise = torch.rand(8, 8, generator=torch.Generator().manual_seed(1)) - 0.5
    return find(
        make_ring().cell.w_hh.detach() + 0.3 * noise,
        torch.rand(30, 8, generator=torch.Generator().manual_seed(2)),
        max_steps=50,
    )


def read_points(ax):
    """Drawn points in order of their height, without lines across the panel."""
    points = [np.stack(line.get_data(), 1) for line in ax.lines if line.get_marker() != "None"]
    return np.concatenate(points)


def test_points_stand_at_their_speed_and_number_of_starts(ghost):
    drawn = read_points(plot_starts(ghost))
    slow = drawn[drawn[:, 1] == ghost.n_starts[1]]
    np.testing.assert_allclose(slow, [[ghost.speed[1] / ghost.status["scale"], ghost.n_starts[1]]])
    fixed = drawn[drawn[:, 1] == ghost.n_starts[0]]
    assert fixed[0, 0] < slow[0, 0] / 2


def test_fixed_points_stand_side_by_side_with_their_radii(bistable):
    drawn = read_points(plot_radii(bistable))
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(bistable.spectral_radius))
    assert len(np.unique(drawn[:, 0])) == 3
    ax = plot_starts(bistable)
    np.testing.assert_array_equal(np.sort(read_points(ax)[:, 1]), np.sort(bistable.n_starts))
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0"]


def test_points_without_a_derivative_have_a_strip(homogeneous, bistable):
    ax = plot_radii(homogeneous)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[0] == "none"
    height = ax.get_yticks()[0]
    drawn = read_points(ax)[:, 1]
    assert (np.isclose(drawn, height)).sum() == np.isnan(homogeneous.spectral_radius).sum()
    assert height < np.nanmin(homogeneous.spectral_radius)
    assert "none" not in [text.get_text() for text in plot_radii(bistable).get_yticklabels()]


def test_points_that_did_not_converge_are_open(homogeneous):
    ax = plot_starts(homogeneous)
    n_open = sum(len(line.get_xdata()) for line in ax.lines if line.get_markerfacecolor() == "white")
    assert n_open == (~homogeneous.converged).sum() > 0
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["fixed point", "slow point"]


def test_captions_have_the_numbers_of_the_result(bistable, ghost, homogeneous):
    caption = describe_fixed_points(bistable)
    assert caption.startswith("**The noise-free map has 3 fixed points, 1 of them unstable.** Minima")
    assert "from 41 driven states. Found: 3 fixed points, 0 rays of fixed points, 0 slow points." in caption
    assert f"({bistable.n_starts[0]} starts, |λ| ≤ {bistable.spectral_radius[0]:.3f}" in caption
    caption = describe_fixed_points(ghost)
    assert f"{ghost.speed[1] / ghost.status['scale']:.3g} of their size per step" in caption
    caption = describe_fixed_points(homogeneous)
    assert "on the sphere" in caption
    seen = "The origin is the only fixed point: the map is homogeneous, and no fixed ray was found."
    assert caption.startswith(f"**{seen}**")
    assert "a, Starts" not in caption
    assert "Fixed: the origin (0 starts, no derivative)." in caption
    share = (~homogeneous.converged * homogeneous.n_starts).sum() / 30
    assert f"{100 * share:.3g} % of the starts did not converge" in caption


def test_an_identity_is_a_sentence_instead_of_panels(homogeneous):
    figure = plot_fixed_points(homogeneous)
    assert not figure.axes
    (text,) = (text.get_text().replace("\n", " ") for text in figure.texts)
    speed = homogeneous.speed[homogeneous.kind == "slow"].min()
    assert text.startswith("The origin is the only fixed point: the map is homogeneous")
    assert f"Speeds of the slow points: {speed:.3g} to" in text
    figure.canvas.draw()
    assert figure.texts[0].get_window_extent().x1 < figure.bbox.x1


@pytest.mark.slow
def test_figures_of_all_kinds_of_result(bistable, ghost, homogeneous):
    origin = find([[0.5, 0.0], [0.0, 0.5]], torch.zeros(3, 2))
    moving = find([[0.5, 1.0], [1.0, 0.5]], [[1.0, 2.0]], "tanh", max_steps=0, polish_steps=0)
    weights = np.array([[0.5, 0.5], [0.5, 0.5]])
    ray = find(weights, [[1.0, 2.0], [3.0, 1.0]])
    for result in (bistable, ghost, moving, ray):
        figure = plot_fixed_points(result)
        figure.canvas.draw()
        assert len(figure.get_axes()) == 2
    assert "1 fixed point, 0 rays of fixed points, 0 slow points" in describe_fixed_points(origin)
    assert "Fixed: the origin (3 starts, no derivative)." in describe_fixed_points(origin)
    assert "**The homogeneous map has 1 ray of fixed points through the origin.**" in describe_fixed_points(
        ray
    )
    assert "**No point of the noise-free map is fixed; it has 1 slow point.**" in describe_fixed_points(
        moving
    )
    assert "1 ray of fixed points" in describe_fixed_points(ray)
    named = replace(ray, symbol=np.array([-1, 1]), settings=ray.settings | {"symbol_names": ["sun", "rain"]})
    caption = describe_fixed_points(named)
    assert "a ray of fixed points of symbol rain with ‖h‖ = 1 (2 starts, |λ| ≤ 1)" in caption
    assert "Fixed: the origin (0 starts" in caption
