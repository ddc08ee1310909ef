"""Patching: states of one twin with neurons of the other, and whether the old symbol is then gone."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from ..errors import InputError
from ..network import NoiseRNN, draw_noise_, fork_generator
from ..system.threads import map_parallel

_ROWS = 12_000
"""Rollouts that are run at once."""


class Patches:
    """Receivers and donors at one moment, and rollouts under fresh noise of the receivers, patched.

    Every patch of a twin meets the same noise, so that what is read off are differences.
    """

    def __init__(
        self,
        network: NoiseRNN,
        receiver: Float[Tensor, "twin state"],
        donor: Float[Tensor, "twin state"],
        origin: Integer[np.ndarray, " twin"],
        *,
        n_steps: int,
        noise_std: float,
        generator: torch.Generator,
    ):
        """Receivers, donors, the old symbols, and the steps until the outcome."""
        self.network, self.receiver, self.donor = network, receiver, donor
        self.origin = torch.from_numpy(origin.astype(int)).to(receiver.device)
        self.n_steps, self.noise_std, self.generator = n_steps, noise_std, generator

    def measure_together(
        self, is_patched: Bool[np.ndarray, "set twin neuron"], *, n_rollouts: int
    ) -> Float[np.ndarray, "set twin"]:
        """Probability that the old symbol is gone, with sets of neurons patched together."""
        parts = self._split(n_rollouts)
        jobs = [(rows, fork_generator(self.generator)) for rows in parts]

        def measure(job: tuple[np.ndarray, torch.Generator]) -> np.ndarray:
            rows, source = job
            noise = self._draw_noise(len(rows) * n_rollouts, source)
            gone = [
                self._run(rows, torch.from_numpy(mask[rows]), noise).reshape(len(rows), -1).mean(1)
                for mask in is_patched
            ]
            return torch.stack(gone).cpu().numpy()

        return np.concatenate(map_parallel(measure, jobs), axis=1)

    def measure_in_context(self, *, n_contexts: int) -> Float[np.ndarray, "2 twin neuron"]:
        """Effect of patching each neuron while every other one is patched by the toss of a coin, twice.

        A random set of neurons and its complement are patched under the same noise. The sign of a neuron
        times the difference of the two outcomes has its effect as the mean: the Banzhaf value of the neuron
        (Banzhaf 1965), from all rollouts for every neuron. Half of the sets give one value of each twin, the
        others another one, with noise of its own.
        """
        if n_contexts % 2:
            raise InputError(f"`n_contexts` must be even, got {n_contexts}. Use {n_contexts + 1}.")
        jobs = [(rows, fork_generator(self.generator)) for rows in self._split(2 * n_contexts)]
        n_neurons = self.network.hidden_size

        def measure(job: tuple[np.ndarray, torch.Generator]) -> np.ndarray:
            rows, source = job
            shape = (len(rows) * n_contexts, n_neurons)
            coin = torch.rand(shape, generator=source, device=self.receiver.device) < 0.5
            noise = self._draw_noise(len(coin), source)
            difference = self._run(rows, coin, noise) - self._run(rows, ~coin, noise)
            signs = 2.0 * coin.double() - 1.0
            effects = (signs * difference[:, None]).reshape(len(rows), 2, n_contexts // 2, n_neurons)
            return effects.mean(2).transpose(0, 1).cpu().numpy()

        return np.concatenate(map_parallel(measure, jobs), axis=1)

    @torch.no_grad()
    def follow(self, is_patched: Bool[np.ndarray, "set twin neuron"]) -> Float[Tensor, "set time twin state"]:
        """States from the patched one to the outcome, with the same noise for all sets of a twin."""
        noise = self._draw_noise(len(self.receiver), self.generator)
        followed = []
        for mask in torch.from_numpy(is_patched):
            start = self.network.patch_hidden(self.receiver, self.donor, mask.to(self.receiver.device))
            followed.append(torch.cat([start[None], self.network.unroll(start, noise)]))
        return torch.stack(followed)

    def _split(self, n_rollouts: int) -> Iterable[np.ndarray]:
        """Twins in blocks, whose size follows from the number of rollouts alone."""
        n_twins = len(self.receiver)
        size = max(1, _ROWS // n_rollouts)
        return np.split(np.arange(n_twins), range(size, n_twins, size))

    def _draw_noise(self, n_rows: int, source: torch.Generator) -> Float[Tensor, "time row input"]:
        noise = self.receiver.new_empty(self.n_steps, n_rows, self.network.input_size)
        return draw_noise_(noise, self.noise_std, source)

    @torch.no_grad()
    def _run(
        self,
        rows: np.ndarray,
        is_patched: Bool[Tensor, "mask neuron"],
        noise: Float[Tensor, "time row input"],
    ) -> Float[Tensor, " row"]:
        """Whether the old symbol is gone at the outcome, in each rollout of each of these twins in turn."""
        repeats = noise.shape[1] // len(rows)
        index = torch.from_numpy(rows).repeat_interleave(repeats)
        is_patched = is_patched.repeat_interleave(len(index) // len(is_patched), 0)
        state = self.network.patch_hidden(self.receiver[index], self.donor[index], is_patched)
        for noise_t in noise:
            state = self.network.step(state, noise_t)
        symbol = self.network.compute_logits(state).argmax(1)
        return (symbol != self.origin[index]).double()
