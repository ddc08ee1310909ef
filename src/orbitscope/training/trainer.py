"""The training loop: a generator of epoch records, without files or screen."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import OrbitscopeError
from ..loss import SinkhornDivergence, Workspace
from ..network import (
    NoiseRNN,
    build_network,
    count_expected_pairs,
    draw_noise_,
    sample_relaxed_symbols,
)
from ..random_streams import derive_seed
from ..settings import RunSettings
from .epoch import EpochRecord, EpochStatistics
from .schedule import EpochPlan, plan_epoch, split_batches
from .symbol_pairs import compute_memory
from .task import EmulationTask

LARGEST_ACTIVITY = 1e15
"""Activity above this counts as an explosion: its squares would soon sum beyond the range of float32.

Networks pass high activities near their phase transition and go on learning (4e6 in linear-2, docs/log.md).
"""

_EXIT_MEMORY = 0.25
"""The plateau counts as left when consecutive symbols carry this share of the memory of the process.

The loss itself cannot decide: it dips for output of low diversity, and for some processes the loss of symbols
without memory is hardly above the floor.
"""


class TrainingDivergedError(OrbitscopeError):
    """Training met a NaN or exploding activity; what was saved last stays on disk."""


@dataclass
class TrainingState:
    """Everything that changes during training; what a checkpoint holds.

    ``plateau_exit_epoch`` is the first epoch in which consecutive symbols had a quarter of the memory of the
    process, 0 before that.
    """

    network: NoiseRNN
    optimizer: torch.optim.Adam
    epoch: int = 0
    plateau_exit_epoch: int = 0
    best_epoch: int = 0
    best_validation_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)


def initialise_training(task: EmulationTask, settings: RunSettings) -> TrainingState:
    """Build the network and its optimiser from the weight stream of the run."""
    generator = torch.Generator().manual_seed(derive_seed(settings.seed, "weights"))
    model = settings.model
    network = build_network(
        task.hmm.n_symbols,
        cell=model.cell,
        hidden_size=model.hidden_size,
        input_size=model.input_size,
        bias=model.bias,
        generator=generator,
    ).to(settings.device)
    train = settings.train
    betas = (train.beta1, train.beta2)
    optimizer = torch.optim.Adam(network.parameters(), lr=train.learning_rate, betas=betas)
    return TrainingState(network, optimizer)


class Trainer:
    """Runs epochs on a task: holds the target batches and their floors, which never change.

    Parameters
    ----------
    task : EmulationTask
        Targets.
    settings : RunSettings
        Settings of the run.
    """

    def __init__(self, task: EmulationTask, settings: RunSettings):
        self.task, self.settings = task, settings
        self._divergences: dict[tuple[str, int], list[SinkhornDivergence]] = {}
        self._workspace = Workspace()
        self._floors: dict[tuple[str, int], float] = {}
        train = settings.train
        self.validation_batch_size = min(train.final_batch_size or train.batch_size, len(task.validation))

    def run_epochs(self, state: TrainingState) -> Iterator[EpochRecord]:
        """Train from ``state.epoch`` to the last epoch, yielding a record after each.

        Raises
        ------
        TrainingDivergedError
            At the first NaN or explosion, before the weights are touched by it.
        """
        while state.epoch < self.settings.train.epochs:
            yield self._run_epoch(state)

    def _run_epoch(self, state: TrainingState) -> EpochRecord:
        started = time.perf_counter()
        epoch = state.epoch + 1
        plan = plan_epoch(self.settings.train, epoch, on_plateau=not state.plateau_exit_epoch)
        for group in state.optimizer.param_groups:
            group["lr"] = plan.learning_rate
        generator = self._generator("training", epoch)
        statistics = EpochStatistics(self.task)
        for divergence in self._batches("training", plan.batch_size):
            self._update(state, divergence, plan, generator, statistics)
        summary = statistics.summarise()
        plateau = self.compute_plateau(plan.batch_size)
        validation_loss = self._validate(state, epoch)
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
        )
        state.epoch = epoch
        if not state.plateau_exit_epoch and record.memory >= _EXIT_MEMORY:
            state.plateau_exit_epoch = epoch
        return record

    def compute_validation_floor(self) -> float:
        """Loss of fresh sequences of the process against the validation third."""
        return self.compute_floor("validation", self.validation_batch_size)

    def compute_floor(self, split: str, batch_size: int) -> float:
        """Mean loss of sequences that the process itself generated, in the same batches.

        Parameters
        ----------
        split : "training" or "validation"
            Targets to compare with.
        batch_size : int
            Sequences per batch.

        Returns
        -------
        float
            In mismatched symbols per sequence.
        """
        key = (split, batch_size)
        if key not in self._floors:
            self._floors[key] = self._compare(split, batch_size, self.task.independent)
        return self._floors[key]

    def compute_plateau(self, batch_size: int) -> float:
        """Mean loss of sequences without memory: every step shuffled across sequences by itself."""
        key = ("plateau", batch_size)
        if key not in self._floors:
            rng = np.random.default_rng(derive_seed(self.settings.seed, "data", 1))
            n_sequences, n_steps = self.task.independent.shape[:2]
            order = rng.permuted(np.tile(np.arange(n_sequences), (n_steps, 1)), axis=1)
            steps = torch.arange(n_steps)[:, None]
            shuffled = self.task.independent[torch.from_numpy(order), steps].transpose(0, 1)
            self._floors[key] = self._compare("training", batch_size, shuffled)
        return self._floors[key]

    def _compare(self, split: str, batch_size: int, sequences: Tensor) -> float:
        """Mean loss of given sequences, batch by batch, as an epoch computes it."""
        sizes = split_batches(len(sequences), batch_size)
        batches = zip(self._batches(split, batch_size), sequences.split(sizes), strict=True)
        return float(np.mean([float(divergence(x).value) for divergence, x in batches]))

    def _update(
        self,
        state: TrainingState,
        divergence: SinkhornDivergence,
        plan: EpochPlan,
        generator: torch.Generator,
        statistics: EpochStatistics,
    ) -> None:
        """One gradient step on one batch of targets.

        On the plateau symbols hardly depend on the rollout, so several draws from one rollout are as good as
        several rollouts and cost a fraction.
        """
        network, train = state.network, self.settings.train
        n_sequences = len(divergence.targets)
        states, logits = self._run_network(network, -(-n_sequences // plan.n_draws), generator)
        probabilities = torch.softmax(logits.detach(), -1)
        pairs = count_expected_pairs(probabilities).cpu()
        self_weight = self._weigh_self_term(pairs, plan.self_weight)
        if plan.n_draws > 1:
            logits = logits.repeat(1, plan.n_draws, 1)[:, :n_sequences]
        symbols = sample_relaxed_symbols(logits, temperature=train.temperature, generator=generator)
        result = divergence(symbols.transpose(0, 1), self_weight=self_weight)
        state.optimizer.zero_grad(set_to_none=True)
        result.value.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), train.gradient_clip))
        loss = float(result.value.detach())
        _check_health(state.epoch + 1, loss=loss, norm=norm, activity=states[-1])
        state.optimizer.step()
        statistics.add_symbols(probabilities, pairs)
        statistics.add_update(
            loss=loss, marginal_error=result.marginal_error, norm=norm, self_weight=self_weight
        )

    def _weigh_self_term(self, pairs: Tensor, weight: float) -> float:
        """Weight of the self term for a batch with these symbol pairs, from that without memory.

        It rises with the memory of the batch, so that the plateau is left smoothly, and is 1, as in the
        paper, wherever the batch has a quarter of the memory of the process.
        """
        memory = max(0.0, compute_memory(pairs, self.task.symbol_pairs, self.task.memoryless_pairs))
        return weight + (1.0 - weight) * min(1.0, memory / _EXIT_MEMORY)

    def _run_network(self, network: NoiseRNN, n_sequences: int, generator: torch.Generator):
        data, model = self.settings.data, self.settings.model
        noise = network.w_out.new_empty(data.n_steps, n_sequences, model.input_size)
        noise = draw_noise_(noise, model.noise_std, generator)
        states = network.unroll(network.initial_state(n_sequences), noise)
        return states, network.compute_logits(states)

    @torch.no_grad()
    def _validate(self, state: TrainingState, epoch: int) -> float | None:
        """Validation loss when it is due; keeps a copy of the best weights."""
        train = self.settings.train
        if epoch % train.validate_every and epoch != train.epochs:
            return None
        generator = self._generator("validation", epoch)
        losses = []
        for divergence in self._batches("validation", self.validation_batch_size):
            _, logits = self._run_network(state.network, len(divergence.targets), generator)
            symbols = sample_relaxed_symbols(logits, generator=generator)
            losses.append(float(divergence(symbols.transpose(0, 1)).value))
        loss = float(np.mean(losses))
        if loss < state.best_validation_loss:
            state.best_validation_loss, state.best_epoch = loss, epoch
            state.best_weights = {k: v.detach().clone() for k, v in state.network.state_dict().items()}
        return loss

    def _batches(self, split: str, batch_size: int) -> list[SinkhornDivergence]:
        """Divergences to the target batches of a split, in fixed order."""
        key = (split, batch_size)
        if key not in self._divergences:
            targets = self.task.training if split == "training" else self.task.validation
            loss = self.settings.loss
            options: dict[str, Any] = {**loss.model_dump(), "workspace": self._workspace}
            sizes = split_batches(len(targets), batch_size)
            self._divergences[key] = [SinkhornDivergence(y, **options) for y in targets.split(sizes)]
        return self._divergences[key]

    def _generator(self, stream, epoch: int) -> torch.Generator:
        """Every epoch replays its own stream, so that a resumed run draws what an uninterrupted one would."""
        return torch.Generator().manual_seed(derive_seed(self.settings.seed, stream, epoch))


def _check_health(epoch: int, *, loss: float, norm: float, activity: Tensor) -> None:
    largest = float(activity.detach().abs().max())
    if math.isfinite(loss) and math.isfinite(norm) and largest <= LARGEST_ACTIVITY:
        return
    what = (
        f"activity reached {largest:.3g}"
        if not largest <= LARGEST_ACTIVITY
        else f"loss {loss}, gradient {norm}"
    )
    raise TrainingDivergedError(
        f"training must keep loss and gradient finite and activity below {LARGEST_ACTIVITY:.0e}, but in "
        f"epoch {epoch} {what}. Start a new run with a lower train.learning_rate, "
        "train.plateau_learning_rate if the plateau was not left yet, or with another seed."
    )
