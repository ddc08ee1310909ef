"""What becomes of driven states when the noise stops: growth or decay, and along which directions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import Field
from scipy.stats import beta
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN
from ...part import Part
from ...part_settings import DrivenStarts, States
from ...quantity import Definition, Quantity, define, known_value
from ...results import Result, axes
from ...subject import Subject
from ..driving.driven_states import LARGEST_STATE, draw_driven_states
from ..driving.homogeneity import is_map_homogeneous
from ..driving.points import merge_points, require_points, scale_to_one
from .end_names import name_ends

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

LIMIT_CONFIDENCE = 0.95
"""Of the upper limit of the share of growing states."""

_LAST_STEPS = 10
"""Steps at the end of a path of which the largest counts."""

_MERGE_DISTANCE = 0.01
"""Ends closer than this share of the scale are one."""

_TESTS = "tests/dynamics/noise_free/test_noise_free_growth.py"

DEFINITIONS = define(
    Definition(
        key="verdict",
        label="activity without noise",
        meaning="What becomes of driven states when the noise stops.",
        equation="grows, decays or neutral by the sign of the largest rate (a homogeneous map); else "
        "settles, moves or diverges by the last steps of all paths",
        reading="'decays' is the paper's single fixed point that attracts. 'grows' means that noise is not "
        "what keeps activity up.",
        test=f"{_TESTS}::test_positive_weights_grow_by_their_largest_eigenvalue_along_a_ray",
    ),
    Definition(
        key="directions",
        label="directions of paths without noise",
        meaning="What the directions of noise-free paths of a homogeneous map do, their sizes left aside.",
        equation="rays if h/‖h‖ comes to rest on every living path, cycles if on none, rays and cycles if on "
        "some, none if all paths die",
        reading="Only for a homogeneous map, where direction and size part. A cycle need not be periodic.",
        test=f"{_TESTS}::test_a_rotation_keeps_turning",
        is_main=False,
    ),
    Definition(
        key="mean_rate",
        label="mean rate of log ‖h‖",
        meaning="Growth of the size of activity per step without noise, mean over states that do not die.",
        equation="⟨(log ‖h_{s+n}‖ − log ‖h_s‖)/n⟩ after s steps of settling",
        reading="Below 0 activity shrinks. For a map that is not homogeneous there is no such rate.",
        test=f"{_TESTS}::test_rates_against_plain_iteration",
        unit="1/step",
    ),
    Definition(
        key="largest_rate",
        label="largest rate of log ‖h‖",
        meaning="Growth of the size of activity per step without noise, for the state that grows fastest.",
        equation="max over states of (log ‖h_{s+n}‖ − log ‖h_s‖)/n",
        reading="Below 0 every state dies out: then the verdict is 'decays'.",
        test=f"{_TESTS}::test_one_growing_state_is_enough_and_shares_count_the_rest",
        unit="1/step",
    ),
    Definition(
        key="n_ends",
        label="{}s that paths come to",
        meaning="Ends of noise-free paths: directions (rays) of a homogeneous map, else fixed points.",
        equation="ends closer than .01 of the scale are one",
        reading="Several ends are several attractors, or directions of decay.",
        test=f"{_TESTS}::test_two_rays_are_two_ends_with_their_rates_and_symbols",
    ),
    Definition(
        key="end_share",
        label="paths that come to the {}",
        meaning="Share of the noise-free paths that come to this end; ends are numbered by this share.",
        equation="n(paths that end here) / n(paths)",
        reading="Shares add up to 1 unless paths keep moving, die or diverge.",
        test=f"{_TESTS}::test_paths_of_a_bistable_map_settle_at_two_ends",
        unit="share",
    ),
)


class NoiseFreeGrowthSettings(DrivenStarts):
    """Settings of the part ``noise_free_growth``."""

    n_states: States = 1000
    n_steps: int = Field(default=500, ge=1, description="steps without noise over which rates are taken")
    settle_steps: int = Field(default=100, ge=0, description="steps without noise before these")


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseFreeGrowthResult(Result):
    """What becomes of states when the noise stops.

    ``status["homogeneous"]`` says which of two kinds the noise-free map F is.

    If F(s h) = s F(h), sizes and directions are followed apart, without underflow. ``verdict`` is "grows" or
    "decays" if the largest rate lies above or below the tolerance, else "neutral"; ``directions`` is "rays"
    if every living path ends in a fixed direction, "cycles" if every one keeps turning (periodically or
    not), "rays and cycles", or "none" if all died. ``ray_share`` is of the living states, ``died_share``,
    ``growing_share`` and its upper 95 % limit ``growing_share_limit`` of all.

    Otherwise paths are iterated as they are. ``verdict`` is "diverges" if one exceeds ``LARGEST_STATE``,
    "settles" if none moves at the end, else "moves"; ``settled_share`` and ``diverged_share`` are of all.

    ``scale`` is what distances refer to: 1 for directions, elsewhere the mean ‖h‖ of the states.

    Attributes
    ----------
    rate : (point,)
        Growth of log‖h‖ per step after settling; −inf for a state that died; NaN if F is not homogeneous.
    last_step : (point,)
        Largest of the last steps as a share of the scale, for a homogeneous map between directions of length
        1; NaN for a state that died there, or diverged elsewhere.
    end : (point,)
        Index of the end that the path has come to; −1 if it still moves, died or diverged.
    end_points : (end, state)
        Where paths come to rest, most frequent first: directions (rays) or fixed points. There may be none.
    end_share, end_rate, end_symbol : (end,)
        Share of the states that come there, their mean rate, and the most probable symbol there.
    log_growth : (quantile, time)
        Quantiles over states of log(‖h_t‖/‖h_0‖) from t = 0 on; mean ‖h_0‖ if F is not homogeneous.
    quantile : (quantile,)
        Levels of the quantiles.
    """

    rate: Float[np.ndarray, " point"] = axes("point", unit="1/step", description="rate of growth")
    last_step: Float[np.ndarray, " point"] = axes("point", description="largest of the last steps")
    end: Int[np.ndarray, " point"] = axes("point", description="end of the path")
    end_points: Float[np.ndarray, "end state"] = axes("end", "state", description="where paths rest")
    end_share: Float[np.ndarray, " end"] = axes("end", description="share of the states that come there")
    end_rate: Float[np.ndarray, " end"] = axes("end", unit="1/step", description="their mean rate")
    end_symbol: Int[np.ndarray, " end"] = axes("end", description="most probable symbol there")
    log_growth: Float[np.ndarray, "quantile time"] = axes(
        "quantile", "time", description="quantile of the log of the size relative to the start"
    )
    quantile: Float[np.ndarray, " quantile"] = axes("quantile", description="level of a quantile")

    @property
    def end_kind(self) -> str:
        """What the ends are: "ray" of a homogeneous map, else "point"."""
        return "ray" if self.status["homogeneous"] else "point"

    @property
    def mean_rate(self) -> float:
        """Mean rate of the states that did not die; NaN without any."""
        living = self.rate[np.isfinite(self.rate)]
        return float(living.mean()) if len(living) else float("nan")

    @property
    def largest_rate(self) -> float:
        """Rate of the state that grows fastest; NaN if the map is not homogeneous."""
        return float(self.rate.max())

    def list_quantities(self) -> list[Quantity]:
        """Verdict, where paths come to, and the rates of a homogeneous map."""
        names = name_ends(self.end_kind, [self.name_symbol(symbol) for symbol in self.end_symbol.tolist()])
        shares = [
            DEFINITIONS["end_share"].measure(share, i, name=name)
            for i, (name, share) in enumerate(zip(names, self.end_share.tolist(), strict=True))
        ]
        verdict = DEFINITIONS["verdict"].measure(word=self.status["verdict"])
        n_ends = DEFINITIONS["n_ends"].measure(len(names), name=self.end_kind)
        if not self.status["homogeneous"]:
            return [verdict, n_ends, *shares]
        beside = known_value("if activity keeps its size", 0.0)
        keys = ("mean_rate", "largest_rate")
        rates = [DEFINITIONS[key].measure(getattr(self, key), beside=beside) for key in keys]
        directions = DEFINITIONS["directions"].measure(word=self.status["directions"])
        return [verdict, *rates, n_ends, *shares, directions]


def compute_noise_free_growth(subject: Subject, settings: NoiseFreeGrowthSettings) -> NoiseFreeGrowthResult:
    """Noise-free growth from driven states, one of each trajectory: see :func:`follow_without_noise`."""
    generator = subject.start_generator("noise_free_growth")
    states = draw_driven_states(subject, settings, generator=generator)
    lengths = {"n_steps": settings.n_steps, "settle_steps": settings.settle_steps}
    return follow_without_noise(subject.network, states, **lengths)


@torch.no_grad()
def follow_without_noise(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    n_steps: int = 500,
    settle_steps: int = 100,
    rate_tolerance: float = 1e-3,
    step_tolerance: float = 1e-4,
) -> NoiseFreeGrowthResult:
    """Rates at which states grow or decay without noise, and where their paths come to rest.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
        Where paths start; 1000 driven states for a verdict on a network, one from each trajectory, so that
        they are independent.
    n_steps : int >= 1
        Steps over which rates are taken.
    settle_steps : int >= 0
        Steps before these.
    rate_tolerance : float >= 0
        Largest |rate| per step that is neutral.
    step_tolerance : float >= 0
        Largest step at the end, as a share of the scale, of a path that has come to rest.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or a number is out of range.

    Notes
    -----
    Own construction. The limit of the growing share is the exact binomial one, for independent states.
    """
    require_points(network, states)
    settings = {
        "n_steps": n_steps,
        "settle_steps": settle_steps,
        "rate_tolerance": rate_tolerance,
        "step_tolerance": step_tolerance,
    }
    for name, value in settings.items():
        least = int(name == "n_steps")
        if not value >= least:
            raise InputError(f"`{name}` must be ≥ {least}, got {value}. Leave it out for the default.")

    homogeneous = is_map_homogeneous(network, states)
    scale = 1.0 if homogeneous else float(states.norm(dim=1).double().mean()) or 1.0
    paths = _follow(network, states, settle_steps, n_steps, scale=scale, rescale=homogeneous)
    status = {"homogeneous": homogeneous, "scale": scale}
    status |= (
        _judge_rates(paths, rate_tolerance, step_tolerance)
        if homogeneous
        else _judge_steps(paths, step_tolerance)
    )
    return NoiseFreeGrowthResult(
        settings={"n_points": len(states), **settings, "merge_distance": _MERGE_DISTANCE},
        status=status,
        rate=paths.rate,
        last_step=paths.last_step,
        **_find_ends(network, paths, step_tolerance, scale),
        log_growth=paths.log_growth,
        quantile=np.array(QUANTILES),
    )


def iterate_noise_free(
    network: NoiseRNN, states: Float[Tensor, "point state"], n_steps: int, *, rescale: bool
) -> Iterator[tuple[Float[Tensor, "point state"], Float[Tensor, " point"]]]:
    """Yield states and their lengths after each step without noise.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
    n_steps : int >= 0
    rescale : bool
        Bring every state to length 1 after each step, which leaves the directions of a homogeneous map as
        they are; lengths are those before.
    """
    still = states.new_zeros(len(states), network.input_size)
    for _ in range(n_steps):
        with torch.no_grad():
            states = network.step(states, still)
        length = states.norm(dim=1)
        if rescale:
            states = scale_to_one(states)
        yield states, length


@dataclass(frozen=True)
class _Paths:
    """Last state, rate and largest late step of each path, and quantiles of log sizes over time."""

    last: Tensor
    rate: np.ndarray
    last_step: np.ndarray
    log_growth: np.ndarray


def _follow(
    network: NoiseRNN, states: Tensor, settle_steps: int, n_steps: int, *, scale: float, rescale: bool
) -> _Paths:
    before = scale_to_one(states) if rescale else states
    log_size = (before.norm(dim=1).double() / scale).log()
    settled, last_step = log_size, torch.zeros_like(log_size)
    quantiles = [_find_quantiles(log_size)]

    n_total = settle_steps + n_steps
    for step, (after, length) in enumerate(iterate_noise_free(network, before, n_total, rescale=rescale), 1):
        log_length = (length.double() / scale).log()
        log_size = log_size + log_length if rescale else log_length
        quantiles.append(_find_quantiles(log_size))
        if step == settle_steps:
            settled = log_size
        if step > n_total - _LAST_STEPS:
            last_step = torch.maximum(last_step, (after - before).double().norm(dim=1) / scale)
        before = after

    is_dead = log_size.isneginf()
    is_lost = is_dead if rescale else ~(before.abs().amax(1) <= LARGEST_STATE)
    rate = torch.where(is_dead, -torch.inf, (log_size - settled) / n_steps)
    if not rescale:
        rate[:] = torch.nan
    last_step[is_lost] = torch.nan
    return _Paths(before, rate.cpu().numpy(), last_step.cpu().numpy(), np.stack(quantiles, axis=1))


def _find_quantiles(values: Tensor) -> np.ndarray:
    """Quantiles without interpolation, so that −inf may be among the values."""
    ranks = np.rint(np.array(QUANTILES) * (len(values) - 1)).astype(int)
    return values.sort().values.cpu().numpy()[ranks]


def _find_ends(
    network: NoiseRNN, paths: _Paths, step_tolerance: float, scale: float
) -> dict[str, np.ndarray]:
    """Where paths come to rest, the most frequent first, and which path comes where."""
    resting = np.flatnonzero(paths.last_step <= step_tolerance)
    points = paths.last[torch.from_numpy(resting)]
    order = torch.from_numpy(paths.last_step[resting].argsort(kind="stable"))
    kept, merged = merge_points(points, _MERGE_DISTANCE * scale, order=order)
    counts = np.bincount(merged.numpy(), minlength=len(kept))
    by_count = (-counts).argsort(kind="stable")
    end = np.full(len(paths.last_step), -1)
    end[resting] = by_count.argsort()[merged.numpy()]
    ends = points[kept[torch.from_numpy(by_count)]]
    return {
        "end": end,
        "end_points": ends.cpu().numpy(),
        "end_share": counts[by_count] / len(end),
        "end_rate": np.array([paths.rate[end == index].mean() for index in range(len(kept))]),
        "end_symbol": network.compute_logits(ends).argmax(1).cpu().numpy(),
    }


def _judge_rates(paths: _Paths, rate_tolerance: float, step_tolerance: float) -> dict[str, Any]:
    rate, is_living = paths.rate, ~np.isneginf(paths.rate)
    is_ray = paths.last_step[is_living] <= step_tolerance
    largest, n_growing = rate.max(), int((rate > rate_tolerance).sum())
    verdicts = {-1: "decays", 0: "neutral", 1: "grows"}
    directions = {(): "none", (True,): "rays", (False,): "cycles", (False, True): "rays and cycles"}
    return {
        "verdict": verdicts[int(largest > rate_tolerance) - int(largest < -rate_tolerance)],
        "directions": directions[tuple(np.unique(is_ray).tolist())],
        "died_share": float(1 - is_living.mean()),
        "growing_share": n_growing / len(rate),
        "growing_share_limit": _limit_share(n_growing, len(rate)),
        "ray_share": float(is_ray.mean()) if len(is_ray) else None,
    }


def _limit_share(n_found: int, n_points: int) -> float:
    """Upper limit of a share (Clopper & Pearson 1934)."""
    return 1.0 if n_found == n_points else float(beta.ppf(LIMIT_CONFIDENCE, n_found + 1, n_points - n_found))


def _judge_steps(paths: _Paths, step_tolerance: float) -> dict[str, Any]:
    has_diverged, is_settled = np.isnan(paths.last_step), paths.last_step <= step_tolerance
    return {
        "verdict": "diverges" if has_diverged.any() else "settles" if is_settled.all() else "moves",
        "settled_share": float(is_settled.mean()),
        "diverged_share": float(has_diverged.mean()),
    }


PART = Part(
    name="noise_free_growth",
    question="what becomes of activity when the noise stops?",
    result=NoiseFreeGrowthResult,
    settings=NoiseFreeGrowthSettings,
    compute=compute_noise_free_growth,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_states": 100},
)
