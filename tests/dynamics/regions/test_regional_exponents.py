"""Exponents by region: assigned by brute force, and on a network whose regions differ by construction."""

import numpy as np
import pytest
import torch
from known_networks import scale_recurrence
from part_functions import (
    compute_lyapunov_exponents,
    compute_noise_free_exponents,
    compute_regional_exponents,
)

from orbitscope.dynamics.regions.region_labels import REGIONS, classify_regions, label_states
from orbitscope.dynamics.regions.regional_exponents import RegionalExponentsResult
from orbitscope.dynamics.stability.lyapunov import LyapunovResult
from orbitscope.errors import InputError
from orbitscope.network import build_network
from orbitscope.plots.regions.regional_exponents import (
    describe_regional_exponents,
    plot_regional_distributions,
    plot_regional_exponents,
)
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_network(gain=2.2):
    network = build_network(3, hidden_size=12, input_size=5, generator=seeded()).double()
    return scale_recurrence(network, gain)


@pytest.fixture(scope="module")
def network():
    return make_network()


@pytest.fixture(scope="module")
def driven(network):
    return compute_lyapunov_exponents(
        network, n_exponents=2, n_trajectories=12, n_steps=60, burn_in=30, generator=seeded(1)
    )


@pytest.fixture(scope="module")
def result(network, driven):
    return compute_regional_exponents(network, driven, n_resamples=200, generator=seeded(2))


def test_blocks_have_the_region_of_the_state_at_their_start(network, driven, result):
    states = torch.tensor(driven.block_states).flatten(0, 1)
    label = label_states(network, states, generator=seeded(2)).reshape(12, 12)
    np.testing.assert_array_equal(result.label, label)
    for index in range(len(REGIONS)):
        values = driven.local[..., 0][(label == index) & np.isfinite(driven.local[..., 0])]
        assert result.n_blocks[index] == len(values)
        mean, share = (values.mean(), (values > 0).mean()) if len(values) else (np.nan, np.nan)
        np.testing.assert_allclose(result.mean_exponent.value[index], mean)
        np.testing.assert_allclose(result.expanding.value[index], share)
    means = result.mean_exponent.value
    np.testing.assert_allclose(result.difference.value, means[:, None] - means)


def test_the_mean_over_all_blocks_is_the_exponent(driven, result):
    known = result.n_blocks > 0
    mean = np.average(result.mean_exponent.value[known], weights=result.n_blocks[known])
    assert mean == pytest.approx(np.mean(driven.local[..., 0][np.isfinite(driven.local[..., 0])]))


def build_blocks(local, states):
    """A result that holds these finite-time exponents of these states."""
    mean = local.mean(1)
    return LyapunovResult(
        settings={"noise_std": 1.0, "block_steps": 5},
        status={},
        mean_exponent=Estimate(mean.mean(0)),
        per_trajectory=mean,
        local=local,
        block_states=states,
    )


def make_counter():
    """A pulse that is handed on through 30 units; each third has a symbol, so 10 to 1 steps are left."""
    network = build_network(3, hidden_size=30, input_size=1, generator=seeded()).double()
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.roll(torch.eye(30), 1, 0))
        network.cell.w_ih.fill_(1e-9)
        network.w_out.copy_(torch.eye(3).repeat_interleave(10, 1))
    return network


def draw_blocks():
    """Blocks of the counter with exponents by region, and their regions."""
    place = np.random.default_rng(0).integers(30, size=(40, 50))
    region = classify_regions(10.0 - place % 10)
    local = np.choose(region, [-0.2, 0.3, -0.1]) + np.linspace(-0.05, 0.05, 40)[:, None]
    return build_blocks(local[..., None], np.eye(30)[place]), region


def test_exponents_that_differ_by_construction():
    """Growth .3 in kick, −.2 in slow, −.1 in transition, and differences between trajectories of mean 0."""
    network, blocks, region = make_counter(), *draw_blocks()
    found = compute_regional_exponents(network, blocks, confidence=0.999, generator=seeded())
    np.testing.assert_array_equal(found.label, region)
    np.testing.assert_allclose(found.mean_exponent.value, [-0.2, 0.3, -0.1], atol=0.015)
    assert (found.mean_exponent.low < [-0.2, 0.3, -0.1]).all()
    assert (found.mean_exponent.high > [-0.2, 0.3, -0.1]).all()
    slow, kick = REGIONS.index("slow"), REGIONS.index("kick")
    difference = found.difference[kick, slow]
    assert difference.low < 0.5 < difference.high
    assert difference.high - difference.low < 0.02
    np.testing.assert_allclose(found.expanding.value, [0, 1, 0])


def test_lost_vectors_are_counted_apart_and_empty_regions_named():
    network, place = make_counter(), np.tile([0, 5, 5, 0], (6, 1))
    local = np.where(place == 0, 0.1, -0.1)
    local[:2, 1] = -np.inf
    found = compute_regional_exponents(
        network, build_blocks(local[..., None], np.eye(30)[place]), generator=seeded()
    )
    assert found.n_blocks.tolist() == [12, 10, 0]
    assert found.n_lost.tolist() == [0, 2, 0]
    assert found.status == {"empty": ["transition"]}
    np.testing.assert_allclose(found.mean_exponent.value, [0.1, -0.1, np.nan])
    np.testing.assert_allclose(found.expanding.value, [1.0, 0.0, np.nan])
    assert found.mean_exponent[2] == Estimate(np.nan)
    plot_regional_exponents(found).canvas.draw()
    caption = describe_regional_exponents(found)
    assert "0, 2, 0 blocks in which the followed direction was lost" in caption
    assert "transition undefined" in caption


def test_same_seed_same_result_and_back_from_its_file(network, driven, result, tmp_path):
    again = compute_regional_exponents(network, driven, n_resamples=200, generator=seeded(2))
    assert again == result
    save_result(result, tmp_path / "x.nc")
    assert load_result(tmp_path / "x.nc", RegionalExponentsResult) == result


def test_exponents_of_something_else_are_refused(network, driven):
    free = compute_noise_free_exponents(
        network, torch.rand(3, 12, generator=seeded()).double(), n_steps=50, generator=seeded()
    )
    with pytest.raises(InputError, match="must be those under noise"):
        compute_regional_exponents(network, free, generator=seeded())
    with pytest.raises(InputError, match="width 30, got 12"):
        compute_regional_exponents(make_counter(), driven, generator=seeded())


def test_the_figure_shows_the_numbers_of_the_result():
    blocks, _ = draw_blocks()
    result = compute_regional_exponents(make_counter(), blocks, n_resamples=200, generator=seeded())
    figure = plot_regional_exponents(result)
    left, right = figure.axes
    np.testing.assert_allclose([line.get_ydata()[0] for line in left.lines[:3]], result.mean_exponent.value)
    limits = np.array([lines.get_segments()[0][:, 1] for lines in left.collections])
    np.testing.assert_allclose(limits.T, [result.mean_exponent.low, result.mean_exponent.high])
    assert right.get_xlabel() == "first exponent of 5 steps (1/step)"
    ax = plot_regional_distributions(result)
    shown = [name for i, name in enumerate(REGIONS) if (result.label == i).any()]
    assert [line.get_label() for line in ax.lines[:-1]] == shown
    values, shares = ax.lines[0].get_data()
    chosen = result.exponent[result.label == REGIONS.index(shown[0])]
    np.testing.assert_array_equal(values, np.sort(chosen))
    np.testing.assert_allclose(shares, 100 * np.arange(1, len(chosen) + 1) / len(chosen))
    assert "blocks of 5 steps under noise" in describe_regional_exponents(result)
