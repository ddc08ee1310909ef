import pytest
from claim_numbers import make_numbers, margin, name_beside, null, number

from orbitscope.claims.claim import Claim
from orbitscope.claims.conditions import above, below, combine, within
from orbitscope.claims.finders import at, beside, each, largest, null_beside, ratio, size, smallest
from orbitscope.claims.ledger import CLAIMS, judge_claims
from orbitscope.quantity import Quantity

BY_NAME = {claim.name: claim for claim in CLAIMS}
IDENTITY = name_beside("identity", 1.0)
OPEN = "inconclusive"


def read(numbers):
    """Quantities of their JSON form."""
    unknown = {"label": "a number", "is_main": True}
    return {key: Quantity.from_plain(unknown | entry | {"key": key}) for key, entry in numbers.items()}


def judge(name, **changes):
    return BY_NAME[name].judge(read(make_numbers(**changes))).word


DECIDING = "noise_kernel.replay[all_deciding]"


@pytest.mark.parametrize("name", [claim.name for claim in CLAIMS])
def test_claims_hold_where_they_must(name):
    assert judge(name) == "holds"


@pytest.mark.parametrize(
    ("name", "changes", "verdict"),
    [
        ("C1", {"evaluation.classifier_auc": number(0.7, beside=[margin(0.05, "outside", 0.5)])}, "fails"),
        (
            "C1",
            {"evaluation.classifier_auc": number(0.7, beside=[margin(0.05, "undecided")])},
            "inconclusive",
        ),
        ("C1 loss", {"evaluation.sinkhorn_loss_excess": number(0.4, 0.2, 0.6)}, "fails"),
        ("C1 loss", {"evaluation.sinkhorn_loss_excess": number(-2.0, -2.2, -1.8)}, "holds"),
        ("C2", {"fixed_points.n_points[fixed]": number(3)}, "fails"),
        ("C2", {"fixed_points.n_points[fixed]": number(0)}, "inconclusive"),
        ("C2", {"fixed_points.n_points[fixed]": number(1, beside=[IDENTITY])}, "identity"),
        ("C2 decay", {"noise_free_growth.verdict": number(None, word="grows")}, "fails"),
        ("C3", {"circulation.net[direct]": number(0.4, 0.3, 0.6)}, "inconclusive"),
        ("C3", {"circulation.net[direct]": number(0.2, -0.1, 0.4)}, "fails"),
        ("C3", {"rotation.area_rate": number(0.01, beside=[null("untrained", 0.02, 0.5)])}, "fails"),
        ("C3", {"rotation.area_rate": number(0.01)}, "not measured"),
        ("C4", {"orbit_size.slope": number(0.5, 0.4, 0.6)}, "fails"),
        ("C4", {"orbit_size.slope": number(1.0, 0.8, 1.2)}, "inconclusive"),
        ("C4", {"orbit_size.slope": number(1.0, 1.0, 1.0, beside=[IDENTITY])}, "identity"),
        ("C5", {"slow_clusters.adjusted_rand": number(0.3, 0.2, 0.4)}, "fails"),
        ("C5", {"slow_clusters.adjusted_rand": None}, "not measured"),
        ("C6", {"regions.kick_minus_slow": number(-0.3, -0.5, -0.1)}, "fails"),
        ("C6", {"regions.kick_minus_slow": number(0.1, -0.1, 0.3)}, "inconclusive"),
        ("C7", {"noise_sensitivity.slow_over_transition": number(0.8, 0.7, 0.9)}, "fails"),
        ("C8", {"training_evolution.lag[unstable_share]": number(9.0, 4.0, 14.0)}, "fails"),
        ("C8", {"training_evolution.lag[unstable_share]": number(0.0, -15.0, 15.0)}, "inconclusive"),
        ("C8", {"training_evolution.lag[unstable_share]": number(0.0)}, "inconclusive"),
        ("C8 pairs", {"training_evolution.date[loss_drop]": None}, "not measured"),
        ("C9", {"carriers.n_carriers[2-0]": number(0)}, "inconclusive"),
        ("C9", {f"carriers.n_carriers[{d}]": number(0) for d in ("0-2", "2-0")}, "fails"),
        ("C13", {"dwell.cv_ratio": number(1.2, 1.1, 1.3)}, "fails"),
        ("C13", {"dwell.cv_ratio": number(0.88, 0.8, 0.95)}, OPEN),
        ("C14", {"primitives.verdict[removed]": number(None, word="partly")}, "fails"),
        ("C14", {"primitives.verdict[removed]": number(None, word="one pair only")}, OPEN),
        ("C14 neurons", {"primitives.verdict[neurons]": number(None, word="not composed")}, "fails"),
        ("C18", {"hazard.gain_verdict[2-0]": number(None, word="fails")}, "fails"),
        ("C18", {"hazard.gain_verdict[2-0]": number(None, word="undecided")}, OPEN),
        ("C18", {"hazard.gain_verdict[0-2]": number(None, word="no test")}, "not measured"),
        (
            "C19",
            {"region_chain.deviation[5]": number(0.1, beside=[null("Markov chains", 0.04, 0.01)])},
            OPEN,
        ),
        (
            "C19",
            {
                f"region_chain.deviation[{lag}]": number(0.1, beside=[null("Markov chains", 0.04, 0.01)])
                for lag in (5, 20)
            },
            "fails",
        ),
        ("C20", {"committor.kick_excess": number(-0.2, -0.3, -0.1)}, "fails"),
        ("C15", {"noise_kernel.replay[leading]": number(0.5, 0.4, 0.6)}, "fails"),
        ("C15", {"noise_kernel.replay[leading]": number(0.65, 0.55, 0.75)}, "inconclusive"),
        ("C15", {"noise_kernel.replay[rest]": number(0.2, 0.15, 0.25)}, "fails"),
        ("C15", {"noise_kernel.replay[rest]": number(0.08, 0.02, 0.14)}, "inconclusive"),
        (
            "C15",
            {"noise_kernel.replay[leading]": number(0.3, 0.2, 0.4), DECIDING: number(0.8, 0.7, 0.9)},
            "holds",
        ),
        (
            "C15",
            {DECIDING: number(0.8, 0.7, 0.9), "noise_kernel.replay[rest]": number(0.3, 0.2, 0.4)},
            "inconclusive",
        ),
        ("C15b", {"noise_kernel.removal[leading,2-0]": number(0.5, 0.4, 0.6)}, "fails"),
        ("C15b", {"noise_kernel.removal[leading,2-0]": number(0.15, 0.1, 0.3)}, "inconclusive"),
        (
            "C16",
            {"commitment.half_lead[all]": number(1.5, 1.2, 1.8, beside=[name_beside("process", 0.0)])},
            "fails",
        ),
        (
            "C16",
            {"commitment.half_lead[all]": number(4.0, 3.0, 5.0, beside=[name_beside("process", 6.0)])},
            "fails",
        ),
        (
            "C16",
            {"commitment.half_lead[all]": number(2.1, 1.9, 2.4, beside=[name_beside("process", 0.0)])},
            "inconclusive",
        ),
        ("C16", {"commitment.half_lead[all]": number(4.0, 3.0, 5.0)}, "not measured"),
        (
            "C16",
            {
                "commitment.half_lead[all]": number(
                    4.0, 3.0, 5.0, beside=[name_beside("process", 2.8, 2.0, 3.6)]
                )
            },
            OPEN,
        ),
        (
            "C9 signature",
            {
                f"carriers.signature[{d}]": number(0.2, beside=[null("random sets", 0.1, 0.04)])
                for d in ("0-2", "2-0")
            },
            "fails",
        ),
        (
            "C11 signs",
            {"populations.pattern[both,mutual]": number(0.0, beside=[null("relabelled weights", 0.1, None)])},
            OPEN,
        ),
        ("C17", {"carriers.effective_share": number(0.4, 0.3, 0.5)}, "fails"),
        ("C17", {"carriers.effective_share": number(0.14, 0.12, 0.2)}, "inconclusive"),
        ("C17", {"carriers.advantage": number(0.02, -0.01, 0.05)}, "inconclusive"),
        ("C17", {"carriers.advantage": number(-0.1, -0.2, 0.0)}, "fails"),
        ("C15 one", {"noise_kernel.rank": number(2)}, "fails"),
        ("C15 one", {"noise_kernel.rank": number(0)}, "inconclusive"),
        ("C15 sign", {"noise_kernel.pair_cosine[0-2]": number(0.5, 0.1, 0.8)}, "fails"),
        ("C15 sign", {"noise_kernel.pair_cosine[0-2]": number(-0.3, -0.6, 0.1)}, "inconclusive"),
        ("C15 sign", {"noise_kernel.pair_cosine[0-2]": None}, "not measured"),
        ("C10", {"connectivity.weight[first,within]": number(-0.01)}, "fails"),
        (
            "C10",
            {
                "connectivity.beyond_matched[first,opposing]": number(
                    1.0, beside=[null("matched groups", 1.7, 0.2)]
                )
            },
            "inconclusive",
        ),
        (
            "C10",
            {
                "connectivity.beyond_matched[first,opposing]": number(
                    -1.0, beside=[null("matched groups", 1.7, 0.8)]
                )
            },
            "fails",
        ),
        ("C10", {"connectivity.weight[first,opposing]": None}, "not measured"),
        ("C10 side", {"connectivity.weight[sides,opposing]": number(0.01)}, "fails"),
        (
            "C11",
            {
                f"populations.gain[{d}]": number(0.0, beside=[null("random sets", 0.01, 0.4)])
                for d in ("0-2", "2-0")
            },
            "fails",
        ),
        (
            "C11 signs",
            {"populations.pattern[both,mutual]": number(0.0, beside=[null("relabelled weights", 0.1, 0.3)])},
            "inconclusive",
        ),
        ("C11 gate", {"interventions.trapped[population,0]": number(None, word="one way")}, "fails"),
        ("C12", {"interventions.trapped[kick,0]": number(None, word="one way")}, "fails"),
        ("C12", {"interventions.trapped[kick,0]": number(None, word="no")}, "fails"),
        ("C12", {"interventions.trapped[kick,0]": number(None, word="diverges")}, "inconclusive"),
        ("C12", {"interventions.trapped[kick,0]": None}, "not measured"),
        ("C12 first", {"interventions.trapped[first,0]": number(None, word="one way")}, "fails"),
        ("C12 noise", {"interventions.trapped[noise,0]": number(None, word="no")}, "fails"),
        ("C12 more", {"interventions.overshoot[kick,2]": number(-0.2, -0.3, -0.1)}, "fails"),
        ("C12 more", {"interventions.overshoot[kick,2]": number(0.1, -0.1, 0.3)}, "inconclusive"),
        ("C12 pairs", {"interventions.critical_pairs_kick[kick,0]": number(0.5, 0.4, 0.6)}, "fails"),
        ("C12 pairs", {"interventions.critical_pairs_kick[kick,0]": number(0.15, 0.1, 0.2)}, "inconclusive"),
        ("C12 pairs", {"interventions.critical_pairs_kick[kick,2]": number(0.2, 0.1, 0.3)}, "fails"),
        ("C12 pairs", {"interventions.critical_pairs_kick[kick,1]": number(0.0, 0.0, 0.0)}, "not measured"),
        ("C12 control", {"interventions.rate[kick-control,0]": number(0.5, 0.4, 0.6)}, "fails"),
        ("C12 control", {"interventions.rate[kick-control,0]": number(1.2, 1.0, 1.4)}, "inconclusive"),
        (
            "C9 signature",
            {"carriers.signature[0-2]": number(0, beside=[null("random sets", 0.2, 1.0)])},
            "fails",
        ),
        (
            "C9 signature",
            {
                f"carriers.signature[{a}]": number(0.2, beside=[null("random sets", 0.1, p)])
                for a, p in (("0-2", 0.01), ("2-0", 0.3), ("0-1", 0.5))
            },
            "inconclusive",
        ),
    ],
)
def test_claims_fail_or_are_inconclusive(name, changes, verdict):
    assert judge(name, **changes) == verdict


def test_a_network_without_numbers_has_no_verdict():
    verdicts = judge_claims({})
    assert [verdict.word for verdict in verdicts] == ["not measured"] * len(CLAIMS)
    assert all("were not measured" in verdict.reason for verdict in verdicts)


def test_names_are_there_once():
    assert len(BY_NAME) == len(CLAIMS)


def test_a_reason_says_the_numbers_that_decided():
    numbers = make_numbers(**{"carriers.advantage": number(-0.1, -0.2, 0.0)})
    verdict = BY_NAME["C17"].judge(read(numbers))
    assert verdict.reason.startswith("A number −0.1 [−0.2, 0]. Rule: N_eff / neurons that differ")
    assert [quantity.key for quantity in verdict.decisive] == ["carriers.advantage"]
    assert [quantity.key for quantity in verdict.quantities] == [
        "carriers.effective_share",
        "carriers.advantage",
    ]
    holds = BY_NAME["C16"].judge(read(make_numbers()))
    assert "Rule" not in holds.reason
    plain = verdict.to_plain()
    assert (plain["claim"], plain["verdict"]) == ("C17", "fails")
    assert plain["quantities"][0]["low"] == 0.06


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.2, ("holds", "fails", "holds")),
        (-0.1, 0.2, ("inconclusive", "inconclusive", "inconclusive")),
        (-0.2, -0.1, ("fails", "holds", "fails")),
        (0.0, 0.2, ("inconclusive", "fails", "holds")),
        (-0.2, 0.0, ("fails", "inconclusive", "inconclusive")),
        (None, None, ("inconclusive", "inconclusive", "inconclusive")),
    ],
)
def test_a_limit_on_the_border(low, high, words):
    """Above and below are strict; within holds its ends."""
    found, find = read({"x": number(0.0, low, high)}), at("x")
    conditions = above(find, 0.0), below(find, 0.0), within(find, 0.0, 1.0)
    assert tuple(condition(found).verdict for condition in conditions) == words


def test_one_that_fails_decides_then_one_that_is_missing():
    assert combine(["holds", "inconclusive", "not measured", "fails"]) == "fails"
    assert combine(["holds", "inconclusive", "not measured"]) == "not measured"
    assert combine(["holds", "inconclusive"]) == "inconclusive"
    assert combine(["holds", "holds"]) == "holds"
    assert combine([]) == "not measured"


def test_numbers_are_found_beside_and_between_others():
    found = read(
        {
            "a[0]": number(-2.0, -3.0, 1.0, beside=[name_beside("process", 0.5, 0.4, 0.6)]),
            "a[1]": number(4.0, 3.0, 5.0, beside=[null("sets", 0.7, 0.01)]),
            "a[2]": number(None),
            "b": number(0.0),
        }
    )
    assert [quantity.key for quantity in each("c", "a[")(found)] == ["a[0]", "a[1]"]
    assert smallest(each("a["))(found).key == "a[0]"
    assert largest(each("a["))(found).key == "a[1]"
    assert largest(each("c"))(found) is None
    assert beside(at("a[0]"), "process")(found).estimate.low == 0.4
    assert beside(at("a[0]"), "other")(found) is None
    assert float(null_beside(at("a[1]"), "sets")(found).estimate) == 0.7
    assert null_beside(at("a[2]"), "sets")(found) is None
    assert float(ratio(at("a[1]"), at("a[0]"))(found).estimate) == -2
    assert ratio(at("a[1]"), at("b"))(found) is None
    one, other = size(at("a[0]"))(found).estimate, size(at("a[1]"))(found).estimate
    assert (float(one), one.low, one.high) == (2.0, 0.0, 3.0)
    assert (float(other), other.low, other.high) == (4.0, 3.0, 5.0)
    assert size(at("a[2]"))(found) is None


def test_every_claim_is_said_in_words():
    for claim in CLAIMS:
        assert isinstance(claim, Claim)
        assert claim.text[0].islower()
        assert len(claim.rule) > 5
        assert claim.source in ("torre2025", "own construction")
        assert claim.set_on
