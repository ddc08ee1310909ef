"""Statements about the circuit and the rules that decide them, fixed before any table was looked at.

A verdict is that of one network. A network that diverged, or is still on the plateau, has none.
"""

from dataclasses import dataclass

import circuit_measures as measures
from circuit_finders import beside
from circuit_rules import (
    Condition,
    above,
    above_share,
    all_beyond,
    at_least,
    below,
    below_share,
    beyond,
    combine,
    counts,
    each_below,
    has_sign,
    says,
    some_beyond,
    within,
)
from row_cells import Row


@dataclass(frozen=True)
class Statement:
    """A statement, its rule in words, and the conditions that must all hold."""

    name: str
    text: str
    rule: str
    conditions: tuple[Condition, ...]


def _one_decides(row: Row) -> bool:
    """Whether all but the leading direction are all but the deciding ones."""
    return "noise_kernel.replay[all_deciding]" not in row["quantities"]


def _excite_and_inhibit(kind: str) -> tuple[Condition, ...]:
    """Excitation within groups of a kind and inhibition between opposing ones, beyond matched groups."""
    null = measures.GROUP_NULL
    return (
        has_sign(measures.WITHIN[kind], 1),
        beyond(measures.WITHIN_BEYOND[kind], null),
        has_sign(measures.OPPOSING[kind], -1),
        beyond(measures.OPPOSING_BEYOND[kind], null),
    )


STATEMENTS = (
    Statement(
        "C15",
        "few noise directions time the switch",
        "replay of the deciding directions: lower limit > .6; of all but v: upper limit < .1 (where more "
        "than one direction decides, a larger share of the rest is inconclusive)",
        (above(measures.REPLAY_DECIDING, 0.6), below(measures.REPLAY_REST, 0.1, can_fail=_one_decides)),
    ),
    Statement(
        "C15b",
        "without them there are no switches",
        "hazard ratio of every direction of switching without the deciding directions: upper limit < .2",
        (each_below(measures.REMOVAL_DECIDING, 0.2),),
    ),
    Statement(
        "C16",
        "switches are decided ahead",
        "half-lead: lower limit ≥ 2 steps, and above that of the HMM",
        (at_least(measures.HALF_LEAD, 2.0), above(measures.HALF_LEAD, beside(measures.HALF_LEAD, "process"))),
    ),
    Statement(
        "C17",
        "few neurons carry it",
        "N_eff / neurons that differ: upper limit < .15; share of 12 minus the best simpler order: lower "
        "limit > 0",
        (below(measures.EFFECTIVE_SHARE, 0.15), above(measures.ADVANTAGE, 0.0)),
    ),
    Statement("one v", "one direction times all switches", "rank 1", (counts(measures.RANK, 1),)),
    Statement(
        "± v",
        "opposite switches have opposite kernels",
        "cosine of the kernels of a → b and b → a in the space of the deciding directions: upper limit < 0 "
        "for every pair",
        (each_below(measures.PAIR_COSINE, 0.0),),
    ),
    Statement(
        "signature",
        "carriers have the published signature",
        "share of the first 12 with it beyond random sets (p ≤ .05, Holm over directions) in half of the "
        "directions; fails if in none",
        (some_beyond(measures.SIGNATURE, measures.RANDOM_SETS, 0.5),),
    ),
    Statement(
        "C10",
        "neurons that carry a switch excite each other and inhibit those of the opposite",
        "first 12 of each direction, weights in standard units: mean within > 0 and between opposing groups "
        "< 0, both beyond matched groups (p ≤ .05, Holm); fails on the other side of 0 or of the null",
        _excite_and_inhibit("first"),
    ),
    Statement(
        "C10 side",
        "neurons that hold a symbol excite each other and inhibit those of the other",
        "the same for the first neurons of both directions, parted by the symbol in which they are more "
        "active (added after C10 had been looked at in one network)",
        _excite_and_inhibit("sides"),
    ),
    Statement(
        "C11",
        "populations tell of switches what first neurons and readout do not",
        "gain in AUC beyond random sets (p ≤ .05, Holm over directions) in half of the directions; fails if "
        "in none",
        (some_beyond(measures.AUC_GAIN, measures.RANDOM_SETS, 0.5),),
    ),
    Statement(
        "C11 signs",
        "populations have the published signs",
        "all four blocks beyond the same choice in relabelled weights (p ≤ .05, Holm); fails if none is",
        (all_beyond(measures.PATTERN, measures.PATTERN_NULL),),
    ),
    Statement(
        "C11 gate",
        "without the noise of populations switching ends",
        "gain 0 on what the noise does to them: upper limit of the hazard ratio < .2 in every direction",
        (says(measures.TRAP_POPULATION, "both ways"),),
    ),
    Statement(
        "C12",
        "without kick neurons switching ends",
        "gain 0 on the six neurons that fit the published signature best: upper limit of the hazard ratio < "
        ".2 in every direction (in some directions alone it fails: a state is lost)",
        (says(measures.TRAP_KICK, "both ways"),),
    ),
    Statement(
        "C12 first",
        "without the first neurons by effect switching ends",
        "the same for the first 12 of each direction together",
        (says(measures.TRAP_FIRST, "both ways"),),
    ),
    Statement(
        "C12 noise",
        "without the deciding noise switching ends",
        "the same for all deciding directions of the noise",
        (says(measures.TRAP_NOISE, "both ways"),),
    ),
    Statement(
        "C12 more",
        "amplified kick neurons overshoot",
        "overshoot at gain 2: lower limit > 0",
        (above(measures.OVERSHOOT_KICK, 0.0),),
    ),
    Statement(
        "C12 pairs",
        "critical pairs vanish without kick neurons, and stay when these are amplified",
        "at kick states of the intact network: upper limit at gain 0 < .2, lower limit at gain 2 > .5 of the "
        "intact value",
        (
            below_share(measures.PAIRS_AT_KICK[0], 0.2, measures.PAIRS_AT_KICK[1]),
            above_share(measures.PAIRS_AT_KICK[2], 0.5, measures.PAIRS_AT_KICK[1]),
        ),
    ),
    Statement(
        "C12 control",
        "the noise of the other neurons does not matter",
        "rate of all switches with gain 0 on the noise of neurons that neither are kick neurons nor feed "
        "them, over that of the intact network: interval within [.8, 1.25]",
        (within(measures.RATE_CONTROL, 0.8, 1.25),),
    ),
)

FEWEST_NETWORKS = 6
"""Networks with a verdict that a sentence about a loss needs."""

MOST = 0.8
"""Share of them that makes a statement hold, or fail, for a loss; below it is mixed."""

LEVEL = 0.05
"""Of the sign test of pairs, and of rank correlations."""


def judge(statement: Statement, row: Row) -> str:
    """Verdict of one network."""
    return combine(condition(row) for condition in statement.conditions)


def is_judged(row: Row) -> bool:
    """Whether a network has verdicts at all."""
    return row["phase"] not in ("diverged", "on_plateau")
