"""What the commands print: times, sizes, numbers."""

import os
from pathlib import Path

import numpy as np

from orbitscope.cli.display import (
    RemainingTime,
    format_bytes,
    format_duration,
)
from orbitscope.cores import count_usable_cores
from orbitscope.plain_json import make_plain


def test_remaining_time_follows_the_recent_pace():
    remaining = RemainingTime(n_events=2)
    assert remaining.update(40, 100, now=0.0) == "estimating time"
    assert remaining.update(41, 100, now=1.0) == "59 s left"
    assert remaining.update(42, 100, now=3.0) == "1:27 min left"
    assert remaining.update(43, 100, now=5.0) == "1:54 min left"
    assert remaining.update(100, 100, now=9.0) == "done"


def test_formats():
    assert [format_duration(s) for s in (0.2, 59, 185, 8040)] == ["0 s", "59 s", "3:05 min", "2:14 h"]
    assert [format_bytes(n) for n in (350 * 2**20, 3 * 2**29)] == ["350 MB", "1.5 GB"]
    plain = make_plain({"a": np.array([1.0, np.nan, np.inf, -np.inf]), "b": (np.int64(2), Path("x"))})
    assert plain == {"a": [1.0, None, "inf", "-inf"], "b": [2, "x"]}
    assert 1 <= count_usable_cores() <= (os.cpu_count() or 1)
