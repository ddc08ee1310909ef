import itertools

import numpy as np
import pytest

from orbitscope.principles.dwell.dwell_times import count_ages, find_dwells


def list_dwells(states):
    """The same, one run at a time."""
    found = []
    for trajectory, row in enumerate(states.tolist()):
        runs = [(state, len(list(group))) for state, group in itertools.groupby(row)]
        found += [
            (trajectory, state, length, i < len(runs) - 1) for i, (state, length) in enumerate(runs) if i > 0
        ]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_dwells_are_runs_without_the_first_one(seed):
    states = np.random.default_rng(seed).integers(0, 3, size=(20, 15)).repeat(2, axis=1)[:, 1:]
    found = find_dwells(states)
    rows = zip(found.trajectory, found.state, found.length, found.is_ended, strict=True)
    assert [tuple(map(int, row)) for row in rows] == [tuple(map(int, row)) for row in list_dwells(states)]
    assert len(found) == len(found.length) > 0


def test_a_trajectory_of_one_value_has_no_dwell():
    assert len(find_dwells(np.array([[2, 2, 2], [-1, -1, -1]]))) == 0


def test_ages_are_counted_as_far_as_they_are_seen():
    """A dwell that is cut after c steps is at risk at the ages below c."""
    states = np.random.default_rng(0).integers(0, 2, size=(9, 12)).repeat(3, axis=1)
    horizon = 5
    expected = np.zeros((9, 2, 2, horizon))
    for trajectory, state, length, is_ended in list_dwells(states):
        for age in range(1, horizon + 1):
            expected[trajectory, state, 0, age - 1] += is_ended and length == age
            expected[trajectory, state, 1, age - 1] += age <= length - (not is_ended)
    np.testing.assert_array_equal(count_ages(find_dwells(states), 9, 2, horizon), expected)
    assert expected[..., 1, -1].any()  # some outlast the horizon


def test_a_last_dwell_of_one_step_tells_nothing():
    counts = count_ages(find_dwells(np.array([[0, 0, 1]])), 1, 2, 4)
    assert not counts.any()
