"""Clusters of states that seldom pass into each other: places, transfers between them, slowest modes."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer
from pydantic import Field, model_validator
from scipy.sparse import csr_array

from ...errors import UndefinedAnalysisError
from ...part_settings import Draws, PartSettings
from ...statistics import Null, compute_adjusted_rand_index
from ...system.threads import map_parallel

LEAST_MEMBERS = 10
"""States of a microstate: a few neighbours in time would look like a cluster."""

_N_ITERATIONS = 20
"""Iterations of k-means."""


class TooFewStatesError(UndefinedAnalysisError):
    """There are too few states, or too few different ones, to be clustered."""


class ClusterRule(PartSettings):
    """How clusters are found."""

    n_microstates: int = Field(default=50, ge=3, description="places that k-means looks for")
    lag: int = Field(
        default=1, ge=1, description="a transfer leads from a state to the lag-th next one of its trajectory"
    )
    max_clusters: int = Field(default=8, ge=2, description="most clusters, fewer than microstates")
    min_gap: float = Field(
        default=3.0, gt=1, description="smallest ratio of successive timescales that separates clusters"
    )
    n_null: Draws = 99

    @model_validator(mode="after")
    def _check_counts(self) -> "ClusterRule":
        if self.max_clusters >= self.n_microstates:
            raise ValueError(
                f"`max_clusters` must be < `n_microstates`, got {self.max_clusters} and "
                f"{self.n_microstates}. Use 8 and 50"
            )
        return self


@dataclass(frozen=True)
class ClusterModel:
    """Microstates with their clusters, and the spectrum that decided on the number of these.

    Attributes
    ----------
    centres : (microstate, axis)
    shares : (microstate,)
        Share of the states.
    labels : (microstate,)
        Cluster, 0 the largest.
    eigenvalues : (mode,)
        Of the transfer matrix between microstates, largest first.
    null_eigenvalue : Null
        Second eigenvalue when the order of states is random.
    gaps : (candidate,)
        For k = 2, 3, …: timescale of mode k over that of mode k + 1, either raised to that of the null's
        quantile if it is shorter.
    """

    centres: Float[np.ndarray, "microstate axis"]
    shares: Float[np.ndarray, " microstate"]
    labels: Int[np.ndarray, " microstate"]
    eigenvalues: Float[np.ndarray, " mode"]
    null_eigenvalue: Null
    gaps: Float[np.ndarray, " candidate"]

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    def assign(self, points: Float[np.ndarray, "point axis"]) -> Int[np.ndarray, " point"]:
        """Cluster of the nearest microstate."""
        return self.labels[find_nearest(points, self.centres)]


def fit_clusters(
    points: Float[np.ndarray, "point axis"],
    owner: Integer[np.ndarray, " state"],
    rule: ClusterRule,
    *,
    rows: Integer[np.ndarray, " state"] | None = None,
    null: Null | None = None,
    rng: np.random.Generator,
) -> ClusterModel:
    """Cluster states by how seldom trajectories pass from some to others.

    Parameters
    ----------
    points : (point, axis)
        Where states are: different ones are enough.
    owner : (state,)
        Trajectory of each, in the order of time, one trajectory after another.
    rule : ClusterRule
    rows : (state,), optional
        Point of each, so that states that are at the same one are placed together; by default one each, in
        their order.
    null : Null, optional
        Second eigenvalue when the order of states is random, if it is known; else it is drawn.
    rng
        Source of all randomness; same seed, same model.

    Raises
    ------
    TooFewStatesError
        If points lie in no more different places than there may be clusters.

    Notes
    -----
    Own construction: microstates by k-means; transfers between them, symmetrised, with one pseudo-transfer
    per microstate spread evenly; the number of clusters at the largest ratio of implied timescales, or one if
    none reaches ``min_gap``; clusters by k-means in the leading right eigenvectors, begun at the corners of
    their simplex (in the manner of PCCA, Deuflhard & Weber (2005)).
    """
    rows = np.arange(len(points)) if rows is None else rows
    centres = _find_microstates(points, rows, rule, rng)
    code, n_codes = find_nearest(points, centres)[rows], len(centres)
    eigenvalues, vectors = _decompose(count_transfers(code, owner, rule.lag, n_codes))
    if null is None:
        orders = (rng.permutation(code) for _ in range(rule.n_null))
        draws = [_decompose(count_transfers(order, owner, rule.lag, n_codes))[0][1] for order in orders]
        null = Null.of_draws("random order", eigenvalues[1], np.array(draws))
    leading = eigenvalues[: rule.max_clusters + 1]
    times = find_timescales(np.maximum(leading[1:], null.quantile), rule.lag)
    gaps = times[:-1] / times[1:]
    n_clusters = int(gaps.argmax()) + 2 if gaps.max() >= rule.min_gap else 1
    shares = np.bincount(code) / len(code)
    labels = _split_spectrally(vectors[:, :n_clusters])
    rank = np.argsort(np.argsort(-np.bincount(labels, shares), kind="stable"))
    return ClusterModel(centres, shares, rank[labels], leading, null, gaps)


def compare_halves(
    points: Float[np.ndarray, "point axis"],
    owner: Integer[np.ndarray, " point"],
    rule: ClusterRule,
    n_splits: int,
    *,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " split"], Int[np.ndarray, "split half"]]:
    """Cluster random halves of the trajectories, and compare what each half says about all points.

    Returns
    -------
    adjusted_rand : (split,)
        Agreement of the labels.
    n_clusters : (split, half)
    """
    agreement, n_clusters = [], []
    for _ in range(n_splits):
        order = rng.permutation(np.unique(owner))
        is_first = np.isin(owner, order[: len(order) // 2])
        first, second = (
            fit_clusters(points[half], owner[half], rule, rng=rng) for half in (is_first, ~is_first)
        )
        sizes = first.n_clusters, second.n_clusters
        table = tabulate(first.assign(points), second.assign(points), *sizes)
        agreement.append(compute_adjusted_rand_index(table[None])[0])
        n_clusters.append(sizes)
    return np.array(agreement), np.array(n_clusters)


def recluster(
    points: Float[np.ndarray, "point axis"],
    owner: Integer[np.ndarray, " point"],
    symbol: Integer[np.ndarray, " point"],
    rule: ClusterRule,
    n_resamples: int,
    *,
    null: Null,
    rng: np.random.Generator,
) -> Float[np.ndarray, " resample"]:
    """Cluster resamples of the trajectories anew, and compare the clusters of each with its symbols.

    Parameters
    ----------
    points, owner, rule
        As in :func:`fit_clusters`.
    symbol : (point,)
        Most probable symbol of each.
    n_resamples : int
    null : Null
        That of all trajectories.
    rng
        Source of the resamples and of their clusters.

    Returns
    -------
    (resample,)
        Adjusted Rand index; NaN where a resample has too few different states.
    """
    rows = [np.flatnonzero(owner == trajectory) for trajectory in np.unique(owner)]

    def measure(source: np.random.Generator) -> float:
        drawn = [rows[i] for i in source.integers(len(rows), size=len(rows))]
        chosen = np.concatenate(drawn)
        again = np.repeat(np.arange(len(drawn)), [len(part) for part in drawn])
        different, place = np.unique(chosen, return_inverse=True)  # a third of a resample are repetitions
        try:
            model = fit_clusters(points[different], again, rule, rows=place, null=null, rng=source)
        except TooFewStatesError:
            return math.nan
        n_symbols = int(symbol.max()) + 1
        label = model.assign(points[different])[place]
        table = tabulate(label, symbol[chosen], model.n_clusters, n_symbols)
        return float(compute_adjusted_rand_index(table[None])[0])

    return np.array(map_parallel(measure, rng.spawn(n_resamples)))


def find_nearest(
    points: Float[np.ndarray, "point axis"], centres: Float[np.ndarray, "centre axis"]
) -> Int[np.ndarray, " point"]:
    """Nearest centre of each point, in the Euclidean distance.

    SciPy's ``vq`` keeps the interpreter all the while, and other threads wait for it.
    """
    middle = centres.mean(0)  # far from 0 the products of all centres would be alike to rounding
    shifted = centres - middle
    return (points @ shifted.T - (shifted @ middle + np.square(shifted).sum(1) / 2)).argmax(1)


def count_transfers(
    code: Integer[np.ndarray, " point"], owner: Integer[np.ndarray, " point"], lag: int, n_codes: int
) -> Int[np.ndarray, "code next_code"]:
    """How often a state of one code is followed, ``lag`` states on in its trajectory, by one of another."""
    is_same = owner[:-lag] == owner[lag:]
    return tabulate(code[:-lag][is_same], code[lag:][is_same], n_codes, n_codes)


def tabulate(
    rows: Integer[np.ndarray, " point"], columns: Integer[np.ndarray, " point"], n_rows: int, n_columns: int
) -> Int[np.ndarray, "row column"]:
    """Number of points by row and column."""
    counts = np.bincount(rows * n_columns + columns, minlength=n_rows * n_columns)
    return counts.reshape(n_rows, n_columns)


def find_timescales(eigenvalues: Float[np.ndarray, " mode"], lag: int) -> Float[np.ndarray, " mode"]:
    """Implied timescales −lag/log λ, in states: infinite for 1, NaN where λ is not positive."""
    with np.errstate(divide="ignore"):
        return lag / np.abs(np.log(np.where(eigenvalues > 0, eigenvalues, np.nan)))


def _find_microstates(
    points: np.ndarray, rows: np.ndarray, rule: ClusterRule, rng: np.random.Generator
) -> np.ndarray:
    """Centres of k-means that have enough members."""
    start = points[_draw_centres(points, rows, rule.n_microstates, rng)]
    centres = _run_kmeans(points, start, np.bincount(rows, minlength=len(points)))
    n_members = np.bincount(find_nearest(points, centres)[rows], minlength=len(centres))
    centres = centres[n_members >= LEAST_MEMBERS]
    if len(centres) <= rule.max_clusters:
        raise TooFewStatesError(
            f"states must lie in > {rule.max_clusters} different places, got {len(centres)}. Lower "
            "`max_clusters`, or look at the states: they hardly vary."
        )
    return centres


def _run_kmeans(points: np.ndarray, start: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Centres after some iterations; one that loses its members stays where it is.

    Each point counts as often as ``counts`` says, once by default. SciPy's own loop says in a warning that a
    centre has no members, which threads can only silence for each other; and it counts all points alike.
    """
    centres, places = start.copy(), np.arange(len(points))
    weights = np.ones(len(points), points.dtype) if counts is None else counts.astype(points.dtype)
    for _ in range(_N_ITERATIONS):
        code = find_nearest(points, centres)
        members = csr_array((weights, (code, places)), shape=(len(centres), len(points)))
        n_members = np.bincount(code, weights, minlength=len(centres))
        has_members = n_members > 0
        centres[has_members] = (members @ points)[has_members] / n_members[has_members, None]
    return centres


def _draw_centres(
    points: np.ndarray, rows: np.ndarray, n_centres: int, rng: np.random.Generator
) -> list[int]:
    """Points of states drawn in proportion to their squared distance from those before (k-means++).

    SciPy's own start of this kind takes ten times as long as all iterations, and fails where points coincide.
    """
    chosen, shift = [int(rows[rng.integers(len(rows))])], np.empty_like(points)
    gap = np.full(len(points), np.inf)
    while len(chosen) < n_centres:
        np.subtract(points, points[chosen[-1]], out=shift)
        gap = np.minimum(gap, np.einsum("pa,pa->p", shift, shift))
        total = gap[rows].cumsum()
        if total[-1] == 0:
            break
        chosen.append(int(rows[np.searchsorted(total, total[-1] * rng.random(), side="right")]))
    return chosen


def _decompose(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of the smoothed, symmetrised transfer matrix, largest first, and its right eigenvectors."""
    counts = (counts + counts.T) / 2 + 1 / len(counts)
    root = np.sqrt(counts.sum(1))
    eigenvalues, vectors = np.linalg.eigh(counts / root[:, None] / root)
    vectors = vectors[:, ::-1] / root[:, None]
    return np.append(1.0, eigenvalues[-2::-1]), vectors / vectors[:1, :1]


def _split_spectrally(vectors: np.ndarray) -> np.ndarray:
    """Cluster of each microstate, by k-means in the eigenvectors."""
    centres = _run_kmeans(vectors, vectors[_find_corners(vectors)])
    return np.unique(find_nearest(vectors, centres), return_inverse=True)[1]


def _find_corners(vectors: np.ndarray) -> list[int]:
    """Rows that span the largest simplex, greedily: each is farthest from the span of those before."""
    corners = [int(((vectors - vectors.mean(0)) ** 2).sum(1).argmax())]
    rest = vectors - vectors[corners[0]]
    for _ in range(vectors.shape[1] - 1):
        corners.append(int((rest**2).sum(1).argmax()))
        unit = rest[corners[-1]] / np.linalg.norm(rest[corners[-1]])
        rest = rest - np.outer(rest @ unit, unit)
    return corners
