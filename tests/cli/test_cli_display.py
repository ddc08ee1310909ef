"""What the commands print: times, sizes, numbers."""

import io
import os
from pathlib import Path

import numpy as np
from rich.console import Console

from orbitscope.cli.display import (
    ProgressDisplay,
    RemainingTime,
    format_bytes,
    format_duration,
    format_range,
)
from orbitscope.progress import Progress
from orbitscope.system.cores import count_usable_cores
from orbitscope.system.plain_json import make_plain


def make_event(done, **time):
    return Progress("train", float(done), 100.0, "", {}, **time)


def test_remaining_time_follows_the_recent_pace():
    remaining = RemainingTime(n_events=2)
    assert remaining.update(make_event(40), now=0.0) == "estimating time"
    assert remaining.update(make_event(41), now=1.0) == "59 s left"
    assert remaining.update(make_event(42), now=3.0) == "1:27 min left"
    assert remaining.update(make_event(43), now=5.0) == "1:54 min left"
    assert remaining.update(make_event(100), now=9.0) == "done"


def test_an_event_that_knows_the_time_left_is_believed_by_the_words_and_by_the_bar():
    event = make_event(90, seconds_spent=30.0, seconds_left=90.0)
    assert event.share == 0.25
    remaining = RemainingTime()
    assert remaining.update(make_event(89, seconds_spent=29.0, seconds_left=91.0), now=0.0) == "1:31 min left"
    assert remaining.update(event, now=50.0) == "1:30 min left"

    display = ProgressDisplay("work")
    display.console = Console(file=io.StringIO(), force_terminal=True)
    display(event)
    (task,) = display._bars.tasks
    assert (task.percentage, task.fields["count"], task.fields["left"]) == (25.0, " 90/100", "1:30 min left")


def test_formats():
    assert [format_duration(s) for s in (0.2, 59, 185, 8040)] == ["0 s", "59 s", "3:05 min", "2:14 h"]
    ranges = [(0.6, 40.4), (55.0, 110.0), (252.0, 426.0), (720.0, 5940.0), (3000.0, 40_000.0)]
    assert [format_range(*pair) for pair in ranges] == [
        "1 to 40 s",
        "0.9 to 1.8 min",
        "4.2 to 7.1 min",
        "12 to 99 min",
        "0.8 to 11 h",
    ]
    assert [format_bytes(n) for n in (350 * 2**20, 3 * 2**29)] == ["350 MB", "1.5 GB"]
    plain = make_plain({"a": np.array([1.0, np.nan, np.inf, -np.inf]), "b": (np.int64(2), Path("x"))})
    assert plain == {"a": [1.0, None, "inf", "-inf"], "b": [2, "x"]}
    assert 1 <= count_usable_cores() <= (os.cpu_count() or 1)
