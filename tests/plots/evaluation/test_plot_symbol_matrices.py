"""Matrices of successive symbols, and frequencies of symbols."""

from dataclasses import replace

import numpy as np
import pytest
from evaluated_runs import build_evaluation, find_line, list_texts, lose_a_symbol

from orbitscope import plots


def test_matrices_show_network_exact_and_difference_with_their_values(evaluation):
    figure = plots.plot_symbol_matrices(evaluation, start="stationary")
    network, _, exact = evaluation.symbol_matrix[1]
    images = [ax.images[0] for ax in figure.axes[:3]]
    for image, matrix in zip(images, (network, exact, network - exact), strict=True):
        assert np.allclose(image.get_array(), matrix)
    assert list_texts(figure.axes[0]) == [f"{value:.3f}" for value in network.ravel()]
    signed = [f"{value:+.3f}".replace("-", "−") for value in (network - exact).ravel()]
    assert list_texts(figure.axes[2]) == signed
    low, high = images[2].get_clim()
    assert low == -high == pytest.approx(-abs(network - exact).max())
    assert "stationary" in figure.get_suptitle()


def test_matrix_axes_carry_symbol_names():
    ax = plots.plot_symbol_matrix(build_evaluation(2, names=["low", "high"]), source="floor")
    for axis in (ax.xaxis, ax.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["low", "high"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("next symbol", "symbol")


def test_the_difference_scale_reaches_at_least_the_margin(evaluation):
    matrix = np.repeat(evaluation.symbol_matrix[:, :1], 3, axis=1)
    ax = plots.plot_symbol_matrix_difference(replace(evaluation, symbol_matrix=matrix))
    assert ax.images[0].get_clim() == (-0.02, 0.02)
    assert set(list_texts(ax)) == {"0.000"}


def test_an_undefined_row_shows_dashes(evaluation):
    ax = plots.plot_symbol_matrix(lose_a_symbol(evaluation))
    assert list_texts(ax)[-3:] == ["–"] * 3
    assert "never occurs" in plots.describe_symbol_matrices(lose_a_symbol(evaluation), "zero")
    assert "never occurs" not in plots.describe_symbol_matrices(evaluation, "zero")


def test_the_caption_of_matrices_begins_with_the_verdict(evaluation):
    seen = "**The network has the symbol matrix of the process, within a margin of 0.02.** Probabilities"
    assert plots.describe_symbol_matrices(evaluation, "zero").startswith(seen)
    matrix, verdict = evaluation.symbol_matrix.copy(), evaluation.verdict.copy()
    matrix[0, 0] = matrix[0, 2]
    matrix[0, [0, 2], 1, 2] = (0.9, 0.25)
    verdict[0, 0] = "different"
    caption = plots.describe_symbol_matrices(
        replace(evaluation, symbol_matrix=matrix, verdict=verdict), "zero"
    )
    seen = (
        "Symbol 2 follows symbol 1 too often: with probability 0.900 for 0.250, outside the margin of 0.02."
    )
    assert caption.startswith(f"**{seen}** ")


def test_the_caption_of_frequencies_names_the_symbol_and_the_start_that_is_worst(evaluation):
    frequencies, verdict = evaluation.frequencies.copy(), evaluation.verdict.copy()
    frequencies[:, 2] = (0.5, 0.45, 0.05)
    frequencies[0, 0] = (0.5, 0.451, 0.049)
    frequencies[1, 0] = (0.52, 0.459, 0.021)
    verdict[0, 1] = "equivalent"
    caption = plots.describe_frequencies(replace(evaluation, frequencies=frequencies, verdict=verdict))
    seen = "The network emits symbol 2 too rarely: 2.1 % of the steps for 5 %, outside the margin of 0.5 %."
    assert caption.startswith(f"**{seen}** ")
    verdict[1, 1] = "inconclusive"
    caption = plots.describe_frequencies(replace(evaluation, frequencies=frequencies, verdict=verdict))
    assert "frequency of each symbol of the process cannot be told at a margin of 0.5 %.**" in caption


def test_many_symbols_get_two_rows_with_the_hmm_sample():
    result = build_evaluation(7)
    figure = plots.plot_symbol_matrices(result)
    titles = [ax.get_title(loc="left") for ax in figure.axes[:4]]
    assert titles == ["network", "process, exact", "process sample (floor)", "network − exact"]
    assert list_texts(figure.axes[0])[0] == f"{result.symbol_matrix[0, 0, 0, 0]:.2f}".replace("0.", ".", 1)


def test_long_names_are_cut():
    ax = plots.plot_frequencies(build_evaluation(2, names=["a" * 50, "b"]))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a" * 11 + "…", "b"]


def test_too_many_symbols_to_print_get_a_colour_bar():
    ax = plots.plot_symbol_matrix(build_evaluation(13))
    assert list_texts(ax) == []
    assert len(ax.child_axes) == 1


def test_frequencies_show_each_source_per_symbol(evaluation):
    ax = plots.plot_frequencies(evaluation)
    network, floor, exact = evaluation.frequencies[0]
    assert np.array_equal(find_line(ax, "network").get_ydata(), network)
    assert np.array_equal(find_line(ax, "process sample (floor)").get_ydata(), floor)
    lines = [segment[:, 1] for segment in ax.collections[0].get_segments()]
    assert np.array_equal(lines, np.column_stack([exact, exact]))
    assert ax.get_yscale() == "log"


def test_a_symbol_that_is_never_emitted_has_no_point_on_the_logarithmic_axis(evaluation):
    frequencies = evaluation.frequencies.copy()
    frequencies[0, 0] = [0.9, 0.1, 0.0]
    ax = plots.plot_frequencies(replace(evaluation, frequencies=frequencies))
    assert np.isnan(find_line(ax, "network").get_ydata()).tolist() == [False, False, True]


def test_frequency_errors_stand_before_the_margin(evaluation):
    ax = plots.plot_frequency_errors(evaluation, start="stationary")
    network, _, exact = evaluation.frequencies[1]
    assert np.allclose(find_line(ax, "network").get_ydata(), network - exact)
    assert "margin ±0.005" in ax.get_legend_handles_labels()[1]
    assert ax.patches[0].get_y() == -0.005


def test_all_frequencies_are_inside_their_axes(evaluation):
    frequencies = evaluation.frequencies.copy()
    frequencies[1, 0] = [0.9, 0.1, 0.0]
    figure = plots.plot_all_frequencies(replace(evaluation, frequencies=frequencies))
    for ax in figure.axes:
        heights = np.concatenate([np.ravel(line.get_ydata()) for line in ax.lines])
        heights = heights[np.isfinite(heights)]
        low, high = ax.get_ylim()
        assert (low <= heights).all()
        assert (heights <= high).all()


def test_all_frequencies_have_one_column_per_start():
    assert len(plots.plot_all_frequencies(build_evaluation()).axes) == 4
    assert len(plots.plot_all_frequencies(build_evaluation(starts=("zero",))).axes) == 2
