import numpy as np
import pytest
import torch
from known_networks import make_slow_ring

from orbitscope.dynamics.regions import neuron_profiles, regions
from orbitscope.dynamics.regions.neuron_profiles import NeuronProfileResult
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.subject import Subject

SIZES = {"n_trajectories": 8, "n_steps": 25, "burn_in": 30, "max_steps": 20, "n_rollouts": 4}


def make_network(cell="relu", *, bias=False):
    generator = torch.Generator().manual_seed(0)
    network = build_network(3, cell=cell, hidden_size=12, input_size=5, bias=bias, generator=generator)
    with torch.no_grad():
        network.cell.w_hh.mul_(2)
    return network.double()


def make_subject(network):
    subject = Subject(network, noise_std=0.7)
    subject.found["regions"] = regions.PART.run(subject, regions.RegionSettings(**SIZES, n_resamples=20))
    return subject


def run(subject, **settings):
    part = neuron_profiles.PART
    return part.run(subject, part.settings(**{"n_resamples": 100} | settings))


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_profiles_are_means_over_the_states_of_a_region(cell):
    """Against a loop over every state, each from the step that led to it."""
    subject = make_subject(make_network(cell, bias=cell == "tanh"))
    result, label = run(subject), subject.found["regions"].label
    path, weights = regions.replay_regions(subject), subject.network.cell
    rows = {index: [] for index in range(3)}
    for trajectory, time in np.ndindex(label.shape):
        before = path.start if time == 0 else path.states[time - 1]
        bias = 0 if weights.bias is None else weights.bias
        z = weights.w_hh @ before[trajectory] + weights.w_ih @ path.noise[time, trajectory] + bias
        h = path.states[time, trajectory]
        is_active = h > 0 if cell == "relu" else torch.ones_like(h)
        rows[int(label[trajectory, time])].append(torch.stack([h, z, is_active.double()]).detach().numpy())
    for index, found in rows.items():
        assert result.n_points[index] == len(found)
        if found:
            expected = np.mean(found, axis=0)
            for row, name in enumerate(("activity", "preactivation", "active_share")):
                np.testing.assert_allclose(getattr(result, name).value[index], expected[row], atol=1e-12)
            assert result.n_active.value[index] == pytest.approx(expected[2].sum())
    assert any(len(found) > 1 for found in rows.values())


def test_the_effective_number_of_alike_neurons_is_their_number():
    activity = np.array([[2.0, 2.0, 2.0, 2.0], [0.0, 0.0, -3.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(neuron_profiles._count_effective(activity), [4, 1, 2])


def test_the_cosine_is_that_of_the_profiles():
    result = run(make_subject(make_slow_ring()))
    slow, kick = result.activity.value[0], result.activity.value[1]
    expected = slow @ kick / np.linalg.norm(slow) / np.linalg.norm(kick)
    assert float(result.kick_slow_cosine) == pytest.approx(expected)
    low, high = float(result.kick_slow_cosine.low), float(result.kick_slow_cosine.high)
    assert low < expected < high + (high - low)  # that of few trajectories is below that of all


def test_intervals_are_over_trajectories():
    subject = make_subject(make_slow_ring())
    result, path = run(subject, n_resamples=2000), regions.replay_regions(subject)
    label = subject.found["regions"].label
    hidden, is_slow = path.states[:-1].transpose(0, 1).numpy(), (label == 0)[..., None]
    sums, counts = (hidden * is_slow).sum(1), is_slow.sum(1)
    ratio = sums.sum(0) / counts.sum()
    errors = np.sqrt(((sums - ratio * counts) ** 2).sum(0)) / counts.sum()
    width = (result.activity.high[0] - result.activity.low[0]) / 2
    np.testing.assert_allclose(width, 1.96 * errors, rtol=0.35)


def test_a_cell_without_a_preactivation_has_none():
    subject = make_subject(make_network())
    subject.network.cell.find_preactivation = lambda state, noise: None
    result = run(subject)
    assert np.isnan(result.preactivation.value).all()
    assert np.isfinite(result.activity.value[result.n_points > 0]).all()


def test_empty_regions_are_named_and_a_result_comes_back_from_its_file(tmp_path):
    """No memory: symbols change at once, nothing is slow."""
    network = make_slow_ring()
    with torch.no_grad():
        network.cell.w_hh.zero_()
    result = run(make_subject(network))
    empty = result.status["empty"]
    assert empty == [str(name) for name in result.region[result.n_points == 0]]
    assert "slow" in empty
    assert np.isnan(result.activity.value[0]).all()
    assert np.isnan(float(result.kick_slow_cosine))
    save_result(result, tmp_path / "profiles.nc")
    assert load_result(tmp_path / "profiles.nc", NeuronProfileResult) == result
