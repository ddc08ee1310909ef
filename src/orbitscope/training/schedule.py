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

    The batch doubles at equal intervals from ``growth_start`` on and has its final size before
    ``decay_start``, when the learning rate begins to fall exponentially to ``final_learning_rate``.
    """
    return EpochPlan(_plan_batch_size(train, epoch), _plan_learning_rate(train, epoch))


def _plan_batch_size(train: TrainSettings, epoch: int) -> int:
    done = (epoch - 1) / train.epochs
    if train.final_batch_size is None or done < train.growth_start:
        return train.batch_size
    if done >= train.decay_start:
        return train.final_batch_size
    n_doublings = math.ceil(math.log2(train.final_batch_size / train.batch_size))
    growth = _compute_progress(done, train.growth_start, train.decay_start)
    return min(train.batch_size * 2 ** (1 + int(growth * n_doublings)), train.final_batch_size)


def _plan_learning_rate(train: TrainSettings, epoch: int) -> float:
    final = train.final_learning_rate or train.learning_rate
    decay = _compute_progress(epoch / train.epochs, train.decay_start, 1.0)
    return train.learning_rate * (final / train.learning_rate) ** decay


def _compute_progress(share: float, start: float, stop: float) -> float:
    """Where a share of the epochs lies between two others, from 0 to 1."""
    return 0.0 if share <= start else min(1.0, (share - start) / (stop - start))
