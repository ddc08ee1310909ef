"""Measures of the circuit that the tables show: one line each, with heading, key and what stands beside.

A new measure is one line in `LINES` (tables of the zoo), and in `COMPARED` if pairs and seeds show it too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from row_cells import Entry, show_interval

from orbitscope.claims.circuit_claims import PAIRS_AT_KICK, REMOVAL_DECIDING, REPLAY_DECIDING, TRAP_NOISE
from orbitscope.claims.finders import Find, at, beside, each, largest, null_beside, ratio, size, smallest

RATE = at("switches.rate")
HALF_LEAD = at("commitment.half_lead[all]")
RISE = at("commitment.rise_time")
LEAD_OVER_RISE = at("commitment.lead_over_rise")
LENGTH = at("noise_kernel.length")
LENGTH_OVER_RISE = ratio(LENGTH, RISE)
RANK = at("noise_kernel.rank")

REPLAY = at("noise_kernel.replay[leading]")
REPLAY_REST = at("noise_kernel.replay[rest]")
"""All but the leading direction, also where more than one decides."""

REMOVAL = each("noise_kernel.removal[leading,")

PAIR_COSINE = each("noise_kernel.pair_cosine[")

EFFECT = at("carriers.total_effect[all]")
N_EFFECTIVE = at("carriers.n_effective[all]")
N_ONCE = at("carriers.n_effective_once[all]")
EFFECTIVE_SHARE = at("carriers.effective_share")
K50 = at("carriers.n_half[effect]")
K50_RANDOM = at("carriers.n_half[random]")
SHARE_OF_12 = at("carriers.share_together[effect]")
MATCHED = "matched sets"
ADVANTAGE = at("carriers.advantage")
"""Share of twelve by effect minus that of the best simpler order."""

N_CARRIERS = each("carriers.n_carriers[")
SIGNATURE = each("carriers.signature[")
RANDOM_SETS = "random sets"

GROUP_NULL = "matched groups"
WITHIN, OPPOSING = (
    {kind: at(f"connectivity.weight[{kind},{relation}]") for kind in ("first", "sides")}
    for relation in ("within", "opposing")
)
"""Of the first neurons by effect, and of these by the symbol that they hold."""

PATTERN_NULL = "relabelled weights"
PATTERN = each("populations.pattern[both,")
OWN_SIGNS = at("populations.pattern[both,own]")
N_POPULATION = at("populations.n_members[both]")
AUC_GAIN = each("populations.gain[")
READING = each("populations.reading[")
N_SINGULAR = at("low_rank.n_above")
SMALLEST_RANK = at("low_rank.smallest_rank")
TRAP_POPULATION = at("interventions.trapped[population,0]")
FALL_POPULATION = at("interventions.fall[population]")

TRAP_FIRST = at("interventions.trapped[first,0]")
TRAP_KICK = at("interventions.trapped[kick,0]")
FALL_FIRST = at("interventions.fall[first]")
FALL_KICK = at("interventions.fall[kick]")
RATE_KICK = at("interventions.rate[kick,0]")
RATE_CONTROL = at("interventions.rate[kick-control,0]")
OVERSHOOT_KICK = at("interventions.overshoot[kick,2]")
SUBSETS_FIRST = at("interventions.trapping_subsets[first_20,one_way]")
SUBSETS_ALL = at("interventions.trapping_subsets[all_that_vary,one_way]")

SAMPLE = "process sample"
MEAN_DWELL, CV_RATIO = at("dwell.mean"), at("dwell.cv_ratio")
LATE_OVER_EARLY = at("dwell.late_over_early")
N_REGIONS = at("metastable_regions.n_regions")
AUC_NOISE = smallest(each("hazard.auc["))
SURFACE, SWITCH_LEAD = at("committor.lead[all]"), at("committor.switch_lead[all]")
COMMIT = smallest(each("committor.commit["))
KICK_AT_SURFACE = at("committor.at_surface[kick]")
DEVIATION, MARKOV = at("region_chain.deviation[20]"), "Markov chains"
KL_OF_REGIONS = at("region_chain.kl_rate[regions_at_the_longest_lag]")
KL_OF_SYMBOLS = at("region_chain.kl_rate[symbols]")
OPPOSITE = largest(each("primitives.opposite["))
SELECTIVITY = smallest(each("primitives.selectivity[removed,"))

VERDICT = at("emulation.verdict")
GAP = size(at("evaluation.cross_entropy_gap"))
EQUAL = "equal drive"


def show(found: Entry) -> str:
    """A word, or a number with its interval."""
    return found.get("word") or show_interval(found)


@dataclass(frozen=True)
class Measure:
    """A line of a table.

    Attributes
    ----------
    heading : str
    find : function
        Where its number is.
    name_beside : str
        What stands beside it, in words.
    beside : function
        Where that is.
    show : function
        How a cell shows it.
    """

    heading: str
    find: Find
    name_beside: str = ""
    beside: Find = at()
    show: Callable[[Entry], str] = show


LINES = (
    Measure("emulates its process", VERDICT),
    Measure("switches per step", RATE, "process", beside(RATE, "process")),
    Measure("half-lead (steps)", HALF_LEAD, "HMM", beside(HALF_LEAD, "process")),
    Measure("rise time (steps)", RISE),
    Measure("half-lead / rise time", LEAD_OVER_RISE),
    Measure("kernel length (steps)", LENGTH),
    Measure("kernel length / rise time", LENGTH_OVER_RISE),
    Measure("rank of the kernels", RANK),
    Measure("cosine of v with W_ih", at("noise_kernel.input_cosine")),
    Measure("drive share of v", at("noise_kernel.drive_share")),
    Measure("replay of v", REPLAY, EQUAL, beside(REPLAY, EQUAL)),
    Measure("replay of the deciding directions", REPLAY_DECIDING),
    Measure("replay of all but v", REPLAY_REST),
    Measure("hazard ratio without v, smallest", smallest(REMOVAL), EQUAL, beside(smallest(REMOVAL), EQUAL)),
    Measure("hazard ratio without v, largest", largest(REMOVAL), EQUAL, beside(largest(REMOVAL), EQUAL)),
    Measure("hazard ratio without the deciding directions, largest", largest(REMOVAL_DECIDING)),
    Measure("cosine of opposite kernels, largest", largest(PAIR_COSINE)),
    Measure("effect of patching all neurons", EFFECT, "decided", beside(EFFECT, "decided at this lead")),
    Measure("effective neurons N_eff", N_EFFECTIVE),
    Measure("effective neurons in one switch", N_ONCE),
    Measure("N_eff / neurons that differ", EFFECTIVE_SHARE),
    Measure("neurons for half the effect K50", K50, "random order", K50_RANDOM),
    Measure("share of 12 neurons", SHARE_OF_12, MATCHED, null_beside(SHARE_OF_12, MATCHED)),
    Measure("share of 12 minus the best simpler order", ADVANTAGE),
    Measure("carriers of a direction, most", largest(N_CARRIERS)),
    Measure(
        "published signature among 12, most",
        largest(SIGNATURE),
        RANDOM_SETS,
        null_beside(largest(SIGNATURE), RANDOM_SETS),
    ),
    Measure("weight within first neurons", WITHIN["first"], GROUP_NULL, beside(WITHIN["first"], GROUP_NULL)),
    Measure(
        "weight between opposing first neurons",
        OPPOSING["first"],
        GROUP_NULL,
        beside(OPPOSING["first"], GROUP_NULL),
    ),
    Measure("weight within, by symbol", WITHIN["sides"], GROUP_NULL, beside(WITHIN["sides"], GROUP_NULL)),
    Measure(
        "weight between opposing, by symbol",
        OPPOSING["sides"],
        GROUP_NULL,
        beside(OPPOSING["sides"], GROUP_NULL),
    ),
    Measure("neurons in populations", N_POPULATION),
    Measure("excitatory onto the own group", OWN_SIGNS, PATTERN_NULL, null_beside(OWN_SIGNS, PATTERN_NULL)),
    Measure(
        "gain in AUC by populations, most",
        largest(AUC_GAIN),
        RANDOM_SETS,
        null_beside(largest(AUC_GAIN), RANDOM_SETS),
    ),
    Measure(
        "members read v more than others, most",
        largest(READING),
        RANDOM_SETS,
        null_beside(largest(READING), RANDOM_SETS),
    ),
    Measure("singular values above shuffled weights", N_SINGULAR),
    Measure("smallest rank that switches alike", SMALLEST_RANK),
    Measure("switching ends without the deciding noise", TRAP_NOISE),
    Measure("switching ends without the noise of populations", TRAP_POPULATION),
    Measure("switching ends without the first neurons", TRAP_FIRST),
    Measure("switching ends without the kick neurons", TRAP_KICK),
    Measure(
        "largest fall of a hazard without the first", FALL_FIRST, MATCHED, null_beside(FALL_FIRST, MATCHED)
    ),
    Measure(
        "largest fall of a hazard without kick neurons", FALL_KICK, MATCHED, null_beside(FALL_KICK, MATCHED)
    ),
    Measure("rate without kick neurons, all directions", RATE_KICK, "control", RATE_CONTROL),
    Measure("overshoot, kick neurons at gain 2 (sd)", OVERSHOOT_KICK),
    Measure(
        "critical pairs at kick states without kick neurons", PAIRS_AT_KICK[0], "intact", PAIRS_AT_KICK[1]
    ),
    Measure("subsets of the first 20 that trap one way", SUBSETS_FIRST, "of all", SUBSETS_ALL),
    Measure("metastable regions", N_REGIONS, "states", beside(N_REGIONS, "states of the HMM")),
    Measure("mean decoded dwell (steps)", MEAN_DWELL, SAMPLE, beside(MEAN_DWELL, SAMPLE)),
    Measure("CV of dwells over that of the process", CV_RATIO),
    Measure("hazard late over early", LATE_OVER_EARLY, SAMPLE, beside(LATE_OVER_EARLY, SAMPLE)),
    Measure("argmax dwells, deciding noise scaled", at("coherence.shape[deciding,argmax]")),
    Measure("argmax dwells, noise of populations scaled", at("coherence.shape[population,argmax]")),
    Measure("AUC of filtered noise, smallest", AUC_NOISE, EQUAL, beside(AUC_NOISE, EQUAL)),
    Measure("threshold in sd of filtered noise, largest", largest(each("hazard.threshold["))),
    Measure("committor ½ before the new core (steps)", SURFACE),
    Measure("committor ½ before the switch", SWITCH_LEAD, "half-lead", beside(SWITCH_LEAD, "half-lead")),
    Measure("attempts that succeed, fewest", COMMIT),
    Measure(
        "kick at committor ½", KICK_AT_SURFACE, "outside cores", beside(KICK_AT_SURFACE, "outside cores")
    ),
    Measure("Chapman-Kolmogorov, 20 steps", DEVIATION, MARKOV, null_beside(DEVIATION, MARKOV)),
    Measure(
        "KL rate of the HMM from regions",
        KL_OF_REGIONS,
        "floor",
        beside(KL_OF_REGIONS, "states of the process"),
    ),
    Measure(
        "KL rate of the HMM from symbols",
        KL_OF_SYMBOLS,
        "floor",
        beside(KL_OF_SYMBOLS, "symbols of the process"),
    ),
    Measure("composed of primitives, by noise", at("primitives.verdict[removed]")),
    Measure("selectivity of a pair's noise, smallest", SELECTIVITY),
    Measure("noise there and back, cosine, largest", OPPOSITE),
)
"""What the tables of the zoo show, in this order."""


@dataclass(frozen=True)
class Compared:
    """A measure that pairs and seeds show: a number, and the same in units of the pace if it is a time."""

    heading: str
    find: Find
    at_pace: Find | None = None


COMPARED = (
    Compared("size of the cross-entropy gap (nat)", GAP),
    Compared("switches per step", RATE),
    Compared("rise time (steps)", RISE),
    Compared("half-lead (steps)", HALF_LEAD, LEAD_OVER_RISE),
    Compared("half-lead / rise time", LEAD_OVER_RISE),
    Compared("kernel length (steps)", LENGTH, LENGTH_OVER_RISE),
    Compared("kernel length / rise time", LENGTH_OVER_RISE),
    Compared("replay of v", REPLAY),
    Compared("hazard ratio without v, largest", largest(REMOVAL)),
    Compared("N_eff", N_EFFECTIVE),
    Compared("N_eff in one switch", N_ONCE),
    Compared("N_eff / neurons that differ", EFFECTIVE_SHARE),
    Compared("K50", K50),
    Compared("share of 12 neurons", SHARE_OF_12),
    Compared("weight within, by symbol", WITHIN["sides"]),
    Compared("weight between opposing, by symbol", OPPOSING["sides"]),
    Compared("gain in AUC by populations, most", largest(AUC_GAIN)),
    Compared("singular values above shuffled weights", N_SINGULAR),
    Compared("rate without kick neurons", RATE_KICK),
    Compared("fall of a hazard without the first", FALL_FIRST),
    Compared("subsets of the first 20 that trap", SUBSETS_FIRST),
    Compared("CV of dwells over that of the process", CV_RATIO),
    Compared("hazard late over early", LATE_OVER_EARLY),
    Compared("AUC of filtered noise, smallest", AUC_NOISE),
    Compared("committor ½ before the new core (steps)", SURFACE, ratio(SURFACE, RISE)),
    Compared("attempts that succeed, fewest", COMMIT),
    Compared("kick at committor ½", KICK_AT_SURFACE),
    Compared("KL rate of the HMM from regions", KL_OF_REGIONS),
)
"""What pairs are compared in, and seeds summed up."""
