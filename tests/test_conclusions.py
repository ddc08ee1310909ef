"""Sentences follow from quantities by rule."""

import pytest

from orbitscope.conclusions import conclude
from orbitscope.quantity import Quantity, known_value
from orbitscope.statistics import Estimate, Null

LAG = "training_evolution.lag[critical_share]"


def make(key, *numbers, word="", beside=()):
    return {
        key: Quantity(
            key, "label", Estimate(*numbers) if numbers else Estimate(float("nan")), "1", beside, word
        )
    }


def make_regions(flux, net=None):
    regions = make("regions.share[slow]", 0.79) | make("regions.net_flux", *flux)
    return regions | (make("circulation.net[direct]", *net) if net else {})


def make_traps(**words):
    names = {"noise": "noise:1", "first": "first", "kick": "kick"}
    found = {}
    for name, word in words.items():
        found |= make(f"interventions.trapped[{names[name]},0]", word=word)
    return found


def make_rotation(raw, standardised):
    """Area rates with the p-values of two nulls each."""
    planes = {"rotation.area_rate": raw, "rotation_standardised.area_rate": standardised}
    found = {}
    for key, p_values in planes.items():
        nulls = tuple(Null(name, 0.1, p) for name, p in zip("ab", p_values, strict=True))
        found |= make(key, 0.2, beside=(*known_value("if reversible", 0.0), *nulls))
    return found


def test_nothing_computed_nothing_said():
    assert conclude({}) == []


@pytest.mark.parametrize(
    ("quantities", "words"),
    [
        (make("noise_free_growth.verdict", word="decays"), "activity dies out: there is one fixed point"),
        (make("noise_free_growth.verdict", word="grows"), "activity grows"),
        (
            make("exponents.verdict", word="contracts") | make("exponents.largest", -0.1, -0.2, -0.05),
            "meet, so the noise decides where activity goes (largest exponent −0.1 [−0.2, −0.05])",
        ),
        (
            make("exponents.verdict", word="expands") | make("exponents.largest", 0.1, 0.05, 0.2),
            "part: activity is chaotic beside its noise",
        ),
        (
            make("noise_free_growth.verdict", word="decays")
            | make("exponents.verdict", word="contracts")
            | make("exponents.largest", -0.1, -0.2, -0.05),
            "there is one fixed point, and it attracts; paths under the same noise meet",
        ),
        (
            make_traps(noise="both ways", first="one way", kick="no"),
            "Without the leading direction of the noise, switching all but ends in every direction; without "
            "the first neurons by effect, it all but ends in some directions and goes on in others; "
            "without the neurons that best fit the published signature, it goes on.",
        ),
        (
            make_traps(first="no", kick="no"),
            "by effect or the neurons that best fit the published signature, each alone, switching goes on.",
        ),
        (
            make("commitment.half_lead[all]", 5.0, 4.8, 5.2, beside=known_value("process", 0.0)),
            "Half of the decision to switch falls 5 [4.8, 5.2] before the switch (in the process 0).",
        ),
        (
            make("commitment.half_lead[all]", 0.0, 0.0, 0.0, beside=known_value("process", 0.0)),
            "Switches are not decided ahead (in the process 0).",
        ),
        (
            make("commitment.half_lead[all]", 5.0, 4.8, 5.2)
            | make("noise_kernel.rank", 1.0)
            | make("noise_kernel.replay[leading]", 0.7, 0.6, 0.8),
            "the switch; replaying one direction of the noise before it brings back 0.7 [0.6, 0.8] of what",
        ),
        (
            make("carriers.n_effective[all]", 35.0, 31.0, 39.0),
            "In effect the decision is spread over 35 [31, 39]",
        ),
        (
            make("carriers.n_effective[all]", 35.0, 31.0, 39.0)
            | make("carriers.n_effective_once[all]", 25.0, 21.0, 29.0),
            "spread over 35 [31, 39], within single switches over 25 [21, 29].",
        ),
        (
            make("noise_kernel.rank", 0.0) | make("noise_kernel.replay[leading]", 0.0),
            "No direction of the noise before it can be told from chance.",
        ),
        (
            make_regions((4.0, 3.0, 5.0)),
            "79% of the steps, and goes round slow → kick → transition → slow (net 4 [3, 5]",
        ),
        (
            make_regions((-4.0, -5.0, -3.0), (-0.9, -1.0, -0.6)),
            "goes round slow → transition → kick → slow one way (net −4",
        ),
        (make_regions((4.0, 3.0, 5.0), (0.3, 0.1, 0.6)), "transition → slow more often than back (net 4"),
        (make_regions((4.0, 3.0, 5.0), (0.1, -0.2, 0.6)), "transition → slow (net 4"),
        (make_regions((0.1, -0.2, 0.4)), "in no preferred order"),
        (
            make("slow_clusters.n_clusters", 2) | make("slow_clusters.adjusted_rand", 0.8, 0.7, 0.9),
            "2 slow regions, found without labels, match the symbols",
        ),
        (
            make("slow_clusters.n_clusters", 2) | make("slow_clusters.adjusted_rand", 0.5, 0.4, 0.6),
            "partly match the symbols",
        ),
        (
            make("slow_clusters.n_clusters", 3) | make("slow_clusters.adjusted_rand", 0.1, 0.0, 0.2),
            "3 slow regions, found without labels, hardly match",
        ),
        (
            make("slow_clusters.n_clusters", 1) | make("slow_clusters.adjusted_rand", 0.0),
            "Slow states form one region",
        ),
        (make_rotation((0.01, 0.01), (0.02, 0.01)), "turns one way in both planes, beyond"),
        (make_rotation((0.3, 0.2), (0.02, 0.01)), "in the plane of standardised activity alone, beyond"),
        (
            make_rotation((0.01, 0.2), (0.02, 0.01)),
            "in the plane of standardised activity, beyond untrained networks and the other nulls; "
            "for the plane of raw activity the nulls disagree.",
        ),
        (
            make_rotation((0.3, 0.2), (0.2, 0.01)),
            "Activity does not turn one way in the plane of raw activity; for the plane of standardised "
            "activity the nulls disagree.",
        ),
        (make_rotation((0.3, 0.2), (0.3, 0.1)), "in neither plane"),
        (
            make_rotation((0.01, 0.2), (0.3, 0.01)),
            "Whether activity turns one way in both planes is undecided: the nulls disagree.",
        ),
        (
            make("training_evolution.lag[critical_share]", 25, 5, 25),
            "5 to 25 epochs after the drop of the loss",
        ),
        (
            make("training_evolution.lag[critical_share]", -9, -11, 0),
            "with the drop of the loss (from 11 epochs before",
        ),
        (make("training_evolution.lag[critical_share]", -9, -11, -2), "2 to 11 epochs before the drop"),
    ],
)
def test_each_rule_says_what_its_numbers_say(quantities, words):
    (sentence,) = conclude(quantities)
    assert words in sentence


def test_what_was_not_dated_or_drawn_is_passed_over():
    nan = float("nan")
    assert conclude(make(LAG, nan, nan, nan)) == []
    assert conclude(make_rotation((nan, nan), (nan, nan))) == []


def test_noise_that_cannot_be_told_from_chance_ends_nothing():
    noise = make("noise_kernel.rank", 0.0) | make("noise_kernel.replay[leading]", float("nan"))
    assert conclude(make_traps(noise="both ways", kick="no") | noise)[-1] == (
        "Without the neurons that best fit the published signature, switching goes on."
    )


def test_one_plane_alone_is_not_called_both():
    quantities = {
        key: q for key, q in make_rotation((0.01, 0.01), (1, 1)).items() if key == "rotation.area_rate"
    }
    assert conclude(quantities) == [
        "Activity turns one way in the plane of raw activity, beyond untrained networks and the other nulls."
    ]


def test_there_are_at_most_six():
    everything = (
        make("noise_free_growth.verdict", word="decays")
        | make("exponents.verdict", word="contracts")
        | make("exponents.largest", -0.1, -0.2, -0.05)
        | make_regions((4.0, 3.0, 5.0))
        | make("slow_clusters.n_clusters", 2)
        | make("slow_clusters.adjusted_rand", 0.8, 0.7, 0.9)
        | make_rotation((0.01, 0.01), (0.02, 0.01))
        | make(LAG, 25, 5, 25)
        | make("commitment.half_lead[all]", 5.0, 4.8, 5.2)
        | make("noise_kernel.rank", 1.0)
        | make("noise_kernel.replay[leading]", 0.7, 0.6, 0.8)
        | make("carriers.n_effective[all]", 35.0, 31.0, 39.0)
        | make_traps(noise="both ways", first="one way", kick="no")
    )
    assert len(conclude(everything)) == 6
