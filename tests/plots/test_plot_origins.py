"""The name of the network in captions and figures."""

import pytest

from orbitscope.plots import begin_caption, sign_figure
from orbitscope.plots.style import build_figure


def test_a_caption_begins_with_the_network_and_a_first_look_says_what_it_is():
    assert begin_caption("Paths.", network="zoo:linear-3") == "zoo:linear-3. Paths."
    assert begin_caption("Paths.", network="a", quick=True) == "a, first look: small sizes. Paths."


def test_what_is_seen_comes_before_the_network():
    caption = begin_caption("**Paths meet.** Two of them. Three.", network="zoo:linear-3")
    assert caption == "**Paths meet.**\nzoo:linear-3. Two of them. Three."


@pytest.mark.parametrize("height", [1.0, 5.0])
def test_the_line_lies_inside_the_figure_and_below_everything_else(height):
    figure = build_figure(3.0, height)
    ax = figure.add_subplot()
    ax.set(xlabel="time (steps)", ylabel="states")
    assert sign_figure(figure, network="zoo:linear-3", quick=True) is figure
    assert figure.get_figheight() == pytest.approx(height + 0.16)
    figure.canvas.draw()
    (line,) = figure.texts
    assert line.get_text() == "zoo:linear-3, first look (--quick): intervals are wide"
    area, below = line.get_window_extent(), ax.get_tightbbox()
    assert below is not None
    assert 0 < area.y0 < area.y1 < below.y0
    assert 0 < area.x0 < area.x1 < figure.bbox.x1
    assert below.y1 <= figure.bbox.y1
