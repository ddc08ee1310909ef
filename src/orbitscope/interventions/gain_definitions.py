"""Definitions of what the part ``interventions`` measures."""

from ..quantity import Definition, define

_TESTS = "tests/interventions/test_gain_response.py"
_PAPER = "Torre et al. 2025: gain of the recurrent input of kick neurons from 0 to 2"

DEFINITIONS = define(
    Definition(
        key="trapped",
        label="does switching end with {}?",
        meaning="Whether switching all but ends when the target has this gain: in every direction, in some, "
        "or in none. It has ended in a direction where the upper limit of its hazard ratio is below .2, and "
        "goes on where the lower one is not. Directions that the intact network takes 30 times or more.",
        equation="high(hazard_ab(g) / hazard_ab(1)) < .2",
        reading='"both ways": in every direction, and the rate of all switches, too. "one way": it has ended '
        "in some and goes on in others; `occupancy` tells whether a symbol is lost. Else it cannot be told. "
        "Hazards of all directions stand beside. That the target decides "
        "switches is not said: patches do.",
        test=f"{_TESTS}::test_a_relay_traps_one_way_and_both_relays_both_ways",
        source="own construction, on the experiment of Torre et al. 2025",
    ),
    Definition(
        key="fall",
        label="largest fall of a hazard without {}",
        meaning="1 minus the smallest hazard ratio when the target has gain 0, of the directions that the "
        "intact network takes 30 times or more.",
        equation="1 − min_ab hazard_ab(0) / hazard_ab(1)",
        reading="1 where a direction ends. The smallest of several is below 1 by chance. Matched sets are of "
        "as many other neurons, near in mean activity and in readout.",
        test=f"{_TESTS}::test_a_relay_stands_out_from_matched_sets",
    ),
    Definition(
        key="hazard",
        label="hazard, {}",
        meaning="Hazard of a direction of switching when the target is under a gain, over that of the intact "
        "network on the same noise. A gain on neurons scales what they receive from neurons, or from the "
        "noise; one on the noise scales some of its directions.",
        equation="hazard_ab(g) / hazard_ab(1), hazard_ab = n(a → b) / n(steps in a)",
        reading="1 where nothing changes, 0 where switches in this direction end. Read it for each "
        "direction: a total rate of 0 may be a network that has left one symbol for good. With two symbols, "
        "1 over it is the ratio of mean dwell times.",
        test=f"{_TESTS}::test_hazard_is_a_step_at_the_gain_that_silences_the_relay",
        source=_PAPER,
        is_main=False,
    ),
    Definition(
        key="rate",
        label="rate of all switches, {}",
        meaning="Changes of the most probable symbol per step, of any kind, over that of the intact network "
        "on the same noise.",
        equation="n(switches; g) / n(switches; 1)",
        reading="The number that the paper shows. It hides which direction is gone.",
        test=f"{_TESTS}::test_a_relay_traps_one_way_and_both_relays_both_ways",
        source=_PAPER,
        is_main=False,
    ),
    Definition(
        key="occupancy",
        label="largest occupancy, {}",
        meaning="Share of the steps in the most frequent symbol.",
        equation="max_a n(steps in a) / n(steps)",
        reading="Near 1 the network stays in one symbol: a state is lost, not a gate.",
        test=f"{_TESTS}::test_a_relay_traps_one_way_and_both_relays_both_ways",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="overshoot",
        label="overshoot, {}",
        meaning="Mean distance of activity from the centre of the orbit plane of the intact network, in "
        "standard deviations of its axes, minus that of the intact network.",
        equation="E[|z(g)|] − E[|z(1)|], z_i = (h − mean) · axis_i / sd_i",
        reading="Above 0: orbits are wider.",
        test=f"{_TESTS}::test_a_louder_network_overshoots_as_much_as_it_is_louder",
        unit="sd",
        is_main=False,
    ),
    Definition(
        key="critical_pairs",
        label="critical pairs, {}",
        meaning="Critical pairs of the noise-free map under the intervention, mean over the states that "
        "the network then visits.",
        equation="E_h[#{pairs: Im z > .06, |Re z| < .1}], z = (λ − 1)/(λ + 1), λ of ∂F_g/∂h",
        reading="Over all steps: around switches does not exist where nothing switches. 30 times this is "
        "what a window of 30 steps adds up to.",
        test=f"{_TESTS}::test_critical_pairs_of_a_rotation_end_without_it",
        source="Torre et al. 2025",
        is_main=False,
    ),
    Definition(
        key="critical_pairs_kick",
        label="critical pairs at kick states, {}",
        meaning="The same at states in kick regions of the intact network, under the Jacobian of the "
        "intervention.",
        equation="E_{h in kick, g = 1}[#{pairs of ∂F_g/∂h}]",
        reading="What the intervention does to the map, without where it makes the network go.",
        test=f"{_TESTS}::test_critical_pairs_of_a_rotation_end_without_it",
        is_main=False,
    ),
    Definition(
        key="trapping_subsets",
        label="subsets that trap, {}",
        meaning="Share of random subsets of neurons whose gain of 0 ends switching, in every direction or in "
        "some.",
        equation="n(subsets that trap) / n(subsets)",
        reading="Subsets of the first twenty neurons by effect stand beside subsets of all that differ: if "
        "both trap as often, there is no evidence that these matter more.",
        test=f"{_TESTS}::test_subsets_that_hold_a_relay_trap",
        unit="share",
        is_main=False,
    ),
)
