import numpy as np
import pytest
import torch
from known_networks import change_units
from scipy.stats import binom
from weights_subjects import DOWN, UP, make_subject, plant_blocks

from orbitscope.circuit.weights import connectivity
from orbitscope.circuit.weights.comparison import compare_with_draws
from orbitscope.circuit.weights.connectivity import ConnectivityResult
from orbitscope.circuit.weights.neuron_groups import NeuronGroups, measure_blocks
from orbitscope.errors import UndefinedAnalysisError
from orbitscope.hmm import load_process
from orbitscope.results import load_result, save_result


def run(subject, **settings):
    part = connectivity.PART
    return part.run(subject, part.settings(**{"n_null": 199} | settings))


@pytest.fixture(scope="module")
def planted():
    return run(make_subject(plant_blocks(), carriers=(UP[:3], [])))


def test_planted_blocks_are_recovered(planted):
    """Against the smallest p that 199 draws give; by Holm over two relations and over four blocks."""
    assert planted.weight[0, 0] > 0.02
    assert planted.weight[0, 1] < -0.02
    assert np.isnan(planted.weight[0, 2])
    for null, size in (
        (planted.matched, planted.beyond_matched),
        (planted.relabelled, planted.beyond_relabelled),
    ):
        np.testing.assert_allclose(null.p_value[0, :2], 2 / 200)
        assert (size[0, :2] > 4).all()
        assert (size[0, :2] > null.quantile[0, :2]).all()
    for p_values in (planted.matched_p, planted.relabelled_p):
        np.testing.assert_allclose(p_values[0], np.full((2, 2), 4 / 200))
    np.testing.assert_allclose(planted.weight[0, 0], np.diag(planted.block[0]).mean())
    assert (planted.relabelled_weight.low[0, :2] < 0).all()
    assert (planted.relabelled_weight.high[0, :2] > 0).all()


def test_the_opposite_of_what_was_published_lies_on_the_other_side():
    found = run(make_subject(plant_blocks(strength=-0.05)))
    assert (found.beyond_relabelled[0, :2] < -4).all()
    assert (found.relabelled.p_value[0, :2] == 1).all()


def test_a_shuffled_network_has_no_such_blocks():
    weights = np.random.default_rng(3).permutation(plant_blocks().ravel()).reshape(48, 48)
    found = run(make_subject(weights))
    assert (np.abs(found.beyond_matched[0, :2]) < 4).all()
    assert (np.abs(found.beyond_relabelled[0, :2]) < 4).all()
    assert np.concatenate([found.matched.p_value[0, :2], found.relabelled.p_value[0, :2]]).max() > 0.05


def test_relabelling_rejects_as_often_as_it_may():
    """200 random matrices: each of both p-values is at most .05 in one of twenty."""
    rng, members = np.random.default_rng(1), np.zeros((2, 20), dtype=bool)
    members[0, :5] = members[1, 5:10] = True
    groups = NeuronGroups(["0 → 1", "1 → 0"], np.array([0, 1]), np.array([1, 0]), members)
    p_values = []
    for _ in range(200):
        weights = rng.standard_normal((20, 20))
        observed = measure_blocks(weights, members[None])[0, 0]
        draws = measure_blocks(weights, groups.draw_relabelled(np.ones(20, dtype=bool), 39, rng=rng))[:, 0]
        p_values.append(
            [compare_with_draws("", observed[[k]], draws[:, [k]], np.ones(1, int))[1].p_value for k in (0, 1)]
        )
    counts = (np.array(p_values) <= 0.05).sum(0).ravel()
    low, high = binom.interval(0.999, 200, 0.05)
    assert ((counts >= low) & (counts <= high)).all()


def test_neurons_in_both_groups_are_left_out_of_both():
    """The shared neurons excite all: between the groups that would hide the inhibition."""
    weights, shared = plant_blocks(), np.array([20, 21])
    weights[:, shared] += 1.0
    weights[np.ix_(shared, shared)] = 0
    subject = make_subject(0.5 * weights, first=(np.append(UP, shared), np.append(DOWN, shared)))
    found = run(subject)
    assert found.n_shared[0].tolist() == [[8, 2], [2, 8]]
    alone = run(make_subject(0.5 * weights))
    np.testing.assert_allclose(found.block[0, 0, 1], alone.block[0, 0, 1])
    assert found.weight[0, 1] < 0 < found.weight[0, 0]
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert float(quantities["n_shared[first]"].estimate) == 2


def test_groups_that_are_the_same_have_nothing_between_them():
    found = run(make_subject(plant_blocks(), first=(UP, UP)))
    assert np.isnan(found.weight[0, 1])
    assert np.isnan(found.beyond_relabelled[0, 1])
    assert np.isfinite(found.weight[0, 0])


def test_self_weights_stand_apart(planted):
    weights = plant_blocks()
    np.fill_diagonal(weights, 0.3)
    found = run(make_subject(weights))
    np.testing.assert_allclose(found.self_weight[0], [np.diag(found.weights)[g].mean() for g in (UP, DOWN)])
    assert float(found.self_weight_of_all) == pytest.approx(np.diag(found.weights).mean())
    np.testing.assert_allclose(
        found.raw_weight[0, 0], (weights[:6, :6].mean() + weights[6:12, 6:12].mean()) / 2
    )
    assert found.weight[0, 0] < found.self_weight[0].min() / 2


def test_sides_are_the_first_neurons_of_both_directions_by_symbol():
    """Groups by direction mix both kinds; by symbol they are the planted ones."""
    mixed = [*UP[:3], *DOWN[3:]], [*DOWN[:3], *UP[3:]]
    found = run(make_subject(plant_blocks(), first=mixed))
    assert [np.flatnonzero(row).tolist() for row in found.members[1]] == [UP.tolist(), DOWN.tolist()]
    assert found.weight[1, 1] < -0.02 < 0.02 < found.weight[1, 0]
    assert abs(found.weight[0, :2]).max() < 0.02
    assert (found.relabelled.p_value[1, :2] == 2 / 200).all()
    assert (found.relabelled.p_value[0, :2] > 0.05).all()


def test_carriers_are_groups_of_their_own(planted):
    """Three carriers of one direction: a block within, and nothing that opposes."""
    assert planted.members[2].sum(1).tolist() == [3, 0]
    assert np.isfinite(planted.block[2]).tolist() == [[True, False], [False, False]]
    assert any("carriers: no opposing groups" in note for note in planted.status["notes"])
    keys = [quantity.key for quantity in planted.list_quantities()]
    assert "weight[carriers,within]" in keys
    assert "beyond_matched[carriers,opposing]" not in keys


def test_published_numbers_stand_beside_linear_2_alone(planted):
    assert np.isnan(planted.published.value).all()
    found = run(make_subject(plant_blocks(), process=load_process("linear-2")))
    np.testing.assert_allclose(found.published.value, [0.072, -0.138, np.nan])
    np.testing.assert_allclose([found.published.low[1], found.published.high[1]], [-0.146, -0.130])
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    beside = quantities["raw_weight[first,within]"].beside
    assert str(beside[0]) == "Torre et al. 2025 0.072 [0.063, 0.081]"
    assert np.isnan(run(make_subject(plant_blocks(), process=load_process("linear-3"))).published.value).all()


def test_the_balance_of_matched_groups_is_that_of_their_readout():
    """Groups with the largest readout of all have matches with less; with typical ones they are matched."""

    def measure(others):
        def read_out(network):
            with torch.no_grad():
                network.w_out.uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(1))
                for row, group, more in ((1, UP, range(12, 30)), (0, DOWN, range(30, 48))):
                    network.w_out[row, group] += 1.0
                    network.w_out[row, list(more)] += others
            return network

        return float(run(make_subject(plant_blocks(), change=read_out)).balance[0])

    assert abs(measure(0.0)) < 0.2
    assert 0.4 < measure(1.0) < 1.2  # matches are near in activity, too


def test_units_of_single_neurons_do_not_matter():
    one, two = (run(make_subject(plant_blocks(), change=change)) for change in (lambda n: n, change_units))
    np.testing.assert_allclose(one.block[0], two.block[0], rtol=0.15)  # noise of its own
    assert np.abs(one.raw_weight[0, :2] / two.raw_weight[0, :2] - 1).max() > 0.3


def test_without_an_effect_there_are_no_groups(tmp_path):
    found = run(make_subject(plant_blocks(), effect=0.05))
    assert found.status["notes"][0] == "0 → 1: patching all neurons changes the outcome by 0.05, < 0.1"
    assert "first neurons: no groups" in found.status["notes"]
    for values in (found.weight, found.beyond_matched, found.block, found.balance):
        assert np.isnan(values).all()
    quantities = {quantity.key: quantity for quantity in found.list_quantities()}
    assert str(quantities["weight[first,within]"]) == "undefined"
    save_result(found, tmp_path / "found.nc")
    assert load_result(tmp_path / "found.nc", ConnectivityResult) == found


def test_groups_of_all_neurons_have_no_matches():
    found = run(make_subject(plant_blocks(12)))
    assert "first neurons: no matched groups: too few neurons are in none" in found.status["notes"]
    assert np.isnan(found.beyond_matched).all()
    assert np.isfinite(found.beyond_relabelled[0, :2]).all()


def test_a_cell_without_recurrent_weights_has_no_such_part():
    subject = make_subject(plant_blocks())
    subject.network.cell.find_recurrent_weights = lambda: None
    with pytest.raises(UndefinedAnalysisError, match="must have recurrent weights"):
        run(subject)


def test_the_same_seed_gives_the_same_result(planted):
    assert run(make_subject(plant_blocks(), carriers=(UP[:3], []))) == planted
