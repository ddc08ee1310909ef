import numpy as np
import pytest
from regional_networks import make_cloud
from test_metastable_regions import SIZES, make_chain_of_four, make_four

from orbitscope.plots.principles.metastable_regions import (
    describe_metastable_regions,
    plot_gaps,
    plot_metastable_regions,
    plot_region_map,
    plot_region_probabilities,
)
from orbitscope.principles.metastable_regions import PART, MetastableSettings
from orbitscope.subject import Subject


@pytest.fixture(scope="module")
def found():
    return PART.run(Subject(make_four(), make_chain_of_four()), MetastableSettings(**SIZES))


@pytest.fixture(scope="module")
def alone():
    settings = SIZES | {"n_trajectories": 20, "n_steps": 100}
    return PART.run(Subject(make_cloud()), MetastableSettings(**settings))


def test_every_state_is_drawn_once(found):
    points = sum(len(each.get_offsets()) for each in plot_region_map(found).collections)
    assert points == found.label.size


def test_the_gap_that_decides_and_the_states_of_the_hmm_are_marked(found):
    ax = plot_gaps(found)
    heights = [bar.get_height() for bar in ax.patches[: len(found.gap)]]
    np.testing.assert_allclose(heights, found.gap)
    assert found.gap.argmax() + 2 == 4
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"needed: 3", "HMM states"}


def test_bars_are_mean_probabilities(found):
    ax = plot_region_probabilities(found)
    heights = sorted(bar.get_height() for bar in ax.patches)
    np.testing.assert_allclose(heights, np.sort(found.mean_probs.value.ravel()))
    assert [label.get_text().split("\n")[0] for label in ax.get_xticklabels()] == [
        f"region {k}" for k in range(4)
    ]


def test_captions_say_how_many_regions_there_are(found, alone):
    assert describe_metastable_regions(found).startswith(
        "**Activity keeps to 4 regions, as many as the HMM has states.**"
    )
    assert len(plot_metastable_regions(found).axes) == 3
    assert describe_metastable_regions(alone).startswith("**One region was found.**")
    assert "HMM" not in describe_metastable_regions(alone)
    assert len(plot_metastable_regions(alone).axes) == 3
