"""Gumbel-Softmax: categorical samples with a straight-through gradient."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..errors import InputError


def sample_gumbel(shape: tuple[int, ...], *, generator: torch.Generator) -> Float[Tensor, "..."]:
    """Standard Gumbel noise −log(−log U), from uniforms bounded away from 0 and 1."""
    uniform = torch.rand(shape, generator=generator, device=generator.device).clamp_(1e-20, 1 - 2**-24)
    return uniform.log_().neg_().log_().neg_()


def sample_relaxed_symbols(
    logits: Float[Tensor, "*batch symbol"], *, temperature: float = 1.0, generator: torch.Generator
) -> Float[Tensor, "*batch symbol"]:
    """Draw exact one-hot symbols whose gradient is that of a tempered softmax.

    Parameters
    ----------
    logits : (..., symbol)
        Unnormalised log-probabilities.
    temperature : float > 0
        Acts on the straight-through gradient only; the samples are exact at any temperature.
    generator
        Source of the Gumbel noise.

    Returns
    -------
    (..., symbol)
        Exact one-hots.

    Notes
    -----
    Paper: Torre et al. 2025, eq. 2, temperature 1 (Jang et al. 2017; Maddison et al. 2017).
    """
    if not temperature > 0:
        raise InputError(f"`temperature` must be > 0, got {temperature}. The paper uses 1.")
    perturbed = logits + sample_gumbel(tuple(logits.shape), generator=generator).to(logits)
    return _StraightThrough.apply(perturbed, temperature)  # type: ignore[no-any-return]


class _StraightThrough(torch.autograd.Function):
    """Forward: one-hot of the largest; backward: gradient of softmax(· / temperature)."""

    @staticmethod
    def forward(ctx, perturbed: Tensor, temperature: float) -> Tensor:
        ctx.temperature = temperature
        ctx.save_for_backward(perturbed)
        return torch.zeros_like(perturbed).scatter_(-1, perturbed.argmax(-1, keepdim=True), 1.0)

    @staticmethod
    @once_differentiable
    def backward(ctx, *grad_outputs: Tensor):
        (perturbed,) = ctx.saved_tensors
        soft = torch.softmax(perturbed / ctx.temperature, -1)
        gradient = grad_outputs[0]
        inner = (gradient * soft).sum(-1, keepdim=True)
        return soft * (gradient - inner) / ctx.temperature, None
