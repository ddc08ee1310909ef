import numpy as np
import pytest
import torch
from known_networks import rotate

from orbitscope.dynamics.orbit.area_rate import (
    accumulate_turns,
    bound_size,
    collect_moments,
    collect_products,
    compute_area_rate,
    divide_area,
    refit_area,
    share_area,
)
from orbitscope.dynamics.orbit.orbit_plane import fit_leading_axes
from orbitscope.errors import InputError, UndefinedAnalysisError
from orbitscope.statistics import bootstrap_statistic


def draw_walk(shape=(5, 40, 2), *, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).cumsum(1)


def draw_circle(angle=0.3, n_steps=2000, centre=(100.0, -7.0)):
    phase = angle * np.arange(n_steps) + np.arange(3)[:, None]
    return np.stack([5 * np.cos(phase), 2 * np.sin(phase)], -1) + centre


def test_a_circle_sweeps_the_sine_of_its_angle():
    assert compute_area_rate(draw_circle()) == pytest.approx(np.sin(0.3), rel=2e-3)


def test_the_area_rate_against_its_definition_in_principal_axes():
    z = draw_walk()
    z = z - z.mean((0, 1))
    _, axes = np.linalg.eigh(np.cov(z.reshape(-1, 2).T))
    first, second = np.moveaxis(z @ axes, 2, 0)
    lagged = [(a[:, :-1] * b[:, 1:]).mean() for a, b in ((first, second), (second, first))]
    expected = 0.5 * (lagged[0] - lagged[1]) / np.sqrt((first**2).mean() * (second**2).mean())
    assert (first * second).mean() == pytest.approx(0, abs=1e-12)
    assert compute_area_rate(z) == pytest.approx(expected * np.linalg.det(axes))


def test_the_area_rate_is_invariant_under_linear_maps_and_odd_under_reflection_and_reversal():
    z = draw_walk(shape=(3, 40, 2)) + draw_circle(n_steps=40)
    rate = compute_area_rate(z)
    assert abs(rate) > 1e-3
    for matrix in (rotate(0.7), np.array([[2.0, 1.5], [0.0, 0.1]])):
        assert compute_area_rate(z @ matrix.T + 3.0) == pytest.approx(rate)
    assert compute_area_rate(z[..., ::-1]) == pytest.approx(-rate)
    assert compute_area_rate(z[:, ::-1]) == pytest.approx(-rate)


def test_the_form_with_variances_alone_depends_on_the_axes():
    """Why the determinant: √(C₁₁ C₂₂) gives another number in axes that are turned."""
    z = draw_walk() * [5.0, 1.0]
    z = z - z.mean((0, 1))
    scales = [np.sqrt(np.prod((z @ rotate(angle).T).var((0, 1)))) for angle in (0.0, 0.7)]
    assert abs(scales[1] / scales[0] - 1) > 0.1


def test_contributions_of_trajectories_average_to_the_rate():
    z = draw_walk()
    moments = collect_moments(z)
    assert share_area(moments).mean() == pytest.approx(compute_area_rate(z))
    np.testing.assert_allclose(divide_area(np.stack([moments.sum(0)] * 2)), compute_area_rate(z))
    assert np.isnan(divide_area(np.array([[0.0, 1.0, 1.0, 1.0]]))).all()


# ---- a plane that is fitted again


def test_in_two_axes_there_is_one_plane():
    z = draw_walk()
    sums = np.stack([collect_products(z)[kept].sum(0) for kept in ([0, 1, 2, 3, 4], [0, 0, 3, 4, 4])])
    moments = np.stack([collect_moments(z)[kept].sum(0) for kept in ([0, 1, 2, 3, 4], [0, 0, 3, 4, 4])])
    np.testing.assert_allclose(refit_area(sums), divide_area(moments))


def test_a_resample_has_the_area_rate_of_its_own_leading_plane():
    """Brute force: principal axes of the resampled paths, and the area rate in them."""
    y = draw_walk((6, 50, 5), seed=3)
    y = y - y.mean((0, 1))
    _, axes = np.linalg.eigh(np.cov(y.reshape(-1, 5).T, bias=True))
    y, flips = y @ axes[:, ::-1], 0
    for seed in range(10):
        kept = np.random.default_rng(seed).integers(6, size=6)
        found = float(refit_area(collect_products(y)[kept].sum(0)[None])[0])
        again = y[kept]
        _, axes = np.linalg.eigh(np.einsum("nti,ntj->ij", again, again))
        plane = axes[:, [-1, -2]]
        first, second = np.moveaxis(again @ plane, 2, 0)
        swept = (first[:, :-1] * second[:, 1:] - second[:, :-1] * first[:, 1:]).mean()
        rate = 0.5 * swept / np.sqrt((first**2).mean() * (second**2).mean())
        expected = rate * np.sign(np.linalg.det(plane[:2]))
        assert found == pytest.approx(expected)
        flips += np.sign(found) != np.sign(compute_area_rate(y[..., :2]))
    assert flips < 8


def draw_nearly_round(n_trajectories, *, seed):
    """Three numbers: the first turns with the third, and the second is only just larger than the third."""
    rng, n_steps, burn_in = np.random.default_rng(seed), 60, 60
    matrix = np.diag([0.9, 0.9, 0.9])
    matrix[[0, 2], [2, 0]] = -0.25, 0.25
    matrix[[0, 2], [0, 2]] = 0.8, 0.8
    scale = np.array([2.0, 0.98, 0.9])
    state, path = np.zeros((n_trajectories, 3)), []
    for _ in range(burn_in + n_steps):
        state = state @ matrix.T + rng.standard_normal((n_trajectories, 3))
        path.append(state * scale)
    return np.stack(path[burn_in:], axis=1)


def test_an_interval_that_fits_the_plane_again_covers_where_one_that_does_not_fails():
    def measure(n_trajectories, seed):
        paths = torch.as_tensor(draw_nearly_round(n_trajectories, seed=seed))
        return fit_leading_axes(paths, np.ones(3)).project(paths).numpy()

    truth = abs(compute_area_rate(measure(20000, 0)[..., :2]))
    covered = np.zeros(2)
    for seed in range(1, 41):
        y = measure(20, seed)
        for i, (sums, statistic) in enumerate(
            ((collect_products(y), refit_area), (collect_moments(y[..., :2]), divide_area))
        ):
            found = bootstrap_statistic(sums, statistic, rng=np.random.default_rng(seed), n_resamples=200)
            low, high = bound_size(float(found.low), float(found.high))
            covered[i] += low <= truth <= high
    assert covered[0] >= 33
    assert covered[1] < 31


@pytest.mark.parametrize(
    ("limits", "size"),
    [((1.0, 2.0), (1, 2)), ((-2.0, -1.0), (1, 2)), ((-3.0, 1.0), (0, 3)), ((0.0, 1.0), (0, 1))],
)
def test_limits_of_a_size(limits, size):
    assert bound_size(*limits) == size


# ---- turns


def test_turns_accumulate_about_the_mean_of_all_states():
    for sign in (1, -1):
        turns = accumulate_turns(draw_circle(sign * 2 * np.pi / 20, n_steps=201))
        np.testing.assert_allclose(turns[:, 0], 0)
        np.testing.assert_allclose(turns[:, -1], sign * 10, atol=0.03)
        np.testing.assert_allclose(turns[:, 100], sign * 5, atol=0.03)


def test_steps_turn_by_half_a_turn_at_most():
    """Three quarters forward are a quarter back."""
    square = np.exp(2j * np.pi * 0.75 * np.arange(41))
    z = np.stack([square.real, square.imag], -1)[None]
    z = z[:, :40]  # whole turns: the mean is the centre
    assert accumulate_turns(z)[0, -1] == pytest.approx(-0.25 * 39)


def test_paths_without_an_area_are_refused():
    with pytest.raises(InputError, match="≥ 2 steps, got 1"):
        compute_area_rate(draw_walk()[:, :1])
    line = np.stack([draw_walk()[..., 0]] * 2, axis=-1)
    with pytest.raises(UndefinedAnalysisError, match="keeps to a line"):
        compute_area_rate(line)
    with pytest.raises(UndefinedAnalysisError, match="keeps to a line"):
        compute_area_rate(np.zeros((3, 4, 2)))
