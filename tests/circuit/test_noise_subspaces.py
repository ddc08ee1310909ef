import numpy as np
import pytest
import torch
from latches import make_latch, start_saturated

from orbitscope.circuit.noise_subspaces import (
    draw_equal_drive,
    measure_drive_share,
    project,
    replay_part,
    run_without,
)
from orbitscope.network import build_network

RUN = {"n_trajectories": 4, "n_steps": 60, "burn_in": 30, "noise_std": 0.7}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_network():
    return build_network(3, hidden_size=8, input_size=6, generator=seeded()).double()


def draw_basis(n_directions, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((6, n_directions)))[0]


def test_equal_drive_is_what_a_subspace_carries():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((30, 40)) * np.linspace(3, 0.3, 40)
    strongest = np.linalg.svd(weights)[2][:1].T
    wanted = measure_drive_share(weights, strongest)
    assert wanted == pytest.approx(np.linalg.svd(weights)[1][0] ** 2 / (weights**2).sum())
    for _ in range(5):
        other = draw_equal_drive(weights, strongest, rng=rng)
        np.testing.assert_allclose(other.T @ other, np.eye(other.shape[1]), atol=1e-12)
        np.testing.assert_allclose(strongest.T @ other, 0, atol=1e-12)
        assert other.shape[1] > 1
        step = max(measure_drive_share(weights, other[:, [i]]) for i in range(other.shape[1]))
        assert measure_drive_share(weights, other) == pytest.approx(wanted, abs=step)
    whole = measure_drive_share(weights, np.eye(40))
    assert whole == pytest.approx(1)


def test_a_projection_keeps_what_lies_in_it():
    basis = torch.from_numpy(draw_basis(2))
    noise = torch.randn(5, 6, generator=seeded()).double()
    kept = project(noise, basis)
    torch.testing.assert_close(project(kept, basis), kept)
    torch.testing.assert_close((noise - kept) @ basis, torch.zeros(5, 2).double())


def test_nothing_removed_is_the_intact_run_and_all_removed_is_silence():
    network = make_network()
    intact = run_without(network, None, **RUN, generator=seeded(2))
    nothing = run_without(network, torch.zeros(6, 0).double(), **RUN, generator=seeded(2))
    np.testing.assert_array_equal(intact, nothing)
    assert intact.shape == (4, 60)
    everything = run_without(network, torch.eye(6).double(), **RUN, generator=seeded(2))
    assert len(np.unique(everything)) == 1


def test_a_removed_subspace_against_a_loop():
    network, basis = make_network(), torch.from_numpy(draw_basis(2))
    found = run_without(network, basis, **RUN, generator=seeded(3))
    source, state, symbols = seeded(3), network.initial_state(4), []
    for _ in range(90):
        noise = 0.7 * torch.empty(4, 6, dtype=torch.float64).normal_(generator=source)
        state = network.step(state, noise - noise @ basis @ basis.T)
        symbols.append(network.compute_logits(state).argmax(1))
    np.testing.assert_array_equal(found, torch.stack(symbols)[30:].T.numpy())


def test_a_whole_replay_is_the_path_of_before():
    network = make_network()
    noise = torch.randn(7, 5, 6, generator=seeded()).double()
    start = torch.rand(5, 8, generator=seeded(1)).double()
    end = network.unroll(start, noise)[-1]
    symbol = network.compute_logits(end).argmax(1)
    options = {"n_after": 0, "n_rollouts": 3, "noise_std": 1.0}
    for basis in (None, torch.eye(6).double()):
        gone = replay_part(network, start, noise, basis, symbol, **options, generator=seeded(2))
        assert (gone == 0).all()
    other = (symbol + 1) % 3
    assert (replay_part(network, start, noise, None, other, **options, generator=seeded(2)) == 1).all()


def test_without_anything_replayed_the_noise_is_fresh():
    network = start_saturated(make_latch(flip=0.1))
    start = torch.ones(2000, 1, dtype=torch.float64)
    up = torch.ones(2000, dtype=torch.long)
    noise = torch.zeros(1, 2000, 1, dtype=torch.float64)
    options = {"n_after": 0, "n_rollouts": 5, "noise_std": 1.0, "generator": seeded()}
    gone = replay_part(network, start, noise, torch.zeros(1, 0).double(), up, **options)
    assert gone.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / 10_000))
