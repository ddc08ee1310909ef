"""HMMs that one would infer from a network, by method and by group of trajectories, beside its process."""

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from pydantic import Field

from ...evaluation.refit import can_compare_parameters
from ...hmm import HMM
from ...part_settings import Draws, Drive, Resampling, Steps
from ...subject import Subject
from ..region_cores import OUTSIDE
from .chapman_kolmogorov import BASE_LAGS, count_pairs, normalise_rows
from .inferred_hmm import (
    average_groups,
    build_region_hmm,
    compare_with_process,
    find_matrix_root,
    infer_by_group,
    infer_from_states,
    infer_from_symbols,
    sample_like,
    start_stationary,
)

METHODS = (
    "regions",
    "regions at the longest lag",
    "symbols",
    "states of the process",
    "symbols of the process",
)
"""What an HMM is inferred from; the last two from samples of the process, floors of the others."""

FLOOR_OF = {0: 3, 1: 3, 2: 4}
"""Number of the floor of each method."""

MOST_STATES = 12
"""No re-estimation of HMMs with more states."""


class RegionChainSettings(Drive, Resampling):
    """Settings of the part ``region_chain``."""

    n_steps: Steps = 1000
    n_null: Draws = 99
    n_groups: int = Field(default=4, ge=2, description="disjoint groups of trajectories, an HMM from each")
    n_window: int = Field(
        default=100, ge=2, description="steps of the sequences from which HMMs are estimated"
    )


def compare_inferred(
    subject: Subject,
    chain: Int[np.ndarray, "trajectory time"],
    seen: dict[str, np.ndarray],
    n_regions: int,
    settings: RegionChainSettings,
    notes: list[str],
    *,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """HMMs from regions, from symbols and from samples of the process, each beside the process."""
    hmm = start_stationary(subject.hmm)
    found: dict[str, Any] = {
        "rooted": _find_root(chain, n_regions, notes),
        "method": np.array(METHODS),
        **_describe_process(subject, n_regions),
    }
    values = np.full((settings.n_groups, len(METHODS), 3), np.nan)
    if subject.hmm is not None and hmm is None:
        notes.append("the HMM has no single stationary state, so no HMM is compared with it")
    if hmm is not None:
        by_method = _infer_all(hmm, chain, seen, n_regions, settings, rng=rng)
        orders = _find_orders(hmm, found["region_of_state"], n_regions)
        options = {"n_steps": settings.n_window, "seed": int(rng.integers(2**31))}
        for i, inferred in enumerate(by_method):
            for group, each in enumerate(inferred):
                if each is not None:
                    values[group, i] = compare_with_process(each, hmm, orders[i], **options)
        found |= _average_refits(by_method[METHODS.index("symbols")])
        if orders[-1] is None:
            notes.append(
                "the parameters of the HMM cannot be told from its symbols, so laws are compared only"
            )
    names = ("kl_rate", "transition_error", "emission_error")
    averages = [average_groups(values[..., i], settings.confidence) for i in range(3)]
    return found | dict(zip(names, averages, strict=True))


def _find_root(
    chain: Int[np.ndarray, "trajectory time"], n_regions: int, notes: list[str]
) -> Float[np.ndarray, "region next"]:
    """T(τ)^(1/τ) at the longest base lag; NaN, and a note, if it is no transition matrix."""
    longest = BASE_LAGS[-1]
    whole = normalise_rows(count_pairs(chain, longest, n_regions).sum(0))
    root = None if np.isnan(whole).any() else find_matrix_root(whole, longest)
    if root is None:
        notes.append(f"T({longest}) has no root that is a transition matrix")
        return np.full((n_regions, n_regions), np.nan)
    return root


def _average_refits(refits: list[HMM | None]) -> dict[str, Any]:
    """Mean over groups of the aligned HMMs from symbols, if there are any."""
    found = [each for each in refits if each is not None]
    if not found:
        return {}
    return {
        "refit_transition": np.mean([each.transition_matrix for each in found], axis=0),
        "refit_emission": np.mean([each.emission_probs for each in found], axis=0),
    }


def _describe_process(subject: Subject, n_regions: int) -> dict[str, Any]:
    """The HMM, and the region of each of its states; no rows without one."""
    hmm, n_symbols = subject.hmm, subject.network.n_symbols
    if hmm is None:
        square, wide = np.empty((0, 0)), np.empty((0, n_symbols))
        none = {"refit_transition": square, "refit_emission": wide}
        return {
            "region_of_state": np.empty(0, int),
            "process_transition": square,
            "process_emission": wide,
        } | none
    regions = subject.found["metastable_regions"].cluster_of_state
    return {
        "region_of_state": np.asarray(regions, dtype=int),
        "process_transition": hmm.transition_matrix,
        "process_emission": hmm.emission_probs,
        "refit_transition": np.full(hmm.transition_matrix.shape, np.nan),
        "refit_emission": np.full(hmm.emission_probs.shape, np.nan),
    }


def _find_orders(
    hmm: HMM, region_of_state: Int[np.ndarray, " state"], n_regions: int
) -> list[Int[np.ndarray, " state"] | None]:
    """For each method the inferred state of each state of the process; None where none can be compared."""
    can_compare = can_compare_parameters(hmm)
    own = np.arange(hmm.n_states) if can_compare else None
    is_paired = n_regions == hmm.n_states and bool((region_of_state >= 0).all())
    paired = region_of_state if can_compare and is_paired else None
    return [paired, paired, own, own, own]


def _infer_all(
    hmm: HMM,
    chain: Int[np.ndarray, "trajectory time"],
    seen: dict[str, np.ndarray],
    n_regions: int,
    settings: RegionChainSettings,
    *,
    rng: np.random.Generator,
) -> list[list[HMM | None]]:
    """HMMs by method and group of trajectories; None where a method gives none."""
    states, sampled = sample_like(seen["symbols"], hmm, rng=rng)

    def from_regions(rows: np.ndarray, lag: int) -> HMM | None:
        visits = np.bincount(chain[rows][chain[rows] != OUTSIDE], minlength=n_regions)
        moves = normalise_rows(count_pairs(chain[rows], lag, n_regions).sum(0))
        root = None if np.isnan(moves).any() else find_matrix_root(moves, lag)
        moves = moves if lag == 1 else root
        emissions = normalise_rows(seen["emitted"][rows].sum(0))
        return None if moves is None else build_region_hmm(moves, visits / visits.sum(), emissions)

    def from_symbols(symbols: np.ndarray) -> Any:
        return lambda rows: infer_from_symbols(symbols[rows], hmm, settings.n_window, rng=rng)

    n, groups = len(chain), settings.n_groups
    nothing: list[HMM | None] = [None] * groups
    can_refit = hmm.n_states <= MOST_STATES
    return [
        infer_by_group(partial(from_regions, lag=1), n, groups),
        infer_by_group(partial(from_regions, lag=BASE_LAGS[-1]), n, groups),
        infer_by_group(from_symbols(seen["symbols"]), n, groups) if can_refit else nothing,
        infer_by_group(lambda rows: infer_from_states(states[rows], sampled[rows], hmm), n, groups),
        infer_by_group(from_symbols(sampled), n, groups) if can_refit else nothing,
    ]
