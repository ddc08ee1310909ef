import numpy as np
import pytest
import torch
from known_networks import make_linear, make_plane, make_ring, rotate
from part_functions import compute_orbit_paths

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.orbit.orbit_paths import OrbitPathsResult
from orbitscope.errors import InputError
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result

SMALL = {"n_trajectories": 20, "n_steps": 30, "burn_in": 40, "n_shown": 4, "n_free_steps": 12}


def run(network, *, seed=1, **options):
    return compute_orbit_paths(network, generator=torch.Generator().manual_seed(seed), **(SMALL | options))


def get_states(network, *, seed=1):
    return run_driven(network, 20, 30, burn_in=40, generator=torch.Generator().manual_seed(seed)).states


def make_wide_rotation():
    """A rotation in neurons 1 and 3 of five; the others decay at once and get little noise."""
    matrix, noise = np.zeros((5, 5)), 0.1 * np.eye(5)
    matrix[np.ix_([1, 3], [1, 3])] = 0.9 * rotate(0.3)
    noise[[1, 3], [1, 3]] = 1.0
    return make_linear(matrix, noise)


def test_a_rotation_keeps_its_plane_and_spirals_into_silence():
    """Without noise the coordinates turn by the angle of the network and shrink by its factor, exactly."""
    result = run(make_wide_rotation())
    inside = np.abs(result.components[:, [1, 3]])
    np.testing.assert_allclose(np.square(inside).sum(1), 1, atol=1e-3)
    free = (result.free_path - result.origin) @ np.array([1.0, 1.0j])
    step = (free[:, 2:] / free[:, 1:-1]).ravel()
    np.testing.assert_allclose(np.abs(step), 0.9, atol=2e-3)
    np.testing.assert_allclose(np.abs(np.angle(step)), 0.3, atol=2e-3)
    np.testing.assert_allclose(result.free_norm[:, 2:] / result.free_norm[:, 1:-1], 0.9, rtol=1e-9)
    assert result.plane.explained_variance_ratio.sum() > 0.95


def test_a_homogeneous_map_decays_along_the_direction_of_its_own():
    """ReLU units that excite each other with gain .8: the leading vector is all ones, the rate log .8."""
    network = build_network(3, hidden_size=6, input_size=6, generator=torch.Generator()).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.full((6, 6), 0.8 / 6, dtype=torch.float64))
        network.cell.w_ih.copy_(torch.eye(6))
    result = run(network)
    is_alive = result.free_norm[:, 1] > 0
    assert is_alive.sum() >= 2
    norm = result.free_norm[is_alive]
    np.testing.assert_allclose(norm[:, 2:] / norm[:, 1:-1], 0.8, rtol=1e-12)
    path = result.free_path[is_alive, 1:] - result.origin
    direction = path / np.linalg.norm(path, axis=2, keepdims=True)
    along = result.components @ np.ones(6)
    expected = np.broadcast_to(along / np.linalg.norm(along), direction.shape)
    np.testing.assert_allclose(direction, expected, atol=1e-9)
    assert (result.free_symbol[is_alive, 1:] == network.w_out.sum(1).argmax().item()).all()


def test_driven_paths_are_those_of_the_first_trajectories():
    network = make_ring()
    result, states = run(network), get_states(network)[:, :4]
    whole = (states.numpy() - result.mean) @ result.components.T
    np.testing.assert_allclose(result.path, whole.swapaxes(0, 1), atol=1e-12)
    np.testing.assert_allclose(result.norm, states.norm(dim=-1).T)
    np.testing.assert_array_equal(result.symbol, network.compute_logits(states).argmax(-1).T)
    assert len(np.unique(result.symbol)) > 1
    assert result.settings["n_shown"] == 4


def test_free_paths_start_where_the_noise_stops_and_follow_the_step():
    network = make_ring()
    result, state = run(network), get_states(network)[-1, :4]
    for t in range(13):
        expected = (state.numpy() - result.mean) @ result.components.T
        np.testing.assert_allclose(result.free_path[:, t], expected, atol=1e-12)
        np.testing.assert_allclose(result.free_norm[:, t], state.norm(dim=-1))
        np.testing.assert_array_equal(result.free_symbol[:, t], network.compute_logits(state).argmax(-1))
        with torch.no_grad():
            state = network.step(state, torch.zeros(4, 8).double())
    np.testing.assert_allclose(result.free_path[:, 0], result.path[:, -1])


def test_the_origin_is_silence_and_the_readout_is_where_logits_rise():
    network = make_ring()
    result = run(network)
    silence = result.plane.project(torch.zeros(8).double()).numpy()
    np.testing.assert_allclose(result.origin, silence)
    moved = result.mean + np.array([2.0, -3.0]) @ result.components
    logits = network.compute_logits(torch.tensor(np.stack([moved, result.mean]))).detach().numpy()
    rise = logits[0] - logits[1]
    np.testing.assert_allclose(rise - rise.mean(), result.readout @ [2.0, -3.0], atol=1e-12)
    np.testing.assert_allclose(result.readout.sum(0), 0, atol=1e-12)


def test_a_plane_can_be_given():
    network = make_wide_rotation()
    own, given = run(network), run(network, plane=make_plane(5))
    assert [own.status["plane"], given.status["plane"]] == ["fitted", "given"]
    np.testing.assert_allclose(given.path[..., 0], get_states(network)[:, :4, 0].T)
    np.testing.assert_allclose(given.norm, own.norm)
    with pytest.raises(InputError, match="got 2 of 3"):
        run(network, plane=make_plane(3))


def test_only_the_hidden_part_of_a_state_counts():
    plain, wide = (run(make_linear(0.9 * rotate(0.3), n_extra=n)) for n in (0, 2))
    np.testing.assert_allclose(wide.path, plain.path)
    np.testing.assert_allclose(wide.norm, plain.norm)


def test_biases_hold_activity_up_without_noise():
    network = build_network(
        3, cell="tanh", hidden_size=6, input_size=3, bias=True, generator=torch.Generator().manual_seed(0)
    ).double()
    result = run(network, n_free_steps=100)
    assert np.ptp(result.free_norm[:, -1]) < 1e-6
    assert result.free_norm[0, -1] > 0.05


def test_paths_scale_with_the_noise_of_a_network_that_does():
    plain, scaled = (run(make_ring(), noise_std=s) for s in (1.0, 3.0))
    np.testing.assert_allclose(scaled.free_path, 3 * plain.free_path, atol=1e-9)
    np.testing.assert_allclose(scaled.readout, plain.readout, atol=1e-9)
    np.testing.assert_array_equal(scaled.free_symbol, plain.free_symbol)


def test_a_result_comes_back_from_its_file(tmp_path):
    result = run(make_ring())
    save_result(result, tmp_path / "paths.nc")
    assert load_result(tmp_path / "paths.nc", OrbitPathsResult) == result


def test_same_seed_same_result():
    assert run(make_ring()) == run(make_ring())
    assert run(make_ring(), seed=2) != run(make_ring())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_shown": 0}, "`n_shown` must be ≥ 1, got 0"),
        ({"n_shown": 21}, "got 21"),
        ({"n_free_steps": 0}, "`n_free_steps` must be ≥ 1, got 0"),
        ({"n_steps": 0}, "`n_steps` must be ≥ 1, got 0"),
        ({"noise_std": -1.0}, "`noise_std` must be ≥ 0"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        run(make_ring(), **options)


def test_networks_without_a_regime_are_refused():
    with pytest.raises(NoStationaryRegimeError):
        run(make_linear(2.0 * np.eye(2)))
