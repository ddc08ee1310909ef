"""Finite-time exponents by region: where along the orbit small differences grow, and where they shrink."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped

from ...errors import InputError
from ...network import spawn_rng
from ...part import Part
from ...part_settings import Resampling
from ...quantity import Definition, Quantity, define, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic
from ...subject import Subject
from ..stability.lyapunov import LyapunovResult
from .region_labels import LABEL_ROLLOUTS, LABEL_STEPS, REGIONS, label_states

_TESTS = "tests/dynamics/regions/test_regional_exponents.py"

DEFINITIONS = define(
    Definition(
        key="first",
        label="{}",
        meaning="Mean finite-time exponent of the blocks of driven steps that start in a region.",
        equation="⟨(1/n) Σ_t log ‖J_t v_t‖⟩ over blocks of n steps, v_t the leading tangent vector",
        reading="Blocks weighted alike average to the first exponent. A block outlasts many residencies.",
        test=f"{_TESTS}::test_exponents_that_differ_by_construction",
        unit="1/step",
    ),
    Definition(
        key="expanding",
        label="{}: blocks that expand",
        meaning="Share of the blocks that start in a region in which the tangent vector grew.",
        equation="n(blocks with exponent > 0) / n(blocks)",
        reading="It depends on the units of activity, which are those of each neuron's spread.",
        test=f"{_TESTS}::test_blocks_have_the_region_of_the_state_at_their_start",
        unit="share",
    ),
    Definition(
        key="kick_minus_slow",
        label="kick minus slow",
        meaning="Mean finite-time exponent from kick states minus that from slow states.",
        equation="⟨λ_kick⟩ − ⟨λ_slow⟩",
        reading="Above 0: small differences grow more from kick states on.",
        test=f"{_TESTS}::test_exponents_that_differ_by_construction",
        unit="1/step",
    ),
)


class RegionalExponentsSettings(Resampling):
    """Settings of the part ``regional_exponents``."""


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

    def list_quantities(self) -> list[Quantity]:
        """First finite-time exponent of each region, share of expanding blocks, and kick minus slow."""
        n_steps = self.settings["block_steps"]
        quantities = []
        for i, name in enumerate(self.region.tolist()):
            first = f"{name}: first exponent of {n_steps} steps"
            quantities += [
                DEFINITIONS["first"].measure(self.mean_exponent[i], name, name=first),
                DEFINITIONS["expanding"].measure(self.expanding[i], name),
            ]
        at = self.region.tolist().index("kick"), self.region.tolist().index("slow")
        alike = known_value("if alike", 0.0)
        return [*quantities, DEFINITIONS["kick_minus_slow"].measure(self.difference[at], beside=alike)]


def compute_regional_exponents(
    subject: Subject, settings: RegionalExponentsSettings
) -> RegionalExponentsResult:
    """Assign the blocks of the part ``exponents`` to regions by the residency of the state at their start.

    Raises
    ------
    InputError
        If the exponents are those without noise, or belong to a network of another width.

    Notes
    -----
    Own construction. The vector that is followed has turned to the direction of the first exponent before the
    first block, so the exponents of all blocks, weighted alike, average to that of the trajectory. A block
    outlasts many residencies: it starts in a region and may end in another one. Lengths are in units of the
    standard deviation of each neuron (:func:`compute_lyapunov_exponents`): in others, such as raw activity,
    the exponents of blocks differ by what their ends do, and with them the shares that expand.
    """
    network, exponents = subject.network, subject.found["exponents"]
    generator = subject.start_generator("regional_exponents")
    noise_std = _check(exponents, width=network.cell.state_size)
    n_trajectories, n_blocks, _ = exponents.block_states.shape

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
            **settings.resampling,
            "block_steps": exponents.settings["block_steps"],
        },
        status={"empty": [name for i, name in enumerate(REGIONS) if not (label == i).any()]},
        region=np.array(REGIONS),
        **_summarise(label, exponent, rng=rng, **settings.resampling),
        exponent=exponent,
        label=label.astype(np.int8),
    )


def _check(exponents: LyapunovResult, *, width: int) -> float:
    """Noise of the exponents, which have to be driven ones of this network."""
    noise_std = exponents.settings["noise_std"]
    if not noise_std > 0:
        raise InputError("`exponents` must be those under noise, got those without. Use driven ones.")
    if exponents.block_states.shape[2] != width:
        raise InputError(
            f"`exponents` must be of this network, whose state has the width {width}, got "
            f"{exponents.block_states.shape[2]}. Compute both from the same network."
        )
    return noise_std


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


PART = Part(
    name="regional_exponents",
    question="from which region on do small differences grow?",
    result=RegionalExponentsResult,
    settings=RegionalExponentsSettings,
    compute=compute_regional_exponents,
    definitions=DEFINITIONS,
    seconds=3.0,
    quick={"n_resamples": 200},
    needs=("exponents",),
)
