"""Cost between two batches of one-hot sequences: half the squared distance, read row block by row block."""

from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from ..system.shards import divide
from ..system.threads import map_parallel
from .workspace import Workspace

DEFAULT_MEMORY_BUDGET = 2**30
"""Bytes that the matrices of one loss evaluation may occupy before they are recomputed block by block."""

_BLOCK_ENTRIES = 2**19
_ROWS_PER_PRODUCT = 512

_FEWEST_BLOCKS = 4
"""So many even of a small matrix, for threads to have work; blocks depend on the sizes alone."""

_MOST_GROUPS = 16
"""Groups of blocks whose sums are kept until all are there."""


class SequenceCost:
    """The cost c(x_i, y_j) = ½‖x_i − y_j‖² between flattened sequences, without keeping it in float.

    For exact one-hots the cost is the number of mismatched symbols, an integer, and is kept in one or two
    bytes an entry. Other inputs (finite differences, soft symbols) are kept in their own precision. Above
    ``memory_budget`` nothing is kept and each block is computed when it is read.

    Parameters
    ----------
    x : (sequence, time, symbol)
        First batch, N sequences.
    y : (other, time, symbol)
        Second batch, M sequences.
    memory_budget : int
        Bytes that the stored matrix may take.
    workspace : Workspace, optional
        Where the matrix is stored; the next cost with the same workspace overwrites it.

    Notes
    -----
    Paper: Torre et al. 2025, appendix on training (p = 2, flattened one-hots). The authors call geomloss on
    floats; the values are the same.
    """

    def __init__(
        self,
        x: Float[Tensor, "sequence time symbol"],
        y: Float[Tensor, "other time symbol"],
        *,
        memory_budget: int = DEFAULT_MEMORY_BUDGET,
        workspace: Workspace | None = None,
    ):
        self.workspace = workspace or Workspace()
        self.shape = (x.shape[0], y.shape[0])
        self.dtype, self.device = x.dtype, x.device
        self.is_integer = is_one_hot(x) and is_one_hot(y)
        encode = _encode_one_hot if self.is_integer else _encode_general
        self._left, self._right, self._scale = encode(x, y)
        self._most_rows = max(16, *divide(self.shape[0], x.device, fewest=_FEWEST_BLOCKS))
        self.block_rows = min(max(16, _BLOCK_ENTRIES // max(1, self.shape[1])), self._most_rows)
        self._stored: Tensor | None = None
        entry_bytes = self._stored_dtype(x.shape[1]).itemsize
        if entry_bytes * self.shape[0] * self.shape[1] <= memory_budget:
            self._stored = self._compute_all(self._stored_dtype(x.shape[1]))

    def _stored_dtype(self, n_steps: int) -> torch.dtype:
        if not self.is_integer:
            return self.dtype
        return torch.uint8 if n_steps <= 255 else torch.int16 if n_steps <= 32767 else torch.int32

    @property
    def stored_bytes(self) -> int:
        """Bytes that the stored matrix takes; 0 when blocks are computed as they are read."""
        return 0 if self._stored is None else self._stored.nbytes

    def blocks(self) -> list[slice]:
        """Row blocks that together cover the matrix, sized to stay in the processor's cache."""
        return self._list_blocks(self.block_rows)

    def group_blocks(self) -> list[list[slice]]:
        """Row blocks in a few groups, for threads to share."""
        blocks = iter(self.blocks())
        return [list(islice(blocks, n)) for n in divide(len(self.blocks()), self.device, fewest=_MOST_GROUPS)]

    def _list_blocks(self, size: int) -> list[slice]:
        return [slice(i, min(i + size, self.shape[0])) for i in range(0, self.shape[0], size)]

    def read(self, rows: slice, out: Float[Tensor, "row other"]) -> Float[Tensor, "row other"]:
        """Write the cost of a block of rows into ``out`` and return it."""
        if self._stored is not None:
            return out.copy_(self._stored[rows])
        return self._compute(rows, out)

    def _compute(self, rows: slice, out: Tensor) -> Tensor:
        self._multiply(rows, out)
        return out.floor_() if self.is_integer else out

    def _multiply(self, rows: slice, out: Tensor) -> Tensor:
        """Cost of a block of rows; integers come with ½ more, to be cut off."""
        return torch.addmm(out, self._left[rows], self._right, beta=0, alpha=self._scale, out=out)

    def _compute_all(self, dtype: torch.dtype) -> Tensor:
        stored = self.workspace.take("cost", self.shape, dtype, self.device)
        n_rows = min(max(self.block_rows, _ROWS_PER_PRODUCT), self._most_rows)

        def fill(rows: slice) -> None:
            shape = (rows.stop - rows.start, self.shape[1])
            block = self.workspace.take_own("cost block", shape, self.dtype, self.device)
            stored[rows] = self._multiply(rows, block)

        map_parallel(fill, self._list_blocks(n_rows))
        return stored


def is_one_hot(x: Float[Tensor, "sequence time symbol"]) -> bool:
    """Tell whether every symbol is exactly one-hot (zeros and a single one)."""
    return bool(((x == 0) | (x == 1)).all()) and bool((x.sum(-1) == 1).all())


def _encode_one_hot(x: Tensor, y: Tensor):
    """Features and a scale whose product is the number of mismatches + ½; before scaling it is an integer.

    K − 1 numbers a symbol give K·[x = y] − 1, so that the matrix product is a third (K = 3) shorter than
    with one-hots; one more column holds the offset.
    """
    n_steps, n_symbols = x.shape[1:]
    left = (x[..., -1:] - x[..., :-1]).flatten(1)
    right = (n_symbols * y[..., :-1] - 1).flatten(1)
    offset = left.new_tensor(n_steps * (n_symbols - 1) + 0.5 * n_symbols)
    return _append(left, torch.ones_like(offset)), _append(right, offset).T.contiguous(), 1.0 / n_symbols


def _encode_general(x: Tensor, y: Tensor):
    """Features whose product is ½‖x − y‖²."""
    left, right = x.flatten(1), y.flatten(1)
    left_norm, right_norm = (0.5 * side.square().sum(1, keepdim=True) for side in (left, right))
    one = torch.ones((), dtype=x.dtype, device=x.device)
    features = _append(torch.cat([-left, left_norm], 1), one)
    return features, torch.cat([_append(right, one), right_norm], 1).T.contiguous(), 1.0


def _append(features: Tensor, value: Tensor) -> Tensor:
    """Features with one more column of a constant."""
    return torch.cat([features, value.expand(len(features), 1)], 1)
