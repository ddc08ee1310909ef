"""Consecutive symbols of a network against those of its process, from symbol probabilities."""

from jaxtyping import Float
from torch import Tensor


def count_expected_pairs(
    probabilities: Float[Tensor, "time trajectory symbol"],
) -> Float[Tensor, "symbol symbol"]:
    """Expected counts of consecutive symbol pairs, given the symbol probabilities along trajectories.

    Given its states a network emits symbols independently, so the products of probabilities are exact
    expectations and carry less variance than counts of samples.
    """
    before, after = probabilities[:-1].flatten(0, 1), probabilities[1:].flatten(0, 1)
    return (before.T @ after).double()


def compare_symbol_matrices(
    pairs: Float[Tensor, "symbol symbol"], process_pairs: Float[Tensor, "symbol symbol"]
) -> float:
    """Largest error of P(next symbol | symbol), over the symbols that the process emits.

    A row that the network never visits counts as entirely wrong (1).
    """
    visited = process_pairs.sum(1) > 0
    expected = process_pairs[visited] / process_pairs[visited].sum(1, keepdim=True)
    found = pairs[visited] / pairs[visited].sum(1, keepdim=True)
    return float((found - expected).abs().nan_to_num(nan=1.0).max())


def compute_memory(
    pairs: Float[Tensor, "symbol symbol"], process_pairs: Float[Tensor, "symbol symbol"]
) -> float:
    """Dependence between consecutive symbols, as a share of that of the process.

    With D = P(a, b) − P(a)·P(b) it is ⟨D, D_process⟩ / ⟨D_process, D_process⟩.

    Parameters
    ----------
    pairs : (symbol, symbol)
        Joint probabilities, or counts, of consecutive symbols.
    process_pairs : (symbol, symbol)
        The same for the process.

    Returns
    -------
    float
        0 for independent symbols, 1 for the process; 1 for a process whose neighbours are independent.
    """
    dependence, of_process = _measure_dependence(pairs), _measure_dependence(process_pairs)
    scale = float(of_process.square().sum())
    return float((dependence * of_process).sum()) / scale if scale > 1e-12 else 1.0


def _measure_dependence(pairs: Tensor) -> Tensor:
    joint = pairs / pairs.sum()
    return joint - joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
