"""What is measured at each driven state to tell regions apart: residency, stability, drift, entropy."""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..network import NoiseRNN, ReLUCell, draw_noise_
from .driven_states import DrivenPath
from .jacobians import Spectra, compute_active_spectra, compute_spectra
from .points import require_points
from .residency import compute_residency

MEASURES = {
    "share": ("share of the states", "1"),
    "residency": ("mean residency", "steps"),
    "unstable": ("eigenvalues with |λ| > 1, noise-free map", "1"),
    "unstable_driven": ("eigenvalues with |λ| > 1, driven step", "1"),
    "unstable_null": ("the same for random active sets of equal size", "1"),
    "critical_pairs": ("critical pairs, noise-free map", "1"),
    "n_active": ("active neurons, noise-free map", "neurons"),
    "logit_sign_changes": ("sign changes of the start symbol's logit", "1"),
    "margin_sign_changes": ("sign changes of its margin", "1"),
    "entropy": ("entropy of the symbol", "nats"),
    "speed": ("‖E h′ − h‖ / ‖h‖", "1"),
}
"""Measures of a region: description and unit."""

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
        "logit_sign_changes": found.logit_sign_changes,
        "margin_sign_changes": found.margin_sign_changes,
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
    free, driven = compute_spectra(network, points), compute_spectra(network, points, noise)
    found = {
        "unstable": free.count_unstable(),
        "unstable_driven": driven.count_unstable(),
        "unstable_null": _find_null(network, free, generator),
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
    sizes: Int[np.ndarray, " point"], n_neurons: int, *, rng: np.random.Generator
) -> Bool[np.ndarray, "point neuron"]:
    """Random sets of neurons of the given sizes."""
    ranks = rng.random((len(sizes), n_neurons)).argsort(axis=1).argsort(axis=1)
    return ranks < sizes[:, None]


def _arrange(values: np.ndarray, *, n_steps: int) -> np.ndarray:
    """From points, time first, to (trajectory, time)."""
    return np.ascontiguousarray(values.reshape(n_steps, -1).T)


@torch.no_grad()
def _compute_entropy(network: NoiseRNN, states: Tensor) -> np.ndarray:
    log_probs = torch.log_softmax(network.compute_logits(states), -1)
    return -(log_probs.exp() * log_probs).sum(1).double().cpu().numpy()


def _find_null(network: NoiseRNN, spectra: Spectra, generator: torch.Generator) -> np.ndarray:
    """Unstable directions of random active sets of equal size; NaN for a cell without active sets."""
    if not isinstance(network.cell, ReLUCell):
        return np.full(len(spectra.n_active), np.nan)
    weights = network.cell.w_hh.detach().cpu().numpy()
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    active = draw_active_sets(spectra.n_active, len(weights), rng=rng)
    return compute_active_spectra(weights, active).count_unstable().astype(float)
