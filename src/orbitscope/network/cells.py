"""Recurrent cells: the only place where the update of a network is written."""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import InputError, unknown_name


class Cell(nn.Module, ABC):
    """One update rule: the next state from the state and the noise of this step.

    A subclass owns its weights and writes :meth:`step`; rollouts, training and every analysis go through it.
    A gated cell keeps what it needs in a state wider than ``hidden_size`` and shows the hidden part first.

    Attributes
    ----------
    hidden_size : int
        Width of the hidden activity that is read out.
    input_size : int
        Number of noise channels.
    state_size : int
        Width of the state that is carried from step to step (``hidden_size`` unless the cell has memory
        cells).
    """

    name: str

    def __init__(self, hidden_size: int, input_size: int, state_size: int | None = None):
        super().__init__()
        for label, size in (("hidden_size", hidden_size), ("input_size", input_size)):
            if size < 1:
                raise InputError(f"`{label}` must be ≥ 1, got {size}. The paper uses 150 and 100.")
        self.hidden_size, self.input_size = hidden_size, input_size
        self.state_size = hidden_size if state_size is None else state_size

    @abstractmethod
    def step(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "trajectory input"]
    ) -> Float[Tensor, "trajectory state"]:
        """Advance every trajectory by one step."""

    def unroll(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "time trajectory input"]
    ) -> Float[Tensor, "time trajectory state"]:
        """States after each step of ``noise``, starting from ``state`` (which is not part of the result)."""
        states = []
        for noise_t in noise:
            state = self.step(state, noise_t)
            states.append(state)
        return torch.stack(states)


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
        """Drive of every step, W_ih x_t + b: one product for all steps at once."""
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


class ReLUCell(ElementwiseCell):
    """The paper's cell: h_t = ReLU(W_hh h_{t−1} + W_ih x_t), positively homogeneous without a bias."""

    name = "relu"

    @staticmethod
    def activate_(preactivation: Tensor) -> Tensor:
        """Apply ReLU in place."""
        return preactivation.relu_()

    @staticmethod
    def multiply_derivative_(gradient: Tensor, activity: Tensor) -> Tensor:
        """Keep the gradient of active units (derivative 0 at 0)."""
        return gradient.mul_(activity.sign())


class TanhCell(ElementwiseCell):
    """h_t = tanh(W_hh h_{t−1} + W_ih x_t + b): bounded, not homogeneous."""

    name = "tanh"

    @staticmethod
    def activate_(preactivation: Tensor) -> Tensor:
        """Apply tanh in place."""
        return preactivation.tanh_()

    @staticmethod
    def multiply_derivative_(gradient: Tensor, activity: Tensor) -> Tensor:
        """Multiply by 1 − tanh²."""
        return gradient.mul_(1 - activity.square())


class _Unroll(torch.autograd.Function):
    """Unrolled elementwise cell with backward through time in a few large products."""

    @staticmethod
    def forward(ctx, cell: ElementwiseCell, state: Tensor, noise: Tensor, *weights: Tensor) -> Tensor:
        states = noise.new_empty(*noise.shape[:-1], cell.hidden_size)
        with torch.no_grad():
            cell.project_noise(noise, out=states)
            previous = state
            for drive in states:
                previous = cell.advance(previous, drive, out=drive)
        ctx.cell = cell
        ctx.save_for_backward(state, noise, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        cell: ElementwiseCell = ctx.cell
        state, noise, states = ctx.saved_tensors
        grads = grad_outputs[0].clone()
        for t in range(len(grads) - 1, -1, -1):
            cell.multiply_derivative_(grads[t], states[t])
            if t > 0:
                grads[t - 1].addmm_(grads[t], cell.w_hh.detach())
        flat = grads.flatten(0, 1)
        grad_w_hh = grads[0].T @ state
        grad_w_hh.addmm_(grads[1:].flatten(0, 1).T, states[:-1].flatten(0, 1))
        grad_weights = [grad_w_hh, flat.T @ noise.flatten(0, 1)]
        if cell.bias is not None:
            grad_weights.append(flat.sum(0))
        grad_state = grads[0] @ cell.w_hh.detach() if ctx.needs_input_grad[1] else None
        return None, grad_state, None, *grad_weights


def uniform_parameter(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> nn.Parameter:
    """Parameter drawn uniformly from ±``bound`` (PyTorch's default initialisation of recurrent layers)."""
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))


CELLS: dict[str, type[ElementwiseCell]] = {cell.name: cell for cell in (ReLUCell, TanhCell)}
"""Cells by the name that settings use."""


def build_cell(
    name: str, hidden_size: int, input_size: int, *, bias: bool = False, generator: torch.Generator
) -> Cell:
    """Build a cell by name; see :data:`CELLS`."""
    if name not in CELLS:
        raise unknown_name("cell", name, CELLS)
    return CELLS[name](hidden_size, input_size, bias=bias, generator=generator)
