"""How the dynamics change over training, and whether instability sets in when the loss drops."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped

from ..errors import InputError, UndefinedAnalysisError
from ..network import NoiseRNN
from ..results import Result, axes
from ..statistics import BootstrapResult, bootstrap_change_point, bootstrap_statistic
from .checkpoint_measures import MEASURES, measure_checkpoint
from .driven_states import DrivenPath, NoStationaryRegimeError, run_driven
from .orbit_plane import OrbitPlane, fit_orbit_plane

LEAST_CHECKPOINTS = 5
"""Fewer checkpoints cannot date an onset."""

ONSETS = ("unstable_share", "critical_share")
"""Measures whose onset is dated."""

_LEAST_EVENTS = 3.0
"""Upper 95 % limit of the number of events where none was seen."""

_ORBIT_STEPS = 200
"""Steps of the orbit that is kept of each checkpoint."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvolutionResult(Result):
    """The dynamics of the checkpoints of a training run.

    ``status`` holds ``without_regime`` (epochs of checkpoints that have no stationary regime, whose measures
    are NaN) and ``notes`` (what could not be dated, and why).

    Attributes
    ----------
    checkpoint_epoch : (checkpoint,)
    measure, description, unit : (measure,)
    estimate, low, high : (measure, checkpoint)
        Mean over trajectories and its bootstrap interval.
    epoch : (epoch,)
        Epochs of the loss curve.
    loss : (epoch,)
        Relative to that of symbols without memory.
    event : (event,)
        "loss drop", and the onset of each of ``ONSETS``.
    date, date_low, date_high : (event,)
        Epoch in which the loss leaves its plateau, with its block-bootstrap interval; first checkpoint of an
        onset, with the one before it as lower limit: the onset lies between these. NaN without one.
    lag, lag_low, lag_high : (event,)
        Date minus that of the drop of the loss; limits from the limits of both.
    orbit : (checkpoint, orbit_time, component)
        One driven trajectory of each checkpoint in the orbit plane of the last one, in units of the root mean
        square activity of its checkpoint; NaN without a stationary regime.
    orbit_symbol : (checkpoint, orbit_time)
        Most probable symbol; −1 without a stationary regime.
    """

    checkpoint_epoch: Int[np.ndarray, " checkpoint"] = axes(
        "checkpoint", unit="epochs", description="epoch of a checkpoint"
    )
    measure: Shaped[np.ndarray, " measure"] = axes("measure", description="name of the measure")
    description: Shaped[np.ndarray, " measure"] = axes("measure", description="what the measure is")
    unit: Shaped[np.ndarray, " measure"] = axes("measure", description="unit of the measure")
    estimate: Float[np.ndarray, "measure checkpoint"] = axes(
        "measure", "checkpoint", description="mean over trajectories"
    )
    low: Float[np.ndarray, "measure checkpoint"] = axes("measure", "checkpoint", description="lower limit")
    high: Float[np.ndarray, "measure checkpoint"] = axes("measure", "checkpoint", description="upper limit")
    epoch: Int[np.ndarray, " epoch"] = axes("epoch", unit="epochs", description="epoch of the loss")
    loss: Float[np.ndarray, " epoch"] = axes("epoch", description="loss relative to that without memory")
    event: Shaped[np.ndarray, " event"] = axes("event", description="what is dated")
    date: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="date")
    date_low: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="lower limit")
    date_high: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="upper limit")
    lag: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="date minus loss drop")
    lag_low: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="lower limit")
    lag_high: Float[np.ndarray, " event"] = axes("event", unit="epochs", description="upper limit")
    orbit: Float[np.ndarray, "checkpoint orbit_time component"] = axes(
        "checkpoint", "orbit_time", "component", description="a driven trajectory in the last plane"
    )
    orbit_symbol: Integer[np.ndarray, "checkpoint orbit_time"] = axes(
        "checkpoint", "orbit_time", description="most probable symbol"
    )


def compute_training_evolution(
    checkpoints: Mapping[int, Callable[[], NoiseRNN]],
    course: Float[np.ndarray, " epoch"],
    *,
    noise_std: float = 1.0,
    n_trajectories: int = 40,
    n_steps: int = 200,
    burn_in: int = 300,
    spectral_stride: int = 20,
    align_steps: int = 50,
    n_resamples: int = 500,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> EvolutionResult:
    """Measure the driven dynamics of each checkpoint, and date the drop of the loss and the onset apart.

    Parameters
    ----------
    checkpoints : mapping
        Loaders of the networks by epoch; the last one gives the plane of the orbits.
    course : (epoch,)
        Loss of the epochs from 1 on, relative to that of symbols without memory; empty if it is unknown.
    noise_std, n_trajectories, n_steps, burn_in
        As in :func:`run_driven`, for each checkpoint; the noise is the same for all.
    spectral_stride : int >= 1
        Spectra are taken at every so many steps.
    align_steps : int >= 0
        First steps, which turn the tangent vector and do not count for the exponent.
    n_resamples, confidence
        Of the bootstrap over trajectories, and over blocks of epochs for the loss.
    generator
        Source of all noise; same seed, same result.

    Raises
    ------
    InputError
        If a number is out of range.
    UndefinedAnalysisError
        If there are fewer than ``LEAST_CHECKPOINTS``, or none has a stationary regime.

    Notes
    -----
    Paper: Torre et al. 2025, dynamics over training. Differs: drop of the loss and onset of instability are
    dated by a rule each, and their lag has limits; the paper reads both off one figure. An onset is the first
    checkpoint from which on a share stays above what it was before the loss dropped (before any change, if
    the loss does not): its lower limit above all upper limits until then, where a share of 0 of n spectra has
    the upper limit 3/n. It is known as well as checkpoints are dense, and says nothing about other seeds.
    Complete dwells within the window are counted, which favours short ones alike in all checkpoints.
    """
    _check(len(checkpoints), n_steps, spectral_stride, align_steps)
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    rng = np.random.default_rng(seed)
    resample = partial(bootstrap_statistic, rng=rng, n_resamples=n_resamples, confidence=confidence)
    epochs, plane = np.array(sorted(checkpoints)), None
    found: dict[int, _Checkpoint] = {}
    for epoch in epochs[::-1].tolist():
        network, source = checkpoints[epoch](), torch.Generator(generator.device).manual_seed(seed)
        drive = {"burn_in": burn_in, "noise_std": noise_std, "generator": source}
        with contextlib.suppress(NoStationaryRegimeError):
            path = run_driven(network, n_trajectories, n_steps + 1, **drive)
            options = {"align_steps": align_steps, "generator": source, "resample": resample}
            measures = measure_checkpoint(network, path, stride=spectral_stride, **options)
            hidden = path.states[..., : network.hidden_size]
            plane = plane or fit_orbit_plane(hidden)
            found[epoch] = _Checkpoint(measures, *_trace_orbit(network, path, plane))
    if not found:
        raise UndefinedAnalysisError("no checkpoint has a stationary regime: all grow without bound.")
    rows = [found.get(epoch) for epoch in epochs.tolist()]
    dates, notes = _date_drop(course, rng, n_resamples, confidence)
    measured = _stack_measures(rows)
    least = _LEAST_EVENTS / (n_trajectories * -(-n_steps // spectral_stride))
    for name in ONSETS:
        row = list(MEASURES).index(name)
        limits = (measured[key][row] for key in ("low", "high"))
        dates[name] = find_onset(epochs, *limits, least=least, before=dates["loss drop"][0])
        if np.isnan(dates[name][0]):
            notes.append(f"onset of {name} undefined: it does not rise for good")
    return EvolutionResult(
        settings={
            "n_trajectories": n_trajectories,
            "n_steps": n_steps,
            "burn_in": burn_in,
            "noise_std": noise_std,
            "spectral_stride": spectral_stride,
            "align_steps": align_steps,
            "n_resamples": n_resamples,
            "confidence": confidence,
        },
        status={
            "without_regime": [epoch for epoch in epochs.tolist() if epoch not in found],
            "notes": notes,
        },
        checkpoint_epoch=epochs,
        measure=np.array(list(MEASURES)),
        description=np.array([description for description, _ in MEASURES.values()]),
        unit=np.array([unit for _, unit in MEASURES.values()]),
        **measured,
        epoch=np.arange(1, len(course) + 1),
        loss=course,
        event=np.array(list(dates)),
        **_tabulate("date", list(dates.values())),
        **_tabulate("lag", [_subtract(date, dates["loss drop"]) for date in dates.values()]),
        **_stack_orbits(rows),
    )


def find_onset(
    epochs: Int[np.ndarray, " checkpoint"],
    low: Float[np.ndarray, " checkpoint"],
    high: Float[np.ndarray, " checkpoint"],
    *,
    least: float,
    before: float,
) -> tuple[float, float, float]:
    """First checkpoint from which on a share stays above its former level, and limits of the onset.

    Parameters
    ----------
    epochs, low, high : (checkpoint,)
        Epochs of the checkpoints, and the interval of the share at each; NaN is passed over.
    least : float
        Upper limit of a share of which no event was seen.
    before : float
        Epoch until which the former level is measured; NaN is the first checkpoint alone.

    Returns
    -------
    (date, low, high)
        Epoch of that checkpoint, of the one before it, and again of itself; NaN if there is none.
    """
    known = np.isfinite(low) & np.isfinite(high)
    epochs, low, high = epochs[known], low[known], high[known]
    is_former = epochs <= (epochs[0] if np.isnan(before) else max(before, epochs[0]))
    level = max(float(high[is_former].max()), least)
    stays = np.logical_and.accumulate((low > level)[::-1])[::-1] & ~is_former
    if not stays.any():
        return (np.nan, np.nan, np.nan)
    first = int(stays.argmax())
    return float(epochs[first]), float(epochs[first - 1]), float(epochs[first])


@dataclass(frozen=True)
class _Checkpoint:
    """Measures of a checkpoint with a stationary regime, and one of its trajectories."""

    measures: BootstrapResult
    orbit: Float[np.ndarray, "orbit_time component"]
    symbols: Integer[np.ndarray, " orbit_time"]


@torch.no_grad()
def _trace_orbit(network: NoiseRNN, path: DrivenPath, plane: OrbitPlane) -> tuple[np.ndarray, np.ndarray]:
    """First trajectory in a plane, in units of the root mean square activity, and its symbols."""
    states = path.states[:_ORBIT_STEPS, 0]
    size = path.states[..., : network.hidden_size].double().square().sum(2).mean().sqrt()
    around = (states[:, : network.hidden_size].double() / size).cpu().numpy()
    return around @ plane.components.T, network.compute_logits(states).argmax(1).cpu().numpy()


def _date_drop(
    course: np.ndarray, rng: np.random.Generator, n_resamples: int, confidence: float
) -> tuple[dict[str, tuple[float, float, float]], list[str]]:
    """Epoch of the drop of the loss with its interval, or why there is none."""
    none = {"loss drop": (np.nan, np.nan, np.nan)}
    if len(course) == 0:
        return none, ["loss drop undefined: the run has no history"]
    options = {"n_resamples": n_resamples, "confidence": confidence}
    found = bootstrap_change_point(course, rng=rng, plateau_level=1.0, **options)
    if found.change_point.index is None:
        return none, [f"loss drop undefined: the loss curve has the status {found.change_point.status}"]
    low, high = found.interval
    return {"loss drop": (found.change_point.index + 1.0, low + 1.0, high + 1.0)}, []


def _subtract(
    date: tuple[float, float, float], drop: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Lag with the widest limits that both dates allow; 0 for the drop itself."""
    if date is drop:
        return (0.0 * drop[0], 0.0 * drop[0], 0.0 * drop[0])
    return date[0] - drop[0], date[1] - drop[2], date[2] - drop[1]


def _tabulate(name: str, rows: list[tuple[float, float, float]]) -> dict[str, np.ndarray]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), np.array(rows).T, strict=True))


def _stack_measures(rows: list[_Checkpoint | None]) -> dict[str, np.ndarray]:
    none = np.full(len(MEASURES), np.nan)
    return {
        name: np.stack([getattr(found.measures, name) if found else none for found in rows], axis=1)
        for name in ("estimate", "low", "high")
    }


def _stack_orbits(rows: list[_Checkpoint | None]) -> dict[str, np.ndarray]:
    shape = next(found.orbit.shape for found in rows if found)
    none, no_symbols = np.full(shape, np.nan), np.full(shape[0], -1)
    return {
        "orbit": np.stack([found.orbit if found else none for found in rows]),
        "orbit_symbol": np.stack([found.symbols if found else no_symbols for found in rows]),
    }


def _check(n_checkpoints: int, n_steps: int, spectral_stride: int, align_steps: int) -> None:
    if n_checkpoints < LEAST_CHECKPOINTS:
        raise UndefinedAnalysisError(
            f"dating needs ≥ {LEAST_CHECKPOINTS} checkpoints, got {n_checkpoints}. Train with a smaller "
            "train.checkpoint_every."
        )
    if spectral_stride < 1 or not 0 <= align_steps < n_steps:
        raise InputError(
            f"`spectral_stride` must be ≥ 1 and `align_steps` in 0 … n_steps - 1, got {spectral_stride} and "
            f"{align_steps} for {n_steps} steps. Use 20 and 50."
        )
