import dataclasses

import numpy as np
import pytest
from primitive_networks import make_followed_latches
from primitive_subjects import SIZES, find_regions

from orbitscope.plots.principles.primitives.plane_panels import (
    describe_primitive_planes,
    plot_overlaps,
    plot_plane,
    plot_primitive_planes,
)
from orbitscope.plots.principles.primitives.selectivity_panels import (
    describe_primitives,
    plot_changes,
    plot_primitives,
    plot_selectivity,
)
from orbitscope.principles.primitives.primitives import PART, PrimitiveSettings


def run(network, **settings):
    return PART.run(find_regions(network), PrimitiveSettings(**SIZES | settings))


@pytest.fixture(scope="module")
def found():
    return run(make_followed_latches(), n_runs=10, run_steps=150, n_controls=4, n_null=39)


@pytest.fixture(scope="module")
def alone():
    return run(make_followed_latches(1), n_runs=5, run_steps=50, n_trajectories=30, n_null=39)


def list_texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(("family", "n_rows"), [(0, 4), (1, 4), (2, 8)])
def test_changes_are_those_of_the_family_with_own_passages_framed(found, family, n_rows):
    ax = plot_changes(found, family)
    shown = ax.images[0].get_array()
    expected = found.change.value[found.run_family == family]
    np.testing.assert_array_equal(shown.filled(np.nan), expected)
    assert len(expected) == n_rows
    frames = {(round(box.get_x() + 0.5), round(box.get_y() + 0.5)) for box in ax.patches}
    assert frames == {(d, d // 2 if n_rows == 4 else d) for d in range(8)}
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names[0] == f"{found.origin[0]}→{found.target[0]}"
    printed = np.array(list_texts(ax)).reshape(n_rows, 8)
    assert printed[0, 0] == f"{expected[0, 0]:.1f}".replace("-", "−") or np.isnan(expected[0, 0])
    assert ((printed == "–") == np.isnan(expected)).all()


def test_selectivities_are_drawn_with_their_verdicts(found):
    ax = plot_selectivity(found)
    texts = [text.strip() for text in list_texts(ax)]
    for name, word in zip(
        ("noise removed", "noise doubled", "first neurons off"), found.verdict, strict=True
    ):
        assert f"{name}: {word}" in texts
    marks = [line for line in ax.lines if line.get_marker() in ("o", "s", "^")]
    values = sorted(float(line.get_xdata()[0]) for line in marks)
    known = found.pair_selectivity.value[np.isfinite(found.pair_selectivity.value)]
    np.testing.assert_allclose(values, np.sort(known))
    assert texts.count("not known") == found.pair_selectivity.value.size - len(known)


def test_filled_marks_are_selective_pairs(found):
    codes = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [-1, -1, 0, 1]])
    known = dataclasses.replace(found.pair_selectivity, value=np.ones((3, 4)))
    judged = dataclasses.replace(found, is_selective=codes, pair_selectivity=known)
    marks = [line for line in plot_selectivity(judged).lines if line.get_marker() in ("o", "s", "^")]
    filled = [line.get_markerfacecolor() != "white" for line in marks]
    assert filled == (codes.ravel() == 1).tolist()


def test_paths_are_drawn_there_and_back(found):
    ax = plot_plane(found, 1)
    lines = [line for line in ax.lines if line.get_linestyle() == "-"]
    np.testing.assert_array_equal(np.stack(lines[0].get_data(), axis=1), found.path[1, 0])
    np.testing.assert_array_equal(np.stack(lines[1].get_data(), axis=1), found.path[1, 1, ::-1])
    names = [text.strip() for text in list_texts(ax)]
    assert {str(found.origin[2]), str(found.target[2])} <= set(names)
    assert f"{100 * found.plane_share.value[1]:.2g} % in the plane" in ax.get_title(loc="left")


def test_overlaps_stand_beside_those_of_the_gaussian_hmm(found):
    np.testing.assert_array_equal(plot_overlaps(found, "network").images[0].get_array(), found.overlap.value)
    other = plot_overlaps(found, "Gaussian HMM").images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(other, np.median(found.overlap_surrogate, axis=0))


def test_captions_begin_with_what_is_seen(found, alone):
    begins = {
        "composed": "**Without the noise of a pair its own passages change most, in every one of 4 pairs.**",
        "partly": "**Without the noise of a pair its own passages change most in 2 of 4 pairs.**",
        "not composed": "**Without the noise of a pair its own passages change no more than those of other",
        "undefined": "**Whether the network is composed of pairs cannot be told.**",
    }
    half = np.tile([1, 0, 1, 0], (3, 1))
    for word, begin in begins.items():
        judged = dataclasses.replace(found, verdict=np.array([word] * 3), is_selective=half)
        assert describe_primitives(judged).startswith(begin)
    assert "c, Selectivity" in describe_primitives(found)
    assert "Pairs with fewer passages: " in describe_primitives(found)
    text = describe_primitives(alone)
    assert text.startswith("**Without its deciding noise the only pair passes × ")
    assert "c, Selectivity" not in text
    assert "random" not in text
    assert describe_primitive_planes(found).startswith(
        "**In 4 of 4 pairs the way back differs from the way there"
    )
    assert describe_primitive_planes(alone).startswith("**The way back differs from the way there.**")


def test_a_single_pair_has_no_panels_of_others(found, alone):
    assert len(plot_primitives(found).axes) == 4  # with a colour bar
    assert len(plot_primitives(alone).axes) == 3
    assert len(plot_primitive_planes(found).axes) == 4 + 4
    assert len(plot_primitive_planes(alone).axes) == 1
