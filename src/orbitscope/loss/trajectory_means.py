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
        From the trajectories of a shard to the means of the values over them, and to a function that gives
        the gradient of those trajectories from the slope by the means.
    compare : callable
        From the means over all trajectories to the loss.
    """

    halves: Float[Tensor, "time 2 trajectory symbol"]
    sizes: Sequence[int]
    measure: Callable[[Tensor], Measured]
    compare: Callable[[Tensor], Tensor]

    def find_slope(self, measured: Sequence[Measured]) -> tuple[Tensor, Tensor]:
        """Loss, and its slope by the means, from what was measured in each shard."""
        terms = [share * values for share, (values, _) in zip(self.shares, measured, strict=True)]
        mean = torch.stack(terms).sum(0).requires_grad_()
        with torch.enable_grad():
            value = self.compare(mean)
        return value.detach(), torch.autograd.grad(value, mean)[0]

    @property
    def shares(self) -> list[float]:
        """Share of the trajectories in each shard."""
        return [size / self.halves.shape[2] for size in self.sizes]


def compare_means(losses: Sequence[MeanLoss]) -> Float[Tensor, ""]:
    """Sum of losses, differentiable; shards of all of them are measured in the order that is given.

    The first should be the one whose shards take longest.
    """
    jobs = [
        (loss.measure, shard.detach())
        for loss in losses
        for shard in loss.halves.split(list(loss.sizes), dim=2)
    ]
    measured = iter(map_parallel(lambda job: job[0](job[1]), jobs))
    by_loss = [[next(measured) for _ in loss.sizes] for loss in losses]
    found = [loss.find_slope(shards) for loss, shards in zip(losses, by_loss, strict=True)]
    has_gradient = torch.is_grad_enabled() and any(loss.halves.requires_grad for loss in losses)
    if not has_gradient:
        return torch.stack([value for value, _ in found]).sum()
    backward = [
        (differentiate, share * slope)
        for loss, shards, (_, slope) in zip(losses, by_loss, found, strict=True)
        for share, (_, differentiate) in zip(loss.shares, shards, strict=True)
    ]
    gradients = iter(map_parallel(lambda job: job[0](job[1]), backward))
    values = [
        attach_gradient(loss.halves, value, torch.cat([next(gradients) for _ in loss.sizes], dim=2))
        for loss, (value, _) in zip(losses, found, strict=True)
    ]
    return torch.stack(values).sum()


def measure_with_autograd(measure: Callable[[Tensor], Tensor], shard: Tensor) -> Measured:
    """Means that a differentiable function gives of a shard, with their gradient."""
    with torch.enable_grad():
        leaf = shard.detach().requires_grad_()
        values = measure(leaf)
    return values.detach(), lambda slope: torch.autograd.grad(values, leaf, slope)[0]
