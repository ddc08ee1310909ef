from itertools import permutations

import numpy as np
import pytest
import torch

from orbitscope.dynamics.orbit_plane import OrbitPlane
from orbitscope.dynamics.readout_alignment import ReadoutAlignmentResult, compute_readout_alignment
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


def make_plane(width, *, seed=0, n_components=2):
    axes = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, n_components)))[0].T
    return OrbitPlane(np.zeros(width), axes, np.ones(width))


def run(rows, plane, *, seed=0, **options):
    return compute_readout_alignment(make_network(rows), plane, rng=np.random.default_rng(seed), **options)


def draw_rows(n_symbols=3, width=30, *, seed=1):
    return np.random.default_rng(seed).standard_normal((n_symbols, width))


# ---- projections that are known


def test_rows_in_the_plane_and_at_right_angles_to_it():
    plane = make_plane(30)
    inside = np.array([[1.0, 0.0], [0.3, -2.0], [0.0, 5.0]]) @ plane.components
    result = run(inside, plane)
    np.testing.assert_allclose(result.projection, 1)
    np.testing.assert_allclose(result.angle, 0, atol=1e-5)
    np.testing.assert_allclose(result.total, 3)
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
    plane = make_plane(30)
    rows = draw_rows() - draw_rows().mean(0)
    plain, shifted = run(rows, plane), run(rows + 50 * plane.components[0], plane)
    assert plain.variant.tolist() == ["centred", "raw"]
    np.testing.assert_allclose(plain.projection[0], plain.projection[1])
    np.testing.assert_allclose(shifted.projection[0], plain.projection[0])
    np.testing.assert_allclose(shifted.p_value[0], plain.p_value[0])
    assert (shifted.projection[1] > 0.95).all()


def test_any_number_of_components_and_any_scale():
    rows, axes = draw_rows(), make_plane(30, n_components=30).components
    planes = {n: OrbitPlane(np.zeros(30), axes[:n], np.ones(30)) for n in (1, 2, 30)}
    squares = {n: run(rows, plane).projection ** 2 for n, plane in planes.items()}
    assert (squares[2] > squares[1]).all()
    np.testing.assert_allclose(squares[30], 1)
    np.testing.assert_allclose(run(3 * rows, planes[2]).projection ** 2, squares[2])


# ---- chance


def test_random_rows_have_the_root_mean_square_of_chance():
    plane = make_plane(150)
    rows = draw_rows(1500, 150)
    result = run(rows, plane, n_permutations=1)
    assert float(result.chance) == pytest.approx(np.sqrt(2 / 150))
    assert float(result.chance) == pytest.approx(0.115, abs=5e-4)
    assert np.sqrt((result.projection[1] ** 2).mean()) == pytest.approx(0.1155, rel=0.03)
    assert np.quantile(result.projection[1], 0.95) == pytest.approx(0.199, abs=0.008)
    three = run(draw_rows(3, 150), plane, n_permutations=2000)
    np.testing.assert_allclose(three.null_quantile, 0.199, atol=0.02)


def test_the_null_permutes_neurons_one_by_one():
    """Four neurons: all 24 permutations are enumerated by hand."""
    plane, rows = make_plane(4, seed=5), draw_rows(3, 4, seed=6)
    result = run(rows, plane, n_permutations=20_000)
    centred = rows - rows.mean(0)
    for i, variant in enumerate((centred, rows)):
        unit = variant / np.linalg.norm(variant, axis=1, keepdims=True)
        null = np.array(
            [
                np.linalg.norm(unit[:, p] @ plane.components.T, axis=1)
                for p in map(list, permutations(range(4)))
            ]
        )
        share = (null >= result.projection[i] - 1e-12).mean(0)
        np.testing.assert_allclose(result.p_value[i], share, atol=0.015)
        totals = (null**2).sum(1)
        assert result.total[i] == pytest.approx(totals[0])
        nearest = np.abs(result.null_projection[i, :50, None] - null[None]).min(1)
        np.testing.assert_allclose(nearest, 0, atol=1e-12)
        np.testing.assert_allclose(
            result.null_quantile[i], np.quantile(result.null_projection[i], 0.95, axis=0), rtol=0.02
        )
        assert result.total_p_value[i] == pytest.approx((totals >= totals[0] - 1e-12).mean(), abs=0.015)
        assert result.total_null_quantile[i] == pytest.approx(np.quantile(totals, 0.95), rel=0.1)
        np.testing.assert_allclose(result.null_quantile[i], np.quantile(null, 0.95, axis=0), rtol=0.1)
        np.testing.assert_allclose(result.p_holm[i], adjust_holm(result.p_value[i]))


def test_p_values_of_random_rows_are_uniform():
    plane = make_plane(30)
    p_values = [run(draw_rows(seed=s), plane, n_permutations=99).p_value[1, 0] for s in range(150)]
    totals = [run(draw_rows(seed=s), plane, n_permutations=99).total_p_value[0] for s in range(150)]
    for values in (p_values, totals):
        assert np.mean(values) == pytest.approx(0.5, abs=0.08)
        assert 0.03 < np.mean(np.array(values) < 0.1) < 0.19


# ---- rows without a direction


def test_a_row_that_equals_the_mean_has_no_direction():
    rows = draw_rows()
    rows[1] = (rows[0] + rows[2]) / 2
    result = run(rows, make_plane(30))
    assert np.isnan(result.projection).tolist() == [[False, True, False], [False] * 3]
    assert np.isnan(result.p_holm).tolist() == [[False, True, False], [False] * 3]
    np.testing.assert_allclose(result.p_holm[0, [0, 2]], adjust_holm(result.p_value[0, [0, 2]]))
    assert result.status == {"zero_rows": {"centred": [1], "raw": []}}
    assert result.total[0] == pytest.approx((result.projection[0, [0, 2]] ** 2).sum())


def test_single_precision_does_not_make_a_direction():
    network = make_network(draw_rows()).float()
    with torch.no_grad():
        network.w_out[1] = (network.w_out[0] + network.w_out[2]) / 2
    result = compute_readout_alignment(network, make_plane(30), rng=np.random.default_rng(0))
    assert result.status["zero_rows"]["centred"] == [1]


def test_rows_that_are_all_alike_are_refused():
    with pytest.raises(UndefinedAnalysisError, match="must differ between symbols, but all are alike"):
        run(np.tile(draw_rows(1), (3, 1)), make_plane(30))


# ---- files, errors


def test_a_result_comes_back_from_its_file(tmp_path):
    rows = draw_rows()
    rows[1] = (rows[0] + rows[2]) / 2
    result = run(rows, make_plane(30))
    save_result(result, tmp_path / "alignment.nc")
    assert load_result(tmp_path / "alignment.nc", ReadoutAlignmentResult) == result


def test_same_seed_same_result():
    plane = make_plane(30)
    assert run(draw_rows(), plane) == run(draw_rows(), plane)
    assert run(draw_rows(), plane, seed=1) != run(draw_rows(), plane)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="`plane` must have the network's 30 neurons, got 20"):
        run(draw_rows(), make_plane(20))
    with pytest.raises(InputError, match="`n_permutations` must be ≥ 1, got 0"):
        run(draw_rows(), make_plane(30), n_permutations=0)


def test_a_symbol_whose_raw_row_is_zero_is_named():
    rows = draw_rows()
    rows[2] = 0
    result = run(rows, make_plane(30))
    assert result.status["zero_rows"] == {"centred": [], "raw": [2]}
    assert np.isnan(result.null_projection[1, :, 2]).all()
    assert np.isfinite(result.projection[0]).all()
