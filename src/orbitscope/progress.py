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
    seconds_spent, seconds_left : float or None
        Time that the work has taken and will take, where units of work differ in cost and the stage knows it.
    """

    stage: str
    done: float
    total: float
    label: str
    details: dict[str, Any]
    seconds_spent: float | None = None
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        """Share of the work that is done: of its time where that is known, else of its units."""
        if self.seconds_spent is None or self.seconds_left is None:
            return self.done / self.total
        return self.seconds_spent / (self.seconds_spent + self.seconds_left)


ProgressCallback = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Report to nobody."""
