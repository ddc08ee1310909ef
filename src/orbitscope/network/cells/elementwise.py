"""Cells with an elementwise nonlinearity: one update, and its backward pass through time."""

import copy
import math
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from .base import Cell, uniform_parameter

_BLOCK_ROWS = 512
"""Rows of a block of steps: their noise, activity and gradients (0.8 MB at 150 neurons) stay in the cache."""


class ElementwiseCell(Cell):
    """h_t = φ(W_hh h_{t−1} + W_ih x_t + b) with an elementwise φ: the paper's cell with φ = ReLU, b = 0.

    Parameters
    ----------
    hidden_size, input_size : int
        Widths; weights start uniform in ±1/√hidden_size as in ``torch.nn.RNN``.
    bias : bool
        Add one bias vector (PyTorch's two are equivalent to their sum).
    generator : torch.Generator
        Source of the initial weights.

    Notes
    -----
    Paper: Torre et al. 2025, eq. 1. Training uses a hand-written backward pass through time with the same
    update; gradients are tested against autograd through :meth:`step`.
    """

    def __init__(self, hidden_size: int, input_size: int, *, bias: bool = False, generator: torch.Generator):
        super().__init__(hidden_size, input_size)
        bound = 1.0 / math.sqrt(hidden_size)
        self.w_ih = uniform_parameter((hidden_size, input_size), bound, generator)
        self.w_hh = uniform_parameter((hidden_size, hidden_size), bound, generator)
        self.bias = uniform_parameter((hidden_size,), bound, generator) if bias else None

    @staticmethod
    @abstractmethod
    def activate_(preactivation: Tensor) -> Tensor:
        """Apply φ in place."""

    @staticmethod
    @abstractmethod
    def multiply_derivative_(gradient: Tensor, activity: Tensor) -> Tensor:
        """Multiply ``gradient`` in place by φ′, expressed by the activity φ(z)."""

    def project_noise(
        self, noise: Float[Tensor, "*batch input"], out: Tensor | None = None
    ) -> Float[Tensor, "*batch hidden"]:
        """Drive of every step, W_ih x_t + b: one product for all of them."""
        drive = torch.matmul(noise, self.w_ih.T, out=out)
        return drive if self.bias is None else drive.add_(self.bias)

    def advance(
        self,
        state: Float[Tensor, "trajectory hidden"],
        drive: Float[Tensor, "trajectory hidden"],
        out: Tensor | None = None,
    ) -> Float[Tensor, "trajectory hidden"]:
        """Next state from state and drive (the update itself)."""
        return self.activate_(torch.addmm(drive, state, self.w_hh.T, out=out))

    def step(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "trajectory input"]
    ) -> Float[Tensor, "trajectory state"]:
        """Advance every trajectory by one step."""
        return self.advance(state, self.project_noise(noise))

    def unroll(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "time trajectory input"]
    ) -> Float[Tensor, "time trajectory state"]:
        """States after each step; differentiable with respect to the weights and the initial state."""
        weights = [w for w in (self.w_hh, self.w_ih, self.bias) if w is not None]
        if torch.is_grad_enabled() and noise.requires_grad:
            return super().unroll(state, noise)
        return _Unroll.apply(self, state, noise, *weights)  # type: ignore[no-any-return]

    @torch.no_grad()
    def compute_jacobian(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point state state"]:
        """Jacobian of the step: diag(φ′) W_hh."""
        return self._compute_slopes(state, noise)[:, :, None] * self.w_hh

    @torch.no_grad()
    def push_tangents(
        self,
        state: Float[Tensor, "point state"],
        noise: Float[Tensor, "point input"],
        vectors: Float[Tensor, "point vector state"],
    ) -> Float[Tensor, "point vector state"]:
        """Advance tangent vectors: φ′ times W_hh v."""
        return self._compute_slopes(state, noise)[:, None] * (vectors @ self.w_hh.T)

    def find_input_weights(self) -> Float[Tensor, "hidden input"]:
        """W_ih."""
        return self.w_ih.detach()

    def find_recurrent_weights(self) -> Float[Tensor, "hidden hidden"]:
        """W_hh."""
        return self.w_hh.detach()

    @torch.no_grad()
    def find_preactivation(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point hidden"]:
        """W_hh h + W_ih x + b."""
        return self.project_noise(noise) + state @ self.w_hh.T

    @torch.no_grad()
    def scale_inputs(
        self, gain: Float[Tensor, " hidden"], input_gain: Float[Tensor, " hidden"]
    ) -> "ElementwiseCell":
        """Rows of W_hh and of W_ih times these gains; the bias stays."""
        scaled = copy.deepcopy(self)
        scaled.w_hh.mul_(gain[:, None])
        scaled.w_ih.mul_(input_gain[:, None])
        return scaled

    def redraw(self, generator: torch.Generator) -> "ElementwiseCell":
        """Draw an untrained cell; biases that are all 0 are not drawn."""
        has_bias = self.bias is not None and bool(self.bias.any())
        return type(self)(self.hidden_size, self.input_size, bias=has_bias, generator=generator)

    @torch.no_grad()
    def shuffle_recurrent(self, generator: torch.Generator) -> "ElementwiseCell":
        """Entries of W_hh in random places; input weights and bias stay."""
        shuffled = copy.deepcopy(self)
        order = torch.randperm(self.w_hh.numel(), generator=generator, device=self.w_hh.device)
        shuffled.w_hh.copy_(self.w_hh.flatten()[order].reshape(self.w_hh.shape))
        return shuffled

    @torch.no_grad()
    def replace_recurrent(self, weights: Float[Tensor, "hidden hidden"]) -> "ElementwiseCell":
        """Another W_hh; input weights and bias stay."""
        replaced = copy.deepcopy(self)
        replaced.w_hh.copy_(weights)
        return replaced

    def _compute_slopes(self, state: Tensor, noise: Tensor) -> Float[Tensor, "point state"]:
        """φ′ of every neuron in this step."""
        after = self.step(state, noise)
        return self.multiply_derivative_(torch.ones_like(after), after)


class _Unroll(torch.autograd.Function):
    """Unrolled elementwise cell with a backward pass through time, both in blocks that stay in the cache."""

    @staticmethod
    def forward(ctx, cell: ElementwiseCell, state: Tensor, noise: Tensor, *weights: Tensor) -> Tensor:
        states = noise.new_empty(*noise.shape[:-1], cell.hidden_size)
        with torch.no_grad():
            previous = state
            for steps in _list_blocks(noise):
                cell.project_noise(noise[steps], out=states[steps])
                for drive in states[steps]:
                    previous = cell.advance(previous, drive, out=drive)
        ctx.cell = cell
        ctx.save_for_backward(state, noise, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        cell: ElementwiseCell = ctx.cell
        state, noise, states = ctx.saved_tensors
        w_hh = cell.w_hh.detach()
        grad_weights = [torch.zeros_like(w) for w in (cell.w_hh, cell.w_ih, cell.bias) if w is not None]
        later = None
        for steps in reversed(_list_blocks(noise)):
            grads = grad_outputs[0][steps].clone()
            if later is not None:
                grads[-1].addmm_(later, w_hh)
            for t in range(len(grads) - 1, -1, -1):
                cell.multiply_derivative_(grads[t], states[steps][t])
                if t > 0:
                    grads[t - 1].addmm_(grads[t], w_hh)
            later, flat = grads[0], grads.flatten(0, 1)
            grad_weights[0].addmm_(grads[1:].flatten(0, 1).T, states[steps][:-1].flatten(0, 1))
            grad_weights[0].addmm_(later.T, states[steps.start - 1] if steps.start else state)
            grad_weights[1].addmm_(flat.T, noise[steps].flatten(0, 1))
            if cell.bias is not None:
                grad_weights[2] += flat.sum(0)
        grad_state = later @ w_hh if later is not None and ctx.needs_input_grad[1] else None
        return None, grad_state, None, *grad_weights


def _list_blocks(noise: Float[Tensor, "time trajectory input"]) -> list[slice]:
    """Blocks of steps: as many as have ``_BLOCK_ROWS`` rows, one at least."""
    n_steps, size = len(noise), max(1, _BLOCK_ROWS // max(1, noise.shape[1]))
    return [slice(first, min(first + size, n_steps)) for first in range(0, n_steps, size)]
