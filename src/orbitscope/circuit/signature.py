"""The published signature of kick neurons: pre-activation before, at and after the decision to switch."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import hypergeom

from ..dynamics.driving.driven_states import DrivenPath
from ..network import NoiseRNN
from ..statistics import Null
from ..statistics.null import LEVEL
from .symbol_runs import Switches

MOMENTS = ("before", "decision", "switch")
"""Well before the switch, at the half-lead, and in the first step of the new symbol."""

STRONGLY_NEGATIVE, NEAR_ZERO, POSITIVE = -1.0, 0.5, 0.5
"""Bounds of the three moments, in standard deviations of the pre-activation of a neuron."""

_N_STEPS = 25
"""Steps of the trajectories behind the standard deviations."""


def average_preactivation(
    network: NoiseRNN,
    path: DrivenPath,
    switches: Switches,
    pairs: Int[np.ndarray, "2 direction"],
    leads: Sequence[int],
) -> Float[np.ndarray, "direction moment neuron"]:
    """Mean pre-activation at given leads, in standard deviations over all states; NaN without one."""
    found = np.full((pairs.shape[1], len(leads), network.hidden_size), np.nan)
    n_trajectories = path.states.shape[1]
    times = np.linspace(1, len(path.states) - 1, min(_N_STEPS, len(path.states) - 1)).astype(int)
    everywhere = np.repeat(times, n_trajectories), np.tile(np.arange(n_trajectories), len(times))
    values = _find_preactivation(network, path, *everywhere)
    if values is None:
        return found
    spread = values.std(0)
    for d, (origin, target) in enumerate(pairs.T.tolist()):
        rows = (switches.origin == origin) & (switches.target == target) & (switches.age >= max(leads))
        chosen = switches.select(rows & (switches.time > max(leads)))
        if len(chosen) == 0:
            continue
        for m, lead in enumerate(leads):
            at = _find_preactivation(network, path, chosen.time - lead, chosen.trajectory)
            assert at is not None
            found[d, m] = np.divide(at.mean(0), spread, out=np.zeros_like(spread), where=spread > 0)
    return found


def find_signature(
    preactivation: Float[np.ndarray, "direction moment neuron"],
) -> Bool[np.ndarray, "direction neuron"]:
    """Neurons that are strongly negative before, near zero at the decision, and positive after it.

    Source: Torre et al. 2025, on kick neurons; the bounds are our own, fixed in advance.
    """
    before, decision, switch = np.moveaxis(preactivation, 1, 0)
    return (before <= STRONGLY_NEGATIVE) & (np.abs(decision) <= NEAR_ZERO) & (switch >= POSITIVE)


def measure_signature_distance(
    preactivation: Float[np.ndarray, "direction moment neuron"],
) -> Float[np.ndarray, "direction neuron"]:
    """How far each neuron is from the signature, summed over the moments (standard deviations)."""
    before, decision, switch = np.moveaxis(preactivation, 1, 0)
    excess = (before - STRONGLY_NEGATIVE, np.abs(decision) - NEAR_ZERO, POSITIVE - switch)
    return np.maximum(np.stack(excess), 0.0).sum(0)


def compare_with_chance(
    has_signature: Bool[np.ndarray, " neuron"],
    chosen: Bool[np.ndarray, " neuron"],
    pool: Bool[np.ndarray, " neuron"],
) -> tuple[float, Null]:
    """Share of a set of neurons with the signature, and that of random sets of its size (exact).

    Random sets are of the pool, which holds the chosen; the number in one has a hypergeometric law.
    """
    n_chosen = int(chosen.sum())
    law = hypergeom(int(pool.sum()), int((has_signature & pool).sum()), n_chosen)
    n_found = int((has_signature & chosen).sum())
    quantile = float(law.ppf(LEVEL)) / n_chosen
    return n_found / n_chosen, Null("random sets", quantile, float(law.sf(n_found - 1)))


@torch.no_grad()
def _find_preactivation(
    network: NoiseRNN, path: DrivenPath, time: np.ndarray, trajectory: np.ndarray
) -> Float[np.ndarray, "point neuron"] | None:
    """Pre-activation in the steps that led to these states."""
    at, rows = torch.from_numpy(time), torch.from_numpy(trajectory)
    found = network.cell.find_preactivation(path.states[at - 1, rows], path.noise[at, rows])
    return None if found is None else found.double().cpu().numpy()
