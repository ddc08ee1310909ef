import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import same_color

from orbitscope.circuit.carriers import CarrierResult
from orbitscope.circuit.signature import find_signature
from orbitscope.circuit.twin_paths import KINDS
from orbitscope.plots.circuit.carrier_profiles import (
    describe_carrier_profiles,
    find_main,
    plot_carrier_profiles,
    plot_profiles,
)
from orbitscope.plots.circuit.carriers import (
    FIGURES,
    describe_carriers,
    plot_agreement,
    plot_carriers,
    plot_effective_numbers,
    plot_effects,
    plot_shares,
)
from orbitscope.plots.circuit.twin_paths import describe_twin_paths, plot_twin_paths
from orbitscope.plots.style import EXACT_COLOR, NETWORK_COLOR
from orbitscope.statistics import Estimate, Null

N_NEURONS = 6


def bound(values, width):
    values = np.array(values, dtype=float)
    return Estimate(values, values - width, values + width)


def make_paths():
    """Three twins of the first direction and two of the second, which part as more neurons are patched."""
    paths = np.zeros((len(KINDS), 2, 3, 5, 2))
    paths[..., 0] = np.arange(len(KINDS))[:, None, None, None] * np.arange(5) / 4
    paths[..., 1] = np.arange(3)[:, None]
    paths[:, 1, 2] = np.nan
    return paths


@pytest.fixture
def result():
    """Two directions, the second with more twins; neurons 4 and 1 come first in it."""
    effect = [[0.1, 0.2, 0.0, 0.05, 0.0, 0.01], [0.0, 0.2, 0.02, 0.01, 0.3, -0.02]]
    share = [[0.3, 0.7, 0.9, 1], [0.2, 0.6, 0.9, 1], [0.1, 0.5, 0.8, 1], [0, 0.4, 0.9, 1], [0.1, 0.2, 0.5, 1]]
    preactivation = np.zeros((2, 3, N_NEURONS))
    preactivation[1, :, 4], preactivation[1, :, 1] = [-1.5, 0.1, 0.9], [1.0, 0.2, -0.5]
    return CarrierResult(
        settings={"confidence": 0.95, "n_together": 2, "stands_out": 2.0, "alpha": 0.05, "apart": 10},
        status={"notes": []},
        lead=np.array(3),
        direction=np.array(["0 → 2", "2 → 0"]),
        origin=np.array([0, 2]),
        target=np.array([2, 0]),
        n_twins=np.array([80, 90]),
        neuron=np.arange(N_NEURONS),
        n_different=np.array(5.1),
        share_old=np.array([0.6, 0.7]),
        total_effect=bound([0.5, 0.55, 0.45], 0.05),
        placebo=bound([0.01, 0.0, 0.02], 0.02),
        decided=bound([0.52, 0.5, 0.54], 0.02),
        mixing=Estimate(-0.03, -0.05, -0.01),
        effect=bound(effect, 0.03),
        limit=np.array(effect) - 0.05,
        is_carrier=np.array([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0]]),
        group=np.array(["all", "0 → 2", "2 → 0"]),
        n_effective=bound([2.5, 3.0, 2.1], 0.25),
        n_effective_once=bound([1.5, 2.0, 1.1], 0.25),
        effective_share=Estimate(0.49, 0.4, 0.6),
        ranking=np.array(["effect", "size", "readout", "drive", "random"]),
        size=np.array([1, 2, 4, N_NEURONS]),
        share=bound(share, 0.05),
        n_half=bound([1.5, 1.75, 2, 2.4, 4], 0.25),
        share_together=bound([0.7, 0.6, 0.5, 0.4, 0.2], 0.05),
        advantage=Estimate(0.1, 0.02, 0.18),
        matched=Null.of_draws("matched sets", 0.7, np.linspace(0, 0.3, 39)),
        concentration=np.array(0.65),
        shuffled=Null.of_draws("shuffled copies", 0.65, np.array([0] * 15 + [0.2] * 4)),
        moment=np.array(["before", "decision", "switch"]),
        preactivation=preactivation,
        has_signature=find_signature(preactivation).astype(int),
        signature=np.array([0.0, 0.5]),
        random_sets=Null("random sets", np.array([0.0, 0.5]), np.array([1.0, 0.33])),
        balance=np.array(0.62),
        mirrored=np.array([0.0, 0.5]),
        mirrored_sets=Null("random sets", np.array([0.0, 0.5]), np.array([1.0, 0.4])),
        compared=np.array(["two halves", "lead 2", "lead 4"]),
        jaccard=np.array([1.0, 0.4, 0.6]),
        jaccard_ceiling=np.array([np.nan, 0.8, 0.7]),
        jaccard_by_chance=np.array(0.24),
        matched_with=Null("matched sets", np.array([0.5, 0.5]), np.array([1.0, 0.2])),
        kind=np.array(KINDS),
        twin_path=make_paths(),
        cloud=np.array([[-6.0, -3.0], [6.0, 0.0], [0.0, 3.0]]),
        cloud_symbol=np.array([0, 1, 1]),
        axis_share=np.array([0.8, 0.1]),
    )


@pytest.fixture
def without_group(result):
    notes = ["the first neurons carry no more than matched sets (p = 0.3)", "no draws of the null: shuffled"]
    none = {"is_carrier": np.zeros((2, N_NEURONS), dtype=int), "status": {"notes": notes}}
    nulls = {"concentration": np.array(np.nan), "shuffled": Null("shuffled copies", np.nan)}
    return replace(result, **none, **nulls)


@pytest.fixture
def without_preactivation(result):
    unknown = {"preactivation": np.full((2, 3, N_NEURONS), np.nan)}
    unknown |= {"signature": np.full(2, np.nan), "mirrored": np.full(2, np.nan)}
    chance, matched = (Null(name, np.full(2, np.nan)) for name in ("random sets", "matched sets"))
    unknown |= {"random_sets": chance, "mirrored_sets": chance, "matched_with": matched}
    return replace(result, **unknown, has_signature=np.zeros((2, N_NEURONS), dtype=int))


def repeat_directions(result, n_twins):
    """A result with as many directions, each a copy of the second one."""
    n = len(n_twins)
    names = [f"{i} → {i + 1}" for i in range(n)]
    paths = {"twin_path": result.twin_path[:, np.ones(n, dtype=int)]}
    fields = ("effect", "limit", "is_carrier", "preactivation", "has_signature", "signature", "random_sets")
    fields += ("mirrored", "mirrored_sets", "matched_with", "share_old")
    copies = {key: getattr(result, key)[np.ones(n, dtype=int)] for key in fields}
    symbols = {"origin": np.arange(n), "target": np.arange(1, n + 1), "direction": np.array(names)}
    groups = {"group": np.array(["all", *names])}
    groups |= {name: bound([2.0] * (n + 1), 0.5) for name in ("n_effective", "n_effective_once")}
    groups |= {name: bound([0.5] * (n + 1), 0.1) for name in ("total_effect", "placebo", "decided")}
    return replace(result, **copies, **symbols, **groups, **paths, n_twins=np.array(n_twins))


def find_labelled(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def test_shares_are_lines_and_nulls_are_marks(result):
    ax = plot_shares(result)
    labels = ["by effect", "by difference in activity", "by part in the readout", "by drive of the noise"]
    for row, label in zip(result.share.value, [*labels, "at random"], strict=True):
        line = find_labelled(ax, label)
        np.testing.assert_allclose(line.get_xdata(), result.size)
        np.testing.assert_allclose(line.get_ydata(), row)
    for null in (result.matched, result.shuffled):
        (x,), (y,) = find_labelled(ax, f"95 % of {null.name}").get_data()
        assert (x, y) == (2, float(null.quantile))
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(result.share.high[0].max())
    assert 0.5 in [line.get_ydata()[0] for line in ax.lines]


def test_effects_fall_for_the_direction_with_most_twins(result):
    ax = plot_effects(result)
    np.testing.assert_allclose(find_labelled(ax, "neuron").get_ydata(), np.sort(result.effect.value[1])[::-1])
    limit = find_labelled(ax, "lower limits, all at once").get_ydata()
    np.testing.assert_allclose(limit, np.sort(result.limit[1])[::-1])
    np.testing.assert_allclose(find_labelled(ax, "carrier").get_data(), [[1], [0.3]])
    even = find_labelled(ax, "2 even shares").get_ydata()[0]
    assert even == pytest.approx(2 * 0.51 / 5.1)
    assert ax.get_ylabel().endswith("2 → 0")


def test_effective_numbers_stand_beside_the_neurons_that_differ(result):
    ax = plot_effective_numbers(result)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), result.n_effective.value)
    ends = np.array([path.vertices[:, 0] for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(ends.T, [result.n_effective.low, result.n_effective.high])
    np.testing.assert_allclose(ax.lines[1].get_xdata(), result.n_effective_once.value)
    assert ax.lines[2].get_xdata()[0] == 5.1
    assert [text.get_text() for text in ax.get_yticklabels()] == ["all switches", "0 → 2", "2 → 0"]


def test_an_interval_without_end_has_an_arrow(result):
    open_ended = Estimate([2.5, np.inf, np.nan], [2.0, 3.0, np.nan], [3.0, np.inf, np.nan])
    ax = plot_effective_numbers(replace(result, n_effective=open_ended))
    arrow = next(line for line in ax.lines if line.get_marker() == ">")
    np.testing.assert_allclose(arrow.get_data(), [[ax.get_xlim()[1]], [1]])
    assert np.isfinite(ax.get_xlim()).all()


def test_agreement_stands_beside_random_sets(result):
    ax = plot_agreement(result)
    np.testing.assert_allclose([bar.get_height() for bar in ax.patches], result.jaccard)
    assert find_labelled(ax, "random sets").get_ydata()[0] == 0.24
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["two\nhalves", "leads 2\nand 3", "leads 4\nand 3"]
    heights = [path.vertices[0, 1] for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose(heights, result.jaccard_ceiling)


def test_profiles_are_those_of_the_first_neurons(result):
    ax = plot_profiles(result, 1)
    with_it, without = ax.lines[:2]
    np.testing.assert_allclose(with_it.get_ydata(), [-1.5, 0.1, 0.9])
    assert same_color(with_it.get_color(), NETWORK_COLOR)
    assert with_it.get_marker() == "o"  # a carrier
    np.testing.assert_allclose(without.get_ydata(), [1.0, 0.2, -0.5])
    assert not same_color(without.get_color(), NETWORK_COLOR)
    carries = replace(result, has_signature=np.zeros((2, N_NEURONS), dtype=int))
    assert same_color(plot_profiles(carries, 1).lines[0].get_color(), EXACT_COLOR)


def test_bounds_of_the_signature_are_shaded(result):
    ax = plot_profiles(result, 1)
    bounds = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in ax.patches]
    low, high = ax.get_ylim()
    np.testing.assert_allclose(bounds, [(low, -1), (-0.5, 0.5), (0.5, high)])
    labels = [text.get_text() for text in ax.get_xticklabels()]
    assert labels == ["before\n(−13)", "half-lead\n(−3)", "switch\n(0)"]


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_carriers(result).axes) == 4
    caption = describe_carriers(result)
    assert caption.startswith(
        "**The decision is spread over 2.5 [2.25, 2.75] effective neurons; 1 for 2 → 0 stands out.** "
        "Within single switches it is spread over 1.5 [1.25, 1.75] neurons. "
        "The best simpler order finds 10 [2, 18] % of the effect less."
    )
    assert "The first 2 hold 70 [65, 75] % (matched sets up to 28.5 %, p = 0.025)." in caption
    assert "In a short search: 65 % (shuffled copies up to 20 %, p = 0.05)." in caption
    assert "In 15 of 19 copies no share can be measured." in caption
    assert "by effect 1.5 [1.25, 1.75]; by difference in activity 1.75 [1.5, 2]" in caption
    assert "95 %, bootstrap over trajectories" in caption


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((0.01, -0.05, 0.06), "It is not shown that simpler orders find less: by effect minus the best, 1"),
        ((-0.1, -0.18, -0.02), "A simpler order finds 10 [2, 18] % of the effect more."),
    ],
)
def test_a_simpler_order_that_finds_as_much_is_said(result, limits, said):
    assert said in describe_carriers(replace(result, advantage=Estimate(*limits)))
    unknown = describe_carriers(replace(result, advantage=Estimate(np.nan)))
    assert "simpler order" not in unknown


def test_no_group_and_its_reasons_are_said(without_group):
    caption = describe_carriers(without_group)
    assert caption.startswith(
        "**The decision is spread over 2.5 [2.25, 2.75] effective neurons; none stands out.** Within single"
    )
    assert (
        "No group is named, because the first neurons carry no more than matched sets (p = 0.3) and no draws"
        in caption
    )
    assert "short search" not in caption
    labels = [line.get_label() for line in plot_shares(without_group).lines]
    assert "95 % of matched sets" in labels
    assert "95 % of shuffled copies" not in labels
    assert "carrier" not in [line.get_label() for line in plot_effects(without_group).lines]


def test_an_undefined_effective_number_is_said(result):
    unknown = describe_carriers(replace(result, n_effective=Estimate([np.nan] * 3)))
    assert unknown.startswith("**The effective number of neurons is undefined, and 1 for 2 → 0 stands out.**")


def test_orders_that_are_missing_are_left_out(result):
    kept = np.array([0, 1, 2, 4])  # a cell without input weights has no order by drive
    fields = ("ranking", "share", "n_half", "share_together")
    fewer = replace(result, **{key: getattr(result, key)[kept] for key in fields})
    labels = [line.get_label() for line in plot_shares(fewer).lines]
    assert "by drive of the noise" not in labels
    assert "at random" in labels
    assert "drive" not in describe_carriers(fewer)


def test_the_caption_of_the_profiles_has_shares_beside_chance(result):
    caption = describe_carrier_profiles(result)
    assert caption.startswith(
        "**The first neurons have the published signature no more often than random sets.**"
    )
    assert "0 → 2 0 % (by chance up to 0 %, p = 1); 2 → 0 50 % (by chance up to 50 %, p = 0.33)" in caption
    rare = Null("random sets", np.array([0.0, 0.0]), np.array([1.0, 0.01]))
    seen = describe_carrier_profiles(replace(result, random_sets=rare))
    assert seen.startswith(
        "**The first neurons have the published signature more often than random sets: 2 → 0.**"
    )
    often = Null("random sets", np.array([0.0, 0.0]), np.array([0.03, 0.04]))
    corrected = describe_carrier_profiles(replace(result, random_sets=often))
    assert corrected.startswith("**The first neurons have the published signature no more often than")
    none = describe_carrier_profiles(replace(result, signature=np.zeros(2)))
    assert none.startswith("**None of the first neurons has the published signature.**")


def test_a_cell_without_preactivation_is_said(without_preactivation):
    axes = plot_carrier_profiles(without_preactivation).axes
    assert [ax.texts[0].get_text() for ax in axes] == ["this cell has no\npre-activation"] * 2
    caption = describe_carrier_profiles(without_preactivation)
    assert caption.startswith("**The published signature is not tested: this cell has no pre-activation.**")
    assert "Share with it" not in caption


def test_one_direction_is_drawn_alone(result):
    one = repeat_directions(result, [90])
    assert len(plot_carriers(one).axes) == 4
    assert len(plot_carrier_profiles(one).axes) == 1
    assert describe_carriers(one).startswith(
        "**The decision is spread over 2 [1.5, 2.5] effective neurons; 1"
    )


def test_of_many_directions_those_with_most_twins_are_shown(result):
    many = repeat_directions(result, [50, 90, 30, 40, 80, 60, 70, 20])
    titles = [ax.get_title(loc="left") for ax in plot_carrier_profiles(many).axes]
    assert titles == ["0 → 1", "1 → 2", "3 → 4", "4 → 5", "5 → 6", "6 → 7"]
    assert "The 6 directions with most twins, of 8." in describe_carrier_profiles(many)
    assert "; 1 stands out, in 8 of 8 directions.**" in describe_carriers(many)


def test_five_directions_leave_a_place_empty(result):
    assert len(plot_carrier_profiles(repeat_directions(result, [50, 90, 30, 40, 80])).axes) == 5


def test_of_directions_with_as_many_twins_that_with_carriers_is_shown(result):
    assert find_main(replace(result, n_twins=np.array([80, 80]))) == 1
    assert find_main(replace(result, n_twins=np.array([81, 80]))) == 0


def test_the_opposite_course_is_said(result):
    assert "With the opposite course: 0 → 2 0 % (p = 1); 2 → 0 50 % (p = 0.4)." in describe_carrier_profiles(
        result
    )


def test_twins_of_one_direction_have_a_panel_for_each_patch(result):
    figure = plot_twin_paths(result)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "stays",
        "first 2 by effect",
        "2 matched",
        "switches",
    ]
    for kind, ax in enumerate(figure.axes):
        drawn = [line.get_xydata() for line in ax.lines if len(line.get_xydata()) == 5]
        np.testing.assert_allclose(drawn, result.twin_path[kind, 1])
        assert ax.get_xlim()[0] < -6 < 6 < ax.get_xlim()[1]
    caption = describe_twin_paths(result)
    assert caption.startswith(
        "**Patching the first neurons by effect has 70 [65, 75] % of the effect of patch"
    )
    assert "Paths of 2 twins (2 → 0) in the orbit plane, from 3 steps before the switch" in caption
    assert "to the outcome 4 steps later" in caption


@pytest.mark.slow
@pytest.mark.parametrize("name", ["result", "without_group", "without_preactivation"])
def test_sentences_are_short_and_figures_can_be_rendered(name, request):
    found = request.getfixturevalue(name)
    for drawing in FIGURES:
        drawing.draw({"carriers": found}).canvas.draw()
        sentences = re.split(r"[.;:]\**\s", drawing.describe({"carriers": found}))
        assert max(len(sentence.split()) for sentence in sentences) <= 25
