"""Noise sensitivity: how rollouts from one state spread when part of a shared noise path is drawn anew."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN, spawn_rng
from ...quantity import Quantity, Reference, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate
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
        "point", "rule", "gamma", unit="nats", description="entropy of the last most probable symbol"
    )
    n_starts: Integer[np.ndarray, " region"] = axes("region", description="starts with a defined ratio")
    spread_ratio: Estimate = estimates(*_CELL, "time", description="geometric mean of spread(t)/spread(1)")
    contrast: Estimate = estimates(*_PAIR, description="spread ratio at t = 5 relative to another region")
    entropy: Estimate = estimates(*_CELL, unit="nats", description="mean destination entropy")
    example_region: Integer[np.ndarray, " example"] = axes("example", description="region of a start shown")
    example_logits: Float[np.ndarray, "example rule gamma rollout time symbol"] = axes(
        "example", "rule", "gamma", "rollout", "time", "symbol", description="logits along rollouts"
    )
    example_nominal_logits: Float[np.ndarray, "example time symbol"] = axes(
        "example", "time", "symbol", description="logits along the nominal path"
    )

    def headline(self) -> list[Quantity]:
        """Growth of the spread over five steps of entirely fresh noise, and slow against transition."""
        rule, gamma, late = 0, int(np.argmax(self.gamma)), self.step.tolist().index(5)
        quantities = [
            Quantity(
                f"spread_ratio[{name}]",
                f"{name}: spread after 5 steps over that after 1",
                self.spread_ratio[i, rule, gamma, late],
                "1",
                (Reference("starts", Estimate(self.n_starts[i])),),
            )
            for i, name in enumerate(self.region.tolist())
        ]
        slow, transition = (self.region.tolist().index(name) for name in ("slow", "transition"))
        contrast, alike = self.contrast[slow, transition, rule, gamma], known_value("if alike", 1.0)
        return [
            *quantities,
            Quantity("slow_over_transition", "slow over transition", contrast, "1", alike),
        ]


def compute_noise_sensitivity(
    network: NoiseRNN,
    *,
    n_starts: int = 200,
    max_states: int = 20_000,
    burn_in: int = 500,
    noise_std: float = 1.0,
    n_steps: int = 20,
    n_rollouts: int = 50,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> NoiseSensitivityResult:
    """Draw starts in every region and measure how rollouts from them spread.

    Parameters
    ----------
    network : NoiseRNN
    n_starts, max_states, burn_in
        Starts of each region, each from a trajectory of its own: see :func:`draw_region_starts`.
    noise_std, n_steps, n_rollouts, n_resamples, confidence
        As in :func:`compute_sensitivity_of_starts`.
    generator
        Source of all noise; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range.
    NoStationaryRegimeError
        If the network grows without bound or is silent.

    Notes
    -----
    See :func:`compute_sensitivity_of_starts`. A region with fewer than ``n_starts`` is named in ``status``.
    """
    sampling = {"n_starts": n_starts, "max_states": max_states, "burn_in": burn_in}
    starts = draw_region_starts(network, **sampling, noise_std=noise_std, generator=generator)
    result = compute_sensitivity_of_starts(
        network,
        starts.states,
        starts.label,
        noise_std=noise_std,
        n_steps=n_steps,
        n_rollouts=n_rollouts,
        n_resamples=n_resamples,
        confidence=confidence,
        generator=generator,
    )
    wanted = {**sampling, "spacing": SPACING, "label_steps": LABEL_STEPS, "label_rollouts": LABEL_ROLLOUTS}
    limits = {"transition_below": TRANSITION_BELOW, "slow_above": SLOW_ABOVE}
    found = np.bincount(starts.label, minlength=len(REGIONS)).tolist()
    rare = [
        f"{name}: {n} of {n_starts} starts among {starts.n_seen} states"
        for name, n in zip(REGIONS, found, strict=True)
        if n < n_starts
    ]
    return replace(
        result,
        settings=result.settings | wanted | limits,
        status={"n_seen": starts.n_seen, "notes": rare + result.status["notes"]},
    )


@torch.no_grad()
def compute_sensitivity_of_starts(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    label: Integer[np.ndarray, " _"],
    *,
    noise_std: float = 1.0,
    n_steps: int = 20,
    n_rollouts: int = 50,
    n_resamples: int = 1000,
    confidence: float = 0.95,
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
    noise_std : float >= 0
        Standard deviation of the noise (dimensionless).
    n_steps : int >= 5
        Steps of the rollouts.
    n_rollouts : int >= 2
        Rollouts from each start, under each rule and γ.
    n_resamples, confidence
        Of the bootstrap over starts.
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

    The entropy is that of the observed shares, too small by about (n_symbols − 1)/(2 n_rollouts) nats. A
    start whose spread is 0 or not finite at some step and γ > 0 has no ratio; it is left out and counted in
    ``status``.
    """
    _check(network, states, label, noise_std=noise_std, n_steps=n_steps, n_rollouts=n_rollouts)
    rollouts = {"n_steps": n_steps, "n_rollouts": n_rollouts, "noise_std": noise_std}
    spread, destination = measure_fans(network, states, **rollouts, generator=generator)
    example_region, first = np.unique(label, return_index=True)
    nominal, fans = record_fans(network, states[torch.from_numpy(first)], **rollouts, generator=generator)
    log_ratio, entropy = compute_log_ratio(spread), compute_entropy(destination)
    is_defined = np.isfinite(log_ratio[:, :, 1:, 1:]).all(axis=(1, 2, 3))
    chosen = [np.flatnonzero(is_defined & (label == i)) for i in range(len(REGIONS))]
    rng = spawn_rng(generator)
    average = partial(average_starts, rng=rng, n_resamples=n_resamples, confidence=confidence)
    return NoiseSensitivityResult(
        settings={
            **rollouts,
            "early": EARLY,
            "late": LATE,
            "fewest_starts": FEWEST_STARTS,
            "n_resamples": n_resamples,
            "confidence": confidence,
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


def _check(
    network: NoiseRNN,
    states: Tensor,
    label: np.ndarray,
    *,
    noise_std: float,
    n_steps: int,
    n_rollouts: int,
) -> None:
    require_points(network, states)
    if len(label) != len(states):
        raise InputError(f"`label` must have {len(states)} entries, one for each state, got {len(label)}.")
    if label.min() < 0 or label.max() >= len(REGIONS):
        raise InputError(
            f"`label` must lie in 0 … {len(REGIONS) - 1}, got {label.min()} … {label.max()}. Leave out "
            "states without a region."
        )
    for name, value, least in (
        ("noise_std", noise_std, 0),
        ("n_steps", n_steps, LATE),
        ("n_rollouts", n_rollouts, 2),
    ):
        if not value >= least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}.")
