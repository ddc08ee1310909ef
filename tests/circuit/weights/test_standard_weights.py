import numpy as np
import pytest
import torch
from known_networks import change_units, make_linear
from weights_subjects import make_network, plant_blocks

from orbitscope.circuit.weights.standard_weights import measure_weights
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.network import intervene


def drive(network, seed=1, **options):
    sizes = {"n_trajectories": 8, "n_steps": 40, "burn_in": 20} | options
    return run_driven(network, **sizes, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_units_are_those_of_the_activity(cell):
    """Against a loop over all steps; units of a trajectory's last step count, too."""
    network = make_network(plant_blocks(14), cell=cell)
    path, (w_hh, w_ih) = drive(network), (w.detach() for w in (network.cell.w_hh, network.cell.w_ih))
    before, drives = path.start, []
    for state, noise in zip(path.states, path.noise, strict=True):
        drives.append((before @ w_hh.T + noise @ w_ih.T).numpy())
        before = state
    sent, received = path.states.numpy().std((0, 1), ddof=1), np.std(drives, (0, 1), ddof=1)
    found = measure_weights(network, path)
    np.testing.assert_allclose(found.standard, w_hh.numpy() * sent / received[:, None], rtol=1e-9)
    np.testing.assert_allclose(found.mean, path.states.numpy().mean((0, 1)), rtol=1e-9)
    np.testing.assert_allclose(found.restore(found.standard), w_hh.numpy(), rtol=1e-9)


def test_units_of_single_neurons_do_not_matter():
    """The same network in other units has other raw weights and the same standard ones."""
    network = make_network(plant_blocks(14))
    one, other = (measure_weights(n, drive(n)) for n in (network, change_units(network)))
    assert np.abs(np.log(one.raw / other.raw)).max() > 1
    np.testing.assert_allclose(one.standard, other.standard, rtol=1e-9)


def test_a_neuron_that_never_varies_sends_and_receives_nothing():
    silent = intervene(make_network(plant_blocks(14)), ablate=[3])
    with torch.no_grad():
        silent.cell.original.w_ih[3] = 0
    found = measure_weights(silent, drive(silent))
    assert found.varies.tolist() == [i != 3 for i in range(14)]
    assert not found.standard[3].any()
    assert not found.standard[:, 3].any()
    assert np.isfinite(found.restore(found.standard)).all()


def test_a_cell_without_recurrent_weights_is_named():
    network = make_linear(0.5 * np.eye(3))
    with pytest.raises(UndefinedAnalysisError, match="`LinearCell`.*find_recurrent_weights"):
        measure_weights(network, drive(network))
