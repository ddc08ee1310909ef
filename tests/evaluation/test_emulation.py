"""The conclusion of an evaluation: what it counts, what it calls worst, and how it says so."""

import json
from dataclasses import replace

import numpy as np
import pytest

import orbitscope
from orbitscope.evaluation import conclude_emulation
from orbitscope.settings import LossSettings
from orbitscope.statistics import Estimate


@pytest.fixture(scope="module")
def good():
    """Evaluation of a network that keeps to every margin."""
    return orbitscope.load_evaluation("zoo:linear-3-faithful")


def change(result, measure, *, estimate, verdict):
    """The same evaluation with another value of a measure, from both starts."""
    at = result.measure.tolist().index(measure)
    values, verdicts = result.estimate.value.copy(), result.verdict.astype("U20")
    values[:, at], verdicts[:, at] = estimate, verdict
    estimates = Estimate(values, result.estimate.low, result.estimate.high)
    return replace(result, estimate=estimates, verdict=verdicts)


def test_a_network_within_all_margins_emulates(good):
    emulation = conclude_emulation(good)
    assert (emulation.verdict, emulation.n_within, emulation.n_judged) == ("emulates", 8, 8)
    assert emulation.worst is None
    assert emulation.sentences == ("Emulates: all 8 measures are within their margins.",)
    assert emulation.memory == pytest.approx(1.0, abs=0.02)


def test_what_cannot_be_told_is_neither_within_nor_outside(good):
    doubtful = change(good, "volatility_error", estimate=0.039, verdict="inconclusive")
    emulation = conclude_emulation(doubtful)
    assert (emulation.verdict, emulation.n_within, emulation.n_undecided) == ("undecided", 7, 1)
    assert emulation.worst is None
    assert "7 of 8 measures are within their margins, 1 cannot be told" in emulation.sentences[0]


def test_the_worst_is_off_by_the_most_margins_not_by_the_largest_number(good):
    bad = change(good, "volatility_error", estimate=-0.08, verdict="different")  # 2 margins of .04
    bad = change(bad, "cross_entropy_gap", estimate=0.05, verdict="different")  # 5 margins of .01
    emulation = conclude_emulation(bad)
    assert (emulation.verdict, emulation.n_within) == ("partly", 6)
    assert emulation.worst.key == "cross_entropy_gap"
    assert emulation.sentences[1].startswith("Worst: sequences are less probable under the process")


def test_a_conclusion_is_json_whose_key_can_be_explained(good):
    bad = change(good, "classifier_auc", estimate=0.7, verdict="different")
    plain = conclude_emulation(bad, start="stationary").to_plain()
    assert (plain["verdict"], plain["n_within"]) == ("partly", 7)
    assert (plain["worst"]["key"], plain["worst"]["value"]) == ("evaluation.classifier_auc[stationary]", 0.7)
    assert conclude_emulation(good).to_plain()["worst"] is None
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain | {"sentences": list(plain["sentences"])}


def test_none_within_does_not_emulate(good):
    judged = good.measure[np.isfinite(good.margin)]
    for measure in judged.tolist():
        good = change(good, measure, estimate=0.9, verdict="different")
    emulation = conclude_emulation(good)
    assert emulation.verdict == "no"
    assert emulation.sentences[0] == "Does not emulate: 0 of 8 measures are within their margins."


def test_each_start_is_concluded_by_itself(good):
    verdicts = good.verdict.astype("U20")
    verdicts[good.start.tolist().index("stationary"), 0] = "different"
    mixed = replace(good, verdict=verdicts)
    found = {start: conclude_emulation(mixed, start=start).verdict for start in ("zero", "stationary")}
    assert found == {"zero": "emulates", "stationary": "partly"}


def test_symbols_without_memory_are_named_whatever_the_measures_say(good):
    network = good.source.tolist().index("network")
    matrices = good.symbol_matrix.copy()
    matrices[:, network] = good.frequencies[:, network, None, :]
    emulation = conclude_emulation(replace(good, symbol_matrix=matrices))
    assert emulation.verdict == "memoryless"
    assert emulation.memory == pytest.approx(0.0, abs=0.01)
    (sentence,) = emulation.sentences
    assert "untrained or still on the plateau" in sentence


@pytest.mark.parametrize(
    ("measure", "estimate", "words"),
    [
        ("symbol_matrix_error", 0.1, "probabilities of the next symbol are off by up to 0.100 (margin 0.02)"),
        ("frequency_error", 0.1, "frequencies of symbols are off by up to 0.100 (margin 0.005)"),
        ("volatility_error", 0.3, "symbols change 30% too often (margin 4%)"),
        ("volatility_error", -0.3, "symbols change 30% too rarely (margin 4%)"),
        ("cross_entropy_gap", -0.1, "sequences are less diverse than those of the process, by 0.100 nat per"),
        ("cross_entropy_gap", np.inf, "some sequences are impossible under the process"),
        ("impossible_share", 0.25, "25.0% of the sequences cannot come from the process (margin 1%)"),
        (
            "run_length_distance",
            0.3,
            "lengths of runs of one symbol follow another law, total variation 0.300",
        ),
        ("classifier_auc", 0.97, "a classifier tells its sequences from those of the process, AUC 0.97"),
    ],
)
def test_every_judged_measure_has_its_words(good, measure, estimate, words):
    emulation = conclude_emulation(change(good, measure, estimate=estimate, verdict="different"))
    assert emulation.sentences[1].startswith(f"Worst: {words}")


@pytest.mark.parametrize(
    ("loss", "is_explained"),
    [
        (None, False),
        (LossSettings(), True),
        (LossSettings(objective="words"), False),
        (LossSettings(epsilon=9.0), False),
    ],
)
def test_only_the_published_loss_explains_a_rare_symbol(loss, is_explained):
    rare = orbitscope.load_evaluation("zoo:linear-3")
    sentence = conclude_emulation(rare, loss=loss).sentences[2]
    assert sentence.startswith("Symbol 1 is almost never emitted (0.0004 of steps for 0.0100)")
    assert ("the paper's loss makes rare symbols rarer" in sentence) == is_explained
