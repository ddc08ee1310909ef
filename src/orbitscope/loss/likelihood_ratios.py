"""Log-likelihood ratios between a process and its neighbours, compared as a loss without bias.

A law of short words cannot see what holds over many steps, such as a hidden state that only rare symbols
give away. The likelihood of the whole sequence can: a process in which one probability is a little larger
explains it better where the network makes that event too often.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..hmm import HMM, sample_sequences
from ..system.shards import divide
from ..system.threads import map_parallel
from .known_gradient import attach_gradient
from .trajectories import split_halves

_STEP = 0.05
"""Share by which a neighbour's row is moved to one of its entries."""

_SMALLEST_SHARE = 1e-4
"""Every row is mixed with this share of the uniform law: likelihoods stay finite, zeros have neighbours."""

_RIDGE = 0.01
"""Added to the eigenvalues of the correlation of the ratios: directions without spread count for little."""

_MOST_ENTRIES = 50_000
"""Largest neighbours x trajectories x states of one update; of larger batches only some are compared."""

_SEQUENCES_PER_TRAJECTORY = 10
"""Sequences of the process measured at once, for each trajectory of an update: they have no gradient."""

_LARGEST_SHARD = 256
"""Trajectories that are followed together."""

_MOST_NEIGHBOURS = 300
"""Of a process with more neighbours (beyond about 14 states) so many are drawn."""


@dataclass(frozen=True)
class _Forward:
    """Log-likelihoods; probabilities of states before the symbol of each step, and of that symbol in each."""

    total: Float[Tensor, "process trajectory"]
    predicted: Float[Tensor, "process time trajectory state"]
    emitted: Float[Tensor, "process time trajectory state"]


class NeighbourDivergence:
    """Mean log-likelihood ratios of a network beside those of its process, in units of their covariance.

    Neighbours are the processes in which one initial, transition or emission probability is raised (of many,
    some are drawn). Measured are the log-likelihood of a sequence under the process, and the log-ratio to it
    of each neighbour.

    Parameters
    ----------
    hmm : HMM
        The process.
    n_steps : int >= 2
        Window in steps.
    rng : numpy Generator
        Draws the sequences of the process from which the mean and covariance under it are estimated.
    n_sequences : int
        Their number; the estimated mean adds about half the number of neighbours over this to the loss.
    device : torch device

    Notes
    -----
    The loss is ½ (m₁ − μ)ᵀ Σ⁻¹ (m₂ − μ), with m the means over either half of the trajectories, μ and Σ mean
    and covariance under the process: near the process the KL divergence in nat a sequence, as far as the
    ratios see it, and 0 in expectation for the process itself. Symbols are sampled; for the gradient each is
    put in the place of the one that was drawn, all others kept, which is exact in expectation (along
    probabilities that sum to 1) because symbols are independent given the states of a network. Own
    construction; the paper has only the Sinkhorn divergence.
    """

    def __init__(
        self,
        hmm: HMM,
        n_steps: int,
        *,
        rng: np.random.Generator,
        n_sequences: int = 20_000,
        device: torch.device | str = "cpu",
    ):
        self.n_steps, self.n_symbols = n_steps, hmm.n_symbols
        stacked = [np.stack(parts) for parts in zip(*_choose_neighbours(hmm, rng), strict=True)]
        self._initial, self._transition, self._emission = (
            torch.from_numpy(parts).to(device, torch.float32) for parts in stacked
        )
        sampled = sample_sequences(hmm, n_sequences, n_steps, rng=rng).symbols.astype(np.int64)
        n_block = _SEQUENCES_PER_TRAJECTORY * self._count_most_trajectories()
        blocks = torch.from_numpy(sampled.T.copy()).to(device).split(n_block, dim=1)
        ratios = torch.cat([self.measure(block) for block in blocks], dim=1).double()
        self.mean = ratios.mean(1).float()
        self.precision = _invert_covariance(torch.cov(ratios)).float()

    def __call__(
        self,
        probabilities: Float[Tensor, "time trajectory symbol"],
        *,
        generator: torch.Generator,
    ) -> Float[Tensor, ""]:
        """Loss of trajectories with these symbol probabilities, or of the first of them; differentiable."""
        first = probabilities[:, : self._count_most_trajectories()]
        halves = split_halves(first, n_steps=self.n_steps, n_symbols=self.n_symbols)
        chosen, n_half = halves.flatten(1, 2), halves.shape[2]
        with torch.no_grad():
            sizes = divide(chosen.shape[1], chosen.device, largest=_LARGEST_SHARD)
            shards = _draw_symbols(chosen, generator).split(sizes, dim=1)
            runs = map_parallel(self._run_forward, shards)
            total = torch.cat([run.total for run in runs], dim=1)
            value, slope = self._compare(_relate_to_first(total), n_half)
        if not (chosen.requires_grad and torch.is_grad_enabled()):
            return value

        def differentiate(job: tuple[Tensor, _Forward, Tensor]) -> Tensor:
            symbols, run, slopes = job
            return torch.einsum("stnk,sn->tnk", self._run_backward(symbols, run), slopes)

        with torch.no_grad():
            slopes = slope.split(sizes, dim=1)
            jobs = list(zip(shards, runs, slopes, strict=True))
            gradient = torch.cat(map_parallel(differentiate, jobs), dim=1)
        return attach_gradient(chosen, value, gradient)

    def measure(self, symbols: Int[Tensor, "time trajectory"]) -> Float[Tensor, "ratio trajectory"]:
        """Log-likelihood under the process, then the log-ratio of each neighbour, in nat a sequence."""
        return _relate_to_first(self._run_forward(symbols).total)

    def measure_alternatives(
        self, symbols: Int[Tensor, "time trajectory"]
    ) -> Float[Tensor, "ratio time trajectory symbol"]:
        """What each would be if the symbol of one step were another, minus what it is."""
        return self._run_backward(symbols, self._run_forward(symbols))

    def _run_backward(self, symbols: Tensor, run: _Forward) -> Tensor:
        """Alternatives from what a run found."""
        later = torch.empty_like(run.predicted)
        backward = torch.ones_like(later[:, 0])
        for step in reversed(range(len(symbols))):
            later[:, step] = backward
            backward = (backward * run.emitted[:, step]) @ self._transition.transpose(1, 2)
            backward = backward / backward.sum(2, keepdim=True)
        joint = later.mul_(run.predicted).flatten(1, 2) @ self._emission
        joint = joint.unflatten(1, symbols.shape)
        now = symbols[None, :, :, None].expand(len(joint), -1, -1, 1)
        return _relate_to_first(torch.log(joint / joint.gather(3, now)))

    def _run_forward(self, symbols: Tensor) -> _Forward:
        """Run all processes along the symbols of trajectories."""
        emitted = self._emission.transpose(1, 2)[:, symbols]
        state, scales = self._initial[:, None].expand(-1, symbols.shape[1], -1), []
        predicted = torch.empty_like(emitted)
        for step in range(len(symbols)):
            predicted[:, step] = state
            joint = state * emitted[:, step]
            scales.append(joint.sum(2, keepdim=True))
            state = (joint / scales[-1]) @ self._transition
        return _Forward(torch.log(torch.cat(scales, 2)).sum(2), predicted, emitted)

    def _compare(self, ratios: Tensor, n_half: int) -> tuple[Tensor, Tensor]:
        """Loss, and its slope by the ratios of each trajectory."""
        first, second = (half.mean(1) - self.mean for half in ratios.split(n_half, dim=1))
        towards = torch.stack([self.precision @ second, self.precision @ first], dim=1) / (2 * n_half)
        return 0.5 * first @ self.precision @ second, towards.repeat_interleave(n_half, dim=1)

    def _count_most_trajectories(self) -> int:
        n_neighbours, n_states = self._initial.shape
        return max(4, _MOST_ENTRIES // (n_neighbours * n_states))


def _relate_to_first(values: Tensor) -> Tensor:
    """Values of the process, then those of its neighbours minus them."""
    return torch.cat([values[:1], values[1:] - values[:1]])


def list_neighbours(hmm: HMM) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Initial, transition and emission probabilities: of the process, then with one of them raised."""
    parts = [_smooth(part) for part in (hmm.initial_probs[None], hmm.transition_matrix, hmm.emission_probs)]
    changed = [parts]
    for index, part in enumerate(parts):
        for row, column in np.ndindex(part.shape):
            moved = part.copy()
            moved[row] *= 1 - _STEP
            moved[row, column] += _STEP
            changed.append([*parts[:index], moved, *parts[index + 1 :]])
    return [(initial[0], transition, emission) for initial, transition, emission in changed]


def _choose_neighbours(hmm: HMM, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The process and its neighbours; of too many a random choice."""
    process, *neighbours = list_neighbours(hmm)
    if len(neighbours) > _MOST_NEIGHBOURS:
        chosen = np.sort(rng.choice(len(neighbours), _MOST_NEIGHBOURS, replace=False))
        neighbours = [neighbours[index] for index in chosen]
    return [process, *neighbours]


def _smooth(rows: np.ndarray) -> np.ndarray:
    return (1 - _SMALLEST_SHARE) * rows + _SMALLEST_SHARE / rows.shape[1]


def _draw_symbols(probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One symbol for each step of each trajectory, as a race of exponentials.

    Unlike ``torch.multinomial`` it lets NaN pass, which the health check of training then names.
    """
    waits = torch.empty_like(probabilities).exponential_(generator=generator)
    return (probabilities / waits).argmax(-1)


def _invert_covariance(covariance: Tensor) -> Tensor:
    """Inverse with a ridge on the correlations; ratios without spread are left out."""
    spread = covariance.diagonal().sqrt()
    scale = torch.where(spread > 1e-6, 1 / spread, torch.zeros_like(spread))
    values, vectors = torch.linalg.eigh(covariance * scale[:, None] * scale)
    inverse = (vectors / (values.clamp_min(0) + _RIDGE)) @ vectors.T
    return inverse * scale[:, None] * scale
