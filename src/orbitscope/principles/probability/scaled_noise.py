"""Hazards under more and less of the deciding noise: what a threshold model predicts, and what is counted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from ...network import NoiseRNN, draw_noise_, fork_generator, intervene
from ...statistics import decide_equivalence
from ...system.threads import map_parallel
from .filtered_noise import DrivenSteps, find_at_risk, follow_steps
from .threshold_model import ThresholdModel

FEWEST_COUNTED = 10
"""Switches, counted or predicted, below which runs under a gain say nothing."""

_WORDS = {"equivalent": "predicts", "different": "fails", "inconclusive": "undecided"}


@dataclass(frozen=True)
class GainRuns:
    """Runs on common noise, of which a part is scaled.

    Attributes
    ----------
    steps : DrivenSteps or None, one for each gain
        None where there is nothing to look at.
    notes : list of str
        Why.
    """

    steps: list[DrivenSteps | None]
    notes: list[str]


def run_gains(
    network: NoiseRNN,
    gains: Sequence[float],
    basis: Float[np.ndarray, "input direction"],
    *,
    n_trajectories: int,
    n_steps: int,
    burn_in: int,
    first: int,
    scales: Float[np.ndarray, " neuron"],
    noise_std: float,
    generator: torch.Generator,
) -> GainRuns:
    """Drive a network on common noise, with its part in a subspace times each gain.

    Parameters
    ----------
    network : NoiseRNN
    gains : sequence of float >= 0
        0 takes the noise in the subspace away, 1 leaves it as it is.
    basis : (input, direction)
        Orthonormal columns.
    n_trajectories, n_steps, burn_in : int
    first, scales
        As :func:`follow_steps` has them.
    noise_std : float
    generator
    """
    shape = (burn_in + n_steps, n_trajectories, network.input_size)
    noise = draw_noise_(network.w_out.new_empty(shape), noise_std, fork_generator(generator))
    columns = torch.from_numpy(basis).to(noise)
    inside = (noise @ columns) @ columns.T

    def run(gain: float) -> DrivenSteps | str:
        changed = intervene(network, project_noise=basis, noise_gain=gain)
        delivered = noise + (gain - 1.0) * inside
        return follow_steps(changed, noise, delivered, burn_in=burn_in, first=first, scales=scales)

    found = map_parallel(run, gains)
    return GainRuns(
        [None if isinstance(each, str) else each for each in found],
        [f"gain {c:g}: {each}" for c, each in zip(gains, found, strict=True) if isinstance(each, str)],
    )


def count_gains(
    runs: GainRuns, model: ThresholdModel, pair: tuple[int, int], hazard: float
) -> Float[np.ndarray, "trajectory gain 4"]:
    """Steps before which the symbol was the first of a pair, switches to the second, and two predictions.

    The predictions are sums of probabilities: those of the model, and a hazard that is always the same.
    """
    rows = []
    for steps in runs.steps:
        if steps is None:
            rows.append(None)
            continue
        is_in = find_at_risk(steps, pair[0])
        probability = model.predict(model.score(steps))
        values = (is_in, is_in & (steps.after == pair[1]), is_in * probability, is_in * hazard)
        rows.append(np.stack([value.sum(1) for value in values], axis=1))
    known = [row for row in rows if row is not None]
    empty = np.full_like(known[0], np.nan, dtype=float) if known else np.full((2, 4), np.nan)
    return np.stack([empty if row is None else row for row in rows], axis=1).astype(float)


def compare_gains(sums: Float[np.ndarray, "batch gain 4"]) -> Float[np.ndarray, "batch 5 gain"]:
    """Counted and predicted hazards, log ratios of model and of a constant to the count, expected switches.

    Half a switch is added to either side of a ratio: without any switch it has no logarithm.
    """
    steps, events, model, constant = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        log_ratios = [np.log((guess + 0.5) / (events + 0.5)) for guess in (model, constant)]
        return np.stack([events / steps, model / steps, *log_ratios, np.maximum(events, model)], axis=1)


def judge_gain(low: float, high: float, rival: tuple[float, float], n_expected: float, margin: float) -> str:
    """Verdict on the runs under one gain, by a rule fixed before looking.

    Parameters
    ----------
    low, high : float
        Limits of log(predicted/counted).
    rival : (low, high)
        The same of a hazard that does not depend on the noise.
    n_expected : float
        Switches, counted or predicted: the larger number.
    margin : float
        Largest |log ratio| of a prediction that holds.

    Returns
    -------
    str
        predicts, fails or undecided; no test, where a hazard that does not depend on the noise would do as
        well; too few switches; undefined.
    """
    if np.isnan(n_expected):
        return "undefined"
    if n_expected < FEWEST_COUNTED:
        return "too few"
    verdict = _WORDS[decide_equivalence(low, high, margin)]
    is_trivial = decide_equivalence(*rival, margin) == "equivalent"
    return "no test" if verdict == "predicts" and is_trivial else verdict


def judge_gains(verdicts: Sequence[str]) -> str:
    """Verdict on all gains but 1: one failure is a failure.

    Gains at which there are too few switches have no say.
    """
    for word in ("fails", "undecided", "predicts", "no test", "too few"):
        if word in verdicts:
            return word
    return "undefined"
