import numpy as np
import pytest
from chain_networks import find_stationary, make_one_way_ring

from orbitscope.principles.probability.chapman_kolmogorov import (
    LAGS,
    POWERS,
    compare_powers,
    count_pairs,
    count_powers,
    draw_null_deviations,
    find_largest_deviation,
    find_timescales,
    normalise_rows,
    simulate_chains,
)
from orbitscope.principles.region_cores import OUTSIDE

THREE = np.array([[0.9, 0.08, 0.02], [0.02, 0.9, 0.08], [0.1, 0.02, 0.88]])
"""Not reversible: it is gone round one way."""

LUMPED = np.array([[0.7, 0.0, 0.3], [0.0, 0.98, 0.02], [0.1, 0.1, 0.8]])
"""Two substates of different exit rates, which are one region together, and another region."""


def draw_chain(matrix, n_trajectories=100, n_steps=300, *, seed=0):
    rng = np.random.default_rng(seed)
    start = rng.choice(len(matrix), size=n_trajectories, p=find_stationary(matrix))
    return simulate_chains(matrix, start, n_steps, rng=rng).T


def test_simulated_chains_have_their_transitions():
    chain = draw_chain(THREE, 400, 500)
    counts = count_pairs(chain, 1, 3).sum(0)
    error = np.sqrt(THREE * (1 - THREE) / counts.sum(1, keepdims=True))
    assert (np.abs(normalise_rows(counts) - THREE) < 5 * error).all()
    sure = simulate_chains(
        np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1]), 5, rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(sure.T, [[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]])


def test_pairs_are_counted_by_trajectory_and_lag():
    chain = np.array([[OUTSIDE, 0, 0, 1, 0], [1, 1, 2, 2, 0]])
    once, twice = count_pairs(chain, 1, 3), count_pairs(chain, 2, 3)
    np.testing.assert_array_equal(once[0], [[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(once[1], [[0, 0, 0], [0, 1, 1], [1, 0, 1]])
    np.testing.assert_array_equal(twice[0], [[1, 1, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(twice[1], [[0, 0, 0], [0, 0, 2], [1, 0, 0]])
    powers = count_powers(chain, 2, 3)  # every second step: −1 0 0 and 1 2 0
    np.testing.assert_array_equal(powers[:, 0].sum(0), [[1, 0, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_array_equal(powers[:, 1].sum(0), [[0, 0, 0], [1, 0, 0], [0, 0, 0]])
    assert powers.shape == (2, 1 + len(POWERS), 3, 3)
    rows = normalise_rows(np.array([[1, 3], [0, 0]]))
    np.testing.assert_array_equal(rows, [[0.25, 0.75], [np.nan, np.nan]])


def test_powers_of_one_lag_stand_beside_transitions_over_several():
    counts = np.stack([1e6 * np.linalg.matrix_power(THREE, n) for n in (1, *POWERS)])[None]
    compared = compare_powers(counts)
    np.testing.assert_allclose(compared[:, 0], compared[:, 1], atol=1e-12)
    np.testing.assert_allclose(compared[0, 0, 1], np.linalg.matrix_power(THREE, 3))
    counts[0, 2, 1] = [5e5, 5e5, 0]
    deviation, cell = find_largest_deviation(compare_powers(counts))
    cube = np.linalg.matrix_power(THREE, 3)[1]
    assert deviation[0] == pytest.approx(np.abs(np.array([0.5, 0.5, 0]) - cube).max())
    assert np.unravel_index(cell[0], (3, 3, 3))[:2] == (1, 1)
    counts[0, :, 1] = 0  # a region that is never visited has no row, and spoils no other
    compared = compare_powers(counts)
    assert np.isnan(compared[0, :, :, 1]).all()
    assert np.isfinite(compared[0, :, :, [0, 2]]).all()
    assert find_largest_deviation(compared)[0][0] >= 0


def test_implied_timescales_are_those_of_the_chain():
    lags = np.array(LAGS)
    powers = np.stack([np.linalg.matrix_power(THREE, lag) for lag in LAGS])
    sizes = np.sort(np.abs(np.linalg.eigvals(THREE)))[::-1]
    np.testing.assert_allclose(find_timescales(powers, lags), np.tile(-1 / np.log(sizes[1:]), (len(lags), 1)))
    np.testing.assert_array_equal(find_timescales(np.eye(2)[None], np.array([1])), [[np.inf]])
    unknown = find_timescales(np.array([[[0.5, 0.5], [np.nan, np.nan]]]), np.array([1]))
    assert np.isnan(unknown).all()


def test_deeptime_counts_and_tests_alike():
    markov = pytest.importorskip("deeptime.markov", reason="a second implementation, if installed")
    matrix = make_one_way_ring(n_between=0, core_stay=0.9)
    chain = draw_chain(matrix, 20, 400).astype(np.int32)
    counts = markov.TransitionCountEstimator(5, "sliding").fit_fetch(list(chain))
    np.testing.assert_array_equal(counts.count_matrix, count_pairs(chain, 5, 3).sum(0))
    model = markov.msm.MaximumLikelihoodMSM(reversible=False).fit_fetch(counts)
    ours = normalise_rows(count_pairs(chain, 5, 3).sum(0))
    np.testing.assert_allclose(model.transition_matrix, ours, atol=1e-10)
    compared = compare_powers(count_powers(chain[:, ::1], 1, 3).sum(0, keepdims=True))[0]
    first = markov.msm.MaximumLikelihoodMSM(reversible=False, lagtime=1).fit_fetch(list(chain))
    for i, n in enumerate(POWERS):
        later = [first.propagate(row, n) for row in np.eye(3)]
        np.testing.assert_allclose(compared[1, i], later, atol=1e-10)
    steady = markov.msm.MarkovStateModel(np.array([[0.9, 0.1], [0.3, 0.7]]), lagtime=4)
    ours = find_timescales(steady.transition_matrix[None], np.array([4]))[0]
    np.testing.assert_allclose(ours, steady.timescales())


def judge(chain, lag, n_regions, *, n_draws=99, seed=1):
    """p-value of the largest deviation."""
    counts = count_powers(chain, lag, n_regions).sum(0, keepdims=True)
    observed = find_largest_deviation(compare_powers(counts))[0][0]
    draws = draw_null_deviations(chain, lag, n_regions, n_draws=n_draws, rng=np.random.default_rng(seed))
    return (1 + (draws >= observed).sum()) / (1 + n_draws), observed, draws


def test_a_lumped_chain_with_memory_fails():
    chain = np.where(draw_chain(LUMPED) == 2, 1, 0)
    p_value, observed, draws = judge(chain, 1, 2)
    assert p_value == 0.01
    flow = find_stationary(LUMPED)
    stay = [
        flow[:2] @ np.linalg.matrix_power(LUMPED, n)[:2, :2].sum(1) / flow[:2].sum() for n in (1, *POWERS)
    ]
    back = [np.linalg.matrix_power(LUMPED, n)[2, 2] for n in (1, *POWERS)]
    once = np.array([[stay[0], 1 - stay[0]], [1 - back[0], back[0]]])
    gaps = [
        np.abs(np.linalg.matrix_power(once, n)[[0, 1], [0, 1]] - [stay[i], back[i]]).max()
        for i, n in enumerate(POWERS, 1)
    ]
    assert observed == pytest.approx(max(gaps), abs=0.02)
    assert draws.max() < 0.7 * observed


def test_a_markov_chain_passes():
    p_values = [
        judge(draw_chain(THREE, 40, 200, seed=seed), lag, 3, n_draws=39)[0]
        for seed, lag in enumerate((1, 1, 5, 5))
    ]
    assert np.median(p_values) > 0.05


def test_null_chains_are_as_many_and_as_long():
    """Steps whose region is unknown do not count: the draws scatter as those of the known steps alone."""

    def draw_middle(chain, lag=1):
        rng = np.random.default_rng(0)
        return np.median(draw_null_deviations(chain, lag, 3, n_draws=60, rng=rng))

    chain = draw_chain(THREE, 13, 400)
    known = chain.copy()
    known[:, :300] = OUTSIDE
    known[3] = OUTSIDE
    alone = draw_middle(np.delete(chain, 3, axis=0)[:, 300:])
    assert draw_middle(known) == pytest.approx(alone, rel=0.3)
    assert draw_middle(chain) == pytest.approx(alone / 2, rel=0.35)
    assert draw_middle(chain, 10) > 1.5 * draw_middle(chain)
    assert draw_middle(chain, 10) == draw_middle(chain[:, ::10])  # Markov at this lag, not at one step
    assert len(draw_null_deviations(chain, 1, 3, n_draws=7, rng=np.random.default_rng(0))) == 7


@pytest.mark.slow
@pytest.mark.parametrize("lag", [1, 5])
def test_markov_chains_pass_in_nine_of_ten_seeds(lag):
    p_values = np.array([judge(draw_chain(THREE, 40, 300, seed=s), lag, 3, seed=s)[0] for s in range(60)])
    assert (p_values > 0.05).mean() >= 0.9 - 5 * np.sqrt(0.05 * 0.95 / 60) / 2
    assert p_values.mean() == pytest.approx(0.5, abs=5 * 0.29 / np.sqrt(60))
