"""Recurrent cells, one file each: the only place where the update of a network is written."""

import torch

from ...errors import unknown_name
from .base import Cell as Cell
from .base import Readout as Readout
from .base import uniform_parameter as uniform_parameter
from .elementwise import ElementwiseCell as ElementwiseCell
from .intervened import IntervenedCell as IntervenedCell
from .intervened import Intervention as Intervention
from .relu import ReLUCell as ReLUCell
from .tanh import TanhCell as TanhCell

CELLS: dict[str, type[ElementwiseCell]] = {cell.name: cell for cell in (ReLUCell, TanhCell)}
"""Cells by the name that settings use."""


def build_cell(
    name: str, hidden_size: int, input_size: int, *, bias: bool = False, generator: torch.Generator
) -> Cell:
    """Build a cell by name; see :data:`CELLS`."""
    if name not in CELLS:
        raise unknown_name("cell", name, CELLS)
    return CELLS[name](hidden_size, input_size, bias=bias, generator=generator)
