"""The phase transition of a training run: where its loss leaves the plateau of symbols without memory."""

import numpy as np
from jaxtyping import Float

from ..statistics import ChangePoint, find_change_point
from .epoch import EpochRecord

LOSS_WITHOUT_MEMORY = 1.0
"""Level of the plateau in the curve of :func:`measure_course`."""

_LARGEST_USEFUL_FLOOR = 0.85
"""Floor over plateau up to which a second drop of the loss can be told."""

_LEAST_LACK = 0.01


def measure_course(history: list[EpochRecord]) -> Float[np.ndarray, " epoch"]:
    """Loss of each epoch relative to that of symbols without memory, in which the transition is found.

    So epochs with different batch sizes can be compared. Where the floor is hardly below that level the loss
    cannot show a drop (both are 0 where the process never varies), and what the symbols lack of the memory of
    the process is used instead.
    """
    if any(record.floor >= _LARGEST_USEFUL_FLOOR * record.plateau for record in history):
        return np.array([max(1.0 - record.memory, _LEAST_LACK) for record in history])
    return np.array([record.loss / record.plateau for record in history])


def find_transition(history: list[EpochRecord]) -> ChangePoint:
    """Plateau and second drop of the training loss; the index counts epochs from 0."""
    return find_change_point(measure_course(history), plateau_level=LOSS_WITHOUT_MEMORY)
