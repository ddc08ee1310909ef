"""The result of an evaluation, and its table."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Integer, Shaped

from ..results import Result, axes

SOURCES = ("network", "floor", "exact")
"""The network, an process sample observed in the same way, and the exact values of the process."""

_CELL = ("start", "measure")
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
    estimate, low, high : (start, measure)
        Value and confidence interval; NaN where the measure is undefined.
    floor, floor_low, floor_high : (start, measure)
        The same for the process sample.
    test_low, test_high : (start, measure)
        Interval of level 1 − 2α that the verdict compares with the margin; NaN where none was stored.
    verdict : (start, measure)
        "equivalent", "different", "inconclusive" or "no margin". A measure that is undefined (its estimate is
        NaN) has no verdict, whatever stands here; `tabulate` says "undefined".
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
    estimate: Float[np.ndarray, "start measure"] = axes(
        "start", "measure", description="value for the network"
    )
    low: Float[np.ndarray, "start measure"] = axes("start", "measure", description="lower confidence limit")
    high: Float[np.ndarray, "start measure"] = axes("start", "measure", description="upper confidence limit")
    floor: Float[np.ndarray, "start measure"] = axes(
        "start", "measure", description="value for an process sample"
    )
    floor_low: Float[np.ndarray, "start measure"] = axes(
        "start", "measure", description="lower limit of floor"
    )
    floor_high: Float[np.ndarray, "start measure"] = axes(
        "start", "measure", description="upper limit of floor"
    )
    test_low: Float[np.ndarray, "start measure"] = axes(
        *_CELL, description="lower limit of the test's interval"
    )
    test_high: Float[np.ndarray, "start measure"] = axes(
        *_CELL, description="upper limit of the test's interval"
    )
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


def tabulate(result: EvaluationResult) -> list[dict[str, Any]]:
    """List every measure from every start as plain values, for the terminal and for JSON.

    Parameters
    ----------
    result : EvaluationResult

    Returns
    -------
    list of dict
        Keys start, measure, description, unit, estimate, low, high, floor, floor_low, floor_high, test_low,
        test_high, target, margin, verdict, n_units; None where a number is undefined, an infinite float where
        it is infinite. The verdict is "undefined" where the estimate is.
    """
    columns = ("estimate", "low", "high", "floor", "floor_low", "floor_high", "test_low", "test_high")
    rows = []
    for i, start in enumerate(result.start.tolist()):
        for j, name in enumerate(result.measure.tolist()):
            row = {"start": start, "measure": name}
            row |= {key: str(getattr(result, key)[j]) for key in ("description", "unit")}
            row |= {key: _to_number(getattr(result, key)[i, j]) for key in columns}
            row |= {key: _to_number(getattr(result, key)[j]) for key in ("target", "margin")}
            verdict = "undefined" if row["estimate"] is None else str(result.verdict[i, j])
            row |= {"verdict": verdict, "n_units": int(result.n_units[i, j])}
            rows.append(row)
    return rows


def _to_number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
