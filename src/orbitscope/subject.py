"""What is analysed: a network, where it comes from, and what other parts have found about it."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .hmm import HMM
from .network import NoiseRNN
from .part_settings import PartSettings
from .process import Process
from .random_streams import derive_seed
from .training import EpochRecord


@dataclass(frozen=True, eq=False)
class Subject:
    """A network and what belongs to it.

    Attributes
    ----------
    network : NoiseRNN
    process : HMM or RecordedSequences, optional
        What it is compared with.
    noise_std : float
        Standard deviation of its noise (dimensionless).
    symbol_names : tuple of str
        Names of the symbols; by default those of the process, or numbers without one.
    seed : int
        Seed of the run; each part has a stream of its own.
    history : list of EpochRecord
        Empty for a network without one.
    checkpoints : mapping
        Loaders of the networks kept during training, by epoch.
    found : dict
        Results of the parts that are finished, by name.
    streams_of : NoiseRNN, optional
        Network whose weights the random streams follow from; ``network`` itself by default.

    Examples
    --------
    >>> from orbitscope.dynamics.regions.regions import RegionSettings, compute_regions
    >>> subject = Subject(osc.load_network("zoo:linear-3"))
    >>> compute_regions(subject, RegionSettings(n_trajectories=50))
    """

    network: NoiseRNN
    process: Process | None = None
    noise_std: float = 1.0
    symbol_names: tuple[str, ...] = ()
    seed: int = 0
    history: list[EpochRecord] = field(default_factory=list)
    checkpoints: Mapping[int, Callable[[], NoiseRNN]] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    streams_of: NoiseRNN | None = None
    _kept: "_KeptValues" = field(default_factory=lambda: _KeptValues())

    def __repr__(self) -> str:
        known = {"checkpoints": len(self.checkpoints), "found": len(self.found)}
        counts = "".join(f", {count} {name}" for name, count in known.items() if count)
        return f"Subject({self.network!r}, noise_std={self.noise_std}, seed={self.seed}{counts})"

    def __post_init__(self) -> None:
        numbers = map(str, range(self.network.n_symbols))
        known = self.process.symbol_names if self.process is not None else numbers
        object.__setattr__(self, "symbol_names", tuple(self.symbol_names or known))

    @property
    def hmm(self) -> HMM | None:
        """The process, if it is an HMM."""
        return self.process if isinstance(self.process, HMM) else None

    def replace_network(self, network: NoiseRNN) -> "Subject":
        """Another network under the same random numbers, such as this one under an intervention."""
        return replace(
            self, network=network, found={}, _kept=_KeptValues(), streams_of=self.streams_of or self.network
        )

    def keep(self, name: str, settings: PartSettings, compute: Callable[[], Any]) -> Any:
        """Something that several parts look at: computed once, and again where the settings are others."""
        return self._kept.find(name, settings, compute)

    def record(self, settings: PartSettings) -> dict[str, Any]:
        """What a result says it was computed with: settings, and the noise of the network."""
        return settings.model_dump() | {"noise_std": self.noise_std}

    def start_generator(self, part: str) -> torch.Generator:
        """Source of all noise of a part: it does not depend on which parts are computed, or when.

        Notes
        -----
        It follows from the seed, the name of the part and the weights, so that networks of the same seed
        share neither noise nor null draws: intervals and p-values of different networks are independent.
        What is to be compared on common noise within a network (checkpoints) shares it within its part, and
        an intervened network shares that of the intact one (:meth:`replace_network`).
        """
        digest = hashlib.sha256(part.encode())
        source = self.streams_of or self.network
        for name, tensor in sorted(source.state_dict().items()):
            digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        index = int.from_bytes(digest.digest()[:8], "big")
        seed = derive_seed(self.seed, "analysis", index)
        return torch.Generator(self.network.w_out.device).manual_seed(seed)

    def start_rng(self, part: str) -> np.random.Generator:
        """The same for NumPy."""
        return np.random.default_rng(self.start_generator(part).initial_seed())


class _KeptValues:
    """Values that several parts share, which may go on side by side: the first one computes them."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[PartSettings, Any]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return _KeptValues, ()  # a copy computes them again

    def find(self, name: str, settings: PartSettings, compute: Callable[[], Any]) -> Any:
        with self._locks.setdefault(name, threading.Lock()):
            known = self._values.get(name)
            if known is None or known[0] != settings:
                self._values[name] = known = settings, compute()
            return known[1]
