import numpy as np

from orbitscope.principles.probability.excursions import (
    count_by_trajectory,
    find_excursions,
    find_next_core,
)
from orbitscope.principles.region_cores import OUTSIDE, find_last_core

O = OUTSIDE  # noqa: E741
CORE = np.array([[O, 0, 0, O, O, 0, O, 1, 1, 0, O], [1, O, 0, 0, 0, O, 0, O, O, O, O]])


def draw_core(seed=0, shape=(20, 80), n_regions=3):
    rng = np.random.default_rng(seed)
    return rng.choice([O, *range(n_regions)], size=shape, p=[0.55, *[0.45 / n_regions] * n_regions])


def test_excursions_begin_in_a_core_and_end_in_the_next():
    found = find_excursions(CORE)
    expected = [(0, 2, 5, 0, 0), (0, 5, 7, 0, 1), (0, 8, 9, 1, 0), (1, 0, 2, 1, 0), (1, 4, 6, 0, 0)]
    fields = (found.trajectory, found.begin, found.end, found.origin, found.target)
    assert list(zip(*(field.tolist() for field in fields), strict=True)) == expected
    assert found.is_passage.tolist() == [False, True, True, True, False]
    assert found.length.tolist() == [3, 2, 1, 2, 2]
    row, time = found.list_outside()
    assert list(zip(row.tolist(), time.tolist(), strict=True)) == [(0, 3), (0, 4), (1, 6), (3, 1), (4, 5)]
    assert len(found.select(found.is_passage)) == 3


def test_excursions_are_those_of_a_loop_over_steps():
    core, expected = draw_core(), []
    for trajectory, path in enumerate(core):
        begin = None
        for time, region in enumerate(path):
            if region == O:
                continue
            if begin is not None and (time > begin + 1 or path[begin] != region):
                expected.append((trajectory, begin, time, path[begin], region))
            begin = time
    found = find_excursions(core)
    fields = (found.trajectory, found.begin, found.end, found.origin, found.target)
    assert list(zip(*(field.tolist() for field in fields), strict=True)) == expected
    row, time = found.list_outside()
    assert (core[found.trajectory[row], time] == O).all()
    assert len(row) == (found.length - 1).sum()


def test_the_next_core_is_that_of_a_loop_over_steps():
    core = draw_core(1)
    region, steps = find_next_core(core)
    for trajectory, path in enumerate(core):
        for time in range(len(path)):
            ahead = np.flatnonzero(path[time:] != O)
            expected = (path[time + ahead[0]], ahead[0]) if len(ahead) else (O, -1)
            assert (region[trajectory, time], steps[trajectory, time]) == expected


def test_attempts_times_their_success_are_the_changes_of_the_last_core():
    core = draw_core(2)
    excursions = find_excursions(core)
    counts = count_by_trajectory(core, excursions, 3)
    last = find_last_core(core)
    for a in range(3):
        assert counts["steps"][:, a].tolist() == (last[:, :-1] == a).sum(1).tolist()
        begun = (excursions.origin == a) & np.isin(excursions.trajectory, np.arange(20))
        assert counts["attempts"][:, a].sum() == begun.sum()
        for b in range(3):
            changes = ((last[:, :-1] == a) & (last[:, 1:] == b)).sum(1)
            assert counts["passages"][:, a, b].tolist() == (changes * (a != b)).tolist()
