import numpy as np
import pytest
import torch
from part_functions import compute_orbit_size

from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.dynamics.orbit.orbit_size import OrbitSizeResult
from orbitscope.errors import InputError
from orbitscope.network import NoiseRNN, build_network
from orbitscope.network.cells import Cell
from orbitscope.results import load_result, save_result

SMALL = {"n_trajectories": 20, "n_steps": 40, "burn_in": 30, "n_resamples": 200}


class DiagonalCell(Cell):
    """Independent autoregressions of known variance: they scale with their noise, but are not known to."""

    name = "diagonal"

    def __init__(self, decay):
        super().__init__(len(decay), len(decay))
        self.decay = torch.as_tensor(decay).double()

    def step(self, state, noise):
        return state * self.decay + noise


def make_network(cell="relu", *, seed=0, gain=1.5, **options):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(3, cell=cell, hidden_size=12, input_size=5, generator=generator, **options)
    with torch.no_grad():
        network.cell.w_hh.mul_(gain)
    return network.double()


def make_custom(cell):
    return NoiseRNN(cell, 3, generator=torch.Generator().manual_seed(0)).double()


def run(network, noise_stds=(0.5, 1.0, 2.0), *, seed=1, **options):
    return compute_orbit_size(
        network, noise_stds, generator=torch.Generator().manual_seed(seed), **(SMALL | options)
    )


# ---- size


def test_sizes_are_those_of_all_states_at_once():
    network = make_network("tanh", bias=True)
    result = run(network, burn_in=0)
    for std, size, ratio in zip(
        result.noise_std, result.size.value, result.explained_variance_ratio, strict=True
    ):
        seed = int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(1)))
        generator = torch.Generator().manual_seed(seed)
        path = run_driven(network, 20, 40, burn_in=0, noise_std=float(std), generator=generator)
        variances = np.linalg.eigvalsh(np.cov(path.states.flatten(0, 1).numpy().T, bias=True))[::-1]
        np.testing.assert_allclose(size**2, [*variances[:2], variances.sum()])
        np.testing.assert_allclose(ratio, variances[:2] / variances.sum())


def test_slope_of_a_known_power():
    """Sizes of independent autoregressions: noise_std/√(1 − decay²) along each axis."""
    result = run(make_custom(DiagonalCell([0.9, 0.5])), (0.3, 3.0, 1.0), n_trajectories=400)
    exact = 1 / np.sqrt(1 - np.array([0.9, 0.5]) ** 2)
    np.testing.assert_allclose(result.size.value[2], [*exact, np.hypot(*exact)], rtol=0.05)
    assert (result.size.low[2] <= result.size.value[2]).all()
    np.testing.assert_allclose(result.size.value[0], 0.3 * result.size.value[2])
    np.testing.assert_allclose(result.slope.value, 1)
    assert result.is_identity


def test_slopes_are_those_of_a_straight_line():
    result = run(make_network("tanh"), (0.2, 0.7, 1.5, 6.0))
    for measure in range(3):
        expected = np.polyfit(np.log(result.noise_std), np.log(result.size.value[:, measure]), 1)[0]
        assert result.slope.value[measure] == pytest.approx(expected)
    assert not result.is_identity
    assert result.status["relation"].startswith("measured")
    assert (result.slope.low <= result.slope.value).all()
    assert (result.slope.value <= result.slope.high).all()


def test_a_relu_network_is_linear_to_rounding_and_said_to_be_so():
    result = run(make_network(), (0.1, 1.0, 3.7))
    for values in (result.size.value, result.size.low, result.size.high):
        np.testing.assert_allclose(values / result.noise_std[:, None], values[1:2].repeat(3, 0), rtol=1e-12)
    for slopes in (result.slope.value, result.slope.low, result.slope.high):
        np.testing.assert_allclose(slopes, 1, atol=1e-12)
    assert result.is_identity
    assert "not a finding" in result.status["relation"]
    assert "variance of the noise 1/2" in result.status["relation"]


def test_tanh_saturates():
    result = run(make_network("tanh"), (0.3, 1.0, 3.0, 10.0))
    assert (result.slope.high < 0.95).all()
    assert result.list_quantities()[0].estimate == result.slope[2] != result.slope[1]
    assert (result.size.value[-1] > result.size.value[0]).all()
    assert not result.is_identity


def test_biases_make_it_a_measurement():
    result = run(make_network(bias=True), (0.05, 0.1, 0.3, 1.0))
    assert (np.abs(result.slope.value - 1) > 1e-3).all()
    assert not result.is_identity
    assert result.status["relation"].startswith("measured")


def test_intervals_cover_and_are_over_trajectories():
    """The slower an autoregression, the fewer independent states: intervals must know it."""
    exact = 1 / np.sqrt(1 - np.array([0.97, 0.5]) ** 2)
    results = [
        run(
            make_custom(DiagonalCell([0.97, 0.5])),
            (1.0, 2.0),
            n_trajectories=40,
            n_steps=60,
            burn_in=200,
            seed=seed,
        )
        for seed in range(40)
    ]
    covered = np.mean([(r.size.low[0, :2] <= exact) & (exact <= r.size.high[0, :2]) for r in results], axis=0)
    assert (covered > 0.7).all()
    width = np.mean([(r.size.high - r.size.low)[0, :2] / exact for r in results], axis=0)
    assert width[0] > 3 * width[1]


def test_a_resample_has_its_own_mean():
    """Two trajectories that hardly move: half of the resamples hold one of them twice, and no distance."""
    result = run(make_custom(DiagonalCell([0.9999, 0.5])), n_trajectories=2, n_steps=5, burn_in=2000)
    assert (result.size.low[:, [0, 2]] < 0.4 * result.size.value[:, [0, 2]]).all()
    np.testing.assert_allclose(result.size.high[:, 0], result.size.value[:, 0])


# ---- files, errors


def test_a_result_comes_back_from_its_file(tmp_path):
    result = run(make_network())
    save_result(result, tmp_path / "size.nc")
    assert load_result(tmp_path / "size.nc", OrbitSizeResult) == result


def test_same_seed_same_result():
    assert run(make_network()) == run(make_network())
    assert run(make_network(), seed=2) != run(make_network())


@pytest.mark.parametrize("noise_stds", [(), (1.0,), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, float("nan"))])
def test_noise_that_gives_no_slope_is_refused(noise_stds):
    with pytest.raises(InputError, match="noise_stds.* (must hold ≥ 2 different numbers|must be > 0|finite)"):
        run(make_network(), noise_stds)


def test_single_trajectories_have_no_interval():
    with pytest.raises(InputError, match="≥ 2 units, got 1"):
        run(make_network(), n_trajectories=1)
