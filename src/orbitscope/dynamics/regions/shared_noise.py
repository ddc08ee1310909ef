"""Rollouts from one state that share a noise path up to a share of fresh noise."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN, draw_noise_, fork_generator
from ...system.threads import map_parallel

RULES = ("published", "variance-preserving")
"""(1 − γ)·old + γ·new, whose variance dips between 0 and 1, and √(1 − γ²)·old + γ·new, whose does not."""

GAMMAS = (0.0, 0.5, 1.0)
"""Shares of fresh noise: 0 replays the nominal path, 1 forgets it."""

_MIXTURES = tuple(
    (math.sqrt(1 - gamma**2) if rule == "variance-preserving" else 1 - gamma, gamma)
    for rule in RULES
    for gamma in GAMMAS
)
_DIFFERENT = tuple(dict.fromkeys(_MIXTURES))
_PLACE = np.array([_DIFFERENT.index(mixture) for mixture in _MIXTURES]).reshape(len(RULES), len(GAMMAS))
"""Where the coefficients (old, new) of each rule and γ stand among the different ones."""

_CHUNK_STARTS = 150
"""Starts that are followed together; each chunk has noise of its own."""


def measure_fans(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    n_steps: int,
    n_rollouts: int,
    noise_std: float,
    generator: torch.Generator,
) -> tuple[Float[np.ndarray, "point rule gamma time"], Float[np.ndarray, "point rule gamma symbol"]]:
    """Spread of the rollouts from each state, and where they end.

    Every state has a nominal noise path of its own, which all of its rollouts deviate from; a rollout uses
    the same fresh noise under all rules and γ.

    Returns
    -------
    spread : (point, rule, gamma, time)
        Trace of the covariance of the hidden activity over rollouts; time 0 is the state itself.
    destination : (point, rule, gamma, symbol)
        Share of the rollouts with this most probable symbol after the last step.
    """

    def measure(chunk: tuple[Tensor, torch.Generator]) -> tuple[Tensor, Tensor]:
        noise = {"noise_std": noise_std, "generator": chunk[1]}
        return _measure_chunk(network, chunk[0], n_steps=n_steps, n_rollouts=n_rollouts, **noise)

    chunks = [(start, fork_generator(generator)) for start in states.split(_CHUNK_STARTS)]
    columns = zip(*map_parallel(measure, chunks), strict=True)
    spread, destination = (torch.cat(parts).double().cpu().numpy() for parts in columns)
    return spread[:, _PLACE], destination[:, _PLACE]


def _measure_chunk(
    network: NoiseRNN, start: Tensor, *, n_steps: int, n_rollouts: int, **noise
) -> tuple[Float[Tensor, "point mixture time"], Float[Tensor, "point mixture symbol"]]:
    """Spread and destinations of the rollouts from some states, under each of the different mixtures."""
    old = draw_noise_(start.new_empty(n_steps, len(start), network.input_size), **noise)
    running = [_RunningSpread() for _ in _DIFFERENT]
    counts = start.new_zeros(len(_DIFFERENT), len(start), network.n_symbols)
    for paths in _iterate_fans(network, start, old, n_rollouts, **noise):
        for spread, count, path in zip(running, counts, paths, strict=True):
            spread.add(network.show_hidden(path))
            symbol = network.compute_logits(path[-1]).argmax(1, keepdim=True)
            count.scatter_add_(1, symbol, torch.ones_like(symbol, dtype=count.dtype))
    trace = torch.stack([spread.find_trace() for spread in running]).permute(2, 0, 1)
    return torch.nn.functional.pad(trace, (1, 0)), counts.transpose(0, 1) / n_rollouts


def record_fans(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    n_steps: int,
    n_rollouts: int,
    noise_std: float,
    generator: torch.Generator,
) -> tuple[Float[np.ndarray, "point time symbol"], Float[np.ndarray, "point rule gamma rollout time symbol"]]:
    """Logits along the nominal path of a few states, and along the rollouts that deviate from it."""
    noise = {"noise_std": noise_std, "generator": generator}

    def read(path: Tensor) -> Tensor:
        return network.compute_logits(torch.cat([states[None], path])).transpose(0, 1)

    old = draw_noise_(states.new_empty(n_steps, len(states), network.input_size), **noise)
    nominal = read(network.unroll(states, old))
    fans = _iterate_fans(network, states, old, n_rollouts, **noise)
    logits = torch.stack([torch.stack([read(path) for path in paths], 1) for paths in fans], 2)
    return nominal.cpu().numpy(), logits.cpu().numpy()[:, _PLACE]


def _iterate_fans(
    network: NoiseRNN, start: Tensor, old: Tensor, n_rollouts: int, **noise
) -> Iterator[list[Tensor]]:
    """Paths of one rollout after another, one path for each of the different mixtures.

    Without fresh noise that is the nominal path every time; it is followed once.
    """
    new, nominal = torch.empty_like(old), network.unroll(start, old)
    for _ in range(n_rollouts):
        draw_noise_(new, **noise)
        yield [
            network.unroll(start, torch.add(fresh * new, old, alpha=kept)) if fresh else nominal
            for kept, fresh in _DIFFERENT
        ]


class _RunningSpread:
    """Trace of the covariance over the paths added so far, at each start and time (Welford's recursion)."""

    def __init__(self):
        self.n_paths = 0

    def add(self, path: Tensor) -> None:
        self.n_paths += 1
        if self.n_paths == 1:
            self.mean, self.total = path.clone(), torch.zeros_like(path[..., 0])
            return
        shift = path - self.mean
        self.mean.add_(shift, alpha=1 / self.n_paths)
        self.total += (shift * (path - self.mean)).sum(-1)

    def find_trace(self) -> Tensor:
        return self.total / (self.n_paths - 1)
