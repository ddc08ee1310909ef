"""Pick from an evaluation what a figure shows."""

import numpy as np

from ...errors import unknown_name
from ...evaluation import EvaluationResult


def find_start(result: EvaluationResult, start: str) -> int:
    """Index of a start of the window ("zero", "stationary")."""
    return _find("start", result.start.tolist(), start)


def find_source(result: EvaluationResult, source: str) -> int:
    """Index of a source ("network", "floor", "exact")."""
    return _find("source", result.source.tolist(), source)


def find_sampled_source(result: EvaluationResult, source: str) -> int:
    """Index of a source that has sequences ("network", "floor")."""
    return _find("source", result.sampled_source.tolist(), source)


def get_margin(result: EvaluationResult, measure: str) -> float:
    """Margin of a measure; NaN where none was stated, or the evaluation lacks the measure."""
    names = result.measure.tolist()
    return float(result.margin[names.index(measure)]) if measure in names else np.nan


def _find(kind: str, names: list[str], name: str) -> int:
    if name not in names:
        raise unknown_name(kind, name, names)
    return names.index(name)
