"""Checks shared by networks and rollouts."""

import torch

from ..errors import InputError


def check_generator(generator: object) -> None:
    """Refuse what is no source of random numbers of torch, such as a seed.

    Raises
    ------
    InputError
        Saying how to make one.
    """
    if not isinstance(generator, torch.Generator):
        raise InputError(
            f"`generator` must be a torch.Generator, got {generator!r}. "
            "Use torch.Generator().manual_seed(SEED)."
        )
