"""What weights must be, each by its own name: of a shape, real, dense, and finite in float32."""

import torch
from torch import Tensor

from ..errors import InputError
from ..network import CELLS

_GATED_CELLS = {3: "a GRU", 4: "an LSTM"}


def check_square(name: str, w_hh: Tensor) -> None:
    """Refuse recurrent weights that are no square, with a hint where they are those of gates."""
    rows, columns = w_hh.shape if w_hh.ndim == 2 else (0, 0)
    gates, rest = divmod(rows, max(columns, 1))
    if gates in _GATED_CELLS and rest == 0:
        raise InputError(
            f"`{name}` must have shape (hidden, hidden), got {tuple(w_hh.shape)}: {gates} gates, so this is "
            f"{_GATED_CELLS[gates]}. Supported are the cells {', '.join(sorted(CELLS))}."
        )
    if rows != columns or rows == 0:
        raise InputError(
            f"`{name}` must have shape (hidden, hidden), got {tuple(w_hh.shape)}. Give the weights from the "
            "hidden units to themselves."
        )


def check_shape(name: str, tensor: Tensor, shape: tuple[int | None, ...]) -> None:
    """Check a shape in which None stands for any size."""
    fits = tensor.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, tensor.shape, strict=True)
    )
    if not fits:
        wanted = str(shape).replace("None", "any")
        is_transposed = tensor.ndim == 2 and tuple(tensor.shape[::-1]) != tuple(tensor.shape)
        is_transposed &= all(
            want in (None, got) for want, got in zip(shape, tensor.shape[::-1], strict=False)
        )
        advice = f"If it is transposed, save `{name}`.T" if is_transposed else "Save weights of one network"
        raise InputError(f"`{name}` must have shape {wanted}, got {tuple(tensor.shape)}. {advice}.")


def convert_weights(name: str, tensor: Tensor) -> Tensor:
    """Weights as float32.

    Raises
    ------
    InputError
        If they would lose something on the way.
    """
    if tensor.layout != torch.strided:
        raise InputError(f"`{name}` must be dense, got {tensor.layout}. Save tensor.to_dense().")
    if not tensor.is_floating_point():
        raise InputError(
            f"`{name}` must hold real floating-point numbers, got {tensor.dtype}. Save the weights that the "
            "network computes with."
        )
    try:
        exact = tensor.double()
    except NotImplementedError:
        raise InputError(
            f"`{name}` must hold numbers of one byte or more, got {tensor.dtype}. Save it as float32."
        ) from None
    if not bool(torch.isfinite(exact).all()):
        raise InputError(f"`{name}` must be finite, got NaN or infinity. Import an earlier checkpoint.")
    converted = exact.float()
    if not bool(torch.isfinite(converted).all()):
        largest = float(exact.abs().max())
        raise InputError(
            f"`{name}` must fit float32, whose largest number is 3.4e38, got {largest:.1e}. Import an "
            "earlier checkpoint."
        )
    return converted
