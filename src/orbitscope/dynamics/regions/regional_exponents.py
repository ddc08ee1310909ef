"""Finite-time exponents by region: where along the orbit small differences grow, and where they shrink."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...quantity import Quantity, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic
from ..stability.lyapunov import LyapunovResult
from .region_labels import LABEL_ROLLOUTS, LABEL_STEPS, REGIONS, label_states


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionalExponentsResult(Result):
    """First finite-time exponents of the driven dynamics, by the region in which a block of steps starts.

    ``status`` holds ``empty``, the regions without blocks.

    Attributes
    ----------
    region : (region,)
        Names; ``other_region`` repeats them.
    mean_exponent : Estimate, (region,)
        Mean over the blocks of a region, and its interval over trajectories; NaN without blocks.
    expanding : Estimate, (region,)
        Share of the blocks in which the tangent vector grew.
    difference : Estimate, (region, other_region)
        Mean of a region minus that of another one.
    n_blocks, n_lost : (region,)
        Blocks with an exponent, and blocks that lost the tangent vector, which are left out.
    exponent : (trajectory, block)
        First finite-time exponent; −inf where the vector was lost.
    label : (trajectory, block)
        Index of the region; −1 is undefined.
    """

    region: Shaped[np.ndarray, " region"] = axes("region", description="region by residency")
    mean_exponent: Estimate = estimates("region", unit="1/step", description="mean exponent")
    expanding: Estimate = estimates("region", description="share of blocks that expand")
    difference: Estimate = estimates(
        "region", "other_region", unit="1/step", description="mean exponent minus that of another region"
    )
    n_blocks: Int[np.ndarray, " region"] = axes("region", description="blocks with an exponent")
    n_lost: Int[np.ndarray, " region"] = axes("region", description="blocks that lost the vector")
    exponent: Float[np.ndarray, "trajectory block"] = axes(
        "trajectory", "block", unit="1/step", description="first finite-time exponent"
    )
    label: Integer[np.ndarray, "trajectory block"] = axes(
        "trajectory", "block", description="region of the state at the start"
    )

    def headline(self) -> list[Quantity]:
        """First finite-time exponent of each region, share of expanding blocks, and kick minus slow."""
        n_steps = self.settings["block_steps"]
        quantities = []
        for i, name in enumerate(self.region.tolist()):
            first = f"{name}: first exponent of {n_steps} steps"
            quantities += [
                Quantity(f"first[{name}]", first, self.mean_exponent[i], "1/step"),
                Quantity(f"expanding[{name}]", f"{name}: blocks that expand", self.expanding[i], "share"),
            ]
        at = self.region.tolist().index("kick"), self.region.tolist().index("slow")
        alike = known_value("if alike", 0.0)
        return [
            *quantities,
            Quantity("kick_minus_slow", "kick minus slow", self.difference[at], "1/step", alike),
        ]


def compute_regional_exponents(
    network: NoiseRNN,
    exponents: LyapunovResult,
    *,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> RegionalExponentsResult:
    """Assign the blocks of driven exponents to regions by the residency of the state at their start.

    Parameters
    ----------
    network : NoiseRNN
        The one that the exponents belong to.
    exponents : LyapunovResult
        Of :func:`compute_lyapunov_exponents`; residencies are taken under its noise.
    n_resamples, confidence
        Of the bootstrap over trajectories.
    generator
        Source of the noise of the rollouts and of the bootstrap; same seed, same result.

    Raises
    ------
    InputError
        If the exponents are those without noise, belong to a network of another width, or a number is out of
        range.

    Notes
    -----
    Own construction. The vector that is followed has turned to the direction of the first exponent before the
    first block, so the exponents of all blocks, weighted alike, average to that of the trajectory. A block
    outlasts many residencies: it starts in a region and may end in another one. Lengths are in units of the
    standard deviation of each neuron (:func:`compute_lyapunov_exponents`): in others, such as raw activity,
    the exponents of blocks differ by what their ends do, and with them the shares that expand.
    """
    noise_std = exponents.settings["noise_std"]
    if not noise_std > 0:
        raise InputError("`exponents` must be those under noise, got those without. Use driven ones.")
    n_trajectories, n_blocks, width = exponents.block_states.shape
    if width != network.cell.state_size:
        raise InputError(
            f"`exponents` must be of this network, whose state has the width {network.cell.state_size}, got "
            f"{width}. Compute both from the same network."
        )
    states = torch.from_numpy(exponents.block_states.copy()).to(network.w_out).flatten(0, 1)
    label = label_states(network, states, noise_std=noise_std, generator=generator)
    label = label.reshape(n_trajectories, n_blocks)
    exponent = exponents.local[..., 0]
    rng = spawn_rng(generator)
    return RegionalExponentsResult(
        settings={
            "noise_std": noise_std,
            "label_steps": LABEL_STEPS,
            "label_rollouts": LABEL_ROLLOUTS,
            "n_resamples": n_resamples,
            "confidence": confidence,
            "block_steps": exponents.settings["block_steps"],
        },
        status={"empty": [name for i, name in enumerate(REGIONS) if not (label == i).any()]},
        region=np.array(REGIONS),
        **_summarise(label, exponent, rng=rng, n_resamples=n_resamples, confidence=confidence),
        exponent=exponent,
        label=label.astype(np.int8),
    )


def _summarise(label: np.ndarray, exponent: np.ndarray, **resampling: Any) -> dict[str, Any]:
    """Means, shares and differences of regions with their intervals."""
    is_in, is_finite = label[..., None] == np.arange(len(REGIONS)), np.isfinite(exponent)[..., None]
    is_known = is_in & is_finite
    values = np.where(is_known, exponent[..., None], 0.0)
    sums = np.stack([values.sum(1), (values > 0).sum(1), is_known.sum(1)], axis=1)
    found = bootstrap_statistic(sums, _compare, **resampling).as_estimate()
    return {
        "mean_exponent": found[0],
        "expanding": found[1],
        "difference": found[2:],
        "n_blocks": is_known.sum((0, 1)),
        "n_lost": (is_in & ~is_finite).sum((0, 1)),
    }


def _compare(sums: np.ndarray) -> np.ndarray:
    """Mean, share that expands, and differences of means, (batch, 2 + region, region)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, expanding = sums[:, 0] / sums[:, 2], sums[:, 1] / sums[:, 2]
    difference = mean[:, :, None] - mean[:, None, :]
    return np.concatenate([mean[:, None], expanding[:, None], difference], axis=1)
