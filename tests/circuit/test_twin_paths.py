import numpy as np
import torch
from planted import make_triggered_latch

from orbitscope.circuit.attribution import DirectedTwins, find_twins
from orbitscope.circuit.commitment import OUTCOME_STEPS
from orbitscope.circuit.switches import SwitchSettings, compute_switches, replay_switches
from orbitscope.circuit.twin_paths import choose_shown, follow_twins
from orbitscope.circuit.twins import Twins
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.orbit.orbit_plane import find_symbol_direction, fit_orbit_plane
from orbitscope.subject import Subject


def test_paths_begin_with_the_twins_and_end_with_the_outcome():
    network, _, _ = make_triggered_latch(1, 1)
    subject = Subject(network, seed=0)
    settings = SwitchSettings(n_trajectories=60, n_steps=200, burn_in=20, n_resamples=20)
    subject.found["switches"] = compute_switches(subject, settings)
    path, switches = replay_switches(subject)
    generator = torch.Generator().manual_seed(0)
    sizes = {"leads": (2,), "apart": 6, "n_twins": 80, "n_tries": 20}
    twins = find_twins(subject, path, switches, **sizes, rng=np.random.default_rng(0), generator=generator)
    none = np.zeros((len(twins.twins), network.hidden_size), dtype=bool)
    found = follow_twins(
        network, path, twins, np.stack([none, ~none]), n_shown=40, noise_std=1.0, generator=generator
    )
    paths = found["twin_path"]
    assert paths.shape == (2, 2, 40, 1 + 2 + OUTCOME_STEPS, 2)
    assert np.isfinite(paths).all()

    spread = np.abs(found["cloud"]).max()
    begins = np.linalg.norm(paths[1, :, :, 0] - paths[0, :, :, 0], axis=-1)
    assert (begins < spread).mean() > 0.8  # the trigger has fired, the latch has not flipped
    moved = np.linalg.norm(paths[1, :, :, -1] - paths[0, :, :, -1], axis=-1)
    assert (moved > spread).mean() > 0.6  # .83 of 80: five standard errors
    assert len(found["cloud"]) == len(found["cloud_symbol"])
    assert 0 < found["axis_share"].sum() <= 1


def test_each_twin_is_shown_with_its_own_sets():
    network, _, _ = make_triggered_latch(1, 1, n_distractors=3)
    generator = torch.Generator().manual_seed(0)
    path = run_driven(network, 20, 50, burn_in=10, noise_std=1.0, generator=generator)
    direction = np.array([1, 0, 1, 1, 1, 1, 0])
    switched, stayed, other = torch.rand(3, 1, 7, network.hidden_size, generator=generator).double()
    twins = Twins((2,), switched, stayed, other, direction, 1 - direction, np.arange(7))
    sets = np.random.default_rng(0).random((2, 7, network.hidden_size)) < 0.5
    found = follow_twins(
        network,
        path,
        DirectedTwins(twins, np.array([[0, 1], [1, 0]]), direction, 7),
        sets,
        n_shown=3,
        noise_std=1.0,
        generator=generator,
    )["twin_path"]
    plane = fit_orbit_plane(network.show_hidden(path.states), find_symbol_direction(network))
    begins = plane.project(torch.where(torch.from_numpy(sets), switched[0], stayed[0])).numpy()
    np.testing.assert_allclose(found[:, 0, :2, 0], begins[:, [1, 6]])
    np.testing.assert_allclose(found[:, 1, :, 0], begins[:, [0, 3, 5]])
    assert np.isnan(found[:, 0, 2]).all()


def test_few_twins_are_all_shown_and_many_evenly():
    direction = np.array([0, 1, 0, 0, 0, 0, 1])
    np.testing.assert_array_equal(choose_shown(direction, 3), [[0, 3, 5], [1, 6, -1]])
