import dataclasses
import math

import numpy as np
import pytest
import torch
from known_networks import scale_recurrence
from part_functions import compute_regions

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from orbitscope.dynamics.regions.region_labels import REGIONS, classify_regions, find_uncertain
from orbitscope.dynamics.regions.region_measures import compute_speed, draw_active_sets
from orbitscope.dynamics.regions.regions import PART, RegionResult, RegionSettings, replay_regions
from orbitscope.dynamics.stability.jacobians import compute_active_spectra
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate, compute_net_share
from orbitscope.subject import Subject

SMALL = {
    "n_trajectories": 12,
    "n_steps": 30,
    "burn_in": 30,
    "n_rollouts": 4,
    "max_steps": 20,
    "n_resamples": 200,
}


def make_network(cell="relu", *, seed=0, gain=2.0):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, cell=cell, hidden_size=12, input_size=5, generator=generator).double()
    return scale_recurrence(network, gain)


@pytest.fixture(scope="module")
def roaming():
    """The first random network most of whose trajectories visit each region."""
    for seed in range(60):
        network = make_network(seed=seed)
        label = run(network).label
        if min((label == region).any(1).sum() for region in range(3)) >= 9:
            return network
    raise AssertionError("no network visits all regions")


def make_cycle():
    """Phases 0, 1, 2 visited in turn for ten steps each, by a counter of 30 units that hands one pulse on.

    Readout: the symbol of a phase has the logit of its units, so residency falls from 10 to 1 within a phase:
    slow, then kick, then transition, then slow again.
    """
    network = build_network(
        3, hidden_size=30, input_size=1, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.roll(torch.eye(30), 1, 0))
        network.cell.w_ih.copy_(torch.full((30, 1), 1e-9))
        network.w_out.copy_(torch.eye(3).repeat_interleave(10, 1))
    return network


def run(network, *, seed=1, **options):
    return compute_regions(network, generator=torch.Generator().manual_seed(seed), **(SMALL | options))


def get(result, measure):
    return result.estimate.value[result.measure.tolist().index(measure)]


# ---- labels


def test_every_residency_has_a_region_and_nan_has_none():
    steps = np.array([1.0, 1.99, 2.0, 5.0, 8.0, 8.01, 60.0, np.nan])
    assert classify_regions(steps).tolist() == [2, 2, 1, 1, 1, 0, 0, -1]
    assert [REGIONS[i] for i in (0, 1, 2)] == ["slow", "kick", "transition"]
    with pytest.raises(InputError, match="must be ≤ `slow_above`, got 9.0 and 8.0"):
        classify_regions(steps, transition_below=9.0, slow_above=8.0)


def test_labels_near_a_border_are_uncertain():
    steps, errors = (
        np.array([1.0, 1.9, 2.4, 5.0, 9.0, 9.0, 9.0]),
        np.array([0.1, 0.06, 0.1, 1.4, 0.5, 0.4, np.nan]),
    )
    np.testing.assert_array_equal(find_uncertain(steps, errors), [0, 1, 0, 0, 1, 0, np.nan])


# ---- the table against what it is made of


def test_the_table_is_the_mean_over_the_states_of_a_region(roaming):
    result = run(roaming, spectral_stride=1)
    assert result.label.shape == (12, 30)
    assert result.n_points.sum() == 360
    for index in range(3):
        chosen = result.label == index
        np.testing.assert_allclose(get(result, "share")[index], chosen.mean())
        np.testing.assert_allclose(get(result, "residency")[index], result.residency[chosen].mean())
        unstable = result.n_unstable[chosen[:, result.spectral_time]]
        np.testing.assert_allclose(get(result, "unstable")[index], unstable.mean())
    found = result.estimate
    has_interval = np.isfinite(found.low)  # one in a single trajectory has none
    is_of_all = result.measure != "logit_sign_rate"  # the others are of every state of a region
    assert has_interval[is_of_all, 1:].all()
    assert (found.low <= found.value + 1e-12)[has_interval].all()
    assert (found.value <= found.high + 1e-12)[has_interval].all()


def test_spectra_are_those_without_noise_and_with_the_noise_that_comes_next(roaming):
    network = roaming
    result = run(network, spectral_stride=1)
    path = run_driven(network, 12, 31, burn_in=30, generator=torch.Generator().manual_seed(1))
    states = path.states[:-1]
    with torch.no_grad():
        free = torch.relu(states @ network.cell.w_hh.T) > 0
    for name, active in (("unstable", free), ("unstable_driven", path.states[1:] > 0)):
        spectra = compute_active_spectra(network.cell.w_hh.detach().numpy(), active.flatten(0, 1).numpy())
        unstable = spectra.count_unstable().reshape(30, 12).T
        for index in (1, 2):
            expected = unstable[result.label == index].mean()
            np.testing.assert_allclose(get(result, name)[index], expected)
    assert not np.allclose(get(result, "unstable"), get(result, "unstable_driven"))


def test_visits_are_counted_without_repeats():
    result = run(make_network())
    counts = np.zeros((3, 3), dtype=int)
    for row in result.label:
        for before, after in zip(row[:-1], row[1:], strict=True):
            counts[before, after] += before != after
    np.testing.assert_array_equal(result.visits, counts)


def test_a_cycle_has_one_direction():
    """Ten steps a phase: residency 10 and 9 slow, 8 to 2 kick, 1 transition; never the other way."""
    network = make_cycle()
    with torch.no_grad():  # a pulse instead of zero states
        network.initial_state = lambda n: torch.eye(30).double()[torch.arange(n) % 30]
    result = run(network, n_trajectories=30, burn_in=0, n_steps=40, n_rollouts=1)
    np.testing.assert_allclose(get(result, "share"), [0.2, 0.7, 0.1])
    np.testing.assert_allclose(get(result, "residency"), [9.5, 5.0, 1.0])
    forward, backward = result.net_share[[0, 1, 2], [1, 2, 0]], result.net_share[[1, 2, 0], [0, 1, 2]]
    assert forward.value.tolist() == [1, 1, 1]
    assert backward.value.tolist() == [-1, -1, -1]
    assert 0 < forward.low[0] < 1
    one_way = 2 * 0.025 ** (1 / 30) - 1  # 30 trajectories with four moves in 39 steps, or three
    np.testing.assert_allclose(forward.low, one_way, atol=0.01)
    np.testing.assert_allclose(backward.high, -one_way, atol=0.01)
    np.testing.assert_allclose(result.net_flux.value, 10, rtol=0.02)


def test_the_net_flux_is_that_of_each_edge_but_for_the_ends(roaming):
    result = run(roaming)
    net = result.visits - result.visits.T
    n_steps = result.label.shape[0] * (result.label.shape[1] - 1)
    flux = result.net_flux
    np.testing.assert_allclose(flux.value, 100 * (net[0, 1] + net[1, 2] + net[2, 0]) / 3 / n_steps)
    turns = []
    for row in result.label.astype(int):
        steps = np.array([0, 1, -1])[np.diff(row) % 3]  # along the circle of three, backwards, or at rest
        turns.append(steps.sum() / 3)
    np.testing.assert_allclose(flux.value, 100 * np.sum(turns) / n_steps)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        assert abs(net[i, j] - 3 * np.sum(turns) / 3) <= len(result.label)
    spread = 100 * np.std(turns) / np.sqrt(len(turns)) / (result.label.shape[1] - 1)
    assert flux.low < flux.value < flux.high
    assert float(flux.high - flux.low) == pytest.approx(2 * 1.96 * spread, rel=0.3)


def test_steps_from_or_to_undefined_states_have_no_flux(monkeypatch):
    """Of 29 steps 10 are between labelled states and go around 10/3 times."""
    labels = np.full((12, 30), -1)
    labels[:, :6], labels[:, 7:13] = [0, 1, 2, 0, 1, 2], [1, 2, 0, 1, 2, 0]
    monkeypatch.setattr("orbitscope.dynamics.regions.regions.classify_regions", lambda steps: labels)
    result = run(make_network())
    flux = result.net_flux
    np.testing.assert_allclose([flux.value, flux.low, flux.high], 100 / 3)
    assert result.visits.sum() == 12 * 10


def test_intervals_of_the_order_are_those_of_the_net_share():
    result = run(make_network(), confidence=0.8)
    counts = np.zeros((12, 3, 3), dtype=int)
    for visits, row in zip(counts, result.label, strict=True):
        for before, after in zip(row[:-1], row[1:], strict=True):
            visits[before, after] += before != after
    expected = compute_net_share(counts, counts.swapaxes(1, 2), confidence=0.8)
    assert result.net_share == expected.share


def test_the_entropy_of_an_indifferent_readout_is_log_three():
    network = make_network()
    with torch.no_grad():
        network.w_out.mul_(1e-9)
    found = get(run(network), "entropy")
    np.testing.assert_allclose(found[np.isfinite(found)], math.log(3), rtol=1e-6)


def test_regions_do_not_depend_on_the_noise_of_a_network_that_scales_with_it():
    plain, scaled = (run(make_network(), noise_std=s) for s in (1.0, 4.0))
    np.testing.assert_array_equal(plain.label, scaled.label)
    np.testing.assert_array_equal(plain.n_unstable, scaled.n_unstable)
    np.testing.assert_allclose(get(plain, "speed"), get(scaled, "speed"), rtol=1e-12)
    assert not np.allclose(get(plain, "entropy"), get(scaled, "entropy"))


def test_empty_regions_are_named_and_undefined():
    network = make_network()
    with torch.no_grad():
        network.w_out.zero_()
    result = run(network)
    assert result.status["empty"] == ["kick", "transition"]
    assert np.isnan(get(result, "residency")[1:]).all()
    np.testing.assert_allclose(get(result, "share"), [1, 0, 0])
    assert result.net_flux == Estimate(0.0)


# ---- speed


def compute_exact_speed(network, states):
    """E ReLU(m + s ξ) = m Φ(m/s) + s φ(m/s)."""
    mean = states @ network.cell.w_hh.detach().T
    spread = network.cell.w_ih.detach().norm(dim=1)
    normal = torch.distributions.Normal(0.0, 1.0)
    expected = mean * normal.cdf(mean / spread) + spread * normal.log_prob(mean / spread).exp()
    return ((expected - states).norm(dim=1) / states.norm(dim=1)).numpy()


def test_speed_of_a_relu_network_is_known():
    network = make_network()
    states = torch.rand(6, 12, generator=torch.Generator().manual_seed(3)).double()
    found = compute_speed(network, states, n_pairs=2500, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(found, compute_exact_speed(network, states), rtol=0.02)


def test_few_draws_do_not_raise_the_speed():
    """The square of one mean of four draws would be too large by their variance."""
    network = make_network()
    state = torch.rand(1, 12, generator=torch.Generator().manual_seed(3)).double()
    few = compute_speed(
        network, state.expand(20_000, -1), n_pairs=1, generator=torch.Generator().manual_seed(0)
    )
    assert np.mean(few**2) == pytest.approx(compute_exact_speed(network, state)[0] ** 2, rel=0.005)


def test_silent_states_have_no_speed():
    found = compute_speed(
        make_network(), torch.zeros(2, 12).double(), generator=torch.Generator().manual_seed(0)
    )
    assert np.isnan(found).all()


# ---- the null


def test_random_active_sets_have_the_given_sizes_and_frequencies():
    rng = np.random.default_rng(0)
    frequency = np.repeat([0.0, 0.2, 0.5, 0.8, 1.0], 30)
    sizes = np.full(4000, 75)
    sets = draw_active_sets(sizes, frequency, rng=rng)
    np.testing.assert_array_equal(sets.sum(1), sizes)
    np.testing.assert_allclose(sets.mean(0).reshape(5, 30).mean(1), [0, 0.2, 0.5, 0.8, 1], atol=0.03)


def test_random_active_sets_without_favourites():
    sizes = np.repeat([0, 3, 12], 2000)
    sets = draw_active_sets(sizes, np.full(12, 0.5), rng=np.random.default_rng(0))
    np.testing.assert_array_equal(sets.sum(1), sizes)
    np.testing.assert_allclose(sets[2000:4000].mean(0), 0.25, atol=0.05)


def test_the_null_leaves_silent_neurons_out_and_the_uniform_one_does_not():
    """Half of the neurons never fire, and only they would make a step unstable."""
    network = build_network(3, hidden_size=20, input_size=5, generator=torch.Generator()).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.eye(20) * torch.tensor([0.5] * 10 + [3.0] * 10)[:, None])
        network.cell.w_ih[10:] = 0
    result = run(network)
    known = np.isfinite(get(result, "unstable"))
    assert known.any()
    np.testing.assert_array_equal(get(result, "unstable")[known], 0)
    np.testing.assert_array_equal(get(result, "unstable_null")[known], 0)
    assert (get(result, "unstable_uniform")[known] > 0.5).all()


def test_kick_and_slow_are_compared_on_the_same_resamples(roaming):
    result = run(roaming, spectral_stride=1, n_trajectories=30)
    slow, kick = (REGIONS.index(name) for name in ("slow", "kick"))
    for i, name in enumerate(("unstable", "unstable_null")):
        difference = get(result, name)[kick] - get(result, name)[slow]
        np.testing.assert_allclose(result.kick_minus_slow.value[i], difference)
    found = result.kick_minus_slow
    np.testing.assert_allclose(found.value[2], found.value[0] - found.value[1])
    assert (found.low < found.value).all()
    assert (found.value < found.high).all()


def test_sign_changes_per_step_leave_out_residencies_of_one_step():
    result = run(make_network())
    for index in range(3):
        chosen = (result.label == index) & (result.residency > 1)
        rates = result.logit_sign_changes[chosen] / (result.residency[chosen] - 1)
        expected = rates.mean() if len(rates) else np.nan
        np.testing.assert_allclose(get(result, "logit_sign_rate")[index], expected)


def test_the_null_is_missing_where_there_are_no_active_sets():
    assert np.isnan(get(run(make_network("tanh")), "unstable_null")).all()


# ---- files, errors


def test_a_result_comes_back_from_its_file(tmp_path):
    result = run(make_network())
    save_result(result, tmp_path / "regions.nc")
    assert load_result(tmp_path / "regions.nc", RegionResult) == result


def test_same_seed_same_result():
    assert run(make_network()) == run(make_network())
    assert run(make_network(), seed=2) != run(make_network())


def test_networks_that_explode_and_bad_settings_are_named():
    network = make_network()
    with pytest.raises(InputError, match="`spectral_stride` must be ≥ 1, got 0"):
        run(network, spectral_stride=0)
    with torch.no_grad():
        network.cell.w_hh.mul_(30)
    with pytest.raises(NoStationaryRegimeError, match="no stationary regime"):
        run(network, burn_in=100)


def test_states_are_driven_again_to_where_they_were(roaming):
    network = roaming
    settings = RegionSettings(n_trajectories=6, n_steps=20, burn_in=30, max_steps=5, n_rollouts=2)
    subject = Subject(network, seed=3)
    subject.found["regions"] = PART.run(subject, settings)
    path = replay_regions(subject)
    plane = fit_orbit_plane(path.states[:-1], find_symbol_direction(network))
    position = plane.project(path.states[:-1]).transpose(0, 1).numpy() / np.sqrt(plane.variances[0])
    np.testing.assert_allclose(position, subject.found["regions"].position, atol=1e-6)
    with pytest.raises(UndefinedAnalysisError, match="their symbols differ"):
        replay_regions(dataclasses.replace(subject, seed=4))
