from itertools import permutations, product

import numpy as np
import pytest
import torch
from known_networks import make_tilted_plane

from orbitscope.dynamics.orbit.orbit_plane import OrbitPlane, compute_covariance, fit_orbit_plane
from orbitscope.dynamics.orbit.readout_alignment import ReadoutAlignmentResult, align_readout
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.network import build_network
from orbitscope.results import load_result, save_result
from orbitscope.statistics import adjust_holm


def make_network(rows):
    rows = np.asarray(rows, dtype=float)
    network = build_network(
        len(rows), hidden_size=rows.shape[1], input_size=2, generator=torch.Generator().manual_seed(0)
    ).double()
    with torch.no_grad():
        network.w_out.copy_(torch.from_numpy(rows))
    return network


def run(rows, plane, covariance=None, *, seed=0, **options):
    """Align rows with a plane; without a covariance, activity varies alike along all directions."""
    covariance = np.eye(np.shape(rows)[1]) if covariance is None else covariance
    rng = np.random.default_rng(seed)
    return align_readout(make_network(rows), plane, covariance, rng=rng, **options)


def draw_activity(width=30, *, n_states=4000, seed=3):
    """Correlated activity whose neurons differ tenfold in size, with its plane and covariance."""
    rng = np.random.default_rng(seed)
    size = np.geomspace(0.1, 1, width)
    states = size * (rng.standard_normal((n_states, 3)) @ rng.standard_normal((3, width)))
    states += 0.5 * size * rng.standard_normal((n_states, width))
    activity = torch.from_numpy(states)
    return states, fit_orbit_plane(activity, np.ones(width)), compute_covariance(activity)[1]


def draw_rows(n_symbols=3, width=30, *, seed=1):
    return np.random.default_rng(seed).standard_normal((n_symbols, width))


# ---- projections that are known


def test_rows_in_the_plane_and_at_right_angles_to_it():
    plane = make_tilted_plane(30)
    inside = np.array([[1.0, 0.0], [0.3, -2.0], [0.0, 5.0]]) @ plane.components
    result = run(inside, plane)
    np.testing.assert_allclose(result.projection, 1)
    np.testing.assert_allclose(result.angle, 0, atol=1e-5)
    np.testing.assert_allclose(result.total, [3, 3, 3])
    np.testing.assert_allclose(result.p_value, 1 / 1001)
    np.testing.assert_allclose(result.total_p_value, 1 / 1001)
    rows = draw_rows()
    outside = run(rows - rows @ plane.components.T @ plane.components, plane)
    np.testing.assert_allclose(outside.projection, 0, atol=1e-12)
    np.testing.assert_allclose(outside.angle, 90)
    np.testing.assert_allclose(outside.p_value, 1)


def test_a_row_at_a_known_angle():
    plane = OrbitPlane(np.zeros(4), np.eye(4)[:2], np.ones(4))
    row = np.array([np.cos(0.5) * 0.6, np.cos(0.5) * 0.8, np.sin(0.5), 0.0])
    result = run([7 * row, -7 * row], plane)
    np.testing.assert_allclose(result.projection, np.cos(0.5))
    np.testing.assert_allclose(result.angle, np.degrees(0.5))


def test_what_all_symbols_share_counts_in_the_raw_variant_only():
    _, plane, covariance = draw_activity()
    rows = draw_rows() - draw_rows().mean(0)
    plain, shifted = (run(r, plane, covariance) for r in (rows, rows + 50 * plane.components[0]))
    assert plain.variant.tolist() == ["centred", "raw", "logit"]
    np.testing.assert_allclose(plain.projection[0], plain.projection[1])
    np.testing.assert_allclose(shifted.projection[[0, 2]], plain.projection[[0, 2]])
    np.testing.assert_allclose(shifted.p_value[[0, 2]], plain.p_value[[0, 2]])
    assert (shifted.projection[1] > 0.95).all()


def test_any_number_of_components_and_any_scale():
    rows, axes = draw_rows(), make_tilted_plane(30, n_components=30).components
    planes = {n: OrbitPlane(np.zeros(30), axes[:n], np.ones(30)) for n in (1, 2, 30)}
    squares = {n: run(rows, plane).projection ** 2 for n, plane in planes.items()}
    assert (squares[2] > squares[1]).all()
    np.testing.assert_allclose(squares[30], 1)
    np.testing.assert_allclose(run(3 * rows, planes[2]).projection ** 2, squares[2])


# ---- logits


def test_the_share_of_a_logit_is_that_of_a_regression_on_the_coordinates():
    """Also where the axes are not those of the activity."""
    states, plane, covariance = draw_activity()
    rows = draw_rows()
    for given in (plane, make_tilted_plane(30), make_tilted_plane(30, n_components=4)):
        result = run(rows, given, covariance, n_null=1)
        coordinates = (states - states.mean(0)) @ given.components.T
        logits = (states - states.mean(0)) @ (rows - rows.mean(0)).T
        left = logits - coordinates @ np.linalg.lstsq(coordinates, logits, rcond=None)[0]
        np.testing.assert_allclose(result.projection[2] ** 2, 1 - left.var(0) / logits.var(0))


def test_logits_that_are_functions_of_the_plane_reach_the_smallest_p_value():
    _, plane, covariance = draw_activity()
    rows = np.array([[1.0, 0.0], [0.3, -2.0], [0.0, 5.0]]) @ plane.components
    result = run(rows, plane, covariance, n_null=199)
    np.testing.assert_allclose(result.projection, 1)
    np.testing.assert_allclose(result.p_value, 1 / 200)
    np.testing.assert_allclose(result.total_p_value, 1 / 200)


def test_weights_on_silent_neurons_turn_rows_out_of_the_plane_but_not_logits():
    _, plane, covariance = draw_activity(20)
    silent = np.zeros((26, 26))
    silent[:20, :20] = covariance
    wide = OrbitPlane(np.zeros(26), np.pad(plane.components, ((0, 0), (0, 6))), np.ones(26))
    rows = np.zeros((3, 26))
    rows[:, :20] = np.array([[1.0, 0.0], [0.3, -2.0], [0.0, 5.0]]) @ plane.components
    rows[:, 20:] = 20 * np.random.default_rng(0).standard_normal((3, 6))
    result = run(rows, wide, silent, n_null=199)
    assert (result.projection[0] < 0.3).all()
    np.testing.assert_allclose(result.projection[2], 1)
    np.testing.assert_allclose(result.p_value[2, 1], 1 / 200)


def test_the_share_of_a_logit_does_not_depend_on_the_scale_of_neurons():
    """The same coordinates of the plane, read off activity in other units."""
    _, plane, covariance = draw_activity()
    scale = np.geomspace(0.2, 5, 30)
    turned = np.linalg.qr((plane.components / scale).T)[0].T
    rows = draw_rows()
    one = run(rows, plane, covariance)
    other = run(
        rows / scale, OrbitPlane(plane.mean, turned, plane.variances), covariance * np.outer(scale, scale)
    )
    np.testing.assert_allclose(other.projection[2], one.projection[2])
    np.testing.assert_allclose(other.p_value[2, 1], one.p_value[2, 1])
    assert not np.allclose(other.projection[0], one.projection[0])


# ---- chance


def test_random_rows_have_the_root_mean_square_of_chance():
    plane = make_tilted_plane(150)
    rows = draw_rows(1500, 150)
    result = run(rows, plane, n_null=1)
    assert float(result.chance) == pytest.approx(np.sqrt(2 / 150))
    assert float(result.chance) == pytest.approx(0.115, rel=0.01)
    assert np.sqrt((result.projection[1] ** 2).mean()) == pytest.approx(0.1155, rel=0.07)
    assert np.quantile(result.projection[1], 0.95) == pytest.approx(0.199, abs=0.02)
    three = run(draw_rows(3, 150), plane, n_null=2000)
    np.testing.assert_allclose(three.null_quantile[:2].mean(-1), 0.199, atol=0.05)


def enumerate_null(null, rows, project):
    """Projections (arrangement, symbol) for all 24 permutations or 16 patterns of signs of four neurons."""
    if null == "permutations":
        return np.array([project(rows[:, list(order)]) for order in permutations(range(4))])
    return np.array([project(rows * np.array(signs)) for signs in product([1, -1], repeat=4)])


@pytest.mark.parametrize("null", ["permutations", "signs"])
def test_the_nulls_permute_neurons_and_flip_them_one_by_one(null):
    """Four neurons: all arrangements are enumerated by hand; ties of equal arrangements count."""
    plane, rows = make_tilted_plane(4, seed=5), draw_rows(3, 4, seed=6)
    factor = np.random.default_rng(7).standard_normal((4, 4))
    covariance = factor @ factor.T
    result = run(rows, plane, covariance, n_null=20_000)
    j = result.null.tolist().index(null)
    axes, centred = plane.components, rows - rows.mean(0)

    def project_rows(rows):
        return np.linalg.norm(rows @ axes.T, axis=1) / np.linalg.norm(rows, axis=1)

    def correlate_logits(rows):
        joint = rows @ covariance @ axes.T
        explained = np.einsum("sc,cd,sd->s", joint, np.linalg.inv(axes @ covariance @ axes.T), joint)
        return np.sqrt(explained / np.einsum("sn,nm,sm->s", rows, covariance, rows))

    for i, (variant, project) in enumerate(
        [(centred, project_rows), (rows, project_rows), (centred, correlate_logits)]
    ):
        drawn = enumerate_null(null, variant, project)
        np.testing.assert_allclose(result.projection[i], drawn[0])
        share = (drawn >= result.projection[i] - 1e-12).mean(0)
        np.testing.assert_allclose(result.p_value[i, j], share, atol=0.015)
        nearest = np.abs(result.null_projection[i, j, :50, None] - drawn[None]).min(1)
        np.testing.assert_allclose(nearest, 0, atol=1e-12)
        np.testing.assert_allclose(
            result.null_quantile[i, j], np.quantile(result.null_projection[i, j], 0.95, axis=0), rtol=0.02
        )
        np.testing.assert_allclose(result.null_quantile[i, j], np.quantile(drawn, 0.95, axis=0), rtol=0.1)
        totals = (drawn**2).sum(1)
        assert result.total[i] == pytest.approx(totals[0])
        assert result.total_p_value[i, j] == pytest.approx((totals >= totals[0] - 1e-12).mean(), abs=0.015)
        assert result.total_null_quantile[i, j] == pytest.approx(np.quantile(totals, 0.95), rel=0.1)
        np.testing.assert_allclose(result.p_holm[i, j], adjust_holm(result.p_value[i, j]))


def test_a_neuron_keeps_one_sign_for_all_symbols():
    """Opposite rows stay opposite, with the same projection."""
    _, plane, covariance = draw_activity()
    row = draw_rows(1)
    two = run(np.concatenate([row, -row]), plane, covariance)
    np.testing.assert_allclose(two.null_projection[..., 0], two.null_projection[..., 1])


def assert_uniform(p_values):
    """Mean and share below .1 within five standard errors."""
    error = 1 / np.sqrt(len(p_values))
    assert np.mean(p_values) == pytest.approx(0.5, abs=5 * 0.29 * error)
    assert np.mean(p_values <= 0.1) == pytest.approx(0.1, abs=5 * 0.3 * error)


def collect_p_values(make_rows, plane, covariance, n_networks=200):
    """p-values (network, variant, null) of the first symbol and of all."""
    rng = np.random.default_rng(11)
    results = [run(make_rows(rng), plane, covariance, seed=seed, n_null=99) for seed in range(n_networks)]
    return np.array([r.p_value[..., 0] for r in results]), np.array([r.total_p_value for r in results])


@pytest.fixture(scope="module")
def quiet():
    """p-values where large weights sit on quiet neurons and signs are random."""
    _, plane, covariance = draw_activity()
    weights = draw_rows(3, 30, seed=9) / np.sqrt(np.diag(covariance))
    centred = weights - weights.mean(0)
    return collect_p_values(lambda rng: centred * rng.choice([-1, 1], 30), plane, covariance)


def test_signs_are_calibrated_where_weights_have_random_signs(quiet):
    for p_values in quiet:
        for variant in (0, 2):
            assert_uniform(p_values[:, variant, 1])


def test_permutations_are_too_strict_where_large_weights_sit_on_quiet_neurons(quiet):
    for p_values in quiet:
        assert (p_values[:, 0, 0] > 0.1).all()


def test_permutations_are_too_lenient_where_large_weights_sit_on_loud_neurons():
    _, plane, covariance = draw_activity()
    weights = draw_rows(3, 30, seed=9) * np.diag(covariance)
    centred = weights - weights.mean(0)
    single, _ = collect_p_values(lambda rng: centred * rng.choice([-1, 1], 30), plane, covariance, 60)
    assert (single[:, 0, 0] <= 0.1).mean() > 0.3
    assert (single[:, 0, 1] <= 0.1).mean() < 0.26


def test_both_nulls_are_calibrated_for_rows_in_random_directions():
    p_values, totals = collect_p_values(
        lambda rng: rng.standard_normal((3, 30)), make_tilted_plane(30), np.eye(30), 120
    )
    for j in range(2):
        assert_uniform(p_values[:, 1, j])
        assert_uniform(totals[:, 0, j])


# ---- rows without a direction


def test_a_row_that_equals_the_mean_has_no_direction():
    rows = draw_rows()
    rows[1] = (rows[0] + rows[2]) / 2
    result = run(rows, make_tilted_plane(30))
    missing = [[False, True, False], [False] * 3, [False, True, False]]
    assert np.isnan(result.projection).tolist() == missing
    for j in range(2):
        assert np.isnan(result.p_holm[:, j]).tolist() == missing
        np.testing.assert_allclose(result.p_holm[0, j, [0, 2]], adjust_holm(result.p_value[0, j, [0, 2]]))
    assert result.status == {"undefined": {"centred": [1], "raw": [], "logit": [1]}}
    assert result.total[0] == pytest.approx((result.projection[0, [0, 2]] ** 2).sum())


def test_single_precision_does_not_make_a_direction():
    network = make_network(draw_rows()).float()
    with torch.no_grad():
        network.w_out[1] = (network.w_out[0] + network.w_out[2]) / 2
    result = align_readout(network, make_tilted_plane(30), np.eye(30), rng=np.random.default_rng(0))
    assert result.status["undefined"]["centred"] == [1]


def test_rows_that_are_all_alike_are_refused():
    with pytest.raises(UndefinedAnalysisError, match="must differ between symbols, but all are alike"):
        run(np.tile(draw_rows(1), (3, 1)), make_tilted_plane(30))


# ---- files, errors


def test_a_result_comes_back_from_its_file(tmp_path):
    rows = draw_rows()
    rows[1] = (rows[0] + rows[2]) / 2
    result = run(rows, make_tilted_plane(30))
    save_result(result, tmp_path / "alignment.nc")
    assert load_result(tmp_path / "alignment.nc", ReadoutAlignmentResult) == result


def test_same_seed_same_result():
    plane = make_tilted_plane(30)
    assert run(draw_rows(), plane) == run(draw_rows(), plane)
    assert run(draw_rows(), plane, seed=1) != run(draw_rows(), plane)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`plane` must have the network's 30 neurons, got 20"):
        run(draw_rows(), make_tilted_plane(20))
    with pytest.raises(InputError, match="`covariance` must have the network's 30 neurons, got 20"):
        run(draw_rows(), make_tilted_plane(30), np.eye(20))
    with pytest.raises(InputError, match="`n_null` must be ≥ 1, got 0"):
        run(draw_rows(), make_tilted_plane(30), n_null=0)


def test_activity_that_does_not_move_in_the_plane_is_refused():
    plane = OrbitPlane(np.zeros(30), np.eye(30)[:2], np.ones(30))
    with pytest.raises(UndefinedAnalysisError, match="must vary along every axis of the plane"):
        run(draw_rows(), plane, np.diag([1.0, 0.0, *[1.0] * 28]))


def test_a_logit_that_is_constant_is_named():
    """Symbol 2 reads silent neurons only; a permuted readout of them is constant now and then."""
    covariance = np.diag([4.0, 3.0, 2.0, 1.0, 0.0, 0.0])
    plane = OrbitPlane(np.zeros(6), np.eye(6)[:2], np.ones(6))
    rows = np.array(
        [[1.0, 2.0, 0.0, 0.0, 1.0, 0.0], [-1.0, -2.0, 0.0, 0.0, 0.0, 1.0], [0, 0, 0, 0, -1.0, -1.0]]
    )
    result = run(rows, plane, covariance, n_null=300)
    assert result.status["undefined"] == {"centred": [], "raw": [], "logit": [2]}
    assert np.isnan(result.p_value[2, :, 2]).all()
    assert np.isfinite(result.p_value[2, :, :2]).all()
    assert np.isfinite(result.total_p_value).all()
    lone = np.zeros((2, 6))
    lone[0, 0] = 1
    found = run(lone, plane, covariance, n_null=300)
    drawn = found.null_projection[2, 0, :, 0]
    assert set(drawn.round(9)) == {0, 1}
    assert drawn.mean() == pytest.approx(4 / 6, abs=0.1)  # two neurons of the plane, two silent ones


def test_a_symbol_whose_raw_row_is_zero_is_named():
    rows = draw_rows()
    rows[2] = 0
    result = run(rows, make_tilted_plane(30))
    assert result.status["undefined"] == {"centred": [], "raw": [2], "logit": []}
    assert np.isnan(result.null_projection[1, ..., 2]).all()
    assert np.isfinite(result.projection[0]).all()
