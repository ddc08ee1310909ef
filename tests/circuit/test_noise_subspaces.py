import numpy as np
import pytest
import torch
from latches import make_latch, start_saturated

from orbitscope.circuit.noise_subspaces import (
    UNBOUNDED,
    Damping,
    draw_equal_drive,
    measure_drive_share,
    project,
    replay_parts,
    run_damped,
)
from orbitscope.network import build_network, fork_generator
from orbitscope.system.threads import use_threads

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
    dampings = [
        Damping(np.empty((6, 0))),
        Damping(np.eye(6), 0.0),
        Damping(np.eye(6)),
        Damping(np.eye(6), 0.5),
    ]
    intact, nothing, everything, half = run_damped(network, dampings, **RUN, generator=seeded(2))
    assert intact.shape == (4, 60)
    np.testing.assert_array_equal(intact, nothing)
    assert len(np.unique(everything)) == 1
    np.testing.assert_array_equal(intact, half)  # a network that scales with its noise
    assert len(np.unique(intact)) > 1


@pytest.mark.parametrize("dose", [1.0, 0.3])
def test_a_damped_subspace_against_a_loop(dose):
    """On the noise of the intact run: blocks of 25 trajectories with a source each."""
    network, basis = make_network(), draw_basis(2)
    sizes = RUN | {"n_trajectories": 30}
    dampings = [Damping(np.empty((6, 0))), Damping(basis, dose)]
    found = run_damped(network, dampings, **sizes, generator=seeded(3))
    generator, taken = seeded(3), dose * torch.from_numpy(basis @ basis.T)
    sources = [fork_generator(generator) for _ in range(2)]
    for block, source in zip((slice(0, 25), slice(25, 30)), sources, strict=True):
        size, symbols = block.stop - block.start, []
        states = [network.initial_state(size) for _ in range(2)]
        for _ in range(90):
            noise = 0.7 * torch.empty(size, 6, dtype=torch.float64).normal_(generator=source)
            states = [network.step(states[0], noise), network.step(states[1], noise - noise @ taken)]
            symbols.append(torch.stack([network.compute_logits(state).argmax(1) for state in states]))
        np.testing.assert_array_equal(found[:, block], torch.stack(symbols, 2)[..., 30:].numpy())
    assert (found[0] != found[1]).any()


def test_values_do_not_depend_on_the_number_of_threads():
    network, basis = make_network(), draw_basis(2)
    noise = torch.randn(3, 60, 6, generator=seeded()).double()
    start, origin = torch.rand(60, 8, generator=seeded(1)).double(), torch.zeros(60, dtype=torch.long)
    found = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            damped = run_damped(
                network, [Damping(basis)], **RUN | {"n_trajectories": 60}, generator=seeded(2)
            )
            options = {"n_after": 2, "n_rollouts": 3, "noise_std": 1.0, "generator": seeded(3)}
            found.append((damped, replay_parts(network, start, noise, [basis], origin, **options)))
    for one, two in zip(*found, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_trajectory_without_bound_has_no_symbols():
    """Every neuron that was ever active grows a millionfold a step."""
    network = make_network()
    with torch.no_grad():
        network.cell.w_hh.copy_(1e6 * torch.eye(8))
    (found,) = run_damped(network, [Damping(np.empty((6, 0)))], **RUN, generator=seeded())
    assert (found[:, -20:] == UNBOUNDED).all()


def test_a_whole_replay_is_the_path_of_before():
    network = make_network()
    noise = torch.randn(7, 30, 6, generator=seeded()).double()
    start = torch.rand(30, 8, generator=seeded(1)).double()
    end = network.unroll(start, noise)[-1]
    symbol = network.compute_logits(end).argmax(1)
    options = {"n_after": 0, "n_rollouts": 3, "noise_std": 1.0}
    gone = replay_parts(network, start, noise, [np.eye(6)], symbol, **options, generator=seeded(2))
    assert gone.shape == (1, 30)
    assert (gone == 0).all()
    other = (symbol + 1) % 3
    assert (
        replay_parts(network, start, noise, [np.eye(6)], other, **options, generator=seeded(2)) == 1
    ).all()


def test_a_replayed_part_against_a_loop():
    """The rest is fresh, the same for every part; two steps of fresh noise follow."""
    network, basis = make_network(), draw_basis(2)
    noise = torch.randn(4, 5, 6, generator=seeded()).double()
    start, origin = torch.rand(5, 8, generator=seeded(1)).double(), torch.tensor([0, 1, 2, 0, 1])
    options = {"n_after": 2, "n_rollouts": 40, "noise_std": 0.7, "generator": seeded(2)}
    found = replay_parts(network, start, noise, [basis[:, :0], basis], origin, **options)
    source = fork_generator(seeded(2))
    kept = [torch.zeros(6, 6).double(), torch.from_numpy(basis @ basis.T)]
    states = [start.repeat_interleave(40, 0) for _ in kept]
    for t in range(6):
        fresh = 0.7 * torch.empty(200, 6, dtype=torch.float64).normal_(generator=source)
        given = noise[t].repeat_interleave(40, 0) if t < 4 else fresh
        states = [
            network.step(state, fresh - fresh @ part + given @ part)
            for state, part in zip(states, kept, strict=True)
        ]
    for row, state in zip(found, states, strict=True):
        symbol = network.compute_logits(state).argmax(1).reshape(5, 40)
        np.testing.assert_allclose(row, [(symbol[i] != origin[i]).double().mean() for i in range(5)])
    assert (states[0] != states[1]).any()


def test_without_anything_replayed_the_noise_is_fresh():
    network = start_saturated(make_latch(flip=0.1))
    start = torch.ones(2000, 1, dtype=torch.float64)
    up = torch.ones(2000, dtype=torch.long)
    noise = torch.zeros(1, 2000, 1, dtype=torch.float64)
    options = {"n_after": 0, "n_rollouts": 5, "noise_std": 1.0, "generator": seeded()}
    gone = replay_parts(network, start, noise, [np.empty((1, 0))], up, **options)
    assert gone.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / 10_000))
