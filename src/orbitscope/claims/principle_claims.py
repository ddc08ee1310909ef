"""Claims about principles: regularity, how transition probabilities come about, composition."""

from .claim import Claim
from .conditions import above, all_say, below, says, unlike_null
from .finders import at, each, each_said

_OWN = "own construction"
_FOUR_SEEN = "after linear-2 and -3, fully-connected-3 and cyclic-4 of the zoo were known"
_THREE_SEEN = "after zoo:linear-2, zoo:linear-2-faithful and zoo:linear-3 were known"

REGULARITY_CLAIMS = (
    Claim(
        "C13",
        "switching is more regular than that of the process",
        "CV of decoded dwells over that of the process: upper limit < .9; a network for which it holds does "
        "not emulate",
        (below(at("dwell.cv_ratio"), 0.9),),
    ),
    Claim(
        "C14",
        "the network is composed of one primitive for each pair of regions",
        "removing the deciding noise of a pair is selective for its passages in every pair: lower limit > 0, "
        "p < .05 beside the largest of all pairs under random subspaces; one pair alone is inconclusive",
        (says(at("primitives.verdict[removed]"), "composed", open_words=("one pair only", "undefined")),),
        set_on=_FOUR_SEEN,
    ),
    Claim(
        "C14 neurons",
        "the neurons of a pair are selective for its passages",
        "the same for the first neurons of each passage, beside matched sets",
        (says(at("primitives.verdict[neurons]"), "composed", open_words=("one pair only", "undefined")),),
        set_on=_FOUR_SEEN,
    ),
)
"""C13 and C14."""

PROBABILITY_CLAIMS = (
    Claim(
        "C18",
        "a threshold on filtered noise gives the transition probabilities",
        "hazards under 0 to 1.5 of the deciding noise are predicted within a factor of 1.5, in every "
        "direction that is a test; fails if one is not",
        (all_say(each_said("hazard.gain_verdict["), "predicts"),),
        source=_OWN,
        set_on=_THREE_SEEN,
    ),
    Claim(
        "C19",
        "regions follow each other as the states of an HMM do",
        "Chapman-Kolmogorov at four lags: no largest deviation is beyond that of chains without memory (p > "
        ".05, Holm); fails if all are",
        (unlike_null(each("region_chain.deviation["), "Markov chains"),),
        source=_OWN,
        set_on=_THREE_SEEN,
    ),
    Claim(
        "C20",
        "it is decided in kick-zones",
        "share of kick among states from which old and new core are equally likely, beyond other states "
        "outside cores: lower limit > 0",
        (above(at("committor.kick_excess"), 0.0),),
        set_on=_THREE_SEEN,
    ),
)
"""C18 to C20."""
