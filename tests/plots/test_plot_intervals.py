import numpy as np
import pytest

from orbitscope.plots.intervals import say_interval
from orbitscope.statistics import Estimate


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.5, 0.25, 0.75), "0.5 (0.25 to 0.75)"),
        ((-0.51234, -1.0, 0.0), "−0.512 (−1 to 0)"),
        ((0.0,), "0"),
        ((np.nan,), "undefined"),
    ],
)
def test_limits_are_said_where_there_are_any(numbers, words):
    assert say_interval(Estimate(*numbers)) == words
