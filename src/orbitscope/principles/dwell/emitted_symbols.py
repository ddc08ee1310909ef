"""Symbols that a driven network emits, and the most probable ones, along the same trajectories."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Integer

from ...dynamics.driving.driven_states import require_bounded, run_driven
from ...network import NoiseRNN, fork_generator, iterate_rollout, sample_gumbel


@dataclass(frozen=True)
class EmittedSymbols:
    """Symbols of driven trajectories.

    Attributes
    ----------
    drawn : (trajectory, time)
        Symbols drawn from their probabilities.
    leading : (trajectory, time)
        Most probable symbols of the same states.
    """

    drawn: Integer[np.ndarray, "trajectory time"]
    leading: Integer[np.ndarray, "trajectory time"]


@torch.no_grad()
def emit_symbols(
    network: NoiseRNN,
    n_trajectories: int,
    n_steps: int,
    *,
    burn_in: int,
    noise_std: float,
    generator: torch.Generator,
) -> EmittedSymbols:
    """Drive a network, and keep its symbols only.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories, n_steps : int >= 1
    burn_in : int >= 0
        Steps before these.
    noise_std : float >= 0
    generator
        Source of noise and symbols. Two networks of one width, with generators of one seed, have common
        random numbers: the same noise, up to its scale, and the same draws of symbols.

    Returns
    -------
    EmittedSymbols
        Both (trajectory, time).

    Raises
    ------
    NoStationaryRegimeError
        If activity grows without bound, or every trajectory is silent.

    Examples
    --------
    >>> found = emit_symbols(network, 8, 100, burn_in=50, noise_std=1.0, generator=torch.Generator())
    >>> found.drawn.shape
    (8, 100)
    """
    noise = {"noise_std": noise_std, "generator": generator}
    start = run_driven(network, n_trajectories, 1, burn_in=burn_in, **noise).states[0]
    symbol_generator = fork_generator(generator)
    shown = np.empty((2, n_trajectories, n_steps), dtype=np.int16)
    for chunk in iterate_rollout(network, n_steps, start=start, **noise):
        require_bounded(chunk.states[-1], burn_in + 1 + chunk.first_step + len(chunk.states))
        logits = network.compute_logits(chunk.states)
        steps = slice(chunk.first_step, chunk.first_step + len(logits))

        # Step by step, so that the draws do not depend on the length of a chunk.
        draws = torch.stack(
            [sample_gumbel(tuple(logits.shape[1:]), generator=symbol_generator) for _ in logits]
        )
        for i, values in enumerate((logits + draws.to(logits), logits)):
            shown[i, :, steps] = values.argmax(-1).T.cpu().numpy()
    return EmittedSymbols(*shown)
