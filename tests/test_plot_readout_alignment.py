import numpy as np
import pytest
import torch
from known_networks import make_plane
from matplotlib.colors import to_hex

from orbitscope.dynamics.readout_alignment import compute_readout_alignment
from orbitscope.network import build_network
from orbitscope.plots.readout_alignment import (
    describe_readout_alignment,
    plot_projections,
    plot_readout_alignment,
)
from orbitscope.plots.style import format_number, get_symbol_color


def run(*, zero_row=False):
    network = build_network(3, hidden_size=8, input_size=2, generator=torch.Generator().manual_seed(0))
    if zero_row:
        with torch.no_grad():
            network.w_out[1] = (network.w_out[0] + network.w_out[2]) / 2
    return compute_readout_alignment(network, make_plane(8), n_permutations=200, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def result():
    return run()


@pytest.mark.parametrize(("variant", "row"), [("centred", 0), ("raw", 1)])
def test_each_symbol_has_its_projection_and_every_permutation(result, variant, row):
    ax = plot_projections(result, variant=variant)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    nulls = [line for line in ax.lines if line.get_marker() == "."]
    for i, (dot, null, place) in enumerate(zip(dots, nulls, ax.get_yticks(), strict=True)):
        assert dot.get_xdata() == [result.projection[row, i]]
        assert dot.get_ydata() == [place]
        assert to_hex(dot.get_color()) == get_symbol_color(i).lower()
        np.testing.assert_array_equal(null.get_xdata(), result.null_projection[row, :, i])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]
    assert ax.get_xlabel() == f"projection of {variant} row on the orbit plane"
    assert ax.texts[0].get_text() == f"p = {format_number(float(result.p_holm[row, 0]), digits=2)}"


def test_the_caption_has_the_numbers_of_the_result(result):
    caption = describe_readout_alignment(result)
    assert "200 permutations" in caption
    for i in range(3):
        assert f"symbol {i} {format_number(float(result.projection[0, i]))} (" in caption
    raw = ", ".join(format_number(float(value)) for value in result.projection[1])
    assert f"Raw rows, as published: {raw}." in caption
    assert f"random directions ({format_number(float(result.chance))})" in caption


def test_a_row_without_direction_is_said_to_be_undefined():
    result = run(zero_row=True)
    figure = plot_readout_alignment(result)
    figure.canvas.draw()
    assert figure.get_axes()[0].texts[1].get_text() == "undefined"
    assert "symbol 1 undefined" in describe_readout_alignment(result)
