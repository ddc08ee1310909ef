import numpy as np
import pytest
import torch
from known_networks import change_units, make_linear, make_plane, make_quiet_ring, make_ring, rotate
from part_functions import compute_rotation
from scipy.linalg import solve_discrete_lyapunov

from orbitscope.dynamics.driving import untrained_networks
from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.orbit.area_rate import accumulate_turns, compute_area_rate
from orbitscope.dynamics.orbit.orbit_plane import OrbitPlane
from orbitscope.dynamics.orbit.rotation import RotationResult
from orbitscope.dynamics.orbit.rotation_nulls import compute_reversible_spread, draw_untrained_rates
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.network import NoiseRNN, build_network
from orbitscope.results import load_result, save_result
from orbitscope.system.threads import use_threads

SMALL = {
    "n_trajectories": 30,
    "n_steps": 100,
    "burn_in": 60,
    "n_untrained": 0,
    "max_untrained": 0,
    "n_null": 20,
    "n_resamples": 200,
}


@pytest.fixture(autouse=True)
def short_untrained_runs(monkeypatch):
    monkeypatch.setitem(untrained_networks.UNTRAINED_RUN, "n_steps", 40)
    monkeypatch.setitem(untrained_networks.UNTRAINED_RUN, "burn_in", 10)


def run(network, *, seed=1, **options):
    return compute_rotation(network, generator=torch.Generator().manual_seed(seed), **(SMALL | options))


def list_p_values(result):
    return [float(null.p_value) for null in result.area_rate_nulls]


def compare_array(one, other, name, *, rtol):
    """Of two results, by its name in a file."""
    arrays = one.list_arrays()[name], other.list_arrays()[name]
    np.testing.assert_allclose(*arrays, rtol=rtol, err_msg=name)


# ---- networks with a known area rate


@pytest.mark.parametrize(("angle", "expected"), [(0.0, 0.0), (0.2, 0.179), (-0.2, -0.179), (1.2, 0.839)])
def test_rotating_noise_has_the_rate_rho_sine(angle, expected):
    result = run(make_linear(0.9 * rotate(angle)), plane=make_plane(), n_trajectories=100)
    assert float(result.signed_area_rate) == pytest.approx(expected, abs=0.012)
    assert float(result.area_rate) == abs(float(result.signed_area_rate))
    assert result.area_rate.low <= float(result.area_rate) <= result.area_rate.high
    assert result.trajectory_area_rates.mean() == pytest.approx(float(result.signed_area_rate))


def test_equal_variances_leave_the_size_as_it_is():
    own, given = (run(make_linear(0.9 * rotate(0.2)), plane=plane) for plane in (None, make_plane()))
    assert own.status["plane"] == "fitted"
    assert given.status["plane"] == "given"
    assert float(own.area_rate) == pytest.approx(float(given.area_rate))


def test_any_linear_network_against_its_lyapunov_equation():
    """Of eigenvalues .7 exp(±.5i), whose imaginary part is the least rate that any noise can leave."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.standard_normal((2, 2)))[0] * [1.0, 2.0]
    matrix = axes @ (0.7 * rotate(0.5)) @ np.linalg.inv(axes)
    mixing = rng.standard_normal((2, 2))
    covariance = solve_discrete_lyapunov(matrix, mixing @ mixing.T)
    lagged = covariance @ matrix.T
    expected = 0.5 * (lagged[0, 1] - lagged[1, 0]) / np.sqrt(np.linalg.det(covariance))
    assert abs(expected) > 0.7 * np.sin(0.5)
    result = run(make_linear(matrix, mixing), plane=make_plane(), n_trajectories=200)
    assert float(result.signed_area_rate) == pytest.approx(expected, abs=0.015)
    assert float(run(make_linear(matrix, mixing)).area_rate) == pytest.approx(abs(expected), abs=0.03)


def test_the_interval_covers_and_narrows():
    matrix, truth = 0.9 * rotate(0.2), 0.9 * np.sin(0.2)
    few = [run(make_linear(matrix), plane=make_plane(), seed=seed, n_null=1) for seed in range(30)]
    covered = [r.area_rate.low <= truth <= r.area_rate.high for r in few]
    assert np.mean(covered) >= 0.7
    many = run(make_linear(matrix), plane=make_plane(), n_trajectories=270)
    width, narrow = (float(r.area_rate.high - r.area_rate.low) for r in (few[0], many))
    assert narrow == pytest.approx(width / 3, rel=0.35)


def test_the_size_may_be_zero_where_the_interval_covers_it():
    many = [run(make_linear(0.9 * np.eye(2)), seed=seed, n_null=1) for seed in range(8)]
    still = next(each for each in many if float(each.area_rate.low) == 0)
    turning = run(make_linear(0.9 * rotate(-0.4)), plane=make_plane())
    assert np.mean([float(each.area_rate.low) == 0 for each in many]) > 0.5  # .95
    assert float(still.area_rate.high) > float(still.area_rate)
    assert float(turning.signed_area_rate) < 0
    assert 0.3 < turning.area_rate.low < turning.area_rate.value < turning.area_rate.high < 0.4


def test_only_the_hidden_part_of_a_state_counts():
    plain, wide = (run(make_linear(0.9 * rotate(0.3), n_extra=n)) for n in (0, 2))
    np.testing.assert_allclose(wide.components, plain.components)
    assert float(wide.signed_area_rate) == pytest.approx(float(plain.signed_area_rate))


def test_the_share_of_the_plane_is_that_of_its_variances():
    """Variances 9, 4 and 1; standardised they are alike."""
    for standardise, first, both in ((False, 9 / 14, 13 / 14), (True, 1 / 3, 2 / 3)):
        network = make_linear(0.3 * np.eye(3), np.diag([3.0, 2.0, 1.0]))
        found = run(network, standardise=standardise, n_trajectories=200).list_quantities()
        (share,) = (quantity for quantity in found if quantity.key == "plane_share")
        assert float(share.estimate) == pytest.approx(both, abs=0.02)
        assert float(share.beside[0].estimate) == pytest.approx(first, abs=0.02)


# ---- a ReLU ring


def test_a_ring_rotates_and_the_reversed_ring_rotates_back():
    forward = run(make_ring(), n_untrained=20, n_null=99)
    backward = run(make_ring(-1), plane=forward.plane)
    assert float(forward.area_rate.low) > max(null.quantile for null in forward.area_rate_nulls)
    np.testing.assert_allclose(list_p_values(forward), [0.01, 0.01, 1 / 21])
    signs = np.sign([float(r.signed_area_rate) for r in (forward, backward)])
    assert signs[0] == -signs[1]
    assert np.sign([float(r.winding) for r in (forward, backward)]).tolist() == signs.tolist()
    assert float(backward.area_rate) == pytest.approx(float(forward.area_rate), rel=0.1)


def test_a_symmetric_ring_does_not_rotate():
    network = make_ring()
    with torch.no_grad():
        network.cell.w_hh.copy_((network.cell.w_hh + network.cell.w_hh.T) / 2)
    result = run(network, n_trajectories=60)
    assert min(list_p_values(result)[:2]) > 0.01
    assert float(result.area_rate) < 0.02


def test_rotation_does_not_depend_on_the_noise_of_a_network_that_scales_with_it():
    options = {"n_untrained": 20, "n_steps": 30, "burn_in": 20}
    plain, scaled = (run(make_ring(), noise_std=s, **options) for s in (1.0, 3.0))
    np.testing.assert_allclose(scaled.mean, 3 * plain.mean)
    np.testing.assert_allclose(scaled.variances, 9 * plain.variances)
    np.testing.assert_allclose(scaled.path, 3 * plain.path, atol=1e-9)
    for name in (
        "signed_area_rate",
        "area_rate_low",
        "area_rate_high",
        "untrained_draws",
        "trajectory_area_rates",
        "trajectory_winding",
        "reversible_draws",
        "untrained_p_value",
    ):
        compare_array(scaled, plain, name, rtol=1e-9)


# ---- paths and winding


def test_a_quiet_loop_is_seen_where_all_neurons_count_alike():
    network = make_quiet_ring(0.2)
    assert float(run(network, n_trajectories=100).area_rate) < 0.02
    result = run(network, standardise=True, n_trajectories=100)
    assert float(result.area_rate) == pytest.approx(0.179, abs=0.012)
    assert result.settings["standardise"]
    assert result.status["n_neurons"] == 10


def test_the_standardised_rotation_is_the_same_in_any_units():
    network = make_ring()
    options = {"n_untrained": 20, "max_untrained": 20, "n_trajectories": 60}
    other = change_units(network)
    one, two = (run(each, standardise=True, **options) for each in (network, other))
    np.testing.assert_allclose(list_p_values(one), list_p_values(two))
    for name in ("area_rate", "area_rate_low", "area_rate_high", "winding"):
        compare_array(one, two, name, rtol=1e-6)
    for name in ("sign_flips_quantile", "reversible_quantile", "untrained_quantile"):
        compare_array(one, two, name, rtol=1e-6)
    assert abs(float(run(network).area_rate) - float(run(other).area_rate)) > 0.1


def test_untrained_networks_are_standardised_with_the_network():
    network = build_network(
        3, hidden_size=12, input_size=6, generator=torch.Generator().manual_seed(0)
    ).double()
    raw, standardised = (run(network, standardise=s, n_untrained=40) for s in (False, True))
    rates = raw.untrained.draws, standardised.untrained.draws
    assert np.abs(rates[0] - rates[1]).max() > 0.01
    assert np.corrcoef(*rates)[0, 1] > 0.3  # of the same networks


def test_paths_are_those_of_the_first_trajectories():
    network = make_ring()
    result = run(network)
    states = run_driven(network, 30, 100, burn_in=60, generator=torch.Generator().manual_seed(1)).states
    z = result.plane.project(states).transpose(0, 1).numpy()
    np.testing.assert_allclose(result.path, z[:10])
    np.testing.assert_allclose(result.path_turns, accumulate_turns(z)[:10])
    np.testing.assert_allclose(result.trajectory_winding, 100 * accumulate_turns(z)[:, -1] / 99)
    assert float(result.winding) == pytest.approx(result.trajectory_winding.mean())
    assert float(result.signed_area_rate) == pytest.approx(compute_area_rate(z))


def test_a_steady_turn_winds_once_per_period():
    """A nearly undamped rotation by 2π/20: five turns in 100 steps, backwards if reversed."""
    for sign in (1, -1):
        network = make_linear(0.9999 * rotate(sign * 2 * np.pi / 20), 0.01 * np.eye(2))
        network.initial_state = lambda n: torch.ones(n, 2).double() * (1 + torch.arange(n)[:, None])
        result = run(network, plane=make_plane(), burn_in=0, n_steps=200)
        np.testing.assert_allclose(result.trajectory_winding, sign * 5, atol=0.05)
        assert result.winding.low <= float(result.winding) <= result.winding.high


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
    error = result.trajectory_winding.std() / np.sqrt(30)
    assert float(result.winding) == pytest.approx(0, abs=5 * error)
    assert float(result.winding.high - result.winding.low) == pytest.approx(2 * 1.96 * error, rel=0.4)


# ---- nulls


def test_flips_are_of_whole_trajectories():
    """Two trajectories of which one rules: |a| is the sum or the difference of the two contributions."""
    result = run(make_linear(0.9 * rotate(0.05)), n_trajectories=2, n_null=50)
    a, b = result.trajectory_area_rates
    expected = np.sort(np.abs([a + b, a - b])) / 2
    np.testing.assert_allclose(np.unique(result.sign_flips.draws.round(12)), expected, atol=1e-11)
    assert result.sign_flips.p_value == pytest.approx(1.0 if abs(a + b) < abs(a - b) else 0.5, abs=0.24)


def test_a_reversible_network_goes_unnoticed():
    network = make_linear(np.diag([0.9, 0.5]))
    options = {"n_null": 60, "n_steps": 25}
    p_values = [list_p_values(run(network, seed=seed, **options))[:2] for seed in range(30)]
    assert (np.mean(np.array(p_values) < 0.1, axis=0) < 0.25).all()
    assert (np.mean(p_values, axis=0) > 0.35).all()


@pytest.mark.parametrize(
    ("c", "d", "n_steps"), [(0.9, 0.5, 6), (0.99, -0.3, 25), (0.7, 0.7, 10), (1.0, 0.5, 2)]
)
def test_the_spread_of_a_reversible_process_is_that_of_its_covariances(c, d, n_steps):
    """The variance of the mean of s_t, from the exact covariance of all pairs of steps (Isserlis)."""
    k = np.arange(n_steps)
    cx, cy = (coefficient ** np.abs(k[:, None] - k) for coefficient in (c, d))
    before, after = slice(0, -1), slice(1, None)
    covariance = cx[before, before] * cy[after, after] + cx[after, after] * cy[before, before]
    covariance = covariance - cx[before, after] * cy[after, before] - cx[after, before] * cy[before, after]
    expected = np.sqrt(max(0.0, covariance.mean() / 4) / 7)
    found = compute_reversible_spread(np.array([c, d]), n_trajectories=7, n_steps=n_steps)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("n_trajectories", "n_steps", "scale"), [(30, 100, 0.8), (200, 3, 1.1)])
def test_the_reversible_null_is_a_network_with_a_symmetric_lagged_covariance(n_trajectories, n_steps, scale):
    """Brute force: the linear network with A_s = sym(AΣ)Σ⁻¹ and the noise that keeps Σ."""
    matrix, mixing = scale * rotate(0.3) @ np.diag([1.1, 0.7]), np.array([[1.0, 0.5], [0.0, 0.6]])
    covariance = solve_discrete_lyapunov(matrix, mixing @ mixing.T)
    lagged = matrix @ covariance
    symmetric = (lagged + lagged.T) / 2 @ np.linalg.inv(covariance)
    noise = np.linalg.cholesky(covariance - symmetric @ covariance @ symmetric.T)
    sizes = {"n_trajectories": n_trajectories, "n_steps": n_steps, "burn_in": 60}
    result = run(make_linear(matrix, mixing), n_null=4000, **sizes)
    np.testing.assert_allclose(
        result.status["reversible_coefficients"], np.sort(np.linalg.eigvals(symmetric).real), atol=0.05
    )
    path = run_driven(
        make_linear(symmetric, noise),
        n_trajectories * 500,
        n_steps,
        burn_in=60,
        generator=torch.Generator().manual_seed(3),
    )
    paths = path.states.transpose(0, 1).numpy().reshape(500, n_trajectories, n_steps, 2)
    rates = np.abs([compute_area_rate(z) for z in paths])
    rms, expected = (np.sqrt(np.square(r).mean()) for r in (result.reversible.draws, rates))
    assert rms == pytest.approx(expected, rel=0.1)
    assert result.reversible.quantile == pytest.approx(np.quantile(rates, 0.95), rel=0.2)
    assert float(result.area_rate) > 4 * result.reversible.quantile


@pytest.mark.parametrize("bias", [False, True])
def test_untrained_networks_are_of_the_same_kind_and_measured_alike(bias, monkeypatch):
    network = build_network(
        4, cell="tanh", hidden_size=6, input_size=3, bias=bias, generator=torch.Generator().manual_seed(0)
    ).double()
    drawn, redraw = [], NoiseRNN.redraw

    def record(*args):
        drawn.append(redraw(*args))
        return drawn[-1]

    monkeypatch.setattr(NoiseRNN, "redraw", record)
    with use_threads(1):  # in the order in which they are drawn
        result = run(network, n_untrained=20)
    built = drawn[-20:]  # the first ones show that the cell can be drawn anew
    assert len({each.cell.w_hh[0, 0].item() for each in built}) == 20
    for each in built:
        assert (each.cell.name, each.hidden_size, each.input_size, each.n_symbols) == ("tanh", 6, 3, 4)
        assert (each.cell.bias is not None) == bias
        assert each.w_out.dtype == torch.float64
    rates = [float(run(each, n_trajectories=60, n_null=1).area_rate) for each in built]
    assert np.std(result.untrained.draws - rates) == pytest.approx(0, abs=0.05)
    assert np.corrcoef(result.untrained.draws, rates)[0, 1] > 0.7
    assert result.untrained.quantile == pytest.approx(np.quantile(result.untrained.draws, 0.95))
    larger = (result.untrained.draws >= float(result.area_rate)).sum()
    assert result.untrained.p_value == pytest.approx((larger + 1) / 21)


def test_untrained_networks_are_the_same_side_by_side():
    network, rates = make_ring(), []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            generator = torch.Generator().manual_seed(0)
            rates.append(draw_untrained_rates(network, 0.0, n_untrained=30, generator=generator))
    np.testing.assert_allclose(*rates, rtol=1e-6)


def test_untrained_networks_get_the_noise_of_the_network():
    """Saturated units turn otherwise than linear ones."""
    network = build_network(3, cell="tanh", hidden_size=6, input_size=3, generator=torch.Generator())
    weak, strong = (
        draw_untrained_rates(
            network, 0.0, n_untrained=20, noise_std=std, generator=torch.Generator().manual_seed(0)
        )
        for std in (0.1, 10.0)
    )
    assert not np.allclose(weak, strong, rtol=0.05)


def test_more_untrained_networks_are_drawn_where_the_p_value_is_near_the_level():
    """The first 20 are enough for |a| below all of them; near their 95 % quantile all are drawn."""
    network = build_network(3, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))

    def draw(observed, *, most=50):
        return draw_untrained_rates(
            network, observed, n_untrained=20, max_untrained=most, generator=torch.Generator().manual_seed(3)
        )

    few, many = draw(0.0), draw(10.0)
    assert (len(few), len(many)) == (20, 50)  # 0 of 40 leave up to .088
    np.testing.assert_array_equal(many[:20], few)
    assert len(draw(10.0, most=0)) == 20
    result = run(make_ring(), n_untrained=20, max_untrained=23)
    assert len(result.untrained.draws) == 23
    assert result.untrained.p_value == pytest.approx(1 / 24)
    assert result.settings["max_untrained"] == 23


def test_without_untrained_networks_their_null_is_undefined():
    result = run(make_ring())
    assert np.isnan([null.quantile for null in result.area_rate_nulls]).tolist() == [False, False, True]
    assert np.isnan(list_p_values(result)).tolist() == [False, False, True]
    assert "no quantile" in result.status["notes"][0]


def test_more_untrained_networks_leave_the_other_numbers_alone():
    none, some = (run(make_ring(), n_untrained=n) for n in (0, 20))
    for name in (
        "area_rate",
        "area_rate_low",
        "winding_high",
        "sign_flips_draws",
        "output_irreversibility",
        "output_null_draws",
    ):
        compare_array(none, some, name, rtol=0)


# ---- the output


def point_readout(network, sharpness):
    """Give each third of a ring its own symbol."""
    third = torch.arange(8) * 3 // 8
    with torch.no_grad():
        network.w_out.copy_(sharpness * torch.nn.functional.one_hot(third, 3).T)
    return network


def test_a_ring_that_turns_through_its_symbols_has_a_direction_and_a_symmetric_one_has_none():
    symmetric = make_ring()
    with torch.no_grad():
        symmetric.cell.w_hh.copy_((symmetric.cell.w_hh + symmetric.cell.w_hh.T) / 2)
    turning, still = (run(point_readout(network, 3.0), n_null=99) for network in (make_ring(), symmetric))
    assert float(turning.output_irreversibility.low) > 0.01
    assert float(turning.output_irreversibility) > 4 * float(turning.output_null.quantile)
    assert float(turning.output_null.p_value) == pytest.approx(0.01)
    assert float(still.output_irreversibility) < float(turning.output_irreversibility) / 4
    assert float(still.output_irreversibility) == pytest.approx(0, abs=0.013)


def test_a_hidden_turn_may_leave_no_trace_in_the_output():
    """The same turning ring under a readout that sees nothing of it."""
    blind = point_readout(make_ring(), 0.0)
    result = run(blind, n_null=99)
    assert max(list_p_values(result)[:2]) < 0.02
    assert float(result.output_irreversibility.low) < 0 < float(result.output_irreversibility.high)


def test_two_symbols_say_nothing_and_the_result_says_so():
    network = build_network(2, hidden_size=8, input_size=4, generator=torch.Generator().manual_seed(0))
    assert "triples of two symbols are reversible" in run(network).status["notes"][-1]
    assert not any("output" in note for note in run(make_ring()).status["notes"])


# ---- files, errors


def test_a_result_comes_back_from_its_file(tmp_path):
    result = run(make_ring())
    save_result(result, tmp_path / "rotation.nc")
    loaded = load_result(tmp_path / "rotation.nc", RotationResult)
    assert loaded == result
    assert (*loaded.area_rate_nulls, loaded.output_null) == (*result.area_rate_nulls, result.output_null)


def test_same_seed_same_result():
    options = {"n_untrained": 20, "n_steps": 10, "burn_in": 10}
    first, again, other = (run(make_ring(), seed=seed, **options) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert not np.allclose(first.untrained.draws, other.untrained.draws)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_trajectories": 1}, "`n_trajectories` must be ≥ 2, got 1"),
        ({"n_steps": 2}, "`n_steps` must be ≥ 3, got 2"),
        ({"n_null": 0}, "`n_null` must be ≥ 1, got 0"),
        ({"n_untrained": 5}, "`n_untrained` must be 0 or ≥ 20, got 5"),
        ({"n_untrained": -1}, "`n_untrained` must be ≥ 0, got -1"),
        ({"plane": make_plane(3)}, "`plane` must have 2 components of 8 neurons, got 2 of 3"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        run(make_ring(), **options)


def test_networks_without_a_plane_or_a_regime_are_refused():
    line = make_linear(np.diag([0.9, 0.5]), np.array([[1.0], [0.0]]))
    with pytest.raises(UndefinedAnalysisError, match="vary along ≥ 2 directions, got 1"):
        run(line)
    with pytest.raises(UndefinedAnalysisError, match="keeps to a line"):
        run(line, plane=make_plane())
    with pytest.raises(NoStationaryRegimeError):
        run(make_linear(2.0 * np.eye(2)))


def test_a_cell_that_cannot_be_built_has_no_untrained_null():
    with pytest.raises(InputError, match=r"can be drawn anew, got `LinearCell`.*use n_untrained=0"):
        run(make_linear(0.9 * np.eye(2)), n_untrained=20)
