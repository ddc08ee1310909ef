"""Tangent vectors carried along a path: how fast small differences between states grow or shrink."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ...network import NoiseRNN


@dataclass(frozen=True)
class TangentBlocks:
    """Growth of tangent vectors over blocks of steps.

    Attributes
    ----------
    growth : (trajectory, block, vector)
        Log of the growth of volume that each vector adds, per step; −inf from the step on in which it was
        lost, be it before the first block.
    states : (trajectory, block, state)
        State at the start of each block.
    """

    growth: Float[Tensor, "trajectory block vector"]
    states: Float[Tensor, "trajectory block state"]


def follow_tangents(
    network: NoiseRNN,
    steps: Iterable[tuple[Float[Tensor, "trajectory state"], Float[Tensor, "trajectory input"]]],
    n_vectors: int,
    *,
    align_steps: int,
    block_steps: int,
    scales: Float[Tensor, " state"] | None = None,
    generator: torch.Generator,
) -> TangentBlocks:
    """Carry orthonormal vectors along a path, and measure their growth after ``align_steps``.

    Parameters
    ----------
    network : NoiseRNN
    steps
        State before each step, and the noise of the step; ``align_steps`` and whole blocks of them.
    n_vectors, align_steps, block_steps : int
    scales : (state,), optional
        Units in which lengths and angles of vectors are measured, positive. They change what single blocks
        add, by what the ends of a block do; over a long path their part vanishes.
    generator
        Source of the directions to start from, the same for every trajectory.
    """
    vectors, lost, growth, starts = None, None, [], []
    for step, (state, noise) in enumerate(steps, -align_steps):
        if vectors is None:
            drawn = state.new_empty(n_vectors, state.shape[1]).normal_(generator=generator)
            vectors, _ = _orthonormalise(drawn.expand(len(state), -1, -1))
        units = torch.ones_like(state[0]) if scales is None else scales
        pushed = network.cell.push_tangents(state, noise, vectors * units) / units
        vectors, log_growth = _orthonormalise(pushed)
        lost = log_growth.isneginf() if lost is None else lost | log_growth.isneginf()
        if step < 0:
            continue
        if step % block_steps == 0:
            starts.append(state)
            growth.append(torch.zeros_like(log_growth))
        growth[-1] += log_growth.masked_fill(lost, -torch.inf) / block_steps
    return TangentBlocks(torch.stack(growth, dim=1), torch.stack(starts, dim=1))


def _orthonormalise(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Orthonormal vectors, and the log of what each adds to the volume; −inf for one made up by rounding."""
    q, r = torch.linalg.qr(vectors.mT)
    height, length = r.diagonal(dim1=1, dim2=2).abs(), r.norm(dim=1).amax(1, keepdim=True)
    is_lost = height <= vectors.shape[2] * torch.finfo(r.dtype).eps * length
    return q.mT, height.masked_fill(is_lost, 0.0).double().log()
