"""Targets of interventions: groups of neurons, and directions of the noise, that are found in other parts."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..network import NoiseRNN, intervene
from ..subject import Subject


@dataclass(frozen=True, eq=False)
class Target:
    """What a gain acts on: neurons, or directions of the noise.

    Attributes
    ----------
    name : str
        Such as ``carriers:0→2``.
    neurons : tuple of int
        Neurons whose input from neurons is scaled.
    basis : (input, direction), optional
        Orthonormal directions of the noise that are scaled.
    """

    name: str
    neurons: tuple[int, ...] = ()
    basis: Float[np.ndarray, "input direction"] | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Neurons, or directions of the noise."""
        return len(self.neurons) if self.basis is None else self.basis.shape[1]

    def scale(self, network: NoiseRNN, gain: float) -> NoiseRNN:
        """The network with this gain on the target; itself for a gain of 1."""
        if gain == 1.0:
            return network
        if self.basis is not None:
            return intervene(network, project_noise=self.basis, noise_gain=gain)
        return intervene(network, gain=dict.fromkeys(self.neurons, gain))


def list_targets(subject: Subject) -> list[Target]:
    """Targets that a network has: carriers, the first neurons by effect, the deciding noise.

    ``carriers:a→b`` and ``first:a→b`` for each direction, ``carriers`` and ``first`` for all of them
    together, ``noise:1`` for the leading direction and ``noise`` for all deciding ones. Empty groups are left
    out.
    """
    targets = []
    found, kernel = subject.found.get("carriers"), subject.found.get("noise_kernel")
    if found is not None:
        first = found.list_first()
        for kind, groups in (("carriers", found.list_carriers()), ("first", first)):
            named = [(f"{kind}:{_shorten(name)}", members) for name, members in groups.items() if members]
            union = sorted({neuron for _, members in named for neuron in members})
            together = [(kind, union)] if len(named) > 1 else []
            targets += [Target(name, tuple(members)) for name, members in (*named, *together)]
    if kernel is not None:
        basis = kernel.deciding.T
        targets += [Target("noise:1", basis=basis[:, :1])]
        targets += [Target("noise", basis=basis)] if basis.shape[1] > 1 else []
    return targets


def find_target(subject: Subject, name: str) -> Target:
    """A target by its name; ``neurons:28,62`` names neurons by number, and ``0to2`` stands for ``0→2``.

    Raises
    ------
    InputError
        If there is no such target, or no such neuron.
    """
    kind, _, rest = name.partition(":")
    if kind == "neurons":
        return Target(name, _read_neurons(rest, subject.network.hidden_size))
    plain = f"{kind}:{rest.replace('to', '→')}" if rest else kind
    targets = {target.name: target for target in list_targets(subject)}
    if plain not in targets:
        known = ", ".join(targets) or "none was found in this network"
        raise InputError(f"unknown target `{name}`. Valid: {known}; or neurons by number, `neurons:28,62`.")
    return targets[plain]


def _shorten(direction: str) -> str:
    return direction.replace(" ", "")


def _read_neurons(text: str, size: int) -> tuple[int, ...]:
    """Numbers of neurons from ``28,62``."""
    try:
        neurons = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        raise InputError(
            f"`neurons:` must be followed by whole numbers, got {text!r}. Use neurons:28,62."
        ) from None
    if wrong := [neuron for neuron in neurons if not 0 <= neuron < size]:
        raise InputError(
            f"neurons must be numbers from 0 to {size - 1}, got {wrong[0]}. Neurons are counted from 0."
        )
    return neurons
