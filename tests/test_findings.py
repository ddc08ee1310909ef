"""The summary says what the results hold."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from known_networks import make_ring, make_tilted_plane

from orbitscope.analysis import findings
from orbitscope.dynamics.circulation import compute_circulation
from orbitscope.dynamics.lyapunov import compute_lyapunov_exponents
from orbitscope.dynamics.noise_free_exponents import compute_noise_free_exponents
from orbitscope.dynamics.readout_alignment import compute_readout_alignment
from orbitscope.dynamics.regional_exponents import compute_regional_exponents
from orbitscope.dynamics.regions import compute_regions
from orbitscope.dynamics.rotation import compute_rotation
from orbitscope.dynamics.training_evolution import compute_training_evolution
from orbitscope.network import build_network
from orbitscope.plots.style import format_number


@pytest.fixture(scope="module")
def regions():
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.mul_(2.2)
    sizes = {"n_trajectories": 20, "n_steps": 30, "burn_in": 30, "n_rollouts": 4, "n_resamples": 100}
    return compute_regions(network, generator=torch.Generator().manual_seed(1), **sizes)


def test_intervals_in_words():
    assert findings.format_interval(0.5, 0.25, 1.0) == "0.5 [0.25, 1]"
    assert findings.format_interval(0.5, np.nan, np.nan) == "0.5"
    assert findings.format_interval(np.nan, np.nan, np.nan) == "–"


def test_regions_are_summarised_with_their_null_and_order(regions):
    found = {finding.what: finding for finding in findings.summarise_regions(regions)}
    rows = regions.measure.tolist()
    for j, name in enumerate(regions.region):
        share, unstable, null = (
            regions.estimate[rows.index(m), j] for m in ("share", "unstable", "unstable_null")
        )
        finding = found[f"{name}: {100 * share:.1f} % of states, unstable directions"]
        assert finding.value.startswith(format_number(float(unstable)))
        assert format_number(float(null)) in finding.beside
    beyond = found["kick minus slow, beyond random active sets"].value
    assert beyond.startswith(format_number(float(regions.kick_minus_slow[2])))
    flux = found["net flux slow → kick → transition → slow (cycles per 100 steps)"]
    numbers = (float(v) for v in (regions.net_flux, regions.net_flux_low, regions.net_flux_high))
    assert flux.value == findings.format_interval(*numbers)
    assert flux.beside == "0 if reversible"


def test_circulation_is_summarised_with_its_counts():
    labels = np.tile([0, 1, 2], (6, 5)).astype(np.int8)
    result = compute_circulation(labels, rng=np.random.default_rng(0))
    direct = findings.summarise_circulation(result)[result.cycle.tolist().index("direct")]
    assert direct.value.startswith("1 [")
    p = format_number(float(result.p_value[0]), digits=2)
    assert direct.beside == f"{result.n_forward[0]} forward, 0 backward, p = {p}"


def test_the_readout_is_summarised_with_both_nulls():
    network = build_network(3, hidden_size=8, input_size=2, generator=torch.Generator().manual_seed(0))
    covariance, rng = np.diag(np.arange(1.0, 9.0)), np.random.default_rng(0)
    result = compute_readout_alignment(network, make_tilted_plane(8), covariance, n_null=99, rng=rng)
    found = {finding.what: finding for finding in findings.summarise_alignment(result)}
    for i in range(3):
        for row, power, what in (
            (0, 1, f"readout of symbol {i} in the orbit plane"),
            (2, 2, f"share of the variance of logit {i} in the orbit plane"),
        ):
            assert found[what].value == format_number(float(result.projection[row, i]) ** power)
            for j, null in enumerate(("permutations", "signs")):
                quantile = format_number(float(result.null_quantile[row, j, i]) ** power)
                p = format_number(float(result.p_holm[row, j, i]), digits=2)
                assert f"{null} {quantile} (p = {p})" in found[what].beside


def test_onsets_are_summarised_with_their_lag_if_they_have_one():
    def make_network(gain):
        network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            network.cell.w_hh.mul_(gain)
        return network

    checkpoints = {10 * i: partial(make_network, gain) for i, gain in enumerate((0.5, 0.5, 0.6, 1.5, 2.5))}
    course = np.where(np.arange(1, 41) < 20, 1.0, 0.3)
    sizes = {"n_trajectories": 40, "n_steps": 40, "burn_in": 20, "spectral_stride": 8, "align_steps": 5}
    sizes |= {"n_untrained": 20, "n_resamples": 100}
    result = compute_training_evolution(checkpoints, course, generator=torch.Generator(), **sizes)
    drop, unstable, _, area, shift = findings.summarise_evolution(result)
    assert (drop.what, drop.beside) == ("loss drop (epoch)", "")
    low, high = (format_number(float(v[1])) for v in (result.lag_low, result.lag_high))
    assert unstable.beside == f"{low} to {high} epochs after the loss drop"
    assert (area.what, shift.what) == ("area rate at epoch 40", "mean shift at epoch 40")
    low, high = (format_number(float(v[-1])) for v in (result.untrained_low, result.untrained_high))
    assert shift.beside == f"untrained {low} to {high}"
    still = dict.fromkeys(checkpoints, checkpoints[0])
    result = compute_training_evolution(
        still, course, generator=torch.Generator(), **(sizes | {"n_untrained": 0})
    )
    summary = findings.summarise_evolution(result)
    assert [(f.value, f.beside) for f in summary[1:3]] == [("–", "")] * 2
    assert [f.beside for f in summary[3:]] == ["", ""]


def test_rotation_is_summarised_with_the_output_beside_it():
    sizes = {"n_trajectories": 20, "n_steps": 40, "burn_in": 20, "n_untrained": 0, "n_null": 19}
    result = compute_rotation(make_ring(), generator=torch.Generator().manual_seed(1), **sizes)
    area, _, output = findings.summarise_rotation(result)
    assert area.value.startswith(format_number(float(result.area_rate)))
    assert output.what == "irreversibility of the output (nat)"
    assert output.value.startswith(format_number(float(result.output_irreversibility)))
    assert format_number(float(result.output_null_quantile)) in output.beside
    assert f"p = {format_number(float(result.output_p_value), digits=2)}" in output.beside


def test_exponents_are_summarised_by_end_and_by_region():
    network = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.block_diag(torch.full((6, 6), 0.15), torch.full((6, 6), 0.1)))
        network.w_out.copy_(torch.eye(3)[:, [2, 0]].repeat_interleave(6, 1))
    generator, small = torch.Generator().manual_seed(1), {"n_exponents": 1, "n_steps": 50, "n_resamples": 50}
    driven = compute_lyapunov_exponents(network, n_trajectories=6, burn_in=30, **small, generator=generator)
    free = compute_noise_free_exponents(network, torch.eye(12), **small, generator=generator)
    free = replace(free, settings=free.settings | {"symbol_names": ["rain", "fog", "sun"]})
    mean, *ends = findings.summarise_noise_free_exponents(free)
    assert mean.what == "largest exponent (1/step)"
    assert [end.value for end in ends] == [format_number(float(v)) for v in free.end_mean[:, 0]]
    assert [end.what for end in ends] == [
        f"ray of symbol {name}, 50% of the paths" for name in ("sun", "rain")
    ]
    regional = compute_regional_exponents(network, driven, generator=generator)
    *regions, contrast = findings.summarise_regional_exponents(regional)
    assert regions[0].what == "slow: first exponent of 5 steps (1/step)"
    assert regions[2].value.startswith(format_number(float(regional.estimate[2])))
    assert regions[2].beside == f"{format_number(100 * float(regional.expanding[2]))} % of blocks expand"
    assert contrast.what == "kick minus slow (1/step)"
    expected = findings.format_interval(float(regional.difference[1, 0]), np.nan, np.nan)
    assert contrast.value.startswith(expected)
