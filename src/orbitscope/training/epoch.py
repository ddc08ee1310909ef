"""What one epoch reports, and the running sums that it is made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .symbol_pairs import compare_symbol_matrices, compute_memory
from .task import EmulationTask


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did; one line of ``history.jsonl``.

    Attributes
    ----------
    epoch : int
        Counted from 1.
    loss, floor, plateau : float
        Unweighted mean of the batch losses, in mismatched symbols per sequence (Sinkhorn divergence) or nat
        (word laws); the same for the process itself; and for symbols without memory (right frequencies at
        each step, independent).
    validation_loss, validation_floor : float or None
        The same on the validation third; None in epochs without validation.
    symbol_matrix_error : float
        Largest error of the symbol-to-symbol matrix, from softmax probabilities of the training batches.
    frequency_error : float
        Largest error of a symbol frequency.
    memory : float
        Dependence of consecutive symbols, as a share of that of the process: 0 on the plateau, 1 when the
        symbol pairs are right (see :func:`compute_memory`).
    volatility : float
        P(s_t ≠ s_{t+1}).
    marginal_error : float or None
        Mean |column sum − 1| of the transport plans; None without transport.
    gradient_norm : float
        Mean norm before clipping.
    batch_size, learning_rate
        In force during the epoch.
    self_weight : float
        Mean share of the self term in the gradient; 1 is the paper's.
    seconds : float
        Wall time of the epoch, validation included.
    margins_hold : bool or None
        Whether all margins of an evaluation from h = 0 held, on draws of this epoch; None in epochs in which
        that was not asked.
    """

    epoch: int
    loss: float
    floor: float
    plateau: float
    validation_loss: float | None
    validation_floor: float | None
    symbol_matrix_error: float
    frequency_error: float
    memory: float
    volatility: float
    marginal_error: float | None
    gradient_norm: float
    batch_size: int
    learning_rate: float
    self_weight: float
    seconds: float
    margins_hold: bool | None = None

    @property
    def is_of_words(self) -> bool:
        """Whether the losses compare laws of words, and not sampled sequences."""
        return self.marginal_error is None


class EpochStatistics:
    """Running sums over the batches of one epoch."""

    def __init__(self, task: EmulationTask):
        self.task = task
        self.losses: list[float] = []
        self.marginal_errors: list[float] = []
        self.norms: list[float] = []
        self.self_weights: list[float] = []
        self.pairs = torch.zeros_like(task.symbol_pairs)
        self.symbols = torch.zeros_like(task.frequencies)

    def add_symbols(self, symbols: Float[Tensor, " symbol"], pairs: Float[Tensor, "symbol symbol"]) -> None:
        """Take in the expected symbols of one batch and its expected symbol pairs."""
        self.pairs += pairs
        self.symbols += symbols

    def add_update(
        self, *, loss: float, marginal_error: float | None, norm: float, self_weight: float
    ) -> None:
        """Take in what one update reports."""
        self.losses.append(loss)
        if marginal_error is not None:
            self.marginal_errors.append(marginal_error)
        self.norms.append(norm)
        self.self_weights.append(self_weight)

    def summarise(self) -> dict[str, Any]:
        """Give the fields of the record that are means over the epoch."""
        joint, errors = self.pairs / self.pairs.sum(), self.marginal_errors
        frequencies = self.symbols / self.symbols.sum()
        return {
            "loss": float(np.mean(self.losses)),
            "marginal_error": float(np.mean(errors)) if errors else None,
            "gradient_norm": float(np.mean(self.norms)),
            "self_weight": float(np.mean(self.self_weights)),
            "symbol_matrix_error": compare_symbol_matrices(joint, self.task.symbol_pairs),
            "frequency_error": float((frequencies - self.task.frequencies).abs().max()),
            "memory": compute_memory(joint, self.task.symbol_pairs, self.task.memoryless_pairs),
            "volatility": float(1 - joint.trace()),
        }
