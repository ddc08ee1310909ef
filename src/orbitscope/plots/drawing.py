"""What belongs to a figure of an analysis: its name, its plot, its caption, and the parts that it shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure of an analysis.

    Attributes
    ----------
    name : str
        Names the files.
    plot, caption : callable
        From the results of ``shows``, in this order, to the figure and to its caption.
    shows : tuple
        Parts whose results it shows, its namesake by default; it is drawn as soon as all are there.
    """

    name: str
    plot: Callable[..., Figure]
    caption: Callable[..., str]
    shows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shows", self.shows or (self.name,))

    def is_ready(self, found: Mapping[str, Any]) -> bool:
        """Whether every result that it shows is there."""
        return all(name in found for name in self.shows)

    def draw(self, found: Mapping[str, Any]) -> Figure:
        """Draw it from results by part."""
        return self.plot(*(found[name] for name in self.shows))

    def describe(self, found: Mapping[str, Any]) -> str:
        """Caption from results by part."""
        return self.caption(*(found[name] for name in self.shows))
