"""Does the network emulate its process? The judged measures of an evaluation, in words."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from ..quantity import Margin, Quantity, add_section
from ..settings import LossSettings
from ..training import PLATEAU_MEMORY, compute_memory
from .definitions import SECTION
from .expected_counts import find_rarest_symbol
from .result import OUTSIDE, UNDECIDED, WITHIN, EvaluationResult


@dataclass(frozen=True)
class Emulation:
    """Whether a network emulates its process.

    Attributes
    ----------
    verdict : str
        "emulates" (every judged measure is within its margin), "undecided" (none is outside, some cannot be
        told), "partly" (some are within), "no" (none is), or "memoryless" (symbols hardly depend on those
        before them, whatever the measures say).
    n_within, n_undecided, n_judged : int
        Measures that have a margin.
    memory : float
        Dependence of consecutive symbols as a share of that of the process.
    worst : Quantity or None
        The measure that is outside by the most margins; None if none is outside.
    sentences : tuple of str
        The conclusion, what is worst, and what becomes of the rarest symbol if that is off too.
    """

    verdict: str
    n_within: int
    n_undecided: int
    n_judged: int
    memory: float
    worst: Quantity | None
    sentences: tuple[str, ...]

    def to_plain(self) -> dict[str, Any]:
        """JSON form; the key of the worst measure is that of ``orbitscope explain``."""
        worst = [quantity.to_plain() for quantity in add_section(SECTION, filter(None, [self.worst]))]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"worst": worst[0] if worst else None}


def conclude_emulation(
    result: EvaluationResult, *, start: str = "zero", loss: LossSettings | None = None
) -> Emulation:
    """Sum up the judged measures from one start.

    Parameters
    ----------
    result : EvaluationResult
    start : str
        "zero", as in training, or "stationary".
    loss : LossSettings, optional
        Loss of the training, which explains some defects.
    """
    judged = _list_judged(result, start)
    verdicts = [margin.verdict for _, margin in judged]
    counts = {verdict: verdicts.count(verdict) for verdict in (WITHIN, OUTSIDE, UNDECIDED)}
    off = [pair for pair in judged if pair[1].verdict == OUTSIDE]
    off.sort(key=lambda pair: _count_margins(*pair), reverse=True)
    memory = _measure_memory(result, start)
    verdict = _decide(counts, memory)

    sentences = [_say_verdict(verdict, counts, len(judged), memory)]
    if off and verdict != "memoryless":
        sentences.append(f"Worst: {_say_defect(*off[0], result, start, loss)}.")
        rare = [pair for pair in off[1:] if pair[0].kind == "rare_symbol_error"]
        sentences += [f"{_capitalise(_say_defect(*pair, result, start, loss))}." for pair in rare]
    numbers = counts[WITHIN], counts[UNDECIDED], len(judged)
    return Emulation(verdict, *numbers, memory, off[0][0] if off else None, tuple(sentences))


def _list_judged(result: EvaluationResult, start: str) -> list[tuple[Quantity, Margin]]:
    """Measures that lie within, outside or undecided, with their margins."""
    pairs = [(quantity, quantity.margin) for quantity in result.list_quantities_from(start)]
    return [(quantity, margin) for quantity, margin in pairs if margin and not quantity.word]


def _count_margins(quantity: Quantity, margin: Margin) -> float:
    return abs(float(quantity.estimate) - margin.target) / margin.size if margin.size else math.inf


def _measure_memory(result: EvaluationResult, start: str) -> float:
    """Memory of the pooled symbol pairs; frequencies that change over the window are not told apart."""
    frequencies, matrices = (
        _select(values, result, start) for values in (result.frequencies, result.symbol_matrix)
    )
    network, exact = torch.tensor(frequencies[:, :, None] * np.nan_to_num(matrices))
    return compute_memory(network, exact, torch.outer(exact.sum(1), exact.sum(1)))


def _select(values: np.ndarray, result: EvaluationResult, start: str) -> np.ndarray:
    """Values of the network and of the exact law from one start."""
    sources = result.source.tolist()
    return values[result.start.tolist().index(start)][[sources.index("network"), sources.index("exact")]]


def _decide(counts: dict[str, int], memory: float) -> str:
    n_judged = sum(counts.values())
    if memory < PLATEAU_MEMORY:
        return "memoryless"
    if counts[WITHIN] == n_judged:
        return "emulates"
    if not counts[OUTSIDE]:
        return "undecided"
    return "partly" if counts[WITHIN] else "no"


def _say_verdict(verdict: str, counts: dict[str, int], n_judged: int, memory: float) -> str:
    is_one = counts[WITHIN] == 1
    within = f"{counts[WITHIN]} of {n_judged} measures " + (
        "is within its margin" if is_one else "are within their margins"
    )
    if counts[UNDECIDED]:
        within += f", {counts[UNDECIDED]} cannot be told"
    return {
        "emulates": f"Emulates: all {n_judged} measures are within their margins.",
        "undecided": f"Emulates as far as these samples tell: {within}.",
        "partly": f"Emulates partly: {within}.",
        "no": f"Does not emulate: {within}.",
        "memoryless": "Does not emulate: its symbols hardly depend on those before them (memory "
        f"{memory:.2f} of the process's 1), as in a network that is untrained or still on the plateau.",
    }[verdict]


def _say_defect(
    quantity: Quantity, margin: Margin, result: EvaluationResult, start: str, loss: LossSettings | None
) -> str:
    """What it means that a measure is outside its margin; starts in lower case."""
    name, value = quantity.kind, float(quantity.estimate)
    if name == "rare_symbol_error":
        return _say_rare_symbol(result, start, loss)
    if math.isinf(value):
        return "some sequences are impossible under the process, so their cross-entropy is infinite"
    more, less = {
        "symbol_matrix_error": ("probabilities of the next symbol are off by up to {:.3f}", ""),
        "frequency_error": ("frequencies of symbols are off by up to {:.3f}", ""),
        "volatility_error": ("symbols change {:.0%} too often", "symbols change {:.0%} too rarely"),
        "cross_entropy_gap": (
            "sequences are less probable under the process than they should be, by {:.3f} nat per symbol",
            "sequences are less diverse than those of the process, by {:.3f} nat per symbol",
        ),
        "impossible_share": ("{:.1%} of the sequences cannot come from the process", ""),
        "run_length_distance": (
            "lengths of runs of one symbol follow another law, total variation {:.3f}",
            "",
        ),
        "classifier_auc": ("a classifier tells its sequences from those of the process, AUC {:.2f}", ""),
    }[name]
    text = less if less and value < margin.target else more
    shown = value if name == "classifier_auc" else abs(value)
    allowed = (
        f"{margin.target} ± {margin.size:g}"
        if margin.target
        else f"{margin.size:.0%}"
        if "%}" in text
        else f"{margin.size:g}"
    )
    return f"{text.format(shown)} (margin {allowed})"


def _say_rare_symbol(result: EvaluationResult, start: str, loss: LossSettings | None) -> str:
    network, exact = _select(result.frequencies, result, start)
    rarest = find_rarest_symbol(exact)
    share = network[rarest] / exact[rarest]
    how = "almost never emitted" if share < 0.1 else f"emitted at {share:.0%} of its frequency"
    text = f"symbol {result.symbol[rarest]} is {how} ({network[rarest]:.4f} of steps for {exact[rarest]:.4f})"
    is_known = loss is not None and loss.objective == "sequences" and loss.epsilon <= 0.04 and share < 1
    return f"{text}: the paper's loss makes rare symbols rarer" if is_known else text


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]
