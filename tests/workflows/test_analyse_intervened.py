"""Every analysis runs on an intervened network; where weights can be changed instead, it finds the same."""

import copy

import numpy as np
import pytest
import torch
from known_networks import scale_recurrence

from orbitscope.evaluation import evaluate_network
from orbitscope.hmm import load_process
from orbitscope.network import build_network, intervene
from orbitscope.settings import EvaluationSettings
from orbitscope.workflows.analyse import analyse

PARTS = ("rotation", "exponents", "regions", "regional_exponents", "commitment")
SMALL = {
    "all": {"n_trajectories": 20, "n_steps": 100, "burn_in": 20, "n_resamples": 20, "n_null": 19},
    "rotation": {"n_untrained": 20, "max_untrained": 20},
    "regions": {"n_rollouts": 4, "max_steps": 15},
    "switches": {"n_trajectories": 40, "n_steps": 100},
    "commitment": {"n_events": 60, "n_rollouts": 3, "max_lead": 3, "n_labelled": 5},
    "orbit_paths": {"n_shown": 3},
}
GAINS = {1: 0.3, 4: 1.6}


@pytest.fixture(scope="module")
def network():
    built = build_network(3, hidden_size=12, input_size=5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():  # thirds of the neurons compete, so that symbols change
        built.w_out.copy_(torch.eye(3).repeat_interleave(4, 1))
    return scale_recurrence(built, 2.3)


def look(network, intact):
    settings = {
        name: values for name, values in SMALL.items() if name == "all" or name in (*PARTS, "switches")
    }
    return analyse(network, load_process("linear-3"), only=PARTS, settings=settings, streams_of=intact)


@pytest.mark.slow
def test_gains_are_other_weights_to_every_part(network):
    """On the noise of the intact network, every number is that of a network whose weights are scaled."""
    plain = copy.deepcopy(network)
    with torch.no_grad():
        for neuron, gain in GAINS.items():
            plain.cell.w_hh[neuron] *= gain
            plain.cell.w_ih[neuron] *= 0.5
    changed = intervene(network, gain=GAINS, input_gain=dict.fromkeys(GAINS, 0.5))
    found, expected = look(changed, network), look(plain, network)
    assert found.results.keys() >= set(PARTS)
    nulls = ("rotation.area_rate",)  # their controls are drawn under the intervention
    for key, quantity in expected.quantities.items():
        if key not in nulls:
            np.testing.assert_allclose(
                float(found.quantities[key].estimate), float(quantity.estimate), rtol=1e-4, err_msg=key
            )


def test_held_neurons_and_filtered_noise_pass_through_every_part(network):
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 1)))[0]
    changed = intervene(network, clamp={0: 0.5}, ablate=[3], project_noise=basis)
    found = look(changed, network)
    assert {outcome.part: outcome.reason for outcome in found.outcomes if outcome.status == "undefined"} == {}
    collapses = found.quantities["exponents.verdict"].word == "collapses"
    assert collapses or np.isfinite(float(found.quantities["exponents.largest"].estimate))


@pytest.mark.slow
def test_an_intervened_network_is_evaluated(network):
    sizes = {"n_symbols_total": 2000, "n_sequences": 100, "n_matched": 20, "n_resamples": 100}
    sizes |= {"n_entropy": 500, "n_refitted": 20, "n_trajectories": 50, "burn_in": 10}
    options = {"n_steps": 6, "settings": EvaluationSettings(**sizes), "seed": 0}
    intact, silent = (
        evaluate_network(each, load_process("linear-3"), **options)
        for each in (network, intervene(network, ablate=range(12)))
    )
    assert intact != silent


def test_noise_of_the_intact_network_is_shared_when_it_is_asked_for(network):
    """No change on the same noise: the same numbers; on noise of its own: others."""
    same = intervene(network, gain={0: 1.0})
    settings = {"exponents": {"n_trajectories": 5, "n_steps": 40, "burn_in": 10, "n_resamples": 20}}
    first, shared, own = (
        analyse(each, only=["exponents"], settings=settings, streams_of=streams).quantities
        for each, streams in ((network, None), (same, network), (same, None))
    )
    key = "exponents.largest"
    assert float(shared[key].estimate) == float(first[key].estimate) != float(own[key].estimate)
