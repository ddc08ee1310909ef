"""A value whose gradient is computed together with it."""

from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import Function, once_differentiable


def attach_gradient(
    x: Float[Tensor, "..."], value: Float[Tensor, ""], gradient: Float[Tensor, "..."]
) -> Tensor:
    """The value, differentiable with respect to ``x`` by the gradient that is given."""
    return _WithGradient.apply(x, value, gradient)  # type: ignore[no-any-return]


class _WithGradient(Function):
    @staticmethod
    def forward(ctx, x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        (gradient,) = ctx.saved_tensors
        return grad_outputs[0] * gradient, None, None
