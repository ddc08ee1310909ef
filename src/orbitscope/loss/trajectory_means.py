"""Losses of means over trajectories: shards of them are measured side by side, and their gradients, too."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ..system.shards import divide
from ..system.threads import map_parallel
from .known_gradient import attach_gradient

_SIZES = {"smallest": 32, "fewest": 4}
"""Trajectories of a shard in each half, and shards: more cost more, each has as many values as all."""


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
    sizes = divide(halves.shape[2], halves.device, **_SIZES)
    shards = [shard.detach() for shard in halves.split(sizes, dim=2)]
    shares = [size / halves.shape[2] for size in sizes]
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
