"""Noise before passages: which direction of it decides on each, and how those of different pairs agree."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor

from ...circuit.switch_kernels import SwitchKernels
from ...circuit.symbol_runs import Switches, match_by_age
from ...statistics import Estimate, bootstrap_statistic
from .pair_segments import Passages

FREE_STEPS = 10
"""Steps that a control stays on after the moment that is compared, that one included."""

Controls = tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]
"""Trajectory and time of each control."""


def match_passages(
    last_core: Integer[np.ndarray, "trajectory time"],
    passages: Passages,
    *,
    n_lags: int,
    rng: np.random.Generator,
) -> tuple[Passages, Controls]:
    """Passages with a control: a moment as long after the same core was entered, from which none is made.

    Passages whose age is not known are left out, and those with fewer than ``n_lags`` steps before them.
    """
    known = passages.select((passages.age >= 1) & (passages.decide >= n_lags))
    unused = np.zeros(len(known), dtype=int)
    events = Switches(known.trajectory, known.decide, known.origin, known.target, known.age, unused)
    controls = match_by_age(last_core, events, stay=FREE_STEPS, earliest=n_lags, rng=rng)
    has_control = controls[0] >= 0
    return known.select(has_control), (controls[0][has_control], controls[1][has_control])


def build_kernels(
    noise: Float[Tensor, "time trajectory input"],
    passages: Passages,
    controls: Controls,
    code: Int[np.ndarray, " event"],
    *,
    n_lags: int,
    noise_std: float,
) -> SwitchKernels:
    """Noise before the moment at which a region is left for good, minus that before the controls."""
    differences = _gather(noise, passages.trajectory, passages.decide, n_lags)
    differences -= _gather(noise, *controls, n_lags)
    return SwitchKernels(differences / noise_std, code, passages.trajectory, noise.shape[1])


def _gather(noise: Tensor, trajectory: np.ndarray, time: np.ndarray, n_lags: int) -> np.ndarray:
    steps = torch.from_numpy(time)[:, None] - torch.arange(n_lags)
    return noise[steps, torch.from_numpy(trajectory)[:, None]].cpu().numpy()


def find_profile(
    kernels: Float[np.ndarray, "*batch direction lag input"],
) -> Float[np.ndarray, "*batch lag"]:
    """Weights of the lags, of length 1: the course in time that kernels of all directions share most of."""
    energy = np.einsum("...dli,...dmi->...lm", kernels, kernels)
    leading = np.linalg.eigh(energy)[1][..., -1]
    return leading * np.where(leading.sum(-1, keepdims=True) < 0, -1.0, 1.0)


@dataclass(frozen=True, eq=False)
class DecidingNoise:
    """Directions of the noise that decide on passages; those of a pair are neighbours, there before back.

    Attributes
    ----------
    profile : (lag,)
    direction : (direction, input)
        Of length 1.
    pair_direction : (pair, input)
        Difference of there and back, of length 1.
    cosine : Estimate, (direction, with_direction)
    opposite : Estimate, (pair,)
    pair_cosine : Estimate, (pair, with_pair)
    singular_value, singular_limit, rank : (mode,), float, int
    """

    profile: Float[np.ndarray, " lag"]
    direction: Float[np.ndarray, "direction input"]
    pair_direction: Float[np.ndarray, "pair input"]
    cosine: Estimate
    opposite: Estimate
    pair_cosine: Estimate
    singular_value: Float[np.ndarray, " mode"]
    singular_limit: float
    rank: int


def find_deciding_noise(
    kernels: SwitchKernels, n_null: int, *, rng: np.random.Generator, **resampling
) -> DecidingNoise:
    """Directions, their cosines with intervals over trajectories, and their rank.

    Notes
    -----
    Own construction. One profile over lags is common to all directions; a direction is the mean noise before
    its passages, weighted by it. Cosines are products of even and odd trajectories, as those in
    :mod:`orbitscope.circuit.noise_kernel`: the length of a mean by itself holds its noise.
    """
    means = kernels.average().astype(float)
    profile = find_profile(means * _weigh(kernels)[:, None, None])
    found = np.einsum("l,dli->di", profile, means)
    values = np.linalg.svd(found * _weigh(kernels)[:, None], compute_uv=False)
    limit = _draw_limit(kernels, n_null, rng)
    cosine, pair_cosine = _bound_cosines(kernels, profile, rng=rng, **resampling)
    rows = np.arange(0, len(found), 2)
    return DecidingNoise(
        profile=profile,
        direction=_scale_to_one(found),
        pair_direction=_scale_to_one(found[::2] - found[1::2]),
        cosine=cosine,
        opposite=cosine[rows, rows + 1],
        pair_cosine=pair_cosine,
        singular_value=values,
        singular_limit=limit,
        rank=int((values > limit).sum()),
    )


def _weigh(kernels: SwitchKernels) -> Float[np.ndarray, " direction"]:
    """Root of the number of passages of each direction over their mean: then all have the same noise."""
    counts = kernels.counts.sum(0)
    return np.sqrt(counts / counts.mean())


def _scale_to_one(rows: Float[np.ndarray, "row input"]) -> Float[np.ndarray, "row input"]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _draw_limit(kernels: SwitchKernels, n_null: int, rng: np.random.Generator) -> float:
    """95 % quantile of the largest singular value when passages and controls are exchanged at random."""
    choices = np.array([-1.0, 1.0], dtype=kernels.flat.dtype)
    sums = kernels.sum_up(rng.choice(choices, size=(n_null, len(kernels.code)))).sum(1).astype(float)
    counts = kernels.counts.sum(0)
    shape = (n_null, kernels.n_directions, kernels.n_lags, kernels.n_inputs)
    weighted = (sums / np.sqrt(counts * counts.mean())[:, None]).reshape(shape)
    found = np.einsum("bl,bdli->bdi", find_profile(weighted), weighted)
    return float(np.quantile(np.linalg.norm(found, 2, axis=(1, 2)), 0.95))


def _bound_cosines(
    kernels: SwitchKernels, profile: np.ndarray, *, rng: np.random.Generator, **resampling
) -> tuple[Estimate, Estimate]:
    """Cosines between directions, and between the differences of there and back of pairs."""
    shape = (len(kernels.code), kernels.n_lags, kernels.n_inputs)
    projected = np.einsum("l,eli->ei", profile, kernels.flat.reshape(shape))
    entries = np.concatenate([projected, np.ones((len(projected), 1))], axis=1)
    sums = np.zeros((kernels.n_trajectories, 2, kernels.n_directions, entries.shape[1]))
    np.add.at(sums, (kernels.owner, kernels.half, kernels.code), entries)
    n_directions, n_pairs = kernels.n_directions, kernels.n_directions // 2

    def measure(totals: np.ndarray) -> np.ndarray:
        halves = totals[..., :-1] / np.maximum(totals[..., -1:], 1)
        pairs = halves[:, :, ::2] - halves[:, :, 1::2]
        flat = [compute_cosines(x[:, 0], x[:, 1]).reshape(len(totals), -1) for x in (halves, pairs)]
        return np.concatenate(flat, axis=1)

    found = bootstrap_statistic(sums, measure, rng=rng, **resampling).as_estimate()
    at = n_directions**2
    return _reshape(found[:at], n_directions), _reshape(found[at:], n_pairs)


def _reshape(found: Estimate, size: int) -> Estimate:
    return Estimate(*(x.reshape(size, size) for x in (found.value, found.low, found.high)))


def compute_cosines(
    first: Float[np.ndarray, "*batch row input"], second: Float[np.ndarray, "*batch row input"]
) -> Float[np.ndarray, "*batch row other"]:
    """Cosines between rows from two independent measures of each; NaN where one has no common length."""
    products = first @ np.swapaxes(second, -1, -2)
    energy = np.diagonal(products, axis1=-2, axis2=-1)
    lengths = np.sqrt(np.where(energy > 0, energy, np.nan))
    both = (products + np.swapaxes(products, -1, -2)) / 2
    return np.clip(both / lengths[..., :, None] / lengths[..., None, :], -1, 1)


def rank_neurons(
    hidden: Float[Tensor, "time trajectory hidden"],
    passages: Passages,
    controls: Controls,
    code: Int[np.ndarray, " event"],
    scales: Float[np.ndarray, " hidden"],
) -> Int[np.ndarray, "direction hidden"]:
    """Neurons by falling difference between passages and controls, in units of ``scales``.

    Looked at is the first step after a region is left for good.
    """
    (trajectory, time), n_directions = controls, int(code.max()) + 1
    before = hidden[torch.from_numpy(passages.decide), torch.from_numpy(passages.trajectory)]
    still = hidden[torch.from_numpy(time), torch.from_numpy(trajectory)]
    difference = (before - still).double().cpu().numpy() / scales
    means = np.stack([np.abs(difference[code == d].mean(0)) for d in range(n_directions)])
    return np.argsort(-means, axis=1, kind="stable")
