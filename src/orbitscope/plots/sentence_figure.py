"""A sentence in place of a figure that would show an identity."""

import textwrap

from matplotlib.figure import Figure

from .style import WIDTH, build_figure, with_style

_CHARACTERS_PER_LINE = 112
_LINE_HEIGHT = 0.18


@with_style
def write_sentence(sentence: str) -> Figure:
    """A figure without axes that holds a sentence, as high as its lines."""
    lines = textwrap.wrap(sentence, _CHARACTERS_PER_LINE)
    figure = build_figure(WIDTH, _LINE_HEIGHT * (len(lines) + 1))
    figure.text(0.01, 0.97, "\n".join(lines), ha="left", va="top", linespacing=1.4)
    return figure
