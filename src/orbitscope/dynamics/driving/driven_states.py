"""States that the noise drives a network through, after a burn-in, with the noise that led to each."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import InputError, UndefinedAnalysisError
from ...network import NoiseRNN, iterate_rollout
from ...part_settings import Drive, DrivenStarts
from ...subject import Subject
from ...system.memory import require_memory

LARGEST_STATE = 1e12
"""Activity above which a network counts as growing without bound (float32 keeps 7 digits of it)."""

_CHECK_STEPS = 50
"""Steps of the burn-in after which activity is checked."""


class NoStationaryRegimeError(UndefinedAnalysisError):
    """The network grows without bound or falls silent, so there are no driven states to analyse."""


@dataclass(frozen=True)
class DrivenPath:
    """Consecutive states of driven trajectories.

    Attributes
    ----------
    start : (trajectory, state)
        Before the first step.
    states : (time, trajectory, state)
        After each step.
    noise : (time, trajectory, input)
        ``noise[t]`` led from ``states[t - 1]`` (``start`` for t = 0) to ``states[t]``.
    """

    start: Float[Tensor, "trajectory state"]
    states: Float[Tensor, "time trajectory state"]
    noise: Float[Tensor, "time trajectory input"]


_COPIES = 3
"""Arrays of the size of states and noise that are there at once, at least, while a part looks at them."""


@torch.no_grad()
def run_driven(
    network: NoiseRNN,
    n_trajectories: int,
    n_steps: int,
    *,
    burn_in: int = 500,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> DrivenPath:
    """Run independent trajectories from zero and keep what follows the burn-in.

    Parameters
    ----------
    network : NoiseRNN
    n_trajectories : int >= 1
        Independent units: intervals are to be taken over these, not over states.
    n_steps : int >= 1
        Steps that are kept.
    burn_in : int >= 0
        Steps that are not. 0 starts in h = 0, as training does.
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    generator
        Source of the noise; same seed, same path.

    Raises
    ------
    InputError
        If a number is out of range.
    TooLargeError
        If states and noise, and what is made of them, would not fit into memory.
    NoStationaryRegimeError
        If activity exceeds ``LARGEST_STATE`` or becomes NaN, or if every trajectory is silent at the end.
    """
    for name, value, least in (("n_trajectories", n_trajectories, 1), ("n_steps", n_steps, 1)):
        if value < least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
    if burn_in < 0 or noise_std < 0:
        raise InputError(f"`burn_in` and `noise_std` must be ≥ 0, got {burn_in} and {noise_std}.")
    size = network.initial_state(1).nbytes + network.w_out.itemsize * network.input_size
    what = f"Driving {n_trajectories} trajectories for {n_steps} steps"
    require_memory(_COPIES * n_trajectories * n_steps * size, what, "Lower `n_trajectories` or `n_steps`.")
    run = {"noise_std": noise_std, "generator": generator}
    start = network.initial_state(n_trajectories)
    if burn_in > 0:
        for chunk in iterate_rollout(network, burn_in, start=start, chunk_steps=_CHECK_STEPS, **run):
            require_bounded(chunk.states[-1], chunk.first_step + len(chunk.states))
        start = chunk.states[-1].clone()
    kept = next(iterate_rollout(network, n_steps, start=start, chunk_steps=n_steps, **run))
    require_bounded(kept.states[-1], burn_in + n_steps)
    if noise_std > 0 and not bool(kept.states[-1].any()):
        raise NoStationaryRegimeError(
            f"the network must be active under noise, but all {n_trajectories} trajectories are silent after "
            f"{burn_in + n_steps} steps. Use a network whose noise reaches its units."
        )
    return DrivenPath(start, kept.states, kept.noise)


def drive(
    subject: Subject, settings: Drive, *, n_steps: int | None = None, generator: torch.Generator
) -> DrivenPath:
    """Run the network of a subject as the settings of a part say; ``n_steps`` wins over theirs."""
    return run_driven(
        subject.network,
        settings.n_trajectories,
        settings.n_steps if n_steps is None else n_steps,
        burn_in=settings.burn_in,
        noise_std=subject.noise_std,
        generator=generator,
    )


def draw_driven_states(
    subject: Subject, settings: DrivenStarts, *, generator: torch.Generator
) -> Float[Tensor, "point state"]:
    """Driven states that are independent: the last one of each trajectory."""
    noise = {"noise_std": subject.noise_std, "generator": generator}
    return run_driven(subject.network, settings.n_states, 1, burn_in=settings.burn_in, **noise).states[0]


def require_bounded(state: Float[Tensor, "trajectory state"], step: int) -> None:
    """Check that activity is below ``LARGEST_STATE`` after so many steps.

    Raises
    ------
    NoStationaryRegimeError
        If it is not, or NaN.
    """
    largest = float(state.abs().max())
    if not largest <= LARGEST_STATE:
        raise NoStationaryRegimeError(
            f"activity must stay below {LARGEST_STATE:.0e}, but reached {largest:.3g} within {step} steps: "
            "the network has no stationary regime. Analyse its training window with `burn_in=0`; for "
            "`orbitscope analyse`, write `burn_in = 0` below `[all]` in a file for `--settings`."
        )
