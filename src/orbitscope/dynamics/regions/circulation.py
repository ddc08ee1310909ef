"""Circulation: which way the regions slow, kick and transition follow each other, cycle by cycle."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Integer, Shaped

from ...errors import InputError
from ...part import Part
from ...part_settings import Confidence, Draws, PartSettings
from ...quantity import Definition, Quantity, Reference, define, known_value
from ...results import Result, axes, estimates
from ...statistics import Estimate, compute_net_share, compute_permutation_p_value, flip_signs
from ...subject import Subject
from .region_labels import REGIONS, UNDEFINED

CYCLES = ("direct", "any")
"""slow, kick, transition, slow; the same with any alternation of kick and transition in between."""

_SLOW, _KICK, _TRANSITION = range(len(REGIONS))

_TESTS = "tests/dynamics/regions/test_circulation.py"

DEFINITIONS = define(
    Definition(
        key="net",
        label="net circulation, {} cycles",
        meaning="Cycles slow → kick → transition → slow minus those the other way round, over all. A direct "
        "cycle has one of each; in any cycle kick and transition may alternate.",
        equation="(N₊ − N₋)/(N₊ + N₋)",
        reading="0 if reversible, 1 if every cycle goes one way.",
        test=f"{_TESTS}::test_a_cycle_circulates_and_coin_flips_do_not",
    ),
    Definition(
        key="n_forward",
        label="{} cycles forward",
        meaning="Number of cycles slow → kick → transition → slow over all trajectories.",
        equation="N₊",
        reading="Few cycles make a wide interval.",
        test=f"{_TESTS}::test_cycles_of_a_sequence_that_can_be_counted_by_eye",
    ),
    Definition(
        key="n_backward",
        label="{} cycles backward",
        meaning="Number of cycles slow → transition → kick → slow over all trajectories.",
        equation="N₋",
        reading="0 does not mean that none is possible: the interval of the circulation leaves room.",
        test=f"{_TESTS}::test_one_direction_leaves_room_for_the_other",
    ),
)


class CirculationSettings(PartSettings):
    """Settings of the part ``circulation``."""

    n_null: Draws = 999
    confidence: Confidence = 0.95


@dataclass(frozen=True, kw_only=True, eq=False)
class CirculationResult(Result):
    """Net circulation among the regions slow, kick and transition.

    Attributes
    ----------
    cycle : (cycle,)
        "direct" (slow, kick, transition, slow) and "any" (kick and transition may alternate in between).
    circulation : Estimate, (cycle,)
        (N₊ − N₋)/(N₊ + N₋) and its interval; NaN without cycles (``status``).
    n_effective : (cycle,)
        Independent cycles that would give this interval; NaN without cycles.
    p_value : (cycle,)
        Two-sided, against cycles that are as frequent in both directions; NaN without cycles.
    n_forward, n_backward : (cycle,)
        N₊ and N₋ over all trajectories.
    n_excursions : ()
        Stretches between successive visits to slow, cycles or not.
    """

    cycle: Shaped[np.ndarray, " cycle"] = axes("cycle", description="what counts as a cycle")
    circulation: Estimate = estimates("cycle", description="(N₊ − N₋)/(N₊ + N₋)")
    n_effective: Float[np.ndarray, " cycle"] = axes("cycle", description="effective number of cycles")
    p_value: Float[np.ndarray, " cycle"] = axes("cycle", description="two-sided")
    n_forward: Int[np.ndarray, " cycle"] = axes("cycle", description="slow, kick, transition, slow")
    n_backward: Int[np.ndarray, " cycle"] = axes("cycle", description="slow, transition, kick, slow")
    n_excursions: Int[np.ndarray, ""] = axes(description="stretches between visits to slow")

    def list_quantities(self) -> list[Quantity]:
        """Net circulation and number of cycles each way, for each kind of cycle."""
        reversible = known_value("if reversible", 0.0)
        quantities = []
        for i, cycle in enumerate(self.cycle.tolist()):
            beside = (*reversible, Reference("p", Estimate(self.p_value[i])))
            forward, backward = Estimate(self.n_forward[i]), Estimate(self.n_backward[i])
            quantities += [
                DEFINITIONS["net"].measure(self.circulation[i], cycle, beside=beside),
                DEFINITIONS["n_forward"].measure(forward, cycle),
                DEFINITIONS["n_backward"].measure(backward, cycle),
            ]
        return quantities


def compute_circulation(subject: Subject, settings: CirculationSettings) -> CirculationResult:
    """Circulation among the regions of the part ``regions``: see :func:`measure_circulation`."""
    rng = subject.start_rng("circulation")
    return measure_circulation(subject.found["regions"].label, **settings.model_dump(), rng=rng)


def measure_circulation(
    labels: Integer[np.ndarray, "trajectory time"],
    *,
    n_null: int = 999,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> CirculationResult:
    """Net circulation of the cycles slow, kick, transition, slow in sequences of region labels.

    Parameters
    ----------
    labels : (trajectory, time)
        Indices into :data:`REGIONS`, as in ``RegionResult.label``. Stretches that touch −1, undefined, do not
        count.
    n_null : int >= 1
        Draws of the null: random signs of N₊ − N₋ of each trajectory.
    confidence : float in (0, 1)
        Coverage of the interval.
    rng
        Source of the null; same seed, same result.

    Raises
    ------
    InputError
        If a label or a number is out of range.

    Notes
    -----
    Own construction. Repeats are removed; then each stretch between successive visits to slow counts as
    forward if it begins with kick and ends with transition, as backward if the other way round, and as
    neither if both ends are the same region. Reversing time exchanges forward and backward exactly, which is
    the null's symmetry. The interval is that of :func:`compute_net_share` over trajectories, because few
    cycles, or few in one direction, leave resamples without the other.
    """
    known = {UNDEFINED, *range(len(REGIONS))}
    if not set(np.unique(labels).tolist()) <= known:
        raise InputError(
            f"`labels` must be among {sorted(known)} (undefined, {', '.join(REGIONS)}), got "
            f"{np.unique(labels).tolist()}. Pass the labels of a RegionResult."
        )

    counts, n_excursions = _count_cycles(labels)
    found = compute_net_share(counts[:, 0], counts[:, 1], confidence=confidence)
    net, (forward, backward) = counts[:, 0] - counts[:, 1], counts.sum(0)
    p_value = compute_permutation_p_value(np.abs(net.sum(0)), np.abs(flip_signs(net, n_null, rng=rng)))

    is_known = forward + backward > 0
    return CirculationResult(
        settings={"n_null": n_null, "confidence": confidence},
        status={"without_cycles": np.array(CYCLES)[~is_known].tolist()},
        cycle=np.array(CYCLES),
        circulation=found.share,
        n_effective=found.n_effective,
        p_value=np.where(is_known, p_value, np.nan),
        n_forward=forward,
        n_backward=backward,
        n_excursions=np.array(n_excursions),
    )


def _count_cycles(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Forward and backward cycles of each trajectory, (trajectory, direction, cycle), and all excursions."""
    is_new = np.ones(labels.shape, dtype=bool)
    is_new[:, 1:] = labels[:, 1:] != labels[:, :-1]
    trajectory, visited = np.nonzero(is_new)[0], labels[is_new]
    n_undefined = np.cumsum(visited == UNDEFINED)
    at = np.flatnonzero(visited == _SLOW)
    begin, end = at[:-1], at[1:]
    is_whole = (trajectory[begin] == trajectory[end]) & (n_undefined[begin] == n_undefined[end])
    begin, end = begin[is_whole], end[is_whole]
    first, last, is_direct = visited[begin + 1], visited[end - 1], end - begin == 3
    counts = np.zeros((len(labels), 2, 2), dtype=int)
    for direction, ends in enumerate(((_KICK, _TRANSITION), (_TRANSITION, _KICK))):
        is_cycle = (first == ends[0]) & (last == ends[1])
        np.add.at(counts[:, direction, 0], trajectory[begin[is_cycle & is_direct]], 1)
        np.add.at(counts[:, direction, 1], trajectory[begin[is_cycle]], 1)
    return counts, len(begin)


PART = Part(
    name="circulation",
    question="are the regions visited in a circle?",
    result=CirculationResult,
    settings=CirculationSettings,
    compute=compute_circulation,
    definitions=DEFINITIONS,
    seconds=0.5,
    needs=("regions",),
)
