"""Lyapunov exponents of the noise-free dynamics, apart for each end that paths come to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ...errors import InputError
from ...network import NoiseRNN
from ...part import Part
from ...part_settings import DrivenStarts, States
from ...quantity import Definition, Quantity, define
from ...results import axes
from ...statistics import Estimate
from ...subject import Subject
from ..driving.driven_states import draw_driven_states
from ..driving.homogeneity import is_map_homogeneous
from ..driving.points import require_points, scale_to_one
from ..stability.lyapunov import DEFINITIONS as OF_ANY_PATH
from ..stability.lyapunov import BlockSteps, LyapunovResult, TangentLengths, summarise_blocks
from ..stability.tangents import follow_tangents
from .end_names import NO_END, name_ends
from .noise_free_growth import NoiseFreeGrowthResult, follow_without_noise, iterate_noise_free

END_LARGEST = Definition(
    key="end_largest",
    label="{}: mean and range over its paths",
    meaning="First exponent of the noise-free paths that come to one end; ends are numbered by their share.",
    equation="mean, smallest and largest λ₁ of these paths (a range, not an interval)",
    reading="On a ray or at a point all agree with log |λ| of the largest eigenvalue there.",
    test="tests/dynamics/stability/test_lyapunov.py::test_paths_are_divided_by_the_ray_that_they_come_to",
    unit="1/step",
)

DEFINITIONS = {**OF_ANY_PATH, **define(END_LARGEST)}


class NoiseFreeExponentsSettings(TangentLengths, DrivenStarts):
    """Settings of the part ``noise_free_exponents``."""

    n_states: States = 100
    block_steps: BlockSteps = 50


@dataclass(frozen=True, kw_only=True, eq=False)
class NoiseFreeExponentsResult(LyapunovResult):
    """Exponents along paths without noise.

    The mean over all paths mixes those of different ends: it depends on how many start states each end has.
    The setting ``noise_std`` is 0; ``rescaled`` says whether states were brought to length 1 after each step.

    Attributes
    ----------
    end : (end,)
        Names of the ends that paths come to, most frequent first, by their most probable symbol: "ray of
        symbol 0", "point of symbol 2" (:func:`name_ends`); last "no end", if there are such paths.
    end_symbol : (end,)
        Most probable symbol there; −1 without an end.
    end_share : (end,)
        Share of the paths.
    end_mean, end_least, end_largest : (end, exponent)
        Exponents of these paths: mean of the finite ones, smallest (−inf if a path has lost the direction)
        and largest; NaN where all are −inf. On a ray or at a point they agree with each other, and are the
        logarithms of the sizes of the eigenvalues there.
    trajectory_end : (trajectory,)
        Index of the end of each path.
    """

    end: Shaped[np.ndarray, " end"] = axes("end", description="where paths come to")
    end_symbol: Int[np.ndarray, " end"] = axes("end", description="most probable symbol there")
    end_share: Float[np.ndarray, " end"] = axes("end", description="share of the paths")
    end_mean: Float[np.ndarray, "end exponent"] = axes(
        "end", "exponent", unit="1/step", description="mean exponent of the paths of an end"
    )
    end_least: Float[np.ndarray, "end exponent"] = axes(
        "end", "exponent", unit="1/step", description="smallest exponent of the paths of an end"
    )
    end_largest: Float[np.ndarray, "end exponent"] = axes(
        "end", "exponent", unit="1/step", description="largest exponent of the paths of an end"
    )
    trajectory_end: Int[np.ndarray, " trajectory"] = axes("trajectory", description="end of a path")

    @property
    def end_kind(self) -> str:
        """What the ends are: "ray" of a homogeneous map, else "point"."""
        return "ray" if self.settings["rescaled"] else "point"

    def list_quantities(self) -> list[Quantity]:
        """Largest exponent over all paths, and its range over those that come to each end."""
        known = [self.name_symbol(symbol) for symbol in self.end_symbol.tolist() if symbol >= 0]
        names = [*name_ends(self.end_kind, known), NO_END][: len(self.end)]
        ranges = Estimate(self.end_mean[:, 0], self.end_least[:, 0], self.end_largest[:, 0])
        ends = [END_LARGEST.measure(ranges[i], i, name=name) for i, name in enumerate(names)]
        return [*super().list_quantities(), *ends]


def compute_noise_free_exponents(
    subject: Subject, settings: NoiseFreeExponentsSettings
) -> NoiseFreeExponentsResult:
    """Exponents without noise from driven states: see :func:`measure_free_exponents`."""
    generator = subject.start_generator("noise_free_exponents")
    states = draw_driven_states(subject, settings, generator=generator)
    return measure_free_exponents(subject.network, states, settings, generator=generator)


def measure_free_exponents(
    network: NoiseRNN,
    states: Float[Tensor, "trajectory state"],
    settings: TangentLengths,
    *,
    generator: torch.Generator,
) -> NoiseFreeExponentsResult:
    """Largest Lyapunov exponents of the noise-free map along the paths from given states.

    Parameters
    ----------
    network : NoiseRNN
    states : (trajectory, state)
        Where paths start, one driven state from each trajectory: the interval takes them as independent.
    settings : TangentLengths
        As in :func:`compute_lyapunov_exponents`.
    generator
        Source of the first tangent vectors and of the bootstrap; same seed, same result.

    Raises
    ------
    InputError
        If a state has the wrong width or is not finite, or there is only one.

    Notes
    -----
    Own construction on the same method. For a homogeneous map, whose Jacobian does not depend on scale, the
    iterates are rescaled: exponents are those on the way to the origin or to infinity. The first is at least
    the rate of :func:`follow_without_noise`, which is growth along the path itself and tells where paths
    end. A state that dies has the exponent −inf.
    """
    require_points(network, states)
    if len(states) < 2:
        raise InputError("`states` must be 2 or more for an interval, got 1. Use states of run_driven.")
    n_steps, align_steps = settings.n_steps, settings.align_steps
    rescale = is_map_homogeneous(network, states)
    steps = _iterate_still(network, states, align_steps + n_steps, rescale=rescale)

    n_exponents = min(settings.n_exponents, network.cell.state_size)
    blocks = follow_tangents(
        network,
        steps,
        n_exponents,
        align_steps=align_steps,
        block_steps=settings.block_steps,
        generator=generator,
    )
    summary = summarise_blocks(blocks, **settings.resampling, generator=generator)
    growth = follow_without_noise(network, states, n_steps=n_steps, settle_steps=align_steps)
    sizes = {"n_exponents": n_exponents, "n_trajectories": len(states)}
    return NoiseFreeExponentsResult(
        settings={"noise_std": 0.0, "rescaled": rescale, **settings.model_dump(), **sizes},
        **summary,
        **_divide_by_end(growth, summary["per_trajectory"]),
    )


def _iterate_still(
    network: NoiseRNN, states: Tensor, n_steps: int, *, rescale: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the states before each step and its noise, which is 0."""
    still = states.new_zeros(len(states), network.input_size)
    before = scale_to_one(states) if rescale else states
    for after, _ in iterate_noise_free(network, before, n_steps, rescale=rescale):
        yield before, still
        before = after


def _divide_by_end(growth: NoiseFreeGrowthResult, exponents: np.ndarray) -> dict[str, Any]:
    """Exponents (trajectory, exponent) of the paths of each end."""
    names, n_ends = name_ends(growth.end_kind, map(str, growth.end_symbol)), len(growth.end_share)
    symbols, index = growth.end_symbol, np.where(growth.end < 0, n_ends, growth.end)
    if (index == n_ends).any():
        names, symbols = [*names, NO_END], np.append(symbols, -1)
    is_at = np.equal(index, np.arange(len(names))[:, None])
    known = np.where(is_at[..., None] & np.isfinite(exponents), exponents, np.nan)
    is_empty = np.asarray(np.isnan(known).all(1))

    def reduce(function: Any) -> np.ndarray:
        return np.where(is_empty, np.nan, function(np.where(is_empty[:, None], 0.0, known), axis=1))

    least = np.fmin.reduce(np.where(is_at[..., None], exponents, np.inf), axis=1)

    return {
        "end": np.array(names),
        "end_symbol": symbols,
        "end_share": is_at.mean(1),
        "end_mean": reduce(np.nanmean),
        "end_least": np.where(is_empty, np.nan, least),
        "end_largest": reduce(np.nanmax),
        "trajectory_end": index,
    }


PART = Part(
    name="noise_free_exponents",
    question="do paths without noise meet or part?",
    result=NoiseFreeExponentsResult,
    settings=NoiseFreeExponentsSettings,
    compute=compute_noise_free_exponents,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_states": 20, "n_steps": 100},
)
