"""What the commands show: results on standard output, everything else on standard error."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from ..progress import Progress
from ..system.output import is_unicode, is_utf8
from ..system.plain_json import make_plain

_WIDTH_OF_PIPES = 120
_SECONDS_BETWEEN_LINES = 10.0
_PADDING = 2
"""Spaces beside a cell of the two columns of facts."""

_PHASES = {
    "no_plateau": "no plateau so far",
    "on_plateau": "on the plateau",
    "past_transition": "past the phase transition",
}


class _Console(Console):
    """A console whose reader may have seen enough, as in ``orbitscope claims --rules | head``."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, which ends without an error."""
        raise BrokenPipeError


def get_console(*, stderr: bool = False) -> Console:
    """Console for the current stream; wide when nobody reads it on a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    console = _Console(file=stream, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH_OF_PIPES)
    return console


def print_json(document: Any) -> None:
    """Write one JSON document on standard output; NaN becomes null, infinity the string "inf"."""
    plain = make_plain(document)
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)
    if not (is_utf8(sys.stdout) and is_unicode(text)):
        text = json.dumps(plain, indent=2, allow_nan=False)  # escapes keep what is no Unicode
    sys.stdout.write(text + "\n")


def print_error(message: str) -> None:
    """Write a message of failure on standard error."""
    console = get_console(stderr=True)
    text = Text("error: ", "bold red") + Text(message, "default")
    console.print(text, soft_wrap=not console.is_terminal)


def print_blank() -> None:
    """Write an empty line on standard output."""
    sys.stdout.write("\n")


def print_sentences(sentences: Iterable[str]) -> None:
    """Write sentences on standard output, one a line; the first one, the conclusion, in bold."""
    console = get_console()
    for index, sentence in enumerate(sentences):
        console.print(Text(sentence, "" if index else "bold"))


def print_facts(facts: Mapping[str, Any]) -> None:
    """Write names and values in two columns on standard output; without a terminal, a line each."""
    grid = Table.grid(padding=(0, _PADDING))
    grid.add_column(style="bold", overflow="fold")
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, str(value))
    console = get_console()
    if not console.is_terminal:  # a line that is cut is no command any more
        longest = [
            max((cell_len(str(cell)) for cell in column), default=0) for column in (facts, facts.values())
        ]
        console.width = max(console.width, sum(longest) + 2 * _PADDING)
    console.print(grid)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", numbers: Sequence[str] = ()
) -> None:
    """Write a table on standard output; the columns in ``numbers`` are right-aligned."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = get_console()
    if title:
        console.print(Text(title, "bold"))
    console.print(table)


def format_duration(seconds: float | int) -> str:
    """Short form, e.g. ``42 s``, ``3:05 min``, ``2:14 h``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def format_range(low: float, high: float) -> str:
    """Range of times in one unit, e.g. ``4.2 to 7.1 min``."""
    unit, seconds = ("s", 1) if high < 100 else ("min", 60) if high < 6000 else ("h", 3600)
    parts = (f"{x:.0f}" if unit == "s" or x >= 10 else f"{x:.1f}" for x in (low / seconds, high / seconds))
    return f"{' to '.join(parts)} {unit}"


def format_bytes(n_bytes: float | int) -> str:
    """Short form in MB or GB (powers of 1024)."""
    return f"{n_bytes / 2**30:.1f} GB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.0f} MB"


class ProgressDisplay:
    """Draws progress events on standard error: a live bar on a terminal, a line now and then elsewhere.

    Use it as a context manager and pass it as the ``progress`` callback.

    Parameters
    ----------
    title : str
        What is being done.
    quiet_seconds : float
        Without a terminal nothing is written before; work that takes less leaves no trace.
    """

    def __init__(self, title: str, *, quiet_seconds: float | int = 2):
        self.title = title
        self.console = get_console(stderr=True)
        self.estimate = RemainingTime()
        count, left = TextColumn("{task.fields[count]}"), TextColumn("{task.fields[left]}")
        spinner = SpinnerColumn(finished_text=" ")
        self._bars = Bars(spinner, count, BarColumn(bar_width=None), left, expand=True)
        self._task = self._bars.add_task("", total=None, count="", left="estimating time")
        self._live = Live(console=self.console, refresh_per_second=8, transient=True)
        self._due_at, self._phase = time.monotonic() + quiet_seconds, ""
        self._has_title = False

    def __enter__(self) -> "ProgressDisplay":
        if self.console.is_terminal:
            self._draw("starting")
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Show one event."""
        left = self.estimate.update(progress)
        if self.console.is_terminal:
            count = _format_count(progress)
            self._bars.update(self._task, completed=progress.share, total=1.0, count=count, left=left)
            self._draw(_format_state(progress))
        elif self._is_due(progress):
            self._print_line("  ".join((_format_count(progress), _format_state(progress), left)))

    def _draw(self, state: str) -> None:
        self._live.update(Group(Text(self.title, "bold"), self._bars, Text(f"  {state}", "dim")))

    def _print_line(self, line: str) -> None:
        if not self._has_title:
            self.console.print(Text(self.title), soft_wrap=True)
            self._has_title = True
        self.console.print(Text(line), soft_wrap=True)

    def _is_due(self, progress: Progress) -> bool:
        """One line every few seconds, at changes of phase, and for the end of what has been shown."""
        now, phase = time.monotonic(), progress.details.get("phase", "")
        is_end = self._has_title and progress.done >= progress.total
        if now < self._due_at and phase == self._phase and not is_end:
            return False
        self._due_at, self._phase = now + _SECONDS_BETWEEN_LINES, phase
        return True


class RemainingTime:
    """Time left in words: as an event says, else from the pace of the last ones.

    A resumed run starts in the middle.
    """

    def __init__(self, n_events: int = 10):
        self.n_events = n_events
        self._events: list[tuple[float, float]] = []

    def update(self, progress: Progress, *, now: float | None = None) -> str:
        """Take note of an event; returns the time left."""
        event = (time.monotonic() if now is None else now, progress.share)
        self._events = [*self._events[-self.n_events :], event]
        if progress.done >= progress.total:
            return "done"
        left = progress.seconds_left
        left = self._extrapolate() if left is None else left
        return "estimating time" if left is None else f"{format_duration(left)} left"

    def _extrapolate(self) -> float | None:
        (first, first_share), (last, last_share) = self._events[0], self._events[-1]
        if last_share <= first_share:
            return None
        return (1.0 - last_share) * (last - first) / (last_share - first_share)


def format_phase(status: str) -> str:
    """Words for where the loss curve stands."""
    return _PHASES.get(status, status)


def _format_count(progress: Progress) -> str:
    if progress.total == 1.0:
        return f"{progress.done:4.0%}"
    width = len(f"{progress.total:.0f}")
    return f"{progress.done:{width}.0f}/{progress.total:.0f}"


def _format_state(progress: Progress) -> str:
    if "loss" not in progress.details:
        return progress.label
    details = progress.details
    text = (
        f"loss {details['loss']:.2f} (floor {details['floor']:.2f})  "
        f"symbol-matrix error {details['symbol_matrix_error']:.3f}  {format_phase(details['phase'])}"
    )
    return f"{text}  all margins hold ({n} in a row)" if (n := details.get("n_holding")) else text
