"""Which network a figure is about, and whether it is a first look: before its caption, and below it."""

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from .style import MUTED_COLOR, with_style

_LINE_HEIGHT = 0.16
"""Height of the line below a figure, in inches."""

_LINE_SIZE = 6.0
"""Font size of this line, in points."""


def begin_caption(caption: str, *, network: str, quick: bool = False) -> str:
    """Name the network before a caption, after the bold sentence on what is seen; a first look says so."""
    look = ", first look: small sizes" if quick else ""
    if not caption.startswith("**"):
        return f"{network}{look}. {caption}"
    seen, _, details = caption.removeprefix("**").partition("** ")
    return f"**{seen}**\n{network}{look}. {details}"


@with_style
def sign_figure(figure: Figure, *, network: str, quick: bool = False) -> Figure:
    """Write the name of the network below a figure, which grows by a line; a first look says what it is."""
    width, height = figure.get_size_inches()
    share = _LINE_HEIGHT / (height + _LINE_HEIGHT)
    figure.set_size_inches(width, height + _LINE_HEIGHT)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, share, 1, 1 - share))

    look = ", first look (--quick): intervals are wide" if quick else ""
    place = {"x": 1 - 0.3 * _LINE_HEIGHT / width, "y": 0.3 * share, "ha": "right", "va": "bottom"}
    figure.text(s=f"{network}{look}", color=MUTED_COLOR, fontsize=_LINE_SIZE, **place)
    return figure
