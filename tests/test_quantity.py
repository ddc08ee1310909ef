"""Numbers with their intervals, what stands beside them, and how both are shown and stored."""

import json

import numpy as np
import pytest

from orbitscope.errors import InputError
from orbitscope.quantity import Definition, Margin, Quantity, Reference
from orbitscope.statistics import Estimate, Null
from orbitscope.system.plain_json import make_plain


@pytest.mark.parametrize(
    ("numbers", "spec", "text"),
    [
        ((0.12345, 0.1, 0.15), "", "0.123 [0.1, 0.15]"),
        ((0.12345, 0.1, 0.15), "2", "0.12 [0.1, 0.15]"),
        ((0.12345, 0.1, 0.15), "%", "12.3 [10, 15] %"),
        ((0.5,), "%", "50 %"),
        ((-3e-7,), "", "−3×10⁻⁷"),
        ((np.nan,), "", "undefined"),
        ((np.inf, 2.0, np.inf), "", "∞ [2, ∞]"),
        ((np.inf, np.inf, np.inf), "", "∞"),
        ((2.0, 2.0, 2.0), "", "2 [2, 2]"),
    ],
)
def test_an_estimate_is_written_with_its_interval(numbers, spec, text):
    assert format(Estimate(*numbers), spec) == text


def test_an_array_of_estimates_gives_single_ones():
    several = Estimate([[1.0, 2.0]], [[0.5, np.nan]], [[1.5, np.nan]])
    assert f"{several[0, 0]}" == "1 [0.5, 1.5]"
    assert f"{several[0, 1]}" == "2"
    assert float(several[0, 1]) == 2.0
    assert several.to_plain() == {"value": [[1.0, 2.0]], "low": [[0.5, None]], "high": [[1.5, None]]}
    with pytest.raises(ValueError, match="read-only"):
        several.value[0, 0] = 3.0


def test_estimates_are_stacked_with_their_limits():
    several = Estimate.stack([Estimate([1.0, 2.0], [0.0, 1.0], [3.0, 4.0]), Estimate([5.0, 6.0])], axis=1)
    assert several[:, 0] == Estimate([1.0, 2.0], [0.0, 1.0], [3.0, 4.0])
    assert several[1, 1] == Estimate(6.0)


def test_an_estimate_does_not_change_with_the_array_it_was_made_from():
    values = np.array([1.0, 2.0])
    estimate = Estimate(values)
    values[0] = 9.0
    assert estimate.value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("limits", "number", "excluded"),
    [
        ((0.1, 0.2), 0.0, True),
        ((-0.1, 0.2), 0.0, False),
        ((0.0, 0.2), 0.0, False),
        ((np.nan, np.nan), 0.0, False),
    ],
)
def test_what_an_interval_excludes(limits, number, excluded):
    assert Estimate(0.1, *limits).excludes(number) is excluded


def test_limits_must_fit():
    with pytest.raises(InputError, match="other way round"):
        Estimate(1.0, 2.0, 0.0)
    with pytest.raises(InputError, match=r"`low` must have the shape \(2,\) of `value`, got \(3,\)"):
        Estimate([1.0, 2.0], [0.0, 1.0, 2.0], [3.0, 4.0])


def test_a_null_has_the_quantile_and_the_p_value_of_its_draws():
    null = Null.of_draws("shuffled weights", 98.5, np.arange(100.0))
    assert null.quantile == pytest.approx(np.quantile(np.arange(100.0), 0.95))
    assert null.p_value == 2 / 101  # 99 alone is as large, and the observed value counts
    assert str(null) == "shuffled weights 94 (p = 0.02)"
    assert str(Null("untrained networks", 0.02)) == "untrained networks 0.02"
    none = Null.of_draws("untrained networks", 1.0, np.empty(0))
    assert np.isnan([none.quantile, none.p_value]).all()
    with pytest.raises(InputError, match=r"`p_value` must have the shape \(2,\)"):
        Null("untrained networks", [0.1, 0.2], [0.1, 0.2, 0.3])


def test_a_quantity_shows_and_stores_the_same_number():
    beside = (Null("untrained networks", 0.02, 0.01), Reference("if reversible", Estimate(0.0)))
    quantity = Quantity("rotation.area_rate", "area rate", Estimate(0.1, 0.05, 0.15), "1/step", beside)
    assert str(quantity) == "0.1 [0.05, 0.15] 1/step"
    assert quantity.describe_beside() == "untrained networks 0.02 (p = 0.01), if reversible 0"
    plain = quantity.to_plain()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["key"], plain["value"], plain["low"], plain["unit"]) == (
        "rotation.area_rate",
        0.1,
        0.05,
        "1/step",
    )
    assert plain["beside"][0] == {
        "kind": "null",
        "name": "untrained networks",
        "quantile": 0.02,
        "level": 0.95,
        "p_value": 0.01,
    }
    assert plain["beside"][1]["value"] == 0.0


def test_a_quantity_comes_back_from_its_json_form():
    """Nulls without their draws; None is undefined, "inf" infinite."""
    margin = Margin(0.05, 0.5, Estimate(0.6, 0.58, 0.62), "outside")
    beside = (
        Null("untrained networks", 0.02, 0.01),
        Reference("process", Estimate(0.1, 0.0, 0.2), "1/step"),
        margin,
    )
    number = Quantity("a.b[c]", "a number", Estimate(np.inf, 0.1, np.inf), "1/step", beside, is_main=False)
    word = Quantity("a.word", "an answer", word="decays")
    for quantity in (number, word):
        plain = json.loads(json.dumps(make_plain(quantity.to_plain())))
        again = Quantity.from_plain(plain)
        assert make_plain(again.to_plain()) == plain
        assert str(again) == str(quantity)
    assert Quantity.from_plain(number.to_plain()).margin == margin


def test_a_share_is_stored_as_it_is_and_shown_in_percent():
    share = Quantity("regions.share[slow]", "share of states", Estimate(0.25), "share")
    assert str(share) == "25 %"
    assert share.to_plain()["value"] == 0.25


def test_a_kind_is_a_word():
    kind = Quantity("noise_free_growth.verdict", "without noise", word="decays")
    assert str(kind) == "decays"
    assert (kind.to_plain()["word"], kind.to_plain()["value"]) == ("decays", None)


@pytest.mark.parametrize("is_main", [True, False])
def test_a_quantity_is_a_main_one_if_its_definition_is(is_main):
    definition = Definition("share", "{}: share", "…", "…", "…", "…", is_main=is_main)
    quantity = definition.measure(0.5, "slow")
    assert quantity.is_main is quantity.to_plain()["is_main"] is is_main


def test_a_margin_says_where_a_quantity_lies():
    margin = Margin(0.05, 0.5, Estimate(0.6, 0.58, np.nan), "outside")
    sample = Reference("process sample", Estimate(0.5, 0.4, 0.6))
    quantity = Quantity("auc", "AUC", Estimate(0.6), beside=(margin, sample))
    assert quantity.describe_beside() == "margin 0.5 ± 0.05: outside, process sample 0.5 [0.4, 0.6]"
    assert str(Margin(0.02, 0.0, Estimate(0.0), "within")) == "margin 0.02: within"
    assert quantity.margin is margin
    assert quantity.find_reference("process sample") is sample
    assert quantity.find_reference("control") is None
    assert Quantity("auc", "AUC").margin is None
    plain = quantity.to_plain()["beside"][0]
    numbers = {"size": 0.05, "target": 0.5, "test": {"value": 0.6, "low": 0.58, "high": None}}
    assert plain == {"kind": "margin", **numbers, "verdict": "outside"}
