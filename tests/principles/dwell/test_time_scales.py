from types import SimpleNamespace

import numpy as np
import pytest

from orbitscope.principles.dwell.time_scales import TIME_SCALES, collect_time_scales, find_crossings
from orbitscope.statistics import BootstrapResult, Estimate

RESAMPLING = {"n_resamples": 200, "confidence": 0.9}
SLOW, KICK, TRANSITION = 0, 1, 2


def make_dwell(mean=20.0, spread=1.0):
    samples = mean + spread * np.random.default_rng(0).standard_normal(200)
    low, high = map(np.array, np.quantile(samples, [0.05, 0.95]))
    return BootstrapResult(np.array(mean), low, high, samples, 0.9, 50)


def make_regions(n=40, duration=4):
    """Each trajectory: slow in 0, a way of so many steps to slow in 1."""
    label, symbol = np.full((n, 20), SLOW), np.zeros((n, 20), dtype=int)
    label[:, 5 : 4 + duration] = TRANSITION
    symbol[:, 6:] = 1
    return SimpleNamespace(label=label, symbol=symbol)


CONTRACTS = Estimate(-0.25, -0.5, -0.2)


def make_found(exponent=CONTRACTS):
    mean = Estimate.stack([Estimate(1.0, 0.9, 1.1), exponent])
    return {
        "regional_exponents": SimpleNamespace(region=np.array(["kick", "slow"]), mean_exponent=mean),
        "noise_kernel": SimpleNamespace(length=np.array(9.0)),
        "commitment": SimpleNamespace(rise_time=Estimate(7.0, 6.0, 8.0)),
        "regions": make_regions(),
    }


def collect(found, **options):
    return collect_time_scales(found, make_dwell(**options), rng=np.random.default_rng(1), **RESAMPLING)


def test_a_crossing_lasts_from_the_last_slow_state_to_the_next():
    """A way back to the same symbol is none, nor one that leaves the window; one may take a single step."""
    label = np.array(
        [
            [SLOW, KICK, KICK, SLOW, SLOW, TRANSITION, SLOW, KICK],
            [KICK, SLOW, SLOW, SLOW, -1, SLOW, SLOW, SLOW],
        ]
    )
    symbol = np.array([[0, 0, 1, 1, 1, 1, 1, 0], [1, 0, 1, 1, 2, 0, 0, 0]])
    trajectory, duration = find_crossings(label, symbol)
    assert trajectory.tolist() == [0, 1, 1]
    assert duration.tolist() == [3, 1, 2]


def test_time_scales_are_those_of_other_parts():
    time, separation, notes = collect(make_found())
    found = dict(zip(TIME_SCALES, range(5), strict=True))
    assert notes == []
    assert time[found["relaxation"]] == Estimate(4.0, 2.0, 5.0)
    assert time[found["noise kernel"]] == Estimate(9.0)
    assert time[found["rise time"]] == Estimate(7.0, 6.0, 8.0)
    assert float(time[found["transition"]]) == 4.0
    assert float(time[found["dwell"]]) == 20.0
    assert float(separation) == 5.0
    assert separation.low == pytest.approx(make_dwell().low / 4)
    assert separation.high == pytest.approx(make_dwell().high / 4)


def test_what_is_missing_is_named():
    time, separation, notes = collect({})
    assert np.isfinite(time.value).tolist() == [True, False, False, False, False]
    assert np.isnan(separation.value)
    assert [note.split(":")[0] for note in notes] == ["relaxation", "noise kernel", "rise time", "transition"]
    assert all("was not computed" in note for note in notes)


@pytest.mark.parametrize(
    ("exponent", "expected", "note"),
    [
        (Estimate(0.1, 0.05, 0.2), Estimate(np.nan), "does not contract"),
        (Estimate(np.nan), Estimate(np.nan), "does not contract"),
        (Estimate(-0.1, -0.3, 0.1), Estimate(10.0), "no upper limit"),
    ],
)
def test_relaxation_needs_a_negative_exponent(exponent, expected, note):
    time, _, notes = collect(make_found(exponent))
    assert time[1] == expected
    assert note in notes[0]


def test_few_crossings_have_no_duration():
    found = make_found() | {"regions": make_regions(29)}
    time, separation, notes = collect(found)
    assert np.isnan(time.value[4])
    assert np.isnan(separation.value)
    enough = collect(found | {"regions": make_regions(30)})
    assert float(enough[0][4]) == 4.0
    assert notes == ["transition: 29 ways between slow regions were seen, and 30 are needed"]


def test_crossings_have_intervals_over_trajectories():
    regions = make_regions(60)
    longer = make_regions(60, duration=8)
    regions = SimpleNamespace(
        label=np.concatenate([regions.label, longer.label]),
        symbol=np.concatenate([regions.symbol, longer.symbol]),
    )
    time, _, _ = collect(make_found() | {"regions": regions})
    width = 1.645 * 2 / np.sqrt(120)
    assert (time.high[4] - time.low[4]) / 2 == pytest.approx(width, rel=0.2)
    assert time.value[4] == 6.0
