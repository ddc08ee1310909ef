"""The main numbers of a result are those that it holds, under stable keys."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from known_networks import make_ring, make_tilted_plane, scale_recurrence
from part_functions import (
    compute_lyapunov_exponents,
    compute_noise_free_exponents,
    compute_regional_exponents,
    compute_regions,
    compute_rotation,
    compute_training_evolution,
)

from orbitscope.dynamics.noise_free.fixed_points import find_fixed_points
from orbitscope.dynamics.noise_free.noise_free_growth import follow_without_noise
from orbitscope.dynamics.orbit.readout_alignment import align_readout
from orbitscope.dynamics.regions.circulation import measure_circulation
from orbitscope.network import build_network


def index_quantities(result):
    """Quantities by key; keys are unique."""
    quantities = result.list_quantities()
    by_key = {quantity.key: quantity for quantity in quantities}
    assert len(by_key) == len(quantities)
    return by_key


def assert_same(estimate, value, low=np.nan, high=np.nan):
    """The very numbers, not close ones."""
    assert np.array_equal(
        [float(estimate.value), float(estimate.low), float(estimate.high)], [value, low, high], equal_nan=True
    )


@pytest.fixture(scope="module")
def two_rays():
    """Two blocks of neurons that decay to a ray each, which stand for symbols 2 and 0."""
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.block_diag(torch.full((6, 6), 0.15), torch.full((6, 6), 0.1)))
        network.w_out.copy_(torch.eye(3)[:, [2, 0]].repeat_interleave(6, 1))
    return network


def test_regions():
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    scale_recurrence(network, 2.2)
    sizes = {"n_trajectories": 20, "n_steps": 30, "burn_in": 30, "n_rollouts": 4, "n_resamples": 100}
    result = compute_regions(network, generator=torch.Generator().manual_seed(1), **sizes)
    found, rows = index_quantities(result), result.measure.tolist()
    measures = ("share", "unstable", "uncertain", "entropy", "speed", "unstable_uniform")
    for j, name in enumerate(result.region):
        for key, measure in (*zip(measures, measures, strict=True), ("sign_rate", "logit_sign_rate")):
            quantity = found[f"{key}[{name}]"]
            assert quantity.estimate == result.estimate[rows.index(measure), j]
            assert quantity.is_main == (key in ("share", "unstable"))
        (null,) = found[f"unstable[{name}]"].beside
        assert null.estimate == result.estimate[rows.index("unstable_null"), j]
    beyond = result.contrast.tolist().index("beyond null")
    assert found["kick_minus_slow"].estimate == result.kick_minus_slow[beyond]
    raw = found["kick_minus_slow_raw"]
    assert raw.estimate == result.kick_minus_slow[result.contrast.tolist().index("network")]
    assert raw.beside[0].estimate == result.kick_minus_slow[result.contrast.tolist().index("null")]
    assert found["net_flux"].estimate == result.net_flux
    assert found["net_flux"].unit == "cycles per 100 steps"
    for one, other in (("slow", "kick"), ("kick", "transition"), ("transition", "slow")):
        at = result.region.tolist().index(one), result.region.tolist().index(other)
        assert found[f"order[{one}-{other}]"].estimate == result.net_share[at]
        assert found[f"order[{one}-{other}]"].label == f"net share of visits {one} → {other}"


def test_circulation():
    labels = np.array(3 * [[0, 1, 2, 0, 1, 2, 0]] + 3 * [[0, 1, 2, 1, 2, 0, 0]], dtype=np.int8)
    result = measure_circulation(labels, rng=np.random.default_rng(0))
    found, direct = index_quantities(result), result.cycle.tolist().index("direct")
    for i, name in enumerate(result.cycle):
        assert found[f"net[{name}]"].estimate == result.circulation[i]
    assert result.circulation[0] != result.circulation[1]
    assert float(result.circulation[direct]) == 1.0
    assert float(found["n_forward[direct]"].estimate) == result.n_forward[direct] > 0
    assert float(found["n_backward[direct]"].estimate) == 0
    assert float(found["net[direct]"].beside[1].estimate) == result.p_value[direct]


def test_readout_with_both_nulls():
    network = build_network(3, hidden_size=8, input_size=2, generator=torch.Generator().manual_seed(0))
    covariance, rng = np.diag(np.arange(1.0, 9.0)), np.random.default_rng(0)
    result = align_readout(network, make_tilted_plane(8), covariance, n_null=99, rng=rng)
    named = replace(result, settings=result.settings | {"symbol_names": ["rain", "fog", "sun"]})
    found, variants = index_quantities(named), result.variant.tolist()
    for i in range(3):
        for key, variant, power in (("projection", "centred", 1), ("logit_share", "logit", 2)):
            quantity, row = found[f"{key}[{i}]"], variants.index(variant)
            assert float(quantity.estimate) == float(result.projection[row, i]) ** power
            assert ["rain", "fog", "sun"][i] in quantity.label
            assert [null.name for null in quantity.beside] == result.null.tolist()
            assert [null.quantile for null in quantity.beside] == [
                q**power for q in result.null_quantile[row, :, i]
            ]
            assert [null.p_value for null in quantity.beside] == result.p_holm[row, :, i].tolist()


def test_onsets_have_a_lag_where_it_is_defined():
    def make_network(gain):
        network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
        return scale_recurrence(network, gain)

    checkpoints = {10 * i: partial(make_network, gain) for i, gain in enumerate((0.5, 0.5, 0.6, 1.5, 2.5))}
    course = np.where(np.arange(1, 41) < 20, 1.0, 0.3)
    sizes = {"n_trajectories": 40, "n_steps": 40, "burn_in": 20, "spectral_stride": 8, "align_steps": 5}
    sizes |= {"n_untrained": 20, "n_resamples": 100}
    result = compute_training_evolution(checkpoints, course, generator=torch.Generator(), **sizes)
    found, unstable = index_quantities(result), result.event.tolist().index("unstable_share")
    assert found["date[loss_drop]"].estimate == result.date[0]
    assert found["lag[unstable_share]"].estimate == result.lag[unstable]
    assert "lag[loss_drop]" not in found
    (untrained,) = found["last[mean_shift]"].beside
    assert float(untrained.estimate.high) == result.untrained_mean_shift.quantile
    assert float(untrained.estimate.low) == np.quantile(result.untrained_mean_shift.draws, 0.05)
    still = dict.fromkeys(checkpoints, checkpoints[0])
    alone = sizes | {"n_untrained": 0}
    found = index_quantities(compute_training_evolution(still, course, generator=torch.Generator(), **alone))
    assert not any(key.startswith("lag") for key in found)
    assert np.isnan(found["date[unstable_share]"].estimate.value)
    assert found["last[mean_shift]"].beside == ()


@pytest.mark.parametrize("standardise", [False, True])
def test_rotation_with_the_output_beside_it(standardise):
    sizes = {"n_trajectories": 20, "n_steps": 40, "burn_in": 20, "n_untrained": 20, "n_null": 19}
    sizes |= {"max_untrained": 20}
    result = compute_rotation(
        make_ring(), standardise=standardise, generator=torch.Generator().manual_seed(1), **sizes
    )
    found = index_quantities(result)
    assert found["area_rate"].estimate == result.area_rate
    assert ("standardised" if standardise else "raw") in found["area_rate"].label
    assert found["area_rate"].beside == (result.sign_flips, result.reversible, result.untrained)
    output, (_, chance) = found["output_irreversibility"], found["output_irreversibility"].beside
    assert output.estimate == result.output_irreversibility
    assert chance == result.output_null
    shares, plane_share = result.variances[:2] / result.variances.sum(), found["plane_share"]
    assert float(plane_share.estimate) == pytest.approx(shares.sum())
    assert float(plane_share.beside[0].estimate) == shares[0]
    assert float(found["n_untrained"].estimate) == len(result.untrained.draws) == 20


def test_exponents_by_end_and_by_region(two_rays):
    generator, small = torch.Generator().manual_seed(1), {"n_exponents": 2, "n_steps": 50, "n_resamples": 50}
    driven = compute_lyapunov_exponents(two_rays, n_trajectories=6, burn_in=30, **small, generator=generator)
    assert index_quantities(driven)["largest"].estimate == driven.mean_exponent[0]
    assert index_quantities(driven)["verdict"].word == driven.status["verdict"]
    free = compute_noise_free_exponents(two_rays, torch.eye(12), **small, generator=generator)
    free = replace(free, settings=free.settings | {"symbol_names": ["rain", "fog", "sun"]})
    found = index_quantities(free)
    for i, name in enumerate(("sun", "rain")):
        quantity = found[f"end_largest[{i}]"]
        assert_same(quantity.estimate, free.end_mean[i, 0], free.end_least[i, 0], free.end_largest[i, 0])
        assert quantity.label.startswith(f"ray of symbol {name}")
    regional = compute_regional_exponents(two_rays, driven, generator=generator)
    found = index_quantities(regional)
    assert found["first[slow]"].label == "slow: first exponent of 5 steps"
    transition, kick, slow = (regional.region.tolist().index(name) for name in ("transition", "kick", "slow"))
    assert found["first[transition]"].estimate == regional.mean_exponent[transition]
    assert found["expanding[slow]"].estimate == regional.expanding[slow]
    assert found["kick_minus_slow"].estimate == regional.difference[kick, slow]


def test_growth_and_points_without_noise(two_rays):
    growth = follow_without_noise(two_rays, torch.eye(12), n_steps=50)
    found = index_quantities(growth)
    assert found["verdict"].word == growth.status["verdict"] == "decays"
    assert float(found["largest_rate"].estimate) == growth.largest_rate
    assert found["directions"].word == growth.status["directions"] == "rays"
    assert found["verdict"].is_main
    assert not found["directions"].is_main
    assert [float(found[f"end_share[{i}]"].estimate) for i in range(2)] == [0.5, 0.5]
    assert found["end_share[0]"].label == "paths that come to the ray of symbol 2"
    points = find_fixed_points(two_rays, torch.eye(12), max_steps=50)
    found = index_quantities(points)
    for kind in ("fixed", "ray", "slow"):
        assert float(found[f"n_points[{kind}]"].estimate) == (points.kind == kind).sum()
    assert "identity" in found["n_points[fixed]"].describe_beside()
