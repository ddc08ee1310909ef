import numpy as np
import pytest

from orbitscope.interventions.control_sets import ControlSets, find_fall
from orbitscope.interventions.targets import Target


def test_matched_sets_stand_beside_their_own_target():
    """Two sets of the first target, none of the second, two of the third, in this order."""
    a, b = Target("a", (0,)), Target("b", (1,))
    sets = ControlSets([[a, a], [], [b, b]], {"all": [a]})
    assert len(sets.list_all()) == 5
    assert sets.n_matched == 4
    null = sets.compare_falls(np.array([0.5, 0.5, 0.5]), np.array([0.1, 0.2, 0.9, 0.3]))
    np.testing.assert_array_equal(null.draws[:, 0], [0.1, 0.2])
    np.testing.assert_array_equal(null.draws[:, 2], [0.9, 0.3])
    assert null.p_value[0] == pytest.approx(1 / 3)
    assert np.isnan(null.p_value[1])
    assert null.p_value[2] == pytest.approx(2 / 3)


def test_a_set_that_diverges_counts_as_one_that_falls_as_much():
    a = Target("a", (0,))
    null = ControlSets([[a, a, a]], {}).compare_falls(np.array([0.5]), np.array([0.1, np.nan, 0.2]))
    assert null.p_value[0] == pytest.approx(2 / 4)
    lost = ControlSets([[a, a]], {}).compare_falls(np.array([0.5]), np.array([0.1, np.nan]))
    assert np.isnan(lost.quantile[0])
    assert np.isnan(lost.p_value[0])


def test_shares_of_subsets_have_the_limits_of_wilson():
    sets = ControlSets([], {"few": [Target("x")] * 4, "all": [Target("x")] * 4})
    words = np.array(["one way", "no", "one way", "both ways", "no", "no", "diverges", "no"])
    found = sets.find_shares(words, ("both ways", "one way"))
    np.testing.assert_array_equal(found.value, [[0.25, 0.5], [0.0, 0.0]])
    z = 1.959964
    centre, half = (0.5 + z**2 / 8) / (1 + z**2 / 4), z * np.sqrt(0.25 / 4 + z**2 / 64) / (1 + z**2 / 4)
    assert found.low[0, 1] == pytest.approx(centre - half, rel=1e-5)
    assert found.high[0, 1] == pytest.approx(centre + half, rel=1e-5)


def test_the_fall_is_that_of_the_direction_that_falls_most():
    hazard = np.array([[0.2, 1.5], [np.nan, 0.9], [np.nan, np.nan]])
    np.testing.assert_allclose(find_fall(hazard), [0.8, 0.1, np.nan])
    assert np.isnan(find_fall(hazard[:, :0])).all()
