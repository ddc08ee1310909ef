"""Targets of interventions: groups of neurons, and directions of the noise, that other parts found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..network import NoiseRNN, intervene
from ..subject import Subject
from .published_sets import find_published_sets

SOURCES = ("neurons", "noise of neurons", "noise directions")
"""What of a network a gain scales: what neurons receive from neurons, or from the noise; or some noise."""


_WORDS = {
    "carriers": "carriers",
    "first": "first by effect",
    "noise": "deciding noise",
    "population": "noise of populations",
    "kick": "kick neurons, published rule",
    "kick-feeding": "noise of those feeding kick",
    "kick-control": "noise of the rest",
    "neurons": "neurons",
}
"""Kinds of targets in words."""

_LONGEST_LIST = 24
"""Letters of a list of neurons that is named."""


@dataclass(frozen=True, eq=False)
class Target:
    """What a gain acts on.

    Attributes
    ----------
    name : str
        Such as ``carriers:0→2``.
    neurons : tuple of int
        Neurons whose input is scaled.
    basis : (input, direction), optional
        Orthonormal directions of the noise that are scaled.
    source : str
        One of ``SOURCES``.
    """

    name: str
    neurons: tuple[int, ...] = ()
    basis: Float[np.ndarray, "input direction"] | None = field(default=None, repr=False)
    source: str = "neurons"

    @property
    def size(self) -> int:
        """Neurons, or directions of the noise."""
        return len(self.neurons) if self.basis is None else self.basis.shape[1]

    @property
    def is_of_one_direction(self) -> bool:
        """Whether it was found for a single direction of switching."""
        return "→" in self.name

    def scale(self, network: NoiseRNN, gain: float) -> NoiseRNN:
        """The network with this gain on the target; itself for a gain of 1."""
        if gain == 1.0:
            return network
        if self.basis is not None:
            return intervene(network, project_noise=self.basis, noise_gain=gain)
        gains = dict.fromkeys(self.neurons, gain)
        if self.source == "noise of neurons":
            return intervene(network, input_gain=gains)
        return intervene(network, gain=gains)


def list_targets(subject: Subject) -> list[Target]:
    """Targets that a network has, of the parts that were computed; empty groups are left out.

    ``carriers:a→b`` and ``first:a→b`` (the first neurons by effect) for each direction, ``carriers`` and
    ``first`` for all directions together; ``noise:1``, the leading direction of the deciding noise, and
    ``noise``, all of them; ``kick`` and ``kick-feeding``, the sets of the published experiment, with
    ``kick-control``, the neurons in neither.
    """
    targets = []
    found, kernel = subject.found.get("carriers"), subject.found.get("noise_kernel")
    if found is not None:
        targets += _list_groups("carriers", found.list_carriers())
        targets += _list_groups("first", found.list_first())
    if kernel is not None:
        basis = kernel.deciding.T
        targets.append(Target("noise:1", basis=basis[:, :1], source="noise directions"))
        targets += [Target("noise", basis=basis, source="noise directions")] if basis.shape[1] > 1 else []
    if "populations" in subject.found:
        targets += _list_groups(
            "population", subject.found["populations"].list_populations(), source="noise of neurons"
        )
    if found is not None:
        sets = find_published_sets(subject.network, found)
        targets += [Target(name, members, source=source) for name, source, members in sets if members]
    return targets


def require_target_name(name: str, hidden_size: int) -> None:
    """Refuse what cannot be a target of any network of this size, before anything is computed.

    Raises
    ------
    InputError
        If there is no such kind of target, or no such neuron.
    """
    kind, _, rest = name.partition(":")
    if kind == "neurons":
        _read_neurons(rest, hidden_size)
    elif kind not in _WORDS:
        raise InputError(
            f"unknown target `{name}`. Valid are {', '.join(_WORDS)}; those of one direction, such as "
            "`carriers:0to2`; `noise:1`; and neurons by number, such as `neurons:28,62`."
        )


def find_target(subject: Subject, name: str) -> Target:
    """A target by its name.

    ``neurons:28,62`` names neurons by number, ``0to2`` stands for ``0→2``, and a kind of which a network has
    one target alone is that target.

    Raises
    ------
    InputError
        If there is no such target, or no such neuron.
    """
    kind, _, rest = name.partition(":")
    if kind == "neurons":
        return Target(name, _read_neurons(rest, subject.network.hidden_size))
    targets = list_targets(subject)
    target, instead = _choose(name, targets), name.replace("carriers", "first", 1)
    if target is None and kind == "carriers" and _choose(instead, targets):
        raise InputError(
            f"`{name}` is empty: no neuron stands out as a carrier there. Use `{instead}`, the first neurons "
            "by effect."
        )
    if target is None:
        known = ", ".join(_spell(each.name) for each in targets) or "none was found in this network"
        raise InputError(
            f"unknown target `{name}`. Valid here: {known}; or neurons by number, such as `neurons:28,62`."
        )
    return target


def _choose(name: str, targets: list[Target]) -> Target | None:
    """The target of this name, else that of this spelling, else the only one of this kind."""
    of_name = [target for target in targets if target.name == name]
    of_spelling = [target for target in targets if _spell(target.name) == _spell(name)]
    of_kind = [target for target in targets if target.name.partition(":")[0] == name]
    return next((chosen[0] for chosen in (of_name, of_spelling, of_kind) if len(chosen) == 1), None)


def _spell(name: str) -> str:
    """A name in letters that a keyboard has."""
    return name.replace("→", "to")


def _list_groups(kind: str, groups: dict[str, list[int]], *, source: str = SOURCES[0]) -> list[Target]:
    """A target for each group that has neurons, and one for all of them together."""
    named = [(f"{kind}:{name.replace(' ', '')}", members) for name, members in groups.items() if members]
    together = [(kind, _unite(members for _, members in named))] if len(named) > 1 else []
    return [Target(name, tuple(members), source=source) for name, members in (*named, *together)]


def _unite(groups: Iterable[list[int]]) -> list[int]:
    return sorted({neuron for members in groups for neuron in members})


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


def describe_target(name: str, size: int) -> str:
    """A target in words, with its size: ``first by effect 0→2 (12)``."""
    kind, _, rest = name.partition(":")
    if kind == "noise" and rest == "1":
        return f"leading noise ({size})"
    words = rest if kind != "neurons" or len(rest) <= _LONGEST_LIST else ""
    return " ".join([_WORDS.get(kind, kind), *([words] if words else []), f"({size})"])
