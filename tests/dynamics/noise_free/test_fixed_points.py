import numpy as np
import pytest
import torch
from scipy.optimize import brentq

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.noise_free.fixed_point_search import compute_q
from orbitscope.dynamics.noise_free.fixed_points import FixedPointResult, find_fixed_points
from orbitscope.errors import InputError
from orbitscope.network import Cell, build_network
from orbitscope.results import load_result, save_result


def make_network(w_hh, cell="relu", *, bias=None):
    """A network without noise input and with the given weights, in double precision."""
    w_hh = torch.as_tensor(w_hh, dtype=torch.float64)
    network = build_network(
        2,
        cell=cell,
        hidden_size=len(w_hh),
        input_size=1,
        bias=bias is not None,
        generator=torch.Generator().manual_seed(0),
    ).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(w_hh)
        network.cell.w_ih.zero_()
        if bias is not None:
            network.cell.bias.copy_(torch.as_tensor(bias))
    return network


def make_random(cell="relu", *, bias=False, gain=1.0, hidden_size=12):
    generator = torch.Generator().manual_seed(3)
    network = build_network(
        3, cell=cell, hidden_size=hidden_size, input_size=5, bias=bias, generator=generator
    ).double()
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network


def draw_states(n_points, width, *, seed=1, positive=False):
    states = torch.randn(n_points, width, generator=torch.Generator().manual_seed(seed)).double()
    return states.abs() if positive else states


def count(result, kind):
    return int((result.kind == kind).sum())


# ---- q


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize(("cell", "bias"), [("relu", False), ("relu", True), ("tanh", True)])
def test_gradient_of_q_against_finite_differences(cell, bias, relative):
    network, states = make_random(cell, bias=bias), draw_states(9, 12)
    q, gradient = compute_q(network, states, relative=relative)
    still = torch.zeros(9, 5).double()
    with torch.no_grad():
        expected = (network.step(states, still) - states).square().sum(1) / 2
    torch.testing.assert_close(q, expected / states.square().sum(1) if relative else expected)
    for j in range(12):
        shift = 1e-6 * torch.nn.functional.one_hot(torch.tensor(j), 12)
        above, below = (compute_q(network, states + s * shift, relative=relative)[0] for s in (1, -1))
        torch.testing.assert_close(gradient[:, j], (above - below) / 2e-6, atol=1e-7, rtol=1e-5)


# ---- maps with known points


def test_one_bistable_unit_has_two_stable_points_and_an_unstable_one():
    """h = tanh(2 h): 0, where the slope is 2, and ±h*, where it is 2 (1 − h*²)."""
    found = find_fixed_points(
        make_network([[2.0]], "tanh"), torch.linspace(-1.5, 1.5, 41).double()[:, None], max_steps=300
    )
    root = brentq(lambda h: np.tanh(2 * h) - h, 0.5, 1.5)
    assert found.kind.tolist() == ["fixed"] * 3
    assert found.converged.all()
    order = found.points[:, 0].argsort()
    np.testing.assert_allclose(found.points[order, 0], [-root, 0.0, root], atol=1e-9)
    slope = 2 * (1 - root**2)
    np.testing.assert_allclose(found.spectral_radius[order], [slope, 2.0, slope], rtol=1e-5)
    np.testing.assert_array_equal(found.n_unstable[order], [0, 1, 0])
    np.testing.assert_allclose(found.speed, 0.0, atol=1e-9)
    assert found.n_starts.sum() == 41
    assert found.n_starts[found.n_unstable == 1] < 20
    assert found.status["homogeneous"] is False
    assert found.status["n_unconverged_starts"] == 0


def test_a_flip_flop_of_two_units():
    """h₁ = tanh(a h₁ − b h₂) and the same for h₂: 0 and ±(h*, −h*), with h* = tanh((a + b) h*)."""
    found = find_fixed_points(
        make_network([[0.8, -0.9], [-0.9, 0.8]], "tanh"), draw_states(200, 2), max_steps=300
    )
    root = brentq(lambda h: np.tanh(1.7 * h) - h, 0.3, 1.5)
    fixed = found.points[found.is_fixed]
    expected = np.array([[-root, root], [0.0, 0.0], [root, -root]])
    np.testing.assert_allclose(fixed[fixed[:, 0].argsort()], expected, atol=1e-8)
    np.testing.assert_array_equal(found.n_unstable[found.is_fixed][fixed[:, 0].argsort()], [0, 1, 0])


def test_winner_take_all_with_biases_has_two_stable_points():
    """h = ReLU(1 + ½ h − 2 h_other): winners at h = 2, a saddle at 1/(1 − ½ + 2) = 0.4 of both."""
    network = make_network([[0.5, -2.0], [-2.0, 0.5]], bias=[1.0, 1.0])
    found = find_fixed_points(network, 2 * draw_states(200, 2, positive=True), max_steps=300)
    stable = found.points[found.is_fixed & (found.n_unstable == 0)]
    np.testing.assert_allclose(stable[stable[:, 0].argsort()], [[0, 2], [2, 0]], atol=1e-8)
    saddle = found.points[found.is_fixed & (found.n_unstable > 0)]
    np.testing.assert_allclose(saddle, [[0.4, 0.4]], atol=1e-8)
    radius = found.spectral_radius[found.is_fixed]
    np.testing.assert_allclose(np.sort(radius), [0.5, 0.5, 2.5], rtol=1e-5)
    assert found.status["note"] == ""


def test_states_reach_the_point_they_are_at():
    network = make_network([[0.5, -2.0], [-2.0, 0.5]], bias=[1.0, 1.0])
    starts = torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.4, 0.4], [2.0, 0.01]]).double()
    found = find_fixed_points(network, starts, polish_steps=30)
    np.testing.assert_allclose(found.points[found.reached], starts, atol=0.02)
    assert found.reached[0] == found.reached[3] == 0  # most starts first
    np.testing.assert_array_equal(found.n_starts, np.bincount(found.reached))
    assert found.n_starts.tolist() == [2, 1, 1]


def test_a_ghost_is_slow_not_fixed():
    """h = tanh(1.5 h + ¼): the bias has just lifted the map off the lower two of three fixed points."""
    network = make_network([[1.5]], "tanh", bias=[0.25])
    found = find_fixed_points(network, torch.linspace(-1.0, 1.0, 21).double()[:, None], max_steps=300)
    gap = np.tanh(1.5 * np.linspace(-1, 1, 200_001) + 0.25) - np.linspace(-1, 1, 200_001)
    left = slice(0, 80_000)
    assert gap[left].min() > 0
    assert found.kind.tolist() == ["fixed", "slow"]
    assert found.speed[1] == pytest.approx(gap[left].min(), rel=1e-6)
    assert found.points[1, 0] == pytest.approx(np.linspace(-1, 1, 200_001)[gap[left].argmin()], abs=1e-4)
    assert found.converged[1]
    assert found.gradient[1] < 1e-4
    assert np.isnan(found.gradient[0])


# ---- homogeneous maps


def test_a_decaying_network_without_biases_has_the_origin_only():
    network = make_random(gain=0.8)
    states = run_driven(network, 60, 1, burn_in=20, generator=torch.Generator().manual_seed(1)).states[0]
    found = find_fixed_points(network, states, max_steps=200)
    assert count(found, "fixed") == 1
    assert count(found, "ray") == 0
    assert found.kind[0] == "fixed"
    np.testing.assert_array_equal(found.points[0], 0.0)
    assert np.isnan(found.spectral_radius[0])
    assert np.isnan(found.n_unstable[0])
    assert found.n_starts[0] == 0
    assert found.status["homogeneous"] is True
    assert "identity" in found.status["note"]
    assert found.status["n_without_spectrum"] >= 1
    np.testing.assert_allclose(np.linalg.norm(found.points[1:], axis=1), 1.0, rtol=1e-12)
    slow = torch.tensor(found.points[1:])
    np.testing.assert_allclose(compute_q(network, slow, relative=True)[0], found.q[1:], rtol=1e-9)


def test_silent_starts_stay_at_the_origin():
    network = make_network([[0.5, 0.1], [0.1, 0.5]])
    found = find_fixed_points(network, torch.tensor([[0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]).double())
    assert found.reached.tolist() == [0, 1, 0]
    assert found.n_starts.tolist() == [2, 1]
    assert find_fixed_points(network, torch.zeros(2, 2).double()).kind.tolist() == ["fixed"]


def test_a_ray_of_fixed_points():
    """Positive weights with the eigenvalue 1: the ray along its positive eigenvector is fixed."""
    weights = draw_states(6, 6, positive=True).numpy()
    values, vectors = np.linalg.eig(weights)
    top = values.real.argmax()
    direction = np.abs(vectors[:, top].real)
    network = make_network(weights / values[top].real)
    with torch.no_grad():
        network.w_out.copy_(torch.tensor([[-1.0], [1.0]]).expand(2, 6))
    found = find_fixed_points(network, draw_states(50, 6, positive=True), max_steps=300)
    assert found.kind[:2].tolist() == ["fixed", "ray"]
    assert found.symbol[:2].tolist() == [-1, 1]
    assert count(found, "ray") == 1
    np.testing.assert_allclose(found.points[1], direction / np.linalg.norm(direction), atol=1e-8)
    assert found.spectral_radius[1] == pytest.approx(1.0, abs=1e-5)
    assert found.n_unstable[1] == 0
    assert found.is_fixed.tolist() == [True] + [False] * (len(found.kind) - 1)


def test_the_slowest_direction_against_a_search_over_angles():
    weights = np.array([[0.5, 0.3], [0.1, 0.6]])
    found = find_fixed_points(make_network(weights), draw_states(5, 2, positive=True), max_steps=0)
    angle = np.linspace(0, np.pi / 2, 100_001)
    directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    q = ((directions @ weights.T - directions) ** 2).sum(1) / 2
    assert found.kind.tolist() == ["fixed", "slow"]
    np.testing.assert_allclose(found.points[1], directions[q.argmin()], atol=2e-4)
    assert found.q[1] == pytest.approx(q.min(), rel=1e-6)
    assert found.speed[1] == pytest.approx(np.sqrt(2 * q.min()), rel=1e-6)
    assert found.converged.all()


def test_steps_along_a_direction_do_not_spoil_the_search_for_it(monkeypatch):
    """Without damping the step along h alone would end in 0, of which rounding makes any direction."""
    monkeypatch.setattr("orbitscope.dynamics.noise_free.fixed_point_search._FIRST_DAMPING", 0.0)
    weights = np.array([[0.5, 0.3], [0.1, 0.6]])
    found = find_fixed_points(
        make_network(weights),
        draw_states(5, 2, positive=True),
        max_steps=0,
        polish_steps=6,
        merge_distance=0.0,
    )
    assert (found.gradient[1:] < 1e-4).all()


def test_directions_do_not_depend_on_the_scale_of_the_states():
    network = make_random(gain=0.8)
    states = draw_states(20, 12, positive=True)
    found = [find_fixed_points(network, s * states, max_steps=50) for s in (1.0, 16.0)]
    assert found[0] == found[1]


# ---- other maps, convergence, settings


def test_a_state_may_be_wider_than_what_is_read_out():
    """h' = tanh(c), c' = 2 h: bistable like h = tanh(2 h), with the eigenvalues ±√(2 (1 − h²))."""

    class Delayed(Cell):
        name = "delayed"

        def __init__(self):
            super().__init__(1, 1, state_size=2)

        def step(self, state, noise):
            return torch.stack([torch.tanh(state[:, 1] + noise[:, 0]), 2 * state[:, 0]], dim=1)

    network = make_network([[1.0]])
    network.cell = Delayed()
    found = find_fixed_points(network, draw_states(40, 2), max_steps=300)
    root = brentq(lambda h: np.tanh(2 * h) - h, 0.5, 1.5)
    stable = found.points[found.is_fixed & (found.n_unstable == 0)]
    np.testing.assert_allclose(stable[stable[:, 0].argsort()], [[-root, -2 * root], [root, 2 * root]])
    radius = found.spectral_radius[found.is_fixed & (found.n_unstable == 0)]
    np.testing.assert_allclose(radius, np.sqrt(2 * (1 - root**2)), rtol=1e-5)


def test_a_cell_of_another_kind_is_searched_through_its_step():
    matrix = torch.tensor([[0.5, 0.2], [0.0, 0.7]]).double()
    shift = torch.tensor([1.0, -1.0]).double()

    class Affine(Cell):
        name = "affine"

        def step(self, state, noise):
            return state @ matrix.T + shift + noise @ torch.zeros(1, 2).double()

    network = make_network(np.eye(2))
    network.cell = Affine(2, 1)
    found = find_fixed_points(network, draw_states(20, 2), max_steps=300)
    assert found.kind.tolist() == ["fixed"]
    expected = torch.linalg.solve(torch.eye(2).double() - matrix, shift)
    np.testing.assert_allclose(found.points[0], expected, atol=1e-8)
    assert found.spectral_radius[0] == pytest.approx(0.7, rel=1e-5)
    assert found.n_starts.tolist() == [20]


def test_the_derivative_is_known_where_all_units_are_below_threshold():
    """With negative biases the origin is no kink: units are silent around it, too."""
    found = find_fixed_points(make_network([[0.5]], bias=[-0.1]), draw_states(10, 1))
    assert found.kind.tolist() == ["fixed"]
    assert found.spectral_radius.tolist() == [0.0]
    kinked = find_fixed_points(make_network([[0.5, 0], [0, 0.5]], bias=[-0.1, 1e-12]), draw_states(10, 2))
    assert np.isnan(kinked.spectral_radius[0])


def test_points_that_did_not_converge_are_reported():
    network, states = make_random("tanh", bias=True, gain=3.0), draw_states(30, 12)
    found = find_fixed_points(network, states, max_steps=3, polish_steps=0)
    assert not found.converged.any()
    assert (found.kind == "slow").all()
    q, gradient = compute_q(network, torch.tensor(found.points))
    np.testing.assert_allclose(found.gradient, gradient.norm(dim=1) / (2 * q).sqrt(), rtol=1e-9)
    assert found.status["n_unconverged_starts"] == 30
    assert found.status["n_steps"] == 3
    longer = find_fixed_points(network, states, max_steps=300)
    assert longer.status["n_unconverged_starts"] < 30
    assert longer.converged[longer.is_fixed].all()
    assert (longer.gradient[longer.converged & ~longer.is_fixed] <= 1e-4).all()


def test_the_polish_ends_what_the_descent_began():
    network, states = make_random("tanh", bias=True), draw_states(30, 12)
    rough, polished = (
        find_fixed_points(network, states, max_steps=100, polish_steps=n, merge_distance=0.0) for n in (0, 20)
    )
    assert count(rough, "fixed") == 0
    assert count(polished, "fixed") == len(polished.kind)
    np.testing.assert_allclose(polished.q, 0, atol=1e-18)


def test_damping_fades_where_a_direction_is_nearly_neutral():
    """(AᵀA) has entries of 10⁻⁶ and 16: fixed damping would hide the first."""
    network = make_network(np.diag([0.999, -3.0]), bias=[0.002, 8.0])
    found = find_fixed_points(network, torch.tensor([[1.5, 2.5]]).double(), max_steps=0)
    assert found.kind.tolist() == ["fixed"]
    np.testing.assert_allclose(found.points, [[2.0, 2.0]], atol=1e-6)


def test_without_steps_starts_are_where_they_were():
    network, states = make_random("tanh", bias=True), draw_states(30, 12)
    found = find_fixed_points(network, states, max_steps=0, polish_steps=0, merge_distance=0.0)
    np.testing.assert_array_equal(found.points[found.reached], states)
    np.testing.assert_allclose(found.q[found.reached], compute_q(network, states)[0])
    assert (np.diff(found.q) >= 0).all()
    merged = find_fixed_points(network, states, max_steps=0, polish_steps=0, merge_distance=10.0)
    np.testing.assert_array_equal(merged.points, found.points[:1])
    assert merged.n_starts.tolist() == [30]


def test_points_are_sorted_by_their_starts():
    states = torch.tensor([0.1, 0.5, 0.5, 0.5, 1.0, 1.0], dtype=torch.float64)[:, None]
    found = find_fixed_points(make_network([[0.5]], "tanh"), states, max_steps=0, polish_steps=0)
    np.testing.assert_array_equal(found.points[:, 0], [0.5, 1.0, 0.1])
    assert found.n_starts.tolist() == [3, 2, 1]
    assert found.reached.tolist() == [2, 0, 0, 0, 1, 1]


def test_points_below_tolerance_do_not_move():
    network = make_network([[2.0]], "tanh")
    states = torch.tensor([[1e-12], [1.5]], dtype=torch.float64)
    found = find_fixed_points(network, states, max_steps=5, polish_steps=0, merge_distance=0.0)
    assert found.points[found.reached[0], 0] == 1e-12
    assert found.kind[found.reached].tolist() == ["fixed", "slow"]
    assert found.status["n_steps"] == 5


def test_points_scale_with_the_units_of_activity():
    """A factor of 2¹⁰ on states and biases costs no precision, so that all else stays the same."""
    options = {"max_steps": 100, "polish_steps": 1, "merge_distance": 0.0, "fixed_tolerance": 1e-12}
    plain, scaled = (
        find_fixed_points(
            make_network([[0.5, -2.0], [-2.0, 0.5]], bias=[s, s]),
            2 * s * draw_states(30, 2, positive=True),
            **options,
        )
        for s in (1.0, 1024.0)
    )
    assert 0 < count(plain, "slow") < len(plain.kind)
    for name in ("kind", "converged", "gradient", "reached", "spectral_radius"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(scaled, name))
    np.testing.assert_array_equal(1024 * plain.points, scaled.points)
    assert scaled.status["scale"] == 1024 * plain.status["scale"]


def test_ends_are_merged_by_the_stated_distance():
    network, states = make_network([[2.0]], "tanh"), torch.linspace(-1.5, 1.5, 40).double()[:, None]
    assert len(find_fixed_points(network, states, max_steps=200, merge_distance=10.0).kind) == 1
    assert len(find_fixed_points(network, states, max_steps=200, merge_distance=0.0).kind) > 3


def test_points_do_not_affect_each_other():
    """Starts of one length have one scale, so each may be searched from alone."""
    network, states = make_random("tanh", bias=True, gain=3.0), draw_states(6, 12)
    states = 2 * states / states.norm(dim=1, keepdim=True)
    options = {"max_steps": 100, "merge_distance": 0.0}  # else the first of those merged stands for all
    together = find_fixed_points(network, states, **options)
    for index in range(6):
        alone = find_fixed_points(network, states[index : index + 1], **options)
        np.testing.assert_allclose(alone.points[0], together.points[together.reached[index]], atol=1e-6)
    assert together == find_fixed_points(network, states, **options)


def test_chunks_do_not_change_the_result(monkeypatch):
    network, states = make_random("tanh", bias=True, gain=3.0), draw_states(30, 12)
    whole = find_fixed_points(network, states, max_steps=100)
    monkeypatch.setattr("orbitscope.dynamics.noise_free.fixed_point_search._CHUNK_BYTES", 8 * 144 * 3)
    parts = find_fixed_points(network, states, max_steps=100)
    np.testing.assert_array_equal(whole.reached, parts.reached)
    np.testing.assert_allclose(whole.points, parts.points, atol=1e-8)


def test_the_network_is_left_as_it_was():
    network = make_random().float()
    before = network.cell.w_hh.clone()
    found = find_fixed_points(network, draw_states(5, 12).float(), max_steps=5)
    assert found.points.dtype == np.float64
    assert network.cell.w_hh.dtype == torch.float32
    torch.testing.assert_close(network.cell.w_hh, before)
    assert network.cell.w_hh.grad is None


def test_results_come_back_from_their_files(tmp_path):
    for network in (make_random(gain=0.8), make_random("tanh", bias=True)):
        result = find_fixed_points(network, draw_states(10, 12), max_steps=50)
        save_result(result, tmp_path / "fixed.nc")
        assert load_result(tmp_path / "fixed.nc", FixedPointResult) == result


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        (
            torch.zeros(2, 3),
            {},
            r"`states` must be \(point, 12\) with at least one point, got shape \(2, 3\)",
        ),
        (torch.full((2, 12), torch.nan), {}, "must be finite, got NaN"),
        (torch.ones(2, 12), {"max_steps": -1}, "`max_steps` must be ≥ 0, got -1. Leave it out"),
        (torch.ones(2, 12), {"merge_distance": -1.0}, "`merge_distance` must be ≥ 0, got -1.0"),
        (torch.ones(2, 12), {"fixed_tolerance": float("nan")}, "`fixed_tolerance` must be ≥ 0, got nan"),
    ],
)
def test_bad_input_is_named(states, options, message):
    with pytest.raises(InputError, match=message):
        find_fixed_points(make_random(), states.double(), **options)
