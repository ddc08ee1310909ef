"""Residency: how many steps the most probable symbol of a state lasts under fresh noise."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, draw_noise_, fork_generator
from ...results import Result, axes
from ...system.threads import map_parallel
from ..driving.points import require_points

_CHUNK_ROLLOUTS = 8192
"""Rollouts that advance together; each chunk has noise of its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidencyResult(Result):
    """Residency of states, and how their logits waver meanwhile.

    Attributes
    ----------
    symbol : (point,)
        Most probable symbol of each state.
    mean_steps : (point,)
        Mean number of steps until the most probable symbol is another one; 1 if it is after one step.
    standard_error : (point,)
        Of this mean over rollouts; NaN from a single one.
    censored_share : (point,)
        Share of rollouts in which it never was; they count with ``max_steps``. With ``enough`` also of those
        that were left early; they count with their steps so far, and the standard error means nothing.
    logit_sign_changes, margin_sign_changes : (point,)
        Mean number of sign changes of the step difference of the start symbol's logit, and of its margin over
        the best other symbol, from the state to the step that ends the residency.
    """

    symbol: Int[np.ndarray, " point"] = axes("point", description="most probable symbol")
    mean_steps: Float[np.ndarray, " point"] = axes("point", unit="steps", description="mean residency")
    standard_error: Float[np.ndarray, " point"] = axes(
        "point", unit="steps", description="standard error of the mean over rollouts"
    )
    censored_share: Float[np.ndarray, " point"] = axes("point", description="rollouts without an end")
    logit_sign_changes: Float[np.ndarray, " point"] = axes(
        "point", description="sign changes of the steps of the start symbol's logit"
    )
    margin_sign_changes: Float[np.ndarray, " point"] = axes(
        "point", description="sign changes of the steps of its margin over the runner-up"
    )


@torch.no_grad()
def compute_residency(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    noise_std: float = 1.0,
    max_steps: int = 60,
    n_rollouts: int = 20,
    enough: float | None = None,
    generator: torch.Generator,
) -> ResidencyResult:
    """Mean number of steps before the most probable symbol changes, over rollouts with fresh noise.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
        Where rollouts start.
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    max_steps : int >= 1
        Longer residencies are cut at this number of steps.
    n_rollouts : int >= 1
        Rollouts from each state.
    enough : float >= 0, optional
        A state is followed no further once its mean residency is sure to exceed this number of steps; what is
        measured of it then is that of the steps so far, and its residency a lower bound.
    generator
        Source of the noise; same seed, same result.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or a number is out of range.

    Notes
    -----
    Paper: Torre et al. 2025, residency time, with the same 20 rollouts and 60 steps. Rollouts that have ended
    are dropped from the batch. Sign changes of the margin are ours: a logit alone is not invariant to adding
    the same vector to all rows of the readout. A tie counts for the symbol with the smaller number.
    """
    _check(network, states, max_steps=max_steps, n_rollouts=n_rollouts, noise_std=noise_std, enough=enough)
    per_chunk = max(1, _CHUNK_ROLLOUTS // n_rollouts)
    chunks = [(part, fork_generator(generator)) for part in states.split(per_chunk)]

    def follow(chunk: tuple[Tensor, torch.Generator]) -> Tensor:
        start = chunk[0].repeat_interleave(n_rollouts, 0)
        limits = {"max_steps": max_steps, "n_rollouts": n_rollouts, "enough": enough}
        return _follow(network, start, noise_std=noise_std, **limits, generator=chunk[1])

    sums = torch.cat(map_parallel(follow, chunks), dim=1).unflatten(1, (len(states), n_rollouts))
    steps, censored, logit_changes, margin_changes = sums.double().mean(2).cpu().numpy()
    error = sums[0].double().std(1).cpu().numpy() / np.sqrt(n_rollouts) if n_rollouts > 1 else steps * np.nan
    return ResidencyResult(
        settings={
            "noise_std": noise_std,
            "max_steps": max_steps,
            "n_rollouts": n_rollouts,
            "enough": enough,
        },
        status={},
        symbol=network.compute_logits(states).argmax(1).cpu().numpy(),
        mean_steps=steps,
        standard_error=error,
        censored_share=censored,
        logit_sign_changes=logit_changes,
        margin_sign_changes=margin_changes,
    )


class _SignCounter:
    """Counts how often the step difference of a series changes its sign, for many (..., rollout) at once."""

    def __init__(self, start: Tensor):
        self.last, self.sign = start, torch.zeros_like(start)
        self.count = torch.zeros_like(start)

    def add(self, values: Tensor) -> None:
        sign = torch.sign(values - self.last)
        self.count += (sign * self.sign < 0).to(self.count.dtype)
        self.sign = torch.where(sign == 0, self.sign, sign)
        self.last = values

    def keep(self, rollouts: Int[Tensor, " rollout"]) -> None:
        self.last, self.sign, self.count = (
            values.index_select(-1, rollouts) for values in (self.last, self.sign, self.count)
        )


def _follow(
    network: NoiseRNN,
    state: Tensor,
    *,
    noise_std: float,
    max_steps: int,
    n_rollouts: int,
    enough: float | None,
    generator: torch.Generator,
) -> Tensor:
    """Run rollouts to the end of their residency: (steps, censored, sign changes twice) x rollout.

    ``n_rollouts`` successive ones start from the same state; they end once their mean is sure to be enough.
    """
    found = state.new_zeros(4, len(state))
    found[1] = 1.0
    total = torch.zeros(len(state) // n_rollouts, dtype=torch.int64, device=state.device)
    logits = network.compute_logits(state)
    symbol, index = logits.argmax(1), torch.arange(len(state), device=state.device)
    counter = _SignCounter(_measure(logits, symbol))

    for step in range(1, max_steps + 1):
        noise = draw_noise_(state.new_empty(1, len(state), network.input_size), noise_std, generator)[0]
        state = network.step(state, noise)
        logits = network.compute_logits(state)
        counter.add(_measure(logits, symbol))
        found[0, index] = step
        found[2:, index] = counter.count
        stays = logits.argmax(1) == symbol
        found[1, index[~stays]] = 0.0

        # A start whose mean is sure to be long enough needs no more steps of any of its rollouts.
        if enough is not None:
            owner = index // n_rollouts
            total += torch.bincount(owner, minlength=len(total))
            stays &= total[owner] <= enough * n_rollouts

        kept = stays.nonzero()[:, 0]
        state, symbol, index = (values.index_select(0, kept) for values in (state, symbol, index))
        counter.keep(kept)
        if len(index) == 0:
            break
    return found


def _measure(logits: Tensor, symbol: Tensor) -> Float[Tensor, "2 rollout"]:
    """Logit of a symbol, and its margin over the best other one."""
    chosen = logits.gather(1, symbol[:, None])
    others = logits.scatter(1, symbol[:, None], -torch.inf).amax(1)
    return torch.stack([chosen[:, 0], chosen[:, 0] - others])


def _check(
    network: NoiseRNN,
    states: Tensor,
    *,
    max_steps: int,
    n_rollouts: int,
    noise_std: float,
    enough: float | None,
) -> None:
    require_points(network, states)
    for name, value, least in (
        ("max_steps", max_steps, 1),
        ("n_rollouts", n_rollouts, 1),
        ("noise_std", noise_std, 0),
        ("enough", 0 if enough is None else enough, 0),
    ):
        if not value >= least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
