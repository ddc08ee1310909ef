"""The Gibbs kernel exp((f_i + g_j − C_ij)/ε), rescaled from level to level instead of recomputed."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..system.threads import map_parallel
from .cost import SequenceCost

_SMALLEST_EXPONENT = -60.0
"""exp() of results that underflow takes a slow path; e⁻⁶⁰ is nothing beside a row that sums to about 1."""

_LARGEST_RESCALING = 60.0
"""Potentials may move by this many ε before a stored kernel is recomputed rather than rescaled."""

_LARGEST_HIDDEN_EXPONENT = -30.0
"""Entries cut off at e⁻⁶⁰ grow with the potentials; a kernel where one may exceed e⁻³⁰ is recomputed."""


_LONGEST_CHAIN = 5
"""Levels after which the kernel is recomputed: the error of squaring in float32 grows by 4 a level."""

_PRODUCT_WIDTH = 16
"""A product with 64 columns takes less time than one with 61."""


@dataclass(frozen=True)
class PlanSums:
    """Sums over the kernel (rows, columns) and over the plan whose rows are normalised to 1.

    ``row_means`` (sequence, feature) are the plan-weighted means of the other batch's features.
    """

    rows: Float[Tensor, " sequence"]
    columns: Float[Tensor, " other"]
    normalised_columns: Float[Tensor, " other"]
    row_means: Float[Tensor, "sequence feature"] | None


class GibbsKernel:
    """Row and column sums of the Gibbs kernel, for potentials and ε that change from call to call.

    A stored kernel that holds (f₀, g₀, ε₀) gives the one at (f, g, ε₀) by two vectors and the one at
    (f, g, ε₀/4) by two squarings, about a third of the price of an exponential. The levels that decide the
    result are computed from the cost.
    Entries that were cut off (or underflowed) are not rescaled into ones that matter: a bound on them is
    followed, and the kernel recomputed when it exceeds e⁻³⁰.

    Parameters
    ----------
    cost : SequenceCost
        Cost matrix, (sequence, other).
    stored : bool
        Keep the kernel between calls; otherwise it is recomputed block by block at each call.
    """

    def __init__(self, cost: SequenceCost, *, stored: bool):
        self.cost = cost
        take = cost.workspace.take
        self._kernel = take("kernel", cost.shape, cost.dtype, cost.device) if stored else None
        self._held: tuple[Tensor, Tensor, float] | None = None
        self._hidden_exponent = _SMALLEST_EXPONENT
        self._n_rescaled = 0

    def compute_sums(
        self,
        f: Float[Tensor, " sequence"],
        g: Float[Tensor, " other"],
        epsilon: float,
        *,
        exact: bool = False,
    ) -> tuple[Float[Tensor, " sequence"], Float[Tensor, " other"]]:
        """Sum exp((f_i + g_j − C_ij)/ε) over columns and over rows.

        Parameters
        ----------
        f, g : (sequence,), (other,)
            Potentials.
        epsilon : float > 0
            Regularisation.
        exact : bool
            Compute from the cost even where rescaling would be cheaper.

        Returns
        -------
        row_sums : (sequence,)
        column_sums : (other,)
        """
        row_sums = torch.empty_like(f)
        update = self._plan_update(f, g, epsilon, None if exact else self._plan_rescaling(f, g, epsilon))

        def sum_block(rows: slice) -> Tensor:
            block = update(rows)
            torch.sum(block, 1, out=row_sums[rows])
            return block.sum(0)

        return row_sums, self._sum_over_blocks(sum_block)

    def compute_plan(
        self,
        f: Float[Tensor, " sequence"],
        g: Float[Tensor, " other"],
        epsilon: float,
        features: Float[Tensor, "other feature"] | None,
    ) -> "PlanSums":
        """Sums of the kernel and of its row-normalised plan, with plan-weighted means of ``features``."""
        row_scale, column_scale, find_block = self._visit(f, g, epsilon)
        weighted = _append_ones(features, g) * column_scale[:, None]
        sums = f.new_empty(f.shape[0], weighted.shape[1])

        def sum_block(rows: slice) -> Tensor:
            block = find_block(rows)
            torch.mm(block, weighted, out=sums[rows])
            return torch.stack([row_scale[rows], sums[rows, 0].reciprocal()]) @ block

        columns = self._sum_over_blocks(sum_block) * column_scale
        means = None if features is None else sums[:, 1 : 1 + features.shape[1]] / sums[:, :1]
        return PlanSums(sums[:, 0] * row_scale, columns[0], columns[1], means)

    def _sum_over_blocks(self, sum_block: Callable[[slice], Tensor]) -> Tensor:
        """Sum of what blocks give, each group of them by one thread."""

        def sum_group(blocks: list[slice]) -> Tensor:
            total = sum_block(blocks[0])
            for rows in blocks[1:]:
                total += sum_block(rows)
            return total

        return torch.stack(map_parallel(sum_group, self.cost.group_blocks())).sum(0)

    def _visit(
        self, f: Tensor, g: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor, Callable[[slice], Tensor]]:
        """Scales of rows and of columns, and the block of given rows of a kernel that is left to scale.

        A kernel held at the same ε is only read; otherwise the blocks are brought to the new potentials, with
        scales of 1.
        """
        n_squarings, kernel = self._plan_rescaling(f, g, epsilon), self._kernel
        if n_squarings == 0 and self._held is not None and kernel is not None:
            held_f, held_g, _ = self._held
            scales = torch.exp((f - held_f) / epsilon), torch.exp((g - held_g) / epsilon)
            return *scales, lambda rows: kernel[rows]
        return torch.ones_like(f), torch.ones_like(g), self._plan_update(f, g, epsilon, n_squarings)

    def _plan_update(
        self, f: Tensor, g: Tensor, epsilon: float, n_squarings: int | None
    ) -> Callable[[slice], Tensor]:
        """How a block of rows gets to the new potentials; a stored kernel holds them when all have got there.

        An interrupted kernel must not be used again.
        """
        held, kernel = self._held, self._kernel
        if n_squarings is None:
            self._hidden_exponent, self._n_rescaled = _SMALLEST_EXPONENT, 0
            f_scaled, g_scaled = (f / epsilon)[:, None], g / epsilon
        else:
            assert held is not None
            row_scale = torch.exp((f - held[0]) / held[2])[:, None]
            column_scale = torch.exp((g - held[1]) / held[2])
        if kernel is not None:
            self._held = (f.clone(), g.clone(), epsilon)

        def update(rows: slice) -> Tensor:
            block = self._take_block(rows) if kernel is None else kernel[rows]
            if n_squarings is None:
                self._exponentiate(rows, block, f_scaled, g_scaled, epsilon)
            else:
                block.mul_(column_scale).mul_(row_scale[rows])
                for _ in range(n_squarings):
                    block.mul_(block)
            return block

        return update

    def _take_block(self, rows: slice) -> Tensor:
        """Memory of this thread for a block that is not stored."""
        cost = self.cost
        shape = (rows.stop - rows.start, cost.shape[1])
        return cost.workspace.take_own("kernel block", shape, cost.dtype, cost.device)

    def _exponentiate(self, rows: slice, block: Tensor, f_scaled: Tensor, g_scaled: Tensor, epsilon: float):
        self.cost.read(rows, block)
        torch.sub(g_scaled, block, alpha=1.0 / epsilon, out=block)
        block.add_(f_scaled[rows]).clamp_(min=_SMALLEST_EXPONENT).exp_()

    def _plan_rescaling(self, f: Tensor, g: Tensor, epsilon: float) -> int | None:
        """Number of squarings that lead from the held kernel to ``epsilon``, or None to recompute."""
        if self._held is None:
            return None
        held_f, held_g, held_epsilon = self._held
        n_squarings = {1.0: 0, 2.0: 1, 4.0: 2}.get(round(held_epsilon / epsilon, 6))
        moves = (f - held_f, g - held_g)
        moved = max(float(move.abs().max()) for move in moves)
        if n_squarings is None or moved > _LARGEST_RESCALING * held_epsilon / 2:
            return None
        growth = sum(max(0.0, float(move.max())) for move in moves) / held_epsilon
        hidden = max(2**n_squarings * (self._hidden_exponent + growth), _SMALLEST_EXPONENT)
        is_worn_out = n_squarings > 0 and self._n_rescaled == _LONGEST_CHAIN
        if is_worn_out or self._hidden_exponent + growth > _LARGEST_HIDDEN_EXPONENT:
            return None
        self._hidden_exponent = hidden
        self._n_rescaled += n_squarings > 0
        return n_squarings


def _append_ones(features: Tensor | None, like: Tensor) -> Tensor:
    """A column of ones, the features, and zeros up to a width that matrix products are fast for."""
    ones = torch.ones_like(like)[:, None]
    if features is None:
        return ones
    width = -(-(1 + features.shape[1]) // _PRODUCT_WIDTH) * _PRODUCT_WIDTH
    return torch.nn.functional.pad(torch.cat([ones, features], 1), (0, width - 1 - features.shape[1]))
