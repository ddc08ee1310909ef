"""The result of an evaluation, and its quantities."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int, Integer, Shaped

from ..errors import unknown_name
from ..quantity import Beside, Margin, Quantity, Reference, known_value
from ..results import Result, axes, estimates
from ..statistics import Estimate
from .definitions import find_definition
from .measures import UNDEFINED_VERDICT

SOURCES = ("network", "floor", "exact")
"""The network, a process sample observed in the same way, and the exact values of the process."""

PROCESS_SAMPLE = "process sample"
"""Name of the floor beside a quantity."""

WITHIN, OUTSIDE, UNDECIDED = "within", "outside", "undecided"
"""How a reader is told where a measure lies: within its margin, outside of it, or not to be told."""

_VERDICT_WORDS = {"equivalent": WITHIN, "different": OUTSIDE, "inconclusive": UNDECIDED}

_SAMPLED = ("start", "sampled_source", "raster_sequence", "step")


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationResult(Result):
    """How far a network is from the process that it emulates.

    Attributes
    ----------
    start : (start,)
        "zero": from h = 0 as in training; "stationary": after the burn-in, against the stationary process.
    source : (source,)
        "network", "floor" (a sample of the process, observed in the same way) and "exact".
    measure, description, unit, margin, target : (measure,)
        Lines of the table; ``margin`` is NaN where none was stated, ``target`` the value of a perfect
        emulator (NaN: known through the floor only).
    estimate : Estimate, (start, measure)
        Value of the network and its confidence interval; NaN where the measure is undefined.
    floor : Estimate, (start, measure)
        The same for the process sample.
    test : Estimate, (start, measure)
        The value of the network with the interval of level 1 − 2α that the verdict compares with the margin.
    verdict : (start, measure)
        "equivalent", "different", "inconclusive" or "no margin". A measure that is undefined (its estimate is
        NaN) has no verdict, whatever stands here.
    n_units : (start, measure)
        Independent units behind the estimate.
    symbol : (symbol,)
        Names of the symbols; ``next_symbol`` repeats them.
    symbol_matrix : (start, source, symbol, next_symbol)
        P(s_{t+1} | s_t), averaged over the window.
    frequencies : (start, source, symbol)
    run_length : (run_length,)
        Lengths of complete runs in steps, 1 … n_steps − 2 (at least one entry).
    run_law : (start, source, run_length)
        Law of complete runs in a window, pooled over symbols.
    symbol_run_law : (start, source, symbol, run_length)
        The same per symbol; NaN for a symbol without complete runs.
    raster : (start, sampled_source, raster_sequence, step)
        Some sequences of the network and of the process (``sampled_source``: "network", "floor").
    """

    start: Shaped[np.ndarray, " start"] = axes("start", description="start of the window")
    source: Shaped[np.ndarray, " source"] = axes("source", description="where a law comes from")
    measure: Shaped[np.ndarray, " measure"] = axes("measure", description="name of the measure")
    description: Shaped[np.ndarray, " measure"] = axes("measure", description="what the measure is")
    unit: Shaped[np.ndarray, " measure"] = axes("measure", description="unit of the measure")
    margin: Float[np.ndarray, " measure"] = axes(
        "measure", description="largest deviation that counts as none"
    )
    target: Float[np.ndarray, " measure"] = axes("measure", description="value of a perfect emulator")
    estimate: Estimate = estimates("start", "measure", description="value for the network")
    floor: Estimate = estimates("start", "measure", description="value for a process sample")
    test: Estimate = estimates("start", "measure", description="value with the interval of the test")
    verdict: Shaped[np.ndarray, "start measure"] = axes("start", "measure", description="two one-sided tests")
    n_units: Int[np.ndarray, "start measure"] = axes("start", "measure", description="independent units")
    symbol: Shaped[np.ndarray, " symbol"] = axes("symbol", description="symbol")
    next_symbol: Shaped[np.ndarray, " symbol"] = axes("next_symbol", description="symbol one step later")
    symbol_matrix: Float[np.ndarray, "start source symbol symbol"] = axes(
        "start", "source", "symbol", "next_symbol", description="P(next symbol | symbol)"
    )
    frequencies: Float[np.ndarray, "start source symbol"] = axes(
        "start", "source", "symbol", description="share of steps"
    )
    run_length: Int[np.ndarray, " length"] = axes("run_length", unit="step", description="length of a run")
    run_law: Float[np.ndarray, "start source length"] = axes(
        "start", "source", "run_length", description="P(length) of complete runs in a window"
    )
    symbol_run_law: Float[np.ndarray, "start source symbol length"] = axes(
        "start", "source", "symbol", "run_length", description="P(length) of complete runs, per symbol"
    )
    sampled_source: Shaped[np.ndarray, " sampled"] = axes("sampled_source", description="source of a raster")
    raster: Integer[np.ndarray, "start sampled sequence time"] = axes(
        *_SAMPLED, description="sampled symbols"
    )

    remedy: ClassVar[str] = (
        "Convert one of an older version with `python experiments/convert_evaluations.py FILE`, or evaluate "
        "the run again."
    )

    def list_quantities(self) -> list[Quantity]:
        """Every measure from every start; labels and keys of the stationary start name it."""
        quantities: list[Quantity] = []
        for start in self.start.tolist():
            suffix = "" if start == "zero" else f", {start} start"
            quantities += [replace(q, label=f"{q.label}{suffix}") for q in self.list_quantities_from(start)]
        return quantities

    def list_quantities_from(self, start: str) -> list[Quantity]:
        """Every measure from one start, which their labels do not name."""
        return [self.find_quantity(measure, start) for measure in self.measure.tolist()]

    def find_quantity(self, measure: str, start: str = "zero") -> Quantity:
        """One measure from one start, beside its margin and the process sample.

        Parameters
        ----------
        measure : str
            As in ``measure``, for example "ngram_divergence_2".
        start : str
            "zero" or "stationary".

        Raises
        ------
        InputError
            If there is no such measure or start.
        """
        i, j = _find("start", self.start, start), _find("measure", self.measure, measure)
        definition, n = find_definition(measure)
        index = ",".join(filter(None, (n, "" if start == "zero" else start)))
        is_undefined = bool(np.isnan(self.estimate.value[i, j]))
        return definition.measure(
            self.estimate[i, j],
            index or None,
            name=n,
            beside=self._list_beside(i, j, definition.unit, is_undefined=is_undefined),
            word=UNDEFINED_VERDICT if is_undefined else "",
        )

    def _list_beside(self, i: int, j: int, unit: str, *, is_undefined: bool) -> tuple[Beside, ...]:
        """Margin or else the value of a perfect emulator, and the process sample, if they are known."""
        target, size, floor = float(self.target[j]), float(self.margin[j]), self.floor[i, j]
        beside: list[Beside] = []
        if not np.isnan(size):
            stored = str(self.verdict[i, j])
            verdict = UNDEFINED_VERDICT if is_undefined else _VERDICT_WORDS.get(stored, stored)
            beside.append(Margin(size, target, self.test[i, j], verdict))
        elif not np.isnan(target):
            beside += known_value("perfect emulator", target)
        if not np.isnan(floor.value):
            beside.append(Reference(PROCESS_SAMPLE, floor, unit))
        return tuple(beside)


def _find(kind: str, names: np.ndarray, name: str) -> int:
    if name not in names:
        raise unknown_name(kind, name, names.tolist())
    return names.tolist().index(name)
