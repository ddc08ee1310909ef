import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_linear, make_ring, rotate
from matplotlib.colors import to_hex
from part_functions import compute_orbit_paths

from orbitscope.plots.orbit.orbit_paths import (
    describe_orbit_paths,
    plot_driven_paths,
    plot_free_norms,
    plot_free_paths,
    plot_orbit_paths,
)
from orbitscope.plots.style import get_symbol_color

SMALL = {"n_trajectories": 20, "n_steps": 30, "burn_in": 40, "n_shown": 4, "n_free_steps": 12}


def run(network):
    return compute_orbit_paths(network, generator=torch.Generator().manual_seed(1), **SMALL)


@pytest.fixture(scope="module")
def result():
    return run(make_ring())


def get_dots(ax, size):
    """Drawn states by colour."""
    lines = [line for line in ax.lines if line.get_marker() == "." and line.get_markersize() == size]
    return {to_hex(line.get_color()): np.array(line.get_data()).T for line in lines}


def test_every_driven_state_has_the_colour_of_its_symbol(result):
    dots = get_dots(plot_driven_paths(result), 2)
    assert len(dots) == len(np.unique(result.symbol)) > 1
    for symbol in np.unique(result.symbol):
        np.testing.assert_array_equal(
            dots[get_symbol_color(int(symbol)).lower()], result.path[result.symbol == symbol]
        )


def test_the_readout_has_one_numbered_arrow_for_each_symbol_inside_the_axes(result):
    ax = plot_driven_paths(result)
    arrows = [text.xy for text in ax.texts if text.get_text() == ""]
    numbers = {text.get_text(): text.xy for text in ax.texts if text.get_text()}
    directions = np.array(arrows) / np.linalg.norm(result.readout, axis=1, keepdims=True)
    cosine = (directions * result.readout).sum(1) / np.linalg.norm(result.readout, axis=1)
    np.testing.assert_allclose(cosine, np.linalg.norm(directions, axis=1))
    assert np.ptp(np.linalg.norm(directions, axis=1)) < 1e-9
    assert list(numbers) == ["0", "1", "2"]
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    for x, y in numbers.values():
        assert left < x < right
        assert bottom < y < top
    assert re.fullmatch(r"axis 1 \(\d+ %\)", ax.get_xlabel())


def test_many_symbols_are_named_in_a_legend_instead_of_at_their_arrows(result):
    many = replace(result, readout=np.tile(result.readout, (2, 1)))
    names = [text.get_text() for text in plot_driven_paths(many).texts]
    assert names == [""] * 6
    legend = plot_orbit_paths(many).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == [str(i) for i in range(6)]
    assert not plot_orbit_paths(result).legends


def test_free_paths_run_over_the_driven_states_to_silence(result):
    ax = plot_free_paths(result)
    lines = [np.array(line.get_data()).T for line in ax.lines if line.get_linestyle() == "-"]
    np.testing.assert_array_equal(lines, result.free_path)
    crosses = [line.get_data() for line in ax.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(np.ravel(crosses), result.origin)
    assert sum(len(points) for points in get_dots(ax, 4).values()) == result.free_symbol.size


def test_both_planes_have_the_limits_of_all_that_is_in_them(result):
    far = replace(result, free_path=3 * result.free_path)
    axes = plot_driven_paths(far), plot_free_paths(far)
    for limits in ([ax.get_xlim() for ax in axes], [ax.get_ylim() for ax in axes]):
        assert limits[0] == limits[1]
    left, right = axes[0].get_xlim()
    assert left < far.free_path[..., 0].min() < far.free_path[..., 0].max() < right


def test_norms_fall_on_a_logarithmic_axis(result):
    ax = plot_free_norms(result)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], result.free_norm)
    assert ax.get_yscale() == "log"
    assert ax.get_xlim() == (0, 12)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("steps without noise", "norm of h (activity)")


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_orbit_paths(result).get_axes()) == 3
    caption = describe_orbit_paths(result)
    assert "a, 4 trajectories of 30 steps" in caption
    assert "plane of 20 trajectories" in caption
    left = 100 * np.divide(*np.median(result.free_norm[:, [-1, 0]], axis=0))
    assert caption.startswith("**Activity falls to ")
    share = re.search(r"falls to (\S+) % of its size in the 12 steps after the noise has stopped", caption)
    assert float(share[1]) == pytest.approx(left, rel=5e-3)
    assert "for 12 steps after the noise stopped" in caption
    shares = re.search(r"axes hold ([\d.]+) and ([\d.]+) %", caption)
    np.testing.assert_allclose(
        [float(share) for share in shares.groups()],
        100 * result.plane.explained_variance_ratio,
        rtol=5e-3,
    )
    first, last = re.search(r"median (\S+) at the start, (\S+) at the end", caption).groups()
    assert float(first) == pytest.approx(np.median(result.free_norm[:, 0]), rel=5e-3)
    assert float(last) == pytest.approx(np.median(result.free_norm[:, -1]), rel=5e-3)


def test_silence_and_an_indifferent_readout_can_be_drawn():
    """A network that is silent one step after the noise stops, and whose symbols are all alike."""
    network = make_linear(0.0 * rotate(0.3))
    with torch.no_grad():
        network.w_out.zero_()
    result = run(network)
    assert not result.free_norm[:, 1:].any()
    plot_orbit_paths(result).canvas.draw()
    assert "0 at the end" in describe_orbit_paths(result)
    seen = "**Activity is silent 12 steps after the noise has stopped.**"
    assert describe_orbit_paths(result).startswith(seen)
    given = compute_orbit_paths(
        network, generator=torch.Generator().manual_seed(1), plane=result.plane, **SMALL
    )
    assert "It was given." in describe_orbit_paths(given)
