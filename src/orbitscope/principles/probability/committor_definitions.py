"""Definitions of what the part ``committor`` measures."""

from ...quantity import Definition, define

_TESTS = "tests/principles/probability/test_committor_part.py"
_MEASURES = "tests/principles/probability/test_committor_measures.py"

DEFINITIONS = define(
    Definition(
        key="lead",
        label="{}: surface before the new core",
        meaning="Steps before the entry into the new core at which a path crosses the decision surface. "
        "There the old core and another one are equally likely to be next. Between steps it is interpolated.",
        equation="t_entry − t(1 − q_a = ½), q_a(h) = P(next core is a | h)",
        reading="What the noise does earlier decides. What it does later hardly matters. A path that crosses "
        "more than once counts with its whole time beyond.",
        test=f"{_TESTS}::test_passages_of_a_walk_cross_the_surface_where_it_is",
        source="own construction after e2006",
        unit="steps",
    ),
    Definition(
        key="length",
        label="{}: length of a passage",
        meaning="Steps from the last one in the old core to the first one in the new core.",
        equation="t_entry − t_exit",
        reading="It grows as cores are made smaller. Compare the lead with it.",
        test=f"{_TESTS}::test_passages_of_a_walk_cross_the_surface_where_it_is",
        unit="steps",
        is_main=False,
    ),
    Definition(
        key="beyond",
        label="{}: share of the passage beyond the surface",
        meaning="Steps beyond the decision surface as a share of the steps of the passage.",
        equation="Σ lead / Σ length",
        reading="½: it is decided half way. Near 1: it is decided as soon as the old core is left.",
        test=f"{_TESTS}::test_passages_of_a_walk_cross_the_surface_where_it_is",
        unit="share",
    ),
    Definition(
        key="switch_lead",
        label="{}: surface before the switch",
        meaning="Steps from the decision surface to the switch of the most probable symbol on the same "
        "passage. Passages without a switch do not count.",
        equation="t_switch − t(1 − q_a = ½)",
        reading="Compare with the half-lead. Equal: a switch is decided when the surface is crossed. Below "
        "0: the symbol changes first.",
        test=f"{_TESTS}::test_a_late_readout_switches_after_the_surface",
        unit="steps",
    ),
    Definition(
        key="switch_share",
        label="{}: passages with a switch",
        meaning="Share of the passages whose most probable symbol at the end differs from that at the begin.",
        equation="n(symbol at entry ≠ symbol at exit) / n(passages)",
        reading="Near 1 where each region has a symbol of its own.",
        test=f"{_TESTS}::test_a_late_readout_switches_after_the_surface",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="attempts",
        label="region {}: attempts to leave",
        meaning="Times that the core of a region is left, per step in which it was the last core. The path "
        "may come back.",
        equation="n(excursions from a) / n(steps with last core a)",
        reading="It depends on the size of the cores: a small core is left more often, in vain.",
        test=f"{_TESTS}::test_rates_are_those_of_transition_path_theory",
        unit="1/step",
    ),
    Definition(
        key="commit",
        label="{}: attempts that succeed",
        meaning="Share of the attempts to leave a region that end in the core of a given other one.",
        equation="n(a → b) / n(excursions from a)",
        reading="Low: most excursions fail, and noise decides by which one succeeds.",
        test=f"{_TESTS}::test_rates_are_those_of_transition_path_theory",
        unit="share",
    ),
    Definition(
        key="rate",
        label="{}: passages",
        meaning="Passages from one core to another per step in which the first was the last core.",
        equation="n(a → b) / n(steps with last core a)",
        reading="A consistency check stands beside it: attempts × share that succeeds is the same number by "
        "definition. It explains nothing.",
        test=f"{_TESTS}::test_rates_are_those_of_transition_path_theory",
        source="own construction after metzner2009",
        unit="1/step",
    ),
    Definition(
        key="reach",
        label="region {}: how far failed attempts come",
        meaning="Largest 1 − q_a on an attempt that returns to its core, mean over failures.",
        equation="⟨max_t (1 − q_a(h_t))⟩; step from one half of the rollouts, value from the other",
        reading="Well below ½: failures turn back long before the surface.",
        test=f"{_MEASURES}::test_the_reach_is_the_largest_value_of_an_attempt",
    ),
    Definition(
        key="turned_back",
        label="region {}: failures beyond the surface",
        meaning="Share of the failed attempts that come beyond the decision surface and return nonetheless.",
        equation="n(max_t (1 − q_a) > ½) / n(failures)",
        reading="Large where the last steps still undo what seemed decided.",
        test=f"{_MEASURES}::test_the_reach_is_the_largest_value_of_an_attempt",
        unit="share",
        is_main=False,
    ),
    Definition(
        key="at_surface",
        label="{} at the surface",
        meaning="Share of the states near the decision surface that lie in a region by residency.",
        equation="n(region, |q_a − ½| ≤ .15) / n(|q_a − ½| ≤ .15) among states outside all cores",
        reading="The paper's account places decisions in kick-zones. Compare with the share of all states "
        "outside cores, not with that of all states.",
        test=f"{_TESTS}::test_regions_at_the_surface_are_those_of_its_states",
        unit="share",
    ),
    Definition(
        key="kick_excess",
        label="kick at the surface beyond other states outside cores",
        meaning="Share of kick states near the decision surface, minus their share of all states outside "
        "cores.",
        equation="P(kick | |q_a − ½| ≤ .15) − P(kick | outside)",
        reading="Above 0: the surface lies in kick-zones more than passages do anyway. Below 0 is likely "
        "where dwells are long: of the rollouts from the surface half return and stay, so that the mean "
        "residency there is long, whatever the mechanism.",
        test=f"{_TESTS}::test_regions_at_the_surface_are_those_of_its_states",
        unit="share",
    ),
    Definition(
        key="calibration",
        label="slope of the outcome against the committor",
        meaning="Slope of what a path did next, left or returned, against 1 − q_a by rollouts. Points are "
        "chosen without a look at what follows.",
        equation="Cov(y, (u + w)/2)/Cov(u, w), u and w from two halves of the rollouts",
        reading="1 if rollouts tell what paths do. It must hold: the paths are rollouts, too. Other values "
        "would show a fault.",
        test=f"{_MEASURES}::test_the_slope_of_a_committor_is_one_however_few_the_rollouts",
    ),
    Definition(
        key="bias",
        label="share that left minus mean committor",
        meaning="Share of points from which the path itself left, minus mean 1 − q_a.",
        equation="⟨y⟩ − ⟨1 − q_a⟩",
        reading="0 if rollouts tell what paths do.",
        test=f"{_MEASURES}::test_the_slope_of_a_committor_is_one_however_few_the_rollouts",
        is_main=False,
    ),
    Definition(
        key="censored",
        label="rollouts that come to no core",
        meaning="Share of the rollouts that are in no core after the largest number of steps. Committors "
        "leave them out.",
        equation="n(no core by max_steps) / n(rollouts)",
        reading="Must be small, else committors hold for quick paths only.",
        test=f"{_TESTS}::test_censored_rollouts_are_counted",
        unit="share",
        is_main=False,
    ),
)
