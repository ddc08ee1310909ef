"""Measures from expected counts: symbol matrix, frequencies, rarest symbol, volatility."""

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..sequences import compute_frequencies, compute_symbol_matrix, compute_volatility
from ..settings import EvaluationSettings
from ..statistics import bootstrap_statistic
from .measures import UNDEFINED, Measured, bracket_largest, bracket_normal, measure_value
from .observation import Observation
from .target import Target


def measure_expected_counts(
    observation: Observation, target: Target, settings: EvaluationSettings, *, rng: np.random.Generator
) -> dict[str, Measured]:
    """Errors of symbol matrix, frequencies, rarest symbol and volatility against the exact values.

    Notes
    -----
    Standard errors come from a bootstrap over groups of trajectories. A symbol that is never
    emitted has no row in the matrix; the entries of its row then count as wrong by 1, the most possible.
    Symbols that the process never emits have no exact row and are judged by their frequency alone. Where
    every state of the process emits the rarest symbol with the same probability, the HMM's expected counts
    of it do not vary: the floor of `rare_symbol_error` is then 0 ± 0 and says nothing.
    """
    n_symbols = len(target.frequencies)
    n_groups = len(observation.symbol_sums)
    flat = [observation.symbol_sums, observation.pair_sums.reshape(n_groups, -1)]

    def compute_errors(sums: Float[np.ndarray, "batch sum"]) -> Float[np.ndarray, "batch error"]:
        pairs = sums[:, n_symbols:].reshape(-1, n_symbols, n_symbols)
        return _compute_errors(sums[:, :n_symbols], pairs, target)

    options = {"n_resamples": settings.n_resamples, "confidence": settings.confidence}
    bootstrap = bootstrap_statistic(np.concatenate(flat, axis=1), compute_errors, rng=rng, **options)
    standard_errors = bootstrap.samples.std(axis=0)

    def find_largest(cells: slice) -> Measured:
        bracket = bracket_largest(bootstrap.estimate[cells], standard_errors[cells])
        largest = float(np.abs(bootstrap.estimate[cells]).max())
        return measure_value(largest, bracket, settings, n_units=n_groups)

    def find_signed(value: float, error: float) -> Measured:
        bracket = bracket_normal(value, error)
        return measure_value(value, bracket, settings, n_units=n_groups) if np.isfinite(value) else UNDEFINED

    rarest = find_rarest_symbol(target.frequencies)
    scale = float(target.frequencies[rarest])
    rare_error, rare_standard_error = bootstrap.estimate[rarest] / scale, standard_errors[rarest] / scale
    return {
        "symbol_matrix_error": find_largest(slice(n_symbols + 1, None)),
        "frequency_error": find_largest(slice(n_symbols)),
        "rare_symbol_error": find_signed(float(rare_error), float(rare_standard_error)),
        "volatility_error": find_signed(
            float(bootstrap.estimate[n_symbols]), float(standard_errors[n_symbols])
        ),
    }


def find_rarest_symbol(frequencies: Float[np.ndarray, " symbol"]) -> int:
    """The symbol of smallest positive exact frequency."""
    return int(np.where(frequencies > 0, frequencies, np.inf).argmin())


def combine_matrix_errors_as_published(
    matrices: Float[np.ndarray, "network symbol symbol"], exact: Float[np.ndarray, "symbol symbol"]
) -> float:
    """Symbol-matrix error in the paper's sense, which needs several networks of one kind.

    Parameters
    ----------
    matrices : (network, symbol, symbol)
        Symbol matrices of networks trained with different seeds (the paper: 3).
    exact : (symbol, symbol)
        Exact matrix of the process.

    Returns
    -------
    float
        √ of the largest, over entries, of the mean over networks of the squared difference.

    Raises
    ------
    InputError
        If the shapes do not match.

    Notes
    -----
    The published .025, .045, … are this statistic. It is an RMS over networks, so it lies
    between the mean and the largest of their errors in that entry.
    """
    if matrices.shape[1:] != exact.shape or len(matrices) == 0:
        raise InputError(
            f"`matrices` must have shape (network, {exact.shape[0]}, {exact.shape[1]}), "
            f"got {matrices.shape}. Stack one symbol matrix per network."
        )
    return float(np.sqrt(np.square(matrices - exact).mean(axis=0).max()))


def _compute_errors(
    symbol_sums: Float[np.ndarray, "batch symbol"],
    pair_sums: Float[np.ndarray, "batch symbol symbol"],
    target: Target,
) -> Float[np.ndarray, "batch error"]:
    """Errors of frequencies, of the volatility (relative), and of the comparable entries of the matrix."""
    frequency_errors = compute_frequencies(symbol_sums) - target.frequencies
    volatility = compute_volatility(pair_sums)
    exact = target.volatility
    ratio = volatility / exact - 1 if exact > 0 else np.full_like(volatility, np.nan)
    comparable = np.isfinite(target.symbol_matrix)
    matrix = compute_symbol_matrix(pair_sums)[:, comparable]
    matrix_errors = np.where(np.isnan(matrix), 1.0, matrix - target.symbol_matrix[comparable])
    return np.concatenate([frequency_errors, ratio[:, None], matrix_errors], axis=1)
