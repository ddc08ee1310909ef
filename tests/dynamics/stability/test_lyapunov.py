import numpy as np
import pytest
import torch
from known_networks import change_units, make_linear, scale_recurrence
from part_functions import compute_lyapunov_exponents, compute_noise_free_exponents
from scipy.optimize import brentq

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.noise_free.noise_free_exponents import NoiseFreeExponentsResult
from orbitscope.dynamics.noise_free.noise_free_growth import follow_without_noise
from orbitscope.dynamics.stability.jacobians import compute_jacobians
from orbitscope.dynamics.stability.tangents import follow_tangents
from orbitscope.errors import InputError
from orbitscope.network import Cell, build_network
from orbitscope.results import load_result, save_result
from orbitscope.runs.zoo import open_run
from orbitscope.statistics import Estimate


def make_network(cell="relu", *, seed=0, gain=1.0, hidden_size=8, **options):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(
        3, cell=cell, hidden_size=hidden_size, input_size=5, generator=generator, **options
    )
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network.double()


def set_weights(network, w_hh):
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.as_tensor(w_hh))
    return network


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def draw_states(n_points, width, *, seed=1):
    return torch.rand(n_points, width, generator=seeded(seed)).double()


def follow_still(network, states, **options):
    """Exponents without noise over 50 steps, after the 100 in which vectors turn to where they belong."""
    options = {"n_exponents": 1, "n_steps": 50, "generator": seeded()} | options
    return compute_noise_free_exponents(network, states, **options)


TRIANGULAR = np.array([[0.5, 3.0, -1.0], [0.0, -1.2, 2.0], [0.0, 0.0, 0.8]])


# ---- tangent vectors


@pytest.mark.parametrize("kind", ["relu", "tanh", "biased", "opaque"])
def test_tangent_vectors_against_jacobians(kind):
    network = make_network("tanh" if kind in ("tanh", "opaque") else "relu", bias=kind == "biased")
    states, noise = draw_states(6, 8), draw_states(6, 5, seed=2) - 0.5
    vectors = draw_states(6, 24, seed=3).reshape(6, 3, 8)
    jacobians = compute_jacobians(network, states, noise)
    if kind == "opaque":
        cell = network.cell

        class Opaque(Cell):
            def step(self, state, noise):
                return torch.tanh(state @ cell.w_hh.T + noise @ cell.w_ih.T)

        network.cell = Opaque(8, 5)
    pushed = network.cell.push_tangents(states, noise, vectors)
    torch.testing.assert_close(pushed, torch.einsum("tij,tvj->tvi", jacobians, vectors))
    assert not pushed.requires_grad


def test_tangent_vectors_of_a_state_wider_than_what_is_read_out():
    class Delayed(Cell):
        name = "delayed"

        def __init__(self):
            super().__init__(2, 2, state_size=4)

        def step(self, state, noise):
            return torch.cat([torch.tanh(state[:, 2:] + noise), state[:, :2].square()], dim=1)

    network = make_network(hidden_size=2)
    network.cell = Delayed()
    states, noise, vectors = draw_states(5, 4), draw_states(5, 2), draw_states(5, 12).reshape(5, 3, 4)
    jacobians = compute_jacobians(network, states, noise)
    pushed = network.cell.push_tangents(states, noise, vectors)
    torch.testing.assert_close(pushed, torch.einsum("tij,tvj->tvi", jacobians, vectors))
    found = follow_still(network, states, n_exponents=2, n_steps=50)
    assert found.block_states.shape == (5, 1, 4)


# ---- exponents


def test_finite_time_exponents_are_the_same_in_any_units_of_the_neurons():
    network = scale_recurrence(make_network(hidden_size=12), 2.2)
    options = {"n_exponents": 2, "n_trajectories": 4, "n_steps": 40, "burn_in": 30}
    one, two = (
        compute_lyapunov_exponents(each, **options, generator=seeded(1))
        for each in (network, change_units(network))
    )
    np.testing.assert_allclose(one.local, two.local, atol=1e-6)


def test_units_of_vectors_do_not_count_over_a_long_path():
    network = make_network("tanh", gain=2.0)
    path = run_driven(network, 3, 500, burn_in=20, generator=seeded(2))

    def follow(scales):
        steps = zip([path.start, *path.states[:-1]], path.noise, strict=True)
        options = {"align_steps": 0, "block_steps": 5, "scales": scales, "generator": seeded(3)}
        return follow_tangents(network, steps, 1, **options).growth

    plain, scaled = follow(None), follow(torch.logspace(-1, 1, 8).double())
    torch.testing.assert_close(plain.mean(1), scaled.mean(1), atol=0.02, rtol=0)
    assert (plain - scaled).abs().max() > 0.1


def test_a_linear_map_has_the_logarithms_of_its_eigenvalues():
    expected = np.log([1.2, 0.8, 0.5])
    network = make_linear(TRIANGULAR * 0.8)
    driven = compute_lyapunov_exponents(
        network, n_exponents=3, n_trajectories=3, n_steps=60, align_steps=150, burn_in=5, generator=seeded()
    )
    free = follow_still(network, draw_states(3, 3), n_exponents=3, n_steps=60, align_steps=150, block_steps=5)
    for found in (driven, free):
        mean = found.mean_exponent.value
        np.testing.assert_allclose(mean, expected + np.log(0.8), atol=1e-9)
        np.testing.assert_allclose(found.local, np.broadcast_to(mean, (3, 12, 3)), atol=1e-9)
        assert found.status == {"verdict": "contracts", "n_collapsed": [0] * 3, "n_undefined": [0] * 3}
    assert free.settings["rescaled"] is True


def test_exponents_follow_the_volume_that_each_step_keeps():
    """All exponents of a step add up to log|det J|, for tanh Σ log(1 − h²) + log|det W|."""
    network = make_network("tanh", gain=2.0, hidden_size=4)
    found = compute_lyapunov_exponents(
        network, n_exponents=4, n_trajectories=5, n_steps=50, block_steps=1, burn_in=20, generator=seeded()
    )
    states = found.block_states
    expected = np.log(1 - states[:, 1:] ** 2).sum(2)
    expected += np.log(abs(np.linalg.det(network.cell.w_hh.detach().numpy())))
    np.testing.assert_allclose(found.local[:, :-1].sum(2), expected, rtol=1e-9)
    assert (np.diff(found.mean_exponent.value) < 0).all()


def test_the_first_exponent_is_the_growth_of_a_small_separation():
    network = make_network("tanh", gain=3.0)
    found = compute_lyapunov_exponents(
        network,
        n_exponents=1,
        n_trajectories=4,
        n_steps=200,
        align_steps=30,
        burn_in=10,
        block_steps=50,
        generator=seeded(4),
    )
    generator = seeded(4)
    path = run_driven(network, 4, 230, burn_in=10, generator=generator)
    units = path.states.flatten(0, 1).std(0, correction=0)
    shift = units * torch.empty(1, 8).double().normal_(generator=generator).expand(4, 8)
    growth = torch.zeros(4, 230).double()
    with torch.no_grad():
        for step, state in enumerate([path.start, *path.states[:-1]]):
            shift = 1e-7 * shift / (shift / units).norm(dim=1, keepdim=True)
            shift = network.step(state + shift, path.noise[step]) - network.step(state, path.noise[step])
            growth[:, step] = ((shift / units).norm(dim=1) / 1e-7).log()
    counted = growth[:, 30:]
    np.testing.assert_allclose(found.per_trajectory[:, 0], counted.mean(1), atol=1e-5)
    np.testing.assert_allclose(found.local[..., 0], counted.unflatten(1, (4, 50)).mean(2), atol=1e-4)
    torch.testing.assert_close(torch.tensor(found.block_states[:, 1]), path.states[79])


def test_driven_exponents_do_not_depend_on_the_noise_of_a_network_that_scales_with_it():
    found = [
        compute_lyapunov_exponents(
            make_network(),
            n_exponents=3,
            noise_std=s,
            n_trajectories=3,
            n_steps=50,
            burn_in=30,
            align_steps=20,
            generator=seeded(),
        )
        for s in (1.0, 7.0)
    ]
    np.testing.assert_allclose(found[0].local, found[1].local, atol=1e-10)
    np.testing.assert_allclose(7 * found[0].block_states, found[1].block_states, rtol=1e-9)


def test_they_do_where_the_network_does_not_scale_with_it():
    weak, strong = (
        compute_lyapunov_exponents(
            make_network("tanh", gain=5.0, hidden_size=40),
            noise_std=s,
            n_trajectories=8,
            n_steps=300,
            burn_in=50,
            generator=seeded(),
        )
        for s in (0.01, 50.0)
    )
    assert (weak.status["verdict"], strong.status["verdict"]) == ("expands", "contracts")
    assert weak.mean_exponent.low[0] > 0 > strong.mean_exponent.high[0]


def test_positive_networks_without_noise_are_linear():
    weights = draw_states(5, 5).numpy()
    network = set_weights(make_network(hidden_size=5), weights)
    found = follow_still(network, draw_states(4, 5), n_exponents=5, n_steps=400, block_steps=100)
    expected = np.sort(np.log(np.abs(np.linalg.eigvals(weights))))[::-1]
    np.testing.assert_allclose(found.mean_exponent.value, expected, atol=0.01)
    rate = follow_without_noise(network, draw_states(4, 5))
    np.testing.assert_allclose(found.per_trajectory[:, 0], rate.rate, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(found.block_states, axis=2), 1.0)
    assert found.status["verdict"] == "expands"
    at_once = follow_still(network, draw_states(4, 5), n_steps=50, align_steps=0)
    np.testing.assert_allclose(np.linalg.norm(at_once.block_states[:, 0], axis=1), 1.0)


def test_without_noise_other_maps_keep_their_scale():
    """Both fixed points of h = tanh(2 h) have the slope 2 (1 − h*²)."""
    network = set_weights(make_network("tanh", hidden_size=1), [[2.0]])
    states = torch.tensor([[0.3], [-0.1], [3.0]]).double()
    found = follow_still(network, states)
    root = brentq(lambda h: np.tanh(2 * h) - h, 0.5, 1.5)
    np.testing.assert_allclose(found.per_trajectory, np.log(2 * (1 - root**2)), atol=1e-9)
    np.testing.assert_allclose(np.abs(found.block_states), root, atol=1e-9)
    assert found.settings["rescaled"] is False


def test_lost_directions_are_minus_infinity():
    """A rank of 2 leaves no third exponent; a state that dies has none at all."""
    weights = np.diag([0.9, 0.7, 0.0])
    network = set_weights(make_network(hidden_size=3), weights)
    states = torch.ones(4, 3).double()
    found = follow_still(network, states, n_exponents=3)
    np.testing.assert_allclose(found.mean_exponent.value[:2], np.log([0.9, 0.7]), atol=1e-9)
    assert np.isneginf(found.per_trajectory[:, 2]).all()
    assert found.mean_exponent[2] == Estimate(np.nan)
    assert found.status["n_collapsed"] == [0, 0, 4]
    states[0] = torch.tensor([0.0, 0.0, 1.0])
    dying = follow_still(network, states)
    np.testing.assert_array_equal(np.isneginf(dying.per_trajectory[:, 0]), [True, False, False, False])
    assert dying.mean_exponent.value[0] == pytest.approx(np.log(0.9))
    assert dying.status["n_collapsed"] == [1]
    dead = follow_still(network, torch.zeros(3, 3).double())
    assert dead.status == {"verdict": "collapses", "n_collapsed": [3], "n_undefined": [0]}


def test_dependent_vectors_are_lost_though_rounding_keeps_them_apart():
    """Rank 2 in a direction that no axis shows: the third vector is rounding only."""
    basis = np.linalg.qr(draw_states(5, 5).numpy())[0]
    network = make_linear(basis @ np.diag([0.9, 0.5, 0.0, 0.0, 0.0]) @ basis.T)
    found = follow_still(network, draw_states(3, 5), n_exponents=4)
    np.testing.assert_allclose(found.mean_exponent.value[:2], np.log([0.9, 0.5]), atol=1e-9)
    assert found.status["n_collapsed"] == [0, 0, 3, 3]


def test_a_verdict_needs_the_whole_interval():
    """Half of the states see one unit only, which grows, half the other one, which decays."""
    network = set_weights(make_network(hidden_size=2), np.diag([1.1, 0.9]))
    states = torch.eye(2).double().repeat(10, 1)
    found = follow_still(network, states)
    np.testing.assert_allclose(found.per_trajectory[:, 0], np.log([1.1, 0.9] * 10), atol=1e-9)
    assert found.mean_exponent.low[0] < 0 < found.mean_exponent.high[0]
    assert found.status["verdict"] == "undecided"
    both = [follow_still(network, states[i::2]) for i in (0, 1)]
    assert [one.status["verdict"] for one in both] == ["expands", "contracts"]


def test_paths_are_divided_by_the_ray_that_they_come_to():
    """Two blocks that feed on their own units only: each end has the eigenvalues of its block."""
    weights = torch.zeros(5, 5).double()
    weights[:2, :2] = torch.tensor([[0.5, 0.4], [0.4, 0.5]])
    weights[2:, 2:] = 0.2 * torch.eye(3) + 0.3
    network = set_weights(make_network(hidden_size=5), weights)
    with torch.no_grad():
        network.w_out.copy_(torch.tensor([[0.0, 0, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]]))
    states = torch.zeros(10, 5).double()
    states[:6, :2], states[6:9, 2:] = draw_states(6, 2), draw_states(3, 3)
    found = follow_still(network, states, n_exponents=2)
    assert found.end.tolist() == ["ray of symbol 1", "ray of symbol 0", "no end"]
    assert found.end_symbol.tolist() == [1, 0, -1]
    other = follow_still(network, states[4:], n_exponents=2)
    assert other.end.tolist() == ["ray of symbol 0", "ray of symbol 1", "no end"]
    with torch.no_grad():
        network.w_out[2] = 2.0
    alike = follow_still(network, states, n_exponents=2)
    assert alike.end.tolist() == ["ray of symbol 2", "ray of symbol 2, second", "no end"]
    np.testing.assert_allclose(found.end_share, [0.6, 0.3, 0.1])
    assert found.trajectory_end.tolist() == [0] * 6 + [1] * 3 + [2]
    np.testing.assert_allclose(found.end_mean[:2], np.log([[0.9, 0.1], [1.1, 0.2]]), atol=1e-6)
    np.testing.assert_allclose(found.end_least[:2], found.end_largest[:2], atol=1e-6)
    assert np.isnan(found.end_mean[2]).all()
    assert np.isnan(found.end_least[2]).all()
    assert found.status["n_collapsed"][0] == 1


def test_an_end_with_a_path_that_died_has_no_smallest_exponent():
    """Three of four paths that keep turning lose their direction: two units feed on nothing."""
    weights = torch.block_diag(torch.tensor([[0.0, 0.5], [0.8, 0.0]]), torch.zeros(2, 2))
    network = set_weights(make_network(hidden_size=4), weights)
    states = torch.tensor([[1.0, 0, 0, 0]] + [[0, 0, 1.0, 0]] * 3).double()
    found = follow_still(network, states)
    assert found.end.tolist() == ["no end"]
    np.testing.assert_allclose(found.end_mean, [[0.5 * np.log(0.4)]], atol=1e-3)
    assert found.end_least.tolist() == [[-np.inf]]


def test_paths_that_keep_turning_have_a_range_of_exponents():
    """Two pairs of units that pass activity to each other: growth √.4 and √.18 per step."""
    weights = torch.block_diag(torch.tensor([[0.0, 0.5], [0.8, 0.0]]), torch.tensor([[0.0, 0.3], [0.6, 0.0]]))
    network = set_weights(make_network(hidden_size=4), weights)
    states = torch.tensor([[1.0, 0, 0, 0]] * 3 + [[0, 0, 1.0, 0]]).double()
    found = follow_still(network, states)
    assert found.end.tolist() == ["no end"]
    slow, fast = 0.5 * np.log(0.18), 0.5 * np.log(0.4)
    np.testing.assert_allclose(found.end_least, [[slow]], atol=1e-3)
    np.testing.assert_allclose(found.end_largest, [[fast]], atol=1e-3)
    np.testing.assert_allclose(found.end_mean, [[0.75 * fast + 0.25 * slow]], atol=1e-3)


def test_exponents_of_a_ray_are_the_logarithms_of_its_eigenvalues():
    network = open_run("zoo:linear-2-faithful").load_network()
    states = run_driven(network, 20, 1, generator=seeded()).states[0]
    found = follow_still(network, states)
    growth = follow_without_noise(network, states)
    assert len(growth.end_share) > 1
    expected = []
    for point in growth.end_points:
        jacobian = compute_jacobians(network, torch.tensor(point)[None])[0]
        expected.append(np.log(float(torch.linalg.eigvals(jacobian).abs().max())))
    np.testing.assert_allclose(np.sort(found.end_mean[:, 0]), np.sort(expected), atol=1e-4)


def test_intervals_are_over_trajectories():
    network = make_network("tanh", gain=3.0)
    found = compute_lyapunov_exponents(
        network, n_exponents=2, n_trajectories=40, n_steps=50, burn_in=20, generator=seeded(1)
    )
    mean = found.mean_exponent
    np.testing.assert_allclose(mean.value, found.per_trajectory.mean(0))
    np.testing.assert_allclose(found.per_trajectory, found.local.mean(1))
    error = found.per_trajectory.std(0) / np.sqrt(40)
    np.testing.assert_allclose((mean.high - mean.low) / 2, 1.96 * error, rtol=0.15)
    assert (mean.low < mean.value).all()
    half = compute_lyapunov_exponents(
        network,
        n_exponents=2,
        n_trajectories=40,
        n_steps=50,
        burn_in=20,
        confidence=0.5,
        generator=seeded(1),
    )
    assert half.settings["confidence"] == 0.5
    narrow = half.mean_exponent
    assert narrow.high[0] - narrow.low[0] < 0.6 * (mean.high[0] - mean.low[0])


def test_the_generator_decides():
    network = make_network()
    options = {"n_trajectories": 3, "n_steps": 20, "burn_in": 10}
    torch.manual_seed(0)
    first = compute_lyapunov_exponents(network, **options, generator=seeded(1))
    torch.manual_seed(1)
    assert first == compute_lyapunov_exponents(network, **options, generator=seeded(1))
    assert first != compute_lyapunov_exponents(network, **options, generator=seeded(2))


def test_results_come_back_from_their_files(tmp_path):
    network = set_weights(make_network(hidden_size=3), np.diag([0.9, 0.7, 0.0]))
    result = follow_still(network, draw_states(4, 3), n_exponents=3)
    assert np.isneginf(result.local).any()
    save_result(result, tmp_path / "lyapunov.nc")
    assert load_result(tmp_path / "lyapunov.nc", NoiseFreeExponentsResult) == result


# ---- bad input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_exponents": 0}, "`n_exponents` must be ≥ 1, got 0"),
        ({"n_trajectories": 1}, "`n_trajectories` must be ≥ 2 for an interval, got 1"),
        ({"n_steps": 12}, "must be a multiple of `block_steps`, got 12 and 5. Use 15 steps"),
        ({"block_steps": 0}, "`block_steps` must be ≥ 1, got 0"),
        ({"align_steps": -1}, "`align_steps` must be ≥ 0, got -1"),
        ({"noise_std": 0.0}, "`noise_std` must be > 0, got 0.0. Use the part noise_free_exponents"),
    ],
)
def test_bad_input_of_exponents_is_named(options, message):
    with pytest.raises(InputError, match=message):
        compute_lyapunov_exponents(make_network(), generator=seeded(), **options)


def test_one_state_has_no_interval():
    with pytest.raises(InputError, match="must be 2 or more for an interval, got 1"):
        follow_still(make_network(), draw_states(1, 8))


def test_growth_without_bound_is_named():
    network = make_network(gain=20.0)
    with pytest.raises(NoStationaryRegimeError, match=r"stay below 1e\+12"):
        compute_lyapunov_exponents(network, burn_in=100, generator=seeded())
    with pytest.raises(NoStationaryRegimeError, match="within 200 steps"):
        compute_lyapunov_exponents(network, burn_in=0, n_steps=200, align_steps=0, generator=seeded())


def test_a_direction_that_was_lost_before_the_first_block_stays_lost():
    """Half growth on two units; the second is silenced once, while vectors are still turning."""
    network = build_network(2, hidden_size=2, input_size=2, generator=torch.Generator()).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(0.5 * torch.eye(2))
        network.cell.w_ih.copy_(torch.eye(2))
    state, both, one = torch.ones(1, 2), torch.ones(1, 2), torch.tensor([[1.0, -9.0]])
    steps = [(state.double(), noise.double()) for noise in (one, both, both)]
    options = {"align_steps": 1, "block_steps": 1, "generator": torch.Generator().manual_seed(0)}
    growth = follow_tangents(network, steps, 2, **options).growth
    torch.testing.assert_close(growth[0, :, 0], torch.full((2,), 0.5).log().double())
    assert growth[0, :, 1].isneginf().all()
