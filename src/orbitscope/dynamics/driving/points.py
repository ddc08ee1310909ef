"""States handed to an analysis, one row each."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN


def require_points(network: NoiseRNN, states: Float[Tensor, "point state"]) -> None:
    """Check that states have the width of the network and are finite, and that there is one at least."""
    width = network.cell.state_size
    if states.ndim != 2 or states.shape[1] != width or len(states) == 0:
        raise InputError(
            f"`states` must be (point, {width}) with at least one point, got shape {tuple(states.shape)}."
        )
    if not bool(states.isfinite().all()):
        raise InputError("`states` must be finite, got NaN or infinity. Leave out states that diverged.")


def merge_points(
    points: Float[Tensor, "point state"], distance: float, *, order: Int[Tensor, " point"]
) -> tuple[Int[Tensor, " kept"], Int[Tensor, " point"]]:
    """Keep one of the points that lie within a distance of it, and tell which one each has become.

    Parameters
    ----------
    points : (point, state)
    distance : float >= 0
    order : (point,)
        Indices of the points, first come first kept.
    """
    merged = torch.full((len(points),), -1)
    kept: list[int] = []
    for index in order.tolist():
        if merged[index] < 0:
            is_near = ((points - points[index]).norm(dim=1) <= distance).cpu()
            merged[is_near & (merged < 0)] = len(kept)
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long), merged


def scale_to_one(states: Float[Tensor, "point state"]) -> Float[Tensor, "point state"]:
    """Directions of states; a state of length 0 stays 0."""
    length = states.norm(dim=1, keepdim=True)
    return states / torch.where(length > 0, length, 1.0)
