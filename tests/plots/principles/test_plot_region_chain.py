from dataclasses import replace

import numpy as np
import pytest
from test_region_chain import ROWS, run

from orbitscope.hmm import HMM
from orbitscope.plots.principles.probability.region_chain import (
    describe_inferred_hmm,
    describe_region_chain,
    list_models,
    plot_deviations,
    plot_inferred_hmm,
    plot_matrix,
    plot_rates,
    plot_region_chain,
    plot_stay,
)
from orbitscope.statistics import Null


@pytest.fixture(scope="module")
def found():
    back = np.argsort([2, 0, 1])
    hmm = HMM(np.full(3, 1 / 3), ROWS, np.eye(3))
    return run(
        ROWS[np.ix_(back, back)],
        [0],
        [1],
        [2],
        hmm=hmm,
        aligned=[2, 0, 1],
        symbol_of=back,
        n_trajectories=100,
    )


@pytest.fixture(scope="module")
def alone():
    return run(ROWS, [0], [1], [2], n_trajectories=100)


def test_powers_are_drawn_beside_what_is_seen(found):
    ax = plot_stay(found, 1)
    seen = next(line for line in ax.get_lines() if line.get_label() == "seen")
    np.testing.assert_array_equal(seen.get_xdata(), found.lag)
    np.testing.assert_array_equal(seen.get_ydata(), found.transition.value[:, 1, 1])
    for i, (bars, lag) in enumerate(zip(ax.containers, found.base_lag, strict=True)):
        np.testing.assert_array_equal(bars.lines[0].get_xdata(), lag * np.array([2, 3, 4]))
        np.testing.assert_array_equal(bars.lines[0].get_ydata(), found.predicted.value[i, :, 1, 1])


def test_deviations_stand_beside_markov_chains(found):
    ax = plot_deviations(found)
    np.testing.assert_array_equal(ax.get_lines()[-1].get_xdata(), found.deviation.value)
    draws = [line.get_xdata() for line in ax.get_lines()[:-1]]
    np.testing.assert_array_equal(draws, found.deviation_null.draws.T)
    assert len(plot_region_chain(found).axes) == 4


def test_the_caption_says_at_which_lags_there_is_memory(found):
    def say(*p_values):
        null = Null("Markov chains", found.deviation_null.quantile, np.array(p_values))
        return describe_region_chain(replace(found, deviation_null=null)).split("**")[1]

    assert say(0.5, 0.5, 0.5, 0.5) == "No memory is seen in the chain of regions beyond the region itself."
    assert say(0.01, 0.01, 0.01, 0.01).endswith("memory at all lags tested, of 1, 5, 10 and 20 steps.")
    assert say(0.01, 0.01, 0.5, 0.5).endswith("memory at a lag of 1 and 5 steps; none is seen at 10 and 20.")
    assert "a-c, Probability" in describe_region_chain(found)
    assert "d, Largest difference" in describe_region_chain(found)


def test_matrices_are_those_of_the_result_in_the_order_of_the_states(found, alone):
    models = {name.split("\n")[0]: rest for name, *rest in list_models(found)}
    assert list(models) == ["true HMM", "regions,", "symbols"]
    np.testing.assert_array_equal(models["true HMM"][1], ROWS)
    np.testing.assert_allclose(models["symbols"][1], ROWS, atol=0.06)
    names = [name for name, *_ in list_models(found)]
    assert names == ["true HMM\n", "regions,\n1 step", "regions,\n20 steps", "symbols\n"]
    _, rows, transitions, emissions = list_models(found)[1]
    assert rows == [2, 0, 1]
    np.testing.assert_allclose(transitions, ROWS, atol=0.06)
    np.testing.assert_allclose(emissions, np.eye(3), atol=1e-6)
    assert [rows for _, rows, *_ in list_models(alone)] == [[0, 1, 2]] * 2


def test_cells_have_their_numbers():
    ax = plot_matrix(np.array([[0.25, 0.75], [1.0, 0.0]]), ["a", "b"], ["x", "y"])
    assert [text.get_text() for text in ax.texts] == [".25", ".75", "1", ".00"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]


def test_rates_are_drawn_with_their_floors(found):
    ax = plot_rates(found)
    values = [line.get_xdata()[0] for line in ax.get_lines() if line.get_marker() in "os"]
    np.testing.assert_array_equal(values, found.kl_rate.value)
    assert [line.get_marker() for line in ax.get_lines()][:5] == ["o", "o", "o", "s", "s"]
    assert len(plot_inferred_hmm(found).axes) == 9


def test_captions_say_what_is_inferred(found, alone):
    text = describe_inferred_hmm(found)
    assert text.startswith("**The nearest HMM that one would infer comes from ")
    assert "Right: KL rate" in text
    text = describe_inferred_hmm(alone)
    assert text.startswith("**The activity of the network is read as an HMM of 3 states.**")
    assert "Right" not in text
    assert "From symbols" not in text
    assert len(plot_inferred_hmm(alone).axes) == 4
    rates = replace(found, kl_rate=alone.kl_rate)
    assert "has 3 regions for the 3 states" in describe_inferred_hmm(rates)
    noted = replace(found, status={"notes": ["T(20) has no root that is a transition matrix"]})
    assert describe_inferred_hmm(noted).endswith("T(20) has no root that is a transition matrix.")
