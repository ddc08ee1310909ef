"""The paper's cell."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .elementwise import ElementwiseCell


class ReLUCell(ElementwiseCell):
    """The paper's cell: h_t = ReLU(W_hh h_{t−1} + W_ih x_t), which scales with its noise without a bias."""

    name = "relu"

    @staticmethod
    def activate_(preactivation: Tensor) -> Tensor:
        """Apply ReLU in place."""
        return preactivation.relu_()

    @staticmethod
    def multiply_derivative_(gradient: Tensor, activity: Tensor) -> Tensor:
        """Keep the gradient of active units (derivative 0 at 0)."""
        return gradient.mul_(activity.sign())

    def find_active_weights(self) -> Float[Tensor, "state state"]:
        """W_hh: a ReLU passes on or silences a row, and does nothing else."""
        return self.w_hh.detach()

    @torch.no_grad()
    def find_active(
        self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]
    ) -> Bool[Tensor, "point state"]:
        """Neurons that are active after the step."""
        return self.step(state, noise) > 0

    def scales_at(self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]) -> bool:
        """Whether the bias is absent or 0, whatever the states."""
        return self.bias is None or not bool(self.bias.any())
