import numpy as np
import pytest
import torch

from orbitscope.principles.region_cores import OUTSIDE, RegionCores, find_last_core, fit_cores


def make_three():
    """Regions of the plane by angle: three rows at 120°, cores with a margin of a half."""
    angle = 2 * np.pi * np.arange(3) / 3
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return RegionCores(rows, np.zeros(3), np.full(3, 0.5), is_direction=True)


def sample_blobs(n_points=3000, *, distance=4.0, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=n_points)
    return torch.from_numpy(rng.standard_normal((n_points, 5)) + distance * np.eye(5)[label]), label


def test_margins_are_the_score_minus_the_best_other_one():
    cores = make_three()
    hidden = torch.randn(2, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit = (hidden / hidden.norm(dim=-1, keepdim=True)).numpy()
    scores = unit @ cores.weights.T
    expected = np.stack([scores[..., k] - np.delete(scores, k, -1).max(-1) for k in range(3)], axis=-1)
    np.testing.assert_allclose(cores.measure_margins(hidden).numpy(), expected, atol=1e-12)
    assert ((expected > 0).sum(-1) == 1).all()
    np.testing.assert_array_equal(cores.find_regions(hidden).numpy(), expected.argmax(-1))
    core = np.where(expected.max(-1) >= 0.5, expected.argmax(-1), OUTSIDE)
    np.testing.assert_array_equal(cores.find_cores(hidden).numpy(), core)
    assert set(core.ravel()) == {OUTSIDE, 0, 1, 2}


def test_the_length_of_a_state_counts_only_where_it_should():
    hidden = torch.tensor([[1.0, 0.1], [-0.4, 1.0], [1.0, 1.0]], dtype=torch.float64)
    cores = make_three()
    np.testing.assert_array_equal(cores.find_cores(hidden), cores.find_cores(1e-3 * hidden))
    plain = RegionCores(cores.weights, cores.intercepts, cores.thresholds, is_direction=False)
    assert (plain.find_cores(1e-3 * hidden) == OUTSIDE).all()


def test_equal_scores_are_at_the_border():
    cores = RegionCores(np.zeros((2, 3)), np.zeros(2), np.full(2, 1e-9), is_direction=False)
    hidden = torch.ones(4, 3, dtype=torch.float64)
    assert (cores.measure_margins(hidden) == 0).all()
    assert (cores.find_cores(hidden) == OUTSIDE).all()


def test_rules_find_the_best_border_between_blobs():
    """Of unit Gaussians the best rule is the nearest centre: a share Φ(−d/√2 …) of the states is missed."""
    hidden, label = sample_blobs()
    cores = fit_cores(hidden, label, core_share=0.5, is_direction=False)
    other, truth = sample_blobs(seed=1)
    nearest = torch.cdist(other, 4.0 * torch.eye(5, dtype=torch.float64)[:3]).argmin(1).numpy()
    told = cores.find_regions(other).numpy()
    assert (told == truth).mean() > (nearest == truth).mean() - 0.005
    assert (told == nearest).mean() > 0.99


def test_it_does_not_matter_where_activity_begins():
    hidden, label = sample_blobs()
    shift = torch.tensor([30.0, -7.0, 2.0, 0.0, 5.0], dtype=torch.float64)
    here = fit_cores(hidden, label, core_share=0.5, is_direction=False)
    there = fit_cores(hidden + shift, label, core_share=0.5, is_direction=False)
    np.testing.assert_allclose(
        there.measure_margins(hidden + shift), here.measure_margins(hidden), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_array_equal(there.find_regions(hidden + shift), here.find_regions(hidden))


@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_a_core_holds_its_share_of_each_region(share):
    hidden, label = sample_blobs()
    core = fit_cores(hidden, label, core_share=share, is_direction=False).find_cores(hidden).numpy()
    for region in range(3):
        inside = (core == region)[label == region].mean()
        assert inside == pytest.approx(share, abs=0.012)


def test_a_silent_neuron_has_no_say():
    hidden, label = sample_blobs()
    silent = torch.cat([hidden, torch.full((len(hidden), 1), 2.0, dtype=torch.float64)], dim=1)
    with_it = fit_cores(silent, label, core_share=0.5, is_direction=False)
    without = fit_cores(hidden, label, core_share=0.5, is_direction=False)
    assert (with_it.weights[:, -1] == 0).all()
    np.testing.assert_allclose(with_it.weights[:, :-1], without.weights, atol=1e-8)


def test_the_last_core_is_carried_forward():
    core = np.array([[OUTSIDE, 1, OUTSIDE, OUTSIDE, 0, OUTSIDE], [2, OUTSIDE, 2, 0, OUTSIDE, OUTSIDE]])
    expected = [[OUTSIDE, 1, 1, 1, 0, 0], [2, 2, 2, 0, 0, 0]]
    np.testing.assert_array_equal(find_last_core(core), expected)
