"""Losses of means over either half of the trajectories: measured side by side, and their gradients, too."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..system.threads import map_parallel
from .known_gradient import attach_gradient

Measured = tuple[Tensor, Callable[[Tensor], Tensor]]
"""Means of some values over trajectories, and the gradient of the trajectories from that of the means."""


@dataclass(frozen=True)
class MeanLoss:
    """A loss of the means of some values over trajectories.

    Attributes
    ----------
    halves : (time, 2, trajectory, symbol)
        Two halves of the trajectories, which are divided alike.
    sizes : list of int
        Trajectories of each shard, of one half.
    measure : callable
        From the trajectories of a shard, and whether a gradient is wanted, to the means of the values over
        them, and to a function that gives the gradient of those trajectories from the slope by the means.
    compare : callable
        From the means over all trajectories to the loss.
    """

    halves: Float[Tensor, "time 2 trajectory symbol"]
    sizes: Sequence[int]
    measure: Callable[[Tensor, bool], Measured]
    compare: Callable[[Tensor], Tensor]

    def average(self, measured: Sequence[Measured]) -> Float[Tensor, "..."]:
        """Means over all trajectories, from those of each shard."""
        terms = [share * values for share, (values, _) in zip(self.shares, measured, strict=True)]
        return torch.stack(terms).sum(0)

    @property
    def shares(self) -> list[float]:
        """Share of the trajectories in each shard."""
        return [size / self.halves.shape[2] for size in self.sizes]


def compare_means(losses: Sequence[MeanLoss]) -> Float[Tensor, ""]:
    """Sum of losses, differentiable; shards of all of them are measured in the order that is given.

    The first should be the one whose shards take longest.
    """
    has_gradient = torch.is_grad_enabled() and any(loss.halves.requires_grad for loss in losses)
    jobs = [
        (loss.measure, shard.detach())
        for loss in losses
        for shard in loss.halves.split(list(loss.sizes), dim=2)
    ]
    with torch.set_grad_enabled(has_gradient):
        measured = iter(map_parallel(lambda job: job[0](job[1], has_gradient), jobs))
        by_loss = [[next(measured) for _ in loss.sizes] for loss in losses]
        means = [loss.average(shards) for loss, shards in zip(losses, by_loss, strict=True)]
        if not has_gradient:
            return torch.stack([loss.compare(mean) for loss, mean in zip(losses, means, strict=True)]).sum()
        values = [loss.compare(mean.requires_grad_()) for loss, mean in zip(losses, means, strict=True)]
        slopes = torch.autograd.grad(values, means)
    backward = [
        (differentiate, share * slope)
        for loss, shards, slope in zip(losses, by_loss, slopes, strict=True)
        for share, (_, differentiate) in zip(loss.shares, shards, strict=True)
    ]
    gradients = iter(map_parallel(lambda job: job[0](job[1]), backward))
    terms = [
        attach_gradient(loss.halves, value.detach(), torch.cat([next(gradients) for _ in loss.sizes], dim=2))
        for loss, value in zip(losses, values, strict=True)
    ]
    return torch.stack(terms).sum()


def measure_with_autograd(
    measure: Callable[[Tensor], Tensor], shard: Tensor, *, has_gradient: bool = True
) -> Measured:
    """Means that a differentiable function gives of a shard, with their gradient."""
    leaf = shard.detach().requires_grad_(has_gradient)
    values = measure(leaf)
    return values.detach(), lambda slope: torch.autograd.grad(values, leaf, slope)[0]
