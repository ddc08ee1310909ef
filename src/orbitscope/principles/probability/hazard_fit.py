"""What threshold models are fitted to: steps of driven trajectories, and filters from each half of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ...circuit.noise_kernel import NoiseKernelResult, replay_kernels
from ...circuit.switch_kernels import HALVES, SwitchKernels
from ...circuit.switches import FEWEST_EVENTS, replay_switches
from ...dynamics.driving.homogeneity import scales_with_noise
from ...dynamics.driving.neuron_scales import measure_active_scales
from ...subject import Subject
from .filtered_noise import (
    DrivenSteps,
    Filters,
    choose_directions,
    fit_filters,
    measure_size,
    select_kernels,
)
from .held_out import HeldOut, hold_out
from .threshold_model import ThresholdModel, fit_model

N_FITS = 3
"""Models of each direction: of even, odd and all trajectories."""


@dataclass(frozen=True)
class Study:
    """Steps of driven trajectories, and models of the switches in them.

    Attributes
    ----------
    steps : DrivenSteps
    scales : (neuron,)
        Units of activity.
    is_scaled : bool
        Whether filtered noise is divided by the size of the state.
    pairs : list of (origin, target)
        Of each direction of switching that has a model.
    names, few : list of str
        Names of these, and of directions with too few switches.
    kernels, filters
        Of even, odd and all trajectories; empty without a model.
    held_out : list of HeldOut
        One for each direction.
    models : list of ThresholdModel
        Those of all trajectories.
    note : str
        Why there is no model, or empty.
    """

    steps: DrivenSteps
    scales: Float[np.ndarray, " neuron"]
    is_scaled: bool
    pairs: list[tuple[int, int]]
    names: list[str]
    few: list[str]
    kernels: list[SwitchKernels]
    filters: list[Filters]
    held_out: list[HeldOut]
    models: list[ThresholdModel]
    note: str

    def list_fits(self) -> list[list[ThresholdModel]]:
        """Models of each direction: of even, odd and all trajectories."""
        pairs = zip(self.held_out, self.models, strict=True)
        return [[*each.models, model] for each, model in pairs]


def fit_study(subject: Subject, leads: tuple[int, ...]) -> Study:
    """Fit a threshold on filtered noise to the switches of each direction that has enough of them."""
    found: NoiseKernelResult = subject.found["noise_kernel"]
    kernels = replay_kernels(subject)
    steps, scales = _observe_steps(subject, kernels.n_lags)
    is_scaled = scales_with_noise(subject.network)

    directions = choose_directions(kernels)
    few = [str(name) for j, name in enumerate(found.direction) if j not in directions]
    parts = [select_kernels(kernels, directions, half) for half in (*HALVES, None)] if directions else []
    fitted = [fit_filters(part, len(found.deciding)) for part in parts]
    filters = [each for each in fitted if each is not None]
    if len(filters) < N_FITS:
        least = f"≥ {FEWEST_EVENTS} switches in even and in odd trajectories"
        note = f"no model: no direction has {least}"
        if directions:
            note = "no model: the noise before switches of one half is like other noise"
        return Study(steps, scales, is_scaled, [], [], few, [], [], [], [], note)

    pairs = [(int(found.origin[j]), int(found.target[j])) for j in directions]
    names = [str(found.direction[j]) for j in directions]
    held_out = [hold_out(steps, filters, i, pair, leads, is_scaled=is_scaled) for i, pair in enumerate(pairs)]
    models = [
        fit_model(steps, filters[-1].weights[i], pair, is_scaled=is_scaled) for i, pair in enumerate(pairs)
    ]
    return Study(steps, scales, is_scaled, pairs, names, few, parts, filters, held_out, models, "")


def _observe_steps(subject: Subject, n_lags: int) -> tuple[DrivenSteps, Float[np.ndarray, " neuron"]]:
    """Steps of the trajectories of the part ``switches``, and the units of activity in them."""
    path, _ = replay_switches(subject)
    scales = measure_active_scales(subject.network.show_hidden(path.states))
    size = measure_size(subject.network, path.states, scales)
    return DrivenSteps(path.noise, size, subject.found["switches"].symbol, n_lags), scales
