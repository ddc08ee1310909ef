"""Log-likelihood ratios between a process and its neighbours, compared as a loss without bias.

A law of short words cannot see what holds over many steps, such as a hidden state that only rare symbols
give away. The likelihood of the whole sequence can: a process in which one probability is a little larger
explains it better where the network makes that event too often.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from ..hmm import HMM, sample_sequences
from .trajectories import split_halves
from .trajectory_means import MeanLoss, Measured, compare_means

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

_MOST_NEIGHBOURS = 300
"""Of a process with more neighbours (beyond about 14 states) so many are drawn."""


@dataclass(frozen=True)
class _Step:
    """A step of the forward recursion.

    Probabilities of states before its symbol; of the symbol in each state, over ``scale``; and of the symbol.
    """

    predicted: Float[Tensor, "process state trajectory"]
    emitted: Float[Tensor, "process state trajectory"]
    scale: Float[Tensor, "process 1 trajectory"]


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
        self._backward_transition = self._transition.transpose(1, 2).contiguous()
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
        return compare_means([self.relate(probabilities, generator=generator)])

    def relate(
        self,
        probabilities: Float[Tensor, "time trajectory symbol"],
        *,
        generator: torch.Generator,
        weight: float = 1.0,
    ) -> MeanLoss:
        """The loss, times a weight, as one of means over trajectories, to be compared together with others.

        Trajectories are not divided: each step is a few small operations, which threads would only wait for.
        """
        first = probabilities[:, : self._count_most_trajectories()]
        halves = split_halves(first, n_steps=self.n_steps, n_symbols=self.n_symbols)
        seed = int(torch.randint(2**62, (1,), generator=generator))
        return MeanLoss(
            halves,
            [halves.shape[2]],
            lambda shard, has_gradient: self._measure_halves(
                shard, torch.Generator().manual_seed(seed), has_gradient=has_gradient
            ),
            lambda means: weight * self._compare(means),
        )

    def measure(self, symbols: Int[Tensor, "time trajectory"]) -> Float[Tensor, "ratio trajectory"]:
        """Log-likelihood under the process, then the log-ratio of each neighbour, in nat a sequence."""
        return _relate_to_first(_add_up(self._follow(self._mark(symbols))))

    def _mark(self, symbols: Int[Tensor, "time trajectory"]) -> Float[Tensor, "time symbol trajectory"]:
        """1 where a symbol is the one there, else 0."""
        return one_hot(symbols, self.n_symbols).transpose(1, 2).to(self._emission.dtype)

    def _measure_halves(
        self,
        halves: Float[Tensor, "time 2 trajectory symbol"],
        generator: torch.Generator,
        *,
        has_gradient: bool,
    ) -> Measured:
        """Mean ratios of sampled symbols over either half, (2, ratio), and what their gradient is."""
        n_half = halves.shape[2]
        drawn = _draw_symbols(halves.flatten(1, 2), generator).to(self._emission.dtype)
        steps = self._follow(drawn)
        run = list(steps) if has_gradient else []

        def differentiate(slope: Float[Tensor, "2 ratio"]) -> Tensor:
            by_process = _relate_to_total((slope / n_half).T).repeat_interleave(n_half, dim=1)
            return self._find_slopes(run, by_process).unflatten(1, (2, n_half))

        return _relate_to_first(_add_up(run or steps)).unflatten(1, (2, n_half)).mean(2).T, differentiate

    def _find_slopes(
        self, run: list[_Step], slopes: Float[Tensor, "process trajectory"]
    ) -> Float[Tensor, "time trajectory symbol"]:
        """What each symbol would add to the loss where another was drawn, up to what all of them add."""
        steps = [step.mul_(slopes[:, None]).sum(0).T for step in self._follow_back(run)]
        return torch.stack(steps[::-1])

    def _follow(self, drawn: Float[Tensor, "time symbol trajectory"]) -> Iterator[_Step]:
        """Run all processes along the symbols of trajectories, each 1 where it was drawn."""
        state = self._initial[:, :, None].expand(-1, -1, drawn.shape[2])
        for now in drawn:
            emitted = self._emission @ now
            joint = state * emitted
            scale = joint.sum(1, keepdim=True)
            yield _Step(state, emitted.div_(scale), scale)
            state = _multiply(self._backward_transition, joint.div_(scale))

    def _follow_back(self, run: list[_Step]) -> Iterator[Float[Tensor, "process symbol trajectory"]]:
        """From the last step to the first: log-likelihood with each symbol there, minus that as it is."""
        later = torch.ones_like(run[-1].emitted)
        for step in reversed(run):
            joint = _multiply(self._emission.transpose(1, 2), later * step.predicted)
            yield joint.div_(step.scale).log_()
            later = _multiply(self._transition, later.mul_(step.emitted))

    def _compare(self, means: Float[Tensor, "2 ratio"]) -> Float[Tensor, ""]:
        first, second = means - self.mean
        return 0.5 * first @ self.precision @ second

    def _count_most_trajectories(self) -> int:
        n_neighbours, n_states = self._initial.shape
        return max(4, _MOST_ENTRIES // (n_neighbours * n_states))


def _add_up(run: Iterable[_Step]) -> Float[Tensor, "process trajectory"]:
    """Log-likelihood of each trajectory under each process."""
    return torch.stack([step.scale[:, 0] for step in run]).log_().sum(0)


def _relate_to_first(values: Tensor) -> Tensor:
    """Values of the process, then those of its neighbours minus them."""
    return torch.cat([values[:1], values[1:] - values[:1]])


def _relate_to_total(slopes: Tensor) -> Tensor:
    """Slopes by the values of all processes, from those by what :func:`_relate_to_first` gives of them."""
    return torch.cat([slopes[:1] - slopes[1:].sum(0), slopes[1:]])


def _multiply(
    matrices: Float[Tensor, "process to from"], vectors: Float[Tensor, "process from trajectory"]
) -> Float[Tensor, "process to trajectory"]:
    """Matrix of each process times the vectors of its trajectories, in the order that is faster."""
    if vectors.shape[2] >= vectors.shape[1]:
        return matrices @ vectors
    return (vectors.transpose(1, 2) @ matrices.transpose(1, 2)).transpose(1, 2).contiguous()


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


def _draw_symbols(
    probabilities: Float[Tensor, "time trajectory symbol"], generator: torch.Generator
) -> Float[Tensor, "time symbol trajectory"]:
    """1 where a symbol is drawn, one at each step of each trajectory: where a uniform number falls.

    NaN passes, which the health check of training then names.
    """
    upper = probabilities.transpose(1, 2).cumsum(1)[:, :-1]
    place = torch.rand(upper[:, :1].shape, generator=generator).to(upper)
    is_beyond = torch.nn.functional.pad((place >= upper).to(upper.dtype), (0, 0, 1, 1))
    is_beyond[:, 0] = 1.0
    return is_beyond[:, :-1] - is_beyond[:, 1:]


def _invert_covariance(covariance: Tensor) -> Tensor:
    """Inverse with a ridge on the correlations; ratios without spread are left out."""
    spread = covariance.diagonal().sqrt()
    scale = torch.where(spread > 1e-6, 1 / spread, torch.zeros_like(spread))
    values, vectors = torch.linalg.eigh(covariance * scale[:, None] * scale)
    inverse = (vectors / (values.clamp_min(0) + _RIDGE)) @ vectors.T
    return inverse * scale[:, None] * scale
