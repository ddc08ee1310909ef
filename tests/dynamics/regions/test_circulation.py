import numpy as np
import pytest

from orbitscope.dynamics.regions.circulation import CirculationResult, measure_circulation
from orbitscope.errors import InputError
from orbitscope.results import load_result, save_result
from orbitscope.statistics import Estimate, compute_net_share


def circulate(labels, **options):
    return measure_circulation(np.array(labels), rng=np.random.default_rng(0), **options)


def count_by_hand(row):
    """Direct and any cycles, forward minus backward, by walking along one sequence."""
    visits = [label for i, label in enumerate(row) if i == 0 or row[i - 1] != label]
    counts = {(d, c): 0 for d in "+-" for c in ("direct", "any")}
    stretch = None
    for label in visits:
        if label == 0:
            if stretch and -1 not in stretch and stretch[0] != stretch[-1]:
                direction = "+" if stretch[0] == 1 else "-"
                counts[direction, "any"] += 1
                counts[direction, "direct"] += len(stretch) == 2
            stretch = []
        elif stretch is not None:
            stretch.append(label)
    return [[counts[d, c] for c in ("direct", "any")] for d in "+-"]


def test_cycles_of_a_sequence_that_can_be_counted_by_eye():
    row = [0, 0, 1, 2, 2, 0, 2, 1, 0, 1, 0, 1, 2, 1, 2, 0, 1, 2]
    result = circulate([row, row])
    assert result.cycle.tolist() == ["direct", "any"]
    assert result.n_forward.tolist() == [2, 4]
    assert result.n_backward.tolist() == [2, 2]
    assert int(result.n_excursions) == 8
    np.testing.assert_allclose(result.circulation.value, [0, 1 / 3])


def test_cycles_against_a_walk_along_each_sequence():
    labels = np.random.default_rng(1).choice([-1, 0, 1, 2], p=[0.05, 0.35, 0.3, 0.3], size=(40, 60))
    result = circulate(labels)
    counts = np.sum([count_by_hand(row.tolist()) for row in labels], axis=0)
    np.testing.assert_array_equal([result.n_forward, result.n_backward], counts)
    assert counts.min() > 20


def test_reversing_time_negates_the_circulation_and_its_interval():
    labels = np.tile([0, 1, 2], (20, 20))
    labels[np.random.default_rng(2).random(labels.shape) < 0.4] = 1
    forward, backward = circulate(labels), circulate(labels[:, ::-1])
    assert (forward.circulation.value > 0.3).all()
    np.testing.assert_array_equal(backward.circulation.value, -forward.circulation.value)
    np.testing.assert_array_equal(backward.circulation.low, -forward.circulation.high)
    np.testing.assert_array_equal(backward.p_value, forward.p_value)


def test_a_cycle_circulates_and_coin_flips_do_not():
    one_way = circulate(np.tile([0, 0, 1, 2], (20, 10)))
    np.testing.assert_array_equal(one_way.circulation.value, [1, 1])
    np.testing.assert_allclose(one_way.p_value, 0.001)
    rng = np.random.default_rng(3)
    random = [circulate(rng.integers(3, size=(50, 100))) for _ in range(6)]
    covered = [(found.circulation.low < 0) & (found.circulation.high > 0) for found in random]
    assert np.mean(covered) > 0.6  # .95
    assert np.mean([found.p_value > 0.02 for found in random]) > 0.7  # .98


def test_labels_without_cycles_have_no_circulation():
    result = circulate(np.tile([0, 1], (5, 10)))
    assert result.circulation == Estimate([np.nan, np.nan])
    assert np.isnan([result.p_value, result.n_effective]).all()
    assert result.status == {"without_cycles": ["direct", "any"]}
    assert int(result.n_excursions) == 45


def test_one_direction_leaves_room_for_the_other():
    """The exact limit of as many units as trajectories with cycles: 2 α^(1/n) − 1 with α = .025."""
    labels = np.zeros((40, 13), dtype=int)
    labels[:8] = np.tile([0, 1, 2], 5)[:13]
    forward, backward = circulate(labels), circulate(labels[:, ::-1])
    expected = 2 * 0.025 ** (1 / 8) - 1
    np.testing.assert_allclose(forward.n_effective, 8)
    np.testing.assert_allclose(forward.circulation.low, expected)
    np.testing.assert_allclose(forward.circulation.high, 1)
    np.testing.assert_allclose(backward.circulation.high, -expected)
    np.testing.assert_allclose(backward.circulation.low, -1)
    narrow = circulate(labels, confidence=0.5)
    np.testing.assert_allclose(narrow.circulation.low, 2 * 0.25 ** (1 / 8) - 1)


def test_a_single_backward_cycle_moves_the_limit_little():
    """100 trajectories of four cycles: the limit without a backward cycle is not far from that with one."""
    labels = np.tile(np.tile([0, 1, 2], 5)[:13], (100, 1))
    without = circulate(labels)
    labels[0, :4] = [0, 2, 1, 0]
    one = circulate(labels)
    assert one.n_backward.tolist() == [1, 1]
    np.testing.assert_allclose(one.circulation.low, without.circulation.low, atol=0.03)
    np.testing.assert_allclose(without.circulation.low, 2 * 0.025 ** (1 / 100) - 1)


def test_the_interval_is_over_trajectories():
    """Cycles of one trajectory go the same way: copies of a cycle within it add no certainty."""
    one = np.where(np.arange(40)[:, None] < 28, [0, 1, 2, 0], [0, 2, 1, 0])
    few, many = circulate(one), circulate(np.tile(one, (1, 50)))
    np.testing.assert_allclose(few.circulation.value, 0.4)
    np.testing.assert_allclose(
        [many.circulation.low, many.circulation.high], [few.circulation.low, few.circulation.high]
    )
    np.testing.assert_allclose(few.n_effective, 40, rtol=0.04)


def test_the_interval_is_that_of_the_net_share_of_cycles_by_trajectory():
    labels = np.random.default_rng(1).choice([-1, 0, 1, 2], p=[0.05, 0.35, 0.3, 0.3], size=(40, 60))
    counts = np.array([count_by_hand(row.tolist()) for row in labels])
    expected = compute_net_share(counts[:, 0], counts[:, 1], confidence=0.8)
    result = circulate(labels, confidence=0.8)
    assert result.circulation == expected.share
    np.testing.assert_array_equal(result.n_effective, expected.n_effective)


def test_labels_out_of_range_are_refused():
    with pytest.raises(
        InputError, match=r"must be among \[-1, 0, 1, 2\] .*slow, kick, transition.* got \[0, 4\]"
    ):
        circulate([[0, 4], [0, 4]])
    with pytest.raises(InputError, match="`n_null` must be ≥ 1, got 0"):
        circulate([[0, 1], [0, 1]], n_null=0)
    with pytest.raises(InputError, match=r"`confidence` must be in \(0, 1\), got 1.0"):
        circulate([[0, 1], [0, 1]], confidence=1.0)


def test_a_result_comes_back_from_its_file(tmp_path):
    result = circulate(np.tile([0, 1, 2], (4, 10)))
    save_result(result, tmp_path / "circulation.nc")
    assert load_result(tmp_path / "circulation.nc", CirculationResult) == result


def test_same_seed_same_result():
    labels = np.random.default_rng(3).integers(3, size=(20, 50))
    assert circulate(labels) == circulate(labels)
