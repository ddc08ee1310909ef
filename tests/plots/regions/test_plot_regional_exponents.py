from dataclasses import replace

import numpy as np
import pytest

from orbitscope.dynamics.regions.regional_exponents import RegionalExponentsResult
from orbitscope.plots.regions.regional_exponents import (
    describe_regional_exponents,
    plot_regional_distributions,
    plot_regional_exponents,
    plot_regional_means,
)
from orbitscope.plots.style import REGION_COLORS
from orbitscope.statistics import Estimate

REGIONS = ["slow", "kick", "transition"]


def build(*, kick_minus_slow=(0.2, 0.1, 0.3)):
    mean = np.array([-0.2, 0.05, -0.1])
    difference = np.array([mean[:, None] - mean] * 3)
    difference[:, 1, 0] = kick_minus_slow
    return RegionalExponentsResult(
        settings={"block_steps": 5, "confidence": 0.95},
        status={"empty": []},
        region=np.array(REGIONS),
        mean_exponent=Estimate(mean, mean - 0.04, mean + 0.03),
        expanding=Estimate(np.array([0.1, 0.6, 0.3]), np.zeros(3), np.ones(3)),
        difference=Estimate(*difference),
        n_blocks=np.array([3, 2, 1]),
        n_lost=np.zeros(3, dtype=int),
        exponent=np.array([[-0.3, -0.2, -0.1], [0.0, 0.1, -0.1]]),
        label=np.array([[0, 0, 0], [1, 1, 2]]),
    )


def test_means_have_their_interval_in_the_colour_of_the_region():
    result = build()
    ax = plot_regional_means(result)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in dots] == result.mean_exponent.value.tolist()
    assert [line.get_color() for line in dots] == [REGION_COLORS[name] for name in REGIONS]
    limits = [lines.get_segments()[0][:, 1] for lines in ax.collections]
    np.testing.assert_allclose(limits, np.stack([result.mean_exponent.low, result.mean_exponent.high], 1))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0: differences stay"]


def test_distributions_say_where_blocks_start_and_which_side_grows():
    ax = plot_regional_distributions(build())
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "block starts in"
    assert [text.get_text() for text in legend.get_texts()] == REGIONS
    shrink, grow = ax.texts
    assert (shrink.get_text(), shrink.get_ha()) == ("shrink", "right")
    assert (grow.get_text(), grow.get_ha()) == ("grow", "left")
    assert len(plot_regional_exponents(build()).axes) == 2


@pytest.mark.parametrize(
    ("difference", "seen"),
    [
        ((0.2, 0.1, 0.3), "larger from kick states than from slow ones: 0.05 against −0.2 per step."),
        ((-0.2, -0.3, -0.1), "smaller from kick states than from slow ones: 0.05 against −0.2 per step."),
    ],
)
def test_the_caption_begins_with_kick_against_slow(difference, seen):
    caption = describe_regional_exponents(build(kick_minus_slow=difference))
    assert caption.startswith(f"**The exponent is {seen}** First finite-time exponent")


def test_the_caption_says_where_nothing_can_be_told():
    caption = describe_regional_exponents(build(kick_minus_slow=(0.1, -0.1, 0.3)))
    assert caption.startswith("**Small differences fare alike from kick and from slow states, as far as can")
    empty = replace(build(), difference=Estimate(np.full((3, 3), np.nan)))
    seen = "**Exponents of kick and slow states cannot be compared: one of the regions has no block.**"
    assert describe_regional_exponents(empty).startswith(seen)
