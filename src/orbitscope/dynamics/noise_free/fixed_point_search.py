"""Search for minima of q = ½‖F(h) − h‖² from many states at once: Adam, then damped Gauss-Newton steps."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN
from ..driving.points import scale_to_one
from ..stability.jacobians import compute_jacobians

_CHUNK_BYTES = 2**25
"""Memory of the Jacobians that are solved together."""

_BETAS = (0.9, 0.999)
_FIRST_DAMPING = 1e-3
"""Of Adam, and of the first Gauss-Newton step as a share of the mean of the diagonal."""


def compute_q(
    network: NoiseRNN, states: Float[Tensor, "point state"], *, relative: bool = False
) -> tuple[Float[Tensor, " point"], Float[Tensor, "point state"]]:
    """Compute q = ½‖F(h) − h‖² of the noise-free map at each state, and its gradient.

    Parameters
    ----------
    network : NoiseRNN
    states : (point, state)
    relative : bool
        Divide by ‖h‖²: the measure for a homogeneous map, of which the gradient is perpendicular to h.
    """
    with torch.enable_grad():
        states = states.detach().requires_grad_()
        after = network.step(states, states.new_zeros(len(states), network.input_size))
        q = (after - states).square().sum(1) / 2
        if relative:
            q = q / states.square().sum(1)
        return q.detach(), torch.autograd.grad(q.sum(), states)[0]


@dataclass(frozen=True)
class PointSearch:
    """Descent on q, or on q/‖h‖² over directions, of many points that do not affect each other.

    Attributes
    ----------
    network : NoiseRNN
    on_sphere : bool
        Search directions of length 1, for a homogeneous map.
    tolerance, gradient_tolerance : float
        Points below this q, or below this ‖∇q‖/‖F(h) − h‖, are done.
    """

    network: NoiseRNN
    on_sphere: bool
    tolerance: float
    gradient_tolerance: float

    def project(self, states: Tensor) -> Tensor:
        """Directions of states on the sphere, elsewhere the states themselves."""
        return scale_to_one(states) if self.on_sphere else states

    def measure(self, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute q, ‖∇q‖/‖F(h) − h‖ (NaN where q is below tolerance) and whether either vanishes."""
        q, gradient = compute_q(self.network, states, relative=self.on_sphere)
        is_fixed = q <= self.tolerance
        slope = (gradient.norm(dim=1) / (2 * q).sqrt()).masked_fill(is_fixed, torch.nan)
        return q, slope, is_fixed | (slope <= self.gradient_tolerance)

    def descend(self, states: Tensor, *, size: float, max_steps: int) -> tuple[Tensor, int]:
        """Follow Adam with steps that fall from ``size`` to 0; points below tolerance stay where they are."""
        first, second = torch.zeros_like(states), torch.zeros_like(states)
        for step in range(max_steps):
            q, gradient = compute_q(self.network, states, relative=self.on_sphere)
            is_moving = q > self.tolerance
            if not bool(is_moving.any()):
                return states, step
            first.lerp_(gradient, 1 - _BETAS[0])
            second.lerp_(gradient.square(), 1 - _BETAS[1])
            mean = first / (1 - _BETAS[0] ** (step + 1))
            spread = (second / (1 - _BETAS[1] ** (step + 1))).sqrt()
            rate = size * (1 + math.cos(math.pi * step / max_steps)) / 2
            move = torch.where(spread > 0, mean / spread, 0.0) * is_moving[:, None]
            states = self.project(states - rate * move)
        return states, max_steps

    def polish(self, states: Tensor, n_steps: int) -> Tensor:
        """Take damped Gauss-Newton steps from the points that have not converged, chunk by chunk."""
        rows = max(1, _CHUNK_BYTES // (8 * states.shape[1] ** 2))
        return torch.cat([self._polish_chunk(part.clone(), n_steps) for part in states.split(rows)])

    def _polish_chunk(self, states: Tensor, n_steps: int) -> Tensor:
        damping = states.new_full((len(states),), _FIRST_DAMPING)
        for _ in range(n_steps):
            q, _, is_done = self.measure(states)
            rest = torch.nonzero(~is_done)[:, 0]
            if len(rest) == 0:
                break
            moved = self.project(states[rest] - self._solve(states[rest], damping[rest]))
            is_better = self.measure(moved)[0] < q[rest]
            states[rest] = torch.where(is_better[:, None], moved, states[rest])
            damping[rest] *= torch.where(is_better, 0.1, 10.0)
        return states

    def _solve(self, states: Tensor, damping: Tensor) -> Tensor:
        """Gauss-Newton step (AᵀA + μ)⁻¹ Aᵀr with A = J − 1, on the sphere without its part along h."""
        with torch.no_grad():
            still = states.new_zeros(len(states), self.network.input_size)
            residual = self.network.step(states, still) - states
        slopes = compute_jacobians(self.network, states)
        slopes.diagonal(dim1=1, dim2=2).sub_(1)
        if self.on_sphere:
            slopes -= (slopes @ states[:, :, None]) * states[:, None, :]
        normal = slopes.mT @ slopes
        diagonal = normal.diagonal(dim1=1, dim2=2)
        diagonal += damping.clamp(min=1e-14)[:, None] * diagonal.mean(1, keepdim=True)
        factor, _ = torch.linalg.cholesky_ex(normal)
        return torch.cholesky_solve(slopes.mT @ residual[:, :, None], factor)[:, :, 0]
