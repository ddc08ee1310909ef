"""From a deterministic map and noise to a probability of switching: a threshold on filtered noise."""

from functools import partial

import numpy as np

from ...circuit.switches import FEWEST_EVENTS, require_trajectories
from ...errors import UndefinedAnalysisError
from ...network import spawn_rng
from ...part import Part
from ...statistics import bootstrap_statistic
from ...subject import Subject
from .hazard_definitions import DEFINITIONS
from .hazard_fit import N_FITS, fit_study
from .hazard_measures import measure_ages, measure_gains, measure_scores, measure_tails
from .hazard_result import ALL, HazardResult, HazardSettings


def compute_hazard(subject: Subject, settings: HazardSettings) -> HazardResult:
    """Hazards by age, and whether noise that crosses a threshold makes them.

    Raises
    ------
    UndefinedAnalysisError
        If there are no switches or no kernels before them, or a single trajectory.

    Notes
    -----
    Own construction (docs/methods/hazard.md). The paper says that noise drives the network across a boundary;
    it does not test how a probability follows. Filter, scale and threshold come from one half of the
    trajectories and are judged on the other; those of all trajectories are judged in new runs.
    """
    require_trajectories(settings.n_trajectories, "hazard.n_trajectories")
    n_lags = subject.found["noise_kernel"].settings["n_lags"]
    if settings.n_steps <= n_lags:
        raise UndefinedAnalysisError(
            f"`hazard.n_steps` must be > {n_lags} (`noise_kernel.n_lags`), got {settings.n_steps}. Use 400."
        )
    generator = subject.start_generator("hazard")
    rng = spawn_rng(generator)
    study = fit_study(subject, settings.known_leads)
    resample = partial(bootstrap_statistic, rng=rng, **settings.resampling)
    gains, notes = measure_gains(subject, study, settings, resample, generator)
    fits = study.list_fits()
    return HazardResult(
        settings=subject.record(settings) | {"fewest_events": FEWEST_EVENTS},
        status={"notes": [note for note in (study.note, *notes) if note], "few": study.few},
        kind=np.array([ALL, *study.names]),
        origin=np.array([a for a, _ in study.pairs], dtype=int),
        target=np.array([b for _, b in study.pairs], dtype=int),
        direction=np.array(study.names, dtype=str),
        is_scaled=np.array(study.is_scaled),
        n_window=np.array([each.weights.shape[1] for each in study.filters] or [0] * N_FITS),
        intercept=np.array([[fit.intercept for fit in row] for row in fits]).reshape(-1, N_FITS).T,
        slope=np.array([[fit.slope for fit in row] for row in fits]).reshape(-1, N_FITS).T,
        lead=np.array(settings.known_leads),
        **measure_ages(subject, study, settings, resample),
        **measure_scores(study, settings, subject, resample, rng),
        **measure_tails(study, resample),
        **gains,
    )


PART = Part(
    name="hazard",
    question="how does a probability of switching arise from a map and noise?",
    result=HazardResult,
    settings=HazardSettings,
    compute=compute_hazard,
    definitions=DEFINITIONS,
    seconds=8.0,
    quick={"n_controls": 3, "n_trajectories": 40, "n_steps": 200, "n_resamples": 200},
    needs=("switches", "noise_kernel"),
    requires_noise=True,
)
