import itertools

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov

from orbitscope.dynamics import rotation
from orbitscope.dynamics.driven_states import run_driven
from orbitscope.dynamics.orbit_plane import (
    OrbitPlane,
    compute_orbit_plane,
    fit_orbit_plane,
    iterate_driven,
)
from orbitscope.dynamics.rotation import (
    CirculationResult,
    RotationResult,
    compute_area_rate,
    compute_circulation,
    compute_rotation,
)
from orbitscope.errors import InputError
from orbitscope.network import NoiseRNN, build_network
from orbitscope.network.cells import Cell
from orbitscope.results import load_result, save_result

SMALL = {
    "n_trajectories": 30,
    "n_steps": 100,
    "burn_in": 60,
    "n_untrained": 0,
    "n_null": 20,
    "n_resamples": 200,
}


class LinearCell(Cell):
    """h′ = A h + B x, with as many extra entries of state as asked for, which hold rubbish."""

    name = "linear"

    def __init__(self, matrix, noise_matrix, n_extra=0):
        super().__init__(len(matrix), noise_matrix.shape[1], len(matrix) + n_extra)
        self.matrix, self.noise_matrix, self.n_extra = matrix, noise_matrix, n_extra

    def step(self, state, noise):
        hidden = state[:, : self.hidden_size] @ self.matrix.T + noise @ self.noise_matrix.T
        return torch.cat([hidden, 99 * noise[:, :1].repeat(1, self.n_extra)], dim=1)


def make_linear(matrix, noise_matrix=None, **options):
    matrix = torch.as_tensor(np.asarray(matrix), dtype=torch.float64)
    noise_matrix = torch.eye(len(matrix)) if noise_matrix is None else torch.as_tensor(noise_matrix)
    cell = LinearCell(matrix, noise_matrix.double(), **options)
    return NoiseRNN(cell, 3, generator=torch.Generator().manual_seed(0)).double()


def make_ring(direction=1, *, n_units=8, bias=None):
    """Bias-free ReLU units on a ring that excite the units ahead and inhibit those opposite."""
    network = build_network(
        3, hidden_size=n_units, input_size=n_units, generator=torch.Generator().manual_seed(0)
    ).double()
    angle = 2 * torch.pi * torch.arange(n_units) / n_units
    ahead = angle[:, None] - angle[None, :] - direction * 0.8
    with torch.no_grad():
        network.cell.w_hh.copy_(3.2 / n_units * torch.cos(ahead))
        network.cell.w_ih.copy_(torch.eye(n_units))
    return network


def rotate(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def make_plane(width=2):
    return OrbitPlane(np.zeros(width), np.eye(width)[:2], np.ones(width))


def run(network, *, seed=1, **options):
    return compute_rotation(network, generator=torch.Generator().manual_seed(seed), **(SMALL | options))


def draw_walk(shape=(5, 40, 2), *, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).cumsum(1)


# ---- the plane


def test_the_plane_is_that_of_all_states_at_once(monkeypatch):
    monkeypatch.setattr("orbitscope.dynamics.orbit_plane._BLOCK_BYTES", 4 * 5 * 40 * 16)
    options = {"burn_in": 20, "noise_std": 1.0}
    network = make_ring()
    paths = list(iterate_driven(network, 13, 40, generator=torch.Generator().manual_seed(2), **options))
    assert [path.states.shape[1] for path in paths] == [5, 4, 4]
    states = torch.cat([path.states for path in paths], 1).flatten(0, 1).numpy()
    plane = compute_orbit_plane(
        network,
        n_trajectories=13,
        n_steps=40,
        n_components=3,
        generator=torch.Generator().manual_seed(2),
        **options,
    )
    values, vectors = np.linalg.eigh(np.cov(states.T, bias=True))
    np.testing.assert_allclose(plane.mean, states.mean(0))
    np.testing.assert_allclose(plane.variances, values[::-1])
    for axis, vector in zip(plane.components, vectors.T[::-1], strict=False):
        np.testing.assert_allclose(axis * np.sign(axis @ vector), vector, atol=1e-9)
        assert axis[np.abs(axis).argmax()] > 0
    np.testing.assert_allclose(plane.explained_variance_ratio, values[::-1][:3] / values.sum())
    assert plane.participation_ratio == pytest.approx(values.sum() ** 2 / (values**2).sum())
    projected = plane.project(torch.from_numpy(states)).numpy()
    np.testing.assert_allclose(projected, (states - states.mean(0)) @ plane.components.T, atol=1e-12)


def test_the_plane_of_known_axes():
    """Variances 9, 4 and 1 along given axes, far from the origin, in blocks of unequal size."""
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(3, 3, generator=generator).double()).Q
    points = torch.randn(20_000, 3, generator=generator).double() * torch.tensor([3.0, 2.0, 1.0])
    plane = fit_orbit_plane((1e6 + points @ axes.T).split(7000))
    np.testing.assert_allclose(plane.variances, [9, 4, 1], rtol=0.05)
    np.testing.assert_allclose(np.abs(plane.components @ axes.numpy()), np.eye(3)[:2], atol=0.03)
    np.testing.assert_allclose(plane.mean, 1e6, atol=0.1)
    assert plane.participation_ratio == pytest.approx(14**2 / 98, rel=0.03)


def test_only_the_hidden_part_of_a_state_counts():
    matrix = np.diag([0.9, 0.5])
    plain, wide = make_linear(matrix), make_linear(matrix, n_extra=2)
    np.testing.assert_allclose(run(wide).components, run(plain).components)
    assert float(run(wide).signed_area_rate) == pytest.approx(float(run(plain).signed_area_rate))


def test_planes_that_do_not_exist_are_refused():
    line = make_linear(np.diag([0.9, 0.5]), np.array([[1.0], [0.0]]))
    with pytest.raises(InputError, match="vary along ≥ 2 directions, got 1"):
        compute_orbit_plane(line, n_steps=20, generator=torch.Generator())
    with pytest.raises(InputError, match=r"`n_components` must be in 1 … 2"):
        compute_orbit_plane(line, n_components=3, generator=torch.Generator())
    with pytest.raises(InputError, match="at least one block"):
        fit_orbit_plane([])
    with pytest.raises(InputError, match="≥ 8 entries each for this plane, got 3"):
        make_plane(8).project(torch.zeros(4, 3))
    with pytest.raises(InputError, match="keeps to a line"):
        run(line, plane=make_plane())
    with pytest.raises(InputError, match="`n_trajectories` must be ≥ 1"):
        compute_orbit_plane(line, n_trajectories=0, generator=torch.Generator())


# ---- the area rate of given paths


def test_a_circle_sweeps_the_sine_of_its_angle():
    angle = 0.3 * np.arange(2000) + np.arange(3)[:, None]
    circle = np.stack([5 * np.cos(angle), 2 * np.sin(angle)], -1) + [100.0, -7.0]
    assert compute_area_rate(circle) == pytest.approx(np.sin(0.3), rel=2e-3)


def test_the_area_rate_against_its_definition_in_principal_axes():
    z = draw_walk()
    z = z - z.mean((0, 1))
    _, axes = np.linalg.eigh(np.cov(z.reshape(-1, 2).T))
    first, second = np.moveaxis(z @ axes, 2, 0)
    lagged = [(a[:, :-1] * b[:, 1:]).mean() for a, b in ((first, second), (second, first))]
    expected = 0.5 * (lagged[0] - lagged[1]) / np.sqrt((first**2).mean() * (second**2).mean())
    assert abs((first * second).mean()) < 1e-12
    assert compute_area_rate(z) == pytest.approx(expected * np.linalg.det(axes))


def test_the_area_rate_is_invariant_under_linear_maps_and_odd_under_reflection_and_reversal():
    z = draw_walk()
    rate = compute_area_rate(z)
    assert abs(rate) > 1e-3
    for matrix in (rotate(0.7), np.array([[2.0, 1.5], [0.0, 0.1]])):
        assert compute_area_rate(z @ matrix.T + 3.0) == pytest.approx(rate)
    assert compute_area_rate(z[..., ::-1]) == pytest.approx(-rate)
    assert compute_area_rate(z[:, ::-1]) == pytest.approx(-rate)
    with pytest.raises(InputError, match="≥ 2 steps, got 1"):
        compute_area_rate(z[:, :1])


def test_the_form_with_variances_alone_depends_on_the_axes():
    """Why the determinant: √(C₁₁ C₂₂) gives another number in axes that are turned."""
    z = draw_walk() * [5.0, 1.0]
    z = z - z.mean((0, 1))
    scales = [np.sqrt(np.prod((z @ rotate(angle).T).var((0, 1)))) for angle in (0.0, 0.7)]
    assert abs(scales[1] / scales[0] - 1) > 0.1


# ---- networks with a known area rate


@pytest.mark.parametrize(("angle", "expected"), [(0.0, 0.0), (0.2, 0.179), (-0.2, -0.179), (1.2, 0.839)])
def test_rotating_noise_has_the_rate_rho_sine(angle, expected):
    result = run(make_linear(0.9 * rotate(angle)), plane=make_plane(), n_trajectories=100)
    assert float(result.signed_area_rate) == pytest.approx(expected, abs=0.012)
    assert float(result.area_rate) == abs(float(result.signed_area_rate))
    assert result.signed_area_rate_low <= expected <= result.signed_area_rate_high
    assert result.trajectory_area_rates.mean() == pytest.approx(float(result.signed_area_rate))


def test_equal_variances_leave_the_sign_open_but_not_the_size():
    own, given = (run(make_linear(0.9 * rotate(0.2)), plane=plane) for plane in (None, make_plane()))
    assert own.status["plane"] == "fitted"
    assert given.status["plane"] == "given"
    assert float(own.area_rate) == pytest.approx(float(given.area_rate))


def test_any_linear_network_against_its_lyapunov_equation():
    rng = np.random.default_rng(0)
    matrix = 0.45 * rng.standard_normal((2, 2))
    mixing = rng.standard_normal((2, 2))
    covariance = solve_discrete_lyapunov(matrix, mixing @ mixing.T)
    lagged = covariance @ matrix.T
    expected = 0.5 * (lagged[0, 1] - lagged[1, 0]) / np.sqrt(np.linalg.det(covariance))
    assert abs(expected) > 0.05
    result = run(make_linear(matrix, mixing), plane=make_plane(), n_trajectories=200)
    assert float(result.signed_area_rate) == pytest.approx(expected, abs=0.015)
    assert float(run(make_linear(matrix, mixing)).area_rate) == pytest.approx(abs(expected), abs=0.03)


def test_the_interval_covers_and_narrows():
    matrix, truth = 0.9 * rotate(0.2), 0.9 * np.sin(0.2)
    few = [run(make_linear(matrix), plane=make_plane(), seed=seed, n_null=1) for seed in range(40)]
    covered = [r.signed_area_rate_low <= truth <= r.signed_area_rate_high for r in few]
    assert np.mean(covered) >= 0.8
    many = run(make_linear(matrix), plane=make_plane(), n_trajectories=270)
    width, narrow = (float(r.area_rate_high - r.area_rate_low) for r in (few[0], many))
    assert narrow == pytest.approx(width / 3, rel=0.35)


def test_limits_of_the_size_start_from_zero_if_the_interval_covers_it():
    still, turning = (
        run(make_linear(0.9 * np.eye(2))),
        run(make_linear(0.9 * rotate(-0.4)), plane=make_plane()),
    )
    assert still.signed_area_rate_low < 0 < still.signed_area_rate_high
    assert float(still.area_rate_low) == 0
    limits = np.array([still.signed_area_rate_low, still.signed_area_rate_high])
    assert float(still.area_rate_high) == np.abs(limits).max()
    assert turning.signed_area_rate_high < 0
    assert float(turning.area_rate_low) == -float(turning.signed_area_rate_high)
    assert float(turning.area_rate_high) == -float(turning.signed_area_rate_low)


# ---- a ReLU ring


def test_a_ring_rotates_and_the_reversed_ring_rotates_back():
    forward = run(make_ring(), n_untrained=20, n_null=99)
    plane = OrbitPlane(forward.mean, forward.components, forward.variances)
    backward = run(make_ring(-1), plane=plane)
    assert float(forward.area_rate_low) > forward.null_quantile.max()
    np.testing.assert_allclose(forward.p_value, [0.01, 0.01, 1 / 21])
    signs = np.sign([float(r.signed_area_rate) for r in (forward, backward)])
    assert signs[0] == -signs[1]
    assert np.sign([float(r.winding) for r in (forward, backward)]).tolist() == signs.tolist()
    assert float(backward.area_rate) == pytest.approx(float(forward.area_rate), rel=0.1)


def test_a_symmetric_ring_does_not_rotate():
    network = make_ring()
    with torch.no_grad():
        network.cell.w_hh.copy_((network.cell.w_hh + network.cell.w_hh.T) / 2)
    result = run(network, n_trajectories=60)
    assert (result.p_value[:2] > 0.01).all()
    assert float(result.area_rate) < 0.02


def test_rotation_does_not_depend_on_the_noise_of_a_homogeneous_network():
    options = {"n_untrained": 20, "n_steps": 30, "burn_in": 20}
    plain, scaled = (run(make_ring(), noise_std=s, **options) for s in (1.0, 3.0))
    np.testing.assert_allclose(scaled.mean, 3 * plain.mean)
    np.testing.assert_allclose(scaled.variances, 9 * plain.variances)
    for name in (
        "signed_area_rate",
        "signed_area_rate_low",
        "area_rate_high",
        "untrained_area_rates",
        "trajectory_area_rates",
        "trajectory_winding",
        "reversible_area_rates",
        "p_value",
    ):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), rtol=1e-9, err_msg=name)


# ---- nulls


def test_sign_flips_are_those_of_an_enumeration():
    result = run(make_linear(0.9 * rotate(0.05)), n_trajectories=6, n_null=3000)
    signs = np.array(list(itertools.product([-1, 1], repeat=6)))
    exact = np.abs(signs @ result.trajectory_area_rates / 6)
    distance = np.abs(result.sign_flip_area_rates[:, None] - exact[None]).min(1)
    np.testing.assert_allclose(distance, 0, atol=1e-12)
    p_exact = (exact >= float(result.area_rate) * (1 - 1e-9)).mean()
    assert result.p_value[0] == pytest.approx(p_exact, abs=0.03)
    for q in (0.25, 0.5, 0.75):
        rank = (exact <= np.quantile(result.sign_flip_area_rates, q)).mean()
        assert rank == pytest.approx(q, abs=0.05)


def test_flips_of_the_sign_leave_a_reversible_network_unnoticed():
    network = make_linear(np.diag([0.9, 0.5]))
    p_values = [run(network, seed=seed, n_null=60, n_steps=25).p_value[:2] for seed in range(40)]
    assert (np.mean(np.array(p_values) < 0.1, axis=0) < 0.25).all()
    assert (np.mean(p_values, axis=0) > 0.35).all()


@pytest.mark.parametrize(("n_trajectories", "n_steps", "scale"), [(30, 100, 0.8), (200, 3, 1.1)])
def test_the_reversible_null_is_a_network_with_a_symmetric_lagged_covariance(n_trajectories, n_steps, scale):
    """Brute force: the linear network with A_s = sym(AΣ)Σ⁻¹ and the noise that keeps Σ."""
    matrix, mixing = scale * rotate(0.3) @ np.diag([1.1, 0.7]), np.array([[1.0, 0.5], [0.0, 0.6]])
    covariance = solve_discrete_lyapunov(matrix, mixing @ mixing.T)
    lagged = matrix @ covariance
    symmetric = (lagged + lagged.T) / 2 @ np.linalg.inv(covariance)
    noise = np.linalg.cholesky(covariance - symmetric @ covariance @ symmetric.T)
    sizes = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": 120}
    result = run(make_linear(matrix, mixing), n_null=600, **sizes)
    np.testing.assert_allclose(
        result.status["reversible_coefficients"], np.sort(np.linalg.eigvals(symmetric).real), atol=0.05
    )
    path = run_driven(
        make_linear(symmetric, noise),
        n_trajectories * 600,
        n_steps,
        burn_in=120,
        generator=torch.Generator().manual_seed(3),
    )
    paths = path.states.transpose(0, 1).numpy().reshape(600, n_trajectories, n_steps, 2)
    rates = np.abs([compute_area_rate(z) for z in paths])
    rms, expected = (np.sqrt(np.square(r).mean()) for r in (result.reversible_area_rates, rates))
    assert rms == pytest.approx(expected, rel=0.08)
    assert result.null_quantile[1] == pytest.approx(np.quantile(rates, 0.95), rel=0.2)
    assert float(result.area_rate) > 4 * result.null_quantile[1]


@pytest.mark.parametrize("bias", [False, True])
def test_untrained_networks_are_of_the_same_kind_and_measured_alike(bias, monkeypatch):
    network = build_network(
        4, cell="tanh", hidden_size=6, input_size=3, bias=bias, generator=torch.Generator().manual_seed(0)
    ).double()
    built = []

    def record(*args, **options):
        built.append(build_network(*args, **options))
        return built[-1]

    monkeypatch.setattr(rotation, "build_network", record)
    result = run(network, n_untrained=20)
    assert len({each.cell.w_hh[0, 0].item() for each in built}) == 20
    for each in built:
        assert (each.cell.name, each.hidden_size, each.input_size, each.n_symbols) == ("tanh", 6, 3, 4)
        assert (each.cell.bias is not None) == bias
        assert each.w_out.dtype == torch.float64
    rates = [float(run(each, n_trajectories=100, n_null=1).area_rate) for each in built]
    np.testing.assert_allclose(result.untrained_area_rates, rates, atol=0.05)
    assert np.corrcoef(result.untrained_area_rates, rates)[0, 1] > 0.7
    assert result.null_quantile[2] == pytest.approx(np.quantile(result.untrained_area_rates, 0.95))
    larger = (result.untrained_area_rates >= float(result.area_rate)).sum()
    assert result.p_value[2] == pytest.approx((larger + 1) / 21)


def test_without_untrained_networks_their_null_is_undefined():
    result = run(make_ring())
    assert np.isnan(result.null_quantile).tolist() == [False, False, True]
    assert np.isnan(result.p_value).tolist() == [False, False, True]
    assert "no quantile" in result.status["notes"][0]


# ---- winding


def test_a_steady_turn_winds_once_per_period():
    """A nearly undamped rotation by 2π/20: five turns in 100 steps, backwards if reversed."""
    for sign in (1, -1):
        matrix = 0.9999 * rotate(sign * 2 * np.pi / 20)
        network = make_linear(matrix, 0.01 * np.eye(2))
        network.initial_state = lambda n: torch.ones(n, 2).double() * (1 + torch.arange(n)[:, None])
        result = run(network, plane=make_plane(), burn_in=0, n_steps=200)
        np.testing.assert_allclose(result.trajectory_winding, sign * 5, atol=0.05)
        assert result.winding_low <= float(result.winding) <= result.winding_high


def test_the_centre_of_the_winding_is_the_mean_of_all_states():
    """Activity that circles far from the origin of the plane that is given."""
    network = make_linear(0.9999 * rotate(2 * np.pi / 20), 0.01 * np.eye(2))
    network.initial_state = lambda n: torch.ones(n, 2).double()
    far = OrbitPlane(np.array([50.0, 50.0]), np.eye(2), np.ones(2))
    near, shifted = (run(network, plane=p, burn_in=0, n_steps=200) for p in (make_plane(), far))
    np.testing.assert_allclose(shifted.trajectory_winding, near.trajectory_winding)
    assert float(shifted.signed_area_rate) == pytest.approx(float(near.signed_area_rate))


def test_noise_without_direction_does_not_wind():
    result = run(make_linear(0.9 * np.eye(2)))
    assert result.winding_low < 0 < result.winding_high


# ---- circulation


def circulate(labels, **options):
    return compute_circulation(np.array(labels), rng=np.random.default_rng(0), n_resamples=200, **options)


def count_by_hand(row):
    """Direct and any cycles, forward minus backward, by walking along one sequence."""
    visits = [label for i, label in enumerate(row) if i == 0 or row[i - 1] != label]
    counts = {(d, c): 0 for d in "+-" for c in ("direct", "any")}
    stretch = None
    for label in visits:
        if label == 0:
            if stretch and -1 not in stretch and stretch[0] != stretch[-1]:
                direction = "+" if stretch[0] == 1 else "-"
                counts[direction, "any"] += 1
                counts[direction, "direct"] += len(stretch) == 2
            stretch = []
        elif stretch is not None:
            stretch.append(label)
    return [[counts[d, c] for c in ("direct", "any")] for d in "+-"]


def test_cycles_of_a_sequence_that_can_be_counted_by_eye():
    row = [0, 0, 1, 2, 2, 0, 2, 1, 0, 1, 0, 1, 2, 1, 2, 0, 1, 2]
    result = circulate([row, row])
    assert result.cycle.tolist() == ["direct", "any"]
    assert result.n_forward.tolist() == [2, 4]
    assert result.n_backward.tolist() == [2, 2]
    assert int(result.n_excursions) == 8
    np.testing.assert_allclose(result.circulation, [0, 1 / 3])


def test_cycles_against_a_walk_along_each_sequence():
    labels = np.random.default_rng(1).choice([-1, 0, 1, 2], p=[0.05, 0.35, 0.3, 0.3], size=(40, 60))
    result = circulate(labels)
    counts = np.sum([count_by_hand(row.tolist()) for row in labels], axis=0)
    np.testing.assert_array_equal([result.n_forward, result.n_backward], counts)
    assert counts.min() > 20


def test_reversing_time_negates_the_circulation_and_its_interval():
    labels = np.tile([0, 1, 2], (20, 20))
    labels[np.random.default_rng(2).random(labels.shape) < 0.4] = 1
    forward, backward = circulate(labels), circulate(labels[:, ::-1])
    assert (forward.circulation > 0.3).all()
    np.testing.assert_array_equal(backward.circulation, -forward.circulation)
    np.testing.assert_array_equal(backward.low, -forward.high)
    np.testing.assert_array_equal(backward.p_value, forward.p_value)


def test_a_cycle_circulates_and_coin_flips_do_not():
    one_way = circulate(np.tile([0, 0, 1, 2], (20, 10)))
    np.testing.assert_array_equal(one_way.circulation, [1, 1])
    np.testing.assert_allclose(one_way.p_value, 0.001)
    random = circulate(np.random.default_rng(3).integers(3, size=(50, 100)))
    assert (random.low < 0).all()
    assert (random.high > 0).all()
    assert (random.p_value > 0.02).all()


def test_the_order_of_the_regions_can_be_given():
    labels = np.tile([7, 3, 5], (4, 10))
    np.testing.assert_array_equal(circulate(labels, order=(7, 3, 5)).circulation, [1, 1])
    np.testing.assert_array_equal(circulate(labels, order=(7, 5, 3)).circulation, [-1, -1])


def test_labels_without_cycles_have_no_circulation():
    result = circulate(np.tile([0, 1], (5, 10)))
    assert np.isnan(result.circulation).all()
    assert np.isnan(result.p_value).all()
    assert result.status["without_cycles"] == ["direct", "any"]
    assert int(result.n_excursions) == 45


def test_labels_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"must be among the three different labels .* got \[0, 4\]"):
        circulate([[0, 4], [0, 4]])
    with pytest.raises(InputError, match="three different labels"):
        circulate([[0, 1], [0, 1]], order=(0, 1, 1))
    with pytest.raises(InputError, match="`n_null` must be ≥ 1"):
        circulate([[0, 1], [0, 1]], n_null=0)


# ---- files, errors


def test_results_come_back_from_their_files(tmp_path):
    result, circulation = run(make_ring()), circulate(np.tile([0, 1, 2], (4, 10)))
    save_result(result, tmp_path / "rotation.nc")
    save_result(circulation, tmp_path / "circulation.nc")
    assert load_result(tmp_path / "rotation.nc", RotationResult) == result
    assert load_result(tmp_path / "circulation.nc", CirculationResult) == circulation


def test_same_seed_same_result():
    options = {"n_untrained": 20, "n_steps": 10, "burn_in": 10}
    assert run(make_ring(), **options) == run(make_ring(), **options)
    assert run(make_ring(), **options) != run(make_ring(), seed=2, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trajectories": 1}, "`n_trajectories` must be ≥ 2, got 1"),
        ({"n_steps": 1}, "`n_steps` must be ≥ 2, got 1"),
        ({"n_null": 0}, "`n_null` must be ≥ 1, got 0"),
        ({"n_untrained": 5}, "`n_untrained` must be 0 or ≥ 20, got 5"),
        ({"plane": make_plane(3)}, "`plane` must have 2 components of 8 neurons, got 2 of 3"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        run(make_ring(), **options)


def test_a_cell_that_cannot_be_built_has_no_untrained_null():
    with pytest.raises(InputError, match="got `linear`. Use n_untrained=0"):
        run(make_linear(0.9 * np.eye(2)), n_untrained=20)
