"""Losses of means over trajectories: shards of them are measured side by side, and their gradients, too."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..system.threads import map_parallel
from .known_gradient import attach_gradient

_SMALLEST_SHARD = 32
"""Trajectories of a shard in each of the two halves, unless there are fewer."""

_MOST_SHARDS = 4
"""More cost more: the values of each are as many as those of all. They depend on the number alone."""


def compare_means(
    measure: Callable[[Tensor], Float[Tensor, " value"]],
    compare: Callable[[Float[Tensor, " value"]], Float[Tensor, ""]],
    halves: Float[Tensor, "time 2 trajectory symbol"],
) -> Float[Tensor, ""]:
    """Loss of the means of some values over trajectories; differentiable.

    Parameters
    ----------
    measure : callable
        From trajectories to the means of the values over them.
    compare : callable
        From the means over all trajectories to the loss.
    halves : (time, 2, trajectory, symbol)
        Two halves of the trajectories, which are divided alike.
    """
    most = _MOST_SHARDS if halves.device.type == "cpu" else 1
    n_shards = min(most, max(1, halves.shape[2] // _SMALLEST_SHARD))
    shards = [shard.detach() for shard in halves.tensor_split(n_shards, dim=2)]
    shares = [shard.shape[2] / halves.shape[2] for shard in shards]
    has_gradient = halves.requires_grad and torch.is_grad_enabled()
    for shard in shards:
        shard.requires_grad_(has_gradient)
    measured = map_parallel(measure, shards)
    mean = torch.stack([share * values.detach() for share, values in zip(shares, measured, strict=True)]).sum(
        0
    )
    value = compare(mean.requires_grad_(has_gradient))
    if not has_gradient:
        return value
    (slope,) = torch.autograd.grad(value, mean)

    def differentiate(job: tuple[Tensor, Tensor, float]) -> Tensor:
        shard, values, share = job
        return torch.autograd.grad(values, shard, share * slope)[0]

    gradients = map_parallel(differentiate, list(zip(shards, measured, shares, strict=True)))
    return attach_gradient(halves, value.detach(), torch.cat(gradients, dim=2))
