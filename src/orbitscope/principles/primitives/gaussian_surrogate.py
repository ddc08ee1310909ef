"""An HMM with Gaussian emissions: the same chain of regions, and nothing of the paths between them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ...system.threads import limit_blas


@dataclass(frozen=True, eq=False)
class GaussianSurrogate:
    """Hidden activity that knows its region and nothing else.

    Attributes
    ----------
    shares : (region,)
        Probabilities of the regions at the first step.
    transitions : (region, region)
        Probabilities of the region of the next step.
    means : (region, hidden)
    factors : (region, hidden, hidden)
        F Fᵀ is the covariance of a region.
    """

    shares: Float[np.ndarray, " region"]
    transitions: Float[np.ndarray, "region next"]
    means: Float[np.ndarray, "region hidden"]
    factors: Float[np.ndarray, "region hidden factor"]

    def sample(
        self, n_trajectories: int, n_steps: int, *, like: Tensor, generator: torch.Generator
    ) -> tuple[Float[Tensor, "time trajectory hidden"], Int[np.ndarray, "time trajectory"]]:
        """Activity and its region: given the region, states of different steps are independent."""
        region = self._sample_chain(n_trajectories, n_steps, generator)
        flat = region.ravel()
        drawn = torch.randn(
            (len(flat), self.factors.shape[2]), generator=generator, dtype=like.dtype, device=generator.device
        ).to(like.device)
        hidden = torch.empty(len(flat), self.means.shape[1]).to(like)
        for k in range(len(self.means)):
            rows = torch.from_numpy(np.flatnonzero(flat == k)).to(like.device)
            factor, mean = (torch.from_numpy(x[k]).to(like) for x in (self.factors, self.means))
            hidden[rows] = drawn[rows] @ factor.T + mean
        return hidden.reshape(n_steps, n_trajectories, -1), region

    def _sample_chain(
        self, n_trajectories: int, n_steps: int, generator: torch.Generator
    ) -> Int[np.ndarray, "time trajectory"]:
        uniform = torch.rand(n_steps, n_trajectories, generator=generator, dtype=torch.float64).numpy()
        limits = np.cumsum(self.transitions, axis=1)[:, :-1]  # the last region is what is left
        region = np.empty((n_steps, n_trajectories), dtype=int)
        region[0] = (uniform[0][:, None] >= np.cumsum(self.shares)[:-1]).sum(1)
        for t in range(1, n_steps):
            region[t] = (uniform[t][:, None] >= limits[region[t - 1]]).sum(1)
        return region


def fit_surrogate(
    hidden: Float[Tensor, "time trajectory hidden"],
    region: Integer[np.ndarray, "trajectory time"],
    n_regions: int,
) -> GaussianSurrogate:
    """The surrogate of given activity, whose regions are known; each occurs before the last step.

    Notes
    -----
    Own construction. A region without states has the mean of all, and no transitions lead to it.
    """
    flat = torch.from_numpy(np.ascontiguousarray(region.T).ravel())
    points = hidden.flatten(0, 1)
    means, factors = [], []
    for k in range(n_regions):
        chosen = points[(flat == k).to(points.device)] if bool((flat == k).any()) else points
        mean = chosen.mean(0, dtype=torch.float64)
        centred = (chosen - mean.to(chosen)).cpu().numpy()
        with limit_blas():
            values, vectors = np.linalg.eigh((centred.T @ centred).astype(float) / len(centred))
        means.append(mean.cpu().numpy())
        factors.append(vectors * np.sqrt(np.maximum(values, 0)))
    counts = np.zeros((n_regions, n_regions))
    np.add.at(counts, (region[:, :-1].ravel(), region[:, 1:].ravel()), 1)
    shares = np.bincount(region.ravel(), minlength=n_regions) / region.size
    totals = counts.sum(1, keepdims=True)
    rows = np.divide(counts, totals, out=np.tile(shares, (n_regions, 1)), where=totals > 0)
    return GaussianSurrogate(shares, rows, np.array(means), np.array(factors))
