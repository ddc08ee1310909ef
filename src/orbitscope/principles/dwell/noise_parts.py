"""Parts of the noise that are scaled: all of it, the deciding directions, the rest, that of populations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...network import NoiseRNN, intervene

NOISE_PARTS = ("all", "deciding", "rest", "population")
"""In the order of a result."""


@dataclass(frozen=True, eq=False)
class NoisePart:
    """A part of the noise.

    Attributes
    ----------
    name : str
        One of ``NOISE_PARTS``.
    basis : (input, direction), optional
        Orthonormal directions of the noise.
    neurons : tuple of int
        Neurons whose noise it is.
    """

    name: str
    basis: np.ndarray | None = None
    neurons: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Directions or neurons; 0 for all noise."""
        return len(self.neurons) if self.basis is None else self.basis.shape[1]

    def scale(self, network: NoiseRNN, dose: float) -> tuple[NoiseRNN, float]:
        """A network in which this part of the noise is scaled, and the factor of all noise."""
        if dose == 1.0:
            return network, 1.0
        if self.basis is not None:
            return intervene(network, project_noise=self.basis, noise_gain=dose), 1.0
        if self.neurons:
            return intervene(network, input_gain=dict.fromkeys(self.neurons, dose)), 1.0
        return network, dose


def list_noise_parts(found: Mapping[str, Any]) -> tuple[list[NoisePart], list[str]]:
    """Parts of the noise that other results name, and notes on those that are missing.

    Parameters
    ----------
    found : mapping
        Results of parts, by name; ``noise_kernel`` and ``populations`` are used if they are there.
    """
    parts, notes = [NoisePart("all")], []
    kernel, populations = found.get("noise_kernel"), found.get("populations")
    if kernel is None:
        notes.append("deciding directions: the part `noise_kernel` was not computed")
    else:
        deciding = kernel.deciding.T
        if int(kernel.rank) == 0:
            notes.append("deciding directions: none can be told from chance, so the leading ones are scaled")
        parts.append(NoisePart("deciding", basis=deciding))
        rest = np.linalg.qr(deciding, mode="complete")[0][:, deciding.shape[1] :]
        if rest.shape[1]:
            parts.append(NoisePart("rest", basis=rest))
        else:
            notes.append("rest: every direction of the noise is a deciding one")
    if populations is None:
        notes.append("population: the part `populations` was not computed")
    else:
        groups = populations.list_populations().values()
        members = sorted({neuron for members in groups for neuron in members})
        if members:
            parts.append(NoisePart("population", neurons=tuple(members)))
        else:
            notes.append("population: no neuron is in one")
    return parts, notes
