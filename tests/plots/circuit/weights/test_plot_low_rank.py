from dataclasses import replace

import numpy as np
import pytest

from orbitscope.circuit.weights.low_rank import LowRankResult
from orbitscope.plots.circuit.weights.low_rank import (
    describe_low_rank,
    plot_hazards_by_rank,
    plot_loadings,
    plot_low_rank,
    plot_occupancy_by_rank,
    plot_singular_values,
)
from orbitscope.statistics import Estimate, Null


@pytest.fixture
def result():
    hazard = np.array([[3.0, 0.5], [1.1, 0.95], [1.0, 1.0]])
    occupancy = np.array([[0.2, -0.2], [0.02, -0.02], [0.0, 0.0]])
    loading = np.array([[0.2, 0.6], [np.nan, np.nan]])
    limits = np.full((2, 2), 0.3)
    return LowRankResult(
        settings={"hazard_margin": 1.25, "occupancy_margin": 0.05},
        status={"notes": []},
        mode=np.arange(1, 7),
        singular_value=np.array([3.0, 2.0, 0.9, 0.8, 0.7, 0.6]),
        singular_limit=np.linspace(1.2, 0.6, 6),
        n_above=np.array(2),
        explained=np.array(0.8),
        effective_rank=np.array(2.5),
        shuffled_rank=Estimate(5.0, 4.5, 5.5),
        kind=np.array(["first", "carriers"]),
        side=np.array(["receiving", "sending"]),
        n_members=np.array([4, 0]),
        loading=loading,
        random=Null("random groups", limits, np.array([[0.5, 0.002], [np.nan, np.nan]])),
        matched=Null("matched groups", limits, np.array([[0.7, 0.004], [np.nan, np.nan]])),
        loading_by_mode=np.linspace(0.1, 0.9, 24).reshape(2, 2, 6),
        random_limit=np.linspace(0.2, 0.4, 24).reshape(2, 2, 6),
        rank=np.array([1, 2, 4]),
        verdict=np.array(["outside", "within", "within"]),
        direction=np.array(["0 → 1", "1 → 0"]),
        origin=np.array([0, 1]),
        target=np.array([1, 0]),
        hazard=Estimate(hazard, 0.9 * hazard, 1.1 * hazard),
        symbol=np.arange(2),
        occupancy=Estimate(occupancy, occupancy - 0.01, occupancy + 0.01),
        smallest_rank=np.array(2.0),
    )


def test_singular_values_above_chance_stand_out(result):
    ax = plot_singular_values(result)
    limit, below, above = ax.lines
    np.testing.assert_allclose(limit.get_ydata(), result.singular_limit)
    np.testing.assert_allclose(above.get_ydata(), [3, 2])
    np.testing.assert_allclose(below.get_xdata(), [3, 4, 5, 6])


def test_loadings_are_those_of_the_modes_above_chance(result):
    receiving, sending, limit = plot_loadings(result).lines
    np.testing.assert_allclose(receiving.get_ydata(), 100 * result.loading_by_mode[0, 0, :2])
    np.testing.assert_allclose(sending.get_ydata(), 100 * result.loading_by_mode[0, 1, :2])
    np.testing.assert_allclose(limit.get_ydata(), 100 * result.random_limit[0].max(0)[:2])


def test_hazards_and_occupancy_stand_by_rank_with_their_margins(result):
    hazards, occupancy = plot_hazards_by_rank(result), plot_occupancy_by_rank(result)
    np.testing.assert_allclose(hazards.lines[1].get_ydata(), result.hazard.value[:, 1])
    np.testing.assert_allclose(occupancy.lines[0].get_ydata(), 100 * result.occupancy.value[:, 0])
    for ax, limits in ((hazards, (0.8, 1.25)), (occupancy, (-5, 5))):
        band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        np.testing.assert_allclose((band.y0, band.y1), limits)
        dashed = [line for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 2]
        assert dashed[-1].get_xdata()[0] == 2


@pytest.mark.parametrize(
    ("smallest", "verdict", "seen"),
    [
        (
            2.0,
            ["outside", "within", "within"],
            "are above those of shuffled weights; rank 2 suffices to switch alike.",
        ),
        (np.nan, ["outside"] * 3, "; no rank that was tried suffices to switch alike."),
        (np.nan, [""] * 3, "; the rank that suffices to switch is undefined."),
    ],
)
def test_the_caption_says_which_rank_suffices(result, smallest, verdict, seen):
    changed = replace(result, smallest_rank=np.array(smallest), verdict=np.array(verdict))
    caption = describe_low_rank(changed)
    assert caption.partition("**")[2].partition("**")[0].endswith(seen)
    assert (
        "first neurons, sending: 60 % (p = 0.002 beside random groups, p = 0.004 beside matched groups)"
        in caption
    )
    assert "carriers" not in caption


def test_without_directions_and_groups_there_is_a_figure(result):
    bare = replace(
        result,
        n_above=np.array(0),
        direction=np.empty(0, dtype=str),
        origin=np.empty(0, dtype=int),
        target=np.empty(0, dtype=int),
        hazard=Estimate(np.empty((3, 0))),
        occupancy=Estimate(np.full((3, 2), np.nan)),
        loading=np.full((2, 2), np.nan),
        loading_by_mode=np.full((2, 2, 6), np.nan),
        random_limit=np.full((2, 2, 6), np.nan),
        smallest_rank=np.array(np.nan),
        status={"notes": ["ranks: no direction has switches"]},
    )
    assert len(plot_low_rank(bare).axes) == 4
    assert "Undefined: ranks: no direction has switches." in describe_low_rank(bare)
