"""Captions: what each figure shows, with the numbers of the results that it was drawn from."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ..evaluation import EvaluationResult
from ..loss import PUBLISHED_EPSILON, EpsilonChoice
from ..statistics import ChangePoint
from ..training import EpochRecord
from .evaluation.selection import find_start
from .style import format_number

_MOST_TURNS = 6
_STARTS = {
    "zero": "started from h = 0 as in training",
    "stationary": "started after a burn-in, against the stationary process",
}


def describe_training(history: list[EpochRecord], transition: ChangePoint) -> str:
    """Caption of the training curve."""
    last = history[-1]
    parts = [
        f"Training over {_count(len(history), 'epoch')}.",
        _describe_loss(history),
        _describe_transition(history, transition),
        f"Last epoch: loss {format_number(last.loss)}, floor {format_number(last.floor)}, without memory "
        f"{format_number(last.plateau)}.",
        _describe_validation(history),
        "(b) Largest error of the symbol matrix from softmax probabilities of the training batches; "
        f"last epoch {format_number(last.symbol_matrix_error)}. Vertical lines: changes of batch size.",
        "(c) Memory: dependence of consecutive symbols as a share of that of the process; last epoch "
        f"{format_number(last.memory)}.",
        f"(d) Schedule: batch size {_list_changes([record.batch_size for record in history])}, learning rate "
        f"{_list_changes([record.learning_rate for record in history])}{_describe_self_weight(history)}.",
    ]
    return " ".join(part for part in parts if part)


def _describe_loss(history: list[EpochRecord]) -> str:
    if history[-1].is_of_words:
        return (
            "(a) Loss: χ² divergence of the laws of words, in nats, for the network (red), for the process "
            "(floor, dashed: 0) and for symbols without memory (dash-dotted). Estimates are unbiased, so "
            "values below 0 occur."
        )
    return (
        "(a) Loss: Sinkhorn divergence in mismatched symbols per sequence, for the network (red), for fresh "
        "sequences of the process in the same batches (floor, dashed; it changes with the batch size) and "
        "for symbols without memory (dash-dotted; the level of the plateau)."
    )


def _describe_self_weight(history: list[EpochRecord]) -> str:
    weights = [record.self_weight for record in history]
    if min(weights) == 1.0:
        return ""
    return f", weight of the self term in the gradient {_list_changes(weights)} (1 is the paper's)"


def describe_epsilon_choice(choice: EpsilonChoice) -> str:
    """Caption of the choice of ε."""
    settings, best = choice.settings, float(choice.typical_ratio.max())
    at_published = float(choice.typical_ratio[np.argmin(np.abs(choice.epsilon - PUBLISHED_EPSILON))])
    return (
        f"Sinkhorn divergence of wrong processes from {settings['process'] or 'the process'}, relative to "
        f"that of the process from itself, in batches of {settings['batch_size']} sequences of "
        f"{settings['n_steps']} steps; mean and standard error over {settings['n_repeats']} pairs of "
        "batches. At 1 the loss does not tell the wrong process from the right one, below 1 it prefers it. "
        "(a) Independent symbols, as on the plateau. (b) Processes that are nearly right, as late in "
        f"training. Dotted: the ε = {format_number(choice.chosen)} at which these are told best (geometric "
        f"mean of the ratios {format_number(best)}; {format_number(at_published)} at the candidate nearest "
        "to the paper's ε = 0.04)."
    )


def describe_symbol_matrices(result: EvaluationResult, start: str) -> str:
    """Caption of the symbol matrices."""
    has_gaps = bool(np.isnan(result.symbol_matrix[find_start(result, start)]).any())
    return (
        f"Symbol-to-symbol matrices P(next symbol | symbol), averaged over the window, {_STARTS[start]}: "
        "network (from softmax probabilities), exact values of the process, and their difference on a scale "
        "symmetric about 0. "
        + _describe_measure(result, start, "symbol_matrix_error", "Largest error")
        + (" A dash marks a symbol that never occurs." if has_gaps else "")
    )


def describe_frequencies(result: EvaluationResult) -> str:
    """Caption of the frequencies."""
    found = [
        f"{_capitalise(_STARTS[start])}: "
        + _describe_measure(result, start, "frequency_error", "largest error")
        for start in result.start.tolist()
    ]
    return (
        "Share of steps of each symbol: exact (bar and line), network (red), process sample observed in the "
        f"same way (grey). Below: the same minus the exact value; the band is the margin. {' '.join(found)}"
    )


def describe_run_lengths(result: EvaluationResult, start: str) -> str:
    """Caption of the run-length laws."""
    return (
        "Share of complete runs of a symbol that last at least ℓ steps, within windows of "
        f"{_get_n_steps(result)} steps, {_STARTS[start]}: network, process sample observed in the same way, "
        "and the exact law of the same window (symbol runs of an HMM are phase-type, not geometric in "
        "general). The axis ends where the samples end. "
        + _describe_measure(result, start, "run_length_distance", "Total variation, pooled")
    )


def describe_rasters(result: EvaluationResult, start: str) -> str:
    """Caption of the rasters."""
    n_sequences, n_steps = result.raster.shape[2:]
    return (
        f"{_count(n_sequences, 'sequence')} of {n_steps} steps sampled from the process (above) and from the "
        f"network (below), {_STARTS[start]}; one row per sequence, one colour per symbol. Rows are not "
        "matched. "
        + _describe_measure(result, start, "volatility_error", "Volatility over the exact one, minus 1")
    )


def describe_measures(result: EvaluationResult, start: str) -> str:
    """Caption of the forest plots."""
    i = find_start(result, start)
    is_judged = np.isfinite(result.margin)
    verdicts, estimates = result.verdict[i, is_judged].tolist(), result.estimate[i, is_judged].tolist()
    verdicts = [v if not math.isnan(e) else "undefined" for v, e in zip(verdicts, estimates, strict=True)]
    counts = [f"{verdicts.count(v)} {v}" for v in ("equivalent", "inconclusive", "different")]
    counts += [f"{verdicts.count('undefined')} undefined"] if "undefined" in verdicts else []
    confidence = result.settings.get("evaluation", {}).get("confidence", 0.95)
    return (
        f"Every measure, {_STARTS[start]}: network (red) with its {confidence:.0%} confidence interval, and "
        "the process sample observed in the same way (grey squares: the floor). Above: deviation from a "
        "perfect emulator in units of the margin, linear within the margins (band) and logarithmic beyond; "
        f"verdicts of two one-sided tests (thick line: their interval): {', '.join(counts)}. "
        "Below: measures without a margin, in their own units, linear near 0 and logarithmic beyond. Numbers "
        "on the right: value and interval of the network in the unit of the measure."
    )


def _describe_transition(history: list[EpochRecord], transition: ChangePoint) -> str:
    if transition.plateau_start is None:
        return "No plateau was found."
    start = history[transition.plateau_start].epoch
    if transition.index is None:
        return f"Training has been on the plateau (shaded) since epoch {start}: no phase transition yet."
    end = history[transition.index].epoch
    return (
        f"Training is on the plateau (shaded) from epoch {start} and leaves it in epoch {end}, the phase "
        "transition (vertical line)."
    )


def _describe_validation(history: list[EpochRecord]) -> str:
    validated = [(r.validation_loss, r) for r in history if r.validation_loss is not None]
    if not validated:
        return "There was no validation."
    best, record = min(validated, key=lambda pair: pair[0])
    floor = record.validation_floor
    beside = "" if floor is None else f", floor {format_number(floor)} (fine dots)"
    return f"Lowest validation loss (circles): {format_number(best)} in epoch {record.epoch}{beside}."


def _list_changes(values: Sequence[float | int]) -> str:
    """The values in turn, or only the first and the last where there are many."""
    texts = (format_number(value, digits=4 if isinstance(value, int) else 3) for value in values)
    turns = [text for text, _ in itertools.groupby(texts)]
    return " → ".join(turns if len(turns) <= _MOST_TURNS else [turns[0], "…", turns[-1]])


def _describe_measure(result: EvaluationResult, start: str, measure: str, label: str) -> str:
    """Value, interval, floor, margin and verdict of a measure in one sentence; "" if it was not measured."""
    names = result.measure.tolist()
    if measure not in names:
        return ""
    i, j = find_start(result, start), names.index(measure)
    value, low, high, floor = (float(getattr(result, n)[i, j]) for n in ("estimate", "low", "high", "floor"))
    if math.isnan(value):
        return f"{label}: undefined."
    interval = "" if math.isnan(low + high) else f" [{format_number(low)}, {format_number(high)}]"
    verdict = f"; margin {format_number(float(result.margin[j]))}, {result.verdict[i, j]}"
    verdict = verdict if math.isfinite(result.margin[j]) else ""
    return f"{label}: {format_number(value)}{interval}, process sample {format_number(floor)}{verdict}."


def _get_n_steps(result: EvaluationResult) -> int:
    return result.raster.shape[3]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _capitalise(text: str) -> str:
    return text[0].upper() + text[1:]
