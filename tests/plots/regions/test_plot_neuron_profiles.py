from dataclasses import replace

import numpy as np
import pytest

from orbitscope.dynamics.regions.neuron_profiles import NeuronProfileResult
from orbitscope.plots.regions.neuron_profiles import describe_neuron_profiles, plot_neuron_profiles
from orbitscope.plots.style import REGION_COLORS
from orbitscope.statistics import Estimate


@pytest.fixture
def result():
    activity = np.array([[1.0, 3.0, 2.0], [0.5, 0.1, 0.2], [0.0, 0.4, 0.3]])
    share = activity / 4
    return NeuronProfileResult(
        settings={"confidence": 0.95},
        status={"empty": []},
        region=np.array(["slow", "kick", "transition"]),
        neuron=np.arange(3),
        activity=Estimate(activity, activity - 0.1, activity + 0.1),
        preactivation=Estimate(activity),
        active_share=Estimate(share, share - 0.01, share + 0.01),
        n_active=Estimate([1.5, 0.2, 0.2], [1.4, 0.1, 0.1], [1.6, 0.3, 0.3]),
        n_effective=Estimate([2.6, 2.1, 2.0], [2.5, 2.0, 1.9], [2.7, 2.2, 2.1]),
        kick_slow_cosine=Estimate(0.62, 0.5, 0.7),
        n_points=np.array([10, 5, 2]),
    )


def test_neurons_are_in_the_order_of_their_activity_in_slow_states(result):
    above, below = plot_neuron_profiles(result).axes
    for place, (name, line) in enumerate(zip(result.region, above.lines, strict=True)):
        np.testing.assert_allclose(line.get_ydata(), result.activity.value[place, [1, 2, 0]])
        assert (line.get_label(), line.get_color()) == (name, REGION_COLORS[str(name)])
    np.testing.assert_allclose(below.lines[0].get_ydata(), [75, 50, 25])
    band = above.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.9, 3.1))


def test_the_caption_has_cosine_and_counts(result):
    caption = describe_neuron_profiles(result)
    assert caption.startswith("**Mean activity in kick and in slow states has the cosine 0.62 [0.5, 0.7].**")
    assert "Active neurons in a state: slow 1.5 [1.4, 1.6], kick 0.2" in caption


def test_an_empty_region_is_left_out(result):
    none = np.full(3, np.nan)
    activity = Estimate(np.array([none, *result.activity.value[1:]]))
    empty = replace(
        result, activity=activity, n_points=np.array([0, 5, 2]), kick_slow_cosine=Estimate(np.nan)
    )
    above, _ = plot_neuron_profiles(empty).axes
    assert [line.get_label() for line in above.lines] == ["kick", "transition"]
    np.testing.assert_allclose(above.lines[0].get_ydata(), [0.5, 0.2, 0.1])
    assert "cannot be compared" in describe_neuron_profiles(empty)
