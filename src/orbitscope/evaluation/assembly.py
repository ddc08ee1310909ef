"""From the findings of each start to one result."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..hmm import HMM
from ..sequences import compute_frequencies, compute_symbol_matrix, count_run_lengths
from ..settings import EvaluationSettings
from .measures import Finding, judge, list_measures
from .observation import Observation, Start
from .result import SOURCES, EvaluationResult
from .sampled_laws import has_reversible_output
from .target import Target

_NETWORK_COLUMNS = ("estimate", "low", "high", "test_low", "test_high", "n_units")


@dataclass(frozen=True)
class Comparison:
    """Everything that was seen and found from one start."""

    start: Start
    network: Observation
    floor: Observation
    target: Target
    network_findings: dict[str, Finding]
    floor_findings: dict[str, Finding]


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


def _build_table(comparisons: list[Comparison], settings: EvaluationSettings) -> dict[str, np.ndarray]:
    is_reversible = all(has_reversible_output(c.target) for c in comparisons)
    measures = list_measures(settings, is_reversible=is_reversible)
    network = [[c.network_findings[m.name] for m in measures] for c in comparisons]
    floor = [[c.floor_findings[m.name] for m in measures] for c in comparisons]

    def collect(findings: list[list[Finding]], attribute: str) -> np.ndarray:
        return np.array([[getattr(f, attribute) for f in row] for row in findings])

    return {
        "measure": np.array([m.name for m in measures]),
        "description": np.array([m.description for m in measures]),
        "unit": np.array([m.unit for m in measures]),
        "margin": np.array([m.margin for m in measures]),
        "target": np.array([m.target for m in measures]),
        **{name: collect(network, name) for name in _NETWORK_COLUMNS},
        "floor": collect(floor, "estimate"),
        "floor_low": collect(floor, "low"),
        "floor_high": collect(floor, "high"),
        "verdict": np.array([[judge(f, m) for f, m in zip(row, measures, strict=True)] for row in network]),
    }


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
