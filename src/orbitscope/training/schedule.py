"""Batches, learning rate and draws of each epoch."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from ..settings import RunSettings, TrainSettings

ASSUMED_PLATEAU_EPOCHS = 15
"""How long the plateau is taken to last once the network has settled on it."""

CHECKED_SHARE = 1 / 3
"""Symbols and sequences drawn to tell whether all margins hold, as a share of those of an evaluation."""


@dataclass(frozen=True)
class EpochPlan:
    """How one epoch trains.

    Attributes
    ----------
    batch_size : int
        Sequences per update.
    learning_rate : float
        Adam step size.
    n_draws : int
        Symbol sequences drawn from each rollout.
    self_weight : float
        Share of the self term in the gradient while symbols have no memory; 1 is the paper's.
    is_averaged : bool
        Whether the weights after each update enter the average.
    """

    batch_size: int
    learning_rate: float
    n_draws: int = 1
    self_weight: float = 1.0
    is_averaged: bool = False


def plan_epoch(train: TrainSettings, epoch: int, *, on_plateau: bool = False) -> EpochPlan:
    """Batch size, learning rate, draws and self weight of an epoch.

    The batch doubles at equal intervals from ``growth_start`` on and has its final size from ``growth_end``
    on. From ``decay_start`` on the learning rate falls exponentially to ``final_learning_rate``. The plateau
    has settings of its own, which stay in force until it is left, whatever the epoch; then the schedule goes
    on from where it would be. In the first ``settle_epochs`` the gradient is the paper's.

    Parameters
    ----------
    train : TrainSettings
    epoch : int
        Counted from 1.
    on_plateau : bool
        Whether the plateau has not been left yet.
    """
    is_settling = epoch <= train.settle_epochs
    batch_size, learning_rate = _plan_batch_size(train, epoch), _plan_learning_rate(train, epoch)
    self_weight = 1.0 if is_settling else train.plateau_self_weight
    is_averaged = epoch > train.average_start * train.epochs
    if not on_plateau:
        return EpochPlan(batch_size, learning_rate, 1, self_weight, is_averaged)
    plateau_rate = train.settle_learning_rate if is_settling else train.plateau_learning_rate
    return EpochPlan(
        train.plateau_batch_size or batch_size,
        plateau_rate or train.plateau_learning_rate or learning_rate,
        train.plateau_draws,
        self_weight,
        is_averaged,
    )


class BatchPlan(NamedTuple):
    """Batches of an epoch: sequences per update and draws per rollout."""

    size: int
    n_draws: int


def plan_batches(settings: RunSettings, *, n_done: int = 0, plateau_exit_epoch: int = 0) -> list[BatchPlan]:
    """Batches of every epoch, if the plateau is left as usual.

    Parameters
    ----------
    settings : RunSettings
    n_done : int
        Epochs that are over.
    plateau_exit_epoch : int
        Last epoch with the settings of the plateau. If it is 0, the plateau was not left yet: it is taken to
        last while the network settles and for :data:`ASSUMED_PLATEAU_EPOCHS` epochs more, or until now.
        Later epochs cost more, so that what is planned is rather too much.
    """
    train = settings.train
    exit_epoch = plateau_exit_epoch or max(train.settle_epochs + ASSUMED_PLATEAU_EPOCHS, n_done)
    plans = (plan_epoch(train, epoch, on_plateau=epoch <= exit_epoch) for epoch in range(1, train.epochs + 1))
    return [BatchPlan(min(plan.batch_size, settings.data.n_per_split), plan.n_draws) for plan in plans]


def is_validated(train: TrainSettings, epoch: int) -> bool:
    """Whether an epoch ends with a validation; the last one does."""
    return epoch % train.validate_every == 0 or epoch == train.epochs


def find_validation_size(settings: RunSettings) -> int:
    """Sequences per batch of a validation: as many as an update has at the end."""
    train = settings.train
    return min(train.final_batch_size or train.batch_size, settings.data.n_per_split)


def split_batches(n_sequences: int, batch_size: int) -> list[int]:
    """Sizes of the batches of an epoch, in order.

    A remainder below a quarter of a batch joins the one before it: an update from a few sequences would count
    as much as any other.
    """
    n_full, rest = divmod(n_sequences, batch_size)
    if n_full and rest < batch_size / 4:
        return [batch_size] * (n_full - 1) + [batch_size + rest]
    return [batch_size] * n_full + [rest]


def _plan_batch_size(train: TrainSettings, epoch: int) -> int:
    done = (epoch - 1) / train.epochs
    if train.final_batch_size is None or done < train.growth_start:
        return train.batch_size
    end = train.decay_start if train.growth_end is None else train.growth_end
    if done >= end:
        return train.final_batch_size
    n_doublings = math.ceil(math.log2(train.final_batch_size / train.batch_size))
    growth = _compute_progress(done, train.growth_start, end)
    return min(train.batch_size * 2 ** (1 + int(growth * n_doublings)), train.final_batch_size)


def _plan_learning_rate(train: TrainSettings, epoch: int) -> float:
    final = train.final_learning_rate or train.learning_rate
    decay = _compute_progress(epoch / train.epochs, train.decay_start, 1.0)
    return train.learning_rate * (final / train.learning_rate) ** decay


def _compute_progress(share: float, start: float, stop: float) -> float:
    """Where a share of the epochs lies between two others, from 0 to 1."""
    return 0.0 if share <= start else min(1.0, (share - start) / (stop - start))
