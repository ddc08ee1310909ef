from types import SimpleNamespace

import numpy as np
import pytest
import torch

from orbitscope.circuit.attribution import DirectedTwins
from orbitscope.circuit.concentration import LEAST_EFFECT, choose_lead, measure_share
from orbitscope.circuit.twins import Twins

N_NEURONS = 5


def make_found(owner, direction):
    states = torch.zeros(1, len(owner), N_NEURONS)
    direction = np.array(direction)
    twins = Twins((1,), states, states, states, direction, 1 - direction, np.array(owner))
    return DirectedTwins(twins, np.array([[0, 1], [1, 0]]), direction, max(owner) + 1)


def make_patches(effect):
    """Patching k neurons has k/5 of this effect; without them the symbol is gone in one of ten."""
    return SimpleNamespace(measure_together=lambda sets, n_rollouts: 0.1 + effect * sets.mean(-1))


def test_neurons_are_patched_one_step_ahead_at_least():
    assert [choose_lead(lead) for lead in (0.0, 0.4, 2.6, np.nan)] == [1, 1, 3, 1]


def test_the_share_is_that_of_sets_chosen_on_the_other_half():
    """One, two, three and four of five neurons, by half and direction."""
    chosen = np.arange(N_NEURONS) < np.array([[1, 2], [3, 4]])[..., None]
    found = make_found(owner=[0, 0, 2, 1], direction=[0, 1, 1, 0])
    share = measure_share(found, chosen, make_patches(0.8), 10)
    assert share == pytest.approx(np.mean([3, 4, 4, 1]) / N_NEURONS)


def test_where_all_neurons_have_hardly_an_effect_there_is_no_share():
    chosen = np.ones((2, 2, N_NEURONS), dtype=bool)
    found = make_found(owner=[0, 1], direction=[0, 1])
    assert measure_share(found, chosen, make_patches(1.01 * LEAST_EFFECT), 10) == pytest.approx(1)
    for effect in (0.99 * LEAST_EFFECT, 0.0, -0.05):
        assert measure_share(found, chosen, make_patches(effect), 10) == 0
