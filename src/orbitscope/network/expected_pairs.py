"""Consecutive symbols that a network is expected to emit along given trajectories."""

from jaxtyping import Float
from torch import Tensor


def count_expected_pairs(
    probabilities: Float[Tensor, "time trajectory symbol"],
) -> Float[Tensor, "symbol symbol"]:
    """Expected counts of consecutive symbol pairs, given the symbol probabilities along trajectories.

    Given its states a network emits symbols independently, so the products of probabilities are exact
    expectations and carry less variance than counts of samples.

    Parameters
    ----------
    probabilities : (time, trajectory, symbol)
        Softmax probabilities.

    Returns
    -------
    (symbol, symbol)
        Expected counts of (symbol, next symbol) in float64, summed over steps and trajectories.
    """
    before, after = probabilities[:-1].flatten(0, 1), probabilities[1:].flatten(0, 1)
    return (before.T @ after).double()
