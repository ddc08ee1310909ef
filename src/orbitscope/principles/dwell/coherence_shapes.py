"""How regularity changes with the noise, as a word: by a rule that is fixed before looking."""

import numpy as np

from ...statistics import Estimate

MARGIN = 0.1
"""Change of the CV, as a share, that counts as none."""

SHAPES = {
    "falls": "falls",
    "rises": "rises",
    "minimum": "is smallest at the noise as it is",
    "maximum": "is largest at the noise as it is",
    "level": "stays as it is",
    "identity": "cannot change (an identity)",
    "undecided": "changes in a way that cannot be told",
    "undefined": "is not known",
}
"""Words, and what the CV does under more noise.

Self-induced stochastic resonance would show as *falls* or *minimum*.
"""


def judge_shape(lower: Estimate, higher: Estimate, *, margin: float = MARGIN) -> str:
    """Shape of the CV over the dose from its ratios to that of the noise as it is.

    Parameters
    ----------
    lower, higher : Estimate, ()
        CV at half and at double the noise, over that at the noise as it is.
    margin : float > 0
        A ratio whose interval lies within 1 ± margin is level.

    Returns
    -------
    str
        A key of ``SHAPES``.
    """
    if not (np.isfinite(lower.low) and np.isfinite(higher.low)):
        return "undefined"
    sides = _judge_side(lower, margin), _judge_side(higher, margin)
    if "open" in sides:
        return "undecided"
    return {
        ("above", "below"): "falls",
        ("above", "level"): "falls",
        ("level", "below"): "falls",
        ("below", "above"): "rises",
        ("below", "level"): "rises",
        ("level", "above"): "rises",
        ("above", "above"): "minimum",
        ("below", "below"): "maximum",
        ("level", "level"): "level",
    }[sides]


def _judge_side(ratio: Estimate, margin: float) -> str:
    """Whether a ratio is level, above 1, below 1, or open."""
    if 1 - margin <= ratio.low and ratio.high <= 1 + margin:
        return "level"
    if ratio.low > 1:
        return "above"
    return "below" if ratio.high < 1 else "open"
