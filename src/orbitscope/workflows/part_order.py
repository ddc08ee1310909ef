"""The order in which parts of an analysis go on, side by side: each after those whose results it sees."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TypeVar

from ..part import Part
from ..system.threads import run_tasks

Value = TypeVar("Value")


def run_side_by_side(
    parts: Sequence[Part],
    n_threads: int,
    *,
    begin: Callable[[Part], Callable[[], Value]],
    finish: Callable[[Part, Value], None],
) -> None:
    """Work on as many parts at once as there are threads.

    Parameters
    ----------
    parts : sequence of Part
    n_threads : int
    begin : callable
        Called when the work on a part begins, by the calling thread; gives that work, for another thread.
    finish : callable
        Called with its value, by the calling thread, before parts that follow it begin. Parts that are done
        when another one fails are finished, too.
    """
    waiting, running = _put_first_what_takes_longest(parts), dict[Future[Value], Part]()
    try:
        with run_tasks(n_threads) as tasks:
            while waiting or running:
                while len(running) < n_threads and (part := _find_ready(waiting, running.values())):
                    waiting.remove(part)
                    running[tasks.begin(begin(part))] = part
                wait(running, return_when=FIRST_COMPLETED)
                _finish_done(running, finish)
                for future in [future for future in running if future.done()]:
                    future.result()  # raises its error
    except BaseException:
        _finish_done(running, finish)
        raise


def _finish_done(running: dict[Future[Value], Part], finish: Callable[[Part, Value], None]) -> None:
    """Finish the parts that have a value; those with an error stay."""
    for future in list(running):
        if future.done() and not future.cancelled() and future.exception() is None:
            finish(running.pop(future), future.result())


def _find_ready(waiting: Sequence[Part], running: Iterable[Part]) -> Part | None:
    """The first part that follows none of those that are not finished."""
    unfinished = {part.name for part in (*waiting, *running)}
    return next((part for part in waiting if unfinished.isdisjoint(part.follows)), None)


def _put_first_what_takes_longest(parts: Sequence[Part]) -> list[Part]:
    """Parts by the time of what is to be done from their beginning on: theirs, and of those that follow."""
    seconds: dict[str, float] = {}
    for part in reversed(parts):
        after = [seconds[other.name] for other in parts if part.name in other.follows]
        seconds[part.name] = part.seconds + max(after, default=0.0)
    return sorted(parts, key=lambda part: -seconds[part.name])
