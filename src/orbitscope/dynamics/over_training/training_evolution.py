"""How the dynamics change over training, and whether instability sets in when the loss drops."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int, Integer, Shaped
from pydantic import Field, model_validator

from ...errors import UndefinedAnalysisError
from ...network import NoiseRNN, draw_seed
from ...part import Part
from ...part_settings import (
    AlignSteps,
    BurnIn,
    Drive,
    Resamples,
    Resampling,
    SpectralStride,
    Steps,
    Trajectories,
    Untrained,
)
from ...quantity import Definition, Quantity, Reference, define
from ...results import Result, axes, estimates, nulls
from ...statistics import Estimate, Null, bootstrap_statistic
from ...statistics.null import LEVEL
from ...subject import Subject
from ...system.threads import map_parallel
from ...training import measure_course
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

_TESTS = "tests/dynamics/over_training/test_training_evolution.py"

DEFINITIONS = define(
    Definition(
        key="date",
        label="epoch of the {}",
        meaning="When in training something sets in: the drop of the loss from its plateau, and the onset of "
        "a share, the first checkpoint from which on it is raised over that of the first checkpoint.",
        equation="change point of the loss; exact tests of pairs of trajectories under common noise",
        reading="An onset is known as well as checkpoints are dense. It says nothing about other seeds.",
        test="tests/dynamics/over_training/test_training_dates.py::"
        "test_shares_of_three_percent_are_dated_at_their_step",
        unit="1",
    ),
    Definition(
        key="lag",
        label="onset of {} after the loss drop",
        meaning="Date of an onset minus that of the drop of the loss.",
        equation="date(onset) − date(drop), limits from the limits of both",
        reading="Below 0 the loss drops later. The paper reads both off one figure.",
        test="tests/dynamics/over_training/test_training_dates.py::"
        "test_a_lag_has_the_widest_limits_that_both_dates_allow",
        unit="epochs",
    ),
    Definition(
        key="last",
        label="{}",
        meaning="A measure of the last checkpoint beside untrained networks: the area rate |a|, and the mean "
        "shift, the size of the mean activity of a neuron over its spread.",
        equation="|a| as in rotation; √⟨(E h / sd h)²⟩ over neurons",
        reading="Both are far from 0 in untrained networks, of which the middle nine tenths are shown.",
        test=f"{_TESTS}::test_the_mean_shift_of_known_activity",
    ),
)


class TrainingEvolutionSettings(Drive, Resampling):
    """Settings of the part ``training_evolution``."""

    n_trajectories: Trajectories = 120
    n_steps: Steps = 200
    burn_in: BurnIn = 300
    spectral_stride: SpectralStride = 50
    align_steps: AlignSteps = 50
    most_at_start: float = Field(
        default=0.1, ge=0, le=1, description="a share that is larger at the first checkpoint has no onset"
    )
    n_untrained: Untrained = 50
    n_resamples: Resamples = 500

    @model_validator(mode="after")
    def _check_steps(self) -> "TrainingEvolutionSettings":
        if self.align_steps >= self.n_steps:
            raise ValueError(
                f"`align_steps` must be < `n_steps`, got {self.align_steps} and {self.n_steps}. Use 50, 200"
            )
        return self


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

    def list_quantities(self) -> list[Quantity]:
        """Dates, lags behind the drop of the loss, and measures of the last checkpoint."""
        quantities = []
        for i, event in enumerate(self.event.tolist()):
            what, key = event.replace("_", " "), event.replace(" ", "_")
            is_drop = event == "loss drop"
            label = what if is_drop else f"onset of {what}"
            quantities.append(DEFINITIONS["date"].measure(self.date[i], key, name=label))
            if not is_drop and np.isfinite([self.lag.low[i], self.lag.high[i]]).all():
                quantities.append(DEFINITIONS["lag"].measure(self.lag[i], key, name=what))
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
        found, unit = self.estimate[row, last], str(self.unit[row])
        return DEFINITIONS["last"].measure(found, name, name=label, unit=unit, beside=beside)


def find_middle(null: Null) -> tuple[float, float]:
    """Limits of the middle nine tenths of the draws."""
    low, high = np.quantile(null.draws, _MIDDLE)
    return float(low), float(high)


def compute_training_evolution(subject: Subject, settings: TrainingEvolutionSettings) -> EvolutionResult:
    """Dynamics of the checkpoints of a run: see :func:`measure_evolution`."""
    generator = subject.start_generator("training_evolution")
    noise = {"noise_std": subject.noise_std, "generator": generator}
    return measure_evolution(subject.checkpoints, measure_course(subject.history), settings, **noise)


def measure_evolution(
    checkpoints: Mapping[int, Callable[[], NoiseRNN]],
    course: Float[np.ndarray, " epoch"],
    settings: TrainingEvolutionSettings,
    *,
    noise_std: float = 1.0,
    generator: torch.Generator,
) -> EvolutionResult:
    """Measure the driven dynamics of each checkpoint, and date the drop of the loss and the onset apart.

    Parameters
    ----------
    checkpoints : mapping
        Loaders of the networks by epoch; the last one gives the plane of the orbits.
    course : (epoch,)
        Loss of the epochs from 1 on, relative to that of symbols without memory; empty if it is unknown.
    settings : TrainingEvolutionSettings
    noise_std : float >= 0
        Standard deviation of the noise, which is the same for all checkpoints.
    generator
        Source of all noise; same seed, same result.

    Raises
    ------
    UndefinedAnalysisError
        If there are fewer than ``LEAST_CHECKPOINTS``, or none has a stationary regime.

    Notes
    -----
    Paper: Torre et al. 2025, dynamics over training. Differs: drop of the loss and onset of instability are
    dated by a rule each, neither of which looks at the other, and their lag has limits and a sign; the paper
    reads both off one figure (docs/methods/training_evolution.md).
    """
    if len(checkpoints) < LEAST_CHECKPOINTS:
        raise UndefinedAnalysisError(
            f"dating needs ≥ {LEAST_CHECKPOINTS} checkpoints, got {len(checkpoints)}. Train with a smaller "
            "train.checkpoint_every."
        )
    confidence = settings.confidence
    seed, epochs = draw_seed(generator), np.array(sorted(checkpoints))
    found = _measure_checkpoints(
        checkpoints, settings, seed=seed, device=generator.device, noise_std=noise_std
    )
    network = checkpoints[max(found)]()
    noise = {"noise_std": noise_std, "generator": generator}
    controls = _measure_untrained(network, settings.n_untrained, **noise)

    rows = [found.get(epoch) for epoch in epochs.tolist()]
    dates, notes = _date_events(epochs, rows, course, settings, np.random.default_rng(seed))
    drop, n_trajectories = dates["loss drop"], settings.n_trajectories
    least = count_least_raised(len(found), 1 - confidence)
    n_spectra = n_trajectories * len(range(0, settings.n_steps, settings.spectral_stride))
    return EvolutionResult(
        settings=settings.model_dump() | {"noise_std": noise_std, "untrained_run": UNTRAINED_RUN},
        status={
            "without_regime": [epoch for epoch in epochs.tolist() if epoch not in found],
            "notes": notes + _list_undefined(epochs, rows),
            "least_trajectories": least,
            "unseen_share": bound_unseen(n_trajectories, confidence),
            "least_share": least / n_spectra,
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


def _date_events(
    epochs: np.ndarray,
    rows: "list[_Checkpoint | None]",
    course: np.ndarray,
    settings: TrainingEvolutionSettings,
    rng: np.random.Generator,
) -> tuple[dict[str, Estimate], list[str]]:
    """Date of the drop of the loss and of each onset, and why there is none."""
    drop, note = date_drop(course, rng, settings.n_resamples, settings.confidence)
    dates, notes = {"loss drop": drop}, [note] if note else []
    rule = {"level": 1 - settings.confidence, "most_at_start": settings.most_at_start}
    for name, shares in zip(SHARES, _stack_shares(rows), strict=True):
        dates[name], reason = find_onset(epochs, shares, **rule)
        notes += [f"onset of {name} undefined: {reason}"] if reason else []
    return dates, notes


def _measure_checkpoints(
    checkpoints: Mapping[int, Callable[[], NoiseRNN]],
    settings: TrainingEvolutionSettings,
    *,
    seed: int,
    device: torch.device,
    noise_std: float,
) -> dict[int, _Checkpoint]:
    """Measure the checkpoints that have a stationary regime, each with the same noise and resamples."""
    drive = partial(run_driven, burn_in=settings.burn_in, noise_std=noise_std)

    def run(epoch: int) -> tuple[NoiseRNN, DrivenPath, torch.Generator]:
        network, source = checkpoints[epoch](), torch.Generator(device).manual_seed(seed)
        path = drive(network, settings.n_trajectories, settings.n_steps + 1, generator=source)
        return network, path, source

    def measure(epoch: int) -> _Checkpoint | None:
        try:
            network, path, source = run(epoch)
        except NoStationaryRegimeError:
            return None
        rng = np.random.default_rng(seed)
        resample = partial(bootstrap_statistic, **settings.resampling, rng=rng)
        spectra = count_spectra(network, path, stride=settings.spectral_stride)
        tangents = {"align_steps": settings.align_steps, "generator": source}
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


PART = Part(
    name="training_evolution",
    question="when in training do stability and rotation change?",
    result=EvolutionResult,
    settings=TrainingEvolutionSettings,
    compute=compute_training_evolution,
    definitions=DEFINITIONS,
    seconds=12.0,
    quick={"n_trajectories": 20, "n_steps": 100, "n_untrained": 20, "n_resamples": 100},
    uses_checkpoints=True,
    least_hidden=2,
)
