import numpy as np
import pytest
import torch
from chain_networks import make_chain, make_core_rules, make_one_way_ring, make_walk, solve_committors
from known_networks import make_linear
from scipy.stats import norm

from orbitscope.errors import InputError
from orbitscope.principles.probability.committors import Committors, compute_committors
from orbitscope.principles.region_cores import RegionCores


def estimate(network, states, cores, *, seed=1, **options):
    generator = torch.Generator().manual_seed(seed)
    options = {"n_rollouts": 400, "max_steps": 2000} | options
    return compute_committors(
        network, states, cores.find_cores, cores.n_regions, generator=generator, **options
    )


def estimate_all(matrix, *members, **options):
    states = torch.eye(len(matrix), dtype=torch.float64)
    return estimate(make_chain(matrix), states, make_core_rules(len(matrix), *members), **options)


def test_a_birth_death_chain_has_the_committors_of_gamblers_ruin():
    up, down = 0.3, 0.2
    found = estimate_all(make_walk(7, up=up, down=down), [0], [6])
    ratio = down / up
    exact = (1 - ratio ** np.arange(7)) / (1 - ratio**6)
    np.testing.assert_allclose(found.probs[:, 1], exact, atol=5 * np.sqrt(0.25 / 400))
    np.testing.assert_allclose(found.probs.sum(1), 1)
    np.testing.assert_array_equal(found.probs[[0, 6]], np.eye(2))  # in a core it has been reached
    np.testing.assert_array_equal(found.censored_share, 0)
    np.testing.assert_allclose(solve_committors(make_walk(7, up=up, down=down), [0], [6])[:, 1], exact)


def test_committors_of_a_ring_that_is_gone_round_one_way():
    """A chain that is not reversible: from between two cores the next one is the one ahead."""
    matrix, members = make_one_way_ring(), ([0], [3], [6])
    found, exact = estimate_all(matrix, *members), solve_committors(matrix, *members)
    np.testing.assert_allclose(found.probs, exact, atol=5 * np.sqrt(0.25 / 400))
    assert exact[1, 1] > 0.7
    assert exact[1, 1] != pytest.approx(solve_committors(make_one_way_ring(0.05, 0.3), *members)[1, 1])


def test_committors_agree_with_deeptime():
    deeptime = pytest.importorskip("deeptime.markov.msm", reason="a second implementation, if installed")
    matrix = make_one_way_ring()
    model = deeptime.MarkovStateModel(matrix)
    forward = model.committor_forward([0], [3, 6])
    np.testing.assert_allclose(1 - solve_committors(matrix, [0], [3], [6])[:, 0], forward, atol=1e-10)
    found = estimate_all(matrix, [0], [3], [6])
    np.testing.assert_allclose(found.measure_leaving(np.zeros(9, int))[0], forward, atol=5 / 40)


def find_exact_in_steps(slope, spread, places, *, n_grid=1201):
    """Committor of h′ = slope h + spread x between −1 and 1, by solving its integral equation on a grid."""
    grid = np.linspace(-1, 1, n_grid)
    weight = np.full(n_grid, grid[1] - grid[0])
    weight[[0, -1]] /= 2
    kernel = norm.pdf(grid[None, :], slope * grid[:, None], spread) * weight
    above = norm.sf(1, slope * grid, spread)
    return np.interp(places, grid, np.linalg.solve(np.eye(n_grid) - kernel, above))


def make_line(slope, spread):
    """A linear cell of one unit, and the cores beyond −1 and 1."""
    cores = RegionCores(np.array([[-1.0], [1.0]]), np.zeros(2), np.full(2, 2.0), is_direction=False)
    return make_linear([[slope]], np.array([[spread]])), cores


@pytest.mark.parametrize("slope", [0.9, 1.0, 1.05])
def test_a_linear_cell_has_the_committor_of_its_integral_equation(slope):
    network, cores = make_line(slope, 0.3)
    places = np.array([-0.8, -0.3, 0.0, 0.5, 0.9])
    found = estimate(network, torch.from_numpy(places[:, None]), cores, n_rollouts=2000)
    exact = find_exact_in_steps(slope, 0.3, places)
    np.testing.assert_allclose(found.probs[:, 1], exact, atol=5 * np.sqrt(0.25 / 2000))


def test_small_steps_have_the_committor_of_the_diffusion():
    """Ornstein-Uhlenbeck: the scale function ∫ exp(κ y²) dy, κ = (1 − a)/σ²."""
    slope, spread, places = 0.999, 0.03, np.array([-0.6, -0.2, 0.3, 0.7])
    grid = np.linspace(-1, 1, 4001)
    scale = np.cumsum(np.exp((1 - slope) / spread**2 * grid**2))
    diffusion = np.interp(places, grid, scale / scale[-1])
    np.testing.assert_allclose(find_exact_in_steps(slope, spread, places), diffusion, atol=0.02)


def test_rollouts_that_come_to_no_core_in_time_are_censored():
    matrix = make_walk(7, up=0.3, down=0.2)
    found = estimate_all(matrix, [0], [6], max_steps=3)
    assert found.censored_share[3] == pytest.approx(1 - 0.3**3 - 0.2**3, abs=5 * np.sqrt(0.04 / 400))
    np.testing.assert_array_equal(found.censored_share[[0, 6]], 0)
    early = estimate_all(matrix, [0], [6], max_steps=2)
    assert early.censored_share[3] == 1
    assert np.isnan(early.probs[3]).all()


def test_halves_are_independent_and_make_up_the_whole():
    found = estimate_all(make_walk(7), [0], [6], n_rollouts=4000)
    np.testing.assert_array_equal(found.n_reached.sum((0, 2)), 4000)
    np.testing.assert_allclose(found.halves.mean(0), found.probs)
    assert not np.array_equal(found.halves[0], found.halves[1])
    leaving, halves = found.measure_leaving(np.array([0, 0, 0, 1, 1, 1, 1]))
    np.testing.assert_allclose(leaving[:3], found.probs[:3, 1])
    np.testing.assert_allclose(leaving[3:], found.probs[3:, 0])
    np.testing.assert_allclose(halves.mean(0), leaving)

    # Rollouts of one state are dealt into both halves, and noise differs between the states of a chunk.
    many = torch.eye(7, dtype=torch.float64)[[3]].repeat(500, 1)
    each = estimate(make_chain(make_walk(7)), many, make_core_rules(7, [0], [6]), n_rollouts=20)
    spread = each.halves[:, :, 1].std(1)
    q = solve_committors(make_walk(7), [0], [6])[3, 1]
    np.testing.assert_allclose(spread, np.sqrt(q * (1 - q) / 10), rtol=0.2)
    correlation = np.corrcoef(each.halves[:, :, 1])[0, 1]
    assert abs(correlation) < 5 / np.sqrt(500)


def test_noise_that_is_larger_moves_farther():
    network, cores = make_line(0.5, 0.1)
    start = torch.tensor([[0.5]], dtype=torch.float64)
    small = estimate(network, start, cores, max_steps=1)
    large = estimate(network, start, cores, max_steps=1, noise_std=10.0)
    assert small.censored_share[0] == 1
    beyond = norm.sf(1, 0.25, 1) + norm.cdf(-1, 0.25, 1)
    assert large.censored_share[0] == pytest.approx(1 - beyond, abs=5 * np.sqrt(0.25 / 400))


def test_wrong_settings_are_named():
    network, cores = make_line(0.9, 0.3)
    start = torch.zeros(1, 1, dtype=torch.float64)
    for options in ({"n_rollouts": 3}, {"n_rollouts": 0}, {"max_steps": 0}):
        with pytest.raises(InputError, match="`n_rollouts` must be even and ≥ 2, and `max_steps` ≥ 1"):
            estimate(network, start, cores, **options)
    with pytest.raises(InputError, match="`states` must be"):
        estimate(network, torch.zeros(1, 2, dtype=torch.float64), cores)
    assert np.isnan(Committors(np.zeros((2, 1, 2), dtype=int), 4).probs).all()
