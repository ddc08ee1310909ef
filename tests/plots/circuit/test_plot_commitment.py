from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from orbitscope.circuit.commitment import CommitmentResult
from orbitscope.plots.circuit.commitment import (
    describe_commitment,
    plot_commitment,
    plot_decided,
    plot_margin,
    plot_regions_ahead,
)
from orbitscope.plots.style import REGION_COLORS, get_symbol_color
from orbitscope.statistics import Estimate


@pytest.fixture
def result():
    curve = np.array([[1.0, 0.8, 0.4, 0.1], [1.0, 0.9, 0.5, 0.2], [1.0, 0.7, 0.3, 0.0]])
    shares = np.array([[0.0, 0.1, 0.9], [0.1, 0.5, 0.4], [0.4, 0.5, 0.1], [0.8, 0.2, 0.0]])
    margin = np.clip((np.arange(-15, 16) + 4) / 8, 0, 1)
    return CommitmentResult(
        settings={"confidence": 0.95},
        status={"left_out": ["0 → 1"]},
        lead=np.arange(4),
        group=np.array(["all", "0 → 2", "2 → 0"]),
        n_switches=np.full((3, 4), 50),
        committed=Estimate(curve),
        by_age=Estimate(0 * curve),
        decided=Estimate(curve, curve - 0.1, curve + 0.1),
        half_lead=Estimate([1.75, 2.0, 1.5], [1.5, 1.8, 1.3], [2.0, 2.2, 1.7]),
        origin=np.array([-1, 0, 2]),
        target=np.array([-1, 2, 0]),
        process_decided=np.array([[0.9, 0.0, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0], [0.9, -0.1, 0.0, 0.0]]),
        process_half_lead=np.zeros(3),
        offset=np.arange(-15, 16),
        margin=Estimate(margin, margin - 0.05, margin + 0.05),
        rise_time=Estimate(6.4, 6.0, 7.0),
        lead_over_rise=Estimate(0.27, 0.25, 0.3),
        region=np.array(["slow", "kick", "transition"]),
        region_share=Estimate(shares),
        decided_in=Estimate(shares[2], shares[2] - 0.1, shares[2] + 0.1),
    )


def test_curves_are_shares_decided_and_the_dot_is_the_half_lead(result):
    ax = plot_decided(result)
    for line, values in zip(ax.lines, result.decided.value, strict=False):
        np.testing.assert_allclose(line.get_ydata(), values)
        np.testing.assert_allclose(line.get_xdata(), result.lead)
    looks = [(line.get_color(), line.get_linestyle()) for line in ax.lines[1:3]]
    assert looks == [(get_symbol_color(2), "-"), (get_symbol_color(0), "-.")]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["all switches", "0 → 2", "2 → 0", "process"]
    (dot,) = (line for line in ax.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (1.75, 0.5)
    assert ax.xaxis_inverted()


def test_leads_may_be_in_rise_times(result):
    ax = plot_decided(result, per_rise=True)
    np.testing.assert_allclose(ax.lines[0].get_xdata(), result.lead / 6.4)
    assert ax.get_legend() is None
    assert "rise times" in ax.get_xlabel()


def test_margin_and_regions_are_those_of_the_result(result):
    np.testing.assert_allclose(plot_margin(result).lines[0].get_ydata(), result.margin.value)
    ax = plot_regions_ahead(result)
    for i, (bars, name) in enumerate(zip(ax.containers, result.region, strict=True)):
        np.testing.assert_allclose([bar.get_height() for bar in bars], result.region_share.value[:, i])
        assert bars[0].get_facecolor() == to_rgba(REGION_COLORS[str(name)])


def test_what_is_not_decided_ahead_is_said_and_has_a_dot_only_on_the_curve(result):
    nothing, half = result.half_lead.value * 0, result.decided.value.copy()
    for at_switch in (0.9, 0.1):
        half[0, 0] = at_switch
        found = replace(
            result, half_lead=Estimate(nothing, nothing, nothing), decided=Estimate(half, half, half)
        )
        dots = [line for line in plot_decided(found).lines if line.get_marker() == "o"]
        assert len(dots) == (at_switch > 0.5)
        caption = describe_commitment(found)
        assert caption.startswith(
            "**Switches are not decided ahead: half-lead 0 [0, 0] steps, 0 in the process."
        )
        assert ("Nor is half of one decided at the switch itself." in caption) == (at_switch < 0.5)
        assert ("Dot: half-lead." in caption) == (at_switch > 0.5)
        assert "Directions:" not in caption


def test_the_caption_has_the_numbers_of_the_result(result):
    assert len(plot_commitment(result).axes) == 4
    caption = describe_commitment(result)
    assert caption.startswith("**Half of a switch is decided 1.75 [1.5, 2] steps ahead, 0 in the process.**")
    assert "Directions: from 1.5 [1.3, 1.7] (2 → 0) to 2 [1.8, 2.2] steps (0 → 2)." in caption
    assert "rise time 6.4 [6, 7] steps" in caption
    assert "Too few switches: 0 → 1." in caption
    alone = replace(result, process_half_lead=np.full(3, np.nan), process_decided=np.full((3, 4), np.nan))
    assert "process" not in describe_commitment(alone)
    assert len(plot_decided(alone).lines) == len(plot_decided(result).lines) - 1
