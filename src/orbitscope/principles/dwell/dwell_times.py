"""Dwells: stretches of one state in sequences of a finite window, counted by their age."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Integer


@dataclass(frozen=True)
class Dwells:
    """Dwells whose begin is seen, one entry each, in order of trajectory and time.

    Attributes
    ----------
    trajectory, state : (dwell,)
    length : (dwell,)
        Steps, as far as they are seen.
    is_ended : (dwell,)
        Whether the end is seen. If not, the dwell is cut by the end of the window.
    """

    trajectory: Int[np.ndarray, " dwell"]
    state: Integer[np.ndarray, " dwell"]
    length: Int[np.ndarray, " dwell"]
    is_ended: Bool[np.ndarray, " dwell"]

    def __len__(self) -> int:
        return len(self.length)


def find_dwells(states: Integer[np.ndarray, "trajectory time"]) -> Dwells:
    """Dwells of each trajectory but the first one, whose begin is not seen.

    Parameters
    ----------
    states : (trajectory, time)
        States, or symbols. A trajectory of a single value, as one that cannot be decoded, has no dwell.

    Examples
    --------
    >>> find_dwells(np.array([[0, 0, 1, 1, 1, 0]])).length
    array([3, 1])
    """
    begins = np.ones(states.shape, dtype=bool)
    begins[:, 1:] = states[:, 1:] != states[:, :-1]
    start = np.flatnonzero(begins)
    length = np.diff(start, append=states.size)
    trajectory, time = np.divmod(start, states.shape[1])
    is_kept = time > 0
    is_ended = time + length < states.shape[1]
    return Dwells(trajectory[is_kept], states.ravel()[start][is_kept], length[is_kept], is_ended[is_kept])


def count_ages(
    dwells: Dwells, n_trajectories: int, n_states: int, horizon: int
) -> Float[np.ndarray, "trajectory state 2 age"]:
    """How many dwells end at each age, and how many are at risk to, by trajectory.

    Parameters
    ----------
    dwells : Dwells
    n_trajectories, n_states : int
    horizon : int >= 1
        Largest age.

    Returns
    -------
    (trajectory, state, 2, age)
        Dwells that end at an age, then dwells at risk; column j is age j + 1.

    Notes
    -----
    A dwell that is cut after c steps was seen not to end at the ages 1 … c − 1; whether it ended at c is not
    known. It is at risk up to c − 1, and a dwell of one step at the end of a window tells nothing.
    """
    followed = dwells.length - ~dwells.is_ended
    shape = (n_trajectories, n_states, horizon + 1)
    row = dwells.trajectory * n_states + dwells.state.astype(int)

    def tabulate(ages: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        code = row[chosen] * (horizon + 1) + np.minimum(ages[chosen], horizon + 1) - 1
        return np.bincount(code, minlength=int(np.prod(shape))).reshape(shape)

    ended = tabulate(dwells.length, dwells.is_ended)
    at_risk = np.cumsum(tabulate(followed, followed > 0)[..., ::-1], axis=-1)[..., ::-1]
    return np.stack([ended, at_risk], axis=2)[..., :horizon].astype(float)
