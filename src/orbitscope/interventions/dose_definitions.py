"""Definitions of what the part ``interventions`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/interventions/test_dose_response.py"

DEFINITIONS = define(
    Definition(
        key="hazard",
        label="hazard under gain {}",
        meaning="Hazard of a direction of switching when a target is under a gain, over that of the intact "
        "network on the same noise. A gain on neurons scales what they receive from neurons; one on the noise "
        "scales some of its directions.",
        equation="hazard_ab(μ) / hazard_ab(1), hazard_ab = n(a → b) / n(steps in a)",
        reading="1 where nothing changes, 0 where switches in this direction end. Read it for each direction: "
        "a total rate of 0 may be a network that has left one symbol for good.",
        test=f"{_TESTS}::test_without_its_relay_a_latch_is_trapped_one_way",
        source="Torre et al. 2025: gain of the recurrent input of kick neurons from 0 to 2",
    ),
    Definition(
        key="rate",
        label="rate of all switches under gain {}",
        meaning="Switches per step of any direction, over that of the intact network on the same noise.",
        equation="n(switches; μ) / n(switches; 1)",
        reading="The number that the paper shows. It hides which direction is gone.",
        test=f"{_TESTS}::test_without_its_relay_a_latch_is_trapped_one_way",
        is_main=False,
    ),
    Definition(
        key="occupancy",
        label="largest occupancy under gain {}",
        meaning="Share of the steps in the most frequent symbol.",
        equation="max_a n(steps in a) / n(steps)",
        reading="Near 1 the network stays in one symbol: a state is lost, not a gate.",
        test=f"{_TESTS}::test_without_its_relay_a_latch_is_trapped_one_way",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="overshoot",
        label="overshoot under gain {}",
        meaning="Mean distance of activity from the centre of the orbit plane of the intact network, in "
        "standard deviations of its axes, minus that of the intact network.",
        equation="E[|z(μ)|] − E[|z(1)|], z_i = (h − mean) · axis_i / sd_i",
        reading="Above 0: orbits are wider.",
        test=f"{_TESTS}::test_a_wider_orbit_overshoots",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="trapped",
        label="without {}",
        meaning="Whether switching ends when the target has gain 0: in every direction, in some, or in none. "
        "It ends where the upper limit of the hazard ratio is below .2.",
        equation="high(hazard_ab(0) / hazard_ab(1)) < .2",
        reading='"both ways": the target gates switches. "one way": a state is lost.',
        test=f"{_TESTS}::test_without_its_relay_a_latch_is_trapped_one_way",
    ),
    Definition(
        key="trapping_subsets",
        label="subsets that trap, {}",
        meaning="Share of random subsets of neurons whose gain of 0 ends switching in every direction.",
        equation="n(hazard_ab(0) < .2 hazard_ab(1) for all ab) / n(subsets)",
        reading="Subsets of the first twenty neurons by effect beside subsets of all that differ: is it this "
        "set that gates, or any?",
        test=f"{_TESTS}::test_subsets_that_hold_a_relay_trap",
        unit="share",
    ),
)
