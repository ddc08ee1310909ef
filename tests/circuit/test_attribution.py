from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import make_triggered_latch

from orbitscope.circuit.attribution import DirectedTwins, choose_candidates, find_twins
from orbitscope.circuit.commitment import OUTCOME_STEPS
from orbitscope.circuit.symbol_runs import Switches, find_switches
from orbitscope.circuit.twins import Twins
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.subject import Subject

LEADS, APART = (2, 1, 3), 4
PAIRS = np.array([[0, 1], [1, 0]])


def make_found(direction=(0, 1, 0, 1), owner=(0, 1, 3, 6), *, n_neurons=5):
    """Twins whose states are random."""
    states = torch.randn(3, len(LEADS), len(owner), n_neurons, generator=torch.Generator().manual_seed(0))
    direction = np.array(direction)
    twins = Twins(LEADS, *states.double(), *PAIRS[:, direction], np.array(owner))
    return DirectedTwins(twins, PAIRS, direction, 8)


@pytest.fixture(scope="module")
def driven():
    network, _, _ = make_triggered_latch(1, 1, n_distractors=3)
    generator = torch.Generator().manual_seed(0)
    path = run_driven(network, 300, 60, burn_in=10, noise_std=1.0, generator=generator)
    return Subject(network), path, find_switches(network.compute_logits(path.states).argmax(-1).numpy().T)


def find(driven, switches, *, n_twins=10_000):
    subject, path, _ = driven
    sizes = {"leads": LEADS, "apart": APART, "n_twins": n_twins, "n_tries": 20}
    generator = torch.Generator().manual_seed(0)
    return find_twins(subject, path, switches, **sizes, rng=np.random.default_rng(0), generator=generator)


def test_sets_are_those_chosen_on_the_other_half_for_the_direction():
    """Even trajectories get what odd ones chose; each neuron stands for a half and a direction."""
    chosen = np.zeros((1, 2, 2, 4), dtype=bool)
    for half in (0, 1):
        for direction in (0, 1):
            chosen[0, half, direction, 2 * half + direction] = True
    assigned = make_found().assign(chosen)[0]
    expected = [2 * (1 - owner % 2) + d for owner, d in zip((0, 1, 3, 6), (0, 1, 0, 1), strict=True)]
    np.testing.assert_array_equal(assigned, np.eye(4, dtype=bool)[expected])


def test_means_are_those_of_half_and_direction():
    values = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    found = make_found((0, 1, 0, 1, 0), (0, 1, 3, 6, 2)).average(values)
    np.testing.assert_array_equal(found[..., 0], [[8.5, 8], [4, 2]])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_path_that_stays_receives_until_the_outcome(at):
    network, _, _ = make_triggered_latch(1, 1, n_distractors=0)
    found = make_found(n_neurons=network.hidden_size)
    noise = {"noise_std": 1.0, "generator": torch.Generator().manual_seed(0)}
    for placebo, donor in ((False, found.twins.switched), (True, found.twins.stayed_too)):
        patches = found.patch(network, at, **noise, placebo=placebo)
        assert patches.n_steps == LEADS[at] + OUTCOME_STEPS
        np.testing.assert_array_equal(patches.receiver, found.twins.stayed[at])
        np.testing.assert_array_equal(patches.donor, donor[at])
        np.testing.assert_array_equal(patches.origin, found.twins.origin)


def test_chosen_twins_keep_their_directions():
    found = make_found()
    some = found.select(np.array([3, 0]))
    assert (some.direction.tolist(), some.twins.owner.tolist()) == ([1, 0], [6, 0])
    np.testing.assert_array_equal(some.twins.stayed, found.twins.stayed[:, [3, 0]])


def test_twins_are_of_switches_that_are_seen_as_a_whole(driven):
    """From the common state, in a run of the old symbol, to the outcome."""
    _, path, switches = driven
    found = find(driven, switches)
    is_whole = (switches.age >= 3 + APART) & (switches.time + OUTCOME_STEPS < 60)
    assert 0.9 * is_whole.sum() < len(found.twins) <= is_whole.sum()
    whole = switches.select(is_whole)
    known = {tuple(state) for state in path.states[whole.time - LEADS[0], whole.trajectory].tolist()}
    assert {tuple(state) for state in found.twins.switched[0].tolist()} <= known
    assert (PAIRS.T.tolist(), found.n_units) == (found.pairs.T.tolist(), 300)
    np.testing.assert_array_equal(found.pairs[0][found.direction], found.twins.origin)
    np.testing.assert_array_equal(found.pairs[1][found.direction], found.twins.target)


def test_a_direction_without_twins_in_one_half_is_left_out(driven):
    """What is chosen on the other half could not be measured."""
    _, _, switches = driven
    found = find(driven, switches.select((switches.origin == 1) | (switches.trajectory % 2 == 0)))
    assert found.pairs.tolist() == [[1], [0]]
    assert set(found.direction) == {0}
    assert set(found.twins.origin) == {1}
    with pytest.raises(UndefinedAnalysisError, match="with twins that do not switch, got at most"):
        find(driven, switches.select(switches.trajectory % 2 == 0))
    whole = switches.select(switches.age >= 3 + APART)
    with pytest.raises(UndefinedAnalysisError, match="got at most 0"):
        find(driven, replace(whole, age=np.full(len(whole), 3 + APART - 1)))


@pytest.mark.parametrize(("n_drawn", "n_each"), [(140, 70), (20, 60), (1000, 110)])
def test_frequent_directions_are_drawn_evenly(n_drawn, n_each):
    """Of 300 and of 110 switches; one direction of 20 is left out."""
    n_events = [300, 110, 20]
    direction = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], n_events))
    origin, target = np.array([[0, 1, 2], [1, 0, 0]])[:, direction]
    number = np.arange(len(direction))
    switches = Switches(number, number, origin, target, number, number)
    drawn = choose_candidates(switches, n_drawn, rng=np.random.default_rng(0))
    counts = np.bincount(drawn.origin, minlength=3)
    assert counts.tolist() == [min(max(60, n_drawn // 2), 300), n_each, 0]
    assert (np.diff(drawn.trajectory) > 0).all()
    few = switches.select(switches.origin == 2)
    assert len(choose_candidates(few, n_drawn, rng=np.random.default_rng(0))) == 0
