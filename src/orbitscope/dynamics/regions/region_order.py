"""Order in which regions are visited: successive visits, and the net flux around the three regions."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Int, Integer

from ...statistics import BootstrapResult, Estimate, compute_net_share, divide_sums
from .region_labels import REGIONS


def count_visits(
    label: Integer[np.ndarray, "trajectory time"],
) -> Int[np.ndarray, "trajectory region region"]:
    """How often one region follows another along each trajectory, (trajectory, region, next_region)."""
    n_regions = len(REGIONS)
    before, after = label[:, :-1], label[:, 1:]
    is_move = (before != after) & (before >= 0) & (after >= 0)
    trajectory = np.broadcast_to(np.arange(len(label))[:, None], before.shape)
    code = (trajectory * n_regions + before) * n_regions + after
    counts = np.bincount(code[is_move], minlength=len(label) * n_regions**2)
    return counts.reshape(len(label), n_regions, n_regions)


def compare_orders(visits: Int[np.ndarray, "trajectory region region"], *, confidence: float) -> Estimate:
    """Net share of the visits in one order, (region, next_region)."""
    return compute_net_share(visits, visits.swapaxes(1, 2), confidence=confidence).share


def measure_flux(
    label: Integer[np.ndarray, "trajectory time"],
    visits: Int[np.ndarray, "trajectory region region"],
    resample: Callable[..., BootstrapResult],
) -> Estimate:
    """Net cycles per 100 steps between states that have a region; without an interval if nothing moves."""
    edges = np.roll(np.eye(len(REGIONS), dtype=int), 1, axis=1)
    net_cycles = ((visits - visits.swapaxes(1, 2)) * edges).sum((1, 2)) / len(REGIONS)
    n_steps = ((label[:, 1:] >= 0) & (label[:, :-1] >= 0)).sum(1)
    flux = resample(np.stack([100 * net_cycles, n_steps], axis=1)[:, :, None], divide_sums)
    return flux.as_estimate()[0] if visits.any() else Estimate(flux.estimate[0])
