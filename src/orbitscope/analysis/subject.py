"""What is analysed: a network, where it comes from, and what other parts have found about it."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..hmm import HMM
from ..network import NoiseRNN
from ..random_streams import derive_seed
from ..training import EpochRecord


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and what belongs to it.

    Attributes
    ----------
    network : NoiseRNN
    hmm : HMM or None
        The process that it emulates; None without one, or where it is recorded sequences.
    noise_std : float
        Standard deviation of its noise (dimensionless).
    symbol_names : tuple of str
        Names of the symbols; empty where they are not known.
    seed : int
        Seed of the run; each part has a stream of its own.
    history : list of EpochRecord
        Empty for a network without one.
    checkpoints : mapping
        Loaders of the networks kept during training, by epoch.
    found : dict
        Results of the parts that are finished, by name.
    """

    network: NoiseRNN
    hmm: HMM | None
    noise_std: float = 1.0
    symbol_names: tuple[str, ...] = ()
    seed: int = 0
    history: list[EpochRecord] = field(default_factory=list)
    checkpoints: Mapping[int, Callable[[], NoiseRNN]] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)

    def start_generator(self, part: str) -> torch.Generator:
        """Source of all noise of a part: it does not depend on which parts are computed, or when.

        Notes
        -----
        It follows from the seed, the name of the part and the weights, so that networks of the same seed
        share neither noise nor null draws: intervals and p-values of different networks are independent.
        What is to be compared on common noise within a network (checkpoints, interventions) shares it within
        its part.
        """
        digest = hashlib.sha256(part.encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        index = int.from_bytes(digest.digest()[:8], "big")
        seed = derive_seed(self.seed, "analysis", index)
        return torch.Generator(self.network.w_out.device).manual_seed(seed)
