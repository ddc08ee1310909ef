"""What the rollouts of one update are compared with: target sequences, or the laws of words."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..loss import NeighbourDivergence, SinkhornDivergence, WordDivergence, Workspace, compare_means
from ..network import sample_relaxed_symbols
from ..random_streams import derive_seed
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
        return WordObjective(task, settings)
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
    """Laws of words, and log-likelihood ratios of neighbouring processes beside them if they have a weight.

    Both are compared with what holds for the process itself: there are no targets.
    """

    def __init__(self, task: EmulationTask, settings: RunSettings):
        self.n_sequences, n_steps = task.training.shape[:2]
        device, loss = task.training.device, settings.loss
        words = WordDivergence(task.hmm, n_steps, max_words=loss.max_words, device=device)
        neighbours = None
        if loss.neighbour_weight > 0:
            rng = np.random.default_rng(derive_seed(settings.seed, "data", 2))
            neighbours = NeighbourDivergence(task.hmm, n_steps, rng=rng, device=device)
        self._divergences = _Divergences(words, neighbours, loss.neighbour_weight)
        self._memoryless = task.memoryless.transpose(0, 1)

    def list_batches(self, split: Split, batch_size: int) -> list[Batch]:
        """As many trajectories as there are target sequences."""
        sizes = split_batches(self.n_sequences, batch_size)
        parts = self._memoryless.split(sizes, dim=1)
        return [_WordBatch(self._divergences, part) for part in parts]


@dataclass(frozen=True)
class _Divergences:
    words: WordDivergence
    neighbours: NeighbourDivergence | None
    neighbour_weight: float

    def compare(self, probabilities: Tensor, generator: torch.Generator) -> Tensor:
        """Loss of words and, weighted, of the ratios."""
        losses = [self.words.relate(probabilities)]
        if self.neighbours is not None:
            weight = self.neighbour_weight
            losses.insert(0, self.neighbours.relate(probabilities, generator=generator, weight=weight))
        return compare_means(losses)


class _WordBatch(Batch):
    def __init__(self, divergences: _Divergences, memoryless: Tensor):
        self.n_sequences, self._divergences, self._memoryless = memoryless.shape[1], divergences, memoryless

    def measure_network(self, logits, *, generator, temperature=1.0, self_weight=1.0) -> BatchLoss:
        return BatchLoss(self._divergences.compare(torch.softmax(logits, -1), generator), None)

    def measure_process(self) -> float:
        return 0.0

    def measure_memoryless(self) -> float:
        words, neighbours = self._divergences.words, self._divergences.neighbours
        loss = words.compute_memoryless(self.n_sequences)
        if neighbours is None:
            return loss
        generator = torch.Generator().manual_seed(0)
        ratios = neighbours(self._memoryless, generator=generator)
        return loss + self._divergences.neighbour_weight * float(ratios)
