"""From what was measured from each start to one result."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..hmm import HMM
from ..sequences import compute_frequencies, compute_symbol_matrix, count_run_lengths
from ..settings import EvaluationSettings
from ..statistics import Estimate
from .definitions import find_definition
from .measures import Measured, judge, list_measures
from .observation import Observation, Start
from .result import SOURCES, EvaluationResult
from .sampled_laws import has_reversible_output
from .target import Target


@dataclass(frozen=True)
class Comparison:
    """Everything that was seen and measured from one start."""

    start: Start
    network: Observation
    floor: Observation
    target: Target
    measured: dict[str, Measured]
    measured_floor: dict[str, Measured]


def assemble_result(
    comparisons: list[Comparison],
    hmm: HMM,
    settings: EvaluationSettings,
    *,
    record: dict[str, Any],
    status: dict[str, Any],
) -> EvaluationResult:
    """Stack comparisons over starts.

    Parameters
    ----------
    comparisons : list of Comparison
    hmm : HMM
        Gives the names of the symbols.
    settings : EvaluationSettings
    record, status : dict
        Settings and status of the result.
    """
    symbols = np.array(hmm.symbol_names)
    n_lengths = max(comparisons[0].target.n_steps - 2, 1)
    run_counts = np.array([_list_run_counts(c, n_lengths) for c in comparisons])
    return EvaluationResult(
        settings=record,
        status=status,
        start=np.array([c.start for c in comparisons]),
        source=np.array(SOURCES),
        **_build_table(comparisons, settings),
        symbol=symbols,
        next_symbol=symbols,
        symbol_matrix=np.array([_list_matrices(c) for c in comparisons]),
        frequencies=np.array([_list_frequencies(c) for c in comparisons]),
        run_length=np.arange(1, n_lengths + 1),
        run_law=compute_frequencies(run_counts.sum(axis=2)),
        symbol_run_law=compute_frequencies(run_counts),
        sampled_source=np.array(SOURCES[:2]),
        raster=np.array([_list_rasters(c, settings.n_raster) for c in comparisons]),
    )


def _build_table(comparisons: list[Comparison], settings: EvaluationSettings) -> dict[str, Any]:
    is_reversible = all(has_reversible_output(c.target) for c in comparisons)
    measures = list_measures(settings, is_reversible=is_reversible)
    definitions = [find_definition(m.name)[0] for m in measures]
    network = [[c.measured[m.name] for m in measures] for c in comparisons]
    floor = [[c.measured_floor[m.name] for m in measures] for c in comparisons]
    return {
        "measure": np.array([m.name for m in measures]),
        "description": np.array([definition.meaning for definition in definitions]),
        "unit": np.array([definition.unit for definition in definitions]),
        "margin": np.array([m.margin for m in measures]),
        "target": np.array([m.target for m in measures]),
        "estimate": _stack([[found.estimate for found in row] for row in network]),
        "floor": _stack([[found.estimate for found in row] for row in floor]),
        "test": _stack([[found.test for found in row] for row in network]),
        "n_units": np.array([[found.n_units for found in row] for row in network]),
        "verdict": np.array([[judge(f, m) for f, m in zip(row, measures, strict=True)] for row in network]),
    }


def _stack(rows: list[list[Estimate]]) -> Estimate:
    return Estimate.stack([Estimate.stack(row) for row in rows])


def _list_matrices(comparison: Comparison) -> list[Float[np.ndarray, "symbol symbol"]]:
    observed = [
        compute_symbol_matrix(o.pair_sums.sum(axis=0)) for o in (comparison.network, comparison.floor)
    ]
    return [*observed, comparison.target.symbol_matrix]


def _list_frequencies(comparison: Comparison) -> list[Float[np.ndarray, " symbol"]]:
    observed = [
        compute_frequencies(o.symbol_sums.sum(axis=0)) for o in (comparison.network, comparison.floor)
    ]
    return [*observed, comparison.target.frequencies]


def _list_run_counts(comparison: Comparison, n_lengths: int) -> list[Float[np.ndarray, "symbol length"]]:
    """Counts of complete runs for every source; expected ones for the exact law."""
    target = comparison.target
    n_symbols = len(target.frequencies)
    flat = [o.windows.reshape(-1, target.n_steps) for o in (comparison.network, comparison.floor)]
    counts = [count_run_lengths(s, n_symbols, n_lengths).astype(float) for s in flat]
    law = target.run_law
    exact = np.zeros((n_symbols, n_lengths))
    if law is not None:
        exact = np.nan_to_num(law.pmf) * law.run_counts[:, None]
    return [*counts, exact]


def _list_rasters(comparison: Comparison, n_sequences: int) -> list[np.ndarray]:
    """One window of each of the first trajectories."""
    return [o.windows[:n_sequences, 0] for o in (comparison.network, comparison.floor)]
