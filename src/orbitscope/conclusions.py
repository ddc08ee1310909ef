"""What an analysis found, in at most six sentences: each follows from quantities by a rule.

Captions say more of one result, in words of their own. What they and these sentences both decide is decided
in ``statistics/verdicts.py``.
"""

import math
from collections.abc import Callable, Mapping

from .interventions.trap_verdicts import SWITCHING
from .quantity import Quantity, Reference
from .statistics import Null, judge_agreement, judge_direction, judge_lag, judge_nulls

Quantities = Mapping[str, Quantity]


def conclude(quantities: Quantities) -> list[str]:
    """Sentences on what these quantities say together; what was not computed is passed over.

    Parameters
    ----------
    quantities : mapping
        By key.
    """
    sentences = (rule(quantities) for rule in _RULES)
    return [sentence for sentence in sentences if sentence]


def _say_stability(q: Quantities) -> str:
    """What becomes of activity without noise, and whether the noise alone decides where it goes."""
    parts = [part for part in (_say_growth(q), _say_exponents(q)) if part]
    return f"{'; '.join(parts)}." if parts else ""


def _say_growth(q: Quantities) -> str:
    if "noise_free_growth.verdict" not in q:
        return ""
    return {
        "decays": "Without noise activity dies out: there is one fixed point, and it attracts",
        "grows": "Without noise activity grows: it is not the noise that keeps it up",
        "neutral": "Without noise activity neither grows nor decays",
        "diverges": "Without noise activity grows without bound from some states",
        "settles": "Without noise activity comes to rest",
        "moves": "Without noise activity goes on moving",
    }[q["noise_free_growth.verdict"].word]


def _say_exponents(q: Quantities) -> str:
    if "exponents.verdict" not in q:
        return ""
    words = {
        "contracts": "paths under the same noise meet, so the noise decides where activity goes",
        "collapses": "paths under the same noise meet within steps, so the noise decides where activity goes",
        "expands": "paths under the same noise part: activity is chaotic beside its noise",
        "undecided": "whether paths under the same noise meet cannot be told",
    }
    verdict = words.get(q["exponents.verdict"].word, "")
    if not verdict:
        return ""
    verdict = verdict if "noise_free_growth.verdict" in q else verdict[0].upper() + verdict[1:]
    return f"{verdict} (largest exponent {q['exponents.largest']})"


def _say_regions(q: Quantities) -> str:
    """How long activity stays in slow regions, and in which order it visits the others."""
    if "regions.share[slow]" not in q:
        return ""
    share, flux = q["regions.share[slow]"], q["regions.net_flux"].estimate
    way = "passes slow, kick and transition in no preferred order"
    if flux.excludes(0.0):
        order = "slow → kick → transition → slow" if float(flux) > 0 else "slow → transition → kick → slow"
        way = f"goes round {order} {_say_way(q)}(net {q['regions.net_flux']})"
    return f"Activity is in slow regions for {float(share.estimate):.0%} of the steps, and {way}."


def _say_way(q: Quantities) -> str:
    """How clearly cycles go the way of the net flux, if they were counted."""
    net = q.get("circulation.net[direct]")
    if net is None or float(net.estimate) * float(q["regions.net_flux"].estimate) <= 0:
        return ""
    way = judge_direction(net.estimate)
    return f"{way} " if way else ""


def _say_clusters(q: Quantities) -> str:
    """Whether slow regions are the output symbols."""
    if "slow_clusters.n_clusters" not in q:
        return ""
    n_clusters, rand = int(float(q["slow_clusters.n_clusters"].estimate)), q["slow_clusters.adjusted_rand"]
    if n_clusters == 1:
        return "Slow states form one region: they do not divide by symbol."
    how = judge_agreement(rand.estimate)
    return f"{n_clusters} slow regions, found without labels, {how} the symbols (adjusted Rand index {rand})."


def _say_rotation(q: Quantities) -> str:
    """Whether activity turns one way, in the plane of raw activity and of standardised activity."""
    planes = {"raw": "rotation.area_rate", "standardised": "rotation_standardised.area_rate"}
    turns = {name: _judge_beside_nulls(q[key]) for name, key in planes.items() if key in q}
    yes, no, open_ = ([n for n, verdict in turns.items() if verdict == v] for v in ("yes", "no", "undecided"))
    if not (yes or no or open_):
        return ""

    if yes:
        only = " alone" if len(yes) == 1 and no else ""
        where = f"{_name_planes(yes)}{only}"
        said = f"Activity turns one way in {where}, beyond untrained networks and the other nulls"
    elif no:
        said = (
            "Activity turns one way in neither plane that was looked at"
            if len(no) == 2
            else f"Activity does not turn one way in {_name_planes(no)}"
        )
    else:
        return f"Whether activity turns one way in {_name_planes(open_)} is undecided: the nulls disagree."
    return f"{said}; for {_name_planes(open_)} the nulls disagree." if open_ else f"{said}."


def _name_planes(names: list[str]) -> str:
    return "both planes" if len(names) == 2 else f"the plane of {names[0]} activity"


def _say_training(q: Quantities) -> str:
    """When instability sets in, beside the drop of the loss."""
    lag = q.get("training_evolution.lag[critical_share]")
    if lag is None or not (math.isfinite(lag.estimate.low) and math.isfinite(lag.estimate.high)):
        return ""
    low, high = (abs(int(round(float(limit)))) for limit in (lag.estimate.low, lag.estimate.high))
    side = judge_lag(lag.estimate)
    if side == "with":
        when = f"with the drop of the loss (from {low} epochs before it to {high} after)"
    else:
        when = f"{min(low, high)} to {max(low, high)} epochs {side} the drop of the loss"
    return f"Critical pairs of eigenvalues set in {when}."


def list_switching(quantities: Quantities) -> list[str]:
    """How far ahead switches are decided, by how many directions of the noise, and by how many neurons.

    Parameters
    ----------
    quantities : mapping
        By key.
    """
    clauses = [_say_lead(quantities), _say_noise(quantities), _say_neurons(quantities)]
    return [_make_sentence(clause) for clause in clauses if clause]


def _say_lead(q: Quantities) -> str:
    lead = q.get("commitment.half_lead[all]")
    if lead is None or math.isnan(float(lead.estimate)):
        return ""
    process = [item for item in lead.beside if isinstance(item, Reference)]
    beside = f" (in the {process[0]})" if process else ""
    if float(lead.estimate) == 0:  # less than half of it one step before: 0 by definition
        return f"switches are not decided ahead{beside}"
    return f"half of the decision to switch falls {lead} before the switch{beside}"


def _say_noise(q: Quantities) -> str:
    if "noise_kernel.rank" not in q:
        return ""
    if _is_undecided(q):
        return "no direction of the noise before it can be told from chance"
    replay = q["noise_kernel.replay[leading]"]
    if math.isnan(float(replay.estimate)):
        return ""
    return f"replaying one direction of the noise before it brings back {replay} of what all of it does"


def _say_neurons(q: Quantities) -> str:
    number = q.get("carriers.n_effective[all]")
    if number is None or math.isnan(float(number.estimate)):
        return ""
    once = q.get("carriers.n_effective_once[all]")
    is_known = once is not None and not math.isnan(float(once.estimate))
    single = f", within single switches over {once}" if is_known else ""
    return f"in effect the decision is spread over {number}{single}"


def _say_switching(q: Quantities) -> str:
    clauses = [clause for clause in (_say_lead(q), _say_noise(q), _say_neurons(q)) if clause]
    return _make_sentence("; ".join(clauses))


def _make_sentence(text: str) -> str:
    """Clauses with a capital letter and a full stop; empty if there are none."""
    return f"{text[0].upper()}{text[1:]}." if text else ""


def list_causes(quantities: Quantities) -> list[str]:
    """What ends switching in every direction, what in some only, and without what it goes on.

    Parameters
    ----------
    quantities : mapping
        By key.
    """
    sentence = _say_causes(quantities)
    return [sentence] if sentence else []


def _say_causes(q: Quantities) -> str:
    """What ends switching in every direction, and what in some only."""
    ends: dict[str, list[str]] = {"both ways": [], "one way": [], "no": []}
    for name, words in _TARGETS.items():
        verdict = q.get(f"interventions.trapped[{name},0]")
        if name.startswith("noise") and _is_undecided(q):
            continue
        if verdict is not None and verdict.word in ends:
            ends[verdict.word].append(words)
    found = [(words, SWITCHING[verdict]) for verdict, words in ends.items() if words]
    parts = [
        f"without {_name_each(words)} {'it' if i else 'switching'} {what}"
        for i, (words, what) in enumerate(found)
    ]
    return _make_sentence("; ".join(parts))


def _name_each(words: list[str]) -> str:
    """What is taken away, each for itself."""
    return f"{words[0]}," if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}, each alone,"


def _is_undecided(q: Quantities) -> bool:
    """Whether no direction of the noise before switches can be told from chance."""
    rank = q.get("noise_kernel.rank")
    return rank is not None and int(float(rank.estimate)) == 0


_TARGETS = {
    "noise:1": "the leading direction of the noise",
    "noise": "all deciding directions of the noise",
    "first": "the first neurons by effect",
    "kick": "the neurons that best fit the published signature",
}
"""Targets of interventions that conclusions name."""


def _say_local(q: Quantities) -> str:
    """Regions, and whether those that are slow are the symbols."""
    return " ".join(sentence for sentence in (_say_regions(q), _say_clusters(q)) if sentence)


def _judge_beside_nulls(quantity: Quantity) -> str:
    """Verdict on a quantity beside every null that stands with it."""
    return judge_nulls(float(item.p_value) for item in quantity.beside if isinstance(item, Null))


_RULES: tuple[Callable[[Quantities], str], ...] = (
    _say_stability,
    _say_local,
    _say_rotation,
    _say_switching,
    _say_causes,
    _say_training,
)
