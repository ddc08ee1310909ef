"""What is seen of a process from one start: sums of symbol probabilities, and sampled windows.

Network and HMM are observed by the same design, so that the HMM's statistics are the floor of the network's.
Expected counts need no recording of states: given its states, a network (like an HMM) emits symbols
independently, so products of symbol probabilities are exact expectations of counts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..errors import InputError
from ..hmm import HMM, sample_sequences
from ..network import NoiseRNN, count_expected_pairs, fork_generator, iterate_rollout, sample_gumbel
from ..settings import EvaluationSettings
from ..system.threads import count_threads, map_parallel

Start = Literal["zero", "stationary"]

N_GROUPS = 1000
"""Groups of trajectories whose sums are kept: the units of the bootstrap (its relative error is 2 %)."""

BLOCK_TRAJECTORIES = 250
"""Trajectories simulated together by one thread."""

BLOCK_CELLS = 2_000_000
"""Pairs of HMM states, over groups, that are counted at once (16 MB)."""


class UnboundedActivityError(InputError):
    """A network's activity grew without bound while it was observed."""


@dataclass(frozen=True)
class Design:
    """How a process is observed.

    Attributes
    ----------
    n_trajectories : int
        Independent trajectories.
    n_recorded : int
        Steps of each that count, after ``burn_in`` steps.
    burn_in : int
    group_size : int
        Trajectories summed into one group; divides ``n_trajectories``.
    n_sampled : int
        Trajectories, the first ones, whose symbols are sampled.
    n_windows : int
        Windows cut from each sampled trajectory.
    n_steps : int
        Steps of a window.
    """

    n_trajectories: int
    n_recorded: int
    burn_in: int
    group_size: int
    n_sampled: int
    n_windows: int
    n_steps: int


@dataclass(frozen=True)
class Observation:
    """Expected counts per group of trajectories, and sampled windows.

    Attributes
    ----------
    symbol_sums : (group, symbol)
        Expected number of each symbol.
    pair_sums : (group, symbol, symbol)
        Expected number of each pair (s_t, s_{t+1}).
    windows : (cluster, window, time)
        Sampled symbols; windows of one cluster come from one trajectory, clusters are independent.
    """

    symbol_sums: Float[np.ndarray, "group symbol"]
    pair_sums: Float[np.ndarray, "group symbol symbol"]
    windows: Integer[np.ndarray, "cluster window time"]


def plan_observation(start: Start, n_steps: int, settings: EvaluationSettings) -> Design:
    """Design of an observation.

    From zero every trajectory is one window, as in training. For the stationary process a burn-in per window
    would cost more than the rest of the evaluation, so fewer and longer trajectories are cut into windows at
    equal distances; the trajectory is then the independent unit. The rarest symbol asks for 10⁷ sampled
    symbols: the default of 3·10⁶ relies on softmax probabilities, which lack the noise of sampled symbols.
    """
    if n_steps < 2:
        raise InputError(f"`n_steps` must be ≥ 2, got {n_steps}. Use the length of the training sequences.")
    total = settings.n_symbols_total
    if start == "zero":
        n_trajectories = max(math.ceil(total / n_steps), settings.n_sequences)
        group_size = math.ceil(n_trajectories / N_GROUPS)
        n_trajectories = group_size * math.ceil(n_trajectories / group_size)
        return Design(n_trajectories, n_steps, 0, group_size, settings.n_sequences, 1, n_steps)
    n_trajectories = min(settings.n_trajectories, settings.n_sequences)
    n_windows = math.ceil(settings.n_sequences / n_trajectories)
    n_recorded = max(math.ceil(total / n_trajectories), n_windows * n_steps)
    return Design(n_trajectories, n_recorded, settings.burn_in, 1, n_trajectories, n_windows, n_steps)


def observe_network(
    network: NoiseRNN,
    design: Design,
    *,
    noise_std: float = 1.0,
    generator: torch.Generator,
    progress: Callable[[float], None] | None = None,
) -> Observation:
    """Run a network from h = 0 and keep expected counts and sampled windows.

    Parameters
    ----------
    network : NoiseRNN
    design : Design
    noise_std : float >= 0
        Standard deviation of the input noise (dimensionless).
    generator
        Source of noise and symbols, on the network's device; each block of trajectories has its own of both.
    progress
        Called with the share that is done.

    Raises
    ------
    InputError
        If the activity does not stay finite.
    """
    block = design.group_size * max(1, BLOCK_TRAJECTORIES // design.group_size)
    firsts = range(0, design.n_trajectories, block)
    jobs = [(first, fork_generator(generator), fork_generator(generator)) for first in firsts]

    @torch.no_grad()
    def observe(job: tuple[int, torch.Generator, torch.Generator]) -> tuple[np.ndarray, ...]:
        first, noise, symbols = job
        n = min(block, design.n_trajectories - first)
        state = _burn_in(network, n, design.burn_in, noise_std, noise)
        n_sampled = min(max(design.n_sampled - first, 0), n)
        return _observe_block(network, design, state, n_sampled, noise_std, noise, symbols)

    parts, n_at_once = [], count_threads()
    for first in range(0, len(jobs), n_at_once):
        parts += map_parallel(observe, jobs[first : first + n_at_once])
        if progress is not None:
            progress(len(parts) / len(jobs))
    symbol_sums, pair_sums, symbols = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not np.isfinite(pair_sums).all():
        raise UnboundedActivityError(
            "the network's activity must stay finite, but it overflowed. "
            "Use weights from an earlier epoch, or a shorter window."
        )
    return Observation(symbol_sums, pair_sums, cut_windows(symbols, design))


def observe_process(hmm: HMM, design: Design, *, rng: np.random.Generator) -> Observation:
    """Observe an HMM by the same design: emission probabilities along state paths play the network's softmax.

    The HMM's own initial probabilities are the start; there is no burn-in.
    """
    sampled = sample_sequences(hmm, design.n_trajectories, design.n_recorded, rng=rng)
    block = design.group_size * max(1, BLOCK_CELLS // hmm.n_states**2)
    parts = [
        _expect_counts(sampled.states[first : first + block], design.group_size, hmm.emission_probs)
        for first in range(0, design.n_trajectories, block)
    ]
    symbol_sums, pair_sums = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Observation(symbol_sums, pair_sums, cut_windows(sampled.symbols[: design.n_sampled], design))


def cut_windows(
    symbols: Integer[np.ndarray, "cluster step"], design: Design
) -> Integer[np.ndarray, "cluster window time"]:
    """Cut windows of ``n_steps`` at equal distances from each trajectory."""
    stride = design.n_recorded // design.n_windows
    firsts = stride * np.arange(design.n_windows)
    return symbols[:, firsts[:, None] + np.arange(design.n_steps)]


def _expect_counts(
    states: Integer[np.ndarray, "trajectory time"],
    group_size: int,
    emission_probs: Float[np.ndarray, "state symbol"],
) -> tuple[Float[np.ndarray, "group symbol"], Float[np.ndarray, "group symbol symbol"]]:
    """Expected counts of symbols and pairs along state paths, per group of trajectories."""
    n_groups, m = len(states) // group_size, len(emission_probs)
    first = m * np.repeat(np.arange(n_groups), group_size)[:, None] + states.astype(np.int64)
    visits = np.bincount(first.ravel(), minlength=n_groups * m).reshape(n_groups, m)
    codes = first[:, :-1] * m + states[:, 1:]
    moves = np.bincount(codes.ravel(), minlength=n_groups * m * m).reshape(n_groups, m, m)
    return visits @ emission_probs, emission_probs.T @ moves @ emission_probs


def _burn_in(
    network: NoiseRNN, n_trajectories: int, n_steps: int, noise_std: float, generator: torch.Generator
) -> Float[Tensor, "trajectory state"]:
    state = network.initial_state(n_trajectories)
    if n_steps > 0:
        for chunk in iterate_rollout(network, n_steps, start=state, noise_std=noise_std, generator=generator):
            state = chunk.states[-1].clone()
    return state


def _observe_block(
    network: NoiseRNN,
    design: Design,
    state: Float[Tensor, "trajectory state"],
    n_sampled: int,
    noise_std: float,
    generator: torch.Generator,
    symbol_generator: torch.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_groups, n_symbols = len(state) // design.group_size, network.n_symbols
    symbol_sums = torch.zeros(n_groups, n_symbols, dtype=torch.float64)
    pair_sums = torch.zeros(n_groups, n_symbols, n_symbols, dtype=torch.float64)
    symbols, last = [], None
    options = {"noise_std": noise_std, "generator": generator}
    for chunk in iterate_rollout(network, design.n_recorded, start=state, **options):
        logits = network.compute_logits(chunk.states).detach()
        probs = torch.softmax(logits, -1)
        linked = probs if last is None else torch.cat([last, probs])
        symbol_sums += probs.sum(0).unflatten(0, (n_groups, design.group_size)).sum(1).double().cpu()
        grouped = linked.unflatten(1, (n_groups, design.group_size))
        pair_sums += torch.vmap(count_expected_pairs, in_dims=1)(grouped).cpu()
        symbols.append(_draw_symbols(logits[:, :n_sampled], symbol_generator))
        last = probs[-1:]
    return symbol_sums.numpy(), pair_sums.numpy(), np.concatenate(symbols, axis=1)


def _draw_symbols(
    logits: Float[Tensor, "time trajectory symbol"], generator: torch.Generator
) -> Integer[np.ndarray, "trajectory time"]:
    """Sample symbols with Gumbel noise, exact to about 10⁻⁷ per symbol (its uniforms are of float32)."""
    noise = sample_gumbel(tuple(logits.shape), generator=generator).to(logits)
    dtype = np.uint8 if logits.shape[-1] <= 256 else np.int16
    return (logits + noise).argmax(-1).T.cpu().numpy().astype(dtype)
