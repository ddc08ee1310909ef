"""Runs of the most probable symbol along trajectories, switches between them, controls of equal age."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int, Integer


@dataclass(frozen=True)
class Switches:
    """Switches from one symbol to another, one entry each, in order of trajectory and time.

    Attributes
    ----------
    trajectory, time : (event,)
        ``time`` is the first step of the new symbol.
    origin, target : (event,)
        Symbols before and after.
    age : (event,)
        Steps that the run before has lasted; −1 if its begin is not seen.
    stay : (event,)
        Steps that the new run lasts; as far as it is seen.
    """

    trajectory: Int[np.ndarray, " event"]
    time: Int[np.ndarray, " event"]
    origin: Integer[np.ndarray, " event"]
    target: Integer[np.ndarray, " event"]
    age: Int[np.ndarray, " event"]
    stay: Int[np.ndarray, " event"]

    def __len__(self) -> int:
        return len(self.time)

    def select(self, chosen: Int[np.ndarray, " chosen"] | Bool[np.ndarray, " event"]) -> "Switches":
        """Some of them."""
        return Switches(**{name: values[chosen] for name, values in vars(self).items()})


def measure_ages(
    symbols: Integer[np.ndarray, "trajectory time"],
) -> Int[np.ndarray, "trajectory time"]:
    """Steps since the run of each step began, 0 at its begin; −1 in the first run, whose begin is unknown."""
    is_new = np.zeros(symbols.shape, dtype=bool)
    is_new[:, 1:] = symbols[:, 1:] != symbols[:, :-1]
    time = np.arange(symbols.shape[1])
    begin = np.maximum.accumulate(np.where(is_new, time, -1), axis=1)
    return np.where(begin < 0, -1, time - begin)


def measure_remaining(
    symbols: Integer[np.ndarray, "trajectory time"],
) -> Int[np.ndarray, "trajectory time"]:
    """Steps that the run of each step still lasts, this one included, as far as it is seen."""
    backwards = symbols[:, ::-1]
    is_last = np.ones(symbols.shape, dtype=bool)
    is_last[:, 1:] = backwards[:, 1:] != backwards[:, :-1]
    time = np.arange(symbols.shape[1])
    end = np.maximum.accumulate(np.where(is_last, time, -1), axis=1)
    return (time - end + 1)[:, ::-1]


def find_switches(symbols: Integer[np.ndarray, "trajectory time"]) -> Switches:
    """Every step at which the symbol differs from the one before."""
    trajectory, before = np.nonzero(symbols[:, 1:] != symbols[:, :-1])
    time = before + 1
    age = measure_ages(symbols)[trajectory, before]
    return Switches(
        trajectory=trajectory,
        time=time,
        origin=symbols[trajectory, before],
        target=symbols[trajectory, time],
        age=np.where(age < 0, -1, age + 1),
        stay=measure_remaining(symbols)[trajectory, time],
    )


def match_by_age(
    symbols: Integer[np.ndarray, "trajectory time"],
    switches: Switches,
    *,
    stay: int,
    earliest: int = 0,
    rng: np.random.Generator,
) -> tuple[Int[np.ndarray, " event"], Int[np.ndarray, " event"]]:
    """A step without a switch for each switch: in a run of the same symbol that has lasted as long.

    Parameters
    ----------
    symbols : (trajectory, time)
    switches : Switches
        With known ages.
    stay : int >= 1
        Steps, the chosen one included, in which the run goes on.
    earliest : int
        First step that may be chosen.
    rng
        Source of the choice.

    Returns
    -------
    trajectory, time : (event,)
        −1 where no run of this symbol has lasted so long without a switch.

    Notes
    -----
    Where no run has exactly this age, the nearest age among longer-lived ones is taken.
    """
    ages, remaining = measure_ages(symbols), measure_remaining(symbols)
    is_open = (ages >= 1) & (remaining >= stay) & (np.arange(symbols.shape[1]) >= earliest)
    found = np.full((2, len(switches)), -1)
    for symbol in np.unique(switches.origin).tolist():
        pool = np.nonzero((symbols == symbol) & is_open)
        pool_age = ages[pool]
        order = np.lexsort((rng.random(len(pool_age)), pool_age))
        pool, pool_age = (pool[0][order], pool[1][order]), pool_age[order]
        rows = np.flatnonzero(switches.origin == symbol)
        first, last = (np.searchsorted(pool_age, switches.age[rows], side=side) for side in ("left", "right"))

        # An age that no run without a switch has: the next one that some have.
        is_missing = (first == last) & (first < len(pool_age))
        last = np.where(is_missing, first + 1, last)
        is_there = first < last
        chosen = first[is_there] + (rng.random(is_there.sum()) * (last - first)[is_there]).astype(int)
        for axis, places in enumerate(pool):
            found[axis, rows[is_there]] = places[chosen]
    return found[0], found[1]


def draw_evenly(
    code: Integer[np.ndarray, " event"], kept: list[int], share: int, *, rng: np.random.Generator
) -> Int[np.ndarray, " drawn"]:
    """Rows drawn at random, so many of each kind that is kept, or all of a rarer one; in their order."""
    rows = [rng.permutation(np.flatnonzero(code == kind))[:share] for kind in kept]
    return np.sort(np.concatenate(rows))
