"""Equivalence tests: two one-sided tests (TOST) against a margin stated in advance."""

from typing import Literal

Verdict = Literal["equivalent", "different", "inconclusive"]


def decide_equivalence(low: float, high: float, margin: float) -> Verdict:
    """Verdict of two one-sided tests from the interval of a difference.

    Parameters
    ----------
    low, high : float     confidence limits of level 1 - 2 α
    margin : float > 0    largest difference that still counts as none, in the same unit

    Returns
    -------
    str                   equivalent: interval inside (-margin, margin); different: interval wholly outside;
                          inconclusive: anything else, NaN included

    Notes
    -----
    Schuirmann (1987): equivalent is the rejection of both one-sided hypotheses at level α.
    """
    if -margin < low and high < margin:
        return "equivalent"
    return "different" if low >= margin or high <= -margin else "inconclusive"
