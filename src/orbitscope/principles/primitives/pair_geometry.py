"""Geometry of pairs of regions: planes of the mean paths there and back, their loops, and angles between."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from ...statistics import Estimate, Null, bootstrap_statistic, divide_sums
from ...system.threads import limit_blas
from .pair_segments import Passages, list_phases, sample_paths

HALVES = (0, 1)
"""Even and odd trajectories: what is fitted to one half is looked at in the other."""


@dataclass(frozen=True, eq=False)
class PairPaths:
    """Paths between the regions of each pair, all from its first region to its second one.

    Attributes
    ----------
    paths : by pair, (event, point, hidden)
        Those back are turned round.
    is_back : by pair, (event,)
    owner : by pair, (event,)
        Trajectory.
    n_trajectories : int
    """

    paths: list[Float[np.ndarray, "_ point hidden"]]
    is_back: list[Int[np.ndarray, " _"]]
    owner: list[Int[np.ndarray, " _"]]
    n_trajectories: int

    def sum_up(self, pair: int, is_back: np.ndarray | None = None) -> Float[np.ndarray, "trajectory way sum"]:
        """Sums of the paths of each trajectory each way, and their number as the last entry."""
        back = self.is_back[pair] if is_back is None else is_back
        flat = self.paths[pair].reshape(len(back), -1)
        entries = np.concatenate([flat, np.ones((len(flat), 1), dtype=flat.dtype)], axis=1)
        rows = np.arange(2 * self.n_trajectories)[:, None] == (2 * self.owner[pair] + back)[None]
        sums = rows.astype(flat.dtype) @ entries
        return sums.reshape(self.n_trajectories, 2, -1).astype(float)


def gather_paths(
    hidden: Float[Tensor, "time trajectory hidden"],
    passages: Passages,
    pairs: list[tuple[int, int]],
    scales: Float[np.ndarray, " hidden"],
    *,
    n_phases: int,
    n_around: int,
) -> PairPaths:
    """Paths of the passages of each pair, in units of ``scales``."""
    phases = list_phases(n_phases, n_around)
    paths, back, owner = [], [], []
    for a, b in pairs:
        there, again = passages.find(a, b), passages.find(b, a)
        rows = np.concatenate([there, again])
        found = sample_paths(hidden, passages.select(rows), phases, scales)
        found[len(there) :] = found[len(there) :, ::-1]
        paths.append(found)
        back.append((np.arange(len(rows)) >= len(there)).astype(int))
        owner.append(passages.trajectory[rows])
    return PairPaths(paths, back, owner, hidden.shape[1])


def fit_planes(
    points: Float[np.ndarray, "*batch point hidden"],
) -> Float[np.ndarray, "*batch hidden axis"]:
    """Two leading principal axes of some points, orthonormal; the second is 0 for points on a line."""
    centred = points - points.mean(-2, keepdims=True)
    values, vectors = np.linalg.eigh(centred @ np.swapaxes(centred, -1, -2))
    values, vectors = values[..., :-3:-1], vectors[..., :-3:-1]
    lengths = np.sqrt(np.where(values > 1e-12 * values[..., :1], values, np.inf))
    return np.swapaxes(centred, -1, -2) @ (vectors / lengths[..., None, :])


def close_loop(
    means: Float[np.ndarray, "*batch way point hidden"],
) -> Float[np.ndarray, "*batch loop hidden"]:
    """Mean paths there and back as one closed polygon, in the order of time."""
    return np.concatenate([means[..., 0, :, :], means[..., 1, ::-1, :]], axis=-2)


def measure_roundness(loop: Float[np.ndarray, "*batch loop axis"]) -> Float[np.ndarray, "*batch"]:
    """4π area/perimeter² of closed polygons of a plane, by the turn from the first axis to the second.

    ±1 for a circle, 0 for a path that goes back on itself, or does not move at all.
    """
    ahead = np.roll(loop, -1, axis=-2)
    area = (loop[..., 0] * ahead[..., 1] - loop[..., 1] * ahead[..., 0]).sum(-1) / 2
    perimeter = np.linalg.norm(ahead - loop, axis=-1).sum(-1)
    return np.divide(4 * np.pi * area, perimeter**2, out=np.zeros_like(area), where=perimeter > 0)


def measure_cosines(
    one: Float[np.ndarray, "*batch hidden axis"], other: Float[np.ndarray, "*batch hidden axis"]
) -> Float[np.ndarray, "*batch axis"]:
    """Cosines of the principal angles between subspaces with orthonormal columns, the largest first."""
    return np.clip(np.linalg.svd(np.swapaxes(one, -1, -2) @ other, compute_uv=False), 0, 1)


def measure_across(
    loops: Float[np.ndarray, "half *batch loop hidden"],
) -> tuple[Float[np.ndarray, "half *batch hidden axis"], Float[np.ndarray, "measure ..."]]:
    """Planes of both halves, and what loops of one half look like in the plane of the other.

    Returns
    -------
    planes : (half, ..., hidden, axis)
    measures : (measure, ...)
        Roundness, whose sign is that of the other half, and share of the variance in the plane; means over
        halves.
    """
    planes = fit_planes(loops)
    roundness, share = [], []
    for half in HALVES:
        own, plane = loops[half], planes[1 - half]
        centred = own - own.mean(-2, keepdims=True)
        turn = np.sign(measure_roundness(loops[1 - half] @ plane))
        roundness.append(turn * measure_roundness(own @ plane))
        total = np.square(centred).sum((-1, -2))
        inside = np.square(centred @ plane).sum((-1, -2))
        share.append(np.divide(inside, total, out=np.full_like(total, np.nan), where=total > 0))
    return planes, np.stack([np.mean(roundness, axis=0), np.mean(share, axis=0)])


@dataclass(frozen=True, eq=False)
class Geometry:
    """Geometry of all pairs, for the data and its resamples.

    Attributes
    ----------
    roundness, plane_share : (resample, pair)
    cosine : (resample, pair, pair, axis)
        Of principal angles between planes of different halves; on the diagonal those of one pair.
    """

    roundness: Float[np.ndarray, "resample pair"]
    plane_share: Float[np.ndarray, "resample pair"]
    cosine: Float[np.ndarray, "resample pair other axis"]

    @property
    def overlap(self) -> Float[np.ndarray, "resample pair other"]:
        """Mean squared cosine of both angles."""
        return np.square(self.cosine).mean(-1)


def measure_geometry(
    found: PairPaths, weights: Float[np.ndarray, "resample trajectory"] | None = None
) -> Geometry:
    """Planes of two halves of the trajectories, and how they agree; one row without ``weights``."""
    weights = np.ones((1, found.n_trajectories)) if weights is None else weights
    planes, measures = [], []
    with limit_blas():
        for pair, paths in enumerate(found.paths):
            sums, shape = found.sum_up(pair), paths.shape[1:]
            loops = np.stack([_average(sums[half::2], weights[:, half::2], shape) for half in HALVES])
            plane, measure = measure_across(loops)
            planes.append(plane)
            measures.append(measure)
        n_pairs = len(planes)
        cosine = np.empty((len(weights), n_pairs, n_pairs, 2))
        for i in range(n_pairs):
            for j in range(n_pairs):
                both = [measure_cosines(planes[i][half], planes[j][1 - half]) for half in HALVES]
                cosine[:, i, j] = np.mean(both, axis=0)
    roundness, share = np.moveaxis(np.array(measures), 0, -1)
    return Geometry(roundness, share, cosine)


def _average(
    sums: Float[np.ndarray, "trajectory way sum"],
    weights: Float[np.ndarray, "resample trajectory"],
    shape: tuple[int, ...],
) -> Float[np.ndarray, "resample loop hidden"]:
    """Loops of the mean paths of resamples of one half."""
    totals = np.tensordot(weights, sums, axes=1)
    means = totals[..., :-1] / np.maximum(totals[..., -1:], 1)
    return close_loop(means.reshape(*means.shape[:2], *shape))


def draw_loop_null(
    found: PairPaths, observed: Float[np.ndarray, " pair"], n_null: int, rng: np.random.Generator
) -> Null:
    """Roundness where passages there and passages back, turned round, are exchanged at random."""
    draws = np.empty((n_null, len(found.paths)))
    for pair, paths in enumerate(found.paths):
        flat, shape, loops = paths.reshape(len(paths), -1), paths.shape[1:], []
        for half in HALVES:
            rows = np.flatnonzero(found.owner[pair] % 2 == half)
            back = rng.permuted(np.tile(found.is_back[pair][rows], (n_null, 1)), axis=1).astype(flat.dtype)
            n_back = back[0].sum()
            total, of_back = flat[rows].sum(0), back @ flat[rows]
            means = np.stack([(total - of_back) / (len(rows) - n_back), of_back / n_back], axis=1)
            loops.append(close_loop(means.reshape(n_null, 2, *shape).astype(float)))
        with limit_blas():
            draws[:, pair] = measure_across(np.stack(loops))[1][0]
    return Null.of_draws("ways exchanged", observed, draws)


def draw_resamples(
    n_trajectories: int, n_resamples: int, rng: np.random.Generator
) -> Float[np.ndarray, "resample trajectory"]:
    """How often each trajectory counts: once each in the first row, then as it is drawn."""
    drawn = rng.multinomial(n_trajectories, np.full(n_trajectories, 1 / n_trajectories), size=n_resamples)
    return np.concatenate([np.ones((1, n_trajectories)), drawn])


def bound(values: Float[np.ndarray, "resample ..."], confidence: float) -> Estimate:
    """The first row with percentiles of the others, moved by as much as their mean is beside it.

    A mean of resampled paths has the noise of paths twice: shares of variance and the like are lower by it.
    """
    limits = np.quantile(values[1:], [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    shift = values[0] - values[1:].mean(0)
    return Estimate(values[0], *(limits + shift))


def describe_paths(
    found: PairPaths,
) -> tuple[Float[np.ndarray, "pair way point axis"], Float[np.ndarray, "pair hidden axis"]]:
    """Mean paths of all trajectories in the plane of their pair, from their middle on, and these planes."""
    shown, planes = [], []
    for pair, paths in enumerate(found.paths):
        back = found.is_back[pair] == 1
        means = np.stack([paths[~back].mean(0), paths[back].mean(0)]).astype(float)
        plane = fit_planes(close_loop(means))

        # Axes as eigenvectors have any sign: the second region is on the right, the way there above.
        middle = means.reshape(-1, means.shape[-1]).mean(0)
        placed = (means - middle) @ plane
        signs = np.sign([placed[:, -1, 0].sum() - placed[:, 0, 0].sum(), (placed[0] - placed[1])[:, 1].sum()])
        signs = np.where(signs == 0, 1.0, signs)
        shown.append(placed * signs)
        planes.append(plane * signs)
    return np.array(shown), np.array(planes)


def measure_state_share(
    found: PairPaths, planes: Float[np.ndarray, "pair hidden axis"], *, rng: np.random.Generator, **resampling
) -> Estimate:
    """Share of the variance of single states of passages, about their mean, in the plane of their pair."""
    sums = np.zeros((found.n_trajectories, 2, len(planes)))
    for pair, plane in enumerate(planes):
        points = found.paths[pair]
        centred = points - points.mean((0, 1))
        parts = np.square(centred @ plane.astype(points.dtype)).sum((1, 2)), np.square(centred).sum((1, 2))
        for row, part in enumerate(parts):
            np.add.at(sums[:, row, pair], found.owner[pair], part)
    return bootstrap_statistic(sums, divide_sums, rng=rng, **resampling).as_estimate()
