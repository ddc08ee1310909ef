import numpy as np
import pytest
import torch
from known_networks import change_units, make_linear, make_plane, make_ring

from orbitscope.dynamics.driven_states import run_driven
from orbitscope.dynamics.neuron_scales import measure_active_scales, measure_scales
from orbitscope.dynamics.orbit_plane import (
    OrbitPlane,
    compute_covariance,
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


def test_the_plane_is_that_of_all_states_at_once(monkeypatch):
    monkeypatch.setattr("orbitscope.dynamics.orbit_plane._BLOCK", 64)
    network = make_ring()
    activity = draw_activity(network)
    states = activity.flatten(0, 1).numpy()
    plane = fit_orbit_plane(activity, n_components=3)
    mean, covariance = compute_covariance(torch.from_numpy(states))
    np.testing.assert_allclose(covariance, np.cov(states.T, bias=True))
    np.testing.assert_allclose(mean, states.mean(0))
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(plane.mean, states.mean(0))
    np.testing.assert_allclose(plane.variances, values[::-1])
    for axis, vector in zip(plane.components, vectors.T[::-1], strict=False):
        np.testing.assert_allclose(axis * np.sign(axis @ vector), vector, atol=1e-9)
        assert axis[np.abs(axis).argmax()] > 0
    np.testing.assert_allclose(plane.explained_variance_ratio, values[::-1][:3] / values.sum())
    assert plane.participation_ratio == pytest.approx(values.sum() ** 2 / (values**2).sum())
    projected = plane.project(torch.from_numpy(states)).numpy()
    np.testing.assert_allclose(projected, (states - states.mean(0)) @ plane.components.T, atol=1e-12)


def test_known_axes_far_from_the_origin():
    """Variances 9, 4 and 1 along given axes."""
    axes = torch.linalg.qr(torch.randn(3, 3, generator=seed(0)).double()).Q
    points = torch.randn(20_000, 3, generator=seed(1)).double() * torch.tensor([3.0, 2.0, 1.0])
    plane = fit_orbit_plane(1e6 + points @ axes.T)
    np.testing.assert_allclose(plane.variances, [9, 4, 1], rtol=0.05)
    np.testing.assert_allclose(np.abs(plane.components @ axes.numpy()), np.eye(3)[:2], atol=0.03)
    np.testing.assert_allclose(plane.mean, 1e6, atol=0.1)
    assert plane.participation_ratio == pytest.approx(14**2 / 98, rel=0.03)


def test_single_precision_is_enough():
    network = make_ring()
    path = draw_activity(network)
    exact = fit_orbit_plane(path)
    rounded = fit_orbit_plane(path.float())
    np.testing.assert_allclose(rounded.variances, exact.variances, rtol=1e-6, atol=1e-9)
    projected = rounded.project(path.float()).numpy()
    np.testing.assert_allclose(projected, exact.project(path).numpy(), atol=2e-5)


def test_only_the_hidden_part_of_a_state_counts():
    matrix = np.diag([0.9, 0.5])
    plane = fit_orbit_plane(draw_activity(make_linear(matrix, n_extra=2)))
    states = torch.tensor([[1.0, 2.0, 99.0, 99.0]]).double()
    np.testing.assert_allclose(plane.project(states), plane.project(states[:, :2]))


def test_planes_that_do_not_exist_are_refused():
    line = make_linear(np.diag([0.9, 0.5]), np.array([[1.0], [0.0]]))
    with pytest.raises(UndefinedAnalysisError, match="vary along ≥ 2 directions, got 1"):
        fit_orbit_plane(draw_activity(line))
    with pytest.raises(InputError, match=r"`n_components` must be in 1 … 2.*got 3"):
        fit_orbit_plane(draw_activity(line), n_components=3)
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
    network = build_network(3, hidden_size=12, input_size=8, generator=seed()).double()
    paths = [draw_activity(one) for one in (network, change_units(network))]
    planes = [fit_orbit_plane(path, scales=measure_active_scales(path)) for path in paths]
    first, second = (plane.project(path) for plane, path in zip(planes, paths, strict=True))
    torch.testing.assert_close(first, second)
    np.testing.assert_allclose(planes[0].variances, planes[1].variances)
    raw = [fit_orbit_plane(path).explained_variance_ratio[0] for path in paths]
    assert abs(raw[0] - raw[1]) > 0.05  # the raw planes differ


def test_scaled_axes_are_those_of_the_correlation_matrix():
    activity = torch.randn(5000, 6, generator=seed()).double() @ torch.randn(6, 6, generator=seed(4)).double()
    plane = fit_orbit_plane(activity, n_components=3, scales=measure_active_scales(activity))
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
