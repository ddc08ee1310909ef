import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles

from orbitscope.principles.primitives.pair_geometry import (
    PairPaths,
    bound,
    close_loop,
    describe_paths,
    draw_loop_null,
    draw_resamples,
    fit_planes,
    gather_paths,
    measure_cosines,
    measure_geometry,
    measure_roundness,
    measure_state_share,
)
from orbitscope.principles.primitives.pair_segments import Passages

N_POINTS, WIDTH = 9, 12


def make_arc(sign, plane, bend=1.0):
    """Half of an ellipse from −1 to 1 along the first axis of a plane, above or below by the second."""
    angle = np.pi * (1 - np.linspace(0, 1, N_POINTS))
    flat = np.stack([np.cos(angle), sign * bend * np.sin(angle)], axis=1)
    return flat @ plane.T


def make_plane(first, second):
    return np.eye(WIDTH)[:, [first, second]]


def make_paths(arcs, *, n_passages=120, noise=0.3, n_trajectories=20, seed=0):
    """Noisy passages along arcs, (there, back from the same end on) of each pair."""
    rng, paths = np.random.default_rng(seed), []
    is_back = (np.arange(2 * n_passages) >= n_passages).astype(int)
    owner = np.tile(np.arange(n_trajectories), 2 * n_passages // n_trajectories)
    for both in arcs:
        means = np.stack(both)[is_back]
        paths.append(means + noise * rng.standard_normal(means.shape))
    n_pairs = len(arcs)
    return PairPaths(paths, [is_back] * n_pairs, [owner] * n_pairs, n_trajectories)


def make_circle(plane):
    return make_arc(1, plane), make_arc(-1, plane)


def make_retraced(plane):
    return make_arc(1, plane), make_arc(1, plane)


def test_roundness_of_known_polygons():
    square = np.array([[0.0, 0], [0, 2], [2, 2], [2, 0]])
    assert measure_roundness(square) == pytest.approx(-np.pi / 4)
    assert measure_roundness(square[::-1]) == pytest.approx(np.pi / 4)
    assert measure_roundness(5 + 3 * square) == pytest.approx(-np.pi / 4)
    angle = 2 * np.pi * np.arange(400) / 400
    assert measure_roundness(np.stack([np.cos(angle), np.sin(angle)], axis=1)) == pytest.approx(1, abs=1e-4)
    there = np.random.default_rng(0).standard_normal((1, 6, 2))
    assert measure_roundness(close_loop(np.stack([there, there], axis=1)))[0] == pytest.approx(0, abs=1e-12)
    assert measure_roundness(np.zeros((4, 2))) == 0


def test_a_circle_is_round_and_a_path_turned_round_is_not():
    found = make_paths([make_circle(make_plane(0, 1)), make_retraced(make_plane(0, 1))])
    weights = draw_resamples(20, 200, np.random.default_rng(1))
    roundness = bound(measure_geometry(found, weights).roundness, 0.998)  # one seed in 500 may miss
    assert 0.85 < roundness.value[0] < 1  # noise of the mean makes its edge longer
    assert roundness.low[0] > 0.75
    assert roundness.low[1] < 0 < roundness.high[1]
    null = draw_loop_null(found, roundness.value, 99, np.random.default_rng(2))
    assert null.p_value[0] == 0.01
    assert null.p_value[1] > 0.01
    assert abs(null.draws.mean(0)[0]) < 5 * null.draws.std(0)[0] / np.sqrt(99)


def test_exchanged_ways_are_exact_under_the_null():
    """p-values of retraced paths are uniform: their mean over 25 sets is a half."""
    p_values = []
    for seed in range(25):
        found = make_paths([make_retraced(make_plane(0, 1))], n_passages=40, seed=seed)
        observed = measure_geometry(found).roundness[0]
        p_values.append(draw_loop_null(found, observed, 39, np.random.default_rng(seed)).p_value[0])
    assert abs(np.mean(p_values) - 0.5) < 5 * np.sqrt(1 / 12 / 25)
    assert np.mean(np.array(p_values) <= 0.1) < 0.1 + 5 * np.sqrt(0.1 * 0.9 / 25)


def test_planes_and_shares_of_planted_paths():
    plane = np.linalg.qr(np.random.default_rng(3).standard_normal((WIDTH, 2)))[0]
    found = make_paths([make_circle(plane)], noise=0.1, n_passages=2000)
    shown, planes = describe_paths(found)
    assert np.degrees(subspace_angles(planes[0], plane)).max() < 2
    np.testing.assert_allclose(planes[0].T @ planes[0], np.eye(2), atol=1e-10)
    assert shown.shape == (1, 2, N_POINTS, 2)
    np.testing.assert_allclose(shown[0, :, :, 0], np.tile(make_arc(1, np.eye(2))[:, 0], (2, 1)), atol=0.05)
    np.testing.assert_allclose(shown[0, 0, :, 1], make_arc(1, np.eye(2))[:, 1], atol=0.05)
    np.testing.assert_allclose(shown[0, 1, :, 1], make_arc(-1, np.eye(2))[:, 1], atol=0.05)

    loop = np.concatenate(make_circle(np.eye(2)))
    variance = loop.var(0).sum()
    share = (variance + 2 * 0.01) / (variance + WIDTH * 0.01)
    rng = np.random.default_rng(4)
    states = measure_state_share(found, planes, rng=rng, n_resamples=500, confidence=0.998)
    assert float(states.value[0]) == pytest.approx(share, abs=0.01)
    assert states.low[0] < share < states.high[0]
    assert measure_geometry(found).plane_share[0, 0] > 0.995


def test_a_second_way_to_fit_planes():
    points = np.random.default_rng(0).standard_normal((3, 8, 5)) * [3, 2, 1, 0.5, 0.1]
    for one, plane in zip(points, fit_planes(points), strict=True):
        _, _, right = np.linalg.svd(one - one.mean(0))
        np.testing.assert_allclose(np.abs(np.sum(right[:2] * plane.T, axis=1)), 1, atol=1e-10)
    line = np.outer(np.arange(4.0), np.eye(5)[0])
    np.testing.assert_allclose(np.abs(fit_planes(line)), np.stack([np.eye(5)[0], np.zeros(5)], axis=1))


def test_overlaps_and_angles_agree_with_scipy():
    rng = np.random.default_rng(0)
    one, other = (np.linalg.qr(rng.standard_normal((4, 7, 2)))[0] for _ in range(2))
    found = np.degrees(np.arccos(measure_cosines(one, other)))
    expected = [np.degrees(subspace_angles(a, b))[::-1] for a, b in zip(one, other, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-5)

    # Planes that share no axis, one axis, and both.
    arcs = [make_circle(make_plane(*axes)) for axes in ((0, 1), (2, 3), (0, 4), (0, 1))]
    geometry = measure_geometry(make_paths(arcs, noise=0.05, n_passages=400))
    overlap = geometry.overlap[0]
    np.testing.assert_allclose(np.diag(overlap), 1, atol=0.01)
    np.testing.assert_allclose(overlap, overlap.T, atol=1e-12)
    np.testing.assert_allclose([overlap[0, 1], overlap[0, 2], overlap[0, 3]], [0, 0.5, 1], atol=0.02)


def test_angles_between_pairs_are_those_of_different_halves():
    """Noise alone: the halves of one pair have no plane in common, though each has one with itself."""
    found = make_paths([(np.zeros((N_POINTS, WIDTH)),) * 2], noise=1.0)
    geometry = measure_geometry(found)
    assert geometry.overlap[0, 0, 0] < 0.7
    assert geometry.plane_share[0, 0] < 0.3  # 2 of 12 axes; it would be .5 in their own plane


def test_limits_are_moved_to_the_value():
    values = np.concatenate([[1.0], np.arange(101.0)])[:, None]
    found = bound(values, 0.9)
    assert (found.value[0], found.low[0], found.high[0]) == (1.0, 5 - 49, 95 - 49)


def test_the_first_resample_is_the_data():
    weights = draw_resamples(7, 30, np.random.default_rng(0))
    assert (weights[0] == 1).all()
    assert (weights.sum(1) == 7).all()
    found = make_paths([make_circle(make_plane(0, 1))])
    both = measure_geometry(found, draw_resamples(20, 3, np.random.default_rng(0)))
    np.testing.assert_allclose(both.overlap[0], measure_geometry(found).overlap[0], atol=1e-12)


def test_paths_back_are_turned_round():
    time = torch.arange(12.0, dtype=torch.float64)
    hidden = torch.stack([time, -time], dim=1)[..., None]
    arrays = ([0, 1], [2, 4], [3, 5], [5, 8], [0, 1], [1, 0], [1, 1])
    passages = Passages(*map(np.array, arrays))
    found = gather_paths(hidden, passages, [(0, 1)], np.ones(1), n_phases=2, n_around=1)
    np.testing.assert_allclose(found.paths[0][..., 0], [[1, 2, 5, 6], [-9, -8, -4, -3]])
    assert found.is_back[0].tolist() == [0, 1]
    assert found.owner[0].tolist() == [0, 1]
    sums = found.sum_up(0)
    np.testing.assert_allclose(sums[0, 0], [1, 2, 5, 6, 1])
    np.testing.assert_allclose(sums[1, 1], [-9, -8, -4, -3, 1])
    assert (sums[0, 1] == 0).all()
    np.testing.assert_allclose(found.sum_up(0, np.array([1, 0]))[0, 1], [1, 2, 5, 6, 1])
