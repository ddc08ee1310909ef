"""How well a loss tells wrong processes from the right one."""

from dataclasses import replace

import numpy as np
import pytest

from orbitscope import plots
from orbitscope.loss.discrimination import INDEPENDENT_SYMBOLS, NEARLY_RIGHT, EpsilonChoice


@pytest.fixture(scope="module")
def choice():
    settings = {"process": "pond", "n_steps": 8, "batch_size": 64, "n_repeats": 3, "seed": 0}
    return EpsilonChoice(
        settings=settings,
        status={},
        epsilon=np.array([0.04, 1.0, 9.0]),
        alternative=np.array([INDEPENDENT_SYMBOLS, *NEARLY_RIGHT]),
        ratio=np.array([[1.5, 4.0, 1.2], [1.1, 1.5, 1.0], [1.0, 1.3, 1.0], [0.9, 1.1, 1.0]]),
        ratio_error=np.full((4, 3), 0.06),
    )


def test_no_two_processes_look_alike(choice):
    _, bottom = plots.plot_epsilon_choice(choice).axes
    lines = [container.lines[0] for container in bottom.containers]
    for name, values in zip(NEARLY_RIGHT, choice.ratio[1:], strict=True):
        (line,) = (c.lines[0] for c in bottom.containers if c.get_label() == name)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert [text.get_text() for text in bottom.get_legend().get_texts()] == list(NEARLY_RIGHT)
    for looks in (
        {line.get_color() for line in lines},
        {line.get_marker() for line in lines},
        {line.get_linestyle() for line in lines},
    ):
        assert len(looks) == 3


def test_the_caption_says_how_many_processes_are_told_at_the_best_epsilon(choice):
    caption = plots.describe_epsilon_choice(choice)
    seen = "At the best ε = 1 the loss tells 2 of 3 nearly right processes from the process itself."
    assert caption.startswith(f"**{seen}** Sinkhorn divergence of wrong processes from pond")
    assert "3 pairs of batches of 64 sequences of 8 steps" in caption
    blind = replace(choice, ratio=np.ones((4, 3)))
    assert "tells 0 of 3 nearly right" in plots.describe_epsilon_choice(blind)
