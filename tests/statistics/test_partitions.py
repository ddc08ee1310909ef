import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from orbitscope.statistics import compute_adjusted_rand_index


def tabulate(first, second):
    table = np.zeros((first.max() + 1, second.max() + 1), dtype=int)
    np.add.at(table, (first, second), 1)
    return table


def compute(first, second):
    return compute_adjusted_rand_index(tabulate(np.array(first), np.array(second))[None])[0]


@pytest.mark.parametrize("seed", range(4))
def test_index_against_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    first = rng.integers(4, size=25)
    second = np.where(rng.random(25) < 0.6, first, rng.integers(5, size=25))
    assert compute(first, second) == pytest.approx(adjusted_rand_score(first, second))
    assert compute(second, first) == pytest.approx(adjusted_rand_score(first, second))


def test_index_of_known_partitions():
    """0 0 1 1 against 0 0 1 2: one pair in both, 2 and 1 in each, of 6: (1 − 1/3)/(3/2 − 1/3) = 4/7."""
    assert compute([0, 0, 1, 1], [0, 0, 1, 2]) == pytest.approx(4 / 7)
    assert compute([0, 0, 1, 1], [1, 1, 0, 0]) == 1
    assert compute([0, 0, 1, 1], [0, 0, 0, 0]) == 0
    assert compute([0, 0, 0, 0], [0, 0, 0, 0]) == 1
    assert compute([0, 1, 2, 3], [3, 2, 1, 0]) == 1
    assert compute([0, 1, 2, 3], [0, 0, 0, 0]) == 0


def test_tables_of_a_batch_do_not_mix():
    tables = np.random.default_rng(0).integers(20, size=(5, 3, 4))
    found = compute_adjusted_rand_index(tables)
    np.testing.assert_allclose(found, [compute_adjusted_rand_index(table[None])[0] for table in tables])
    assert len(np.unique(found)) == 5


def test_independent_partitions_agree_by_chance():
    rng = np.random.default_rng(0)
    found = np.array([compute(*rng.integers(3, size=(2, 300))) for _ in range(200)])
    assert found.mean() == pytest.approx(0, abs=5 * found.std() / np.sqrt(200))
