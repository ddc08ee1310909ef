"""Measures from HMMs re-estimated from samples: KL rates both ways, and parameters where identifiable."""

import numpy as np
from jaxtyping import Integer

from ..errors import InputError
from ..hmm import HMM, align_states, estimate_kl_rate, fit_baum_welch, is_identifiable
from ..settings import EvaluationSettings
from .measures import UNDEFINED, Measured, average_replicates
from .observation import Observation
from .target import Target
from .two_sample import list_batches

SMOOTHING = 0.01
"""Share of uniform probabilities in the start of Baum-Welch, which could not leave a zero of the process."""

MAX_STEPS = 60
TOLERANCE = 1e-5
"""Baum-Welch stops when a step gains less, in nat per symbol: a hundredth of what the margins resolve."""


def measure_refit(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Re-estimate HMMs of the process's size from disjoint samples and compare each with the process.

    Notes
    -----
    Baum-Welch starts at the slightly smoothed process only: the question is how far the sample
    pulls the estimate away from the process, a global search takes a hundred times longer, and the floor is
    found in the same way. KL rates are per symbol of the window; the one from the process to the estimate
    sees what the network leaves out, the reverse one what it adds. Parameters are compared only where the
    process is identifiable.
    """
    names = ("refit_kl_rate", "refit_kl_rate_reverse", "refit_parameter_error")
    if not can_refit(target.hmm, settings):
        return dict.fromkeys(names, UNDEFINED)
    batches = list_batches(observation.windows, settings.n_refitted, settings.n_refits)
    estimates = [refit_process(batch, target.hmm, rng=rng) for batch in batches]
    options = {"n_sequences": min(settings.n_sequences, 5000), "n_steps": target.n_steps, "rng": rng}
    forward = [estimate_kl_rate(target.hmm, estimate, **options).mean for estimate in estimates]
    reverse = [estimate_kl_rate(estimate, target.hmm, **options).mean for estimate in estimates]
    errors = [_find_parameter_error(estimate, target.hmm) for estimate in estimates]
    found = {
        name: average_replicates(np.array(v), settings)
        for name, v in zip(names, (forward, reverse, errors), strict=True)
    }
    return found if can_compare_parameters(target.hmm) else found | {names[2]: UNDEFINED}


def refit_process(
    sequences: Integer[np.ndarray, "sequence time"], hmm: HMM, *, rng: np.random.Generator
) -> HMM:
    """Maximum-likelihood HMM near a process, its states aligned with those of the process."""
    start = HMM(_smooth(hmm.initial_probs), _smooth(hmm.transition_matrix), _smooth(hmm.emission_probs))
    fit = fit_baum_welch(
        sequences,
        hmm.n_states,
        hmm.n_symbols,
        rng=rng,
        n_restarts=1,
        max_steps=MAX_STEPS,
        tolerance=TOLERANCE,
        initial=start,
    )
    return align_states(fit.hmm, hmm)


def can_refit(hmm: HMM, settings: EvaluationSettings) -> bool:
    """Tell whether the process is small enough to be re-estimated in seconds."""
    return hmm.n_states <= settings.max_refit_states


def can_compare_parameters(hmm: HMM) -> bool:
    """Tell whether parameters of a re-estimated HMM may be compared; False where that cannot be computed."""
    try:
        return is_identifiable(hmm)
    except InputError:
        return False


def _smooth(probs: np.ndarray) -> np.ndarray:
    return (1 - SMOOTHING) * probs + SMOOTHING / probs.shape[-1]


def _find_parameter_error(estimate: HMM, hmm: HMM) -> float:
    transition = np.abs(estimate.transition_matrix - hmm.transition_matrix).max()
    return float(max(transition, np.abs(estimate.emission_probs - hmm.emission_probs).max()))
