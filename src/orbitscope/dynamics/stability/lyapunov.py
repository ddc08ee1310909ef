"""Lyapunov exponents of the driven dynamics, and what those with and without noise share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...quantity import Quantity, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic, divide_sums
from ..driving.driven_states import run_driven
from ..driving.neuron_scales import measure_scales
from .tangents import TangentBlocks, follow_tangents


@dataclass(frozen=True, kw_only=True, eq=False)
class LyapunovResult(Result):
    """Lyapunov exponents, largest first, and the finite-time exponents that they are means of.

    ``status`` holds ``verdict`` on the first exponent: "contracts" or "expands" if its interval lies below or
    above 0, "undecided" if it holds 0, "collapses" if most trajectories lost all their directions,
    "undefined" without an interval; ``n_collapsed`` (trajectories on which an exponent is −inf, for each
    exponent) and ``n_undefined`` (NaN: the path diverged).

    Attributes
    ----------
    mean_exponent : Estimate, (exponent,)
        Mean over trajectories with a finite exponent, and its bootstrap interval; NaN without any. If some
        are −∞, more are the longer they run, so that the mean is that of ``n_steps`` steps without a loss.
    per_trajectory : (trajectory, exponent)
        −inf where tangent vectors were lost: the step has no such direction left.
    local : (trajectory, block, exponent)
        Finite-time exponents of consecutive blocks of ``block_steps`` steps.
    block_states : (trajectory, block, state)
        State at the start of each block, by which blocks can be assigned to regions.
    """

    mean_exponent: Estimate = estimates(
        "exponent", unit="1/step", description="mean exponent of the trajectories"
    )
    per_trajectory: Float[np.ndarray, "trajectory exponent"] = axes(
        "trajectory", "exponent", unit="1/step", description="exponent of each trajectory"
    )
    local: Float[np.ndarray, "trajectory block exponent"] = axes(
        "trajectory", "block", "exponent", unit="1/step", description="finite-time exponent"
    )
    block_states: Float[np.ndarray, "trajectory block state"] = axes(
        "trajectory", "block", "state", description="state at the start of a block"
    )

    def headline(self) -> list[Quantity]:
        """Largest exponent and verdict."""
        lost, n_paths = self.status["n_collapsed"][0], len(self.per_trajectory)
        return [
            Quantity("verdict", "small differences between paths", word=self.status["verdict"]),
            Quantity(
                "largest",
                "largest exponent",
                self.mean_exponent[0],
                "1/step",
                known_value("if differences stay", 0.0),
            ),
            Quantity(
                "share_lost", "paths on which all differences vanish", Estimate(lost / n_paths), "share"
            ),
        ]


def compute_lyapunov_exponents(
    network: NoiseRNN,
    *,
    n_exponents: int = 5,
    noise_std: float = 1.0,
    n_trajectories: int = 100,
    n_steps: int = 500,
    burn_in: int = 500,
    align_steps: int = 100,
    block_steps: int = 5,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> LyapunovResult:
    """Largest Lyapunov exponents of the driven dynamics: how fast paths under the same noise part or meet.

    Parameters
    ----------
    network : NoiseRNN
    n_exponents : int >= 1
        At most the width of the state.
    noise_std : float > 0
        Standard deviation of the noise (dimensionless).
    n_trajectories : int >= 2
        Independent units; the path of all of them is kept in memory.
    n_steps : int >= 1
        Steps over which exponents are taken, a multiple of ``block_steps``.
    burn_in : int >= 0
        Steps before the tangent vectors start.
    align_steps : int >= 0
        Further steps in which they turn to the directions of the exponents; not counted.
    block_steps : int >= 1
        Length of the blocks of the finite-time exponents.
    n_resamples, confidence
        Of the bootstrap over trajectories.
    generator
        Source of noise, of the first tangent vectors and of the bootstrap; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    Benettin et al. 1980, with a QR decomposition after every step. Tangent vectors advance by the exact
    Jacobian of the driven step, with the noise of that step. A diagonal entry of R below rounding counts as
    0 and its exponent as −inf: a ReLU step has no more directions than active neurons. For a network that
    scales with its noise the result does not depend on ``noise_std``. Vectors are measured in units of the
    standard deviation of each neuron, so that finite-time exponents do not depend on the units of single
    neurons, which for a ReLU network are arbitrary; exponents of long paths depend on no units.
    """
    lengths = {"n_steps": n_steps, "align_steps": align_steps, "block_steps": block_steps}
    require_lengths(network, n_exponents, **lengths)
    if n_trajectories < 2:
        raise InputError(f"`n_trajectories` must be ≥ 2 for an interval, got {n_trajectories}. Use 100.")
    if not noise_std > 0:
        raise InputError(
            f"`noise_std` must be > 0, got {noise_std}. Use compute_noise_free_exponents to go without noise."
        )
    drive = {"burn_in": burn_in, "noise_std": noise_std}
    path = run_driven(network, n_trajectories, align_steps + n_steps, **drive, generator=generator)
    steps = zip([path.start, *path.states[:-1]], path.noise, strict=True)
    scales = torch.from_numpy(measure_scales(path.states)).to(path.start)
    blocks = follow_tangents(
        network,
        steps,
        n_exponents,
        align_steps=align_steps,
        block_steps=block_steps,
        scales=torch.where(scales > 0, scales, 1.0),
        generator=generator,
    )
    resampling = {"n_resamples": n_resamples, "confidence": confidence}
    settings = {
        "n_exponents": n_exponents,
        "n_trajectories": n_trajectories,
        **drive,
        **lengths,
        **resampling,
    }
    return LyapunovResult(settings=settings, **summarise_blocks(blocks, **resampling, generator=generator))


def summarise_blocks(
    blocks: TangentBlocks, *, n_resamples: int, confidence: float, generator: torch.Generator
) -> dict[str, Any]:
    """Status and arrays of a :class:`LyapunovResult`."""
    exponents = blocks.growth.mean(1).cpu().numpy()
    rng = spawn_rng(generator)
    is_finite = np.isfinite(exponents)
    sums = np.stack([np.where(is_finite, exponents, 0.0), is_finite], axis=1)
    found = bootstrap_statistic(sums, divide_sums, rng=rng, n_resamples=n_resamples, confidence=confidence)
    mean = found.as_estimate()
    status = {
        "verdict": _judge(exponents[:, 0], mean[0]),
        "n_collapsed": np.isneginf(exponents).sum(0).tolist(),
        "n_undefined": np.isnan(exponents).sum(0).tolist(),
    }
    return {
        "status": status,
        "mean_exponent": mean,
        "per_trajectory": exponents,
        "local": blocks.growth.cpu().numpy(),
        "block_states": blocks.states.cpu().numpy(),
    }


def _judge(exponents: np.ndarray, mean: Estimate) -> str:
    collapsed = np.isneginf(exponents)
    if collapsed.mean() > 0.5:
        return "collapses"
    if np.isnan(mean.low):
        return "undefined"
    if mean.high < 0:
        return "contracts"
    return "expands" if mean.low > 0 and not collapsed.any() else "undecided"


def require_lengths(
    network: NoiseRNN, n_exponents: int, *, n_steps: int, align_steps: int, block_steps: int
) -> None:
    """Check that there are as many exponents as asked for, and that blocks fill the steps."""
    values = {"n_exponents": n_exponents, "n_steps": n_steps, "block_steps": block_steps}
    for name, value, least in [*((n, v, 1) for n, v in values.items()), ("align_steps", align_steps, 0)]:
        if value < least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}. Leave it out for the default.")
    width = network.cell.state_size
    if n_exponents > width:
        raise InputError(f"`n_exponents` must be ≤ {width}, the width of the state, got {n_exponents}.")
    if n_steps % block_steps:
        raise InputError(
            f"`n_steps` must be a multiple of `block_steps`, got {n_steps} and {block_steps}. Use "
            f"{-(-n_steps // block_steps) * block_steps} steps."
        )
