"""Progress of long work as events, so that the library reports and only the command line draws."""

import time
from collections.abc import Callable, Mapping
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


class StagedProgress:
    """Progress of stages one after another as that of one piece of work, with the time left for all.

    Parameters
    ----------
    progress : callable
        Is told of every event.
    expected : mapping
        Seconds that each stage will take, in their order; where a stage knows better, its events say so.
    clock : callable
        Seconds since any moment.
    """

    _LEAST_SHARE, _LEAST_SECONDS = 0.05, 1.0
    """A stage must have come so far before its own pace counts."""

    def __init__(
        self,
        progress: ProgressCallback,
        expected: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._progress, self._expected, self._clock = progress, dict(expected), clock
        self._spent: dict[str, float] = {}

    def begin(self, stage: str) -> ProgressCallback:
        """Start a stage; returns the callback that it reports to."""
        start = self._clock()

        def report(event: Progress) -> None:
            elapsed = self._clock() - start
            self._report(stage, event, elapsed)

        return report

    def _report(self, stage: str, event: Progress, elapsed: float) -> None:
        left = event.seconds_left
        if left is None:
            left = (1.0 - event.share) * self._predict(stage, event.share, elapsed)
        self._spent[stage] = elapsed if event.seconds_spent is None else event.seconds_spent
        names = list(self._expected)
        spent = sum(self._spent.values())
        left += sum(self._expected[name] for name in names[names.index(stage) + 1 :])
        share = 1.0 if spent + left == 0 else spent / (spent + left)
        label = f"{stage}: {event.label}"
        self._progress(Progress("run", share, 1.0, label, event.details, spent, left))

    def _predict(self, stage: str, share: float, elapsed: float) -> float:
        """Seconds of a whole stage: as expected at first, by its pace later."""
        if share < self._LEAST_SHARE or elapsed < self._LEAST_SECONDS:
            return self._expected[stage]
        return (1.0 - share) * self._expected[stage] + elapsed
