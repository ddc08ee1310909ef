import numpy as np
import pytest
import torch

from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.stability import jacobians
from orbitscope.dynamics.stability.jacobians import (
    LEAST_CRITICAL,
    Spectra,
    bound_radius,
    compute_active_spectra,
    compute_jacobians,
    compute_spectra,
)
from orbitscope.errors import InputError
from orbitscope.network import Cell, build_network
from orbitscope.system.threads import use_threads


def make_network(cell="relu", *, seed=0, gain=1.0, **options):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, cell=cell, hidden_size=12, input_size=5, generator=generator, **options)
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network.double()


def draw_states(network, n_points=20, *, seed=1):
    path = run_driven(network, n_points, 2, burn_in=20, generator=torch.Generator().manual_seed(seed))
    return path.states[0], path.noise[1]


def sort_spectrum(values):
    return np.sort_complex(np.round(values, 4))


# ---- driven states


def test_a_path_replays_step_by_step():
    network = make_network()
    path = run_driven(network, 4, 6, burn_in=3, generator=torch.Generator().manual_seed(0))
    assert path.states.shape == (6, 4, 12)
    before = torch.cat([path.start[None], path.states[:-1]])
    for previous, noise, state in zip(before, path.noise, path.states, strict=True):
        torch.testing.assert_close(network.step(previous, noise), state)


def test_burn_in_is_the_beginning_of_the_same_path():
    network = make_network()
    whole = run_driven(network, 4, 10, burn_in=0, generator=torch.Generator().manual_seed(0))
    later = run_driven(network, 4, 6, burn_in=4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(later.states, whole.states[4:])
    torch.testing.assert_close(later.start, whole.states[3])


def test_networks_without_a_stationary_regime_are_named():
    with pytest.raises(NoStationaryRegimeError, match=r"below 1e\+12, but reached .*burn_in=0.*`--settings`"):
        run_driven(make_network(gain=20.0), 3, 5, burn_in=100, generator=torch.Generator().manual_seed(0))
    silent = make_network()
    with torch.no_grad():
        silent.cell.w_ih.zero_()
    with pytest.raises(NoStationaryRegimeError, match="all 3 trajectories are silent after 7 steps"):
        run_driven(silent, 3, 5, burn_in=2, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("n_trajectories", "n_steps", "burn_in"), [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_numbers_out_of_range_are_refused(n_trajectories, n_steps, burn_in):
    with pytest.raises(InputError, match=r"must be ≥ [01], got"):
        run_driven(make_network(), n_trajectories, n_steps, burn_in=burn_in, generator=torch.Generator())


# ---- Jacobians


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("cell", ["relu", "tanh"])
@pytest.mark.parametrize("driven", [False, True])
def test_jacobians_against_finite_differences(cell, bias, driven):
    network = make_network(cell, bias=bias)
    states, noise = draw_states(network)
    noise = noise if driven else torch.zeros_like(noise)
    found = compute_jacobians(network, states, noise if driven else None)
    for j in range(12):
        shift = 1e-6 * torch.nn.functional.one_hot(torch.tensor(j), 12)
        with torch.no_grad():
            slope = (network.step(states + shift, noise) - network.step(states - shift, noise)) / 2e-6
        torch.testing.assert_close(found[:, :, j], slope, atol=1e-7, rtol=1e-5)


def test_a_cell_without_a_closed_form_is_differentiated():
    network = make_network("tanh")
    states, noise = draw_states(network)
    expected = compute_jacobians(network, states, noise)
    cell = network.cell

    class Opaque(Cell):
        state_size, input_size, hidden_size = 12, 5, 12

        def step(self, state, noise):
            return torch.tanh(state @ cell.w_hh.T + noise @ cell.w_ih.T)

    network.cell = Opaque(network.hidden_size, network.input_size)
    torch.testing.assert_close(compute_jacobians(network, states, noise), expected)


def test_states_of_another_width_are_refused():
    network = make_network()
    with pytest.raises(InputError, match=r"`states` must be \(point, 12\).* got shape \(2, 3\)"):
        compute_jacobians(network, torch.zeros(2, 3).double())
    with pytest.raises(InputError, match=r"`noise` must be \(2, 5\), a row for each state"):
        compute_jacobians(network, torch.zeros(2, 12).double(), torch.zeros(2, 4).double())


# ---- spectra


@pytest.mark.parametrize("cell", ["relu", "tanh"])
def test_spectra_are_those_of_the_whole_jacobian(cell):
    network = make_network(cell, gain=2.0 if cell == "tanh" else 1.5)
    states, noise = draw_states(network, 300)
    found = compute_spectra(network, states, noise)
    exact = np.linalg.eigvals(compute_jacobians(network, states, noise).numpy())
    for some, all_ in zip(found.eigenvalues, exact, strict=True):
        assert len(some) == 12
        np.testing.assert_allclose(sort_spectrum(some), sort_spectrum(all_), atol=2e-3)


def test_active_submatrix_of_a_known_spectrum():
    """A rotation on neurons 0 and 1, a decay on 2; each active set sees its own part."""
    weights = np.zeros((3, 3))
    weights[:2, :2] = 1.1 * np.array([[0, -1], [1, 0]])
    weights[2, 2] = 0.5
    active = np.array([[True, True, True], [True, False, True], [False, False, False], [True, True, True]])
    spectra = compute_active_spectra(weights, active)
    np.testing.assert_allclose(sort_spectrum(spectra.eigenvalues[0]), sort_spectrum([1.1j, -1.1j, 0.5]))
    np.testing.assert_allclose(sort_spectrum(spectra.eigenvalues[1]), [0, 0, 0.5])
    np.testing.assert_array_equal(spectra.eigenvalues[0], spectra.eigenvalues[3])
    np.testing.assert_array_equal(spectra.n_active, [3, 2, 0, 3])
    np.testing.assert_array_equal(spectra.count_unstable(), [2, 0, 0, 2])
    np.testing.assert_allclose(spectra.find_radius(), [1.1, 0.5, 0, 1.1], rtol=1e-6)


@pytest.mark.parametrize("gain", [0.6, 1.2, 1.8])
def test_spectra_that_are_not_wanted_change_no_count(gain):
    """Sets in which all eigenvalues are surely small have none computed; others are as before."""
    network = make_network(gain=gain)
    states, noise = draw_states(network, 300)
    whole = compute_spectra(network, states, noise)
    found = compute_spectra(network, states, noise, beyond=LEAST_CRITICAL)
    np.testing.assert_array_equal(found.count_unstable(), whole.count_unstable())
    np.testing.assert_array_equal(found.count_critical_pairs(), whole.count_critical_pairs())
    is_left = np.isfinite(found.eigenvalues).all(1)
    np.testing.assert_array_equal(found.eigenvalues[is_left], whole.eigenvalues[is_left])
    assert (whole.find_radius()[~is_left] < LEAST_CRITICAL).all()
    assert gain > 0.6 or not is_left.all()
    assert gain < 1.8 or is_left.any()


def test_the_bound_of_a_radius_is_above_it_and_near():
    matrices = np.random.default_rng(0).standard_normal((50, 8, 8))
    radius = np.abs(np.linalg.eigvals(matrices)).max(1)
    ratio = bound_radius(matrices) / radius
    assert (ratio >= 1).all()
    assert ratio.max() < 1.2


@pytest.mark.parametrize("radius", [0.0, 1e-6, 0.1, 1.0, 1e6, 1e15])
def test_the_bound_of_a_radius_holds_at_any_size_in_single_precision(radius):
    direction = np.random.default_rng(0).standard_normal((200, 40, 1))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    outer = (radius * direction @ direction.transpose(0, 2, 1)).astype(np.float32)
    diagonal = (radius * np.eye(40))[None].astype(np.float32)
    assert (bound_radius(outer) >= radius).all()
    assert (bound_radius(outer) <= 1.002 * radius).all()
    assert radius <= bound_radius(diagonal)[0] <= 1.2 * radius


def test_blocks_of_spectra_are_the_same_side_by_side(monkeypatch):
    monkeypatch.setattr(jacobians, "_BLOCK", 7)
    network = make_network(gain=1.2)
    states, noise = draw_states(network, 200)
    found = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            found.append(compute_spectra(network, states, noise, beyond=LEAST_CRITICAL).eigenvalues)
    np.testing.assert_array_equal(*found)


def test_critical_pairs_are_as_large_as_their_limit_says():
    """On a grid of the half plane after the Möbius map."""
    real, imaginary = np.meshgrid(np.linspace(-0.0999, 0.0999, 40), np.geomspace(0.0601, 10, 200))
    mapped = (real + 1j * imaginary).ravel()
    eigenvalues = (1 + mapped) / (1 - mapped)
    spectra = Spectra(eigenvalues[:, None].astype(np.complex64), np.ones(len(mapped), dtype=int))
    assert spectra.count_critical_pairs().all()
    assert np.abs(eigenvalues).min() == pytest.approx(LEAST_CRITICAL, abs=2e-3)
    assert np.abs(eigenvalues).min() > LEAST_CRITICAL


def test_critical_pairs_lie_near_the_unit_circle_away_from_one():
    angle = np.exp(1j * np.array([1.0, 0.01, np.pi]))
    rows = np.stack([[angle[0], angle[0].conj()], [angle[1], angle[1].conj()], [0.5, -1.0]])
    spectra = Spectra(rows.astype(np.complex64), np.full(3, 2))
    np.testing.assert_array_equal(spectra.count_critical_pairs(), [1, 0, 0])


def test_spectra_do_not_depend_on_the_scale_of_states_and_noise():
    network = make_network(gain=1.5)
    states, noise = draw_states(network, 50)
    found, scaled = compute_spectra(network, states, noise), compute_spectra(network, 7 * states, 7 * noise)
    np.testing.assert_array_equal(found.eigenvalues, scaled.eigenvalues)
