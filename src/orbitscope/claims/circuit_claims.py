"""Claims about the circuit, and about its causes."""

from .claim import Claim
from .conditions import (
    Condition,
    above,
    above_share,
    all_beyond,
    at_least,
    below,
    below_share,
    beyond,
    counts,
    each_at_least,
    each_below,
    has_sign,
    says,
    some_beyond,
    within,
)
from .finders import Quantities, at, beside, each

HALF_LEAD = at("commitment.half_lead[all]")

REPLAY_DECIDING = at("noise_kernel.replay[all_deciding]", "noise_kernel.replay[leading]")
"""Where one direction decides, it is the leading one, and there is no key of all."""

REMOVAL_DECIDING = each("noise_kernel.removal[all_deciding,", "noise_kernel.removal[leading,")

TRAP_NOISE = at("interventions.trapped[noise,0]", "interventions.trapped[noise:1,0]")

PAIRS_AT_KICK = {gain: at(f"interventions.critical_pairs_kick[kick,{gain}]") for gain in (0, 1, 2)}
"""Critical pairs at kick states of the intact network, kick neurons under a gain."""

GROUP_NULL, RANDOM_SETS, RELABELLED = "matched groups", "random sets", "relabelled weights"

_OWN = "own construction"
_ONE_SEEN = "after it had been looked at in one network (zoo:linear-2)"


def _one_decides(found: Quantities) -> bool:
    """Whether all but the leading direction are all but the deciding ones."""
    return "noise_kernel.replay[all_deciding]" not in found


def _excite_and_inhibit(kind: str) -> tuple[Condition, ...]:
    """Excitation within groups of a kind and inhibition between opposing ones, beyond matched groups."""
    within_key, opposing_key = (f"[{kind},{relation}]" for relation in ("within", "opposing"))
    return (
        has_sign(at(f"connectivity.weight{within_key}"), 1),
        beyond(at(f"connectivity.beyond_matched{within_key}"), GROUP_NULL),
        has_sign(at(f"connectivity.weight{opposing_key}"), -1),
        beyond(at(f"connectivity.beyond_matched{opposing_key}"), GROUP_NULL),
    )


CARRIER_CLAIMS = (
    Claim(
        "C9",
        "there are kick neurons",
        "carriers in every direction of switching: effect above two even shares (max-T), beyond matched sets "
        "and shuffled copies; fails if in none",
        (each_at_least(each("carriers.n_carriers["), 1),),
        set_on="after carriers of the zoo's networks were known",
    ),
    Claim(
        "C9 signature",
        "carriers have the published signature",
        "share of the first 12 with it beyond random sets (p ≤ .05, Holm over directions) in half of the "
        "directions; fails if in none",
        (some_beyond(each("carriers.signature["), RANDOM_SETS, 0.5),),
    ),
    Claim(
        "C10",
        "neurons that carry a switch excite each other and inhibit those of the opposite",
        "first 12 of each direction, weights in standard units: mean within > 0 and between opposing groups "
        "< 0, both beyond matched groups (p ≤ .05, Holm); fails on the other side of 0 or of the null",
        _excite_and_inhibit("first"),
    ),
    Claim(
        "C10 side",
        "neurons that hold a symbol excite each other and inhibit those of the other",
        "the same for the first neurons of both directions, parted by the symbol in which they are more "
        "active",
        _excite_and_inhibit("sides"),
        source=_OWN,
        set_on=_ONE_SEEN,
    ),
    Claim(
        "C11",
        "populations tell of switches what first neurons and readout do not",
        "gain in AUC beyond random sets (p ≤ .05, Holm over directions) in half of the directions; fails if "
        "in none",
        (some_beyond(each("populations.gain["), RANDOM_SETS, 0.5),),
    ),
    Claim(
        "C11 signs",
        "populations have the published signs",
        "all four blocks beyond the same choice in relabelled weights (p ≤ .05, Holm); fails if none is",
        (all_beyond(each("populations.pattern[both,"), RELABELLED),),
    ),
    Claim(
        "C11 gate",
        "without the noise of populations switching ends",
        "gain 0 on what the noise does to them: upper limit of the hazard ratio < .2 in every direction",
        (says(at("interventions.trapped[population,0]"), "both ways"),),
    ),
    Claim(
        "C12",
        "without kick neurons switching ends",
        "gain 0 on the six neurons that fit the published signature best: upper limit of the hazard ratio < "
        ".2 in every direction; where that is so in some directions alone, a state is lost, and it fails",
        (says(at("interventions.trapped[kick,0]"), "both ways"),),
    ),
    Claim(
        "C12 first",
        "without the first neurons by effect switching ends",
        "the same for the first 12 of each direction together",
        (says(at("interventions.trapped[first,0]"), "both ways"),),
        source=_OWN,
    ),
    Claim(
        "C12 noise",
        "without the deciding noise switching ends",
        "the same for all deciding directions of the noise",
        (says(TRAP_NOISE, "both ways"),),
        source=_OWN,
    ),
    Claim(
        "C12 more",
        "amplified kick neurons overshoot",
        "overshoot at gain 2: lower limit > 0",
        (above(at("interventions.overshoot[kick,2]"), 0.0),),
    ),
    Claim(
        "C12 pairs",
        "critical pairs vanish without kick neurons, and stay when these are amplified",
        "at kick states of the intact network: upper limit at gain 0 < .2, lower limit at gain 2 > .5 of the "
        "intact value",
        (
            below_share(PAIRS_AT_KICK[0], 0.2, PAIRS_AT_KICK[1]),
            above_share(PAIRS_AT_KICK[2], 0.5, PAIRS_AT_KICK[1]),
        ),
    ),
    Claim(
        "C12 control",
        "the noise of the other neurons does not matter",
        "rate of all switches with gain 0 on the noise of neurons that neither are kick neurons nor feed "
        "them, over that of the intact network: interval within [.8, 1.25]",
        (within(at("interventions.rate[kick-control,0]"), 0.8, 1.25),),
    ),
)
"""C9 to C12."""

NOISE_CLAIMS = (
    Claim(
        "C15",
        "few noise directions time the switch",
        "replay of the deciding directions: lower limit > .6; of all but v: upper limit < .1 (where more "
        "than one direction decides, a larger share of the rest is inconclusive)",
        (
            above(REPLAY_DECIDING, 0.6),
            below(at("noise_kernel.replay[rest]"), 0.1, can_fail=_one_decides),
        ),
        source=_OWN,
    ),
    Claim(
        "C15b",
        "without them there are no switches",
        "hazard ratio of every direction of switching without the deciding directions: upper limit < .2",
        (each_below(REMOVAL_DECIDING, 0.2),),
        source=_OWN,
    ),
    Claim(
        "C15 one",
        "one direction times all switches",
        "rank 1",
        (counts(at("noise_kernel.rank"), 1),),
        source=_OWN,
    ),
    Claim(
        "C15 sign",
        "opposite switches have opposite kernels",
        "cosine of the kernels of a → b and b → a in the space of the deciding directions: upper limit < 0 "
        "for every pair",
        (each_below(each("noise_kernel.pair_cosine["), 0.0),),
        source=_OWN,
    ),
    Claim(
        "C16",
        "switches are decided ahead",
        "half-lead: lower limit ≥ 2 steps, and above that of the HMM",
        (at_least(HALF_LEAD, 2.0), above(HALF_LEAD, beside(HALF_LEAD, "process"))),
        source=_OWN,
    ),
    Claim(
        "C17",
        "few neurons carry it",
        "N_eff / neurons that differ: upper limit < .15; share of 12 minus the best simpler order: lower "
        "limit > 0",
        (below(at("carriers.effective_share"), 0.15), above(at("carriers.advantage"), 0.0)),
        source=_OWN,
    ),
)
"""C15 to C17."""
