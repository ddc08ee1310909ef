"""Claims about emulation, and about global and local dynamics."""

import numpy as np

from ..quantity import Quantity, Reference
from .claim import Claim
from .conditions import (
    FAILS,
    HOLDS,
    INCONCLUSIVE,
    MISSING,
    Condition,
    Finding,
    above,
    at_most,
    combine,
    counts,
    exceeds_null,
    read_limits,
    says,
    within,
)
from .finders import Find, Quantities, at, is_defined, read_value

_SEEN = "after the dynamics of the twelve networks of the zoo were known"

LEAST_AGREEMENT = 0.5
"""Adjusted Rand index above which slow regions match the symbols."""

ONE_WAY = 0.5
"""Net circulation above which cycles go one way."""

LARGEST_LAG = 0.1
"""Half-width of the interval of a lag, as a share of the epoch of the drop, that is short enough."""

_MARGIN_VERDICTS = {"within": HOLDS, "outside": FAILS, "undecided": INCONCLUSIVE}


def keeps_margins(found: Quantities) -> Finding:
    """Holds if every judged measure of the evaluation is within its margin; each has an equivalence test."""
    judged = [
        quantity
        for key, quantity in found.items()
        if key.startswith("evaluation.") and "stationary" not in key and quantity.margin is not None
    ]
    words = [_MARGIN_VERDICTS.get(quantity.margin.verdict, MISSING) for quantity in judged if quantity.margin]
    verdict = combine(words)
    return Finding(verdict, tuple(q for q, word in zip(judged, words, strict=True) if word == verdict))


def coincides(find: Find, epoch: Find) -> Condition:
    """Holds if the interval of a lag holds 0 and is short beside an epoch, fails if it does not hold 0."""

    def judge(found: Quantities) -> Finding:
        lag, date = find(found), epoch(found)
        if lag is None or date is None or not (is_defined(lag) and is_defined(date)):
            return Finding(MISSING)
        low, high = read_limits(lag)
        if np.isnan(low) or np.isnan(high):
            return Finding(INCONCLUSIVE, (lag,))
        if not low <= 0 <= high:
            return Finding(FAILS, (lag,))
        is_short = (high - low) / 2 <= LARGEST_LAG * read_value(date)
        return Finding(HOLDS if is_short else INCONCLUSIVE, (lag,))

    return judge


def _has_identity(quantity: Quantity | None) -> bool:
    items = () if quantity is None else quantity.beside
    return any(isinstance(item, Reference) and item.name.startswith("identity") for item in items)


_FIXED = at("fixed_points.n_points[fixed]")
_SLOPE = at("orbit_size.slope")

DYNAMICS_CLAIMS = (
    Claim(
        "C1",
        "the network emulates its process",
        "every judged measure of the evaluation is within its margin (two one-sided tests each)",
        (keeps_margins,),
        set_on="margins set before training; from h = 0 over the training window",
    ),
    Claim(
        "C1 loss",
        "the loss comes down to that of the process itself",
        "excess of the Sinkhorn loss over that of a process sample: lower limit ≤ 0; below 0 is no merit, "
        "since the loss prefers less diverse processes",
        (at_most(at("evaluation.sinkhorn_loss_excess"), 0.0),),
    ),
    Claim(
        "C2",
        "without noise there is a single fixed point",
        "identity for a bias-free ReLU network: the origin; else one fixed point is found",
        (counts(_FIXED, 1),),
        is_identity=lambda found: _has_identity(_FIXED(found)),
    ),
    Claim(
        "C2 decay",
        "without noise activity dies out",
        "largest rate of log ‖h‖ < 0, from all driven states",
        (says(at("noise_free_growth.verdict"), "decays"),),
        set_on=_SEEN,
    ),
    Claim(
        "C3",
        "activity turns one way",
        "area rate beyond untrained networks (p ≤ .05); net circulation of direct cycles: lower limit > .5",
        (
            exceeds_null(at("rotation.area_rate"), "untrained"),
            above(at("circulation.net[direct]"), ONE_WAY),
        ),
        set_on=_SEEN,
    ),
    Claim(
        "C4",
        "the size of the orbit is linear in the noise",
        "identity for a bias-free ReLU network, and linear in the standard deviation, not in the variance as "
        "the paper words it; else the slope of log size is within .9 to 1.1",
        (within(_SLOPE, 0.9, 1.1),),
        is_identity=lambda found: _has_identity(_SLOPE(found)),
    ),
    Claim(
        "C5",
        "slow regions are the output symbols",
        "adjusted Rand index of label-free clusters of slow states with the symbol: lower limit > .5",
        (above(at("slow_clusters.adjusted_rand"), LEAST_AGREEMENT),),
        set_on=_SEEN,
    ),
    Claim(
        "C6",
        "kick-zones are more unstable than slow regions",
        "unstable directions in kick minus those in slow, beyond random active sets: lower limit > 0",
        (above(at("regions.kick_minus_slow"), 0.0),),
        set_on=_SEEN,
    ),
    Claim(
        "C7",
        "slow regions let noise accumulate more than transition regions",
        "growth of the spread over five steps, slow over transition: lower limit > 1",
        (above(at("noise_sensitivity.slow_over_transition"), 1.0),),
        set_on=_SEEN,
    ),
    Claim(
        "C8",
        "instability sets in when the loss drops",
        "lag of the onset of unstable steps: interval holds 0, half of it ≤ 10 % of the epoch of the drop",
        (coincides(at("training_evolution.lag[unstable_share]"), at("training_evolution.date[loss_drop]")),),
        set_on="after two networks of the zoo were known",
    ),
    Claim(
        "C8 pairs",
        "critical pairs set in when the loss drops",
        "the same for the share of steps with critical pairs",
        (coincides(at("training_evolution.lag[critical_share]"), at("training_evolution.date[loss_drop]")),),
        set_on="after two networks of the zoo were known",
    ),
)
