"""Time two ways of doing the same thing in turn, in one process."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Comparison:
    """Seconds of both sides, round by round."""

    ours: list[float]
    theirs: list[float]

    @property
    def ratio(self) -> float:
        """Median over rounds of theirs / ours."""
        return float(np.median(np.array(self.theirs) / np.array(self.ours)))

    def describe(self, label: str, target: float) -> str:
        """One line for the log."""
        return (
            f"{label}: {self.ratio:.1f}x (ours {np.median(self.ours):.3f} s, "
            f"theirs {np.median(self.theirs):.3f} s, {len(self.ours)} rounds, target {target:g}x)"
        )


def compare(ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int = 3) -> Comparison:
    """Alternate both sides after one warm-up each."""
    ours()
    theirs()
    pairs = [(measure(ours), measure(theirs)) for _ in range(rounds)]
    return Comparison([a for a, _ in pairs], [b for _, b in pairs])


def measure(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def report(text: str) -> None:
    """Print past pytest's capture."""
    sys.__stdout__.write(f"\n{text}\n")
    sys.__stdout__.flush()
