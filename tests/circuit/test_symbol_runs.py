import numpy as np
import pytest

from orbitscope.circuit.symbol_runs import find_switches, match_by_age, measure_ages, measure_remaining

SYMBOLS = np.array([[0, 0, 1, 1, 1, 0, 2], [1, 1, 1, 1, 1, 1, 1]])


def test_ages_and_what_remains_can_be_counted_by_eye():
    assert measure_ages(SYMBOLS).tolist() == [[-1, -1, 0, 1, 2, 0, 0], [-1] * 7]
    assert measure_remaining(SYMBOLS).tolist() == [[2, 1, 3, 2, 1, 1, 1], [7, 6, 5, 4, 3, 2, 1]]


def test_switches_can_be_counted_by_eye():
    found = find_switches(SYMBOLS)
    assert found.time.tolist() == [2, 5, 6]
    assert found.trajectory.tolist() == [0, 0, 0]
    assert list(zip(found.origin.tolist(), found.target.tolist(), strict=True)) == [(0, 1), (1, 0), (0, 2)]
    assert found.age.tolist() == [-1, 3, 1]
    assert found.stay.tolist() == [3, 1, 1]
    assert len(found.select(found.age > 1)) == 1
    assert len(find_switches(SYMBOLS[1:])) == 0


@pytest.mark.parametrize("stay", [1, 3])
def test_controls_are_of_the_same_symbol_and_age_and_go_on(stay):
    rng = np.random.default_rng(0)
    symbols = rng.choice(3, p=[0.7, 0.2, 0.1], size=(30, 80))
    switches = find_switches(symbols)
    switches = switches.select(switches.age >= 1)
    trajectory, time = match_by_age(symbols, switches, stay=stay, rng=rng)
    ages, is_found = measure_ages(symbols), trajectory >= 0
    assert is_found.mean() > 0.6
    n_exact = 0
    for i in np.flatnonzero(is_found):
        run = symbols[trajectory[i], time[i] - switches.age[i] : time[i] + stay]
        assert (run == switches.origin[i]).all()
        age = ages[trajectory[i], time[i]]
        n_exact += age == switches.age[i]
        assert age >= switches.age[i]
    assert n_exact > 0.9 * is_found.sum()


def test_a_run_that_no_other_outlives_has_no_control():
    symbols = np.tile([0, 0, 0, 1, 1, 1], (4, 5))
    switches = find_switches(symbols)
    switches = switches.select(switches.age >= 1)
    trajectory, time = match_by_age(symbols, switches, stay=1, rng=np.random.default_rng(0))
    assert (trajectory == -1).all()
    assert (time == -1).all()
