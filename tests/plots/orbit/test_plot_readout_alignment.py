from dataclasses import replace

import numpy as np
import pytest
import torch
from known_networks import make_tilted_plane
from matplotlib.colors import to_hex
from matplotlib.patches import StepPatch

from orbitscope.dynamics.orbit.readout_alignment import align_readout
from orbitscope.network import build_network
from orbitscope.plots.orbit.readout_alignment import (
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
    rng = np.random.default_rng(0)
    return align_readout(network, make_tilted_plane(8), np.diag(np.arange(1.0, 9.0)), n_null=200, rng=rng)


@pytest.fixture(scope="module")
def result():
    return run()


@pytest.mark.parametrize(
    ("variant", "row", "label"),
    [
        ("centred", 0, "projection of the centred row"),
        ("raw", 1, "projection of the raw row"),
        ("logit", 2, "correlation of the logit with the plane"),
    ],
)
def test_each_symbol_has_its_projection_across_the_densities_of_both_nulls(result, variant, row, label):
    ax = plot_projections(result, variant=variant)
    dots = [line for line in ax.lines if line.get_marker() == "o" and line.get_label() != "network"]
    densities = [patch for patch in ax.patches if isinstance(patch, StepPatch)]
    for i, (dot, place) in enumerate(zip(dots, ax.get_yticks(), strict=True)):
        assert dot.get_xdata() == [result.projection[row, i]]
        assert dot.get_ydata() == [place]
        assert to_hex(dot.get_color()) == get_symbol_color(i).lower()
        for j, side in enumerate((1, -1)):
            sizes, edges, base = densities[2 * i + j].get_data()
            counts, _ = np.histogram(result.null_projection[row, j, :, i], edges)
            np.testing.assert_allclose(sizes - base, side * 0.42 * counts / counts.max())
            assert base == place
    bars = [float(c.get_segments()[0][0][0]) for c in ax.collections]
    np.testing.assert_allclose(bars[:3], [*result.null_quantile[row, :, 0], result.projection[row, 0]])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0", "1", "2"]
    assert ax.get_xlabel() == label


def with_p_values(result, permutations, signs):
    p_values = np.broadcast_to(np.array([permutations, signs])[:, None], result.p_holm.shape[1:])
    totals = np.broadcast_to([permutations, signs], result.total_p_value.shape)
    return replace(result, p_holm=np.stack([p_values] * 3), total_p_value=totals)


@pytest.mark.parametrize(
    ("permutations", "signs", "verdict", "seen"),
    [
        (0.01, 0.02, "beyond both", "The readout looks at the orbit plane, beyond permutations and signs."),
        (
            0.3,
            0.2,
            "within both",
            "Nothing says that the readout looks at the orbit plane: it is not beyond permutations or signs.",
        ),
        (
            0.01,
            0.2,
            "undecided:\nbeyond permutations,\nnot beyond signs",
            "Whether the readout looks at the orbit plane is undecided: beyond permutations, not beyond "
            "signs.",
        ),
        (
            0.2,
            0.01,
            "undecided:\nbeyond signs,\nnot beyond permutations",
            "Whether the readout looks at the orbit plane is undecided: beyond signs, not beyond "
            "permutations.",
        ),
    ],
)
def test_one_verdict_stands_for_both_nulls(result, permutations, signs, verdict, seen):
    judged = with_p_values(result, permutations, signs)
    assert [text.get_text() for text in plot_projections(judged).texts] == [verdict] * 3
    assert describe_readout_alignment(judged).startswith(f"**{seen}** ")


def test_one_legend_names_nulls_quantiles_and_the_network(result):
    figure = plot_readout_alignment(result)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "random permutations (above)",
        "random signs (below)",
        "their 95 % quantiles",
        "network",
    ]


def test_the_caption_has_the_numbers_of_the_result(result):
    caption = describe_readout_alignment(result)
    assert "200 draws of each null" in caption
    for row in (0, 2):
        for i in range(3):
            permuted, signs = (format_number(float(q)) for q in result.null_quantile[row, :, i])
            value = format_number(float(result.projection[row, i]))
            assert f"Symbol {i}: {value} ({permuted} and {signs})." in caption
        assert f"signs p = {format_number(float(result.total_p_value[row, 1]))}" in caption
    share = format_number(100 * float(result.projection[2, 0]) ** 2)
    assert f"These hold {share} %" in caption
    raw = ", ".join(format_number(float(value)) for value in result.projection[1])
    assert f"Raw rows, as published: {raw}." in caption
    assert f"random directions ({format_number(float(result.chance))})" in caption


def test_a_row_without_direction_is_said_to_be_undefined():
    result = run(zero_row=True)
    figure = plot_readout_alignment(result)
    figure.canvas.draw()
    for ax in figure.get_axes():
        assert ax.texts[1].get_text() == "undefined"
    assert "Symbol 1: undefined" in describe_readout_alignment(result)
