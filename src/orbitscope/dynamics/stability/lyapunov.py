"""Lyapunov exponents of the driven dynamics, and what those with and without noise share."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field, model_validator

from ...errors import InputError
from ...network import spawn_rng
from ...part import Part
from ...part_settings import AlignSteps, Drive, Resampling, Trajectories
from ...quantity import Definition, Quantity, define, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, bootstrap_statistic, divide_sums
from ...subject import Subject
from ..driving.driven_states import drive
from ..driving.neuron_scales import measure_scales
from .tangents import TangentBlocks, follow_tangents

_TESTS = "tests/dynamics/stability/test_lyapunov.py"

DEFINITIONS = define(
    Definition(
        key="verdict",
        label="small differences between paths",
        meaning="Whether paths that differ little come together under the same noise.",
        equation="contracts or expands where the interval of the first exponent excludes 0; collapses where "
        "most paths lose all their tangent vectors",
        reading="'contracts' and 'collapses': the noise alone decides where activity goes. 'expands': chaos.",
        test=f"{_TESTS}::test_a_verdict_needs_the_whole_interval",
    ),
    Definition(
        key="largest",
        label="largest exponent",
        meaning="Mean rate at which small differences between two paths under the same noise grow.",
        equation="λ₁ = ⟨(1/T) Σ_t log ‖J_t v_t‖⟩, v_t the leading tangent vector",
        reading="Below 0 paths meet. Its interval is over trajectories.",
        test=f"{_TESTS}::test_the_first_exponent_is_the_growth_of_a_small_separation",
        source="benettin1980",
        unit="1/step",
    ),
    Definition(
        key="share_lost",
        label="paths on which all differences vanish",
        meaning="Paths on which tangent vectors become exactly 0, as where a ReLU network falls silent.",
        equation="n(paths with λ₁ = −∞) / n(paths)",
        reading="These are left out of the mean exponent.",
        test=f"{_TESTS}::test_lost_directions_are_minus_infinity",
        unit="share",
    ),
)


ExponentSteps = Annotated[int, Field(ge=1, description="steps over which exponents are taken")]
BlockSteps = Annotated[int, Field(ge=1, description="steps of a block with a finite-time exponent")]


class TangentLengths(Resampling):
    """Settings that every estimate of exponents has: how many, and along how long a path."""

    n_exponents: int = Field(default=5, ge=1, description="exponents, at most the width of the state")
    n_steps: ExponentSteps = 500
    align_steps: AlignSteps = 100
    block_steps: BlockSteps = 5

    @model_validator(mode="after")
    def _check_blocks(self) -> "TangentLengths":
        if self.n_steps % self.block_steps:
            filled = -(-self.n_steps // self.block_steps) * self.block_steps
            raise ValueError(
                f"`n_steps` must be a multiple of `block_steps`, got {self.n_steps} and {self.block_steps}. "
                f"Use {filled} steps"
            )
        return self


class LyapunovSettings(TangentLengths, Drive):
    """Settings of the part ``exponents``."""

    n_trajectories: Trajectories = 100
    n_steps: ExponentSteps = 500


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

    def list_quantities(self) -> list[Quantity]:
        """Largest exponent and verdict."""
        lost, n_paths = self.status["n_collapsed"][0], len(self.per_trajectory)
        stays = known_value("if differences stay", 0.0)
        return [
            DEFINITIONS["verdict"].measure(word=self.status["verdict"]),
            DEFINITIONS["largest"].measure(self.mean_exponent[0], beside=stays),
            DEFINITIONS["share_lost"].measure(lost / n_paths),
        ]


def compute_lyapunov_exponents(subject: Subject, settings: LyapunovSettings) -> LyapunovResult:
    """Largest Lyapunov exponents of the driven dynamics: how fast paths under the same noise part or meet.

    Parameters
    ----------
    subject : Subject
        Its network and noise; the path of all trajectories is kept in memory.
    settings : LyapunovSettings
        At least two trajectories; no more exponents than the state is wide are taken.

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
    scales with its noise the result does not depend on the noise. Vectors are measured in units of the
    standard deviation of each neuron, so that finite-time exponents do not depend on the units of single
    neurons, which for a ReLU network are arbitrary; exponents of long paths depend on no units.
    """
    _check(subject, settings)
    generator, align_steps = subject.start_generator("exponents"), settings.align_steps
    path = drive(subject, settings, n_steps=align_steps + settings.n_steps, generator=generator)
    steps = zip([path.start, *path.states[:-1]], path.noise, strict=True)
    scales = torch.from_numpy(measure_scales(path.states)).to(path.start)

    n_exponents = min(settings.n_exponents, subject.network.cell.state_size)
    blocks = follow_tangents(
        subject.network,
        steps,
        n_exponents,
        align_steps=align_steps,
        block_steps=settings.block_steps,
        scales=torch.where(scales > 0, scales, 1.0),
        generator=generator,
    )
    record = subject.record(settings) | {"n_exponents": n_exponents}
    summary = summarise_blocks(blocks, **settings.resampling, generator=generator)
    return LyapunovResult(settings=record, **summary)


def _check(subject: Subject, settings: LyapunovSettings) -> None:
    if settings.n_trajectories < 2:
        raise InputError(
            f"`n_trajectories` must be ≥ 2 for an interval, got {settings.n_trajectories}. Use 100."
        )
    if not subject.noise_std > 0:
        raise InputError(
            f"`noise_std` must be > 0, got {subject.noise_std}. Use the part noise_free_exponents to go "
            "without noise."
        )


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


PART = Part(
    name="exponents",
    question="do paths under the same noise meet or part?",
    result=LyapunovResult,
    settings=LyapunovSettings,
    compute=compute_lyapunov_exponents,
    definitions=DEFINITIONS,
    seconds=1.0,
    quick={"n_trajectories": 20, "n_steps": 100},
    requires_noise=True,
)
