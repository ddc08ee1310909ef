import numpy as np
import pytest
import torch
from part_functions import compute_regions

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.regions.region_labels import REGIONS
from orbitscope.network import build_network
from orbitscope.plots.regions.region_maps import (
    describe_region_maps,
    plot_region_maps,
    plot_residency_map,
    plot_sign_changes,
    plot_symbol_map,
    plot_unstable_map,
)
from orbitscope.plots.style import get_figure

SMALL = {"n_trajectories": 12, "n_steps": 30, "burn_in": 30}


def make_network(gain=2.0):
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network


def run(network):
    options = SMALL | {"n_rollouts": 4, "n_resamples": 50}
    return compute_regions(network, generator=torch.Generator().manual_seed(1), **options)


@pytest.fixture(scope="module")
def result():
    return run(make_network())


def test_positions_are_the_leading_principal_components(result):
    path = run_driven(make_network(), 12, 31, burn_in=30, generator=torch.Generator().manual_seed(1))
    hidden = path.states[:-1].double().flatten(0, 1).numpy()
    _, sizes, vectors = np.linalg.svd(hidden - hidden.mean(0), full_matrices=False)
    expected = (hidden - hidden.mean(0)) @ vectors[:2].T / (sizes[0] / np.sqrt(len(hidden)))
    found = result.position.swapaxes(0, 1).reshape(-1, 2)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-4)
    assert found[:, 0].std() == pytest.approx(1.0)


def test_maps_hold_every_state_with_its_value(result):
    dots = plot_residency_map(result).collections[0]
    assert sorted(dots.get_array()) == sorted(result.residency.ravel())
    places = {tuple(place) for place in dots.get_offsets().data.round(9)}
    assert places == {tuple(place) for place in result.position.reshape(-1, 2).round(9)}
    spectral = plot_unstable_map(result).collections[0]
    assert sorted(spectral.get_array()) == sorted(np.minimum(result.n_unstable, 5).ravel())
    symbols = plot_symbol_map(result)
    drawn = {dots.get_label(): len(dots.get_offsets()) for dots in symbols.collections}
    assert drawn == {str(s): (result.symbol == s).sum() for s in np.unique(result.symbol)}


def test_a_state_has_its_own_value(result):
    dots = plot_residency_map(result).collections[0]
    place, value = dots.get_offsets().data[-1], dots.get_array()[-1]
    trajectory, time = np.argwhere((result.position == place).all(-1))[0]
    assert result.residency[trajectory, time] == value == result.residency.max()


def test_the_scale_of_residencies_marks_the_limits_of_the_regions(result):
    bar = get_figure(plot_residency_map(result)).axes[1]
    assert [label.get_text() for label in bar.get_yticklabels()] == ["1", "2", "8", "60"]


def test_shares_of_each_region_add_to_one(result):
    ax = plot_sign_changes(result)
    outlines = {patch.get_label(): patch.get_xy() for patch in ax.patches if patch.get_label() in REGIONS}
    assert set(outlines) == {name for name, n in zip(result.region, result.n_points, strict=True) if n}
    for corners in outlines.values():
        heights = corners[1::2][:40, 1]
        assert heights.sum() == pytest.approx(1.0)


def test_the_caption_has_sizes_and_means(result):
    caption = describe_region_maps(result)
    assert "360 driven states" in caption
    slow, kick = (100 * result.estimate.value[result.measure.tolist().index("share"), i] for i in (0, 1))
    seen = f"Activity is in slow regions for {slow:.3g} % of the steps and in kick regions for {kick:.3g} %."
    assert caption.startswith(f"**{seen}**")
    assert "below 2 steps transition, above 8 slow" in caption
    assert f"at {result.n_unstable.size} of the states" in caption


def test_a_network_with_one_symbol_and_no_unstable_direction_is_drawn():
    network = make_network(0.5)
    with torch.no_grad():
        network.w_out.zero_()
    assert len(plot_region_maps(run(network)).axes) == 6
