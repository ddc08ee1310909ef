"""Untrained networks of the kind of a given one: what initial weights do without training."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, fork_generator
from ...system.threads import map_parallel
from .driven_states import run_driven

LEAST_UNTRAINED = 20
"""Fewer untrained networks have no 95 % quantile."""

UNTRAINED_RUN = {"n_trajectories": 100, "n_steps": 100, "burn_in": 30}
"""Run of each untrained network: with a spectral radius near 1/√3 it forgets its start within 30 steps."""

_AT_A_TIME = 20
"""Networks that are measured before the next ones are asked for."""

Value = TypeVar("Value")


def measure_untrained(
    network: NoiseRNN,
    n_untrained: int,
    measure: Callable[[NoiseRNN, Float[Tensor, "time trajectory hidden"]], Value],
    *,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> Iterator[Value]:
    """What a function finds in the driven hidden states of untrained networks of the same kind.

    Parameters
    ----------
    network : NoiseRNN
        Is drawn anew (:meth:`NoiseRNN.redraw`): an intervened one under the same intervention.
    n_untrained : int
        Networks at most: they are built and run when they are asked for, some at a time.
    measure : callable
        Called with each network and its states, of several at once (:func:`map_parallel`).
    noise_std : float > 0
        Standard deviation of the noise (dimensionless).
    generator
        Source of weights and noise.

    Raises
    ------
    InputError
        If the cell cannot be drawn anew.

    Notes
    -----
    Own construction. Runs are those of ``UNTRAINED_RUN``: for 150 neurons, estimation noise raises the root
    mean square of the area rate by 2 %.
    """
    require_redrawable(network, n_untrained)

    def measure_one(source: torch.Generator) -> Value:
        untrained = network.redraw(source)
        path = run_driven(untrained, **UNTRAINED_RUN, noise_std=noise_std, generator=source)
        return measure(untrained, network.show_hidden(path.states))

    for first in range(0, n_untrained, _AT_A_TIME):
        sources = [fork_generator(generator) for _ in range(min(_AT_A_TIME, n_untrained - first))]
        yield from map_parallel(measure_one, sources)


def require_redrawable(network: NoiseRNN, n_untrained: int) -> None:
    """Check, before anything is computed, that there can be untrained networks, and enough for a quantile.

    Raises
    ------
    InputError
        If there are some, but fewer than ``LEAST_UNTRAINED``, or the cell cannot be drawn anew.
    """
    if n_untrained != 0 and n_untrained < LEAST_UNTRAINED:
        raise InputError(f"`n_untrained` must be 0 or ≥ {LEAST_UNTRAINED}, got {n_untrained}. Use 100.")
    if n_untrained:
        network.redraw(torch.Generator(network.w_out.device))
