"""How the dynamics change over training, and whether instability sets in when the loss drops."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
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

_LEAST_DATED = 0.95

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
        Epoch in which the loss leaves its plateau, or in which a share has risen by ``onset_share`` of the
        way from its first to its last value; NaN where it does not.
    lag, lag_low, lag_high : (event,)
        Date minus that of the drop of the loss.
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
    onset_share: float = 0.1,
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
    onset_share : float in (0, 1)
        Share of the whole rise at which a measure counts as having set in.
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
    dated by a rule each, and their lag has an interval; the paper reads both off one figure. The interval
    holds the noise of the loss curve and of the trajectories, not the spacing of the checkpoints, between
    which shares are interpolated, nor what varies between seeds. Complete dwells within the window are
    counted, which favours short ones alike in all checkpoints.
    """
    _check(len(checkpoints), n_steps, spectral_stride, align_steps, onset_share)
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
    drop, notes = _date_drop(course, rng, n_resamples)
    known = {epoch: found[epoch].measures for epoch in epochs.tolist() if epoch in found}
    dates = {"loss drop": drop}
    for name in ONSETS:
        dates[name], onset_notes = _date_onset(known, name, onset_share)
        notes += onset_notes
    return EvolutionResult(
        settings={
            "n_trajectories": n_trajectories,
            "n_steps": n_steps,
            "burn_in": burn_in,
            "noise_std": noise_std,
            "spectral_stride": spectral_stride,
            "align_steps": align_steps,
            "onset_share": onset_share,
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
        **_stack_measures(rows),
        epoch=np.arange(1, len(course) + 1),
        loss=course,
        event=np.array(list(dates)),
        **_summarise("date", dates.values(), confidence),
        **_summarise("lag", [samples - drop for samples in dates.values()], confidence),
        **_stack_orbits(rows),
    )


def find_onset(
    epochs: Int[np.ndarray, " checkpoint"], values: Float[np.ndarray, "batch checkpoint"], share: float
) -> Float[np.ndarray, " batch"]:
    """Epoch at which a series first has risen by a share of the way from its first to its last value.

    Between checkpoints it is interpolated linearly. NaN for a series that does not rise, or with a NaN.
    """
    rise = values[:, -1] - values[:, 0]
    level = values[:, 0] + share * rise
    after = np.maximum((values >= level[:, None]).argmax(1), 1)
    before, row = after - 1, np.arange(len(values))
    low, high = values[row, before], values[row, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (level - low) / (high - low)
    dates = epochs[before] + part * (epochs[after] - epochs[before])
    return np.where((rise > 0) & np.isfinite(values).all(1), dates, np.nan)


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
    course: np.ndarray, rng: np.random.Generator, n_resamples: int
) -> tuple[np.ndarray, list[str]]:
    """Epoch of the drop of the loss, on the data and then on resamples, or why there is none."""
    none = np.full(n_resamples + 1, np.nan)
    if len(course) == 0:
        return none, ["loss drop undefined: the run has no history"]
    found = bootstrap_change_point(course, rng=rng, plateau_level=1.0, n_resamples=n_resamples)
    if found.change_point.index is None:
        return none, [f"loss drop undefined: the loss curve has the status {found.change_point.status}"]
    return np.append(found.change_point.index, found.samples) + 1.0, []


def _date_onset(
    known: Mapping[int, BootstrapResult], name: str, share: float
) -> tuple[np.ndarray, list[str]]:
    """Epoch of the onset of a measure, on the data and then on resamples, or why there is none."""
    row = list(MEASURES).index(name)
    values = np.stack([np.append(m.estimate[row], m.samples[:, row]) for m in known.values()], axis=1)
    rise = values[1:, -1] - values[1:, 0]
    if not np.quantile(rise, 0.025) > 0:
        return np.full(len(values), np.nan), [f"onset of {name} undefined: it does not rise over training"]
    return find_onset(np.array(list(known)), values, share), []


def _summarise(name: str, dates: Iterable[np.ndarray], confidence: float) -> dict[str, np.ndarray]:
    """Dates on the data with percentile intervals; no interval where over 5 % of resamples have no date."""
    limits = [(1 - confidence) / 2, (1 + confidence) / 2]
    found = []
    for values in dates:
        known = values[1:][np.isfinite(values[1:])]
        is_certain = len(known) >= _LEAST_DATED * (len(values) - 1)
        found.append((values[0], *(np.quantile(known, limits) if is_certain else (np.nan, np.nan))))
    return dict(zip((name, f"{name}_low", f"{name}_high"), np.array(found).T, strict=True))


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


def _check(
    n_checkpoints: int, n_steps: int, spectral_stride: int, align_steps: int, onset_share: float
) -> None:
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
    if not 0 < onset_share < 1:
        raise InputError(f"`onset_share` must be in (0, 1), got {onset_share}. Use 0.1.")
