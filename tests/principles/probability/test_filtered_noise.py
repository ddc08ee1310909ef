import numpy as np
import pytest
import torch
from known_networks import change_units, make_ring

from orbitscope.circuit.switch_kernels import SwitchKernels
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.driving.neuron_scales import measure_active_scales
from orbitscope.principles.probability.filtered_noise import (
    SMALLEST_SIZE,
    DrivenSteps,
    build_weights,
    choose_directions,
    find_at_risk,
    find_window,
    fit_filters,
    follow_steps,
    measure_size,
    select_kernels,
)

RNG = np.random.default_rng(0)


def make_steps(n_steps=12, n_trajectories=3, n_inputs=2, first=5):
    rng = np.random.default_rng(1)
    return DrivenSteps(
        torch.from_numpy(rng.standard_normal((n_steps, n_trajectories, n_inputs))),
        torch.from_numpy(1 + rng.random((n_steps, n_trajectories))),
        rng.integers(0, 2, (n_trajectories, n_steps)),
        first,
    )


def test_filtered_noise_is_a_sum_over_lags():
    steps, weights = make_steps(), RNG.standard_normal((4, 2))
    found = steps.filter(weights, leads=(0, 1, 3, 4))
    assert found.shape == (4, 3, 7)
    for i, lead in enumerate((0, 1, 3)):
        for n in range(3):
            for place, t in enumerate(range(5, 12)):
                expected = sum(weights[lag] @ steps.noise[t - lag, n].numpy() for lag in range(lead, 4))
                assert found[i, n, place] == pytest.approx(expected)
    assert np.isnan(found[3]).all()  # no lag is left


def test_the_size_is_that_before_the_window():
    steps = make_steps()
    found = steps.find_size(3)
    for n in range(3):
        np.testing.assert_array_equal(found[n], [steps.size[t - 3, n] for t in range(5, 12)])
    steps.size[4] = 0
    assert steps.find_size(3)[0, 2] == pytest.approx(SMALLEST_SIZE * float(steps.size.mean()))


def test_symbols_before_and_after_belong_together():
    steps = make_steps()
    np.testing.assert_array_equal(steps.before[:, 1:], steps.after[:, :-1])
    np.testing.assert_array_equal(steps.after, steps.symbol[:, 5:])
    chosen = np.array([True, False, True])
    is_in = find_at_risk(steps, 1, chosen)
    np.testing.assert_array_equal(is_in, (steps.symbol[:, 4:-1] == 1) & chosen[:, None])
    part = steps.select(chosen)
    np.testing.assert_array_equal(part.before, steps.before[[0, 2]])
    np.testing.assert_array_equal(part.find_size(2), steps.find_size(2)[[0, 2]])
    weights = RNG.standard_normal((2, 2))
    np.testing.assert_array_equal(part.filter(weights)[0], steps.filter(weights)[0][[0, 2]])


def test_sizes_do_not_depend_on_the_units_of_neurons():
    ring = make_ring()
    sizes = []
    for network in (ring, change_units(ring)):
        path = run_driven(network, 4, 60, burn_in=20, generator=torch.Generator().manual_seed(0))
        scales = measure_active_scales(path.states)
        sizes.append(measure_size(network, path.states, scales))
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-9)
    scaled = (path.states / torch.from_numpy(scales)).numpy()
    np.testing.assert_allclose(sizes[1], np.sqrt((scaled**2).mean(-1)), rtol=1e-9)


def test_a_silent_neuron_does_not_count():
    network, states = make_ring(), torch.ones(2, 3, 8).double()
    scales = np.r_[np.full(4, 0.5), np.full(4, np.inf)]
    np.testing.assert_allclose(measure_size(network, states, scales), 2.0)


def make_kernels(n_events=400, n_trajectories=40):
    """Two directions of switching whose noise has a mean along the first and the second input."""
    rng = np.random.default_rng(2)
    code, owner = np.arange(n_events) % 2, rng.integers(0, n_trajectories, n_events)
    noise = 0.3 * rng.standard_normal((n_events, 6, 4))
    noise[code == 0, 1:3, 0] += [2.0, 1.0]
    noise[code == 1, 2, 1] += 1.5
    return SwitchKernels(noise, code, owner, n_trajectories)


def test_kernels_of_a_half_are_those_of_its_trajectories():
    kernels = make_kernels()
    part = select_kernels(kernels, [1], 0)
    is_in = (kernels.code == 1) & (kernels.owner % 2 == 0)
    np.testing.assert_array_equal(part.flat, kernels.flat[is_in])
    np.testing.assert_array_equal(part.half, kernels.owner[is_in] % 4 // 2)
    assert set(part.code) == {0}
    np.testing.assert_allclose(part.average()[0], kernels.average(0)[1])
    whole = select_kernels(kernels, [1, 0])
    np.testing.assert_allclose(whole.average(0), kernels.average(0)[[1, 0]])


def test_filters_are_kernels_along_the_deciding_directions():
    kernels = make_kernels()
    filters = fit_filters(kernels, 2)
    assert filters.weights.shape == (2, 3, 4)  # nothing comes after lag 2
    np.testing.assert_allclose(filters.weights[0, :, 0], [0, 2, 1], atol=0.11)
    np.testing.assert_allclose(filters.weights[1, :, 1], [0, 0, 1.5], atol=0.11)
    np.testing.assert_allclose(filters.basis.T @ filters.basis, np.eye(2), atol=1e-12)
    across = filters.weights - filters.weights @ filters.basis @ filters.basis.T
    np.testing.assert_allclose(across, 0, atol=1e-12)
    one = fit_filters(kernels, 1)
    assert abs(one.basis[0, 0]) > 0.99
    np.testing.assert_allclose(one.weights[1, :, 1], 0, atol=0.3)
    np.testing.assert_allclose(build_weights(kernels, np.eye(4), 2), kernels.average()[:, :2], atol=1e-12)


def test_noise_without_energy_has_no_filter():
    kernels = make_kernels()
    still = SwitchKernels(np.zeros((8, 6, 4)), np.zeros(8, dtype=int), np.arange(8), 8)
    assert find_window(kernels) == 3
    assert find_window(still) == 0
    assert fit_filters(still, 1) is None


def test_a_direction_needs_thirty_switches_in_each_half_and_some_in_each_quarter():
    def count(*by_quarter):
        owner = np.repeat(np.arange(4), by_quarter)
        return choose_directions(SwitchKernels(np.zeros((len(owner), 1, 1)), 0 * owner, owner, 4))

    assert count(15, 15, 15, 15) == [0]
    assert count(15, 14, 15, 15) == []
    assert count(25, 25, 5, 5) == [0]
    assert count(26, 30, 4, 30) == []


def test_a_path_is_followed_after_its_burn_in_and_ends_are_named():
    ring = make_ring()
    noise = torch.from_numpy(np.random.default_rng(3).standard_normal((130, 4, 8)))
    settings = {"burn_in": 20, "first": 6, "scales": np.full(8, 2.0)}
    found = follow_steps(ring, noise, 3 * noise, **settings)
    states = ring.unroll(ring.initial_state(4), noise).detach()[20:]
    np.testing.assert_array_equal(found.symbol, ring.compute_logits(states).argmax(-1).T)
    np.testing.assert_allclose(found.size, states.norm(dim=-1) / 2 / np.sqrt(8))
    np.testing.assert_array_equal(found.noise, 3 * noise[20:])
    assert found.first == 6
    assert follow_steps(ring, 0 * noise, noise, **settings) == "the network falls silent"
    with torch.no_grad():
        ring.cell.w_hh.mul_(4)
    assert follow_steps(ring, noise, noise, **settings) == "activity has no bound"
