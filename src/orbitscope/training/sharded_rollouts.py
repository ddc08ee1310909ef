"""Rollouts of one update in shards, each with noise of its own, so that threads meet only at the loss."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..network import NoiseRNN, count_expected_pairs, draw_noise_
from ..system.shards import divide
from ..system.threads import map_parallel
from .growth import list_growth_steps, measure_growth

_SIZES = {"smallest": 48, "largest": 256, "fewest": 2}
"""Trajectories of a shard, and shards. Of products with fewer rows so many are begun that threads wait for
each other; with more, a block of steps does not stay in the cache of one core (docs/log.md, 2026-11-30)."""


@dataclass(frozen=True)
class _Shard:
    """Some trajectories: logits and growth, with what their gradients need; counts of symbols."""

    logits: Float[Tensor, "time trajectory symbol"]
    growth: Float[Tensor, ""]
    pairs: Float[Tensor, "symbol symbol"]
    symbols: Float[Tensor, " symbol"]
    largest_activity: Float[Tensor, ""]


class ShardedRollouts:
    """A network run on fresh noise, whose parts are joined in their logits and in the growth of activity.

    How trajectories are divided depends on their number alone, so that the same seed gives the same bytes
    with any number of threads.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories, n_steps : int
    noise_std : float >= 0
    generator
        Source of a seed for each shard.

    Attributes
    ----------
    logits : (time, trajectory, symbol)
        A leaf: what is computed from it has its gradient here.
    growth : scalar tensor
        Mean of :func:`measure_growth` over the trajectories; a leaf, too.
    pairs, symbols : (symbol, symbol), (symbol,)
        Expected counts of consecutive symbols, and of symbols.
    largest_activity : float
        At the last step; NaN if there is one.
    """

    def __init__(
        self,
        network: NoiseRNN,
        n_trajectories: int,
        n_steps: int,
        *,
        noise_std: float,
        generator: torch.Generator,
    ):
        self._network, self._sizes = network, divide(n_trajectories, network.w_out.device, **_SIZES)
        seeds = torch.randint(2**62, (len(self._sizes),), generator=generator).tolist()

        def run(job: tuple[int, int]) -> _Shard:
            size, seed = job
            return _run_shard(network, size, seed, n_steps=n_steps, noise_std=noise_std)

        self._shards = map_parallel(run, zip(self._sizes, seeds, strict=True))
        shares = network.w_out.new_tensor(self._sizes) / n_trajectories
        growth = torch.stack([shard.growth.detach() for shard in self._shards])
        self.logits = torch.cat([shard.logits.detach() for shard in self._shards], dim=1)
        self.growth = (shares * growth).sum()
        self._shares = shares.tolist()
        self.pairs = torch.stack([shard.pairs for shard in self._shards]).sum(0)
        self.symbols = torch.stack([shard.symbols for shard in self._shards]).sum(0)
        for leaf in (self.logits, self.growth):
            leaf.requires_grad_(torch.is_grad_enabled())
        self.largest_activity = float(torch.stack([shard.largest_activity for shard in self._shards]).max())

    def propagate(self, loss: Float[Tensor, ""]) -> None:
        """Set the gradients of the network from a loss of ``logits`` and ``growth``."""
        of_logits, of_growth = torch.autograd.grad(loss, (self.logits, self.growth), allow_unused=True)
        weights = [weight for weight in self._network.parameters() if weight.requires_grad]

        def compute(job: tuple[_Shard, Tensor, float]) -> tuple[Tensor, ...]:
            shard, of_its_logits, share = job
            outputs, slopes = [shard.logits], [of_its_logits]
            if of_growth is not None:
                outputs.append(shard.growth)
                slopes.append(of_growth * share)
            return torch.autograd.grad(outputs, weights, slopes, allow_unused=True, materialize_grads=True)

        jobs = zip(self._shards, of_logits.split(self._sizes, dim=1), self._shares, strict=True)
        for weight, *parts in zip(weights, *map_parallel(compute, jobs), strict=True):
            weight.grad = torch.stack(parts).sum(0)


def _run_shard(
    network: NoiseRNN, n_trajectories: int, seed: int, *, n_steps: int, noise_std: float
) -> _Shard:
    generator = torch.Generator().manual_seed(seed)
    noise = network.w_out.new_empty(n_steps, n_trajectories, network.input_size)
    noise = draw_noise_(noise, noise_std, generator)
    start, kept_steps = network.initial_state(n_trajectories), list_growth_steps(n_steps)
    logits, kept = network.unroll_logits(start, noise, kept_steps)
    largest = kept[-1].detach().abs().max()
    probabilities = torch.softmax(logits.detach(), -1)
    pairs = count_expected_pairs(probabilities).cpu()
    symbols = probabilities.sum((0, 1)).double().cpu()
    return _Shard(logits, measure_growth(kept), pairs, symbols, largest)
