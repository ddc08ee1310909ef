"""Parts that need driven states, a plane, or the results of other parts: from a network to the result."""

import torch
from jaxtyping import Float
from torch import Tensor

from ..dynamics.driving.driven_states import run_driven
from ..dynamics.noise_free.fixed_points import FixedPointResult, find_fixed_points
from ..dynamics.noise_free.noise_free_exponents import NoiseFreeExponentsResult, compute_noise_free_exponents
from ..dynamics.noise_free.noise_free_growth import NoiseFreeGrowthResult, compute_noise_free_growth
from ..dynamics.orbit.orbit_plane import compute_covariance, find_symbol_direction, fit_orbit_plane
from ..dynamics.orbit.readout_alignment import ReadoutAlignmentResult, compute_readout_alignment
from ..dynamics.stability.lyapunov import LyapunovResult, compute_lyapunov_exponents
from ..network import NoiseRNN, spawn_rng


def compute_growth(
    network: NoiseRNN,
    *,
    n_states: int = 1000,
    burn_in: int = 500,
    noise_std: float = 1.0,
    n_steps: int = 500,
    settle_steps: int = 100,
    generator: torch.Generator,
) -> NoiseFreeGrowthResult:
    """Noise-free growth from driven states, one of each trajectory."""
    states = draw_states(network, n_states, burn_in=burn_in, noise_std=noise_std, generator=generator)
    return compute_noise_free_growth(network, states, n_steps=n_steps, settle_steps=settle_steps)


def compute_driven_exponents(
    network: NoiseRNN,
    *,
    n_exponents: int = 5,
    noise_std: float = 1.0,
    n_trajectories: int = 100,
    n_steps: int = 500,
    burn_in: int = 500,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> LyapunovResult:
    """Lyapunov exponents under noise, as many as the network has."""
    return compute_lyapunov_exponents(
        network,
        n_exponents=min(n_exponents, network.cell.state_size),
        noise_std=noise_std,
        n_trajectories=n_trajectories,
        n_steps=n_steps,
        burn_in=burn_in,
        n_resamples=n_resamples,
        confidence=confidence,
        generator=generator,
    )


def compute_free_exponents(
    network: NoiseRNN,
    *,
    n_states: int = 100,
    burn_in: int = 500,
    noise_std: float = 1.0,
    n_exponents: int = 5,
    n_steps: int = 500,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    generator: torch.Generator,
) -> NoiseFreeExponentsResult:
    """Lyapunov exponents of the noise-free map from driven states, one of each trajectory."""
    states = draw_states(network, n_states, burn_in=burn_in, noise_std=noise_std, generator=generator)
    sizes = {"n_exponents": min(n_exponents, network.cell.state_size), "n_steps": n_steps}
    resampling = {"n_resamples": n_resamples, "confidence": confidence}
    return compute_noise_free_exponents(network, states, **sizes, **resampling, generator=generator)


def search_fixed_points(
    network: NoiseRNN,
    *,
    n_states: int = 200,
    burn_in: int = 500,
    noise_std: float = 1.0,
    max_steps: int = 1000,
    generator: torch.Generator,
) -> FixedPointResult:
    """Fixed and slow points from driven states."""
    states = draw_states(network, n_states, burn_in=burn_in, noise_std=noise_std, generator=generator)
    return find_fixed_points(network, states, max_steps=max_steps)


def align_readout(
    network: NoiseRNN,
    *,
    n_trajectories: int = 200,
    n_steps: int = 500,
    burn_in: int = 500,
    noise_std: float = 1.0,
    n_null: int = 9999,
    generator: torch.Generator,
) -> ReadoutAlignmentResult:
    """Alignment of the readout with the orbit plane of driven activity."""
    noise = {"noise_std": noise_std, "generator": generator}
    states = run_driven(network, n_trajectories, n_steps, burn_in=burn_in, **noise).states
    hidden = network.show_hidden(states)
    plane = fit_orbit_plane(hidden, find_symbol_direction(network))
    _, covariance = compute_covariance(hidden)
    rng = spawn_rng(generator)
    return compute_readout_alignment(network, plane, covariance, rng=rng, n_null=n_null)


def draw_states(
    network: NoiseRNN, n_states: int, *, burn_in: int, noise_std: float, generator: torch.Generator
) -> Float[Tensor, "point state"]:
    """Driven states that are independent: the last one of each trajectory."""
    path = run_driven(network, n_states, 1, burn_in=burn_in, noise_std=noise_std, generator=generator)
    return path.states[0]
