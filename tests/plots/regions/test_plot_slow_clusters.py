from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from part_functions import find_slow_clusters

from orbitscope.hmm import HMM
from orbitscope.network import build_network
from orbitscope.plots.regions.slow_clusters import (
    describe_slow_clusters,
    plot_cluster_probabilities,
    plot_cluster_symbols,
    plot_slow_clusters,
    plot_timescales,
)
from orbitscope.plots.style import get_symbol_color
from orbitscope.statistics import Estimate


def compute(*, n_blobs=2, hmm=None):
    """Slow states in blobs on orthogonal axes, each with its symbol, and jumps between them."""
    network = build_network(3, hidden_size=6, input_size=2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.w_out.copy_(torch.eye(3, 6))
    rng = np.random.default_rng(0)
    labels = np.cumsum(rng.random((30, 60)) < 0.05, axis=1) % n_blobs
    states = 4 * np.eye(6)[labels] + rng.standard_normal((30, 60, 6)).clip(-2, 2)
    small = {"n_microstates": 20, "max_clusters": 5, "n_null": 19, "n_splits": 2, "n_resamples": 100}
    tensor = torch.from_numpy(states).float()
    return find_slow_clusters(network, tensor, np.ones((30, 60), dtype=bool), hmm=hmm, rng=rng, **small)


@pytest.fixture(scope="module")
def hmm():
    emission = [[0.0, 0.1, 0.9], [0.1, 0.9, 0.0], [1.0, 0.0, 0.0]]
    return HMM(np.full(3, 1 / 3), np.full((3, 3), 1 / 3), emission)


@pytest.fixture(scope="module")
def result(hmm):
    found = compute(hmm=hmm)
    assert len(found.cluster) == 2
    return found


def test_timescales_with_the_null_and_the_gap(result):
    ax = plot_timescales(result)
    null, times = ax.lines
    np.testing.assert_allclose(times.get_ydata(), result.timescale[1:])
    np.testing.assert_array_equal(times.get_xdata(), [2, 3, 4, 5, 6])
    np.testing.assert_allclose(null.get_ydata(), -1 / np.log(result.null_eigenvalue.quantile))
    assert ax.get_title("right") == f"2 clusters: gap × {float(f'{result.gap[0]:.1e}'):.10g}"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["random order"]
    (band,) = ax.patches
    assert band.get_x() == 2
    assert band.get_width() == 1
    assert ax.get_yscale() == "log"
    assert ax.get_ylabel() == "timescale (slow states)"


def test_the_legend_has_the_names_of_symbols_and_room_for_long_ones(result):
    legends, tops = [], []
    for names in (None, ["grooming", "turn left", "explore far away"]):
        named = replace(result, settings=result.settings | {"symbol_names": names})
        ax = plot_cluster_symbols(named)
        legends.append(ax.get_legend())
        tops.append(ax.get_ylim()[1])
    short, long = ([text.get_text() for text in legend.get_texts()] for legend in legends)
    assert short == ["0", "1", "2"]
    assert long == ["grooming", "turn left", "explore far…"]
    assert [legend._ncols for legend in legends] == [5, 1]
    assert tops[1] > tops[0]


def test_bars_are_the_table_in_the_colours_of_symbols(result):
    ax = plot_cluster_symbols(result)
    drawn = np.array([[patch.get_height() for patch in container] for container in ax.containers])
    np.testing.assert_array_equal(drawn.T, result.table)
    for symbol, container in enumerate(ax.containers):
        assert container[0].get_facecolor() == to_rgba(get_symbol_color(symbol))
    assert ax.get_title("right").startswith("adjusted Rand ")
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == [f"cluster {i}\nsymbol {result.table[i].argmax()}" for i in range(2)]


def test_probabilities_stand_beside_the_aligned_emission_rows(result, hmm):
    ax = plot_cluster_probabilities(result)
    heights = np.array([patch.get_height() for patch in ax.patches]).reshape(3, 2).T
    np.testing.assert_allclose(heights, result.mean_probs.value)
    names = [label.get_text() for label in ax.get_xticklabels()]
    states = result.cluster_of_state.tolist()
    assert states == [-1, states[1], states[2]]
    assert names == [
        f"cluster 0\nstate {states.index(0)}",
        f"cluster 1\nstate {states.index(1)}",
        "no cluster\nstate 0",
    ]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cluster", "HMM state"]
    levels = [line.get_segments()[0] for line in ax.collections]
    bars = [level[:, 1] for level in levels if level[0, 1] != level[1, 1]]
    means = result.mean_probs
    np.testing.assert_allclose(bars, np.stack([means.low.T.ravel(), means.high.T.ravel()], axis=1))
    rows = [level[0, 1] for level in levels if level[0, 1] == level[1, 1]]
    expected = hmm.emission_probs[[states.index(0), states.index(1), 0]].T.ravel()
    np.testing.assert_allclose(rows, expected)


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_slow_clusters(result).get_axes()) == 3
    caption = describe_slow_clusters(result)
    assert "2 clusters among 1800 slow states of 30 trajectories" in caption
    assert f"by a factor of {result.gap[0]:.3g}" in caption
    assert f"Adjusted Rand index: {float(result.adjusted_rand):.3g} [" in caption
    assert "state 0 has no cluster" in caption
    assert "Halves of the trajectories find 2" in caption
    assert "(2 splits)" in caption


@pytest.mark.filterwarnings("error")
def test_one_cluster_without_an_hmm_is_drawn():
    found = compute(n_blobs=1)
    assert len(found.cluster) == 1
    plot_slow_clusters(found).canvas.draw()
    assert not plot_timescales(found).patches
    ax = plot_cluster_probabilities(found)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["cluster 0"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["cluster"]
    caption = describe_slow_clusters(found)
    assert caption.startswith(
        "**Slow states form one region: they do not divide by symbol.** 1 cluster among"
    )
    assert "is smaller than 3: one cluster" in caption
    assert "Total variation" not in caption


@pytest.mark.parametrize(
    ("limits", "how"), [((0.6, 0.9), "match"), ((0.3, 0.7), "partly match"), ((0.1, 0.4), "hardly match")]
)
def test_the_caption_begins_with_how_clusters_and_symbols_agree(result, limits, how):
    judged = replace(result, adjusted_rand=Estimate(0.5, *limits))
    seen = f"**2 slow regions, found without labels, {how} the symbols.**"
    assert describe_slow_clusters(judged).startswith(seen)


def test_many_clusters_have_bare_names_and_an_axis_label(result):
    many = replace(
        result,
        cluster=np.arange(4),
        share=np.full(4, 0.25),
        transfer=np.full((4, 4), 0.25),
        table=np.eye(4, 3, dtype=int) + 1,
        mean_probs=Estimate(np.full((4, 3), 1 / 3)),
    )
    ax = plot_cluster_symbols(many)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0\n0", "1\n1", "2\n2", "3\n0"]
    assert ax.get_xlabel() == "cluster (above), symbol (below)"
