"""Parts of the noise that are scaled: all of it, the deciding directions, the rest, that of populations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ...interventions.targets import Target
from ...network import NoiseRNN


@dataclass(frozen=True, eq=False)
class NoisePart:
    """A part of the noise.

    Attributes
    ----------
    name : str
        all, deciding, rest or population, in this order in a result.
    target : Target, optional
        Directions of the noise, or neurons whose noise it is; None for all noise.
    """

    name: str
    target: Target | None = None

    @property
    def size(self) -> int:
        """Directions or neurons; 0 for all noise."""
        return 0 if self.target is None else self.target.size

    def scale(self, network: NoiseRNN, dose: float) -> tuple[NoiseRNN, float]:
        """A network in which this part of the noise is scaled, and the factor of all noise."""
        return (network, dose) if self.target is None else (self.target.scale(network, dose), 1.0)


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
        parts.append(_take_directions("deciding", deciding))
        rest = np.linalg.qr(deciding, mode="complete")[0][:, deciding.shape[1] :]
        if rest.shape[1]:
            parts.append(_take_directions("rest", rest))
        else:
            notes.append("rest: every direction of the noise is a deciding one")
    if populations is None:
        notes.append("population: the part `populations` was not computed")
    else:
        groups = populations.list_populations().values()
        members = sorted({neuron for members in groups for neuron in members})
        if members:
            target = Target("population", tuple(members), source="noise of neurons")
            parts.append(NoisePart("population", target))
        else:
            notes.append("population: no neuron is in one")
    return parts, notes


def _take_directions(name: str, basis: Float[np.ndarray, "input direction"]) -> NoisePart:
    return NoisePart(name, Target(name, basis=basis, source="noise directions"))
