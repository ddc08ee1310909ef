"""Batch size and learning rate of each epoch."""

import math
from dataclasses import dataclass

from ..settings import TrainSettings


@dataclass(frozen=True)
class EpochPlan:
    """Batch size and learning rate of one epoch."""

    batch_size: int
    learning_rate: float


def plan_epoch(train: TrainSettings, epoch: int) -> EpochPlan:
    """Batch size and learning rate of an epoch (counted from 1).

    Both are constant for ``constant_share`` of the epochs. Then the batch doubles at equal intervals until
    ``final_batch_size`` and the learning rate falls exponentially to ``final_learning_rate``.
    """
    n_constant = round(train.constant_share * train.epochs)
    n_moving = train.epochs - n_constant
    progress = min(1.0, max(0, epoch - n_constant) / max(1, n_moving))
    final_rate = train.final_learning_rate or train.learning_rate
    rate = train.learning_rate * (final_rate / train.learning_rate) ** progress
    if progress == 0.0 or train.final_batch_size is None:
        return EpochPlan(train.batch_size, rate)
    n_doublings = math.ceil(math.log2(train.final_batch_size / train.batch_size))
    reached = (
        min(n_doublings, 1 + int((epoch - n_constant - 1) * n_doublings / n_moving)) if n_doublings else 0
    )
    return EpochPlan(min(train.batch_size * 2**reached, train.final_batch_size), rate)
