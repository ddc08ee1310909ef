"""The trajectories that a loss without bias compares: two halves, each an estimate of its own."""

from jaxtyping import Float
from torch import Tensor

from ..errors import InputError


def split_halves(
    probabilities: Float[Tensor, "time trajectory symbol"], *, n_steps: int, n_symbols: int
) -> Float[Tensor, "time 2 half symbol"]:
    """Halves of the trajectories; the last of an odd number is left out.

    Raises
    ------
    InputError
        If the window or the symbols are not those of the loss, or there are fewer than 2 trajectories.
    """
    if probabilities.shape[0] != n_steps or probabilities.shape[2] != n_symbols:
        raise InputError(
            f"`probabilities` must be (time, trajectory, symbol) with {n_steps} steps and "
            f"{n_symbols} symbols, got {tuple(probabilities.shape)}. Use the window of the loss."
        )
    if probabilities.shape[1] < 2:
        raise InputError(
            "`probabilities` must hold at least 2 trajectories, whose halves are compared, got 1. "
            "Raise train.batch_size."
        )
    n_half = probabilities.shape[1] // 2
    return probabilities[:, : 2 * n_half].unflatten(1, (2, n_half))
