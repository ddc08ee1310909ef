from math import asin, pi, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import binom
from weights_subjects import DOWN, SIZES, UP, make_subject

from orbitscope.circuit.noise_kernel import NoiseKernelResult, NoiseKernelSettings
from orbitscope.circuit.weights import populations
from orbitscope.circuit.weights.comparison import build_null
from orbitscope.circuit.weights.population_activity import ActivityAhead, Discrimination, discriminate
from orbitscope.circuit.weights.population_pair import PopulationPair, _compare_ranks
from orbitscope.circuit.weights.population_rule import BLOCKS, PopulationRule, relabel
from orbitscope.circuit.weights.populations import PopulationResult
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.results import load_result, save_result

SIZE = 52
BEHIND_UP, BEHIND_DOWN = np.arange(12, 24), np.arange(24, 36)
"""Planted populations; the neurons from 36 on do nothing."""


def plant_populations(*, strength=0.07, noise=0.02, seed=0):
    """Each population excites its group and itself, and inhibits the other group and population."""
    weights = noise * np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    sides = ((UP, BEHIND_UP), (DOWN, BEHIND_DOWN))
    for i, (group, population) in enumerate(sides):
        other_group, other_population = sides[1 - i]
        weights[np.ix_(group, population)] += strength
        weights[np.ix_(other_group, population)] -= strength
        weights[np.ix_(population, population)] += strength
        weights[np.ix_(other_population, population)] -= strength
    return weights


def drive_by_one_input(network):
    """The first input drives one population up and the other down; all others have noise of their own."""
    with torch.no_grad():
        network.cell.w_ih.mul_(0.7)
        network.cell.w_ih[[*UP, *DOWN]] *= 0.3
        for population, sign in ((BEHIND_UP, 1.0), (BEHIND_DOWN, -1.0)):
            network.cell.w_ih[population] *= 0.5
            network.cell.w_ih[population, 0] = sign
    return network


def make_ready(weights, *, sizes=SIZES | {"n_trajectories": 60}, **options):
    subject = make_subject(weights, sizes=sizes, **{"lead": 1} | options)
    settings = NoiseKernelSettings(n_events=400, n_lags=6, replay_steps=2).model_dump()
    kernel = NoiseKernelResult.__new__(NoiseKernelResult)
    object.__setattr__(kernel, "settings", settings)
    subject.found["noise_kernel"] = kernel
    return subject


def run(subject, **settings):
    part = populations.PART
    sizes = {"n_events": 400, "n_lags": 6, "n_null": 199, "n_resamples": 100}
    return part.run(subject, part.settings(**sizes | settings))


@pytest.fixture(scope="module")
def planted():
    return run(make_ready(plant_populations(), change=drive_by_one_input))


def test_planted_populations_are_recovered(planted):
    """Members are those planted, and some that do nothing; all blocks are beyond chance."""
    for d, population in enumerate((BEHIND_UP, BEHIND_DOWN)):
        members = np.flatnonzero(planted.members[0, d])
        assert set(population) <= set(members)
        assert len(members) < 24
    assert planted.block.tolist() == list(BLOCKS)
    np.testing.assert_allclose(planted.pattern_shuffled.p_value, 4 / 200)
    assert (planted.pattern_beyond[0] > 3).all()
    assert (planted.beyond[0] > 2).all()
    np.testing.assert_allclose(planted.pattern[0], planted.value[0].mean(0))
    assert (planted.value[0, :, :2] > 0.75).all()
    assert (planted.value[0, :, 2:] > 0.004).all()
    populations = planted.list_populations()
    assert set(BEHIND_UP) <= set(populations["0 → 1"])
    assert not set(populations["0 → 1"]) & set(BEHIND_DOWN)


def test_by_activity_too_the_planted_ones_are_recovered(planted):
    assert planted.members[1].sum() <= planted.members[0].sum()
    assert (planted.members[1] <= planted.members[0]).all()
    assert planted.pattern_relabelled.p_value[0] < 0.05
    assert planted.pattern[1, 0] > 0.8


def test_a_shuffled_network_has_the_pattern_by_chance_alone():
    weights = np.random.default_rng(1).permutation(plant_populations().ravel()).reshape(SIZE, SIZE)
    found = run(make_ready(weights, change=drive_by_one_input))
    assert found.value[0, :, 0].mean() > 0.55
    assert (found.pattern_shuffled.p_value > 4 / 200).all()
    assert (np.abs(found.pattern_beyond[0]) < 3).all()


def make_rule(size, n_group):
    receivers = np.zeros((2, size), dtype=bool)
    receivers[0, :n_group] = receivers[1, n_group : 2 * n_group] = True
    return PopulationRule(receivers, ~receivers.any(0))


@pytest.mark.parametrize("n_group", [3, 12])
def test_the_same_selection_on_a_random_matrix_has_the_published_pattern(n_group):
    """.70/.30 for three neurons: sign of one of n Gaussians, given the sign of their mean."""
    rng, rule = np.random.default_rng(0), make_rule(400, n_group)
    weights = rng.standard_normal((400, 400))
    values = rule.measure(weights, rule.choose(weights))
    expected = 0.5 + asin(1 / sqrt(n_group)) / pi
    np.testing.assert_allclose(values[:, :2], expected, atol=5 * 0.5 / sqrt(94 * n_group))
    np.testing.assert_allclose(values[:, 2:], 0, atol=5 / 94)
    if n_group == 3:
        assert expected == pytest.approx(0.70, abs=0.006)


@pytest.mark.slow
def test_the_null_knows_what_the_rule_selects_for():
    """150 random matrices: p ≤ .05 in one of twenty, however much the rule selects for the pattern."""
    rng, rule = np.random.default_rng(2), make_rule(24, 3)
    p_values = []
    for _ in range(150):
        weights = rng.standard_normal((24, 24))
        draws = rule.draw_shuffled(weights, 39, rng=rng)
        p_values.append(
            build_null("", rule.measure(weights, rule.choose(weights)), draws, holm=False).p_value[0]
        )
    low, high = binom.interval(0.999, 150, 0.05)
    counts = (np.array(p_values) <= 0.05).sum(0)
    assert ((counts >= low) & (counts <= high)).all()


def test_a_choice_that_is_not_rerun_would_be_taken_in():
    """The trap: with members that stay while weights are shuffled, any network has the pattern."""
    rng, rule = np.random.default_rng(0), make_rule(150, 3)
    weights = rng.standard_normal((150, 150))
    chosen = rule.choose(weights)
    kept = np.stack(
        [rule.measure(rng.permutation(weights.ravel()).reshape(150, 150), chosen) for _ in range(99)]
    )
    observed = rule.measure(weights, chosen)
    assert (build_null("", observed, kept, holm=False).p_value[:, :2] <= 0.04).all()
    rerun = rule.draw_shuffled(weights, 99, rng=rng)
    assert np.median(build_null("", observed, rerun, holm=False).p_value[:, :2]) > 0.04


def test_blocks_are_shares_and_means_over_pairs():
    """Against a loop over pairs of neurons."""
    rng, rule = np.random.default_rng(0), make_rule(30, 3)
    weights = rng.standard_normal((30, 30))
    chosen = rule.choose(weights)
    groups = [range(3), range(3, 6)]
    for j in range(6, 30):
        onto = [np.mean([weights[i, j] for i in group]) for group in groups]
        assert chosen[:, j].tolist() == [onto[0] > 0 > onto[1], onto[1] > 0 > onto[0]]
    assert not chosen[:, :6].any()
    found = rule.measure(weights, chosen)
    for d in (0, 1):
        own, other = (np.flatnonzero(chosen[k]) for k in (d, 1 - d))
        assert found[d, 0] == pytest.approx(np.mean([weights[i, j] > 0 for i in groups[d] for j in own]))
        assert found[d, 1] == pytest.approx(np.mean([weights[i, j] < 0 for i in groups[1 - d] for j in own]))
        assert found[d, 2] == pytest.approx(np.mean([weights[i, j] for i in own for j in own if i != j]))
        assert found[d, 3] == pytest.approx(-np.mean([weights[i, j] for i in other for j in own]))


def test_relabelling_keeps_weights_and_moves_neurons():
    weights = np.arange(9.0).reshape(3, 3)
    for drawn in relabel(weights, 5, rng=np.random.default_rng(0)):
        assert sorted(np.diag(drawn).tolist()) == [0, 4, 8]
        assert sorted(drawn.ravel().tolist()) == list(range(9))
        np.testing.assert_allclose(np.linalg.eigvals(drawn).sum(), 12)


def test_a_population_that_rises_ahead_has_a_ramp(planted):
    """It drives its group, so it is up before switches; the interval is over trajectories."""
    assert (planted.ramp.low > 0).all()
    assert (planted.ramp.value > planted.ramp_null.quantile).all()
    lead = planted.settings["lead"]
    np.testing.assert_array_equal(planted.course.value[:, 0, lead], planted.ramp.value)
    assert (planted.course.value[:, 1, lead] < 0).all()


def make_ahead(rng, n_events, n_neurons, *, shift=0.0, n_units=20):
    """Activity of neurons at a single lag; before switches they are shifted."""
    owner, other = (rng.integers(n_units, size=n_events) for _ in range(2))
    switched, stayed = (rng.standard_normal((n_events, 1, n_neurons)).astype(np.float32) for _ in range(2))
    return ActivityAhead(switched + np.float32(shift), stayed, owner, other)


def test_a_ramp_is_the_difference_between_switches_and_controls():
    rng = np.random.default_rng(0)
    ahead = make_ahead(rng, 4000, 3, shift=[0.0, 0.5, -1.0])
    np.testing.assert_allclose(ahead.find_rise(0), [0, 0.5, -1.0], atol=5 * sqrt(2 / 4000))
    half = ahead.select_half(1)
    assert (half.owner % 2 == 1).all()
    assert (half.stayed_owner % 2 == 1).all()
    assert ahead.select_half(0).find_rise(0) != pytest.approx(half.find_rise(0), abs=1e-6)


def test_members_that_alone_have_the_deciding_noise_read_it(planted):
    assert (planted.reading > 0.8).all()
    assert (planted.reading_null.p_value <= 2 / 200).all()
    assert (np.abs(planted.reading_null.draws.mean(0) - 0.5) < 0.05).all()


def test_ranks_compare_all_pairs():
    scores, members = np.array([3.0, 1.0, 1.0, 2.0]), np.array([[1, 1, 0, 0], [0, 0, 0, 0]], dtype=bool)
    found = _compare_ranks(scores, members)
    assert found[0] == pytest.approx(np.mean([1, 1, 0.5, 0]))
    assert np.isnan(found[1])


def test_an_auc_is_the_share_of_pairs_in_order():
    """Against a loop over pairs within each half; the interval is that of the tables."""
    rng = np.random.default_rng(0)
    halves = [make_ahead(rng, 400, 6, shift=[1.0, 0, 0, 0.5, 0, 0], n_units=8).select_half(k) for k in (0, 1)]
    base, sets = np.eye(6)[:, :2], np.zeros((2, 3, 6, 1))
    sets[:, 0, 3], sets[:, 1, 4], sets[:, 2, 5] = 1, 1, 1
    found = discriminate(halves, 0, base, sets, n_units=8)
    above = below = 0.0
    for half in (0, 1):
        told, fitted = halves[half], halves[1 - half]
        x = np.concatenate([fitted.switched[:, 0, :2], fitted.stayed[:, 0, :2]]).astype(float)
        y = np.repeat([1.0, -1.0], len(fitted.owner))
        x = x - x.mean(0)
        scale = x.std(0)
        z = x / scale
        beta = np.linalg.solve(z.T @ z + 1e-3 * len(x) * np.eye(2), z.T @ y) / scale
        a, b = told.switched[:, 0, :2] @ beta, told.stayed[:, 0, :2] @ beta
        above += sum((p > q) + 0.5 * (p == q) for p in a for q in b)
        below += len(a) * len(b)
    assert found.auc[0] == pytest.approx(above / below)
    np.testing.assert_allclose([table.sum() / found.pairs.sum() for table in found.wins], found.auc[:2])
    assert found.auc[1] > found.auc[0] > 0.6


def test_a_hidden_integrator_tells_more_than_readout_and_first_neurons():
    """Ten neurons share a little of what comes; others do not. Where the base has it, they add nothing."""
    rng, shift = np.random.default_rng(0), np.zeros(40)
    shift[:10] = 0.3
    halves = [make_ahead(rng, 1500, 40, shift=shift).select_half(k) for k in (0, 1)]
    sets = np.zeros((2, 100, 40, 1))
    sets[:, 0, :10] = 0.1
    for drawn in range(1, 100):
        sets[:, drawn, rng.permutation(np.arange(10, 40))[:10]] = 0.1
    blind = discriminate(halves, 0, np.eye(40)[:, 38:], sets, n_units=20)
    gain = blind.bound_gain(n_resamples=200, confidence=0.95, rng=rng)
    assert float(gain.low) > 0.1
    assert gain.value > (blind.auc[2:] - blind.auc[0]).max()
    knowing = discriminate(halves, 0, np.eye(40)[:, :10], sets, n_units=20)
    assert knowing.auc[1] - knowing.auc[0] < 0.005
    assert knowing.auc[0] > 0.7


def test_the_interval_of_a_gain_is_over_trajectories():
    """Half of the pairs of one trajectory are gained, none of the other: resampling both gives 0 and ½."""
    wins = np.full((2, 2, 2), 0.25)
    wins[1] += [[0.5, 0.25], [0.25, 0.0]]
    found = Discrimination(wins, np.ones((2, 2)), np.array([0.25, 0.5]))
    gain = found.bound_gain(n_resamples=400, confidence=0.95, rng=np.random.default_rng(0))
    assert (float(gain.value), float(gain.low), float(gain.high)) == (0.25, 0.0, 0.5)


def test_random_sets_are_as_large_and_hold_no_members():
    members = np.zeros((2, 20), dtype=bool)
    members[0, 6:9] = members[1, 9:11] = True
    rule, draw = make_rule(20, 3), PopulationPair._draw_sets
    pair = PopulationPair.__new__(PopulationPair)
    pair.__dict__.update(rule=rule, kept=np.arange(20))
    sets = draw(pair, members, 50, np.random.default_rng(0))
    np.testing.assert_allclose(sets.sum(1), 1)
    assert ((sets > 0).sum(1) == [3, 2]).all()
    np.testing.assert_array_equal(sets[0].T > 0, members)
    assert not sets[1:, :11].any()
    assert not ((sets[1:, :, 0] > 0) & (sets[1:, :, 1] > 0)).any()


def test_without_opposing_groups_there_are_no_populations():
    found = run(make_ready(plant_populations(), effect=0.01))
    assert found.status["notes"][0] == "0 → 1: patching all neurons changes the outcome by 0.01, < 0.1"
    assert "no two opposing directions have first neurons of their own" in found.status["notes"]
    assert found.members.shape == (2, 0, SIZE)
    assert np.isnan(found.pattern).all()
    assert found.list_populations() == {}
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert str(quantities["pattern[weights,own]"]) == "undefined"


def test_a_cell_without_recurrent_weights_has_no_such_part():
    subject = make_ready(plant_populations())
    subject.network.cell.find_recurrent_weights = lambda: None
    with pytest.raises(UndefinedAnalysisError, match="must have recurrent weights"):
        run(subject)


@pytest.mark.slow
def test_a_result_comes_back_from_its_file_and_again(planted, tmp_path):
    save_result(planted, tmp_path / "found.nc")
    assert load_result(tmp_path / "found.nc", PopulationResult) == planted
    assert run(make_ready(plant_populations(), change=drive_by_one_input)) == planted
    quantities = {quantity.key: quantity for quantity in planted.list_quantities()}
    pattern = quantities["pattern[weights,own]"]
    assert pattern.unit == "share"
    assert [item.name for item in pattern.beside] == ["shuffled weights", "mean by chance"]
    assert float(quantities["n_members[weights]"].estimate) == planted.members[0].any(0).sum()
    assert not quantities["block[weights,own,0-1]"].is_main


def test_without_input_weights_it_is_not_known_what_members_read():
    subject = make_ready(plant_populations())
    subject.network.cell.find_input_weights = lambda: None
    found = run(subject)
    assert np.isnan(found.reading).all()
    assert "reading[0-1]" not in {quantity.key for quantity in found.list_quantities()}
