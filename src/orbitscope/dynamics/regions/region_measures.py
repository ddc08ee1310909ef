"""What is measured at each driven state to tell regions apart: residency, stability, drift, entropy."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.optimize import brentq
from scipy.special import expit
from torch import Tensor

from ...network import NoiseRNN, draw_noise_, spawn_rng
from ..driving.driven_states import DrivenPath
from ..driving.points import require_points
from ..stability.jacobians import LEAST_CRITICAL, Spectra, compute_active_spectra, compute_spectra
from .residency import compute_residency

MEASURES = {
    "share": ("share of the states", "1"),
    "uncertain": ("share of states within two standard errors of a border of regions", "1"),
    "residency": ("mean residency", "steps"),
    "unstable": ("eigenvalues with |λ| > 1, noise-free map", "1"),
    "unstable_driven": ("eigenvalues with |λ| > 1, driven step", "1"),
    "unstable_null": ("the same for random active sets of equal size and neurons of equal frequency", "1"),
    "unstable_uniform": ("the same for random active sets of equal size", "1"),
    "critical_pairs": ("critical pairs, noise-free map", "1"),
    "n_active": ("active neurons, noise-free map", "neurons"),
    "logit_sign_changes": ("sign changes of the start symbol's logit", "1"),
    "margin_sign_changes": ("sign changes of its margin", "1"),
    "logit_sign_rate": ("sign changes of the logit per step of the residency after the first", "1/step"),
    "censored": ("share of rollouts whose residency was cut", "1"),
    "entropy": ("entropy of the symbol", "nat"),
    "speed": ("‖E h′ − h‖ / ‖h‖", "1"),
}
"""Measures of a region: description and unit."""

_LEAST_FREQUENCY = 1e-6
"""Of a neuron in random active sets: odds stay finite."""

_DRAW_PAIRS = 16
"""Antithetic pairs of noise in each half of an estimated drift."""


def measure_states(
    network: NoiseRNN,
    states: Float[Tensor, "time trajectory state"],
    *,
    noise_std: float,
    max_steps: int,
    n_rollouts: int,
    generator: torch.Generator,
) -> dict[str, np.ndarray]:
    """What every state gets, (trajectory, time): symbol, residency, sign changes, entropy."""
    points = states.flatten(0, 1)
    found = compute_residency(
        network, points, noise_std=noise_std, max_steps=max_steps, n_rollouts=n_rollouts, generator=generator
    )
    values = {
        "symbol": found.symbol,
        "residency": found.mean_steps,
        "residency_error": found.standard_error,
        "logit_sign_changes": found.logit_sign_changes,
        "margin_sign_changes": found.margin_sign_changes,
        "logit_sign_rate": _divide_by_steps(found.logit_sign_changes, found.mean_steps),
        "censored": found.censored_share,
        "entropy": _compute_entropy(network, points),
    }
    return {name: _arrange(value, n_steps=len(states)) for name, value in values.items()}


def measure_spectra(
    network: NoiseRNN,
    path: DrivenPath,
    spectral_time: np.ndarray,
    *,
    noise_std: float,
    generator: torch.Generator,
) -> dict[str, np.ndarray]:
    """What needs a spectrum or many draws, at chosen steps of a path, (trajectory, chosen step)."""
    chosen = torch.from_numpy(spectral_time)
    points, noise = path.states[chosen].flatten(0, 1), path.noise[chosen + 1].flatten(0, 1)
    free = compute_spectra(network, points, beyond=LEAST_CRITICAL)
    driven = compute_spectra(network, points, noise, beyond=1.0)
    found = {
        "unstable": free.count_unstable(),
        "unstable_driven": driven.count_unstable(),
        **_find_nulls(network, points, free, generator),
        "critical_pairs": free.count_critical_pairs(),
        "n_active": free.n_active,
        "speed": compute_speed(network, points, noise_std=noise_std, generator=generator),
    }
    return {name: _arrange(values, n_steps=len(spectral_time)) for name, values in found.items()}


def compute_speed(
    network: NoiseRNN,
    states: Float[Tensor, "point state"],
    *,
    noise_std: float = 1.0,
    n_pairs: int = _DRAW_PAIRS,
    generator: torch.Generator,
) -> Float[np.ndarray, " point"]:
    """Relative drift ‖E[h′ | h] − h‖/‖h‖ of each state, from two halves of ``n_pairs`` antithetic pairs each.

    The product of two independent estimates has no bias from the number of draws, a square would; 0 where it
    is negative, NaN for a silent state.
    """
    require_points(network, states)
    drifts = []
    with torch.no_grad():
        for _ in range(2):
            total = torch.zeros_like(states)
            for _ in range(n_pairs):
                shape = (1, len(states), network.input_size)
                noise = draw_noise_(states.new_empty(shape), noise_std, generator)[0]
                total += network.step(states, noise) + network.step(states, -noise)
            drifts.append(total / (2 * n_pairs) - states)
    product = (drifts[0] * drifts[1]).sum(1).clamp_min(0)
    norm = states.square().sum(1)
    return torch.sqrt(product / torch.where(norm > 0, norm, torch.nan)).double().cpu().numpy()


def draw_active_sets(
    sizes: Int[np.ndarray, " point"], frequency: Float[np.ndarray, " neuron"], *, rng: np.random.Generator
) -> Bool[np.ndarray, "point neuron"]:
    """Random sets of neurons of the given sizes, in which neurons are as frequent as given.

    For each size the log odds of all neurons are shifted alike until the frequencies add up to it; then
    systematic sampling in random order has exactly this size and these frequencies (Madow 1949).
    """
    odds = np.clip(frequency, _LEAST_FREQUENCY, 1 - _LEAST_FREQUENCY)
    of_size = {size: _tilt(np.log(odds) - np.log1p(-odds), size) for size in np.unique(sizes).tolist()}
    probs = np.stack([of_size[size] for size in sizes.tolist()])
    order = rng.random(probs.shape).argsort(axis=1)
    reached = np.take_along_axis(probs, order, axis=1).cumsum(axis=1)
    reached *= sizes[:, None] / np.where(reached[:, -1:] > 0, reached[:, -1:], 1.0)
    marks = np.ceil(reached - rng.random((len(sizes), 1))).astype(int)
    chosen = np.diff(marks, axis=1, prepend=0) > 0
    sets = np.zeros(probs.shape, dtype=bool)
    np.put_along_axis(sets, order, chosen, axis=1)
    return sets


def _tilt(log_odds: np.ndarray, size: int) -> np.ndarray:
    """Probabilities whose log odds are shifted alike, so that they add up to a size."""
    if size in (0, len(log_odds)):
        return np.full(len(log_odds), float(size > 0))
    shift = brentq(lambda c: expit(log_odds + c).sum() - size, -100.0, 100.0)
    return expit(log_odds + shift)


def _divide_by_steps(changes: np.ndarray, mean_steps: np.ndarray) -> np.ndarray:
    """Sign changes over those that the residency has room for; NaN for a residency of one step."""
    room = mean_steps - 1
    return changes / np.where(room > 0, room, np.nan)


def _arrange(values: np.ndarray, *, n_steps: int) -> np.ndarray:
    """From points, time first, to (trajectory, time)."""
    return np.ascontiguousarray(values.reshape(n_steps, -1).T)


@torch.no_grad()
def _compute_entropy(network: NoiseRNN, states: Tensor) -> np.ndarray:
    log_probs = torch.log_softmax(network.compute_logits(states), -1)
    return -(log_probs.exp() * log_probs).sum(1).double().cpu().numpy()


@torch.no_grad()
def _find_nulls(
    network: NoiseRNN, states: Tensor, spectra: Spectra, generator: torch.Generator
) -> dict[str, np.ndarray]:
    """Unstable directions of random active sets of equal size; NaN for a cell without active sets."""
    weights = network.cell.find_active_weights()
    if weights is None:
        return dict.fromkeys(("unstable_null", "unstable_uniform"), np.full(len(states), np.nan))
    rng = spawn_rng(generator)
    active = network.cell.find_active(states, states.new_zeros(len(states), network.input_size))
    frequency = active.double().mean(0).cpu().numpy()
    found = {}
    for name, shares in (("unstable_null", frequency), ("unstable_uniform", np.full(len(frequency), 0.5))):
        active = draw_active_sets(spectra.n_active, shares, rng=rng)
        found[name] = (
            compute_active_spectra(weights.cpu().numpy(), active, beyond=1.0).count_unstable().astype(float)
        )
    return found
