import numpy as np
import torch

from orbitscope.principles.primitives.gaussian_surrogate import GaussianSurrogate, fit_surrogate

LIKE = torch.zeros(1, dtype=torch.float64)


def make_known():
    factors = np.stack([np.diag([1.0, 0.5, 0.0]), np.array([[1.0, 0, 0], [1, 1, 0], [0, 0, 2]])])
    return GaussianSurrogate(
        shares=np.array([0.25, 0.75]),
        transitions=np.array([[0.7, 0.3], [0.1, 0.9]]),
        means=np.array([[0.0, 3, -1], [2, 0, 5]]),
        factors=factors,
    )


def sample(known, n_trajectories=400, n_steps=100):
    return known.sample(n_trajectories, n_steps, like=LIKE, generator=torch.Generator().manual_seed(0))


def test_a_sample_has_the_chain_and_the_moments():
    known = make_known()
    hidden, region = sample(known)
    assert hidden.shape == (100, 400, 3)
    error = np.sqrt(0.1875 / 40000 * (1 + 0.6) / (1 - 0.6))  # memory λ = .6
    assert abs((region == 0).mean() - 0.25) < 5 * error
    assert abs((region[0] == 0).mean() - 0.25) < 5 * np.sqrt(0.1875 / 400)
    for a in (0, 1):
        rows = region[:-1] == a
        share = (region[1:][rows] == 1).mean()
        assert abs(share - known.transitions[a, 1]) < 5 * np.sqrt(0.25 / rows.sum())
        points = hidden[torch.from_numpy(region == a)].numpy()
        spread = 1 / np.sqrt(len(points))
        covariance = known.factors[a] @ known.factors[a].T
        np.testing.assert_allclose(points.mean(0), known.means[a], atol=10 * spread)
        np.testing.assert_allclose(np.cov(points.T), covariance, atol=5 * 6 * spread)


def test_states_of_different_steps_are_independent_within_a_region():
    known = make_known()
    hidden, region = sample(known)
    stays = (region[1:] == 1) & (region[:-1] == 1)
    before, after = (x[torch.from_numpy(stays)][:, 0].numpy() for x in (hidden[:-1], hidden[1:]))
    assert abs(np.corrcoef(before, after)[0, 1]) < 5 / np.sqrt(stays.sum())


def test_a_fit_recovers_what_it_was_drawn_from():
    known = make_known()
    hidden, region = sample(known)
    found = fit_surrogate(hidden, region.T, 2)
    np.testing.assert_allclose(found.shares, [(region == 0).mean(), (region == 1).mean()])
    np.testing.assert_allclose(found.transitions, known.transitions, atol=0.02)
    np.testing.assert_allclose(found.transitions.sum(1), 1)
    np.testing.assert_allclose(found.means, known.means, atol=0.15)
    for a in (0, 1):
        points = hidden[torch.from_numpy(region == a)].numpy()
        found_covariance = found.factors[a] @ found.factors[a].T
        np.testing.assert_allclose(found_covariance, np.cov(points.T, bias=True), atol=1e-8)


def test_a_region_without_states_is_never_visited():
    hidden, region = sample(make_known(), 20, 30)
    found = fit_surrogate(hidden, region.T, 3)
    assert found.shares[2] == 0
    assert (found.transitions[:, 2] == 0).all()
    _, drawn = sample(found, 50, 50)
    assert drawn.max() == 1
