import numpy as np
import pytest
import torch

import orbitscope.dynamics.regions.region_starts as module
from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError
from orbitscope.dynamics.regions.region_labels import classify_regions, label_states
from orbitscope.dynamics.regions.region_starts import SPACING, draw_region_starts
from orbitscope.dynamics.regions.residency import compute_residency
from orbitscope.errors import InputError
from orbitscope.network import build_network
from orbitscope.network.cells import Cell

N_UNITS = 30


class CounterCell(Cell):
    """Hands a pulse on from unit to unit, around a ring."""

    name = "counter"

    def step(self, state, noise):
        return state.roll(1, dims=1)


def make_cycle():
    """Three symbols for ten steps each: residency falls from 10 to 1, so 2 : 7 : 1 slow, kick, transition."""
    network = build_network(
        3, hidden_size=N_UNITS, input_size=1, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell = CounterCell(N_UNITS, 1)
        network.w_out.copy_(torch.eye(3).repeat_interleave(10, 1))
    place = torch.Generator().manual_seed(5)
    network.initial_state = lambda n: torch.eye(N_UNITS).double()[
        torch.randint(N_UNITS, (n,), generator=place)
    ]
    return network


def make_network(*, seed=3, gain=2.0, **options):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, hidden_size=12, input_size=5, generator=generator, **options).double()
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network


def draw(network, *, seed=1, **options):
    generator = torch.Generator().manual_seed(seed)
    return draw_region_starts(network, generator=generator, **{"burn_in": 40} | options)


# ---- labels


def test_labels_of_states_whose_residency_is_known():
    states = torch.eye(N_UNITS).double()
    generator = torch.Generator().manual_seed(0)
    steps = 10 - np.arange(N_UNITS) % 10
    labels = label_states(make_cycle(), states, generator=generator)
    np.testing.assert_array_equal(labels, classify_regions(steps.astype(float)))
    only = label_states(make_cycle(), states, only_transition=True, generator=generator)
    np.testing.assert_array_equal(only, np.where(steps < 2, 2, -1))


def test_labels_agree_with_residencies_as_well_as_these_with_each_other():
    network = make_network()
    states = draw(network, n_starts=400, max_states=1).states
    seeds = [torch.Generator().manual_seed(seed) for seed in range(4)]
    first, second = (
        classify_regions(compute_residency(network, states, generator=g).mean_steps) for g in seeds[:2]
    )
    labels = label_states(network, states, generator=seeds[2])
    only = label_states(network, states, only_transition=True, generator=seeds[3])
    chance = (first == second).mean()
    assert 0.5 < chance < 0.99
    assert (labels == first).mean() > chance - 0.03
    assert ((only == 2) == (first == 2)).mean() > ((second == 2) == (first == 2)).mean() - 0.03
    assert min(np.bincount(labels, minlength=3)) > 0


def test_a_state_that_either_leaves_at_once_or_stays_is_slow():
    """h′ = tanh(2 h + x/10) from 0⁺: half of the rollouts change their sign, the others last."""
    network = build_network(
        2, cell="tanh", hidden_size=1, input_size=1, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell.w_hh.fill_(2.0)
        network.cell.w_ih.fill_(0.1)
        network.w_out.copy_(torch.tensor([[1.0], [-1.0]]))
    states = torch.full((50, 1), 1e-9).double()
    labels = label_states(network, states, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(labels, np.zeros(50))


def test_noise_counts_in_a_label():
    network = make_network(bias=True)
    states = draw(network, n_starts=100, max_states=1).states
    quiet = label_states(network, states, noise_std=1e-3, generator=torch.Generator().manual_seed(0))
    loud = label_states(network, states, noise_std=3.0, generator=torch.Generator().manual_seed(0))
    assert (quiet == 0).mean() > (loud == 0).mean() + 0.3


# ---- starts


@pytest.mark.parametrize("n_starts", [1, 25])
def test_every_region_gets_the_starts_it_needs(n_starts):
    found = draw(make_cycle(), n_starts=n_starts)
    np.testing.assert_array_equal(found.label, np.repeat([0, 1, 2], n_starts))
    residency = 10 - found.states.argmax(1).numpy() % 10
    np.testing.assert_array_equal(classify_regions(residency.astype(float)), found.label)


def test_no_trajectory_gives_two_starts(monkeypatch):
    """States that carry the number of their trajectory."""
    network = make_cycle()
    network.cell.state_size = N_UNITS + 1
    first = network.initial_state

    def step(state, noise):
        return torch.cat([state[:, :N_UNITS].roll(1, dims=1), state[:, N_UNITS:]], 1)

    network.cell.step = step
    network.initial_state = lambda n: torch.cat([first(n), torch.arange(n)[:, None]], 1).double()
    looks, label = [], label_states

    def watch(network, states, **options):
        looks.append(states)
        return label(network, states, **options)

    monkeypatch.setattr(module, "label_states", watch)
    found = draw(network, n_starts=30)
    numbers = found.states[:, N_UNITS]
    assert len(numbers.unique()) == len(numbers) == 90
    assert len(looks) > 1
    assert found.n_seen == sum(len(states) for states in looks)
    assert len(looks[0]) == 120
    for earlier, later in zip(looks[:-1], looks[1:], strict=True):
        places = {int(row[N_UNITS]): int(row[:N_UNITS].argmax()) for row in earlier}
        for row in later:
            place = int(row[:N_UNITS].argmax())
            assert place == (places[int(row[N_UNITS])] + SPACING) % N_UNITS


def test_the_search_ends_and_tells_what_it_has_seen():
    network = make_network()
    with torch.no_grad():
        network.w_out.zero_()
    found = draw(network, n_starts=10, max_states=100)
    np.testing.assert_array_equal(found.label, np.zeros(10))
    assert found.n_seen == 40 + 30 + 30
    assert found.states.shape == (10, 12)


def test_the_same_seed_gives_the_same_starts():
    first, again, other = (draw(make_network(), n_starts=20, seed=seed, max_states=200) for seed in (1, 1, 2))
    assert torch.equal(first.states, again.states)
    assert not torch.equal(first.states[:10], other.states[:10])


@pytest.mark.parametrize("name", ["n_starts", "max_states"])
def test_numbers_out_of_range_are_refused(name):
    with pytest.raises(InputError, match=f"`{name}` must be ≥ 1, got 0"):
        draw(make_network(), **{name: 0})


def test_a_network_that_grows_after_the_burn_in_has_no_stationary_regime():
    """It never leaves the symbol that it shows, so that it is driven on until its activity overflows."""
    network = make_network(gain=0.0)
    with torch.no_grad():
        network.cell.w_hh.copy_(3 * torch.eye(12))
        network.cell.w_ih.abs_()
        network.w_out.zero_()[0] = 1.0
    with pytest.raises(NoStationaryRegimeError, match=r"reached .* within \d+ steps"):
        draw(network, burn_in=3, n_starts=5, max_states=100_000)
