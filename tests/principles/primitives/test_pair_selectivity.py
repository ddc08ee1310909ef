import numpy as np
import pytest
import torch
from primitive_networks import make_followed_latches

from orbitscope.circuit.noise_subspaces import measure_drive_share
from orbitscope.interventions.targets import Target
from orbitscope.network import intervene
from orbitscope.principles.primitives.pair_selectivity import (
    Family,
    build_neuron_family,
    build_noise_families,
    compare_rates,
    compute_selectivity,
    count_passages,
    find_known,
    judge_pairs,
    list_networks,
    measure_selectivity,
    run_passages,
)
from orbitscope.principles.region_cores import RegionCores
from orbitscope.statistics import Estimate

OPTIONS = {"n_resamples": 200, "confidence": 0.95}


def test_changes_of_rates_are_those_of_counts():
    totals = np.array([[[10.0, 40], [100, 200]], [[0.0, 80], [50, 100]]])
    known = np.ones((2, 2), dtype=bool)
    found = compare_rates(totals, known)
    expected = [np.log((0.5 / 50) / (10.5 / 100)), np.log((80.5 / 100) / (40.5 / 200))]
    np.testing.assert_allclose(found, [[0, 0], expected])
    known[1, 0] = False
    assert np.isnan(compare_rates(totals, known)[1, 0])
    assert np.isnan(compare_rates(np.zeros((2, 2, 2)), np.ones((2, 2), dtype=bool))).all()


def test_rates_from_regions_that_are_hardly_visited_are_not_known():
    totals = np.array([[[10.0, 40], [100, 200]], [[0.0, 80], [49, 100]], [[0.0, 80], [50, 25]]])
    none = np.zeros(3, dtype=bool)
    assert find_known(totals, none).tolist() == [[True, True], [False, True], [True, True]]
    assert find_known(totals, np.array([False, False, True])).tolist()[2] == [False, False]
    assert not find_known(totals, np.array([True, False, False])).any()
    assert not find_known(np.zeros((2, 2, 2)), none[:2]).any()


def test_selectivity_is_what_own_passages_change_beyond_others():
    change = np.array([-2.0, 1.0, 0.5, -0.5, 0.0, 1.0])
    expected = [2 - 0.5, 1 - 0.5, 0.5 - 1, 0.5 - 1, 0 - 1, 1 - 1]
    np.testing.assert_allclose(compute_selectivity(change), expected)
    change[4] = np.nan
    found = compute_selectivity(change)
    assert np.isnan(found[4])
    np.testing.assert_allclose(found[[0, 2]], [2 - 2 / 3, 0.5 - 4 / 3])
    assert np.isnan(compute_selectivity(change[:2])).all()  # no other pair
    np.testing.assert_allclose(compute_selectivity(np.full((3, 6), -1.7)), 0, atol=1e-12)


def test_passages_and_steps_are_counted_per_direction():
    core = np.array([[-1, 0, -1, 1, 1, -1, 2, 1], [1, 1, -1, 0, -1, -1, 1, -1]])
    found = count_passages(core, [(0, 1), (0, 2), (1, 2)])
    np.testing.assert_array_equal(found[0, 0], [1, 0, 0, 0, 1, 1])
    np.testing.assert_array_equal(found[1, 0], [1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found[0, 1], [2, 3, 2, 1, 3, 1])  # the last step is not counted
    np.testing.assert_array_equal(found[1, 1], [3, 4, 3, 0, 4, 0])


def make_counts(rates, n_trajectories=40, n_steps=500, seed=0):
    """Passages of runs with rates (run, direction); no run shares noise with another."""
    rates = np.asarray(rates, dtype=float)
    drawn = np.random.default_rng(seed).poisson(rates * n_steps, size=(n_trajectories, *rates.shape))
    return np.stack([drawn, np.full(drawn.shape, float(n_steps))], axis=2)


def make_family(n_targets, n_controls):
    return Family(
        "noise removed", 0.0, [Target(str(i)) for i in range(n_targets)], [Target("c")] * n_controls
    )


def test_pairs_are_judged_by_the_way_that_is_less_selective():
    """One target a pair: the first is selective both ways, the second one way, the third acts on others."""
    base = np.full(6, 0.02)
    rates = np.tile(base, (4, 1))
    rates[1, :2] /= 10
    rates[2, 2] /= 10
    rates[3, :4] /= 10
    counts = make_counts([*rates, *np.tile(base, (20, 1))])
    none = np.zeros(24, dtype=bool)
    rng = np.random.default_rng(0)
    found = measure_selectivity([make_family(3, 20)], counts, none, n_controls=20, rng=rng, **OPTIONS)
    expected = np.log(10)
    np.testing.assert_allclose(found.change.value[0, :2], -expected, atol=0.8)
    np.testing.assert_allclose(found.selectivity.value[0, :2], expected, atol=0.75)
    assert found.pair_selectivity.value[0, 0] == found.selectivity.value[0, :2].min()
    assert found.pair_selectivity.value[0, 1] == found.selectivity.value[1, 2:4].min()
    assert found.pair_selectivity.value[0, 1] < 0.2
    assert found.null.p_value[0, 0] == pytest.approx(1 / 21)
    assert found.null.p_value[0, 2] > 0.05
    of_pairs = found.control_selectivity[0].reshape(20, 3, 2).min(-1).max(1)
    np.testing.assert_allclose(found.null.draws[:, 0, 1], of_pairs)
    word, codes = judge_pairs(found.pair_selectivity[0], found.null.p_value[0])
    assert word == "partly"
    assert codes.tolist() == [1, 0, 0]
    assert found.n_passages.tolist() == counts[:, 0, 0].sum(0).astype(int).tolist()


def test_targets_of_single_ways_are_judged_by_their_own_way():
    base = np.full(4, 0.02)
    rates = np.tile(base, (5, 1))
    for d in range(4):
        rates[1 + d, d] /= 10
    counts = make_counts(rates)
    rng = np.random.default_rng(0)
    found = measure_selectivity(
        [make_family(4, 0)], counts, np.zeros(5, bool), n_controls=3, rng=rng, **OPTIONS
    )
    own = np.diag(found.selectivity.value)
    np.testing.assert_allclose(found.pair_selectivity.value[0], own.reshape(2, 2).min(1))
    assert (found.pair_selectivity.low > 1).all()
    assert np.isnan(found.null.p_value).all()
    assert judge_pairs(found.pair_selectivity[0], found.null.p_value[0])[0] == "undefined"


def test_intervals_of_changes_are_those_of_poisson_counts():
    counts = make_counts(np.tile(np.full(4, 0.02), (3, 1)), n_trajectories=200)
    found = measure_selectivity(
        [make_family(2, 0)],
        counts,
        np.zeros(3, bool),
        n_controls=1,
        rng=np.random.default_rng(0),
        n_resamples=1000,
        confidence=0.95,
    )
    half_width = 1.96 * np.sqrt(2 / (0.02 * 500 * 200))
    np.testing.assert_allclose((found.change.high - found.change.low)[0] / 2, half_width, rtol=0.2)


def test_a_control_that_diverges_counts_as_selective():
    rates = np.tile(np.full(4, 0.02), (1 + 2 + 20, 1))
    rates[1, :2] /= 10
    rates[2, 2:] /= 10
    is_unbounded = np.zeros(23, dtype=bool)
    is_unbounded[3:8] = True
    found = measure_selectivity(
        [make_family(2, 20)],
        make_counts(rates),
        is_unbounded,
        n_controls=20,
        rng=np.random.default_rng(0),
        **OPTIONS,
    )
    np.testing.assert_allclose(found.null.p_value[0], 6 / 21)
    assert found.notes == ["in 5 of 23 runs activity has no bound"]
    is_unbounded[3:15] = True
    lost = measure_selectivity(
        [make_family(2, 20)],
        make_counts(rates),
        is_unbounded,
        n_controls=20,
        rng=np.random.default_rng(0),
        **OPTIONS,
    )
    assert np.isnan(lost.null.p_value).all()


def test_each_family_stands_beside_its_own_controls():
    """Runs: intact, two targets of each of two families, controls of the first, those of the second."""
    base = np.full(4, 0.02)
    rates = np.tile(base, (1 + 4 + 3 + 3, 1))
    rates[-3:, :2] /= 10
    counts, none = make_counts(rates), np.zeros(11, dtype=bool)
    families = [make_family(2, 3), make_family(2, 3)]
    rng = np.random.default_rng(0)
    found = measure_selectivity(families, counts, none, n_controls=3, rng=rng, **OPTIONS)
    assert (np.abs(found.control_selectivity[0]) < 0.5).all()
    assert (found.control_selectivity[1, :, :2] > 1.5).all()
    assert (found.null.draws[:, 1] > 1.5).all()
    assert (found.null.draws[:, 0] < 0.5).all()


def judge(low, p_value):
    low = np.array(low, dtype=float)
    return judge_pairs(Estimate(low + 1, low, low + 2), np.array(p_value))


@pytest.mark.parametrize(
    ("low", "p_value", "word", "codes"),
    [
        ([0.5, 0.1], [0.04, 0.01], "composed", [1, 1]),
        ([0.5, -0.1], [0.04, 0.01], "partly", [1, 0]),
        ([0.5, 0.1], [0.04, 0.05], "partly", [1, 0]),
        ([-0.5, -0.1], [0.04, 0.01], "not composed", [0, 0]),
        ([0.5, np.nan], [0.04, np.nan], "partly", [1, -1]),
        ([-0.5, np.nan], [0.04, np.nan], "not composed", [0, -1]),
        ([np.nan, np.nan], [np.nan, np.nan], "undefined", [-1, -1]),
        ([np.nan], [np.nan], "one pair only", [-1]),
    ],
)
def test_verdicts_follow_their_rule(low, p_value, word, codes):
    found, kinds = judge(low, p_value)
    assert found == word
    assert kinds.tolist() == codes


def test_random_noise_carries_as_much_drive_as_the_pair_with_the_most():
    rng = np.random.default_rng(0)
    w_ih = rng.standard_normal((20, 12)) * np.r_[3, np.full(11, 1.2)]
    rows = np.eye(12)[[5, 0]]
    removed, doubled = build_noise_families(rows, w_ih, ["a", "b"], n_controls=7, rng=rng)
    assert (removed.gain, doubled.gain) == (0.0, 2.0)
    assert [target.name for target in removed.targets] == ["a", "b"]
    assert len(removed.controls) == len(doubled.controls) == 7
    largest = measure_drive_share(w_ih, rows[1][:, None])
    for control in removed.controls:
        # As near as whole directions come, each of which carries a sixth as much.
        assert measure_drive_share(w_ih, control.basis) == pytest.approx(largest, rel=0.25)
        np.testing.assert_allclose(control.basis[0], 0, atol=1e-12)
    assert build_noise_families(rows, None, ["a", "b"], n_controls=7, rng=rng)[0].controls == []
    assert build_noise_families(rows[:, :1], w_ih[:, :1], ["a", "b"], n_controls=7, rng=rng)[0].controls == []


def test_random_neurons_are_as_many_others_of_like_activity():
    network = make_followed_latches(1, n_wavering=60, n_deaf=0)
    size = network.hidden_size
    activity = torch.linspace(0, 1, size, dtype=torch.float64)
    order = np.stack([np.arange(size), np.arange(size)[::-1]])
    rng = np.random.default_rng(0)
    family = build_neuron_family(
        network, activity.expand(3, 2, size), order, ["x", "y"], n_first=4, n_controls=9, rng=rng
    )
    assert [target.neurons for target in family.targets] == [(0, 1, 2, 3), tuple(range(size - 4, size))]
    assert len(family.controls) == 9
    for i, control in enumerate(family.controls):
        own = set(family.targets[i % 2].neurons)
        assert len(control.neurons) == 4
        assert not own & set(control.neurons)
        assert abs(np.mean(control.neurons) - np.mean(list(own))) < 20
    few = build_neuron_family(
        network, activity.expand(3, 2, size), order, ["x", "y"], n_first=99, n_controls=1, rng=rng
    )
    assert len(few.targets[0].neurons) == size // 2


def make_sign_cores():
    """Regions of one latch by its sign, told from the first neuron."""
    weights = np.zeros((2, 4))
    weights[:, 0] = [-1.0, 1.0]
    return RegionCores(weights, np.zeros(2), np.full(2, 0.1), is_direction=False)


def test_runs_share_their_noise_and_start_from_the_intact_network():
    network = make_followed_latches(1, n_wavering=2, n_deaf=0)
    same = intervene(network, gain={3: 1.0})
    still = intervene(network, project_noise=np.eye(4)[:, :1])
    run = {"n_trajectories": 50, "n_steps": 120, "burn_in": 40, "noise_std": 1.0}
    counts, is_unbounded = run_passages(
        [network, same, still], make_sign_cores(), [(0, 1)], **run, generator=torch.Generator().manual_seed(0)
    )
    assert counts.shape == (50, 3, 2, 2)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 1])
    assert (counts[:, 2, 0] == 0).all()
    assert 0 < counts[:, 2, 1, 0].sum() < 50 * 119  # it starts up and down
    rate = counts[:, 0, 0].sum() / counts[:, 0, 1].sum()
    assert abs(rate - 0.03) < 5 * np.sqrt(0.03 / (50 * 119))
    assert not is_unbounded.any()


def test_a_run_without_bound_is_named_and_the_others_go_on():
    network = make_followed_latches(1, n_wavering=2, n_deaf=0)
    wild = intervene(network, clamp={1: 1e13})
    run = {"n_trajectories": 5, "n_steps": 60, "burn_in": 5, "noise_std": 1.0}
    counts, is_unbounded = run_passages(
        [network, wild], make_sign_cores(), [(0, 1)], **run, generator=torch.Generator().manual_seed(0)
    )
    assert is_unbounded.tolist() == [False, True]
    assert counts[:, 0, 1].sum() == 5 * 59


def test_networks_are_listed_as_they_are_read():
    network = make_followed_latches(1, n_wavering=2, n_deaf=0)
    basis = np.eye(4)[:, :1]
    families = [
        Family("noise removed", 0.0, [Target("a", basis=basis)], [Target("c", basis=np.eye(4)[:, 1:2])]),
        Family("first neurons", 0.0, [Target("x", (0,)), Target("y", (1,))], []),
    ]
    listed = list_networks(network, families)
    assert listed[0] is network
    filters = [net.cell.intervention.noise_filter.diagonal().tolist() for net in listed[1:]]
    assert filters == [[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1]]
    assert listed[2].cell.intervention.gain.tolist() == [0, 1, 1, 1]
