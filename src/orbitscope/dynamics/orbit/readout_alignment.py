"""Readout against the orbit plane: how much of each symbol's readout lies in it, beyond chance."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped

from ...errors import InputError, UndefinedAnalysisError
from ...network import NoiseRNN, spawn_rng
from ...part import Part
from ...part_settings import Draws, Drive
from ...quantity import Definition, Quantity, define
from ...results import Result, axes
from ...statistics import Null, adjust_holm, compute_permutation_p_value
from ...statistics.null import LEVEL
from ...subject import Subject
from ..driving.driven_states import drive
from .orbit_plane import OrbitPlane, compute_covariance, find_symbol_direction, fit_orbit_plane

VARIANTS = ("centred", "raw", "logit")
"""Rows minus their mean over symbols, which alone decides the symbol; rows as they are, as published; the
logits that the centred rows make of the activity."""

NULLS = ("permutations", "signs")
"""Permuted neuron labels; a random sign of each neuron's weights, at fixed magnitude."""

_SMALLEST_SHARE = 1e-12
"""Share of the variance of all neurons below which a logit counts as constant."""

_ROUNDING = 1e-9
"""Relative slack by which a null value ties with the observed one."""

_TESTS = "tests/dynamics/orbit/test_readout_alignment.py"

DEFINITIONS = define(
    Definition(
        key="projection",
        label="readout of symbol {} in the orbit plane",
        meaning="Length of the projection of a symbol's readout row on the orbit plane, rows minus their "
        "mean and of length 1.",
        equation="‖P w‖ / ‖w‖ = cos(angle to the plane)",
        reading="1 in the plane, 0 at a right angle; √(2/n) by chance. Two nulls stand beside it: permuted "
        "neurons and random signs. Where they disagree it is undecided.",
        test=f"{_TESTS}::test_a_row_at_a_known_angle",
        source="torre2025 without a null and without centring",
    ),
    Definition(
        key="logit_share",
        label="variance of logit {} in the orbit plane",
        meaning="Share of the variance of a symbol's logit, minus the mean logit, that the plane explains.",
        equation="R² of the logit against the two coordinates",
        reading="High by itself, as the plane holds most of the variance: only its nulls tell.",
        test=f"{_TESTS}::test_the_share_of_a_logit_is_that_of_a_regression_on_the_coordinates",
        unit="share",
    ),
)


class ReadoutAlignmentSettings(Drive):
    """Settings of the part ``readout_alignment``."""

    n_null: Draws = 9999


_CELL = ("variant", "symbol")
_NULL_CELL = ("variant", "null", "symbol")


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadoutAlignmentResult(Result):
    """Projections of the readout on the orbit plane.

    Attributes
    ----------
    variant : (variant,)
        "centred" and "raw" rows, and "logit".
    null : (null,)
        "permutations" and "signs".
    symbol : (symbol,)
        Index of the symbol.
    projection : (variant, symbol)
        Rows: norm of the projection of the unit row, 1 in the plane, 0 at a right angle to it. Logits:
        multiple correlation with the coordinates in the plane, whose square is the share of the logit's
        variance that lies in it. NaN for a row that is zero and a logit that is constant (``status``).
    angle : (variant, symbol)
        Arc cosine of the projection: for rows the angle to the plane.
    null_projection : (variant, null, draw, symbol)
        Projections of rows drawn from each null.
    null_quantile : (variant, null, symbol)
        Their 95 % quantile.
    p_value, p_holm : (variant, null, symbol)
        Large projections count; ``p_holm`` is corrected over symbols.
    total : (variant,)
        Sum over symbols of squared projections, without those that are NaN.
    total_null_quantile, total_p_value : (variant, null)
        The same for the nulls.
    chance : ()
        Root mean square projection of rows in random directions.
    """

    variant: Shaped[np.ndarray, " variant"] = axes("variant", description="what is projected")
    null: Shaped[np.ndarray, " null"] = axes("null", description="what projections are compared with")
    symbol: Shaped[np.ndarray, " symbol"] = axes("symbol", description="symbol")
    projection: Float[np.ndarray, "variant symbol"] = axes(*_CELL, description="norm of the projection")
    angle: Float[np.ndarray, "variant symbol"] = axes(
        *_CELL, unit="degrees", description="arc cosine of the projection"
    )
    null_projection: Float[np.ndarray, "variant null draw symbol"] = axes(
        "variant", "null", "draw", "symbol", description="projection under the null"
    )
    null_quantile: Float[np.ndarray, "variant null symbol"] = axes(
        *_NULL_CELL, description="95 % quantile of the null"
    )
    p_value: Float[np.ndarray, "variant null symbol"] = axes(
        *_NULL_CELL, description="large projections count"
    )
    p_holm: Float[np.ndarray, "variant null symbol"] = axes(*_NULL_CELL, description="corrected over symbols")
    total: Float[np.ndarray, " variant"] = axes("variant", description="sum of squared projections")
    total_null_quantile: Float[np.ndarray, "variant null"] = axes(
        "variant", "null", description="95 % quantile of the null"
    )
    total_p_value: Float[np.ndarray, "variant null"] = axes(
        "variant", "null", description="large totals count"
    )
    chance: Float[np.ndarray, ""] = axes(description="root mean square for random directions")

    def list_quantities(self) -> list[Quantity]:
        """Projection of each centred row on the plane, and share of its logit's variance, beside nulls."""
        quantities = []
        for i, symbol in enumerate(self.symbol.tolist()):
            name = self.name_symbol(int(symbol))
            cases = (("projection", "centred", 1), ("logit_share", "logit", 2))
            quantities += [
                self._compare(key, variant, i, power=power, name=name) for key, variant, power in cases
            ]
        return quantities

    def _compare(self, key: str, variant: str, i: int, *, power: int, name: str) -> Quantity:
        """Projection of a symbol to some power, and its nulls with p-values corrected over symbols."""
        at, symbol = self.variant.tolist().index(variant), int(self.symbol[i])
        rows = zip(self.null.tolist(), self.null_quantile[at, :, i], self.p_holm[at, :, i], strict=True)
        nulls = tuple(Null(null, float(quantile) ** power, float(p)) for null, quantile, p in rows)
        value = float(self.projection[at, i]) ** power
        return DEFINITIONS[key].measure(value, symbol, name=name, beside=nulls)


def compute_readout_alignment(subject: Subject, settings: ReadoutAlignmentSettings) -> ReadoutAlignmentResult:
    """Alignment of the readout with the orbit plane of driven activity: see :func:`align_readout`."""
    network, generator = subject.network, subject.start_generator("readout_alignment")
    hidden = network.show_hidden(drive(subject, settings, generator=generator).states)
    plane = fit_orbit_plane(hidden, find_symbol_direction(network))
    _, covariance = compute_covariance(hidden)
    found = align_readout(network, plane, covariance, rng=spawn_rng(generator), n_null=settings.n_null)
    return replace(found, settings=found.settings | subject.record(settings))


def align_readout(
    network: NoiseRNN,
    plane: OrbitPlane,
    covariance: Float[np.ndarray, "hidden hidden"],
    *,
    rng: np.random.Generator,
    n_null: int = 1000,
) -> ReadoutAlignmentResult:
    """Project each symbol's readout on the orbit plane and compare with permuted neurons and random signs.

    Parameters
    ----------
    network : NoiseRNN
    plane : OrbitPlane
        Usually that of the same network; any number of components.
    covariance : (hidden, hidden)
        Of the hidden activity, see :func:`compute_covariance`.
    rng
        Source of the nulls; same seed, same result.
    n_null : int >= 1
        Draws of each null, the same for every row.

    Raises
    ------
    InputError
        If plane or covariance belong to a network of another width, or a number is out of range.
    UndefinedAnalysisError
        If all rows are alike, or activity does not vary along an axis of the plane.

    Notes
    -----
    Paper: Torre et al. 2025, projections of raw rows without a null. Centred rows decide, since one vector
    added to all rows leaves the symbols as they are. Projections are cosines
    √(w M Pᵀ (P M Pᵀ)⁻¹ P M w / w M w) of row w and axes P, with M = 1 or the covariance. What the two nulls
    keep and where each is too wide is in docs/methods/readout_alignment.md.
    """
    _check(network, plane, covariance, n_null)
    weights = network.w_out.detach().double().cpu().numpy()
    smallest = 10 * torch.finfo(network.w_out.dtype).eps * float(np.linalg.norm(weights, axis=1).max())
    centred, raw = (_normalise(rows, smallest) for rows in (weights - weights.mean(0), weights))
    if not np.isfinite(centred).any():
        raise UndefinedAnalysisError(
            "the rows of the readout must differ between symbols, but all are alike. Use a trained network."
        )

    orders = np.stack([rng.permutation(network.hidden_size) for _ in range(n_null)])
    signs = rng.choice([-1.0, 1.0], size=orders.shape)
    same = np.eye(network.hidden_size)
    cases = ((centred, same), (raw, same), (centred, covariance))
    parts = [_project(rows, metric, plane.components, orders, signs) for rows, metric in cases]
    squares, null = (np.stack(part) for part in zip(*parts, strict=True))

    undefined = [np.flatnonzero(np.isnan(row)).tolist() for row in squares]
    return ReadoutAlignmentResult(
        settings={"n_null": n_null, "n_components": len(plane.components)},
        status={"undefined": dict(zip(VARIANTS, undefined, strict=True))},
        variant=np.array(VARIANTS),
        null=np.array(NULLS),
        symbol=np.arange(network.n_symbols),
        projection=np.sqrt(squares),
        angle=np.degrees(np.arccos(np.minimum(np.sqrt(squares), 1.0))),
        null_projection=np.sqrt(null),
        null_quantile=np.sqrt(np.quantile(null, LEVEL, axis=2)),
        **_test_symbols(squares, null),
        **_test_totals(squares, null),
        chance=np.array(np.sqrt(len(plane.components) / network.hidden_size)),
    )


def _check(network: NoiseRNN, plane: OrbitPlane, covariance: np.ndarray, n_null: int) -> None:
    for name, width in (("plane", len(plane.mean)), ("covariance", len(covariance))):
        if width != network.hidden_size:
            raise InputError(
                f"`{name}` must have the network's {network.hidden_size} neurons, got {width}. "
                "Compute it from a network of the same width."
            )
    if n_null < 1:
        raise InputError(f"`n_null` must be ≥ 1, got {n_null}. Use 1000.")
    inside = plane.components @ covariance @ plane.components.T
    if not np.linalg.eigvalsh(inside)[0] > _SMALLEST_SHARE * np.trace(covariance):
        raise UndefinedAnalysisError(
            "activity must vary along every axis of the plane, but is constant along one. Use the plane and "
            "the covariance of the same activity."
        )


def _normalise(rows: np.ndarray, smallest: float) -> np.ndarray:
    """Rows of unit length; NaN for those that are zero to rounding of the weights."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > smallest, norms, np.nan)


def _project(
    rows: np.ndarray, metric: np.ndarray, components: np.ndarray, orders: np.ndarray, signs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared cosines of rows and plane, (symbol,) and, under both nulls, (null, draw, symbol)."""
    inside = components @ metric
    inside = np.linalg.solve(np.linalg.cholesky(inside @ components.T), inside)

    def square(rows: np.ndarray) -> np.ndarray:
        sizes = ((rows @ metric) * rows).sum(-1)
        known = np.where(sizes > _SMALLEST_SHARE * np.trace(metric), sizes, np.nan)
        return np.square(rows @ inside.T).sum(-1) / known

    squares = square(rows)
    null = np.stack([[square(row[orders]), square(row * signs)] for row in rows], axis=-1)
    return squares, np.where(np.isnan(null) & np.isfinite(squares), 1.0, null)


def _test_symbols(squares: np.ndarray, null: np.ndarray) -> dict[str, Any]:
    """p-values (variant, null, symbol), plain and corrected over symbols; NaN where undefined."""
    p_value, p_holm = np.full((2, *null.shape[:2], null.shape[-1]), np.nan)
    for i, observed in enumerate(squares):
        known = np.isfinite(observed)
        for j in range(len(NULLS)):
            slack = observed[known] * (1 - _ROUNDING)
            p_value[i, j, known] = compute_permutation_p_value(slack, null[i, j][:, known])
            p_holm[i, j, known] = adjust_holm(p_value[i, j, known])
    return {"p_value": p_value, "p_holm": p_holm}


def _test_totals(squares: np.ndarray, null: np.ndarray) -> dict[str, Any]:
    """Sums over symbols that are defined, beside their nulls."""
    total, null_total = np.nansum(squares, 1), np.nansum(null, 3)
    slack = np.repeat(total[:, None] * (1 - _ROUNDING), len(NULLS), axis=1)
    return {
        "total": total,
        "total_null_quantile": np.quantile(null_total, LEVEL, axis=2),
        "total_p_value": compute_permutation_p_value(slack, np.moveaxis(null_total, 2, 0)),
    }


PART = Part(
    name="readout_alignment",
    question="does the readout look at the orbit plane?",
    result=ReadoutAlignmentResult,
    settings=ReadoutAlignmentSettings,
    compute=compute_readout_alignment,
    definitions=DEFINITIONS,
    seconds=2.0,
    quick={"n_trajectories": 30, "n_steps": 100},
    least_hidden=2,
)
