"""Noise sensitivity: how rollouts from one state spread when part of a shared noise path is drawn anew."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Integer, Shaped
from pydantic import Field
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...part import Part
from ...part_settings import BurnIn, Resampling
from ...quantity import Definition, Quantity, Reference, define, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate
from ...subject import Subject
from ..driving.points import require_points
from .region_labels import LABEL_ROLLOUTS, LABEL_STEPS, REGIONS, SLOW_ABOVE, TRANSITION_BELOW
from .region_starts import SPACING, draw_region_starts
from .shared_noise import GAMMAS, RULES, measure_fans, record_fans
from .spread_ratios import (
    EARLY,
    FEWEST_STARTS,
    LATE,
    average_starts,
    compute_entropy,
    compute_log_ratio,
    stack_regions,
    summarise_ratios,
)

_TESTS = "tests/dynamics/regions/test_noise_sensitivity.py"

DEFINITIONS = define(
    Definition(
        key="spread_ratio",
        label="{}: spread after 5 steps over that after 1",
        meaning="How rollouts from one state of a region part under entirely fresh noise; the spread is the "
        "trace of the covariance of activity over rollouts.",
        equation="geometric mean over starts of spread(5)/spread(1)",
        reading="Above 1 noise accumulates; a linear network has the same ratio in every region.",
        test=f"{_TESTS}::test_traces_of_a_linear_network_are_known",
        source="torre2025 (noise sensitivity)",
    ),
    Definition(
        key="slow_over_transition",
        label="slow over transition",
        meaning="Growth of the spread of rollouts from slow states over that from transition states.",
        equation="ratio_slow / ratio_transition",
        reading="1 if regions are alike; above 1 slow states let noise accumulate more.",
        test=f"{_TESTS}::test_statistics_of_regions_are_those_of_their_starts",
    ),
)


class FanSettings(Resampling):
    """Rollouts from each start, and the bootstrap over starts."""

    n_steps: int = Field(default=20, ge=LATE, description="steps of each rollout")
    n_rollouts: int = Field(default=50, ge=2, description="rollouts from each start")


class NoiseSensitivitySettings(FanSettings):
    """Settings of the part ``noise_sensitivity``."""

    n_starts: int = Field(default=200, ge=1, description="starts in each region, each of its own trajectory")
    max_states: int = Field(default=20_000, ge=1, description="states that are labelled to find them")
    burn_in: BurnIn = 500


_CELL = ("region", "rule", "gamma")
_PAIR = ("region", "other_region", "rule", "gamma")


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseSensitivityResult(Result):
    """Spread of rollouts that share part of their noise, by region of the state that they start from.

    The *spread* is the trace of the covariance of the hidden activity over the rollouts from one start.

    Attributes
    ----------
    region, rule, gamma : (region,), (rule,), (gamma,)
        Names of the regions and of the rules of mixing, and the shares of fresh noise.
    step : (time,)
        0 is the start itself.
    label : (point,)
        Region of each start.
    spread : (point, rule, gamma, time)
    destination_entropy : (point, rule, gamma)
        Entropy over rollouts of the most probable symbol at the last step.
    n_starts : (region,)
        Starts behind the numbers of a region.
    spread_ratio : Estimate, (region, rule, gamma, time)
        Geometric mean over starts of spread(t)/spread(1), and its interval; NaN for γ = 0 and for t = 0.
    contrast : Estimate, (region, other_region, rule, gamma)
        Spread ratio at t = 5 in the first region over that in the second.
    entropy : Estimate, (region, rule, gamma)
        Mean destination entropy.
    example_region : (example,)
        Regions with starts; the first start of each is shown.
    example_logits : (example, rule, gamma, rollout, time, symbol)
        Logits along rollouts from it.
    example_nominal_logits : (example, time, symbol)
        Logits along the nominal path of these.
    """

    region: Shaped[np.ndarray, " region"] = axes("region", description="region of the starts")
    rule: Shaped[np.ndarray, " rule"] = axes("rule", description="how fresh noise is mixed in")
    gamma: Float[np.ndarray, " gamma"] = axes("gamma", description="share of fresh noise")
    step: Integer[np.ndarray, " time"] = axes("time", unit="steps", description="steps after the start")
    label: Integer[np.ndarray, " point"] = axes("point", description="region of a start")
    spread: Float[np.ndarray, "point rule gamma time"] = axes(
        "point", "rule", "gamma", "time", unit="activity²", description="trace of the covariance"
    )
    destination_entropy: Float[np.ndarray, "point rule gamma"] = axes(
        "point", "rule", "gamma", unit="nat", description="entropy of the last most probable symbol"
    )
    n_starts: Integer[np.ndarray, " region"] = axes("region", description="starts with a defined ratio")
    spread_ratio: Estimate = estimates(*_CELL, "time", description="geometric mean of spread(t)/spread(1)")
    contrast: Estimate = estimates(*_PAIR, description="spread ratio at t = 5 relative to another region")
    entropy: Estimate = estimates(*_CELL, unit="nat", description="mean destination entropy")
    example_region: Integer[np.ndarray, " example"] = axes("example", description="region of a start shown")
    example_logits: Float[np.ndarray, "example rule gamma rollout time symbol"] = axes(
        "example", "rule", "gamma", "rollout", "time", "symbol", description="logits along rollouts"
    )
    example_nominal_logits: Float[np.ndarray, "example time symbol"] = axes(
        "example", "time", "symbol", description="logits along the nominal path"
    )

    def list_quantities(self) -> list[Quantity]:
        """Growth of the spread over five steps of entirely fresh noise, and slow against transition."""
        rule, gamma, late = 0, int(np.argmax(self.gamma)), self.step.tolist().index(5)
        quantities = [
            DEFINITIONS["spread_ratio"].measure(
                self.spread_ratio[i, rule, gamma, late],
                name,
                beside=(Reference("starts", Estimate(self.n_starts[i])),),
            )
            for i, name in enumerate(self.region.tolist())
        ]
        slow, transition = (self.region.tolist().index(name) for name in ("slow", "transition"))
        contrast, alike = self.contrast[slow, transition, rule, gamma], known_value("if alike", 1.0)
        return [*quantities, DEFINITIONS["slow_over_transition"].measure(contrast, beside=alike)]


def compute_noise_sensitivity(subject: Subject, settings: NoiseSensitivitySettings) -> NoiseSensitivityResult:
    """Draw starts in every region and measure how rollouts from them spread.

    A region with fewer starts than wanted is named in ``status``.

    Raises
    ------
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    See :func:`draw_region_starts` and :func:`measure_sensitivity`.
    """
    n_starts, generator = settings.n_starts, subject.start_generator("noise_sensitivity")
    noise = {"noise_std": subject.noise_std, "generator": generator}
    sampling = {"n_starts": n_starts, "max_states": settings.max_states, "burn_in": settings.burn_in}
    starts = draw_region_starts(subject.network, **sampling, **noise)
    result = measure_sensitivity(subject.network, starts.states, starts.label, settings, **noise)

    found = np.bincount(starts.label, minlength=len(REGIONS)).tolist()
    rare = [
        f"{name}: {n} of {n_starts} starts among {starts.n_seen} states"
        for name, n in zip(REGIONS, found, strict=True)
        if n < n_starts
    ]
    labelling = {"spacing": SPACING, "label_steps": LABEL_STEPS, "label_rollouts": LABEL_ROLLOUTS}
    limits = {"transition_below": TRANSITION_BELOW, "slow_above": SLOW_ABOVE}
    return replace(
        result,
        settings=result.settings | sampling | labelling | limits,
        status={"n_seen": starts.n_seen, "notes": rare + result.status["notes"]},
    )


@torch.no_grad()
def measure_sensitivity(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    label: Integer[np.ndarray, " _"],
    settings: FanSettings,
    *,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> NoiseSensitivityResult:
    """Spread of rollouts that mix fresh noise into a shared noise path, by region of the start.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
        Starts. Intervals treat them as independent: take each from a trajectory of its own.
    label : (point,)
        Index into ``REGIONS`` of each start; leave out states without a region.
    settings : FanSettings
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    generator
        Source of all noise; same seed, same result.

    Raises
    ------
    InputError
        If a shape, a label or a number is out of range.

    Notes
    -----
    Paper: Torre et al. 2025, noise sensitivity: a nominal path from each start, then rollouts that deviate
    from it. Differs: the published rule of mixing, (1 − γ)·old + γ·new, stands beside one that keeps the
    variance, √(1 − γ²)·old + γ·new; at γ = 1 both are the same. Under either rule only the fresh part varies
    over rollouts, so a linear network has spreads in proportion to γ² and the same ratios at any γ.

    The entropy is that of the observed shares, too small by about (n_symbols − 1)/(2 n_rollouts) nat. A
    start whose spread is 0 or not finite at some step and γ > 0 has no ratio; it is left out and counted in
    ``status``.
    """
    _check(network, states, label, noise_std)
    n_steps = settings.n_steps
    rollouts = {"n_steps": n_steps, "n_rollouts": settings.n_rollouts, "noise_std": noise_std}
    spread, destination = measure_fans(network, states, **rollouts, generator=generator)
    example_region, first = np.unique(label, return_index=True)
    nominal, fans = record_fans(network, states[torch.from_numpy(first)], **rollouts, generator=generator)
    log_ratio, entropy = compute_log_ratio(spread), compute_entropy(destination)

    is_defined = np.isfinite(log_ratio[:, :, 1:, 1:]).all(axis=(1, 2, 3))
    chosen = [np.flatnonzero(is_defined & (label == i)) for i in range(len(REGIONS))]

    rng = spawn_rng(generator)
    average = partial(average_starts, rng=rng, **settings.resampling)
    return NoiseSensitivityResult(
        settings={
            **rollouts,
            "early": EARLY,
            "late": LATE,
            "fewest_starts": FEWEST_STARTS,
            **settings.resampling,
        },
        status={"notes": _describe_losses(label, [len(rows) for rows in chosen])},
        region=np.array(REGIONS),
        rule=np.array(RULES),
        gamma=np.array(GAMMAS),
        step=np.arange(n_steps + 1),
        label=label,
        spread=spread,
        destination_entropy=entropy,
        n_starts=np.array([len(rows) for rows in chosen]),
        **summarise_ratios([average(log_ratio[rows]) for rows in chosen]),
        entropy=stack_regions([average(entropy[rows]) for rows in chosen]).as_estimate(),
        example_region=example_region,
        example_logits=fans,
        example_nominal_logits=nominal,
    )


def _describe_losses(label: np.ndarray, n_defined: list[int]) -> list[str]:
    """Notes on starts without a ratio and on regions without statistics."""
    notes = []
    for index, (name, n) in enumerate(zip(REGIONS, n_defined, strict=True)):
        n_undefined = int((label == index).sum()) - n
        if n_undefined:
            notes.append(f"{name}: {n_undefined} starts whose spread is 0 or not finite are left out")
        if n < FEWEST_STARTS:
            notes.append(f"{name}: {n} starts, fewer than {FEWEST_STARTS}: no statistics")
    return notes


def _check(network: NoiseRNN, states: Tensor, label: np.ndarray, noise_std: float) -> None:
    require_points(network, states)
    if len(label) != len(states):
        raise InputError(f"`label` must have {len(states)} entries, one for each state, got {len(label)}.")
    if label.min() < 0 or label.max() >= len(REGIONS):
        raise InputError(
            f"`label` must lie in 0 … {len(REGIONS) - 1}, got {label.min()} … {label.max()}. Leave out "
            "states without a region."
        )
    if not noise_std >= 0:
        raise InputError(f"`noise_std` must be ≥ 0, got {noise_std}.")


PART = Part(
    name="noise_sensitivity",
    question="from where does fresh noise spread activity?",
    result=NoiseSensitivityResult,
    settings=NoiseSensitivitySettings,
    compute=compute_noise_sensitivity,
    definitions=DEFINITIONS,
    seconds=9.0,
    quick={"n_starts": 30, "max_states": 3000, "n_rollouts": 20},
)
