"""A cell under an intervention: gains on what its neurons receive, held activity, filtered noise."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .base import Cell


@dataclass(frozen=True, eq=False)
class Intervention:
    """What is changed in a cell from outside.

    Attributes
    ----------
    gain : (hidden,)
        Factor of what each neuron receives from others and itself.
    input_gain : (hidden,)
        Factor of what it receives from the noise.
    held : (hidden,)
        Activity after each step, NaN for free neurons.
    noise_filter : (input, input)
        Matrix by which the noise is multiplied.
    """

    gain: Float[Tensor, " hidden"]
    input_gain: Float[Tensor, " hidden"]
    held: Float[Tensor, " hidden"]
    noise_filter: Float[Tensor, "input input"]

    def then(self, other: "Intervention") -> "Intervention":
        """Both, one after the other: gains and filters multiply, what the later one holds is held."""
        return Intervention(
            gain=self.gain * other.gain,
            input_gain=self.input_gain * other.input_gain,
            held=torch.where(other.held.isnan(), self.held, other.held),
            noise_filter=self.noise_filter @ other.noise_filter,
        )

    def to(self, like: Tensor) -> "Intervention":
        """The same in the type and on the device of another tensor."""
        return replace(self, **{name: values.to(like) for name, values in vars(self).items()})


class IntervenedCell(Cell):
    """A cell under an intervention. Its step is that of the cell, with other inputs and held neurons.

    Parameters
    ----------
    original : Cell
        The cell itself, which stays as it is.
    intervention : Intervention

    Notes
    -----
    h′ = φ(g ∘ (W_hh h) + g_in ∘ (W_ih P x) + b), then held neurons get their value. Torre et al. 2025 change
    the gain of recurrent input from 0 to 2. The bias, which the paper does not have, is not scaled.
    """

    def __init__(self, original: Cell, intervention: Intervention):
        super().__init__(original.hidden_size, original.input_size, original.state_size)
        self.original = original
        self.name = original.name
        for name, values in vars(intervention).items():
            self.register_buffer(name, values.clone())
        gains = torch.stack([intervention.gain, intervention.input_gain])
        self.scaled = original if bool((gains == 1).all()) else original.scale_inputs(*gains)
        identity = torch.eye(self.input_size).to(intervention.noise_filter)
        self.has_filter = not torch.equal(intervention.noise_filter, identity)
        self.has_held = not bool(intervention.held.isnan().all())

    @property
    def intervention(self) -> Intervention:
        """What is changed."""
        buffers = dict(self.named_buffers(recurse=False))
        return Intervention(**buffers)

    @property
    def is_held(self) -> Bool[Tensor, " hidden"]:
        """Neurons whose activity is held."""
        return ~self.intervention.held.isnan()

    def step(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "trajectory input"]
    ) -> Float[Tensor, "trajectory state"]:
        """Advance every trajectory by one step, and hold what is held."""
        after = self.scaled.step(state, self._filter(noise))
        return self._hold(after) if self.has_held else after

    def unroll(
        self, state: Float[Tensor, "trajectory state"], noise: Float[Tensor, "time trajectory input"]
    ) -> Float[Tensor, "time trajectory state"]:
        """States after each step."""
        if self.has_held:
            return super().unroll(state, noise)
        return self.scaled.unroll(state, self._filter(noise))

    def compute_jacobian(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point state state"]:
        """Jacobian of the step: rows of held neurons are 0."""
        jacobian = self.scaled.compute_jacobian(state, self._filter(noise))
        return self._silence(jacobian.mT).mT

    def push_tangents(
        self,
        state: Float[Tensor, "point state"],
        noise: Float[Tensor, "point input"],
        vectors: Float[Tensor, "point vector state"],
    ) -> Float[Tensor, "point vector state"]:
        """Advance tangent vectors by the Jacobian of one step."""
        return self._silence(self.scaled.push_tangents(state, self._filter(noise), vectors))

    def find_preactivation(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Float[Tensor, "point hidden"] | None:
        """What each neuron's nonlinearity is applied to; that of a held neuron has no effect."""
        return self.scaled.find_preactivation(state, self._filter(noise))

    def find_input_weights(self) -> Float[Tensor, "hidden input"] | None:
        """Weights of the noise, after its filter; 0 for held neurons."""
        weights = self.scaled.find_input_weights()
        if weights is None:
            return None
        return torch.where(self.is_held[:, None], 0.0, weights @ self.intervention.noise_filter)

    def find_recurrent_weights(self) -> Float[Tensor, "hidden hidden"] | None:
        """Weights of neurons, times the gain; 0 for held neurons."""
        weights = self.scaled.find_recurrent_weights()
        return None if weights is None else torch.where(self.is_held[:, None], 0.0, weights)

    def find_active_weights(self) -> Float[Tensor, "state state"] | None:
        """Weights whose rows a step passes on or silences; 0 for held neurons."""
        weights = self.scaled.find_active_weights()
        return None if weights is None else self._silence(weights.T).T

    def find_active(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Bool[Tensor, "point state"]:
        """Rows of the Jacobian of each step that are not 0."""
        return self._silence(self.scaled.find_active(state, self._filter(noise)))

    def scales_at(self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]) -> bool:
        """Whether the cell scales and nothing is held but at 0."""
        held = self.intervention.held
        return bool((held.isnan() | (held == 0)).all()) and self.scaled.scales_at(state, self._filter(noise))

    def scale_inputs(
        self, gain: Float[Tensor, " hidden"], input_gain: Float[Tensor, " hidden"]
    ) -> "IntervenedCell":
        """The same under gains that multiply those there are."""
        own = self.intervention
        return IntervenedCell(
            self.original, replace(own, gain=own.gain * gain, input_gain=own.input_gain * input_gain)
        )

    def redraw(self, generator: torch.Generator) -> "IntervenedCell":
        """Draw an untrained cell under the same intervention."""
        return IntervenedCell(self.original.redraw(generator), self.intervention)

    def shuffle_recurrent(self, generator: torch.Generator) -> "IntervenedCell":
        """Shuffle the cell, under the same intervention."""
        return IntervenedCell(self.original.shuffle_recurrent(generator), self.intervention)

    def replace_recurrent(self, weights: Float[Tensor, "hidden hidden"]) -> "IntervenedCell":
        """Other weights, under the same intervention but its gain, which the weights hold already."""
        own = self.intervention
        whole = replace(own, gain=torch.ones_like(own.gain))
        return IntervenedCell(self.original.replace_recurrent(weights), whole)

    def _filter(self, noise: Tensor) -> Tensor:
        return noise @ self.intervention.noise_filter.T if self.has_filter else noise

    def _hold(self, after: Tensor) -> Tensor:
        held = self.intervention.held
        return self.original.patch_hidden(after, _widen(held, after), self.is_held.expand(len(after), -1))

    def _silence(self, values: Tensor) -> Tensor:
        """Entries of held neurons, along the last axis, set to 0."""
        if not self.has_held:
            return values
        free = torch.ones(self.state_size, dtype=torch.bool, device=values.device)
        free[: self.hidden_size] = ~self.is_held
        return values & free if values.dtype == torch.bool else torch.where(free, values, 0.0)


def _widen(
    held: Float[Tensor, " hidden"], state: Float[Tensor, "point state"]
) -> Float[Tensor, "point state"]:
    """States whose hidden part is this activity."""
    rest = state[:, len(held) :]
    return torch.cat([held.expand(len(state), -1), rest], dim=1)
