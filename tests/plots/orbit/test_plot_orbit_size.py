from dataclasses import replace

import numpy as np
import pytest
import torch
from part_functions import compute_orbit_size

from orbitscope.network import build_network
from orbitscope.plots.orbit.orbit_size import describe_orbit_size, plot_orbit_size, plot_sizes
from orbitscope.plots.style import format_number
from orbitscope.statistics import Estimate


def run(cell):
    network = build_network(
        3, cell=cell, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0)
    )
    sizes = {"n_trajectories": 12, "n_steps": 20, "burn_in": 30, "n_resamples": 100}
    return compute_orbit_size(network, (0.5, 1.0, 4.0), generator=torch.Generator().manual_seed(1), **sizes)


@pytest.fixture(scope="module", params=["relu", "tanh"])
def result(request):
    return run(request.param)


def test_points_are_the_sizes_and_lines_have_the_fitted_slopes(result):
    ax = plot_sizes(result)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    points = [line for line in ax.lines if line.get_linestyle() == "None"]
    slopes = [line for line in ax.lines if line.get_linestyle() == "-"]
    order = np.argsort(-result.size.value[-1])
    for line, bars, fit, measure in zip(points, ax.collections, slopes, order, strict=True):
        size = result.size[:, measure]
        limits = [segment[:, 1] for segment in bars.get_segments()]
        np.testing.assert_array_equal(limits, np.stack([size.low, size.high], axis=1))
        np.testing.assert_array_equal(line.get_data(), [result.noise_std, size.value])
        slope, level = np.polyfit(np.log(result.noise_std), np.log(size.value), 1)
        np.testing.assert_allclose(fit.get_ydata(), np.exp(level) * result.noise_std**slope, rtol=1e-6)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.5", "1", "4"]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[0] == f"total, slope {format_number(float(result.slope[2]))}"


def test_an_identity_is_marked_as_one(result):
    title, caption = plot_sizes(result).get_title(loc="left"), describe_orbit_size(result)
    if result.is_identity:
        assert title == "identity: slope 1 by construction"
        assert "Identity, not a finding" in caption
        assert caption.startswith(
            "**The orbit is exactly proportional to the noise, as in every ReLU network"
        )
    else:
        assert title == "measured"
        assert "Identity" not in caption
        assert f"total: {format_number(float(result.slope[2]))} [" in caption
    assert "12 trajectories of 20 steps" in caption


def test_an_identity_is_a_sentence_with_the_size_and_a_measurement_a_panel(result):
    figure = plot_orbit_size(result)
    assert len(figure.axes) == (0 if result.is_identity else 1)
    if result.is_identity:
        size = format_number(float(result.size.value[1, 2]))
        text = figure.texts[0].get_text().replace("\n", " ")
        assert f"At a noise of 1 the standard deviation of activity is {size}." in text


@pytest.mark.parametrize(
    ("limits", "seen"),
    [
        ((0.7, 0.9), "The orbit grows less than in proportion to the noise: slope 0.8 [0.7, 0.9]."),
        ((0.7, 1.1), "The orbit grows in proportion to the noise, as far as can be told: slope 0.8 "),
        ((1.1, 1.2), "The orbit grows more than in proportion to the noise: slope 0.8 [1.1, 1.2]."),
    ],
)
def test_the_caption_begins_with_the_slope_beside_one(limits, seen):
    slope = Estimate(np.full(3, 0.8), *(np.full(3, limit) for limit in limits))
    measured = replace(run("tanh"), slope=slope)
    assert describe_orbit_size(measured).startswith(f"**{seen}")
