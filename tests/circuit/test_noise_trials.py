import numpy as np
import pytest
import torch
from latches import make_driven_latches, make_gated_latch, make_latch, start_saturated

from orbitscope.circuit import switches
from orbitscope.circuit.noise_kernel import NoiseKernelSettings
from orbitscope.circuit.noise_trials import (
    Subspaces,
    build_subspaces,
    count_steps,
    count_switches,
    measure_removals,
    measure_replays,
)
from orbitscope.network import build_network
from orbitscope.subject import Subject

INPUTS = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))[0]
DIRECTION = INPUTS[:, :1]
NOTHING = DIRECTION[:, :0]
SMALL = NoiseKernelSettings(
    n_replayed=60, replay_steps=1, n_rollouts=10, n_trajectories=20, n_steps=60, burn_in=5, n_resamples=50
)


def seeded():
    return {"generator": torch.Generator().manual_seed(0), "rng": np.random.default_rng(0), "noise_std": 1.0}


@pytest.fixture(scope="module")
def latch():
    """A latch that noise along one direction flips, its path, and its switches of known age."""
    network = start_saturated(make_driven_latches(DIRECTION[:, 0]))
    subject = Subject(network)
    drive = switches.SwitchSettings(n_trajectories=80, n_steps=200, burn_in=5, n_resamples=5)
    subject.found["switches"] = switches.PART.run(subject, drive)
    path, found = switches.replay_switches(subject)
    return network, path, found.select((found.age >= 1) & (found.time < 198))


def replay(latch, by_fold, chosen=slice(None), **settings):
    network, path, found = latch
    events = found.select(np.arange(len(found))[chosen])
    values = SMALL.model_dump() | settings
    return measure_replays(network, path, events, by_fold, NoiseKernelSettings(**values), **seeded())


def test_replays_start_before_the_noise_that_is_replayed(latch):
    """One step back the latch has not flipped yet; the flip holds for two steps with probability .97²."""
    found = replay(latch, [Subspaces([DIRECTION, NOTHING], [NOTHING])])
    assert found.note == ""
    np.testing.assert_allclose(found.named.value, [1, 0], atol=1e-12)
    np.testing.assert_allclose(found.equal, 0, atol=1e-12)


@pytest.mark.parametrize("parity", [0, 1])
def test_each_trajectory_has_the_subspaces_of_its_fold(latch, parity):
    folds = [Subspaces([NOTHING, DIRECTION], []), Subspaces([DIRECTION, NOTHING], [])]
    is_in = latch[2].trajectory % 2 == parity
    found = replay(latch, folds, is_in)
    np.testing.assert_allclose(found.named.value, [parity, 1 - parity], atol=1e-12)


def test_only_switches_after_long_runs_are_replayed(latch):
    """Before them there is as much noise of the old symbol as is replayed."""
    n_old = int((latch[2].age >= 90).sum())
    assert 0 < n_old < 30
    found = replay(latch, [Subspaces([DIRECTION, NOTHING], [NOTHING])], replay_steps=90)
    assert found.note == f"replay: {n_old} switches after runs of 90 steps, < 30"
    assert np.isnan(found.named.value).all()
    assert np.isnan(found.equal).all()


def test_subspaces_share_the_leading_direction_out():
    vectors = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    weights = np.random.default_rng(2).standard_normal((8, 6))
    rng = np.random.default_rng(0)
    found = build_subspaces(vectors, weights, n_deciding=2, n_controls=3, rng=rng)
    leading, deciding, rest = found.named
    np.testing.assert_array_equal(leading[:, 0], vectors[0])
    np.testing.assert_array_equal(deciding, vectors[:2].T)
    np.testing.assert_allclose(rest @ rest.T + leading @ leading.T, np.eye(6), atol=1e-12)
    assert len(found.equal) == 3
    assert build_subspaces(vectors, None, n_deciding=9, n_controls=3, rng=rng).equal == []
    assert build_subspaces(vectors, None, n_deciding=9, n_controls=3, rng=rng).named[1].shape == (6, 6)
    assert build_subspaces(np.eye(1), np.ones((3, 1)), n_deciding=1, n_controls=3, rng=rng).equal == []


def test_switches_and_steps_can_be_counted_by_eye():
    symbols = np.array([[0, 0, 1, 1, 0, 1], [1, 1, 1, 1, 1, 0]])
    counts = count_switches(symbols, [(0, 1), (1, 0)])
    assert counts[:, 0].tolist() == [[2, 1], [0, 1]]  # switches
    assert counts[:, 1].tolist() == [[3, 2], [0, 5]]  # steps before the last one
    assert count_steps(symbols, 3).tolist() == [[3, 3, 0], [1, 5, 0]]
    assert count_steps(np.array([[-1, 0]]), 2).tolist() == [[1, 0]]


def test_a_run_without_bound_has_no_hazard_and_the_others_have():
    """Noise along the first input, of either sign, holds down a unit that grows without it."""
    network = build_network(
        2, hidden_size=4, input_size=2, bias=True, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        for weights in network.parameters():
            weights.zero_()
        network.cell.bias[0] = 0.001
        network.cell.w_hh[0, 0] = 30
        network.cell.w_hh[0, 1:3] = -1e9
        network.cell.w_ih[1:3, 0] = torch.tensor([1.0, -1.0])
        network.cell.w_ih[3, 1] = 1
        network.w_out[0, 3], network.out_bias[1] = 1, 0.5
    first, second = np.eye(2)[:, :1], np.eye(2)[:, 1:]
    subspaces = Subspaces([first, second, second], [])
    found = measure_removals(network, [(0, 1), (1, 0)], subspaces, SMALL, **seeded())
    assert found.note == "removal: in 1 runs without a part of the noise activity has no bound"
    assert np.isnan(found.named.value[0]).all()
    assert np.isnan(found.rate.value[0])
    np.testing.assert_array_equal(found.rate.value[1:], 0)
    np.testing.assert_array_equal(found.by_dose.value[0], 1)


def test_a_hazard_without_an_interval_is_none():
    """A symbol is visited in one trajectory only, from where it starts: some resamples have no step in it."""
    network = make_gated_latch(DIRECTION[:, 0], INPUTS[:, 1], flips=(1e-9, 0.2))
    network.initial_state = lambda n: torch.tensor(
        [[1.0 - 2.0 * (i % 20 > 0), -1, -1] for i in range(n)]
    ).double()
    settings = NoiseKernelSettings(**SMALL.model_dump() | {"burn_in": 0})
    nothing = Subspaces([NOTHING] * 3, [])
    found = measure_removals(network, [(0, 1), (1, 0)], nothing, settings, **seeded())
    np.testing.assert_array_equal(found.rate.value, 1)
    assert np.isnan(found.named.value).all()
    assert found.note == ""


def test_the_largest_occupancy_is_that_of_whichever_symbol():
    network = make_latch(flip=1e-9)
    for sign in (-1.0, 1.0):
        network.initial_state = lambda n, sign=sign: torch.full((n, 1), sign).double()
        found = measure_removals(network, [(0, 1)], Subspaces([np.ones((1, 1))] * 3, []), SMALL, **seeded())
        np.testing.assert_array_equal(found.occupancy.value, 1)
