"""Memory for the large matrices of a loss, kept from one evaluation to the next."""

import math
import threading

import torch
from torch import Tensor


class Workspace:
    """Uninitialised tensors by name, whose memory is used again by the next request for the same name.

    A fresh 64 MB matrix costs as much in page faults as its exponentials. A tensor handed out is valid until
    its name is asked for again, so evaluations that share a workspace must follow each other.
    """

    def __init__(self):
        self._memory: dict[str | tuple[str, int], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return an uninitialised tensor; what was taken under ``name`` before is overwritten with it."""
        return self._take(name, shape, dtype, device)

    def take_own(self, name: str, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
        """The same for this thread alone."""
        return self._take((name, threading.get_ident()), shape, dtype, device)

    def _take(
        self, name: str | tuple[str, int], shape: tuple[int, ...], dtype: torch.dtype, device: torch.device
    ) -> Tensor:
        n_bytes = math.prod(shape) * dtype.itemsize
        held = self._memory.get(name)
        if held is None or held.nbytes < n_bytes or held.device != device:
            held = self._memory[name] = torch.empty(n_bytes, dtype=torch.uint8, device=device)
        return held[:n_bytes].view(dtype).view(shape)
