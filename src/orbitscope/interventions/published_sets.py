"""Sets of neurons of the published experiment, by rule: kick neurons, those that feed them, the rest."""

import numpy as np
from jaxtyping import Float, Int

from ..circuit.carriers import CarrierResult
from ..circuit.signature import measure_signature_distance
from ..network import NoiseRNN

N_KICK = 3
"""Kick neurons of each way."""

FED_SHARE = 60 / 150
"""Strongest excitatory inputs of each kick neuron, as a share of all neurons."""


def find_published_sets(network: NoiseRNN, found: CarrierResult) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, what is scaled, and members: ``kick``, ``kick-feeding`` and ``kick-control``.

    Kick neurons are the three that fit the published signature best of the most frequent direction, and of
    its reverse. Feeding ones are among the strongest excitatory inputs of the first three, as many of each
    as the paper takes. The control is every neuron in neither set. Sets without members are empty tuples.

    Notes
    -----
    Torre et al. 2025 choose kick neurons by eye; three of them with the 60 strongest inputs of each leave
    about 30 neurons of 150 for the control. The rule is our own.
    """
    order = _rank_by_signature(found)
    pair = _choose_opposite(found)
    groups = [order[d][:N_KICK] for d in pair]
    kick = tuple(sorted({int(neuron) for group in groups for neuron in group}))
    weights = network.cell.find_recurrent_weights()
    if weights is None or not kick:
        return [("kick", "neurons", kick)]
    size = network.hidden_size
    feeding = _find_feeding(weights.double().cpu().numpy(), groups[0], set(kick))
    rest = tuple(sorted(set(range(size)) - set(kick) - set(feeding)))
    return [
        ("kick", "neurons", kick),
        ("kick-feeding", "noise of neurons", feeding),
        ("kick-control", "noise of neurons", rest),
    ]


def _rank_by_signature(found: CarrierResult) -> list[Int[np.ndarray, " ranked"]]:
    """Neurons of each direction by distance from the signature, then by their rise, without constant ones."""
    distance = measure_signature_distance(found.preactivation)
    rise = found.preactivation[:, -1] - found.preactivation[:, 0]
    order = []
    for d in range(len(distance)):
        ranked = np.lexsort((-rise[d], distance[d]))
        is_known = np.isfinite(distance[d]) & (found.preactivation[d] != 0).any(0)
        order.append(ranked[is_known[ranked]])
    return order


def _choose_opposite(found: CarrierResult) -> list[int]:
    """The direction with the most twins, and its reverse if that is there."""
    pairs = list(zip(found.origin.tolist(), found.target.tolist(), strict=True))
    first = int(found.n_twins.argmax())
    reverse = pairs[first][::-1]
    return [first, pairs.index(reverse)] if reverse in pairs else [first]


def _find_feeding(
    weights: Float[np.ndarray, "hidden hidden"], kick: Int[np.ndarray, " kick"], left_out: set[int]
) -> tuple[int, ...]:
    """Strongest excitatory inputs of each of these neurons, without kick neurons."""
    n_inputs = round(FED_SHARE * len(weights))
    chosen: set[int] = set()
    for neuron in kick.tolist():
        strongest = np.argsort(-weights[neuron], kind="stable")[:n_inputs]
        chosen |= set(strongest[weights[neuron, strongest] > 0].tolist())
    return tuple(sorted(chosen - left_out))
