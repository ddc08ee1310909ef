"""Threshold models fitted to one half of the trajectories and judged on the other, both ways round."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from ...circuit.noise_subspaces import draw_equal_drive
from ...circuit.switch_kernels import HALVES, SwitchKernels
from .filtered_noise import DrivenSteps, Filters, build_weights, find_at_risk
from .threshold_model import (
    CENTRES,
    N_BINS,
    ThresholdModel,
    count_scores,
    filter_noise,
    fit_model,
    measure_auc,
    standardise,
)

N_DECILES = 10


@dataclass(frozen=True)
class HeldOut:
    """One direction of switching, each trajectory judged by the model of the other half.

    Attributes
    ----------
    models : list of ThresholdModel
        That of even and that of odd trajectories.
    probability : (trajectory, step)
        Of a switch, whatever the symbol before.
    tables : (trajectory, score, channel, bin)
        Steps and switches by score. Scores are filtered noise at each lead, without its norm, and the norm
        alone (1/size).
    predicted : (trajectory, bin)
        Sums of probabilities by the score at lead 0.
    """

    models: list[ThresholdModel]
    probability: Float[np.ndarray, "trajectory step"]
    tables: Float[np.ndarray, "trajectory score channel bin"]
    predicted: Float[np.ndarray, "trajectory bin"]


def hold_out(
    steps: DrivenSteps,
    filters: Sequence[Filters],
    place: int,
    pair: tuple[int, int],
    leads: Sequence[int],
    *,
    is_scaled: bool,
) -> HeldOut:
    """Fit a model to each half of the trajectories and judge it on the other.

    Parameters
    ----------
    steps : DrivenSteps
    filters : of even and of odd trajectories
    place : int
        Of the direction of switching among theirs.
    pair : (origin, target)
    leads : ints
        Noise up to so many steps before the switch; 0 comes first.
    is_scaled : bool
        Whether filtered noise is divided by the size of the state before it.
    """
    parity = np.arange(len(steps.symbol)) % 2
    is_event = steps.after == pair[1]
    models, probability = [], np.empty(steps.before.shape)
    tables = predicted = np.zeros(0)
    for half in HALVES:
        model = fit_model(
            steps, filters[half].weights[place], pair, is_scaled=is_scaled, chosen=parity == half
        )
        is_judged = find_at_risk(steps, pair[0], parity != half)
        chances = model.predict(model.score(steps))
        scores = _list_scores(steps, model, leads, find_at_risk(steps, pair[0], parity == half))
        counted = np.stack([count_scores(score, is_judged, is_event) for score in scores], axis=1)
        sums = count_scores(scores[0], is_judged, is_event, chances)[:, 2]
        tables, predicted = (counted, sums) if half == 0 else (tables + counted, predicted + sums)
        probability[parity != half] = chances[parity != half]
        models.append(model)
    return HeldOut(models, probability, tables, predicted)


def _list_scores(
    steps: DrivenSteps,
    model: ThresholdModel,
    leads: Sequence[int],
    is_training: Bool[np.ndarray, "trajectory step"],
) -> list[Float[np.ndarray, "trajectory step"]]:
    """Scores in units of their spread over the steps of the fit; one that is not there is the same always."""
    size = steps.find_size(len(model.weights))
    divisor = size if model.is_scaled else np.ones_like(size)
    values = [*(steps.filter(model.weights, leads=leads) / divisor)]
    values += [filter_noise(steps, model.weights, False), 1 / size]
    return [_standardise_by(value, is_training) for value in values]


def _standardise_by(values: np.ndarray, is_training: np.ndarray) -> np.ndarray:
    known = values[is_training]
    spread = float(known.std())
    if not spread > 0:  # NaN neither
        return np.zeros_like(values)
    return standardise(values, float(known.mean()), spread)


def judge_equal_drive(
    steps: DrivenSteps,
    kernels: Sequence[SwitchKernels],
    filters: Sequence[Filters],
    pairs: Sequence[tuple[int, int]],
    *,
    w_ih: Float[np.ndarray, "hidden input"],
    leads: Sequence[int],
    is_scaled: bool,
    rng: np.random.Generator,
) -> Float[np.ndarray, "lead switching"]:
    """Held-out AUC of what kernels have along random directions of the noise that carry as much drive."""
    parity = np.arange(len(steps.symbol)) % 2
    tables = np.zeros((len(pairs), len(leads), 2, N_BINS))
    for half in HALVES:
        judged = steps.select(parity != half)
        basis = draw_equal_drive(w_ih, filters[half].basis, rng=rng)
        weights = build_weights(kernels[half], basis, filters[half].weights.shape[1])
        divisor = judged.find_size(weights.shape[1]) if is_scaled else 1.0
        for place, (origin, target) in enumerate(pairs):
            is_in, is_event = find_at_risk(judged, origin), judged.after == target
            for i, values in enumerate(judged.filter(weights[place], leads=leads) / divisor):
                tables[place, i] += count_scores(_standardise_by(values, is_in), is_in, is_event).sum(0)
    return measure_auc(tables).T


def choose_deciles(steps: Float[np.ndarray, " bin"]) -> Float[np.ndarray, "decile bin"]:
    """Bins of scores that make up tenths of the steps, as nearly as whole bins can."""
    share = (np.cumsum(steps) - steps / 2) / max(steps.sum(), 1.0)
    decile = np.minimum((share * N_DECILES).astype(int), N_DECILES - 1)
    return (decile == np.arange(N_DECILES)[:, None]).astype(float)


def sum_deciles(
    found: HeldOut, weights: Float[np.ndarray, "decile bin"]
) -> Float[np.ndarray, "trajectory 4 decile"]:
    """Steps, switches, probabilities and scores of each trajectory, summed over each tenth of the steps."""
    steps, events = found.tables[:, 0, 0], found.tables[:, 0, 1]
    columns = np.stack([steps, events, found.predicted, steps * CENTRES], axis=1)
    return columns @ weights.T


def compare_deciles(sums: Float[np.ndarray, "batch 4 decile"]) -> Float[np.ndarray, "batch value"]:
    """Hazards counted and predicted by tenth; share of switches in the last, predicted over counted there.

    NaN where there are no steps or no switches.
    """
    steps, events, predicted, _ = np.moveaxis(sums, 1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        counted, expected = events / steps, predicted / steps
        top = np.stack([events[:, -1] / events.sum(1), predicted[:, -1] / events[:, -1]], axis=1)
    found = np.concatenate([counted, expected, top], axis=1)
    return np.where(np.isfinite(found), found, np.nan)
