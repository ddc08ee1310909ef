"""Mean noise before switches beyond that at times without one: energy, directions, and their nulls."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtri

from ..statistics import BootstrapResult, Estimate, Null, bootstrap_statistic, compute_jackknife, divide_sums

HALVES = (0, 1)
"""Even and odd trajectories: what is fitted to one half is looked at in the other."""


class SwitchKernels:
    """Differences of the noise before switches and before their controls, by direction and half.

    Parameters
    ----------
    differences : (event, lag, input)
        Noise before each switch minus that before its control, in units of its standard deviation.
    code : (event,)
        Direction of switching, from 0 on; each has switches in both halves.
    owner : (event,)
        Trajectory.
    n_trajectories : int
    """

    def __init__(
        self,
        differences: Float[np.ndarray, "event lag input"],
        code: Int[np.ndarray, " event"],
        owner: Int[np.ndarray, " event"],
        n_trajectories: int,
    ):
        n_events, self.n_lags, self.n_inputs = differences.shape
        self.flat, self.code, self.owner = differences.reshape(n_events, -1), code, owner
        self.n_directions, self.n_trajectories = int(code.max()) + 1, n_trajectories
        self.half = owner % 2

    def sum_up(self, signs: np.ndarray | None = None) -> Float[np.ndarray, "draw half direction flat"]:
        """Sums of the differences of each half and direction, under signs (draw, event) if given."""
        signs = np.ones((1, len(self.code)), dtype=self.flat.dtype) if signs is None else signs
        sums = np.empty((len(signs), 2, self.n_directions, self.flat.shape[1]), dtype=self.flat.dtype)
        for half in HALVES:
            for j in range(self.n_directions):
                rows = np.flatnonzero((self.half == half) & (self.code == j))
                sums[:, half, j] = signs[:, rows] @ self.flat[rows]
        return sums

    @property
    def counts(self) -> Int[np.ndarray, "half direction"]:
        """Switches of each half and direction."""
        table = np.zeros((2, self.n_directions), dtype=int)
        np.add.at(table, (self.half, self.code), 1)
        return table

    def average(self, half: int | None = None) -> Float[np.ndarray, "direction lag input"]:
        """Mean difference of each direction, of one half or of all."""
        chosen = list(HALVES) if half is None else [half]
        means = self.sum_up()[0, chosen].sum(0) / self.counts[chosen].sum(0)[:, None]
        return means.reshape(self.n_directions, self.n_lags, self.n_inputs)

    def measure_energy(self) -> Float[np.ndarray, " lag"]:
        """Product of the kernels of both halves, summed over directions and inputs."""
        return (self.average(0) * self.average(1)).sum((0, 2))

    def find_modes(
        self, chosen: Bool[np.ndarray, " event"] | None = None
    ) -> tuple[Float[np.ndarray, "mode input"], Float[np.ndarray, " value"]]:
        """Right singular vectors of the kernels of some switches, by default of all, and singular values.

        Kernels are weighted by the root of their numbers of switches, so that all have the same noise. Those
        of rare directions would lead by chance.
        """
        is_in = np.ones(len(self.code), dtype=bool) if chosen is None else chosen
        signs = is_in[None].astype(self.flat.dtype)
        counts = np.bincount(self.code[is_in], minlength=self.n_directions)
        weighted = self.sum_up(signs)[0].sum(0) / _find_divisors(counts)
        stacked = weighted.reshape(-1, self.n_inputs).astype(float)
        _, values, vectors = np.linalg.svd(stacked, full_matrices=True)
        return vectors, values

    def find_leading(self) -> Float[np.ndarray, " input"]:
        """Leading direction, along which the kernel of the first direction of switching is positive."""
        leading = self.find_modes()[0][0]
        return leading * (1.0 if (self.average()[0] @ leading).sum() > 0 else -1.0)

    def find_modes_without(self, fold: int, n_folds: int) -> Float[np.ndarray, "mode input"]:
        """Right singular vectors of the kernels without every n-th trajectory, from ``fold`` on."""
        return self.find_modes(self.owner % n_folds != fold)[0]

    def draw_null(self, n_null: int, rng: np.random.Generator) -> tuple[Null, float]:
        """Energy when switches and controls are exchanged at random, and the largest singular value then."""
        choices = np.array([-1.0, 1.0], dtype=self.flat.dtype)
        sums = self.sum_up(rng.choice(choices, size=(n_null, len(self.code))))
        halves = sums / self.counts[..., None]
        energies = (halves[:, 0] * halves[:, 1]).sum((1, 2))
        stacked = (sums.sum(1) / _find_divisors(self.counts.sum(0))).reshape(n_null, -1, self.n_inputs)
        largest = np.linalg.norm(stacked, 2, axis=(1, 2))
        observed = float(self.measure_energy().sum())
        null = Null.of_draws("switches and controls exchanged", observed, energies.astype(float))
        return null, float(np.quantile(largest, 0.95))

    def bound_energy(self, confidence: float) -> Estimate:
        """Energy with a normal interval from the jackknife over trajectories."""
        rows = self.owner * 2 * self.n_directions + self.half * self.n_directions + self.code
        size = 2 * self.n_directions
        sums = np.zeros((self.n_trajectories * size, self.flat.shape[1] + 1))
        np.add.at(sums, rows, np.concatenate([self.flat, np.ones((len(rows), 1))], axis=1))

        def measure(total: np.ndarray) -> np.ndarray:
            total = total.reshape(-1, 2, self.n_directions, total.shape[-1])
            means = total[..., :-1] / np.maximum(total[..., -1:], 1)
            return (means[:, 0] * means[:, 1]).sum((1, 2))

        found = compute_jackknife(sums.reshape(self.n_trajectories, size, -1), measure)
        half_width = -float(ndtri((1 - confidence) / 2)) * float(found.standard_error)
        value = float(found.estimate)
        return Estimate(value, value - half_width, value + half_width)

    def project_across(self, n_kept: int, *, rng: np.random.Generator, **resampling: Any) -> BootstrapResult:
        """Kernels of all switches and of each half along the first modes, which are those of the other half.

        Returns
        -------
        BootstrapResult
            (part, direction, lag, kept); parts are all switches, then the halves.

        Notes
        -----
        Modes of the other half are turned into those of all switches as well as they can be: it decides
        which space is looked at, not its axes. Along one mode it is a sign.
        """
        modes = self.find_modes()[0][:n_kept]
        modes[0] *= np.sign(modes[0] @ self.find_leading())
        sums = np.zeros((self.n_trajectories, 2, 2, self.n_directions, self.n_lags, n_kept))
        for half in HALVES:
            other = self.find_modes_without(half, 2)[:n_kept]
            left, _, right = np.linalg.svd(other @ modes.T)
            rows = self.half == half
            noise = self.flat[rows].reshape(-1, self.n_lags, self.n_inputs)
            values = noise @ (other.T @ (left @ right))
            place = self.owner[rows], self.code[rows]
            np.add.at(sums[:, 0, half], place, values)
            np.add.at(sums[:, 1, half], place, 1.0)
        return bootstrap_statistic(sums, _average_parts, rng=rng, **resampling)


def _find_divisors(counts: Int[np.ndarray, " direction"]) -> Float[np.ndarray, "direction 1"]:
    """What sums are divided by to be means weighted by √(n / mean n)."""
    return np.sqrt(np.maximum(counts, 1) * np.maximum(counts.mean(), 1))[:, None]


def _average_parts(
    sums: Float[np.ndarray, "batch 2 half direction lag kept"],
) -> Float[np.ndarray, "batch part direction lag kept"]:
    """Means over all switches, and over those of each half."""
    return divide_sums(np.concatenate([sums.sum(2, keepdims=True), sums], axis=2))
