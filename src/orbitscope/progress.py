"""Progress of long work as events, so that the library reports and only the command line draws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Progress:
    """One report.

    Attributes
    ----------
    stage : str
        What is being done, e.g. ``train`` or ``evaluate``.
    done, total : float
        Work done and in all, in the stage's own unit.
    label : str
        The step that was just finished or begun.
    details : dict
        Numbers worth showing, by name.
    """

    stage: str
    done: float
    total: float
    label: str
    details: dict[str, Any]


ProgressCallback = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Report to nobody."""
