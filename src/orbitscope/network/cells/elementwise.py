"""Cells with an elementwise nonlinearity: one update, and its backward pass through time."""

import copy
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from .base import Cell, Readout, uniform_parameter

_BLOCK_ROWS = 1024
"""Rows of a block of steps: their noise, activity and gradients (1.6 MB at 150 neurons) stay in the cache."""


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

    def unroll_readout(
        self,
        state: Float[Tensor, "trajectory state"],
        noise: Float[Tensor, "time trajectory input"],
        readout: Readout,
        kept_steps: Sequence[int],
    ) -> tuple[Float[Tensor, "time trajectory symbol"], Float[Tensor, "kept trajectory state"]]:
        """What is read out after each step, and some states; differentiable as :meth:`unroll` is."""
        if torch.is_grad_enabled() and noise.requires_grad:
            return super().unroll_readout(state, noise, readout, kept_steps)
        weights = [w for w in (self.w_hh, self.w_ih, self.bias) if w is not None]
        graph: Any = _UnrollReadout
        logits, kept = graph.apply(self, kept_steps, state, noise, *readout, *weights)
        return logits, kept

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
    """States of an unrolled elementwise cell, with a backward pass through time."""

    @staticmethod
    def forward(ctx, cell: ElementwiseCell, state: Tensor, noise: Tensor, *weights: Tensor) -> Tensor:
        states = noise.new_empty(*noise.shape[:-1], cell.hidden_size)
        for _ in _advance_blocks(cell, state, noise, states):
            pass
        ctx.cell = cell
        ctx.save_for_backward(state, noise, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        state, noise, states = ctx.saved_tensors
        by_state, by_weights = _propagate_back(
            ctx.cell, state, noise, states, lambda steps: grad_outputs[0][steps].clone()
        )
        return None, by_state, None, *by_weights


class _UnrollReadout(torch.autograd.Function):
    """Readout and some states of an unrolled cell: gradients of all states are never there at once."""

    @staticmethod
    def forward(
        ctx,
        cell: ElementwiseCell,
        kept_steps: Sequence[int],
        state: Tensor,
        noise: Tensor,
        readout: Tensor,
        bias: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        states = noise.new_empty(*noise.shape[:-1], cell.hidden_size)
        logits = noise.new_empty(*noise.shape[:-1], len(readout))
        for steps in _advance_blocks(cell, state, noise, states):
            torch.matmul(states[steps], readout.T, out=logits[steps])
        if bias is not None:
            logits += bias
        ctx.cell, ctx.kept_steps, ctx.has_bias = cell, kept_steps, bias is not None
        ctx.save_for_backward(state, noise, states, readout)
        ctx.set_materialize_grads(False)
        return logits, states[list(kept_steps)]

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor | None):
        state, noise, states, readout = ctx.saved_tensors
        by_logits, by_kept = grad_outputs
        by_readout = torch.zeros_like(readout)

        def find_gradient(steps: slice) -> Tensor:
            gradient = torch.zeros_like(states[steps])
            if by_logits is not None:
                torch.matmul(by_logits[steps], readout, out=gradient)
                by_readout.addmm_(by_logits[steps].flatten(0, 1).T, states[steps].flatten(0, 1))
            for place, step in enumerate(ctx.kept_steps):
                if by_kept is not None and steps.start <= step % len(states) < steps.stop:
                    gradient[step % len(states) - steps.start] += by_kept[place]
            return gradient

        by_state, by_weights = _propagate_back(ctx.cell, state, noise, states, find_gradient)
        by_bias = by_logits.sum((0, 1)) if ctx.has_bias and by_logits is not None else None
        return None, None, by_state, None, by_readout, by_bias, *by_weights


@torch.no_grad()
def _advance_blocks(
    cell: ElementwiseCell,
    state: Float[Tensor, "trajectory state"],
    noise: Float[Tensor, "time trajectory input"],
    states: Float[Tensor, "time trajectory state"],
) -> Iterator[slice]:
    """Fill in the states after each step; gives the steps of each block while it is in the cache."""
    previous = state
    for steps in _list_blocks(noise):
        cell.project_noise(noise[steps], out=states[steps])
        for drive in states[steps]:
            previous = cell.advance(previous, drive, out=drive)
        yield steps


def _propagate_back(
    cell: ElementwiseCell,
    state: Float[Tensor, "trajectory state"],
    noise: Float[Tensor, "time trajectory input"],
    states: Float[Tensor, "time trajectory state"],
    find_gradient: Callable[[slice], Tensor],
) -> tuple[Float[Tensor, "trajectory state"], list[Tensor]]:
    """Gradients by the initial state and by each weight, from those by the states of a block of steps."""
    w_hh = cell.w_hh.detach()
    by_weights = [torch.zeros_like(w) for w in (cell.w_hh, cell.w_ih, cell.bias) if w is not None]
    later = torch.zeros_like(state)
    for steps in reversed(_list_blocks(noise)):
        gradients = find_gradient(steps)
        gradients[-1].addmm_(later, w_hh)
        for t in range(len(gradients) - 1, -1, -1):
            cell.multiply_derivative_(gradients[t], states[steps][t])
            if t > 0:
                gradients[t - 1].addmm_(gradients[t], w_hh)
        later, flat = gradients[0], gradients.flatten(0, 1)
        by_weights[0].addmm_(gradients[1:].flatten(0, 1).T, states[steps][:-1].flatten(0, 1))
        by_weights[0].addmm_(later.T, states[steps.start - 1] if steps.start else state)
        by_weights[1].addmm_(flat.T, noise[steps].flatten(0, 1))
        if cell.bias is not None:
            by_weights[2] += flat.sum(0)
    return later @ w_hh, by_weights


def _list_blocks(noise: Float[Tensor, "time trajectory input"]) -> list[slice]:
    """Blocks of steps: as many as have ``_BLOCK_ROWS`` rows, one at least."""
    n_steps, size = len(noise), max(1, _BLOCK_ROWS // max(1, noise.shape[1]))
    return [slice(first, min(first + size, n_steps)) for first in range(0, n_steps, size)]
