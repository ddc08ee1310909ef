"""Growth of the activity over the window, by which a network without biases can keep time, or explode."""

import torch
from jaxtyping import Float
from torch import Tensor


def list_growth_steps(n_steps: int) -> tuple[int, int]:
    """Steps between which growth is measured: the middle of the window, and its last."""
    return n_steps // 2, n_steps - 1


def measure_growth(states: Float[Tensor, "2 trajectory hidden"]) -> Float[Tensor, ""]:
    """Mean change of log ‖h‖ over the later half of the window, in nat; differentiable.

    About 0 for a network that is stationary by then. Silent trajectories count as no change. The states are
    those of :func:`list_growth_steps`.
    """
    norms = states.norm(dim=2)
    is_active = (norms[0] > 0) & (norms[1] > 0)
    ratio = torch.where(is_active, norms[1], 1.0) / torch.where(is_active, norms[0], 1.0)
    return torch.log(ratio).mean()


def penalise_growth(growth: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Square of the growth where it is positive; decay costs nothing."""
    return torch.relu(growth).square()
