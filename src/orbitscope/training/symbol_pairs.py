"""Consecutive symbols of a network against those of its process."""

import torch
from jaxtyping import Float
from torch import Tensor

_SMALLEST_DEPENDENCE = 1e-12


def compare_symbol_matrices(
    pairs: Float[Tensor, "symbol symbol"], process_pairs: Float[Tensor, "symbol symbol"]
) -> float:
    """Largest error of P(next symbol | symbol), over the symbols that the process emits.

    Parameters
    ----------
    pairs, process_pairs : (symbol, symbol)
        Joint probabilities, or counts, of consecutive symbols; the second those of the process.

    Returns
    -------
    float
        A row that the network never visits counts as entirely wrong (1).
    """
    visited = process_pairs.sum(1) > 0
    expected = process_pairs[visited] / process_pairs[visited].sum(1, keepdim=True)
    found = pairs[visited] / pairs[visited].sum(1, keepdim=True)
    return float((found - expected).abs().nan_to_num(nan=1.0).max())


def compute_memory(
    pairs: Float[Tensor, "symbol symbol"],
    process_pairs: Float[Tensor, "symbol symbol"],
    memoryless_pairs: Float[Tensor, "symbol symbol"],
) -> float:
    """Dependence between consecutive symbols, as a share of that of the process.

    With D = P(a, b) − P(a)·P(b), less that of symbols without memory (which is not 0 when frequencies change
    over the window), it is ⟨D, D_process⟩ / ⟨D_process, D_process⟩.

    Parameters
    ----------
    pairs : (symbol, symbol)
        Joint probabilities, or counts, of consecutive symbols, pooled over the window.
    process_pairs : (symbol, symbol)
        The same for the process.
    memoryless_pairs : (symbol, symbol)
        The same for independent symbols with the frequencies of the process at each step.

    Returns
    -------
    float
        0 for symbols without memory, 1 for the process; 1 for a process that has no memory itself.
    """
    baseline = _measure_dependence(memoryless_pairs)
    baseline = torch.where(baseline.abs() < _SMALLEST_DEPENDENCE, 0.0, baseline)
    dependence = _measure_dependence(pairs) - baseline
    of_process = _measure_dependence(process_pairs) - baseline
    scale = float(of_process.square().sum())
    return float((dependence * of_process).sum()) / scale if scale > _SMALLEST_DEPENDENCE else 1.0


def _measure_dependence(pairs: Tensor) -> Tensor:
    joint = pairs / pairs.sum()
    return joint - joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
