"""The same cell with a tanh, as ``torch.nn.RNN`` has it by default."""

from jaxtyping import Float
from torch import Tensor

from .elementwise import ElementwiseCell


class TanhCell(ElementwiseCell):
    """h_t = tanh(W_hh h_{t−1} + W_ih x_t + b): bounded, so it does not scale with its noise."""

    name = "tanh"

    @staticmethod
    def activate_(preactivation: Tensor) -> Tensor:
        """Apply tanh in place."""
        return preactivation.tanh_()

    @staticmethod
    def multiply_derivative_(gradient: Tensor, activity: Tensor) -> Tensor:
        """Multiply by 1 − tanh²."""
        return gradient.mul_(1 - activity.square())

    def scales_at(self, state: Float[Tensor, "point state"], noise: Float[Tensor, "point input"]) -> bool:
        """Never: it saturates, even where probes are too small to show it."""
        return False
