"""Readout against the orbit plane: how much of each symbol's readout row lies in it, beyond chance."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped

from ..errors import InputError, UndefinedAnalysisError
from ..network import NoiseRNN
from ..results import Result, axes
from ..statistics import adjust_holm, compute_permutation_p_value
from .orbit_plane import OrbitPlane

VARIANTS = ("centred", "raw")
"""Rows minus their mean over symbols, which alone decides the symbol; rows as they are, as published."""

NULL_LEVEL = 0.95
"""Quantile of the null that is reported."""

_CELL = ("variant", "symbol")


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadoutAlignmentResult(Result):
    """Projections of unit readout rows on the orbit plane.

    Attributes
    ----------
    variant : (variant,)
        "centred" and "raw".
    symbol : (symbol,)
        Index of the symbol.
    projection : (variant, symbol)
        Norm of the projection: 1 in the plane, 0 at a right angle to it; NaN for a row that is zero.
    angle : (variant, symbol)
        Angle between row and plane.
    null_projection : (variant, permutation, symbol)
        Projections under permuted neuron labels.
    null_quantile : (variant, symbol)
        Their 95 % quantile.
    p_value, p_holm : (variant, symbol)
        Large projections count; ``p_holm`` is corrected over symbols.
    total, total_null_quantile, total_p_value : (variant,)
        Sum over symbols of squared projections; rows that are zero are left out and named in ``status``.
    chance : ()
        Root mean square projection of rows in random directions.
    """

    variant: Shaped[np.ndarray, " variant"] = axes("variant", description="which rows")
    symbol: Shaped[np.ndarray, " symbol"] = axes("symbol", description="symbol")
    projection: Float[np.ndarray, "variant symbol"] = axes(*_CELL, description="norm of the projection")
    angle: Float[np.ndarray, "variant symbol"] = axes(
        *_CELL, unit="degrees", description="angle between row and plane"
    )
    null_projection: Float[np.ndarray, "variant permutation symbol"] = axes(
        "variant", "permutation", "symbol", description="projection for permuted neurons"
    )
    null_quantile: Float[np.ndarray, "variant symbol"] = axes(
        *_CELL, description="95 % quantile for permuted neurons"
    )
    p_value: Float[np.ndarray, "variant symbol"] = axes(*_CELL, description="large projections count")
    p_holm: Float[np.ndarray, "variant symbol"] = axes(*_CELL, description="corrected over symbols")
    total: Float[np.ndarray, " variant"] = axes("variant", description="sum of squared projections")
    total_null_quantile: Float[np.ndarray, " variant"] = axes(
        "variant", description="95 % quantile for permuted neurons"
    )
    total_p_value: Float[np.ndarray, " variant"] = axes("variant", description="large totals count")
    chance: Float[np.ndarray, ""] = axes(description="root mean square for random directions")


def compute_readout_alignment(
    network: NoiseRNN, plane: OrbitPlane, *, rng: np.random.Generator, n_permutations: int = 1000
) -> ReadoutAlignmentResult:
    """Project each symbol's readout row on the orbit plane and compare with permuted neurons.

    Parameters
    ----------
    network : NoiseRNN
    plane : OrbitPlane
        Usually that of the same network; any number of components.
    rng
        Source of the permutations; same seed, same result.
    n_permutations : int >= 1
        Permutations of neuron labels, the same for every row.

    Raises
    ------
    InputError
        If the plane belongs to a network of another width, or a number is out of range.
    UndefinedAnalysisError
        If all rows are alike.

    Notes
    -----
    Paper: Torre et al. 2025, projections of raw rows without a null. Adding one vector to all rows leaves
    every symbol probability as it is but changes raw projections, so the centred rows decide. With two
    symbols the centred rows are opposite and share one projection. Random directions have the root mean
    square √(k/n) for k components and n neurons (.115 for 2 and 150); permutations keep the values of each
    row and of the plane, hence also their means over neurons. Neither rows nor planes are invariant to the
    scale of single neurons.
    """
    if len(plane.mean) != network.hidden_size:
        raise InputError(
            f"`plane` must have the network's {network.hidden_size} neurons, got {len(plane.mean)}. "
            "Compute it from a network of the same width."
        )
    if n_permutations < 1:
        raise InputError(f"`n_permutations` must be ≥ 1, got {n_permutations}. Use 1000.")
    weights = network.w_out.detach().double().cpu().numpy()
    smallest = 10 * torch.finfo(network.w_out.dtype).eps * float(np.linalg.norm(weights, axis=1).max())
    rows = np.stack([_normalise(rows, smallest) for rows in (weights - weights.mean(0), weights)])
    is_known = np.asarray(np.isfinite(rows).all(axis=2))
    if not is_known[0].any():
        raise UndefinedAnalysisError(
            "the rows of the readout must differ between symbols, but all are alike. Use a trained network."
        )
    orders = np.stack([rng.permutation(network.hidden_size) for _ in range(n_permutations)])
    squares = _project(rows, plane.components[None])[0]
    null = _project(rows, plane.components.T[orders].swapaxes(1, 2))
    total, null_total = np.nansum(squares, 1), np.nansum(null, 2)
    p_value, p_holm = _test(squares, null, is_known)
    zero_rows = [np.flatnonzero(~known).tolist() for known in is_known]
    return ReadoutAlignmentResult(
        settings={"n_permutations": n_permutations, "n_components": len(plane.components)},
        status={"zero_rows": dict(zip(VARIANTS, zero_rows, strict=True))},
        variant=np.array(VARIANTS),
        symbol=np.arange(network.n_symbols),
        projection=np.sqrt(squares),
        angle=np.degrees(np.arccos(np.minimum(np.sqrt(squares), 1.0))),
        null_projection=np.sqrt(null).swapaxes(0, 1),
        null_quantile=np.sqrt(np.quantile(null, NULL_LEVEL, axis=0)),
        p_value=p_value,
        p_holm=p_holm,
        total=total,
        total_null_quantile=np.quantile(null_total, NULL_LEVEL, axis=0),
        total_p_value=compute_permutation_p_value(total, null_total),
        chance=np.array(np.sqrt(len(plane.components) / network.hidden_size)),
    )


def _normalise(rows: np.ndarray, smallest: float) -> np.ndarray:
    """Rows of unit length; NaN for those that are zero to rounding of the weights."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > smallest, norms, np.nan)


def _project(rows: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Squared projections (plane, variant, symbol) of (variant, symbol, hidden) on several planes."""
    return np.square(np.einsum("vsn,pcn->pvsc", rows, components)).sum(-1)


def _test(squares: np.ndarray, null: np.ndarray, is_known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p-values (variant, symbol), plain and corrected over symbols; NaN for rows that are zero."""
    p_value, p_holm = np.full((2, *squares.shape), np.nan)
    for i, known in enumerate(is_known):
        if known.any():
            p_value[i, known] = compute_permutation_p_value(squares[i, known], null[:, i, known])
            p_holm[i, known] = adjust_holm(p_value[i, known])
    return p_value, p_holm
