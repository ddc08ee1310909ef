import numpy as np
import pytest
import torch
from known_networks import change_units, make_linear, make_plane, make_ring
from part_functions import compute_orbit_paths, compute_regions, compute_rotation, compute_training_evolution

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.driving.neuron_scales import measure_active_scales, measure_scales
from orbitscope.dynamics.orbit.orbit_plane import (
    OrbitPlane,
    compute_covariance,
    find_symbol_direction,
    fit_orbit_plane,
    require_plane,
)
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.network import build_network


def seed(number=2):
    return torch.Generator().manual_seed(number)


def draw_activity(network):
    """The hidden part of driven states."""
    path = run_driven(network, 13, 40, burn_in=20, generator=seed())
    return path.states[..., : network.hidden_size]


def make_random():
    return build_network(3, hidden_size=12, input_size=8, generator=seed()).double()


def fit_standardised(activity, symbol_direction, **options):
    return fit_orbit_plane(activity, symbol_direction, scales=measure_active_scales(activity), **options)


def fit(network, **options):
    return fit_orbit_plane(draw_activity(network), find_symbol_direction(network), **options)


def test_the_plane_is_that_of_all_states_at_once(monkeypatch):
    monkeypatch.setattr("orbitscope.dynamics.orbit.orbit_plane._BLOCK", 64)
    network = make_ring()
    activity = draw_activity(network)
    states = activity.flatten(0, 1).numpy()
    plane = fit_orbit_plane(activity, find_symbol_direction(network), n_components=3)
    mean, covariance = compute_covariance(torch.from_numpy(states))
    np.testing.assert_allclose(covariance, np.cov(states.T, bias=True))
    np.testing.assert_allclose(mean, states.mean(0))
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(plane.mean, states.mean(0))
    np.testing.assert_allclose(plane.variances, values[::-1])
    for axis, vector in zip(plane.components, vectors.T[::-1], strict=False):
        np.testing.assert_allclose(axis * np.sign(axis @ vector), vector, atol=1e-9)
    np.testing.assert_allclose(plane.explained_variance_ratio, values[::-1][:3] / values.sum())
    assert plane.participation_ratio == pytest.approx(values.sum() ** 2 / (values**2).sum())
    projected = plane.project(torch.from_numpy(states)).numpy()
    np.testing.assert_allclose(projected, (states - states.mean(0)) @ plane.components.T, atol=1e-12)


def test_known_axes_far_from_the_origin():
    """Variances 9, 4 and 1 along given axes."""
    axes = torch.linalg.qr(torch.randn(3, 3, generator=seed(0)).double()).Q
    points = torch.randn(20_000, 3, generator=seed(1)).double() * torch.tensor([3.0, 2.0, 1.0])
    plane = fit_orbit_plane(1e6 + points @ axes.T, np.ones(3))
    np.testing.assert_allclose(plane.variances, [9, 4, 1], rtol=0.05)
    np.testing.assert_allclose(np.abs(plane.components @ axes.numpy()), np.eye(3)[:2], atol=0.03)
    np.testing.assert_allclose(plane.mean, 1e6, atol=0.1)
    assert plane.participation_ratio == pytest.approx(14**2 / 98, rel=0.03)


def test_single_precision_is_enough():
    network = make_ring()
    path = draw_activity(network)
    exact, rounded = (
        fit_orbit_plane(states, find_symbol_direction(network)) for states in (path, path.float())
    )
    np.testing.assert_allclose(rounded.variances, exact.variances, rtol=1e-6, atol=1e-9)
    projected = rounded.project(path.float()).numpy()
    np.testing.assert_allclose(projected, exact.project(path).numpy(), atol=2e-5)


def test_only_the_hidden_part_of_a_state_counts():
    matrix = np.diag([0.9, 0.5])
    plane = fit(make_linear(matrix, n_extra=2))
    states = torch.tensor([[1.0, 2.0, 99.0, 99.0]]).double()
    np.testing.assert_allclose(plane.project(states), plane.project(states[:, :2]))


def test_planes_that_do_not_exist_are_refused():
    line = make_linear(np.diag([0.9, 0.5]), np.array([[1.0], [0.0]]))
    with pytest.raises(UndefinedAnalysisError, match="vary along ≥ 2 directions, got 1"):
        fit(line)
    with pytest.raises(InputError, match=r"`n_components` must be in 1 … 2.*got 3"):
        fit(line, n_components=3)
    with pytest.raises(InputError, match="≥ 8 entries each for this plane, got 3"):
        make_plane(8).project(torch.zeros(4, 3))


def test_a_plane_of_another_network_is_refused():
    require_plane(make_plane(8), make_ring())
    with pytest.raises(InputError, match="`plane` must have 2 components of 8 neurons, got 2 of 3"):
        require_plane(make_plane(3), make_ring())
    three = OrbitPlane(np.zeros(8), np.eye(8)[:3], np.ones(8))
    with pytest.raises(InputError, match="got 3 of 8"):
        require_plane(three, make_ring())


def test_activity_has_the_same_coordinates_in_any_units_of_the_neurons():
    networks = make_random(), change_units(make_random())
    paths = [draw_activity(one) for one in networks]
    planes = [
        fit_standardised(path, find_symbol_direction(one)) for path, one in zip(paths, networks, strict=True)
    ]
    first, second = (plane.project(path) for plane, path in zip(planes, paths, strict=True))
    torch.testing.assert_close(first, second)
    np.testing.assert_allclose(planes[0].variances, planes[1].variances)
    raw = [fit(one).explained_variance_ratio[0] for one in networks]
    assert abs(raw[0] - raw[1]) > 0.05  # the raw planes differ


def test_scaled_axes_are_those_of_the_correlation_matrix():
    activity = torch.randn(5000, 6, generator=seed()).double() @ torch.randn(6, 6, generator=seed(4)).double()
    plane = fit_standardised(activity, np.ones(6), n_components=3)
    values = np.linalg.eigvalsh(np.corrcoef(activity.T.numpy()))[::-1]
    np.testing.assert_allclose(plane.variances, values)
    z = plane.project(activity).numpy()
    np.testing.assert_allclose(z.T @ z / len(z), np.diag(values[:3]), atol=1e-9)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-9)


def test_neurons_that_are_hardly_ever_active_have_no_scale():
    activity = torch.rand(1000, 4, generator=seed()).double()
    activity[10:, 1], activity[9:, 2], activity[:, 3] = 0.0, 0.0, 5.0
    np.testing.assert_allclose(measure_scales(activity)[:3], activity[:, :3].std(0, correction=0))
    assert measure_scales(activity)[3] == 0
    assert np.isfinite(measure_active_scales(activity)).tolist() == [True, True, False, False]


# ---- signs


ORIGIN_AT = np.array([-5.0, -1.0, 2.0])
"""Silence, seen from the mean of :func:`draw_box`: on the negative side of two of three axes."""


def draw_box(*, origin=ORIGIN_AT, sds=(3.0, 2.0, 1.0)):
    """Uncorrelated activity with these standard deviations along three neurons, off silence."""
    points = torch.randn(2000, 3, generator=seed(1)).double()
    centred = points - points.mean(0)
    white = centred @ torch.linalg.inv(torch.linalg.cholesky(centred.T @ centred / len(points))).T
    return white * torch.tensor(sds, dtype=torch.float64) - torch.as_tensor(origin)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_first_axis_points_from_the_first_symbol_to_the_last(sign):
    """Whatever correlates more, and wherever silence lies."""
    direction = sign * np.array([0.1, -7.0, 3.0])
    plane = fit_orbit_plane(draw_box(), direction, n_components=3)
    np.testing.assert_allclose(plane.components, np.diag([sign, 1.0, -1.0]), atol=1e-9)


@pytest.mark.parametrize("number", range(8))
def test_the_turn_from_symbols_to_activity_is_positive(number):
    """In units of the standard deviations, from the direction of the logits to that away from silence."""
    rng = np.random.default_rng(number)
    activity, direction = draw_box(origin=rng.standard_normal(3)), rng.standard_normal(3)
    plane = fit_orbit_plane(activity, direction)
    z = plane.project(activity).numpy() / np.sqrt(plane.variances[:2])
    difference = activity.numpy() @ direction
    symbols = np.array([np.cov(axis, difference)[0, 1] for axis in z.T])
    away = -plane.project(torch.zeros(1, 3).double()).numpy()[0] / np.sqrt(plane.variances[:2])
    assert symbols[0] > 0
    assert symbols[0] * away[1] - symbols[1] * away[0] > 0


def test_the_orientation_is_that_of_the_plane_whichever_axis_varies_more():
    rng = np.random.default_rng(3)
    for _ in range(8):
        origin, direction, orientations = rng.standard_normal(3), rng.standard_normal(3), []
        for sds in ([1.001, 1.0, 0.1], [1.0, 1.001, 0.1]):
            plane = fit_orbit_plane(draw_box(origin=origin, sds=sds), direction)
            orientations.append(np.linalg.det(plane.components[:, :2]))
        assert orientations[0] == pytest.approx(orientations[1])


def test_the_direction_is_that_of_the_readout():
    network = make_linear(np.diag([0.9, 0.5]))
    with torch.no_grad():
        network.w_out.copy_(torch.tensor([[3.0, 1.0], [50.0, 50.0], [1.0, 1.5]]))
    np.testing.assert_allclose(find_symbol_direction(network), [-2.0, 0.5])
    np.testing.assert_allclose(fit(network).components[0], [-1.0, 0.0], atol=0.15)


@pytest.mark.parametrize("sign", [1, -1])
def test_axes_without_symbols_point_away_from_silence(sign):
    plane = fit_orbit_plane(draw_box(origin=sign * ORIGIN_AT), np.zeros(3), n_components=3)
    np.testing.assert_allclose(plane.components, sign * np.diag([1.0, 1.0, -1.0]), atol=1e-9)
    one_blind = fit_orbit_plane(draw_box(origin=sign * ORIGIN_AT), np.array([0.0, 1.0, 1.0]))
    np.testing.assert_allclose(one_blind.components[0], [sign, 0.0, 0.0], atol=1e-9)


def test_axes_about_silence_have_a_positive_largest_entry():
    turned = draw_box(origin=np.zeros(3)) @ torch.linalg.qr(torch.randn(3, 3, generator=seed(5)).double()).Q.T
    plane = fit_orbit_plane(turned, np.zeros(3), n_components=3)
    for axis in plane.components:
        assert axis[np.abs(axis).argmax()] > 0


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("fit_plane", [fit_orbit_plane, fit_standardised])
def test_signs_depend_neither_on_units_nor_on_the_order_of_neurons_nor_on_that_of_time(fit_plane, number):
    """The raw plane turns with the units, but its first axis keeps to the same side."""
    drawn = torch.rand(9, 50, 6, generator=seed(number)).double().square()
    activity = drawn @ torch.rand(6, 6, generator=seed(7)).double()
    rng = np.random.default_rng(number)
    direction, order, units = rng.standard_normal(6), rng.permutation(6), rng.uniform(0.9, 1.1, 6)

    expected = fit_plane(activity, direction).project(activity)
    found = fit_plane(activity.flip(1), direction).project(activity)
    torch.testing.assert_close(found, expected)
    shuffled = activity[..., order]
    found = fit_plane(shuffled, direction[order]).project(shuffled)
    torch.testing.assert_close(found, expected)

    scaled = activity * torch.as_tensor(units)
    found = fit_plane(scaled, direction / units).project(scaled)
    assert (found * expected)[..., 0].mean() > 0
    if fit_plane is fit_standardised:
        torch.testing.assert_close(found, expected)


PARTS = {
    "orbit_paths": (compute_orbit_paths, {"n_shown": 5}, ("path",)),
    "rotation": (compute_rotation, {"n_untrained": 0, "n_null": 9}, ("path", "signed_area_rate", "winding")),
    "regions": (compute_regions, {"max_steps": 2, "n_rollouts": 2}, ("position",)),
    "training_evolution": (
        lambda network, **settings: compute_training_evolution(
            {epoch: lambda: network for epoch in range(5)}, np.empty(0), **settings
        ),
        {"n_untrained": 0, "spectral_stride": 10, "align_steps": 0, "n_resamples": 20},
        ("orbit",),
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_that_shows_a_sign_has_this_one(part):
    """The same network with its symbols in the opposite order goes the other way along the first axis."""
    network, mirrored = make_random(), make_random()
    with torch.no_grad():
        mirrored.w_out.copy_(network.w_out.flip(0))
    compute, settings, names = PARTS[part]
    sizes = {"n_trajectories": 20, "n_steps": 20, "burn_in": 10} | settings
    one, other = (compute(each, **sizes, generator=seed()) for each in (network, mirrored))
    for name in names:
        value, opposite = one.list_arrays()[name], other.list_arrays()[name]
        assert np.abs(value).max() > 1e-6
        np.testing.assert_allclose(opposite, value * ([-1, 1] if value.ndim else -1), atol=1e-12)
