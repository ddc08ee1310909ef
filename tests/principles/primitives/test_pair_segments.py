import numpy as np
import torch
from test_region_cores import make_three

from orbitscope.principles.primitives.pair_segments import (
    Passages,
    find_passages,
    keep_seen,
    list_pairs,
    list_phases,
    sample_paths,
    tell_hidden,
)

OUT = -1


def make_passages(trajectory, leave, arrive, origin, target):
    arrays = [np.array(x) for x in (trajectory, leave, leave, arrive, origin, target, leave)]
    return Passages(*arrays)


def test_passages_of_a_written_path():
    """A path that leaves core 0 and comes back has not passed; one by way of core 2 has passed twice."""
    core = np.array(
        [
            [0, OUT, 0, OUT, OUT, OUT, 1, OUT, OUT, 2, 0, OUT],
            [OUT, 1, 1, OUT, 1, OUT, OUT, OUT, OUT, 0, OUT, 1],
        ]
    )
    region = np.array([[0, 0, 0, 0, 1, 0, 1, 1, 2, 2, 0, 0], [0, 1, 1, 2, 1, 1, 0, 0, 0, 0, 1, 1]])
    found = find_passages(core, region)
    expected = [
        # trajectory, leave, decide, arrive, origin, target, age
        (0, 2, 6, 6, 0, 1, -1),  # region 0 again at step 5
        (0, 6, 8, 9, 1, 2, 2),
        (0, 9, 10, 10, 2, 0, 1),
        (1, 4, 6, 9, 1, 0, 5),
        (1, 9, 10, 11, 0, 1, 1),
    ]
    names = ("trajectory", "leave", "decide", "arrive", "origin", "target", "age")
    assert list(zip(*(getattr(found, name) for name in names), strict=True)) == expected
    assert len(found) == 5
    np.testing.assert_array_equal(found.find(1, 0), [3])
    np.testing.assert_array_equal(found.find(0, 2), [])


def test_pairs_need_passages_each_way_and_in_each_half():
    def repeat(n_there, n_back, owner):
        origin = np.array([0] * n_there + [1] * n_back)
        n = len(origin)
        return make_passages(np.resize(owner, n), np.arange(n), np.arange(n) + 1, origin, 1 - origin)

    assert list_pairs(repeat(30, 30, [0, 1]), 2) == ([(0, 1)], [])
    assert list_pairs(repeat(30, 29, [0, 1]), 2) == ([], ["0 and 1: 30 there, 29 back"])
    assert list_pairs(repeat(29, 30, [0, 1]), 2)[0] == []
    assert list_pairs(repeat(60, 60, [0, 2, 4]), 2)[0] == []  # none in odd trajectories
    assert list_pairs(repeat(60, 60, [0, 1]), 3) == (
        [(0, 1)],
        ["0 and 2: 0 there, 0 back", "1 and 2: 0 there, 0 back"],
    )


def test_passages_at_the_ends_of_a_path_are_left_out():
    passages = make_passages([0, 0, 0, 0], [1, 2, 5, 5], [3, 4, 7, 8], [0, 0, 0, 0], [1, 1, 1, 1])
    assert keep_seen(passages, 2, 10).leave.tolist() == [2, 5]
    assert keep_seen(passages, 2, 11).arrive.tolist() == [4, 7, 8]
    assert len(keep_seen(passages, 0, 9)) == 4


def test_paths_lie_on_straight_lines_between_steps():
    """Activity t² of trajectory 0 and 10 t of trajectory 1, in units of 2."""
    time = torch.arange(20.0, dtype=torch.float64)
    hidden = torch.stack([time**2, 10 * time], dim=1)[..., None].repeat(1, 1, 2)
    passages = make_passages([0, 1], [4, 8], [7, 17], [0, 1], [1, 0])
    phases = list_phases(3, 2)
    np.testing.assert_array_equal(phases, [-2, -1, 0, 0.5, 1, 2, 3])
    found = sample_paths(hidden, passages, phases, np.array([2.0, np.inf]))
    middle = (25 + 36) / 2  # of steps 5 and 6, not 5.5²
    np.testing.assert_allclose(found[0, :, 0], np.array([4, 9, 16, middle, 49, 64, 81]) / 2)
    np.testing.assert_allclose(found[1, :, 0], np.array([60, 70, 80, 125, 170, 180, 190]) / 2)
    assert (found[..., 1] == 0).all()


def test_the_last_step_of_all_is_looked_up():
    hidden = torch.arange(6.0, dtype=torch.float64)[:, None, None]
    passages = make_passages([0], [2], [5], [0], [1])
    found = sample_paths(hidden, passages, list_phases(4, 0), np.ones(1))
    np.testing.assert_allclose(found[0, :, 0], [2, 3, 4, 5])


def test_cores_and_regions_are_those_of_the_rules():
    cores = make_three()
    hidden = torch.randn(30, 7, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    core, region = tell_hidden(cores, hidden)
    np.testing.assert_array_equal(core, cores.find_cores(hidden).T)
    np.testing.assert_array_equal(region, cores.find_regions(hidden).T)
    assert (core == OUT).any()
