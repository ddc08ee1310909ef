import numpy as np
import pytest
import torch

from orbitscope.circuit.switch_kernels import SwitchKernels
from orbitscope.principles.primitives.pair_noise import (
    FREE_STEPS,
    build_kernels,
    compute_cosines,
    find_deciding_noise,
    find_profile,
    match_passages,
    rank_neurons,
)
from orbitscope.principles.primitives.pair_segments import Passages

N_LAGS, N_INPUTS, N_TRAJECTORIES = 5, 16, 40
COURSE = np.array([0.2, 1.0, 0.6, 0.0, 0.0])
OPTIONS = {"n_resamples": 200, "confidence": 0.95}


def make_kernels(directions, n_events=200, seed=0):
    """Differences of unit noise, with a mean of the common course along the direction of each code."""
    rng = np.random.default_rng(seed)
    code = np.tile(np.arange(len(directions)), n_events)
    owner = np.repeat(np.arange(N_TRAJECTORIES), len(code) // N_TRAJECTORIES)
    mean = COURSE[None, :, None] * np.array(directions)[code][:, None]
    noise = rng.standard_normal((len(code), N_LAGS, N_INPUTS)) * np.sqrt(2)
    return SwitchKernels((mean + noise).astype(np.float32), code, owner, N_TRAJECTORIES)


def find(directions, **sizes):
    return find_deciding_noise(make_kernels(directions, **sizes), 99, rng=np.random.default_rng(1), **OPTIONS)


def unit(i):
    return np.eye(N_INPUTS)[i]


def test_opposite_passages_have_opposite_noise():
    found = find([unit(0), -unit(0)], n_events=400)
    assert found.opposite.low[0] <= -0.99
    assert found.opposite.value[0] < -0.85
    assert abs(found.pair_direction[0] @ unit(0)) > 0.98
    assert found.pair_direction[0, 0] > 0  # that of the way there
    np.testing.assert_allclose(np.linalg.norm(found.direction, axis=1), 1)
    assert found.direction[0] @ unit(0) > 0.95
    assert found.direction[1] @ unit(0) < -0.95
    assert found.rank == 1
    assert found.profile @ COURSE / np.linalg.norm(COURSE) > 0.97
    apart = find([unit(0), unit(1)])
    assert apart.opposite.low[0] < 0 < apart.opposite.high[0]
    same = find([unit(0), unit(0)])
    assert same.opposite.value[0] > 0.9


def test_deciding_directions_of_two_inputs_are_apart():
    """Two separate inputs: cosine 0, rank 2. Three regions of a plane: cosines ±½ and rank 2."""
    found = find([unit(0), -unit(0), unit(1), -unit(1)])
    assert abs(found.pair_cosine.value[0, 1]) < 0.35
    assert found.pair_cosine.low[0, 1] < 0 < found.pair_cosine.high[0, 1]
    np.testing.assert_allclose(np.diag(found.pair_cosine.value), 1)
    assert found.rank == 2
    third = np.sqrt(3) / 2 * unit(1)
    sides = [unit(0), 0.5 * unit(0) + third, -0.5 * unit(0) + third]  # 0 → 1, 0 → 2, 1 → 2
    found = find([sign * side for side in sides for sign in (1, -1)], n_events=400)
    np.testing.assert_allclose(found.pair_cosine.value[[0, 0, 1], [1, 2, 2]], [0.5, -0.5, 0.5], atol=0.25)
    assert found.rank == 2
    ranks = [int(find([0 * unit(0), 0 * unit(0)], seed=seed).rank) for seed in range(6)]
    assert ranks.count(0) >= 3  # each is above 0 by chance once in twenty


def test_cosines_are_not_pulled_towards_zero_by_noise():
    """Products of halves: means of few events have lengths made of noise."""
    rng, values = np.random.default_rng(0), []
    truth = np.stack([unit(0), 0.6 * unit(0) + 0.8 * unit(1)])
    halves = truth + 0.15 * rng.standard_normal((2, 400, 2, N_INPUTS))
    values = compute_cosines(*halves)[:, 0, 1]
    assert abs(values.mean() - 0.6) < 0.03
    plain = halves.mean(0)
    lengths = np.linalg.norm(plain, axis=2)
    biased = (plain[:, 0] * plain[:, 1]).sum(1) / lengths[:, 0] / lengths[:, 1]
    assert biased.mean() < 0.55
    assert np.isnan(compute_cosines(truth, -truth)).all()


def test_a_profile_is_the_course_that_kernels_share():
    kernels = COURSE[:, None] * np.random.default_rng(0).standard_normal((3, 4, 1, N_INPUTS))
    profile = find_profile(kernels)
    np.testing.assert_allclose(profile, np.tile(COURSE / np.linalg.norm(COURSE), (3, 1)), atol=1e-12)


def make_sojourns():
    """Core 0 for 40 steps, then core 1 for 40, alternating; trajectories are shifted."""
    time = np.arange(200)
    return np.stack([((time + 3 * i) // 40) % 2 for i in range(N_TRAJECTORIES)])


def test_controls_are_as_old_and_stay():
    last = make_sojourns()
    trajectory = np.arange(N_TRAJECTORIES)
    begin = 120 - (3 * trajectory) % 40  # of a sojourn; it lasts 40 steps
    decide = begin + 20
    origin = last[trajectory, decide]
    ages = np.where(trajectory == 5, -1, 20)
    passages = Passages(trajectory, decide - 1, decide, decide + 3, origin, 1 - origin, ages)
    kept, (owner, at) = match_passages(last, passages, n_lags=N_LAGS, rng=np.random.default_rng(0))
    assert len(kept) == N_TRAJECTORIES - 1  # all but the one of unknown age
    np.testing.assert_array_equal(last[owner, at], kept.origin)
    assert ((at + 3 * owner) % 40 == 20).all()
    assert (last[owner, at + FREE_STEPS - 1] == kept.origin).all()
    early, _ = match_passages(last, passages, n_lags=110, rng=np.random.default_rng(0))
    assert (early.decide >= 110).all()
    assert len(early) < len(kept)


def test_kernels_are_differences_of_the_noise_that_led_there():
    noise = torch.randn(30, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    arrays = ([0, 1], [9, 11], [10, 12], [14, 15], [0, 1], [1, 0], [5, 5])
    passages = Passages(*map(np.array, arrays))
    controls = (np.array([2, 3]), np.array([20, 25]))
    found = build_kernels(noise, passages, controls, np.array([0, 1]), n_lags=4, noise_std=2.0)
    expected = (noise[10 - 3, 0] - noise[20 - 3, 2]) / 2
    np.testing.assert_allclose(found.flat.reshape(2, 4, 3)[0, 3], expected)
    np.testing.assert_allclose(found.flat.reshape(2, 4, 3)[1, 0], (noise[12, 1] - noise[25, 3]) / 2)
    assert found.owner.tolist() == [0, 1]


def test_neurons_are_ranked_by_what_differs_when_a_region_is_left():
    hidden = torch.zeros(30, 2, 4, dtype=torch.float64)
    hidden[10, 0] = torch.tensor([9.0, -6.0, 0.0, 99.0], dtype=torch.float64)
    hidden[12, 0] = torch.tensor([-9.0, -6.0, 0.0, 99.0], dtype=torch.float64)
    hidden[20, 1] = torch.tensor([0.0, 0.0, -5.0, 0.0], dtype=torch.float64)
    arrays = ([0, 0], [9, 9], [10, 12], [14, 14], [0, 0], [1, 1], [5, 5])
    passages = Passages(*map(np.array, arrays))
    controls = (np.array([1, 1]), np.array([20, 20]))
    scales = np.array([1.0, 2.0, 1.0, np.inf])
    order = rank_neurons(hidden, passages, controls, np.zeros(2, dtype=int), scales)
    assert order.tolist() == [[2, 1, 0, 3]]


def test_intervals_are_over_trajectories():
    """All events of a trajectory alike: as many units as trajectories."""
    single = make_kernels([4 * unit(0), 4 * unit(1)], n_events=40)
    many = SwitchKernels(
        np.repeat(single.flat, 10, axis=0).reshape(-1, N_LAGS, N_INPUTS),
        np.repeat(single.code, 10),
        np.repeat(single.owner, 10),
        N_TRAJECTORIES,
    )
    widths = []
    for kernels in (single, many):
        found = find_deciding_noise(kernels, 19, rng=np.random.default_rng(0), **OPTIONS)
        widths.append(found.cosine.high[0, 1] - found.cosine.low[0, 1])
    assert widths[0] == pytest.approx(widths[1], rel=0.3)  # √10 if not
