"""How long epochs will take: a model of their cost, times the pace of what was timed."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..settings import RunSettings
from .epoch import EpochRecord
from .schedule import (
    CHECKED_SHARE,
    BatchPlan,
    find_validation_size,
    is_validated,
    plan_batches,
    split_batches,
)

_N_RECENT = 10
"""Epochs whose pace counts: enough for a median, few enough to follow a machine that gets busy."""

_PER_UPDATE = 270_000.0
"""Cost of the calls of one update, which does not depend on the batch."""

_FORWARD_SHARE = 0.45
"""Cost of a step of the network without its gradient; with it, 1."""

_WORDS_SHARE = 0.25
"""Cost of laws of words and likelihood ratios beside each step of the network."""

_PER_PAIR, _PER_COMPARISON = 0.15, 0.00225
"""Cost of an entry of the transport matrix: its updates, and each symbol compared (all but one a step)."""


@dataclass(frozen=True)
class EpochWork:
    """What an epoch will do.

    Attributes
    ----------
    batches : BatchPlan
    cost : float
        Of updates, references and validation, in the unit of :class:`CostModel`.
    """

    batches: BatchPlan
    cost: float


@dataclass(frozen=True)
class CostModel:
    """Cost of the parts of a training run.

    The unit is one step of one neuron in one rollout, with its gradient. Only ratios matter: the seconds that
    a unit takes, the pace, are measured. The constants are from one thread of a Xeon with AVX-512: batches of
    64 to 4000, 50 to 300 neurons, 30 to 100 steps. There the pace of updates that differ in size by a factor
    of 2 differed by up to 1.4, and by up to 1.7 over all sizes.

    Parameters
    ----------
    settings : RunSettings
    n_symbols : int
        Of the process.
    """

    settings: RunSettings
    n_symbols: int

    def list_work(self, *, n_done: int = 0, plateau_exit_epoch: int = 0) -> list[EpochWork]:
        """Batches and cost of every epoch; see :func:`plan_batches` for those to come.

        An epoch has its updates, the references of a batch size that is new, and a validation when it is due,
        with a check of margins where training may end early.
        """
        train, work, seen = self.settings.train, [], set()
        plans = plan_batches(self.settings, n_done=n_done, plateau_exit_epoch=plateau_exit_epoch)
        updates = {batches: self._measure_updates(batches) for batches in set(plans)}
        validation = self._add_up(self._measure_validation, find_validation_size(self.settings))
        if train.stop_after:
            validation += self._measure_check()
        for epoch, batches in enumerate(plans, 1):
            cost = updates[batches]
            if batches.size not in seen:
                cost += self._add_up(self._measure_references, batches.size)
            if is_validated(train, epoch):
                cost += validation
            seen.add(batches.size)
            work.append(EpochWork(batches, cost))
        return work

    def measure_update(self, size: int, n_draws: int) -> float:
        """Cost of one update: rollouts, their loss, and its gradient."""
        n_rollouts = -(-size // n_draws)
        loss = self._measure_loss(n_rollouts if self._is_of_words else size)
        return _PER_UPDATE + self._measure_network(n_rollouts) + loss

    def _measure_updates(self, batches: BatchPlan) -> float:
        return self._add_up(lambda size: self.measure_update(size, batches.n_draws), batches.size)

    def _measure_references(self, size: int) -> float:
        """Losses computed once: of symbols without memory, and of sequences of the process."""
        return (1 if self._is_of_words else 2) * self._measure_loss(size)

    def _measure_validation(self, size: int) -> float:
        return _FORWARD_SHARE * (_PER_UPDATE + self._measure_network(size)) + self._measure_loss(size)

    def _measure_check(self) -> float:
        evaluate, n_steps = self.settings.evaluate, self.settings.data.n_steps
        n_checked = CHECKED_SHARE * max(evaluate.n_symbols_total, evaluate.n_sequences * n_steps)
        return _FORWARD_SHARE * n_checked * self.settings.model.hidden_size

    def _measure_network(self, n_rollouts: int) -> float:
        return float(n_rollouts * self.settings.data.n_steps * self.settings.model.hidden_size)

    def _measure_loss(self, size: int) -> float:
        if self._is_of_words:
            return _WORDS_SHARE * self._measure_network(size)
        n_comparisons = self.settings.data.n_steps * (self.n_symbols - 1)
        return size**2 * (_PER_PAIR + _PER_COMPARISON * n_comparisons)

    @property
    def _is_of_words(self) -> bool:
        return self.settings.loss.objective == "words"

    def _add_up(self, measure: Callable[[int], float], batch_size: int) -> float:
        """Sum of a cost over the batches of an epoch."""
        return sum(measure(size) for size in split_batches(self.settings.data.n_per_split, batch_size))


def predict_epochs(
    work: Sequence[EpochWork], paces: Mapping[BatchPlan, float], *, other_pace: float
) -> list[float]:
    """Seconds of epochs, from the pace of their batches; ``other_pace`` is for those that were not timed."""
    return [epoch.cost * paces.get(epoch.batches, other_pace) for epoch in work]


def predict_seconds_left(
    model: CostModel, history: Sequence[EpochRecord], *, plateau_exit_epoch: int
) -> float:
    """Seconds that the epochs after the history will take.

    Batches that were seen go on as in their last epochs; others are scaled from the last epochs of all.

    Parameters
    ----------
    model : CostModel
    history : sequence of EpochRecord
        Epochs so far, at least one, with holes where records are lost; those before a run was resumed count
        as well.
    plateau_exit_epoch : int
        As in :class:`TrainingState`; 0 as long as the plateau was not left.
    """
    n_done = history[-1].epoch
    work = model.list_work(n_done=n_done, plateau_exit_epoch=plateau_exit_epoch)
    by_batches: dict[BatchPlan, list[float]] = {}
    timed = [(work[record.epoch - 1], record) for record in history]
    for epoch, record in timed:
        by_batches.setdefault(epoch.batches, []).append(record.seconds / epoch.cost)
    return math.fsum(
        predict_epochs(
            work[n_done:],
            {batches: median(paces[-_N_RECENT:]) for batches, paces in by_batches.items()},
            other_pace=median(record.seconds / epoch.cost for epoch, record in timed[-_N_RECENT:]),
        )
    )
