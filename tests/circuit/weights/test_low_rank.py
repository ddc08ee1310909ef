import numpy as np
import pytest
import torch
from weights_subjects import DOWN, SIZES, UP, make_subject

from orbitscope.circuit.noise_subspaces import UNBOUNDED
from orbitscope.circuit.weights import low_rank
from orbitscope.circuit.weights.low_rank import LowRankResult, count_above, measure_effective_rank
from orbitscope.circuit.weights.standard_weights import StandardWeights, measure_weights
from orbitscope.circuit.weights.truncation import (
    compare_with_intact,
    find_smallest,
    run_symbols,
    truncate_network,
)
from orbitscope.dynamics.driving.driven_states import run_driven
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.network import intervene
from orbitscope.results import load_result, save_result

SIZE = 40


def plant_rank_two(seed=0):
    """UP and DOWN hold themselves up: two singular values, and none other."""
    rng = np.random.default_rng(seed)
    sides = np.zeros((SIZE, 2))
    sides[UP, 0] = rng.uniform(0.6, 1.0, 6)
    sides[DOWN, 1] = rng.uniform(0.6, 1.0, 6)
    sides /= np.linalg.norm(sides, axis=0)  # as strong whatever is drawn
    return sides @ np.diag([0.78, 0.86]) @ sides.T


def quieten(network):
    """Little noise beside the weights, so that they decide."""
    with torch.no_grad():
        network.cell.w_ih.mul_(0.3)
    return network


def run(subject, **settings):
    part = low_rank.PART
    sizes = {"n_null": 99, "ranks": (1, 2, 3, 5), "n_trajectories": 40, "n_steps": 150, "burn_in": 50}
    return part.run(subject, part.settings(**{**sizes, "n_resamples": 100} | settings))


@pytest.fixture(scope="module")
def planted():
    return run(make_subject(plant_rank_two(), change=quieten))


def test_a_network_of_rank_two_has_two_singular_values_above_chance(planted):
    assert int(planted.n_above) == 2
    assert (planted.singular_value[2:] < 1e-12).all()
    assert (planted.singular_value[:2] > planted.singular_limit[:2]).all()
    assert float(planted.explained) == pytest.approx(1)
    assert planted.effective_rank <= 2 < planted.shuffled_rank.low


def test_a_shuffled_network_has_hardly_any():
    weights = np.random.default_rng(1).permutation(plant_rank_two().ravel()).reshape(SIZE, SIZE)
    found = run(make_subject(weights, change=quieten))
    assert int(found.n_above) <= 2  # in one of twenty the largest is above its own limit
    assert float(found.explained) < 0.4
    assert float(found.effective_rank) == pytest.approx(float(found.shuffled_rank), rel=0.35)


def test_truncation_at_the_rank_changes_nothing_and_below_it_does(planted):
    """In float64 the networks of rank two and above are the same; of rank one only one side is left."""
    assert planted.verdict.tolist() == ["outside", "within", "within", "within"]
    np.testing.assert_array_equal(planted.hazard.value[1:], 1)
    np.testing.assert_array_equal(planted.occupancy.value[1:], 0)
    assert float(planted.smallest_rank) == 2
    assert (planted.hazard.low[0] > 1.25).any() or (planted.hazard.high[0] < 0.8).any()


def test_neurons_that_alone_have_the_structure_have_all_loadings(planted):
    np.testing.assert_allclose(planted.loading[0], 1)
    np.testing.assert_allclose(planted.random.draws.mean(0)[0], 12 / SIZE, atol=0.05)
    np.testing.assert_allclose(planted.random.p_value[0], 2 / 100)
    assert planted.n_members.tolist() == [12, 0]
    assert np.isnan(planted.loading[1]).all()
    others = run(make_subject(plant_rank_two(), change=quieten, first=(np.arange(20, 26), np.arange(26, 32))))
    np.testing.assert_allclose(others.loading[0], 0, atol=1e-12)
    assert (others.random.p_value[0] == 1).all()


def test_loadings_of_all_modes_are_one():
    """Squared loadings of a group over all modes: its share of the neurons."""
    rng = np.random.default_rng(0)
    found = run(make_subject(0.05 * rng.standard_normal((SIZE, SIZE)), change=quieten))
    np.testing.assert_allclose(found.loading_by_mode[0].mean(1), 12 / SIZE)


def test_alike_singular_values_have_their_number_as_effective_rank():
    values = np.array([[2.0, 2.0, 2.0, 0.0], [3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_allclose(measure_effective_rank(values), [3, 1, np.nan])


@pytest.mark.parametrize(
    ("values", "number"), [([3, 2, 1], 1), ([3, 1, 2], 1), ([1, 3, 3], 0), ([3, 3, 3], 3)]
)
def test_values_count_up_to_the_first_within_chance(values, number):
    assert count_above(np.array(values, dtype=float), np.array([2.0, 2.0, 1.5])) == number


def test_a_truncated_network_is_the_nearest_in_standard_units():
    """Of the rank asked for; what is cut off has the other singular values; neurons that are silent stay."""
    subject = make_subject(0.1 * np.random.default_rng(0).standard_normal((SIZE, SIZE)))
    silent = intervene(subject.network, ablate=[7])
    path = run_driven(silent, 20, 40, burn_in=20, generator=torch.Generator().manual_seed(0))
    weights = measure_weights(silent, path)
    truncated = truncate_network(silent, weights, 3)
    changed = truncated.cell.find_recurrent_weights().numpy()
    again = changed * weights.sd / np.where(weights.drive_sd > 0, weights.drive_sd, 1)[:, None]
    kept = np.ix_(weights.varies, weights.varies)
    values = np.linalg.svd(weights.standard[kept], compute_uv=False)
    np.testing.assert_allclose(np.linalg.svd(again[kept], compute_uv=False)[3:], 0, atol=1e-12)
    cut = np.linalg.svd((weights.standard - again)[kept], compute_uv=False)
    np.testing.assert_allclose(cut[: len(values) - 3], values[3:], atol=1e-12)
    whole = truncate_network(silent, weights, SIZE).cell.find_recurrent_weights()
    np.testing.assert_allclose(whole, silent.cell.find_recurrent_weights(), atol=1e-12)


def test_networks_get_the_same_noise_and_explosions_are_named():
    subject = make_subject(plant_rank_two(), change=quieten)
    wild = subject.network.replace_recurrent(torch.eye(SIZE).double() * 9)
    sizes = {"n_trajectories": 20, "n_steps": 60, "burn_in": 20, "noise_std": 1.0, "seed": 3}
    symbols = run_symbols([subject.network, subject.network, wild], **sizes)
    np.testing.assert_array_equal(symbols[0], symbols[1])
    assert (symbols[2] == UNBOUNDED).any()
    assert not (symbols[:2] == UNBOUNDED).any()
    options = {"hazard_margin": 1.25, "occupancy_margin": 0.05, "n_resamples": 50}
    found = compare_with_intact(symbols, [(0, 1)], 2, **options, rng=np.random.default_rng(0))
    assert found.verdict == ["within", "outside"]


def make_symbols(rng, flip, *, n_trajectories=200, n_steps=200):
    """Two symbols that flip with these probabilities."""
    symbols = np.zeros((n_trajectories, n_steps), dtype=int)
    for t in range(1, n_steps):
        before = symbols[:, t - 1]
        symbols[:, t] = np.where(rng.random(n_trajectories) < np.array(flip)[before], 1 - before, before)
    return symbols


def test_hazards_and_occupancies_are_ratios_and_differences():
    rng = np.random.default_rng(0)
    flips = ((0.1, 0.1), (0.1, 0.1), (0.2, 0.2), (0.1, 0.2), (0.115, 0.1))
    symbols = np.stack([make_symbols(rng, flip) for flip in flips])
    options = {"hazard_margin": 1.25, "occupancy_margin": 0.05, "n_resamples": 200}
    found = compare_with_intact(symbols, [(0, 1), (1, 0)], 2, **options, rng=rng)
    np.testing.assert_allclose(found.hazard.value[1], 2, rtol=0.1)
    np.testing.assert_allclose(found.occupancy.value[2], [1 / 6, -1 / 6], atol=0.03)
    assert found.verdict[:3] == ["within", "outside", "outside"]
    tight = options | {"hazard_margin": float(found.hazard.value[3, 0]), "occupancy_margin": 0.5}
    assert compare_with_intact(symbols, [(0, 1)], 2, **tight, rng=rng).verdict[3] == "undecided"


def test_a_symbol_that_is_never_left_does_not_pass():
    rng = np.random.default_rng(0)
    symbols = np.stack([make_symbols(rng, (0.1, 0.1)), np.zeros((200, 200), dtype=int)])
    options = {"hazard_margin": 1.25, "occupancy_margin": 0.9, "n_resamples": 50}
    found = compare_with_intact(symbols, [(0, 1), (1, 0)], 2, **options, rng=rng)
    assert found.verdict == ["outside"]
    np.testing.assert_array_equal(found.hazard.value, 0)


def test_a_network_that_explodes_once_does_not_pass():
    symbols = np.repeat(make_symbols(np.random.default_rng(0), (0.1, 0.1))[None], 3, axis=0)
    symbols[2, 0, -1] = UNBOUNDED
    options = {"hazard_margin": 1.25, "occupancy_margin": 0.05, "n_resamples": 50}
    found = compare_with_intact(symbols, [(0, 1), (1, 0)], 2, **options, rng=np.random.default_rng(0))
    assert found.verdict == ["within", "outside"]


@pytest.mark.parametrize(
    ("verdict", "smallest"),
    [("oww", 2), ("wow", 4), ("www", 1), ("wwu", np.nan), ("ooo", np.nan)],
)
def test_the_smallest_rank_is_that_from_which_on_all_pass(verdict, smallest):
    words = {"o": "outside", "w": "within", "u": "undecided"}
    np.testing.assert_equal(find_smallest([1, 2, 4], [words[v] for v in verdict]), smallest)


def test_a_standard_weight_that_never_varies_is_not_truncated():
    weights = StandardWeights(
        raw=np.ones((3, 3)),
        standard=np.ones((3, 3)),
        mean=np.ones(3),
        sd=np.array([1.0, 2.0, 0.0]),
        drive_sd=np.array([1.0, 4.0, 1.0]),
        varies=np.array([True, True, False]),
    )
    np.testing.assert_allclose(weights.restore(weights.standard), [[1, 0.5, 0], [4, 2, 0], [1, 0.5, 0]])


def test_few_switches_leave_ranks_undefined(tmp_path):
    """The notes say so, and singular values are there all the same."""
    subject = make_subject(plant_rank_two(), change=quieten)
    found = run(subject, n_trajectories=2, n_steps=5)
    assert any("no direction has ≥ 30 switches" in note for note in found.status["notes"])
    assert np.isnan(float(found.smallest_rank))
    assert int(found.n_above) == 2
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert str(quantities["smallest_rank"]) == "undefined"
    save_result(found, tmp_path / "found.nc")
    assert load_result(tmp_path / "found.nc", LowRankResult) == found


def test_quantities_are_those_of_the_result(planted):
    quantities = {quantity.key: quantity for quantity in planted.list_quantities()}
    assert float(quantities["loading[first,sending]"].estimate) == planted.loading[0, 1]
    assert [null.name for null in quantities["loading[first,sending]"].beside] == [
        "random groups",
        "matched groups",
    ]
    assert quantities["hazard[1,0-1]"].estimate == planted.hazard[0, 0]
    largest = np.abs(planted.occupancy.value[0]).argmax()
    assert quantities["occupancy[1]"].estimate == planted.occupancy[0, largest]
    assert not quantities["occupancy[1]"].is_main


def test_a_cell_without_recurrent_weights_has_no_such_part():
    subject = make_subject(plant_rank_two(), sizes=SIZES)
    subject.network.cell.find_recurrent_weights = lambda: None
    with pytest.raises(UndefinedAnalysisError, match="must have recurrent weights"):
        run(subject)
