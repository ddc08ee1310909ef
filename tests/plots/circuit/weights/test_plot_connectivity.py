import numpy as np
import pytest
from weights_subjects import UP, make_subject, plant_blocks

from orbitscope.circuit.weights import connectivity
from orbitscope.plots.circuit.weights.connectivity import (
    describe_connectivity,
    plot_connectivity,
    plot_group_weights,
    plot_mean_weights,
)


def run(**groups):
    return connectivity.PART.run(
        make_subject(plant_blocks(), **groups), connectivity.ConnectivitySettings(n_null=199)
    )


@pytest.fixture(scope="module")
def result():
    return run()


def test_weights_stand_group_by_group_and_shared_neurons_apart():
    shared = np.array([30, 31])
    result = run(first=([*UP[:4], *shared], [*shared, 6, 7, 8, 9]))
    ax = plot_group_weights(result)
    order = [0, 1, 2, 3, 6, 7, 8, 9, 30, 31]
    expected = result.weights[np.ix_(order, order)]
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_array_equal(np.ma.filled(ax.images[0].get_array(), np.nan), expected)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0 → 1", "1 → 0", "several"]
    np.testing.assert_allclose(ax.get_yticks(), [1.5, 5.5, 8.5])
    np.testing.assert_allclose([line.get_ydata()[0] for line in ax.lines[::2]], [3.5, 7.5])


def test_means_stand_above_both_nulls(result):
    ax = plot_mean_weights(result)
    dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
    np.testing.assert_allclose([dot.get_xdata()[0] for dot in dots], result.weight[:2, :2].ravel())
    bars = np.array([bar.get_segments()[0] for bar in ax.collections])[..., 0]
    spans = [result.matched_weight[0], result.relabelled_weight[0]]
    np.testing.assert_allclose(bars[:2], [[span.low[0], span.high[0]] for span in spans])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["network", "matched", "relabelled"]
    assert [text.get_text().splitlines()[1] for text in ax.get_yticklabels()][:2] == [
        "within groups",
        "between opposing",
    ]


def test_the_caption_says_on_which_side_weights_lie(result):
    caption = describe_connectivity(result)
    seen = caption.partition("**")[2].partition("**")[0]
    assert "are more excitatory than both nulls, those between opposing groups" in seen
    assert seen.endswith("are more inhibitory than both nulls.")
    assert "By symbol: first neurons of both directions" in caption
    assert "First neurons by symbol: within groups" in caption
    assert "0 neurons are among the first of several directions." in caption
    assert "sd beyond matched groups (p = 0.01)" in caption
    opposite = describe_connectivity(
        connectivity.PART.run(
            make_subject(plant_blocks(strength=-0.05)), connectivity.ConnectivitySettings(n_null=19)
        )
    )
    assert "are no more excitatory than by chance" in opposite


def test_without_groups_there_is_a_figure_that_says_so():
    result = run(effect=0.01)
    assert len(plot_connectivity(result).axes) == 2
    caption = describe_connectivity(result)
    assert caption.startswith("**There are no groups of first neurons to compare.**")
    assert "Undefined: 0 → 1: patching all neurons changes the outcome by 0.01, < 0.1;" in caption
