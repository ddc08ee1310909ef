import numpy as np
import pytest
import torch
from known_networks import make_linear
from scipy.optimize import brentq
from scipy.stats import binom

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.noise_free.noise_free_growth import (
    NoiseFreeGrowthResult,
    follow_without_noise,
    iterate_noise_free,
)
from orbitscope.errors import InputError
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result


def make_network(cell="relu", *, gain=1.0, hidden_size=8, **options):
    generator = torch.Generator().manual_seed(0)
    network = build_network(
        3, cell=cell, hidden_size=hidden_size, input_size=5, generator=generator, **options
    )
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network.double()


def set_weights(network, w_hh, *, bias=None, w_out=None):
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.as_tensor(w_hh, dtype=torch.float64))
        if bias is not None:
            network.cell.bias.copy_(torch.as_tensor(bias))
        if w_out is not None:
            network.w_out.copy_(torch.as_tensor(w_out))
    return network


def draw_states(n_points, width, *, seed=1):
    return torch.rand(n_points, width, generator=torch.Generator().manual_seed(seed)).double()


def rotate(angle, size=1.0):
    return size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def follow(network, states, **options):
    """Growth over 100 steps after 50."""
    return follow_without_noise(network, states, **({"n_steps": 100, "settle_steps": 50} | options))


# ---- homogeneous maps


def test_rates_against_plain_iteration():
    network = make_network(hidden_size=12)
    states = run_driven(network, 31, 1, burn_in=20, generator=torch.Generator().manual_seed(0)).states[0]
    found = follow_without_noise(network, states, n_steps=30, settle_steps=7)
    with torch.no_grad():
        path = torch.cat([states[None], network.unroll(states, torch.zeros(37, 31, 5).double())])
    length = path.norm(dim=2)
    expected = (length[37] / length[7]).log() / 30
    np.testing.assert_allclose(found.rate, expected, rtol=1e-9)
    assert found.mean_rate == pytest.approx(float(expected.mean()), rel=1e-9)
    assert found.largest_rate == pytest.approx(float(expected.max()), rel=1e-9)
    sorted_growth = (length / length[0]).log().sort(dim=1).values
    ranks = [0, 2, 8, 15, 22, 28, 30]  # nearest to 30 q
    np.testing.assert_allclose(found.log_growth, sorted_growth[:, ranks].T, atol=1e-9)
    directions = path[27:] / path[27:].norm(dim=2, keepdim=True)
    np.testing.assert_allclose(
        found.last_step, (directions[1:] - directions[:-1]).norm(dim=2).amax(0), atol=1e-9
    )
    assert found.status["homogeneous"] is True
    assert found.status["scale"] == 1.0


@pytest.mark.parametrize(("size", "verdict"), [(0.9, "decays"), (1.0, "neutral"), (1.1, "grows")])
def test_positive_weights_grow_by_their_largest_eigenvalue_along_a_ray(size, verdict):
    weights = draw_states(8, 8).numpy()
    values, vectors = np.linalg.eig(weights)
    top = np.abs(values).argmax()
    network = set_weights(make_network(), weights * size / np.abs(values[top]))
    found = follow(network, draw_states(20, 8))
    np.testing.assert_allclose(found.rate, np.log(size), atol=1e-12)
    assert (found.status["verdict"], found.status["directions"]) == (verdict, "rays")
    np.testing.assert_allclose(found.end_points, np.abs(vectors[:, [top]].T.real), atol=1e-9)
    np.testing.assert_allclose((found.end_share[0], found.end_rate[0]), (1.0, np.log(size)), atol=1e-12)
    np.testing.assert_allclose(found.last_step, 0, atol=1e-7)
    np.testing.assert_array_equal(found.end, 0)


def test_a_rate_within_the_tolerance_is_neutral():
    network, states = set_weights(make_network(hidden_size=1), [[np.exp(0.01)]]), draw_states(3, 1)
    verdicts = [
        follow(network, states, rate_tolerance=tolerance).status["verdict"] for tolerance in (0.0099, 0.0101)
    ]
    assert verdicts == ["grows", "neutral"]


def test_two_rays_are_two_ends_with_their_rates_and_symbols():
    """Of two units that inhibit each other the stronger one silences the other and decays alone."""
    network = set_weights(
        make_network(hidden_size=2), [[0.8, -2.0], [-2.0, 0.5]], w_out=[[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
    )
    states = torch.tensor([[1.0, 0.1], [2.0, 0.1], [0.1, 1.0], [3.0, 0.1], [0.0, 0.0]]).double()
    found = follow(network, states)
    np.testing.assert_allclose(found.end_points, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found.end_share, [0.6, 0.2])
    np.testing.assert_allclose(found.end_rate, np.log([0.8, 0.5]), atol=1e-12)
    assert found.end_symbol.tolist() == [2, 0]
    assert found.end.tolist() == [0, 0, 1, 0, -1]
    assert found.status["ray_share"] == 1.0


def test_a_rotation_keeps_turning():
    found = follow(make_linear(rotate(0.3, 0.95)), draw_states(20, 2))
    np.testing.assert_allclose(found.rate, np.log(0.95), atol=1e-12)
    np.testing.assert_allclose(found.last_step, 2 * np.sin(0.15), atol=1e-9)
    assert found.status["directions"] == "cycles"
    assert len(found.end_points) == 0
    np.testing.assert_array_equal(found.end, -1)
    flipping = follow(make_linear(-0.5 * np.eye(2)), draw_states(20, 2))
    np.testing.assert_allclose(flipping.last_step, 2, atol=1e-9)
    assert flipping.status["directions"] == "cycles"


def test_a_path_that_has_rested_only_at_its_last_step_has_not_come_to_rest():
    """Period 12: most steps stay within a quarter of one direction, one of them is far away."""
    cycle = torch.roll(torch.eye(12), 1, 0).double().numpy()
    states = torch.eye(12).double() + 1e3
    states[0, 0] = 1e9
    found = follow_without_noise(make_linear(cycle), states, step_tolerance=0.1)
    assert found.status["directions"] == "rays and cycles"
    assert found.end[0] == -1
    assert (found.end[1:] == 0).all()


def test_one_growing_state_is_enough_and_shares_count_the_rest():
    matrix = np.zeros((4, 4))
    matrix[:2, :2], matrix[2, 2], matrix[3, 3] = rotate(1.0, 0.9), 1.1, 0.5
    found = follow(make_linear(matrix), torch.eye(4).double())
    np.testing.assert_allclose(found.rate, np.log([0.9, 0.9, 1.1, 0.5]), atol=1e-12)
    status = found.status
    assert (status["verdict"], status["directions"], status["ray_share"]) == ("grows", "rays and cycles", 0.5)
    assert status["growing_share"] == 0.25
    assert binom.cdf(1, 4, status["growing_share_limit"]) == pytest.approx(0.05)
    decaying = follow(make_linear(0.5 * np.eye(3)), draw_states(300, 3)).status
    assert decaying["growing_share_limit"] == pytest.approx(1 - 0.05 ** (1 / 300))
    growing = follow(make_linear(2.0 * np.eye(3)), draw_states(3, 3)).status
    assert (growing["growing_share"], growing["growing_share_limit"]) == (1.0, 1.0)


@pytest.mark.parametrize("settle_steps", [0, 5])
def test_dead_states_are_counted_not_averaged(settle_steps):
    network = set_weights(make_network(hidden_size=2), [[-1.0, 0.0], [0.0, 0.7]])
    states = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [3.0, 1.0]]).double()
    run = {"n_steps": 20, "settle_steps": settle_steps}
    found = follow_without_noise(network, states, **run)
    np.testing.assert_array_equal(np.isneginf(found.rate), [True, False, True, False])
    np.testing.assert_array_equal(np.isnan(found.last_step), [True, False, True, False])
    assert (found.status["died_share"], found.status["ray_share"]) == (0.5, 1.0)
    assert found.mean_rate == pytest.approx(found.rate[[1, 3]].mean())
    np.testing.assert_array_equal(np.isneginf(found.log_growth[:, -1]), [1, 1, 1, 0, 0, 0, 0])
    assert not np.isnan(found.log_growth).any()
    assert found.end.tolist() == [-1, 0, -1, 0]
    silent = follow_without_noise(network, states[[0, 2]], **run)
    assert (silent.status["verdict"], silent.status["directions"]) == ("decays", "none")
    assert silent.status["ray_share"] is None
    assert np.isnan(silent.mean_rate)
    assert silent.largest_rate == -np.inf


def test_nothing_depends_on_the_scale_of_states_nor_underflows():
    network, states = make_network(gain=0.1).float(), draw_states(20, 8).float()
    plain, scaled = (follow(network, s * states) for s in (1.0, 2.0**-40))
    assert plain == scaled
    assert -5 < plain.largest_rate < -1
    assert plain.log_growth[0, -1] < -150  # e⁻¹⁰⁴ is 0 in single precision


# ---- other maps


def test_paths_of_a_bistable_map_settle_at_two_ends():
    """h = tanh(2 h) ends at ±h*, whatever the size of h."""
    network = set_weights(make_network("tanh", hidden_size=1), [[2.0]], w_out=[[1.0], [0.0], [-1.0]])
    states = torch.tensor([[0.3], [-0.1], [3.0]]).double()
    found = follow(network, states)
    root = brentq(lambda h: np.tanh(2 * h) - h, 0.5, 1.5)
    np.testing.assert_allclose(found.end_points, [[root], [-root]], atol=1e-12)
    assert found.end.tolist() == [0, 1, 0]
    assert found.end_symbol.tolist() == [0, 2]
    np.testing.assert_allclose(found.end_share, [2 / 3, 1 / 3])
    np.testing.assert_allclose(found.last_step, 0.0, atol=1e-12)
    assert np.isnan(found.rate).all()
    assert np.isnan(found.end_rate).all()
    assert np.isnan(found.largest_rate)
    scale = states.abs().mean().item()
    np.testing.assert_allclose(found.log_growth[:, -1], np.log(root / scale), atol=1e-12)
    np.testing.assert_allclose(found.log_growth[[0, -1], 0], np.log([0.1 / scale, 3 / scale]), atol=1e-12)
    status = {"homogeneous": False, "scale": scale, "verdict": "settles"}
    assert found.status == status | {"settled_share": 1.0, "diverged_share": 0.0}


def test_paths_of_other_maps_may_move_or_diverge():
    turning = set_weights(make_network("tanh", hidden_size=2), rotate(0.5, 1.5))
    found = follow(turning, draw_states(10, 2))
    assert (found.status["verdict"], found.status["settled_share"]) == ("moves", 0.0)
    assert found.last_step.min() > 0.1
    growing = set_weights(make_network(hidden_size=1, bias=True), [[1.5]], bias=[-1.0])
    found = follow(growing, torch.tensor([[1.0], [4.0]]).double())
    assert found.status["verdict"] == "diverges"
    assert (found.status["diverged_share"], found.status["settled_share"]) == (0.5, 0.5)
    np.testing.assert_array_equal(np.isnan(found.last_step), [False, True])
    assert found.end.tolist() == [0, -1]


def test_steps_and_ends_of_other_maps_are_measured_in_units_of_activity():
    options = {"hidden_size": 2, "bias": True}
    plain, scaled = (
        follow(
            set_weights(make_network(**options), np.diag([0.999, 0.5]), bias=[0.001 * s, s]),
            s * draw_states(10, 2),
            step_tolerance=1e-3,
        )
        for s in (1.0, 1024.0)
    )
    for name in ("last_step", "end", "end_share", "log_growth"):
        np.testing.assert_allclose(getattr(plain, name), getattr(scaled, name), rtol=1e-12)
    assert plain.last_step.max() > 1e-5


# ---- one path


def test_iterating_without_noise():
    network, states = make_network(), draw_states(4, 8)
    with torch.no_grad():
        expected = network.unroll(states, torch.zeros(5, 4, 5).double())
    plain = list(iterate_noise_free(network, states, 5, rescale=False))
    torch.testing.assert_close(torch.stack([state for state, _ in plain]), expected)
    torch.testing.assert_close(torch.stack([length for _, length in plain]), expected.norm(dim=2))
    scaled = list(iterate_noise_free(network, states, 5, rescale=True))
    torch.testing.assert_close(scaled[4][0], expected[4] / expected[4].norm(dim=1, keepdim=True))
    total = torch.stack([length for _, length in scaled]).log().sum(0)
    torch.testing.assert_close(total, expected[4].norm(dim=1).log())


# ---- files, bad input


def test_results_come_back_from_their_files(tmp_path):
    for network in (make_network(), make_network("tanh", gain=3.0), make_linear(rotate(0.3))):
        result = follow_without_noise(network, draw_states(10, network.cell.state_size), n_steps=20)
        save_result(result, tmp_path / "growth.nc")
        assert load_result(tmp_path / "growth.nc", NoiseFreeGrowthResult) == result


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        (torch.zeros(2, 3), {}, r"`states` must be \(point, 8\)"),
        (torch.full((2, 8), torch.inf), {}, "must be finite, got NaN or infinity"),
        (torch.zeros(2, 8), {"n_steps": 0}, "`n_steps` must be ≥ 1, got 0. Leave it out"),
        (torch.zeros(2, 8), {"settle_steps": -1}, "`settle_steps` must be ≥ 0, got -1"),
        (torch.zeros(2, 8), {"step_tolerance": float("nan")}, "`step_tolerance` must be ≥ 0, got nan"),
    ],
)
def test_bad_input_is_named(states, options, message):
    with pytest.raises(InputError, match=message):
        follow_without_noise(make_network(), states.double(), **options)
