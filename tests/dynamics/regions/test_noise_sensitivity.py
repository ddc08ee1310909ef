import numpy as np
import pytest
import torch
from part_functions import compute_noise_sensitivity, measure_sensitivity

import orbitscope.dynamics.regions.shared_noise as shared_noise
from orbitscope.dynamics.driving.driven_states import NoStationaryRegimeError, run_driven
from orbitscope.dynamics.regions.noise_sensitivity import NoiseSensitivityResult
from orbitscope.dynamics.regions.shared_noise import GAMMAS, RULES, measure_fans, record_fans
from orbitscope.dynamics.regions.spread_ratios import compute_entropy
from orbitscope.errors import InputError
from orbitscope.network import build_network, draw_noise_, fork_generator
from orbitscope.network.cells import Cell
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate
from orbitscope.system.threads import use_threads

SMALL = {"n_steps": 6, "n_rollouts": 5, "n_resamples": 50}


class LinearCell(Cell):
    """h′ = A h + B x, carrying two more numbers that are not read out."""

    name = "linear"

    def __init__(self, a, b):
        super().__init__(len(a), b.shape[1], len(a) + 2)
        self.a, self.b = a, b

    def step(self, state, noise):
        hidden = state[:, : self.hidden_size] @ self.a.T + noise @ self.b.T
        return torch.cat([hidden, noise[:, :2]], dim=1)


def make_network(cell="relu", *, hidden_size=12, input_size=5, seed=0, **options):
    generator = torch.Generator().manual_seed(seed)
    network = build_network(
        3, cell=cell, hidden_size=hidden_size, input_size=input_size, generator=generator, **options
    )
    return network.double()


def make_linear_network(seed=0):
    generator = torch.Generator().manual_seed(seed)
    a = 0.4 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    b = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    network = make_network(hidden_size=3, input_size=4)
    network.cell = LinearCell(a, b)
    return network


def make_bistable_network():
    """h′ = tanh(2 h + x/10) has wells at ±0.957 and a saddle at 0; symbols are the signs."""
    network = build_network(
        2, cell="tanh", hidden_size=1, input_size=1, generator=torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        network.cell.w_hh.fill_(2.0)
        network.cell.w_ih.fill_(0.1)
        network.w_out.copy_(torch.tensor([[1.0], [-1.0]]))
    return network.double()


def draw_starts(network, n_points, *, seed=1, n_labels=3):
    path = run_driven(network, n_points, 1, burn_in=20, generator=torch.Generator().manual_seed(seed))
    return path.states[0], np.arange(n_points) % n_labels


def compute(network, states, labels, *, seed=2, **options):
    generator = torch.Generator().manual_seed(seed)
    return measure_sensitivity(network, states, labels, **SMALL | options, generator=generator)


def run(follow, network, states, *, n_steps=6, n_rollouts=5, noise_std=1.0, seed=2):
    """Call one of the two functions of shared_noise."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        return follow(
            network,
            states,
            n_steps=n_steps,
            n_rollouts=n_rollouts,
            noise_std=noise_std,
            generator=generator,
        )


# ---- rollouts that share noise


@torch.no_grad()
def roll_out_by_hand(network, states, generator, *, std):
    """Paths (rule, gamma, rollout, time, point, state) one step at a time."""
    old = draw_noise_(torch.empty(6, len(states), 5, dtype=torch.float64), std, generator)
    fresh = [draw_noise_(torch.empty_like(old), std, generator) for _ in range(5)]
    paths = torch.empty(2, 3, 5, 7, *states.shape, dtype=torch.float64)
    for i, keep in enumerate((lambda g: 1 - g, lambda g: np.sqrt(1 - g**2))):
        for j, gamma in enumerate((0.0, 0.5, 1.0)):
            for k, new in enumerate(fresh):
                paths[i, j, k, 0] = states
                for t, x in enumerate(keep(gamma) * old + gamma * new):
                    paths[i, j, k, t + 1] = network.step(paths[i, j, k, t], x)
    return paths


def test_rollouts_against_a_loop():
    network = make_network()
    states, _ = draw_starts(network, 7)
    generator = torch.Generator().manual_seed(2)
    paths = roll_out_by_hand(network, states, fork_generator(generator), std=0.7)
    spread, destination = run(measure_fans, network, states, noise_std=0.7)
    expected = paths.numpy().var(axis=2, ddof=1).sum(-1)
    np.testing.assert_allclose(spread, np.moveaxis(expected, -1, 0), atol=1e-12)
    ends = network.compute_logits(paths[:, :, :, -1]).argmax(-1).numpy()
    shares = np.stack([(ends == symbol).mean(2) for symbol in range(3)], -1)
    np.testing.assert_allclose(destination, np.moveaxis(shares, 2, 0))
    assert len(np.unique(destination)) >= 2


def test_chunks_of_starts_have_noise_of_their_own_whatever_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(shared_noise, "_CHUNK_STARTS", 2)
    network = make_network()
    states = draw_starts(network, 1)[0].expand(8, -1)
    spreads = []
    for n_threads in (1, 2):
        with use_threads(n_threads):
            spreads.append(run(measure_fans, network, states)[0])
    np.testing.assert_array_equal(*spreads)
    assert len(np.unique(spreads[0][:, 0, 2, 1])) == 8


def test_recorded_rollouts_against_a_loop():
    network = make_network()
    states, _ = draw_starts(network, 7)
    paths = roll_out_by_hand(network, states, torch.Generator().manual_seed(2), std=0.7)
    nominal, fans = run(record_fans, network, states, noise_std=0.7)
    logits = network.compute_logits(paths).detach().numpy()
    np.testing.assert_allclose(fans, logits.transpose(4, 0, 1, 2, 3, 5), atol=1e-12)
    np.testing.assert_allclose(nominal, logits[0, 0, 0].swapaxes(0, 1), atol=1e-12)


def test_traces_of_a_linear_network_are_known():
    """tr Cov(t) = γ² σ² Σ_k tr(Aᵏ B Bᵀ Aᵏᵀ): the nominal path shifts the mean only; memory is not counted."""
    network = make_linear_network()
    states = torch.randn(3000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spread, _ = run(measure_fans, network, states, noise_std=1.7, n_rollouts=4)
    a, b = network.cell.a.numpy(), network.cell.b.numpy()
    traces = 1.7**2 * np.cumsum([(np.linalg.matrix_power(a, k) @ b).__pow__(2).sum() for k in range(6)])
    for j, gamma in enumerate(GAMMAS):
        for i in range(len(RULES)):
            np.testing.assert_allclose(spread[:, i, j, 1:].mean(0), gamma**2 * traces, rtol=0.044)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("chunk", [4, 128])
def test_the_nominal_path_is_replayed_bit_for_bit(dtype, chunk, monkeypatch):
    monkeypatch.setattr(shared_noise, "_CHUNK_STARTS", chunk)
    network = make_network(hidden_size=37, input_size=11).to(dtype)
    states, _ = draw_starts(network, 23)
    spread, destination = run(measure_fans, network, states)
    assert (spread[:, :, 0] == 0).all()
    assert (spread[:, :, 1:, 1:] > 0).all()
    assert (destination[:, :, 0].max(-1) == 1).all()
    nominal, fans = run(record_fans, network, states)
    replayed = fans[:, :, 0]
    np.testing.assert_array_equal(replayed, np.broadcast_to(nominal[:, None, None], replayed.shape))
    assert (fans[:, :, 1, :, 1:] != nominal[:, None, None, 1:]).any(-1).all()


def test_starts_are_followed_in_chunks(monkeypatch):
    """Each start keeps its place whatever the size of a chunk: it stays in its well."""
    signs = torch.tensor([1.0, -1, -1, 1, 1, 1, -1, 1, -1, -1, 1]).double()
    monkeypatch.setattr(shared_noise, "_CHUNK_STARTS", 4)
    network, states = make_bistable_network(), 0.957 * signs[:, None]
    spread, destination = run(measure_fans, network, states)
    assert spread.shape == (11, 2, 3, 7)
    np.testing.assert_array_equal(destination[:, 1, 1, 0], signs > 0)
    _, fans = run(record_fans, network, states)
    assert (fans[..., 0] * signs.numpy()[:, None, None, None, None] > 0).all()


def test_both_rules_agree_without_and_with_only_fresh_noise():
    network = make_network()
    spread, destination = run(measure_fans, network, draw_starts(network, 30)[0])
    for values in (spread, destination):
        np.testing.assert_array_equal(values[:, 0, [0, 2]], values[:, 1, [0, 2]])
        assert (values[:, 0, 1] != values[:, 1, 1]).any()


def test_the_entropy_of_shares():
    shares = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    expected = [0.0, np.log(2), -(0.2 * np.log(0.2) + 0.3 * np.log(0.3) + 0.5 * np.log(0.5))]
    np.testing.assert_allclose(compute_entropy(shares), expected)


# ---- statistics of regions


def test_destinations_of_a_bistable_network():
    """Starts on the saddle, labelled transition, end anywhere; those in a well, labelled slow, stay."""
    states = torch.tensor([[0.0]] * 40 + [[0.957]] * 40).double()
    labels = np.repeat([2, 0], 40)
    found = compute(make_bistable_network(), states, labels, n_steps=25, n_rollouts=100)
    assert found.entropy.value[2, 0, 2] == pytest.approx(
        np.log(2) - 1 / 200, abs=0.01
    )  # bias of 100 rollouts
    assert found.entropy.value[0, 0, 2] == 0
    assert found.spread[:40, 0, 2, -1].min() > 0.5
    assert found.spread[40:].max() < 0.1
    assert found.spread_ratio.value[2, 0, 2, -1] > 10 > 2 > found.spread_ratio.value[0, 0, 2, -1]
    assert found.contrast.high[0, 2, 0, 2] < 1


def test_statistics_of_regions_are_those_of_their_starts():
    network = make_network()
    states, labels = draw_starts(network, 90)
    found = compute(network, states, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = found.spread / found.spread[..., 1:2]
    for region in range(3):
        logs = np.log(ratios[labels == region][:, :, 1:, 1:])
        np.testing.assert_allclose(found.spread_ratio.value[region, :, 1:, 1:], np.exp(logs.mean(0)))
        entropy = found.destination_entropy[labels == region].mean(0)
        np.testing.assert_allclose(found.entropy.value[region], entropy, atol=1e-15)
    assert np.isnan(found.spread_ratio.value[:, :, 0]).all()
    assert np.isnan(found.spread_ratio.value[..., 0]).all()
    assert (found.entropy.value[:, :, 0] == 0).all()
    late = found.spread_ratio.value[..., 5]
    np.testing.assert_allclose(found.contrast.value, late[:, None] / late[None])
    np.testing.assert_allclose(found.contrast.low, 1 / found.contrast.high.swapaxes(0, 1))
    np.testing.assert_array_equal(found.contrast.low[1, 1, :, 1:], 1)
    *growth, contrast = (quantity.estimate for quantity in found.list_quantities())
    assert growth == [found.spread_ratio[region, 0, 2, 5] for region in range(3)]
    assert contrast == found.contrast[0, 2, 0, 2]
    np.testing.assert_array_equal(found.n_starts, 30)
    np.testing.assert_array_equal(found.example_region, [0, 1, 2])
    np.testing.assert_array_equal(found.step, np.arange(7))
    assert found.status["notes"] == []
    start = network.compute_logits(states[:3]).detach()
    np.testing.assert_allclose(found.example_nominal_logits[:, 0], start, rtol=1e-12)


def test_intervals_are_those_of_a_mean_over_starts():
    network = make_network()
    states, labels = draw_starts(network, 300, n_labels=2)
    options = {"n_resamples": 400, "n_rollouts": 10}
    found = compute(network, states, labels, **options)
    halves = []
    for region in range(2):
        inside = labels == region
        logs = np.log(found.spread[inside, 0, 2, 5] / found.spread[inside, 0, 2, 1])
        entropy = found.destination_entropy[inside, 0, 2]
        low, high = found.spread_ratio.low[region, 0, 2, 5], found.spread_ratio.high[region, 0, 2, 5]
        halves.append(np.log(high / low) / 2)
        assert halves[-1] == pytest.approx(1.96 * logs.std() / np.sqrt(150), rel=0.2)
        half = (found.entropy.high - found.entropy.low)[region, 0, 2] / 2
        assert half == pytest.approx(1.96 * entropy.std() / np.sqrt(150), rel=0.2)
    pair = np.log(found.contrast.high[0, 1, 0, 2] / found.contrast.low[0, 1, 0, 2]) / 2
    assert pair == pytest.approx(np.hypot(*halves), rel=0.2)
    narrow = compute(network, states, labels, **options, confidence=0.5)
    assert np.log(narrow.contrast.high / narrow.contrast.low)[0, 1, 0, 2] < pair


def test_too_few_starts_have_no_statistics():
    network = make_network()
    states, _ = draw_starts(network, 39)
    found = compute(network, states, np.repeat([0, 1], [20, 19]))
    assert np.isfinite(found.spread_ratio.value[0, :, 1:, 1:]).all()
    missing = np.full((2, 2, 3), np.nan)
    assert found.spread_ratio[1:, ..., 5] == found.entropy[1:] == Estimate(missing, missing, missing)
    assert found.contrast[0, 1] == Estimate(missing[0], missing[0], missing[0])
    assert found.status["notes"] == [
        "kick: 19 starts, fewer than 20: no statistics",
        "transition: 0 starts, fewer than 20: no statistics",
    ]
    np.testing.assert_array_equal(found.example_region, [0, 1])
    assert np.isfinite(found.spread).all()


def test_starts_without_a_defined_ratio_are_left_out_and_counted():
    """Two neurons: one copies its drive, the other inhibits it for good once it is on."""
    network = make_network(hidden_size=2, input_size=1)
    with torch.no_grad():
        network.cell.w_hh.copy_(torch.tensor([[0.0, -100.0], [0.0, 1.0]]))
        network.cell.w_ih.copy_(torch.tensor([[1.0], [0.0]]))
    states = torch.tensor([[0.0, 0.0]] * 150 + [[0.0, 1.0]] * 2).double()
    found = compute(network, states, np.zeros(152, dtype=int), n_rollouts=20)
    assert (found.spread[150:] == 0).all()
    is_defined = (found.spread[:, :, 1:, 1:] > 0).all(axis=(1, 2, 3))
    assert 20 < found.n_starts[0] == is_defined.sum() <= 150
    note = f"slow: {152 - is_defined.sum()} starts whose spread is 0 or not finite are left out"
    assert found.status["notes"][0] == note
    expected = np.log(found.spread[is_defined, 0, 2, 5] / found.spread[is_defined, 0, 2, 1]).mean()
    assert np.log(found.spread_ratio.value[0, 0, 2, 5]) == pytest.approx(expected)


def test_rollouts_that_diverge_have_no_statistics():
    network = make_network().float()
    with torch.no_grad():
        network.cell.w_hh.mul_(1e9)
    found = compute(network, torch.rand(6, 12), np.zeros(6, dtype=int), noise_std=1e9)
    assert not np.isfinite(found.spread[:, :, 1:, -1]).any()
    assert found.n_starts[0] == 0
    assert np.isnan(found.entropy.value).all()
    assert found.status["notes"][0] == "slow: 6 starts whose spread is 0 or not finite are left out"


# ---- from a network


def test_a_network_is_measured_from_starts_in_each_of_its_regions():
    network = make_network()
    with torch.no_grad():
        network.cell.w_hh.mul_(2)
    options = SMALL | {"n_starts": 25, "burn_in": 30, "max_states": 100}
    found = compute_noise_sensitivity(network, generator=torch.Generator().manual_seed(1), **options)
    np.testing.assert_array_equal(np.bincount(found.label)[1:], 25)
    assert found.status["n_seen"] == 100
    n_slow = int((found.label == 0).sum())
    assert n_slow < 25
    assert found.status["notes"][0] == f"slow: {n_slow} of 25 starts among {found.status['n_seen']} states"
    assert found.settings["burn_in"] == 30
    assert found.settings["n_rollouts"] == 5
    assert found == compute_noise_sensitivity(network, generator=torch.Generator().manual_seed(1), **options)
    with torch.no_grad():
        network.cell.w_hh.mul_(30)
    with pytest.raises(NoStationaryRegimeError, match="no stationary regime"):
        compute_noise_sensitivity(
            network, generator=torch.Generator().manual_seed(1), **options | {"burn_in": 100}
        )


def test_noise_drives_the_starts_and_the_rollouts():
    """A network that scales with its noise in four times of it is four times as large."""
    network = make_network(hidden_size=12)
    options = SMALL | {"n_starts": 20, "burn_in": 30, "max_states": 80}
    plain, loud = (
        compute_noise_sensitivity(
            network, noise_std=std, generator=torch.Generator().manual_seed(1), **options
        )
        for std in (1.0, 4.0)
    )
    np.testing.assert_array_equal(loud.spread, 16 * plain.spread)
    np.testing.assert_array_equal(loud.example_nominal_logits, 4 * plain.example_nominal_logits)
    assert loud.settings["noise_std"] == 4.0


# ---- invariances


@pytest.mark.parametrize("scale", [8.0, 0.3])
def test_ratios_do_not_depend_on_the_noise_if_states_scale_with_it(scale):
    network = make_network()
    states, labels = draw_starts(network, 60)
    plain = compute(network, states, labels)
    scaled = compute(network, scale * states, labels, noise_std=scale)
    np.testing.assert_allclose(scaled.spread, scale**2 * plain.spread, rtol=1e-12)
    np.testing.assert_allclose(scaled.contrast.low, plain.contrast.low, rtol=1e-12)
    np.testing.assert_array_equal(scaled.destination_entropy, plain.destination_entropy)


def test_a_network_with_a_wider_state_and_one_with_biases_are_measured():
    for network in (make_linear_network(), make_network("tanh", bias=True)):
        states, labels = draw_starts(network, 60)
        assert np.isfinite(compute(network, states, labels).contrast.value[..., 1:]).all()


def test_the_same_seed_gives_the_same_result_and_it_can_be_stored(tmp_path):
    network = make_network().float()
    states, labels = draw_starts(network, 60)
    first, other = (compute(network, states, labels, seed=seed) for seed in (3, 4))
    torch.manual_seed(9)
    assert first == compute(network, states, labels, seed=3)
    assert first != other
    save_result(first, tmp_path / "sensitivity.nc")
    assert load_result(tmp_path / "sensitivity.nc", NoiseSensitivityResult) == first


# ---- refusals


def test_starts_that_do_not_fit_are_refused():
    network = make_network()
    states, labels = draw_starts(network, 6)
    with pytest.raises(InputError, match=r"`states` must be \(point, 12\).* got shape \(6, 11\)"):
        compute(network, states[:, 1:], labels)
    with pytest.raises(InputError, match=r"`label` must have 6 entries, one for each state, got 5"):
        compute(network, states, labels[1:])
    with pytest.raises(InputError, match=r"`label` must lie in 0 … 2, got -1 … 1\. Leave out states"):
        compute(network, states, labels - 1)
    with pytest.raises(InputError, match=r"got 1 … 3"):
        compute(network, states, labels + 1)
    states[0, 0] = torch.nan
    with pytest.raises(InputError, match="`states` must be finite"):
        compute(network, states, labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_rollouts": 1}, r"`n_rollouts` must be ≥ 2, got 1"),
        ({"noise_std": -1.0}, r"`noise_std` must be ≥ 0, got -1.0"),
        ({"n_steps": 4}, r"`n_steps` must be ≥ 5, got 4"),
        ({"confidence": 1.0}, r"`confidence` must be < 1, got 1.0"),
    ],
)
def test_numbers_out_of_range_are_refused(options, message):
    network = make_network()
    with pytest.raises(InputError, match=message):
        compute(network, *draw_starts(network, 60), **options)
