"""What every recurrent cell is: an update rule, and the answers that analyses ask of it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ...errors import InputError

_SCALES = (2.0**30, 2.0**-30)
"""Powers of two: where a step scales, they cost no precision."""


class Readout(NamedTuple):
    """A linear map of the hidden activity, (symbol, hidden), and a bias if it has one, (symbol,)."""

    weights: Tensor
    bias: Tensor | None

    def read(self, hidden: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch symbol"]:
        """What it gives of some activity."""
        read = hidden @ self.weights.T
        return read if self.bias is None else read + self.bias


class Cell(nn.Module, ABC):
    """One update rule: the next state from the state and the noise of this step.

    A subclass owns its weights and writes :meth:`step`; rollouts, training and every analysis go through it.
    What analyses ask of a cell beside that has a general answer here, by differentiation or by trial, and a
    faster or exact one in a cell that knows better. Only :meth:`redraw` every cell has to write for itself. A
    gated cell keeps what it needs in a state wider than ``hidden_size`` and shows the hidden part first.

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

    name = ""
    """Name in settings; empty for a cell that has none."""

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

    def unroll_readout(
        self,
        state: Float[Tensor, "trajectory state"],
        noise: Float[Tensor, "time trajectory input"],
        readout: Readout,
        kept_steps: Sequence[int],
    ) -> tuple[Float[Tensor, "time trajectory symbol"], Float[Tensor, "kept trajectory state"]]:
        """What is read out after each step of ``noise``, and the states after some of them, in any order."""
        states = self.unroll(state, noise)
        return readout.read(self.show_hidden(states)), states[list(kept_steps)]

    def show_hidden(self, state: Float[Tensor, "*batch state"]) -> Float[Tensor, "*batch hidden"]:
        """Hidden activity in given states: what is read out, and what has neurons."""
        return state[..., : self.hidden_size]

    def patch_hidden(
        self,
        state: Float[Tensor, "point state"],
        donor: Float[Tensor, "point state"],
        is_patched: Bool[Tensor, "point hidden"],
    ) -> Float[Tensor, "point state"]:
        """States in which some neurons have the hidden activity of a donor; all else stays as it is."""
        patched = state.clone()
        hidden = self.show_hidden(patched)
        hidden.copy_(torch.where(is_patched, self.show_hidden(donor), hidden))
        return patched

    def compute_jacobian(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point state state"]:
        """Jacobian of the step from each state, by differentiation: entry (i, j) is ∂h′_i/∂h_j."""
        state = state.detach().requires_grad_()
        with torch.enable_grad():
            after = self.step(state, noise)
            rows = [torch.autograd.grad(column.sum(), state, retain_graph=True)[0] for column in after.T]
        return torch.stack(rows, dim=1)

    def push_tangents(
        self,
        state: Float[Tensor, "point state"],
        noise: Float[Tensor, "point input"],
        vectors: Float[Tensor, "point vector state"],
    ) -> Float[Tensor, "point vector state"]:
        """Advance tangent vectors v by the Jacobian of one step, J(h, x) v, which is not stored."""
        repeats = vectors.shape[1]
        noise = noise.repeat_interleave(repeats, 0)
        _, pushed = torch.autograd.functional.jvp(
            lambda h: self.step(h, noise), state.repeat_interleave(repeats, 0), vectors.flatten(0, 1)
        )
        return torch.as_tensor(pushed).reshape(vectors.shape)

    def find_preactivation(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point hidden"] | None:
        """What each neuron's nonlinearity is applied to in a step; None for a cell that has no such thing."""
        return None

    def find_input_weights(self) -> Float[Tensor, "hidden input"] | None:
        """W if the noise x of a step enters as W x, added to something else; None for other cells."""
        return None

    def find_recurrent_weights(self) -> Float[Tensor, "hidden hidden"] | None:
        """W if neurons receive W h from all neurons h, added to something else; None for other cells."""
        return None

    def find_active_weights(self) -> Float[Tensor, "state state"] | None:
        """W if the Jacobian of each step is W with the rows of silent neurons set to 0; else None.

        Then the non-zero spectrum is that of W restricted to the active neurons (:meth:`find_active`).
        """
        return None

    def find_active(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Bool[Tensor, "point state"]:
        """Rows of the Jacobian of each step that are not 0: all, unless the cell has silent neurons."""
        return torch.ones_like(state, dtype=torch.bool)

    @torch.no_grad()
    def scales_at(self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]) -> bool:
        """Whether F(s h, s x) = s F(h, x) for s > 0, tried at these states and noise, which may be 0."""
        after = self.step(state, noise)
        largest = 1e3 * torch.finfo(after.dtype).eps * after.norm(dim=1)
        gaps = [self.step(s * state, s * noise) / s - after for s in _SCALES]
        return all(bool((gap.norm(dim=1) <= largest).all()) for gap in gaps)

    def scale_inputs(self, gain: Float[Tensor, " hidden"], input_gain: Float[Tensor, " hidden"]) -> "Cell":
        """A copy in which each neuron receives so many times what neurons send it, and what the noise does.

        Raises
        ------
        InputError
            If the cell has not written this method.
        """
        raise InputError(
            f"a gain needs a cell with separate recurrent and noise inputs, got `{type(self).__name__}`. "
            "Write its method `scale_inputs(gain, input_gain)`, or use `clamp`, `ablate` or `project_noise`."
        )

    def redraw(self, generator: torch.Generator) -> "Cell":
        """Draw an untrained cell of the same kind and size: the control of what training does.

        Raises
        ------
        InputError
            If the cell has not written this method.
        """
        raise InputError(
            f"an untrained control needs a cell that can be drawn anew, got `{type(self).__name__}`. Write "
            "its method `redraw(generator)`, or use n_untrained=0 to leave this null out."
        )

    def shuffle_recurrent(self, generator: torch.Generator) -> "Cell":
        """A copy whose recurrent weights are the same numbers in random places: no circuit is left.

        Raises
        ------
        InputError
            If the cell has not written this method.
        """
        raise InputError(
            f"a shuffled control needs a cell with weights to shuffle, got `{type(self).__name__}`. "
            "Write its method `shuffle_recurrent(generator)`, or use n_shuffles=0 to leave this null out."
        )

    def replace_recurrent(self, weights: Float[Tensor, "hidden hidden"]) -> "Cell":
        """A copy with other recurrent weights: those that :meth:`find_recurrent_weights` gives then.

        Raises
        ------
        InputError
            If the cell has not written this method.
        """
        raise InputError(
            f"other recurrent weights need a cell that has some, got `{type(self).__name__}`. Write its "
            "methods `find_recurrent_weights()` and `replace_recurrent(weights)`."
        )


def uniform_parameter(shape: tuple[int, ...], bound: float, generator: torch.Generator) -> nn.Parameter:
    """Parameter drawn uniformly from ±``bound`` (PyTorch's default initialisation of recurrent layers)."""
    return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))
