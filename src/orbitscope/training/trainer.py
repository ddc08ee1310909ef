"""The training loop: a generator of epoch records, without files or screen."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from ..errors import OrbitscopeError
from ..network import NoiseRNN, build_network
from ..random_streams import derive_seed
from ..settings import RunSettings
from .epoch import EpochRecord, EpochStatistics
from .growth import penalise_growth
from .objectives import Batch, Split, build_objective
from .schedule import BatchPlan, EpochPlan, find_validation_size, is_validated, plan_epoch
from .sharded_rollouts import ShardedRollouts
from .symbol_pairs import compute_memory
from .task import EmulationTask

LARGEST_ACTIVITY = 1e15
"""Activity above this counts as an explosion: its squares would soon sum beyond the range of float32.

Networks pass high activities near their phase transition and go on learning (4e6 in linear-2, docs/log.md).
"""

PLATEAU_MEMORY = 0.25
"""The plateau counts as left when consecutive symbols carry this share of the memory of the process.

The loss itself cannot decide: it dips for output of low diversity, and for some processes the loss of symbols
without memory is hardly above the floor.
"""


Holds = Callable[[NoiseRNN, int], bool]
"""Tells whether all margins hold for a network, from draws of an epoch."""


class TrainingDivergedError(OrbitscopeError):
    """Training met a NaN or exploding activity; what was saved last stays on disk."""


@dataclass
class TrainingState:
    """Everything that changes during training; what a checkpoint holds.

    ``plateau_exit_epoch`` is the first epoch in which consecutive symbols had a quarter of the memory of the
    process, 0 before that. ``n_holding`` counts the latest validations in a row at which all margins held.
    ``average`` holds the mean of the weights since averaging began, and how many.
    """

    network: NoiseRNN
    optimizer: torch.optim.Adam
    average: AveragedModel
    epoch: int = 0
    plateau_exit_epoch: int = 0
    n_holding: int = 0
    best_epoch: int = 0
    best_validation_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def current_network(self) -> NoiseRNN:
        """The network with averaged weights, once averaging has begun; before, the one that is trained."""
        network = self.average.module if self.average.n_averaged else self.network
        assert isinstance(network, NoiseRNN)
        return network


def initialise_training(task: EmulationTask, settings: RunSettings) -> TrainingState:
    """Build the network and its optimiser from the weight stream of the run."""
    network, train = draw_network(task, settings), settings.train
    betas = (train.beta1, train.beta2)
    optimizer = torch.optim.Adam(network.parameters(), lr=train.learning_rate, betas=betas)
    return TrainingState(network, optimizer, AveragedModel(network))


def draw_network(task: EmulationTask, settings: RunSettings) -> NoiseRNN:
    """Initial network of the weight stream of the run."""
    generator = torch.Generator().manual_seed(derive_seed(settings.seed, "weights"))
    model = settings.model
    return build_network(
        task.hmm.n_symbols,
        cell=model.cell,
        hidden_size=model.hidden_size,
        input_size=model.input_size,
        bias=model.bias,
        generator=generator,
    ).to(settings.device)


class Trainer:
    """Runs epochs on a task: holds the batches and their floors, which never change.

    Parameters
    ----------
    task : EmulationTask
        Targets.
    settings : RunSettings
        Settings of the run.
    holds : callable, optional
        Tells whether all margins hold for a network, from draws of an epoch. Without it training never ends
        early, whatever ``train.stop_after`` is.

    Notes
    -----
    Where training may end early, weights are averaged from the end of the plateau on: what is validated, and
    kept at the end, is that average. It starts anew after each validation at which a margin does not hold,
    and where the schedule begins to average, unless all margins held in the validation before.
    """

    def __init__(self, task: EmulationTask, settings: RunSettings, *, holds: Holds | None = None):
        self.task, self.settings = task, settings
        self._holds = holds if settings.train.stop_after else None
        self._objective = build_objective(task, settings)
        self._batches: dict[tuple[Split, int], list[Batch]] = {}
        self._floors: dict[tuple[Split, int], float] = {}
        self._plateaus: dict[int, float] = {}
        self.validation_batch_size = find_validation_size(settings)

    def run_epochs(self, state: TrainingState) -> Iterator[EpochRecord]:
        """Train from ``state.epoch`` to the end, yielding a record after each epoch.

        Raises
        ------
        TrainingDivergedError
            At the first NaN or explosion, before the weights are touched by it; and at the end, if no
            validation was free of them.
        """
        while not self.has_ended(state):
            yield self._run_epoch(state)
        if not state.best_weights:
            raise _diverged(state.epoch, "no validation gave a finite loss")

    def has_ended(self, state: TrainingState) -> bool:
        """Whether all epochs are over, or margins have held often enough in a row."""
        return state.epoch >= self.settings.train.epochs or self.holds_often_enough(state)

    def holds_often_enough(self, state: TrainingState) -> bool:
        """Whether all margins held in as many validations in a row as training ends after."""
        return 0 < self.settings.train.stop_after <= state.n_holding

    def _run_epoch(self, state: TrainingState) -> EpochRecord:
        started = time.perf_counter()
        epoch = state.epoch + 1
        plan = plan_epoch(self.settings.train, epoch, on_plateau=not state.plateau_exit_epoch)
        for group in state.optimizer.param_groups:
            group["lr"] = plan.learning_rate
        begins_to_average = plan.is_averaged and not plan_epoch(self.settings.train, epoch - 1).is_averaged
        if self._holds and begins_to_average and not state.n_holding:
            state.average = AveragedModel(state.network)
        generator = self._generator("training", epoch)
        statistics = EpochStatistics(self.task)
        for batch in self._list_batches("training", plan.batch_size):
            self._update(state, batch, plan, generator, statistics)
        summary = statistics.summarise()
        plateau = self.compute_plateau(plan.batch_size)
        validation_loss, margins_hold = self._validate(state, epoch, starts_anew=not plan.is_averaged)
        record = EpochRecord(
            epoch=epoch,
            **summary,
            floor=self.compute_floor("training", plan.batch_size),
            plateau=plateau,
            validation_loss=validation_loss,
            validation_floor=None if validation_loss is None else self.compute_validation_floor(),
            batch_size=plan.batch_size,
            learning_rate=plan.learning_rate,
            seconds=time.perf_counter() - started,
            margins_hold=margins_hold,
        )
        state.epoch = epoch
        if not state.plateau_exit_epoch and record.memory >= PLATEAU_MEMORY:
            state.plateau_exit_epoch = epoch
        return record

    def run_update(self, state: TrainingState, batches: BatchPlan) -> None:
        """One update with the first batch of such an epoch, which counts for none: to see what it takes."""
        plan = EpochPlan(batches.size, self.settings.train.learning_rate, batches.n_draws)
        batch = self._list_batches("training", batches.size)[0]
        self._update(state, batch, plan, self._generator("training", 0), EpochStatistics(self.task))

    def compute_validation_floor(self) -> float:
        """Loss of fresh sequences of the process against the validation third."""
        return self.compute_floor("validation", self.validation_batch_size)

    def compute_floor(self, split: Split, batch_size: int) -> float:
        """Mean loss of the process itself, in the same batches.

        Parameters
        ----------
        split : "training" or "validation"
            Targets to compare with.
        batch_size : int
            Sequences per batch.

        Returns
        -------
        float
            In the units of the objective.
        """
        key = (split, batch_size)
        if key not in self._floors:
            batches = self._list_batches(split, batch_size)
            self._floors[key] = float(np.mean([batch.measure_process() for batch in batches]))
        return self._floors[key]

    def compute_plateau(self, batch_size: int) -> float:
        """Mean loss of symbols without memory, with the frequencies of the process at each step."""
        if batch_size not in self._plateaus:
            batches = self._list_batches("training", batch_size)
            self._plateaus[batch_size] = float(np.mean([batch.measure_memoryless() for batch in batches]))
        return self._plateaus[batch_size]

    def _update(
        self,
        state: TrainingState,
        batch: Batch,
        plan: EpochPlan,
        generator: torch.Generator,
        statistics: EpochStatistics,
    ) -> None:
        """One gradient step on one batch.

        On the plateau symbols hardly depend on the rollout, so several draws from one rollout are as good as
        several rollouts and cost a fraction.
        """
        network, train = state.network, self.settings.train
        rollouts = self._run_network(network, -(-batch.n_sequences // plan.n_draws), generator)
        self_weight = self._weigh_self_term(rollouts.pairs, plan.self_weight)
        result = batch.measure_network(
            rollouts.logits, generator=generator, temperature=train.temperature, self_weight=self_weight
        )
        total = result.value
        if train.activity_growth_weight > 0:
            total = total + train.activity_growth_weight * penalise_growth(rollouts.growth)
        rollouts.propagate(total)
        norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), train.gradient_clip))
        loss = float(result.value.detach())
        _check_health(state.epoch + 1, loss=loss, norm=norm, activity=rollouts.largest_activity)
        state.optimizer.step()
        if plan.is_averaged or (self._holds and state.plateau_exit_epoch):
            state.average.update_parameters(network)
        statistics.add_symbols(rollouts.symbols, rollouts.pairs)
        statistics.add_update(
            loss=loss, marginal_error=result.marginal_error, norm=norm, self_weight=self_weight
        )

    def _weigh_self_term(self, pairs: Tensor, weight: float) -> float:
        """Weight of the self term for a batch with these symbol pairs, from that without memory.

        It rises with the memory of the batch, so that the plateau is left smoothly, and is 1, as in the
        paper, wherever the batch has a quarter of the memory of the process.
        """
        memory = max(0.0, compute_memory(pairs, self.task.symbol_pairs, self.task.memoryless_pairs))
        return weight + (1.0 - weight) * min(1.0, memory / PLATEAU_MEMORY)

    def _run_network(
        self, network: NoiseRNN, n_trajectories: int, generator: torch.Generator
    ) -> ShardedRollouts:
        n_steps, noise_std = self.settings.data.n_steps, self.settings.model.noise_std
        return ShardedRollouts(network, n_trajectories, n_steps, noise_std=noise_std, generator=generator)

    @torch.no_grad()
    def _validate(
        self, state: TrainingState, epoch: int, *, starts_anew: bool
    ) -> tuple[float | None, bool | None]:
        """When it is due, the loss of the averaged weights if there are any, and whether all margins hold.

        Copies the best weights, or the last ones if training ends with them. The average starts anew if a
        margin does not hold, unless the schedule already averages.
        """
        if not is_validated(self.settings.train, epoch):
            return None, None
        network = state.current_network
        generator = self._generator("validation", epoch)
        losses, activities = [], []
        for batch in self._list_batches("validation", self.validation_batch_size):
            rollouts = self._run_network(network, batch.n_sequences, generator)
            losses.append(float(batch.measure_network(rollouts.logits, generator=generator).value))
            activities.append(rollouts.largest_activity)
        loss, activity, holds = float(np.mean(losses)), float(np.max(activities)), None
        if network is state.network:  # an average may explode where the network itself does not
            _check_health(epoch, loss=loss, activity=activity)
        if self._holds and state.plateau_exit_epoch:
            holds = self._holds(network, epoch)
            state.n_holding = state.n_holding + 1 if holds else 0
            if not holds and starts_anew:
                state.average = AveragedModel(state.network)
        is_better = loss < state.best_validation_loss or self.holds_often_enough(state)
        if is_better and _is_healthy(loss, activity):
            state.best_validation_loss, state.best_epoch = loss, epoch
            state.best_weights = {k: v.detach().clone() for k, v in network.state_dict().items()}
        return loss, holds

    def _list_batches(self, split: Split, batch_size: int) -> list[Batch]:
        """Batches of a split, in fixed order."""
        key = (split, batch_size)
        if key not in self._batches:
            self._batches[key] = self._objective.list_batches(split, batch_size)
        return self._batches[key]

    def _generator(self, stream, epoch: int) -> torch.Generator:
        """Every epoch replays its own stream, so that a resumed run draws what an uninterrupted one would."""
        return torch.Generator().manual_seed(derive_seed(self.settings.seed, stream, epoch))


def _check_health(epoch: int, *, loss: float, activity: float, norm: float | None = None) -> None:
    if _is_healthy(loss, activity) and (norm is None or math.isfinite(norm)):
        return
    numbers = f"loss {loss}" if norm is None else f"loss {loss}, gradient {norm}"
    what = f"activity reached {activity:.3g}" if not activity <= LARGEST_ACTIVITY else numbers
    raise _diverged(epoch, what)


def _is_healthy(loss: float, activity: float) -> bool:
    return math.isfinite(loss) and activity <= LARGEST_ACTIVITY


def _diverged(epoch: int, what: str) -> TrainingDivergedError:
    return TrainingDivergedError(
        f"training must keep loss and gradient finite and activity below {LARGEST_ACTIVITY:.0e}, but in "
        f"epoch {epoch} {what}. Start a new run with a lower train.learning_rate, "
        "train.plateau_learning_rate if the plateau was not left yet, or with another seed."
    )
