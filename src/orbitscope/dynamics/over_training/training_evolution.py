"""How the dynamics change over training, and whether instability sets in when the loss drops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped

from ...errors import InputError, UndefinedAnalysisError
from ...network import NoiseRNN, draw_seed
from ...quantity import Quantity, Reference
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic
from ...statistics.null import LEVEL
from ...system.threads import map_parallel
from ..driving.driven_states import DrivenPath, NoStationaryRegimeError, run_driven
from ..driving.untrained_networks import UNTRAINED_RUN, measure_untrained
from ..orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from .checkpoint_measures import MEASURES, SHARES, count_spectra, measure_checkpoint, measure_control
from .training_dates import bound_unseen, count_least_raised, date_drop, find_onset, subtract_dates

LEAST_CHECKPOINTS = 5
"""Fewer checkpoints cannot date an onset."""

COMPARED = ("area_rate", "mean_shift")
"""Measures that are compared with those of untrained networks."""

_MIDDLE = (0.05, 0.95)
"""Quantiles of untrained networks that are reported."""

_ORBIT_STEPS = 200
"""Steps of the orbit that is kept of each checkpoint."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EvolutionResult(Result):
    """The dynamics of the checkpoints of a training run.

    ``status`` holds ``without_regime`` (epochs of checkpoints that have no stationary regime, whose measures
    are NaN), ``notes`` (what could not be dated, and why), and what it takes to see a rise of a share of
    which nothing was seen at first: ``least_trajectories`` with an event, and the ``least_share`` of steps
    that these can be. ``unseen_share`` is the upper limit of a share of which nothing is seen.

    Attributes
    ----------
    checkpoint_epoch : (checkpoint,)
    measure, description, unit : (measure,)
    estimate : Estimate, (measure, checkpoint)
        Mean over trajectories and its bootstrap interval; for the area rate the size of both.
    untrained_area_rate, untrained_mean_shift : Null, ()
        |a| and mean shift of untrained networks of the same kind, without a test of any checkpoint.
    epoch : (epoch,)
        Epochs of the loss curve.
    loss : (epoch,)
        Relative to that of symbols without memory.
    event : (event,)
        "loss drop", and the onset of each of ``SHARES``.
    date : Estimate, (event,)
        Epoch in which the loss leaves its plateau, with its block-bootstrap interval; first checkpoint of an
        onset, with the last one before it without any sign of a rise as lower limit (a share below
        ``unseen_share`` may have been there already). NaN without one.
    lag : Estimate, (event,)
        Date minus that of the drop of the loss, below 0 if this is later; limits from the limits of both.
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
    estimate: Estimate = estimates("measure", "checkpoint", description="mean over trajectories")
    untrained_area_rate: Null = nulls("untrained networks", unit="1/step", description="|a|")
    untrained_mean_shift: Null = nulls("untrained networks", description="mean shift")
    epoch: Int[np.ndarray, " epoch"] = axes("epoch", unit="epochs", description="epoch of the loss")
    loss: Float[np.ndarray, " epoch"] = axes("epoch", description="loss relative to that without memory")
    event: Shaped[np.ndarray, " event"] = axes("event", description="what is dated")
    date: Estimate = estimates("event", unit="epochs", description="date")
    lag: Estimate = estimates("event", unit="epochs", description="date minus loss drop")
    orbit: Float[np.ndarray, "checkpoint orbit_time component"] = axes(
        "checkpoint", "orbit_time", "component", description="a driven trajectory in the last plane"
    )
    orbit_symbol: Integer[np.ndarray, "checkpoint orbit_time"] = axes(
        "checkpoint", "orbit_time", description="most probable symbol"
    )

    @property
    def untrained(self) -> dict[str, Null]:
        """Untrained networks by the measure that they are compared in; empty without any."""
        found = zip(COMPARED, (self.untrained_area_rate, self.untrained_mean_shift), strict=True)
        return {name: null for name, null in found if len(null.draws)}

    def headline(self) -> list[Quantity]:
        """Dates, lags behind the drop of the loss, and measures of the last checkpoint."""
        quantities = []
        for i, event in enumerate(self.event.tolist()):
            what, key = event.replace("_", " "), event.replace(" ", "_")
            is_drop = event == "loss drop"
            label = what if is_drop else f"onset of {what}"
            quantities.append(Quantity(f"date[{key}]", f"epoch of the {label}", self.date[i]))
            if not is_drop and np.isfinite([self.lag.low[i], self.lag.high[i]]).all():
                late = f"onset of {what} after the loss drop"
                quantities.append(Quantity(f"lag[{key}]", late, self.lag[i], "epochs"))
        return quantities + [self._compare_with_untrained(name) for name in COMPARED]

    def _compare_with_untrained(self, name: str) -> Quantity:
        """A measure of the last checkpoint that has it, beside untrained networks."""
        row = self.measure.tolist().index(name)
        last = int(np.flatnonzero(np.isfinite(self.estimate.value[row]))[-1])
        label = f"{name.replace('_', ' ')} at epoch {self.checkpoint_epoch[last]}"
        beside = ()
        if name in self.untrained:
            low, high = find_middle(self.untrained[name])
            middle = Estimate((low + high) / 2, low, high)
            beside = (Reference("untrained networks, middle [5, 95 %]", middle),)
        return Quantity(f"last[{name}]", label, self.estimate[row, last], str(self.unit[row]), beside)


def find_middle(null: Null) -> tuple[float, float]:
    """Limits of the middle nine tenths of the draws."""
    low, high = np.quantile(null.draws, _MIDDLE)
    return float(low), float(high)


def compute_training_evolution(
    checkpoints: Mapping[int, Callable[[], NoiseRNN]],
    course: Float[np.ndarray, " epoch"],
    *,
    noise_std: float = 1.0,
    n_trajectories: int = 120,
    n_steps: int = 200,
    burn_in: int = 300,
    spectral_stride: int = 50,
    align_steps: int = 50,
    most_at_start: float = 0.1,
    n_untrained: int = 50,
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
    most_at_start : float in [0, 1]
        A share that is larger at the first checkpoint has no onset: the events were there before training.
    n_untrained : int
        Untrained networks of the same kind whose area rate and mean shift are measured: at least 20, or 0 for
        none (NaN).
    n_resamples, confidence
        Of the bootstrap over trajectories, and over blocks of epochs for the loss; onsets are tested at the
        level 1 − confidence.
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
    dated by a rule each, neither of which looks at the other, and their lag has limits and a sign; the paper
    reads both off one figure. An onset is the first checkpoint from which on a share is raised over that at
    the first checkpoint, by exact tests of pairs of trajectories with the same noise (:func:`find_onset`). It
    is known as well as checkpoints are dense, and says nothing about other seeds. Trajectories are the units,
    as spectra of one trajectory may depend on each other; hence many trajectories with few spectra each.

    Complete dwells within the window are counted, which favours short ones alike in all checkpoints. Area
    rate and mean shift are far from 0 in untrained networks, so they are shown beside these (runs of
    ``UNTRAINED_RUN``). Each resample has a plane of its own: early in training the second and the third
    variance are close, and the plane is hardly determined.
    """
    _check(len(checkpoints), n_steps, spectral_stride, align_steps, most_at_start)
    sizes = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": burn_in, "noise_std": noise_std}
    spectral = {"spectral_stride": spectral_stride, "align_steps": align_steps}
    resampling = {"n_resamples": n_resamples, "confidence": confidence}
    seed = draw_seed(generator)
    epochs = np.array(sorted(checkpoints))
    found = _measure_checkpoints(checkpoints, seed, generator.device, **sizes, **spectral, **resampling)
    network = checkpoints[max(found)]()
    controls = _measure_untrained(network, n_untrained, noise_std=noise_std, generator=generator)
    rows = [found.get(epoch) for epoch in epochs.tolist()]
    drop, note = date_drop(course, np.random.default_rng(seed), n_resamples, confidence)
    dates, notes = {"loss drop": drop}, [note] if note else []
    onset = {"level": 1 - confidence, "most_at_start": most_at_start}
    for name, shares in zip(SHARES, _stack_shares(rows), strict=True):
        dates[name], reason = find_onset(epochs, shares, **onset)
        notes += [f"onset of {name} undefined: {reason}"] if reason else []
    least = count_least_raised(len(found), 1 - confidence)
    return EvolutionResult(
        settings=sizes
        | spectral
        | {"most_at_start": most_at_start, "n_untrained": n_untrained, "untrained_run": UNTRAINED_RUN}
        | resampling,
        status={
            "without_regime": [epoch for epoch in epochs.tolist() if epoch not in found],
            "notes": notes + _list_undefined(epochs, rows),
            "least_trajectories": least,
            "unseen_share": bound_unseen(n_trajectories, confidence),
            "least_share": least / (n_trajectories * len(range(0, n_steps, spectral_stride))),
        },
        checkpoint_epoch=epochs,
        measure=np.array(list(MEASURES)),
        description=np.array([description for description, _ in MEASURES.values()]),
        unit=np.array([unit for _, unit in MEASURES.values()]),
        estimate=_stack_measures(rows),
        untrained_area_rate=controls[0],
        untrained_mean_shift=controls[1],
        epoch=np.arange(1, len(course) + 1),
        loss=course,
        event=np.array(list(dates)),
        date=Estimate.stack(list(dates.values())),
        lag=Estimate.stack([subtract_dates(date, drop) for date in dates.values()]),
        **_stack_orbits(rows),
    )


@dataclass(frozen=True)
class _Checkpoint:
    """Measures of a checkpoint with a stationary regime, shares of each trajectory, and one trajectory."""

    measures: Estimate
    shares: Float[np.ndarray, "share trajectory"]
    orbit: Float[np.ndarray, "orbit_time axis"]
    symbols: Integer[np.ndarray, " orbit_time"]


def _measure_checkpoints(
    checkpoints: Mapping[int, Callable[[], NoiseRNN]],
    seed: int,
    device: torch.device,
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    noise_std: float,
    spectral_stride: int,
    align_steps: int,
    n_resamples: int,
    confidence: float,
) -> dict[int, _Checkpoint]:
    """Measure the checkpoints that have a stationary regime, each with the same noise and resamples."""
    drive = partial(run_driven, burn_in=burn_in, noise_std=noise_std)

    def run(epoch: int) -> tuple[NoiseRNN, DrivenPath, torch.Generator]:
        network, source = checkpoints[epoch](), torch.Generator(device).manual_seed(seed)
        return network, drive(network, n_trajectories, n_steps + 1, generator=source), source

    def measure(epoch: int) -> _Checkpoint | None:
        try:
            network, path, source = run(epoch)
        except NoStationaryRegimeError:
            return None
        rng = np.random.default_rng(seed)
        resample = partial(bootstrap_statistic, n_resamples=n_resamples, confidence=confidence, rng=rng)
        spectra = count_spectra(network, path, stride=spectral_stride)
        tangents = {"align_steps": align_steps, "generator": source}
        measures = measure_checkpoint(network, path, spectra, **tangents, resample=resample)
        shares = (spectra[:, 1:] / spectra[:, :1]).T
        return _Checkpoint(measures.as_estimate(), shares, *_trace_orbit(network, path))

    epochs = sorted(checkpoints)
    rows = zip(epochs, map_parallel(measure, epochs), strict=True)
    found = {epoch: row for epoch, row in rows if row is not None}
    if not found:
        raise UndefinedAnalysisError("no checkpoint has a stationary regime: all grow without bound.")
    network, path, _ = run(max(found))
    plane = fit_orbit_plane(network.show_hidden(path.states), find_symbol_direction(network))
    return {epoch: replace(row, orbit=row.orbit @ plane.components.T) for epoch, row in found.items()}


def _measure_untrained(
    network: NoiseRNN, n_untrained: int, *, noise_std: float, generator: torch.Generator
) -> Null:
    """Area rate and mean shift of untrained networks, in the order of ``COMPARED``."""
    found = measure_untrained(network, n_untrained, measure_control, noise_std=noise_std, generator=generator)
    values = np.array(list(found)).reshape(-1, len(COMPARED))
    quantiles = np.quantile(values, LEVEL, axis=0) if n_untrained else np.full(len(COMPARED), np.nan)
    return Null("untrained networks", quantiles, draws=values)


@torch.no_grad()
def _trace_orbit(network: NoiseRNN, path: DrivenPath) -> tuple[np.ndarray, np.ndarray]:
    """First trajectory, in units of the root mean square activity, and its symbols."""
    states = path.states[:_ORBIT_STEPS, 0]
    size = network.show_hidden(path.states).double().square().sum(2).mean().sqrt()
    around = (network.show_hidden(states).double() / size).cpu().numpy()
    return around, network.compute_logits(states).argmax(1).cpu().numpy()


def _stack_measures(rows: list[_Checkpoint | None]) -> Estimate:
    none = Estimate(np.full(len(MEASURES), np.nan))
    return Estimate.stack([found.measures if found else none for found in rows], axis=1)


def _stack_shares(rows: list[_Checkpoint | None]) -> Float[np.ndarray, "share trajectory checkpoint"]:
    none = np.full_like(next(found.shares for found in rows if found), np.nan)
    return np.stack([found.shares if found else none for found in rows], axis=2)


def _list_undefined(epochs: np.ndarray, rows: list[_Checkpoint | None]) -> list[str]:
    """Measures that a checkpoint with a stationary regime does not have, as without a single dwell."""
    lost = {
        name: [
            str(e)
            for e, found in zip(epochs, rows, strict=True)
            if found and not np.isfinite(found.measures.low[row])
        ]
        for row, name in enumerate(MEASURES)
    }
    return [f"{name} without limits at epoch {', '.join(at)}" for name, at in lost.items() if at]


def _stack_orbits(rows: list[_Checkpoint | None]) -> dict[str, np.ndarray]:
    shape = next(found.orbit.shape for found in rows if found)
    none, no_symbols = np.full(shape, np.nan), np.full(shape[0], -1)
    return {
        "orbit": np.stack([found.orbit if found else none for found in rows]),
        "orbit_symbol": np.stack([found.symbols if found else no_symbols for found in rows]),
    }


def _check(
    n_checkpoints: int, n_steps: int, spectral_stride: int, align_steps: int, most_at_start: float
) -> None:
    if n_checkpoints < LEAST_CHECKPOINTS:
        raise UndefinedAnalysisError(
            f"dating needs ≥ {LEAST_CHECKPOINTS} checkpoints, got {n_checkpoints}. Train with a smaller "
            "train.checkpoint_every."
        )
    if spectral_stride < 1 or not 0 <= align_steps < n_steps:
        raise InputError(
            f"`spectral_stride` must be ≥ 1 and `align_steps` in 0 … n_steps - 1, got {spectral_stride} and "
            f"{align_steps} for {n_steps} steps. Use 50 and 50."
        )
    if not 0 <= most_at_start <= 1:
        raise InputError(f"`most_at_start` must be in 0 … 1, got {most_at_start}. Use 0.1.")
