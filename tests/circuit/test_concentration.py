from dataclasses import dataclass

import numpy as np
import pytest
import torch

from orbitscope.circuit.attribution import DirectedTwins
from orbitscope.circuit.concentration import LEAST_EFFECT, choose_lead, measure_share
from orbitscope.circuit.twins import Twins
from orbitscope.network import build_network
from orbitscope.subject import Subject

N_NEURONS = 5


@dataclass(frozen=True)
class KnownTwins(DirectedTwins):
    """Patching k of five neurons has k/5 of an effect; without them the symbol is gone in one of ten."""

    effect: float

    def measure_against_placebo(self, network, is_patched, **options):
        patched = 0.1 + self.effect * is_patched.mean(-1)
        return np.stack([patched, np.full_like(patched, 0.1)])


def make_found(owner, direction, effect):
    states = torch.zeros(1, len(owner), N_NEURONS)
    direction = np.array(direction)
    twins = Twins((1,), states, states, states, direction, 1 - direction, np.array(owner))
    return KnownTwins(twins, np.array([[0, 1], [1, 0]]), direction, max(owner) + 1, effect)


def measure(found, chosen):
    own = Subject(build_network(2, hidden_size=N_NEURONS, input_size=1, generator=torch.Generator()))
    return measure_share(own, found, chosen, 10, generator=torch.Generator())


def test_neurons_are_patched_one_step_ahead_at_least():
    assert [choose_lead(lead) for lead in (0.0, 0.4, 2.6, np.nan)] == [1, 1, 3, 1]


def test_the_share_is_that_of_sets_chosen_on_the_other_half():
    """One, two, three and four of five neurons, by half and direction."""
    chosen = np.arange(N_NEURONS) < np.array([[1, 2], [3, 4]])[..., None]
    found = make_found(owner=[0, 0, 2, 1], direction=[0, 1, 1, 0], effect=0.8)
    share = measure(found, chosen)
    assert share == pytest.approx(np.mean([3, 4, 4, 1]) / N_NEURONS)


def test_where_all_neurons_have_hardly_an_effect_there_is_no_share():
    chosen = np.ones((2, 2, N_NEURONS), dtype=bool)
    twins = {"owner": [0, 1], "direction": [0, 1]}
    assert measure(make_found(**twins, effect=1.01 * LEAST_EFFECT), chosen) == pytest.approx(1)
    for effect in (0.99 * LEAST_EFFECT, 0.0, -0.05):
        assert measure(make_found(**twins, effect=effect), chosen) == 0
