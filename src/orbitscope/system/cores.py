"""How many cores and threads this process may use."""

import math
import os
from pathlib import Path

import psutil

THREAD_LIMIT = 1024
"""More threads are surely a mistake, and the system may end a process that asks for them."""


def count_usable_cores() -> int:
    """Physical cores that this process may use: affinity mask and container quota included."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, affinity, _read_quota() or physical))


def _read_quota() -> int | None:
    """Cores granted by a Linux container, rounded up; None without a limit."""
    file = Path("/sys/fs/cgroup/cpu.max")
    quota, period = file.read_text().split() if file.is_file() else ("max", "1")
    return None if quota == "max" else math.ceil(int(quota) / int(period))
