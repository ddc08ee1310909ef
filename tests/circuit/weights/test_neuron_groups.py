import numpy as np
import pytest

from orbitscope.circuit.weights.neuron_groups import NeuronGroups, count_shared, measure_blocks


def make_groups(size, *members):
    rows = np.zeros((len(members), size), dtype=bool)
    for row, chosen in zip(rows, members, strict=True):
        row[list(chosen)] = True
    pairs = np.array([[0, 1], [1, 0], [0, 2]])[: len(members)]
    return NeuronGroups([f"{a} → {b}" for a, b in pairs], pairs[:, 0], pairs[:, 1], rows)


@pytest.mark.parametrize("with_self", [False, True])
def test_blocks_are_means_over_pairs(with_self):
    """Against a loop; neurons in both groups are in neither."""
    rng, groups = np.random.default_rng(0), make_groups(9, {0, 1, 2, 3}, {3, 4, 5}, {6})
    weights = rng.standard_normal((9, 9))
    found = measure_blocks(weights, groups.members[None], with_self=with_self)[0]
    for i, j in np.ndindex(3, 3):
        a, b = (set(np.flatnonzero(groups.members[k]).tolist()) for k in (i, j))
        shared = a & b if i != j else set()
        values = [weights[p, q] for p in a - shared for q in b - shared if with_self or p != q]
        assert found[i, j] == pytest.approx(np.mean(values)) if values else np.isnan(found[i, j])
    assert np.isnan(found[2, 2]) == (not with_self)
    assert count_shared(groups.members).tolist() == [[4, 1, 0], [1, 3, 0], [0, 0, 1]]


def test_relabelling_neurons_is_relabelling_weights():
    """Blocks of moved groups are those of P W Pᵀ, with groups where they are."""
    rng, groups = np.random.default_rng(0), make_groups(7, {0, 1, 2}, {2, 3})
    weights = rng.standard_normal((7, 7))
    varies = np.arange(7) != 6
    drawn = groups.draw_relabelled(varies, 3, rng=np.random.default_rng(5))
    orders = np.random.default_rng(5).permuted(np.tile(np.arange(6), (3, 1)), axis=1)
    for sets, order in zip(drawn, orders, strict=True):
        relabelled = weights.copy()
        relabelled[np.ix_(order, order)] = weights[:6, :6]
        expected = measure_blocks(relabelled, groups.members[None])
        np.testing.assert_allclose(measure_blocks(weights, sets[None]), expected)
        assert not np.allclose(expected, measure_blocks(weights, groups.members[None]))
    assert not drawn[:, :, 6].any()
    assert (count_shared(drawn[0]) == count_shared(groups.members)).all()


def test_a_match_is_one_of_the_eight_nearest():
    """Features are places on a line; neuron 23 does not vary."""
    drawn = make_groups(60, {20}).draw_matched(
        np.arange(60.0)[:, None], np.arange(60) != 23, 400, rng=np.random.default_rng(0)
    )
    assert drawn is not None
    times = drawn.sum((0, 1))
    assert np.flatnonzero(times).tolist() == [15, 16, 17, 18, 19, 21, 22, 24]
    assert times[times > 0].min() > 25


def test_matches_are_distinct_outside_and_shared_as_members_are():
    groups = make_groups(60, range(20, 26), range(24, 30))
    drawn = groups.draw_matched(
        np.arange(60.0)[:, None], np.ones(60, dtype=bool), 200, rng=np.random.default_rng(0)
    )
    assert drawn is not None
    assert not drawn[:, :, 20:30].any()
    assert (drawn.sum(2) == 6).all()
    assert ((drawn[:, 0] & drawn[:, 1]).sum(1) == 2).all()
    reached = np.flatnonzero(drawn.any((0, 1)))
    assert (reached.min(), reached.max()) >= (20 - 17, 29)  # eight, and nine that are taken
    assert reached.max() <= 29 + 17


def test_too_few_neurons_outside_have_no_matches():
    groups = make_groups(7, {0, 1, 2}, {3})
    features, varies = np.zeros((7, 1)), np.ones(7, dtype=bool)
    assert groups.draw_matched(features, np.arange(7) != 6, 5, rng=np.random.default_rng(0)) is None
    assert groups.draw_matched(features[:7], varies, 5, rng=np.random.default_rng(0)) is None
    assert (
        make_groups(8, {0, 1, 2}, {3}).draw_matched(
            np.zeros((8, 1)), np.ones(8, dtype=bool), 5, rng=np.random.default_rng(0)
        )
        is not None
    )


def test_groups_oppose_if_one_goes_back():
    groups = make_groups(4, {0}, {1}, {2})
    assert groups.is_opposing.tolist() == [[False, True, False], [True, False, False], [False] * 3]
