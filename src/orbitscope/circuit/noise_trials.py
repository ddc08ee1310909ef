"""What parts of the noise do to switches: replays of the noise before them, and hazards without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int

from ..dynamics.driving.driven_states import DrivenPath
from ..network import NoiseRNN, fork_generator
from ..statistics import Estimate, bootstrap_statistic
from ..system.threads import map_parallel
from .commitment import OUTCOME_STEPS
from .noise_subspaces import UNBOUNDED, Damping, draw_equal_drive, replay_parts, run_damped
from .switches import FEWEST_EVENTS
from .symbol_runs import Switches

LEAST_EFFECT = 0.1
"""Of replaying all noise: below it a share of the effect says nothing, as where symbols flicker."""

DOSES = (0.25, 0.5, 0.75)
"""Shares of the leading direction that are taken away, beside none and all of it."""

Basis = Float[np.ndarray, "input _"]


@runtime_checkable
class TrialSettings(Protocol):
    """What replays and removals read from the settings of their part."""

    n_replayed: int
    replay_steps: int
    n_rollouts: int
    n_trajectories: int
    n_steps: int
    burn_in: int

    @property
    def resampling(self) -> dict[str, Any]:
        """Keyword arguments of a bootstrap."""
        ...


@dataclass(frozen=True)
class Subspaces:
    """Subspaces of the noise, orthonormal columns each.

    Attributes
    ----------
    named : leading direction, all deciding ones, all but the leading one
    equal : random ones that carry as much drive as the leading one
    """

    named: list[Basis]
    equal: list[Basis]


def build_subspaces(
    vectors: Float[np.ndarray, "mode input"],
    w_ih: Float[np.ndarray, "hidden input"] | None,
    *,
    n_deciding: int,
    n_controls: int,
    rng: np.random.Generator,
) -> Subspaces:
    """Subspaces that follow from the directions of the noise before switches, the leading one first.

    There are none of equal drive without input weights, nor with a single input.
    """
    leading = vectors[:1].T
    named = [leading, vectors[: min(n_deciding, len(vectors))].T, vectors[1:].T]
    if w_ih is None or len(vectors) == 1:
        return Subspaces(named, [])
    return Subspaces(named, [draw_equal_drive(w_ih, leading, rng=rng) for _ in range(n_controls)])


@dataclass(frozen=True)
class Replays:
    """Effect of replaying subspaces, as a share of that of replaying all; why there is none, or empty.

    Attributes
    ----------
    named : Estimate, (subspace,)
    equal : (control,)
    note : str
    """

    named: Estimate
    equal: Float[np.ndarray, " control"]
    note: str


def measure_replays(
    network: NoiseRNN,
    path: DrivenPath,
    events: Switches,
    by_fold: Sequence[Subspaces],
    settings: TrialSettings,
    *,
    noise_std: float,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Replays:
    """Replay the noise before switches in subspaces: those of a trajectory are ``by_fold[trajectory % n]``.

    They must not be fitted to its noise, which lies more in directions that were found in it.
    """
    chosen = _choose_replayed(events, settings)
    n_named, n_equal = len(by_fold[0].named), len(by_fold[0].equal)
    none = Replays(Estimate(np.full(n_named, np.nan)), np.full(n_equal, np.nan), "")
    if len(chosen) < FEWEST_EVENTS:
        note = (
            f"replay: {len(chosen)} switches after runs of {settings.replay_steps} steps, < {FEWEST_EVENTS}"
        )
        return Replays(none.named, none.equal, note)

    folds = chosen.trajectory % len(by_fold)
    present = np.unique(folds).tolist()
    jobs = [(fold, np.flatnonzero(folds == fold), fork_generator(generator)) for fold in present]

    def run(job: tuple[int, np.ndarray, torch.Generator]) -> np.ndarray:
        fold, rows, source = job
        whole = np.eye(network.input_size)
        parts = [whole[:, :0], whole, *by_fold[fold].named, *by_fold[fold].equal]
        options = {"n_rollouts": settings.n_rollouts, "noise_std": noise_std, "generator": source}
        return _replay(network, path, chosen.select(rows), parts, settings.replay_steps, options)

    # Nothing, everything, then each subspace.
    gone = np.empty((2 + n_named + n_equal, len(chosen)))
    for (_, rows, _), values in zip(jobs, map_parallel(run, jobs), strict=True):
        gone[:, rows] = values

    effect = float((gone[1] - gone[0]).mean())
    if effect < LEAST_EFFECT:
        note = f"replay: replaying all noise makes {effect:.2g} more switches that last, < {LEAST_EFFECT}"
        return Replays(none.named, none.equal, note)
    sums = np.zeros((len(path.start), len(gone) - 1))
    np.add.at(sums, chosen.trajectory, (gone[1:] - gone[0]).T)
    shares = bootstrap_statistic(sums, _divide_by_first, rng=rng, **settings.resampling).as_estimate()
    return Replays(shares[:n_named], shares.value[n_named:], "")


def _choose_replayed(events: Switches, settings: TrialSettings) -> Switches:
    """Switches evenly among those after runs that are longer than what is replayed."""
    rows = np.flatnonzero(events.age >= settings.replay_steps)
    spread = np.linspace(0, max(len(rows) - 1, 0), min(settings.n_replayed, len(rows)))
    return events.select(rows[np.unique(spread.round().astype(int))])


def _replay(
    network: NoiseRNN,
    path: DrivenPath,
    chosen: Switches,
    parts: list[Basis],
    n_steps: int,
    options: dict,
) -> Float[np.ndarray, "part event"]:
    trajectory, time = torch.from_numpy(chosen.trajectory), torch.from_numpy(chosen.time)
    start = path.states[time - n_steps, trajectory]
    noise = path.noise[time + torch.arange(1 - n_steps, 1)[:, None], trajectory]
    origin = torch.from_numpy(chosen.origin.astype(int))
    return replay_parts(network, start, noise, parts, origin, n_after=OUTCOME_STEPS, **options)


def _divide_by_first(sums: Float[np.ndarray, "batch part"]) -> Float[np.ndarray, "batch other"]:
    """Every sum but the first over the first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[:, 1:] / sums[:, :1]


@dataclass(frozen=True)
class Removals:
    """Hazards of each direction of switching without subspaces, over those with all noise.

    Attributes
    ----------
    named : Estimate, (subspace, direction)
    equal : (control, direction)
    by_dose : Estimate, (dose, direction)
        Without shares of the leading direction: none, those of ``DOSES``, all of it.
    equal_by_dose : (dose, control, direction)
        The same of subspaces of equal drive.
    rate : Estimate, (subspace,)
        Rate of switches of any direction, over that with all noise.
    occupancy : Estimate, (1 + subspace,)
        Share of the most frequent symbol, with all noise and without each subspace.
    note : str
    """

    named: Estimate
    equal: Float[np.ndarray, "control direction"]
    rate: Estimate
    occupancy: Estimate
    by_dose: Estimate
    equal_by_dose: Float[np.ndarray, "dose control direction"]
    note: str


def measure_removals(
    network: NoiseRNN,
    pairs: list[tuple[int, int]],
    subspaces: Subspaces,
    settings: TrialSettings,
    *,
    noise_std: float,
    generator: torch.Generator,
    rng: np.random.Generator,
) -> Removals:
    """Drive a network on common noise that lacks subspaces, or shares of them, and count switches."""
    n_named, n_equal, n_doses = len(subspaces.named), len(subspaces.equal), len(DOSES)
    intact = Damping(np.empty((network.input_size, 0)))
    whole = [Damping(basis) for basis in (*subspaces.named, *subspaces.equal)]
    dosed = [Damping(b, dose) for dose in DOSES for b in (subspaces.named[0], *subspaces.equal)]
    symbols = run_damped(
        network,
        [intact, *whole, *dosed],
        n_trajectories=settings.n_trajectories,
        n_steps=settings.n_steps,
        burn_in=settings.burn_in,
        noise_std=noise_std,
        generator=generator,
    )
    counts = np.stack([count_switches(each, pairs) for each in symbols], axis=1)
    is_unbounded = (symbols == UNBOUNDED).any((1, 2))

    def divide(total: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            hazard = total[:, :, 0] / total[:, :, 1]
            ratio = np.where(hazard[:, :1] > 0, hazard / hazard[:, :1], np.nan)
        return np.where((is_unbounded | is_unbounded[0])[:, None], np.nan, ratio)

    ratios = _require_interval(
        bootstrap_statistic(counts, divide, rng=rng, **settings.resampling).as_estimate()
    )
    occupied = np.stack([count_steps(each, network.n_symbols) for each in symbols[: 1 + n_named]], axis=1)
    changes = (symbols[: 1 + n_named, :, 1:] != symbols[: 1 + n_named, :, :-1]).sum(2).T.astype(float)
    changes[:, is_unbounded[: 1 + n_named]] = np.nan
    whole_ratios = bootstrap_statistic(
        changes, _divide_by_intact, rng=rng, **settings.resampling
    ).as_estimate()
    first_equal, first_dosed = 1 + n_named, 1 + n_named + n_equal
    leading = [0, *range(first_dosed, len(symbols), 1 + n_equal), 1]
    between = ratios.value[first_dosed:].reshape(n_doses, 1 + n_equal, -1)[:, 1:]
    equal = ratios.value[first_equal:first_dosed]
    nothing = np.broadcast_to(ratios.value[0], equal.shape)
    return Removals(
        named=ratios[1:first_equal],
        equal=equal,
        rate=whole_ratios[1:],
        occupancy=bootstrap_statistic(occupied, _find_largest, rng=rng, **settings.resampling).as_estimate(),
        by_dose=ratios[leading],
        equal_by_dose=np.concatenate([nothing[None], between, equal[None]]),
        note=_say_unbounded(is_unbounded),
    )


def _require_interval(found: Estimate) -> Estimate:
    """NaN where some resamples are undefined: a symbol that is hardly visited has no hazard to speak of."""
    is_known = np.isfinite(found.low) & np.isfinite(found.high)
    return Estimate(*(np.where(is_known, part, np.nan) for part in (found.value, found.low, found.high)))


def _say_unbounded(is_unbounded: np.ndarray) -> str:
    if not is_unbounded.any():
        return ""
    if is_unbounded[0]:
        return "removal: the network grows without bound in these runs; shorten `noise_kernel.n_steps`"
    return f"removal: in {int(is_unbounded.sum())} runs without a part of the noise activity has no bound"


def count_steps(
    symbols: Int[np.ndarray, "trajectory time"], n_symbols: int
) -> Float[np.ndarray, "trajectory symbol"]:
    """Steps in each symbol; none where there is no symbol."""
    return np.stack([(symbols == symbol).sum(1) for symbol in range(n_symbols)], axis=1).astype(float)


def _divide_by_intact(sums: Float[np.ndarray, "batch damping"]) -> Float[np.ndarray, "batch damping"]:
    """Every sum over the first; NaN where that is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[:, :1] > 0, sums / sums[:, :1], np.nan)


def _find_largest(sums: Float[np.ndarray, "batch damping symbol"]) -> Float[np.ndarray, "batch damping"]:
    """Share of the most frequent symbol."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums.max(2) / sums.sum(2)


def count_switches(
    symbols: Int[np.ndarray, "trajectory time"], pairs: list[tuple[int, int]]
) -> Float[np.ndarray, "trajectory 2 direction"]:
    """Switches in each direction, and the steps in the symbol before after which one could be seen."""
    before, after = symbols[:, :-1], symbols[:, 1:]
    events = [((before == a) & (after == b)).sum(1) for a, b in pairs]
    steps = [(before == a).sum(1) for a, _ in pairs]
    return np.stack([np.stack(events, axis=1), np.stack(steps, axis=1)], axis=1).astype(float)
