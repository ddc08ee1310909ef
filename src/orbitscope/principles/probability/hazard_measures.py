"""What is measured of hazards and threshold models, with intervals over trajectories."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from ...statistics import BootstrapResult, Estimate
from ...subject import Subject
from .filtered_noise import find_at_risk
from .hazard_ages import choose_edges, count_by_age, find_ages, find_process_hazards
from .hazard_fit import Study
from .hazard_result import HazardSettings
from .held_out import (
    N_DECILES,
    HeldOut,
    choose_deciles,
    compare_deciles,
    judge_equal_drive,
    sum_deciles,
)
from .scaled_noise import GainRuns, compare_gains, count_gains, judge_gain, judge_gains, run_gains
from .threshold_model import fit_probit, measure_auc, measure_tail

Resample = Callable[..., BootstrapResult]
"""A bootstrap over trajectories with the settings of the part: of sums per trajectory and a statistic."""


def measure_ages(
    subject: Subject, study: Study, settings: HazardSettings, resample: Resample
) -> dict[str, Any]:
    """Hazards by age, counted and predicted, beside those of the process."""
    ages = find_ages(study.steps)
    edges = choose_edges(ages)
    split = np.array([1, settings.young + 1, max(int(ages.max()), settings.young + 1) + 1])
    kinds = _list_kinds(study)
    by_age, by_half = (
        np.stack([count_by_age(ages, each, values) for values in kinds], axis=1) for each in (edges, split)
    )
    found = resample(by_age, _divide_kinds).as_estimate()
    ratios = resample(by_half, _compare_young).as_estimate()
    process, process_ratio = find_process_hazards(subject.hmm, study.pairs, edges, settings.young)
    return {
        "age": edges[:-1],
        "age_end": edges[1:] - 1,
        "hazard": found[0],
        "model_hazard": found[1],
        "process_hazard": process,
        "age_ratio": ratios[0],
        "model_age_ratio": ratios[1],
        "age_error": ratios[2],
        "process_age_ratio": process_ratio,
    }


def _list_kinds(study: Study) -> list[list[Float[np.ndarray, "trajectory step"]]]:
    """Steps at risk, switches, and their probabilities: of any switch, then of each direction."""
    steps = study.steps
    rows = []
    for (origin, target), found in zip(study.pairs, study.held_out, strict=True):
        is_in = find_at_risk(steps, origin)
        is_event = is_in & (steps.after == target)
        rows.append([is_in * 1.0, is_event * 1.0, is_in * found.probability])
    every = np.ones(steps.before.shape)
    probability = sum((row[2] for row in rows), np.zeros_like(every)) if rows else np.full_like(every, np.nan)
    return [[every, (steps.after != steps.before) * 1.0, probability], *rows]


def _divide_kinds(sums: Float[np.ndarray, "batch kind 3 age"]) -> Float[np.ndarray, "batch 2 kind age"]:
    """Hazards, counted and predicted; NaN where there are no steps."""
    steps = np.where(sums[:, :, 0] > 0, sums[:, :, 0], np.nan)
    return np.stack([sums[:, :, 1] / steps, sums[:, :, 2] / steps], axis=1)


def _compare_young(sums: Float[np.ndarray, "batch kind 3 2"]) -> Float[np.ndarray, "batch 3 kind"]:
    """Young over later hazard, counted and predicted, and the second ratio over the first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        hazards = _divide_kinds(sums)
        ratios = hazards[..., 0] / hazards[..., 1]
        found = np.concatenate([ratios, ratios[:, 1:] / ratios[:, :1]], axis=1)
    return np.where(np.isfinite(found), found, np.nan)


def measure_scores(
    study: Study, settings: HazardSettings, subject: Subject, resample: Resample, rng: np.random.Generator
) -> dict[str, Any]:
    """How well filtered noise tells switches, its hazards by tenths, and random subspaces beside."""
    n_leads = len(settings.known_leads)
    rows = [_judge_scores(study, found, n_leads, resample) for found in study.held_out]
    shapes = dict.fromkeys(_SCORES, ()) | {"auc": (n_leads,)}
    shapes |= dict.fromkeys(("counted", "predicted"), (N_DECILES,))
    stacked = {key: _stack([row[key] for row in rows], shape) for key, shape in shapes.items()}

    # Beyond the length of a filter none of its noise is left.
    least = min((each.weights.shape[1] for each in study.filters[:2]), default=0)
    is_left = np.array(settings.known_leads) < least
    auc = [np.where(is_left[:, None], part.T, np.nan) for part in _list_parts(stacked["auc"])]
    equal = _measure_equal(study, settings, subject, rng)
    return {
        **stacked,
        "auc": Estimate(*auc),
        "auc_equal": np.where(is_left[:, None], equal, np.nan),
        "score": np.array([_average_scores(found) for found in study.held_out]).reshape(-1, N_DECILES),
    }


_SCORES = (
    *("auc", "auc_added", "auc_unscaled", "auc_size"),
    *("counted", "predicted", "top_share", "calibration"),
)


def _judge_scores(study: Study, found: HeldOut, n_leads: int, resample: Resample) -> dict[str, Estimate]:
    """AUC of each score of one direction, and hazards by tenths of the first."""
    auc = resample(found.tables, measure_auc)
    known = auc.as_estimate()
    pieces = {"auc": known[:n_leads], "auc_unscaled": known[n_leads], "auc_size": known[n_leads + 1]}
    pieces["auc_added"] = auc.derive(lambda values: values[..., 0] - values[..., n_leads])
    if not study.is_scaled:
        pieces |= dict.fromkeys(("auc_added", "auc_unscaled", "auc_size"), Estimate(np.nan))
    tenths = resample(sum_deciles(found, _find_deciles(found)), compare_deciles).as_estimate()
    pieces |= {"counted": tenths[:N_DECILES], "predicted": tenths[N_DECILES : 2 * N_DECILES]}
    return pieces | {"top_share": tenths[-2], "calibration": tenths[-1]}


def _find_deciles(found: HeldOut) -> Float[np.ndarray, "decile bin"]:
    return choose_deciles(found.tables[:, 0, 0].sum(0))


def _average_scores(found: HeldOut) -> Float[np.ndarray, " decile"]:
    """Mean score of each tenth of the steps."""
    steps, _, _, scores = sum_deciles(found, _find_deciles(found)).sum(0)
    return scores / np.maximum(steps, 1)


def _measure_equal(
    study: Study, settings: HazardSettings, subject: Subject, rng: np.random.Generator
) -> Float[np.ndarray, "control lead direction"]:
    """AUC of random subspaces of equal drive; none without input weights, nor without other directions."""
    shape = (0, len(settings.known_leads), len(study.pairs))
    weights = subject.network.cell.find_input_weights()
    if weights is None or not study.pairs or study.filters[0].basis.shape[1] == subject.network.input_size:
        return np.empty(shape)
    w_ih = weights.double().cpu().numpy()
    options = {"w_ih": w_ih, "leads": settings.known_leads, "is_scaled": study.is_scaled, "rng": rng}
    given = (study.steps, study.kernels, study.filters, study.pairs)
    return np.stack([judge_equal_drive(*given, **options) for _ in range(settings.n_controls)])


def measure_tails(study: Study, resample: Resample) -> dict[str, Any]:
    """Threshold, softness and tail of each direction, and whether filtered noise is Gaussian."""
    found, hazards = [], []
    for each in study.held_out:
        table = each.tables[:, 0]
        steps, events = table.sum(0)
        fit = fit_probit(steps[None], events[None])
        start = float(fit.intercept[0]), float(fit.slope[0])
        found.append(resample(table, lambda sums, start=start: measure_tail(sums, start=start)).as_estimate())
        hazards.append(float(events.sum() / steps.sum()))
    stacked = _stack(found, (4,))
    keys = ("threshold", "softness", "tail", "kurtosis")
    return {key: stacked[:, i] for i, key in enumerate(keys)} | {"mean_hazard": np.array(hazards)}


def measure_gains(
    subject: Subject, study: Study, settings: HazardSettings, resample: Resample, generator: torch.Generator
) -> tuple[dict[str, Any], list[str]]:
    """Hazards under scaled noise, predicted and counted, with the verdicts; and what could not be run."""
    n_gains = len(settings.gains)
    runs = GainRuns([], [])
    if study.pairs:
        runs = run_gains(
            subject.network,
            settings.gains,
            study.filters[-1].basis,
            n_trajectories=settings.n_trajectories,
            n_steps=settings.n_steps,
            burn_in=settings.burn_in,
            first=study.steps.first,
            scales=study.scales,
            noise_std=subject.noise_std,
            generator=generator,
        )
    found, verdicts = [], []
    for model, pair in zip(study.models, study.pairs, strict=True):
        is_in = find_at_risk(study.steps, pair[0])
        hazard = float((study.steps.after == pair[1])[is_in].mean())
        counts = count_gains(runs, model, pair, hazard)
        compared = resample(counts, compare_gains).as_estimate()
        found.append(compared)
        verdicts.append(_judge(compared, float(np.log(settings.margin))))
    stacked = _stack(found, (5, n_gains))
    keys = ("gain_counted", "gain_predicted", "gain_ratio", "gain_constant")
    by_key = {key: Estimate(*(part[:, i].T for part in _list_parts(stacked))) for i, key in enumerate(keys)}
    for key in ("gain_ratio", "gain_constant"):  # from logarithms
        by_key[key] = Estimate(*(np.exp(part) for part in _list_parts(by_key[key])))
    is_test = [gain != 1 for gain in settings.gains]
    overall = [judge_gains([v for v, is_in in zip(row, is_test, strict=True) if is_in]) for row in verdicts]
    return {
        "gain": np.array(settings.gains),
        **by_key,
        "gain_verdict": np.array(verdicts, dtype=str).reshape(len(verdicts), n_gains).T,
        "verdict": np.array(overall, dtype=str),
    }, runs.notes


def _judge(compared: Estimate, margin: float) -> list[str]:
    """Verdict on each gain."""
    _, _, model, constant, expected = (compared[i] for i in range(5))
    return [
        judge_gain(
            float(model.low[i]),
            float(model.high[i]),
            (float(constant.low[i]), float(constant.high[i])),
            float(expected.value[i]),
            margin,
        )
        for i in range(len(expected.value))
    ]


def _list_parts(estimate: Estimate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return estimate.value, estimate.low, estimate.high


def _stack(estimates: Sequence[Estimate], shape: tuple[int, ...]) -> Estimate:
    """Estimates of each direction, one below the other; of this shape each, if there are none."""
    return Estimate.stack(estimates) if estimates else Estimate(*np.empty((3, 0, *shape)))
