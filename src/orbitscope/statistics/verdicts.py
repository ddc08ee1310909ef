"""What numbers decide: the conclusions of an analysis and the captions of its figures go by these rules."""

import math
from collections.abc import Iterable

from .estimate import Estimate

ALPHA = 0.05
"""p-value below which a number counts as beyond a null."""

ONE_WAY = 0.5
"""Net share above which events count as one-way."""

AGREEMENT = 0.5
"""Adjusted Rand index above which two partitions count as matching."""


def judge_nulls(p_values: Iterable[float]) -> str:
    """Whether a number is beyond its nulls: "yes", "no", "undecided" where they disagree, or "untested".

    Nulls whose p-value is NaN, which were not drawn, have no say.
    """
    are_beyond = {p_value < ALPHA for p_value in p_values if not math.isnan(p_value)}
    if not are_beyond:
        return "untested"
    if len(are_beyond) == 2:
        return "undecided"
    return "yes" if are_beyond.pop() else "no"


def judge_direction(net_share: Estimate) -> str:
    """How clearly events go one way and not the other: "one way", "more often than back", or ""."""
    if not net_share.excludes(0):
        return ""
    is_one_way = min(abs(float(net_share.low)), abs(float(net_share.high))) > ONE_WAY
    return "one way" if is_one_way else "more often than back"


def judge_agreement(rand_index: Estimate) -> str:
    """Whether two partitions "match", "hardly match" or, if that is open, "partly match"."""
    if rand_index.low > AGREEMENT:
        return "match"
    return "hardly match" if rand_index.high < AGREEMENT else "partly match"


def judge_lag(lag: Estimate) -> str:
    """Whether an event comes "before" another, "after" it, or "with" it: its limits hold 0."""
    if lag.low <= 0 <= lag.high:
        return "with"
    return "after" if lag.low > 0 else "before"
