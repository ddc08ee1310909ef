"""What the rollouts of one update are compared with: target sequences, or the laws of words."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..loss import SinkhornDivergence, WordDivergence, Workspace
from ..network import sample_relaxed_symbols
from ..settings import LossSettings, RunSettings
from .schedule import split_batches
from .task import EmulationTask

Split = Literal["training", "validation"]


@dataclass(frozen=True)
class BatchLoss:
    """Loss of one batch, differentiable, and the marginal error of its transport plan (if it has one)."""

    value: Tensor
    marginal_error: float | None


class Batch(ABC):
    """Measures the rollouts of one update, and what stands beside their loss.

    Attributes
    ----------
    n_sequences : int
        Rollouts that it takes.
    """

    n_sequences: int

    @abstractmethod
    def measure_network(
        self,
        logits: Float[Tensor, "time trajectory symbol"],
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        self_weight: float = 1.0,
    ) -> BatchLoss:
        """Loss of a network that gives these logits; fewer trajectories than sequences are used again."""

    @abstractmethod
    def measure_process(self) -> float:
        """Loss of the process itself: the floor."""

    @abstractmethod
    def measure_memoryless(self) -> float:
        """Loss of symbols without memory: the plateau."""


class Objective(ABC):
    """Divides an epoch into batches."""

    @abstractmethod
    def list_batches(self, split: Split, batch_size: int) -> list[Batch]:
        """Batches of an epoch, in fixed order."""


def build_objective(task: EmulationTask, settings: RunSettings) -> Objective:
    """Build the objective that the settings ask for."""
    if settings.loss.objective == "words":
        return WordObjective(task, settings.loss)
    return SequenceObjective(task, settings.loss)


class SequenceObjective(Objective):
    """The paper's: Sinkhorn divergence of sampled symbols from target sequences."""

    def __init__(self, task: EmulationTask, loss: LossSettings):
        self.task = task
        self._options = {
            "epsilon": loss.epsilon,
            "mode": loss.mode,
            "memory_budget": loss.memory_budget,
            "workspace": Workspace(),
        }

    def list_batches(self, split: Split, batch_size: int) -> list[Batch]:
        """Consecutive target sequences."""
        targets = self.task.training if split == "training" else self.task.validation
        sizes = split_batches(len(targets), batch_size)
        thirds = (targets, self.task.independent, self.task.memoryless)
        parts = zip(*(third.split(sizes) for third in thirds), strict=True)
        return [_SequenceBatch(SinkhornDivergence(y, **self._options), *others) for y, *others in parts]


class _SequenceBatch(Batch):
    def __init__(self, divergence: SinkhornDivergence, independent: Tensor, memoryless: Tensor):
        self.n_sequences = len(divergence.targets)
        self._divergence, self._independent, self._memoryless = divergence, independent, memoryless

    def measure_network(self, logits, *, generator, temperature=1.0, self_weight=1.0) -> BatchLoss:
        if logits.shape[1] < self.n_sequences:
            n_draws = -(-self.n_sequences // logits.shape[1])
            logits = logits.repeat(1, n_draws, 1)[:, : self.n_sequences]
        symbols = sample_relaxed_symbols(logits, temperature=temperature, generator=generator)
        result = self._divergence(symbols.transpose(0, 1), self_weight=self_weight)
        return BatchLoss(result.value, result.marginal_error)

    def measure_process(self) -> float:
        return float(self._divergence(self._independent).value)

    def measure_memoryless(self) -> float:
        return float(self._divergence(self._memoryless).value)


class WordObjective(Objective):
    """χ² divergence of word laws from those of the process, which are exact: there are no targets."""

    def __init__(self, task: EmulationTask, loss: LossSettings):
        self.n_sequences, n_steps = task.training.shape[:2]
        device = task.training.device
        self._divergence = WordDivergence(task.hmm, n_steps, max_words=loss.max_words, device=device)

    def list_batches(self, split: Split, batch_size: int) -> list[Batch]:
        """As many trajectories as there are target sequences."""
        return [_WordBatch(self._divergence, size) for size in split_batches(self.n_sequences, batch_size)]


class _WordBatch(Batch):
    def __init__(self, divergence: WordDivergence, n_sequences: int):
        self.n_sequences, self._divergence = n_sequences, divergence

    def measure_network(self, logits, *, generator, temperature=1.0, self_weight=1.0) -> BatchLoss:
        return BatchLoss(self._divergence(torch.softmax(logits, -1)), None)

    def measure_process(self) -> float:
        return 0.0

    def measure_memoryless(self) -> float:
        return self._divergence.compute_memoryless(self.n_sequences)
